package errtolerance

import (
	"fmt"
	"time"
)

// Stage is where a record fails, by Connect's own names (org.apache.kafka.connect.runtime.errors.Stage).
type Stage string

// The stages.
const (
	StageKeyConverter    Stage = "KEY_CONVERTER"
	StageValueConverter  Stage = "VALUE_CONVERTER"
	StageHeaderConverter Stage = "HEADER_CONVERTER"
	StageTransformation  Stage = "TRANSFORMATION"
	StagePut             Stage = "TASK_PUT"
	StagePoll            Stage = "TASK_POLL"
	StageProduce         Stage = "KAFKA_PRODUCE"
)

// Event is one record that fails at one stage.
type Event struct {
	Stage Stage
	// Retriable says that the error is org.apache.kafka.connect.errors.RetriableException. The clients' exception of the same
	// name does not count for converters and transformations.
	Retriable bool
	// SucceedsAt is the attempt that would succeed, counted from 1; zero means none.
	SucceedsAt int
	// Reported says that a sink hands the record to the errant record reporter (KIP-610) instead of throwing. StagePut only.
	Reported bool
	// DeadLetterFails says that the dead letter cannot be written: too large for the topic, not authorised, topic gone.
	DeadLetterFails bool
	// DeadLetterNotSent says that the producer refuses the dead letter by itself, before it is sent, as it does with one beyond
	// producer.override.max.request.size (1 MiB by default). It implies DeadLetterFails.
	DeadLetterNotSent bool
	// DeadLetterTopicExists says that the queue's topic is there, so that its replication factor does not matter.
	DeadLetterTopicExists bool
	// ExactlyOnce says that the source runs with exactly-once support (KIP-618). StageProduce only.
	ExactlyOnce bool
}

// Fate is what becomes of the record.
type Fate string

const (
	// FateDelivered goes on as if nothing had happened.
	FateDelivered Fate = "delivered"
	// FateSkipped is left out, and a dead letter or a log line says so.
	FateSkipped Fate = "skipped"
	// FateLost is left out, and nothing says so.
	FateLost Fate = "lost"
	// FateHeld is still in front of the connector: the task stands, or keeps trying.
	FateHeld Fate = "held"
)

// Metrics are the amounts by which the task-error-metrics of the task move.
type Metrics struct {
	RecordFailures, RecordErrors, RecordsSkipped, Retries, ErrorsLogged, DLQRequests, DLQFailures int
}

// Outcome is what Connect does with one failing record.
type Outcome struct {
	// Refused is true where a worker does not accept the configuration; nothing else is set then but Notes.
	Refused bool
	// Applicable is false where such an event cannot happen, as a put in a source; Notes says why.
	Applicable bool
	// StartFails is true where the task is FAILED before it reads a record.
	StartFails bool
	// Attempts is how often the operation is tried; -1 is without end. With random waits it is the least number.
	Attempts int
	// Schedule holds the waits between the attempts.
	Schedule Schedule
	// Redelivered is true where the whole batch is put again and again, or poll is called again, outside errors.*.
	Redelivered bool
	// Metrics are the task-error-metrics until the record is done with or the task stops.
	Metrics Metrics
	// Logged says that a line is written; LogHasRecord that it holds the record itself (sources with include.messages).
	Logged, LogHasRecord bool
	// DeadLetters are the copies written the first time, CopiesPerRestart those of each restart of the task.
	DeadLetters, CopiesPerRestart int
	// DeadLetterTopic is where, and ContextHeaders whether they say where they came from.
	DeadLetterTopic string
	ContextHeaders  bool
	// Fate is what becomes of the record, OffsetCommitted whether it counts as done.
	Fate            Fate
	OffsetCommitted bool
	// Task is RUNNING or FAILED, and Trace a sentence of Connect's own in the trace of a FAILED task.
	Task, Trace string
	// Depends lists what is unknown and would change the outcome; the worst case is shown.
	Depends []string
	// Notes are in words for people.
	Notes []string
}

// CopiesAfter returns the dead letters of this record after so many restarts of the task.
func (o Outcome) CopiesAfter(restarts int) int {
	return o.DeadLetters + max(restarts, 0)*o.CopiesPerRestart
}

