package dlq_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
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
	apiProduce      = 0
	apiFetch        = 1
	apiListOffsets  = 2
	apiOffsetCommit = 8
)

// seed writes n dead letters with ids over the partitions of the queue.
func (e *embedded) seed(tb testing.TB, n int) {
	tb.Helper()
	partitions := len(e.ends(tb, "orders-dlq"))
	var records []*kgo.Record
	for i := range n {
		records = append(records, deadLetter(int32(i%partitions), i%4, int64(i), id(i), fmt.Appendf(nil, "v%d", i), header("own", "x")))
	}
	e.produce(tb, records...)
}

// prove checks that the ids of the queue are those at the origin and in the parking topic, each at least once, and returns
// how many are there more than once.
func (e *embedded) prove(tb testing.TB, n int) (doubled int) {
	tb.Helper()
	got := ids(e.read(tb, "orders"))
	if e.TopicInfo("orders-parked") != nil {
		for id, count := range ids(e.read(tb, "orders-parked")) {
			got[id] += count
		}
	}
	missing := 0
	for i := range n {
		if got[string(id(i))] == 0 {
			missing++
		}
	}
	assert.Zero(tb, missing, "records lost")
	assert.Len(tb, got, n)
	for _, count := range got {
		doubled += count - 1
	}
	return doubled
}

func parkEveryTenth(_ context.Context, r *dlq.Record) (dlq.Decision, error) {
	if r.Failure.Offset%10 == 0 {
		return dlq.Park("tenth"), nil
	}
	return dlq.Republish(), nil
}

func TestALostAcknowledgementDoesNotWriteTwice(t *testing.T) {
	t.Parallel()
	e := newEmbedded(t, 1, map[string]int{"orders": 4, "orders-dlq": 2})
	const n = 3000
	e.seed(t, n)
	p := testutil.NewProxy(t, e.brokers[0])
	for i := range 6 {
		p.DropResponse(1, testutil.Nth(1+i*2, testutil.Kafka(apiProduce)))
	}
	cfg := e.config("fix", dlq.ToOrigin())
	cfg.Dial, cfg.ChunkRecords, cfg.Handler = p.Dial, 100, parkEveryTenth
	report := mustRun(t, cfg)
	assert.EqualValues(t, n, report.Read)
	sent := map[string]int{}
	for _, r := range p.Requests() {
		if r.APIKey == apiProduce {
			// What differs between two requests with one batch is the correlation id, bytes 4 to 8.
			sent[string(r.Body[8:])]++
		}
	}
	again := 0
	for _, times := range sent {
		again += times - 1
	}
	assert.Equal(t, 6, again, "each lost answer made the same batch come again")
	assert.Zero(t, report.MaybeTwice)
	assert.Zero(t, e.prove(t, n))
}

func TestALostCommitAnswerIsSettled(t *testing.T) {
	t.Parallel()
	e := newEmbedded(t, 1, map[string]int{"orders": 4, "orders-dlq": 2})
	const n = 1000
	e.seed(t, n)
	p := testutil.NewProxy(t, e.brokers[0])
	p.DropResponse(1, testutil.Nth(2, testutil.Kafka(apiOffsetCommit)))
	p.DropResponse(1, testutil.Nth(3, testutil.Kafka(apiFetch)))
	cfg := e.config("fix", dlq.ToOrigin())
	cfg.Dial, cfg.ChunkRecords = p.Dial, 100
	report := mustRun(t, cfg)
	assert.EqualValues(t, n, report.Read)
	assert.Zero(t, e.prove(t, n))
}

func TestProducerStateThatKafkaLostIsSaid(t *testing.T) {
	t.Parallel()
	e := newEmbedded(t, 1, map[string]int{"orders": 4, "orders-dlq": 1})
	e.seed(t, 10)
	p := testutil.NewProxy(t, e.brokers[0])
	p.DropResponse(1, testutil.Nth(1, testutil.Kafka(apiProduce)))
	var produced atomic.Int32
	e.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: "orders", Err: kerr.OutOfOrderSequenceNumber, Count: 1, When: func(kmsg.Request) bool { return produced.Add(1) > 1 }})
	cfg := e.config("fix", dlq.ToOrigin())
	cfg.Dial = p.Dial
	report := mustRun(t, cfg)
	assert.EqualValues(t, 10, report.Read)
	doubled := e.prove(t, 10)
	assert.LessOrEqual(t, int64(doubled), report.MaybeTwice, "what may be there twice is counted")
}

