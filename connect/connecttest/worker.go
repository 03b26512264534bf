package connecttest

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// worker is one Connect worker: its copy of the topics, its herder and whether it lives.
type worker struct {
	index  int
	lag    time.Duration
	view   *view
	herder chan struct{} // held by what the herder thread is doing
	stage  string        // what the herder says it is doing when it is stalled
	busy   time.Time     // since when
	// writeFailed says that its first write without Kafka has been tried.
	writeFailed bool

	alive    bool
	lost     bool // the group has noticed that it is gone
	due      bool // its delay is over and nobody was there to take over
	starting bool // Jetty answers, Connect does not yet
	life     int  // counts starts
	ctx      context.Context
	cancel   context.CancelFunc
	frozen   chan struct{} // closed when it thaws; nil when it runs
	loggers  *loggers

	connectors, tasks int // how many it is assigned
}

func newWorker(i int, lag time.Duration) *worker {
	w := &worker{index: i, lag: lag, view: newView(), loggers: newLoggers()}
	w.live()
	return w
}

// id is the advertised address.
func (w *worker) id() string { return fmt.Sprintf("worker-%d:8083", w.index) }

func (w *worker) live() {
	w.alive, w.lost, w.due = true, false, false
	w.life++
	w.herder = make(chan struct{}, 1)
	w.ctx, w.cancel = context.WithCancel(context.Background())
}

func (w *worker) die() {
	w.alive = false
	w.cancel()
	if w.frozen != nil {
		close(w.frozen)
		w.frozen = nil
	}
}

// member reports whether the group counts the worker in: a dead one stays a member until its session times out.
func (w *worker) member() bool { return w.alive || !w.lost }

// leader is the member that has been in the group longest; nil when there is none. s.mu is held.
func (s *Server) leader() *worker {
	var best *worker
	for _, w := range s.workers {
		if w.member() && (best == nil || w.life < best.life) {
			best = w
		}
	}
	return best
}

// worker finds a worker by index for a script call.
func (s *Server) worker(call string, i int) *worker {
	if i < 0 || i >= len(s.workers) {
		s.misuse("%s(%d): the workers are 0 to %d", call, i, len(s.workers)-1)
		return nil
	}
	return s.workers[i]
}

// KillWorker ends a worker as kill -9 does. Its connections break and refuse; its connectors and tasks become ghosts:
// their statuses stay as they were, with the dead worker's id, and restarts of them do nothing, until
// Config.SessionTimeout and Config.RebalanceDelay have passed and the other workers start them afresh, or StartWorker
// brings it back. After the death of the leader there is no delay: its successor has never seen the lost assignments, so
// it gives them away in its first rebalance, as what is new.
func (s *Server) KillWorker(i int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.worker("KillWorker", i)
	if w == nil || !w.alive {
		return
	}
	led := s.leader() == w
	s.loseInstances(w)
	s.takeDown(w)
	life := w.life
	s.after(s.cfg.SessionTimeout, func() {
		if w.alive || w.life != life {
			return
		}
		w.lost = true
		delay := s.cfg.RebalanceDelay
		if led {
			delay = 0
		}
		s.after(delay, func() { s.reassign(w, life) })
	})
}

// StopWorker ends a worker as SIGTERM does: it leaves the group at once and writes UNASSIGNED for what it ran (a FAILED
// task stays FAILED), which stays so until Config.RebalanceDelay has passed or StartWorker brings it back.
func (s *Server) StopWorker(i int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.worker("StopWorker", i)
	if w == nil || !w.alive {
		return
	}
	for _, inst := range s.instancesOn(w.index) {
		if inst.live {
			s.setStatus(inst, connectStateUnassigned, "")
		}
	}
	s.loseInstances(w)
	s.takeDown(w)
	w.lost = true
	life := w.life
	s.after(s.cfg.RebalanceDelay, func() { s.reassign(w, life) })
}

// FreezeWorker stops a worker's process without ending it, as docker pause or a long garbage collection do: requests to
// it hang until ThawWorker, or until the client gives up. What it runs shows no change.
func (s *Server) FreezeWorker(i int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if w := s.worker("FreezeWorker", i); w != nil && w.frozen == nil {
		w.frozen = make(chan struct{})
	}
}

// ThawWorker lets a frozen worker go on; the requests that waited are answered now.
func (s *Server) ThawWorker(i int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if w := s.worker("ThawWorker", i); w != nil && w.frozen != nil {
		close(w.frozen)
		w.frozen = nil
	}
}

