package dlq

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"regexp"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl"

	"github.com/go-reconnect/reconnect/connect/failure"
	"github.com/go-reconnect/reconnect/internal/kwire"
)

// Unlimited is a Budget without end.
const Unlimited = math.MaxInt

// RepublisherConfig says what to read, what to do with it and how carefully. Brokers, Topic, Group and Target are required.
type RepublisherConfig struct {
	// Brokers are the bootstrap addresses, host:port.
	Brokers []string
	// ClientID names this program to the brokers. Defaults to "reconnect-dlq".
	ClientID string
	// TLS, SASL and Dial are how to connect, for requests and for the consumer group alike. Defaults to plain text.
	TLS  *tls.Config
	SASL sasl.Mechanism
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Transport replaces the four above. Its MetadataTTL should be about two seconds.
	Transport *kafka.Transport

	// Topic is the dead letter queue.
	Topic string
	// Group is the consumer group whose offsets say what is done. Several instances with one group share the
	// partitions. A name that starts with "connect-" is refused: those belong to sink connectors.
	Group string
	// Start is where to begin. Defaults to StartCommitted.
	Start Start

	// Target is where republished records go, ToOrigin() or ToTopic(name).
	Target Target
	// AcceptOtherConsumers allows ToOrigin although other consumer groups have offsets on the origin topic and will see
	// the records again. Report.OtherConsumers names them.
	AcceptOtherConsumers bool
	// Stale says what becomes of a keyed record of which a newer one is at the origin. It matters for ToOrigin only. Defaults
	// to StalePark.
	Stale Stale
	// AcceptCompacted allows a target with cleanup.policy=compact.
	AcceptCompacted bool
	// Handler decides per record. Defaults to republishing unchanged, within the budget.
	Handler Handler
	// Park takes what is not republished. Without one, the first record to be parked stops the run.
	Park Parker
	// Budget is how often a record may be republished over its life; one that was republished so often is parked. 0 is 3,
	// negative is none at all, Unlimited has no end.
	Budget int

	// RetryCountHeader and RetryTimestampHeader carry the attempts and the time of the last one (decimal, milliseconds).
	// Defaults to "reconnect.retry.count" and "reconnect.retry.timestamp".
	RetryCountHeader, RetryTimestampHeader string
	// KeepTimestamp sends records with the time of the dead letter, which is that of the original record. The default is
	// the time of sending, so that retention does not remove an old record from its topic at once; the original
	// time is kept in the header reconnect.original.timestamp.
	KeepTimestamp bool

	// AcceptGaps passes over the end of a partition that sends nothing for RetryTimeout although its log goes on, instead of
	// ending the run with a *GapError. Without it only a compacted topic that is not in tiered storage is passed over.
	AcceptGaps bool

	// Filter chooses records. It needs a Ledger, or Filter.ParkUnmatched, so that nothing is hidden by it.
	Filter Filter
	// Ledger remembers outcomes over runs: LedgerTopic, LedgerFile or one of your own. With one, a run looks at
	// every record that has no outcome yet, whatever the group has committed.
	Ledger Ledger
	// DryRun asks the handler and counts what would happen. It joins no group, writes nothing and commits nothing.
	DryRun bool
	// Follow goes on at the end and waits for more, until ctx is cancelled; Run then returns nil.
	Follow bool
	// ExactlyOnce puts what a chunk republishes, parks and records in the ledger, and its position, into one transaction:
	// for a reader with isolation.level=read_committed each record is there once, whatever fails. Sinks read
	// uncommitted by default, so a connector needs consumer.override.isolation.level=read_committed. Park and Ledger
	// must be topics. It needs WRITE on the transactional ids that begin with Group.
	ExactlyOnce bool
	// TransactionTimeout is when a broker gives a transaction up. Defaults to 60 s.
	TransactionTimeout time.Duration
	// KeyOrder says whether a record that is parked or deferred holds back the later ones of its key. Defaults to
	// KeyOrderOn with Follow, else KeyOrderOff.
	KeyOrder KeyOrder
	// MaxHeldKeys bounds the memory of KeyOrderOn, 50 bytes or so a key: a run that holds back more ends with a
	// *HeldKeysError. Defaults to 200,000.
	MaxHeldKeys int
	// Canary tries a large run on a few records first, and stops one that follows when what it republishes comes back. On by
	// default above 1,000 records.
	Canary Canary
	// Rate bounds what is written. Defaults to no limit.
	Rate Rate
	// ConnectorGroup names the consumer group of a connector, for one with consumer.override.group.id; "" does not look.
	// Defaults to "connect-" and the name.
	ConnectorGroup func(connector string) string
	// PendingWait is how long after the start a record may look as if its original were still in front of the running
	// connector before it counts as pending: longer than the worker's offset.flush.interval.ms. Defaults to 70 s;
	// negative does not wait.
	PendingWait time.Duration
	// Audit is called with the outcome of each record after its commit, one call at a time.
	Audit func(Entry)
	// By names who ran this, for Audit and Ledger.
	By string
	// Diagnose explains a stack trace for Filter.Fingerprint. Defaults to failure.Diagnose.
	Diagnose func(trace string) failure.Diagnosis

	// ChunkRecords is how many records of a partition are written and committed together. Defaults to 1000.
	ChunkRecords int
	// InFlightBytes bounds the memory for records that were read and not committed yet, over all partitions of this
	// instance; one batch of the topic is always read whole. Defaults to 32 MiB.
	InFlightBytes int
	// BatchBytes bounds one record batch as produced; a topic with a lower max.message.bytes is noticed and
	// respected. Defaults to 900 kB, below Kafka's default limit.
	BatchBytes int
	// Compression of the batches produced. Defaults to none.
	Compression kafka.Compression

	// RetryTimeout is how long one operation is tried again while Kafka does not answer. Defaults to 2 min.
	RetryTimeout time.Duration
	// ShutdownTimeout bounds what a cancelled run still does: write and commit what was decided. Defaults to 10 s.
	ShutdownTimeout time.Duration
	// SessionTimeout and RebalanceTimeout are those of the group. Default to 30 s each.
	SessionTimeout, RebalanceTimeout time.Duration

	// RunID names the run in parked records and in the report. Defaults to a random one.
	RunID string
	// OnProgress is called after every commit, one call at a time; it must be fast.
	OnProgress func(Progress)
	// Logger gets what a person wants to know afterwards, never keys, values or headers. Nil is silent.
	Logger *slog.Logger
}

