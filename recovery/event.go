package recovery

import (
	"log/slog"
	"time"

	"github.com/go-reconnect/reconnect/connect"
	"github.com/go-reconnect/reconnect/connect/failure"
	"github.com/go-reconnect/reconnect/internal/redact"
)

// EventKind says what happened.
type EventKind string

// The kinds of events about one connector.
const (
	EventFailed       EventKind = "failed"        // a failure is believed
	EventRestart      EventKind = "restart"       // a restart was sent; Answer says what became of the request
	EventWouldRestart EventKind = "would_restart" // observe-only: a restart would have been sent
	EventRelapsed     EventKind = "relapsed"      // the last restart did not help
	EventRecovered    EventKind = "recovered"     // RUNNING for StableFor after a failure; Outcome says whether by our restart
	EventExhausted    EventKind = "exhausted"     // the budget is used up: a person is needed
	EventHeld         EventKind = "held"          // a restart cannot fix it: a person is needed
	EventRearmed      EventKind = "rearmed"       // a changed config allows another restart
	EventReleased     EventKind = "released"      // held or exhausted no longer
	EventAcknowledged EventKind = "acknowledged"  // a person has looked
	EventFlapping     EventKind = "flapping"      // many restarts in 24 h, although within the budget
	EventStuck        EventKind = "stuck"         // UNASSIGNED or RESTARTING for more than twice the rebalance delay
	EventGone         EventKind = "gone"          // deleted: Connect itself said so, twice
	EventUnwatched    EventKind = "unwatched"     // it failed, and its name or config no longer selects it
	EventZeroTasks    EventKind = "zero_tasks"    // RUNNING without tasks, which can be normal
	EventGhost        EventKind = "ghost"         // RUNNING on a worker that does not answer
	EventNoProgress   EventKind = "no_progress"   // RUNNING, but records wait and none moves
	EventProgress     EventKind = "progress"      // they move again, or none waits any more
)

// The kinds of events about the whole cluster.
const (
	EventSweepFailed    EventKind = "sweep_failed"    // the statuses could not be read, or were only a part
	EventSweepRecovered EventKind = "sweep_recovered" // they can be read again
	EventBlind          EventKind = "blind"           // Connect refuses our credentials (401)
	EventStoreFailed    EventKind = "store_failed"    // the state cannot be read or written: nothing is restarted
	EventStoreRecovered EventKind = "store_recovered"
	EventStorm          EventKind = "storm" // many connectors fail at once
	EventStormOver      EventKind = "storm_over"
	EventGhostOver      EventKind = "ghost_over" // the worker answers again, or nothing claims to run on it any more
)

// Event is one thing that happened. It holds no trace, no config and no secret.
type Event struct {
	Kind    EventKind `json:"kind"`
	Time    time.Time `json:"time"`
	Cluster string    `json:"cluster,omitempty"`

	Connector string                `json:"connector,omitempty"` // empty for the cluster as a whole
	State     connect.State         `json:"state,omitempty"`     // FAILED when the connector or a task is, else the connector's own
	Type      connect.ConnectorType `json:"type,omitempty"`
	Phase     Phase                 `json:"phase,omitempty"`
	Reason    Reason                `json:"reason,omitempty"`
	Message   string                `json:"message"` // one sentence for a person

	ConnectorFailed bool          `json:"connectorFailed,omitempty"`
	Tasks           []int         `json:"tasks,omitempty"` // failed ones; for a restart, those it names
	Class           failure.Class `json:"class,omitempty"`
	Advice          string        `json:"advice,omitempty"`
	Fingerprint     string        `json:"fingerprint,omitempty"`
	Summary         string        `json:"summary,omitempty"`
	Remedies        []string      `json:"remedies,omitempty"`

	Attempt     int       `json:"attempt,omitempty"` // number of the restart
	Probe       bool      `json:"probe,omitempty"`   // outside the budget
	Answer      Answer    `json:"answer,omitempty"`
	Planned     []int     `json:"planned,omitempty"` // the tasks in Connect's own plan (the 202 answer); what it will restart, not what it did
	Outcome     Outcome   `json:"outcome,omitempty"`
	Restarts    int       `json:"restarts,omitempty"`   // in the window
	BudgetLeft  int       `json:"budgetLeft"`           // -1 without a bound
	NextAttempt time.Time `json:"nextAttempt,omitzero"` // zero when none is planned
	Error       string    `json:"error,omitempty"`      // redacted

	Worker  string `json:"worker,omitempty"`  // that does not answer
	Waiting int64  `json:"waiting,omitempty"` // records that wait, where that is known

	Count int      `json:"count,omitempty"` // connectors spoken of together; Connector then joins a few of Names
	Names []string `json:"names,omitempty"`

	// In notifications only.
	Resolved bool      `json:"resolved,omitempty"` // this is the end of an earlier one
	Resolves EventKind `json:"resolves,omitempty"` // of what
	Reminder bool      `json:"reminder,omitempty"` // told before and still so
	Since    time.Time `json:"since,omitzero"`     // when it was first so
}

// NeedsPerson reports whether the event says that no more is done without a person.
func (e *Event) NeedsPerson() bool { return e.Kind == EventExhausted || e.Kind == EventHeld }

// LogValue implements slog.LogValuer.
func (e Event) LogValue() slog.Value {
	attrs := []slog.Attr{slog.String("kind", string(e.Kind))}
	add := func(key, value string) {
		if value != "" {
			attrs = append(attrs, slog.String(key, value))
		}
	}
	add("cluster", e.Cluster)
	add("connector", e.Connector)
	add("phase", string(e.Phase))
	add("reason", string(e.Reason))
	add("class", string(e.Class))
	add("fingerprint", e.Fingerprint)
	add("answer", string(e.Answer))
	add("outcome", string(e.Outcome))
	add("err", e.Error)
	if len(e.Tasks) > 0 {
		attrs = append(attrs, slog.Any("tasks", e.Tasks))
	}
	if e.Attempt > 0 {
		attrs = append(attrs, slog.Int("attempt", e.Attempt))
	}
	if e.Count > 0 {
		attrs = append(attrs, slog.Int("count", e.Count))
	}
	return slog.GroupValue(attrs...)
}

func level(e *Event) slog.Level {
	switch e.Kind {
	case EventExhausted, EventHeld, EventBlind, EventStoreFailed:
		return slog.LevelError
	case EventFailed, EventRelapsed, EventFlapping, EventStuck, EventSweepFailed, EventStorm, EventGhost, EventNoProgress:
		return slog.LevelWarn
	default:
		return slog.LevelInfo
	}
}

func eventAttrs(e Event) []slog.Attr { return e.LogValue().Group() }

// redacted is an error's text without what may be secret in it, bounded. Connect prints whole configs in error messages.
func redacted(err error) string {
	if err == nil {
		return ""
	}
	return cut(redact.Text(err.Error()), MaxSummary)
}
