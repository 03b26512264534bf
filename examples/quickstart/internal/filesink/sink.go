package filesink

import (
	"bufio"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Class is the connector class that a config names for this sink.
const Class = "org.apache.kafka.connect.file.FileStreamSinkConnector"

// Worker is what a sink task needs of the worker that runs it.
type Worker struct {
	Brokers []string
	// OffsetFlushInterval is offset.flush.interval.ms. Defaults to Kafka's 60 s.
	OffsetFlushInterval time.Duration
	// Converters adds converter classes, or replaces one.
	Converters map[string]Converter
	// Put sees every record before it is written, as a task's put would. Returning false loses the record without a word, an error fails
	// the task: both are for tests of what watches this sink. Nil writes everything.
	Put    func(r *kgo.Record) (bool, error)
	Logger *slog.Logger // Defaults to none.
}

func (w *Worker) logger() *slog.Logger {
	if w.Logger == nil {
		return slog.New(slog.DiscardHandler)
	}
	return w.Logger
}

// Run is one task from start to stop. It returns nil when ctx ends, and otherwise an error whose text is the trace of the FAILED task.
func (w *Worker) Run(ctx context.Context, connector string, task int, config map[string]string) error {
	t := &sinkTask{worker: w, connector: connector, task: task, done: map[string]map[int32]kgo.EpochOffset{}}
	defer t.close(ctx)
	if e := t.start(ctx, config); e != nil {
		return e
	}
	if e := t.consume(ctx); e != nil {
		return e
	}
	return nil
}

type sinkTask struct {
	worker    *Worker
	connector string
	task      int

	op                   operator
	keyClass, valueClass string
	key, value           Converter
	letters              *deadLetters
	file                 *os.File
	out                  *bufio.Writer
	consumer             *kgo.Client
	done                 map[string]map[int32]kgo.EpochOffset
}

func (t *sinkTask) start(ctx context.Context, config map[string]string) *Exception {
	if e := refuseUnknown(config); e != nil {
		return e
	}
	var e *Exception
	if t.op, e = newOperator(config); e != nil {
		return e
	}
	if t.keyClass, t.key, e = t.worker.converter("key.converter", config); e != nil {
		return e
	}
	if t.valueClass, t.value, e = t.worker.converter("value.converter", config); e != nil {
		return e
	}
	if t.letters, e = t.worker.openDeadLetters(ctx, t.connector, t.task, config); e != nil {
		return e
	}
	if e := t.open(strings.TrimSpace(config["file"])); e != nil {
		return e
	}
	var topics []string
	for topic := range strings.SplitSeq(config["topics"], ",") {
		if topic = strings.TrimSpace(topic); topic != "" {
			topics = append(topics, topic)
		}
	}
	consumer, err := kgo.NewClient(
		kgo.SeedBrokers(t.worker.Brokers...),
		kgo.ClientID("connector-consumer-"+t.connector+"-"+config["task.id"]),
		kgo.ConsumerGroup("connect-"+t.connector),
		kgo.ConsumeTopics(topics...),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), // a sink's auto.offset.reset is earliest
		kgo.DisableAutoCommit(),
		kgo.FetchMaxWait(250*time.Millisecond),
	)
	if err != nil {
		return &Exception{Class: classConnect, Message: new("Failed to construct kafka consumer: " + err.Error()), Frames: startFrames}
	}
	t.consumer = consumer
	return nil
}

// refuseUnknown names what this sink would otherwise silently not do.
func refuseUnknown(config map[string]string) *Exception {
	for _, key := range []string{"topics.regex", "transforms", "predicates"} {
		if strings.TrimSpace(config[key]) != "" {
			return notModelled(key)
		}
	}
	if v := strings.TrimSpace(config["header.converter"]); v != "" && v != simpleHeaderConverter {
		return notModelled("the header converter " + v)
	}
	if strings.TrimSpace(config["topics"]) == "" {
		return configException("topics", "Must configure one of topics or topics.regex")
	}
	return nil
}

// open is FileStreamSinkTask.start: it creates the file, but not its directory.
func (t *sinkTask) open(name string) *Exception {
	if name == "" {
		return notModelled("a sink without a file, which prints to the worker's standard output")
	}
	f, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600) //nolint:gosec // the file that the connector's config names is the point
	if err != nil {
		return couldNotOpen(name, err)
	}
	t.file, t.out = f, bufio.NewWriter(f)
	return nil
}

func couldNotOpen(name string, err error) *Exception {
	cause := &Exception{
		Class: classFileSystem, Message: new(name + ": " + reason(err)),
		Frames: slices.Concat([]string{
			"java.base/sun.nio.fs.UnixException.translateToIOException(Unknown Source)",
			"java.base/sun.nio.fs.UnixException.rethrowAsIOException(Unknown Source)",
			"java.base/sun.nio.fs.UnixException.rethrowAsIOException(Unknown Source)",
			"java.base/sun.nio.fs.UnixFileSystemProvider.newByteChannel(Unknown Source)",
			"java.base/java.nio.file.spi.FileSystemProvider.newOutputStream(Unknown Source)",
			"java.base/java.nio.file.Files.newOutputStream(Unknown Source)",
			"org.apache.kafka.connect.file.FileStreamSinkTask.start(FileStreamSinkTask.java:70)",
		}, startFrames),
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		cause.Class, cause.Message = classNoSuchFile, &name
	case errors.Is(err, fs.ErrPermission):
		cause.Class, cause.Message = classAccessDenied, &name
	}
	return &Exception{
		Class: classConnect, Message: new("Couldn't find or create file '" + name + "' for FileStreamSinkTask"), Cause: cause,
		Frames: slices.Concat([]string{"org.apache.kafka.connect.file.FileStreamSinkTask.start(FileStreamSinkTask.java:74)"}, startFrames),
	}
}

