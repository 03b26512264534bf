package recovery

import (
	"slices"
	"time"

	"github.com/go-reconnect/reconnect/connect"
)

// TaskState is the state of one task.
type TaskState struct {
	Task  int           `json:"task"`
	State connect.State `json:"state"`
}

// Counts is what became of the restarts of one connector since New. A connector that is deleted and created again starts at zero.
type Counts struct {
	Accepted int `json:"accepted,omitempty"`
	Refused  int `json:"refused,omitempty"`
	Failed   int `json:"failed,omitempty"`
	Unknown  int `json:"unknown,omitempty"`
	Probes   int `json:"probes,omitempty"` // probe restarts that count, which are not in the numbers above
}

func (c *Counts) count(a Answer, probe bool) {
	switch a {
	case AnswerRefused, AnswerForbidden:
		c.Refused++
		return
	case AnswerAccepted, AnswerFailed, AnswerUnknown:
	}
	switch {
	case probe:
		c.Probes++
	case a == AnswerAccepted:
		c.Accepted++
	case a == AnswerFailed:
		c.Failed++
	case a == AnswerUnknown:
		c.Unknown++
	}
}

// Cluster returns Config.Cluster.
func (s *Supervisor) Cluster() string { return s.cfg.Cluster }

// Policy returns the policy, after defaults, of connectors that PolicyFor does not name.
func (s *Supervisor) Policy() Policy { return s.cfg.Policy }

// Leading reports whether this Supervisor acts: always without an Elector, else while Run holds the lead. What Snapshot returns while another one
// leads is what was known when the lead was lost.
func (s *Supervisor) Leading() bool { return s.cfg.Elector == nil || s.leading.Load() }

// observe is Observe with what only the status page and metrics want to know.
func (s *Supervisor) observe(st *connect.ConnectorStatus) Observation {
	o := Observe(*st, s.cfg.Diagnose)
	if o.Running == o.Tasks {
		return o
	}
	o.tasks = make([]TaskState, 0, o.Tasks-o.Running)
	for i := range st.Tasks {
		if st.Tasks[i].State != connect.StateRunning {
			o.tasks = append(o.tasks, TaskState{Task: st.Tasks[i].ID.Task, State: known(st.Tasks[i].State)})
		}
	}
	slices.SortFunc(o.tasks, func(a, b TaskState) int { return a.Task - b.Task })
	return o
}

// known keeps no string of a status alive, and no state that is not known here.
func known(s connect.State) connect.State { return codeOfState(s).String() }

// measure keeps what the latest pass found beside its decisions; it is called with view held.
func (s *Supervisor) measure() {
	s.stats.Storms, s.stats.Ghosts = 0, 0
	for _, x := range s.gates.byFP {
		if x.told {
			s.stats.Storms++
		}
	}
	for _, told := range s.informer.told {
		if told {
			s.stats.Ghosts++
		}
	}
	still := map[string]bool{}
	for name, p := range s.informer.moving {
		if p.told {
			still[name] = true
		}
	}
	s.still = still
}

// deferred counts a restart that is put off.
func (s *Supervisor) deferred(r Reason) {
	s.view.Lock()
	defer s.view.Unlock()
	s.stats.Deferred[r]++
}

func (s *Supervisor) swept(began time.Time) {
	s.view.Lock()
	defer s.view.Unlock()
	s.stats.SweepSeconds += time.Since(began).Seconds()
}
