package errtolerance

import (
	"errors"
	"fmt"

	"github.com/go-reconnect/reconnect/internal/kversion"
)

// Validate returns an error for each setting with which records will be lost or the connector will not start on target:
// one [KeyError] each, joined. What is merely unwise is [Lint]'s to say, and so is what depends on the rest of the
// connector's configuration. A zero Target checks what holds everywhere.
func (c Config) Validate(target Target) error {
	c = c.Normalize()
	var errs []error
	fail := func(key string, refused bool, reason, fix string) {
		errs = append(errs, &KeyError{Key: key, Refused: refused, Reason: reason, Fix: fix})
	}
	if c.Tolerance != "" {
		if e := toleranceError(string(c.Tolerance)); e != nil && e.Refused {
			errs = append(errs, e)
		}
	}
	q := c.DeadLetterQueue
	source := target.Kind == KindSource
	if q.Topic != "" && source {
		fail(KeyDLQTopic, false, "a source connector has no dead letter queue, Kafka ignores the key", "remove it and set "+KeyLogEnable+"=true")
	}
	if c.Tolerance == ToleranceAll && !c.LogEnable && (q.Topic == "" || source) {
		fix := "set " + KeyLogEnable + "=true"
		if !source {
			fix = "set " + KeyDLQTopic + " (sinks) or " + KeyLogEnable + "=true"
		}
		fail(KeyTolerance, false, "all without a dead letter queue and without the log drops failed records without a trace", fix)
	}
	if q.Topic != "" && !source {
		if reason := topicNameError(q.Topic); reason != "" && !unresolved(q.Topic) {
			fail(KeyDLQTopic, false, "no topic can have this name: "+reason+"; the task fails at start", "use letters, digits, '.', '_' and '-', at most 249")
		}
		n := q.ReplicationFactor
		if n == 0 {
			n = DefaultReplicationFactor
		}
		switch {
		case n < -1:
			fail(KeyDLQReplication, false, "no topic can have this number of replicas, the task fails at start", "write the number of replicas, or -1 for the broker's default")
		case target.Brokers > 0 && int(n) > target.Brokers:
			fail(KeyDLQReplication, false, fmt.Sprintf("%d replicas on %d broker(s): the task fails at start unless the topic exists", n, target.Brokers),
				fmt.Sprintf("set it to %d, or to -1 for the broker's default", target.Brokers))
		}
	}
	if c.RetryTimeout != 0 && c.RetryDelayMax < 0 {
		fail(KeyRetryDelayMax, false, "a negative maximum makes the first retry fail and hides the record's own error", "write 60000, or remove the key")
	}
	if v, ok := kversion.Parse(target.KafkaVersion); ok && c.RetryTimeout < 0 && !v.AtLeast(3, 4) {
		fail(KeyRetryTimeout, false, "negative: before Kafka 3.4 this means no retries at all (KAFKA-13952)", "write the milliseconds you can afford, as in 60000")
	}
	return errors.Join(errs...)
}

// topicNameError says why Kafka cannot have a topic of this name, or "". Source: org.apache.kafka.common.internals.Topic.
func topicNameError(name string) string {
	switch {
	case name == "":
		return "it is empty"
	case name == "." || name == "..":
		return "it is . or .."
	case len(name) > 249:
		return "it is longer than 249"
	}
	for i := range len(name) {
		switch b := name[i]; {
		case isLetter(b), b >= '0' && b <= '9', b == '.', b == '_', b == '-':
		default:
			return "it holds a character other than letters, digits, '.', '_' and '-'"
		}
	}
	return ""
}
