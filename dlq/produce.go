package dlq

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/segmentio/kafka-go"
	"golang.org/x/sync/errgroup"

	"github.com/go-reconnect/reconnect/internal/kwire"
)

// outRecord is a record on its way to a partition.
type outRecord struct {
	topic     string
	partition int
	record    kwire.Record

	offset int64 // once it is written; -1 when the broker only said that it has it
	ahead  bool  // one of the canary's

	order  uint64 // of its key, see keyOrder
	source int64  // its offset in the dead letter queue
}

// errNoTopic says that a target does not exist.
var errNoTopic = errors.New("topic does not exist")

// producers bounds how many partitions one chunk is written to at a time.
const producers = 16

// partitionFor keeps a record's partition while the topic has it, and else chooses as a Java producer does.
func (n *run) partitionFor(ctx context.Context, topic string, partition int, key []byte) (int, error) {
	count, err := n.lookUp(ctx, topic)
	if err != nil {
		return 0, err
	}
	if count == 0 {
		return 0, errNoTopic
	}
	if partition >= 0 && partition < count {
		return partition, nil
	}
	all := make([]int, count)
	for i := range all {
		all[i] = i
	}
	return n.balancer.Balance(kafka.Message{Key: key}, all...), nil
}

func (n *run) produce(ctx context.Context, records []outRecord) (refused map[int]string, err error) {
	refused, twice, err := n.produceCounting(ctx, records)
	n.mu.Lock()
	n.report.MaybeTwice += twice
	n.mu.Unlock()
	return refused, err
}

// produceCounting writes records, those of one partition in order, and returns which of them the brokers refuse for what
// they are. After an error any of them may have been written.
func (n *run) produceCounting(ctx context.Context, records []outRecord) (refused map[int]string, maybeTwice int64, err error) {
	if len(records) == 0 {
		return nil, 0, nil
	}
	type target struct {
		topic     string
		partition int
	}
	byTarget := map[target][]int{}
	var order []target
	for i := range records {
		t := target{records[i].topic, records[i].partition}
		if byTarget[t] == nil {
			order = append(order, t)
		}
		byTarget[t] = append(byTarget[t], i)
	}
	var (
		twice   atomic.Int64
		results = make([]map[int]string, len(order))
	)
	// The first error must not cut the others off: what they have sent would stay in doubt.
	var g errgroup.Group
	g.SetLimit(producers)
	for k, t := range order {
		g.Go(func() error {
			s := sender{run: n, topic: t.topic, partition: t.partition, records: records, twice: &twice}
			err := s.all(ctx, byTarget[t])
			results[k] = s.refused
			return err
		})
	}
	err = g.Wait()
	refused = map[int]string{}
	for _, r := range results {
		maps.Copy(refused, r)
	}
	return refused, twice.Load(), err
}

// sender writes to one partition.
type sender struct {
	run       *run
	topic     string
	partition int
	records   []outRecord
	refused   map[int]string
	held      map[uint64]bool // keys of refused records
	twice     *atomic.Int64
}

// all cuts records into batches below the limit.
func (s *sender) all(ctx context.Context, indexes []int) error {
	for len(indexes) > 0 {
		limit := s.run.batchLimit(s.topic)
		size, n := kwire.BatchOverhead, 0
		for n < len(indexes) {
			size += s.records[indexes[n]].record.MaxSize()
			if n > 0 && size > limit {
				break
			}
			n++
		}
		if err := s.batch(ctx, indexes[:n]); err != nil {
			return err
		}
		indexes = indexes[n:]
	}
	return nil
}

