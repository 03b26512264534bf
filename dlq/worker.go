package dlq

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/go-reconnect/reconnect/internal/kwire"
)

// worker reads one partition of the dead letter queue during one generation.
type worker struct {
	run       *run
	gen       *kafka.Generation
	partition int
	committed int64 // the group's offset when the generation began
	position  int64
	end       int64
	pageAt    time.Time
	txn       *kwire.Txn // with ExactlyOnce
	floor     int64      // committed at the beginning: a run with a ledger reads behind it and must not rewind the group
}

// chunk is a piece of a partition whose outcomes are decided and become true together.
type chunk struct {
	chunkResult
	outs    []outRecord
	places  []outPlace // of outs, for what the brokers refuse
	parked  []Parked
	entries []Entry
	samples []Sample
}

type outPlace struct {
	parked  Parked // what to park when the broker refuses the record
	outcome Outcome
}

// chunkResult is what a chunk adds to the report once it is committed.
type chunkResult struct {
	from, to   int64
	read       int64
	outcomes   map[Outcome]int64
	reasons    map[string]int64
	maybeTwice int64
	known      int64 // in the ledger already
}

// conclude gives a record its outcome.
func (c *chunk) conclude(n *run, p *Parked, o Outcome, reason string, to *outRecord) {
	c.count(o, reason)
	if n.cfg.Audit == nil && n.ledger == nil {
		return
	}
	f := &p.Failure
	e := Entry{
		Topic: n.cfg.Topic, Partition: p.Message.Partition, Offset: p.Message.Offset, Outcome: o, Reason: reason, RunID: n.id, Group: n.cfg.Group, By: n.cfg.By, At: time.Now(),
		OriginTopic: strings.Clone(f.Topic), OriginPartition: f.Partition, OriginOffset: f.Offset, Connector: strings.Clone(f.Connector), Attempt: p.Attempt, TargetPartition: -1,
	}
	if to != nil {
		e.Target, e.TargetPartition = strings.Clone(to.topic), to.partition
	}
	c.entries = append(c.entries, e)
}

func (c *chunkResult) count(o Outcome, reason string) {
	if c.outcomes == nil {
		c.outcomes = map[Outcome]int64{}
	}
	c.read++
	c.outcomes[o]++
	if reason != "" {
		if c.reasons == nil {
			c.reasons = map[string]int64{}
		}
		c.reasons[reason]++
	}
}

// written is how many records a chunk put somewhere.
func (c *chunkResult) written() int64 {
	return c.outcomes[OutcomeRepublished] + c.outcomes[OutcomeParked] + c.outcomes[OutcomeDeferred]
}

// errGenerationLost says that a commit was refused because the group moved on: the partition belongs to another generation.
var errGenerationLost = errors.New("the group has moved on to another generation")

// work reads from the committed offset to the end and reports whether it got there. An error stops the run; a lost
// generation is none.
func (w *worker) work(ctx context.Context) (done bool, err error) {
	w.begin(w.committed)
	for w.position < w.end && ctx.Err() == nil {
		release, err := w.run.inFlight.take(ctx)
		if err != nil {
			return false, nil //nolint:nilerr // the context ended; why is known to the run
		}
		err = w.page(ctx)
		release()
		switch {
		case err == nil:
		case errors.Is(err, errGenerationLost):
			w.run.cfg.Logger.LogAttrs(ctx, logInfo, "generation lost before a commit", logInt("partition", w.partition), logOffset(w.position))
			return false, nil
		case ctx.Err() != nil && (errors.Is(err, context.Cause(ctx)) || errors.Is(err, ctx.Err())):
			return false, nil
		default:
			return false, err
		}
	}
	return w.position >= w.end, nil
}

// begin finds the position and what retention has taken before it.
func (w *worker) begin(committed int64) {
	n := w.run
	first := n.begins[w.partition]
	n.mu.Lock()
	defer n.mu.Unlock()
	n.settle(w.partition, committed, true)
	w.floor = committed
	if n.ledger != nil {
		committed = -1 // what a run with a filter left is behind the group's position
	}
	w.position = max(committed, first)
	if n.ledger != nil {
		w.position = min(max(n.done[w.partition].past(first), first), w.end)
	}
	p := n.parts[w.partition]
	if p == nil {
		start := w.position
		if committed >= 0 && committed < first {
			start = committed
		}
		p = &PartitionReport{Partition: w.partition, Start: start, End: w.end}
		if committed >= 0 && committed < first {
			p.Expired = min(first, w.end) - min(committed, w.end)
		}
		n.parts[w.partition] = p
		if n.ledger != nil {
			n.report.Known += w.position - first
		}
	}
	p.Position = max(p.Position, w.position)
}

