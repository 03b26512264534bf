package connecttest

import (
	"context"
	"slices"
	"time"

	"github.com/go-reconnect/reconnect/connect"
)

const connectStateUnassigned = connect.StateUnassigned

// connector is one connector of the cluster with what runs for it.
type connector struct {
	name      string
	record    *configRecord
	instances map[int]*instance
	attempts  map[int]int
	topics    []string
	offsets   []offsetEntry
	slow      time.Duration // how long its tasks take to start

	taskGeneration int // counts the sets of task configs
	mostTasks      int // of all those sets: a task's config outlives its task in the workers' memory
}

// indexes lists the connector instance, then the tasks in order.
func (c *connector) indexes() []int {
	out := make([]int, 0, len(c.instances))
	for i := range c.instances {
		out = append(out, i)
	}
	slices.Sort(out)
	return out
}

// instance is one start of a connector or task on a worker.
type instance struct {
	connector *connector
	index     int
	worker    int
	live      bool // it runs or is paused; a FAILED one is dead
	waiting   bool // for its slow start; there is no body yet
	stopped   bool // it was told to stop: nothing it says counts any more
	unbuilt   bool // it failed before there was a task that could say its version
	cancel    context.CancelFunc
	done      chan struct{} // closed when its body has returned
}

func (i *instance) stop() {
	i.stopped, i.live = true, false
	i.cancel()
	if i.waiting {
		i.waiting = false
		close(i.done)
	}
}

func (i *instance) ended() bool {
	select {
	case <-i.done:
		return true
	default:
		return false
	}
}

// place puts an instance where it is assigned, in the place of what was there.
func (s *Server) place(c *connector, inst *instance) {
	s.unplace(c, inst.index)
	c.instances[inst.index] = inst
	*s.workers[inst.worker].load(inst.index)++
}

func (s *Server) unplace(c *connector, index int) {
	if inst := c.instances[index]; inst != nil {
		delete(c.instances, index)
		*s.workers[inst.worker].load(index)--
	}
}

// move assigns an instance to another worker; it still has to start there.
func (s *Server) move(inst *instance, to int) {
	*s.workers[inst.worker].load(inst.index)--
	inst.worker = to
	*s.workers[to].load(inst.index)++
}

// setStatus writes an instance's status.
func (s *Server) setStatus(inst *instance, state connect.State, trace string) {
	rec := statusRecord{state: state, worker: s.workers[inst.worker].id(), trace: trace}
	if p := s.connectorPlugin(inst.connector.record.config.get("connector.class")); p != nil && !inst.unbuilt {
		rec.version = &p.version
	}
	s.publishStatus(inst.connector.name, inst.index, rec)
}

// start puts a new instance in an instance's place; the old one has been stopped. A non-empty trace makes the start fail.
func (s *Server) start(c *connector, index, worker int, trace string) {
	ctx, cancel := context.WithCancel(context.Background())
	inst := &instance{connector: c, index: index, worker: worker, live: true, cancel: cancel, done: make(chan struct{})}
	s.place(c, inst)
	c.attempts[index]++
	switch c.record.target {
	case targetStopped:
		close(inst.done)
		s.setStatus(inst, connect.StateStopped, "")
		return
	case targetPaused:
		close(inst.done)
		s.setStatus(inst, connect.StatePaused, "")
		return
	}
	delay := time.Duration(0)
	if index != connectorIndex {
		delay = max(c.slow, s.startDelay(c.name))
	}
	if delay > 0 {
		inst.waiting = true
		s.after(delay, func() {
			if inst.waiting && c.instances[index] == inst {
				inst.waiting = false
				s.begin(ctx, inst, trace)
			}
		})
		return
	}
	s.begin(ctx, inst, trace)
}

// begin is the moment when an instance's start() returns or throws.
func (s *Server) begin(ctx context.Context, inst *instance, trace string) {
	c := inst.connector
	if s.done { // Close waits for the bodies that there are
		close(inst.done)
		return
	}
	p := s.connectorPlugin(c.record.config.get("connector.class"))
	if trace == "" {
		trace = s.startTrace(p, inst)
	}
	if trace == "" {
		trace = s.met(inst)
	}
	if trace != "" {
		inst.live = false
		close(inst.done)
		s.setStatus(inst, connect.StateFailed, trace)
		return
	}
	s.setStatus(inst, connect.StateRunning, "")
	body := s.body(p, inst)
	if body == nil {
		close(inst.done)
		return
	}
	t := Task{
		Connector: c.name, Task: inst.index, WorkerID: s.workers[inst.worker].id(), Attempt: c.attempts[inst.index], server: s,
	}
	if inst.index >= 0 && inst.index < len(c.record.tasks) {
		t.Config = c.record.tasks[inst.index].goMap()
	} else {
		t.Config = c.record.config.goMap()
	}
	s.bodies.Add(1)
	go callBody(ctx, body, t, func(trace string) {
		defer s.bodies.Done()
		s.mu.Lock()
		defer s.mu.Unlock()
		close(inst.done)
		if trace != "" && !inst.stopped {
			inst.live = false
			inst.cancel()
			s.setStatus(inst, connect.StateFailed, trace)
		}
	})
}

