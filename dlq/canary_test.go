package dlq_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/go-reconnect/reconnect/dlq"
)

// connector reads a topic in the group of orders-sink, dead-letters what it does not like, and commits.
func (e *embedded) connector(tb testing.TB, topic string, likes func(*kgo.Record) bool) {
	tb.Helper()
	for p := range int32(4) {
		e.commit(tb, "connect-orders-sink", "orders", p, 1<<41) // the originals are behind it
	}
	ctx, cancel := context.WithCancel(tb.Context())
	c, err := kgo.NewClient(kgo.SeedBrokers(e.brokers...), kgo.ConsumerGroup("connect-orders-sink"), kgo.ConsumeTopics(topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.DisableAutoCommit(), kgo.FetchMaxWait(50*time.Millisecond))
	require.NoError(tb, err)
	var wg sync.WaitGroup
	tb.Cleanup(func() {
		cancel()
		wg.Wait()
		c.Close()
	})
	wg.Go(func() {
		for ctx.Err() == nil {
			fetches := c.PollFetches(ctx)
			fetches.EachRecord(func(r *kgo.Record) {
				if likes(r) {
					return
				}
				f := connectFailure()
				f.Topic, f.Partition, f.Offset = r.Topic, int(r.Partition), r.Offset
				dead := &kgo.Record{Topic: "orders-dlq", Partition: 0, Key: r.Key, Value: r.Value, Headers: append(r.Headers, kgoHeaders(f.AppendTo(nil))...)}
				assert.NoError(tb, e.client.ProduceSync(context.WithoutCancel(ctx), dead).FirstErr())
			})
			if fetches.NumRecords() > 0 {
				assert.NoError(tb, c.CommitUncommittedOffsets(context.WithoutCancel(ctx)))
			}
		}
	})
}

func TestCanary(t *testing.T) {
	t.Parallel()
	const n = 1200
	var none, odd atomic.Int64
	tests := []struct {
		name     string
		likes    func(*kgo.Record) bool // nil: no connector runs
		reads    string
		canary   dlq.Canary
		sent     int64
		want     *dlq.CanaryReport
		contains string
	}{
		{"a connector that takes the records lets the others follow", func(*kgo.Record) bool { return true }, "retry", dlq.Canary{}, n, &dlq.CanaryReport{Sent: 20, Passed: 20}, ""},
		{"half of them coming back is not more than half", func(*kgo.Record) bool { return odd.Add(1)%2 == 0 || odd.Load() > 20 }, "retry", dlq.Canary{}, n, &dlq.CanaryReport{Sent: 20, Passed: 20, Returned: 10}, ""},
		{"records that come back stop the run", func(*kgo.Record) bool { return none.Add(1) < 0 }, "retry", dlq.Canary{}, 20, &dlq.CanaryReport{Sent: 20, Failed: true}, "of 20 records came back to orders-dlq"},
		{"a smaller canary", func(*kgo.Record) bool { return false }, "retry", dlq.Canary{Records: 5}, 5, &dlq.CanaryReport{Sent: 5, Failed: true}, "of 5 records came back"},
		{"a connector that does not get there stops the run", func(*kgo.Record) bool { return true }, "else", dlq.Canary{Wait: time.Second}, 20, &dlq.CanaryReport{Sent: 20, Failed: true}, "group connect-orders-sink has passed 0 of 20"},
		{"without a connector there is nobody to wait for", nil, "", dlq.Canary{}, n, &dlq.CanaryReport{Sent: 20, Unwatched: 20}, ""},
		{"a run below the limit has none", func(*kgo.Record) bool { return false }, "retry", dlq.Canary{Above: n}, n, nil, ""},
		{"switched off", func(*kgo.Record) bool { return false }, "retry", dlq.Canary{Above: -1}, n, nil, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			e := newEmbedded(t, 1, map[string]int{"orders": 4, "retry": 4, "else": 1, "orders-dlq": 2})
			e.seed(t, n)
			if tt.likes != nil {
				e.produce(t, &kgo.Record{Topic: "else"})
				e.connector(t, tt.reads, tt.likes)
				if tt.reads == "else" { // the group has a position there, and gets no further
					require.Eventually(t, func() bool { return e.GroupInfo("connect-orders-sink") != nil }, 20*time.Second, 10*time.Millisecond)
				} else {
					require.Eventually(t, func() bool {
						g := e.GroupInfo("connect-orders-sink")
						return g != nil && g.State == "Stable"
					}, 20*time.Second, 10*time.Millisecond)
				}
			}
			cfg := e.config("fix", dlq.ToTopic("retry"))
			cfg.Canary, cfg.ChunkRecords = tt.canary, 100
			report, err := run(t, cfg)
			if tt.contains == "" {
				require.NoError(t, err)
				assert.True(t, report.Complete)
			} else {
				var failed *dlq.CanaryError
				require.ErrorAs(t, err, &failed)
				require.ErrorContains(t, err, tt.contains)
				assert.False(t, report.Complete)
				assert.EqualValues(t, n-tt.sent, report.Remaining)
				if report.Canary.Returned > 0 {
					assert.Greater(t, 2*report.Canary.Returned, report.Canary.Sent)
					report.Canary.Returned, report.Canary.Passed = 0, 0 // how many were back when it was seen
				}
			}
			assert.Equal(t, tt.sent, report.Republished)
			assert.Len(t, e.read(t, "retry"), int(tt.sent))
			assert.Equal(t, tt.want, report.Canary)
			if tt.contains != "" { // what was sent ahead is done; the rest is offered again
				cfg.Canary.Above = -1
				report, err = run(t, cfg)
				require.NoError(t, err)
				assert.GreaterOrEqual(t, report.Republished, n-tt.sent)
			}
		})
	}
}

func TestCanaryCountsOnlyWhatIsRepublished(t *testing.T) {
	t.Parallel()
	e := newEmbedded(t, 1, map[string]int{"orders": 4, "retry": 4, "orders-dlq": 4})
	const n = 1200
	e.seed(t, n)
	e.connector(t, "retry", func(*kgo.Record) bool { return false })
	cfg := e.config("fix", dlq.ToTopic("retry"))
	cfg.Handler = func(_ context.Context, r *dlq.Record) (dlq.Decision, error) {
		if r.Failure.Offset < n/2 {
			return dlq.Park("old"), nil
		}
		return dlq.Republish(), nil
	}
	require.Eventually(t, func() bool { return e.GroupInfo("connect-orders-sink") != nil }, 20*time.Second, 10*time.Millisecond)
	report, err := run(t, cfg)
	var failed *dlq.CanaryError
	require.ErrorAs(t, err, &failed)
	assert.EqualValues(t, 20, report.Republished)
	assert.Len(t, e.read(t, "retry"), 20)
}

func TestFollowStopsWhenWhatItSendsComesBack(t *testing.T) {
	t.Parallel()
	e := newEmbedded(t, 1, map[string]int{"orders": 4, "retry": 4, "orders-dlq": 2})
	e.seed(t, 200) // too few for a canary
	e.connector(t, "retry", func(*kgo.Record) bool { return false })
	cfg := e.config("fix", dlq.ToTopic("retry"))
	cfg.Follow, cfg.Budget = true, dlq.Unlimited
	report, err := run(t, cfg)
	var failed *dlq.CanaryError
	require.ErrorAs(t, err, &failed)
	assert.True(t, failed.Following)
	assert.True(t, report.Canary.Failed)
	assert.Greater(t, 2*failed.Returned, failed.Sent)
	assert.GreaterOrEqual(t, failed.Sent, 20)
	require.ErrorContains(t, err, "came back to orders-dlq: stopped")
}