// page fetches once and works through what came.
func (w *worker) page(ctx context.Context) error {
	page, err := w.fetch(ctx)
	if err != nil {
		return err
	}
	w.pageAt = time.Now()
	c := &chunk{chunkResult: chunkResult{from: w.position, to: w.position}}
	for i := range page.Records {
		m := &page.Records[i]
		if m.Offset >= w.end || ctx.Err() != nil {
			break
		}
		if err := w.decide(ctx, m, c); err != nil {
			// What was decided before is still written and committed.
			return errors.Join(err, w.flush(ctx, c))
		}
		c.to = m.Offset + 1
		if len(c.outs)+len(c.parked) >= w.run.cfg.ChunkRecords || c.read >= int64(w.run.cfg.ChunkRecords) {
			if err := w.flush(ctx, c); err != nil {
				return err
			}
			c = &chunk{chunkResult: chunkResult{from: w.position, to: w.position}}
		}
	}
	if ctx.Err() == nil {
		c.to = min(page.Next, w.end)
	}
	return w.flush(ctx, c)
}

// fetch reads at the position. It comes back with something new, or with a position behind a gap.
func (w *worker) fetch(ctx context.Context) (kwire.Page, error) {
	n := w.run
	q := kwire.FetchRequest{Topic: n.cfg.Topic, Partition: w.partition, Offset: w.position, MaxBytes: n.inFlight.page, MaxWait: 500 * time.Millisecond}
	for {
		page, err := n.read(ctx, q, w.end, n.cfg.Follow)
		if !errors.Is(err, kafka.OffsetOutOfRange) {
			if err == nil && !page.HasBatch && page.Next > w.position {
				n.mu.Lock()
				n.report.Gaps += page.Next - w.position
				n.mu.Unlock()
			}
			return page, err
		}
		if err := w.expire(ctx); err != nil {
			return page, err
		}
		q.Offset = w.position
		if w.position >= w.end {
			return kwire.Page{Next: w.position}, nil
		}
	}
}

// fetchTimeout bounds one fetch; a broker that is paused answers nothing at all.
const fetchTimeout = 30 * time.Second

