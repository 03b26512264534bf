package recovery

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/go-reconnect/reconnect/connect/failure"
)

// Phase is where a connector stands.
type Phase string

// The phases.
const (
	PhaseHealthy    Phase = "healthy"    // everything RUNNING
	PhaseSuspect    Phase = "suspect"    // FAILED, but seen fewer times than FailureThreshold
	PhaseWaiting    Phase = "waiting"    // for something that is no clock: a rebalance, the other side, a canary, the storm guard, a maintenance window
	PhaseBackoff    Phase = "backoff"    // a restart is due at State.Next
	PhaseRestarting Phase = "restarting" // reserved; the request is on its way
	PhaseVerifying  Phase = "verifying"  // sent; the result is not known, or RUNNING for less than StableFor
	PhaseHeld       Phase = "held"       // a restart cannot fix it, a person is needed
	PhaseExhausted  Phase = "exhausted"  // the budget is used up, a person is needed
	PhasePaused     Phase = "paused"     // PAUSED or STOPPED: somebody wants it still
	PhaseUnknown    Phase = "unknown"    // no status to judge by
)

// Answer is what became of a restart request.
type Answer string

// The answers. Only a refusal gives the attempt back to the budget.
const (
	AnswerAccepted  Answer = "accepted"  // Connect took it; not yet "restarted"
	AnswerRefused   Answer = "refused"   // definitely not carried out
	AnswerForbidden Answer = "forbidden" // refused, and it will be until somebody changes the rights: the connector is held
	AnswerFailed    Answer = "failed"    // carried out and failed at once (`Failed to start task`)
	AnswerUnknown   Answer = "unknown"   // it may have been carried out, so it counts
)

// Latch keeps a connector from being restarted until something outside changes.
type Latch string

// The latches.
const (
	LatchNone      Latch = ""
	LatchHeld      Latch = "held"
	LatchExhausted Latch = "exhausted"
)

// Schema is the number of the State format that this version writes. A larger one is refused, never guessed at.
const Schema = 1

// ErrSchema is returned for a state that a newer version wrote.
var ErrSchema = errors.New("recovery: the state was written by a newer version")

// State is what is remembered of one connector. Its zero value is a connector never seen. It holds no trace and no config, and it is
// comparable: two equal States need no second write.
type State struct {
	Phase  Phase     `json:"phase,omitempty"`
	Since  time.Time `json:"since,omitzero"` // when Phase began
	Reason Reason    `json:"reason,omitempty"`

	Bad          int       `json:"bad,omitempty"`      // consecutive observations that showed a failure, counted up to FailureThreshold
	BadSince     time.Time `json:"badSince,omitzero"`  // first of them
	HealthySince time.Time `json:"healthy,omitzero"`   // everything RUNNING without a break since
	WaitingSince time.Time `json:"waiting,omitzero"`   // UNASSIGNED or RESTARTING since
	Down         bool      `json:"down,omitempty"`     // a failure was believed and no recovery since
	Stuck        bool      `json:"stuck,omitempty"`    // reported
	Flapping     bool      `json:"flapping,omitempty"` // reported

	Class       failure.Class  `json:"class,omitempty"` // of the latest failure
	Advice      failure.Advice `json:"advice,omitempty"`
	Fingerprint string         `json:"fingerprint,omitempty"`
	Summary     string         `json:"summary,omitempty"` // redacted, at most 1 kB

	Attempts int       `json:"attempts,omitempty"`    // restarts ever reserved, refused ones included
	Step     int       `json:"step,omitempty"`        // of the backoff
	Same     int       `json:"same,omitempty"`        // relapses in a row with the same fingerprint
	Next     time.Time `json:"next,omitzero"`         // when the next restart or probe is due
	Restarts History   `json:"restarts,omitempty"`    // what counts in Window, and the rest of the last 24 h
	Changed  int       `json:"changeTried,omitempty"` // restarts spent on failures that need a person
	Attempt  Attempt   `json:"attempt,omitzero"`      // reserved and not yet answered

	Latch       Latch     `json:"latch,omitempty"`
	LatchedAt   time.Time `json:"latchedAt,omitzero"`
	LatchReason Reason    `json:"latchReason,omitempty"`
	Exhausts    int       `json:"exhausts,omitempty"` // times exhausted without a whole Window of health in between
	Probes      int       `json:"probes,omitempty"`   // since the first of them
	ProbesEver  int       `json:"probesEver,omitempty"`
	Told        time.Time `json:"told,omitzero"`    // when a probe was last brought forward
	Grace       int       `json:"grace,omitempty"`  // restarts that a re-arm allows beyond the window
	Permit      int       `json:"permit,omitempty"` // restarts that a person or a changed config allows although a person was needed
	ZeroSince   time.Time `json:"zero,omitzero"`    // RUNNING with zero tasks since
	ZeroTold    bool      `json:"zeroTold,omitempty"`

	ConfigHash  string    `json:"configHash,omitempty"` // keyed
	Rearms      History   `json:"rearms,omitempty"`
	Unreachable bool      `json:"unreachable,omitempty"` // the Reach probe said so last
	Gone        int       `json:"gone,omitempty"`        // passes in which Connect itself answered 404 for the name
	GoneAt      time.Time `json:"goneAt,omitzero"`
}

