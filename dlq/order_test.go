package dlq_test

import (
	"bytes"
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/go-reconnect/reconnect/dlq"
)

// seedKeys writes n rounds of the keys a, b and none; the value is the key and the round.
func (e *embedded) seedKeys(tb testing.TB, n int) {
	tb.Helper()
	for i := range n {
		for j, key := range [][]byte{[]byte("a"), []byte("b"), nil} {
			e.produce(tb, deadLetter(0, 0, int64(3*i+j), key, fmt.Appendf(nil, "%s%d", key, i)))
		}
	}
}

func values(records []*kgo.Record, key string) (out []string) {
	for _, r := range records {
		if string(r.Key) == key {
			out = append(out, string(r.Value))
		}
	}
	return out
}

func parkA1(_ context.Context, r *dlq.Record) (dlq.Decision, error) {
	if string(r.Out.Value) == "a1" {
		return dlq.Park("broken"), nil
	}
	return dlq.Republish(), nil
}

func TestAParkedRecordHoldsBackItsKey(t *testing.T) {
	t.Parallel()
	for _, chunk := range []int{1, 4, 1000} {
		e := newEmbedded(t, 1, map[string]int{"orders": 2, "orders-dlq": 1})
		e.seedKeys(t, 4)
		cfg := e.config("fix", dlq.ToOrigin())
		cfg.KeyOrder, cfg.ChunkRecords, cfg.Handler = dlq.KeyOrderOn, chunk, parkA1
		report := mustRun(t, cfg)
		back := e.read(t, "orders")
		assert.Equal(t, []string{"a0"}, values(back, "a"))
		assert.Equal(t, []string{"b0", "b1", "b2", "b3"}, values(back, "b"))
		assert.Equal(t, []string{"0", "1", "2", "3"}, values(back, ""), "no key, no order")
		assert.Equal(t, []string{"a1", "a2", "a3"}, values(e.read(t, "orders-parked"), "a"))
		assert.Equal(t, map[string]int64{"broken": 1, "behind a parked record of the same key": 2}, report.Reasons)
	}
	t.Run("a batch does not by default", func(t *testing.T) {
		t.Parallel()
		e := newEmbedded(t, 1, map[string]int{"orders": 2, "orders-dlq": 1})
		e.seedKeys(t, 4)
		cfg := e.config("fix", dlq.ToOrigin())
		cfg.Handler = parkA1
		assert.EqualValues(t, 1, mustRun(t, cfg).Parked)
	})
	t.Run("a key of another origin is another key", func(t *testing.T) {
		t.Parallel()
		e := newEmbedded(t, 1, map[string]int{"orders": 2, "others": 1, "orders-dlq": 1})
		e.seedKeys(t, 2)
		f := connectFailure()
		f.Topic, f.Partition = "others", 0
		e.produce(t, &kgo.Record{Topic: "orders-dlq", Key: []byte("a"), Value: []byte("a9"), Headers: kgoHeaders(f.AppendTo(nil))})
		cfg := e.config("fix", dlq.ToOrigin())
		cfg.KeyOrder, cfg.Handler = dlq.KeyOrderOn, parkA1
		assert.EqualValues(t, 1, mustRun(t, cfg).Parked)
		assert.Len(t, e.read(t, "others"), 1)
	})
}

func TestADeferredRecordHoldsBackItsKey(t *testing.T) {
	t.Parallel()
	e := newEmbedded(t, 1, map[string]int{"orders": 2, "orders-dlq": 1})
	e.seedKeys(t, 4)
	later := func(_ context.Context, r *dlq.Record) (dlq.Decision, error) {
		if string(r.Out.Value) == "a1" && r.Attempt == 0 {
			return dlq.RetryAfter(time.Hour), nil
		}
		return dlq.Republish(), nil
	}
	cfg := e.config("fix", dlq.ToOrigin())
	cfg.KeyOrder, cfg.Handler = dlq.KeyOrderOn, later
	report := mustRun(t, cfg)
	assert.EqualValues(t, 3, report.Deferred)
	assert.Equal(t, []string{"a0"}, values(e.read(t, "orders"), "a"))
	var due string
	for _, r := range e.read(t, "orders-dlq")[12:] {
		if due == "" {
			due = value(r, dlq.HeaderNotBefore)
			assert.Equal(t, "1", value(r, "reconnect.retry.count"))
			continue
		}
		assert.Equal(t, due, value(r, dlq.HeaderNotBefore), "as long as the one in front")
		assert.Equal(t, "(absent)", value(r, "reconnect.retry.count"), "and without an attempt")
	}
	assert.EqualValues(t, 3, mustRun(t, cfg).Deferred, "nor early in another run")
}

