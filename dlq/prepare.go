package dlq

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/go-reconnect/reconnect/internal/kwire"
)

// answerPatience bounds the first request of a run: somebody who typed a wrong address waits for it.
const answerPatience = 8 * time.Second

// missingPatience is how long a topic may be missing before it does not exist.
const missingPatience = 500 * time.Millisecond

// prepare looks at the topics and the group, and freezes where the run ends.
func (n *run) prepare(ctx context.Context) error {
	count, err := n.lookUp(ctx, n.cfg.Topic)
	switch {
	case err != nil:
		return err
	case count == 0:
		return fmt.Errorf("dlq: topic %s does not exist", n.cfg.Topic)
	}
	if t := n.cfg.Target.topic; t != "" {
		if c, err := n.lookUp(ctx, t); err != nil {
			return err
		} else if c == 0 {
			return fmt.Errorf("dlq: target topic %s does not exist: create it first", t)
		}
		if err := n.checkCompacted(ctx, t); err != nil {
			return err
		}
	}
	if p, ok := n.park.(*topicParker); ok {
		if err := n.ensurePark(ctx, p.topic, count); err != nil {
			return err
		}
	}
	if l, ok := n.ledger.(*topicLedger); ok {
		if err := n.ensureTopic(ctx, "ledger", l.topic, 1, []kafka.ConfigEntry{{ConfigName: "cleanup.policy", ConfigValue: "compact"}}); err != nil {
			return err
		}
	}
	var high map[int]int64
	if n.begins, _, err = n.listOffsets(ctx, count, kafka.FirstOffset, kafka.ReadUncommitted); err != nil {
		return err
	}
	if _, high, err = n.listOffsets(ctx, count, kafka.LastOffset, kafka.ReadUncommitted); err != nil {
		return err
	}
	if _, n.ends, err = n.listOffsets(ctx, count, kafka.LastOffset, kafka.ReadCommitted); err != nil {
		return err
	}
	if n.committed, err = n.offsets(ctx); err != nil {
		return err
	}
	if err := n.startupChecks(ctx, count); err != nil {
		return err
	}
	if n.cfg.Start == StartEarliest {
		if err := n.reset(ctx); err != nil {
			return err
		}
	}
	for p, c := range n.committed {
		if c > high[p] {
			return fmt.Errorf("dlq: group %s stands at offset %d of %s-%d, which ends at %d: the topic was created anew; use another Group or StartEarliest",
				n.cfg.Group, c, n.cfg.Topic, p, high[p])
		}
	}
	for p, end := range n.ends { // a topic that ends before it begins was emptied
		n.ends[p] = max(end, n.begins[p])
	}
	return nil
}

// lookUp returns how many partitions a topic has, 0 when it does not exist. A topic younger than the cached metadata looks
// missing, so a missing one is asked for again over fresh connections, and a few times as the news spreads among brokers.
func (n *run) lookUp(ctx context.Context, topic string) (int, error) {
	n.mu.Lock()
	count, known := n.topics[topic]
	n.mu.Unlock()
	if known {
		return count, nil
	}
	ctx, cancel := context.WithTimeout(ctx, answerPatience)
	defer cancel()
	missing := time.Now().Add(missingPatience)
	client, closeIdle := n.client, func() {}
	defer func() { closeIdle() }()
	err := kwire.Retry(ctx, answerPatience, func(ctx context.Context) error {
		res, err := client.Metadata(ctx, &kafka.MetadataRequest{Topics: []string{topic}})
		if err != nil {
			return err //nolint:wrapcheck // wrapped below
		}
		if len(res.Topics) == 0 {
			return errors.New("no answer for the topic")
		}
		err = res.Topics[0].Error
		if errors.Is(err, kafka.UnknownTopicOrPartition) && time.Now().After(missing) {
			count = 0
			return nil
		}
		if errors.Is(err, kafka.UnknownTopicOrPartition) {
			closeIdle()
			client, closeIdle = n.cfg.cluster().Fresh()
		}
		count = len(res.Topics[0].Partitions)
		return err
	})
	if err != nil {
		return 0, n.explain("topic "+topic, err)
	}
	n.mu.Lock()
	n.topics[topic] = count
	n.mu.Unlock()
	return count, nil
}