// Attempt is one restart from its reservation until its result is known.
type Attempt struct {
	ID          int       `json:"id"`
	At          time.Time `json:"at"`
	Answer      Answer    `json:"answer,omitempty"` // empty until settled
	Probe       bool      `json:"probe,omitempty"`
	Tasks       TaskSet   `json:"tasks,omitempty"` // what was to be restarted; -1 is the connector
	Rest        TaskSet   `json:"rest,omitempty"`  // what was FAILED and left out on purpose
	UpAt        time.Time `json:"upAt,omitzero"`   // everything in Tasks was seen up, first
	Fingerprint string    `json:"fingerprint,omitempty"`
	Lead        int       `json:"lead"` // the instance whose trace is compared
	Trace       uint64    `json:"trace,omitempty,string"`
	Placement   uint64    `json:"placement,omitempty,string"`
	Up          bool      `json:"up,omitempty"`     // RUNNING or RESTARTING was seen since
	Moved       bool      `json:"moved,omitempty"`  // a rebalance came in between
	Graced      bool      `json:"graced,omitempty"` // what a refusal gives back
	Permitted   bool      `json:"permitted,omitempty"`
	Changed     bool      `json:"changed,omitempty"`
}

// Pending reports whether a restart is reserved whose result is not known.
func (a Attempt) Pending() bool { return !a.At.IsZero() }

// Empty reports whether the state holds nothing that a later decision needs, so that a store may forget it.
func (s State) Empty() bool {
	return s.Restarts.Len() == 0 && s.Latch == LatchNone && !s.Attempt.Pending() && !s.Down && s.Bad == 0 && s.Step == 0 &&
		s.WaitingSince.IsZero() && s.Rearms.Len() == 0 && s.GoneAt.IsZero()
}

// MarshalJSON writes the state with its schema number.
func (s State) MarshalJSON() ([]byte, error) {
	type plain State
	return json.Marshal(struct {
		Schema int `json:"schema"`
		plain
	}{Schema, plain(s)})
}

