package controller

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/go-reconnect/reconnect/connect"
	"github.com/go-reconnect/reconnect/recovery"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	v1 "github.com/go-reconnect/reconnect/examples/controller/api/v1"
)

// settlePatience is how long the answer to a restart may take to be written down, also when the controller is stopping.
const settlePatience = 10 * time.Second

// supervise decides about the connector, restarts what is due, and writes the status. It returns when to decide again before the next look.
func (p *pass) supervise(ctx context.Context, snap *snapshot) (time.Time, error) {
	m, err := p.recall()
	if err != nil {
		p.show(snap)
		p.unwatched("StateUnreadable", "status.supervisor was written by a newer version of the controller, or cannot be read: nothing is restarted: "+err.Error())
		return time.Time{}, p.write(ctx)
	}
	p.acknowledge(&m)
	var status *connect.ConnectorStatus
	if found, ok := snap.connectors[p.kc.Name]; ok {
		status = found.Status
	}
	o := p.observe(snap, status, &m)
	d := recovery.Decide(p.settings.policy, m.state, o, p.now)
	if d.Action == recovery.ActionRestart {
		return p.restart(ctx, snap, m)
	}
	m.state = d.State
	if err := p.record(&m, &o, &d); err != nil {
		return time.Time{}, err
	}
	if err := p.remember(ctx, m); err != nil {
		return time.Time{}, err
	}
	return upcoming(d.Next, p.now), nil
}

func upcoming(next, now time.Time) time.Time {
	if next.After(now) {
		return next
	}
	return time.Time{}
}

// recall reads the supervisor's memory. What was lost or edited is taken from this process's own memory; where that has none it is marked as
// lost, and nothing is restarted for a while: an empty memory would be a fresh budget.
func (p *pass) recall() (mind, error) {
	m, err := readMind(p.kc)
	switch {
	case errors.Is(err, errLost), errors.Is(err, errEdited):
		if p.memo.known {
			p.tell(warning, "StatusRestored", "Restore", "%v; it was written again as it was", err)
			return p.memo.mind, nil
		}
		p.tell(warning, "StatusLost", "Hold", "%v: nothing is restarted for %v, or until the annotation %s has a new value", err, p.settings.policy.Defaults().Window, v1.AnnotationAcknowledge)
		return mind{acknowledged: p.kc.Annotations[v1.AnnotationAcknowledge], lostAt: p.now.UTC().Truncate(time.Second)}, nil
	case err != nil:
		return mind{}, err
	}
	if p.memo.known && p.memo.mind.sequence > m.sequence {
		// An older status was put back; or the cache is behind, and then writing will be refused.
		return p.memo.mind, nil
	}
	if !m.lostAt.IsZero() && p.now.Sub(m.lostAt) >= p.settings.policy.Defaults().Window {
		m.lostAt = time.Time{} // every restart that may have been forgotten has left the window
	}
	return m, nil
}

// acknowledge carries out a new value of the annotation.
func (p *pass) acknowledge(m *mind) {
	value := p.kc.Annotations[v1.AnnotationAcknowledge]
	if value == m.acknowledged {
		return
	}
	m.acknowledged = value
	if value == "" {
		return
	}
	m.state = recovery.Acknowledge(m.state, p.now)
	m.lostAt = time.Time{}
	p.tell(normal, "Acknowledged", "Acknowledge", "acknowledged: the budget of restarts is full again")
}

// observe turns a status into what Decide needs.
func (p *pass) observe(snap *snapshot, status *connect.ConnectorStatus, m *mind) recovery.Observation {
	o := recovery.Observation{}
	if status != nil {
		o = recovery.Observe(*status)
	}
	o.Connector, o.PerTask = p.kc.Name, p.r.opts.PerTask
	if len(o.Failed) > 0 {
		if found := snap.connectors[p.kc.Name]; found.Info != nil {
			o.ConfigHash = configHash(p.kc, found.Info.Config)
		}
	}
	switch {
	case !p.settings.restart:
		o.Hold = recovery.ReasonObserveOnly
	case !m.lostAt.IsZero():
		o.Hold = recovery.ReasonStateUnavailable
	}
	return o
}

// configHash is keyed by the resource: it tells a change and nothing else. Comments are no change.
func configHash(kc *v1.KafkaConnector, cfg connect.Config) string {
	h := hmac.New(sha256.New, []byte("reconnect\x00"+kc.UID))
	for _, k := range slices.Sorted(maps.Keys(cfg)) {
		if k == "name" || k == "comment" || k == "description" || strings.HasPrefix(k, "_") || strings.HasPrefix(k, "#") {
			continue
		}
		_, _ = fmt.Fprintf(h, "%d:%s=%d:%s\n", len(k), k, len(cfg[k]), cfg[k])
	}
	return hex.EncodeToString(h.Sum(nil)[:12])
}