func TestLeaderMovesDuringTheRun(t *testing.T) {
	t.Parallel()
	e := newEmbedded(t, 3, map[string]int{"orders": 4, "orders-dlq": 4})
	const n = 2000
	e.seed(t, n)
	cfg := e.config("fix", dlq.ToOrigin())
	cfg.ChunkRecords = 50
	var once sync.Once
	cfg.OnProgress = func(p dlq.Progress) {
		if p.Done > n/4 {
			once.Do(func() {
				e.ShufflePartitionLeaders()
				e.RehashCoordinators()
			})
		}
	}
	cfg.Handler = parkEveryTenth
	report := mustRun(t, cfg)
	assert.EqualValues(t, n, report.Read)
	assert.LessOrEqual(t, int64(e.prove(t, n)), report.Uncommitted)
}

func TestTwoInstancesShareThePartitions(t *testing.T) {
	t.Parallel()
	e := newEmbedded(t, 1, map[string]int{"orders": 4, "orders-dlq": 4})
	const n = 4000
	e.seed(t, n)
	second := make(chan struct{})
	var once sync.Once
	slow := func(ctx context.Context, r *dlq.Record) (dlq.Decision, error) {
		once.Do(func() { close(second) })
		if r.Failure.Offset%50 == 0 {
			select {
			case <-time.After(5 * time.Millisecond):
			case <-ctx.Done():
				return dlq.Decision{}, ctx.Err()
			}
		}
		return parkEveryTenth(ctx, r)
	}
	var wg sync.WaitGroup
	reports := make([]dlq.Report, 2)
	for i := range reports {
		wg.Go(func() {
			if i == 1 {
				<-second
			}
			cfg := e.config("fix", dlq.ToOrigin())
			cfg.ChunkRecords, cfg.Handler = 40, slow
			cfg.SessionTimeout, cfg.RebalanceTimeout = 6*time.Second, 6*time.Second
			report, err := run(t, cfg)
			assert.NoError(t, err)
			assert.True(t, report.Complete)
			reports[i] = report
		})
	}
	wg.Wait()
	assert.EqualValues(t, n, reports[0].Read+reports[1].Read, "each record counts once, where it was committed")
	assert.LessOrEqual(t, int64(e.prove(t, n)), reports[0].Uncommitted+reports[1].Uncommitted)
}

func TestAStaleGenerationDoesNotRewindTheGroup(t *testing.T) {
	t.Parallel()
	e := newEmbedded(t, 1, map[string]int{"orders": 4, "orders-dlq": 1})
	const n = 100
	e.seed(t, n)
	cfg := e.config("fix", dlq.ToOrigin())
	cfg.ChunkRecords = 10
	// The group throws the member out exactly when its first commit arrives.
	e.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.OffsetCommit}, Err: kerr.IllegalGeneration, Count: 1})
	e.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Heartbeat}, Err: kerr.UnknownMemberID, Count: 1, TopLevel: true})
	report := mustRun(t, cfg)
	assert.EqualValues(t, n, report.Read)
	assert.EqualValues(t, 10, report.Uncommitted)
	assert.Equal(t, 10, e.prove(t, n), "written twice and said so")
}

// refuseLarge refuses batches as a broker does that looks at max.message.bytes, which kfake does not.
func (e *embedded) refuseLarge(topic string, limit int) {
	e.ControlKey(apiProduce, func(req kmsg.Request) (kmsg.Response, error, bool) {
		e.KeepControl()
		p := req.(*kmsg.ProduceRequest)
		if p.Topics[0].Topic != topic || len(p.Topics[0].Partitions[0].Records) <= limit {
			return nil, nil, false
		}
		res := p.ResponseKind().(*kmsg.ProduceResponse)
		st := kmsg.NewProduceResponseTopic()
		st.Topic = topic
		sp := kmsg.NewProduceResponseTopicPartition()
		sp.Partition, sp.ErrorCode = p.Topics[0].Partitions[0].Partition, kerr.MessageTooLarge.Code
		st.Partitions = append(st.Partitions, sp)
		res.Topics = append(res.Topics, st)
		return res, nil, true
	})
}

