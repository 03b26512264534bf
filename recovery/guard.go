package recovery

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/go-reconnect/reconnect/connect"
	"github.com/go-reconnect/reconnect/connect/failure"
)

// The defaults of a zero Guard.
const (
	DefaultMaxConcurrent  = 4
	DefaultTasksPerMinute = 120
	DefaultBurst          = 60
	DefaultMinConnectors  = 5
	DefaultMinCrowd       = 20
	DefaultCanaryEvery    = 2 * time.Minute
	DefaultMaxHold        = 15 * time.Minute
)

const (
	// canaryStable is how long a canary must run before it speaks for the others.
	canaryStable = 30 * time.Second
	// gateOpen is how long a canary's recovery speaks for the others.
	gateOpen = 30 * time.Minute
	// maxNames bounds the names in one event.
	maxNames = 20
)

// Guard bounds what is restarted at once in the whole cluster. Its zero value is usable.
//
// When MinConnectors connectors fail with one fingerprint, one of them, the canary, is restarted first. When it runs, the others follow at
// TasksPerMinute; when it fails, another takes its place after CanaryEvery. Nobody waits longer than MaxHold: then one more is let through every
// CanaryEvery, whatever the canary does. Many that fail with fingerprints of their own are held in the same way, as one crowd.
type Guard struct {
	// MaxConcurrent is how many restart requests are in flight at once. Defaults to 4.
	MaxConcurrent int
	// TasksPerMinute is how many tasks may be started, on average. Defaults to 120.
	TasksPerMinute float64
	// Burst is how many tasks may be started at once; a connector with more tasks uses all of it. Defaults to 60.
	Burst int
	// MinConnectors is how many connectors must fail with one fingerprint before a canary goes first. Class authentication always has one.
	// A negative value means no canaries. Defaults to 5.
	MinConnectors int
	// MinCrowd is how many connectors must fail at once, each with a fingerprint that fewer than MinConnectors share, before MaxConcurrent of them go first, as
	// canaries for the crowd. A negative value means never, and so does a negative MinConnectors. Defaults to 20.
	MinCrowd int
	// CanaryEvery is the time between two canaries of one fingerprint, and between those of a crowd. Defaults to 2 min.
	CanaryEvery time.Duration
	// MaxHold is the longest wait behind a canary. Defaults to 15 min.
	MaxHold time.Duration
}

func (g Guard) withDefaults() (Guard, error) {
	var errs []error
	bad := func(ok bool, field string, value any) {
		if !ok {
			errs = append(errs, fmt.Errorf("recovery: Config.Guard.%s is %v: use a positive value, or zero for the default", field, value))
		}
	}
	bad(g.MaxConcurrent >= 0, "MaxConcurrent", g.MaxConcurrent)
	bad(g.TasksPerMinute >= 0, "TasksPerMinute", g.TasksPerMinute)
	bad(g.Burst >= 0, "Burst", g.Burst)
	bad(g.CanaryEvery >= 0, "CanaryEvery", g.CanaryEvery)
	bad(g.MaxHold >= 0, "MaxHold", g.MaxHold)
	if len(errs) > 0 {
		return g, errors.Join(errs...)
	}
	g.MaxConcurrent = orInt(g.MaxConcurrent, DefaultMaxConcurrent)
	if g.TasksPerMinute == 0 {
		g.TasksPerMinute = DefaultTasksPerMinute
	}
	g.Burst = orInt(g.Burst, DefaultBurst)
	g.MinConnectors = orInt(g.MinConnectors, DefaultMinConnectors)
	g.MinCrowd = orInt(g.MinCrowd, max(DefaultMinCrowd, g.MinConnectors))
	if g.MinConnectors < 0 {
		g.MinCrowd = -1
	}
	g.CanaryEvery = orDuration(g.CanaryEvery, DefaultCanaryEvery)
	g.MaxHold = orDuration(g.MaxHold, DefaultMaxHold)
	return g, nil
}

// gates is the storm guard. It lives in memory: what must survive, the budget, is in the store.
type gates struct {
	mu     sync.Mutex // for relapsed and answered, which concurrent restarts call
	cfg    Guard
	tokens *rate.Limiter
	byFP   map[string]*gate
	crowd  crowd
}

