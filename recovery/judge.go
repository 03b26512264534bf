package recovery

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/go-reconnect/reconnect/connect"
)

// minRequeue keeps a pass that is due at once from becoming a busy loop.
const minRequeue = time.Second

// due is a connector whose restart is due.
type due struct {
	name string
	rec  *record
	o    Observation
	p    Policy
	d    Decision

	question *question
}

// judge decides for everything that was seen, and acts.
func (s *Supervisor) judge(ctx context.Context, l *look) (Result, error) {
	now := l.started
	res := Result{Connectors: len(l.well) + len(l.unwell), RequeueAfter: s.cfg.Interval}
	s.settleWell(l)
	var errs []error
	var ready []due
	next := now.Add(s.cfg.Interval)
	s.observeGates(ctx, l, now)
	s.configReads = 0
	var cases []*due
	var asked []*question
	for _, name := range sortedKeys(l.unwell) {
		r := &due{name: name, rec: s.ensure(name), o: l.unwell[name]}
		s.watchAgain(ctx, name, r.rec, now)
		p, ok := s.policyFor(ctx, name, r.rec, now)
		if !ok {
			continue
		}
		r.p = p
		r.o.Hold = s.hold(name, now)
		s.readConfig(ctx, name, r.rec, &r.o, now)
		r.o.Release, r.o.Single = s.gates.released(&r.rec.detail.state, r.rec.detail.last, now)
		if r.question = s.questions(name, r.rec, &r.o); r.question != nil {
			asked = append(asked, r.question)
		}
		cases = append(cases, r)
	}
	s.askOthers(ctx, asked)
	for _, r := range cases {
		if r.question != nil {
			r.o.Reach = r.question.answer
		}
		r.d = Decide(r.p, r.rec.detail.state, r.o, now)
		if r.d.Action == ActionRestart {
			ready = append(ready, *r)
			continue
		}
		errs = append(errs, s.apply(ctx, r.name, r.rec, &r.o, r.d, now))
		if at := r.d.Next; !at.IsZero() && at.After(now) && at.Before(next) {
			next = at
		}
	}
	errs = append(errs, s.absent(ctx, l, now))
	slices.SortFunc(ready, byTurn)
	admitted := ready[:0]
	for _, r := range ready {
		if r.o.Hold = s.gates.admit(&r, now); r.o.Hold == ReasonNone {
			admitted = append(admitted, r)
			continue
		}
		errs = append(errs, s.apply(ctx, r.name, r.rec, &r.o, Decide(r.p, r.rec.detail.state, r.o, now), now))
	}
	admitted, err := s.stillChosen(ctx, admitted, now)
	errs = append(errs, err)
	ready = admitted
	restarted, refused, err := s.restart(ctx, ready)
	errs = append(errs, err)
	res.Restarted, res.Refused = restarted, refused
	res.Unhealthy = s.tidy(l)
	s.inform(ctx, l, now)
	s.view.Lock()
	s.measure()
	s.view.Unlock()
	res.RequeueAfter = max(min(minRequeue, s.cfg.Interval), next.Sub(s.now()))
	return res, errors.Join(errs...)
}

func sortedKeys(m map[string]Observation) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, cmp.Compare[string])
	return keys
}

// settleWell writes down those with nothing to decide.
func (s *Supervisor) settleWell(l *look) {
	s.view.Lock()
	defer s.view.Unlock()
	for name, sn := range l.well {
		rec := s.records[name]
		if rec == nil {
			rec = &record{}
			s.records[name] = rec
		}
		rec.seen = sn
	}
}

func (s *Supervisor) ensure(name string) *record {
	s.view.Lock()
	defer s.view.Unlock()
	rec := s.records[name]
	if rec == nil {
		rec = &record{}
		s.records[name] = rec
	}
	if rec.detail == nil {
		rec.detail = &detail{}
	}
	return rec
}

// policyFor holds a connector whose own policy is invalid, and says so once.
func (s *Supervisor) policyFor(ctx context.Context, name string, rec *record, now time.Time) (Policy, bool) {
	if s.cfg.PolicyFor == nil {
		return s.cfg.Policy, true
	}
	p, ok := s.cfg.PolicyFor(name)
	if !ok {
		return s.cfg.Policy, true
	}
	if err := p.Validate(); err != nil {
		if !rec.detail.badPolicy {
			rec.detail.badPolicy = true
			e := s.event(EventHeld, name, rec, now)
			e.Message, e.Error = "the connector's own policy is invalid: it is not restarted", err.Error()
			s.emit(ctx, e)
		}
		return Policy{}, false
	}
	rec.detail.badPolicy = false
	return p.Defaults(), true
}