const (
	taskRunning = "RUNNING"
	taskFailed  = "FAILED"
	traceTol    = "Tolerance exceeded in error handler"
	tracePut    = "Exiting WorkerSinkTask due to unrecoverable exception."
	traceDLQ    = "Could not initialize dead letter queue with topic="
	traceAwait  = "org.apache.kafka.connect.errors.ConnectException: java.util.concurrent.ExecutionException"
)

// Predict tells what a worker does with one failing record. What the target leaves open is listed in Outcome.Depends, and
// the worse case is returned. It covers Kafka 2.0 to 4.3. Attempts, metrics, log, dead letters, offset and task state of each
// stage were compared with workers of 3.9.0 and 4.3.1 (TestOnRealWorkers); what differs in other versions follows from these
// sources: RetryWithToleranceOperator.java, WorkerSinkTask.java, WorkerErrantRecordReporter.java, AbstractWorkerSourceTask.java,
// KIP-298, KIP-610, KIP-779, KAFKA-18073.
func Predict(connector map[string]string, target Target, e Event) Outcome {
	s := new(subject)
	s.init("", connector, &target, nil)
	s.errorsRules()
	s.frameworkRules()
	var o Outcome
	for _, f := range s.findings {
		if f.Refused {
			o.Refused = true
			o.Notes = append(o.Notes, f.Key+": "+f.Message)
		}
	}
	if o.Refused {
		return o
	}
	switch e.Stage {
	case StageKeyConverter, StageValueConverter, StageHeaderConverter, StageTransformation:
	case StagePut:
		if s.source() {
			o.Notes = append(o.Notes, "a source has no put")
			return o
		}
		s.kind, s.kindKnown = KindSink, true
	case StagePoll, StageProduce:
		if s.sink() {
			o.Notes = append(o.Notes, "a sink neither polls a system nor produces records")
			return o
		}
		s.kind, s.kindKnown = KindSource, true
	default:
		o.Notes = append(o.Notes, "unknown stage")
		return o
	}
	o.Applicable = true
	e.DeadLetterFails = e.DeadLetterFails || e.DeadLetterNotSent
	p := predictor{subject: s, e: e, o: &o}
	for _, unknown := range [...]struct {
		key   string
		state state
	}{{KeyTolerance, s.tolerance.state}, {KeyRetryTimeout, s.timeout.state}, {KeyRetryDelayMax, s.delayMax.state}, {KeyLogEnable, s.logEnable.state}, {KeyDLQTopic, s.dlq.state}} {
		if unknown.state == unknowable {
			p.depends(unknown.key + " is a reference")
		}
	}
	if !s.kindKnown && s.dlq.v != "" {
		p.depends("whether it is a sink: only sinks have a dead letter queue")
		p.noQueue = true
	}
	if p.startFails() {
		return o
	}
	switch e.Stage {
	case StagePut:
		p.put()
	case StagePoll:
		p.poll()
	case StageProduce:
		p.produce()
	default:
		p.operation()
	}
	return o
}

type predictor struct {
	*subject
	e       Event
	o       *Outcome
	noQueue bool
}

func (p *predictor) depends(on string) { p.o.Depends = append(p.o.Depends, on) }
func (p *predictor) note(text string)  { p.o.Notes = append(p.o.Notes, text) }

// queue reports whether the worker has a dead letter queue for this connector.
func (p *predictor) queue() bool { return p.hasDLQ() && !p.noQueue }

func (p *predictor) startFails() bool {
	if !p.queue() || p.e.DeadLetterTopicExists {
		return false
	}
	why := ""
	switch n := p.rf.v; {
	case p.dlq.state == set && topicNameError(p.dlq.v) != "":
		why = "no topic can have the name of the dead letter queue"
	case !p.rf.usable():
		p.depends(KeyDLQReplication + " is a reference")
	case n == 0 || n < -1:
		why = "no topic can have this number of replicas"
	case p.t.Brokers > 0 && n > int64(p.t.Brokers):
		why = fmt.Sprintf("the dead letter queue cannot be created: %d replicas on %d broker(s)", n, p.t.Brokers)
	case p.t.Brokers == 0 && n > 1:
		p.depends(fmt.Sprintf("the number of brokers: with fewer than %d the task fails at start unless the topic exists", n))
	}
	if why == "" {
		return false
	}
	p.o.StartFails, p.o.Task, p.o.Trace, p.o.Fate = true, taskFailed, traceDLQ+p.dlq.v, FateHeld
	p.note(why + "; the connector itself stays RUNNING")
	return true
}