// gate is one fingerprint's.
type gate struct {
	members   []string
	class     failure.Class
	summary   string
	canary    string
	tasks     TaskSet
	upSince   time.Time
	lastTry   time.Time
	heldSince time.Time
	opened    time.Time
	failed    bool // class authentication: the canary's log-in was refused
	told      bool
}

func newGates(cfg Guard) *gates {
	return &gates{cfg: cfg, tokens: rate.NewLimiter(rate.Limit(cfg.TasksPerMinute/60), cfg.Burst), byFP: map[string]*gate{}}
}

func (g *gate) open(now time.Time) bool { return !g.opened.IsZero() && now.Sub(g.opened) < gateOpen }

func (g *gates) applies(x *gate) bool {
	if g.cfg.MinConnectors < 0 {
		return false
	}
	return x.class == failure.ClassAuthentication || len(x.members) >= g.cfg.MinConnectors
}

// observe groups what is down by fingerprint, looks how the canaries fare, and tells of storms.
func (s *Supervisor) observeGates(ctx context.Context, l *look, now time.Time) {
	for _, x := range s.gates.byFP {
		x.members = x.members[:0]
	}
	for _, name := range sortedKeys(l.unwell) {
		rec := s.record(name)
		if rec == nil || rec.detail == nil {
			continue
		}
		st, o := &rec.detail.state, l.unwell[name]
		if !st.Down || st.Fingerprint == "" || o.State == connect.StatePaused || o.State == connect.StateStopped {
			continue
		}
		x := s.gates.byFP[st.Fingerprint]
		if x == nil {
			x = &gate{}
			s.gates.byFP[st.Fingerprint] = x
		}
		x.members = append(x.members, name)
		x.class, x.summary = st.Class, st.Summary
		if !o.inTrouble() && o.State == connect.StateRunning && o.Moving == 0 && !st.HealthySince.IsZero() && now.Sub(st.HealthySince) >= s.proof(st.Fingerprint) {
			// Whoever started it: something with this cause runs again.
			x.release(now)
		}
	}
	s.observeCrowd(ctx, l, now)
	for fp, x := range s.gates.byFP {
		if len(x.members) == 0 {
			if x.told {
				s.stormOver(ctx, fp, x, now)
			}
			if !x.open(now) {
				delete(s.gates.byFP, fp)
			}
			continue
		}
		x.watch(s, l, now)
		switch {
		case !x.told && s.gates.cfg.MinConnectors > 0 && len(x.members) >= s.gates.cfg.MinConnectors:
			x.told = true
			s.emit(ctx, x.event(EventStorm, s.cfg.Cluster, fp, now, fmt.Sprintf("%d connectors fail with one cause: %s", len(x.members), orText(x.summary, "unknown"))))
		case x.told && len(x.members)*2 < s.gates.cfg.MinConnectors:
			s.stormOver(ctx, fp, x, now)
		}
	}
}

func (s *Supervisor) stormOver(ctx context.Context, fp string, x *gate, now time.Time) {
	x.told = false
	s.emit(ctx, x.event(EventStormOver, s.cfg.Cluster, fp, now, "few connectors fail with this cause now"))
}

func (g *gate) event(kind EventKind, cluster, fp string, now time.Time, message string) Event {
	return Event{
		Kind: kind, Time: now, Cluster: cluster, Class: g.class, Fingerprint: fp, Summary: g.summary, Message: message,
		Count: len(g.members), Names: slices.Clone(g.members[:min(len(g.members), maxNames)]),
	}
}

func orText(s, def string) string {
	if s == "" {
		return def
	}
	return s
}

func (g *gate) release(now time.Time) {
	if !g.open(now) {
		g.opened = now
	}
	g.canary, g.upSince, g.heldSince, g.failed = "", time.Time{}, time.Time{}, false
}

// proof is how long a connector must run before it speaks for others: that records move again shows later than a state.
func (s *Supervisor) proof(fingerprint string) time.Duration {
	if fingerprint == FingerprintNoProgress {
		return s.cfg.ProgressAfter + 2*informEvery
	}
	return canaryStable
}

