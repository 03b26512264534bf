package recovery

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-reconnect/reconnect/connect"
)

// DefaultProgressAfter is five times Connect's default offset.flush.interval.ms: a position moves only when offsets are committed.
const DefaultProgressAfter = 5 * time.Minute

// informEvery is how often workers and progress are asked for, at most.
const informEvery = time.Minute

// Workers says whether a worker lives: RUNNING is only a claim when nobody can ask the worker that made it.
type Workers interface {
	// Alive is given a worker_id (host:port). Unreachable means gone for sure; when in doubt the answer is unknown.
	Alive(ctx context.Context, workerID string) (Reachability, error)
}

// HTTPWorkers asks workers at their worker_id over HTTP, without credentials. Any HTTP answer is a sign of life. A worker that does not answer is gone
// only if it has answered this process before, or Complete says that all of them can be reached from here; anything else is unknown.
// It is safe for concurrent use and must not be copied.
type HTTPWorkers struct {
	// Scheme defaults to http.
	Scheme string
	// Complete declares that every worker can be reached from here.
	Complete bool
	// Client defaults to one that follows no redirect.
	Client *http.Client
	// Timeout bounds one question. Defaults to 5 s.
	Timeout time.Duration

	mu    sync.Mutex
	known map[string]bool
}

// Alive asks GET /.
func (h *HTTPWorkers) Alive(ctx context.Context, workerID string) (Reachability, error) {
	ctx, cancel := context.WithTimeout(ctx, orDuration(h.Timeout, DefaultReachTimeout))
	defer cancel()
	scheme := h.Scheme
	if scheme == "" {
		scheme = "http"
	}
	if host, port, err := net.SplitHostPort(workerID); err != nil || host == "" || port == "" {
		return ReachUnknown, nil
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+"://"+workerID+"/", http.NoBody)
	if err != nil {
		return ReachUnknown, nil
	}
	client := h.Client
	if client == nil {
		client = noRedirect
	}
	resp, err := client.Do(req)
	h.mu.Lock()
	defer h.mu.Unlock()
	if err == nil {
		_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 4096))
		_ = resp.Body.Close()
		if h.known == nil {
			h.known = map[string]bool{}
		}
		h.known[workerID] = true
		return ReachReachable, nil
	}
	var dns *net.DNSError
	if errors.As(err, &dns) || !h.known[workerID] && !h.Complete {
		return ReachUnknown, nil
	}
	return ReachUnreachable, nil
}

// informer watches what is RUNNING and may not be: workers that are gone, and connectors that do not move. It restarts nothing itself.
type informer struct {
	asked   time.Time
	gone    map[string]time.Time // worker -> since
	told    map[string]bool
	moving  map[string]position
	byPlace map[string]place

	// What is believed, by connector.
	ghosts, stalled map[string]bool
}

// place is what one worker claims to run.
type place struct {
	count int
	names []string
}

type position struct {
	at      int64
	still   time.Time // it has not moved since
	since   time.Time // the same, or the last restart where that is later
	seen    time.Time
	waiting int64
	told    bool
}

// Stall is what a Staller knows of a connector that has records waiting.
type Stall struct {
	Since   time.Time // no later than this its position became what it is
	Seen    time.Time // when that was last looked at
	Waiting int64     // records, or 0 where only that there are some is known
}

// Staller is a Progress that judges by its own looks, because it cannot ask about every connector each time: one is reported when Seen is ProgressAfter
// later than Since, and than its last restart. A connector that moves, or has nothing to do, is left out; one that could not be asked about keeps its last Stall.
type Staller interface {
	Stalls(ctx context.Context, connectors []string) (map[string]Stall, error)
}

// claims notes which worker claims to run a connector or task of this status.
func (i *informer) claims(st *connect.ConnectorStatus) {
	add := func(in *connect.InstanceStatus) {
		if in.State != connect.StateRunning || in.WorkerID == "" {
			return
		}
		p := i.byPlace[in.WorkerID]
		if len(p.names) == 0 || p.names[len(p.names)-1] != st.Name {
			p.count++
			if len(p.names) < maxNames || !i.gone[in.WorkerID].IsZero() {
				p.names = append(p.names, strings.Clone(st.Name))
			}
		}
		i.byPlace[in.WorkerID] = p
	}
	add(&st.Connector)
	for t := range st.Tasks {
		add(&st.Tasks[t].InstanceStatus)
	}
}

// inform asks the workers and the progress probe, at most once a minute.
func (s *Supervisor) inform(ctx context.Context, l *look, now time.Time) {
	i := &s.informer
	if now.Sub(i.asked) < informEvery || s.cfg.Workers == nil && s.cfg.Progress == nil {
		return
	}
	i.asked = now
	if s.cfg.Workers != nil {
		s.informGhosts(ctx, now)
	}
	if s.cfg.Progress != nil {
		s.informProgress(ctx, l, now)
	}
}

