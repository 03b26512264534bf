package filesink_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/go-reconnect/reconnect/examples/quickstart/internal/filesink"
)

// kafka is a broker in this process and a client that is not the sink's.
type kafka struct {
	t       *testing.T
	brokers []string
	client  *kgo.Client
}

func newKafka(t *testing.T, opts ...kfake.Opt) *kafka {
	t.Helper()
	c, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(1)}, opts...)...)
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return newClient(t, c.ListenAddrs())
}

func newClient(t *testing.T, brokers []string) *kafka {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(0))
	require.NoError(t, err)
	t.Cleanup(client.Close)
	return &kafka{t, brokers, client}
}

func (k *kafka) worker() *filesink.Worker {
	return &filesink.Worker{Brokers: k.brokers, OffsetFlushInterval: 20 * time.Millisecond}
}

func (k *kafka) produce(records ...*kgo.Record) {
	k.t.Helper()
	for _, r := range records {
		require.NoError(k.t, k.client.ProduceSync(k.t.Context(), r).FirstErr())
	}
}

// read returns the first n records of partition 0.
func (k *kafka) read(topic string, n int) []*kgo.Record {
	k.t.Helper()
	c, err := kgo.NewClient(kgo.SeedBrokers(k.brokers...), kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: kgo.NewOffset().AtStart()}}))
	require.NoError(k.t, err)
	defer c.Close()
	ctx, cancel := context.WithTimeout(k.t.Context(), 30*time.Second)
	defer cancel()
	var records []*kgo.Record
	for len(records) < n {
		fetches := c.PollFetches(ctx)
		require.NoError(k.t, fetches.Err())
		records = append(records, fetches.Records()...)
	}
	return records
}

// lag is the number of records in front of the group.
func (k *kafka) lag(ctx context.Context, group, topic string) (lag int64) {
	list := kmsg.NewPtrListOffsetsRequest()
	list.ReplicaID = -1
	lt := kmsg.NewListOffsetsRequestTopic()
	lt.Topic = topic
	for p := range k.partitions(ctx, topic) {
		lp := kmsg.NewListOffsetsRequestTopicPartition()
		lp.Partition, lp.Timestamp = p, -1
		lt.Partitions = append(lt.Partitions, lp)
	}
	list.Topics = append(list.Topics, lt)
	ends, err := list.RequestWith(ctx, k.client)
	if err != nil {
		return -1
	}
	for _, t := range ends.Topics {
		for _, p := range t.Partitions {
			lag += max(p.Offset, 0)
		}
	}
	fetch := kmsg.NewPtrOffsetFetchRequest()
	fetch.Group = group
	committed, err := fetch.RequestWith(ctx, k.client)
	if err != nil {
		return -1
	}
	for _, g := range committed.Groups {
		for _, t := range g.Topics {
			for _, p := range t.Partitions {
				lag -= max(p.Offset, 0)
			}
		}
	}
	return lag
}

func (k *kafka) partitions(ctx context.Context, topic string) int32 {
	meta := kmsg.NewPtrMetadataRequest()
	t := kmsg.NewMetadataRequestTopic()
	t.Topic = new(topic)
	meta.Topics = append(meta.Topics, t)
	resp, err := meta.RequestWith(ctx, k.client)
	if err != nil || len(resp.Topics) != 1 {
		return 0
	}
	return int32(len(resp.Topics[0].Partitions))
}

func (k *kafka) createTopic(topic string) {
	k.t.Helper()
	req := kmsg.NewPtrCreateTopicsRequest()
	t := kmsg.NewCreateTopicsRequestTopic()
	t.Topic, t.NumPartitions, t.ReplicationFactor = topic, 1, 1
	req.Topics = append(req.Topics, t)
	resp, err := req.RequestWith(k.t.Context(), k.client)
	require.NoError(k.t, err)
	require.Zero(k.t, resp.Topics[0].ErrorCode)
}
