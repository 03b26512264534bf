package kwire

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"
)

// Backoff is the wait before retry n (from 0): 20 ms doubling to a second, with jitter.
func Backoff(n int) time.Duration {
	d := 20 * time.Millisecond << min(n, 6)
	return min(d, time.Second)/2 + rand.N(min(d, time.Second)/2) //nolint:gosec // spreading retries needs no secrecy
}

// Sleep waits for d or for the end of ctx and reports whether it was d.
func Sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// Retry calls f until it succeeds, its error is not worth a retry, ctx ends, or patience is used up. The error of the last
// call is returned; a context that ended is added to it.
func Retry(ctx context.Context, patience time.Duration, f func(context.Context) error) error {
	deadline := time.Now().Add(patience)
	for n := 0; ; n++ {
		err := f(ctx)
		if err == nil || !Retriable(err) {
			return err
		}
		if ctx.Err() != nil {
			return fmt.Errorf("%w: %w", context.Cause(ctx), err)
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("gave up after %s: %w", patience, err)
		}
		if !Sleep(ctx, Backoff(n)) {
			return fmt.Errorf("%w: %w", context.Cause(ctx), err)
		}
	}
}
