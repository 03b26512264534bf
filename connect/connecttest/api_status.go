package connecttest

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"

	"github.com/go-reconnect/reconnect/connect"
)

// instanceState is ConnectorState and TaskState: the id only for tasks, the version from 4.1 on, the trace where there is one.
type instanceState struct {
	ID      *int          `json:"id,omitempty"`
	State   connect.State `json:"state"`
	Worker  string        `json:"worker_id"`
	Version any           `json:"version,omitempty"`
	Trace   string        `json:"trace,omitempty"`
}

// stateInfo is ConnectorStateInfo.
type stateInfo struct {
	Name      string                `json:"name"`
	Connector instanceState         `json:"connector"`
	Tasks     []instanceState       `json:"tasks"`
	Type      connect.ConnectorType `json:"type"`
}

func (s *Server) instanceState(index int, rec statusRecord) instanceState {
	out := instanceState{State: rec.state, Worker: rec.worker, Trace: rec.trace}
	if index != connectorIndex {
		out.ID = &index
	}
	if s.version.atLeast(4, 1) {
		switch {
		case rec.version == nil:
			out.Version = json.RawMessage("null")
		case *rec.version != undefinedVersion:
			out.Version = *rec.version
		}
	}
	return out
}

// stateInfo is what a worker's copy of the status topic says; nil when it has no status of the connector.
func (s *Server) stateInfo(v *view, name string) *stateInfo {
	statuses := v.statuses[name]
	own, ok := statuses[connectorIndex]
	if !ok {
		return nil
	}
	var config *javaMap
	if rec := v.configs[name]; rec != nil {
		config = rec.config
	}
	out := &stateInfo{Name: name, Connector: s.instanceState(connectorIndex, own), Tasks: []instanceState{}, Type: s.typeOf(config)}
	indexes := make([]int, 0, len(statuses))
	for i := range statuses {
		if i != connectorIndex {
			indexes = append(indexes, i)
		}
	}
	slices.Sort(indexes)
	for _, i := range indexes {
		out.Tasks = append(out.Tasks, s.instanceState(i, statuses[i]))
	}
	return out
}

func (s *Server) getStatus(rq *request) reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := rq.params[0]
	if st := s.stateInfo(rq.worker.look(), name); st != nil {
		return jsonReply(http.StatusOK, st)
	}
	return refuse(http.StatusNotFound, "No status found for connector "+name)
}

func (s *Server) getTaskStatus(rq *request) reply {
	task, err := strconv.ParseInt(rq.params[1], 10, 32)
	if err != nil {
		return refuse(http.StatusNotFound, "HTTP 404 Not Found")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	index := int(task)
	rec, ok := rq.worker.look().statuses[rq.params[0]][index]
	if !ok || index < 0 {
		return refuse(http.StatusNotFound, "No status found for task "+connect.TaskID{Connector: rq.params[0], Task: index}.String())
	}
	return jsonReply(http.StatusOK, s.instanceState(index, rec))
}