// report writes to the log and the dead letter queue, and says whether anything of the record is left anywhere.
func (p *predictor) report(copies bool) (kept bool) {
	if p.logEnable.v {
		p.o.Logged, kept = true, true
		p.o.LogHasRecord = p.logMessages.v && p.source()
		p.o.Metrics.ErrorsLogged++
	}
	if p.queue() {
		p.o.DeadLetterTopic, p.o.ContextHeaders = p.dlq.v, p.headers.v
		p.o.Metrics.DLQRequests++
		if p.e.DeadLetterFails {
			p.o.Metrics.DLQFailures++
			return kept
		}
		kept = true
		p.o.DeadLetters = 1
		if copies {
			p.o.CopiesPerRestart = 1
		}
	}
	return kept
}

// drop leaves the record out and moves on.
func (p *predictor) drop() {
	p.o.Task, p.o.OffsetCommitted, p.o.Fate = taskRunning, true, FateLost
	if p.report(false) {
		p.o.Fate = FateSkipped
	}
	if p.queue() && p.e.DeadLetterFails && p.e.Stage != StagePut {
		p.note("the dead letter is written without waiting: the offset is committed although it failed")
	}
}

// fail stops the task at the record.
func (p *predictor) fail(trace string) {
	p.o.Task, p.o.Trace, p.o.Fate = taskFailed, trace, FateHeld
	p.report(true)
	if p.o.DeadLetters > 0 {
		p.note("the offset is not committed: every restart of the task writes one more copy")
	}
}

func (p *predictor) delivered() {
	p.o.Task, p.o.Fate, p.o.OffsetCommitted = taskRunning, FateDelivered, true
}

// operation is a converter's call or a transformation's.
func (p *predictor) operation() {
	o := p.o
	if p.e.SucceedsAt == 1 {
		o.Attempts = 1
		p.delivered()
		return
	}
	o.Attempts = 1
	if !p.e.Retriable {
		o.Metrics.RecordFailures = 1
		p.decide()
		return
	}
	timeout := p.timeout.v
	if timeout < 0 {
		if p.before(3, 4) {
			timeout = 0
		} else if p.version.IsZero() {
			p.depends("the version: before 3.4 a negative " + KeyRetryTimeout + " means no retries")
		}
	}
	if timeout > 1<<63-1-epoch2020 {
		timeout = 0 // the deadline overflows
	}
	o.Schedule = scheduleOf(millis(timeout), millis(p.delayMax.v))
	o.Attempts = o.Schedule.MinAttempts
	switch {
	case o.Schedule.Broken:
		o.Attempts, o.Metrics.RecordFailures = 1, 2
		p.note("IllegalArgumentException takes the place of the record's own error")
		p.decide()
	case o.Schedule.MinAttempts < 0 && p.e.SucceedsAt == 0:
		o.Task, o.Fate = taskRunning, FateHeld
		if p.sink() {
			p.note("after max.poll.interval.ms the consumer leaves its group, and the batch is read again elsewhere")
		}
	case p.e.SucceedsAt > 0 && (o.Schedule.MinAttempts < 0 || p.e.SucceedsAt <= o.Schedule.MinAttempts):
		o.Attempts = p.e.SucceedsAt
		o.Metrics.RecordFailures, o.Metrics.Retries = p.e.SucceedsAt-1, p.e.SucceedsAt-1
		p.delivered()
	default:
		if p.e.SucceedsAt > 0 && o.Schedule.MaxAttempts < 0 {
			p.depends("the random waits: short ones leave room for more attempts")
		}
		o.Metrics.Retries = o.Attempts - 1
		o.Metrics.RecordFailures = o.Attempts
		p.exhausted()
	}
	if p.sink() && timeout > 0 && p.pollInterval.usable() && timeout >= p.pollInterval.v && o.Attempts > 1 {
		p.note("the retries may outlast max.poll.interval.ms: the consumer leaves its group")
	}
}

