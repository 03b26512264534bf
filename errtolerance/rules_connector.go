package errtolerance

import (
	"fmt"
	"strings"
)

// connectorRules are the rules on settings that belong to one connector or a few.
func (s *subject) connectorRules() {
	s.reporter()
	s.borrowedKeys()
	s.ownRetries()
	switch s.info.family { //nolint:exhaustive // the others have none
	case familyJDBCSource:
		s.jdbcSource()
	case familyJDBCSink:
		s.jdbcSink()
	case familyDebezium:
		s.debezium()
	case familyMongo:
		s.mongo()
	case familyLenses:
		s.lenses()
	case familyDoris, familyDebeziumJDBC:
		if s.tolerates() {
			message := "does not cover this connector's own write errors: a rejected row kills the task all the same"
			if s.info.family == familyDebeziumJDBC {
				message += " (Debezium reports them since July 2026)"
			}
			s.add("ET515", KeyTolerance, message, "watch for FAILED tasks as before")
		}
	}
	if s.info.family == familyHTTPConfluent {
		if v := s.get("behavior.on.error"); v.state == set && !strings.EqualFold(v.v, "fail") {
			s.add("ET509", "behavior.on.error", "a request that failed for good is given up and its offset committed; only the reporter's error topic or the log has it", "set behavior.on.error=fail where it must not be lost")
		}
	}
}

func (s *subject) reporter() {
	if s.info.family != familyHTTPConfluent && s.info.family != familyReporter {
		return
	}
	if v, ok := s.cfg["reporter.bootstrap.servers"]; ok && trim(v) != "" {
		return
	}
	for _, key := range [...]string{"reporter.error.topic.name", "reporter.result.topic.name"} {
		if _, ok := s.cfg[key]; ok {
			s.add("ET501", "reporter.bootstrap.servers", "missing, although "+key+" is set: the reporter has no cluster to write to", "set reporter.bootstrap.servers to the brokers, and reporter.{producer,admin}.* security where they need it")
			return
		}
	}
}

// borrowedKeys finds the retry and failure settings of other connectors, and unknown words in this one's policies.
func (s *subject) borrowedKeys() {
	keys, ok := keysOf[s.info.family]
	if !ok {
		return
	}
	for i := range s.other {
		key := s.other[i].key
		if !borrowed(key) {
			continue
		}
		if !s.info.family.has(key) {
			fix := "remove it"
			if c := counterparts[s.info.family][key]; c != "" {
				fix = "use " + c
			}
			s.add("ET506", key, "this connector has no such setting, and Kafka ignores it", fix)
		}
	}
	for i := range keys {
		k := &keys[i]
		if len(k.Values) == 0 {
			continue
		}
		v := s.get(k.Name)
		if v.state != set || v.v == "" {
			continue
		}
		known := false
		for _, word := range k.Values {
			known = known || strings.EqualFold(word, v.v)
		}
		if !known {
			sev := SeverityWarning
			if strings.HasPrefix(k.Source, vendorDoc) {
				sev = SeverityInfo // the list may be older than the connector
			}
			s.addAt(sev, "ET516", k.Name, "none of "+strings.Join(k.Values, ", "), "write one of them")
		}
	}
}

// ownRetries looks at the connector's own retries: beside Connect's, and against the poll interval.
func (s *subject) ownRetries() {
	if !s.sink() {
		return
	}
	key, backoffKey, exponential, blocks := "", "", false, true
	var attempts, backoff integer
	switch s.info.family {
	case familyElasticsearch, familyOpenSearch:
		key, backoffKey, exponential = "max.retries", "retry.backoff.ms", true
		attempts, backoff = s.number(key, 5), s.number(backoffKey, 100)
	case familyHTTPConfluent:
		key, backoffKey = "max.retries", "retry.backoff.ms"
		attempts, backoff = s.number(key, 5), s.number(backoffKey, 3000)
	case familyHTTPAiven:
		key, backoffKey = "max.retries", "retry.backoff.ms"
		attempts, backoff = s.number(key, 1), s.number(backoffKey, 3000)
	case familyDebeziumJDBC:
		key, backoffKey = "flush.max.retries", "flush.retry.delay.ms"
		attempts, backoff = s.number(key, 5), s.number(backoffKey, 1000)
	case familyDoris:
		key, backoffKey = "max.retries", "retry.interval.ms"
		attempts, backoff = s.number(key, 10), s.number(backoffKey, 6000)
	case familyJDBCSink:
		// It asks Connect to deliver the batch again, and sleeps nowhere.
		key, backoffKey, blocks = "max.retries", "retry.backoff.ms", false
		attempts, backoff = s.number(key, 10), s.number(backoffKey, 3000)
	default:
		return
	}
	if s.timeout.state == set && s.timeout.v != 0 && (attempts.state == set || backoff.state == set) {
		s.add("ET507", key, "repeats the connector's writes, "+KeyRetryTimeout+" repeats conversions and transformations: neither covers the other, and the times add up", "keep both only if both are meant")
	}
	if !blocks || !attempts.usable() || !backoff.usable() || attempts.v <= 0 || backoff.v <= 0 || !s.pollInterval.usable() || s.pollInterval.v <= 0 {
		return
	}
	total, wait := int64(0), backoff.v
	for i := int64(0); i < attempts.v && total < s.pollInterval.v; i++ {
		if wait >= s.pollInterval.v {
			total = s.pollInterval.v
			break
		}
		total += wait
		if exponential {
			wait *= 2
		}
	}
	if total >= s.pollInterval.v {
		if exponential {
			// The clients cap or jitter the doubling; say it without certainty.
			s.addAt(SeverityInfo, "ET508", key, fmt.Sprintf("doubling from %d ms, the retries of one write may take longer than max.poll.interval.ms (%d)", backoff.v, s.pollInterval.v), "lower "+key+", or raise consumer.override.max.poll.interval.ms")
			return
		}
		s.add("ET508", key, fmt.Sprintf("%d retries, %d ms apart, take longer than max.poll.interval.ms (%d): the consumer is evicted and the batch read again", attempts.v, backoff.v, s.pollInterval.v), "lower "+key+" or "+backoffKey+", or raise consumer.override.max.poll.interval.ms")
	}
}

