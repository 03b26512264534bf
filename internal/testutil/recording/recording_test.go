package recording_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-reconnect/reconnect/internal/testutil/recording"
)

func TestShape(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		in, want string
		free     []string
	}{
		"kinds":                         {in: `{"b":true,"a":null,"n":1.5,"s":"x"}`, want: "{a: null, b: bool, n: number, s: string}"},
		"elements are joined":           {in: `[1,"x",2,null]`, want: "[null|number|string]"},
		"an empty list":                 {in: `[]`, want: "[]"},
		"an object whose keys are data": {in: `{"config":{"x":"1","y":2}}`, free: []string{".config"}, want: "{config: {*: number|string}}"},
		"below a list":                  {in: `[{"c":{"k":1}}]`, free: []string{"[].c"}, want: "[{c: {*: number}}]"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var v any
			require.NoError(t, json.Unmarshal([]byte(row.in), &v))
			assert.Equal(t, row.want, recording.Shape(v, row.free...))
		})
	}
}

func TestLoad(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{"2.json": `{"name":"second"}`, "1.json": `{"name":"first","response":{"status":204,"body":"text"}}`} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	list := recording.Load(t, filepath.Join(dir, "*.json"))
	require.Len(t, list, 2)
	assert.Equal(t, "first", list[0].Name)
	assert.Equal(t, 204, list[0].Response.Status)
	assert.JSONEq(t, `"text"`, string(list[0].Response.Body))
	assert.Equal(t, "second", list[1].Name)
}
