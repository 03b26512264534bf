package connecttest

import (
	"maps"
	"time"

	"github.com/go-reconnect/reconnect/connect"
)

// connectorIndex stands for the connector instance where tasks are numbered from 0.
const connectorIndex = -1

// A target state as the config topic holds it (R/TargetState.java).
const (
	targetStarted = "STARTED"
	targetPaused  = "PAUSED"
	targetStopped = "STOPPED"
)

// configRecord is what the config topic says of one connector. It is replaced, never changed.
type configRecord struct {
	config *javaMap
	target string
	tasks  []*javaMap
}

// statusRecord is one record of the status topic.
type statusRecord struct {
	state   connect.State
	worker  string
	version *string // nil is JSON null
	trace   string
}

// view is one worker's copy of the config and status topics. Every worker reads the same log, each with its own lag.
type view struct {
	configs  map[string]*configRecord
	names    []string // in order of creation
	statuses map[string]map[int]statusRecord
	pending  []update
}

type update struct {
	due   time.Time
	apply func(*view)
}

func newView() *view {
	return &view{configs: map[string]*configRecord{}, statuses: map[string]map[int]statusRecord{}}
}

// reread is what a worker that starts does: both topics from the beginning.
func (v *view) reread(head *view) {
	v.configs = maps.Clone(head.configs)
	v.names = append([]string(nil), head.names...)
	v.statuses = make(map[string]map[int]statusRecord, len(head.statuses))
	for name, m := range head.statuses {
		v.statuses[name] = maps.Clone(m)
	}
	v.pending = nil
}

// catchUp applies what has arrived by now, in the order of the log.
func (v *view) catchUp(now time.Time) {
	n := 0
	for n < len(v.pending) && !v.pending[n].due.After(now) {
		v.pending[n].apply(v)
		n++
	}
	v.pending = v.pending[n:]
}

// publish appends one record to the log. s.mu is held.
func (s *Server) publish(delay time.Duration, apply func(*view)) {
	now := time.Now()
	apply(s.head)
	for _, w := range s.workers {
		lag := w.lag + delay
		if lag <= 0 && len(w.view.pending) == 0 {
			apply(w.view)
			continue
		}
		w.view.pending = append(w.view.pending, update{now.Add(lag), apply})
		w.view.catchUp(now)
	}
}

func (s *Server) publishConfig(name string, rec *configRecord) {
	s.publish(0, func(v *view) {
		if _, ok := v.configs[name]; !ok {
			v.names = append(v.names, name)
		}
		v.configs[name] = rec
	})
}

func (s *Server) publishDelete(name string) {
	s.publish(0, func(v *view) {
		delete(v.configs, name)
		for i, n := range v.names {
			if n == name {
				v.names = append(v.names[:i:i], v.names[i+1:]...)
				break
			}
		}
	})
}

func (s *Server) publishStatus(name string, index int, rec statusRecord) {
	s.publish(s.statusDelay, func(v *view) {
		m := v.statuses[name]
		if m == nil {
			m = map[int]statusRecord{}
			v.statuses[name] = m
		}
		m[index] = rec
	})
}

func (s *Server) publishStatusTombstone(name string, index int) {
	s.publish(s.statusDelay, func(v *view) {
		if m := v.statuses[name]; m != nil {
			delete(m, index)
			if len(m) == 0 {
				delete(v.statuses, name)
			}
		}
	})
}
