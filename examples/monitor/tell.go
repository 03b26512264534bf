package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-reconnect/reconnect/connect"
	"github.com/go-reconnect/reconnect/recovery"
)

// teller tells a webhook of changes, once each. What could not be told is tried again with the next look.
type teller struct {
	to      recovery.Notifier
	cluster string
	paused  bool
	told    map[string]connect.State
	stalls  *stalls // nil without -progress-brokers
}

// tell posts for every connector that is not RUNNING and was not told of, and for every one that is back or gone.
func (t *teller) tell(ctx context.Context, rows []row, now time.Time) error {
	if t.to == nil {
		return nil
	}
	var errs []error
	here := map[string]bool{}
	for i := range rows {
		r := &rows[i]
		here[r.name] = true
		was, told := t.told[r.name]
		switch {
		case t.well(r) && told:
			errs = append(errs, t.post(ctx, r, now, true))
		case !t.well(r) && was != r.state:
			errs = append(errs, t.post(ctx, r, now, false))
		}
	}
	for name := range t.told {
		if !here[name] {
			errs = append(errs, t.post(ctx, &row{name: name, state: "GONE"}, now, true))
		}
	}
	return errors.Join(errs...)
}

func (t *teller) well(r *row) bool {
	return r.state == connect.StateRunning || !t.paused && (r.state == connect.StatePaused || r.state == connect.StateStopped)
}

func (t *teller) post(ctx context.Context, r *row, now time.Time, resolved bool) error {
	e := recovery.Event{
		Kind: recovery.EventFailed, Time: now.UTC(), Cluster: t.cluster, Connector: r.name, State: r.state, Type: r.typ,
		Message: fmt.Sprintf("%s is %s, %d of %d tasks RUNNING", r.name, r.state, r.running, r.tasks),
	}
	for _, f := range r.faults {
		if f.task < 0 {
			e.ConnectorFailed = true
		} else {
			e.Tasks = append(e.Tasks, f.task)
		}
	}
	if len(r.faults) > 0 {
		d := r.faults[0].d
		e.Class, e.Advice, e.Fingerprint, e.Summary, e.Remedies = d.Class, d.Restart.String(), d.Fingerprint, d.Summary, d.Remedies
		e.Message += ": " + orDash(d.Summary)
	}
	if r.note != "" {
		e.Message += ": " + r.note
	}
	if resolved {
		e.Kind, e.Resolved, e.Resolves = recovery.EventRecovered, true, recovery.EventFailed
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if err := t.to.Notify(ctx, e); err != nil {
		return err
	}
	if resolved {
		delete(t.told, r.name)
	} else {
		t.told[r.name] = r.state
	}
	return nil
}
