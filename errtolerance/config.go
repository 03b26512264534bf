package errtolerance

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// The eight keys of Connect's error handling, as ConnectorConfig and SinkConnectorConfig define them (KIP-298, Kafka 2.0).
const (
	KeyTolerance          = "errors.tolerance"
	KeyRetryTimeout       = "errors.retry.timeout"
	KeyRetryDelayMax      = "errors.retry.delay.max.ms"
	KeyLogEnable          = "errors.log.enable"
	KeyLogIncludeMessages = "errors.log.include.messages"
	KeyDLQTopic           = "errors.deadletterqueue.topic.name"
	KeyDLQReplication     = "errors.deadletterqueue.topic.replication.factor"
	KeyDLQContextHeaders  = "errors.deadletterqueue.context.headers.enable"
)

// Connect's defaults, for what is not simply off.
const (
	DefaultRetryDelayMax           = time.Minute
	DefaultReplicationFactor int16 = 3
)

// Forever is the retry timeout that never ends: errors.retry.timeout=-1. Any negative value means the same to Kafka 3.4 and
// later (KAFKA-13952); older workers do not retry at all with it.
const Forever = -1 * time.Millisecond

// Tolerance says what a worker does with a record that cannot be converted or transformed.
type Tolerance string

const (
	// ToleranceNone fails the task at the first such record. It is Connect's default; the empty Tolerance means the same.
	ToleranceNone Tolerance = "none"
	// ToleranceAll skips such records. It does not cover a sink's put, a source's poll, or the connection to Kafka.
	ToleranceAll Tolerance = "all"
)

// Config is the error handling of one connector. The zero value equals Connect's own defaults: fail fast, no retries, no log,
// no dead letter queue. Config is comparable; compare normalised values.
type Config struct {
	// Tolerance is errors.tolerance. Defaults to none.
	Tolerance Tolerance
	// RetryTimeout is errors.retry.timeout: how long one failed operation on one record is retried. Whole milliseconds; a
	// negative value is Forever. Defaults to 0, no retries.
	RetryTimeout time.Duration
	// RetryDelayMax is errors.retry.delay.max.ms: a wait that would be longer becomes a random one below it. Whole
	// milliseconds. Defaults to one minute; zero means that default.
	RetryDelayMax time.Duration
	// LogEnable is errors.log.enable: each failure is written to the worker's log. Defaults to false.
	LogEnable bool
	// LogIncludeMessages is errors.log.include.messages: the log line says more about the record (a source record is logged
	// whole). Without LogEnable it has no effect. Defaults to false.
	LogIncludeMessages bool
	// DeadLetterQueue is where a sink's failed records go.
	DeadLetterQueue DeadLetterQueue
}

// DeadLetterQueue holds the errors.deadletterqueue.* keys. Only sink connectors have them.
type DeadLetterQueue struct {
	// Topic is errors.deadletterqueue.topic.name. Defaults to "", no dead letter queue.
	Topic string
	// ReplicationFactor is errors.deadletterqueue.topic.replication.factor, used only when the worker creates the topic; -1
	// is the broker's default. Defaults to 3; zero means that default.
	ReplicationFactor int16
	// ContextHeaders is errors.deadletterqueue.context.headers.enable: without it a dead letter does not say where it came
	// from or why it failed. Defaults to false.
	ContextHeaders bool
}

// Normalize returns the one value that all equivalent values share: Connect's defaults become zero, durations whole
// milliseconds (rounded away from zero), any negative retry timeout becomes Forever, and the topic is trimmed as Kafka trims
// it. FromMap(c.Map()) returns c.Normalize().
func (c Config) Normalize() Config {
	c.Tolerance = Tolerance(trim(string(c.Tolerance)))
	if c.Tolerance == ToleranceNone {
		c.Tolerance = ""
	}
	c.RetryTimeout = wholeMillis(c.RetryTimeout)
	if c.RetryTimeout < 0 {
		c.RetryTimeout = Forever
	}
	c.RetryDelayMax = wholeMillis(c.RetryDelayMax)
	if c.RetryDelayMax == DefaultRetryDelayMax {
		c.RetryDelayMax = 0
	}
	c.DeadLetterQueue.Topic = trim(c.DeadLetterQueue.Topic)
	if c.DeadLetterQueue.ReplicationFactor == DefaultReplicationFactor {
		c.DeadLetterQueue.ReplicationFactor = 0
	}
	return c
}

// Map returns the keys that differ from Connect's defaults, with Kafka's names and units. It is never nil.
func (c Config) Map() map[string]string {
	m := make(map[string]string, 8)
	c.put(m)
	return m
}

// ApplyTo returns a copy of connector in which the eight keys are those of Map: present ones that c does not need are
// removed, all other keys are left as they are. It never modifies its argument, which may be nil.
func (c Config) ApplyTo(connector map[string]string) map[string]string {
	m := make(map[string]string, len(connector)+8)
	for k, v := range connector {
		if !isErrorsKey(k) {
			m[k] = v
		}
	}
	c.put(m)
	return m
}

func (c Config) put(m map[string]string) {
	c = c.Normalize()
	if c.Tolerance != "" {
		m[KeyTolerance] = string(c.Tolerance)
	}
	if c.RetryTimeout != 0 {
		m[KeyRetryTimeout] = formatMillis(c.RetryTimeout)
	}
	if c.RetryDelayMax != 0 {
		m[KeyRetryDelayMax] = formatMillis(c.RetryDelayMax)
	}
	if c.LogEnable {
		m[KeyLogEnable] = "true"
	}
	if c.LogIncludeMessages {
		m[KeyLogIncludeMessages] = "true"
	}
	if c.DeadLetterQueue.Topic != "" {
		m[KeyDLQTopic] = c.DeadLetterQueue.Topic
	}
	if c.DeadLetterQueue.ReplicationFactor != 0 {
		m[KeyDLQReplication] = strconv.Itoa(int(c.DeadLetterQueue.ReplicationFactor))
	}
	if c.DeadLetterQueue.ContextHeaders {
		m[KeyDLQContextHeaders] = "true"
	}
}

func isErrorsKey(key string) bool {
	if !strings.HasPrefix(key, "errors.") {
		return false
	}
	switch key {
	case KeyTolerance, KeyRetryTimeout, KeyRetryDelayMax, KeyLogEnable, KeyLogIncludeMessages,
		KeyDLQTopic, KeyDLQReplication, KeyDLQContextHeaders:
		return true
	}
	return false
}

// wholeMillis rounds away from zero: 500 µs of retries must not become none, and a sub-millisecond maximum delay must not
// become Connect's default of a minute.
func wholeMillis(d time.Duration) time.Duration {
	rest := d % time.Millisecond
	switch {
	case rest == 0:
		return d
	case d > 0 && d <= math.MaxInt64-time.Millisecond:
		return d - rest + time.Millisecond
	case d < 0 && d >= math.MinInt64+time.Millisecond:
		return d - rest - time.Millisecond
	}
	return d - rest
}

func formatMillis(d time.Duration) string {
	return strconv.FormatInt(d.Milliseconds(), 10)
}
