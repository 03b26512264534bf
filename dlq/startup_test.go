package dlq_test

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-reconnect/reconnect/dlq"
)

func codesOf(f dlq.Findings) []string {
	var out []string
	for _, one := range f {
		out = append(out, one.Code)
	}
	return out
}

func TestRunLooksAtItsTopicsFirst(t *testing.T) {
	t.Parallel()
	e := newEmbedded(t, 1, map[string]int{"orders": 4})
	require.NoError(t, e.CreateTopic("orders-dlq", 2, map[string]string{"retention.ms": "604800000", "max.message.bytes": "2000000"}))
	require.NoError(t, e.CreateTopic("retry", 2, map[string]string{"message.timestamp.after.max.ms": "3600000"}))
	require.NoError(t, e.CreateTopic("orders-parked", 2, map[string]string{"retention.ms": "60000", "max.message.bytes": "1000000"}))
	old := deadLetter(0, 0, 1, id(1), nil) // of 2023
	future := deadLetter(1, 0, 2, id(2), nil)
	future.Timestamp = time.Now().Add(48 * time.Hour)
	e.produce(t, old, future)
	cfg := e.config("fix", dlq.ToTopic("retry"))
	cfg.KeepTimestamp, cfg.DryRun = true, true
	report := mustRun(t, cfg)
	got := codesOf(report.Findings)
	for _, want := range []string{dlq.CodeRetentionPassed, dlq.CodeTargetTimestamp, dlq.CodeParkRetention, dlq.CodeParkMessageBytes} {
		assert.Contains(t, got, want)
	}
	assert.Equal(t, dlq.SeverityError, report.Findings[0].Severity, "worst first")
	cfg.KeepTimestamp = false
	assert.NotContains(t, codesOf(mustRun(t, cfg).Findings), dlq.CodeTargetTimestamp)

	findings, err := dlq.CheckTopic(t.Context(), dlq.TopicConfig{Brokers: e.brokers, Topic: "retry", Sources: []string{"orders-dlq"}})
	require.NoError(t, err)
	assert.Contains(t, codesOf(findings), dlq.CodeTimestampAfter, "the source has records that this topic refuses")
	findings, err = dlq.CheckTopic(t.Context(), dlq.TopicConfig{Brokers: e.brokers, Topic: "retry", Sources: []string{"orders"}})
	require.NoError(t, err)
	assert.NotContains(t, codesOf(findings), dlq.CodeTimestampAfter)
}

func TestACompactedParkingTopicIsRefused(t *testing.T) {
	t.Parallel()
	e := newEmbedded(t, 1, map[string]int{"orders": 4, "orders-dlq": 1})
	require.NoError(t, e.CreateTopic("orders-parked", 1, map[string]string{"cleanup.policy": "compact"}))
	e.seed(t, 3)
	_, err := run(t, e.config("fix", dlq.ToOrigin()))
	require.ErrorContains(t, err, "parking topic orders-parked: it is compacted")
}

func TestAnOversizeRecordIsParkedWithoutItsTrace(t *testing.T) {
	t.Parallel()
	e := newEmbedded(t, 1, map[string]int{"orders": 4, "orders-dlq": 1, "orders-parked": 1})
	e.refuseLarge("orders-parked", 9000)
	park := func(context.Context, *dlq.Record) (dlq.Decision, error) { return dlq.Park("large"), nil }
	for i, size := range []int{100, 5000, 100} {
		f := connectFailure()
		f.Partition, f.Offset, f.StackTrace = 0, int64(i), string(bytes.Repeat([]byte("\tat x\n"), 1000))
		r := deadLetter(0, 0, int64(i), id(i), bytes.Repeat([]byte("x"), size))
		r.Headers = kgoHeaders(f.AppendTo(nil))
		e.produce(t, r)
	}
	cfg := e.config("fix", dlq.ToOrigin())
	cfg.Handler = park
	report := mustRun(t, cfg)
	assert.EqualValues(t, 3, report.Parked)
	assert.EqualValues(t, 1, report.Stripped)
	for i, r := range e.read(t, "orders-parked") {
		f, err := dlq.Parse(kafkaHeaders(r.Headers))
		require.NoError(t, err)
		if i != 1 {
			assert.Len(t, f.StackTrace, 6000)
			assert.Equal(t, "(absent)", value(r, dlq.HeaderTraceStripped))
			continue
		}
		assert.False(t, f.Has.Contains(dlq.HasStackTrace))
		assert.Equal(t, "6000", value(r, dlq.HeaderTraceStripped))
		assert.Equal(t, connectFailure().ExceptionMessage, f.ExceptionMessage)
		assert.Len(t, r.Value, 5000)
	}

	e.produce(t, deadLetter(0, 0, 9, id(9), bytes.Repeat([]byte("x"), 20_000)))
	_, err := run(t, cfg)
	require.ErrorContains(t, err, "too large for max.message.bytes of orders-parked")
	cfg.Topic, cfg.Park, cfg.Handler, cfg.Group = "orders-parked", nil, nil, "again"
	mustRun(t, cfg)
	for _, r := range e.read(t, "orders") {
		assert.Equal(t, "(absent)", value(r, dlq.HeaderTraceStripped))
	}
}
