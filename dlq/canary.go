package dlq

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/go-reconnect/reconnect/internal/kwire"
)

// Canary tries a large run out before it goes on: a few records are republished first, then the run waits until the connector's
// consumer group has passed them. When more than half of them come back as dead letters the run stops with a
// *CanaryError; what it republished until then stays committed, and the rest is where it was. It stops too when the group does
// not get there within Wait.
//
// A group that does not exist, or that this user may not look at, cannot be waited for: the run then goes on at once, and
// CanaryReport.Unwatched says so. A canary is one per Run: each of several instances sends its own.
//
// A run that follows stops by the same rate at any time: when, of at least Records records that it republished within the
// last Wait, more than half came back.
type Canary struct {
	// Above is how many records a run must have in front of it for a canary. 0 is 1,000; negative switches the canary off, and
	// with it the rate at which a run that follows stops.
	Above int64
	// Records is how many are republished first. Defaults to 20.
	Records int
	// Wait bounds the waiting. A sink commits its position each offset.flush.interval.ms (60 s unless changed), so it must be
	// longer than that. Defaults to 5 min.
	Wait time.Duration
}

func (c *Canary) check() error {
	if c.Above == 0 {
		c.Above = 1000
	}
	if c.Records == 0 {
		c.Records = 20
	}
	if c.Wait == 0 {
		c.Wait = 5 * time.Minute
	}
	switch {
	case c.Records < 0 || c.Records > 100_000:
		return errors.New("dlq: Canary.Records is out of range: allowed are 1 to 100000; a negative Above switches the canary off")
	case c.Wait < 0:
		return errors.New("dlq: Canary.Wait is negative; a negative Above switches the canary off")
	}
	return nil
}

// CanaryReport is what became of the records that were sent ahead.
type CanaryReport struct {
	// Sent is how many records were republished ahead of the rest.
	Sent int `json:"sent"`
	// Passed is how many of them the connector's group has behind it, Returned how many are dead letters again.
	Passed   int `json:"passed"`
	Returned int `json:"returned"`
	// Unwatched is how many nobody could wait for: their connector is unknown, or its group does not exist or cannot be seen.
	Unwatched int `json:"unwatched"`
	// Failed says that the run stopped because of it.
	Failed bool `json:"failed"`
}

// CanaryError stops a run before it makes a second heap of dead letters out of the first.
type CanaryError struct {
	Topic string // the dead letter queue
	CanaryReport
	// Waited is how long the run waited for the connector; for a run that follows, the time that the numbers are about.
	Waited time.Duration
	// Following says that it was the rate of a run that follows, not the records sent ahead.
	Following bool
	// Groups are the consumer groups that were waited for.
	Groups []string
}

func (e *CanaryError) Error() string {
	switch {
	case e.Following:
		return fmt.Sprintf("dlq: %d of the %d records republished in the last %s came back to %s: stopped; Inspect shows what they fail with now",
			e.Returned, e.Sent, e.Waited, e.Topic)
	case 2*e.Returned > e.Sent:
		return fmt.Sprintf("dlq: canary: %d of %d records came back to %s: the others were not sent; Inspect shows what they fail with now", e.Returned, e.Sent, e.Topic)
	}
	return fmt.Sprintf("dlq: canary: after %s group %s has passed %d of %d records: is the connector running, and does it read the target? Canary.Wait waits longer, a negative Canary.Above goes without",
		e.Waited.Round(time.Second), strings.Join(e.Groups, ", "), e.Passed, e.Sent)
}

// canaryPoll is how often the connector is looked at, and canaryGrace how long a dead letter may take after its record was
// passed.
const (
	canaryPoll  = frontierAge
	canaryGrace = 2 * time.Second
)

// canary is a Canary at work.
type canary struct {
	run *run

	mu       sync.Mutex
	armed    bool
	open     bool // no more records are held back
	free     int  // of the records to be sent ahead
	taken    int  // sent ahead and not committed yet
	sent     []sentRecord
	since    time.Time
	watching bool
	changed  chan struct{}

	rate []rateBucket // of a run that follows, the oldest first
}