// reason is the system's own word for what went wrong, without Go's.
func reason(err error) string {
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		s := errno.Error()
		return strings.ToUpper(s[:1]) + s[1:]
	}
	return "Input/output error"
}

// consume polls, converts, puts and commits until ctx ends or a record ends the task.
func (t *sinkTask) consume(ctx context.Context) *Exception {
	interval := t.worker.OffsetFlushInterval
	if interval == 0 {
		interval = time.Minute
	}
	// However the task ends, what its batches before delivered is committed (closeAllPartitions): a batch that broke off is read again.
	defer t.commit(context.WithoutCancel(ctx))
	nextFlush := time.Now().Add(interval)
	for {
		poll, cancel := context.WithDeadline(ctx, nextFlush)
		batch := t.consumer.PollRecords(poll, 500).Records() // max.poll.records
		cancel()
		if ctx.Err() != nil {
			return nil
		}
		values, e := t.convert(ctx, batch)
		if e == nil && ctx.Err() == nil {
			e = t.put(values)
		}
		if e != nil {
			return e
		}
		if ctx.Err() != nil {
			return nil
		}
		for _, r := range batch {
			if t.done[r.Topic] == nil {
				t.done[r.Topic] = map[int32]kgo.EpochOffset{}
			}
			t.done[r.Topic][r.Partition] = kgo.EpochOffset{Epoch: r.LeaderEpoch, Offset: r.Offset + 1}
		}
		if now := time.Now(); !now.Before(nextFlush) {
			t.commit(ctx)
			nextFlush = now.Add(interval)
		}
	}
}

// converted is a record on its way to put.
type converted struct {
	record *kgo.Record
	value  any
}

// convert is convertMessages: the whole batch is converted before any of it is put, so a record that ends the task keeps the good ones
// before it out of the file too.
func (t *sinkTask) convert(ctx context.Context, batch []*kgo.Record) ([]converted, *Exception) {
	out := make([]converted, 0, len(batch))
	for _, r := range batch {
		op := t.op
		op.report = func(ctx context.Context, stage Stage, class string, e *Exception) {
			if t.letters != nil {
				t.letters.report(ctx, r, t.connector, t.task, stage, class, e)
			}
		}
		_, skipped, fatal := op.do(ctx, StageKeyConverter, t.keyClass, func() (any, *Exception) { return t.key.ToConnect(r.Key) })
		if fatal != nil {
			return nil, fatal
		}
		if skipped {
			continue
		}
		value, skipped, fatal := op.do(ctx, StageValueConverter, t.valueClass, func() (any, *Exception) { return t.value.ToConnect(r.Value) })
		if fatal != nil {
			return nil, fatal
		}
		if !skipped {
			out = append(out, converted{r, value})
		}
	}
	return out, nil
}

// put is FileStreamSinkTask.put: one line per record. What was written before a failure stays in the file, uncommitted.
func (t *sinkTask) put(batch []converted) (problem *Exception) {
	defer func() {
		if err := t.out.Flush(); err != nil && problem == nil {
			problem = putFailed(err)
		}
	}()
	for _, c := range batch {
		if t.worker.Put != nil {
			write, err := t.worker.Put(c.record)
			if err != nil {
				return putFailed(err)
			}
			if !write {
				continue
			}
		}
		if _, err := t.out.WriteString(javaString(c.value) + "\n"); err != nil {
			return putFailed(err)
		}
	}
	return nil
}

func putFailed(err error) *Exception {
	return &Exception{
		Class: classConnect, Message: new("Exiting WorkerSinkTask due to unrecoverable exception."),
		Frames: slices.Concat([]string{
			"org.apache.kafka.connect.runtime.WorkerSinkTask.deliverMessages(WorkerSinkTask.java:648)",
			"org.apache.kafka.connect.runtime.WorkerSinkTask.poll(WorkerSinkTask.java:360)",
		}, pollFrames[2:]),
		Cause: &Exception{Class: "java.io.IOException", Message: new(reason(err)), Frames: slices.Concat([]string{
			"java.base/java.io.FileOutputStream.writeBytes(Native Method)",
			"org.apache.kafka.connect.runtime.WorkerSinkTask.deliverMessages(WorkerSinkTask.java:618)",
			"org.apache.kafka.connect.runtime.WorkerSinkTask.poll(WorkerSinkTask.java:360)",
		}, pollFrames[2:])},
	}
}

// commit commits what was delivered, after the file and the dead letters have it: the order that makes a sink deliver at least once.
func (t *sinkTask) commit(ctx context.Context) {
	if len(t.done) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second) // offset.flush.timeout.ms
	defer cancel()
	t.letters.flush(ctx)
	var refused error
	t.consumer.CommitOffsetsSync(ctx, t.done, func(_ *kgo.Client, _ *kmsg.OffsetCommitRequest, resp *kmsg.OffsetCommitResponse, err error) {
		refused = err
		if err != nil {
			return
		}
		for _, topic := range resp.Topics {
			for _, p := range topic.Partitions {
				refused = errors.Join(refused, kerr.ErrorForCode(p.ErrorCode))
			}
		}
	})
	// A refused commit (a rebalance) is tried again at the next flush: a record is written twice before one is lost.
	if refused != nil {
		t.worker.logger().WarnContext(ctx, "could not commit offsets", "connector", t.connector, "task", t.task, "err", refused)
	}
}

// close leaves the group and releases everything, within the worker's task.shutdown.graceful.timeout.ms.
func (t *sinkTask) close(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	t.letters.close(ctx)
	if t.file != nil {
		_ = t.file.Close() // put has flushed it
	}
	if t.consumer != nil {
		t.consumer.Close()
	}
}
