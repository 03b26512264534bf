package recovery

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/go-reconnect/reconnect/connect"
	"github.com/go-reconnect/reconnect/connect/failure"
)

// configEvery is how often the config of an unhealthy connector is read to see whether it has changed. The call takes Connect's herder thread.
const configEvery = 5 * time.Minute

// A pass reads at most maxConfigReads configs and waits for none longer than configTimeout.
const (
	maxConfigReads = 100
	configTimeout  = 5 * time.Second
)

// reachConcurrency is how many Reach probes are under way at once.
const reachConcurrency = 8

// load reads the store once, and again after a conflict. A failure is told once and means that nothing is decided.
func (s *Supervisor) load(ctx context.Context) error {
	if s.loaded {
		return nil
	}
	entries, err := s.cfg.Store.Load(ctx)
	if err != nil {
		s.storeFailed(ctx, err)
		return fmt.Errorf("recovery: reading the state, without which nothing is decided: %w", err)
	}
	for _, e := range entries {
		if e.Cluster != s.cfg.Cluster {
			err := fmt.Errorf("%w: the entry %q is of %q, this is %q", ErrCluster, e.Key, e.Cluster, s.cfg.Cluster)
			s.storeFailed(ctx, err)
			return err
		}
	}
	s.view.Lock()
	for _, rec := range s.records {
		rec.detail = nil
	}
	for _, e := range entries {
		if e.Key == "" {
			continue
		}
		rec := s.records[e.Key]
		if rec == nil {
			rec = &record{}
			s.records[e.Key] = rec
		}
		rec.detail = &detail{state: e.State, version: e.Version, last: e.State.Restarts.Last()}
	}
	s.view.Unlock()
	now := s.now()
	for _, e := range entries {
		kind := EventHeld
		if e.State.Latch == LatchExhausted {
			kind = EventExhausted
		}
		if e.Key != "" && e.State.Latch != LatchNone && e.State.GoneAt.IsZero() {
			ev := s.event(kind, e.Key, s.record(e.Key), now)
			ev.Time, ev.State = e.State.LatchedAt, connect.StateFailed
			s.courier.adopt(ev, now)
		}
	}
	s.loaded = true
	if s.sweep.count == 0 {
		// What was remembered makes the first listing believable or not: it may come from a worker that is still starting.
		for _, e := range entries {
			if e.Key != "" && e.State.GoneAt.IsZero() {
				s.sweep.count++
			}
		}
	}
	s.storeWorked(ctx)
	return nil
}

// save makes next the connector's state, in memory at once and in the store if it differs. A conflict makes the next pass read the store again.
func (s *Supervisor) save(ctx context.Context, name string, d *detail, next State) error {
	if next == d.state && !d.dirty {
		return nil
	}
	s.view.Lock()
	d.state, d.dirty = next, true
	version := d.version
	s.view.Unlock()
	var err error
	switch {
	case next.Empty() && version == 0:
	case next.Empty():
		if err = s.cfg.Store.Delete(ctx, name, version); err == nil {
			version = 0
		}
	default:
		version, err = s.cfg.Store.Save(ctx, Entry{Key: name, Cluster: s.cfg.Cluster, State: next, Version: version})
	}
	return s.saved(ctx, name, d, version, err)
}

// reserve is save for what must be stored before anything is sent: when that fails, the state stays as it was.
func (s *Supervisor) reserve(ctx context.Context, name string, d *detail, next State) error {
	version, err := s.cfg.Store.Save(ctx, Entry{Key: name, Cluster: s.cfg.Cluster, State: next, Version: d.version})
	if err == nil {
		s.view.Lock()
		d.state = next
		s.view.Unlock()
	}
	return s.saved(ctx, name, d, version, err)
}

func (s *Supervisor) saved(ctx context.Context, name string, d *detail, version Version, err error) error {
	if err == nil {
		s.view.Lock()
		d.version, d.dirty = version, false
		s.view.Unlock()
		s.storeWorked(ctx)
		return nil
	}
	if errors.Is(err, ErrConflict) || errors.Is(err, ErrNotLeader) {
		s.stale()
	} else if ctx.Err() == nil {
		s.storeFailed(ctx, err)
	}
	return fmt.Errorf("recovery: storing the state of %s: %w", name, err)
}

// erase removes an entry for good.
func (s *Supervisor) erase(ctx context.Context, name string, d *detail) error {
	err := s.cfg.Store.Delete(ctx, name, d.version)
	if err == nil {
		s.drop(name)
		return nil
	}
	return s.saved(ctx, name, d, d.version, err)
}

func (s *Supervisor) stale() {
	s.guard.Lock()
	defer s.guard.Unlock()
	s.loaded = false
}

