package connecttest

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/go-reconnect/reconnect/connect"
)

// restartConnector is POST /connectors/{c}/restart: 204 without a true flag, 202 with one (since 3.0, KIP-745).
func (s *Server) restartConnector(rq *request) reply {
	tasks, onlyFailed := rq.flag("includeTasks"), rq.flag("onlyFailed")
	if (tasks || onlyFailed) && s.version.atLeast(3, 0) {
		failure := fmt.Sprintf("Error writing restart request for {connectorName='%s', onlyFailed=%t, includeTasks=%t} to Kafka", rq.params[0], onlyFailed, tasks)
		return s.onLeaderWriting(rq, rq.params[0], failure, func(_ *worker, name string) reply {
			return s.restartPlanned(name, tasks, onlyFailed)
		})
	}
	return s.onOwner(rq, connectorIndex, func(c *connector, inst *instance) reply {
		return s.restartPlain(c, inst)
	})
}

func (s *Server) restartTask(rq *request) reply {
	task, err := strconv.ParseInt(rq.params[1], 10, 32)
	if err != nil {
		return refuse(http.StatusNotFound, "HTTP 404 Not Found")
	}
	return s.onOwner(rq, int(task), func(c *connector, inst *instance) reply {
		return s.restartOneTask(c, inst)
	})
}

// onOwner finds the worker that runs a connector or task: this one, or by way of the leader, and runs op on its herder,
// without s.mu. Each hop reads the name from its URL again.
func (s *Server) onOwner(rq *request, index int, op func(*connector, *instance) reply) reply {
	name, at := rq.params[0], rq.worker
	for hop := range 3 {
		var next *worker
		visit := func(w *worker, seen string) reply {
			name = seen
			return s.atOwner(w, name, index, &next, op)
		}
		var r reply
		if hop == 0 {
			r = s.onHerder(at, func() reply { return visit(at, name) })
		} else {
			r = s.forward(at, name, visit)
		}
		if next == nil {
			return r
		}
		at = next
	}
	return refuse(http.StatusConflict, textConflict)
}

// atOwner is one stop of that search, on w's herder.
func (s *Server) atOwner(w *worker, name string, index int, next **worker, op func(*connector, *instance) reply) reply {
	s.mu.Lock()
	if r := s.gated(); r != nil {
		s.mu.Unlock()
		return *r
	}
	c := s.connectors[name]
	if c == nil {
		s.mu.Unlock()
		return refuse(http.StatusNotFound, "Unknown connector: "+name)
	}
	inst := c.instances[index]
	if index != connectorIndex && (index < 0 || index >= c.mostTasks) {
		s.mu.Unlock()
		return refuse(http.StatusNotFound, "Unknown task: "+connect.TaskID{Connector: name, Task: index}.String())
	}
	leader := s.leader()
	switch {
	case inst == nil || leader == nil || time.Now().Before(s.gate.leaderless):
		s.mu.Unlock()
		return refuse(http.StatusConflict, textNoLeader) // nobody has it yet
	case inst.worker == w.index:
		s.mu.Unlock()
		return op(c, inst)
	case leader != w:
		*next = leader
	case !s.workers[inst.worker].member():
		s.mu.Unlock()
		return refuse(http.StatusConflict, textNoLeader) // its worker is gone and the delay runs
	default:
		*next = s.workers[inst.worker]
	}
	s.mu.Unlock()
	return reply{}
}

// fate asks the script what becomes of a restart. s.mu is not held.
func (s *Server) fate(name string, index int) string {
	s.mu.Lock()
	f := s.onRestart
	s.mu.Unlock()
	if f == nil {
		return ""
	}
	return f(name, index)
}

// restartPlain restarts the connector instance only and waits until it has started.
func (s *Server) restartPlain(c *connector, inst *instance) reply {
	trace := s.fate(c.name, connectorIndex)
	s.mu.Lock()
	if !s.owns(c, inst) {
		s.mu.Unlock()
		return refuse(http.StatusInternalServerError, "Failed to start connector: "+c.name)
	}
	inst.stop()
	s.setStatus(inst, connect.StateUnassigned, "")
	settle := s.cfg.Settle
	s.mu.Unlock()
	s.waitStopped([]*instance{inst})
	s.pass(settle)

	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.owns(c, inst) {
		// Superseded by another restart, a stop or a new config: the answer says failed while the connector may well run.
		return refuse(http.StatusInternalServerError, "Failed to start connector: "+c.name)
	}
	s.startConnector(c, trace)
	if now := c.instances[connectorIndex]; !now.live {
		return refuse(http.StatusInternalServerError, "Failed to start connector: "+c.name)
	}
	return empty(http.StatusNoContent)
}

