package recovery

import (
	"slices"
	"strings"

	"github.com/go-reconnect/reconnect/connect"
	"github.com/go-reconnect/reconnect/connect/failure"
)

// MaxSummary bounds the bytes of a failure's summary that states and events hold.
const MaxSummary = 1000

// ConnectorTask is the task number that stands for the connector itself.
const ConnectorTask = -1

// Observation is what one look at a connector showed. Observe makes one; the last fields are for what a status cannot tell.
type Observation struct {
	Connector string
	Type      connect.ConnectorType
	// State is the connector instance's state; empty means that Connect shows no status.
	State connect.State
	// Tasks is the number of tasks; Running, Paused and Moving (UNASSIGNED or RESTARTING) and Odd (any other state) count them, Failed holds the rest.
	Tasks, Running, Paused, Moving, Odd int
	// Unassigned and Restarting split Moving.
	Unassigned, Restarting int
	// Failed lists what is FAILED: the connector itself (ConnectorTask) first, then the tasks in ascending order.
	Failed []Failed
	// Placement changes when any instance is on another worker.
	Placement uint64

	// Ghost says that an instance is RUNNING on a worker that has been gone for long, Stalled that records wait and none has moved for long. Both are
	// reported by whoever looks for it, and acted on only where Policy.ActOn says so.
	Ghost, Stalled bool

	// ConfigHash is a keyed hash of the connector's config, or empty when it was not read.
	ConfigHash string
	// Reach is what a probe of the other side found.
	Reach Reachability
	// Hold, unless empty, keeps a restart that is due from being sent, without spending anything.
	Hold Reason
	// Release makes a restart due at once: another connector with the same cause has recovered.
	Release bool
	// Single asks for one instance only, where each one that starts has a price: a canary for credentials.
	Single bool
	// PerTask asks for one request per task: Kafka below 3.0 has no other way, and 3.0.0 to 3.0.2 and 3.1.0 start tasks on every worker
	// when they are restarted with their connector (KAFKA-13719).
	PerTask bool

	running bool        // Failed lists what is RUNNING and to be restarted even so
	tasks   []TaskState // that are not RUNNING; see Supervisor.observe
}

// Failed is one FAILED instance.
type Failed struct {
	Task        int            `json:"task"`
	Worker      string         `json:"worker,omitempty"`
	Class       failure.Class  `json:"class"`
	Advice      failure.Advice `json:"-"`
	Pattern     string         `json:"pattern,omitempty"`
	Fingerprint string         `json:"fingerprint,omitempty"`
	Summary     string         `json:"summary,omitempty"`
	Remedies    []string       `json:"remedies,omitempty"` // read-only
	Trace       uint64         `json:"-"`                  // hash
}

// Reachability is what asking the other side found.
type Reachability string

// The answers of a Reach probe.
const (
	ReachNotAsked    Reachability = ""
	ReachReachable   Reachability = "reachable"
	ReachUnreachable Reachability = "unreachable"
	ReachUnknown     Reachability = "unknown"
)

// Observe turns a status into an Observation. Traces are classified by the first diagnose that is not nil, else by failure.Diagnose. It allocates only for
// FAILED instances and keeps nothing of the status but its strings.
func Observe(status connect.ConnectorStatus, diagnose ...func(trace string) failure.Diagnosis) Observation {
	classify := failure.Diagnose
	for _, d := range diagnose {
		if d != nil {
			classify = d
			break
		}
	}
	o := Observation{Connector: status.Name, Type: status.Type, State: status.Connector.State, Tasks: len(status.Tasks)}
	place := newHash()
	place.text(status.Connector.WorkerID)
	if status.Connector.State == connect.StateFailed {
		o.Failed = append(o.Failed, failed(ConnectorTask, status.Connector, classify))
	}
	for i := range status.Tasks {
		t := &status.Tasks[i]
		place.number(t.ID.Task)
		place.text(t.WorkerID)
		switch t.State {
		case connect.StateRunning:
			o.Running++
		case connect.StatePaused, connect.StateStopped:
			o.Paused++
		case connect.StateUnassigned:
			o.Unassigned++
		case connect.StateRestarting:
			o.Restarting++
		case connect.StateFailed:
			o.Failed = append(o.Failed, failed(t.ID.Task, t.InstanceStatus, classify))
		default:
			o.Odd++
		}
	}
	o.Moving = o.Unassigned + o.Restarting
	o.Placement = uint64(place)
	slices.SortStableFunc(o.Failed, func(a, b Failed) int { return a.Task - b.Task })
	return o
}

func failed(task int, st connect.InstanceStatus, diagnose func(string) failure.Diagnosis) Failed {
	d := diagnose(st.Trace)
	if d.Class == "" {
		d.Class = failure.ClassUnknown
	}
	h := newHash()
	h.text(st.Trace)
	return Failed{
		Task: task, Worker: strings.Clone(st.WorkerID), Class: d.Class, Advice: d.Restart, Pattern: d.Pattern, Fingerprint: d.Fingerprint,
		Summary: cut(d.Summary, MaxSummary), Remedies: d.Remedies, Trace: uint64(h),
	}
}

// cut shortens s to at most n bytes at a rune border, as a copy: a substring would keep a whole trace alive.
func cut(s string, n int) string {
	if len(s) > n {
		s = strings.ToValidUTF8(s[:n-len("…")], "") + "…"
	}
	return strings.Clone(s)
}

// hash is FNV-1a.
type hash uint64

func newHash() hash { return 14695981039346656037 }

func (h *hash) text(s string) {
	v := *h
	for i := range len(s) {
		v = (v ^ hash(s[i])) * 1099511628211
	}
	*h = v * 31
}

func (h *hash) number(n int) { *h = (*h ^ hash(n)) * 1099511628211 } //nolint:gosec // only the bits matter
