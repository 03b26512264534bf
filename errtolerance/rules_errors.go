package errtolerance

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

const (
	firstRetryMillis = 300               // RetryWithToleranceOperator.RETRIES_DELAY_MIN_MS
	epoch2020        = 1_577_836_800_000 // any clock of today is beyond it: enough to know an overflow
)

// errorsRules are the rules on Connect's own eight keys.
func (s *subject) errorsRules() {
	s.values()
	s.deadLetterQueue()
	s.silentLoss()
	s.retries()
	s.logging()
}

// values are the rules on what Kafka refuses.
func (s *subject) values() {
	if s.tolerance.state == invalid {
		e := toleranceError(s.tolerance.v)
		fix := e.Fix
		if s.info.family == familyMongo && s.tolerance.v == "data" {
			fix = "write none or all here, and mongo.errors.tolerance=data for the connector's own errors"
		}
		s.refuse("ET101", KeyTolerance, e.Reason+": Kafka refuses the configuration", fix)
	}
	for _, n := range [...]struct {
		key string
		integer
	}{{KeyRetryTimeout, s.timeout}, {KeyRetryDelayMax, s.delayMax}} {
		if n.state == invalid {
			_, e := readLong(n.key, s.cfg[n.key])
			s.refuse("ET102", n.key, e.Reason+": Kafka refuses the configuration", e.Fix)
		}
	}
	for _, f := range [...]struct {
		key string
		flag
	}{{KeyLogEnable, s.logEnable}, {KeyLogIncludeMessages, s.logMessages}, {KeyDLQContextHeaders, s.headers}} {
		if f.state == invalid && (f.key != KeyDLQContextHeaders || !s.source()) {
			s.refuseIfSink(f.key == KeyDLQContextHeaders, f.key, "neither true nor false: Kafka refuses the configuration", "write true or false")
		}
	}
	if s.rf.state == invalid && !s.source() {
		s.refuseIfSink(true, KeyDLQReplication, "not a whole number between -32768 and 32767: Kafka refuses the configuration", "write the number of replicas, or -1 for the broker's default")
	}
}

// refuseIfSink reports a value that only sinks define; for a connector of unknown kind it drops a level.
func (s *subject) refuseIfSink(sinkOnly bool, key, message, fix string) {
	if sinkOnly && !s.kindKnown {
		s.addAt(SeverityWarning, "ET102", key, message+" (if this is a sink)", fix)
		return
	}
	s.refuse("ET102", key, message, fix)
}

func (s *subject) deadLetterQueue() {
	details := func(root bool) {
		for _, key := range [...]string{KeyDLQContextHeaders, KeyDLQReplication} {
			if _, ok := s.cfg[key]; ok && !root {
				s.add("ET204", key, "no effect without "+KeyDLQTopic, "set "+KeyDLQTopic+", or remove the key")
			}
		}
	}
	if s.dlq.state == absent || s.dlq.state == set && s.dlq.v == "" {
		details(false)
		return
	}
	if s.source() {
		if s.info.family == familyMongo {
			return // MongoSourceConnector reads the key itself and writes a queue of its own.
		}
		s.add("ET203", KeyDLQTopic, "a source connector has no dead letter queue: Kafka ignores the key and no record ever reaches the topic", s.sourceDLQFix())
		return
	}
	if s.dlq.state == set {
		if reason := topicNameError(s.dlq.v); reason != "" {
			s.addAt(s.ifSink(SeverityError), "ET106", KeyDLQTopic, "no topic can have this name, "+reason+": every task fails at start", "use letters, digits, '.', '_' and '-', at most 249")
		} else {
			s.ownTopics()
		}
	}
	s.replication()
	worst := SeverityWarning
	if s.dlq.state == unknowable {
		worst = SeverityInfo // the reference may stand for no queue
	}
	if s.intolerant() {
		what := "none"
		if s.tolerance.state == absent {
			what = "none, the default"
		}
		s.addAt(worst, "ET207", KeyDLQTopic, "with errors.tolerance "+what+" the task still fails at the first bad record, and each restart writes one more copy of it", "set "+KeyTolerance+"=all, or remove the queue")
	}
	if s.headers.usable() && !s.headers.v && !s.managed() {
		s.addAt(worst, "ET302", KeyDLQContextHeaders, "off, the default: a dead letter will not say which topic, partition and offset it came from, nor why it failed", "set "+KeyDLQContextHeaders+"=true")
	}
	s.largeRecords()
	s.clientPairs()
	if s.t.RepublishExactlyOnce && (s.sink() || !s.kindKnown) {
		if level := s.get("consumer.override.isolation.level"); level.usable() && level.v != "read_committed" {
			s.add("ET408", "consumer.override.isolation.level", "read_uncommitted, the default: what an aborted transaction of the republisher wrote reaches this sink", "set consumer.override.isolation.level=read_committed")
		}
	}
}

