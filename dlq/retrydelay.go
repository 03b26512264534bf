package dlq

import (
	"errors"
	"math"
	"math/rand/v2"
	"time"
)

// RetryDelay is an exponential delay between the attempts at a record, for RetryAfter: First before the second attempt,
// Multiplier times as long before each further one, up to Max, and up to Jitter longer than that. Never shorter: a
// record is not tried early.
//
//	delay := dlq.RetryDelay{First: time.Minute, Max: time.Hour}
//	handler := func(ctx context.Context, r *dlq.Record) (dlq.Decision, error) {
//		if down(ctx) {
//			return delay.Retry(r), nil
//		}
//		return dlq.Republish(), nil
//	}
//
// Attempts are counted on the record (Record.Attempt), so the delay grows over runs and instances, and the budget of the run
// parks the record in the end.
type RetryDelay struct {
	First      time.Duration // defaults to 1 min
	Max        time.Duration // defaults to 1 h, or First where that is more
	Multiplier float64       // defaults to 2; 1 is always First
	Jitter     float64       // a share of the delay; defaults to 0.2, negative is none
}

// Check returns an error that names the field that is out of range.
func (d RetryDelay) Check() error {
	switch {
	case d.First < 0:
		return errors.New("dlq: RetryDelay.First is negative")
	case d.Max < 0:
		return errors.New("dlq: RetryDelay.Max is negative")
	case d.Max > 0 && d.Max < d.First:
		return errors.New("dlq: RetryDelay.Max is shorter than First")
	case d.Multiplier != 0 && !(d.Multiplier >= 1 && d.Multiplier <= 1000):
		return errors.New("dlq: RetryDelay.Multiplier is out of range: allowed are 1 to 1000")
	case !(d.Jitter <= 10):
		return errors.New("dlq: RetryDelay.Jitter is out of range: allowed is up to 10")
	}
	return nil
}

// After returns how long to wait after so many attempts, of which the first is 0. Values out of range count as their defaults.
func (d RetryDelay) After(attempt int) time.Duration {
	if d.First <= 0 {
		d.First = time.Minute
	}
	if d.Max <= 0 {
		d.Max = time.Hour
	}
	d.Max = max(d.Max, d.First)
	if !(d.Multiplier >= 1 && d.Multiplier <= 1000) {
		d.Multiplier = 2
	}
	switch {
	case d.Jitter == 0:
		d.Jitter = 0.2
	case !(d.Jitter > 0):
		d.Jitter = 0
	}
	wait := float64(d.First) * math.Pow(d.Multiplier, float64(max(attempt, 0)))
	wait = min(wait, float64(d.Max))
	wait *= 1 + min(d.Jitter, 10)*rand.Float64() //nolint:gosec // spreading retries needs no secrecy
	if wait >= math.MaxInt64 {
		return math.MaxInt64
	}
	return time.Duration(wait)
}

// Retry decides RetryAfter with the delay for the record's attempts.
func (d RetryDelay) Retry(r *Record) Decision { return RetryAfter(d.After(r.Attempt)) }
