package dlq

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/go-reconnect/reconnect/internal/kwire"
)

// copies tells copies of one failure: Connect writes one per restart of a task that does not tolerate it. An attempt of its
// own (a record that was deferred, or republished) is no copy.
type copies struct {
	mu     sync.Mutex
	series map[failureSeries]map[int64]place
	count  int
}

type failureSeries struct {
	topic     string
	partition int
	connector string
	attempt   int
}

// place is a position in the dead letter queue.
type place struct {
	partition int
	offset    int64
}

// maxCopies bounds the memory; beyond it the run forgets and begins anew.
const maxCopies = 2_000_000

func seriesOf(f *Failure, attempt int) (failureSeries, bool) {
	if f.Partition < 0 || f.Offset < 0 || f.Topic == "" || f.Dialect != DialectConnect {
		return failureSeries{}, false
	}
	return failureSeries{f.Topic, f.Partition, f.Connector, attempt}, true
}

// claim takes a failure for the record at a place, and reports false when another record has it: the one is a copy of the
// other. A record that is read again after a rebalance finds its own claim.
func (c *copies) claim(f *Failure, attempt int, at place) bool {
	s, ok := seriesOf(f, attempt)
	if !ok {
		return true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if first, ok := c.series[s][f.Offset]; ok {
		return first == at
	}
	if c.series == nil || c.count >= maxCopies {
		c.series, c.count = map[failureSeries]map[int64]place{}, 0
	}
	offsets := c.series[s]
	if offsets == nil {
		s.topic, s.connector = strings.Clone(s.topic), strings.Clone(s.connector) // they alias the record
		offsets = map[int64]place{}
		c.series[s] = offsets
	}
	offsets[f.Offset] = at
	c.count++
	return true
}

// front knows how far connectors are with their own topics.
type front struct {
	run *run
	mu  sync.Mutex
	at  map[string]*frontier // by group
}

type frontier struct {
	mu        sync.Mutex
	asked     time.Time
	committed map[string]map[int]int64
	exists    bool
	active    bool
	broken    bool
}

// frontierAge is how long an answer about a connector's progress is used.
const frontierAge = 500 * time.Millisecond

// pending reports whether the original of a failure is still in front of its connector, which will read it itself.
//
// A running connector commits its position only each offset.flush.interval.ms, so a record that it has just skipped looks as if
// it were still in front of it. While the group has members the answer is therefore waited for, up to PendingWait after
// the start of the run.
func (f *front) pending(ctx context.Context, failure *Failure, since time.Time) (bool, error) {
	n := f.run
	if failure.Dialect != DialectConnect || failure.Connector == "" || !failure.Has.Contains(HasOrigin) || failure.Partition < 0 || failure.Offset < 0 {
		return false, nil
	}
	group := n.cfg.ConnectorGroup(failure.Connector)
	if group == "" {
		return false, nil
	}
	c := f.of(group)
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		if failure.Offset < c.committed[failure.Topic][failure.Partition] {
			return false, nil // positions only grow
		}
		if time.Since(c.asked) > frontierAge && !c.broken {
			if err := c.ask(ctx, n, group); err != nil {
				return false, err
			}
		}
		// A connector that has not committed a partition yet begins at its start, Connect's default. A group that does not
		// exist says nothing, nor does one with offsets on other topics only: the connector left this one.
		_, reads := c.committed[failure.Topic]
		switch {
		case c.broken, !c.exists, !reads && len(c.committed) > 0, failure.Offset < c.committed[failure.Topic][failure.Partition]:
			return false, nil
		case !c.active, time.Since(since) > n.cfg.PendingWait:
			return true, nil
		}
		if !kwire.Sleep(ctx, frontierAge) {
			return false, context.Cause(ctx)
		}
	}
}

// of returns what is known of a group.
func (f *front) of(group string) *frontier {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := f.at[group]
	if c == nil {
		if f.at == nil {
			f.at = map[string]*frontier{}
		}
		c = &frontier{}
		f.at[strings.Clone(group)] = c // it may alias the record
	}
	return c
}

// committed returns a group's position, 0 without one. It is not visible when the group does not exist or cannot be seen.
func (f *front) committed(ctx context.Context, group, topic string, partition int) (offset int64, visible bool, err error) {
	c := f.of(group)
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.asked) > frontierAge && !c.broken {
		if err := c.ask(ctx, f.run, group); err != nil {
			return 0, false, err
		}
	}
	return c.committed[topic][partition], c.exists && !c.broken, nil
}

// ask needs the lock. What cannot be asked is not held against the record: it is republished, at worst once too often.
func (c *frontier) ask(ctx context.Context, n *run, group string) error {
	err := kwire.Retry(ctx, answerPatience, func(ctx context.Context) error {
		res, err := n.client.OffsetFetch(ctx, &kafka.OffsetFetchRequest{GroupID: group}) // all topics: the original's may be gone
		if err != nil {
			return err //nolint:wrapcheck // only logged
		}
		committed := map[string]map[int]int64{}
		if res.Error != nil && !errors.Is(res.Error, kafka.GroupIdNotFound) {
			return res.Error
		}
		for topic, partitions := range res.Topics {
			committed[topic] = map[int]int64{}
			for _, p := range partitions {
				if p.Error != nil {
					return p.Error
				}
				committed[topic][p.Partition] = max(0, p.CommittedOffset)
			}
		}
		state, members, err := kwire.GroupState(ctx, n.client, group)
		if err != nil {
			return err //nolint:wrapcheck // only logged
		}
		c.active, c.exists = members > 0, len(committed) > 0 || state != "Dead" && state != ""
		c.committed = committed
		return nil
	})
	c.asked = time.Now()
	if err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		c.broken = true
		n.cfg.Logger.LogAttrs(ctx, logWarn, "cannot see how far the connector is, so no record counts as pending", logString("group", group), logErr(err))
	}
	return nil
}