// managed reports a connector of Confluent Cloud, which names classes without a package and connects by key or account.
func (s *subject) managed() bool {
	if s.info.family != familyCloud && (s.info.family != familyMongo || strings.Contains(s.class.v, ".")) {
		return false
	}
	for _, key := range [...]string{"kafka.api.key", "kafka.auth.mode", "kafka.service.account.id", "input.data.format", "output.data.format"} {
		if _, ok := s.cfg[key]; ok {
			return true
		}
	}
	return false
}

func (s *subject) sourceDLQFix() string {
	switch s.info.family {
	case familyDebezium:
		return "remove it and set " + KeyLogEnable + "=true; event.processing.failure.handling.mode is the connector's own tolerance"
	default:
		return "remove it and set " + KeyLogEnable + "=true"
	}
}

// ifSink drops a level where the kind is unknown.
func (s *subject) ifSink(sev Severity) Severity {
	if s.kindKnown || sev == SeverityInfo {
		return sev
	}
	return sev - 1
}

func (s *subject) ownTopics() {
	for _, topic := range splitList(s.topics.v) {
		if s.topics.state == set && topic == s.dlq.v {
			s.refuseDLQ("among topics: Kafka refuses the configuration")
			return
		}
	}
	if s.regex.state != set || s.regex.v == "" {
		return
	}
	match, verdict := javaMatcher(s.regex.v)
	switch verdict {
	case regexForeign:
		s.add("ET110", "topics.regex", "a Java pattern that cannot be evaluated here: whether it matches "+KeyDLQTopic+" was not checked", "")
	case regexOK:
		if match(s.dlq.v) {
			s.refuseDLQ("matched by topics.regex: Kafka refuses the configuration")
		}
	case regexBroken: // ET111
	}
}

func (s *subject) refuseDLQ(message string) {
	const fix = "give the queue a name that the connector does not read"
	if !s.kindKnown {
		s.addAt(SeverityWarning, "ET103", KeyDLQTopic, message+" (if this is a sink)", fix)
		return
	}
	s.refuse("ET103", KeyDLQTopic, message, fix)
}

func (s *subject) replication() {
	n := s.rf.v
	switch {
	case !s.rf.usable():
		return
	case n == 0 || n < -1:
		s.addAt(s.ifSink(SeverityError), "ET104", KeyDLQReplication, "no topic can have this number of replicas: every task fails at start unless the topic exists", "write the number of replicas, or -1 for the broker's default")
	case s.t.Brokers > 0 && n > int64(s.t.Brokers):
		what := fmt.Sprintf("%d replicas", n)
		if s.rf.state == absent {
			what = "3 replicas, the default,"
		}
		s.addAt(s.ifSink(SeverityError), "ET104", KeyDLQReplication,
			fmt.Sprintf("%s on %d broker(s): every task fails at start unless the topic exists", what, s.t.Brokers),
			fmt.Sprintf("set %s=%d, or -1 for the broker's default", KeyDLQReplication, s.t.Brokers))
	case s.t.Brokers > 0:
		if n == 1 && s.t.Brokers > 1 {
			s.add("ET410", KeyDLQReplication, "1: the dead letters are gone with one broker", "set it to "+strconv.Itoa(min(3, s.t.Brokers)))
		}
	case s.rf.state == absent:
		s.addAt(SeverityInfo, "ET104", KeyDLQReplication, "3, the default: every task fails at start on a cluster of fewer brokers, unless the topic exists (the number of brokers is not known here)", "set it to what the cluster can do, or to -1 for the broker's default")
	case n > 3:
		s.addAt(SeverityInfo, "ET104", KeyDLQReplication, fmt.Sprintf("needs at least %d brokers (their number is not known here)", n), "3 is the usual number")
	case n == 1:
		s.add("ET410", KeyDLQReplication, "1: the dead letters are gone with one broker, fine only for a cluster of one", "set it to 3 where there are three brokers")
	}
}

