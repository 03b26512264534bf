package dlq_test

import (
	"context"
	"crypto/tls"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/go-reconnect/reconnect/dlq"
)

func TestRepublishIsByteExact(t *testing.T) {
	t.Parallel()
	e := newEmbedded(t, 1, map[string]int{"orders": 4, "orders-dlq": 1})
	own := []kafka.Header{header("dup", "1"), {Key: "dup"}, header("dup", ""), {Key: "", Value: []byte{0, 255}}, header("ключ", "é"), header("dup", "1")}
	all := []struct{ key, value []byte }{
		{[]byte("k"), []byte("v")},
		{nil, nil},
		{[]byte{}, []byte{}},
		{[]byte("k"), nil},
		{nil, []byte{}},
		{[]byte{0, 1, 255}, []byte{0xff, 0xfe, 0, 10, 13}},
	}
	for i, r := range all {
		e.produce(t, deadLetter(0, i%4, int64(i), r.key, r.value, own...))
	}
	report := mustRun(t, e.config("fix", dlq.ToOrigin()))
	assert.EqualValues(t, len(all), report.Republished)
	assert.EqualValues(t, len(all), report.Read)

	got := e.read(t, "orders")
	require.Len(t, got, len(all))
	slices.SortFunc(got, func(a, b *kgo.Record) int {
		return strings.Compare(value(a, dlq.HeaderOriginalTimestamp), value(b, dlq.HeaderOriginalTimestamp))
	})
	for i, r := range got {
		assert.EqualValues(t, i%4, r.Partition, "the origin's partition")
		assert.Equal(t, all[i].key, r.Key)
		assert.Equal(t, all[i].value, r.Value)
		headers := kafkaHeaders(r.Headers)
		require.GreaterOrEqual(t, len(headers), len(own))
		assert.Equal(t, own, headers[:len(own)])
		for _, h := range headers[len(own):] {
			assert.True(t, strings.HasPrefix(h.Key, "reconnect."), h.Key)
		}
		assert.Equal(t, "1", value(r, "reconnect.retry.count"))
		assert.Equal(t, "orders-sink", value(r, dlq.HeaderRetryConnector))
		assert.Less(t, time.Since(r.Timestamp), time.Hour, "retention must not take it at once")
	}
}

func TestCapturedRecordsGoBackAsTheyWere(t *testing.T) {
	t.Parallel()
	e := newEmbedded(t, 1, map[string]int{"retry": 3, "orders-dlq": 1})
	var want []kafka.Message
	for _, c := range capturedRecords(t) {
		m := c.message(t)
		if c.Expect.Sets == 0 || strings.HasSuffix(c.ID, "copy4") {
			continue // nowhere to go, and a copy of copy1
		}
		want = append(want, m)
		e.produce(t, &kgo.Record{Topic: "orders-dlq", Key: m.Key, Value: m.Value, Headers: kgoHeaders(m.Headers), Timestamp: time.UnixMilli(int64(len(want)))})
	}
	cfg := e.config("fix", dlq.ToTopic("retry"))
	cfg.Budget = dlq.Unlimited
	report := mustRun(t, cfg)
	assert.EqualValues(t, len(want), report.Republished)
	got := e.read(t, "retry")
	require.Len(t, got, len(want))
	for _, r := range got {
		ms := value(r, dlq.HeaderOriginalTimestamp)
		i := 0
		for _, c := range ms {
			i = i*10 + int(c-'0')
		}
		m := want[i-1]
		f, err := dlq.Parse(m.Headers)
		require.NoError(t, err)
		assert.EqualValues(t, f.Partition, r.Partition)
		assert.Equal(t, m.Key, r.Key)
		assert.Equal(t, m.Value, r.Value)
		own := dlq.Strip(m.Headers)
		headers := kafkaHeaders(r.Headers)
		require.GreaterOrEqual(t, len(headers), len(own))
		for i := range own {
			assert.Equal(t, own[i], headers[i])
		}
	}
}

