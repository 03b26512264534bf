package recovery

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/go-reconnect/reconnect/connect"
	"github.com/go-reconnect/reconnect/connect/failure"
)

// ConnectorHealth is what is known of one connector.
type ConnectorHealth struct {
	Name   string                `json:"name"`
	Type   connect.ConnectorType `json:"type"`
	State  connect.State         `json:"state,omitempty"` // FAILED when the connector or a task is
	Phase  Phase                 `json:"phase"`
	Since  time.Time             `json:"since,omitzero"` // when Phase began
	Reason Reason                `json:"reason,omitempty"`
	Why    string                `json:"why,omitempty"` // Reason in words

	ConnectorState  connect.State `json:"connectorState,omitempty"` // of the connector instance itself
	Tasks           int           `json:"tasks"`
	Running         int           `json:"running"`
	ConnectorFailed bool          `json:"connectorFailed,omitempty"`
	FailedTasks     []int         `json:"failedTasks,omitempty"`
	TaskStates      []TaskState   `json:"taskStates,omitempty"` // of the tasks that are not RUNNING
	Flapping        bool          `json:"flapping,omitempty"`   // many restarts in 24 h
	Stuck           bool          `json:"stuck,omitempty"`      // UNASSIGNED or RESTARTING for too long
	NoProgress      bool          `json:"noProgress,omitempty"` // RUNNING, but records wait and none moves

	Class       failure.Class `json:"class,omitempty"` // of the latest failure
	Fingerprint string        `json:"fingerprint,omitempty"`
	Summary     string        `json:"summary,omitempty"`
	Remedies    []string      `json:"remedies,omitempty"`
	Failures    []Failed      `json:"failures,omitempty"` // every FAILED instance

	Restarts    int       `json:"restarts"`   // in the window
	BudgetLeft  int       `json:"budgetLeft"` // -1 without a bound
	Attempts    int       `json:"attempts"`   // ever
	Probes      int       `json:"probes"`     // ever
	LastRestart time.Time `json:"lastRestart,omitzero"`
	LastOutcome Outcome   `json:"lastOutcome,omitempty"`
	NextAttempt time.Time `json:"nextAttempt,omitzero"`
	Counts      Counts    `json:"counts,omitzero"`
}

// Stats counts since New.
type Stats struct {
	Sweeps       int       `json:"sweeps"`
	SweepErrors  int       `json:"sweepErrors"`
	StoreErrors  int       `json:"storeErrors"`
	Notified     int       `json:"notified"`     // messages delivered
	NotifyErrors int       `json:"notifyErrors"` // messages given up
	LastSweep    time.Time `json:"lastSweep,omitzero"`
	SweepSeconds float64   `json:"sweepSeconds"`        // spent in all sweeps, failed ones included
	LastError    string    `json:"lastError,omitempty"` // of the latest pass, redacted

	Connectors int           `json:"connectors"`
	Phases     map[Phase]int `json:"phases"` // connectors by phase

	Restarts  int `json:"restarts"` // requests that count: accepted, failed or unknown; without probes
	Probes    int `json:"probes"`   // the same for probes
	Accepted  int `json:"accepted"`
	Refused   int `json:"refused"`
	Failed    int `json:"failed"`
	Unknown   int `json:"unknown"`
	Recovered int `json:"recovered"`
	Relapsed  int `json:"relapsed"`
	Exhausted int `json:"exhausted"` // times that a budget was used up
	Held      int `json:"held"`

	Deferred map[Reason]int `json:"deferred,omitempty"` // restarts put off while something was FAILED, once per connector and reason in a row
	Storms   int            `json:"storms"`             // going on now
	Ghosts   int            `json:"ghosts"`             // workers that connectors claim to run on and that do not answer, now
}

func (s *Stats) count(a Answer, probe bool) {
	switch a {
	case AnswerRefused, AnswerForbidden:
		s.Refused++
		return
	case AnswerAccepted:
		s.Accepted++
	case AnswerFailed:
		s.Failed++
	case AnswerUnknown:
		s.Unknown++
	}
	if probe {
		s.Probes++
	} else {
		s.Restarts++
	}
}