func (s *Supervisor) informGhosts(ctx context.Context, now time.Time) {
	i := &s.informer
	i.ghosts = map[string]bool{}
	over := func(worker string) {
		if i.told[worker] {
			s.emit(ctx, Event{
				Kind: EventGhostOver, Time: now, Cluster: s.cfg.Cluster, Worker: worker, Fingerprint: worker,
				Message: worker + " answers again, or nothing claims to run on it any more",
			})
		}
		delete(i.gone, worker)
		delete(i.told, worker)
	}
	for worker, p := range i.byPlace {
		alive, err := s.cfg.Workers.Alive(ctx, worker)
		if err != nil || alive != ReachUnreachable {
			over(worker)
			continue
		}
		if i.gone[worker].IsZero() {
			i.gone[worker] = now
		}
		// Until then the workers' own rebalance is expected to move what ran there.
		if now.Sub(i.gone[worker]) < 2*s.cfg.Policy.RebalanceDelay {
			continue
		}
		for _, name := range p.names {
			i.ghosts[name] = true
		}
		if i.told[worker] {
			continue
		}
		i.told[worker] = true
		s.emit(ctx, Event{
			Kind: EventGhost, Time: now, Cluster: s.cfg.Cluster, Worker: worker, Count: p.count, Names: slices.Clone(p.names[:min(len(p.names), maxNames)]), Fingerprint: worker,
			Message: fmt.Sprintf("%d connectors claim to run on %s, which does not answer: %s", p.count, worker, someNames(p.names)),
		})
	}
	for worker := range i.gone {
		if _, claimed := i.byPlace[worker]; !claimed {
			over(worker)
		}
	}
}

// informProgress asks about everything that is RUNNING as a whole, and believes what stands still for ProgressAfter.
func (s *Supervisor) informProgress(ctx context.Context, l *look, now time.Time) {
	i := &s.informer
	names := make([]string, 0, len(l.well))
	for name := range l.well {
		names = append(names, name)
	}
	for name, o := range l.unwell {
		if o.well() {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	pctx, cancel := context.WithTimeout(ctx, informEvery)
	defer cancel()
	next, err := s.positions(pctx, names, now)
	if err != nil {
		if ctx.Err() == nil {
			s.cfg.Logger.WarnContext(ctx, "progress unknown", "err", redacted(err))
		}
		return
	}
	i.stalled = map[string]bool{}
	for _, name := range names {
		p, waits := next[name]
		was := i.moving[name]
		p.told = was.told
		switch {
		case waits && p.seen.Sub(p.since) >= s.cfg.ProgressAfter:
			i.stalled[name] = true
			if !p.told {
				p.told = true
				s.emit(ctx, s.stalledEvent(name, p, now))
			}
		case was.told && (!waits || !p.still.Equal(was.still)):
			p.told = false
			e := s.event(EventProgress, name, s.record(name), now)
			e.Fingerprint = FingerprintNoProgress
			s.emit(ctx, e)
		}
		if waits {
			next[name] = p
		}
	}
	for name, p := range i.moving { // what cannot be asked about now stays told
		if _, asked := slices.BinarySearch(names, name); !asked && p.told && s.record(name) != nil {
			next[name] = p
		}
	}
	i.moving = next
}

func (s *Supervisor) stalledEvent(name string, p position, now time.Time) Event {
	e := s.event(EventNoProgress, name, s.record(name), now)
	e.Fingerprint, e.Waiting, e.Since = FingerprintNoProgress, p.waiting, p.still
	if p.waiting > 0 {
		e.Message = fmt.Sprintf("%s is RUNNING, but %d records wait and none has moved since %s", name, p.waiting, p.still.UTC().Format(time.RFC3339))
	}
	return e
}

// positions is what is known of those that have records waiting. A restart gives them ProgressAfter anew.
func (s *Supervisor) positions(ctx context.Context, names []string, now time.Time) (map[string]position, error) {
	next := map[string]position{}
	if st, ok := s.cfg.Progress.(Staller); ok {
		stalls, err := st.Stalls(ctx, names)
		if err != nil {
			return nil, err
		}
		for name, v := range stalls {
			next[name] = position{still: v.Since, seen: v.Seen, waiting: v.Waiting}
		}
	} else {
		at, err := s.cfg.Progress.Progress(ctx, names)
		if err != nil {
			return nil, err
		}
		for name, v := range at {
			p, ok := s.informer.moving[name]
			if !ok || p.at != v {
				p = position{at: v, still: now}
			}
			p.seen = now
			next[name] = p
		}
	}
	for name, p := range next {
		p.since = p.still
		if last := s.lastRestart(s.record(name)); last.After(p.since) {
			p.since = last
		}
		next[name] = p
	}
	return next, nil
}

func (s *Supervisor) lastRestart(rec *record) time.Time {
	if rec == nil || rec.detail == nil {
		return time.Time{}
	}
	return rec.detail.last
}
