package errtolerance_test

import (
	"errors"
	"maps"
	"math"
	"math/rand/v2"
	"testing"
	"testing/quick"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-reconnect/reconnect/errtolerance"
)

func TestConfigMapWritesOnlyWhatDiffersFromConnectsDefaults(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		cfg  errtolerance.Config
		want map[string]string
	}{
		{"the zero value is Connect's default", errtolerance.Config{}, map[string]string{}},
		{"fail fast is Connect's default", errtolerance.FailFast(), map[string]string{}},
		{
			"defaults written out are not repeated",
			errtolerance.Config{
				Tolerance: errtolerance.ToleranceNone, RetryDelayMax: time.Minute,
				DeadLetterQueue: errtolerance.DeadLetterQueue{ReplicationFactor: 3},
			},
			map[string]string{},
		},
		{
			"log and skip", errtolerance.LogAndSkip(),
			map[string]string{"errors.tolerance": "all", "errors.log.enable": "true"},
		},
		{
			"a dead letter queue comes with its headers", errtolerance.DeadLetter("orders-dlq"),
			map[string]string{
				"errors.tolerance": "all", "errors.deadletterqueue.topic.name": "orders-dlq",
				"errors.deadletterqueue.context.headers.enable": "true",
			},
		},
		{
			"a dead letter queue with retries and everything",
			errtolerance.DeadLetter(" dlq ").WithRetry(90*time.Second, 5*time.Second).WithReplicationFactor(-1).
				WithLogEnable(true).WithLogIncludeMessages(true),
			map[string]string{
				"errors.tolerance": "all", "errors.deadletterqueue.topic.name": "dlq",
				"errors.deadletterqueue.context.headers.enable":   "true",
				"errors.deadletterqueue.topic.replication.factor": "-1",
				"errors.retry.timeout":                            "90000", "errors.retry.delay.max.ms": "5000",
				"errors.log.enable": "true", "errors.log.include.messages": "true",
			},
		},
		{
			"for ever is -1 whatever the negative number", errtolerance.FailFast().WithRetryTimeout(-time.Hour),
			map[string]string{"errors.retry.timeout": "-1"},
		},
		{
			"a part of a millisecond does not become nothing", errtolerance.FailFast().WithRetry(time.Microsecond, time.Nanosecond),
			map[string]string{"errors.retry.timeout": "1", "errors.retry.delay.max.ms": "1"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, tt.want, tt.cfg.Map())
			got, err := errtolerance.FromMap(tt.cfg.Map())
			require.NoError(t, err)
			assert.Equal(t, tt.cfg.Normalize(), got)
		})
	}
}

func TestWithMethodsReturnCopies(t *testing.T) {
	t.Parallel()
	base := errtolerance.DeadLetter("a")
	changed := base.WithDeadLetterTopic("b").WithContextHeaders(false).WithTolerance(errtolerance.ToleranceNone).
		WithRetryTimeout(time.Second).WithRetryDelayMax(time.Second).WithLogEnable(true).WithLogIncludeMessages(true).WithReplicationFactor(1)
	assert.Equal(t, errtolerance.DeadLetter("a"), base)
	assert.Equal(t, errtolerance.Config{
		Tolerance: "none", RetryTimeout: time.Second, RetryDelayMax: time.Second, LogEnable: true, LogIncludeMessages: true,
		DeadLetterQueue: errtolerance.DeadLetterQueue{Topic: "b", ReplicationFactor: 1},
	}, changed)
	assert.Equal(t, errtolerance.DeadLetterQueue{}, changed.WithDeadLetterQueue(errtolerance.DeadLetterQueue{}).DeadLetterQueue)
}