func TestEveryDecisionHasItsOutcome(t *testing.T) {
	t.Parallel()
	e := newEmbedded(t, 1, map[string]int{"orders": 2, "orders-dlq": 2})
	const n = 400
	var records []*kgo.Record
	for i := range n {
		records = append(records, deadLetter(int32(i%2), i%2, int64(i), id(i), []byte("v"), header("own", "x")))
	}
	e.produce(t, records...)
	cfg := e.config("fix", dlq.ToOrigin())
	cfg.ChunkRecords = 37
	cfg.RunID = "run-1"
	cfg.Handler = func(_ context.Context, r *dlq.Record) (dlq.Decision, error) {
		switch r.Failure.Offset % 4 {
		case 0:
			r.Out.Value = []byte("fixed")
			return dlq.Republish(), nil
		case 1:
			return dlq.Park("cannot be fixed"), nil
		case 2:
			return dlq.Skip("test data"), nil
		}
		return dlq.Decision{}, nil
	}
	var last atomic.Pointer[dlq.Progress]
	cfg.OnProgress = func(p dlq.Progress) { last.Store(&p) }
	report := mustRun(t, cfg)
	assert.EqualValues(t, n, report.Read)
	assert.EqualValues(t, n/4, report.Republished)
	assert.EqualValues(t, n/2, report.Parked)
	assert.EqualValues(t, n/4, report.Skipped)
	assert.Equal(t, map[string]int64{"cannot be fixed": n / 4, "test data": n / 4, "parked by the handler": n / 4}, report.Reasons)
	assert.EqualValues(t, n, last.Load().Done)
	assert.EqualValues(t, n, last.Load().Total)

	back := e.read(t, "orders")
	require.Len(t, back, n/4)
	for _, r := range back {
		assert.Equal(t, "fixed", string(r.Value))
	}
	parked := e.read(t, "orders-parked")
	require.Len(t, parked, n/2)
	for _, r := range parked {
		assert.Equal(t, "v", string(r.Value))
		f, err := dlq.Parse(kafkaHeaders(r.Headers))
		require.NoError(t, err)
		assert.Equal(t, "orders", f.Topic)
		assert.Equal(t, "own", r.Headers[0].Key)
		assert.Equal(t, "run-1", value(r, dlq.HeaderParkRun))
		assert.Contains(t, []string{"cannot be fixed", "parked by the handler"}, value(r, dlq.HeaderParkReason))
		assert.True(t, strings.HasPrefix(value(r, dlq.HeaderParkSource), "orders-dlq/"))
	}

	t.Run("a second run finds nothing to do", func(t *testing.T) { //nolint:paralleltest // it needs what the first one left
		report := mustRun(t, cfg)
		assert.Zero(t, report.Read)
		assert.Len(t, e.read(t, "orders"), n/4)
	})
	t.Run("parked records come back through the same tool", func(t *testing.T) { //nolint:paralleltest // as above
		again := cfg
		again.Topic, again.Group, again.Park, again.Handler = "orders-parked", "second", nil, nil
		report := mustRun(t, again)
		assert.EqualValues(t, n/2, report.Republished)
		for _, r := range e.read(t, "orders") {
			assert.Equal(t, "(absent)", value(r, dlq.HeaderParkReason))
			_, err := dlq.Parse(kafkaHeaders(r.Headers))
			require.ErrorIs(t, err, dlq.ErrNoContext)
		}
	})
	t.Run("StartEarliest begins again", func(t *testing.T) { //nolint:paralleltest // as above
		again := cfg
		again.Start = dlq.StartEarliest
		report := mustRun(t, again)
		assert.EqualValues(t, n, report.Read)
	})
}

