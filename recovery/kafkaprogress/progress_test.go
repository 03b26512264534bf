package kafkaprogress_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/go-reconnect/reconnect/connect"
	"github.com/go-reconnect/reconnect/internal/testutil"
	"github.com/go-reconnect/reconnect/recovery"
	"github.com/go-reconnect/reconnect/recovery/kafkaprogress"
)

// connects is a Connect cluster reduced to what is asked of it.
type connects struct {
	mu      sync.Mutex
	list    []connect.Connector
	offsets map[string]connect.Offsets
	topics  map[string][]string
	err     error
	lists   int
}

func (c *connects) Connectors(context.Context) iter.Seq2[connect.Connector, error] {
	return func(yield func(connect.Connector, error) bool) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.lists++
		if c.err != nil {
			yield(connect.Connector{}, c.err)
			return
		}
		for _, con := range c.list {
			if !yield(con, nil) {
				return
			}
		}
	}
}

func (c *connects) GetOffsets(_ context.Context, name string) (connect.Offsets, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if o, ok := c.offsets[name]; ok {
		return o, nil
	}
	return nil, connect.ErrUnsupported
}

func (c *connects) ListTopics(_ context.Context, name string) ([]string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.topics[name], nil
}

func (c *connects) sink(name, topics string, more ...string) {
	cfg := connect.Config{"topics": topics}
	for i := 0; i+1 < len(more); i += 2 {
		cfg[more[i]] = more[i+1]
	}
	c.list = append(c.list, connect.Connector{Name: name, Type: connect.TypeSink, Config: cfg})
}

// rig is an embedded broker with one topic of two partitions, and a Connect cluster beside it.
type rig struct {
	t     *testing.T
	kafka *kfake.Cluster
	addrs []string
	conns *connects
	asked map[int16]int
	mu    sync.Mutex
}

func newRig(t *testing.T) *rig {
	t.Helper()
	k, err := kfake.NewCluster(kfake.NumBrokers(2), kfake.SeedTopics(2, "orders"))
	require.NoError(t, err)
	t.Cleanup(k.Close)
	r := &rig{t: t, kafka: k, addrs: k.ListenAddrs(), conns: &connects{}, asked: map[int16]int{}}
	k.Control(func(q kmsg.Request) (kmsg.Response, error, bool) {
		k.KeepControl()
		r.mu.Lock()
		defer r.mu.Unlock()
		r.asked[q.Key()]++
		return nil, nil, false
	})
	return r
}

func (r *rig) count(key kmsg.Key) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.asked[int16(key)]
}

func (r *rig) progress(change ...func(*kafkaprogress.Config)) *kafkaprogress.Progress {
	r.t.Helper()
	cfg := kafkaprogress.Config{Brokers: r.addrs, Connect: r.conns}
	for _, f := range change {
		f(&cfg)
	}
	p, err := kafkaprogress.New(cfg)
	require.NoError(r.t, err)
	r.t.Cleanup(func() { assert.NoError(r.t, p.Close()) })
	return p
}

// produce writes n records to partition 0 of the topic.
func (r *rig) produce(n int) {
	r.t.Helper()
	for i := range n {
		testutil.Produce(r.t, r.addrs, &kgo.Record{Topic: "orders", Partition: 0, Value: fmt.Append(nil, i)})
	}
}

// commit sets what a group has committed on partition 0 of the topic.
func (r *rig) commit(group string, offset int64) {
	r.t.Helper()
	c := &kafka.Client{Addr: kafka.TCP(r.addrs...)}
	res, err := c.OffsetCommit(r.t.Context(), &kafka.OffsetCommitRequest{
		GroupID: group, GenerationID: -1, Topics: map[string][]kafka.OffsetCommit{"orders": {{Partition: 0, Offset: offset}}},
	})
	require.NoError(r.t, err)
	for _, p := range res.Topics["orders"] {
		require.NoError(r.t, p.Error)
	}
}

func look(t *testing.T, p *kafkaprogress.Progress, names ...string) map[string]recovery.Stall {
	t.Helper()
	got, err := p.Stalls(t.Context(), names)
	require.NoError(t, err)
	return got
}

