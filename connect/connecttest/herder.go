package connecttest

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// The texts of a rebalance (R/rest/HerderRequestHandler.java).
const (
	textStale    = "Cannot complete request momentarily due to stale configuration (typically caused by a concurrent config change)"
	textNoLeader = "Cannot complete request momentarily due to no known leader URL, likely because a rebalance was underway."
	textConflict = "Cannot complete request because of a conflicting operation (e.g. worker rebalance)"
	textTimeout  = "Request timed out"
	textExpected = "Request cannot be completed because a rebalance is expected"
)

// gate is what a rebalance under way makes the workers answer.
type gate struct {
	pendingUntil  time.Time // this worker saw a config change and has not joined yet
	leaderless    time.Time // the leader is not known
	conflictUntil time.Time // two hops did not find the target
}

// Rebalance makes every worker answer for d as one that has seen a config change and has not joined the rebalance yet:
// GET of a connector, its config and its tasks 500 (409 up to Kafka 3.4), restarts and offset writes 409. Statuses,
// lists, create, update, delete, stop, pause and resume go on as ever, as they do on a real worker.
func (s *Server) Rebalance(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gate.pendingUntil = time.Now().Add(d)
}

// LoseLeader makes every call that needs the leader or an owner answer 409 `no known leader URL` for d.
func (s *Server) LoseLeader(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gate.leaderless = time.Now().Add(d)
}

// Conflict makes every forwarded call answer 409 `conflicting operation` for d.
func (s *Server) Conflict(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gate.conflictUntil = time.Now().Add(d)
}

// StallHerder keeps a worker's herder thread busy for d, as joining a rebalance, a slow broker or a slow task do:
// what needs the herder queues and is answered late, or after Config.RequestTimeout with a 500 while it stays in the
// queue and is still carried out. Statuses and lists are answered at once. stage is what the worker says it is doing;
// it defaults to `ensuring membership in the cluster`.
func (s *Server) StallHerder(i int, d time.Duration, stage string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.worker("StallHerder", i)
	if w == nil {
		return
	}
	if stage == "" {
		stage = "ensuring membership in the cluster"
	}
	herder := w.herder
	ctx := w.ctx
	stall := func() {
		hold(ctx, d)
		s.mu.Lock()
		w.stage = ""
		s.mu.Unlock()
		<-herder
	}
	w.stage, w.busy = stage, time.Now()
	select {
	case herder <- struct{}{}:
		go stall()
	default:
		go func() {
			select {
			case herder <- struct{}{}:
				stall()
			case <-ctx.Done():
			}
		}()
	}
}

// onHerder queues op on a worker's herder thread and waits for it. When the wait is over before op is, op stays queued, and
// whether the client is still there nobody asks.
// op is called without s.mu.
func (s *Server) onHerder(w *worker, op func() reply) reply {
	return s.onHerderFor(w, s.cfg.RequestTimeout, op, func() reply {
		stage := s.stageOf(w)
		if stage != "" {
			stage = "." + stage
		}
		return refuse(http.StatusInternalServerError, textTimeout+stage)
	})
}

func (s *Server) onHerderFor(w *worker, wait time.Duration, op, late func() reply) reply {
	s.mu.Lock()
	herder, life, alive := w.herder, w.ctx, w.alive
	s.mu.Unlock()
	if !alive {
		return reply{aborted: true}
	}
	done := make(chan reply, 1)
	go func() {
		select {
		case herder <- struct{}{}:
		case <-life.Done():
			return
		}
		defer func() { <-herder }()
		done <- op()
	}()
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case r := <-done:
		return r
	case <-timer.C:
		return late()
	case <-life.Done():
	}
	return reply{aborted: true}
}

// stageOf is the sentence that time-outs carry since 3.7 (KAFKA-15563).
func (s *Server) stageOf(w *worker) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.version.atLeast(3, 7) || w.stage == "" {
		return ""
	}
	return fmt.Sprintf(" The worker is currently %s, which began at %s.", w.stage, w.busy.UTC().Format("2006-01-02T15:04:05.000Z"))
}

// gated is the answer while a rebalance is pending, for the calls that it stops; s.mu is held.
func (s *Server) gated() *reply {
	if time.Now().Before(s.gate.pendingUntil) {
		r := refuse(http.StatusConflict, textStale)
		return &r
	}
	return nil
}

// gatedRead is the same for the GETs of a connector, which answer 500 since 3.5.
func (s *Server) gatedRead() *reply {
	if !time.Now().Before(s.gate.pendingUntil) {
		return nil
	}
	r := refuse(http.StatusInternalServerError, textExpected)
	if !s.version.atLeast(3, 5) {
		r = refuse(http.StatusConflict, textStale)
	}
	return &r
}

