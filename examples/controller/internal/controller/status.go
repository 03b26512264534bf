package controller

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/go-reconnect/reconnect/connect"
	"github.com/go-reconnect/reconnect/recovery"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/go-reconnect/reconnect/examples/controller/api/v1"
)

const (
	yes     = metav1.ConditionTrue
	no      = metav1.ConditionFalse
	unknown = metav1.ConditionUnknown

	normal  = corev1.EventTypeNormal
	warning = corev1.EventTypeWarning
)

// note is an event that is sent once what it speaks of has been written.
type note struct{ kind, reason, action, text string }

// tell keeps an event for after the write. Each is told on a transition only, so that a state that lasts is one event.
func (p *pass) tell(kind, reason, action, format string, args ...any) {
	p.told = append(p.told, note{kind, reason, action, short(fmt.Sprintf(format, args...), 1000)})
}

func short(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n-len("…")], "") + "…"
}

func (p *pass) condition(kind string, status metav1.ConditionStatus, reason, message string) {
	meta.SetStatusCondition(&p.kc.Status.Conditions, metav1.Condition{
		Type: kind, Status: status, Reason: reason, Message: short(message, 4000), ObservedGeneration: p.kc.Generation,
	})
}

// synced sets the condition Synced, and tells of a change.
func (p *pass) synced(status metav1.ConditionStatus, reason, message string) {
	old := meta.FindStatusCondition(p.was.Status.Conditions, v1.ConditionSynced)
	p.condition(v1.ConditionSynced, status, reason, message)
	if status == no && (old == nil || old.Reason != reason || old.Message != short(message, 4000)) {
		p.tell(warning, reason, "Sync", "%s", message)
	}
}

// unwatched is for a connector that nothing is known or decided about.
func (p *pass) unwatched(reason, message string) {
	st := &p.kc.Status
	st.Phase, st.Reason, st.NextAttempt = string(recovery.PhaseUnknown), message, nil
	for _, kind := range []string{v1.ConditionReady, v1.ConditionDegraded, v1.ConditionExhausted} {
		p.condition(kind, unknown, reason, message)
	}
}

// unreachable is for a cluster that cannot be asked. What was known last is still shown, and is decided on no more.
func (p *pass) unreachable(err error) {
	reason := "ConnectUnreachable"
	if isRefusal(err) {
		reason = "Unauthorized"
	}
	message := "Connect cannot be asked: " + p.want.mask(err.Error())
	old := meta.FindStatusCondition(p.was.Status.Conditions, v1.ConditionReady)
	p.condition(v1.ConditionReady, unknown, reason, message)
	if old == nil || old.Reason != reason {
		p.tell(warning, reason, "Observe", "%s", message)
	}
	if c := meta.FindStatusCondition(p.kc.Status.Conditions, v1.ConditionSynced); c == nil || c.ObservedGeneration != p.kc.Generation {
		p.condition(v1.ConditionSynced, unknown, reason, message)
	}
}

// show puts what Connect shows into the status.
func (p *pass) show(snap *snapshot) {
	found := snap.connectors[p.kc.Name]
	if found.Status == nil {
		p.showStatus(&recovery.Observation{})
		return
	}
	o := recovery.Observe(*found.Status)
	p.showStatus(&o)
}

func (p *pass) showStatus(o *recovery.Observation) {
	st := &p.kc.Status
	st.State, st.Type, st.Tasks, st.FailedTasks = string(o.State), string(o.Type), "", nil
	if o.State == "" {
		return
	}
	st.Tasks = fmt.Sprintf("%d/%d", o.Running, o.Tasks)
	for i := range o.Failed {
		st.State = string(connect.StateFailed)
		if t := o.Failed[i].Task; t != recovery.ConnectorTask {
			st.FailedTasks = append(st.FailedTasks, int32(t)) //nolint:gosec // a task number
		}
	}
}

// record puts a decision into the status: the supervisor's memory, what it means, and the events.
func (p *pass) record(m *mind, o *recovery.Observation, d *recovery.Decision) error {
	st, s := &p.kc.Status, &m.state
	p.showStatus(o)
	if err := m.write(p.kc); err != nil {
		return err
	}
	policy := p.settings.policy.Defaults()
	st.Phase, st.Reason = string(s.Phase), d.Reason.Text()
	st.Restarts = int32(s.Restarts.Since(p.now.Add(-policy.Window))) //nolint:gosec // bounded by the history
	st.BudgetLeft = nil
	if d.Left != recovery.Unlimited {
		left := int32(min(d.Left, 1<<30)) //nolint:gosec // bounded
		st.BudgetLeft = &left
	}
	st.NextAttempt = seconds(s.Next)
	st.LastRestart = seconds(s.Restarts.Last())
	if s.Class != "" && (s.Down || len(o.Failed) > 0) {
		p.failure(s, o)
	}
	p.ready(s, o)
	p.degraded(s, o)
	p.exhausted(m, o, policy.Window)
	p.signals(s, d)
	return nil
}

// failure explains what the connector failed with. It stays after a recovery, for whoever asks later.
func (p *pass) failure(s *recovery.State, o *recovery.Observation) {
	old := p.kc.Status.LastFailure
	f := &v1.Failure{Class: string(s.Class), Summary: p.want.mask(s.Summary), Fingerprint: s.Fingerprint, Time: *seconds(p.now)}
	for i := range o.Failed {
		if o.Failed[i].Fingerprint == s.Fingerprint {
			f.Remedies = o.Failed[i].Remedies
			break
		}
	}
	if old != nil && old.Fingerprint == f.Fingerprint {
		f.Time = old.Time
		if len(f.Remedies) == 0 {
			f.Remedies = old.Remedies
		}
	}
	p.kc.Status.LastFailure = f
}

