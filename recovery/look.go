package recovery

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-reconnect/reconnect/connect"
)

// shrunkFor is how long a listing must stay at less than half of the last good one before it is believed: a starting worker shows an empty or
// partial list, but not for long.
const shrunkFor = 5 * time.Minute

// ErrSweep means that the listing of the connectors cannot be believed, so that nothing was decided.
var ErrSweep = errors.New("recovery: the listing of the connectors cannot be believed")

// sweepMemory is what makes a listing believable.
type sweepMemory struct {
	count       int // connectors in the last listing that was believed
	shrunkSince time.Time
	emptySince  time.Time // most have no status since
}

type typeCode uint8

const (
	typeUnknown typeCode = iota
	typeSource
	typeSink
)

func codeOfType(t connect.ConnectorType) typeCode {
	switch t {
	case connect.TypeSource:
		return typeSource
	case connect.TypeSink:
		return typeSink
	default:
		return typeUnknown
	}
}

func (t typeCode) String() connect.ConnectorType {
	switch t {
	case typeSource:
		return connect.TypeSource
	case typeSink:
		return connect.TypeSink
	default:
		return connect.TypeUnknown
	}
}

type stateCode uint8

var states = [...]connect.State{
	"", connect.StateRunning, connect.StatePaused, connect.StateStopped, connect.StateFailed, connect.StateUnassigned, connect.StateRestarting,
}

func codeOfState(s connect.State) stateCode {
	for i, known := range states {
		if s == known {
			return stateCode(i)
		}
	}
	return 0
}

func (s stateCode) String() connect.State { return states[s] }

// look is one sweep: the names, and every status streamed. Only what needs a decision keeps its Observation.
type look struct {
	well    map[string]seen        // RUNNING, nothing to remember
	unwell  map[string]Observation // everything else, also names without a status
	started time.Time
}

func (l *look) has(name string) bool {
	if _, ok := l.well[name]; ok {
		return true
	}
	_, ok := l.unwell[name]
	return ok
}

// look reads the cluster. It is all or nothing: an error means that nothing was observed.
func (s *Supervisor) look(ctx context.Context) (*look, error) {
	now := s.now()
	names, err := s.c.ListConnectors(ctx)
	if err != nil {
		return nil, fmt.Errorf("recovery: listing the connectors: %w", err)
	}
	if err := s.believe(len(names), now); err != nil {
		return nil, err
	}
	if err := s.choose(ctx, names, now); err != nil {
		return nil, err
	}
	l := &look{well: make(map[string]seen, len(names)), unwell: map[string]Observation{}, started: now}
	s.informer.byPlace = map[string]place{}
	for st, err := range s.c.Statuses(ctx) {
		if err != nil {
			return nil, fmt.Errorf("recovery: reading the statuses: %w", err)
		}
		if st.Name == "" {
			return nil, fmt.Errorf("%w: a status without a name", ErrSweep)
		}
		if !s.watched(st.Name) {
			continue
		}
		if s.cfg.Workers != nil {
			s.informer.claims(&st)
		}
		o := s.observe(&st)
		name := strings.Clone(st.Name)
		o.Connector = name
		o.Ghost, o.Stalled = s.informer.ghosts[name], s.informer.stalled[name]
		if o.well() && !o.inTrouble() && !s.remembers(name) {
			l.well[name] = o.seen()
			continue
		}
		l.unwell[name] = o
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	missing := 0
	for _, name := range names {
		if s.watched(name) && !l.has(name) {
			missing++
			l.unwell[strings.Clone(name)] = Observation{Connector: name}
		}
	}
	// A fresh connector has no status for a moment. When most have none, the worker has not read its status topic yet.
	if known := len(l.well) + len(l.unwell); missing*2 > known && known > 1 && s.sweep.count > 1 {
		if s.sweep.emptySince.IsZero() {
			s.sweep.emptySince = now
		}
		if now.Sub(s.sweep.emptySince) < shrunkFor {
			return nil, fmt.Errorf("%w: %d of %d connectors have no status", ErrSweep, missing, known)
		}
	} else {
		s.sweep.emptySince = time.Time{}
	}
	s.sweep.count = len(names)
	return l, nil
}

// believe refuses a listing that is suddenly less than half as long, unless it stays so.
func (s *Supervisor) believe(n int, now time.Time) error {
	if n*2 >= s.sweep.count {
		s.sweep.shrunkSince = time.Time{}
		return nil
	}
	if s.sweep.shrunkSince.IsZero() {
		s.sweep.shrunkSince = now
	}
	if now.Sub(s.sweep.shrunkSince) < shrunkFor {
		return fmt.Errorf("%w: %d connectors where %d were before; it is believed when it stays so for %v", ErrSweep, n, s.sweep.count, shrunkFor)
	}
	return nil
}

func (s *Supervisor) remembers(name string) bool {
	rec := s.record(name)
	return rec != nil && rec.detail != nil
}

// well reports whether there is nothing to decide.
func (o *Observation) well() bool {
	return o.State == connect.StateRunning && len(o.Failed) == 0 && o.Running == o.Tasks && o.Tasks > 0
}

func (o *Observation) seen() seen {
	return seen{typ: codeOfType(o.Type), state: codeOfState(o.State), tasks: int32(o.Tasks), running: int32(o.Running)} //nolint:gosec // task counts
}

// sweepFailed tells once that the cluster cannot be seen.
func (s *Supervisor) sweepFailed(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return
	}
	blind := errors.Is(err, connect.ErrUnauthorized)
	s.view.Lock()
	s.stats.SweepErrors++
	s.stats.LastError = redacted(err)
	s.view.Unlock()
	now := s.now()
	switch {
	case blind && !s.blind:
		s.blind = true
		s.emit(ctx, Event{Kind: EventBlind, Time: now, Cluster: s.cfg.Cluster, Message: "Connect refuses the supervisor's credentials (401): nothing is watched", Error: redacted(err)})
	case !blind && !s.badSweep:
		s.badSweep = true
		s.emit(ctx, Event{Kind: EventSweepFailed, Time: now, Cluster: s.cfg.Cluster, Message: "the connectors' statuses cannot be read: nothing is decided", Error: redacted(err)})
	}
}

func (s *Supervisor) sweepWorked(ctx context.Context) {
	now := s.now()
	s.view.Lock()
	s.stats.Sweeps++
	s.stats.LastSweep = now
	s.stats.LastError = ""
	s.view.Unlock()
	s.failures, s.sighted = 0, now
	if s.badSweep || s.blind {
		s.badSweep, s.blind = false, false
		s.emit(ctx, Event{Kind: EventSweepRecovered, Time: now, Cluster: s.cfg.Cluster, Message: "the connectors' statuses can be read again"})
	}
}

func (s *Supervisor) names() []string {
	s.view.RLock()
	defer s.view.RUnlock()
	names := make([]string, 0, len(s.records))
	for name := range s.records {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (s *Supervisor) record(name string) *record {
	s.view.RLock()
	defer s.view.RUnlock()
	return s.records[name]
}
