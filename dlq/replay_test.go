package dlq_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/go-reconnect/reconnect/dlq"
)

func (e *embedded) commit(tb testing.TB, group, topic string, partition int32, offset int64) {
	tb.Helper()
	req := kmsg.NewPtrOffsetCommitRequest()
	req.Group, req.Generation = group, -1
	rt := kmsg.NewOffsetCommitRequestTopic()
	rt.Topic, rt.TopicID = topic, e.TopicInfo(topic).TopicID
	rp := kmsg.NewOffsetCommitRequestTopicPartition()
	rp.Partition, rp.Offset = partition, offset
	rt.Partitions = append(rt.Partitions, rp)
	req.Topics = append(req.Topics, rt)
	res, err := req.RequestWith(tb.Context(), e.client)
	require.NoError(tb, err)
	require.Zero(tb, res.Topics[0].Partitions[0].ErrorCode)
}

func TestCopiesReachTheTargetOnce(t *testing.T) {
	t.Parallel()
	e := newEmbedded(t, 1, map[string]int{"retry": 4, "orders-dlq": 2})
	for range 4 { // a task without tolerance, restarted three times
		e.produce(t, deadLetter(0, 1, 7, id(7), []byte("v")), deadLetter(1, 2, 8, nil, []byte("w")), deadLetter(0, 2, 8, nil, []byte("w")))
	}
	other := connectFailure()
	other.Partition, other.Offset, other.Connector = 1, 7, "another-sink"
	e.produce(t, &kgo.Record{Topic: "orders-dlq", Key: id(9), Headers: kgoHeaders(other.AppendTo(nil))})
	cfg := e.config("fix", dlq.ToTopic("retry"))
	report := mustRun(t, cfg)
	assert.EqualValues(t, 13, report.Read)
	assert.EqualValues(t, 3, report.Republished, "another connector's failure is no copy")
	assert.EqualValues(t, 10, report.Duplicate)
	assert.Equal(t, map[string]int{string(id(7)): 1, "": 1, string(id(9)): 1}, ids(e.read(t, "retry")))
}

func TestRecordsStillInFrontOfTheConnectorArePending(t *testing.T) {
	t.Parallel()
	e := newEmbedded(t, 1, map[string]int{"orders": 4, "orders-dlq": 1})
	for i := range 10 {
		e.produce(t, deadLetter(0, 1, int64(i), id(i), nil))
	}
	e.commit(t, "connect-orders-sink", "orders", 1, 4)
	report := mustRun(t, e.config("fix", dlq.ToOrigin()))
	assert.EqualValues(t, 4, report.Republished)
	assert.EqualValues(t, 6, report.Pending)

	t.Run("the group of a connector can have another name", func(t *testing.T) {
		t.Parallel()
		e.commit(t, "orders-readers", "orders", 1, 9)
		cfg := e.config("named", dlq.ToTopic("orders-retry"))
		require.NoError(t, e.CreateTopic("orders-retry", 2, nil))
		cfg.ConnectorGroup = func(connector string) string { return connector[:6] + "-readers" }
		assert.EqualValues(t, 1, mustRun(t, cfg).Pending)
	})
}

func TestARunningConnectorThatHasNotCommittedYetIsWaitedFor(t *testing.T) {
	t.Parallel()
	e := newEmbedded(t, 1, map[string]int{"orders": 1, "orders-dlq": 1})
	e.produce(t, &kgo.Record{Topic: "orders", Key: id(0)}, &kgo.Record{Topic: "orders", Key: id(1)}, deadLetter(0, 0, 1, id(1), nil))
	sink, err := kgo.NewClient(kgo.SeedBrokers(e.brokers...), kgo.ConsumerGroup("connect-orders-sink"), kgo.ConsumeTopics("orders"),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.DisableAutoCommit())
	require.NoError(t, err)
	defer sink.Close()
	fs := sink.PollFetches(t.Context())
	require.NoError(t, fs.Err0())
	e2 := fs.Records()[0]
	require.NoError(t, sink.CommitRecords(t.Context(), e2)) // behind the first only
	cfg := e.config("fix", dlq.ToOrigin())
	cfg.PendingWait = 20 * time.Second
	done := make(chan dlq.Report)
	go func() { done <- mustRun(t, cfg) }()
	_, err = e.WaitGroupStable(t.Context(), "connect-orders-sink", 1)
	require.NoError(t, err)
	go func() { assert.NoError(t, sink.CommitRecords(t.Context(), fs.Records()...)) }()
	report := <-done
	assert.EqualValues(t, 1, report.Republished)
	assert.Zero(t, report.Pending)
}