const (
	defaultRetryCountHeader     = "reconnect.retry.count"
	defaultRetryTimestampHeader = "reconnect.retry.timestamp"

	// HeaderOriginalTimestamp holds the original record's time in milliseconds on a republished one.
	HeaderOriginalTimestamp = "reconnect.original.timestamp"
	// HeaderRetryConnector names, on a republished record, the connector that failed on it.
	HeaderRetryConnector = "reconnect.retry.connector"
	// HeaderDeferred is the time in milliseconds at which a deferred record was put back.
	HeaderDeferred = "reconnect.retry.deferred"
	// HeaderTraceStripped is how many bytes of stack trace were taken off a record that was too large to be parked or
	// deferred with them.
	HeaderTraceStripped = "reconnect.trace.stripped"
	// HeaderNotBefore is the time in milliseconds before which a deferred record must not be tried.
	HeaderNotBefore = "reconnect.retry.not.before"
)

var topicName = regexp.MustCompile(`^[a-zA-Z0-9._-]{1,249}$`)

func isTopicName(name string) bool { return topicName.MatchString(name) && name != "." && name != ".." }

func checkTopicName(field, name string) error {
	switch {
	case name == "":
		return fmt.Errorf("dlq: %s is empty", field)
	case !isTopicName(name):
		return fmt.Errorf("dlq: %s %q is no topic name: at most 249 letters, digits, '.', '_' and '-'", field, name)
	}
	return nil
}