func (p *pass) ready(s *recovery.State, o *recovery.Observation) {
	switch {
	case o.State == "":
		p.condition(v1.ConditionReady, unknown, "NoStatus", recovery.ReasonNoStatus.Text())
	case s.Phase == recovery.PhasePaused:
		p.condition(v1.ConditionReady, no, "Paused", s.Reason.Text())
	case len(o.Failed) > 0:
		p.condition(v1.ConditionReady, no, "Failed", fmt.Sprintf("%d of %d tasks run: %s", o.Running, o.Tasks, cause(s)))
	case o.State != connect.StateRunning || o.Running < o.Tasks:
		p.condition(v1.ConditionReady, no, "Waiting", s.Reason.Text())
	case o.Tasks == 0:
		p.condition(v1.ConditionReady, no, "NoTasks", recovery.ReasonZeroTasks.Text()+", which can be normal")
	default:
		p.condition(v1.ConditionReady, yes, "Running", recovery.ReasonRunning.Text())
	}
}

func cause(s *recovery.State) string {
	if s.Summary != "" {
		return s.Summary
	}
	return "class " + string(s.Class)
}

func (p *pass) degraded(s *recovery.State, o *recovery.Observation) {
	set := func(reason, message string) { p.condition(v1.ConditionDegraded, yes, reason, p.want.mask(message)) }
	switch {
	case s.Latch != recovery.LatchNone:
		set("PersonNeeded", s.LatchReason.Text()+": "+cause(s))
	case len(o.Failed) > 0:
		set("Failed", s.Reason.Text()+": "+cause(s))
	case s.Stuck:
		set("Stuck", recovery.ReasonStuck.Text())
	case s.Flapping:
		set("Flapping", "restarted again and again, within the budget: "+cause(s))
	case s.Down:
		set("Recovering", s.Reason.Text()+": "+cause(s))
	default:
		p.condition(v1.ConditionDegraded, no, "AsExpected", "nothing has failed")
	}
}

func (p *pass) exhausted(m *mind, o *recovery.Observation, window time.Duration) {
	s := &m.state
	set := func(reason, message string) {
		p.condition(v1.ConditionExhausted, yes, reason, message+". To allow restarts again, give the annotation "+v1.AnnotationAcknowledge+" a new value")
	}
	switch {
	case s.Latch == recovery.LatchExhausted:
		set("BudgetUsed", s.LatchReason.Text())
	case s.Latch == recovery.LatchHeld:
		set("Held", s.LatchReason.Text())
	case !m.lostAt.IsZero():
		set("StatusLost", fmt.Sprintf("status.supervisor was lost or edited at %s, so the restarts of the last %v are not known and no more are made until that time has passed", m.lostAt.UTC().Format(time.RFC3339), window))
		if len(o.Failed) > 0 && s.Phase != recovery.PhasePaused {
			p.kc.Status.Phase = string(recovery.PhaseHeld)
		}
	default:
		p.condition(v1.ConditionExhausted, no, "BudgetLeft", "restarts are left, or none is needed")
	}
}

// signals turns what happened into events. A decision signals each thing once.
func (p *pass) signals(s *recovery.State, d *recovery.Decision) {
	for _, row := range [...]struct {
		sig          recovery.Signal
		kind, reason string
		text         string
	}{
		{recovery.SignalFailed, warning, "Failed", "has failed: " + cause(s)},
		{recovery.SignalRelapsed, warning, "Relapsed", "failed again after a restart: " + cause(s)},
		{recovery.SignalRearmed, normal, "Rearmed", "the configuration changed, so it is tried once more"},
		{recovery.SignalReleased, normal, "Released", "is held no longer"},
		{recovery.SignalExhausted, warning, "Exhausted", "the restarts did not help and no more are made, a person is needed: " + cause(s)},
		{recovery.SignalHeld, warning, "Held", s.LatchReason.Text() + ": " + cause(s)},
		{recovery.SignalFlapping, warning, "Flapping", "is restarted again and again, within the budget: " + cause(s)},
		{recovery.SignalStuck, warning, "Stuck", recovery.ReasonStuck.Text()},
		{recovery.SignalZeroTasks, warning, "NoTasks", recovery.ReasonZeroTasks.Text()},
		{recovery.SignalRecovered, normal, "Recovered", "is running again"},
	} {
		if d.Signals.Has(row.sig) {
			p.tell(row.kind, row.reason, "Supervise", "%s", p.want.mask(row.text))
		}
	}
}

// write updates the status if it differs, and then sends the events. It fails with a conflict when the resource was changed since it was read.
func (p *pass) write(ctx context.Context) error {
	if !equality.Semantic.DeepEqual(p.was.Status, p.kc.Status) {
		if err := p.r.Status().Update(ctx, p.kc); err != nil {
			p.memo.known = false
			return err
		}
		p.was = p.kc.DeepCopy()
	}
	p.flush()
	return nil
}

func (p *pass) flush() {
	for _, n := range p.told {
		p.r.events.Eventf(p.kc, nil, n.kind, n.reason, n.action, "%s", n.text)
	}
	p.told = nil
}
