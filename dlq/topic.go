package dlq

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl"

	"github.com/go-reconnect/reconnect/internal/kwire"
)

// TopicConfig says which dead letter queue CheckTopic and CreateTopic are about. Brokers and Topic are required.
type TopicConfig struct {
	Brokers   []string
	ClientID  string
	TLS       *tls.Config
	SASL      sasl.Mechanism
	Dial      func(ctx context.Context, network, address string) (net.Conn, error)
	Transport *kafka.Transport

	// Topic is the dead letter queue.
	Topic string
	// Sources are the topics that the connector reads: a dead letter is a record of theirs and a few kilobytes of headers.
	Sources []string

	// Partitions of a topic to be created. Defaults to the most of any of Sources, else 1 as Connect itself does.
	Partitions int
	// ReplicationFactor of a topic to be created. 0 is the broker's default.
	ReplicationFactor int
	// Retention of a topic to be created. 0 is for ever: retention counts from the time of the original record.
	Retention time.Duration
	Logger    *slog.Logger
}

// Severity is how bad a finding is.
type Severity string

// The severities.
const (
	SeverityInfo    Severity = "info"
	SeverityWarning Severity = "warning"
	SeverityError   Severity = "error"
)

// Finding is one thing about a topic that a person should know.
type Finding struct {
	Code     string   `json:"code"`
	Severity Severity `json:"severity"`
	Topic    string   `json:"topic"`
	Setting  string   `json:"setting,omitempty"`
	Value    string   `json:"value,omitempty"`
	Message  string   `json:"message"`
	Fix      string   `json:"fix"`
}

// Findings is what CheckTopic found, worst first.
type Findings []Finding

// Err returns an error when one of the findings is SeverityError.
func (f Findings) Err() error {
	var errs []error
	for _, one := range f {
		if one.Severity == SeverityError {
			errs = append(errs, fmt.Errorf("dlq: topic %s: %s: %s", one.Topic, one.Message, one.Fix))
		}
	}
	return errors.Join(errs...)
}

// The codes of CheckTopic.
const (
	CodeTopicMissing     = "DLQ001"
	CodeCompacted        = "DLQ002"
	CodeRetentionPassed  = "DLQ003"
	CodeRetention        = "DLQ004"
	CodeMaxMessageBytes  = "DLQ005"
	CodeTimestampBefore  = "DLQ006"
	CodeOneReplica       = "DLQ007"
	CodeMinInSync        = "DLQ008"
	CodeOnePartition     = "DLQ009"
	CodeSettingsUnread   = "DLQ010"
	CodeSourceMissing    = "DLQ011"
	CodeSourceIsTheQueue = "DLQ012"
	CodeRetentionBytes   = "DLQ013"
	CodeTimestampAfter   = "DLQ014"
	CodeTargetTimestamp  = "DLQ015"
	CodeParkMessageBytes = "DLQ016"
	CodeParkCompacted    = "DLQ017"
	CodeParkRetention    = "DLQ018"
)

// headerRoom is what a dead letter needs beyond its original: a stack trace with causes.
const headerRoom = 64 << 10

// CheckTopic looks at the settings of a dead letter queue, before dead letters vanish from it or are refused by it.
// An error means that it could not look; what it found is in the Findings.
func CheckTopic(ctx context.Context, cfg TopicConfig) (Findings, error) {
	n, err := cfg.tool()
	if err != nil {
		return nil, err
	}
	defer n.close()
	return n.checkTopic(ctx, cfg)
}

