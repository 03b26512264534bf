package failure_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-reconnect/reconnect/connect/failure"
)

// TestTextsAreFoundWhereverTheyStand moves texts through messages of many lengths: a message is read in pieces, and what
// stands across them must not be lost.
func TestTextsAreFoundWhereverTheyStand(t *testing.T) {
	t.Parallel()
	d, err := failure.New(
		failure.Pattern{ID: "one", Messages: []string{"the zebra crossing is closed"}, Class: failure.ClassResource},
		failure.Pattern{ID: "parts", Messages: []string{"éléphant*in the*china shop"}, Class: failure.ClassResource},
		failure.Pattern{ID: "twice", Messages: []string{"knock*knock"}, Class: failure.ClassResource},
	)
	require.NoError(t, err)
	pattern := func(message string) string { return d.Diagnose("com.acme.AcmeException: " + message).Pattern }
	for _, filler := range []string{"x", "the zebra crossing is ", "é", "could not connect to ", "in the china "} {
		for before := range 700 {
			head := strings.Repeat(filler, before/len(filler)+1)[:before]
			tail := strings.Repeat(filler, (300-before%300)/len(filler))
			require.Equal(t, "one", pattern(head+"The Zebra Crossing is closed"+tail), "%d times %q", before, filler)
			require.Equal(t, "parts", pattern("éléphant"+head+"in the"+tail+" China Shop"), "%d times %q", before, filler)
			require.NotEqual(t, "parts", pattern("China Shop"+head+"éléphan"), "%d times %q", before, filler)
			require.Equal(t, "twice", pattern(head+"knock"+tail+"knock"), "%d times %q", before, filler)
			require.NotEqual(t, "twice", pattern(head+"knock"+tail), "%d times %q", before, filler)
		}
	}
}

// TestValuesAndSecretsAreCutWhereverTheyStand does the same for what a diagnosis must not show.
func TestValuesAndSecretsAreCutWhereverTheyStand(t *testing.T) {
	t.Parallel()
	for before := range 1050 { // what is shown ends at 1000 bytes: also where that cuts a secret in two
		head := strings.Repeat("valu é", before/7+1)[:before]
		for _, text := range []string{" Value: 'hunter2'", " PASSWORD=hunter2 ", " https://me:hunter2@host/ ", " sql [hunter2] ", " value=hunter2\n", " struct{hunter2} "} {
			for _, trace := range []string{"com.acme.AcmeException: " + head + text + "x", head + text} {
				diag := failure.Diagnose(trace)
				assert.NotContains(t, diag.Summary, "hunter2", trace)
				assert.NotContains(t, diag.Root.Message, "hunter2", trace)
			}
		}
	}
	long := "com.acme.AcmeException: " + strings.Repeat("x ", 200) + "see https://me:" + strings.Repeat("hunter2", 200) + "@host/"
	assert.NotContains(t, failure.Diagnose(long).Root.Message, "hunter2")
	assert.Contains(t, failure.Diagnose("com.acme.AcmeException: value hunter2").Root.Message, "hunter2")
}

// TestLongChainsKeepEveryException parses more exceptions than the parser keeps room for.
func TestLongChainsKeepEveryException(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 15, 16, 255, 256, 257, 400, 5000} {
		trace := "a.FirstException: x\n" + strings.Repeat("\tat a.b.C.d(E.java:1)\nCaused by: a.NextException: y\n", n) + strings.Repeat("tail of the message\n", 20*n)
		parsed := failure.Parse(trace)
		require.Len(t, parsed.Chain, n+1)
		assert.Equal(t, "a.FirstException", parsed.Chain[0].Class)
		for i, e := range parsed.Chain[1:] {
			require.Equal(t, "a.NextException", e.Class)
			require.Equal(t, i, e.Parent)
		}
		assert.Len(t, failure.Parse("b.OtherException: z").Chain, 1, "nothing is left of the long chain")
	}
}
