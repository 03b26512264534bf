package testutil

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// The functions here are the tests' own eyes on a broker. They use franz-go, so that a fault of the client library under test cannot hide itself.
// They take the brokers' addresses, and work on an embedded broker as on a Cluster's.

// CreateTopic creates a topic and waits until every partition has a leader. Configs are topic settings such as retention.ms.
func CreateTopic(tb testing.TB, brokers []string, topic string, partitions int, configs map[string]string) {
	tb.Helper()
	cl := kafkaClient(tb, brokers)
	req := kmsg.NewPtrCreateTopicsRequest()
	req.TimeoutMillis = 30_000
	rt := kmsg.NewCreateTopicsRequestTopic()
	rt.Topic, rt.NumPartitions, rt.ReplicationFactor = topic, int32(partitions), 1 //nolint:gosec // a handful
	for k, v := range configs {
		rc := kmsg.NewCreateTopicsRequestTopicConfig()
		rc.Name, rc.Value = k, &v
		rt.Configs = append(rt.Configs, rc)
	}
	req.Topics = append(req.Topics, rt)
	res, err := req.RequestWith(tb.Context(), cl)
	if err != nil {
		tb.Fatalf("create topic %s: %v", topic, err)
	}
	if err := kerr.ErrorForCode(res.Topics[0].ErrorCode); err != nil {
		tb.Fatalf("create topic %s: %v", topic, err)
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		n, err := partitionsWithLeader(tb.Context(), cl, topic)
		if err == nil && n == partitions {
			return
		}
		select {
		case <-tb.Context().Done():
			tb.Fatalf("topic %s: %d of %d partitions have a leader: %v", topic, n, partitions, err)
		case <-tick.C:
		}
	}
}

// Produce writes records, each to its own Topic and Partition, in order, and waits until all are acknowledged. Offset is set in each.
func Produce(tb testing.TB, brokers []string, records ...*kgo.Record) {
	tb.Helper()
	cl := kafkaClient(tb, brokers)
	if err := cl.ProduceSync(tb.Context(), records...).FirstErr(); err != nil {
		tb.Fatalf("produce: %v", err)
	}
}

// ReadAll returns every record that the topic holds now, ordered by partition and offset; aborted ones too.
func ReadAll(tb testing.TB, brokers []string, topic string) []*kgo.Record {
	tb.Helper()
	return readAll(tb, brokers, topic, kgo.ReadUncommitted())
}

// ReadCommitted is ReadAll without the records of aborted and open transactions.
func ReadCommitted(tb testing.TB, brokers []string, topic string) []*kgo.Record {
	tb.Helper()
	return readAll(tb, brokers, topic, kgo.ReadCommitted())
}

// WaitForRecords waits until the topic holds at least n records and returns all that it holds then. The topic need not exist yet.
func WaitForRecords(tb testing.TB, brokers []string, topic string, n int, timeout time.Duration) []*kgo.Record {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), timeout)
	defer cancel()
	cl := kafkaClient(tb, brokers)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	have := 0
	for {
		if partitions, err := partitionsWithLeader(ctx, cl, topic); err == nil && partitions > 0 {
			records := ReadAll(tb, brokers, topic)
			if have = len(records); have >= n {
				return records
			}
		}
		select {
		case <-ctx.Done():
			tb.Fatalf("topic %s holds %d records after %s, want %d", topic, have, timeout, n)
		case <-tick.C:
		}
	}
}

// CommittedOffsets returns what a consumer group has committed on a topic, by partition; partitions without a commit are left out.
func CommittedOffsets(tb testing.TB, brokers []string, group, topic string) map[int32]int64 {
	tb.Helper()
	cl := kafkaClient(tb, brokers)
	req := kmsg.NewPtrOffsetFetchRequest()
	req.Group = group
	rg := kmsg.NewOffsetFetchRequestGroup()
	rg.Group = group
	req.Groups = append(req.Groups, rg)
	res, err := req.RequestWith(tb.Context(), cl)
	if err != nil {
		tb.Fatalf("offsets of group %s: %v", group, err)
	}
	out := map[int32]int64{}
	for _, g := range res.Groups {
		if err := kerr.ErrorForCode(g.ErrorCode); err != nil && !errors.Is(err, kerr.GroupIDNotFound) {
			tb.Fatalf("offsets of group %s: %v", group, err)
		}
		for _, rt := range g.Topics {
			for _, p := range rt.Partitions {
				if rt.Topic == topic && p.Offset >= 0 {
					out[p.Partition] = p.Offset
				}
			}
		}
	}
	for _, rt := range res.Topics {
		for _, p := range rt.Partitions {
			if rt.Topic == topic && p.Offset >= 0 {
				out[p.Partition] = p.Offset
			}
		}
	}
	return out
}

