package dlq

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/go-reconnect/reconnect/internal/kwire"
)

// Stale says what becomes of a keyed record that would go to its origin although a newer record of the same key is there: an
// upsert sink would end with the older state.
type Stale int

// The policies. A check that cannot be done, because retention took what lies behind the original for example, parks
// with that reason under StalePark and StaleSkip.
const (
	StalePark Stale = iota
	StaleSkip
	StaleAllow
)

// HeaderOrigin is, on a republished record, where its first original stood: topic/partition/offset. A record that fails
// again keeps it.
const HeaderOrigin = "reconnect.origin"

const reasonStale = "a newer record of the same key is at the origin"

// maxStaleKeys bounds the memory of the check, per partition of an origin.
const maxStaleKeys = 5_000_000

// staleAge is how long what was read of an origin counts as its present.
const staleAge = time.Second

// newest knows the latest record of each key at the origins, from the first dead letter's original on.
type newest struct {
	run  *run
	seed maphash.Seed
	mu   sync.Mutex
	at   map[topicPartition]*tail
}

// tail is one partition of an origin, read once and then followed.
type tail struct {
	mu       sync.Mutex
	from, to int64
	asked    time.Time
	start    int64
	end      int64
	latest   map[uint64]int64 // by key
	broken   string
}

// stale returns why a record must not go back, or nothing.
func (s *newest) stale(ctx context.Context, f *Failure, headers []kafka.Header, key []byte) (reason string, err error) {
	offset := f.Offset
	if o, ok := originOffset(headers, f.Topic, f.Partition); ok {
		offset = o
	}
	s.mu.Lock()
	k := topicPartition{f.Topic, f.Partition}
	t := s.at[k]
	if t == nil {
		if s.at == nil {
			s.at, s.seed = map[topicPartition]*tail{}, maphash.MakeSeed()
		}
		t = &tail{latest: map[uint64]int64{}}
		k.topic = strings.Clone(k.topic)
		s.at[k] = t
	}
	s.mu.Unlock()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.broken == "" {
		if err := s.follow(ctx, t, k, offset); err != nil {
			return "", err
		}
	}
	switch {
	case t.broken != "":
		return "cannot see whether a newer record of the key is at the origin: " + t.broken, nil
	case offset+1 < t.start:
		return "cannot see whether a newer record of the key is at the origin: retention took what was behind the original", nil
	}
	if latest, ok := t.latest[maphash.Bytes(s.seed, key)]; ok && latest > offset {
		return reasonStale, nil
	}
	return "", nil
}

// follow reads what is not read yet between offset and the end.
func (s *newest) follow(ctx context.Context, t *tail, k topicPartition, offset int64) error {
	if time.Since(t.asked) > staleAge {
		err := kwire.Retry(ctx, answerPatience, func(ctx context.Context) error {
			res, err := s.run.client.ListOffsets(ctx, &kafka.ListOffsetsRequest{
				Topics:         map[string][]kafka.OffsetRequest{k.topic: {kafka.FirstOffsetOf(k.partition), kafka.LastOffsetOf(k.partition)}},
				IsolationLevel: kafka.ReadCommitted,
			})
			if err != nil {
				return err //nolint:wrapcheck // becomes a reason
			}
			for _, p := range res.Topics[k.topic] {
				if p.Error != nil {
					return p.Error
				}
				t.start, t.end = p.FirstOffset, p.LastOffset
			}
			return nil
		})
		if err != nil {
			return s.give(ctx, t, err)
		}
		t.asked = time.Now()
	}
	offset = min(max(offset, t.start), t.end)
	add := func(m *kafka.Message) error {
		if m.Key == nil {
			return nil
		}
		at := m.Offset
		if o, ok := originOffset(m.Headers, k.topic, k.partition); ok {
			at = o // ours: as old as its original
		}
		h := maphash.Bytes(s.seed, m.Key)
		t.latest[h] = max(t.latest[h], at)
		if len(t.latest) > maxStaleKeys {
			return errTooManyKeys
		}
		return nil
	}
	if t.to == 0 && t.from == 0 {
		t.from, t.to = offset, offset
	}
	var err error
	if offset < t.from {
		if err = s.run.scan(ctx, k.topic, k.partition, offset, t.from, add); err == nil {
			t.from = offset
		}
	}
	if err == nil && t.to < t.end {
		if err = s.run.scan(ctx, k.topic, k.partition, max(t.to, t.start), t.end, add); err == nil {
			t.to = t.end
		}
	}
	if err != nil {
		return s.give(ctx, t, err)
	}
	return nil
}