func (n *run) checkTopic(ctx context.Context, cfg TopicConfig) (Findings, error) {
	var out Findings
	add := func(code string, s Severity, setting, value, message, fix string) {
		out = append(out, Finding{Code: code, Severity: s, Topic: cfg.Topic, Setting: setting, Value: value, Message: message, Fix: fix})
	}
	count, err := n.lookUp(ctx, cfg.Topic)
	if err != nil {
		return nil, err
	}
	if slices.Contains(cfg.Sources, cfg.Topic) {
		add(CodeSourceIsTheQueue, SeverityError, "", "", "the connector reads its own dead letter queue", "take it out of the connector's topics")
	}
	if count == 0 {
		add(CodeTopicMissing, SeverityError, "", "", "the topic does not exist; Connect would create it with one partition and the broker's retention", "create it first, with CreateTopic")
		return out, nil
	}
	settings, err := n.topicSettings(ctx, cfg.Topic)
	if err != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		add(CodeSettingsUnread, SeverityWarning, "", "", "the topic's settings cannot be read", "allow DESCRIBE_CONFIGS on the topic")
		return out, nil
	}
	if policy := settings["cleanup.policy"]; strings.Contains(policy, "compact") {
		add(CodeCompacted, SeverityError, "cleanup.policy", policy, "compaction removes all dead letters of a key but the last, and refuses those without a key", "set cleanup.policy=delete")
	}
	if err := n.checkRetention(ctx, count, settings, add); err != nil {
		return nil, err
	}
	if v, ok := integer(settings["message.timestamp.before.max.ms"]); ok && v < int64(10*365*24*time.Hour/time.Millisecond) {
		add(CodeTimestampBefore, SeverityWarning, "message.timestamp.before.max.ms", settings["message.timestamp.before.max.ms"],
			"records older than this are refused, and dead letters have the time of their originals", "leave the setting at its default")
	}
	replicas, err := n.replicas(ctx, cfg.Topic)
	if err != nil {
		return nil, err
	}
	if replicas == 1 {
		add(CodeOneReplica, SeverityWarning, "", "1", "one replica: a broker that is lost takes the dead letters with it", "use a replication factor of 3")
	}
	if v, ok := integer(settings["min.insync.replicas"]); ok && v > int64(replicas) {
		add(CodeMinInSync, SeverityError, "min.insync.replicas", settings["min.insync.replicas"],
			"more replicas must be in sync than there are, so nothing can be written", "lower min.insync.replicas or add replicas")
	}
	if count == 1 {
		add(CodeOnePartition, SeverityInfo, "", "1", "one partition: one instance can work on it at a time", "create the topic with more partitions before the connector starts")
	}
	if err := n.checkSources(ctx, cfg, settings, add); err != nil {
		return nil, err
	}
	out.sort()
	return out, nil
}

func (f Findings) sort() {
	slices.SortStableFunc(f, func(a, b Finding) int { return rank(b.Severity) - rank(a.Severity) })
}

func rank(s Severity) int {
	return slices.Index([]Severity{SeverityInfo, SeverityWarning, SeverityError}, s)
}

func integer(s string) (int64, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil
}

type addFinding func(code string, s Severity, setting, value, message, fix string)

// checkRetention compares the retention with the age of the oldest record: Connect writes a dead letter with the time of its
// original, so replaying old data into a connector can empty its queue by itself.
func (n *run) checkRetention(ctx context.Context, count int, settings map[string]string, add addFinding) error {
	if bytes, ok := integer(settings["retention.bytes"]); ok && bytes >= 0 {
		add(CodeRetentionBytes, SeverityWarning, "retention.bytes", settings["retention.bytes"], "the oldest dead letters go when there are too many", "set retention.bytes=-1")
	}
	ms, ok := integer(settings["retention.ms"])
	if !ok || ms < 0 || !strings.Contains(settings["cleanup.policy"], "delete") {
		return nil
	}
	if settings["message.timestamp.type"] == "LogAppendTime" {
		add(CodeRetention, SeverityInfo, "retention.ms", settings["retention.ms"], "dead letters are removed after this time", "set retention.ms=-1 to keep them until they are dealt with")
		return nil
	}
	keep := time.Duration(ms) * time.Millisecond
	oldest, err := n.oldest(ctx, count)
	if err != nil {
		return err
	}
	if !oldest.IsZero() && time.Since(oldest) > keep/2 {
		add(CodeRetentionPassed, SeverityError, "retention.ms", settings["retention.ms"],
			fmt.Sprintf("the oldest record is from %s and retention counts from that time: it can vanish any moment", oldest.UTC().Format(time.RFC3339)), "set retention.ms=-1 now")
		return nil
	}
	add(CodeRetention, SeverityWarning, "retention.ms", settings["retention.ms"],
		"retention counts from the time of the original record, so dead letters of old records vanish at once", "set retention.ms=-1")
	return nil
}