func (s *Server) takeDown(w *worker) {
	w.die()
	if s.sockets != nil {
		s.sockets.down(w.index)
	}
}

// StartWorker starts a worker that was killed or stopped. It reads the topics from the beginning and takes its
// connectors and tasks back, started afresh, if they have not been given away yet.
func (s *Server) StartWorker(i int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.worker("StartWorker", i)
	if w == nil || w.alive || s.done {
		return
	}
	w.live()
	w.view = newView()
	w.view.reread(s.head)
	w.loggers = newLoggers()
	if s.cfg.WorkerStartup > 0 {
		w.starting = true
		life := w.life
		s.after(s.cfg.WorkerStartup, func() {
			if w.life == life {
				w.starting = false
			}
		})
	}
	if s.sockets != nil {
		if err := s.sockets.up(s, w.index); err != nil {
			s.misuse("StartWorker(%d): %v", i, err)
		}
	}
	s.startAfresh(s.instancesOn(w.index))
	for _, other := range s.workers {
		if other.due {
			s.reassign(other, other.life)
		}
	}
	s.balance()
}

// loseInstances ends the bodies on a worker without a word in the status topic.
func (s *Server) loseInstances(w *worker) {
	for _, inst := range s.instancesOn(w.index) {
		inst.stop()
	}
}

// instancesOn lists what is assigned to a worker, connectors before tasks, in order of creation.
func (s *Server) instancesOn(w int) []*instance {
	var connectors, tasks []*instance
	for _, name := range s.head.names {
		c := s.connectors[name]
		if c == nil {
			continue
		}
		for _, index := range c.indexes() {
			if inst := c.instances[index]; inst.worker == w {
				if index == connectorIndex {
					connectors = append(connectors, inst)
				} else {
					tasks = append(tasks, inst)
				}
			}
		}
	}
	return append(connectors, tasks...)
}

// reassign gives away what a worker of that life still owns when its delay is over.
func (s *Server) reassign(w *worker, life int) {
	if w.alive || w.life != life {
		return
	}
	if w.due = !slices.ContainsFunc(s.workers, func(w *worker) bool { return w.alive }); w.due {
		return // the first worker that starts gets it all
	}
	lost := s.instancesOn(w.index)
	for _, inst := range lost {
		s.move(inst, s.assign(inst.index))
	}
	s.startAfresh(lost)
}

// startAfresh starts instances where they are now assigned, whatever state they were in before: a FAILED task that a
// rebalance moves is RUNNING again without anybody's restart.
func (s *Server) startAfresh(instances []*instance) {
	for _, inst := range instances {
		c := inst.connector
		if c.instances[inst.index] == inst && s.connectors[c.name] == c {
			s.whenStopped([]*instance{inst}, func() {
				if c.instances[inst.index] == inst && s.connectors[c.name] == c && s.workers[inst.worker].alive {
					s.start(c, inst.index, inst.worker, "")
				}
			})
		}
	}
}

// load counts the connectors or the tasks of a worker, whichever an instance index is.
func (w *worker) load(index int) *int {
	if index == connectorIndex {
		return &w.connectors
	}
	return &w.tasks
}

// assign picks the live worker with the fewest connectors or tasks; the first worker when all are dead.
func (s *Server) assign(index int) int {
	best := -1
	for _, w := range s.workers {
		if w.alive && (best < 0 || *w.load(index) < *s.workers[best].load(index)) {
			best = w.index
		}
	}
	return max(best, 0)
}

// balance moves connectors and tasks to workers that have fewer, as the rebalance after a join does.
func (s *Server) balance() {
	for _, kind := range []int{connectorIndex, 0} {
		for {
			low, high := -1, -1
			for _, w := range s.workers {
				if !w.alive {
					continue
				}
				if low < 0 || *w.load(kind) < *s.workers[low].load(kind) {
					low = w.index
				}
				if high < 0 || *w.load(kind) > *s.workers[high].load(kind) {
					high = w.index
				}
			}
			if low < 0 || *s.workers[high].load(kind)-*s.workers[low].load(kind) < 2 {
				break
			}
			for _, inst := range slices.Backward(s.instancesOn(high)) {
				if (inst.index == connectorIndex) == (kind == connectorIndex) {
					inst.stop()
					s.move(inst, low)
					s.startAfresh([]*instance{inst})
					break
				}
			}
		}
	}
}
