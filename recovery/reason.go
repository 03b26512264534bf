package recovery

// Reason says why a connector is in its phase, as a stable code; Text says it in words.
type Reason string

// The reasons.
const (
	ReasonNone             Reason = ""
	ReasonRunning          Reason = "running"
	ReasonSettling         Reason = "settling"
	ReasonZeroTasks        Reason = "zero_tasks"
	ReasonSuspect          Reason = "suspect"
	ReasonBackoff          Reason = "backoff"
	ReasonReserved         Reason = "reserved"
	ReasonNoAnswerYet      Reason = "no_answer_yet"
	ReasonMaybeStale       Reason = "maybe_stale"
	ReasonRebalance        Reason = "rebalance"
	ReasonStuck            Reason = "stuck"
	ReasonRefused          Reason = "refused"
	ReasonWish             Reason = "wish"
	ReasonWishTask         Reason = "wish_task"
	ReasonNoStatus         Reason = "no_status"
	ReasonOddState         Reason = "odd_state"
	ReasonBudget           Reason = "budget"
	ReasonNeverRestart     Reason = "never_restart"
	ReasonAuthentication   Reason = "authentication"
	ReasonNeedsPerson      Reason = "needs_person"
	ReasonForbidden        Reason = "forbidden"
	ReasonProbe            Reason = "probe"
	ReasonOtherSideDown    Reason = "other_side_down"
	ReasonReachUnknown     Reason = "reach_unknown"
	ReasonCanary           Reason = "canary"
	ReasonStorm            Reason = "storm"
	ReasonMaintenance      Reason = "maintenance"
	ReasonObserveOnly      Reason = "observe_only"
	ReasonStateUnavailable Reason = "state_unavailable"
	ReasonAcknowledged     Reason = "acknowledged"
)

// Text returns the reason as a sentence for a person.
func (r Reason) Text() string {
	switch r {
	case ReasonNone:
		return ""
	case ReasonRunning:
		return "everything is RUNNING"
	case ReasonSettling:
		return "RUNNING again, but not yet for StableFor"
	case ReasonZeroTasks:
		return "the connector is RUNNING and has no tasks"
	case ReasonSuspect:
		return "FAILED, but not yet seen often enough to be believed"
	case ReasonBackoff:
		return "the next restart is due after the backoff"
	case ReasonReserved:
		return "a restart is reserved and on its way"
	case ReasonNoAnswerYet:
		return "the restart was sent and its result is not known yet"
	case ReasonMaybeStale:
		return "FAILED was seen right after a restart and may be an old status"
	case ReasonRebalance:
		return "instances are UNASSIGNED or RESTARTING; the workers' rebalance is waited for"
	case ReasonStuck:
		return "instances are UNASSIGNED or RESTARTING for longer than twice the rebalance delay"
	case ReasonRefused:
		return "Connect refused the restart; it is tried again and did not count"
	case ReasonWish:
		return "PAUSED or STOPPED: somebody wants it still"
	case ReasonWishTask:
		return "tasks are PAUSED: somebody wants it still"
	case ReasonNoStatus:
		return "Connect shows no status for it"
	case ReasonOddState:
		return "Connect shows a state that is not known here"
	case ReasonBudget:
		return "the restarts of the window are used up; a person is needed"
	case ReasonNeverRestart:
		return "the policy allows no restarts; a person is needed"
	case ReasonAuthentication:
		return "the other side refuses the credentials; restarts would log in again and could lock the account"
	case ReasonNeedsPerson:
		return "a restart cannot fix this; a person must change something first"
	case ReasonForbidden:
		return "Connect forbids the restart (403); the supervisor's rights are needed"
	case ReasonProbe:
		return "the budget is used up; a single probe checks now and then whether the other side is back"
	case ReasonOtherSideDown:
		return "the other side does not answer; no restart is spent until it does"
	case ReasonReachUnknown:
		return "whether the other side answers cannot be told from here"
	case ReasonCanary:
		return "another connector with the same cause is tried first"
	case ReasonStorm:
		return "many connectors fail at once; restarts are let through slowly"
	case ReasonMaintenance:
		return "a maintenance window is open"
	case ReasonObserveOnly:
		return "observe-only: a restart would be sent now"
	case ReasonStateUnavailable:
		return "what was remembered cannot be read, so nothing is restarted"
	case ReasonAcknowledged:
		return "acknowledged; the restarts start over"
	}
	return string(r)
}