// exhausted is a retriable error whose time is over: before 4.0 the record is dropped without asking the tolerance.
func (p *predictor) exhausted() {
	old := p.before(4, 0)
	if p.version.IsZero() && p.intolerant() {
		p.depends("the version: from 4.0 errors.tolerance=none fails the task instead (KAFKA-18073)")
		old = true
	}
	if p.version.IsZero() && !old {
		p.depends("the version: from 4.0 total-record-failures counts the last failure twice")
	}
	if old {
		p.o.Metrics.RecordErrors, p.o.Metrics.RecordsSkipped = 1, 1
		p.drop()
		if p.intolerant() {
			p.note("KAFKA-18073: dropped although errors.tolerance is none")
		}
		return
	}
	if !p.version.IsZero() {
		p.o.Metrics.RecordFailures++
	}
	p.decide()
}

// decide is the tolerance's turn.
func (p *predictor) decide() {
	p.o.Metrics.RecordErrors = 1
	if p.tolerates() {
		p.o.Metrics.RecordsSkipped = 1
		p.drop()
		return
	}
	p.fail(traceTol)
}

func (p *predictor) put() {
	o := p.o
	o.Attempts = 1
	if p.e.SucceedsAt == 1 {
		p.delivered()
		return
	}
	if p.e.Reported && !p.before(2, 6) {
		if !p.queue() && !p.logEnable.v {
			p.note("there is no reporter without a dead letter queue or the log: connectors usually throw instead")
			o.Task, o.Trace, o.Fate = taskFailed, tracePut, FateHeld
			return
		}
		o.Metrics.RecordFailures = 1
		switch {
		case !p.tolerates():
			o.Metrics.RecordErrors = 1
			p.fail(tracePut)
		case p.queue() && p.e.DeadLetterFails && !p.e.DeadLetterNotSent:
			// WorkerErrantRecordReporter.awaitFutures throws and has forgotten the future, so that the commit with which the task
			// closes its partitions succeeds. So on 3.9.0 and 4.3.1.
			p.drop()
			o.Task, o.Trace = taskFailed, traceAwait
			p.note("Connect waits for these dead letters before it commits: one that a broker does not take fails the task, which commits the offset on its way out all the same")
		default:
			// WorkerErrantRecordReporter keeps only futures that are not done yet, and the producer's own refusal is done at once:
			// nobody looks at it again, on 3.9.0 and 4.3.1 alike.
			p.drop()
			if p.queue() && p.e.DeadLetterNotSent {
				p.note("the producer refuses the dead letter at once, and Connect waits only for those that are under way: the offset is committed")
			}
		}
		return
	}
	if p.e.Retriable {
		p.redeliver("the same batch is put again without limit, with the consumer paused; errors.* has no part in it")
		return
	}
	o.Task, o.Trace, o.Fate = taskFailed, tracePut, FateHeld
	if p.tolerates() {
		p.note("errors.tolerance=all does not cover what put throws")
	}
}

func (p *predictor) redeliver(why string) {
	p.o.Redelivered, p.o.Task = true, taskRunning
	p.note(why)
	if p.e.SucceedsAt > 0 {
		p.o.Attempts, p.o.Fate, p.o.OffsetCommitted = p.e.SucceedsAt, FateDelivered, true
		return
	}
	p.o.Attempts, p.o.Fate = -1, FateHeld
}

func (p *predictor) poll() {
	p.o.Attempts = 1
	if p.e.SucceedsAt == 1 {
		p.delivered()
		return
	}
	if p.e.Retriable {
		p.redeliver("poll is called again at once, without limit; errors.* has no part in it")
		return
	}
	p.o.Task, p.o.Fate = taskFailed, FateHeld
	if p.tolerates() {
		p.note("errors.tolerance=all does not cover what poll throws")
	}
}

func (p *predictor) produce() {
	o := p.o
	o.Attempts = 1
	if p.e.SucceedsAt == 1 {
		p.delivered()
		return
	}
	switch {
	case p.e.ExactlyOnce:
		p.note("with exactly-once support every failure of the producer fails the task")
	case p.tolerates() && p.before(3, 2):
		p.note("before 3.2 errors.tolerance does not cover the producer (KIP-779)")
	case p.tolerates():
		if p.version.IsZero() {
			p.depends("the version: before 3.2 the task fails instead (KIP-779)")
		}
		o.Metrics.RecordFailures = 1
		p.drop()
		return
	}
	o.Task, o.Fate = taskFailed, FateHeld
}

// millis is a duration of so many milliseconds, as long as one can be.
func millis(ms int64) time.Duration {
	const most = int64(1<<63-1) / int64(time.Millisecond)
	return time.Duration(max(min(ms, most), -most)) * time.Millisecond
}