func TestARunThatFollowsKeepsTheOrderOfAKey(t *testing.T) {
	t.Parallel()
	e := newEmbedded(t, 1, map[string]int{"orders": 2, "orders-dlq": 1})
	e.seedKeys(t, 4)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var late atomic.Bool
	cfg := e.config("fix", dlq.ToOrigin())
	cfg.Follow, cfg.PendingWait = true, -1
	cfg.Handler = func(_ context.Context, r *dlq.Record) (dlq.Decision, error) {
		if string(r.Out.Value) == "a1" && r.Attempt < 2 {
			return dlq.RetryAfter(300 * time.Millisecond), nil
		}
		return dlq.Republish(), nil
	}
	cfg.OnProgress = func(p dlq.Progress) {
		if p.Outcomes[dlq.OutcomeDeferred] > 0 && late.CompareAndSwap(false, true) {
			e.produce(t, deadLetter(0, 0, 99, []byte("a"), []byte("a4"))) // one more of the key while it is held back
		}
		if p.Outcomes[dlq.OutcomeRepublished] == 13 {
			cancel()
		}
	}
	r, err := dlq.NewRepublisher(cfg)
	require.NoError(t, err)
	report, err := r.Run(ctx)
	require.NoError(t, err)
	require.NoError(t, report.Err())
	assert.EqualValues(t, 13, report.Republished)
	assert.Equal(t, []string{"a0", "a1", "a2", "a3", "a4"}, values(e.read(t, "orders"), "a"))
}

func TestARefusedRecordHoldsBackItsKey(t *testing.T) {
	t.Parallel()
	e := newEmbedded(t, 1, map[string]int{"orders": 2, "orders-dlq": 1})
	e.refuseLarge("orders", 5000)
	for i := range 30 {
		value := fmt.Appendf(nil, "%02d", i)
		if i == 10 {
			value = append(value, bytes.Repeat([]byte("x"), 9000)...)
		}
		e.produce(t, deadLetter(0, 0, int64(i), fmt.Appendf(nil, "k%d", i%2), value))
	}
	cfg := e.config("fix", dlq.ToOrigin())
	cfg.KeyOrder, cfg.ChunkRecords = dlq.KeyOrderOn, 20
	report := mustRun(t, cfg)
	back := e.read(t, "orders")
	assert.Equal(t, []string{"00", "02", "04", "06", "08"}, values(back, "k0"))
	assert.Len(t, values(back, "k1"), 15)
	assert.EqualValues(t, 9, report.Reasons["behind a parked record of the same key"])
}

func TestTooManyKeysHeldBackStopTheRun(t *testing.T) {
	t.Parallel()
	e := newEmbedded(t, 1, map[string]int{"orders": 4, "orders-dlq": 1})
	e.seed(t, 20)
	cfg := e.config("fix", dlq.ToOrigin())
	cfg.KeyOrder, cfg.MaxHeldKeys = dlq.KeyOrderOn, 5
	cfg.Handler = func(context.Context, *dlq.Record) (dlq.Decision, error) { return dlq.Park("no"), nil }
	report, err := run(t, cfg)
	var held *dlq.HeldKeysError
	require.ErrorAs(t, err, &held)
	require.ErrorContains(t, err, "MaxHeldKeys")
	assert.EqualValues(t, 5, report.Parked)
	assert.EqualValues(t, 15, report.Remaining)
	cfg.KeyOrder = 7
	_, err = dlq.NewRepublisher(cfg)
	require.ErrorContains(t, err, "KeyOrder 7")
}

func TestRetryDelay(t *testing.T) {
	t.Parallel()
	d := dlq.RetryDelay{First: time.Second, Max: 10 * time.Second, Jitter: -1}
	for attempt, want := range []time.Duration{1, 2, 4, 8, 10, 10} {
		assert.Equal(t, want*time.Second, d.After(attempt))
	}
	assert.Equal(t, 10*time.Second, d.After(1<<30))
	assert.Equal(t, time.Second, d.After(-1))
	d.Jitter = 0.5
	for range 1000 {
		got := d.After(1)
		assert.GreaterOrEqual(t, got, 2*time.Second, "never early")
		assert.LessOrEqual(t, got, 3*time.Second)
	}
	assert.GreaterOrEqual(t, dlq.RetryDelay{}.After(0), time.Minute)
	assert.LessOrEqual(t, dlq.RetryDelay{}.After(100), 72*time.Minute)
	assert.Equal(t, "retry after 2s", dlq.RetryDelay{First: time.Second, Jitter: -1}.Retry(&dlq.Record{Attempt: 1}).String())
	require.NoError(t, dlq.RetryDelay{}.Check())
	for _, bad := range []dlq.RetryDelay{{First: -1}, {Max: -1}, {First: 2, Max: 1}, {Multiplier: 0.5}, {Jitter: 11}} {
		require.Error(t, bad.Check())
		assert.Positive(t, bad.After(3))
	}
}