// oldest returns the smallest time among the first records of the partitions.
func (n *run) oldest(ctx context.Context, count int) (time.Time, error) {
	begins, _, err := n.listOffsets(ctx, count, kafka.FirstOffset, kafka.ReadUncommitted)
	if err != nil {
		return time.Time{}, err
	}
	_, ends, err := n.listOffsets(ctx, count, kafka.LastOffset, kafka.ReadCommitted)
	if err != nil {
		return time.Time{}, err
	}
	var oldest time.Time
	for p := range count {
		seen := 0
		err := n.scan(ctx, n.cfg.Topic, p, begins[p], ends[p], func(m *kafka.Message) error {
			if m.Time.UnixMilli() > 0 && (oldest.IsZero() || m.Time.Before(oldest)) {
				oldest = m.Time
			}
			if seen++; seen >= 1000 {
				return errBound
			}
			return nil
		})
		if err != nil && !errors.Is(err, errBound) {
			return time.Time{}, err
		}
	}
	return oldest, nil
}

func (n *run) replicas(ctx context.Context, topic string) (int, error) {
	replicas := 0
	err := kwire.Retry(ctx, answerPatience, func(ctx context.Context) error {
		res, err := n.client.Metadata(ctx, &kafka.MetadataRequest{Topics: []string{topic}})
		if err != nil {
			return err //nolint:wrapcheck // wrapped below
		}
		if len(res.Topics) == 1 && len(res.Topics[0].Partitions) > 0 {
			replicas = len(res.Topics[0].Partitions[0].Replicas)
		}
		return nil
	})
	if err != nil {
		return 0, n.explain("topic "+topic, err)
	}
	return replicas, nil
}

func (n *run) checkSources(ctx context.Context, cfg TopicConfig, settings map[string]string, add addFinding) error {
	own, ok := integer(settings["max.message.bytes"])
	ahead, bounded := futureBound(settings)
	for _, source := range cfg.Sources {
		if source == cfg.Topic {
			continue
		}
		if err := checkTopicName("Sources", source); err != nil {
			return err
		}
		count, err := n.lookUp(ctx, source)
		if err != nil {
			return err
		}
		if count == 0 {
			add(CodeSourceMissing, SeverityWarning, "", source, "source topic "+source+" does not exist", "check the connector's topics")
			continue
		}
		if bounded {
			future, err := n.hasFuture(ctx, source, count, time.Now().Add(ahead))
			if err != nil {
				return err
			}
			if future {
				add(CodeTimestampAfter, SeverityError, "message.timestamp.after.max.ms", settings["message.timestamp.after.max.ms"],
					fmt.Sprintf("%s has records with a time more than %s in the future: a dead letter keeps that time, the queue refuses it, and Connect loses it", source, ahead),
					"set message.timestamp.after.max.ms=9223372036854775807, or message.timestamp.type=LogAppendTime")
			}
		}
		theirs, err := n.topicSettings(ctx, source)
		if err != nil {
			continue
		}
		if v, known := integer(theirs["max.message.bytes"]); ok && known && own < v+headerRoom {
			add(CodeMaxMessageBytes, SeverityWarning, "max.message.bytes", settings["max.message.bytes"],
				fmt.Sprintf("records of %s can have %d bytes; with the error context a large one does not fit, and Connect then loses it", source, v),
				fmt.Sprintf("set max.message.bytes=%d, and producer.override.max.request.size of the connector likewise", v+headerRoom))
		}
	}
	return nil
}

// futureBound is how far in the future the time of a record may be. Kafka 3.6 brought the setting, and 4.0 its default of an
// hour (KIP-937); before there was no bound.
func futureBound(settings map[string]string) (time.Duration, bool) {
	ms, ok := integer(settings["message.timestamp.after.max.ms"])
	if !ok || settings["message.timestamp.type"] == "LogAppendTime" || ms > int64(10*365*24*time.Hour/time.Millisecond) {
		return 0, false
	}
	return time.Duration(ms) * time.Millisecond, true
}

