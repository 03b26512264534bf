package recovery

import "time"

// Settle records what became of the restart that decision asked for. A refusal gives the attempt back; an unknown answer keeps it counted,
// because it may have been carried out. An answer to any but the pending attempt changes nothing. It is pure, like Decide.
func Settle(policy Policy, state State, decision Decision, answer Answer, now time.Time) State {
	s := state
	if decision.Action != ActionRestart || !s.Attempt.Pending() || s.Attempt.ID != decision.Attempt || s.Attempt.Answer != "" {
		return s
	}
	p := policy.Defaults()
	now = now.Round(0).UTC()
	switch answer {
	case AnswerRefused, AnswerForbidden:
		a := s.Attempt
		s.Attempt = Attempt{}
		if a.Probe {
			s.Probes, s.ProbesEver = max(0, s.Probes-1), max(0, s.ProbesEver-1)
		} else {
			n := s.Restarts.Len()
			s.Restarts = s.Restarts.without(a.At)
			if s.Restarts.Len() < n {
				s.Step = max(0, s.Step-1)
			}
		}
		if a.Graced {
			s.Grace++
		}
		if a.Permitted {
			s.Permit++
		}
		if a.Changed {
			s.Changed = max(0, s.Changed-1)
		}
		s.Next = now.Add(p.delay(decision.Connector, a.ID, 0))
		if answer == AnswerForbidden {
			s.Latch, s.LatchedAt, s.LatchReason, s.Next = LatchHeld, now, ReasonForbidden, time.Time{}
			s.latchedPhase(now)
			return s
		}
		if s.Latch != LatchNone {
			s.latchedPhase(now)
			return s
		}
		s.phase(PhaseBackoff, ReasonRefused, now)
	case AnswerAccepted, AnswerFailed, AnswerUnknown:
		s.Attempt.Answer = answer
		s.phase(PhaseVerifying, ReasonNoAnswerYet, now)
	default:
		s.Attempt.Answer = AnswerUnknown
		s.phase(PhaseVerifying, ReasonNoAnswerYet, now)
	}
	return s
}

// Acknowledge is what a person's "I have looked at it" does to a state: the latch ends, the window and the backoff are empty, and one restart is
// allowed even where the class would hold it. A restart whose result is open stays open. It is pure, like Decide.
func Acknowledge(state State, now time.Time) State {
	s := state
	now = now.Round(0).UTC()
	s.unlatch()
	s.Restarts, s.Rearms = "", ""
	s.Step, s.Same, s.Changed, s.Grace, s.Permit, s.Exhausts, s.Probes = 0, 0, 0, 0, 1, 0, 0
	s.Flapping, s.Stuck = false, false
	s.ConfigHash, s.Told = "", time.Time{}
	switch s.Phase {
	case PhaseHeld, PhaseExhausted, PhaseBackoff:
		s.Next = now
		s.phase(PhaseBackoff, ReasonAcknowledged, now)
	default:
	}
	return s
}