func (s *Supervisor) hold(name string, now time.Time) Reason {
	switch {
	case s.cfg.ObserveOnly:
		return ReasonObserveOnly
	case s.cfg.Maintenance != nil && s.cfg.Maintenance(name, now):
		return ReasonMaintenance
	}
	return ReasonNone
}

// apply makes a decision that asks for nothing the connector's state, and tells of it.
func (s *Supervisor) apply(ctx context.Context, name string, rec *record, o *Observation, d Decision, now time.Time) error {
	told := rec.detail.held
	if d.Signals.Has(SignalRelapsed) {
		s.gates.relapsed(name, d.State.Fingerprint, now)
	}
	err := s.save(ctx, name, rec.detail, d.State)
	s.note(rec, o, d)
	s.signals(ctx, name, rec, d, now)
	if d.State.Phase == PhaseWaiting && d.Reason == ReasonObserveOnly && told != ReasonObserveOnly {
		e := s.event(EventWouldRestart, name, rec, now)
		s.emit(ctx, e)
	}
	rec.detail.held = ReasonNone
	if d.State.Phase == PhaseWaiting {
		rec.detail.held = d.Reason
		if len(o.Failed) > 0 && told != d.Reason {
			s.deferred(d.Reason)
		}
	}
	return err
}

// note keeps what the status page shows.
func (s *Supervisor) note(rec *record, o *Observation, d Decision) {
	s.view.Lock()
	defer s.view.Unlock()
	rec.seen = o.seen()
	rec.detail.failed = o.Failed
	rec.detail.tasks = o.tasks
	rec.detail.left = d.Left
	if d.Outcome != OutcomeNone {
		rec.detail.outcome = d.Outcome
		if d.Outcome == OutcomeRecovered {
			s.stats.Recovered++
		} else {
			s.stats.Relapsed++
		}
	}
}

// signals turns what happened into events.
func (s *Supervisor) signals(ctx context.Context, name string, rec *record, d Decision, now time.Time) {
	for _, row := range [...]struct {
		sig  Signal
		kind EventKind
	}{
		{SignalStuck, EventStuck},
		{SignalFailed, EventFailed},
		{SignalRelapsed, EventRelapsed},
		{SignalRearmed, EventRearmed},
		{SignalReleased, EventReleased},
		{SignalExhausted, EventExhausted},
		{SignalHeld, EventHeld},
		{SignalFlapping, EventFlapping},
		{SignalRecovered, EventRecovered},
		{SignalZeroTasks, EventZeroTasks},
	} {
		if !d.Signals.Has(row.sig) {
			continue
		}
		e := s.event(row.kind, name, rec, now)
		e.Outcome = d.Outcome
		s.emit(ctx, e)
		s.view.Lock()
		switch row.sig {
		case SignalExhausted:
			s.stats.Exhausted++
		case SignalHeld:
			s.stats.Held++
		default:
		}
		s.view.Unlock()
	}
}

// restart sends what is due, a few at a time. Each connector is looked at once more right before: a queue can be long, and a person quick.
func (s *Supervisor) restart(ctx context.Context, ready []due) (restarted, refused int, err error) {
	var mu sync.Mutex
	var errs []error
	var g errgroup.Group
	g.SetLimit(s.cfg.Guard.MaxConcurrent)
	for _, r := range ready {
		g.Go(func() error {
			answer, err := s.one(ctx, r)
			mu.Lock()
			defer mu.Unlock()
			s.gates.answered(r.name, r.d.State.Fingerprint, answer)
			switch answer {
			case AnswerRefused, AnswerForbidden:
				refused++
			case AnswerAccepted, AnswerFailed, AnswerUnknown:
				restarted++
			default:
			}
			errs = append(errs, err)
			return nil
		})
	}
	_ = g.Wait() // the functions collect their own errors
	return restarted, refused, errors.Join(errs...)
}