// watch looks how the canary fares.
func (g *gate) watch(s *Supervisor, l *look, now time.Time) {
	if g.canary == "" {
		return
	}
	o, ok := l.unwell[g.canary]
	if _, well := l.well[g.canary]; well {
		g.release(now)
		return
	}
	rec := s.record(g.canary)
	if !ok || rec == nil || rec.detail == nil {
		g.canary = ""
		return
	}
	if o.State == connect.StatePaused || o.State == connect.StateStopped {
		g.canary = ""
		return
	}
	for i := range o.Failed {
		if g.tasks.Has(o.Failed[i].Task) {
			g.upSince = time.Time{}
			return
		}
	}
	if o.Moving > 0 || o.State != connect.StateRunning && o.State != connect.StateFailed || o.Ghost || o.Stalled || o.Tasks == 0 && o.State == connect.StateRunning {
		g.upSince = time.Time{}
		return
	}
	if g.upSince.IsZero() {
		g.upSince = now
	}
	if now.Sub(g.upSince) >= s.proof(rec.detail.state.Fingerprint) {
		g.release(now)
	}
}

// relapsed is told of a relapse: a canary that failed makes room, and a cause that came back closes the gate.
func (g *gates) relapsed(name, fp string, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.crowd.relapse(name, g.cfg.MinConnectors, now)
	x := g.byFP[fp]
	if x == nil {
		return
	}
	x.opened = time.Time{}
	if x.canary == name {
		x.canary, x.upSince = "", time.Time{}
		x.failed = x.class == failure.ClassAuthentication
	}
}

// released reports whether a canary has spoken for the connector since its own last restart.
func (g *gates) released(st *State, last, now time.Time) (release, single bool) {
	x := g.byFP[st.Fingerprint]
	if x == nil || !x.open(now) || g.cfg.MinConnectors < 0 {
		return false, st.Class == failure.ClassAuthentication
	}
	return last.Before(x.opened), false
}

// acknowledged lets the canary of the fingerprint try again.
func (g *gates) acknowledged(fp string) {
	if x := g.byFP[fp]; x != nil {
		x.failed, x.lastTry, x.canary, x.heldSince = false, time.Time{}, "", time.Time{}
	}
}

// admit decides which of those that are due go now, and why the others wait.
func (g *gates) admit(r *due, now time.Time) Reason {
	st := &r.d.State
	x := g.byFP[st.Fingerprint]
	gated := x != nil && g.applies(x) && !x.open(now)
	trickle := false
	if gated {
		if x.heldSince.IsZero() {
			x.heldSince = now
		}
		recent := !x.lastTry.IsZero() && now.Sub(x.lastTry) < g.cfg.CanaryEvery
		trickle = now.Sub(x.heldSince) >= g.cfg.MaxHold && !x.failed
		if recent || x.failed || x.canary != "" && x.canary != r.name && !trickle {
			return ReasonCanary
		}
	}
	if !gated && g.holds(r.name, now) {
		return ReasonCanary
	}
	n := len(r.d.Tasks)
	if r.d.IncludeConnector {
		n++
	}
	if !g.tokens.AllowN(now, min(n, g.cfg.Burst)) {
		return ReasonStorm
	}
	if !gated {
		g.crowd.passed(r.name, now)
	}
	if gated {
		x.canary, x.tasks, x.upSince, x.lastTry = r.name, st.Attempt.Tasks, time.Time{}, now
	}
	return ReasonNone
}

// answered takes the canary's place away when nothing was carried out.
func (g *gates) answered(name, fp string, a Answer) {
	g.mu.Lock()
	defer g.mu.Unlock()
	x := g.byFP[fp]
	if x == nil || x.canary != name {
		return
	}
	if a == "" || a == AnswerRefused || a == AnswerForbidden {
		x.canary, x.lastTry = "", time.Time{}
	}
}

// byTurn orders those that are due: who has tried least goes first, so that the canary's part goes around.
func byTurn(a, b due) int {
	if d := a.rec.detail.state.Attempts - b.rec.detail.state.Attempts; d != 0 {
		return d
	}
	return strings.Compare(a.name, b.name)
}