// batch writes one batch. One that is refused is taken apart until the culprits are known.
func (s *sender) batch(ctx context.Context, indexes []int) error {
	if indexes = s.inOrder(indexes); len(indexes) == 0 {
		return nil
	}
	batch := make([]kwire.Record, len(indexes))
	for i, at := range indexes {
		batch[i] = s.records[at].record
	}
	ack, err := s.run.producerFor(ctx).Produce(ctx, s.topic, s.partition, batch)
	if ack.MaybeTwice {
		s.twice.Add(int64(len(batch)))
	}
	if err == nil {
		for i, at := range indexes {
			s.records[at].offset = -1
			if ack.Offset >= 0 {
				s.records[at].offset = ack.Offset + int64(i)
			}
		}
		return nil
	}
	var refused *kwire.RefusedError
	switch {
	case errors.As(err, &refused):
	case kwire.UnknownTopic(err):
		s.refuse(indexes, "target topic "+s.topic+" does not exist")
		return nil
	default:
		return s.run.explain(fmt.Sprintf("write %s-%d", s.topic, s.partition), err)
	}
	large := errors.Is(refused, kafka.MessageSizeTooLarge) || errors.Is(refused, kafka.RecordListTooLarge)
	if len(indexes) == 1 && large && s.stripTrace(indexes[0]) {
		return s.batch(ctx, indexes)
	}
	if len(indexes) == 1 {
		s.refuse(indexes, s.reason(refused, ack.BatchLength))
		return nil
	}
	if i := refused.Index; i >= 0 && i < len(indexes) {
		if err := s.batch(ctx, indexes[:i]); err != nil {
			return err
		}
		s.refuse(indexes[i:i+1], s.reason(refused, ack.BatchLength))
		return s.batch(ctx, indexes[i+1:])
	}
	half := len(indexes) / 2
	if large {
		s.run.learnLimit(s.topic, ack.BatchLength/2)
	}
	if err := s.batch(ctx, indexes[:half]); err != nil {
		return err
	}
	return s.batch(ctx, indexes[half:])
}

// stripTrace takes the stack traces off a record that is too large with them, and leaves a mark. It reports false when there
// are none.
func (s *sender) stripTrace(at int) bool {
	r := &s.records[at].record
	size := 0
	for i := range r.Headers {
		if isTrace(r.Headers[i].Key) {
			size += len(r.Headers[i].Value)
		}
	}
	if size == 0 {
		return false
	}
	r.Headers = append(without(r.Headers, HeaderStackTrace, PrefixStreams+"stacktrace", HeaderTraceStripped),
		kafka.Header{Key: HeaderTraceStripped, Value: decimalBytes(int64(size))})
	s.run.mu.Lock()
	s.run.report.Stripped++
	s.run.mu.Unlock()
	return true
}

func isTrace(key string) bool { return key == HeaderStackTrace || key == PrefixStreams+"stacktrace" }

func (s *sender) refuse(indexes []int, reason string) {
	if s.refused == nil {
		s.refused, s.held = map[int]string{}, map[uint64]bool{}
	}
	for _, i := range indexes {
		s.refused[i] = reason
		if k := s.records[i].order; k != 0 {
			s.held[k] = true
		}
	}
}

// inOrder leaves out the records whose key has one that was refused: they are parked behind it.
func (s *sender) inOrder(indexes []int) []int {
	if len(s.held) == 0 {
		return indexes
	}
	out := make([]int, 0, len(indexes))
	for _, i := range indexes {
		if s.held[s.records[i].order] {
			s.refused[i] = reasonBehind
			continue
		}
		out = append(out, i)
	}
	return out
}

func (s *sender) reason(err error, size int) string {
	switch {
	case errors.Is(err, kafka.MessageSizeTooLarge), errors.Is(err, kafka.RecordListTooLarge):
		return fmt.Sprintf("too large for max.message.bytes of %s (%d bytes as a batch)", s.topic, size)
	case errors.Is(err, kafka.InvalidTimestamp):
		return "timestamp refused by " + s.topic
	case errors.Is(err, kafka.InvalidRecord):
		return "record refused by " + s.topic + " (a compacted topic takes no null key)"
	}
	return "refused by " + s.topic
}

