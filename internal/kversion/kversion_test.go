package kversion_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-reconnect/reconnect/internal/kversion"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]kversion.Version{
		"4.3.1":                 {4, 3, 1},
		"3.9":                   {3, 9, 0},
		"v3.9.2":                {3, 9, 2},
		" 4.0.0 ":               {4, 0, 0},
		"4.0.0-SNAPSHOT":        {4, 0, 0},
		"4.2.0-rc1":             {4, 2, 0},
		"0.11.0.1":              {0, 11, 0},
		"0.10.2.1-cp2":          {0, 10, 2},
		"2.2.0-cp2":             {2, 2, 0},
		"3.7.0.redhat-00007":    {3, 7, 0},
		"3.4.1.7.2.18.0-641":    {3, 4, 1},
		"3.5.1.amzn.1":          {3, 5, 1},
		"3.6-IV2":               {3, 6, 0},
		"7.5.0-ccs":             {3, 5, 0},
		"7.5.3-ccs":             {3, 5, 0},
		"7.0.1-ce":              {3, 0, 0},
		"7.9.0-0-ccs":           {3, 9, 0},
		"7.6.0-ccs-SNAPSHOT":    {3, 6, 0},
		"8.0.0-ccs":             {4, 0, 0},
		"8.1.2-ce":              {4, 1, 0},
		"6.2.1-ccs":             {2, 8, 0},
		"6.0.0-ce":              {2, 6, 0},
		"5.5.3-ccs":             {2, 5, 0},
		"5.3.0-ccs":             {2, 3, 0},
		"4.1.0-ccs":             {1, 1, 0},
		"4.3.1-debezium.Final1": {4, 3, 1},
	} {
		v, ok := kversion.Parse(raw)
		assert.True(t, ok, raw)
		assert.Equal(t, want, v, raw)
		assert.False(t, v.IsZero(), raw)
	}
}

func TestUnmappedIsUnknownNeverNewest(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{
		"", "unknown", "latest", "4", "v", ".", "4.", "a.b.c", "-1.0.0", "9.0.0-ccs", "7.10.0-ccs", "6.9.0-ccs", "7.5.0",
		"2024.1", "99999999.1.1", "4.99999999999999999999", "0.0.0",
	} {
		v, ok := kversion.Parse(raw)
		assert.False(t, ok, raw)
		assert.True(t, v.IsZero(), raw)
		assert.False(t, v.AtLeast(0, 0), "an unknown version is at least nothing: %q", raw)
		assert.Equal(t, "unknown", v.String())
	}
}

func TestOrder(t *testing.T) {
	t.Parallel()
	v := kversion.Version{Major: 3, Minor: 9, Patch: 1}
	assert.True(t, v.AtLeast(3, 9))
	assert.True(t, v.AtLeast(2, 10))
	assert.False(t, v.AtLeast(3, 10))
	assert.False(t, v.AtLeast(4, 0))
	assert.Equal(t, 1, v.Compare(kversion.Version{Major: 3, Minor: 9}))
	assert.Equal(t, -1, v.Compare(kversion.Version{Major: 4}))
	assert.Equal(t, 0, v.Compare(v))
	assert.Equal(t, -1, kversion.Version{}.Compare(v), "unknown sorts first")
	assert.Equal(t, "3.9.1", v.String())
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"4.3.1", "7.5.0-ccs", "0.10.2.1", "x", "", "3.9.0-SNAPSHOT"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		v, ok := kversion.Parse(raw)
		require.Equal(t, ok, !v.IsZero())
		if ok {
			again, _ := kversion.Parse(v.String())
			require.Equal(t, v, again)
			require.LessOrEqual(t, v.Major, 4)
		}
	})
}