// one looks again, reserves, sends and settles. An empty answer means that nothing was sent.
func (s *Supervisor) one(ctx context.Context, r due) (Answer, error) {
	st, err := s.c.GetStatus(ctx, r.name)
	if err != nil {
		return "", fmt.Errorf("recovery: %s: looking again before the restart: %w", r.name, err)
	}
	if st == nil {
		return "", fmt.Errorf("recovery: %s: looking again before the restart: no status", r.name)
	}
	now := s.now()
	o := s.observe(st)
	o.Connector, o.ConfigHash, o.Reach, o.Hold, o.Release, o.Single, o.PerTask = r.name, r.o.ConfigHash, r.o.Reach, r.o.Hold, r.o.Release, r.o.Single, s.perTask
	o.Ghost, o.Stalled = r.o.Ghost, r.o.Stalled
	d := Decide(r.p, r.rec.detail.state, o, now)
	if d.Action != ActionRestart {
		return "", s.apply(ctx, r.name, r.rec, &o, d, now)
	}
	if err := s.reserve(ctx, r.name, r.rec.detail, d.State); err != nil {
		return "", fmt.Errorf("recovery: %s: reserving the restart, which was not sent: %w", r.name, err)
	}
	s.note(r.rec, &o, d)
	s.signals(ctx, r.name, r.rec, d, now)
	// From the reservation on: whoever was frozen in between must not come hours later with a restart that has left the window by then.
	actx, cancel := context.WithDeadline(ctx, now.Add(s.cfg.RequestTimeout))
	plan, answer, aerr := act(actx, s.c, d)
	cancel()
	// What was reserved is settled even when ctx has ended meanwhile: a refusal that is not written down costs a restart.
	sctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	now = s.now()
	serr := s.save(sctx, r.name, r.rec.detail, Settle(r.p, r.rec.detail.state, d, answer, now))
	s.view.Lock()
	r.rec.detail.last = now
	s.stats.count(answer, d.Probe)
	if r.rec.counts == nil {
		r.rec.counts = &Counts{}
	}
	r.rec.counts.count(answer, d.Probe)
	s.view.Unlock()
	e := s.event(EventRestart, r.name, r.rec, now)
	e.Attempt, e.Probe, e.Answer, e.Tasks, e.ConnectorFailed, e.Error = d.Attempt, d.Probe, answer, d.Tasks, d.IncludeConnector, redacted(aerr)
	e.Message = restartMessage(r.name, d, answer)
	e.Planned = planned(plan)
	s.emit(sctx, e)
	return answer, serr
}

func planned(plan *connect.RestartPlan) []int {
	if plan == nil {
		return nil
	}
	var out []int
	for _, t := range plan.Tasks {
		out = append(out, t.Task)
	}
	return out
}

// absent follows connectors that are remembered and were not listed. Absence is not deletion: only Connect's own 404 in two passes is.
func (s *Supervisor) absent(ctx context.Context, l *look, now time.Time) error {
	var errs []error
	for _, name := range s.names() {
		if l.has(name) {
			continue
		}
		rec := s.record(name)
		if rec.detail == nil {
			s.drop(name)
			continue
		}
		if !s.watched(name) {
			s.unwatch(ctx, name, rec, now)
			continue
		}
		st := rec.detail.state
		if !st.GoneAt.IsZero() {
			if now.Sub(st.GoneAt) >= max(s.cfg.Policy.Window, flappingWindow) {
				errs = append(errs, s.erase(ctx, name, rec.detail))
			}
			continue
		}
		_, err := s.c.GetStatus(ctx, name)
		if !errors.Is(err, connect.ErrNotFound) {
			st.Gone = 0
		} else {
			st.Gone++
		}
		st.phase(PhaseUnknown, ReasonNoStatus, now)
		st.HealthySince = time.Time{}
		if st.Gone >= 2 {
			st.GoneAt, st.Attempt, st.Bad, st.BadSince, st.WaitingSince = now, Attempt{}, 0, time.Time{}, time.Time{}
			st.Down = false
		}
		errs = append(errs, s.save(ctx, name, rec.detail, st))
		s.view.Lock()
		rec.seen, rec.detail.failed, rec.detail.tasks = seen{}, nil, nil
		s.view.Unlock()
		if st.Gone >= 2 {
			e := s.event(EventGone, name, rec, now)
			s.emit(ctx, e)
		}
	}
	return errors.Join(errs...)
}

func (s *Supervisor) drop(name string) {
	s.view.Lock()
	defer s.view.Unlock()
	delete(s.records, name)
}

// tidy forgets the details of connectors that are well again, and counts the rest.
func (s *Supervisor) tidy(l *look) (unhealthy int) {
	s.view.Lock()
	defer s.view.Unlock()
	phases := map[Phase]int{}
	for name, rec := range s.records {
		if rec.detail != nil && rec.detail.version == 0 && rec.detail.state.Empty() && !rec.detail.dirty {
			if o, ok := l.unwell[name]; ok && o.well() {
				rec.detail = nil
			}
		}
		ph := PhaseHealthy
		if rec.detail != nil {
			if rec.detail.hidden() {
				continue
			}
			ph = rec.detail.state.Phase
		}
		phases[ph]++
		if ph != PhaseHealthy && ph != PhasePaused {
			unhealthy++
		}
	}
	s.stats.Phases = phases
	s.stats.Connectors = len(l.well) + len(l.unwell)
	return unhealthy
}

func leadOf(failed []Failed, fingerprint string) (Failed, bool) {
	for _, f := range failed {
		if f.Fingerprint == fingerprint {
			return f, true
		}
	}
	if len(failed) > 0 {
		return failed[0], true
	}
	return Failed{}, false
}
