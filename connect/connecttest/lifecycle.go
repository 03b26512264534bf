package connecttest

import (
	"github.com/go-reconnect/reconnect/connect"
)

// change replaces a connector's record in the config topic.
func (s *Server) change(c *connector, edit func(*configRecord)) {
	rec := *c.record
	edit(&rec)
	c.record = &rec
	s.publishConfig(c.name, c.record)
}

// create stores a new connector and starts it.
func (s *Server) create(name string, cfg *javaMap, target string) *connector {
	c := &connector{
		name: name, record: &configRecord{config: cfg, target: target},
		instances: map[int]*instance{}, attempts: map[int]int{},
	}
	s.connectors[name] = c
	s.publishConfig(name, c.record)
	s.after(s.cfg.Settle, func() {
		if s.connectors[name] == c && c.instances[connectorIndex] == nil {
			s.startConnector(c, "")
		}
	})
	return c
}

// update replaces a connector's config: the connector instance starts again, the tasks only where their configs change.
func (s *Server) update(c *connector, cfg *javaMap) {
	s.change(c, func(rec *configRecord) { rec.config = cfg })
	s.after(s.cfg.Settle, func() { s.bounceConnector(c, "", nil) })
}

// bounceConnector stops the connector instance and starts it again; then reports its fate, with s.mu held: false when
// something else took its place meanwhile.
func (s *Server) bounceConnector(c *connector, trace string, then func(started bool)) {
	old := c.instances[connectorIndex]
	if old == nil {
		if s.connectors[c.name] == c {
			s.startConnector(c, trace)
		}
		if then != nil {
			then(s.connectors[c.name] == c)
		}
		return
	}
	old.stop()
	s.whenStopped([]*instance{old}, func() {
		current := s.connectors[c.name] == c && c.instances[connectorIndex] == old
		if current {
			s.startConnector(c, trace)
		}
		if then != nil {
			then(current)
		}
	})
}

// remove deletes a connector: its config at once, its statuses when its tasks have stopped.
func (s *Server) remove(c *connector) {
	delete(s.connectors, c.name)
	s.publishDelete(c.name)
	var all []*instance
	for _, index := range c.indexes() {
		inst := c.instances[index]
		inst.stop()
		all = append(all, inst)
		s.unplace(c, index)
	}
	s.whenStopped(all, func() {
		s.after(s.cfg.Settle, func() {
			heir := s.connectors[c.name]
			for index := range s.head.statuses[c.name] {
				if heir == nil || heir.instances[index] == nil {
					s.publishStatusTombstone(c.name, index)
				}
			}
		})
	})
}

// setTarget is pause, resume and stop.
func (s *Server) setTarget(c *connector, target string) {
	if c.record.target == target {
		return
	}
	s.change(c, func(rec *configRecord) { rec.target = target })
	s.after(s.cfg.Settle, func() {
		if s.connectors[c.name] != c || c.record.target != target {
			return
		}
		switch target {
		case targetPaused:
			s.pause(c)
		case targetStopped:
			s.halt(c)
		default:
			s.resume(c)
		}
	})
}

// pause stops what is alive; what has FAILED stays so. Coming from STOPPED there are no tasks to pause.
func (s *Server) pause(c *connector) {
	for _, index := range c.indexes() {
		inst := c.instances[index]
		if !inst.live || !s.workers[inst.worker].alive {
			continue
		}
		inst.pause()
		s.setStatus(inst, connect.StatePaused, "")
	}
}

// resume starts what was paused. FAILED instances ignore it; a connector that never made its task configs makes them now.
func (s *Server) resume(c *connector) {
	for _, index := range c.indexes() {
		inst := c.instances[index]
		if !inst.live || !s.workers[inst.worker].alive {
			continue
		}
		s.whenStopped([]*instance{inst}, func() {
			if c.instances[index] == inst && inst.live && c.record.target == targetStarted {
				s.start(c, index, inst.worker, "")
			}
		})
	}
	if inst := c.instances[connectorIndex]; inst != nil && len(c.record.tasks) == 0 && c.record.target == targetStarted {
		if inst.live {
			s.generateTasks(c)
		}
	}
}

// halt is stop: the connector instance stays, STOPPED even if it had FAILED, and the tasks go.
func (s *Server) halt(c *connector) {
	if inst := c.instances[connectorIndex]; inst != nil {
		inst.pause()
		inst.live = true
		if s.workers[inst.worker].alive {
			s.setStatus(inst, connect.StateStopped, "")
		}
	}
	s.replaceTasks(c, nil)
}

// pause ends an instance's body and keeps the instance.
func (i *instance) pause() {
	i.cancel()
	i.stopped = true
	if i.waiting {
		i.waiting = false
		close(i.done)
	}
}