// restartOneTask stops a task and submits it again: 204 says no more than that.
func (s *Server) restartOneTask(c *connector, inst *instance) reply {
	trace := s.fate(c.name, inst.index)
	s.mu.Lock()
	if !s.owns(c, inst) {
		s.mu.Unlock()
		return refuse(http.StatusConflict, textStale)
	}
	inst.stop()
	s.mu.Unlock()
	s.waitStopped([]*instance{inst})

	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.owns(c, inst) || inst.index >= len(c.record.tasks) {
		return refuse(http.StatusConflict, textStale)
	}
	if p := s.connectorPlugin(c.record.config.get("connector.class")); p != nil && p.buildTask != nil && trace == "" {
		if p.buildTask(s, c.record.tasks[inst.index]) != "" {
			s.start(c, inst.index, inst.worker, "") // fails the same way
			return refuse(http.StatusInternalServerError, "Failed to start task: "+connect.TaskID{Connector: c.name, Task: inst.index}.String())
		}
	}
	s.after(s.cfg.Settle, func() {
		if s.owns(c, inst) && inst.index < len(c.record.tasks) {
			s.start(c, inst.index, inst.worker, trace)
		}
	})
	return empty(http.StatusNoContent)
}

// owns reports whether an instance is still the one in its place, on a worker that lives.
func (s *Server) owns(c *connector, inst *instance) bool {
	return !s.done && s.connectors[c.name] == c && c.instances[inst.index] == inst && s.workers[inst.worker].alive
}

// pass lets time go by. s.mu is not held.
func (s *Server) pass(d time.Duration) {
	if d <= 0 {
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-s.closed:
	}
}

// restartPlanned answers with the plan and leaves the rest to the workers: each restarts what is assigned to it, so
// nothing happens to what a dead worker owns.
func (s *Server) restartPlanned(name string, tasks, onlyFailed bool) reply {
	s.mu.Lock()
	if r := s.gated(); r != nil {
		s.mu.Unlock()
		return *r
	}
	c := s.connectors[name]
	if c == nil {
		s.mu.Unlock()
		return refuse(http.StatusNotFound, "Unknown connector: "+name)
	}
	plan := s.stateInfo(s.head, name)
	if plan == nil {
		s.mu.Unlock()
		return refuse(http.StatusNotFound, "Status for connector "+name+" not found")
	}
	var planned []*instance
	take := func(state *instanceState, index int) {
		if onlyFailed && state.State != connect.StateFailed {
			return
		}
		state.State = connect.StateRestarting // its old trace stays in the answer
		if inst := c.instances[index]; inst != nil && s.workers[inst.worker].alive {
			planned = append(planned, inst)
		}
	}
	take(&plan.Connector, connectorIndex)
	if tasks {
		for i := range plan.Tasks {
			take(&plan.Tasks[i], *plan.Tasks[i].ID)
		}
	}
	s.mu.Unlock()

	traces := make([]string, len(planned))
	for i, inst := range planned {
		traces[i] = s.fate(name, inst.index)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	planned = slices.DeleteFunc(planned, func(inst *instance) bool { return !s.owns(c, inst) })
	for _, inst := range planned {
		inst.stop()
	}
	s.whenStopped(planned, func() {
		for _, inst := range planned {
			if s.owns(c, inst) {
				s.setStatus(inst, connect.StateRestarting, "")
			}
		}
		s.after(s.cfg.Settle, func() {
			for i, inst := range planned {
				if !s.owns(c, inst) {
					continue
				}
				if inst.index == connectorIndex {
					s.startConnector(c, traces[i])
				} else if inst.index < len(c.record.tasks) {
					s.start(c, inst.index, inst.worker, traces[i])
				}
			}
		})
	})
	return jsonReply(http.StatusAccepted, plan)
}