// Snapshot returns every watched connector as the last pass saw it, by name. What it returns is the caller's, except for Remedies, which are read-only.
func (s *Supervisor) Snapshot() []ConnectorHealth {
	s.view.RLock()
	defer s.view.RUnlock()
	out := make([]ConnectorHealth, 0, len(s.records))
	for name, rec := range s.records {
		if rec.detail != nil && rec.detail.hidden() {
			continue
		}
		out = append(out, s.health(name, rec))
	}
	slices.SortFunc(out, func(a, b ConnectorHealth) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// health is called with view held.
func (s *Supervisor) health(name string, rec *record) ConnectorHealth {
	h := ConnectorHealth{
		Name: name, Type: rec.seen.typ.String(), State: rec.seen.state.String(), Phase: PhaseHealthy, Reason: ReasonRunning,
		ConnectorState: rec.seen.state.String(), Tasks: int(rec.seen.tasks), Running: int(rec.seen.running), BudgetLeft: budget(s.cfg.Policy.MaxRestarts),
		NoProgress: s.still[name],
	}
	if rec.counts != nil {
		h.Counts = *rec.counts
	}
	d := rec.detail
	if d == nil {
		if h.Tasks == 0 {
			h.Reason = ReasonZeroTasks
		}
		h.Why = h.Reason.Text()
		return h
	}
	st := &d.state
	h.Phase, h.Since, h.Reason, h.Why = st.Phase, st.Since, st.Reason, st.Reason.Text()
	if h.Phase == "" {
		h.Phase = PhaseUnknown
	}
	for _, f := range d.failed {
		h.State = connect.StateFailed
		if f.Task == ConnectorTask {
			h.ConnectorFailed = true
		} else {
			h.FailedTasks = append(h.FailedTasks, f.Task)
		}
	}
	if st.Down || len(d.failed) > 0 || st.Latch != LatchNone {
		h.Class, h.Fingerprint, h.Summary = st.Class, st.Fingerprint, st.Summary
		if f, ok := leadOf(d.failed, st.Fingerprint); ok {
			h.Remedies = f.Remedies
		}
	}
	h.Failures = slices.Clone(d.failed)
	h.TaskStates, h.Flapping, h.Stuck = slices.Clone(d.tasks), st.Flapping, st.Stuck
	h.Restarts = st.Restarts.Since(time.Now().Add(-s.cfg.Policy.Window))
	h.BudgetLeft, h.Attempts, h.Probes = budget(d.left), st.Attempts, st.ProbesEver
	h.LastRestart, h.LastOutcome, h.NextAttempt = d.last, d.outcome, st.Next
	return h
}

func budget(left int) int {
	if left == Unlimited {
		return -1
	}
	return max(0, left)
}

// Stats returns the counts since New.
func (s *Supervisor) Stats() Stats {
	s.view.RLock()
	defer s.view.RUnlock()
	st := s.stats
	st.Phases = maps.Clone(s.stats.Phases)
	st.Notified = int(s.courier.delivered.Load())
	st.Deferred = maps.Clone(s.stats.Deferred)
	return st
}

// event fills in what every event about a connector says.
func (s *Supervisor) event(kind EventKind, name string, rec *record, now time.Time) Event {
	s.view.RLock()
	h := s.health(name, rec)
	s.view.RUnlock()
	e := Event{
		Kind: kind, Time: now, Cluster: s.cfg.Cluster, Connector: name, State: h.State, Type: h.Type, Phase: h.Phase, Reason: h.Reason,
		ConnectorFailed: h.ConnectorFailed, Tasks: h.FailedTasks, Class: h.Class, Fingerprint: h.Fingerprint, Summary: h.Summary, Remedies: h.Remedies,
		Restarts: h.Restarts, BudgetLeft: h.BudgetLeft, NextAttempt: h.NextAttempt,
	}
	if rec.detail != nil && h.Class != "" {
		e.Advice = rec.detail.state.Advice.String()
	}
	e.Message = message(kind, name, &h)
	return e
}

func message(kind EventKind, name string, h *ConnectorHealth) string {
	switch kind {
	case EventFailed:
		return name + " has failed: " + cause(h)
	case EventRelapsed:
		return name + " failed again after a restart: " + cause(h)
	case EventRecovered:
		return name + " is running again"
	case EventExhausted:
		return fmt.Sprintf("%s: %d restarts did not help and no more are made, a person is needed: %s", name, h.Restarts, cause(h))
	case EventHeld:
		return name + " is held: " + h.Reason.Text() + ": " + cause(h)
	case EventRearmed:
		return name + ": its config changed, so it is tried once more"
	case EventReleased:
		return name + " is held no longer"
	case EventAcknowledged:
		return name + " was acknowledged: its restarts start over"
	case EventFlapping:
		return name + " is restarted again and again, within its budget: " + cause(h)
	case EventStuck:
		return name + ": " + h.Reason.Text()
	case EventGone:
		return name + " was deleted"
	case EventUnwatched:
		return name + " is not watched any more"
	case EventWouldRestart:
		return name + " would be restarted now: " + cause(h)
	case EventZeroTasks:
		return name + " is RUNNING and has no tasks"
	case EventGhost:
		return name + " is RUNNING on a worker that does not answer"
	case EventNoProgress:
		return name + " is RUNNING, but records wait and none moves"
	case EventProgress:
		return name + ": records move again, or none waits"
	default:
		return name + ": " + h.Reason.Text()
	}
}

func cause(h *ConnectorHealth) string {
	if h.Summary != "" {
		return h.Summary
	}
	if h.Class != "" {
		return "class " + string(h.Class)
	}
	return "cause unknown"
}

func restartMessage(name string, d Decision, a Answer) string {
	what := "restart"
	if d.Probe {
		what = "probe restart"
	}
	switch a {
	case AnswerAccepted:
		return fmt.Sprintf("%s: %s %d was accepted", name, what, d.Attempt)
	case AnswerFailed:
		return fmt.Sprintf("%s: %s %d failed at once", name, what, d.Attempt)
	case AnswerRefused, AnswerForbidden:
		return fmt.Sprintf("%s: %s %d was refused and does not count", name, what, d.Attempt)
	default:
		return fmt.Sprintf("%s: whether %s %d was carried out is not known, so it counts", name, what, d.Attempt)
	}
}

// emit hands an event on, one at a time.
func (s *Supervisor) emit(ctx context.Context, e Event) {
	s.emitting.Lock()
	defer s.emitting.Unlock()
	s.cfg.Logger.LogAttrs(ctx, level(&e), "recovery event", eventAttrs(e)...)
	if s.cfg.OnEvent != nil {
		s.cfg.OnEvent(e)
	}
	s.courier.take(e)
}