// check validates the configuration and fills in the defaults.
func (c *RepublisherConfig) check() error {
	var errs []error
	add := func(err error) { errs = append(errs, err) }
	if len(c.Brokers) == 0 {
		add(errors.New("dlq: Brokers is empty: give at least one host:port"))
	}
	for _, b := range c.Brokers {
		if _, _, err := net.SplitHostPort(b); err != nil {
			add(fmt.Errorf("dlq: Brokers: %q is not host:port", b))
		}
	}
	if c.Transport != nil && (c.TLS != nil || c.SASL != nil || c.Dial != nil) {
		add(errors.New("dlq: Transport and TLS, SASL or Dial are both set: configure the connection in one place"))
	}
	add(checkTopicName("Topic", c.Topic))
	switch {
	case c.Group == "":
		add(errors.New("dlq: Group is empty: name the consumer group that remembers what is done"))
	case strings.HasPrefix(c.Group, "connect-"):
		add(fmt.Errorf("dlq: Group %q starts with \"connect-\": such a group belongs to a sink connector; choose another name", c.Group))
	}
	switch c.Start {
	case StartCommitted, StartEarliest:
	default:
		add(fmt.Errorf("dlq: Start %d is neither StartCommitted nor StartEarliest", c.Start))
	}
	switch c.Stale {
	case StalePark, StaleSkip, StaleAllow:
	default:
		add(fmt.Errorf("dlq: Stale %d is none of StalePark, StaleSkip, StaleAllow", c.Stale))
	}
	switch c.KeyOrder {
	case KeyOrderDefault:
		c.KeyOrder = KeyOrderOff
		if c.Follow {
			c.KeyOrder = KeyOrderOn
		}
	case KeyOrderOn, KeyOrderOff:
	default:
		add(fmt.Errorf("dlq: KeyOrder %d is none of KeyOrderDefault, KeyOrderOn, KeyOrderOff", c.KeyOrder))
	}
	switch {
	case c.Target == Target{}:
		add(errors.New("dlq: Target is not set: choose ToOrigin(), or ToTopic with the name of a topic"))
	case c.Target.origin:
	default:
		add(checkTopicName("Target", c.Target.topic))
		if c.Target.topic == c.Topic {
			add(fmt.Errorf("dlq: Target is the dead letter queue %q itself: the records would come round for ever", c.Topic))
		}
	}
	if p, ok := c.Park.(*topicParker); ok {
		add(checkTopicName("Park", p.topic))
		switch p.topic {
		case c.Topic:
			add(fmt.Errorf("dlq: Park is the dead letter queue %q itself", c.Topic))
		case c.Target.topic:
			add(fmt.Errorf("dlq: Park and Target are the same topic %q", p.topic))
		}
	}
	for _, f := range []struct {
		name  string
		value *int
		zero  int
		least int
	}{
		{"ChunkRecords", &c.ChunkRecords, 1000, 1},
		{"InFlightBytes", &c.InFlightBytes, 32 << 20, 1 << 16},
		{"BatchBytes", &c.BatchBytes, 900_000, 1 << 10},
		{"MaxHeldKeys", &c.MaxHeldKeys, 200_000, 1},
	} {
		if *f.value == 0 {
			*f.value = f.zero
		}
		if *f.value < f.least || *f.value > 1<<30 {
			add(fmt.Errorf("dlq: %s is %d: allowed are %d to %d", f.name, *f.value, f.least, 1<<30))
		}
	}
	for _, f := range []struct {
		name  string
		value *time.Duration
		zero  time.Duration
	}{
		{"RetryTimeout", &c.RetryTimeout, 2 * time.Minute},
		{"ShutdownTimeout", &c.ShutdownTimeout, 10 * time.Second},
		{"TransactionTimeout", &c.TransactionTimeout, time.Minute},
		{"SessionTimeout", &c.SessionTimeout, 30 * time.Second},
		{"RebalanceTimeout", &c.RebalanceTimeout, 30 * time.Second},
	} {
		if *f.value == 0 {
			*f.value = f.zero
		}
		if *f.value < 0 {
			add(fmt.Errorf("dlq: %s is negative", f.name))
		}
	}
	add(c.Filter.check(c.Ledger != nil))
	add(c.Rate.check())
	add(c.Canary.check())
	add(c.checkExactlyOnce())
	if c.Follow && c.DryRun {
		add(errors.New("dlq: Follow and DryRun are both set: a dry run ends"))
	}
	if l, ok := c.Ledger.(*topicLedger); ok {
		add(checkTopicName("Ledger", l.topic))
		if l.topic == c.Topic || l.topic == c.Target.topic {
			add(fmt.Errorf("dlq: Ledger %q is a topic of the records themselves", l.topic))
		}
	}
	if c.PendingWait == 0 {
		c.PendingWait = 70 * time.Second
	}
	if c.ConnectorGroup == nil {
		c.ConnectorGroup = func(connector string) string { return "connect-" + connector }
	}
	if c.Diagnose == nil {
		c.Diagnose = failure.Diagnose
	}
	if c.Compression != 0 && c.Compression.Codec() == nil {
		add(fmt.Errorf("dlq: Compression %d is unknown", c.Compression))
	}
	if c.Budget == 0 {
		c.Budget = 3
	}
	c.Budget = max(c.Budget, 0)
	setDefault(&c.ClientID, "reconnect-dlq")
	setDefault(&c.RetryCountHeader, defaultRetryCountHeader)
	setDefault(&c.RetryTimestampHeader, defaultRetryTimestampHeader)
	if c.RetryCountHeader == c.RetryTimestampHeader {
		add(fmt.Errorf("dlq: RetryCountHeader and RetryTimestampHeader are both %q", c.RetryCountHeader))
	}
	for _, name := range []string{c.RetryCountHeader, c.RetryTimestampHeader} {
		if IsContextHeader(name) {
			add(fmt.Errorf("dlq: retry header %q has the prefix of an error context, which is stripped", name))
		}
	}
	if c.Handler == nil {
		c.Handler = func(context.Context, *Record) (Decision, error) { return Republish(), nil }
	}
	if c.OnProgress == nil {
		c.OnProgress = func(Progress) {}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return errors.Join(errs...)
}

func setDefault(s *string, value string) {
	if *s == "" {
		*s = value
	}
}

func (c *RepublisherConfig) cluster() kwire.Cluster {
	return kwire.Cluster{Brokers: c.Brokers, ClientID: c.ClientID, TLS: c.TLS, SASL: c.SASL, Dial: c.Dial, Transport: c.Transport}
}
