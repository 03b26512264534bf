package connecttest

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-reconnect/reconnect/connect"
)

// connectorInfo is ConnectorInfo.
type connectorInfo struct {
	Name   string                `json:"name"`
	Config *javaMap              `json:"config"`
	Tasks  []connect.TaskID      `json:"tasks"`
	Type   connect.ConnectorType `json:"type"`
}

type taskInfo struct {
	ID     connect.TaskID `json:"id"`
	Config *javaMap       `json:"config"`
}

func (s *Server) info(name string, rec *configRecord, config *javaMap) connectorInfo {
	ids := make([]connect.TaskID, len(rec.tasks))
	for i := range ids {
		ids[i] = connect.TaskID{Connector: name, Task: i}
	}
	return connectorInfo{name, config, ids, s.typeOf(config)}
}

func (s *Server) typeOf(config *javaMap) connect.ConnectorType {
	if config != nil {
		if p := s.connectorPlugin(config.get("connector.class")); p != nil {
			return connect.ConnectorType(p.kind)
		}
	}
	return connect.TypeUnknown
}

// look is a worker's view, caught up. s.mu is held.
func (w *worker) look() *view {
	w.view.catchUp(time.Now())
	return w.view
}

// readConnector is a GET that goes through the herder of the worker that was asked.
func (s *Server) readConnector(rq *request, read func(v *view, name string, rec *configRecord) reply) reply {
	return s.onHerder(rq.worker, func() reply {
		s.mu.Lock()
		defer s.mu.Unlock()
		if r := s.gatedRead(); r != nil {
			return *r
		}
		v, name := rq.worker.look(), rq.params[0]
		rec := v.configs[name]
		if rec == nil {
			return notFound(name)
		}
		return read(v, name, rec)
	})
}

func notFound(name string) reply {
	return refuse(http.StatusNotFound, "Connector "+name+" not found")
}

func (s *Server) getConnector(rq *request) reply {
	return s.readConnector(rq, func(_ *view, name string, rec *configRecord) reply {
		return jsonReply(http.StatusOK, s.info(name, rec, rec.config.hashed()))
	})
}

// getConfig is the one call whose time-out names no stage.
func (s *Server) getConfig(rq *request) reply {
	r := s.readConnector(rq, func(_ *view, _ string, rec *configRecord) reply {
		return jsonReply(http.StatusOK, rec.config.hashed())
	})
	if e, ok := r.body.(errorMessage); ok && strings.HasPrefix(*e.Message, textTimeout) {
		return refuse(http.StatusInternalServerError, textTimeout)
	}
	return r
}

func (s *Server) getTasks(rq *request) reply {
	return s.readConnector(rq, func(_ *view, name string, rec *configRecord) reply {
		out := make([]taskInfo, len(rec.tasks))
		for i, cfg := range rec.tasks {
			out[i] = taskInfo{connect.TaskID{Connector: name, Task: i}, cfg.hashed()}
		}
		return jsonReply(http.StatusOK, out)
	})
}

func (s *Server) getTasksConfig(rq *request) reply {
	return s.readConnector(rq, func(_ *view, name string, rec *configRecord) reply {
		out := &object{}
		for i, cfg := range rec.tasks {
			out.add(connect.TaskID{Connector: name, Task: i}.String(), cfg.hashed())
		}
		return jsonReply(http.StatusOK, out)
	})
}

// expandedConnector is one value of the expanded list.
type expandedConnector struct {
	Status *stateInfo     `json:"status,omitempty"`
	Info   *connectorInfo `json:"info,omitempty"`
}

// listConnectors answers from memory, the expanded form in pieces.
func (s *Server) listConnectors(rq *request) reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := rq.worker.look()
	names := hashOrder(v.names)
	if names == nil {
		names = []string{}
	}
	expand, ok := rq.query["expand"]
	if !ok || !s.version.atLeast(2, 3) {
		return jsonReply(http.StatusOK, names)
	}
	status, info := slices.Contains(expand, "status"), slices.Contains(expand, "info")
	out := &object{}
	for _, name := range names {
		var e expandedConnector
		if status {
			st := s.stateInfo(v, name)
			if st == nil {
				continue // a connector without a status is left out whole
			}
			e.Status = st
		}
		if info {
			rec := v.configs[name]
			i := s.info(name, rec, rec.config.hashed())
			e.Info = &i
		}
		out.add(name, e)
	}
	return jsonReply(http.StatusOK, out)
}

// postConnectors creates on the leader.
func (s *Server) postConnectors(rq *request) reply {
	in, bad := s.decodeCreate(rq.body)
	if bad != nil {
		return *bad
	}
	name := strings.TrimSpace(in.name)
	if in.config.has("name") && in.config.get("name") != name {
		return nameMismatch(in.config.get("name"), name)
	}
	config := in.config.clone()
	config.put("name", name)
	target := map[string]string{"STOPPED": targetStopped, "PAUSED": targetPaused}[in.initial]
	if target == "" {
		target = targetStarted
	}
	r := s.onLeaderWriting(rq, "", writingConfig, func(_ *worker, _ string) reply {
		s.mu.Lock()
		defer s.mu.Unlock()
		if r := s.checkConfig(config); r != nil {
			return *r
		}
		if s.connectors[name] != nil {
			return refuse(http.StatusConflict, "Connector "+name+" already exists")
		}
		c := s.create(name, config, target)
		return jsonReply(http.StatusCreated, s.info(name, &configRecord{config: config, target: c.record.target}, config))
	})
	return s.located(rq, name, r)
}

