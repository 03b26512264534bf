package connecttest

import (
	"context"
	"slices"
	"time"
)

// Scenario is something that goes wrong outside Connect. [Server.Begin] makes it happen: the running tasks of the
// connectors that it concerns fail, and so does every start of theirs, whoever caused it, until it ends. Then nothing
// comes back by itself: somebody has to restart what failed, as with a real cluster.
type Scenario struct {
	// Connectors are the names that it concerns. None is all of them.
	Connectors []string
	// SinkTrace and SourceTrace are what the tasks fail with. An empty one leaves those tasks alone.
	SinkTrace, SourceTrace string
	// ConnectorTrace is what the connector instances fail with; empty leaves them alone.
	ConnectorTrace string
	// RunsFor is how long a task that starts is RUNNING before it fails: a task that flaps. Defaults to 0: it fails in start.
	RunsFor time.Duration
	// StartDelay is how long tasks take to start while it goes on, failing or not.
	StartDelay time.Duration
	// For ends it by itself. Defaults to 0: until the function that Begin returned is called.
	For time.Duration
}

// DatabaseDown is an outage of what the connectors talk to: connections are refused.
func DatabaseDown() Scenario {
	const cause = "org.postgresql.util.PSQLException: Connection to db:5432 refused. Check that the hostname and port are correct and that the postmaster is accepting TCP/IP connections."
	nested := "\nCaused by: java.net.ConnectException: Connection refused\n\tat java.base/sun.nio.ch.Net.pollConnect(Native Method)"
	return Scenario{
		SinkTrace:   SinkTrace("org.apache.kafka.connect.errors.ConnectException: java.sql.SQLException: Exception chain:\n" + cause + nested),
		SourceTrace: SourceTrace("org.apache.kafka.connect.errors.ConnectException: " + cause),
	}
}

// ExpiredCredentials is a password that is no longer valid: every log-in fails until it is renewed.
func ExpiredCredentials() Scenario {
	const cause = `org.postgresql.util.PSQLException: FATAL: password authentication failed for user "connect"`
	return Scenario{
		SinkTrace:   SinkTrace("org.apache.kafka.connect.errors.ConnectException: " + cause + "\nCaused by: " + cause),
		SourceTrace: SourceTrace("org.apache.kafka.connect.errors.ConnectException: " + cause),
	}
}

// RegistryDown is a schema registry that refuses connections: converters fail, on records that are good.
func RegistryDown() Scenario {
	const cause = "org.apache.kafka.connect.errors.DataException: Failed to deserialize data for topic orders to Avro: \n" +
		"\tat io.confluent.connect.avro.AvroConverter.toConnectData(AvroConverter.java:156)\n" +
		"Caused by: org.apache.kafka.common.errors.SerializationException: Error retrieving Avro value schema for id 1\n" +
		"Caused by: java.net.ConnectException: Connection refused\n" +
		"\tat java.base/java.net.HttpURLConnection.connect(Unknown Source)\n" +
		"\tat io.confluent.kafka.schemaregistry.client.rest.RestService.sendHttpRequest(RestService.java:303)"
	return Scenario{SinkTrace: ToleranceTrace(cause), SourceTrace: ToleranceTrace(cause)}
}

// SlowStarts makes tasks take d to start, as connectors do that read a schema history or take a snapshot lock first.
func SlowStarts(d time.Duration) Scenario { return Scenario{StartDelay: d} }

// running is a scenario that has begun.
type running struct {
	Scenario
	over bool
}

func (r *running) concerns(name string) bool {
	return !r.over && (len(r.Connectors) == 0 || slices.Contains(r.Connectors, name))
}

func (r *running) trace(kind string, index int) string {
	switch {
	case index == connectorIndex:
		return r.ConnectorTrace
	case kind == "source":
		return r.SourceTrace
	default:
		return r.SinkTrace
	}
}

// Begin starts a scenario and returns what ends it. Several can go on at once; the first to concern a task decides.
func (s *Server) Begin(sc Scenario) (end func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sc.Connectors = slices.Clone(sc.Connectors)
	r := &running{Scenario: sc}
	s.scenarios = append(s.scenarios, r)
	for _, name := range s.head.names {
		c := s.connectors[name]
		if c == nil || !r.concerns(name) {
			continue
		}
		for _, index := range c.indexes() {
			inst := c.instances[index]
			if trace := r.trace(s.kind(c), index); trace != "" && inst.live && !inst.stopped && s.workers[inst.worker].alive {
				s.fail(inst, trace)
			}
		}
	}
	stop := func() {
		r.over = true
		s.scenarios = slices.DeleteFunc(s.scenarios, func(o *running) bool { return o == r })
	}
	if sc.For > 0 {
		s.after(sc.For, stop)
	}
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		stop()
	}
}

func (s *Server) kind(c *connector) string {
	if p := s.connectorPlugin(c.record.config.get("connector.class")); p != nil {
		return p.kind
	}
	return "sink"
}

// met is the trace of a start that a scenario makes fail; one that lets the task run for a while fails it then.
func (s *Server) met(inst *instance) string {
	for _, r := range s.scenarios {
		if !r.concerns(inst.connector.name) {
			continue
		}
		trace := r.trace(s.kind(inst.connector), inst.index)
		if trace == "" {
			continue
		}
		if r.RunsFor <= 0 {
			return trace
		}
		s.after(r.RunsFor, func() {
			if !r.over && inst.live && !inst.stopped {
				s.fail(inst, trace)
			}
		})
		return ""
	}
	return ""
}

func (s *Server) startDelay(name string) time.Duration {
	var d time.Duration
	for _, r := range s.scenarios {
		if r.concerns(name) {
			d = max(d, r.StartDelay)
		}
	}
	return d
}

// BrokerDown makes Kafka unreachable for the workers for d: statuses, lists, plugins and validation are answered at once
// from memory and do not change, /health is unhealthy after 10 s, and what needs the herder waits, late or timed out.
// Writes of a target state fail after 30 s, and so does the first write of a config, a stop, a deletion or a restart with flags on each worker.
func (s *Server) BrokerDown(d time.Duration) {
	s.mu.Lock()
	s.brokerDown = time.Now().Add(d)
	s.mu.Unlock()
	for i, w := range s.workers {
		s.mu.Lock()
		w.writeFailed = false
		s.mu.Unlock()
		s.StallHerder(i, d, "flushing updates to the status topic")
	}
}

// hold waits for d or the end of ctx.
func hold(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