func TestASinkThatStandsStillBehindRecordsIsFound(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		what, group string
		more        []string
	}{
		{"by its own group", "connect-a", nil},
		{"by a group of its own choice", "mine", []string{"consumer.override.group.id", "mine"}},
		{"with its topics as an expression", "connect-a", []string{"topics", "", "topics.regex", "ord.*"}},
		{"with an expression that only Java knows", "connect-a", []string{"topics", "", "topics.regex", "(?!x)ord.*"}},
	} {
		t.Run(row.what, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.conns.sink("a", "orders", row.more...)
			r.produce(10)
			r.commit(row.group, 4)
			p := r.progress()
			assert.Empty(t, look(t, p, "a"), "one look says nothing about moving")
			first := look(t, p, "a")["a"]
			second := look(t, p, "a")["a"]
			require.EqualValues(t, 6, second.Waiting)
			assert.Equal(t, first.Since, second.Since)
			assert.True(t, first.Seen.After(first.Since))
			assert.True(t, second.Seen.After(first.Seen))

			r.commit(row.group, 5)
			assert.Empty(t, look(t, p, "a"), "it has moved")
			third := look(t, p, "a")["a"]
			assert.True(t, third.Since.After(second.Since))
			at, err := p.Progress(t.Context(), []string{"a"})
			require.NoError(t, err)
			assert.Equal(t, map[string]int64{"a": 5}, at)

			r.commit(row.group, 10)
			assert.Empty(t, look(t, p, "a"), "nothing waits")
			assert.Empty(t, look(t, p, "a"), "idle is not stuck")
			r.produce(1)
			look(t, p, "a")
			fresh := look(t, p, "a")["a"]
			assert.True(t, fresh.Since.After(third.Since), "the time of a new record counts from when it was seen, not from the last commit")
		})
	}
}

func TestASinkThatNeverCommittedIsFound(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.conns.sink("a", "orders")
	r.conns.sink("latest", "orders", "consumer.override.auto.offset.reset", "latest")
	r.conns.sink("elsewhere", "nowhere")
	r.produce(3)
	p := r.progress()
	look(t, p, "a", "latest", "elsewhere")
	got := look(t, p, "a", "latest", "elsewhere")
	require.Len(t, got, 1)
	assert.EqualValues(t, 3, got["a"].Waiting)
}

func TestMarkersOfTransactionsAreNoRecords(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for i, commit := range []kgo.TransactionEndTry{kgo.TryCommit, kgo.TryAbort} {
		cl, err := kgo.NewClient(kgo.SeedBrokers(r.addrs...), kgo.TransactionalID(fmt.Sprintf("t%d", i)), kgo.RecordPartitioner(kgo.ManualPartitioner()))
		require.NoError(t, err)
		require.NoError(t, cl.BeginTransaction())
		require.NoError(t, cl.ProduceSync(t.Context(), &kgo.Record{Topic: "orders", Partition: 0, Value: []byte("x")}).FirstErr())
		require.NoError(t, cl.EndTransaction(t.Context(), commit))
		cl.Close()
	}
	// 0 a record, 1 its marker, 2 an aborted record, 3 its marker.
	r.conns.sink("a", "orders")
	r.conns.sink("strict", "orders", "consumer.override.isolation.level", "read_committed")
	r.commit("connect-a", 3)
	r.commit("connect-strict", 1)
	p := r.progress()
	for range 3 {
		got := look(t, p, "a", "strict")
		assert.NotContains(t, got, "a", "only a marker is left")
	}
	got := look(t, p, "a", "strict")
	assert.Empty(t, got, "an aborted record is none for who reads committed ones")

	r.commit("connect-a", 2)
	look(t, p, "a")
	assert.Contains(t, look(t, p, "a"), "a", "an aborted record is one for who reads everything")
}

func TestAGroupThatRebalancesIsNotJudged(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.conns.sink("a", "orders")
	r.produce(3)
	p := r.progress()
	look(t, p, "a")
	first := look(t, p, "a")["a"]
	require.EqualValues(t, 3, first.Waiting)
	state := "PreparingRebalance"
	r.kafka.ControlKey(int16(kmsg.DescribeGroups), func(q kmsg.Request) (kmsg.Response, error, bool) {
		r.kafka.KeepControl()
		r.mu.Lock()
		defer r.mu.Unlock()
		if state == "" {
			return nil, nil, false
		}
		res := q.ResponseKind().(*kmsg.DescribeGroupsResponse)
		g := kmsg.NewDescribeGroupsResponseGroup()
		g.Group, g.State = "connect-a", state
		res.Groups = append(res.Groups, g)
		return res, nil, true
	})
	assert.Empty(t, look(t, p, "a"))
	r.mu.Lock()
	state = ""
	r.mu.Unlock()
	after := look(t, p, "a")["a"]
	assert.True(t, after.Since.After(first.Since), "the time counts from the rebalance")
}

func TestWhatCannotBeReadIsUnknown(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.conns.sink("a", "orders")
	r.conns.sink("b", "orders")
	r.produce(3)
	p := r.progress()
	look(t, p, "a", "b")
	before := look(t, p, "a", "b")
	require.Len(t, before, 2)
	denied := map[string]bool{"connect-a": true}
	r.kafka.ControlKey(int16(kmsg.OffsetFetch), func(q kmsg.Request) (kmsg.Response, error, bool) {
		r.kafka.KeepControl()
		req := q.(*kmsg.OffsetFetchRequest)
		if !denied[req.Group] {
			return nil, nil, false
		}
		res := q.ResponseKind().(*kmsg.OffsetFetchResponse)
		res.ErrorCode = 30 // GROUP_AUTHORIZATION_FAILED
		return res, nil, true
	})
	got := look(t, p, "a", "b")
	assert.Equal(t, before["a"].Seen, got["a"].Seen, "not looked at, so what was known is no older and no newer")
	assert.True(t, got["b"].Seen.After(before["b"].Seen))
	denied["connect-b"] = true
	_, err := p.Stalls(t.Context(), []string{"a", "b"})
	require.ErrorIs(t, err, kafka.GroupAuthorizationFailed)

	r.conns.err = errors.New("busy")
	_, err = p.Stalls(t.Context(), []string{"new"})
	require.ErrorContains(t, err, "reading the configs")
}