func nameMismatch(config, url string) reply {
	return refuse(http.StatusBadRequest, "Connector name configuration ("+config+") doesn't match connector name in the URL ("+url+")")
}

// located adds the Location of a 201. For `{x}` that fails although the connector exists.
func (s *Server) located(rq *request, name string, r reply) reply {
	if r.status != http.StatusCreated {
		return r
	}
	if open := strings.IndexByte(name, '{'); open >= 0 {
		if end := strings.IndexByte(name[open:], '}'); end > 0 {
			return refuse(http.StatusInternalServerError, "The template variable '"+name[open+1:open+end]+"' has no value")
		}
	}
	host := rq.http.Host
	if host == "" {
		host = rq.worker.id()
	}
	return r.with("Location", "http://"+host+"/connectors/"+locationName(name))
}

// locationName encodes a name as UriBuilder does: `/`, `;` and what looks encoded already stay as they are.
func locationName(name string) string {
	var b strings.Builder
	for i := 0; i < len(name); i++ {
		c := name[i]
		switch {
		case c == '/' || c == ';':
			b.WriteByte(c)
		case c == '%' && i+2 < len(name) && isHex(name[i+1]) && isHex(name[i+2]):
			b.WriteByte(c)
		default:
			b.WriteString(url.PathEscape(name[i : i+1]))
		}
	}
	return b.String()
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

func (s *Server) putConfig(rq *request) reply {
	config, bad := s.decodeConfig(rq.body, "connectorConfig")
	if bad != nil {
		return *bad
	}
	name := rq.params[0]
	if config.has("name") && config.get("name") != name {
		return nameMismatch(config.get("name"), name)
	}
	config = config.clone()
	config.put("name", name)
	created := ""
	r := s.onLeaderWriting(rq, name, writingConfig, func(_ *worker, name string) reply {
		s.mu.Lock()
		defer s.mu.Unlock()
		config := config.clone()
		config.put("name", name) // a forwarded name can have changed on the way
		created = name
		return s.putLocked(name, config)
	})
	return s.located(rq, created, r)
}

const writingConfig = "Error writing connector configuration to Kafka"

func (s *Server) putLocked(name string, config *javaMap) reply {
	c := s.connectors[name]
	if r := s.checkConfig(config); r != nil {
		return *r
	}
	if c == nil {
		s.create(name, config, targetStarted)
		return jsonReply(http.StatusCreated, s.info(name, &configRecord{config: config}, config))
	}
	before := c.record
	s.update(c, config)
	return jsonReply(http.StatusOK, s.info(name, &configRecord{config: config, tasks: before.tasks}, config))
}

func (s *Server) patchConfig(rq *request) reply {
	patch, bad := s.decodeConfig(rq.body, "patch")
	if bad != nil {
		return *bad
	}
	return s.onLeaderWriting(rq, rq.params[0], writingConfig, func(_ *worker, name string) reply {
		s.mu.Lock()
		defer s.mu.Unlock()
		c := s.connectors[name]
		if c == nil {
			return notFound(name)
		}
		config := c.record.config.clone()
		for _, k := range patch.keys {
			if patch.null(k) {
				config.remove(k)
			} else {
				config.set(k, patch.values[k])
			}
		}
		return s.putLocked(name, config.copied(len(c.record.config.keys)))
	})
}

func (s *Server) deleteConnector(rq *request) reply {
	return s.onLeaderWriting(rq, rq.params[0], "Error removing connector configuration from Kafka", func(_ *worker, name string) reply {
		s.mu.Lock()
		defer s.mu.Unlock()
		c := s.connectors[name]
		if c == nil {
			return notFound(name)
		}
		s.remove(c)
		return empty(http.StatusNoContent)
	})
}

func (s *Server) putPause(rq *request) reply  { return s.retarget(rq, targetPaused) }
func (s *Server) putResume(rq *request) reply { return s.retarget(rq, targetStarted) }

// retarget is pause and resume: written by whichever worker is asked, never forwarded, not held up by a rebalance.
func (s *Server) retarget(rq *request, target string) reply {
	return s.onWriting(rq.worker, "Error writing target state to Kafka", func() reply {
		s.mu.Lock()
		defer s.mu.Unlock()
		name := rq.params[0]
		if rq.worker.look().configs[name] == nil {
			return refuse(http.StatusNotFound, "Unknown connector "+name)
		}
		if c := s.connectors[name]; c != nil {
			s.setTarget(c, target)
		}
		return empty(http.StatusAccepted)
	})
}

func (s *Server) putStop(rq *request) reply {
	return s.onLeaderWriting(rq, rq.params[0], "Error writing root configuration to Kafka", func(_ *worker, name string) reply {
		s.mu.Lock()
		defer s.mu.Unlock()
		c := s.connectors[name]
		if c == nil {
			return refuse(http.StatusNotFound, "Unknown connector "+name)
		}
		s.setTarget(c, targetStopped)
		return empty(http.StatusNoContent)
	})
}