// restart looks again, reserves, sends and settles. The reservation is a write of the status that fails when anybody changed the resource since it
// was read: two controllers cannot spend the same restart, and what was not written is not sent.
func (p *pass) restart(ctx context.Context, snap *snapshot, m mind) (time.Time, error) {
	if err := p.fresh(ctx); err != nil {
		return time.Time{}, err
	}
	status, err := p.client.GetStatus(ctx, p.kc.Name)
	if err != nil {
		p.unreachable(err)
		return time.Time{}, p.write(ctx)
	}
	p.now = p.r.opts.Now()
	o := p.observe(snap, status, &m)
	d := recovery.Decide(p.settings.policy, m.state, o, p.now)
	m.state = d.State
	if err := p.record(&m, &o, &d); err != nil {
		return time.Time{}, err
	}
	if err := p.remember(ctx, m); err != nil || d.Action != recovery.ActionRestart {
		return upcoming(d.Next, p.now), err
	}
	// From the reservation on: a controller that was frozen in between must not come with a restart that has left the window by then.
	actx, cancel := context.WithTimeout(ctx, p.r.opts.RequestTimeout-p.r.opts.Now().Sub(p.now))
	answer, aerr := recovery.Act(actx, p.client, d)
	cancel()
	restarts.WithLabelValues(string(answer)).Inc()
	p.tellRestart(&d, answer, aerr)
	// A refusal that is not written down costs a restart, so it is written also when the controller is stopping.
	sctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settlePatience)
	defer cancel()
	if err := p.settle(sctx, m, &o, &d, answer); err != nil {
		logf.FromContext(ctx).Error(err, "the answer to the restart could not be written down; the restart counts", "attempt", d.Attempt, "answer", answer)
	}
	return upcoming(cmp.Or(d.Next, m.state.Next), p.r.opts.Now()), nil
}

// settle writes down what became of a restart. Nobody else writes the supervisor's memory, so a conflict is about something else.
func (p *pass) settle(ctx context.Context, m mind, o *recovery.Observation, d *recovery.Decision, answer recovery.Answer) error {
	for try := 0; ; try++ {
		now := p.r.opts.Now()
		next := m
		next.state = recovery.Settle(p.settings.policy, m.state, *d, answer, now)
		after := *d
		after.State, after.Signals, after.Reason = next.state, 0, next.state.Reason
		if err := p.record(&next, o, &after); err != nil {
			return err
		}
		err := p.remember(ctx, next)
		if err == nil || !apierrors.IsConflict(err) || try == 4 {
			return err
		}
		var live v1.KafkaConnector
		if err := p.r.live.Get(ctx, client.ObjectKeyFromObject(p.kc), &live); err != nil {
			return err
		}
		if live.UID != p.kc.UID {
			return errStale
		}
		if m, err = readMind(&live); err != nil {
			return err
		}
		if m.state.Attempt.ID != d.Attempt {
			return errStale // another controller has gone on with it
		}
		p.was, p.kc = &live, live.DeepCopy()
	}
}

// remember writes the status with the supervisor's memory in it.
func (p *pass) remember(ctx context.Context, m mind) error {
	err := p.write(ctx)
	p.memo.known, p.memo.mind = err == nil, m
	return err
}

func (p *pass) tellRestart(d *recovery.Decision, answer recovery.Answer, err error) {
	what := "restart"
	if d.Probe {
		what = "probe restart"
	}
	switch answer {
	case recovery.AnswerAccepted:
		p.tell(normal, "Restarted", "Restart", "%s %d was accepted by Connect", what, d.Attempt)
	case recovery.AnswerRefused, recovery.AnswerForbidden:
		p.tell(warning, "RestartRefused", "Restart", "%s %d was refused and does not count: %s", what, d.Attempt, p.want.mask(errText(err)))
	case recovery.AnswerFailed:
		p.tell(warning, "RestartFailed", "Restart", "%s %d failed at once: %s", what, d.Attempt, p.want.mask(errText(err)))
	case recovery.AnswerUnknown:
		p.tell(warning, "RestartUnknown", "Restart", "whether %s %d was carried out is not known, so it counts: %s", what, d.Attempt, p.want.mask(errText(err)))
	}
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
