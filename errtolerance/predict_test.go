package errtolerance_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/go-reconnect/reconnect/errtolerance"
)

func TestPredict(t *testing.T) {
	t.Parallel()
	type m = errtolerance.Metrics
	const (
		none = `none`
		all  = `all`
	)
	sink := func(extra ...string) map[string]string {
		cfg := map[string]string{"connector.class": "FileStreamSink", "topics": "in"}
		for i := 0; i < len(extra); i += 2 {
			cfg[extra[i]] = extra[i+1]
		}
		return cfg
	}
	source := func(extra ...string) map[string]string {
		cfg := sink(extra...)
		cfg["connector.class"] = "FileStreamSource"
		delete(cfg, "topics")
		return cfg
	}
	dlq := []string{"errors.deadletterqueue.topic.name", "dlq", "errors.deadletterqueue.topic.replication.factor", "1", "errors.log.enable", "true"}
	with := func(tolerance string, extra ...string) []string {
		return append(append([]string{"errors.tolerance", tolerance}, dlq...), extra...)
	}
	conv := errtolerance.Event{Stage: errtolerance.StageValueConverter}
	retriable := errtolerance.Event{Stage: errtolerance.StageTransformation, Retriable: true}
	six := []string{"errors.retry.timeout", "6000"}
	for _, tt := range []struct {
		name      string
		cfg       map[string]string
		target    errtolerance.Target
		event     errtolerance.Event
		metrics   m
		attempts  int
		dead      int
		perCopy   int
		fate      errtolerance.Fate
		committed bool
		task      string
	}{
		{"a tolerated conversion error is dead-lettered", sink(with(all)...), errtolerance.Target{KafkaVersion: "4.3.1"}, conv, m{RecordFailures: 1, RecordErrors: 1, RecordsSkipped: 1, ErrorsLogged: 1, DLQRequests: 1}, 1, 1, 0, errtolerance.FateSkipped, true, "RUNNING"},
		{"without tolerance it is dead-lettered and fails the task, at every restart again", sink(with(none)...), errtolerance.Target{KafkaVersion: "4.3.1"}, conv, m{RecordFailures: 1, RecordErrors: 1, ErrorsLogged: 1, DLQRequests: 1}, 1, 1, 1, errtolerance.FateHeld, false, "FAILED"},
		{"tolerance all alone loses it", sink("errors.tolerance", "all"), errtolerance.Target{KafkaVersion: "4.3.1"}, conv, m{RecordFailures: 1, RecordErrors: 1, RecordsSkipped: 1}, 1, 0, 0, errtolerance.FateLost, true, "RUNNING"},
		{"a dead letter that cannot be written is lost with the record", sink("errors.tolerance", "all", "errors.deadletterqueue.topic.name", "dlq"), errtolerance.Target{KafkaVersion: "4.3.1", Brokers: 3}, errtolerance.Event{Stage: errtolerance.StageKeyConverter, DeadLetterFails: true}, m{RecordFailures: 1, RecordErrors: 1, RecordsSkipped: 1, DLQRequests: 1, DLQFailures: 1}, 1, 0, 0, errtolerance.FateLost, true, "RUNNING"},
		{"retries that succeed leave no trace but numbers", sink(with(all, six...)...), errtolerance.Target{KafkaVersion: "4.3.1"}, errtolerance.Event{Stage: errtolerance.StageTransformation, Retriable: true, SucceedsAt: 4}, m{RecordFailures: 3, Retries: 3}, 4, 0, 0, errtolerance.FateDelivered, true, "RUNNING"},
		{"exhausted before 4.0 is dropped in spite of tolerance none", sink(with(none, six...)...), errtolerance.Target{KafkaVersion: "3.9.0"}, retriable, m{RecordFailures: 6, RecordErrors: 1, RecordsSkipped: 1, Retries: 5, ErrorsLogged: 1, DLQRequests: 1}, 6, 1, 0, errtolerance.FateSkipped, true, "RUNNING"},
		{"KAFKA-18073 loses a record at the first error", source(), errtolerance.Target{KafkaVersion: "3.9.0"}, retriable, m{RecordFailures: 1, RecordErrors: 1, RecordsSkipped: 1}, 1, 0, 0, errtolerance.FateLost, true, "RUNNING"},
		{"exhausted from 4.0 fails the task", sink(with(none, six...)...), errtolerance.Target{KafkaVersion: "4.0.0"}, retriable, m{RecordFailures: 7, RecordErrors: 1, Retries: 5, ErrorsLogged: 1, DLQRequests: 1}, 6, 1, 1, errtolerance.FateHeld, false, "FAILED"},
		{"exhausted from 4.0 with tolerance all is skipped", sink(with(all, six...)...), errtolerance.Target{KafkaVersion: "4.0.0"}, retriable, m{RecordFailures: 7, RecordErrors: 1, RecordsSkipped: 1, Retries: 5, ErrorsLogged: 1, DLQRequests: 1}, 6, 1, 0, errtolerance.FateSkipped, true, "RUNNING"},
		{"retries without end hold the record", sink("errors.retry.timeout", "-1"), errtolerance.Target{KafkaVersion: "3.4.0"}, retriable, m{}, -1, 0, 0, errtolerance.FateHeld, false, "RUNNING"},
		{"a maximum delay of zero breaks the retry", sink(with(none, "errors.retry.timeout", "6000", "errors.retry.delay.max.ms", "0")...), errtolerance.Target{KafkaVersion: "4.3.1"}, retriable, m{RecordFailures: 2, RecordErrors: 1, ErrorsLogged: 1, DLQRequests: 1}, 1, 1, 1, errtolerance.FateHeld, false, "FAILED"},
		{"put is not covered by tolerance", sink(with(all)...), errtolerance.Target{KafkaVersion: "4.3.1"}, errtolerance.Event{Stage: errtolerance.StagePut}, m{}, 1, 0, 0, errtolerance.FateHeld, false, "FAILED"},
		{"a retriable put is repeated for ever", sink(with(all)...), errtolerance.Target{KafkaVersion: "4.3.1"}, errtolerance.Event{Stage: errtolerance.StagePut, Retriable: true}, m{}, -1, 0, 0, errtolerance.FateHeld, false, "RUNNING"},
		{"a reported put is dead-lettered without counting as skipped", sink(with(all)...), errtolerance.Target{KafkaVersion: "4.3.1"}, errtolerance.Event{Stage: errtolerance.StagePut, Reported: true}, m{RecordFailures: 1, ErrorsLogged: 1, DLQRequests: 1}, 1, 1, 0, errtolerance.FateSkipped, true, "RUNNING"},
		{"a reported put without tolerance fails after its dead letter", sink(with(none)...), errtolerance.Target{KafkaVersion: "4.3.1"}, errtolerance.Event{Stage: errtolerance.StagePut, Reported: true}, m{RecordFailures: 1, RecordErrors: 1, ErrorsLogged: 1, DLQRequests: 1}, 1, 1, 1, errtolerance.FateHeld, false, "FAILED"},
		{"a reported put whose dead letter a broker refuses stops the task, behind the record", sink(with(all)...), errtolerance.Target{KafkaVersion: "4.3.1"}, errtolerance.Event{Stage: errtolerance.StagePut, Reported: true, DeadLetterFails: true}, m{RecordFailures: 1, ErrorsLogged: 1, DLQRequests: 1, DLQFailures: 1}, 1, 0, 0, errtolerance.FateSkipped, true, "FAILED"},
		{"a reported put whose dead letter the producer refuses goes on with a line in the log", sink(with(all)...), errtolerance.Target{KafkaVersion: "4.3.1"}, errtolerance.Event{Stage: errtolerance.StagePut, Reported: true, DeadLetterNotSent: true}, m{RecordFailures: 1, ErrorsLogged: 1, DLQRequests: 1, DLQFailures: 1}, 1, 0, 0, errtolerance.FateSkipped, true, "RUNNING"},
		{"without log and queue there is no reporter", sink("errors.tolerance", "all"), errtolerance.Target{KafkaVersion: "4.3.1"}, errtolerance.Event{Stage: errtolerance.StagePut, Reported: true}, m{}, 1, 0, 0, errtolerance.FateHeld, false, "FAILED"},
		{"poll is not covered", source("errors.tolerance", "all"), errtolerance.Target{KafkaVersion: "4.3.1"}, errtolerance.Event{Stage: errtolerance.StagePoll}, m{}, 1, 0, 0, errtolerance.FateHeld, false, "FAILED"},
		{"a failed send is skipped from 3.2", source("errors.tolerance", "all", "errors.log.enable", "true"), errtolerance.Target{KafkaVersion: "3.2.0"}, errtolerance.Event{Stage: errtolerance.StageProduce}, m{RecordFailures: 1, ErrorsLogged: 1}, 1, 0, 0, errtolerance.FateSkipped, true, "RUNNING"},
		{"and fails the task before", source("errors.tolerance", "all"), errtolerance.Target{KafkaVersion: "3.1.0"}, errtolerance.Event{Stage: errtolerance.StageProduce}, m{}, 1, 0, 0, errtolerance.FateHeld, false, "FAILED"},
		{"and always with exactly once", source("errors.tolerance", "all"), errtolerance.Target{KafkaVersion: "4.3.1"}, errtolerance.Event{Stage: errtolerance.StageProduce, ExactlyOnce: true}, m{}, 1, 0, 0, errtolerance.FateHeld, false, "FAILED"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o := errtolerance.Predict(tt.cfg, tt.target, tt.event)
			assert.True(t, o.Applicable)
			if tt.attempts >= 0 || tt.event.Stage != errtolerance.StageTransformation {
				assert.Equal(t, tt.metrics, o.Metrics)
			}
			assert.Equal(t, tt.attempts, o.Attempts)
			assert.Equal(t, tt.dead, o.DeadLetters)
			assert.Equal(t, tt.dead+3*tt.perCopy, o.CopiesAfter(3))
			assert.Equal(t, tt.fate, o.Fate)
			assert.Equal(t, tt.committed, o.OffsetCommitted)
			assert.Equal(t, tt.task, o.Task)
			assert.Empty(t, o.Depends)
		})
	}
}