// hasFuture reports whether a topic holds a record of that time or later.
func (n *run) hasFuture(ctx context.Context, topic string, count int, from time.Time) (found bool, err error) {
	requests := make([]kafka.OffsetRequest, count)
	for p := range requests {
		requests[p] = kafka.OffsetRequest{Partition: p, Timestamp: from.UnixMilli()}
	}
	err = kwire.Retry(ctx, n.cfg.RetryTimeout, func(ctx context.Context) error {
		found = false
		res, err := n.client.ListOffsets(ctx, &kafka.ListOffsetsRequest{Topics: map[string][]kafka.OffsetRequest{topic: requests}})
		if err != nil {
			return err //nolint:wrapcheck // wrapped below
		}
		for _, p := range res.Topics[topic] {
			if p.Error != nil {
				return p.Error
			}
			for offset := range p.Offsets {
				found = found || offset >= 0
			}
		}
		return nil
	})
	if err != nil {
		return false, n.explain("offsets of "+topic, err)
	}
	return found, nil
}

// CreateTopic creates a dead letter queue that keeps what is put into it: cleanup.policy=delete, retention for ever unless told
// otherwise, max.message.bytes above that of the sources. A topic that exists is an error (kafka.TopicAlreadyExists).
func CreateTopic(ctx context.Context, cfg TopicConfig) error {
	n, err := cfg.tool()
	if err != nil {
		return err
	}
	defer n.close()
	if cfg.Partitions < 0 || cfg.ReplicationFactor < 0 || cfg.ReplicationFactor > 1<<15-1 || cfg.Retention < 0 {
		return errors.New("dlq: Partitions, ReplicationFactor or Retention is out of range")
	}
	partitions, limit := cfg.Partitions, int64(1<<20+headerRoom)
	for _, source := range cfg.Sources {
		if err := checkTopicName("Sources", source); err != nil {
			return err
		}
		count, err := n.lookUp(ctx, source)
		if err != nil {
			return err
		}
		if cfg.Partitions == 0 {
			partitions = max(partitions, count)
		}
		if count == 0 {
			continue
		}
		settings, err := n.topicSettings(ctx, source)
		if err != nil {
			return n.explain("settings of "+source, err)
		}
		if v, ok := integer(settings["max.message.bytes"]); ok {
			limit = max(limit, v+headerRoom)
		}
	}
	retention := "-1"
	if cfg.Retention > 0 {
		retention = strconv.FormatInt(cfg.Retention.Milliseconds(), 10)
	}
	replication := cfg.ReplicationFactor
	if replication == 0 {
		replication = -1
	}
	err = kwire.Retry(ctx, n.cfg.RetryTimeout, func(ctx context.Context) error {
		res, err := n.client.CreateTopics(ctx, &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{{
			Topic: cfg.Topic, NumPartitions: max(1, partitions), ReplicationFactor: replication,
			ConfigEntries: []kafka.ConfigEntry{
				{ConfigName: "cleanup.policy", ConfigValue: "delete"},
				{ConfigName: "retention.ms", ConfigValue: retention},
				{ConfigName: "retention.bytes", ConfigValue: "-1"},
				{ConfigName: "max.message.bytes", ConfigValue: strconv.FormatInt(limit, 10)},
			},
		}}})
		if err != nil {
			return err //nolint:wrapcheck // wrapped below
		}
		return res.Errors[cfg.Topic]
	})
	if err != nil {
		return n.explain("create topic "+cfg.Topic, err)
	}
	return nil
}

func (c *TopicConfig) tool() (*run, error) {
	return tool(c.Brokers, c.Topic, RepublisherConfig{ClientID: c.ClientID, TLS: c.TLS, SASL: c.SASL, Dial: c.Dial, Transport: c.Transport, Logger: c.Logger})
}