func TestApplyToTouchesNothingElse(t *testing.T) {
	t.Parallel()
	before := map[string]string{
		"connector.class": "x", "errors.tolerance": "none", "errors.retry.timeout": "600000", "errors.max.retries": "3",
		"_comment": "keep me", "errors.deadletterqueue.topic.partitions": "1",
	}
	kept := maps.Clone(before)
	after := errtolerance.DeadLetter("dlq").ApplyTo(before)
	assert.Equal(t, kept, before, "the argument is not modified")
	assert.Equal(t, map[string]string{
		"connector.class": "x", "errors.max.retries": "3", "_comment": "keep me", "errors.deadletterqueue.topic.partitions": "1",
		"errors.tolerance": "all", "errors.deadletterqueue.topic.name": "dlq", "errors.deadletterqueue.context.headers.enable": "true",
	}, after)
	assert.Equal(t, map[string]string{}, errtolerance.FailFast().ApplyTo(nil))
}

func TestFromMapReadsAsKafkaDoes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		in   map[string]string
		want errtolerance.Config
	}{
		{"nothing is the default", nil, errtolerance.Config{}},
		{"white space around values does not count", map[string]string{"errors.tolerance": " all\n", "errors.retry.timeout": "\t60000 "}, errtolerance.Config{Tolerance: "all", RetryTimeout: time.Minute}},
		{"booleans in any case", map[string]string{"errors.log.enable": "TRUE", "errors.log.include.messages": "False"}, errtolerance.Config{LogEnable: true}},
		{"a plus sign is a sign", map[string]string{"errors.retry.timeout": "+5"}, errtolerance.Config{RetryTimeout: 5 * time.Millisecond}},
		{"digits of another script are digits to Java", map[string]string{"errors.retry.timeout": "٦٠"}, errtolerance.Config{RetryTimeout: 60 * time.Millisecond}},
		{"every negative time-out is for ever", map[string]string{"errors.retry.timeout": "-9223372036854775808"}, errtolerance.Config{RetryTimeout: errtolerance.Forever}},
		{"an empty topic is no dead letter queue", map[string]string{"errors.deadletterqueue.topic.name": "  "}, errtolerance.Config{}},
		{"a reference in the topic is kept", map[string]string{"errors.deadletterqueue.topic.name": "${env:DLQ}"}, errtolerance.Config{DeadLetterQueue: errtolerance.DeadLetterQueue{Topic: "${env:DLQ}"}}},
		{"the broker's default number of replicas", map[string]string{"errors.deadletterqueue.topic.replication.factor": "-1"}, errtolerance.Config{DeadLetterQueue: errtolerance.DeadLetterQueue{ReplicationFactor: -1}}},
		{"a negative maximum delay is held", map[string]string{"errors.retry.delay.max.ms": "-5"}, errtolerance.Config{RetryDelayMax: -5 * time.Millisecond}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := errtolerance.FromMap(tt.in)
			require.NoError(t, err)
			assert.Equal(t, tt.want, got)
		})
	}
}

func TestFromMapNamesTheKeyItCannotUse(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, key, value string
		refused          bool
		fix              string
	}{
		{"upper case tolerance", "errors.tolerance", "ALL", true, "write all"},
		{"an unknown tolerance", "errors.tolerance", "data", true, "write none or all"},
		{"an empty tolerance", "errors.tolerance", "", true, "write none or all"},
		{"a duration", "errors.retry.timeout", "60s", true, "write 60000"},
		{"words", "errors.retry.timeout", "forever", true, "write digits only, as in 60000"},
		{"a decimal point", "errors.retry.timeout", "1.5", true, "write digits only, as in 60000"},
		{"an underscore", "errors.retry.timeout", "60_000", true, "write digits only, as in 60000"},
		{"more than a LONG", "errors.retry.timeout", "9223372036854775808", true, "write digits only, as in 60000"},
		{"a LONG beyond a duration", "errors.retry.timeout", "9223372036854775807", false, "write -1 to retry for ever, or a smaller number"},
		{"a reference", "errors.retry.timeout", "${env:T}", false, ""},
		{"no delay", "errors.retry.delay.max.ms", "0", false, "write 60000, or remove the key"},
		{"yes", "errors.log.enable", "yes", true, "write true or false"},
		{"an empty flag", "errors.deadletterqueue.context.headers.enable", "", true, "write true or false"},
		{"more than a SHORT", "errors.deadletterqueue.topic.replication.factor", "32768", true, "write the number of replicas, or -1 for the broker's default"},
		{"no replica", "errors.deadletterqueue.topic.replication.factor", "0", false, "write the number of replicas, or -1 for the broker's default"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := errtolerance.FromMap(map[string]string{tt.key: tt.value, "errors.log.include.messages": "true"})
			var e *errtolerance.KeyError
			require.ErrorAs(t, err, &e)
			assert.Equal(t, tt.key, e.Key)
			assert.Equal(t, tt.refused, e.Refused)
			assert.Equal(t, tt.fix, e.Fix)
			assert.Contains(t, err.Error(), tt.key)
		})
	}
}