func TestPredictSaysWhatItDoesNotKnow(t *testing.T) {
	t.Parallel()
	conv := errtolerance.Event{Stage: errtolerance.StageValueConverter}
	cfg := map[string]string{"errors.tolerance": "all", "errors.deadletterqueue.topic.name": "dlq"}
	o := errtolerance.Predict(cfg, errtolerance.Target{}, conv)
	assert.Equal(t, errtolerance.FateLost, o.Fate, "the worse case: a source has no queue")
	assert.Len(t, o.Depends, 1)
	o = errtolerance.Predict(cfg, errtolerance.Target{Kind: errtolerance.KindSink}, conv)
	assert.Equal(t, errtolerance.FateSkipped, o.Fate)
	assert.Len(t, o.Depends, 1, "the number of brokers")
	o = errtolerance.Predict(cfg, errtolerance.Target{Kind: errtolerance.KindSink, Brokers: 1}, conv)
	assert.True(t, o.StartFails)
	assert.Equal(t, "FAILED", o.Task)
	o = errtolerance.Predict(map[string]string{"errors.tolerance": "ALL"}, errtolerance.Target{}, conv)
	assert.True(t, o.Refused)
	o = errtolerance.Predict(nil, errtolerance.Target{Kind: errtolerance.KindSource}, errtolerance.Event{Stage: errtolerance.StagePut})
	assert.False(t, o.Applicable)
	assert.NotEmpty(t, o.Notes)
	o = errtolerance.Predict(nil, errtolerance.Target{Kind: errtolerance.KindSink}, errtolerance.Event{Stage: errtolerance.StageKeyConverter, Retriable: true})
	assert.Equal(t, errtolerance.FateLost, o.Fate, "before 4.0")
	assert.Len(t, o.Depends, 1)
}