func (s *Server) startTrace(p *plugin, inst *instance) string {
	c := inst.connector
	switch {
	case p == nil:
		return missingClassTrace(c.record.config.get("connector.class"))
	case inst.index == connectorIndex:
		if trace := nullTrace(c.record.config); trace != "" {
			return trace
		}
		if p.startConnector != nil {
			return p.startConnector(s, c.record.config)
		}
	default:
		cfg := c.record.tasks[inst.index]
		if p.buildTask != nil {
			if trace := p.buildTask(s, cfg); trace != "" {
				inst.unbuilt = true
				return trace
			}
		}
		if p.startTask != nil {
			if trace := p.startTask(s, cfg); trace != "" {
				return trace
			}
		}
		if p.kind == "sink" {
			return s.dlqTrace(cfg)
		}
	}
	return ""
}

func (s *Server) body(p *plugin, inst *instance) func(context.Context, Task) error {
	if inst.index != connectorIndex {
		return p.run
	}
	if p.watch == nil {
		return nil
	}
	cfg := inst.connector.record.config
	return func(ctx context.Context, _ Task) error { return p.watch(ctx, cfg) }
}

// nullTrace is how a connector fails whose config holds a JSON null.
func nullTrace(cfg *javaMap) string {
	for _, k := range cfg.keys {
		if cfg.null(k) {
			return javaTrace("java.lang.ClassCastException: Non-string value found in original settings for key "+k+": null",
				frames("org.apache.kafka.common.config.AbstractConfig.originalsStrings(AbstractConfig.java:285)", connectorStartFrames)...)
		}
	}
	return ""
}

func missingClassTrace(class string) string {
	return "org.apache.kafka.connect.errors.ConnectException: Failed to find any class that implements Connector and which name matches " + class
}

// startConnector starts the connector instance and, when it comes up, its tasks.
func (s *Server) startConnector(c *connector, trace string) {
	worker := s.assign(connectorIndex)
	if old := c.instances[connectorIndex]; old != nil && s.workers[old.worker].alive {
		worker = old.worker
	}
	s.start(c, connectorIndex, worker, trace)
	if inst := c.instances[connectorIndex]; inst.live && c.record.target == targetStarted {
		s.generateTasks(c)
	}
}

// generateTasks asks the connector for its task configs and, when they differ from what is stored, replaces all tasks.
func (s *Server) generateTasks(c *connector) {
	p := s.connectorPlugin(c.record.config.get("connector.class"))
	if p == nil {
		return
	}
	configs := p.taskConfigs(c.record.config)
	if slices.EqualFunc(configs, c.record.tasks, (*javaMap).equal) {
		return
	}
	s.replaceTasks(c, configs)
}

// replaceTasks stores new task configs, stops the old tasks and starts the new ones; an empty list leaves none.
func (s *Server) replaceTasks(c *connector, configs []*javaMap) {
	s.change(c, func(rec *configRecord) { rec.tasks = configs })
	c.mostTasks = max(c.mostTasks, len(configs))
	c.taskGeneration++
	generation := c.taskGeneration
	var old []*instance
	for _, index := range c.indexes() {
		if index != connectorIndex {
			inst := c.instances[index]
			inst.stop()
			old = append(old, inst)
		}
	}
	current := func() bool { return s.connectors[c.name] == c && c.taskGeneration == generation }
	s.whenStopped(old, func() {
		s.after(s.cfg.Settle, func() {
			if !current() {
				return
			}
			workers := map[int]int{}
			for _, inst := range old {
				if c.instances[inst.index] == inst {
					workers[inst.index] = inst.worker
					if inst.index >= len(configs) {
						s.unplace(c, inst.index)
						s.publishStatusTombstone(c.name, inst.index)
					}
				}
			}
			for i := range configs {
				worker, ok := workers[i]
				if !ok || !s.workers[worker].alive {
					worker = s.assign(i)
				}
				s.start(c, i, worker, "")
			}
		})
	})
}