func (s *subject) largeRecords() {
	const oneMiB = 1 << 20
	fetch := s.number("consumer.override.max.partition.fetch.bytes", oneMiB)
	limit := s.number("producer.override.max.request.size", oneMiB)
	if fetch.state == set && fetch.v > oneMiB && limit.usable() && limit.v < fetch.v {
		s.add("ET308", "producer.override.max.request.size", "the consumer takes records beyond what the dead letter queue's producer may send: such a dead letter is lost and the task goes on", "set producer.override.max.request.size above consumer.override.max.partition.fetch.bytes, and max.message.bytes of the queue's topic with it")
	}
}

// clientPairs compares the overrides of the two clients that a dead letter queue has.
func (s *subject) clientPairs() {
	if !s.overrides {
		return
	}
	for _, k := range [...]string{"security.protocol", "sasl.mechanism", "sasl.jaas.config", "bootstrap.servers"} {
		producer, p := s.cfg["producer.override."+k]
		admin, a := s.cfg["admin.override."+k]
		have, want := "producer.override."+k, "admin.override."+k
		switch {
		case p == a && (!p || producer == admin || k == "sasl.jaas.config" || unresolved(producer) || unresolved(admin)):
			continue
		case p && a:
			s.add("ET404", want, "differs from "+have+": the dead letter queue is created through one and written through the other", "give both the same value")
			continue
		case a:
			have, want = want, have
		}
		s.add("ET404", want, "missing, although "+have+" is set: the dead letter queue is created by the admin client and written by the producer", "set "+want+" as well")
	}
}

// silentLoss is tolerance=all with nothing that keeps the record or says that it was dropped.
func (s *subject) silentLoss() {
	if !s.tolerates() {
		return
	}
	if s.source() && s.info.family == familyMongo && (s.dlq.state != absent || s.get("mongo.errors.deadletterqueue.topic.name").state != absent) {
		return
	}
	queue := s.hasDLQ()
	if !s.source() && s.managed() {
		return // Confluent Cloud makes a queue of its own for every sink.
	}
	if queue || s.logEnable.state == unknowable || s.logEnable.state == invalid {
		return
	}
	if s.logEnable.v {
		why := "a failed record leaves only a line in the worker's log and cannot be replayed"
		fix := "set " + KeyDLQTopic + " to keep it"
		if s.source() {
			why, fix = "a failed record leaves only a line in the worker's log, and the source has moved on", ""
		}
		s.add("ET306", KeyTolerance, why, fix)
		return
	}
	fix := "set " + KeyDLQTopic + " (sinks) or " + KeyLogEnable + "=true"
	message := "all, without a working dead letter queue and without " + KeyLogEnable + "=true: failed records are dropped without a trace"
	switch {
	case s.source():
		fix = "set " + KeyLogEnable + "=true, or " + KeyTolerance + "=none"
	case s.sink():
		fix = "set " + KeyDLQTopic + ", or " + KeyLogEnable + "=true"
		if !s.info.family.readsErrorKeys() {
			message += ", and errors of put still kill the task"
		}
	}
	s.add("ET301", KeyTolerance, message, fix)
}

func (s *subject) retries() {
	if s.delayMax.state == set && s.timeout.usable() {
		switch {
		case s.timeout.v == 0 && s.timeout.state == absent:
			s.add("ET206", KeyRetryDelayMax, "no effect without "+KeyRetryTimeout+", which is 0 by default: nothing is retried", "set "+KeyRetryTimeout+", or remove the key")
		case s.timeout.v == 0:
		case s.delayMax.v <= 0:
			s.add("ET105", KeyRetryDelayMax, "zero or negative: the first retry throws IllegalArgumentException, which hides the record's own error, and nothing is retried", "write 60000, or remove the key")
			return
		case s.delayMax.v < firstRetryMillis:
			s.add("ET403", KeyRetryDelayMax, "below the first wait of 300 ms: every wait is random, down to none", "write 300 or more")
		}
	}
	if s.timeout.state != set || s.timeout.v == 0 {
		return
	}
	t := s.timeout.v
	switch {
	case t < 0 && s.before(3, 4):
		s.add("ET209", KeyRetryTimeout, "negative: before Kafka 3.4 this means no retries at all (KAFKA-13952)", "write the milliseconds you can afford, as in 60000")
	case t < 0:
		s.retriesForever()
	case t > math.MaxInt64-epoch2020:
		s.addAt(SeverityWarning, "ET209", KeyRetryTimeout, "so large that the deadline overflows: nothing is retried", "write -1 to retry for ever, or the milliseconds you can afford")
	default:
		if t < 1000 && s.info.family != familyClickHouse || t < firstRetryMillis {
			s.secondsMeant(t)
		}
		if !s.source() {
			s.pollBudget(t)
		}
	}
}

