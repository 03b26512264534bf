package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// kafkaClient reads and writes topics with franz-go, which neither dlq nor Connect uses: what it finds there is a second opinion.
type kafkaClient struct {
	brokers   []string
	client    *kgo.Client
	clusterID string
	nodes     int // brokers in the cluster
}

// dialKafka connects and asks for the cluster's metadata, so that a wrong address is known at once.
func dialKafka(ctx context.Context, brokers []string) (*kafkaClient, error) {
	client, err := kgo.NewClient(
		kgo.SeedBrokers(brokers...),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerLinger(0),
		kgo.DialTimeout(5*time.Second),
		kgo.RetryTimeout(20*time.Second),
	)
	if err != nil {
		return nil, fmt.Errorf("brokers %s: %w", strings.Join(brokers, ","), err)
	}
	ask, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	req := kmsg.NewPtrMetadataRequest()
	req.Topics = []kmsg.MetadataRequestTopic{}
	resp, err := req.RequestWith(ask, client)
	if err != nil {
		client.Close()
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, fmt.Errorf("no Kafka broker answers at %s (%w): check that the brokers run and the address is right", strings.Join(brokers, ","), err)
	}
	k := &kafkaClient{brokers: brokers, client: client, nodes: len(resp.Brokers)}
	if resp.ClusterID != nil {
		k.clusterID = *resp.ClusterID
	}
	return k, nil
}

func (k *kafkaClient) close() { k.client.Close() }

// createTopic makes a topic with the brokers' default replication factor. What brokers can be set to do otherwise is named: a compacted topic
// refuses null keys, and with LogAppendTime no record keeps its time.
func (k *kafkaClient) createTopic(ctx context.Context, topic string, partitions int32) error {
	req := kmsg.NewPtrCreateTopicsRequest()
	req.TimeoutMillis = 30_000
	t := kmsg.NewCreateTopicsRequestTopic()
	t.Topic, t.NumPartitions, t.ReplicationFactor = topic, partitions, -1
	for _, c := range [][2]string{{"cleanup.policy", "delete"}, {"message.timestamp.type", "CreateTime"}} {
		config := kmsg.NewCreateTopicsRequestTopicConfig()
		config.Name, config.Value = c[0], new(c[1])
		t.Configs = append(t.Configs, config)
	}
	req.Topics = append(req.Topics, t)
	resp, err := req.RequestWith(ctx, k.client)
	if err == nil && len(resp.Topics) == 1 {
		err = kerr.ErrorForCode(resp.Topics[0].ErrorCode)
	}
	if err != nil {
		return fmt.Errorf("create topic %s: %w", topic, err)
	}
	return nil
}

// produce writes the records to their partitions, in order.
func (k *kafkaClient) produce(ctx context.Context, records []*kgo.Record) error {
	// A topic that has just been made is unknown to brokers for a moment; the client retries that by itself.
	if err := k.client.ProduceSync(ctx, records...).FirstErr(); err != nil {
		return fmt.Errorf("produce to %s: %w", records[0].Topic, err)
	}
	return nil
}

// partitions lists a topic's partitions; a topic that does not exist has none.
func (k *kafkaClient) partitions(ctx context.Context, topic string) ([]int32, error) {
	req := kmsg.NewPtrMetadataRequest()
	t := kmsg.NewMetadataRequestTopic()
	t.Topic = new(topic)
	req.Topics = append(req.Topics, t)
	resp, err := req.RequestWith(ctx, k.client)
	if err == nil && len(resp.Topics) == 1 {
		err = kerr.ErrorForCode(resp.Topics[0].ErrorCode)
	}
	if errors.Is(err, kerr.UnknownTopicOrPartition) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("describe topic %s: %w", topic, err)
	}
	var out []int32
	for _, p := range resp.Topics[0].Partitions {
		out = append(out, p.Partition)
	}
	slices.Sort(out)
	return out, nil
}

// offsets are positions by partition.
type offsets map[int32]int64

func (o offsets) sum() (n int64) {
	for _, v := range o {
		n += v
	}
	return n
}

// ends are the end offsets of a topic.
func (k *kafkaClient) ends(ctx context.Context, topic string) (offsets, error) {
	partitions, err := k.partitions(ctx, topic)
	if err != nil || len(partitions) == 0 {
		return offsets{}, err
	}
	req := kmsg.NewPtrListOffsetsRequest()
	req.ReplicaID = -1
	t := kmsg.NewListOffsetsRequestTopic()
	t.Topic = topic
	for _, n := range partitions {
		p := kmsg.NewListOffsetsRequestTopicPartition()
		p.Partition, p.Timestamp = n, -1
		t.Partitions = append(t.Partitions, p)
	}
	req.Topics = append(req.Topics, t)
	resp, err := req.RequestWith(ctx, k.client)
	if err != nil {
		return nil, fmt.Errorf("end offsets of %s: %w", topic, err)
	}
	out := offsets{}
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
				return nil, fmt.Errorf("end offset of %s-%d: %w", topic, p.Partition, err)
			}
			out[p.Partition] = p.Offset
		}
	}
	return out, nil
}

