package recovery

import (
	"time"

	"github.com/go-reconnect/reconnect/connect"
	"github.com/go-reconnect/reconnect/connect/failure"
)

// failed is for a connector with something FAILED that nobody paused.
func (d *Decision) failed(p *Policy, o *Observation, now time.Time) {
	s := &d.State
	s.HealthySince, s.ZeroSince = time.Time{}, time.Time{}
	if o.Moving > 0 || o.State == connect.StateUnassigned || o.State == connect.StateRestarting {
		s.Attempt.sawMoving(o)
		if !d.stuck(p, now) {
			ph := PhaseWaiting
			if s.Attempt.Pending() {
				ph = PhaseVerifying
			}
			s.phase(ph, ReasonRebalance, now)
			return
		}
	} else {
		s.WaitingSince, s.Stuck = time.Time{}, false
	}
	lead := p.lead(s, o)
	was := s.Fingerprint
	if o.Release && lead.Class == failure.ClassAuthentication && s.Permit == 0 {
		// The same credentials have just worked elsewhere: logging in with them locks nothing.
		s.Permit = 1
	}
	s.Class, s.Advice, s.Fingerprint, s.Summary = lead.Class, lead.Advice, lead.Fingerprint, cutShared(lead.Summary)
	if !d.answered(p, o, lead, now) {
		return
	}
	s.believe(p, now)
	if s.Bad < p.FailureThreshold {
		s.phase(PhaseSuspect, ReasonSuspect, now)
		return
	}
	if !s.Down {
		s.Down = true
		d.Signals |= SignalFailed
	}
	if s.Latch != LatchNone && !d.stillLatched(p, o, lead, was, now) {
		s.unlatch()
		s.Next = now.Add(p.delay(o.Connector, s.Attempts, 0))
	}
	d.restart(p, o, lead, now)
}

// believe counts one more observation of the failure.
func (s *State) believe(p *Policy, now time.Time) {
	if s.Bad == 0 {
		s.BadSince = now
	}
	s.Bad = min(s.Bad+1, p.FailureThreshold)
}

// cutShared bounds a summary that did not come from Observe. The substring is shared: strings are immutable.
func cutShared(s string) string {
	if len(s) > MaxSummary {
		return cut(s, MaxSummary)
	}
	return s
}

// needsPerson reports whether the failure is one that restarts are not spent on.
func (p *Policy) needsPerson(s *State, f *Failed) Reason {
	switch {
	case f.Class == failure.ClassAuthentication:
		if s.Permit == 0 && (!p.RestartAuthentication || s.Changed >= p.AfterChange) {
			return ReasonAuthentication
		}
	case f.Advice == failure.AdviceAfterChange:
		if s.Changed >= p.AfterChange && s.Permit == 0 {
			return ReasonNeedsPerson
		}
	}
	return ReasonNone
}

// lead picks the failure that is spoken of: the first that a restart may fix, else the first.
func (p *Policy) lead(s *State, o *Observation) *Failed {
	for i := range o.Failed {
		if p.needsPerson(s, &o.Failed[i]) == ReasonNone {
			return &o.Failed[i]
		}
	}
	return &o.Failed[0]
}