// Filter A, then filter B, then none: every record is republished exactly once, whatever the group.
func TestAFilterHidesNothing(t *testing.T) {
	t.Parallel()
	for name, ledger := range map[string]func(t *testing.T) dlq.Ledger{
		"topic": func(*testing.T) dlq.Ledger { return dlq.LedgerTopic("reconnect-ledger") },
		"file": func(t *testing.T) dlq.Ledger {
			t.Helper()
			l := dlq.LedgerFile(filepath.Join(t.TempDir(), "ledger.jsonl"))
			t.Cleanup(func() { assert.NoError(t, l.Close()) })
			return l
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEmbedded(t, 1, map[string]int{"orders": 4, "orders-dlq": 2})
			const n = 300
			e.seed(t, n)
			cfg := e.config("a", dlq.ToOrigin())
			cfg.AcceptOtherConsumers = true
			cfg.Ledger, cfg.ChunkRecords = ledger(t), 17
			third := func(k int64) func(*dlq.Record) bool {
				return func(r *dlq.Record) bool { return r.Failure.Offset%3 == k }
			}
			cfg.Filter.Match = third(0)
			report := mustRun(t, cfg)
			assert.EqualValues(t, n/3, report.Republished)
			assert.EqualValues(t, 2*n/3, report.Left)
			cfg.Filter.Match, cfg.Group = third(1), "b"
			report = mustRun(t, cfg)
			assert.EqualValues(t, n/3, report.Republished)
			assert.EqualValues(t, n/3, report.Known)
			cfg.Filter, cfg.Group = dlq.Filter{}, "a"
			report = mustRun(t, cfg)
			assert.EqualValues(t, n/3, report.Republished)
			assert.EqualValues(t, 2*n/3, report.Known)
			report = mustRun(t, cfg)
			assert.Zero(t, report.Read)
			assert.Zero(t, e.prove(t, n))
		})
	}
	t.Run("without a ledger it is refused", func(t *testing.T) {
		t.Parallel()
		cfg := dlq.RepublisherConfig{Brokers: []string{"x:1"}, Topic: "d", Group: "g", Target: dlq.ToOrigin(), Filter: dlq.Filter{Connector: "c"}}
		_, err := dlq.NewRepublisher(cfg)
		require.ErrorContains(t, err, "would hide")
		cfg.Filter.ParkUnmatched = true
		_, err = dlq.NewRepublisher(cfg)
		require.NoError(t, err)
	})
}

func TestFilterFields(t *testing.T) {
	t.Parallel()
	e := newEmbedded(t, 1, map[string]int{"orders": 4, "orders-dlq": 1})
	e.seed(t, 20)
	task, otherTask := 2, 3
	for name, row := range map[string]struct {
		filter dlq.Filter
		want   int64
	}{
		"connector":            {dlq.Filter{Connector: "orders-sink"}, 20},
		"another connector":    {dlq.Filter{Connector: "x"}, 0},
		"task":                 {dlq.Filter{Task: &task}, 20},
		"another task":         {dlq.Filter{Task: &otherTask}, 0},
		"stage and topic":      {dlq.Filter{Stage: dlq.StageValueConverter, Topic: "orders"}, 20},
		"class":                {dlq.Filter{Class: "org.apache.kafka.connect.json.JsonConverter"}, 20},
		"another exception":    {dlq.Filter{ExceptionClass: "java.lang.Error"}, 0},
		"offsets":              {dlq.Filter{From: 5, To: 8}, 3},
		"time":                 {dlq.Filter{Since: time.UnixMilli(1_700_000_000_010), Until: time.UnixMilli(1_700_000_000_012)}, 2},
		"another fingerprint":  {dlq.Filter{Fingerprint: "nothing"}, 0},
		"everything and match": {dlq.Filter{Connector: "orders-sink", Match: func(r *dlq.Record) bool { return r.Message.Offset == 3 }}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := e.config("group", dlq.ToOrigin())
			cfg.Filter, cfg.DryRun = row.filter, true
			cfg.Filter.ParkUnmatched = true
			report := mustRun(t, cfg)
			assert.Equal(t, row.want, report.Republished)
			assert.Equal(t, 20-row.want, report.Parked)
		})
	}
}

