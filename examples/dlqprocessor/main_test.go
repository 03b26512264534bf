package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
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
	require.NoError(t, run(ctx, append(args, "-metrics", "127.0.0.1:0"), &out))
	assert.Contains(t, out.String(), "metrics: http://127.0.0.1:")
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

func TestMetricsAreServedUntilStopped(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	cfg := dlq.RepublisherConfig{Topic: "orders-dlq", Group: "g"}
	m, stop, err := serveMetrics(t.Context(), "127.0.0.1:0", &cfg, &out)
	require.NoError(t, err)
	m.Done(dlq.Report{RunID: "a", Republished: 2, Complete: true}, nil)
	url := strings.TrimSpace(strings.TrimPrefix(out.String(), "metrics: "))
	resp, err := http.Get(url)
	require.NoError(t, err)
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	assert.Contains(t, string(body), `connect_dlq_records_total{group="g",outcome="republished",topic="orders-dlq"} 2`)
	stop()
	_, err = http.Get(url) //nolint:bodyclose // it fails
	require.Error(t, err)
	_, _, err = serveMetrics(t.Context(), "nowhere:x", &dlq.RepublisherConfig{Topic: "t"}, &out)
	require.ErrorContains(t, err, "-metrics nowhere:x")
}
