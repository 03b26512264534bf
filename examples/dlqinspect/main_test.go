package main

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/go-reconnect/reconnect/dlq"
	"github.com/go-reconnect/reconnect/internal/testutil"
)

func TestInspect(t *testing.T) {
	t.Parallel()
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "orders-dlq"))
	require.NoError(t, err)
	defer c.Close()
	brokers := c.ListenAddrs()
	f := dlq.Failure{Topic: "orders", Connector: "sink", Stage: dlq.StageValueConverter, ExceptionClass: "E", StackTrace: "org.apache.kafka.connect.errors.DataException: no\n"}
	r := &kgo.Record{Topic: "orders-dlq"}
	for _, h := range f.AppendTo(nil) {
		r.Headers = append(r.Headers, kgo.RecordHeader{Key: h.Key, Value: h.Value})
	}
	testutil.Produce(t, brokers, r)
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), []string{"-brokers", brokers[0], "-topic", "orders-dlq"}, &out))
	assert.Contains(t, out.String(), "1 records in 1 groups")
	out.Reset()
	require.NoError(t, run(t.Context(), []string{"-brokers", brokers[0], "-topic", "orders-dlq", "-json"}, &out))
	assert.True(t, json.Valid(out.Bytes()))
	require.ErrorContains(t, run(t.Context(), nil, &out), "-topic is needed")
	require.ErrorContains(t, run(t.Context(), []string{"-brokers", brokers[0], "-topic", "missing"}, &out), "does not exist")
}
