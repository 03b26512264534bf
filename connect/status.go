package connect

import "strconv"

// State is the state of a connector or task instance as `/status` spells it.
type State string

// The states that the REST API shows. RESTARTING exists since Kafka 3.0 (KIP-745), STOPPED since 3.5 (KIP-875, connectors only).
const (
	StateRunning    State = "RUNNING"
	StatePaused     State = "PAUSED"
	StateStopped    State = "STOPPED"
	StateFailed     State = "FAILED"
	StateUnassigned State = "UNASSIGNED"
	StateRestarting State = "RESTARTING"
)

// ConnectorType is `source`, `sink` or, when the answering worker cannot load the class, `unknown`.
type ConnectorType string

// The connector types of the REST API.
const (
	TypeSource  ConnectorType = "source"
	TypeSink    ConnectorType = "sink"
	TypeUnknown ConnectorType = "unknown"
)

// TaskID names one task of one connector.
type TaskID struct {
	Connector string `json:"connector"`
	Task      int    `json:"task"`
}

// String returns the form that Kafka's logs use, `orders-sink-0`.
func (id TaskID) String() string { return id.Connector + "-" + strconv.Itoa(id.Task) }

// InstanceStatus is what a connector instance and a task have in common.
type InstanceStatus struct {
	State    State  `json:"state"`
	WorkerID string `json:"worker_id"`
	// Version is the plugin's version, empty below Kafka 4.1 (KIP-891) and where the worker says null.
	Version string `json:"version,omitempty"`
	// Trace is the whole Java stack trace of a FAILED instance, never cut. A RESTARTING entry of a restart plan can carry an old one.
	Trace string `json:"trace,omitempty"`
}

// TaskStatus is one task's status.
type TaskStatus struct {
	ID TaskID `json:"id"`
	InstanceStatus
}

// ConnectorStatus is the answer of GET /connectors/{connector}/status.
type ConnectorStatus struct {
	Name      string         `json:"name"`
	Type      ConnectorType  `json:"type"`
	Connector InstanceStatus `json:"connector"`
	Tasks     []TaskStatus   `json:"tasks"`
}

// Failed reports whether the connector instance or any of its tasks is FAILED.
func (s *ConnectorStatus) Failed() bool {
	if s.Connector.State == StateFailed {
		return true
	}
	for i := range s.Tasks {
		if s.Tasks[i].State == StateFailed {
			return true
		}
	}
	return false
}

// FailedTasks lists the tasks that are FAILED, in the order of Tasks.
func (s *ConnectorStatus) FailedTasks() []TaskID {
	var ids []TaskID
	for i := range s.Tasks {
		if s.Tasks[i].State == StateFailed {
			ids = append(ids, s.Tasks[i].ID)
		}
	}
	return ids
}

// Running reports whether the connector and at least one task exist and everything is RUNNING. It is false with zero tasks.
func (s *ConnectorStatus) Running() bool {
	if s.Connector.State != StateRunning || len(s.Tasks) == 0 {
		return false
	}
	for i := range s.Tasks {
		if s.Tasks[i].State != StateRunning {
			return false
		}
	}
	return true
}