// expire moves the position to what retention has left.
func (w *worker) expire(ctx context.Context) error {
	n := w.run
	begins, _, err := n.listOffsets(ctx, len(n.begins), kafka.FirstOffset, kafka.ReadUncommitted)
	if err != nil {
		return err
	}
	first := begins[w.partition]
	if first <= w.position {
		return fmt.Errorf("dlq: %s-%d has no offset %d any more: the topic was truncated or created anew during the run", n.cfg.Topic, w.partition, w.position)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	p := n.parts[w.partition]
	p.Expired += min(first, w.end) - w.position
	w.position = min(first, w.end)
	p.Position = max(p.Position, w.position)
	return nil
}

// decide asks the handler about one record and adds the outcome to the chunk.
func (w *worker) decide(ctx context.Context, m *kafka.Message, c *chunk) error {
	n := w.run
	f, sets, err := parse(m.Headers)
	rec := Record{Message: *m, Failure: f, Sets: sets, Err: err}
	rec.Attempt = max(n.retryCount(m.Headers), sets-1, 0)
	rec.order = n.order.key(m, &f)
	if done, err := w.judge(ctx, &rec, m, c); done || err != nil {
		return err
	}
	now := time.Now()
	rec.Out = kafka.Message{Topic: n.cfg.Target.topic, Partition: f.Partition, Key: m.Key, Value: m.Value, Headers: n.ownHeaders(m.Headers)}
	if n.cfg.Target.origin {
		rec.Out.Topic = f.Topic
	}
	d, err := n.cfg.Handler(ctx, &rec)
	if err != nil {
		return fmt.Errorf("dlq: handler: record %s-%d@%d: %w", m.Topic, m.Partition, m.Offset, err)
	}
	switch d.kind {
	case decideSkip:
		n.order.free(rec.order, m.Offset)
		p := n.parked(&rec, m, "")
		c.conclude(n, &p, OutcomeSkipped, d.reason, nil)
	case decideRetryAfter:
		if reason, over := n.overBudget(rec.Attempt); over {
			return w.park(c, &rec, m, reason)
		}
		headers := n.withRetry(without(m.Headers, n.cfg.RetryCountHeader, n.cfg.RetryTimestampHeader, HeaderNotBefore), &rec, now)
		return w.deferUntil(c, &rec, headers, ceilMilli(now.Add(d.delay)))
	case decideRepublish:
		return w.republish(ctx, c, &rec, m, now)
	case decidePark:
		return w.park(c, &rec, m, d.reason)
	}
	return nil
}

// judge gives a record its outcome when it is none for the handler.
func (w *worker) judge(ctx context.Context, rec *Record, m *kafka.Message, c *chunk) (done bool, err error) {
	n := w.run
	if n.done[w.partition].has(m.Offset) {
		c.known++
		return true, nil
	}
	if n.cfg.Filter.active() && !n.cfg.Filter.matches(rec, func() string { return n.cfg.Diagnose(rec.Failure.StackTrace).Fingerprint }) {
		if n.cfg.Filter.ParkUnmatched {
			return true, w.park(c, rec, m, "does not match the filter")
		}
		c.count(OutcomeLeft, "")
		return true, nil
	}
	ahead, behind := n.order.behind(rec.order, m)
	due, deferred := notBefore(m.Headers)
	if behind && ahead.due != 0 { // it waits as long, and is put back behind it
		if at := time.UnixMilli(ahead.due); !deferred || at.After(due) {
			due = at
		}
		if err := w.pace(ctx, m, due, c); err != nil {
			return false, err
		}
		return true, w.deferUntil(c, rec, m.Headers, due.UnixMilli())
	}
	if deferred && due.After(time.Now()) {
		if err := w.pace(ctx, m, due, c); err != nil {
			return false, err
		}
		if due.After(time.Now()) {
			return true, w.deferUntil(c, rec, m.Headers, due.UnixMilli())
		}
	}
	pending, err := n.front.pending(ctx, &rec.Failure, w.since())
	switch {
	case err != nil:
		return false, err
	case pending:
		c.count(OutcomePending, "")
		return true, nil
	case !n.copies.claim(&rec.Failure, rec.Attempt, place{m.Partition, m.Offset}):
		p := n.parked(rec, m, "")
		c.conclude(n, &p, OutcomeDuplicate, "", nil)
		return true, nil
	case behind:
		return true, w.park(c, rec, m, reasonBehind)
	}
	return false, n.canary.cameBack(m, rec.Attempt)
}

// republish checks where a record goes and queues it, or parks it with the reason why not.
func (w *worker) republish(ctx context.Context, c *chunk, rec *Record, m *kafka.Message, now time.Time) error {
	n := w.run
	topic := rec.Out.Topic
	if reason, over := n.overBudget(rec.Attempt); over {
		return w.park(c, rec, m, reason)
	}
	switch {
	case topic == "":
		return w.park(c, rec, m, "origin unknown: no error context")
	case !isTopicName(topic):
		return w.park(c, rec, m, "origin is no topic name")
	case topic == n.cfg.Topic && n.cfg.Target.origin && topic == rec.Failure.Topic:
		return w.park(c, rec, m, "origin is the dead letter queue itself")
	case topic == n.cfg.Topic:
		return fmt.Errorf("dlq: handler: record %s-%d@%d: Out.Topic is the dead letter queue itself; RetryAfter puts a record back", m.Topic, m.Partition, m.Offset)
	}
	partition, err := n.partitionFor(ctx, topic, rec.Out.Partition, rec.Out.Key)
	switch {
	case errors.Is(err, errNoTopic):
		return w.park(c, rec, m, "target topic "+topic+" does not exist")
	case err != nil:
		return err
	}
	if n.cfg.Target.origin {
		if err := n.checkOthers(ctx, topic, rec.Failure.Connector); err != nil {
			return err
		}
		if err := n.checkCompacted(ctx, topic); err != nil {
			return err
		}
		if f := &rec.Failure; n.cfg.Stale != StaleAllow && rec.Out.Key != nil && topic == f.Topic && f.Has.Contains(HasOrigin) && f.Partition >= 0 && f.Offset >= 0 {
			reason, err := n.newest.stale(ctx, f, m.Headers, rec.Out.Key)
			if err != nil {
				return err
			}
			switch {
			case reason == reasonStale && n.cfg.Stale == StaleSkip:
				p := n.parked(rec, m, "")
				c.conclude(n, &p, OutcomeSkipped, reason, nil)
				return nil
			case reason != "":
				return w.park(c, rec, m, reason)
			}
		}
	}
	ahead, err := n.canary.admit(ctx, w, c)
	if err != nil {
		return err
	}
	n.order.free(rec.order, m.Offset)
	o := outRecord{topic: topic, partition: partition, ahead: ahead, order: rec.order, source: m.Offset}
	o.record.Key, o.record.Value = rec.Out.Key, rec.Out.Value
	o.record.Headers = n.withRetry(rec.Out.Headers, rec, now)
	switch {
	case !rec.Out.Time.IsZero():
		o.record.Timestamp = rec.Out.Time.UnixMilli()
	default:
		o.record.Timestamp = n.timestamp(*m, now)
	}
	c.outs = append(c.outs, o)
	c.places = append(c.places, outPlace{parked: n.parked(rec, m, ""), outcome: OutcomeRepublished})
	if n.cfg.DryRun {
		c.sample(rec)
	}
	return nil
}

func (w *worker) park(c *chunk, rec *Record, m *kafka.Message, reason string) error {
	if reason == "" {
		reason = "parked by the handler"
	}
	if err := w.run.order.holdBack(rec.order, hold{at: m.Offset}); err != nil {
		return err
	}
	p := w.run.parked(rec, m, reason)
	c.parked = append(c.parked, p)
	c.conclude(w.run, &p, OutcomeParked, reason, nil)
	return nil
}

// since is when everything that the worker has before it was written: the start of a batch run, the last read of one that
// follows.
func (w *worker) since() time.Time {
	if w.run.cfg.Follow {
		return w.pageAt
	}
	return w.run.started
}

// deferEvery is how often a run that follows writes a record that is not due again.
const deferEvery = 5 * time.Second

// pace keeps a run that follows from writing the same deferred records round and round: one that was put back just now is
// waited for. What is decided before it is made true first.
func (w *worker) pace(ctx context.Context, m *kafka.Message, due time.Time, c *chunk) error {
	if !w.run.cfg.Follow {
		return nil
	}
	back, ok := milliseconds(m.Headers, HeaderDeferred)
	if !ok {
		return nil
	}
	wait := min(time.Until(back.Add(deferEvery)), time.Until(due))
	if wait <= 0 {
		return nil
	}
	if err := w.flush(ctx, c); err != nil {
		return err
	}
	*c = chunk{chunkResult: chunkResult{from: w.position, to: w.position}}
	if !kwire.Sleep(ctx, wait) {
		return context.Cause(ctx)
	}
	return nil
}

// deferUntil puts the record on the dead letter queue again, in its partition, with the time before which it must not be tried.
func (w *worker) deferUntil(c *chunk, rec *Record, headers []kafka.Header, due int64) error {
	m, now := &rec.Message, time.Now()
	if err := w.run.order.holdBack(rec.order, hold{at: m.Offset, due: due, since: now.UnixMilli()}); err != nil {
		return err
	}
	o := outRecord{topic: m.Topic, partition: m.Partition, order: rec.order, source: m.Offset}
	o.record.Timestamp = w.run.timestamp(*m, now)
	headers = append(without(headers, HeaderNotBefore, HeaderDeferred),
		kafka.Header{Key: HeaderNotBefore, Value: decimalBytes(due)}, kafka.Header{Key: HeaderDeferred, Value: decimalBytes(now.UnixMilli())})
	o.record.Key, o.record.Value, o.record.Headers = m.Key, m.Value, withOriginalTime(headers, *m)
	c.outs = append(c.outs, o)
	c.places = append(c.places, outPlace{parked: w.run.parked(rec, m, ""), outcome: OutcomeDeferred})
	return nil
}

// ceilMilli is a time in milliseconds, rounded up: a record is not tried early.
func ceilMilli(t time.Time) int64 {
	ms := t.UnixMilli()
	if time.UnixMilli(ms).Before(t) {
		ms++
	}
	return ms
}

// flush makes the outcomes of a chunk true, then commits it. It goes on for a while after ctx has ended: a batch that was
// sent must not stay in doubt, and the commit belongs to it.
func (w *worker) flush(ctx context.Context, c *chunk) error {
	if c.to <= c.from {
		return nil
	}
	n := w.run
	if n.cfg.DryRun {
		w.pretend(c)
		return nil
	}
	n.limiter.wait(ctx, len(c.outs)+len(c.parked), c.bytes())
	flushCtx, cancel := graceful(ctx, n.cfg.ShutdownTimeout)
	defer cancel()
	var err error
	var refused map[int]string
	if w.txn != nil {
		refused, err = w.flushOnce(flushCtx, c)
	} else {
		refused, err = w.flushAll(flushCtx, c)
	}
	n.canary.flushed(c, refused, err == nil)
	return err
}

// flushAll makes the outcomes true one after the other: park, produce, ledger, commit.
func (w *worker) flushAll(flushCtx context.Context, c *chunk) (map[int]string, error) {
	n := w.run
	if err := n.parkAll(flushCtx, c.parked); err != nil {
		return nil, err
	}
	refused, twice, err := n.produceCounting(flushCtx, c.outs)
	if err != nil {
		n.doubtful(len(c.parked) + len(c.outs))
		return nil, fmt.Errorf("dlq: republish: %w", err)
	}
	c.maybeTwice += twice
	late := c.settleOuts(n, refused)
	if err := n.parkAll(flushCtx, late); err != nil {
		n.doubtful(len(c.parked) + len(c.outs) - len(late))
		return nil, err
	}
	if n.ledger != nil && len(c.entries) > 0 {
		if err := n.ledger.Record(flushCtx, c.entries); err != nil {
			n.doubtful(len(c.parked) + len(c.outs))
			return nil, fmt.Errorf("dlq: ledger: %w", err)
		}
	}
	if err := w.commit(flushCtx, c); err != nil {
		if n.ledger != nil { // which has the outcomes, so they stand
			n.committedChunk(w.partition, c)
			return nil, err
		}
		n.mu.Lock()
		n.unsure[w.partition] = c.chunkResult
		n.mu.Unlock()
		return nil, err
	}
	w.position = c.to
	n.committedChunk(w.partition, c)
	return refused, nil
}

// settleOuts concludes what was written and returns what the brokers refused, to be parked.
func (c *chunk) settleOuts(n *run, refused map[int]string) (late []Parked) {
	for i := range c.places {
		reason, bad := refused[i]
		if !bad {
			c.conclude(n, &c.places[i].parked, c.places[i].outcome, "", &c.outs[i])
			continue
		}
		p := c.places[i].parked
		p.Reason = reason
		if err := n.order.holdBack(c.outs[i].order, hold{at: c.outs[i].source}); err != nil {
			n.fail(err)
		}
		late = append(late, p)
		c.conclude(n, &p, OutcomeParked, reason, nil)
	}
	return late
}

func (c *chunk) bytes() (size int) {
	for i := range c.outs {
		size += c.outs[i].record.MaxSize()
	}
	for i := range c.parked {
		m := &c.parked[i].Message
		size += len(m.Key) + len(m.Value)
		for j := range m.Headers {
			size += len(m.Headers[j].Key) + len(m.Headers[j].Value)
		}
	}
	return size
}

// pretend is flush in a dry run: outcomes are counted, nothing is written.
func (w *worker) pretend(c *chunk) {
	for i := range c.places {
		c.conclude(w.run, &c.places[i].parked, c.places[i].outcome, "", &c.outs[i])
	}
	w.position = c.to
	w.run.committedChunk(w.partition, c)
}

// sample keeps a copy of what would change; the run keeps the first few.
func (c *chunk) sample(rec *Record) {
	if len(c.samples) < maxSamples {
		c.samples = append(c.samples, Sample{Before: cloneMessage(rec.Message), After: cloneMessage(rec.Out)})
	}
}

func cloneMessage(m kafka.Message) kafka.Message {
	m.Key, m.Value, m.Headers = slices.Clone(m.Key), slices.Clone(m.Value), slices.Clone(m.Headers)
	for i := range m.Headers {
		m.Headers[i].Value = slices.Clone(m.Headers[i].Value)
	}
	return m
}

// commit stores the position under the generation, so that a member that was thrown out cannot rewind the group.
func (w *worker) commit(ctx context.Context, c *chunk) error {
	n := w.run
	err := kwire.Retry(ctx, n.cfg.RetryTimeout, func(ctx context.Context) error {
		attempt, cancel := context.WithTimeout(ctx, fetchTimeout)
		defer cancel()
		res, err := n.client.OffsetCommit(attempt, &kafka.OffsetCommitRequest{
			GroupID: n.cfg.Group, GenerationID: int(w.gen.ID), MemberID: w.gen.MemberID,
			Topics: map[string][]kafka.OffsetCommit{n.cfg.Topic: {{Partition: w.partition, Offset: max(c.to, w.floor)}}},
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
	case err == nil:
		return nil
	case errors.Is(err, kafka.IllegalGeneration), errors.Is(err, kafka.UnknownMemberId), errors.Is(err, kafka.RebalanceInProgress), errors.Is(err, kafka.FencedInstanceID):
		return fmt.Errorf("%w: %w", errGenerationLost, err)
	}
	return n.explain(fmt.Sprintf("commit %s-%d@%d", n.cfg.Topic, w.partition, c.to), err)
}

// graceful is ctx living on for d after its end.
func graceful(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	out, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		t := time.AfterFunc(d, func() { cancel(context.Cause(ctx)) })
		context.AfterFunc(out, func() { t.Stop() })
	})
	return out, func() {
		stop()
		cancel(nil)
	}
}