// sentRecord is a record that was republished: what comes back names its place.
type sentRecord struct {
	topic     string
	partition int
	offset    int64 // -1: the broker only said that it has it
	connector string
	returned  bool
}

// arm decides, once, whether the run is large enough.
func (c *canary) arm() {
	n := c.run
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.armed {
		return
	}
	c.armed, c.free, c.changed = true, n.cfg.Canary.Records, make(chan struct{})
	var ahead int64
	for p, end := range n.ends {
		start := max(n.committed[p], n.begins[p])
		if n.ledger != nil {
			start = max(n.done[p].past(n.begins[p]), n.begins[p])
		}
		ahead += max(0, end-start)
	}
	c.open = n.cfg.DryRun || n.cfg.Canary.Above < 0 || ahead <= n.cfg.Canary.Above
}

func (c *canary) broadcast() {
	close(c.changed)
	c.changed = make(chan struct{})
}

// admit lets a record be republished: at once, as one of those sent ahead, or after they have done well.
func (c *canary) admit(ctx context.Context, w *worker, k *chunk) (ahead bool, err error) {
	for {
		c.mu.Lock()
		if c.open {
			c.mu.Unlock()
			return false, nil
		}
		if c.free > 0 {
			c.free--
			c.taken++
			c.mu.Unlock()
			return true, nil
		}
		c.mu.Unlock()
		// What this worker has sent ahead must be on its way before anybody can wait for it.
		if err := w.flush(ctx, k); err != nil {
			return false, err
		}
		*k = chunk{chunkResult: chunkResult{from: w.position, to: w.position}}
		if err := c.wait(ctx); err != nil {
			return false, err
		}
	}
}