func TestOversizeRecordsAreParkedAloneAndOthersPass(t *testing.T) {
	t.Parallel()
	e := newEmbedded(t, 1, map[string]int{"orders-dlq": 1})
	require.NoError(t, e.CreateTopic("orders", 4, map[string]string{"max.message.bytes": "20000"}))
	const n = 60
	var records []*kgo.Record
	for i := range n {
		size := 3000
		if i%20 == 7 {
			size = 50_000
		}
		records = append(records, deadLetter(0, 1, int64(i), id(i), bytes.Repeat([]byte("x"), size)))
	}
	e.produce(t, records...)
	e.refuseLarge("orders", 20_000)
	report := mustRun(t, e.config("fix", dlq.ToOrigin()))
	assert.EqualValues(t, n-3, report.Republished)
	assert.EqualValues(t, 3, report.Parked)
	assert.Zero(t, e.prove(t, n))
	for _, r := range e.read(t, "orders-parked") {
		assert.Contains(t, value(r, dlq.HeaderParkReason), "max.message.bytes of orders")
	}
	got := e.read(t, "orders")
	for i := 1; i < len(got); i++ {
		assert.Less(t, string(got[i-1].Key), string(got[i].Key), "order within the partition")
	}
}

func TestParkTopicThatFailsStopsTheRun(t *testing.T) {
	t.Parallel()
	e := newEmbedded(t, 1, map[string]int{"orders": 4, "orders-dlq": 1, "orders-parked": 1})
	const n = 100
	e.seed(t, n)
	e.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: "orders-parked", Err: kerr.TopicAuthorizationFailed, Count: 1})
	cfg := e.config("fix", dlq.ToOrigin())
	cfg.Handler, cfg.ChunkRecords = parkEveryTenth, 25
	report, err := run(t, cfg)
	require.ErrorIs(t, err, kafka.TopicAuthorizationFailed)
	require.ErrorContains(t, err, "ACL")
	assert.Zero(t, report.Read)
	mustRun(t, cfg)
	e.prove(t, n)
}