// explain adds to an error what a person does about it.
func (n *run) explain(what string, err error) error {
	switch {
	case errors.Is(err, kafka.TopicAuthorizationFailed):
		return fmt.Errorf("dlq: %s: no permission (ACL READ and DESCRIBE on what is read, WRITE and DESCRIBE on what is written): %w", what, err)
	case errors.Is(err, kafka.GroupAuthorizationFailed):
		return fmt.Errorf("dlq: %s: no permission (ACL READ on group %s): %w", what, n.cfg.Group, err)
	case errors.Is(err, kafka.SASLAuthenticationFailed):
		return fmt.Errorf("dlq: %s: the brokers refused the log-in: %w", what, err)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("dlq: %s: the brokers of %v close the connection: does the port want TLS, another log-in, or the password of another user? %w", what, n.cfg.Brokers, err)
	case kwire.Retriable(err) && !kwire.UnknownTopic(err), errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("dlq: %s: no broker of %v answers: %w", what, n.cfg.Brokers, err)
	}
	return fmt.Errorf("dlq: %s: %w", what, err)
}

func (n *run) listOffsets(ctx context.Context, count int, at int64, isolation kafka.IsolationLevel) (first, last map[int]int64, err error) {
	return n.listOffsetsOf(ctx, n.cfg.Topic, count, at, isolation)
}

func (n *run) listOffsetsOf(ctx context.Context, topic string, count int, at int64, isolation kafka.IsolationLevel) (first, last map[int]int64, err error) {
	requests := make([]kafka.OffsetRequest, count)
	for p := range requests {
		requests[p] = kafka.OffsetRequest{Partition: p, Timestamp: at}
	}
	err = kwire.Retry(ctx, n.cfg.RetryTimeout, func(ctx context.Context) error {
		first, last = map[int]int64{}, map[int]int64{}
		res, err := n.client.ListOffsets(ctx, &kafka.ListOffsetsRequest{Topics: map[string][]kafka.OffsetRequest{topic: requests}, IsolationLevel: isolation})
		if err != nil {
			return err //nolint:wrapcheck // wrapped below
		}
		for _, p := range res.Topics[topic] {
			if p.Error != nil {
				return p.Error
			}
			first[p.Partition], last[p.Partition] = p.FirstOffset, p.LastOffset
		}
		if len(first) != count {
			return kafka.LeaderNotAvailable
		}
		return nil
	})
	if err != nil {
		return nil, nil, n.explain("offsets of "+topic, err)
	}
	return first, last, nil
}

// offsets returns the group's committed offsets, -1 where there are none.
func (n *run) offsets(ctx context.Context) (map[int]int64, error) {
	partitions := make([]int, 0, len(n.begins))
	for p := range n.begins {
		partitions = append(partitions, p)
	}
	committed := make(map[int]int64, len(partitions))
	err := kwire.Retry(ctx, n.cfg.RetryTimeout, func(ctx context.Context) error {
		res, err := n.client.OffsetFetch(ctx, &kafka.OffsetFetchRequest{GroupID: n.cfg.Group, Topics: map[string][]int{n.cfg.Topic: partitions}})
		if err != nil {
			return err //nolint:wrapcheck // wrapped below
		}
		if res.Error != nil {
			return res.Error
		}
		for _, p := range res.Topics[n.cfg.Topic] {
			if p.Error != nil {
				return p.Error
			}
			committed[p.Partition] = p.CommittedOffset
		}
		return nil
	})
	if errors.Is(err, kafka.GroupIdNotFound) {
		for _, p := range partitions {
			committed[p] = -1
		}
		return committed, nil
	}
	if err != nil {
		return nil, n.explain("committed offsets of group "+n.cfg.Group, err)
	}
	return committed, nil
}