func (s *Supervisor) storeFailed(ctx context.Context, err error) {
	s.guard.Lock()
	first := !s.storeBad
	s.storeBad = true
	s.guard.Unlock()
	s.view.Lock()
	s.stats.StoreErrors++
	s.stats.LastError = redacted(err)
	s.view.Unlock()
	if first {
		s.emit(ctx, Event{Kind: EventStoreFailed, Time: s.now(), Cluster: s.cfg.Cluster, Reason: ReasonStateUnavailable, Message: "the state cannot be read or written: nothing is restarted", Error: redacted(err)})
	}
}

func (s *Supervisor) storeWorked(ctx context.Context) {
	s.guard.Lock()
	was := s.storeBad
	s.storeBad = false
	s.guard.Unlock()
	if was {
		s.emit(ctx, Event{Kind: EventStoreRecovered, Time: s.now(), Cluster: s.cfg.Cluster, Message: "the state can be read and written again"})
	}
}

// readConfig hashes the config of a connector that has been seen FAILED before, now and then, and keeps it no longer than that failure lasts. A config that
// cannot be read is no change.
func (s *Supervisor) readConfig(ctx context.Context, name string, rec *record, o *Observation, now time.Time) {
	d := rec.detail
	if !o.inTrouble() || d.state.Bad == 0 && !d.state.Down {
		d.config = nil
		return
	}
	if s.cfg.Reach == nil && d.state.Latch == LatchNone || d.state.Attempt.Pending() || now.Sub(d.cfgAt) < configEvery || s.configReads >= maxConfigReads {
		return
	}
	s.configReads++
	d.cfgAt = now
	cctx, cancel := context.WithTimeout(ctx, configTimeout)
	defer cancel()
	cfg, err := s.c.GetConfig(cctx, name)
	if err != nil {
		// The herder is busy, and the others would wait for it as well.
		s.configReads = maxConfigReads
		return
	}
	if s.cfg.Reach != nil {
		d.config = cfg
	}
	o.ConfigHash = configHash(s.cfg.Cluster, name, cfg)
}

// askOthers asks the other side of every connector whose failure may be its absence, a few at a time.
func (s *Supervisor) askOthers(ctx context.Context, asked []*question) {
	var g errgroup.Group
	g.SetLimit(reachConcurrency)
	for _, q := range asked {
		g.Go(func() error {
			actx, cancel := context.WithTimeout(ctx, s.cfg.ReachTimeout)
			defer cancel()
			answer, err := s.cfg.Reach.Reach(actx, q.name, q.config, q.diagnosis)
			if err != nil || answer != ReachReachable && answer != ReachUnreachable {
				// A probe that fails says nothing about the other side.
				answer = ReachUnknown
			}
			q.answer = answer
			return nil
		})
	}
	_ = g.Wait() // they return no errors
}

// question is one Reach probe.
type question struct {
	name      string
	config    map[string]string
	diagnosis failure.Diagnosis
	answer    Reachability
}

// questions lists whom to ask: failures of connection, timeout and schema_registry that have been seen before and have no restart pending.
func (s *Supervisor) questions(name string, rec *record, o *Observation) *question {
	st := &rec.detail.state
	if s.cfg.Reach == nil || len(o.Failed) == 0 || st.Bad == 0 && !st.Down || st.Attempt.Pending() || rec.detail.config == nil || o.State == connect.StatePaused || o.State == connect.StateStopped || o.Paused > 0 {
		return nil
	}
	for i := range o.Failed {
		f := &o.Failed[i]
		switch f.Class {
		case failure.ClassConnection, failure.ClassTimeout, failure.ClassSchemaRegistry:
			return &question{name: name, config: rec.detail.config, diagnosis: failure.Diagnosis{
				Class: f.Class, Restart: f.Advice, Pattern: f.Pattern, Summary: f.Summary, Remedies: f.Remedies, Fingerprint: f.Fingerprint,
			}}
		default:
		}
	}
	return nil
}

// ownKeys begins the keys of a connector's config that are meant for us and that Connect itself does not know.
const ownKeys = "reconnect."

// configHash is keyed by cluster and connector, so that equal configs of two connectors do not show. Keys that only people read or we read are
// left out: neither a comment nor switching us off and on re-arms.
func configHash(cluster, name string, cfg connect.Config) string {
	h := hmac.New(sha256.New, []byte("reconnect\x00"+cluster+"\x00"+name))
	keys := make([]string, 0, len(cfg))
	for k := range cfg {
		if k == "name" || strings.HasPrefix(k, ownKeys) || strings.HasPrefix(k, "_") || strings.HasPrefix(k, "#") || k == "comment" || k == "description" {
			continue
		}
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		_, _ = fmt.Fprintf(h, "%d:%s=%d:%s\n", len(k), k, len(cfg[k]), cfg[k])
	}
	return hex.EncodeToString(h.Sum(nil)[:12])
}