func TestFromMapReportsEveryBadKeyAndKeepsTheRest(t *testing.T) {
	t.Parallel()
	c, err := errtolerance.FromMap(map[string]string{
		"errors.retry.timeout": "soon", "errors.log.enable": "maybe", "errors.deadletterqueue.topic.name": "dlq",
		"errors.tolerance": "hunter2-secret",
	})
	require.Error(t, err)
	joined, ok := err.(interface{ Unwrap() []error })
	require.True(t, ok)
	assert.Len(t, joined.Unwrap(), 3)
	assert.Equal(t, "dlq", c.DeadLetterQueue.Topic)
	assert.NotContains(t, err.Error(), "hunter2", "no value appears in an error")
}

func randomConfig(r *rand.Rand) errtolerance.Config {
	duration := func() time.Duration {
		switch r.IntN(6) {
		case 0:
			return 0
		case 1:
			return time.Minute
		case 2:
			return time.Duration(r.Int64()) - math.MaxInt64/2
		case 3:
			return time.Duration(r.IntN(3_000_000)) - 1_000_000
		case 4:
			return []time.Duration{math.MaxInt64, math.MinInt64, -1, 1, errtolerance.Forever}[r.IntN(5)]
		}
		return time.Duration(r.IntN(1_000_000)) * time.Millisecond
	}
	c := errtolerance.Config{
		Tolerance:    []errtolerance.Tolerance{"", "none", "all"}[r.IntN(3)],
		RetryTimeout: duration(), RetryDelayMax: duration(),
		LogEnable: r.IntN(2) == 0, LogIncludeMessages: r.IntN(2) == 0,
	}
	c.DeadLetterQueue = errtolerance.DeadLetterQueue{
		Topic:             []string{"", "dlq", " dlq\t", "${env:DLQ}", "\x00", "ü ü"}[r.IntN(6)],
		ReplicationFactor: []int16{0, 1, 3, -1, math.MaxInt16, math.MinInt16}[r.IntN(6)],
		ContextHeaders:    r.IntN(2) == 0,
	}
	return c
}

func TestFromMapOfMapIsNormalize(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		c := randomConfig(r)
		got, err := errtolerance.FromMap(c.Map())
		require.NoError(t, err, "%+v", c)
		require.Equal(t, c.Normalize(), got, "%+v", c)
		require.Equal(t, got, got.Normalize(), "Normalize is idempotent")
		require.Equal(t, got.Map(), c.Map())
	}
	// Whatever a Config holds, even a tolerance Kafka refuses, comes back.
	require.NoError(t, quick.Check(func(tolerance string, timeout, delay int64, log, messages, headers bool, topic string, rf int16) bool {
		c := errtolerance.Config{
			Tolerance: errtolerance.Tolerance(tolerance), RetryTimeout: time.Duration(timeout), RetryDelayMax: time.Duration(delay),
			LogEnable: log, LogIncludeMessages: messages,
			DeadLetterQueue: errtolerance.DeadLetterQueue{Topic: topic, ReplicationFactor: rf, ContextHeaders: headers},
		}
		got, _ := errtolerance.FromMap(c.Map())
		return got == c.Normalize()
	}, nil))
}

