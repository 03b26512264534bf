package dlq

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/segmentio/kafka-go"
)

// Parked is a record that waits for a person.
type Parked struct {
	Message kafka.Message // as read: original bytes, all headers; read-only, and valid until Park returns
	Failure Failure
	Sets    int
	Attempt int
	Reason  string
	RunID   string
	At      time.Time
}

// Parker keeps records for review. Park returns nil only when every record is stored durably: the offsets are committed
// right after. It may be called again with the same records, after a crash or a rebalance; (topic, partition, offset) of
// the message tells them. It is called concurrently for different partitions. An error stops the run without a commit.
type Parker interface {
	Park(ctx context.Context, records []Parked) error
}

// The headers that ParkTopic adds behind those of the record.
const (
	HeaderParkReason    = "reconnect.park.reason"
	HeaderParkRun       = "reconnect.park.run"
	HeaderParkTimestamp = "reconnect.park.timestamp"
	HeaderParkSource    = "reconnect.park.source" // topic/partition/offset in the dead letter queue
)

// ParkTopic parks to a topic of the same cluster: the record as read, error context included, with four headers behind its
// own. The topic is created when it does not exist (partitions of the dead letter queue, the broker's replication
// factor, cleanup.policy=delete, retention without end). Parked records can be republished later by the same tool, with
// the parking topic as RepublisherConfig.Topic.
func ParkTopic(topic string) Parker { return &topicParker{topic: topic} }

type topicParker struct {
	topic string
	run   *run
}

func (p *topicParker) Park(ctx context.Context, records []Parked) error {
	if p.run == nil {
		return errors.New("dlq: ParkTopic works as RepublisherConfig.Park only")
	}
	out := make([]outRecord, 0, len(records))
	for i := range records {
		m := &records[i].Message
		partition, err := p.run.partitionFor(ctx, p.topic, m.Partition, m.Key)
		if err != nil {
			return err
		}
		headers := append(slices.Clip(m.Headers),
			kafka.Header{Key: HeaderParkReason, Value: []byte(records[i].Reason)},
			kafka.Header{Key: HeaderParkRun, Value: []byte(records[i].RunID)},
			kafka.Header{Key: HeaderParkTimestamp, Value: strconv.AppendInt(nil, records[i].At.UnixMilli(), 10)},
			kafka.Header{Key: HeaderParkSource, Value: []byte(fmt.Sprintf("%s/%d/%d", m.Topic, m.Partition, m.Offset))},
		)
		o := outRecord{topic: p.topic, partition: partition}
		o.record.Timestamp = p.run.timestamp(*m, records[i].At)
		o.record.Key, o.record.Value, o.record.Headers = m.Key, m.Value, withOriginalTime(headers, *m)
		out = append(out, o)
	}
	refused, err := p.run.produce(ctx, out)
	if err != nil {
		return fmt.Errorf("dlq: park: %w", err)
	}
	for i, reason := range refused {
		return fmt.Errorf("dlq: park to %s: record %s-%d@%d: %s", p.topic,
			records[i].Message.Topic, records[i].Message.Partition, records[i].Message.Offset, reason)
	}
	return nil
}
