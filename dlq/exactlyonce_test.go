package dlq_test

import (
	"context"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/go-reconnect/reconnect/dlq"
	"github.com/go-reconnect/reconnect/internal/testutil"
)

const (
	apiTxnOffsetCommit = 28
	apiEndTxn          = 26
)

func TestExactlyOnceWithLostAnswers(t *testing.T) {
	t.Parallel()
	for _, api := range []int16{apiProduce, apiTxnOffsetCommit, apiEndTxn} {
		t.Run(strconv.Itoa(int(api)), func(t *testing.T) {
			t.Parallel()
			e := newEmbedded(t, 1, map[string]int{"orders": 4, "orders-dlq": 2})
			const n = 600
			e.seed(t, n)
			p := testutil.NewProxy(t, e.brokers[0])
			p.DropResponse(1, testutil.Nth(1, testutil.Kafka(api)))
			p.DropResponse(1, testutil.Nth(4, testutil.Kafka(api)))
			cfg := e.config("fix", dlq.ToOrigin())
			cfg.Dial, cfg.ChunkRecords, cfg.ExactlyOnce, cfg.Handler = p.Dial, 100, true, parkEveryTenth
			cfg.Ledger = dlq.LedgerTopic("ledger")
			report := mustRun(t, cfg)
			assert.EqualValues(t, n, report.Read)
			assert.Zero(t, e.prove(t, n))
			assert.Len(t, ids(e.read(t, "ledger")), n)
		})
	}
}

func TestExactlyOnceOverARebalanceAndAFailure(t *testing.T) {
	t.Parallel()
	e := newEmbedded(t, 1, map[string]int{"orders": 4, "orders-dlq": 2})
	const n = 600
	e.seed(t, n)
	cfg := e.config("fix", dlq.ToOrigin())
	cfg.ChunkRecords, cfg.ExactlyOnce, cfg.Handler = 50, true, parkEveryTenth
	// Everything of the chunk is written when the group has moved on.
	e.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.TxnOffsetCommit}, Err: kerr.IllegalGeneration, Count: 1})
	e.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Heartbeat}, Err: kerr.UnknownMemberID, Count: 1, TopLevel: true})
	report := mustRun(t, cfg)
	assert.EqualValues(t, n, report.Read)
	assert.Zero(t, report.Uncommitted)
	assert.Zero(t, e.prove(t, n))
}

func TestExactlyOnceStopsAndGoesOn(t *testing.T) {
	t.Parallel()
	e := newEmbedded(t, 1, map[string]int{"orders": 4, "orders-dlq": 1})
	const n = 200
	e.seed(t, n)
	cfg := e.config("fix", dlq.ToOrigin())
	cfg.ChunkRecords, cfg.ExactlyOnce, cfg.Handler = 50, true, parkEveryTenth
	e.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: "orders-parked", Err: kerr.TopicAuthorizationFailed, Count: 1, When: func(kmsg.Request) bool { return true }})
	report, err := run(t, cfg)
	require.Error(t, err)
	assert.Zero(t, report.Read)
	report = mustRun(t, cfg)
	assert.EqualValues(t, n, report.Read)
	assert.Zero(t, e.prove(t, n))
}

func TestExactlyOnceRefusesWhatIsNoTopic(t *testing.T) {
	t.Parallel()
	cfg := dlq.RepublisherConfig{Brokers: []string{"x:1"}, Topic: "d", Group: "g", Target: dlq.ToOrigin(), ExactlyOnce: true, Park: dlq.ParkFile("x"), Ledger: dlq.LedgerFile("y")}
	_, err := dlq.NewRepublisher(cfg)
	require.ErrorContains(t, err, "ParkTopic")
	require.ErrorContains(t, err, "LedgerTopic")
}

func TestFollowGoesOnUntilCancelled(t *testing.T) {
	t.Parallel()
	e := newEmbedded(t, 1, map[string]int{"orders": 4, "orders-dlq": 2})
	e.seed(t, 20)
	cfg := e.config("fix", dlq.ToOrigin())
	cfg.Follow = true
	var once, again sync.Once
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	first, all := make(chan struct{}), make(chan struct{})
	cfg.OnProgress = func(p dlq.Progress) {
		if p.Done >= 20 {
			once.Do(func() { close(first) })
		}
		if p.Outcomes[dlq.OutcomeRepublished] == 40 {
			again.Do(func() { close(all) })
		}
	}
	deferred := map[int64]time.Time{}
	var mu sync.Mutex
	cfg.Handler = func(_ context.Context, r *dlq.Record) (dlq.Decision, error) {
		mu.Lock()
		defer mu.Unlock()
		if at, seen := deferred[r.Failure.Offset]; seen {
			assert.GreaterOrEqual(t, time.Since(at), 300*time.Millisecond-time.Millisecond, "never early")
			return dlq.Republish(), nil
		}
		if r.Failure.Offset%20 == 3 {
			deferred[r.Failure.Offset] = time.Now()
			return dlq.RetryAfter(300 * time.Millisecond), nil
		}
		return dlq.Republish(), nil
	}
	r, err := dlq.NewRepublisher(cfg)
	require.NoError(t, err)
	type result struct {
		report dlq.Report
		err    error
	}
	done := make(chan result)
	go func() {
		report, err := r.Run(ctx)
		done <- result{report, err}
	}()
	<-first
	for i := 20; i < 40; i++ {
		e.produce(t, deadLetter(int32(i%2), i%4, int64(i), id(i), nil))
	}
	<-all
	cancel()
	got := <-done
	require.NoError(t, got.err, "the end of following is no error")
	require.NoError(t, got.report.Err())
	assert.EqualValues(t, 40, got.report.Republished)
	assert.Zero(t, e.prove(t, 40))
}

// Behind an open transaction nothing of the ledger can be read: whoever reads it only up to there does the rest again.
func TestALedgerIsReadBehindAnOpenTransaction(t *testing.T) {
	t.Parallel()
	e := newEmbedded(t, 1, map[string]int{"orders": 4, "orders-dlq": 2, "ledger": 1})
	const n = 60
	e.seed(t, n)
	dead, err := kgo.NewClient(kgo.SeedBrokers(e.brokers...), kgo.TransactionalID("dead"), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	require.NoError(t, err)
	defer dead.Close()
	require.NoError(t, dead.BeginTransaction())
	require.NoError(t, dead.ProduceSync(t.Context(), &kgo.Record{Topic: "ledger", Key: []byte("dead"), Value: []byte("{}")}).FirstErr())

	cfg := e.config("fix", dlq.ToOrigin())
	cfg.ExactlyOnce, cfg.Ledger, cfg.RetryTimeout, cfg.TransactionTimeout = true, dlq.LedgerTopic("ledger"), time.Second, time.Second
	_, err = run(t, cfg)
	require.ErrorContains(t, err, "partition 0 of topic ledger has had an open transaction since offset 0")

	cfg.RetryTimeout = time.Minute
	ended := make(chan error, 1)
	go func() { ended <- dead.EndTransaction(t.Context(), kgo.TryAbort) }()
	assert.EqualValues(t, n, mustRun(t, cfg).Read)
	require.NoError(t, <-ended)
	other := cfg
	other.Group = "another"
	report := mustRun(t, other)
	assert.EqualValues(t, n, report.Known)
	assert.Zero(t, report.Read)
	assert.Zero(t, e.prove(t, n))
}