func TestValidateSaysWhereRecordsAreLostOrTheTaskFails(t *testing.T) {
	t.Parallel()
	sink, source := errtolerance.Target{Kind: errtolerance.KindSink}, errtolerance.Target{Kind: errtolerance.KindSource}
	for _, tt := range []struct {
		name   string
		cfg    errtolerance.Config
		target errtolerance.Target
		keys   []string
	}{
		{"the default", errtolerance.Config{}, sink, nil},
		{"log and skip on a source", errtolerance.LogAndSkip(), source, nil},
		{"a dead letter queue on a sink", errtolerance.DeadLetter("dlq"), sink, nil},
		{"a dead letter queue somewhere", errtolerance.DeadLetter("dlq"), errtolerance.Target{}, nil},
		{"a dead letter queue on a source", errtolerance.DeadLetter("dlq"), source, []string{"errors.deadletterqueue.topic.name", "errors.tolerance"}},
		{"a logged dead letter queue on a source", errtolerance.DeadLetter("dlq").WithLogEnable(true), source, []string{"errors.deadletterqueue.topic.name"}},
		{"skipping without a trace", errtolerance.DeadLetter(""), sink, []string{"errors.tolerance"}},
		{"three replicas on one broker", errtolerance.DeadLetter("dlq"), errtolerance.Target{Kind: errtolerance.KindSink, Brokers: 1}, []string{"errors.deadletterqueue.topic.replication.factor"}},
		{"the broker's default on one broker", errtolerance.DeadLetter("dlq").WithReplicationFactor(-1), errtolerance.Target{Brokers: 1}, nil},
		{"an impossible number of replicas", errtolerance.DeadLetter("dlq").WithReplicationFactor(-2), sink, []string{"errors.deadletterqueue.topic.replication.factor"}},
		{"an impossible topic", errtolerance.DeadLetter("a b"), sink, []string{"errors.deadletterqueue.topic.name"}},
		{"a topic that only the worker knows", errtolerance.DeadLetter("${env:DLQ}"), sink, nil},
		{"an unknown tolerance", errtolerance.FailFast().WithTolerance("data"), sink, []string{"errors.tolerance"}},
		{"a negative maximum delay without retries", errtolerance.FailFast().WithRetryDelayMax(-time.Second), sink, nil},
		{"for ever on a worker that takes it for never", errtolerance.FailFast().WithRetryTimeout(errtolerance.Forever), errtolerance.Target{KafkaVersion: "3.3.2"}, []string{"errors.retry.timeout"}},
		{"for ever on a worker that knows it", errtolerance.FailFast().WithRetryTimeout(errtolerance.Forever), errtolerance.Target{KafkaVersion: "3.4.0"}, nil},
		{"a negative maximum delay with retries", errtolerance.FailFast().WithRetry(time.Second, -time.Second), sink, []string{"errors.retry.delay.max.ms"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := tt.cfg.Validate(tt.target)
			var keys []string
			if joined, ok := err.(interface{ Unwrap() []error }); ok {
				for _, one := range joined.Unwrap() {
					var e *errtolerance.KeyError
					require.True(t, errors.As(one, &e))
					assert.NotEmpty(t, e.Fix)
					keys = append(keys, e.Key)
				}
			}
			assert.Equal(t, tt.keys, keys)
		})
	}
}

func FuzzFromMap(f *testing.F) {
	f.Add("all", "60000", "1000", "true", "dlq", "3")
	f.Add(" ALL", "-1", "0", "TRUE", "", "-1")
	f.Add("${env:T}", "٦٠", "９", "falſe", "<dlq>", "+1")
	f.Fuzz(func(t *testing.T, tolerance, timeout, delay, log, topic, rf string) {
		in := map[string]string{
			"errors.tolerance": tolerance, "errors.retry.timeout": timeout, "errors.retry.delay.max.ms": delay, "errors.log.enable": log,
			"errors.log.include.messages": log, "errors.deadletterqueue.topic.name": topic,
			"errors.deadletterqueue.topic.replication.factor": rf, "errors.deadletterqueue.context.headers.enable": log,
		}
		c, err := errtolerance.FromMap(in)
		if c != c.Normalize() {
			t.Fatalf("not normalised: %+v", c)
		}
		again, err2 := errtolerance.FromMap(c.ApplyTo(in))
		if again != c {
			t.Fatalf("%+v became %+v", c, again)
		}
		if err == nil && err2 != nil {
			t.Fatal(err2)
		}
	})
}
