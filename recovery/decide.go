package recovery

import (
	"time"

	"github.com/go-reconnect/reconnect/connect"
)

// staleFor is how long after a restart an unchanged FAILED can be an old status: behind a load balancer every request reaches another worker,
// each with its own lag.
const staleFor = 30 * time.Second

// restPatience is how long the restarted part of a connector must run before the part that was left out is judged anew.
const restPatience = time.Minute

// flappingWindow is the time in which Policy.FlappingAfter restarts are reported.
const flappingWindow = 24 * time.Hour

// maxRearms bounds how often a changed config ends a latch within Window.
const maxRearms = 2

// Action is what a Decision asks for.
type Action string

// The actions.
const (
	ActionNone    Action = "none"
	ActionRestart Action = "restart"
)

// Outcome is the result of a restart.
type Outcome string

// The outcomes. A restart whose instances a rebalance started afresh has none: it was neither our success nor our relapse.
const (
	OutcomeNone      Outcome = ""
	OutcomeRecovered Outcome = "recovered" // RUNNING for StableFor
	OutcomeRelapsed  Outcome = "relapsed"  // FAILED again, or no answer within VerifyTimeout
)

// Signal is a set of things that happened in a decision and that a person may want to hear of.
type Signal uint32

// The signals.
const (
	SignalFailed    Signal = 1 << iota // a failure was believed
	SignalRelapsed                     // the last restart did not help
	SignalRecovered                    // RUNNING for StableFor after a believed failure
	SignalExhausted                    // the budget is used up
	SignalHeld                         // a person is needed
	SignalRearmed                      // a changed config allows another try
	SignalReleased                     // the latch is gone because it is healthy, or fails for another reason
	SignalFlapping                     // many restarts in 24 h
	SignalStuck                        // UNASSIGNED or RESTARTING for too long
	SignalZeroTasks                    // RUNNING with zero tasks for twice RebalanceDelay
)

// Has reports whether all of f are set.
func (s Signal) Has(f Signal) bool { return s&f == f }

// Decision is what to do now. The caller stores State first; only when that is done it carries out Action, and gives the answer to Settle.
type Decision struct {
	Connector string
	Action    Action
	State     State     // what to store before acting
	Next      time.Time // when to decide again at the latest; zero means at the next poll
	Reason    Reason
	Signals   Signal
	Outcome   Outcome // of the restart before this one, when it became known now

	// For ActionRestart: what to restart, in ascending order; Tasks without the connector itself.
	IncludeConnector bool
	Tasks            []int
	// Whole reports that Tasks and IncludeConnector are everything that is FAILED, so that one restart?includeTasks=true&onlyFailed=true does it.
	Whole bool
	// PerTask asks for one request per task even so.
	PerTask bool
	// Running reports that what is named is RUNNING, so that onlyFailed must not be asked for. Only where Policy.ActOn allows it.
	Running bool
	Attempt int  // its number, also State.Attempt.ID
	Probe   bool // outside the budget
	Left    int  // restarts left in the window after this decision; Unlimited without a bound
}

// Decide says what to do about one connector. It is pure: the same arguments give the same decision, nothing is read or written, no clock and
// no randomness is used, and the decision shares nothing mutable with state. It allocates only when it restarts.
//
// Failures of a class that needs a person are held after Policy.AfterChange restarts, authentication at once; everything else has the whole
// budget. UNASSIGNED and RESTARTING are waited for, PAUSED and STOPPED are left alone.
func Decide(policy Policy, state State, o Observation, now time.Time) Decision {
	p := policy.Defaults()
	now = now.Round(0).UTC()
	d := Decision{Connector: o.Connector, Action: ActionNone, State: state}
	s := &d.State
	s.age(&p, now)
	if o.State != "" {
		s.Gone, s.GoneAt = 0, time.Time{}
	}
	switch {
	case o.State == "":
		s.phase(PhaseUnknown, ReasonNoStatus, now)
		s.HealthySince = time.Time{}
	case o.State == connect.StatePaused || o.State == connect.StateStopped || o.Paused > 0:
		s.wish(&o, now)
	case len(o.Failed) > 0:
		d.failed(&p, &o, now)
	case o.Moving > 0 || o.Odd > 0 || o.State != connect.StateRunning:
		d.waiting(&p, &o, now)
	case d.found(&p, &o, now):
	default:
		d.running(&p, &o, now)
	}
	if s.Latch != LatchNone && !s.Attempt.Pending() && s.Phase != PhaseUnknown && s.Phase != PhasePaused {
		s.latchedPhase(now)
	}
	d.Reason = s.Reason
	d.Left = p.left(s, now)
	if d.Next.IsZero() {
		d.Next = s.Next
	}
	return d
}