// reset puts the group to the beginning, as kafka-consumer-groups --reset-offsets does, and like it only while nobody
// else works with it.
func (n *run) reset(ctx context.Context) error {
	var stale []kafka.OffsetCommit
	for p, c := range n.committed {
		if c >= 0 {
			stale = append(stale, kafka.OffsetCommit{Partition: p, Offset: n.begins[p]})
		}
	}
	if len(stale) == 0 {
		return nil
	}
	err := kwire.Retry(ctx, n.cfg.RetryTimeout, func(ctx context.Context) error {
		res, err := n.client.OffsetCommit(ctx, &kafka.OffsetCommitRequest{
			GroupID: n.cfg.Group, GenerationID: -1, Topics: map[string][]kafka.OffsetCommit{n.cfg.Topic: stale},
		})
		if err != nil {
			return err //nolint:wrapcheck // wrapped below
		}
		for _, p := range res.Topics[n.cfg.Topic] {
			if p.Error != nil {
				return p.Error
			}
		}
		return nil
	})
	switch {
	case errors.Is(err, kafka.UnknownMemberId), errors.Is(err, kafka.IllegalGeneration), errors.Is(err, kafka.RebalanceInProgress):
		return fmt.Errorf("dlq: StartEarliest: group %s has members: stop them first, or use StartCommitted", n.cfg.Group)
	case err != nil:
		return n.explain("reset of group "+n.cfg.Group, err)
	}
	for _, c := range stale {
		n.committed[c.Partition] = c.Offset
	}
	return nil
}

// ensureTopic creates a topic of our own when it is not there.
func (n *run) ensureTopic(ctx context.Context, what, topic string, partitions int, settings []kafka.ConfigEntry) error {
	count, err := n.lookUp(ctx, topic)
	if err != nil || count > 0 || n.cfg.DryRun {
		return err
	}
	err = kwire.Retry(ctx, n.cfg.RetryTimeout, func(ctx context.Context) error {
		res, err := n.client.CreateTopics(ctx, &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{{
			Topic: topic, NumPartitions: partitions, ReplicationFactor: -1, ConfigEntries: settings,
		}}})
		if err != nil {
			return err //nolint:wrapcheck // wrapped below
		}
		if err := res.Errors[topic]; err != nil && !errors.Is(err, kafka.TopicAlreadyExists) {
			return err
		}
		return nil
	})
	if err != nil {
		return n.explain("create "+what+" topic "+topic, err)
	}
	n.mu.Lock()
	delete(n.topics, topic)
	n.mu.Unlock()
	if count, err = n.lookUp(ctx, topic); err == nil && count == 0 {
		err = fmt.Errorf("dlq: %s topic %s was created but does not appear", what, topic)
	}
	return err
}

// ensurePark makes the parking topic when it is not there, so that it takes whatever the queue holds, and refuses one that
// would lose what is parked.
func (n *run) ensurePark(ctx context.Context, topic string, partitions int) error {
	settings := parkSettings()
	if own, err := n.topicSettings(ctx, n.cfg.Topic); err == nil {
		if most, ok := integer(own["max.message.bytes"]); ok {
			settings = append(settings, kafka.ConfigEntry{ConfigName: "max.message.bytes", ConfigValue: strconv.FormatInt(most+parkRoom, 10)})
		}
	} else if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err := n.ensureTopic(ctx, "parking", topic, partitions, settings); err != nil {
		return err
	}
	is, err := n.topicSettings(ctx, topic)
	if err == nil && strings.Contains(is["cleanup.policy"], "compact") {
		return fmt.Errorf("dlq: parking topic %s: %w", topic, errCompactedPark)
	}
	return nil
}

func parkSettings() []kafka.ConfigEntry {
	return []kafka.ConfigEntry{
		{ConfigName: "cleanup.policy", ConfigValue: "delete"},
		{ConfigName: "retention.ms", ConfigValue: "-1"},
		{ConfigName: "retention.bytes", ConfigValue: "-1"},
	}
}

// scan reads a stretch of a partition.
func (n *run) scan(ctx context.Context, topic string, partition int, from, to int64, fn func(*kafka.Message) error) error {
	for at := from; at < to; {
		q := kwire.FetchRequest{Topic: topic, Partition: partition, Offset: at, MaxBytes: maxPage, MaxWait: 500 * time.Millisecond}
		page, err := n.read(ctx, q, to, false)
		if errors.Is(err, kafka.OffsetOutOfRange) {
			err = n.explain(fmt.Sprintf("read %s-%d@%d", topic, partition, at), err)
		}
		if err != nil {
			return err
		}
		for i := range page.Records {
			if page.Records[i].Offset >= to {
				return nil
			}
			if err := fn(&page.Records[i]); err != nil {
				return err
			}
		}
		at = page.Next
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	return nil
}
