package recoveryprom

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/go-reconnect/reconnect/recovery"
)

// states are Connect's, as its REST interface writes them.
var states = []string{"RUNNING", "PAUSED", "STOPPED", "FAILED", "UNASSIGNED", "RESTARTING"}

var phases = []recovery.Phase{
	recovery.PhaseHealthy, recovery.PhaseSuspect, recovery.PhaseWaiting, recovery.PhaseBackoff, recovery.PhaseRestarting, recovery.PhaseVerifying,
	recovery.PhaseHeld, recovery.PhaseExhausted, recovery.PhasePaused, recovery.PhaseUnknown,
}

// deferrals are the reasons that have a series before they first happen, so that rate() sees the first time.
var deferrals = []recovery.Reason{
	recovery.ReasonRebalance, recovery.ReasonStuck, recovery.ReasonOtherSideDown, recovery.ReasonCanary, recovery.ReasonStorm, recovery.ReasonMaintenance,
	recovery.ReasonObserveOnly, recovery.ReasonRefused,
}

// descs are the metrics. The cluster is a constant label, so that several supervisors fit into one registry.
type descs struct {
	all []*prometheus.Desc

	connectorState, tasks, taskState, phase, failure, restarts, probes, budgetLeft, nextAttempt, flapping, stuck, noProgress *prometheus.Desc

	leader, connectors, omitted, deferred, outcomes, exhausted, held, lastPoll, pollDuration, pollErrors, storeErrors, notifications, storms, ghosts *prometheus.Desc
}

func newDescs(cluster string) *descs {
	d := &descs{}
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		one := prometheus.NewDesc(name, help, labels, prometheus.Labels{"cluster": cluster})
		d.all = append(d.all, one)
		return one
	}
	d.connectorState = desc("connect_connector_state", "1 for the state that the connector instance is in, without its tasks, 0 for the others.", "connector", "state")
	d.tasks = desc("connect_connector_tasks", "Tasks that the connector has, in any state.", "connector")
	d.taskState = desc("connect_task_state", "1 for the state that the task is in, 0 for the others.", "connector", "task", "state")
	d.phase = desc("connect_recovery_phase", "1 for the phase of the supervisor's work that the connector is in, 0 for the others.", "connector", "phase")
	d.failure = desc("connect_recovery_failure_info", "1 for the class of the connector's latest failure, as long as it lasts.", "connector", "class")
	d.restarts = desc("connect_recovery_restarts_total", "Restarts requested, without probes, by what became of the request; refused ones do not count against the budget.", "connector", "result")
	d.probes = desc("connect_recovery_probes_total", "Restarts outside the budget that look whether the cause has gone.", "connector")
	d.budgetLeft = desc("connect_recovery_budget_left_restarts", "Restarts left in the window, +Inf without a bound.", "connector")
	d.nextAttempt = desc("connect_recovery_next_attempt_timestamp_seconds", "When the next restart or probe is due, in Unix time; absent when none is planned.", "connector")
	d.flapping = desc("connect_recovery_flapping", "1 while the connector was restarted so often in 24 h that a person should look.", "connector")
	d.stuck = desc("connect_recovery_stuck", "1 while instances are UNASSIGNED or RESTARTING for more than twice the rebalance delay.", "connector")
	d.noProgress = desc("connect_recovery_no_progress", "1 while the connector is RUNNING, records wait and none moves; needs a progress probe.", "connector")

	d.leader = desc("connect_recovery_leader", "1 while this supervisor acts, 0 while another one leads.")
	d.connectors = desc("connect_recovery_connectors", "Connectors that are watched, by phase.", "phase")
	d.omitted = desc("connect_recovery_connectors_omitted", "Connectors without series of their own because there are too many.")
	d.deferred = desc("connect_recovery_deferred_total", "Restarts put off while something was FAILED, once per connector and reason in a row.", "reason")
	d.outcomes = desc("connect_recovery_outcomes_total", "Restarts whose result is known.", "outcome")
	d.exhausted = desc("connect_recovery_exhausted_total", "Times that a connector's budget was used up.")
	d.held = desc("connect_recovery_held_total", "Times that a connector was held because a restart cannot fix it.")
	d.lastPoll = desc("connect_recovery_last_poll_timestamp_seconds", "When the statuses were last read completely, in Unix time; 0 before the first time.")
	d.pollDuration = desc("connect_recovery_poll_duration_seconds", "Time spent reading the statuses, failed polls included.")
	d.pollErrors = desc("connect_recovery_poll_errors_total", "Polls that failed or could not be believed.")
	d.storeErrors = desc("connect_recovery_store_errors_total", "Reads and writes of the supervisor's state that failed.")
	d.notifications = desc("connect_recovery_notifications_total", "Messages to notifiers, by result; failed ones were given up after all tries.", "result")
	d.storms = desc("connect_recovery_storms", "Causes with which many connectors fail at once, now.")
	d.ghosts = desc("connect_recovery_ghost_workers", "Workers that RUNNING connectors claim to be on and that do not answer, now.")
	return d
}