// writeTimeout is how long a worker waits for a record to reach the config topic.
const writeTimeout = 30 * time.Second

// onWriting is onHerder for what a request writes itself, beside the herder: while Kafka is away, that fails first.
func (s *Server) onWriting(w *worker, failure string, op func() reply) reply {
	s.mu.Lock()
	down := time.Now().Before(s.brokerDown)
	s.mu.Unlock()
	if !down {
		return s.onHerder(w, op)
	}
	return s.onHerderFor(w, writeTimeout, op, func() reply { return refuse(http.StatusInternalServerError, failure) })
}

// onLeaderWriting is onLeader for what the herder itself writes to the config topic: the first such write after Kafka went away fails in its own
// time. By then the herder waits for its group, so that everything behind it meets the time-out of requests.
func (s *Server) onLeaderWriting(rq *request, name, failure string, op func(w *worker, name string) reply) reply {
	return s.onLeaderBy(rq, name, func(w *worker, op func() reply) reply {
		s.mu.Lock()
		first := time.Now().Before(s.brokerDown) && !w.writeFailed
		w.writeFailed = w.writeFailed || first
		s.mu.Unlock()
		if !first {
			return s.onHerder(w, op)
		}
		return s.onHerderFor(w, writeTimeout, op, func() reply { return refuse(http.StatusInternalServerError, failure) })
	}, op)
}

// onLeader runs op on the leader's herder: here when this worker leads, else forwarded.
func (s *Server) onLeader(rq *request, name string, op func(w *worker, name string) reply) reply {
	return s.onLeaderBy(rq, name, s.onHerder, op)
}

type queue func(w *worker, op func() reply) reply

func (s *Server) onLeaderBy(rq *request, name string, herder queue, op func(w *worker, name string) reply) reply {
	var elsewhere *worker
	r := herder(rq.worker, func() reply {
		s.mu.Lock()
		leader, lost := s.leader(), time.Now().Before(s.gate.leaderless)
		s.mu.Unlock()
		switch {
		case leader == nil || lost:
			return refuse(http.StatusConflict, textNoLeader)
		case leader == rq.worker:
			return op(rq.worker, name)
		default:
			elsewhere = leader
			return reply{}
		}
	})
	if r.status != 0 || r.aborted {
		return r
	}
	return s.forward(elsewhere, name, op)
}

// forward sends a request on to the worker that can serve it, as the receiving worker's own REST client does.
func (s *Server) forward(to *worker, name string, op func(w *worker, name string) reply) reply {
	s.mu.Lock()
	alive, conflict, frozen := to.alive, time.Now().Before(s.gate.conflictUntil), to.frozen
	s.mu.Unlock()
	switch {
	case conflict:
		return refuse(http.StatusConflict, textConflict)
	case !alive:
		return refuse(http.StatusInternalServerError, "IO Error trying to forward REST request: java.net.UnknownHostException: "+hostOf(to))
	}
	if frozen != nil {
		<-frozen // the call hangs until the process goes on
	}
	name, bad := s.forwardedName(name)
	if bad != nil {
		return *bad
	}
	r := s.onHerder(to, func() reply { return op(to, name) })
	if r.aborted {
		return refuse(http.StatusInternalServerError, "IO Error trying to forward REST request: java.io.EOFException: HttpConnectionOverHTTP")
	}
	return r
}

func hostOf(w *worker) string { host, _, _ := strings.Cut(w.id(), ":"); return host }

// forwardedName is what is left of a name after a worker has put it into a forward URL: UriBuilder.path takes the
// decoded name, so a `;` begins a matrix parameter, `{x}` is a template without a value, `%41` counts as encoded
// already, and `/` is a path separator.
func (s *Server) forwardedName(name string) (string, *reply) {
	if open := strings.IndexByte(name, '{'); open >= 0 {
		if end := strings.IndexByte(name[open:], '}'); end > 0 {
			r := refuse(http.StatusInternalServerError, fmt.Sprintf("The template variable '%s' has no value", name[open+1:open+end]))
			return "", &r
		}
	}
	name, _, _ = strings.Cut(name, ";")
	if strings.Contains(name, "/") {
		r := refuse(http.StatusNotFound, "HTTP 404 Not Found")
		return "", &r
	}
	var b strings.Builder
	for i := 0; i < len(name); i++ {
		if name[i] == '%' && i+2 < len(name) {
			if c, err := url.PathUnescape(name[i : i+3]); err == nil {
				b.WriteString(c)
				i += 2
				continue
			}
		}
		b.WriteByte(name[i])
	}
	return b.String(), nil
}
