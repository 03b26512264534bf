package main

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/go-reconnect/reconnect/dlq"
	"github.com/go-reconnect/reconnect/internal/testutil"
)

func letter(offset int64, value, trace string) *kgo.Record {
	f := dlq.Failure{Topic: "orders", Offset: offset, Connector: "sink", Stage: dlq.StageValueConverter, ExceptionClass: "E", StackTrace: trace}
	r := &kgo.Record{Topic: "orders-dlq", Value: []byte(value)}
	for _, h := range f.AppendTo(nil) {
		r.Headers = append(r.Headers, kgo.RecordHeader{Key: h.Key, Value: h.Value})
	}
	return r
}

func TestProcessor(t *testing.T) {
	t.Parallel()
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "orders-dlq", "orders-retry"))
	require.NoError(t, err)
	defer c.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	brokers := c.ListenAddrs()
	const data = "org.apache.kafka.connect.errors.DataException: no\n"
	testutil.Produce(t, brokers,
		letter(0, `{'a':1,}`, data), letter(1, `{"a":`, data),
		letter(2, `{"a":2}`, "org.apache.kafka.connect.errors.ConnectException: x\nCaused by: java.net.ConnectException: Connection refused\n"))
	var out bytes.Buffer
	args := []string{"-brokers", brokers[0], "-topic", "orders-dlq", "-to", "orders-retry", "-park", "orders-parked"}
	require.NoError(t, run(ctx, append(args, "-dry-run"), &out))
	assert.Contains(t, out.String(), "dry run")
	assert.Empty(t, testutil.ReadAll(t, brokers, "orders-retry"))
	require.NoError(t, run(ctx, args, &out))
	var got []string
	for _, r := range testutil.ReadAll(t, brokers, "orders-retry") {
		got = append(got, string(r.Value))
	}
	assert.Equal(t, []string{`{"a":1}`, `{"a":2}`}, got)
	assert.Len(t, testutil.ReadAll(t, brokers, "orders-parked"), 1)
	assert.Contains(t, out.String(), "read 3, republished 2, parked 1; complete")
	require.ErrorContains(t, run(ctx, nil, &out), "are needed")
	require.Error(t, run(ctx, []string{"-topic", "missing", "-to", "x", "-park", "y", "-brokers", brokers[0]}, &out))
}