func (n *run) batchLimit(topic string) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	if l := n.limits[topic]; l > 0 {
		return min(l, n.cfg.BatchBytes)
	}
	return n.cfg.BatchBytes
}

func (n *run) learnLimit(topic string, limit int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if l := n.limits[topic]; l == 0 || limit < l {
		n.limits[topic] = max(limit, 1)
	}
}

// parkAll hands records to the Parker.
func (n *run) parkAll(ctx context.Context, records []Parked) error {
	switch {
	case len(records) == 0:
		return nil
	case n.park == nil:
		m := &records[0].Message
		return fmt.Errorf("dlq: record %s-%d@%d is to be parked (%s) and Park is not set: use ParkTopic or a Parker of your own",
			m.Topic, m.Partition, m.Offset, records[0].Reason)
	}
	if err := n.park.Park(ctx, records); err != nil {
		return fmt.Errorf("dlq: park %d records: %w", len(records), err)
	}
	return nil
}

func (n *run) parked(rec *Record, m *kafka.Message, reason string) Parked {
	return Parked{Message: *m, Failure: rec.Failure, Sets: rec.Sets, Attempt: rec.Attempt, Reason: reason, RunID: n.id, At: time.Now()}
}

func (n *run) overBudget(attempt int) (reason string, over bool) {
	if attempt < n.cfg.Budget {
		return "", false
	}
	if n.cfg.Budget == 0 {
		return "budget is none", true
	}
	return fmt.Sprintf("budget of %d attempts is used up", n.cfg.Budget), true
}

// timestamp is the time a record is written with.
func (n *run) timestamp(m kafka.Message, now time.Time) int64 {
	if n.cfg.KeepTimestamp {
		return m.Time.UnixMilli()
	}
	return now.UnixMilli()
}

// ownHeaders are a record's headers without what Connect's error handling and this package added.
func (n *run) ownHeaders(headers []kafka.Header) []kafka.Header {
	return without(Strip(headers), n.cfg.RetryCountHeader, n.cfg.RetryTimestampHeader, HeaderRetryConnector, HeaderNotBefore, HeaderDeferred, HeaderTraceStripped,
		HeaderParkReason, HeaderParkRun, HeaderParkTimestamp, HeaderParkSource)
}

// without copies headers but for some keys.
func without(headers []kafka.Header, keys ...string) []kafka.Header {
	out := make([]kafka.Header, 0, len(headers)+4)
next:
	for i := range headers {
		for _, k := range keys {
			if headers[i].Key == k {
				continue next
			}
		}
		out = append(out, headers[i])
	}
	return out
}

// withRetry adds the marks of one more attempt behind a record's headers.
func (n *run) withRetry(headers []kafka.Header, rec *Record, now time.Time) []kafka.Header {
	headers = append(slices.Clip(headers),
		kafka.Header{Key: n.cfg.RetryCountHeader, Value: decimalBytes(int64(rec.Attempt) + 1)},
		kafka.Header{Key: n.cfg.RetryTimestampHeader, Value: decimalBytes(now.UnixMilli())},
	)
	if rec.Failure.Connector != "" {
		headers = append(headers, kafka.Header{Key: HeaderRetryConnector, Value: []byte(rec.Failure.Connector)})
	}
	return withOriginalTime(withOrigin(headers, &rec.Failure), rec.Message)
}

// withOriginalTime keeps the first time a record had; Connect writes dead letters with the time of the original.
func withOriginalTime(headers []kafka.Header, m kafka.Message) []kafka.Header {
	for i := range headers {
		if headers[i].Key == HeaderOriginalTimestamp {
			return headers
		}
	}
	return append(slices.Clip(headers), kafka.Header{Key: HeaderOriginalTimestamp, Value: decimalBytes(m.Time.UnixMilli())})
}

func decimalBytes(n int64) []byte { return strconv.AppendInt(nil, n, 10) }

