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
func CreateTopic(t testing.TB, brokers []string, topic string, partitions int, configs map[string]string) {
	t.Helper()
	cl := kafkaClient(t, brokers)
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
	res, err := req.RequestWith(t.Context(), cl)
	if err != nil {
		t.Fatalf("create topic %s: %v", topic, err)
	}
	if err := kerr.ErrorForCode(res.Topics[0].ErrorCode); err != nil {
		t.Fatalf("create topic %s: %v", topic, err)
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		n, err := partitionsWithLeader(t.Context(), cl, topic)
		if err == nil && n == partitions {
			return
		}
		select {
		case <-t.Context().Done():
			t.Fatalf("topic %s: %d of %d partitions have a leader: %v", topic, n, partitions, err)
		case <-tick.C:
		}
	}
}

// Produce writes records, each to its own Topic and Partition, in order, and waits until all are acknowledged. Offset is set in each.
func Produce(t testing.TB, brokers []string, records ...*kgo.Record) {
	t.Helper()
	cl := kafkaClient(t, brokers)
	if err := cl.ProduceSync(t.Context(), records...).FirstErr(); err != nil {
		t.Fatalf("produce: %v", err)
	}
}

// ReadAll returns every record that the topic holds now, ordered by partition and offset; aborted ones too.
func ReadAll(t testing.TB, brokers []string, topic string) []*kgo.Record {
	t.Helper()
	return readAll(t, brokers, topic, kgo.ReadUncommitted())
}

// ReadCommitted is ReadAll without the records of aborted and open transactions.
func ReadCommitted(t testing.TB, brokers []string, topic string) []*kgo.Record {
	t.Helper()
	return readAll(t, brokers, topic, kgo.ReadCommitted())
}

// WaitForRecords waits until the topic holds at least n records and returns all that it holds then. The topic need not exist yet.
func WaitForRecords(t testing.TB, brokers []string, topic string, n int, timeout time.Duration) []*kgo.Record {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	cl := kafkaClient(t, brokers)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	have := 0
	for {
		if partitions, err := partitionsWithLeader(ctx, cl, topic); err == nil && partitions > 0 {
			records := ReadAll(t, brokers, topic)
			if have = len(records); have >= n {
				return records
			}
		}
		select {
		case <-ctx.Done():
			t.Fatalf("topic %s holds %d records after %s, want %d", topic, have, timeout, n)
		case <-tick.C:
		}
	}
}

// CommittedOffsets returns what a consumer group has committed on a topic, by partition; partitions without a commit are left out.
func CommittedOffsets(t testing.TB, brokers []string, group, topic string) map[int32]int64 {
	t.Helper()
	cl := kafkaClient(t, brokers)
	req := kmsg.NewPtrOffsetFetchRequest()
	req.Group = group
	rg := kmsg.NewOffsetFetchRequestGroup()
	rg.Group = group
	req.Groups = append(req.Groups, rg)
	res, err := req.RequestWith(t.Context(), cl)
	if err != nil {
		t.Fatalf("offsets of group %s: %v", group, err)
	}
	out := map[int32]int64{}
	for _, g := range res.Groups {
		if err := kerr.ErrorForCode(g.ErrorCode); err != nil && !errors.Is(err, kerr.GroupIDNotFound) {
			t.Fatalf("offsets of group %s: %v", group, err)
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
func kafkaClient(t testing.TB, brokers []string, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	cl, err := kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(brokers...),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.MetadataMinAge(50 * time.Millisecond),
		kgo.ProducerLinger(0),
	}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
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
		rp.Partition, rp.Timestamp = int32(p), at //nolint:gosec // a handful
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

func readAll(t testing.TB, brokers []string, topic string, isolation kgo.IsolationLevel) []*kgo.Record {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	admin := kafkaClient(t, brokers)
	partitions, err := partitionsWithLeader(ctx, admin, topic)
	if err != nil || partitions == 0 {
		t.Fatalf("read topic %s: it has no partitions (%v)", topic, err)
	}
	var level int8
	if isolation == kgo.ReadCommitted() {
		level = 1
	}
	first, err := ends(ctx, admin, topic, partitions, -2, level)
	if err != nil {
		t.Fatalf("read topic %s: %v", topic, err)
	}
	last, err := ends(ctx, admin, topic, partitions, -1, level)
	if err != nil {
		t.Fatalf("read topic %s: %v", topic, err)
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
	cl := kafkaClient(t, brokers, kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: from}),
		kgo.FetchIsolationLevel(isolation), kgo.KeepControlRecords(), kgo.FetchMaxWait(200*time.Millisecond))
	done := map[int32]bool{}
	var records []*kgo.Record
	for left > 0 {
		fetches := cl.PollFetches(ctx)
		if err := fetches.Err0(); err != nil {
			t.Fatalf("read topic %s: %v", topic, err)
		}
		fetches.EachError(func(_ string, p int32, err error) { t.Fatalf("read topic %s, partition %d: %v", topic, p, err) })
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