func TestBudget(t *testing.T) {
	t.Parallel()
	set := connectFailure()
	sets := func(n int) (h []kafka.Header) {
		for range n {
			h = set.AppendTo(h)
		}
		return h
	}
	tests := []struct {
		name    string
		headers []kafka.Header
		budget  int
		attempt int
		parked  bool
	}{
		{"first time", sets(1), 0, 0, false},
		{"two attempts by header", append([]kafka.Header{header("reconnect.retry.count", "2")}, sets(1)...), 0, 2, false},
		{"the default budget is three", append([]kafka.Header{header("reconnect.retry.count", "3")}, sets(1)...), 0, 3, true},
		{"headers stripped by somebody, sets tell", sets(4), 0, 3, true},
		{"sets below the header", append([]kafka.Header{header("reconnect.retry.count", "5")}, sets(2)...), 6, 5, false},
		{"header below the sets", append([]kafka.Header{header("reconnect.retry.count", "1")}, sets(5)...), 4, 4, true},
		{"a header that is no number", append([]kafka.Header{header("reconnect.retry.count", "many")}, sets(1)...), 0, 0, false},
		{"a negative header", append([]kafka.Header{header("reconnect.retry.count", "-9")}, sets(1)...), 0, 0, false},
		{"no budget at all", sets(1), -1, 0, true},
		{"unlimited", sets(40), dlq.Unlimited, 39, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			e := newEmbedded(t, 1, map[string]int{"orders": 4, "orders-dlq": 1})
			e.produce(t, &kgo.Record{Topic: "orders-dlq", Key: id(1), Headers: kgoHeaders(tt.headers)})
			cfg := e.config("fix", dlq.ToOrigin())
			cfg.Budget = tt.budget
			var attempt int
			cfg.Handler = func(_ context.Context, r *dlq.Record) (dlq.Decision, error) {
				attempt = r.Attempt
				return dlq.Republish(), nil
			}
			report := mustRun(t, cfg)
			assert.Equal(t, tt.attempt, attempt)
			if tt.parked {
				assert.EqualValues(t, 1, report.Parked)
				assert.Empty(t, e.read(t, "orders"))
				return
			}
			assert.EqualValues(t, 1, report.Republished)
			assert.Equal(t, tt.attempt+1, atoi(value(e.read(t, "orders")[0], "reconnect.retry.count")))
		})
	}
}

func atoi(s string) int {
	n := 0
	for _, c := range s {
		n = n*10 + int(c-'0')
	}
	return n
}

func TestTheEndIsFrozen(t *testing.T) {
	t.Parallel()
	e := newEmbedded(t, 1, map[string]int{"orders": 4, "orders-dlq": 1})
	for i := range 10 {
		e.produce(t, deadLetter(0, 0, int64(i), id(i), nil))
	}
	cfg := e.config("fix", dlq.ToOrigin())
	cfg.ChunkRecords = 1
	cfg.Handler = func(context.Context, *dlq.Record) (dlq.Decision, error) {
		e.produce(t, deadLetter(0, 0, 99, id(99), nil)) //nolint:contextcheck // it is the test that produces, not the handler
		return dlq.Republish(), nil
	}
	report := mustRun(t, cfg)
	assert.EqualValues(t, 10, report.Read)
	assert.Equal(t, int64(10), report.Partitions[0].End)
	cfg.Handler = nil
	assert.EqualValues(t, 10, mustRun(t, cfg).Read)
}

func TestHandlerErrorStopsBeforeItsRecord(t *testing.T) {
	t.Parallel()
	e := newEmbedded(t, 1, map[string]int{"orders": 4, "orders-dlq": 1})
	for i := range 10 {
		e.produce(t, deadLetter(0, 0, int64(i), id(i), nil))
	}
	cfg := e.config("fix", dlq.ToOrigin())
	boom := errors.New("boom")
	cfg.Handler = func(_ context.Context, r *dlq.Record) (dlq.Decision, error) {
		if r.Failure.Offset == 6 {
			return dlq.Republish(), boom
		}
		return dlq.Republish(), nil
	}
	report, err := run(t, cfg)
	require.ErrorIs(t, err, boom)
	require.ErrorContains(t, err, "orders-dlq-0@6")
	assert.False(t, report.Complete)
	assert.EqualValues(t, 6, report.Read)
	assert.EqualValues(t, 4, report.Remaining)
	assert.Zero(t, report.Uncommitted)
	cfg.Handler = nil
	assert.EqualValues(t, 4, mustRun(t, cfg).Read)
	for id, n := range ids(e.read(t, "orders")) {
		assert.Equal(t, 1, n, id)
	}
}

func TestCancelledRunCommitsWhatItDecided(t *testing.T) {
	t.Parallel()
	e := newEmbedded(t, 1, map[string]int{"orders": 4, "orders-dlq": 1})
	for i := range 20 {
		e.produce(t, deadLetter(0, 0, int64(i), id(i), nil))
	}
	cfg := e.config("fix", dlq.ToOrigin())
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("operator said stop")
	cfg.Handler = func(_ context.Context, r *dlq.Record) (dlq.Decision, error) {
		if r.Failure.Offset == 7 {
			cancel(why)
		}
		return dlq.Republish(), nil
	}
	r, err := dlq.NewRepublisher(cfg)
	require.NoError(t, err)
	report, err := r.Run(ctx)
	require.ErrorIs(t, err, why)
	require.NoError(t, report.Err())
	assert.False(t, report.Complete)
	assert.EqualValues(t, 8, report.Read)
	assert.EqualValues(t, 12, report.Remaining)
	cfg.Handler = nil
	assert.EqualValues(t, 12, mustRun(t, cfg).Read)
	assert.Len(t, e.read(t, "orders"), 20)
}

