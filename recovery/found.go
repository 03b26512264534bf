package recovery

import (
	"time"

	"github.com/go-reconnect/reconnect/connect"
	"github.com/go-reconnect/reconnect/connect/failure"
)

// ActOn is a set of what is restarted although nothing is FAILED. Empty, the default, reports it and restarts nothing: each of them can be normal.
type ActOn uint8

// What can be acted on. Every such restart counts against the budget like any other, is verified, escalates and ends exhausted.
const (
	// ActZeroTasks restarts the connector itself, which asks it for tasks again, when it has been RUNNING with zero tasks for twice RebalanceDelay.
	// That is normal for MirrorMaker 2, for a source that has nothing to read and for one that was created PAUSED.
	ActZeroTasks ActOn = 1 << iota
	// ActGhost restarts the connector with all its tasks, RUNNING ones on other workers included, when an instance claims to run on a worker that has
	// been gone for twice RebalanceDelay (see Config.Workers). It goes through Connect's config topic, so it reaches a worker that only its REST API
	// has left; a worker that is dead altogether is Connect's own rebalance to mend, and a restart does nothing there.
	ActGhost
	// ActNoProgress restarts every task, one by one and without the connector itself, when records wait and none has moved for Config.ProgressAfter
	// (see Config.Progress).
	ActNoProgress
	// ActSources lets ActGhost and ActNoProgress hold for source connectors, too: a restart of a RUNNING source can begin a snapshot again.
	ActSources

	actAll = ActZeroTasks | ActGhost | ActNoProgress | ActSources
)

// Has reports whether all of a are set.
func (o ActOn) Has(a ActOn) bool { return o&a == a }

// The fingerprints of what is acted on without a trace.
const (
	FingerprintZeroTasks  = "zero_tasks"
	FingerprintGhost      = "ghost"
	FingerprintNoProgress = "no_progress"
)

// found turns what is RUNNING and is to be restarted even so into a failure, and decides about it like any other.
func (d *Decision) found(p *Policy, o *Observation, now time.Time) bool {
	s := &d.State
	reaches := o.Type != connect.TypeSource || p.ActOn.Has(ActSources)
	var f Failed
	connector, tasks := false, false
	switch {
	case o.Tasks == 0:
		if !p.ActOn.Has(ActZeroTasks) || s.ZeroSince.IsZero() || now.Before(s.ZeroSince.Add(2*p.RebalanceDelay)) {
			return false
		}
		f.Fingerprint, f.Summary, connector = FingerprintZeroTasks, "the connector is RUNNING and has no tasks", true
	case o.Ghost && p.ActOn.Has(ActGhost) && reaches:
		f.Fingerprint, f.Summary, connector, tasks = FingerprintGhost, "RUNNING on a worker that does not answer", true, true
	case o.Stalled && p.ActOn.Has(ActNoProgress) && reaches:
		f.Fingerprint, f.Summary, tasks = FingerprintNoProgress, "RUNNING, but records wait and none moves", true
	default:
		return false
	}
	f.Class, f.Advice = failure.ClassUnknown, failure.AdviceUnknown
	x := *o
	x.Failed, x.running = make([]Failed, 0, o.Tasks+1), true
	if connector {
		f.Task = ConnectorTask
		x.Failed = append(x.Failed, f)
	}
	for i := 0; tasks && i < o.Tasks; i++ { // Connect numbers them from 0
		f.Task = i
		x.Failed = append(x.Failed, f)
	}
	since := s.ZeroSince
	d.failed(p, &x, now)
	if o.Tasks == 0 {
		s.ZeroSince = since
		if !s.ZeroTold {
			s.ZeroTold = true
			d.Signals |= SignalZeroTasks
		}
	}
	return true
}

// inTrouble reports whether there is, or may be, something to restart.
func (o *Observation) inTrouble() bool {
	return len(o.Failed) > 0 || o.Ghost || o.Stalled || o.State == connect.StateRunning && o.Tasks == 0
}