// wait returns when something has changed. One of those who wait looks at the connector for all of them.
func (c *canary) wait(ctx context.Context) error {
	c.mu.Lock()
	if c.open || c.free > 0 {
		c.mu.Unlock()
		return nil
	}
	if c.taken > 0 || c.watching {
		changed := c.changed
		c.mu.Unlock()
		select {
		case <-changed:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	c.watching = true
	if c.since.IsZero() {
		c.since = time.Now()
	}
	c.mu.Unlock()
	err := c.watch(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.watching = false
	c.open = err == nil
	c.broadcast()
	return err
}

// flushed settles what a chunk sent ahead: it is on its way, or others take its place.
func (c *canary) flushed(k *chunk, refused map[int]string, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range k.outs {
		o := &k.outs[i]
		if !o.ahead {
			continue
		}
		o.ahead = false
		c.taken--
		if _, bad := refused[i]; bad || !ok {
			c.free++
			continue
		}
		c.sent = append(c.sent, sentRecord{topic: o.topic, partition: o.partition, offset: o.offset, connector: strings.Clone(k.places[i].parked.Failure.Connector)})
	}
	if c.changed != nil {
		c.broadcast()
	}
}

// watch waits for the connector to pass what was sent ahead.
func (c *canary) watch(ctx context.Context) error {
	n := c.run
	returns := make(map[int]int64, len(n.ends)) // where to look for dead letters next
	maps.Copy(returns, n.ends)
	n.cfg.Logger.LogAttrs(ctx, logInfo, "canary sent, waiting for the connector", logInt("records", len(c.sent)))
	var passedAt time.Time
	for {
		if err := c.readReturns(ctx, returns); err != nil {
			return err
		}
		state, groups, err := c.state(ctx)
		if err != nil {
			return err
		}
		n.mu.Lock()
		n.report.Canary = &state
		n.mu.Unlock()
		waited := time.Since(c.since)
		switch {
		case 2*state.Returned > state.Sent:
			return c.stop(state, waited, groups)
		case state.Unwatched == state.Sent:
			n.cfg.Logger.LogAttrs(ctx, logWarn, "nobody to wait for after the canary: the connector's group does not exist or cannot be seen")
			return nil
		case state.Passed+state.Unwatched >= state.Sent:
			if passedAt.IsZero() {
				passedAt = time.Now()
			}
			if time.Since(passedAt) >= canaryGrace {
				n.cfg.Logger.LogAttrs(ctx, logInfo, "canary passed", logInt("returned", state.Returned))
				return nil
			}
		case waited > n.cfg.Canary.Wait:
			return c.stop(state, waited, groups)
		}
		if !kwire.Sleep(ctx, canaryPoll) {
			return context.Cause(ctx)
		}
	}
}

func (c *canary) stop(state CanaryReport, waited time.Duration, groups []string) error {
	state.Failed = true
	c.run.mu.Lock()
	c.run.report.Canary = &state
	c.run.mu.Unlock()
	return &CanaryError{Topic: c.run.cfg.Topic, CanaryReport: state, Waited: waited, Groups: groups}
}

// readReturns looks for dead letters of what was sent ahead.
func (c *canary) readReturns(ctx context.Context, from map[int]int64) error {
	n := c.run
	_, ends, err := n.listOffsets(ctx, len(from), kafka.LastOffset, kafka.ReadCommitted)
	if err != nil {
		return err
	}
	for p, at := range from {
		err := n.scan(ctx, n.cfg.Topic, p, at, ends[p], func(m *kafka.Message) error {
			f, _, _ := parse(m.Headers)
			for i := range c.sent {
				if s := &c.sent[i]; f.Has.Contains(HasOrigin) && s.offset >= 0 && s.offset == f.Offset && s.partition == f.Partition && s.topic == f.Topic {
					s.returned = true
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		from[p] = max(at, ends[p])
	}
	return nil
}

// state counts how far the connectors are.
func (c *canary) state(ctx context.Context) (state CanaryReport, groups []string, err error) {
	n := c.run
	state.Sent = len(c.sent)
	for _, s := range c.sent {
		if s.returned {
			state.Returned++
		}
		group := ""
		if s.connector != "" {
			group = n.cfg.ConnectorGroup(s.connector)
		}
		if group == "" || s.offset < 0 {
			state.Unwatched++
			continue
		}
		committed, visible, err := n.front.committed(ctx, group, s.topic, s.partition)
		switch {
		case err != nil:
			return state, nil, err
		case !visible:
			state.Unwatched++
			continue
		case committed > s.offset:
			state.Passed++
		}
		if !slices.Contains(groups, group) {
			groups = append(groups, group)
		}
	}
	return state, groups, nil
}

// rateBucket counts the records that were sent within a stretch of time.
type rateBucket struct {
	from       time.Time
	sent, back int
}

const rateBuckets = 16

// published counts what a run that follows has republished.
func (c *canary) published(at time.Time, records int) {
	if !c.run.cfg.Follow || c.run.cfg.Canary.Above < 0 || records == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	width := c.run.cfg.Canary.Wait / rateBuckets
	if last := len(c.rate) - 1; last >= 0 && at.Before(c.rate[last].from.Add(width)) {
		c.rate[last].sent += records
		return
	}
	c.rate = append(c.rate, rateBucket{from: at, sent: records})
}

// cameBack counts a dead letter that this run republished before, and stops the run when it is one too many.
func (c *canary) cameBack(m *kafka.Message, attempt int) error {
	n := c.run
	if !n.cfg.Follow || n.cfg.Canary.Above < 0 || attempt == 0 {
		return nil
	}
	sent, ok := milliseconds(m.Headers, n.cfg.RetryTimestampHeader)
	if !ok || sent.Before(n.started) {
		return nil
	}
	if _, deferred := milliseconds(m.Headers, HeaderDeferred); deferred { // it was put back, not sent
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	oldest := time.Now().Add(-n.cfg.Canary.Wait)
	c.rate = slices.DeleteFunc(c.rate, func(b rateBucket) bool { return b.from.Before(oldest) })
	state := CanaryReport{}
	for i := range slices.Backward(c.rate) {
		if b := &c.rate[i]; !b.from.After(sent) {
			b.back++
			break
		}
	}
	for i := range c.rate {
		state.Sent += c.rate[i].sent
		state.Returned += min(c.rate[i].back, c.rate[i].sent)
	}
	if state.Sent < n.cfg.Canary.Records || 2*state.Returned <= state.Sent {
		return nil
	}
	state.Failed = true
	n.mu.Lock()
	n.report.Canary = &state
	n.mu.Unlock()
	return &CanaryError{Topic: n.cfg.Topic, CanaryReport: state, Waited: n.cfg.Canary.Wait, Following: true}
}
