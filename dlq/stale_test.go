package dlq_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/go-reconnect/reconnect/dlq"
)

func TestAnOlderRecordDoesNotGoOverANewerOne(t *testing.T) {
	t.Parallel()
	for policy, want := range map[dlq.Stale][3]int64{ // republished, parked, skipped
		dlq.StalePark: {2, 1, 0}, dlq.StaleSkip: {2, 0, 1}, dlq.StaleAllow: {3, 0, 0},
	} {
		e := newEmbedded(t, 1, map[string]int{"orders": 2, "orders-dlq": 1})
		for _, key := range []string{"a", "b", "c", "a"} { // offsets 0 to 3: a is written again
			e.produce(t, &kgo.Record{Topic: "orders", Key: []byte(key), Value: []byte("original")})
		}
		e.produce(t, &kgo.Record{Topic: "orders", Partition: 1, Key: []byte("b")})
		e.produce(t, deadLetter(0, 0, 0, []byte("a"), []byte("fixed")), deadLetter(0, 0, 1, []byte("b"), []byte("fixed")), deadLetter(0, 0, 2, nil, []byte("fixed")))
		cfg := e.config("fix", dlq.ToOrigin())
		cfg.Stale = policy
		report := mustRun(t, cfg)
		assert.Equal(t, want, [3]int64{report.Republished, report.Parked, report.Skipped})

		// What came back is as old as its original: when it fails again it is no newer record of its key.
		again := connectFailure()
		again.Partition, again.Offset = 0, 4
		var back *kgo.Record
		for _, r := range e.read(t, "orders") {
			if string(r.Value) == "fixed" && string(r.Key) == "b" {
				back = r
			}
		}
		require.NotNil(t, back)
		assert.Equal(t, "orders/0/1", value(back, dlq.HeaderOrigin))
		again.Offset = back.Offset
		e.produce(t, &kgo.Record{Topic: "orders-dlq", Key: back.Key, Headers: append(back.Headers, kgoHeaders(again.AppendTo(nil))...)})
		report = mustRun(t, cfg)
		assert.EqualValues(t, 1, report.Republished)
		// And when b is written anew by its owner, it is.
		e.produce(t, &kgo.Record{Topic: "orders", Key: []byte("b")})
		e.produce(t, &kgo.Record{Topic: "orders-dlq", Key: back.Key, Headers: append(append(back.Headers, kgo.RecordHeader{Key: "reconnect.retry.count", Value: []byte("2")}), kgoHeaders(again.AppendTo(nil))...)})
		report = mustRun(t, cfg)
		assert.Equal(t, policy == dlq.StaleAllow, report.Republished == 1)
	}
}

func TestACheckThatCannotBeDoneParks(t *testing.T) {
	t.Parallel()
	e := newEmbedded(t, 1, map[string]int{"orders": 1, "orders-dlq": 1})
	for range 10 {
		e.produce(t, &kgo.Record{Topic: "orders", Key: []byte("x")})
	}
	require.NoError(t, e.DeleteRecords("orders", 0, 5))
	e.produce(t, deadLetter(0, 0, 2, []byte("a"), nil), deadLetter(0, 0, 4, []byte("a"), nil), deadLetter(0, 3, 1, []byte("a"), nil))
	report := mustRun(t, e.config("fix", dlq.ToOrigin()))
	assert.EqualValues(t, 1, report.Republished)
	assert.EqualValues(t, 2, report.Parked, report.Reasons)
	for reason := range report.Reasons {
		assert.Contains(t, reason, "cannot see whether")
	}
}

func TestACompactedTargetIsRefused(t *testing.T) {
	t.Parallel()
	e := newEmbedded(t, 1, map[string]int{"orders-dlq": 1})
	require.NoError(t, e.CreateTopic("orders", 1, map[string]string{"cleanup.policy": "compact"}))
	e.produce(t, deadLetter(0, 0, 0, []byte("a"), nil))
	for _, target := range []dlq.Target{dlq.ToOrigin(), dlq.ToTopic("orders")} {
		report, err := run(t, e.config("fix", target))
		require.ErrorContains(t, err, "AcceptCompacted")
		assert.Zero(t, report.Read)
	}
	cfg := e.config("fix", dlq.ToOrigin())
	cfg.AcceptCompacted = true
	assert.EqualValues(t, 1, mustRun(t, cfg).Republished)
}
