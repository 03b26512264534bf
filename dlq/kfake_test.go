package dlq_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/go-reconnect/reconnect/dlq"
	"github.com/go-reconnect/reconnect/internal/testutil"
)

// embedded is a Kafka in this process, written and read by franz-go so that nothing of ours vouches for itself.
type embedded struct {
	*kfake.Cluster
	brokers []string
	client  *kgo.Client
}

func newEmbedded(tb testing.TB, brokers int, topics map[string]int) *embedded {
	tb.Helper()
	opts := []kfake.Opt{kfake.NumBrokers(brokers)}
	for topic, partitions := range topics {
		opts = append(opts, kfake.SeedTopics(int32(partitions), topic))
	}
	c, err := kfake.NewCluster(opts...)
	require.NoError(tb, err)
	tb.Cleanup(c.Close)
	e := &embedded{Cluster: c, brokers: c.ListenAddrs()}
	e.client, err = kgo.NewClient(kgo.SeedBrokers(e.brokers...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	require.NoError(tb, err)
	tb.Cleanup(e.client.Close)
	return e
}

func (e *embedded) produce(tb testing.TB, records ...*kgo.Record) {
	tb.Helper()
	require.NoError(tb, e.client.ProduceSync(tb.Context(), records...).FirstErr())
}

// read returns every committed record of a topic, by partition and offset.
func (e *embedded) read(tb testing.TB, topic string) []*kgo.Record {
	tb.Helper()
	return testutil.ReadCommitted(tb, e.brokers, topic)
}

func (e *embedded) ends(tb testing.TB, topic string) map[int32]int64 {
	tb.Helper()
	out := map[int32]int64{}
	infos := e.PartitionInfos(topic)
	require.NotEmpty(tb, infos)
	for _, p := range infos {
		out[p.Partition] = p.HighWatermark
	}
	return out
}

func (e *embedded) config(group string, target dlq.Target) dlq.RepublisherConfig {
	return dlq.RepublisherConfig{
		Brokers: e.brokers, Topic: "orders-dlq", Group: group, Target: target, Park: dlq.ParkTopic("orders-parked"),
		RetryTimeout: 10 * time.Second, ShutdownTimeout: 5 * time.Second,
	}
}

func run(tb testing.TB, cfg dlq.RepublisherConfig) (dlq.Report, error) {
	tb.Helper()
	r, err := dlq.NewRepublisher(cfg)
	require.NoError(tb, err)
	ctx, cancel := context.WithTimeout(tb.Context(), 60*time.Second)
	defer cancel()
	report, err := r.Run(ctx)
	require.NoError(tb, report.Err())
	return report, err
}

func mustRun(tb testing.TB, cfg dlq.RepublisherConfig) dlq.Report {
	tb.Helper()
	report, err := run(tb, cfg)
	require.NoError(tb, err)
	require.True(tb, report.Complete, report.String())
	require.Zero(tb, report.Remaining)
	return report
}

// deadLetter is a record as Connect dead-letters it from orders.
func deadLetter(partition int32, origin int, offset int64, key, value []byte, own ...kafka.Header) *kgo.Record {
	f := connectFailure()
	f.Partition, f.Offset = origin, offset
	return &kgo.Record{Topic: "orders-dlq", Partition: partition, Key: key, Value: value, Headers: kgoHeaders(f.AppendTo(own)), Timestamp: time.UnixMilli(1_700_000_000_000 + offset)}
}

func kgoHeaders(in []kafka.Header) []kgo.RecordHeader {
	var out []kgo.RecordHeader
	for _, h := range in {
		out = append(out, kgo.RecordHeader{Key: h.Key, Value: h.Value})
	}
	return out
}

func kafkaHeaders(in []kgo.RecordHeader) []kafka.Header {
	var out []kafka.Header
	for _, h := range in {
		out = append(out, kafka.Header{Key: h.Key, Value: h.Value})
	}
	return out
}

// value returns the last header of a key.
func value(r *kgo.Record, key string) string {
	out := "(absent)"
	for _, h := range r.Headers {
		if h.Key == key {
			out = string(h.Value)
		}
	}
	return out
}

// ids are the keys of records with how often each is there.
func ids(records []*kgo.Record) map[string]int {
	out := map[string]int{}
	for _, r := range records {
		out[string(r.Key)]++
	}
	return out
}

func id(i int) []byte { return fmt.Appendf(nil, "id-%05d", i) }
