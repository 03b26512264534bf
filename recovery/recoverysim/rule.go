package recoverysim

import (
	"strconv"
	"time"

	"github.com/go-reconnect/reconnect/connect"
	"github.com/go-reconnect/reconnect/connect/failure"
	"github.com/go-reconnect/reconnect/recovery"
)

// Rule decides about restarts. Each play makes a fresh Player.
type Rule struct {
	Name string
	// Interval is the time between two looks.
	Interval time.Duration
	New      func(Script) Player
}

// Player is a rule in one play.
type Player interface {
	// Look is shown whether the task is FAILED, and says whether to restart it now. Up says whether the other side answers.
	Look(now time.Time, failed, up bool) (restart bool)
	// GaveUp reports whether a person has been told that nothing more is done.
	GaveUp() bool
	// Notifications counts the messages to people.
	Notifications() int
	// Probes counts the restarts outside the budget, which Look has asked for among the others.
	Probes() int
}

// Options say what helps our policy beyond the task's own history.
type Options struct {
	// Reach asks the other side before a restart is spent, for the classes that can be asked about.
	Reach bool
	// Canary plays another connector with the same cause that is tried first, and is seen running one minute after the other side is back.
	Canary bool
	// Interval defaults to 30 s.
	Interval time.Duration
}

// Ours is the rule of a recovery.Policy. The name says what is on, because a number means little without it.
func Ours(p recovery.Policy, o Options) Rule {
	name := "ours"
	if p.Defaults().ProbeEvery > 0 {
		name += ", probes"
	}
	if o.Reach {
		name += ", reach"
	}
	if o.Canary {
		name += ", canary"
	}
	if o.Interval <= 0 {
		o.Interval = 30 * time.Second
	}
	return Rule{Name: name, Interval: o.Interval, New: func(s Script) Player { return &ours{policy: p.Defaults(), opts: o, script: s} }}
}

type ours struct {
	policy recovery.Policy
	opts   Options
	script Script
	state  recovery.State
	upFrom time.Time
	last   time.Time
	told   int
	probes int
	gaveUp bool
}

func (p *ours) Look(now time.Time, failed, up bool) bool {
	name := "simulated-" + strconv.Itoa(p.script.play) // each name has jitter of its own
	st := connect.ConnectorStatus{Name: name, Type: connect.TypeSink, Connector: connect.InstanceStatus{State: connect.StateRunning, WorkerID: "w"}}
	task := connect.TaskStatus{ID: connect.TaskID{Connector: name}, InstanceStatus: connect.InstanceStatus{State: connect.StateRunning, WorkerID: "w"}}
	if failed {
		task.State, task.Trace = connect.StateFailed, "trace"
	}
	st.Tasks = []connect.TaskStatus{task}
	o := recovery.Observe(st, func(string) failure.Diagnosis {
		return failure.Diagnosis{Class: p.script.Class, Restart: p.script.Advice, Fingerprint: "f"}
	})
	p.ask(&o, now, up)
	d := recovery.Decide(p.policy, p.state, o, now)
	p.state = d.State
	for _, sig := range []recovery.Signal{recovery.SignalExhausted, recovery.SignalHeld, recovery.SignalFlapping} {
		if d.Signals.Has(sig) {
			p.told++
		}
	}
	if d.Signals.Has(recovery.SignalExhausted) || d.Signals.Has(recovery.SignalHeld) {
		p.gaveUp = true
	}
	if p.gaveUp && d.Signals.Has(recovery.SignalRecovered) {
		p.told++
		p.gaveUp = false
	}
	if d.Action != recovery.ActionRestart {
		return false
	}
	if d.Probe {
		p.probes++
	}
	p.last = now
	p.state = recovery.Settle(p.policy, p.state, d, recovery.AnswerAccepted, now)
	return true
}

// ask fills in what Reach and a canary know.
func (p *ours) ask(o *recovery.Observation, now time.Time, up bool) {
	switch {
	case !up:
		p.upFrom = time.Time{}
	case p.upFrom.IsZero():
		p.upFrom = now
	}
	switch p.script.Class {
	case failure.ClassConnection, failure.ClassTimeout, failure.ClassSchemaRegistry:
		if p.opts.Reach && p.state.Down {
			o.Reach = recovery.ReachUnreachable
			if up {
				o.Reach = recovery.ReachReachable
			}
		}
		if p.opts.Canary && p.script.Back > 0 {
			o.Hold = recovery.ReasonCanary
			if opened := p.upFrom.Add(time.Minute); up && !now.Before(opened) {
				o.Hold, o.Release = recovery.ReasonNone, p.last.Before(opened)
			}
		}
	default:
	}
}

func (p *ours) GaveUp() bool       { return p.gaveUp }
func (p *ours) Notifications() int { return p.told }
func (p *ours) Probes() int        { return p.probes }

// simple is a published rule: it waits before each restart, may stop at a number, and may forget at a healthy look.
type simple struct {
	limit   int // 0 = none
	forgets bool
	wait    func(n int) time.Duration // before restart n (0 first), since the one before or the first sighting
	count   int
	since   time.Time
}

func (p *simple) Look(now time.Time, failed, _ bool) bool {
	if !failed {
		if p.forgets {
			p.count, p.since = 0, time.Time{}
		}
		return false
	}
	if p.since.IsZero() {
		p.since = now
	}
	if p.limit > 0 && p.count >= p.limit || now.Before(p.since.Add(p.wait(p.count))) {
		return false
	}
	p.count++
	p.since = now
	return true
}

func (p *simple) GaveUp() bool       { return p.limit > 0 && p.count >= p.limit }
func (p *simple) Notifications() int { return 0 }
func (p *simple) Probes() int        { return 0 }

// Published returns the rules that other tools document: a tutorial's loop, Strimzi's auto restart, a restart every so often, and two backoffs.
func Published() []Rule {
	always := func(d time.Duration) func(int) time.Duration { return func(int) time.Duration { return d } }
	rule := func(name string, every time.Duration, limit int, forgets bool, wait func(int) time.Duration) Rule {
		return Rule{Name: name, Interval: every, New: func(Script) Player { return &simple{limit: limit, forgets: forgets, wait: wait} }}
	}
	strimzi := func(n int) time.Duration { return min(time.Duration(n*n+n)*time.Minute, time.Hour) }
	return []Rule{
		rule("tutorial loop, 3 tries", 30*time.Second, 3, true, always(0)),
		rule("Strimzi, max 7", 2*time.Minute, 7, true, strimzi),
		rule("Strimzi, unlimited", 2*time.Minute, 0, true, strimzi),
		rule("every 10 min", 10*time.Minute, 0, false, always(0)),
		rule("every 15 min", 15*time.Minute, 0, false, always(0)),
		rule("60 s, max 5", 30*time.Second, 5, true, always(time.Minute)),
		rule("60 s doubling to 12 h", 30*time.Second, 0, false, func(n int) time.Duration {
			return min(time.Minute<<min(n, 20), 12*time.Hour)
		}),
	}
}
