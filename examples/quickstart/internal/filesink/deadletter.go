package filesink

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// deadLetters is DeadLetterQueueReporter: it creates the topic when the task starts and writes the records that failed.
type deadLetters struct {
	topic    string
	headers  bool // errors.deadletterqueue.context.headers.enable
	producer *kgo.Client
	log      *slog.Logger
}

// openDeadLetters returns nil where the config names no topic.
func (w *Worker) openDeadLetters(ctx context.Context, connector string, task int, config map[string]string) (*deadLetters, *Exception) {
	d := &deadLetters{
		topic:   strings.TrimSpace(config["errors.deadletterqueue.topic.name"]),
		headers: strings.EqualFold(strings.TrimSpace(config["errors.deadletterqueue.context.headers.enable"]), "true"),
		log:     w.logger(),
	}
	if d.topic == "" {
		return nil, nil
	}
	factor := int64(3) // Kafka's default, which a single broker cannot serve
	if v := strings.TrimSpace(config["errors.deadletterqueue.topic.replication.factor"]); v != "" {
		n, err := strconv.ParseInt(v, 10, 16)
		if err != nil {
			return nil, configException("errors.deadletterqueue.topic.replication.factor", "Not a number of type SHORT")
		}
		factor = n
	}
	producer, err := kgo.NewClient(
		kgo.SeedBrokers(w.Brokers...),
		kgo.ClientID("connector-dlq-producer-"+connector+"-"+strconv.Itoa(task)),
		kgo.ProducerLinger(0),
	)
	if err != nil {
		return nil, initFailed(d.topic, err)
	}
	d.producer = producer
	if err := d.create(ctx, int16(factor)); err != nil {
		d.close(ctx)
		return nil, initFailed(d.topic, err)
	}
	return d, nil
}

// create makes the topic with one partition where it is missing. What an existing topic looks like is not checked, as in Connect.
func (d *deadLetters) create(ctx context.Context, factor int16) error {
	meta := kmsg.NewPtrMetadataRequest()
	t := kmsg.NewMetadataRequestTopic()
	t.Topic = new(d.topic)
	meta.Topics = append(meta.Topics, t)
	found, err := meta.RequestWith(ctx, d.producer)
	if err != nil {
		return err
	}
	if len(found.Topics) == 1 && found.Topics[0].ErrorCode == 0 {
		return nil
	}
	req := kmsg.NewPtrCreateTopicsRequest()
	req.TimeoutMillis = 30_000
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = d.topic, 1, factor
	req.Topics = append(req.Topics, topic)
	resp, err := req.RequestWith(ctx, d.producer)
	if err != nil {
		return err
	}
	if len(resp.Topics) != 1 {
		return errors.New("no answer for the topic")
	}
	switch err := kerr.ErrorForCode(resp.Topics[0].ErrorCode); {
	case err == nil, errors.Is(err, kerr.TopicAlreadyExists):
		return nil
	case errors.Is(err, kerr.InvalidReplicationFactor):
		return &tooFewBrokersError{factor, len(found.Brokers)}
	default:
		return err
	}
}

// tooFewBrokersError is InvalidReplicationFactorException.
type tooFewBrokersError struct {
	factor  int16
	brokers int
}

func (e *tooFewBrokersError) Error() string {
	return fmt.Sprintf("Unable to replicate the partition %d time(s): The target replication factor of %d cannot be reached because only %d broker(s) are registered or some brokers have all their log directories cordoned.",
		e.factor, e.factor, e.brokers)
}

func initFailed(topic string, err error) *Exception {
	class, message := "org.apache.kafka.common.errors.TimeoutException", err.Error()
	if _, ok := errors.AsType[*tooFewBrokersError](err); ok {
		class = "org.apache.kafka.common.errors.InvalidReplicationFactorException"
	}
	cause := &Exception{Class: class, Message: &message}
	return &Exception{
		Class: classConnect, Message: new("Could not initialize dead letter queue with topic=" + topic),
		Frames: slices.Concat([]string{"org.apache.kafka.connect.runtime.errors.DeadLetterQueueReporter.createAndSetup(DeadLetterQueueReporter.java:93)"}, reporterFrames),
		Cause: &Exception{
			Class: classExecution, Message: new(cause.String()), Cause: cause,
			Frames: slices.Concat([]string{
				"java.base/java.util.concurrent.CompletableFuture.reportGet(Unknown Source)",
				"java.base/java.util.concurrent.CompletableFuture.get(Unknown Source)",
				"org.apache.kafka.common.internals.KafkaFutureImpl.get(KafkaFutureImpl.java:155)",
				"org.apache.kafka.connect.runtime.errors.DeadLetterQueueReporter.createAndSetup(DeadLetterQueueReporter.java:87)",
			}, reporterFrames),
		},
	}
}

// report writes one dead letter. Like Connect it waits for no acknowledgement: a write that fails is logged and lost.
func (d *deadLetters) report(ctx context.Context, r *kgo.Record, connector string, task int, stage Stage, class string, e *Exception) {
	letter := &kgo.Record{Topic: d.topic, Key: r.Key, Value: r.Value, Timestamp: r.Timestamp, Headers: slices.Clone(r.Headers)}
	if d.headers {
		letter.Headers = append(letter.Headers, contextHeaders(r, connector, task, stage, class, e)...)
	}
	d.producer.Produce(context.WithoutCancel(ctx), letter, func(_ *kgo.Record, err error) {
		if err != nil {
			d.log.ErrorContext(ctx, "could not write to the dead letter queue", "connector", connector, "task", task, "err", err)
		}
	})
}

// contextHeaders are the ten headers of KIP-298, in the order that Connect writes them.
func contextHeaders(r *kgo.Record, connector string, task int, stage Stage, class string, e *Exception) []kgo.RecordHeader {
	const prefix = "__connect.errors."
	header := func(name, value string) kgo.RecordHeader {
		return kgo.RecordHeader{Key: prefix + name, Value: []byte(value)}
	}
	message := kgo.RecordHeader{Key: prefix + "exception.message"} // a null message keeps its header, with a null value
	if e.Message != nil {
		message.Value = []byte(*e.Message)
	}
	return []kgo.RecordHeader{
		header("topic", r.Topic),
		header("partition", strconv.Itoa(int(r.Partition))),
		header("offset", strconv.FormatInt(r.Offset, 10)),
		header("connector.name", connector),
		header("task.id", strconv.Itoa(task)),
		header("stage", string(stage)),
		header("class.name", class),
		header("exception.class.name", e.Class),
		message,
		header("exception.stacktrace", e.Trace()),
	}
}

// flush waits for what was reported, within the context.
func (d *deadLetters) flush(ctx context.Context) {
	if d != nil {
		_ = d.producer.Flush(ctx) // what failed was logged by its own callback
	}
}

func (d *deadLetters) close(ctx context.Context) {
	if d != nil {
		d.flush(ctx)
		d.producer.Close()
	}
}
