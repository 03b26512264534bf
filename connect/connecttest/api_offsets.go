package connecttest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
)

// offsetEntry is one element of ConnectorOffsets.
type offsetEntry struct {
	Partition json.RawMessage `json:"partition"`
	Offset    json.RawMessage `json:"offset"`
}

type connectorOffsets struct {
	Offsets []offsetEntry `json:"offsets"`
}

// offsetRules say how a connector class takes an alteration of its offsets.
type offsetRules struct {
	// managed is what alterOffsets returns: whether the message leaves out that the connector may keep offsets elsewhere.
	managed bool
	check   func(partition, offset *node) string
}

type messageBody struct {
	Message string `json:"message"`
}

// SetOffsets sets what GET /connectors/{c}/offsets answers, as JSON: `[{"partition":{...},"offset":{...}}]`. A sink's
// partitions are {"kafka_topic","kafka_partition"}, its offsets {"kafka_offset"}.
func (s *Server) SetOffsets(name, offsets string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.connectors[name]
	var list []offsetEntry
	switch err := json.Unmarshal([]byte(offsets), &list); {
	case c == nil:
		s.misuse("SetOffsets: there is no connector %q", name)
	case err != nil:
		s.misuse("SetOffsets(%q): %v", name, err)
	default:
		c.offsets = list
	}
}

// SetTopics says which topics exist in Kafka: altering a sink's offsets in another one fails, and a dead letter queue
// that exists already is not created. Without a call every topic exists, and no dead letter queue does.
func (s *Server) SetTopics(topics ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kafkaTopics = map[string]bool{}
	for _, t := range topics {
		s.kafkaTopics[t] = true
	}
}

func (s *Server) topicExists(topic string) bool { return s.kafkaTopics[topic] }

// getOffsets is answered by any worker and not held up by a rebalance.
func (s *Server) getOffsets(rq *request) reply {
	return s.onHerder(rq.worker, func() reply {
		s.mu.Lock()
		defer s.mu.Unlock()
		name := rq.params[0]
		if rq.worker.look().configs[name] == nil || s.connectors[name] == nil {
			return notFound(name)
		}
		return jsonReply(http.StatusOK, connectorOffsets{append([]offsetEntry{}, s.connectors[name].offsets...)})
	})
}

func (s *Server) patchOffsets(rq *request) reply {
	const class = entities + "ConnectorOffsets"
	j := &jackson{in: rq.body, v: s.version}
	n, syntax := j.parse()
	if n == nil && syntax == nil {
		return *nullPointer(class+".offsets()", "offsets")
	}
	list, err := s.offsetList(n, class)
	if err = first(err, syntax); err != nil {
		return *s.badJSON(j, class, err)
	}
	if len(list) == 0 {
		return refuse(http.StatusBadRequest, "Partitions / offsets need to be provided for an alter offsets request")
	}
	return s.onLeader(rq, rq.params[0], func(_ *worker, name string) reply {
		return s.modifyOffsets(name, func(c *connector, p *plugin) reply { return s.alter(c, p, list, rq.body) })
	})
}

func (s *Server) deleteOffsets(rq *request) reply {
	return s.onLeader(rq, rq.params[0], func(_ *worker, name string) reply {
		return s.modifyOffsets(name, func(c *connector, p *plugin) reply {
			c.offsets = nil
			return modified(p, "reset")
		})
	})
}

// offsetList reads ConnectorOffsets as far as Jackson checks it.
func (s *Server) offsetList(n *node, class string) ([]*node, *jacksonError) {
	if n == nil {
		return nil, nil
	}
	if n.kind != '{' {
		return nil, wrongType(class, n)
	}
	for _, key := range n.keys {
		if key != "offsets" {
			return nil, s.unknownField(n, class, key, []string{"offsets"})
		}
	}
	offsets := n.fields["offsets"]
	if offsets == nil || offsets.kind == 'z' {
		return nil, nil
	}
	if offsets.kind != '[' {
		return nil, wrongType("java.util.ArrayList<"+entities+"ConnectorOffset>", offsets, "offsets")
	}
	for _, item := range offsets.items {
		if item.kind != '{' {
			return nil, wrongType(entities+"ConnectorOffset", item, "offsets")
		}
		for _, key := range item.keys {
			if key != "partition" && key != "offset" {
				return nil, s.unknownField(item, entities+"ConnectorOffset", key, []string{"partition", "offset"})
			}
			if field := item.fields[key]; field.kind != '{' && field.kind != 'z' {
				return nil, wrongType("java.util.LinkedHashMap<java.lang.String,java.lang.Object>", field, "offsets", key)
			}
		}
	}
	return offsets.items, nil
}

