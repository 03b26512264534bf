package connecttest

import (
	"time"

	"github.com/go-reconnect/reconnect/connect"
)

// defaultClass is what AddConnector gives a config without a class.
const defaultClass = "org.apache.kafka.connect.tools.MockSinkConnector"

// AddConnector puts a connector into the cluster without asking the REST API, as if it had been there for long: it runs,
// with as many tasks as `tasks.max` says (default 1). A class that is not on the plugin path is put there, as a sink, or
// as a source where its name says so. An existing connector gets the new config.
func (s *Server) AddConnector(name string, cfg map[string]string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if name == "" {
		s.misuse("AddConnector: the name is empty")
		return
	}
	config := javaMapOf(cfg)
	if config.get("connector.class") == "" {
		config.put("connector.class", defaultClass)
	}
	config.put("name", name)
	class := config.get("connector.class")
	if s.connectorPlugin(class) == nil {
		s.addPlugin(&plugin{class: class, kind: guessKind(class, config), version: s.cfg.Version, location: "classpath"})
	}
	if c := s.connectors[name]; c != nil {
		s.update(c, config)
		return
	}
	s.create(name, config, targetStarted)
}

// task finds an instance for a script call.
func (s *Server) scripted(call, name string, index int) (*connector, *instance) {
	c := s.connectors[name]
	if c == nil {
		s.misuse("%s: there is no connector %q", call, name)
		return nil, nil
	}
	inst := c.instances[index]
	if inst == nil {
		s.misuse("%s: connector %q has no task %d", call, name, index)
		return nil, nil
	}
	return c, inst
}

// FailTask makes a task FAILED with that trace, as an exception in its thread does. Its body's context ends.
func (s *Server) FailTask(name string, task int, trace string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, inst := s.scripted("FailTask", name, task); inst != nil {
		s.fail(inst, trace)
	}
}

// FailConnector makes the connector instance FAILED with that trace. Its tasks run on.
func (s *Server) FailConnector(name, trace string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, inst := s.scripted("FailConnector", name, connectorIndex); inst != nil {
		s.fail(inst, trace)
	}
}

func (s *Server) fail(inst *instance, trace string) {
	inst.stop()
	s.setStatus(inst, connect.StateFailed, trace)
}

// SetTaskState writes a task's state as its worker would: RUNNING starts the task afresh, as a rebalance does to a FAILED
// one; FAILED fails it with a trace that says so; every other state ends its body and stays until something changes it.
// Task -1 is the connector instance.
func (s *Server) SetTaskState(name string, task int, state connect.State) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, inst := s.scripted("SetTaskState", name, task)
	if inst == nil {
		return
	}
	switch state {
	case connect.StateRunning:
		inst.stop()
		s.startAfresh([]*instance{inst})
	case connect.StateFailed:
		s.fail(inst, "org.apache.kafka.connect.errors.ConnectException: set by SetTaskState")
	case connect.StatePaused, connect.StateStopped, connect.StateUnassigned, connect.StateRestarting:
		inst.pause()
		s.setStatus(inst, state, "")
	default:
		s.misuse("SetTaskState(%q, %d): %q is not a state", c.name, task, state)
	}
}

// OnRestart is asked what becomes of each connector and task that a restart call restarts: task -1 is the connector
// instance. A trace makes it come back FAILED with it, "" makes it start: RUNNING, or whatever its body does then.
// It is called without any lock held. Starts that a rebalance, a config change or resume cause do not ask it.
func (s *Server) OnRestart(f func(name string, task int) (trace string)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.onRestart = f
}

// SlowStart makes every later start of a connector's tasks take d: a new task has no status until then, a restarted one
// keeps the old one. 0 undoes it.
func (s *Server) SlowStart(name string, d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.connectors[name]
	if c == nil {
		s.misuse("SlowStart: there is no connector %q", name)
		return
	}
	c.slow = d
}

// DelayStatuses makes every status from now on take d longer to reach the workers' copies, as a slow status topic does.
func (s *Server) DelayStatuses(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.statusDelay = max(d, 0)
}