func TestParkFailureStopsWithoutACommit(t *testing.T) {
	t.Parallel()
	e := newEmbedded(t, 1, map[string]int{"orders": 4, "orders-dlq": 1})
	for i := range 10 {
		e.produce(t, deadLetter(0, 0, int64(i), id(i), nil))
	}
	full := errors.New("disk full")
	var parked atomic.Int32
	park := parkerFunc(func(_ context.Context, records []dlq.Parked) error {
		parked.Add(int32(len(records)))
		return full
	})
	cfg := e.config("fix", dlq.ToOrigin())
	cfg.Park = park
	cfg.Handler = func(context.Context, *dlq.Record) (dlq.Decision, error) { return dlq.Park("no"), nil }
	report, err := run(t, cfg)
	require.ErrorIs(t, err, full)
	assert.Zero(t, report.Read)
	assert.EqualValues(t, 10, report.Remaining)
	assert.EqualValues(t, 10, parked.Load())

	cfg.Park = nil
	_, err = run(t, cfg)
	require.ErrorContains(t, err, "Park is not set")
	cfg.Park = dlq.ParkTopic("orders-parked")
	assert.EqualValues(t, 10, mustRun(t, cfg).Parked)
}

type parkerFunc func(context.Context, []dlq.Parked) error

func (f parkerFunc) Park(ctx context.Context, records []dlq.Parked) error { return f(ctx, records) }

func TestRecordsWithoutAWayBackAreParked(t *testing.T) {
	t.Parallel()
	e := newEmbedded(t, 1, map[string]int{"orders": 4, "orders-dlq": 1})
	own := func(f dlq.Failure) *kgo.Record {
		return &kgo.Record{Topic: "orders-dlq", Headers: kgoHeaders(f.AppendTo(nil))}
	}
	gone, self, odd, far := connectFailure(), connectFailure(), connectFailure(), connectFailure()
	gone.Topic, self.Topic, odd.Topic, far.Partition = "was-deleted", "orders-dlq", "a/b", 99
	e.produce(t, &kgo.Record{Topic: "orders-dlq", Headers: []kgo.RecordHeader{{Key: "own"}}}, own(gone), own(self), own(odd), own(far))
	report := mustRun(t, e.config("fix", dlq.ToOrigin()))
	assert.EqualValues(t, 4, report.Parked)
	assert.EqualValues(t, 1, report.Republished, "a partition that is gone is replaced")
	for _, reason := range []string{"origin unknown: no error context", "target topic was-deleted does not exist", "origin is the dead letter queue itself", "origin is no topic name"} {
		assert.EqualValues(t, 1, report.Reasons[reason], reason)
	}
}