// answered settles whether the pending restart has its result. False means that nothing is to be done but wait.
func (d *Decision) answered(p *Policy, o *Observation, lead *Failed, now time.Time) bool {
	s := &d.State
	a := &s.Attempt
	if !a.Pending() {
		return true
	}
	if o.Placement != a.Placement {
		a.Moved = true
	}
	still, changed, onlyRest := false, false, true
	for i := range o.Failed {
		f := &o.Failed[i]
		if a.Tasks.Has(f.Task) {
			still = true
			changed = changed || f.Task == a.Lead && f.Trace != a.Trace
		} else if !a.Rest.Has(f.Task) {
			onlyRest = false
		}
	}
	if !still && !a.Moved && onlyRest {
		// What was restarted runs; what was left out has failed all along and must not end the watch at the first look.
		a.Up = true
		if a.UpAt.IsZero() {
			a.UpAt = now
		}
		if until := a.UpAt.Add(restPatience); now.Before(until) {
			s.phase(PhaseVerifying, ReasonSettling, now)
			d.Next = until
			return false
		}
	}
	deadline := a.At.Add(p.VerifyTimeout)
	lost := a.Answer == "" && !a.Up && !changed
	if lost {
		deadline = a.At.Add(min(p.VerifyTimeout, p.RestartDelay))
	}
	switch {
	case !still || a.Moved && a.Up:
		// What was restarted runs and something else failed, or a rebalance started it afresh: a new failure, and no word on our restart.
		s.Attempt = Attempt{}
		s.Bad, s.BadSince = 0, time.Time{}
		return true
	case lost && !now.Before(deadline):
		// Whoever reserved it died, or was cut off, before it knew the answer, and nothing has happened: it stays counted, and the next one need not wait.
		probe := a.Probe
		s.Attempt = Attempt{}
		s.Bad, s.BadSince, s.Next = p.FailureThreshold, now, now
		if probe {
			s.Next = now.Add(p.probeDelay(o.Connector, s))
		}
		return true
	case a.Answer == AnswerFailed:
	case !now.Before(deadline):
	case a.Up || changed:
		s.believe(p, now)
		if s.Bad < p.FailureThreshold || !changed && now.Before(a.At.Add(min(staleFor, p.VerifyTimeout))) {
			s.phase(PhaseVerifying, ReasonMaybeStale, now)
			d.Next = deadline
			return false
		}
	default:
		s.phase(PhaseVerifying, ReasonNoAnswerYet, now)
		d.Next = deadline
		return false
	}
	d.Outcome = OutcomeRelapsed
	d.Signals |= SignalRelapsed
	if a.Fingerprint == lead.Fingerprint {
		s.Same++
	} else {
		s.Same = 0
	}
	sent := a.At
	probe := a.Probe
	s.Attempt = Attempt{}
	s.Bad, s.BadSince = p.FailureThreshold, now
	s.Next = time.Time{}
	if s.Latch == LatchExhausted && probe {
		// From one probe to the next, however long the answer took.
		if s.Next = sent.Add(p.probeDelay(o.Connector, s)); s.Next.Before(now) {
			s.Next = now
		}
	} else if s.Latch == LatchNone {
		s.Next = s.after(p, o.Connector, sent, now)
	}
	return true
}

// after is when the next restart is due: the growing delay counts from the last one, but a fresh relapse always gets RestartDelay.
func (s *State) after(p *Policy, connector string, sent, now time.Time) time.Time {
	next := sent.Add(p.delay(connector, s.Attempts, s.step()))
	if first := now.Add(p.delay(connector, s.Attempts, 0)); next.Before(first) {
		return first
	}
	return next
}

// step is the exponent of the backoff. A cause that came back unchanged grows it twice as fast.
func (s *State) step() int { return s.Step + s.Same }

// stillLatched reports whether the latch holds on, and ends it where a config change or another cause allows.
func (d *Decision) stillLatched(p *Policy, o *Observation, lead *Failed, was string, now time.Time) bool {
	s := &d.State
	if o.ConfigHash != "" && o.ConfigHash != s.ConfigHash {
		first := s.ConfigHash == ""
		s.ConfigHash = o.ConfigHash
		if !first && !p.KeepLatch && p.MaxRestarts > 0 && s.Rearms.Len() < maxRearms {
			s.Rearms = s.Rearms.add(now, maxRearms)
			s.Grace, s.Permit = 1, 1
			d.Signals |= SignalRearmed
			return false
		}
	}
	if o.Release && s.LatchReason == ReasonAuthentication && p.MaxRestarts > 0 {
		d.Signals |= SignalReleased
		return false
	}
	if s.Latch == LatchHeld && s.LatchReason != ReasonForbidden && was != lead.Fingerprint && p.MaxRestarts > 0 && p.needsPerson(s, lead) == ReasonNone {
		d.Signals |= SignalReleased
		return false
	}
	return true
}

// restart decides on a believed failure that no restart is pending for.
func (d *Decision) restart(p *Policy, o *Observation, lead *Failed, now time.Time) {
	s := &d.State
	if o.ConfigHash != "" && s.Latch == LatchNone {
		s.ConfigHash = o.ConfigHash
	}
	probe := false
	if s.Latch != LatchNone {
		if !d.probe(p, o, lead, now) {
			return
		}
		probe = true
	} else {
		if reason := p.needsPerson(s, lead); reason != ReasonNone {
			d.latch(LatchHeld, reason, SignalHeld, now)
			return
		}
		if p.MaxRestarts < 0 {
			d.latch(LatchHeld, ReasonNeverRestart, SignalHeld, now)
			return
		}
		if p.left(s, now) == 0 && s.Grace == 0 {
			d.latch(LatchExhausted, ReasonBudget, SignalExhausted, now)
			s.Exhausts++
			if probes(p, lead.Class) {
				s.Next = now.Add(p.probeDelay(o.Connector, s))
			}
			return
		}
		if s.Next.IsZero() {
			s.Next = s.BadSince.Add(p.delay(o.Connector, s.Attempts, s.step()))
		}
	}
	// A probe is outside the budget: what others report brings it forward once in ProbeEvery, or a cause that comes and goes elsewhere would restart for ever.
	forward := !probe || !now.Before(s.Told.Add(p.ProbeEvery))
	switch o.Reach {
	case ReachUnreachable:
		s.Unreachable = true
		s.phase(PhaseWaiting, ReasonOtherSideDown, now)
		return
	case ReachReachable:
		if s.Unreachable {
			s.Unreachable = false
			if forward {
				s.bringForward(probe, now)
			}
		}
	case ReachNotAsked, ReachUnknown:
		s.Unreachable = false
	}
	if o.Release && forward && s.Next.After(now) {
		s.bringForward(probe, now)
	}
	if now.Before(s.Next) {
		if !probe {
			s.phase(PhaseBackoff, ReasonBackoff, now)
		}
		return
	}
	if o.Hold != ReasonNone {
		s.phase(PhaseWaiting, o.Hold, now)
		return
	}
	d.reserve(p, o, lead, probe, now)
}

