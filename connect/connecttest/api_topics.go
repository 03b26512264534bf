package connecttest

import (
	"net/http"
	"slices"
)

// UseTopic says that a connector has read from or written to topics, for GET /connectors/{c}/topics.
func (s *Server) UseTopic(name string, topics ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.connectors[name]
	if c == nil {
		s.misuse("UseTopic: there is no connector %q", name)
		return
	}
	for _, t := range topics {
		if !slices.Contains(c.topics, t) {
			c.topics = append(c.topics, t)
		}
	}
}

// UseTopic says that the task has read from or written to a topic, for GET /connectors/{c}/topics.
func (t Task) UseTopic(topic string) {
	if t.server == nil {
		return
	}
	t.server.mu.Lock()
	defer t.server.mu.Unlock()
	if c := t.server.connectors[t.Connector]; c != nil && !slices.Contains(c.topics, topic) {
		c.topics = append(c.topics, topic)
	}
}

type activeTopics struct {
	Topics []string `json:"topics"`
}

// getTopics never answers 404: an unknown connector has used no topic.
func (s *Server) getTopics(rq *request) reply {
	if s.cfg.NoTopicTracking {
		return refuse(http.StatusForbidden, "Topic tracking is disabled.")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	topics := []string{}
	if c := s.connectors[rq.params[0]]; c != nil {
		topics = append(topics, hashOrder(c.topics)...)
	}
	return jsonReply(http.StatusOK, map[string]activeTopics{rq.params[0]: {topics}})
}

func (s *Server) resetTopics(rq *request) reply {
	switch {
	case s.cfg.NoTopicTracking:
		return refuse(http.StatusForbidden, "Topic tracking is disabled.")
	case s.cfg.NoTopicReset:
		return refuse(http.StatusForbidden, "Topic tracking reset is disabled.")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.connectors[rq.params[0]]; c != nil {
		c.topics = nil
	}
	return empty(http.StatusAccepted)
}