func (s *subject) jdbcSource() {
	required := func(key, message, fix string) {
		if v, ok := s.cfg[key]; ok && (trim(v) != "" || key == "topic.prefix") {
			return
		}
		sev := SeverityWarning
		if s.t.Complete {
			sev = SeverityError
		}
		s.addAt(sev, "ET511", key, message, fix)
	}
	required("mode", "missing, and has no default: the connector does not start", "set mode to incrementing, timestamp or timestamp+incrementing (bulk reads everything each time)")
	required("topic.prefix", "missing, and required: the connector does not start", "set topic.prefix")
	if m := s.get("mode"); m.state == set && m.v == "bulk" {
		s.add("ET510", "mode", "bulk reads the whole table or query at every poll.interval.ms", "use timestamp+incrementing where the table has such columns, or a log-based source with incremental snapshots")
	}
}

func (s *subject) jdbcSink() {
	pk := s.get("pk.mode")
	if pk.usable() {
		none := pk.v == "" || strings.EqualFold(pk.v, "none")
		if mode := s.get("insert.mode"); mode.state == set && none && (strings.EqualFold(mode.v, "upsert") || strings.EqualFold(mode.v, "update")) {
			s.add("ET512", "pk.mode", "none, the default, with insert.mode="+strings.ToLower(mode.v)+": a write without a primary key fails", "set pk.mode to record_key, record_value or kafka, and pk.fields")
		}
		if v, ok := parseBool(s.cfg["delete.enabled"]); ok && v && !strings.EqualFold(pk.v, "record_key") {
			s.add("ET512", "delete.enabled", "true needs pk.mode=record_key", "set pk.mode=record_key, or delete.enabled=false")
		}
	}
	if s.value.state != set {
		return
	}
	what := ""
	switch s.value.v {
	case "org.apache.kafka.connect.json.JsonConverter":
		if v, ok := parseBool(s.cfg["value.converter.schemas.enable"]); ok && !v {
			what = "JsonConverter with schemas.enable=false"
		}
	case "org.apache.kafka.connect.storage.StringConverter":
		what = "StringConverter"
	case "org.apache.kafka.connect.converters.ByteArrayConverter":
		what = "ByteArrayConverter"
	}
	if what == "" {
		return
	}
	key := "value.converter"
	if strings.HasPrefix(what, "Json") {
		key = "value.converter.schemas.enable"
	}
	sev, unless := SeverityWarning, ""
	if s.transforms.state != absent && s.transforms.v != "" {
		sev, unless = SeverityInfo, ", unless a transformation makes a struct of it"
	}
	s.addAt(sev, "ET514", key, what+" delivers no schema, which the JDBC sink needs: every record fails in put and kills the task, whatever "+KeyTolerance+" says"+unless, "use a converter with schemas (Avro, Protobuf, JSON Schema, or JsonConverter with schemas.enable=true and the schema in each record)")
}

func (s *subject) debezium() {
	if v := s.get("snapshot.mode"); v.state == set && strings.EqualFold(v.v, "always") {
		s.add("ET510", "snapshot.mode", "always reads every table anew at each start, so also after each restart", "use initial, and incremental snapshots (signal.data.collection) for what has to be read again")
	}
	if v := s.get("event.processing.failure.handling.mode"); v.state == set && v.v != "" && !strings.EqualFold(v.v, "fail") {
		s.add("ET509", "event.processing.failure.handling.mode", "events that cannot be processed are passed over", "set it to fail where nothing may be missing")
	}
}

func (s *subject) mongo() {
	own := s.get("mongo.errors.tolerance")
	if own.state != set || own.v == "" || !s.tolerance.usable() {
		return
	}
	if own.v == "all" && s.intolerant() || own.v == "none" && s.tolerates() {
		s.add("ET513", "mongo.errors.tolerance", own.v+" for the connector's own errors, while "+KeyTolerance+" is "+s.tolerance.v+" for conversions and transformations", "set both alike, or leave mongo.errors.tolerance out")
	}
}

// lenses reads connect.<prefix>.error.policy.
func (s *subject) lenses() {
	for i := range s.other {
		key := s.other[i].key
		if !strings.HasPrefix(key, "connect.") || !strings.HasSuffix(key, ".error.policy") {
			continue
		}
		v := s.get(key)
		if v.state != set || v.v == "" {
			continue
		}
		switch {
		case strings.EqualFold(v.v, "NOOP"):
			s.add("ET509", key, "NOOP passes over write errors: no dead letter, no failed task, the offset is committed", "set it to THROW or RETRY")
		case !strings.EqualFold(v.v, "THROW") && !strings.EqualFold(v.v, "RETRY") && !strings.EqualFold(v.v, "CONTINUE"):
			s.add("ET516", key, "none of NOOP, THROW, RETRY", "write one of them")
		}
	}
}
