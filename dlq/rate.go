package dlq

import (
	"context"
	"errors"

	"golang.org/x/time/rate"
)

// Rate bounds what a run writes, over all partitions of this instance. Zero is unlimited.
type Rate struct {
	Records float64 // per second
	Bytes   float64 // per second: keys, values and headers
}

func (r Rate) check() error {
	if r.Records < 0 || r.Bytes < 0 {
		return errors.New("dlq: Rate is negative")
	}
	return nil
}

// limiter is a Rate at work.
type limiter struct{ records, bytes *rate.Limiter }

func newLimiter(r Rate) *limiter {
	one := func(perSecond float64) *rate.Limiter {
		if perSecond == 0 {
			return nil
		}
		return rate.NewLimiter(rate.Limit(perSecond), max(1, int(perSecond)))
	}
	return &limiter{one(r.Records), one(r.Bytes)}
}

// wait takes tokens for so many records and bytes; a chunk larger than the burst takes them in turns.
func (l *limiter) wait(ctx context.Context, records, bytes int) {
	for _, want := range []struct {
		lim *rate.Limiter
		n   int
	}{{l.records, records}, {l.bytes, bytes}} {
		for n := want.n; want.lim != nil && n > 0; {
			take := min(n, want.lim.Burst())
			if want.lim.WaitN(ctx, take) != nil {
				return // the run ends; what was decided is still written
			}
			n -= take
		}
	}
}