func (s *subject) secondsMeant(t int64) {
	message := fmt.Sprintf("%d ms is less than the first wait of 300 ms: one single retry; seconds were probably meant", t)
	if t >= firstRetryMillis {
		message = fmt.Sprintf("%d ms leaves time for two or three attempts; were seconds meant?", t)
	}
	s.add("ET208", KeyRetryTimeout, message, fmt.Sprintf("write %d for %d seconds", t*1000, t))
}

func (s *subject) retriesForever() {
	sev := SeverityWarning
	message := "negative: a record that keeps failing with a retriable error is retried without end on the task's thread"
	switch {
	case s.source():
		sev = SeverityInfo
		message += "; the state stays RUNNING"
	case s.sink():
		message += ", and after max.poll.interval.ms the consumer is out of its group"
	default:
		message += " (a sink leaves its consumer group by it)"
	}
	if s.version.IsZero() {
		message += "; before Kafka 3.4 it means no retries at all"
	}
	s.addAt(sev, "ET402", KeyRetryTimeout, message, "write the milliseconds you can afford, well below max.poll.interval.ms, as in 60000")
}

// pollBudget compares the time one poll may spend in retries with the time the consumer may be silent.
func (s *subject) pollBudget(t int64) {
	if !s.pollInterval.usable() || s.pollInterval.v <= 0 {
		return
	}
	interval := s.pollInterval.v
	source := "the default"
	if s.pollInterval.state == set || s.t.MaxPollIntervalMillis > 0 {
		source = "as configured"
	}
	if t >= interval {
		s.addAt(s.ifSink(SeverityWarning), "ET401", KeyRetryTimeout,
			fmt.Sprintf("%d ms is not below max.poll.interval.ms (%d, %s): one record in retry can have the consumer evicted and the whole batch read again", t, interval, source),
			fmt.Sprintf("write at most %d, or raise consumer.override.max.poll.interval.ms", max(interval/5, 1)))
		return
	}
	// Two converters, the headers, and each transformation have a budget of their own.
	operations := int64(3)
	if s.transforms.v != "" {
		operations += int64(1 + strings.Count(s.transforms.v, ","))
	}
	records := max(s.pollRecords.v, 1)
	evict := (interval + t - 1) / t
	if s.pollRecords.usable() && evict <= records*operations && evict <= 20 {
		s.addAt(SeverityInfo, "ET401", KeyRetryTimeout,
			number(evict)+" failing operations in one poll ("+number(evict)+" x "+number(t)+" ms) reach max.poll.interval.ms ("+number(interval)+", "+source+
				"); a poll has up to "+number(records)+" records with "+number(operations)+" operations each",
			"keep it, or lower consumer.override.max.poll.records (now "+number(records)+"), or raise consumer.override.max.poll.interval.ms")
	}
}

func number(n int64) string { return strconv.FormatInt(n, 10) }

func (s *subject) logging() {
	if s.logMessages.state != set || !s.logMessages.v || !s.logEnable.usable() {
		return
	}
	if !s.logEnable.v {
		s.add("ET205", KeyLogIncludeMessages, "no effect without "+KeyLogEnable+"=true", "set "+KeyLogEnable+"=true, or remove the key")
		return
	}
	message := "a source logs the whole record, key, value and headers: personal data may reach the worker's log"
	if s.sink() {
		message = "the log line names topic, partition, offset and timestamp of the record"
	} else if !s.kindKnown {
		message += " (a sink logs topic, partition, offset and timestamp only)"
	}
	if !s.sink() {
		s.add("ET305", KeyLogIncludeMessages, message, "remove it where the log is less protected than the data")
	}
}