func TestTheEndMayBeAMarkerOrAnAbortedRecord(t *testing.T) {
	t.Parallel()
	e := newEmbedded(t, 1, map[string]int{"orders": 4, "orders-dlq": 1})
	tx, err := kgo.NewClient(kgo.SeedBrokers(e.brokers...), kgo.TransactionalID("writer"), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	require.NoError(t, err)
	defer tx.Close()
	in := func(from, to int, end kgo.TransactionEndTry) {
		require.NoError(t, tx.BeginTransaction())
		for i := from; i < to; i++ {
			require.NoError(t, tx.ProduceSync(t.Context(), deadLetter(0, 0, int64(i), id(i), nil)).FirstErr())
		}
		require.NoError(t, tx.EndTransaction(t.Context(), end))
	}
	in(0, 5, kgo.TryCommit)
	in(100, 105, kgo.TryAbort)
	in(5, 10, kgo.TryCommit)
	in(200, 205, kgo.TryAbort)
	report := mustRun(t, e.config("fix", dlq.ToOrigin()))
	assert.EqualValues(t, 10, report.Read)
	assert.Equal(t, e.ends(t, "orders-dlq")[0], report.Partitions[0].Position)
	assert.Zero(t, e.prove(t, 10))
}

func TestRetentionDuringTheRunIsReported(t *testing.T) {
	t.Parallel()
	e := newEmbedded(t, 1, map[string]int{"orders": 4, "orders-dlq": 1})
	for i := range 100 {
		e.produce(t, deadLetter(0, 0, int64(i), id(i), nil))
	}
	cfg := e.config("fix", dlq.ToOrigin())
	cfg.Handler = func(_ context.Context, r *dlq.Record) (dlq.Decision, error) {
		if r.Failure.Offset == 9 {
			return dlq.Decision{}, errors.New("stop here")
		}
		return dlq.Republish(), nil
	}
	_, err := run(t, cfg)
	require.Error(t, err)
	require.NoError(t, e.DeleteRecords("orders-dlq", 0, 30))
	cfg.Handler = nil
	report := mustRun(t, cfg)
	assert.EqualValues(t, 21, report.Expired)
	assert.EqualValues(t, 70, report.Read)
	assert.Equal(t, int64(9), report.Partitions[0].Start)
}

func TestATopicThatWasCreatedAnewIsNoticed(t *testing.T) {
	t.Parallel()
	e := newEmbedded(t, 1, map[string]int{"orders": 4, "orders-dlq": 1})
	e.seed(t, 50)
	cfg := e.config("fix", dlq.ToOrigin())
	mustRun(t, cfg)
	require.NoError(t, e.DeleteTopic("orders-dlq"))
	require.NoError(t, e.CreateTopic("orders-dlq", 1, nil))
	var err error
	e.client, err = kgo.NewClient(kgo.SeedBrokers(e.brokers...), kgo.RecordPartitioner(kgo.ManualPartitioner())) // one that does not know the old topic's id
	require.NoError(t, err)
	defer e.client.Close()
	e.seed(t, 20)
	_, err = run(t, cfg)
	if err == nil { // the group's offsets went with the topic, as they do on a real broker after a while
		return
	}
	require.ErrorContains(t, err, "created anew")
	cfg.Start = dlq.StartEarliest
	assert.EqualValues(t, 20, mustRun(t, cfg).Read)
}

func TestDeferredRecordsComeBackWhenDue(t *testing.T) {
	t.Parallel()
	e := newEmbedded(t, 1, map[string]int{"orders": 4, "orders-dlq": 2})
	e.seed(t, 10)
	cfg := e.config("fix", dlq.ToOrigin())
	cfg.Handler = func(context.Context, *dlq.Record) (dlq.Decision, error) { return dlq.RetryAfter(time.Hour), nil }
	assert.EqualValues(t, 10, mustRun(t, cfg).Deferred)
	called := false
	cfg.Handler = func(context.Context, *dlq.Record) (dlq.Decision, error) {
		called = true
		return dlq.Republish(), nil
	}
	report := mustRun(t, cfg)
	assert.EqualValues(t, 10, report.Deferred, "never early")
	assert.False(t, called)
	for _, r := range e.read(t, "orders-dlq") {
		if value(r, dlq.HeaderNotBefore) == "(absent)" {
			continue
		}
		assert.Equal(t, "1", value(r, "reconnect.retry.count"), "only a decision counts")
		f, err := dlq.Parse(kafkaHeaders(r.Headers))
		require.NoError(t, err)
		assert.Equal(t, "orders", f.Topic, "the context stays")
	}
	cfg.Handler = func(context.Context, *dlq.Record) (dlq.Decision, error) { return dlq.RetryAfter(0), nil }
	other := cfg
	other.Group = "budget"
	other.Budget = 1
	other.Start = dlq.StartEarliest
	report = mustRun(t, other)
	assert.EqualValues(t, 10, report.Outcomes()[dlq.OutcomeDeferred]-20, "first copies use their only attempt; the others are not due")
}

func TestRunRefusesASecondRun(t *testing.T) {
	t.Parallel()
	e := newEmbedded(t, 1, map[string]int{"orders": 4, "orders-dlq": 1})
	e.seed(t, 1)
	cfg := e.config("fix", dlq.ToOrigin())
	started, finish := make(chan struct{}), make(chan struct{})
	cfg.Handler = func(context.Context, *dlq.Record) (dlq.Decision, error) {
		close(started)
		<-finish
		return dlq.Republish(), nil
	}
	r, err := dlq.NewRepublisher(cfg)
	require.NoError(t, err)
	done := make(chan error)
	go func() {
		_, err := r.Run(t.Context())
		done <- err
	}()
	<-started
	_, err = r.Run(t.Context())
	require.ErrorContains(t, err, "already under way")
	close(finish)
	require.NoError(t, <-done)
}

func TestPageSizesDoNotMatter(t *testing.T) {
	t.Parallel()
	e := newEmbedded(t, 1, map[string]int{"orders": 4, "orders-dlq": 3})
	const n = 500
	e.seed(t, n)
	want := map[string]int{}
	for i := range n {
		want[string(id(i))] = 3
	}
	for i, memory := range []int{1 << 16, 1 << 18, 32 << 20} {
		cfg := e.config(fmt.Sprintf("fix-%d", i), dlq.ToOrigin())
		cfg.AcceptOtherConsumers = true
		cfg.InFlightBytes, cfg.ChunkRecords, cfg.BatchBytes = memory, 1+i*33, 4096<<i
		assert.EqualValues(t, n, mustRun(t, cfg).Republished)
	}
	assert.True(t, maps.Equal(want, ids(e.read(t, "orders"))))
}