var errTooManyKeys = errors.New("too many keys")

// give remembers why an origin cannot be read; the end of the run is no reason.
func (s *newest) give(ctx context.Context, t *tail, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	switch {
	case errors.Is(err, errTooManyKeys):
		t.broken = "too many keys behind the original"
	case kwire.Denied(err):
		t.broken = "no permission to read it"
	case kwire.UnknownTopic(err):
		t.broken = "the partition does not exist any more"
	default:
		t.broken = "it cannot be read"
	}
	t.latest = nil
	s.run.cfg.Logger.LogAttrs(ctx, logWarn, "cannot look for newer records at an origin", logErr(err))
	return nil
}

// originOffset reads HeaderOrigin when it is about the partition.
func originOffset(headers []kafka.Header, topic string, partition int) (int64, bool) {
	for _, header := range slices.Backward(headers) {
		if header.Key != HeaderOrigin {
			continue
		}
		rest, ok := strings.CutPrefix(view(header.Value), topic+"/"+strconv.Itoa(partition)+"/")
		if !ok {
			return 0, false
		}
		offset, err := strconv.ParseInt(rest, 10, 64)
		return offset, err == nil && offset >= 0
	}
	return 0, false
}

// withOrigin keeps where a record stood first.
func withOrigin(headers []kafka.Header, f *Failure) []kafka.Header {
	if !f.Has.Contains(HasOrigin) || f.Partition < 0 || f.Offset < 0 {
		return headers
	}
	for i := range headers {
		if headers[i].Key == HeaderOrigin {
			return headers
		}
	}
	return append(slices.Clip(headers), kafka.Header{Key: HeaderOrigin, Value: fmt.Appendf(nil, "%s/%d/%d", f.Topic, f.Partition, f.Offset)})
}

// checkCompacted refuses a compacted target, where a replayed record takes the place of a newer one of its key.
func (n *run) checkCompacted(ctx context.Context, topic string) error {
	if n.cfg.AcceptCompacted {
		return nil
	}
	n.compactedMu.Lock()
	defer n.compactedMu.Unlock()
	policy, known := n.policies[topic]
	if !known {
		settings, err := n.topicSettings(ctx, topic)
		if err != nil {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			n.cfg.Logger.LogAttrs(ctx, logWarn, "cannot see whether a target is compacted", logString("topic", topic), logErr(err))
		}
		policy = settings["cleanup.policy"]
		n.policies[strings.Clone(topic)] = policy
	}
	if strings.Contains(policy, "compact") {
		return fmt.Errorf("dlq: target topic %s is compacted: a record that comes back would replace a newer one of its key; set AcceptCompacted if that is right", topic)
	}
	return nil
}

// topicSettings reads a topic's configuration.
func (n *run) topicSettings(ctx context.Context, topic string) (map[string]string, error) {
	var out map[string]string
	err := kwire.Retry(ctx, answerPatience, func(ctx context.Context) error {
		res, err := n.client.DescribeConfigs(ctx, &kafka.DescribeConfigsRequest{Resources: []kafka.DescribeConfigRequestResource{{
			ResourceType: kafka.ResourceTypeTopic, ResourceName: topic,
		}}})
		if err != nil {
			return err //nolint:wrapcheck // wrapped by the callers
		}
		out = map[string]string{}
		for _, r := range res.Resources {
			if r.Error != nil {
				return r.Error
			}
			for _, e := range r.ConfigEntries {
				out[e.ConfigName] = e.ConfigValue
			}
		}
		return nil
	})
	return out, err //nolint:wrapcheck // as above
}