func FuzzLintAndPredict(f *testing.F) {
	f.Add("connector.class", "io.debezium.connector.mysql.MySqlConnector", "errors.tolerance", "all", "topics.regex", "(?!x).*", "VALUE_CONVERTER", 3)
	f.Add("errors.deadletterqueue.topic.name", "dlq", "topics.regex", "a)(b", "errors.retry.delay.max.ms", "0", "TASK_PUT", 0)
	f.Add("errors.retry.timeout", "9223372036854775807", "errors.tolerence", "all", "transforms", "a,,a", "TRANSFORMATION", -1)
	f.Add("name", "a/b%", "connection.password", "${file:x", "topics", "[&&]", "KAFKA_PRODUCE", 1)
	f.Add("connection.url", "https://u:p@h/${env:X}?password=y;a=b", "value.converter.registry.url", "http://r", "transforms.a.uri", "https://x:1/@", "TASK_PUT", 2)
	f.Fuzz(func(t *testing.T, k1, v1, k2, v2, k3, v3, stage string, at int) {
		cfg := map[string]string{k1: v1, k2: v2, k3: v3}
		for _, target := range []errtolerance.Target{{}, {Kind: errtolerance.KindSink, KafkaVersion: "3.9.0", Brokers: 1, Complete: true, ConfigProviders: []string{}}} {
			a, b := errtolerance.Lint(cfg, target), errtolerance.Lint(cfg, target)
			if len(a) != len(b) {
				t.Fatal("not deterministic")
			}
			for i := range a {
				if a[i] != b[i] || a[i].Doc == "" || a[i].Message == "" {
					t.Fatalf("%+v %+v", a[i], b[i])
				}
			}
			errtolerance.LintSet(map[string]map[string]string{v1: cfg, v2: cfg}, target)
			errtolerance.Predict(cfg, target, errtolerance.Event{Stage: errtolerance.Stage(stage), Retriable: at%2 == 0, SucceedsAt: at})
		}
	})
}