// age lets go of what is older than the window, and of times that only a clock that was wrong can have written: no mistake may hold a connector for good.
func (s *State) age(p *Policy, now time.Time) {
	if s.Attempt.At.After(now) {
		s.Attempt.At = now
	}
	if s.HealthySince.After(now) {
		s.HealthySince = now
	}
	if s.WaitingSince.After(now) {
		s.WaitingSince = now
	}
	if s.Told.After(now) {
		s.Told = now
	}
	if s.BadSince.After(now) {
		s.BadSince = now
	}
	if latest := now.Add(2 * max(p.MaxDelay, p.ProbeMax)); s.Next.After(latest) {
		s.Next = latest
	}
	s.Restarts = s.Restarts.after(now.Add(-max(p.Window, flappingWindow)))
	s.Rearms = s.Rearms.after(now.Add(-p.Window))
	if p.FlappingAfter > 0 && s.Flapping && s.Restarts.Since(now.Add(-flappingWindow)) < p.FlappingAfter {
		s.Flapping = false
	}
	if s.Step > 0 && p.KeepBackoff && s.Restarts.Since(now.Add(-p.Window)) == 0 {
		s.Step, s.Same = 0, 0
	}
}

func (p *Policy) left(s *State, now time.Time) int {
	switch {
	case p.MaxRestarts < 0:
		return 0
	case p.MaxRestarts == Unlimited:
		return Unlimited
	}
	return max(0, p.MaxRestarts-s.Restarts.Since(now.Add(-p.Window)))
}

func (s *State) phase(ph Phase, r Reason, now time.Time) {
	if s.Phase != ph {
		s.Phase, s.Since = ph, now
	}
	s.Reason = r
}

// latchedPhase shows the latch whatever the instances do: a person is still needed.
func (s *State) latchedPhase(now time.Time) {
	ph := PhaseHeld
	if s.Latch == LatchExhausted {
		ph = PhaseExhausted
	}
	s.phase(ph, s.LatchReason, now)
}

// wish leaves a connector alone that somebody paused or stopped. What was counted stays counted.
func (s *State) wish(o *Observation, now time.Time) {
	s.Bad, s.BadSince, s.HealthySince, s.WaitingSince, s.ZeroSince, s.Next = 0, time.Time{}, time.Time{}, time.Time{}, time.Time{}, time.Time{}
	s.Stuck = false
	s.Attempt = Attempt{}
	r := ReasonWish
	if o.State != connect.StatePaused && o.State != connect.StateStopped {
		r = ReasonWishTask
	}
	s.phase(PhasePaused, r, now)
}

// waiting is for a rebalance, or for a state that this version does not know.
func (d *Decision) waiting(p *Policy, o *Observation, now time.Time) {
	s := &d.State
	s.HealthySince = time.Time{}
	s.Attempt.sawMoving(o)
	reason := ReasonRebalance
	if o.Moving == 0 && o.State != connect.StateUnassigned && o.State != connect.StateRestarting {
		reason = ReasonOddState
	}
	if d.stuck(p, now) {
		reason = ReasonStuck
	}
	if s.Attempt.Pending() {
		s.phase(PhaseVerifying, reason, now)
		return
	}
	s.phase(PhaseWaiting, reason, now)
}

// stuck counts the time that something is UNASSIGNED or RESTARTING and reports the first time that it is too long.
func (d *Decision) stuck(p *Policy, now time.Time) bool {
	s := &d.State
	if s.WaitingSince.IsZero() {
		s.WaitingSince = now
	}
	limit := s.WaitingSince.Add(2 * p.RebalanceDelay)
	if now.Before(limit) {
		d.Next = limit
		return false
	}
	if !s.Stuck {
		s.Stuck = true
		d.Signals |= SignalStuck
	}
	return true
}