func TestOtherConsumersMustBeAccepted(t *testing.T) {
	t.Parallel()
	e := newEmbedded(t, 1, map[string]int{"orders": 4, "orders-dlq": 1})
	e.produce(t, &kgo.Record{Topic: "orders", Key: id(0)}, deadLetter(0, 0, 0, id(0), nil))
	for _, group := range []string{"billing", "audit", "connect-orders-sink"} {
		c, err := kgo.NewClient(kgo.SeedBrokers(e.brokers...), kgo.ConsumerGroup(group), kgo.ConsumeTopics("orders"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
		require.NoError(t, err)
		require.NoError(t, c.PollFetches(t.Context()).Err0())
		require.NoError(t, c.CommitUncommittedOffsets(t.Context()))
		c.Close()
	}
	cfg := e.config("fix", dlq.ToOrigin())
	report, err := run(t, cfg)
	var others *dlq.OtherConsumersError
	require.ErrorAs(t, err, &others)
	assert.Equal(t, "orders", others.Topic)
	assert.Equal(t, []string{"audit", "billing"}, others.Groups)
	assert.Zero(t, report.Read)
	assert.Len(t, e.read(t, "orders"), 1)

	cfg.AcceptOtherConsumers = true
	report = mustRun(t, cfg)
	assert.EqualValues(t, 1, report.Republished)
	assert.Equal(t, map[string][]string{"orders": {"audit", "billing"}}, report.OtherConsumers)
}

func TestNewRepublisherRefusesBadConfiguration(t *testing.T) {
	t.Parallel()
	good := dlq.RepublisherConfig{Brokers: []string{"localhost:9092"}, Topic: "d", Group: "g", Target: dlq.ToTopic("t"), Park: dlq.ParkTopic("p")}
	_, err := dlq.NewRepublisher(good)
	require.NoError(t, err)
	tests := []struct {
		name, want string
		change     func(*dlq.RepublisherConfig)
	}{
		{"no brokers", "Brokers", func(c *dlq.RepublisherConfig) { c.Brokers = nil }},
		{"a broker without port", "host:port", func(c *dlq.RepublisherConfig) { c.Brokers = []string{"localhost"} }},
		{"no topic", "Topic is empty", func(c *dlq.RepublisherConfig) { c.Topic = "" }},
		{"a topic that is none", "no topic name", func(c *dlq.RepublisherConfig) { c.Topic = "a b" }},
		{"no group", "Group", func(c *dlq.RepublisherConfig) { c.Group = "" }},
		{"a connector's group", "sink connector", func(c *dlq.RepublisherConfig) { c.Group = "connect-orders" }},
		{"no target", "Target", func(c *dlq.RepublisherConfig) { c.Target = dlq.Target{} }},
		{"an empty target", "Target is not set", func(c *dlq.RepublisherConfig) { c.Target = dlq.ToTopic("") }},
		{"the queue as its target", "itself", func(c *dlq.RepublisherConfig) { c.Target = dlq.ToTopic("d") }},
		{"the queue as its parking place", "itself", func(c *dlq.RepublisherConfig) { c.Park = dlq.ParkTopic("d") }},
		{"the target as parking place", "same topic", func(c *dlq.RepublisherConfig) { c.Park = dlq.ParkTopic("t") }},
		{"an empty parking place", "Park is empty", func(c *dlq.RepublisherConfig) { c.Park = dlq.ParkTopic("") }},
		{"a negative chunk", "ChunkRecords", func(c *dlq.RepublisherConfig) { c.ChunkRecords = -1 }},
		{"too little memory", "InFlightBytes", func(c *dlq.RepublisherConfig) { c.InFlightBytes = 1 }},
		{"a negative time", "RetryTimeout", func(c *dlq.RepublisherConfig) { c.RetryTimeout = -1 }},
		{"retry headers of one name", "both", func(c *dlq.RepublisherConfig) { c.RetryCountHeader, c.RetryTimestampHeader = "x", "x" }},
		{"a retry header that would be stripped", "stripped", func(c *dlq.RepublisherConfig) { c.RetryCountHeader = "__connect.errors.x" }},
		{"two ways to connect", "one place", func(c *dlq.RepublisherConfig) { c.Transport, c.TLS = &kafka.Transport{}, &tls.Config{} }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			cfg := good
			tt.change(&cfg)
			_, err := dlq.NewRepublisher(cfg)
			require.ErrorContains(t, err, tt.want)
		})
	}
}

func TestRunNamesWhatIsMissing(t *testing.T) {
	t.Parallel()
	e := newEmbedded(t, 1, map[string]int{"orders": 1, "orders-dlq": 1})
	t.Run("topic", func(t *testing.T) {
		t.Parallel()
		cfg := e.config("fix", dlq.ToOrigin())
		cfg.Topic = "nobody-made-this"
		_, err := run(t, cfg)
		require.ErrorContains(t, err, "topic nobody-made-this does not exist")
	})
	t.Run("target", func(t *testing.T) {
		t.Parallel()
		_, err := run(t, e.config("fix", dlq.ToTopic("nobody-made-this")))
		require.ErrorContains(t, err, "target topic nobody-made-this does not exist")
	})
	t.Run("an empty topic is done at once", func(t *testing.T) {
		t.Parallel()
		assert.Zero(t, mustRun(t, e.config("empty", dlq.ToOrigin())).Read)
	})
	t.Run("brokers", func(t *testing.T) {
		t.Parallel()
		cfg := e.config("fix", dlq.ToOrigin())
		cfg.Brokers = []string{"127.0.0.1:1"}
		_, err := run(t, cfg)
		require.ErrorContains(t, err, "no broker of [127.0.0.1:1] answers")
	})
}