// UnmarshalJSON reads a state; ErrSchema for one of a newer version, an error for one without a schema number.
func (s *State) UnmarshalJSON(data []byte) error {
	type plain State
	var v struct {
		Schema int `json:"schema"`
		plain
	}
	var head struct {
		Schema int `json:"schema"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return err
	}
	switch {
	case head.Schema > Schema:
		return fmt.Errorf("%w: schema %d, this one knows %d", ErrSchema, head.Schema, Schema)
	case head.Schema < 1:
		return errors.New("recovery: the state has no schema number")
	}
	if err := json.Unmarshal(data, &v); err != nil {
		return err
	}
	*s = State(v.plain)
	return nil
}

// History is a list of points in time, oldest first. It is immutable, so that states can share one; in JSON it is an array of times.
type History string

// Len returns the number of entries.
func (h History) Len() int { return len(h) / 8 }

func (h History) nano(i int) int64 {
	var b [8]byte
	copy(b[:], h[i*8:])
	return int64(binary.BigEndian.Uint64(b[:])) //nolint:gosec // written by add
}

// At returns entry i.
func (h History) At(i int) time.Time { return time.Unix(0, h.nano(i)).UTC() }

// Last returns the newest entry, or the zero time.
func (h History) Last() time.Time {
	if h.Len() == 0 {
		return time.Time{}
	}
	return h.At(h.Len() - 1)
}

// Since counts the entries after t.
func (h History) Since(t time.Time) int {
	cut, n := t.UnixNano(), 0
	for i := h.Len() - 1; i >= 0 && h.nano(i) > cut; i-- {
		n++
	}
	return n
}

// after drops the entries up to t; it shares the rest.
func (h History) after(t time.Time) History {
	return h[len(h)-8*h.Since(t):]
}

func (h History) add(t time.Time, keep int) History {
	if h.Len() >= keep && keep > 0 {
		h = h[8*(h.Len()-keep+1):]
	}
	return h + encodeTime(t)
}

// without drops the newest entry if it is t.
func (h History) without(t time.Time) History {
	if n := h.Len(); n > 0 && h.nano(n-1) == t.UnixNano() {
		return h[:8*(n-1)]
	}
	return h
}

func encodeTime(t time.Time) History {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(t.UnixNano()))
	return History(b[:])
}

// MarshalJSON writes an array of times.
func (h History) MarshalJSON() ([]byte, error) {
	times := make([]time.Time, h.Len())
	for i := range times {
		times[i] = h.At(i)
	}
	return json.Marshal(times)
}

// UnmarshalJSON reads an array of times.
func (h *History) UnmarshalJSON(data []byte) error {
	var times []time.Time
	if err := json.Unmarshal(data, &times); err != nil {
		return err
	}
	var b strings.Builder
	for i, t := range times {
		if i > 0 && t.Before(times[i-1]) {
			return errors.New("recovery: a history is not in order")
		}
		b.WriteString(string(encodeTime(t)))
	}
	*h = History(b.String())
	return nil
}

// TaskSet is a set of task numbers in ascending order; -1 stands for the connector itself. It is immutable; in JSON it is an array of numbers.
type TaskSet string

// Tasks returns the numbers, -1 for the connector itself.
func (t TaskSet) Tasks() []int {
	var out []int
	for s := range strings.SplitSeq(string(t), ",") {
		if n, err := strconv.Atoi(s); err == nil {
			out = append(out, n)
		}
	}
	return out
}

// Has reports whether the number is in the set.
func (t TaskSet) Has(task int) bool {
	var b [20]byte
	want := strconv.AppendInt(b[:0], int64(task), 10)
	rest := string(t)
	for rest != "" {
		head, tail, _ := strings.Cut(rest, ",")
		if head == string(want) {
			return true
		}
		rest = tail
	}
	return false
}

func newTaskSet(tasks []int) TaskSet {
	var b []byte
	for i, n := range tasks {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, int64(n), 10)
	}
	return TaskSet(b)
}

// MarshalJSON writes an array of numbers.
func (t TaskSet) MarshalJSON() ([]byte, error) {
	tasks := t.Tasks()
	if tasks == nil {
		tasks = []int{}
	}
	return json.Marshal(tasks)
}

// UnmarshalJSON reads an array of numbers.
func (t *TaskSet) UnmarshalJSON(data []byte) error {
	var tasks []int
	if err := json.Unmarshal(data, &tasks); err != nil {
		return err
	}
	*t = newTaskSet(tasks)
	return nil
}