func (a *Attempt) sawMoving(o *Observation) {
	if !a.Pending() {
		return
	}
	if o.Restarting > 0 || o.State == connect.StateRestarting {
		a.Up = true
	}
	// A restart of tasks never makes a task UNASSIGNED for a poll; a rebalance does. A restart of the connector itself may.
	if o.Unassigned > 0 && !a.Tasks.Has(ConnectorTask) || o.Placement != a.Placement {
		a.Moved = true
	}
}

// running is for a connector without a failure and without a rebalance.
func (d *Decision) running(p *Policy, o *Observation, now time.Time) {
	s := &d.State
	s.WaitingSince, s.Stuck = time.Time{}, false
	s.Bad, s.BadSince, s.Next, s.Unreachable = 0, time.Time{}, time.Time{}, false
	a := &s.Attempt
	if a.Pending() {
		a.Up = true
		if o.Placement != a.Placement {
			a.Moved = true
		}
	}
	if o.Tasks == 0 {
		d.zeroTasks(p, now)
		return
	}
	s.ZeroSince, s.ZeroTold = time.Time{}, false
	if s.HealthySince.IsZero() {
		s.HealthySince = now
	}
	if !now.Before(s.HealthySince.Add(p.Window)) {
		s.Exhausts, s.Probes = 0, 0
	}
	stable := s.HealthySince.Add(p.StableFor)
	if s.Latch == LatchExhausted {
		stable = s.HealthySince.Add(p.trust(s))
	}
	if now.Before(stable) && (a.Pending() || s.Latch != LatchNone || s.Down || s.Step > 0) {
		d.Next = stable
		s.phase(PhaseVerifying, ReasonSettling, now)
		return
	}
	if !now.Before(stable) {
		if !p.KeepBackoff {
			s.Step = 0
		}
		s.Same, s.Changed, s.Grace, s.Permit = 0, 0, 0, 0
		if a.Pending() && !a.Moved {
			d.Outcome = OutcomeRecovered
		}
		s.Attempt = Attempt{}
		if s.Latch != LatchNone {
			s.unlatch()
			d.Signals |= SignalReleased
		}
		if s.Down {
			s.Down = false
			d.Signals |= SignalRecovered
		}
	}
	s.phase(PhaseHealthy, ReasonRunning, now)
}

// zeroTasks is neither health, because nothing works here, nor a failure, because it can be normal. It ends an episode, but resets nothing.
func (d *Decision) zeroTasks(p *Policy, now time.Time) {
	s := &d.State
	a := &s.Attempt
	s.HealthySince = time.Time{}
	if s.ZeroSince.IsZero() {
		s.ZeroSince = now
	}
	if !s.ZeroTold && !now.Before(s.ZeroSince.Add(2*p.RebalanceDelay)) {
		s.ZeroTold = true
		d.Signals |= SignalZeroTasks
	}
	if a.Pending() && now.Before(a.At.Add(p.VerifyTimeout)) {
		s.phase(PhaseVerifying, ReasonZeroTasks, now)
		d.Next = a.At.Add(p.VerifyTimeout)
		return
	}
	s.Attempt = Attempt{}
	if s.Down && s.Latch == LatchNone && !now.Before(s.ZeroSince.Add(p.StableFor)) {
		s.Down = false
		d.Signals |= SignalRecovered
	}
	s.phase(PhaseHealthy, ReasonZeroTasks, now)
}

// trust is how long an exhausted connector must run before it counts as well: longer each time that this turned out wrong, so that one that dies
// slowly does not go back and forth.
func (p *Policy) trust(s *State) time.Duration {
	return min(p.StableFor<<min(s.Exhausts, 6), max(p.Window, p.StableFor))
}

func (s *State) unlatch() {
	s.Latch, s.LatchedAt, s.LatchReason, s.Next = LatchNone, time.Time{}, ReasonNone, time.Time{}
}
