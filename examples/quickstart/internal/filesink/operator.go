package filesink

import (
	"context"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Stage is where a record was when it failed (org.apache.kafka.connect.runtime.errors.Stage).
type Stage string

// The stages that this sink can fail in.
const (
	StageKeyConverter   Stage = "KEY_CONVERTER"
	StageValueConverter Stage = "VALUE_CONVERTER"
)

// operator is RetryWithToleranceOperator of Kafka 4: it calls one operation on one record, retries what is retriable, and lets
// errors.tolerance decide about the rest.
type operator struct {
	timeout  time.Duration // errors.retry.timeout, negative is forever
	maxDelay time.Duration // errors.retry.delay.max.ms
	tolerate bool          // errors.tolerance=all
	report   func(ctx context.Context, stage Stage, class string, e *Exception)
	wait     func(ctx context.Context, d time.Duration)
	now      func() time.Time
}

// newOperator reads the errors.* keys as Kafka does.
func newOperator(config map[string]string) (operator, *Exception) {
	op := operator{
		wait: func(ctx context.Context, d time.Duration) {
			t := time.NewTimer(d)
			defer t.Stop()
			select {
			case <-t.C:
			case <-ctx.Done():
			}
		},
		now: time.Now,
	}
	for _, k := range []struct {
		key, def string
		into     *time.Duration
	}{{"errors.retry.timeout", "0", &op.timeout}, {"errors.retry.delay.max.ms", "60000", &op.maxDelay}} {
		v := strings.TrimSpace(config[k.key])
		if v == "" {
			v = k.def
		}
		ms, err := strconv.ParseInt(v, 10, 64)
		if err != nil {
			return op, configException(k.key, "Not a number of type LONG")
		}
		*k.into = time.Duration(ms) * time.Millisecond
	}
	switch v := strings.TrimSpace(config["errors.tolerance"]); v {
	case "", "none":
	case "all":
		op.tolerate = true
	default:
		return op, configException("errors.tolerance", "String must be one of (case sensitive): none, all")
	}
	return op, nil
}

// do calls fn. skipped says that the record is done with: reported, and tolerated. The exception, where there is one, ends the task.
func (op operator) do(ctx context.Context, stage Stage, class string, fn func() (any, *Exception)) (v any, skipped bool, fatal *Exception) {
	v, e := op.retry(ctx, fn)
	if e == nil {
		return v, false, nil
	}
	if e.Class == "embedded.NotModelled" {
		return nil, false, e
	}
	e = e.below(stage)
	// Reported under any tolerance: with none, the dead letter is written and the task fails all the same.
	op.report(ctx, stage, class, e)
	if op.tolerate {
		return nil, true, nil
	}
	stack := operatorFrames(stage)
	return nil, false, &Exception{
		Class: classConnect, Message: new("Tolerance exceeded in error handler"), Cause: e,
		Frames: slices.Concat([]string{"org.apache.kafka.connect.runtime.errors.RetryWithToleranceOperator.execAndHandleError(RetryWithToleranceOperator.java:259)"}, stack[4:]),
	}
}

// retry is execAndRetry. The budget is per operation: every converter call of every record starts afresh.
func (op operator) retry(ctx context.Context, fn func() (any, *Exception)) (any, *Exception) {
	deadline := op.now().Add(op.timeout)
	forever := op.timeout < 0
	for attempt := uint(1); ; attempt++ {
		v, e := fn()
		if e == nil || !e.Retriable {
			return v, e
		}
		now := op.now()
		if (!forever && !now.Before(deadline)) || ctx.Err() != nil {
			return nil, e
		}
		if op.maxDelay <= 0 && (300*time.Millisecond)<<((attempt-1)%64) > op.maxDelay {
			return nil, &Exception{Class: classIllegalArgument, Message: new("bound must be positive")}
		}
		d := (300 * time.Millisecond) << min(attempt-1, 30)
		if d > op.maxDelay {
			d = time.Duration(rand.Int64N(int64(op.maxDelay/time.Millisecond)+1)) * time.Millisecond //nolint:gosec // a delay, no secret
		}
		if !forever && now.Add(d).After(deadline) {
			d = max(0, deadline.Sub(now))
		}
		op.wait(ctx, d)
	}
}
