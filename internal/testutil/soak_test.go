package testutil_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/go-reconnect/reconnect/internal/testutil"
)

func TestTimes(t *testing.T) {
	for name, row := range map[string]struct {
		soak, times string
		want        int
	}{
		"without the variable a proof is short":       {soak: "", want: 3},
		"another value does not ask for the long one": {soak: "0", want: 3},
		"the long one":                            {soak: "1", want: 200},
		"the number can be chosen":                {soak: "1", times: "7", want: 7},
		"a number in a short run changes nothing": {soak: "", times: "7", want: 3},
		"nonsense is not a number":                {soak: "1", times: "many", want: 200},
		"none at all is no proof":                 {soak: "1", times: "0", want: 200},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("RECONNECT_SOAK", row.soak)
			t.Setenv("RECONNECT_SOAK_TIMES", row.times)
			assert.Equal(t, row.want, testutil.Times(3, 200))
			assert.Equal(t, row.soak == "1", testutil.Soaking())
		})
	}
}

func TestRecords(t *testing.T) {
	t.Setenv("RECONNECT_SOAK", "")
	t.Setenv("RECONNECT_SOAK_RECORDS", "70")
	assert.Equal(t, 3, testutil.Records(3, 200))
	t.Setenv("RECONNECT_SOAK", "1")
	assert.Equal(t, 70, testutil.Records(3, 200))
	t.Setenv("RECONNECT_SOAK_RECORDS", "")
	assert.Equal(t, 200, testutil.Records(3, 200))
}
