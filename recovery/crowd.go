package recovery

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/go-reconnect/reconnect/connect"
)

// FingerprintMixed stands for many connectors that fail at once with causes of their own: a trace that holds a host or a path can make every fingerprint
// another one, although the cause is the same.
const FingerprintMixed = "mixed"

// crowd is the gate of those who fail in a crowd without a fingerprint in common. A few go first; when one of them runs, the others follow, two for
// each that was seen running; when most of those fail again, it closes.
type crowd struct {
	members   map[string]bool
	tried     []time.Time // of those let through while it was closed
	heldSince time.Time
	opened    time.Time
	closed    time.Time       // who ran before that says nothing any more
	through   int             // let through since it opened
	good      map[string]bool // seen running since it opened
	relapsed  int
	told      bool
}

func (c *crowd) open(now time.Time) bool { return !c.opened.IsZero() && now.Sub(c.opened) < gateOpen }

func (g *gates) crowded() bool {
	return g.cfg.MinCrowd > 0 && len(g.crowd.members) >= g.cfg.MinCrowd
}

// observeCrowd counts who is down without a gate of its own, and sees whether any of them runs again.
func (s *Supervisor) observeCrowd(ctx context.Context, l *look, now time.Time) {
	c := &s.gates.crowd
	was := c.members
	c.members = map[string]bool{}
	var runs []string
	for fp, x := range s.gates.byFP {
		if s.gates.applies(x) {
			continue
		}
		for _, name := range x.members {
			c.members[name] = true
			o, st := l.unwell[name], &s.record(name).detail.state
			if was[name] && !o.inTrouble() && o.Moving == 0 && o.State == connect.StateRunning && st.HealthySince.After(c.closed) && now.Sub(st.HealthySince) >= s.proof(fp) {
				runs = append(runs, name)
			}
		}
	}
	if len(runs) > 0 && !c.open(now) && s.gates.crowded() {
		c.opened, c.heldSince, c.through, c.relapsed, c.good = now, time.Time{}, 0, 0, map[string]bool{}
	}
	for _, name := range runs {
		if c.open(now) {
			c.good[name] = true
		}
	}
	e := Event{Time: now, Cluster: s.cfg.Cluster, Fingerprint: FingerprintMixed, Count: len(c.members)}
	switch {
	case !c.told && s.gates.crowded():
		c.told = true
		for name := range c.members {
			e.Names = append(e.Names, name)
		}
		slices.Sort(e.Names)
		e.Names = slices.Clone(e.Names[:min(len(e.Names), maxNames)])
		e.Kind, e.Message = EventStorm, fmt.Sprintf("%d connectors fail at once, with different causes", len(c.members))
		s.emit(ctx, e)
	case c.told && len(c.members)*2 < s.gates.cfg.MinCrowd:
		s.gates.crowd = crowd{members: c.members}
		e.Kind, e.Message = EventStormOver, "few connectors fail with causes of their own now"
		s.emit(ctx, e)
	}
}

// holds reports whether the crowd's turn has not come for a connector. What it lets through is noted.
func (g *gates) holds(name string, now time.Time) bool {
	c := &g.crowd
	if !g.crowded() || !c.members[name] {
		return false
	}
	if c.open(now) {
		// A task that dies at once looks for minutes like one that has not started yet, so only what is seen running lets others follow.
		return c.through >= g.cfg.MinConnectors+2*len(c.good)
	}
	if c.heldSince.IsZero() {
		c.heldSince = now
	}
	c.tried = slices.DeleteFunc(c.tried, func(t time.Time) bool { return now.Sub(t) >= g.cfg.CanaryEvery })
	few := g.cfg.MaxConcurrent
	if now.Sub(c.heldSince) >= g.cfg.MaxHold {
		few *= 4 // nobody waits for ever behind others that do not get well
	}
	return len(c.tried) >= few
}

// passed notes one that holds has let through and that a token was there for.
func (c *crowd) passed(name string, now time.Time) {
	if !c.members[name] {
		return
	}
	if c.open(now) {
		c.through++
		return
	}
	c.tried = append(c.tried, now)
}

// relapse closes it when most of those that were let through have failed again.
func (c *crowd) relapse(name string, few int, now time.Time) {
	if !c.members[name] || c.opened.IsZero() {
		return
	}
	c.relapsed++
	if c.relapsed >= few && 2*c.relapsed > c.through {
		c.opened, c.closed = time.Time{}, now
	}
}