func (s *State) bringForward(probe bool, now time.Time) {
	s.Next = now
	if probe {
		s.Told = now
	}
}

func (d *Decision) latch(l Latch, r Reason, sig Signal, now time.Time) {
	s := &d.State
	s.Latch, s.LatchedAt, s.LatchReason, s.Next = l, now, r, time.Time{}
	d.Signals |= sig
}

func probes(p *Policy, c failure.Class) bool {
	if p.ProbeEvery < 0 || p.MaxRestarts < 0 {
		return false
	}
	switch c {
	case failure.ClassConnection, failure.ClassTimeout, failure.ClassResource, failure.ClassUnknown:
		return true
	default:
		return false
	}
}

// probe reports whether a probe may be tried at all; when it is due is in s.Next.
func (d *Decision) probe(p *Policy, o *Observation, lead *Failed, now time.Time) bool {
	s := &d.State
	told := p.ProbeEvery >= 0 && (o.Release || s.Unreachable && o.Reach == ReachReachable)
	if s.Latch != LatchExhausted || !probes(p, lead.Class) && !told || p.needsPerson(s, lead) != ReasonNone {
		s.Next = time.Time{}
		return false
	}
	if s.Next.IsZero() {
		s.Next = now.Add(p.probeDelay(o.Connector, s))
	}
	return true
}

// reserve writes the attempt down, so that it counts even if whoever sends it dies right after.
func (d *Decision) reserve(p *Policy, o *Observation, lead *Failed, probe bool, now time.Time) {
	s := &d.State
	d.Action, d.Probe, d.PerTask, d.Running = ActionRestart, probe, o.PerTask, o.running
	set := make([]int, 0, len(o.Failed))
	d.Whole = true
	var rest []int
	changed, permitted := false, false
	for i := range o.Failed {
		f := &o.Failed[i]
		if p.needsPerson(s, f) != ReasonNone || o.Single && len(set) > 0 {
			d.Whole = false
			rest = append(rest, f.Task)
			continue
		}
		switch {
		case f.Class == failure.ClassAuthentication:
			changed = true
			permitted = permitted || !p.RestartAuthentication || s.Changed >= p.AfterChange
		case f.Advice == failure.AdviceAfterChange:
			changed = true
			permitted = permitted || s.Changed >= p.AfterChange
		}
		set = append(set, f.Task)
		if f.Task == ConnectorTask {
			d.IncludeConnector = true
		} else {
			d.Tasks = append(d.Tasks, f.Task)
		}
	}
	s.Attempts++
	s.Attempt = Attempt{
		ID: s.Attempts, At: now, Probe: probe, Tasks: newTaskSet(set), Fingerprint: lead.Fingerprint, Lead: lead.Task, Trace: lead.Trace, Placement: o.Placement,
		Permitted: permitted, Changed: changed, Rest: newTaskSet(rest),
	}
	d.Attempt = s.Attempts
	s.Next = time.Time{}
	if probe {
		s.Probes++
		s.ProbesEver++
	} else {
		if p.left(s, now) == 0 {
			s.Grace = max(0, s.Grace-1)
			s.Attempt.Graced = true
		}
		s.Restarts = s.Restarts.add(now, p.keep())
		s.Step++
		if p.FlappingAfter > 0 && !s.Flapping && s.Restarts.Since(now.Add(-flappingWindow)) >= p.FlappingAfter {
			s.Flapping = true
			d.Signals |= SignalFlapping
		}
	}
	if changed {
		s.Changed++
	}
	if permitted {
		s.Permit--
	}
	s.phase(PhaseRestarting, ReasonReserved, now)
	d.Next = now.Add(p.VerifyTimeout)
}

// keep bounds a history: what decisions look at, never more than 10,000 entries.
func (p *Policy) keep() int {
	n := max(p.FlappingAfter, 64)
	if p.MaxRestarts != Unlimited {
		n = max(n, p.MaxRestarts+maxRearms)
	}
	return min(n, 10_000)
}
