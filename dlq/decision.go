package dlq

import (
	"context"
	"time"

	"github.com/segmentio/kafka-go"
)

// Record is one dead letter as a Handler sees it.
type Record struct {
	// Message is the record as read: read-only, and valid until the handler returns.
	Message kafka.Message

	// Out is what Republish sends, for the handler to change. It is prefilled with the topic of the Target, the
	// origin's partition (-1: by key), the key, the value, and the headers without any error context. A zero Time means
	// the time of sending. The slices are those of Message: replace them, do not write into them.
	Out kafka.Message

	// Failure is the latest error context. Without one its Has is 0, Topic is empty and the numbers are -1.
	Failure Failure
	// Sets is how many error contexts the record carries, 0 without any.
	Sets int
	// Attempt is how often the record was republished before: max(retry header, Sets-1).
	Attempt int
	// Err is what Parse said of the headers: nil, ErrNoContext, or one or more *HeaderError.
	Err error

	order uint64 // see keyOrder
}

// Handler decides what becomes of a record. It is called for one record at a time per partition, in order, and
// concurrently across partitions. A non-nil error stops the run; that record and those after it are not committed.
type Handler func(ctx context.Context, r *Record) (Decision, error)

// Decision is what a Handler wants done with a record. The zero Decision parks.
type Decision struct {
	kind   decisionKind
	reason string
	delay  time.Duration
}

type decisionKind uint8

const (
	decidePark decisionKind = iota
	decideRepublish
	decideSkip
	decideRetryAfter
)

// Republish sends Record.Out to its topic, if the budget allows; else the record is parked.
func Republish() Decision { return Decision{kind: decideRepublish} }

// Park hands the record as read, with the reason, to the Parker.
func Park(reason string) Decision { return Decision{kind: decidePark, reason: reason} }

// Skip drops the record: it is committed and goes nowhere.
func Skip(reason string) Decision { return Decision{kind: decideSkip, reason: reason} }

// RetryAfter appends the record, as read, to the dead letter queue again with a header that says not before when, and
// goes on (`deferred`): nothing waits in memory. It counts as an attempt. A run that meets the record too early defers it
// again without counting. See RetryDelay for a delay that grows with the attempts.
func RetryAfter(d time.Duration) Decision { return Decision{kind: decideRetryAfter, delay: d} }

// String names the decision and its reason.
func (d Decision) String() string {
	switch d.kind {
	case decideRepublish:
		return "republish"
	case decideSkip:
		return withReason("skip", d.reason)
	case decideRetryAfter:
		return "retry after " + d.delay.String()
	case decidePark:
	}
	return withReason("park", d.reason)
}

func withReason(verb, reason string) string {
	if reason == "" {
		return verb
	}
	return verb + ": " + reason
}

// Target is where republished records go: ToOrigin or ToTopic. There is no default.
type Target struct {
	topic  string
	origin bool
}

// ToOrigin sends each record back to the topic it came from, into the same partition while that exists and else by key as
// a Java client does. Every other consumer group of that topic sees the record again: Run lists those and stops
// unless RepublisherConfig.AcceptOtherConsumers is set.
func ToOrigin() Target { return Target{origin: true} }

// ToTopic sends every record to one topic, typically a retry topic that is a second input of the same connector.
func ToTopic(topic string) Target { return Target{topic: topic} }

// String says where records go.
func (t Target) String() string {
	if t.origin {
		return "origin"
	}
	return t.topic
}

// Start is where a run begins to read.
type Start int

const (
	// StartCommitted begins at the group's committed offsets, and where there are none at the beginning. The default.
	StartCommitted Start = iota
	// StartEarliest resets the group to the beginning of the topic first. It is refused while the group has members.
	StartEarliest
)