// modifyOffsets checks what both writes require: a connector that is STOPPED and whose tasks are gone.
func (s *Server) modifyOffsets(name string, op func(*connector, *plugin) reply) reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.gated(); r != nil {
		return *r
	}
	c := s.connectors[name]
	if c == nil {
		return notFound(name)
	}
	if c.record.target != targetStopped || len(c.record.tasks) > 0 {
		return refuse(http.StatusBadRequest, "Connectors must be in the STOPPED state before their offsets can be modified. "+
			"This can be done for the specified connector by issuing a 'PUT' request to the '/connectors/"+name+"/stop' endpoint")
	}
	var tasks []*instance
	for index, inst := range c.instances {
		if index != connectorIndex {
			tasks = append(tasks, inst)
		}
	}
	s.mu.Unlock()
	s.waitStopped(tasks) // the herder stops tasks before it comes to this request
	s.mu.Lock()
	p := s.connectorPlugin(c.record.config.get("connector.class"))
	if p == nil {
		return refuse(http.StatusInternalServerError, "Failed to find any class that implements Connector and which name matches "+c.record.config.get("connector.class"))
	}
	if slices.ContainsFunc(tasks, func(i *instance) bool { return !i.ended() }) && p.kind == "sink" {
		return refuse(http.StatusInternalServerError, "Failed to alter consumer group offsets for connector "+name+
			" either because its tasks haven't stopped completely yet or the connector was resumed before the request to alter its offsets could be successfully completed."+
			" If the connector is in a stopped state, this operation can be safely retried."+
			" If it doesn't eventually succeed, the Connect cluster may need to be restarted to get rid of the zombie sink tasks.")
	}
	return op(c, p)
}

func (s *Server) alter(c *connector, p *plugin, list []*node, body []byte) reply {
	entries := make([]offsetEntry, len(list))
	for i, item := range list {
		partition, offset := present(item.fields["partition"]), present(item.fields["offset"])
		var problem string
		if p.kind == "sink" {
			entries[i], problem = sinkOffset(partition, offset)
			if problem != "" {
				return refuse(http.StatusBadRequest, problem)
			}
			continue
		}
		if p.offsets.check != nil {
			if problem = p.offsets.check(partition, offset); problem != "" {
				return refuse(http.StatusInternalServerError, problem)
			}
		}
		entries[i] = offsetEntry{raw(partition, body), raw(offset, body)}
	}
	if p.kind == "sink" && s.kafkaTopics != nil {
		for _, item := range list {
			if topic := item.fields["partition"].fields["kafka_topic"]; !s.kafkaTopics[topic.text] {
				return refuse(http.StatusInternalServerError, "Failed to alter consumer group offsets for connector "+c.name)
			}
		}
	}
	offsets := slices.Clone(c.offsets)
	for _, e := range entries {
		at := slices.IndexFunc(offsets, func(o offsetEntry) bool { return sameJSON(o.Partition, e.Partition) })
		switch {
		case at >= 0 && e.Offset == nil:
			offsets = slices.Delete(offsets, at, at+1)
		case at >= 0:
			offsets[at] = e
		case e.Offset != nil:
			offsets = append(offsets, e)
		}
	}
	c.offsets = offsets
	return modified(p, "altered")
}

// modified is the success message; it depends on whether the connector says that it has no offsets of its own.
func modified(p *plugin, verb string) reply {
	if p.offsets.managed {
		return jsonReply(http.StatusOK, messageBody{"The offsets for this connector have been " + verb + " successfully"})
	}
	return jsonReply(http.StatusOK, messageBody{"The Connect framework-managed offsets for this connector have been " + verb +
		" successfully. However, if this connector manages offsets externally, they will need to be manually " + verb + " in the system that the connector uses."})
}

// sinkOffset reads one sink offset (R/util SinkUtils.parseSinkConnectorOffsets): numbers may be strings.
func sinkOffset(partition, offset *node) (offsetEntry, string) {
	if partition == nil {
		return offsetEntry{}, "The partition for a sink connector offset cannot be null or missing"
	}
	topic, number := partition.fields["kafka_topic"], partition.fields["kafka_partition"]
	switch {
	case topic == nil || number == nil:
		return offsetEntry{}, "The partition for a sink connector offset must contain the keys 'kafka_topic' and 'kafka_partition'"
	case present(topic) == nil:
		return offsetEntry{}, "Kafka topic names must be valid strings and may not be null"
	case present(number) == nil:
		return offsetEntry{}, "Kafka partitions must be valid numbers and may not be null"
	}
	n, err := strconv.ParseInt(number.text, 10, 32)
	if err != nil {
		return offsetEntry{}, fmt.Sprintf("Failed to parse the following Kafka partition value in the provided offsets: '%s'. "+
			"Partition values for sink connectors need to be integers.", number.text)
	}
	out := offsetEntry{Partition: fmt.Appendf(nil, `{"kafka_partition":%d,"kafka_topic":%s}`, n, jsonString(topic.text))}
	if offset == nil {
		return out, ""
	}
	at := offset.fields["kafka_offset"]
	if at == nil {
		return out, "The offset for a sink connector should either be null or contain the key 'kafka_offset'"
	}
	o, err := strconv.ParseInt(at.text, 10, 64)
	if err != nil {
		return out, fmt.Sprintf("Failed to parse the following Kafka offset value in the provided offsets: '%s'. "+
			"Offset values for sink connectors need to be integers.", at.text)
	}
	out.Offset = fmt.Appendf(nil, `{"kafka_offset":%d}`, o)
	return out, ""
}

// present drops JSON null.
func present(n *node) *node {
	if n == nil || n.kind == 'z' {
		return nil
	}
	return n
}

func raw(n *node, body []byte) json.RawMessage {
	if n == nil {
		return nil
	}
	return slices.Clone(body[n.at:n.end])
}

func sameJSON(a, b json.RawMessage) bool {
	canonical := func(m json.RawMessage) []byte {
		var v any
		d := json.NewDecoder(bytes.NewReader(m))
		d.UseNumber()
		if d.Decode(&v) != nil {
			return m
		}
		out, err := json.Marshal(v)
		if err != nil {
			return m
		}
		return out
	}
	return bytes.Equal(canonical(a), canonical(b))
}
