package main

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-reconnect/reconnect/dlq"
)

func TestFixersRestoreExactlyWhatTheOrderShouldHaveBeen(t *testing.T) {
	t.Parallel()
	seen := map[fault]int{}
	for _, o := range makeOrders("orders", 300, 3, time.Now()) {
		seen[o.fault]++
		if o.fault == faultNone {
			assert.True(t, bytes.Equal(o.record.Value, o.good))
			continue
		}
		r := &dlq.Record{}
		r.Out.Value = o.record.Value
		d, err := dlq.Chain(fixers()...)(context.Background(), r)
		require.NoError(t, err)
		assert.Equal(t, dlq.Republish(), d)
		assert.Equal(t, string(o.good), string(r.Out.Value), o.fault)
	}
	for _, f := range []fault{faultComma, faultNoEnvelope, faultQuotes, faultBoth} {
		assert.NotZero(t, seen[f], f)
	}
}

func TestFixersRefuseRatherThanGuess(t *testing.T) {
	t.Parallel()
	for name, value := range map[string]string{
		"a cut value":             `{"id":"a","cents":`,
		"not an object":           `[1,2]`,
		"an unknown field":        `{"id":"a","customer":"b","cents":1,"paid":true}`,
		"a field that is missing": `{"id":"a","customer":"b"}`,
		"a field of another type": `{"id":"a","customer":"b","cents":"1"}`,
		"null":                    `null`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := &dlq.Record{}
			r.Out.Value = []byte(value)
			d, err := dlq.Chain(fixers()...)(context.Background(), r)
			require.NoError(t, err)
			assert.Contains(t, d.String(), "park")
		})
	}
}
