package errtolerance

import "time"

// FailFast returns Connect's default: the task fails at the first record that cannot be converted or transformed, and stays
// there until somebody repairs the data or the configuration. Nothing is lost.
func FailFast() Config {
	return Config{}
}

// LogAndSkip returns a Config that skips failed records and leaves a line about each in the worker's log, without the
// record's content. For a sink the record itself stays in its topic, but nothing will deliver it again; for a source it is
// gone once the source has moved on.
func LogAndSkip() Config {
	return Config{Tolerance: ToleranceAll, LogEnable: true}
}

// DeadLetter returns a Config that skips failed records and writes each to topic, with headers that say where it came from
// and why it failed. Only sink connectors have a dead letter queue. The topic is created with one partition and three
// replicas where it does not exist (WithReplicationFactor), and an offset can be committed although its dead letter could
// not be written: watch deadletterqueue-produce-failures.
func DeadLetter(topic string) Config {
	return Config{Tolerance: ToleranceAll, DeadLetterQueue: DeadLetterQueue{Topic: topic, ContextHeaders: true}}
}

// WithTolerance returns a copy with errors.tolerance set.
func (c Config) WithTolerance(t Tolerance) Config {
	c.Tolerance = t
	return c
}

// WithRetry returns a copy that retries a failed conversion or transformation for timeout, waiting at most about delayMax
// between attempts (zero: Connect's default of a minute). Only Connect's own RetriableException is retried, and the budget
// is spent anew for each operation on each record. A sink sleeps on its consumer's thread: keep timeout well below
// max.poll.interval.ms (5 minutes unless overridden).
func (c Config) WithRetry(timeout, delayMax time.Duration) Config {
	c.RetryTimeout, c.RetryDelayMax = timeout, delayMax
	return c
}

// WithRetryTimeout returns a copy with errors.retry.timeout set; Forever never gives up, zero does not retry.
func (c Config) WithRetryTimeout(d time.Duration) Config {
	c.RetryTimeout = d
	return c
}

// WithRetryDelayMax returns a copy with errors.retry.delay.max.ms set; zero is Connect's default of a minute.
func (c Config) WithRetryDelayMax(d time.Duration) Config {
	c.RetryDelayMax = d
	return c
}

// WithLogEnable returns a copy with errors.log.enable set.
func (c Config) WithLogEnable(enable bool) Config {
	c.LogEnable = enable
	return c
}

// WithLogIncludeMessages returns a copy with errors.log.include.messages set. A source record is then logged whole, key,
// value and headers: personal data may reach the worker's log.
func (c Config) WithLogIncludeMessages(include bool) Config {
	c.LogIncludeMessages = include
	return c
}

// WithDeadLetterQueue returns a copy with all three dead letter queue settings replaced; the zero value takes the queue away.
func (c Config) WithDeadLetterQueue(q DeadLetterQueue) Config {
	c.DeadLetterQueue = q
	return c
}

// WithDeadLetterTopic returns a copy with errors.deadletterqueue.topic.name set.
func (c Config) WithDeadLetterTopic(topic string) Config {
	c.DeadLetterQueue.Topic = topic
	return c
}

// WithReplicationFactor returns a copy with errors.deadletterqueue.topic.replication.factor set; -1 is the broker's default,
// zero Connect's default of 3.
func (c Config) WithReplicationFactor(n int16) Config {
	c.DeadLetterQueue.ReplicationFactor = n
	return c
}

// WithContextHeaders returns a copy with errors.deadletterqueue.context.headers.enable set.
func (c Config) WithContextHeaders(enable bool) Config {
	c.DeadLetterQueue.ContextHeaders = enable
	return c
}
