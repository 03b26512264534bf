package main

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-reconnect/reconnect/connect"
	"github.com/go-reconnect/reconnect/connect/connecttest"
)

const secret = "S3ntinel-Passw0rd"

func sink(more ...string) map[string]string {
	cfg := map[string]string{"connector.class": "org.apache.kafka.connect.file.FileStreamSinkConnector", "topics": "t", "file": "/tmp/x", "tasks.max": "1"}
	for i := 0; i+1 < len(more); i += 2 {
		cfg[more[i]] = more[i+1]
	}
	return cfg
}

// call runs the program and returns what it printed.
func call(t *testing.T, args ...string) (out, errOut string, err error) {
	t.Helper()
	var o, e bytes.Buffer
	err = run(t.Context(), args, &o, &e)
	return o.String(), e.String(), err
}

func TestExportDiffApply(t *testing.T) {
	t.Parallel()
	s := connecttest.NewServer(connecttest.Config{})
	t.Cleanup(s.Close)
	s.AddConnector("orders", sink("db.password", secret, "url", "jdbc:mysql://root:"+secret+"@h/db", "ref.password", "${file:/opt/x.properties:pw}"))
	s.AddConnector("a b/c", sink())
	dir := filepath.Join(t.TempDir(), "connectors")
	at := []string{"-connect", s.URL(), "-dir", dir}

	out, errOut, err := call(t, append([]string{"export"}, at...)...)
	require.NoError(t, err)
	assert.Equal(t, "a%20b%2Fc.json\norders.json\n", out)
	assert.Contains(t, errOut, "orders: db.password holds a secret")
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		require.NoError(t, err)
		if !d.IsDir() {
			data, err := os.ReadFile(path)
			require.NoError(t, err)
			assert.NotContains(t, string(data), secret)
		}
		return nil
	}))
	data, err := os.ReadFile(filepath.Join(dir, "orders.json"))
	require.NoError(t, err)
	assert.JSONEq(t, `{"connector.class":"org.apache.kafka.connect.file.FileStreamSinkConnector","db.password":"[redacted]","file":"/tmp/x","name":"orders",
		"ref.password":"${file:/opt/x.properties:pw}","tasks.max":"1","topics":"t","url":"jdbc:mysql://root:[redacted]@h/db"}`, string(data))
	require.NoError(t, os.Remove(filepath.Join(dir, "a%20b%2Fc.json"))) // cannot be addressed on Kafka 4

	out, _, err = call(t, append([]string{"diff"}, at...)...)
	require.ErrorIs(t, err, errDiffers)
	assert.Equal(t, "no file for a b/c\n", out)

	write := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	write("orders.json", string(bytes.Replace(data, []byte(`"tasks.max": "1"`), []byte(`"tasks.max": 4`), 1)))
	write("new.json", `{"name":"new","config":{"connector.class":"org.apache.kafka.connect.file.FileStreamSinkConnector","topics":"t"}}`)
	s.ResetRequests()
	out, errOut, err = call(t, append([]string{"apply", "-prune"}, at...)...)
	require.NoError(t, err)
	assert.Equal(t, "create new\n  + connector.class: org.apache.kafka.connect.file.FileStreamSinkConnector\n  + topics: t\nupdate orders\n  ~ tasks.max: 1 -> 4\nno file for a b/c\n", out)
	assert.Contains(t, errOut, "nothing was changed")
	for _, r := range s.Requests() {
		assert.Equal(t, "GET", r.Method, "a dry run by default")
	}

	out, _, err = call(t, append([]string{"apply", "-yes", "-wait"}, at...)...)
	require.NoError(t, err)
	assert.Contains(t, out, "orders: done (update)")
	assert.NotContains(t, out, secret)
	c, err := connect.NewClient(s.URL())
	require.NoError(t, err)
	cfg, err := c.GetConfig(t.Context(), "orders")
	require.NoError(t, err)
	assert.Equal(t, secret, cfg["db.password"], "a mask in the file leaves the secret as it is")
	assert.Equal(t, "jdbc:mysql://root:"+secret+"@h/db", cfg["url"])
	assert.Equal(t, "4", cfg["tasks.max"])

	require.NoError(t, os.Remove(filepath.Join(dir, "new.json")))
	out, _, err = call(t, append([]string{"apply", "-yes", "-prune"}, at...)...)
	require.Error(t, err, "a b/c cannot be addressed")
	assert.Contains(t, out, "new: deleted")
}

func TestApplyRefusesWhatWouldDoHarm(t *testing.T) {
	t.Parallel()
	s := connecttest.NewServer(connecttest.Config{})
	t.Cleanup(s.Close)
	for text, says := range map[string]string{
		`{"connector.class":"C","db.password":"[redacted]"}`: "db.password", // nothing in the cluster to leave as it is
		`{"connector.class":"C","file":null}`:                "file is null",
		`{"connector.class":"C","x":{"y":1}}`:                `"x" is not a string`,
		`[1]`:                                                "not a JSON object",
		`{"name":"a","config":{"a":"b"},"more":1}`:           "more",
		`{}`: "empty",
	} {
		dir := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(dir, "x.json"), []byte(text), 0o600))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "good.json"), []byte(`{"connector.class":"org.apache.kafka.connect.file.FileStreamSinkConnector","topics":"t"}`), 0o600))
		_, _, err := call(t, "apply", "-yes", "-connect", s.URL(), "-dir", dir)
		require.ErrorContains(t, err, says)
	}
	c, err := connect.NewClient(s.URL())
	require.NoError(t, err)
	names, err := c.ListConnectors(t.Context())
	require.NoError(t, err)
	assert.Empty(t, names, "one bad file, and nothing is changed")
	for _, args := range [][]string{nil, {"burn"}, {"diff", "extra"}, {"diff", "-connect", "nope"}, {"diff", "-dir", t.TempDir(), "-connect", s.URL()}} {
		_, _, err := call(t, args...)
		require.Error(t, err, "%v", args)
	}
}

func TestTwoFilesForOneConnector(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, f := range []string{"a.json", "b.json"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, f), []byte(`{"name":"x","connector.class":"C"}`), 0o600))
	}
	_, err := load(dir)
	require.ErrorContains(t, err, `both for connector "x"`)
}
