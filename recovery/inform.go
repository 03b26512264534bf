package recovery

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
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

// informer watches what is RUNNING and may not be: workers that are gone, and connectors that do not move. It informs and restarts nothing.
type informer struct {
	asked   time.Time
	gone    map[string]time.Time // worker -> since
	told    map[string]bool
	moving  map[string]position
	byPlace map[string]place
}

// place is what one worker claims to run.
type place struct {
	count int
	names []string
}

type position struct {
	at    int64
	since time.Time
	told  bool
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
			if len(p.names) < maxNames {
				p.names = append(p.names, st.Name)
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
	for worker, p := range i.byPlace {
		alive, err := s.cfg.Workers.Alive(ctx, worker)
		if err != nil || alive != ReachUnreachable {
			delete(i.gone, worker)
			delete(i.told, worker)
			continue
		}
		if i.gone[worker].IsZero() {
			i.gone[worker] = now
		}
		// Until then the workers' own rebalance is expected to move what ran there.
		if now.Sub(i.gone[worker]) < 2*s.cfg.Policy.RebalanceDelay || i.told[worker] {
			continue
		}
		i.told[worker] = true
		s.emit(ctx, Event{
			Kind: EventGhost, Time: now, Cluster: s.cfg.Cluster, Worker: worker, Count: p.count, Names: slices.Clone(p.names), Fingerprint: worker,
			Message: fmt.Sprintf("%d connectors claim to run on %s, which does not answer: %s", p.count, worker, someNames(p.names)),
		})
	}
	for worker := range i.gone {
		if _, claimed := i.byPlace[worker]; !claimed {
			delete(i.gone, worker)
			delete(i.told, worker)
		}
	}
}

func (s *Supervisor) informProgress(ctx context.Context, l *look, now time.Time) {
	i := &s.informer
	names := make([]string, 0, len(l.well))
	for name := range l.well {
		names = append(names, name)
	}
	slices.Sort(names)
	pctx, cancel := context.WithTimeout(ctx, informEvery)
	defer cancel()
	at, err := s.cfg.Progress.Progress(pctx, names)
	if err != nil {
		s.cfg.Logger.WarnContext(ctx, "progress unknown", "err", redacted(err))
		return
	}
	next := make(map[string]position, len(at))
	for _, name := range names {
		v, waits := at[name]
		if !waits {
			continue
		}
		p, ok := i.moving[name]
		if !ok || p.at != v {
			p = position{at: v, since: now}
		}
		if now.Sub(p.since) >= s.cfg.ProgressAfter && !p.told {
			p.told = true
			s.emit(ctx, s.event(EventNoProgress, name, s.record(name), now))
		}
		next[name] = p
	}
	i.moving = next
}