func TestNobodyThereIsAnErrorAndEndsWithTheContext(t *testing.T) {
	t.Parallel()
	conns := &connects{}
	conns.sink("a", "orders")
	p, err := kafkaprogress.New(kafkaprogress.Config{Brokers: []string{"127.0.0.1:1"}, Connect: conns, Timeout: 200 * time.Millisecond})
	require.NoError(t, err)
	_, err = p.Stalls(t.Context(), []string{"a"})
	require.Error(t, err)
	require.NoError(t, p.Close())
	_, err = p.Stalls(t.Context(), []string{"a"})
	require.ErrorContains(t, err, "closed")
}

func TestALookTakesABoundedNumberOfRequests(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	var names []string
	for i := range 7 {
		names = append(names, fmt.Sprintf("s%d", i))
		r.conns.sink(names[i], "orders")
	}
	r.produce(1)
	p := r.progress(func(c *kafkaprogress.Config) { c.MaxConnectors = 3 })
	for i := range 3 {
		look(t, p, names...)
		assert.Equal(t, 3*(i+1), r.count(kmsg.OffsetFetch))
		assert.LessOrEqual(t, r.count(kmsg.ListOffsets), 4*(i+1), "first and last offset, of each broker")
	}
	for range 3 {
		look(t, p, names...)
	}
	assert.Len(t, look(t, p, names...), 7, "each had two turns")
	assert.Equal(t, 1, r.conns.lists, "the configs are remembered")
	assert.LessOrEqual(t, r.count(kmsg.DescribeGroups), 14, "only what stands still is asked about more")
	assert.LessOrEqual(t, r.count(kmsg.Fetch), 7)
	before := r.count(kmsg.Fetch)
	for range 6 {
		look(t, p, names...)
	}
	assert.LessOrEqual(t, r.count(kmsg.Fetch)-before, 7, "a record that was seen once need not be read again")
}

func TestASourceIsJudgedOnlyWhereItIsSaidToBeBusy(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, n := range []string{"busy-offsets", "busy-topics", "rests"} {
		r.conns.list = append(r.conns.list, connect.Connector{Name: n, Type: connect.TypeSource})
	}
	r.conns.offsets = map[string]connect.Offsets{"busy-offsets": {{Partition: []byte(`{"p":1}`), Offset: []byte(`{"lsn":1}`)}}, "rests": {}}
	r.conns.topics = map[string][]string{"busy-topics": {"orders"}}
	p := r.progress(func(c *kafkaprogress.Config) { c.Sources = []string{"busy-*"} })
	names := []string{"busy-offsets", "busy-topics", "rests"}
	first := look(t, p, names...)
	second := look(t, p, names...)
	require.Len(t, second, 2)
	for n, s := range second {
		assert.Equal(t, first[n].Since, s.Since, n)
		assert.True(t, s.Seen.After(s.Since), n)
	}
	r.conns.offsets["busy-offsets"] = connect.Offsets{{Partition: []byte(`{"p":1}`), Offset: []byte(`{"lsn":2}`)}}
	r.produce(1)
	look(t, p, names...)
	third := look(t, p, names...)
	require.Len(t, third, 2)
	for n, s := range third {
		assert.True(t, s.Since.After(second[n].Since), n)
	}
}

func TestAConnectorThatWasNotRunningStartsAnew(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.conns.sink("a", "orders")
	r.conns.sink("b", "orders")
	r.produce(3)
	p := r.progress()
	look(t, p, "a", "b")
	first := look(t, p, "a", "b")["a"]
	require.EqualValues(t, 3, first.Waiting)
	look(t, p, "b") // a is PAUSED, say
	assert.NotContains(t, look(t, p, "a", "b"), "a")
	assert.True(t, look(t, p, "a", "b")["a"].Since.After(first.Since))
}

func TestBadConfigs(t *testing.T) {
	t.Parallel()
	for says, cfg := range map[string]kafkaprogress.Config{
		"Brokers is empty": {Connect: &connects{}},
		"no host:port":     {Connect: &connects{}, Brokers: []string{"b"}},
		"Connect is nil":   {Brokers: []string{"b:1"}},
		"Sources":          {Connect: &connects{}, Brokers: []string{"b:1"}, Sources: []string{"["}},
		"negative":         {Connect: &connects{}, Brokers: []string{"b:1"}, MaxConnectors: -1},
	} {
		_, err := kafkaprogress.New(cfg)
		require.ErrorContains(t, err, says)
	}
}