// committed are a group's offsets on a topic; a partition without one is missing.
func (k *kafkaClient) committed(ctx context.Context, group, topic string) (offsets, error) {
	req := kmsg.NewPtrOffsetFetchRequest()
	req.Group = group
	resp, err := req.RequestWith(ctx, k.client)
	if errors.Is(err, kerr.GroupIDNotFound) {
		return offsets{}, nil // its first member has not joined yet
	}
	if err != nil {
		return nil, fmt.Errorf("offsets of group %s: %w", group, err)
	}
	out := offsets{}
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			if t.Topic == topic && p.Offset >= 0 {
				out[p.Partition] = p.Offset
			}
		}
	}
	if err := kerr.ErrorForCode(resp.ErrorCode); err != nil && !errors.Is(err, kerr.GroupIDNotFound) {
		return nil, fmt.Errorf("offsets of group %s: %w", group, err)
	}
	return out, nil
}

// read returns what lies in front of the end offsets, in the order of each partition.
func (k *kafkaClient) read(ctx context.Context, topic string, ends offsets) ([]*kgo.Record, error) {
	start := map[int32]kgo.Offset{}
	for p, end := range ends {
		if end > 0 {
			start[p] = kgo.NewOffset().AtStart()
		}
	}
	if len(start) == 0 {
		return nil, nil
	}
	client, err := kgo.NewClient(
		kgo.SeedBrokers(k.brokers...),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: start}),
		kgo.KeepControlRecords(), // a transaction marker is a position too
	)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	var records []*kgo.Record
	for len(start) > 0 {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return nil, fmt.Errorf("read %s: %w", topic, err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			if r.Offset >= ends[r.Partition] {
				return
			}
			if !r.Attrs.IsControl() {
				records = append(records, r)
			}
			if r.Offset == ends[r.Partition]-1 {
				delete(start, r.Partition)
			}
		})
	}
	slices.SortFunc(records, func(a, b *kgo.Record) int {
		return cmp.Or(cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Offset, b.Offset))
	})
	return records, nil
}

// deleteTopics removes topics; those that do not exist are fine.
func (k *kafkaClient) deleteTopics(ctx context.Context, topics ...string) error {
	req := kmsg.NewPtrDeleteTopicsRequest()
	req.TimeoutMillis = 30_000
	req.TopicNames = topics
	for _, name := range topics {
		t := kmsg.NewDeleteTopicsRequestTopic()
		t.Topic = new(name)
		req.Topics = append(req.Topics, t)
	}
	resp, err := req.RequestWith(ctx, k.client)
	if err != nil {
		return fmt.Errorf("delete topics %s: %w", strings.Join(topics, ", "), err)
	}
	var errs []error
	for _, t := range resp.Topics {
		if err := kerr.ErrorForCode(t.ErrorCode); err != nil && !errors.Is(err, kerr.UnknownTopicOrPartition) && t.Topic != nil {
			errs = append(errs, fmt.Errorf("delete topic %s: %w", *t.Topic, err))
		}
	}
	return errors.Join(errs...)
}

// deleteGroups removes consumer groups, waiting for their last members to leave.
func (k *kafkaClient) deleteGroups(ctx context.Context, groups ...string) error {
	left := map[string]error{}
	for _, g := range groups {
		left[g] = nil
	}
	err := until(ctx, 250*time.Millisecond, func() (bool, error) {
		req := kmsg.NewPtrDeleteGroupsRequest()
		req.Groups = slices.Sorted(maps.Keys(left))
		resp, err := req.RequestWith(ctx, k.client)
		if err != nil {
			return false, err
		}
		for _, g := range resp.Groups {
			left[g.Group] = kerr.ErrorForCode(g.ErrorCode)
			if left[g.Group] == nil || errors.Is(left[g.Group], kerr.GroupIDNotFound) {
				delete(left, g.Group)
			}
		}
		return len(left) == 0, nil
	})
	if err != nil {
		return fmt.Errorf("delete groups %s: %w", strings.Join(slices.Sorted(maps.Keys(left)), ", "), err)
	}
	return nil
}

// until calls ready every interval until it says true, fails, or ctx ends.
func until(ctx context.Context, interval time.Duration, ready func() (bool, error)) error {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		ok, err := ready()
		if ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}