// kafkaClient writes each record to the partition that it names and lives as long as the test.
func kafkaClient(tb testing.TB, brokers []string, opts ...kgo.Opt) *kgo.Client {
	tb.Helper()
	cl, err := kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(brokers...),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.MetadataMinAge(50 * time.Millisecond),
		kgo.ProducerLinger(0),
	}, opts...)...)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(cl.Close)
	return cl
}

// partitionsWithLeader counts a topic's partitions that have one; a topic that does not exist has none.
func partitionsWithLeader(ctx context.Context, cl *kgo.Client, topic string) (int, error) {
	req := kmsg.NewPtrMetadataRequest()
	rt := kmsg.NewMetadataRequestTopic()
	rt.Topic = &topic
	req.Topics = append(req.Topics, rt)
	res, err := req.RequestWith(ctx, cl)
	if err != nil {
		return 0, err
	}
	n := 0
	for i := range res.Topics {
		for _, p := range res.Topics[i].Partitions {
			if p.ErrorCode == 0 && p.Leader >= 0 {
				n++
			}
		}
	}
	return n, nil
}

// ends asks for an offset of every partition: -1 is the next one to be written, -2 the first one kept.
func ends(ctx context.Context, cl *kgo.Client, topic string, partitions int, at int64, isolation int8) (map[int32]int64, error) {
	req := kmsg.NewPtrListOffsetsRequest()
	req.ReplicaID, req.IsolationLevel = -1, isolation
	rt := kmsg.NewListOffsetsRequestTopic()
	rt.Topic = topic
	for p := range partitions {
		rp := kmsg.NewListOffsetsRequestTopicPartition()
		rp.Partition, rp.Timestamp = int32(p), at
		rt.Partitions = append(rt.Partitions, rp)
	}
	req.Topics = append(req.Topics, rt)
	out := map[int32]int64{}
	for _, shard := range cl.RequestSharded(ctx, req) {
		if shard.Err != nil {
			return nil, shard.Err
		}
		res, ok := shard.Resp.(*kmsg.ListOffsetsResponse)
		if !ok {
			return nil, fmt.Errorf("list offsets: answered by a %T", shard.Resp)
		}
		for i := range res.Topics {
			for _, p := range res.Topics[i].Partitions {
				if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
					return nil, err
				}
				out[p.Partition] = p.Offset
			}
		}
	}
	return out, nil
}

func readAll(tb testing.TB, brokers []string, topic string, isolation kgo.IsolationLevel) []*kgo.Record {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), time.Minute)
	defer cancel()
	admin := kafkaClient(tb, brokers)
	partitions, err := partitionsWithLeader(ctx, admin, topic)
	if err != nil || partitions == 0 {
		tb.Fatalf("read topic %s: it has no partitions (%v)", topic, err)
	}
	var level int8
	if isolation == kgo.ReadCommitted() {
		level = 1
	}
	first, err := ends(ctx, admin, topic, partitions, -2, level)
	if err != nil {
		tb.Fatalf("read topic %s: %v", topic, err)
	}
	last, err := ends(ctx, admin, topic, partitions, -1, level)
	if err != nil {
		tb.Fatalf("read topic %s: %v", topic, err)
	}
	from := map[int32]kgo.Offset{}
	left := 0
	for p, end := range last {
		if end > first[p] {
			from[p] = kgo.NewOffset().At(first[p])
			left++
		}
	}
	if left == 0 {
		return nil
	}
	// Control records are kept so that a partition which ends with a transaction's marker is seen to end.
	cl := kafkaClient(tb, brokers, kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: from}),
		kgo.FetchIsolationLevel(isolation), kgo.KeepControlRecords(), kgo.FetchMaxWait(200*time.Millisecond))
	done := map[int32]bool{}
	var records []*kgo.Record
	for left > 0 {
		fetches := cl.PollFetches(ctx)
		if err := fetches.Err0(); err != nil {
			tb.Fatalf("read topic %s: %v", topic, err)
		}
		fetches.EachError(func(_ string, p int32, err error) { tb.Fatalf("read topic %s, partition %d: %v", topic, p, err) })
		fetches.EachRecord(func(r *kgo.Record) {
			if r.Offset < last[r.Partition] && !r.Attrs.IsControl() {
				records = append(records, r)
			}
			if r.Offset >= last[r.Partition]-1 && !done[r.Partition] {
				done[r.Partition] = true
				left--
			}
		})
	}
	slices.SortFunc(records, func(a, b *kgo.Record) int {
		return cmp.Or(cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Offset, b.Offset))
	})
	return records
}