// retryCount reads the attempts from the header; what is no number counts as none.
func (n *run) retryCount(headers []kafka.Header) int {
	for _, header := range slices.Backward(headers) {
		if header.Key == n.cfg.RetryCountHeader {
			count, ok := decimal(header.Value, 1<<30)
			if !ok {
				return 0
			}
			return int(count)
		}
	}
	return 0
}

// notBefore reads when a deferred record is due.
func notBefore(headers []kafka.Header) (time.Time, bool) {
	return milliseconds(headers, HeaderNotBefore)
}

// milliseconds reads a time from a header.
func milliseconds(headers []kafka.Header, key string) (time.Time, bool) {
	for _, header := range slices.Backward(headers) {
		if header.Key == key {
			ms, ok := decimal(header.Value, 1<<53)
			return time.UnixMilli(ms), ok
		}
	}
	return time.Time{}, false
}

// committedChunk adds a chunk to the report.
func (n *run) committedChunk(partition int, c *chunk) {
	n.mu.Lock()
	n.apply(partition, c.chunkResult)
	n.report.Samples = append(n.report.Samples, c.samples[:min(len(c.samples), maxSamples-len(n.report.Samples))]...)
	n.mu.Unlock()
	n.canary.published(time.Now(), int(c.outcomes[OutcomeRepublished]))
	n.progress.Lock()
	defer n.progress.Unlock()
	if n.cfg.Audit != nil {
		for i := range c.entries {
			n.cfg.Audit(c.entries[i])
		}
	}
	n.cfg.OnProgress(n.progressNow())
}

// maxSamples is how many differences a dry run shows.
const maxSamples = 10

// apply needs the lock.
func (n *run) apply(partition int, c chunkResult) {
	r := &n.report
	r.Read += c.read
	r.Republished += c.outcomes[OutcomeRepublished]
	r.Parked += c.outcomes[OutcomeParked]
	r.Skipped += c.outcomes[OutcomeSkipped]
	r.Deferred += c.outcomes[OutcomeDeferred]
	r.Duplicate += c.outcomes[OutcomeDuplicate]
	r.Pending += c.outcomes[OutcomePending]
	r.Left += c.outcomes[OutcomeLeft]
	r.MaybeTwice += c.maybeTwice
	r.Known += c.known
	for reason, count := range c.reasons {
		if _, known := r.Reasons[reason]; !known && len(r.Reasons) >= maxReasons {
			reason = "other"
		}
		r.Reasons[reason] += count
	}
	p := n.parts[partition]
	p.Read += c.read
	p.Position = max(p.Position, c.to)
}

const maxReasons = 100

// doubtful counts records that may have been written although their chunk failed.
func (n *run) doubtful(records int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.report.Uncommitted += int64(records)
}

// settle decides about a chunk whose commit was in doubt, once the group's offset is known. It needs the lock.
func (n *run) settle(partition int, committed int64, known bool) {
	c, ok := n.unsure[partition]
	if !ok {
		return
	}
	delete(n.unsure, partition)
	if known && committed >= c.to {
		n.apply(partition, c)
		return
	}
	if !n.cfg.ExactlyOnce { // there, what was not committed was not written
		n.report.Uncommitted += c.written()
	}
}

func (n *run) progressNow() Progress {
	n.mu.Lock()
	defer n.mu.Unlock()
	p := Progress{RunID: n.id, Outcomes: n.report.Outcomes(), Elapsed: time.Since(n.started)}
	for _, part := range n.parts {
		p.Done += part.Position - part.Start
		if !n.cfg.Follow {
			p.Total += max(0, part.End-part.Start)
		}
	}
	if s := p.Elapsed.Seconds(); s > 0 {
		p.Rate = float64(p.Done) / s
	}
	if n.cfg.Follow {
		p.Total = p.Done
		return p
	}
	if p.Rate > 0 {
		p.ETA = time.Duration(float64(p.Total-p.Done) / p.Rate * float64(time.Second))
	}
	return p
}
