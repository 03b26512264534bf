package dlq

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/go-reconnect/reconnect/internal/kwire"
)

// gapPatience is how long a compacted topic may send nothing before its end until that is taken for what compaction left.
const gapPatience = 10 * time.Second

// GapError says that a partition sends nothing although its log goes on to the end that the run is to reach. Compaction can
// leave such a stretch, and a broker that has to fetch old segments from tiered storage can look the same while it is slow:
// a record that is only late must not be passed over.
type GapError struct {
	Topic     string
	Partition int
	From, To  int64 // the offsets that nothing came of; To is outside
	Stable    int64 // where the log ends for a reader of committed records
	Waited    time.Duration
}

func (e *GapError) Error() string {
	if e.Stable < e.To {
		return fmt.Sprintf("dlq: %s-%d ended at %d when the run began and ends at %d now: the log was truncated (unclean leader election?); run again",
			e.Topic, e.Partition, e.To, e.Stable)
	}
	return fmt.Sprintf("dlq: %s-%d sent nothing from offset %d on for %s although its log goes on to %d: either compaction has left nothing there, or old segments come slowly from tiered storage: run again, or set AcceptGaps if nothing is missed",
		e.Topic, e.Partition, e.From, e.Waited.Round(time.Second), e.To)
}

// silence is a stretch of time in which a partition sent nothing new before its end.
type silence struct {
	since time.Time
	empty int
}

// over decides about one more empty answer: whether what is left before the end is a gap to be passed over. It is an error once the
// log has been silent for too long to go on, and too uncertain to pass over.
//
// A broker that serves a log from its own disk answers empty below the end only when nothing is left there, and only
// compaction (or a topic that was compacted once) leaves that. With tiered storage the same answer is what a
// remote read that took too long looks like, so there time proves nothing.
func (s *silence) over(ctx context.Context, n *run, q kwire.FetchRequest, page kwire.Page, end int64) (bool, error) {
	if page.Throttled || s.since.IsZero() {
		*s = silence{since: time.Now()}
		return false, nil
	}
	s.empty++
	waited := time.Since(s.since)
	if s.empty > 8 && waited > min(gapPatience, n.cfg.RetryTimeout) && page.Stable >= end {
		compacted, err := n.compactedHere(ctx, q.Topic)
		if err != nil {
			return false, err
		}
		if compacted {
			return true, nil
		}
	}
	if waited <= n.cfg.RetryTimeout {
		return false, nil
	}
	if n.cfg.AcceptGaps && page.Stable >= end {
		return true, nil
	}
	return false, &GapError{Topic: q.Topic, Partition: q.Partition, From: q.Offset, To: end, Stable: page.Stable, Waited: waited}
}

// compactedHere reports whether a topic is compacted and all of it is on the brokers' own disks.
func (n *run) compactedHere(ctx context.Context, topic string) (bool, error) {
	settings, err := n.topicSettings(ctx, topic)
	if ctx.Err() != nil {
		return false, context.Cause(ctx)
	}
	if err != nil { // unknown is no proof
		return false, nil //nolint:nilerr // as said
	}
	return strings.Contains(settings["cleanup.policy"], "compact") && settings["remote.storage.enable"] != "true", nil
}

// read fetches until something new comes before the end, or nothing will. With follow it comes back with an empty page.
func (n *run) read(ctx context.Context, q kwire.FetchRequest, end int64, follow bool) (kwire.Page, error) {
	var quiet silence
	for {
		var page kwire.Page
		err := kwire.Retry(ctx, n.cfg.RetryTimeout, func(ctx context.Context) error {
			attempt, cancel := context.WithTimeout(ctx, fetchTimeout)
			defer cancel()
			var err error
			page, err = kwire.Fetch(attempt, n.client, q)
			return err //nolint:wrapcheck // wrapped below
		})
		if err == nil && page.HasBatch && page.Next <= q.Offset { // the tail of a compacted batch
			page.Next, err = kwire.SkipGap(ctx, n.client, q, page.Batch, end)
		}
		switch {
		case errors.Is(err, kafka.OffsetOutOfRange):
			return page, err //nolint:wrapcheck // the callers know what it means
		case err != nil:
			return page, n.explain(fmt.Sprintf("read %s-%d@%d", q.Topic, q.Partition, q.Offset), err)
		case page.Next > q.Offset, follow && !page.HasBatch:
			return page, nil
		case ctx.Err() != nil:
			return page, context.Cause(ctx)
		}
		over, err := quiet.over(ctx, n, q, page, end)
		if err != nil {
			return page, err
		}
		if over {
			n.cfg.Logger.LogAttrs(ctx, logWarn, "nothing is left before the end", logString("topic", q.Topic), logInt("partition", q.Partition), logOffset(q.Offset))
			page.Next = end
			return page, nil
		}
	}
}
