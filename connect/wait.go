package connect

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-reconnect/reconnect/internal/redact"
)

// WaitOptions says how WaitFor waits.
type WaitOptions struct {
	// Interval is the pause between two looks. Defaults to 500 ms.
	Interval time.Duration
	// Timeout bounds the wait. Defaults to the context's deadline, or 3 minutes where it has none.
	Timeout time.Duration
	// Stable asks that the predicate holds for that long. Defaults to a single look.
	Stable time.Duration
}

const defaultWaitInterval = 500 * time.Millisecond

// WaitFor looks at a connector's status until done says true, fails, or time runs out. Running, Stopped and Paused make ready predicates. The last status seen comes with an error, too.
//
// A 404 before the first status is "not yet": a new connector has none. So is one within 30 s of its creation by this client, because another worker behind a balancer may not know it; later ones are ErrNotFound.
// Rebalances, time-outs and workers that cannot be reached are waited out; other errors end the wait.
// A state can be older than what the caller just did: a predicate that must not see the past should ask for Stable.
//
// GET /connectors/{connector}/status, every version.
func (c *Client) WaitFor(ctx context.Context, name string, done func(*ConnectorStatus) (bool, error), o WaitOptions) (*ConnectorStatus, error) {
	if err := checkName("connector name", name); err != nil {
		return nil, err
	}
	switch {
	case done == nil:
		return nil, inputError(nil, "WaitFor: the predicate is nil")
	case o.Interval < 0, o.Timeout < 0, o.Stable < 0:
		return nil, inputError(nil, "WaitOptions: Interval, Timeout and Stable must not be negative")
	}
	if o.Interval == 0 {
		o.Interval = defaultWaitInterval
	}
	if _, ok := ctx.Deadline(); o.Timeout == 0 && !ok {
		o.Timeout = defaultCallTimeout
	}
	if o.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, o.Timeout)
		defer cancel()
	}
	var last *ConnectorStatus
	var lastErr error
	var since time.Time
	for {
		st, err := c.GetStatus(ctx, name)
		switch {
		case ctx.Err() != nil:
		case err == nil:
			last, lastErr = st, nil
			ok, doneErr := done(st)
			if doneErr != nil {
				return st, doneErr
			}
			if !ok {
				since = time.Time{}
				break
			}
			if since.IsZero() {
				since = time.Now()
			}
			if time.Since(since) >= o.Stable {
				return st, nil
			}
		case errors.Is(err, ErrNotFound) && (last == nil || c.justCreated(name)),
			errors.Is(err, ErrRebalancing), errors.Is(err, ErrTimeout), errors.Is(err, ErrUnavailable):
			lastErr = err
			since = time.Time{}
		default:
			return last, err
		}
		timer := time.NewTimer(o.Interval)
		select {
		case <-ctx.Done():
			timer.Stop()
			return last, waitError(ctx, name, last, lastErr)
		case <-timer.C:
		}
	}
}

// waitError says what was seen last.
func waitError(ctx context.Context, name string, last *ConnectorStatus, lastErr error) *Error {
	e := &Error{Applied: AppliedNo, Err: ctx.Err()}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		e.kinds = []error{ErrTimeout}
	}
	e.Message = fmt.Sprintf("waiting for %q: ", name)
	switch {
	case lastErr != nil:
		if le := (*Error)(nil); errors.As(lastErr, &le) {
			e.kinds = append(e.kinds, le.kinds...)
			e.Worker, e.StatusCode = le.Worker, le.StatusCode
		}
		e.Message += "last answer: " + lastErr.Error()
	case last == nil:
		e.Message += "no status was seen"
	default:
		e.Message += "last seen: " + describe(last)
	}
	return e
}

// describe puts a status in one line: states, and the first line of the first trace.
func describe(st *ConnectorStatus) string {
	var b strings.Builder
	b.WriteString("connector " + string(st.Connector.State))
	trace := st.Connector.Trace
	counts := map[State]int{}
	var order []State
	for i := range st.Tasks {
		t := &st.Tasks[i]
		if counts[t.State]++; counts[t.State] == 1 {
			order = append(order, t.State)
		}
		if trace == "" && t.State == StateFailed {
			trace = t.Trace
		}
	}
	if len(st.Tasks) == 0 {
		b.WriteString(", no tasks")
	}
	for _, s := range order {
		fmt.Fprintf(&b, ", %d task(s) %s", counts[s], s)
	}
	if trace != "" {
		first, _, _ := strings.Cut(trace, "\n")
		b.WriteString(": " + redact.Text(first[:min(len(first), 1024)]))
	}
	return b.String()
}

// failedGrace is how long a FAILED may be a state from before the caller's own action.
const failedGrace = 30 * time.Second

// ErrFailed is what Running returns for a connector or task that stays FAILED.
var ErrFailed = errors.New("connector or task is FAILED")

// Running returns a predicate for WaitFor: the connector and at least that many tasks, all of them, are RUNNING. With 0 a connector without tasks is enough. What stays FAILED for
// 30 s ends the wait with ErrFailed; before that it may be older than what the caller just did. A predicate serves one wait.
func Running(tasks int) func(*ConnectorStatus) (bool, error) {
	var failed time.Time
	return func(st *ConnectorStatus) (bool, error) {
		if st.Failed() {
			if failed.IsZero() {
				failed = time.Now()
			}
			if time.Since(failed) >= failedGrace {
				return false, fmt.Errorf("connect: waiting for %q: %w: %s", st.Name, ErrFailed, describe(st))
			}
			return false, nil
		}
		failed = time.Time{}
		if st.Connector.State != StateRunning || len(st.Tasks) < tasks {
			return false, nil
		}
		for i := range st.Tasks {
			if st.Tasks[i].State != StateRunning {
				return false, nil
			}
		}
		return true, nil
	}
}

// Stopped returns a predicate for WaitFor: the connector is STOPPED and has no tasks, so that its offsets can be changed.
func Stopped() func(*ConnectorStatus) (bool, error) {
	return func(st *ConnectorStatus) (bool, error) {
		return st.Connector.State == StateStopped && len(st.Tasks) == 0, nil
	}
}

// Paused returns a predicate for WaitFor: the connector and all tasks are PAUSED, but for those that are FAILED, which pausing does not change.
func Paused() func(*ConnectorStatus) (bool, error) {
	return func(st *ConnectorStatus) (bool, error) {
		if st.Connector.State != StatePaused && st.Connector.State != StateFailed {
			return false, nil
		}
		for i := range st.Tasks {
			if s := st.Tasks[i].State; s != StatePaused && s != StateFailed {
				return false, nil
			}
		}
		return true, nil
	}
}