func TestDryRunWritesNothing(t *testing.T) {
	t.Parallel()
	e := newEmbedded(t, 1, map[string]int{"orders": 4, "orders-dlq": 2})
	const n = 100
	e.seed(t, n)
	cfg := e.config("fix", dlq.ToOrigin())
	cfg.DryRun = true
	cfg.Handler = func(ctx context.Context, r *dlq.Record) (dlq.Decision, error) {
		r.Out.Value = []byte("new")
		return parkEveryTenth(ctx, r)
	}
	report := mustRun(t, cfg)
	assert.True(t, report.DryRun)
	assert.EqualValues(t, n, report.Read)
	assert.EqualValues(t, n/10, report.Parked)
	assert.Len(t, report.Samples, 10)
	for _, s := range report.Samples {
		assert.Equal(t, "new", string(s.After.Value))
		assert.Equal(t, byte('v'), s.Before.Value[0])
	}
	assert.Empty(t, e.read(t, "orders"))
	assert.Nil(t, e.TopicInfo("orders-parked"), "not even the parking topic is made")
	assert.Nil(t, e.GroupInfo("fix"), "nor a group")
	cfg.DryRun = false
	assert.EqualValues(t, n, mustRun(t, cfg).Read)
}

func TestAuditNamesEveryOutcome(t *testing.T) {
	t.Parallel()
	e := newEmbedded(t, 1, map[string]int{"orders": 4, "orders-dlq": 2})
	const n = 100
	e.seed(t, n)
	cfg := e.config("fix", dlq.ToOrigin())
	cfg.By, cfg.RunID, cfg.Handler = "ann", "run-7", parkEveryTenth
	seen := map[string]dlq.Entry{}
	cfg.Audit = func(entry dlq.Entry) { seen[fmt.Sprintf("%d/%d", entry.Partition, entry.Offset)] = entry }
	mustRun(t, cfg)
	require.Len(t, seen, n)
	counts := map[dlq.Outcome]int{}
	for _, entry := range seen {
		counts[entry.Outcome]++
		assert.Equal(t, "ann", entry.By)
		assert.Equal(t, "run-7", entry.RunID)
		assert.Equal(t, "orders", entry.OriginTopic)
		if entry.Outcome == dlq.OutcomeRepublished {
			assert.Equal(t, "orders", entry.Target)
			assert.Equal(t, entry.OriginPartition, entry.TargetPartition)
		} else {
			assert.Equal(t, "tenth", entry.Reason)
		}
	}
	assert.Equal(t, map[dlq.Outcome]int{dlq.OutcomeRepublished: n - n/10, dlq.OutcomeParked: n / 10}, counts)
}

func TestRateIsKept(t *testing.T) {
	t.Parallel()
	e := newEmbedded(t, 1, map[string]int{"orders": 4, "orders-dlq": 1})
	e.seed(t, 150)
	cfg := e.config("fix", dlq.ToOrigin())
	cfg.Rate.Records = 100 // the first hundred at once, the others half a second later
	report := mustRun(t, cfg)
	assert.EqualValues(t, 150, report.Republished)
	assert.GreaterOrEqual(t, report.Ended.Sub(report.Started), 400*time.Millisecond)
	cfg.Rate.Records = -1
	_, err := dlq.NewRepublisher(cfg)
	require.ErrorContains(t, err, "Rate")
}

func TestLedgerFileGoesOnAfterACrash(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ledger.jsonl")
	l := dlq.LedgerFile(path)
	require.NoError(t, l.Record(t.Context(), []dlq.Entry{{Topic: "d", Offset: 1}, {Topic: "other", Offset: 2}}))
	require.NoError(t, l.Close())
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = f.WriteString(`{"topic":"d","off`)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	require.NoError(t, l.Record(t.Context(), []dlq.Entry{{Topic: "d", Offset: 3}}))
	var got []int64
	require.NoError(t, l.Load(t.Context(), "d", func(e dlq.Entry) error {
		got = append(got, e.Offset)
		return nil
	}))
	assert.Equal(t, []int64{1, 3}, got)
	require.NoError(t, l.Close())
}
