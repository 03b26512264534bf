package dlq_test

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/go-reconnect/reconnect/dlq"
	"github.com/go-reconnect/reconnect/internal/testutil"
)

// delivery is a mode of a Republisher.
type delivery struct {
	name string
	once bool
}

var deliveries = []delivery{{"at least once", false}, {"exactly once", true}}

// brokenProof lets a republisher of this process work while something is done to the broker or to its connections, and holds
// the outcome to the topics.
func brokenProof(t *testing.T, c *testutil.Cluster, d delivery, n int, fault func(cfg *dlq.RepublisherConfig) (halfWay func())) dlq.Report {
	t.Helper()
	p := newProof(t, c, n, childTask{Chunk: 50, SessionMS: 4000, PatienceMS: 90_000, ExactlyOnce: d.once, RecordsPerSecond: 4000})
	cfg := p.task.config()
	var (
		once sync.Once
		half = make(chan struct{})
	)
	cfg.OnProgress = func(progress dlq.Progress) {
		if progress.Outcomes[dlq.OutcomeRepublished] > int64(n/4) {
			once.Do(func() { close(half) })
		}
	}
	then := fault(&cfg)
	var wg sync.WaitGroup
	wg.Go(func() {
		select {
		case <-half:
			if then != nil {
				then()
			}
		case <-t.Context().Done():
		}
	})
	began := time.Now()
	r, err := dlq.NewRepublisher(cfg)
	require.NoError(t, err)
	report, err := r.Run(t.Context())
	once.Do(func() { close(half) })
	wg.Wait()
	require.NoError(t, err, report.String())
	require.True(t, report.Complete, report.String())
	p.checkReport(t, &report)
	assert.EqualValues(t, n, report.Read)
	end := p.look(t)
	t.Logf("%d records: %s; uncommitted %d, maybe twice %d, rebalances %d; %.1f s", n, end, report.Uncommitted, report.MaybeTwice, report.Rebalances, time.Since(began).Seconds())
	assert.Zero(t, end.Left)
	if d.once {
		assert.Zero(t, end.Doubled, "exactly once")
		assert.Zero(t, report.Uncommitted+report.MaybeTwice)
	}
	assert.LessOrEqual(t, int64(end.Doubled), report.Uncommitted+report.MaybeTwice, "what may be there twice is counted")
	return report
}

func TestProofOfFaults(t *testing.T) {
	onBrokers(t, false, func(t *testing.T, c *testutil.Cluster) {
		for _, d := range deliveries {
			t.Run("lost acknowledgements, "+d.name, func(t *testing.T) { lostAcknowledgements(t, c, d) })
			if d.once || testutil.Soaking() {
				t.Run("two instances, "+d.name, func(t *testing.T) { twoInstances(t, c, d) })
				t.Run("a broker that is frozen, "+d.name, func(t *testing.T) { frozen(t, c, d) })
			}
			if !d.once || testutil.Soaking() {
				t.Run("a broker that is killed and started, "+d.name, func(t *testing.T) { restarted(t, c, d, c.Broker().Kill) })
			}
			if testutil.Soaking() {
				t.Run("a broker that is restarted, "+d.name, func(t *testing.T) { restarted(t, c, d, c.Broker().Stop) })
			}
			t.Run("records over the limit, "+d.name, func(t *testing.T) { overTheLimit(t, c, d) })
			t.Run("a parking topic that refuses, "+d.name, func(t *testing.T) { parkingRefused(t, c, d) })
		}
		t.Run("the end is a marker", func(t *testing.T) { endIsAMarker(t, c) })
		t.Run("the end is compacted away", func(t *testing.T) { endIsCompacted(t, c) })
	})
}

// restarted has the broker end, in one way or the other, and start again.
func restarted(t *testing.T, c *testutil.Cluster, d delivery, end func(context.Context) error) {
	t.Helper()
	brokenProof(t, c, d, testutil.Records(8000, 100_000), func(*dlq.RepublisherConfig) func() {
		return func() {
			assert.NoError(t, end(t.Context()))
			assert.NoError(t, c.Broker().Start(t.Context()))
		}
	})
}

// frozen has the broker answer nothing for a while, for longer than a session in a soak.
func frozen(t *testing.T, c *testutil.Cluster, d delivery) {
	t.Helper()
	brokenProof(t, c, d, testutil.Records(8000, 100_000), func(*dlq.RepublisherConfig) func() {
		return func() {
			assert.NoError(t, c.Broker().Pause(t.Context()))
			thaw := time.NewTimer(time.Duration(testutil.Times(2, 15)) * time.Second)
			<-thaw.C
			assert.NoError(t, c.Broker().Unpause(t.Context()))
		}
	})
}

// lostAcknowledgements drops answers after the broker has done what was asked: the connection is closed instead.
func lostAcknowledgements(t *testing.T, c *testutil.Cluster, d delivery) {
	t.Helper()
	times := testutil.Times(6, 40)
	proxy := testutil.NewProxy(t, c.Brokers()[0])
	report := brokenProof(t, c, d, testutil.Records(4000, 100_000), func(cfg *dlq.RepublisherConfig) func() {
		cfg.Dial = proxy.Dial
		for i := range times {
			proxy.DropResponse(1, testutil.Nth(3+5*i, testutil.Kafka(apiProduce)))
		}
		proxy.DropResponse(1, testutil.Nth(4, testutil.Kafka(apiTxnOffsetCommit)))
		proxy.DropResponse(1, testutil.Nth(4, testutil.Kafka(apiEndTxn)))
		return nil
	})
	assert.Zero(t, report.MaybeTwice, "the broker tells a batch that comes again")
	assert.Zero(t, report.Uncommitted)
	assert.GreaterOrEqual(t, proxy.Count(testutil.Kafka(apiProduce)), 3+5*(times-1), "every answer was lost that should be")
}

// twoInstances lets a second one join and leave.
func twoInstances(t *testing.T, c *testutil.Cluster, d delivery) {
	t.Helper()
	p := newProof(t, c, testutil.Records(1500, 100_000), childTask{Chunk: 25, SessionMS: 3000, PatienceMS: 60_000, ExactlyOnce: d.once, RecordsPerSecond: 250})
	if testutil.Soaking() {
		p.task.RecordsPerSecond = 3000
	}
	first := p.start(t, p.task)
	first.working(t, 1)
	var reports []*dlq.Report
	for range testutil.Times(1, 5) {
		second := p.start(t, p.task)
		second.working(t, 2)
		reports = append(reports, second.stop(t))
	}
	reports = append(reports, first.finish(t))
	var read, uncommitted int64
	for _, r := range reports {
		require.NoError(t, r.Err())
		read += r.Read
		uncommitted += r.Uncommitted
	}
	assert.Positive(t, reports[len(reports)-1].Rebalances)
	assert.EqualValues(t, p.n, read, "each record counts once, where it was committed")
	end := p.look(t)
	t.Logf("%d records, %d instances: %s; uncommitted %d", p.n, len(reports), end, uncommitted)
	assert.Zero(t, end.Left)
	assert.LessOrEqual(t, int64(end.Doubled), uncommitted, "what may be there twice is counted")
	if d.once {
		assert.Zero(t, end.Doubled, "exactly once")
	}
}

// overTheLimit lowers the origin's limit below some of the records that came from it.
func overTheLimit(t *testing.T, c *testutil.Cluster, d delivery) {
	t.Helper()
	p := seedProof(t, c, &proof{n: 1000, big: true, task: childTask{Chunk: 100, SessionMS: 3000, PatienceMS: 60_000, ExactlyOnce: d.once}})
	alterTopic(t, p.brokers, p.task.Origin, "max.message.bytes", "20000")
	report := p.start(t, p.task).finish(t)
	p.checkReport(t, report)
	assert.EqualValues(t, 100+20, report.Parked, "each tenth, and what is too large")
	end := p.look(t)
	t.Logf("%d records, 20 over the limit: %s", p.n, end)
	assert.Zero(t, end.Left+end.Doubled)
}

// parkingRefused has a parking topic that takes no record: the run stops, and no offset passes a record that is nowhere.
func parkingRefused(t *testing.T, c *testutil.Cluster, d delivery) {
	t.Helper()
	p := newProof(t, c, 1000, childTask{Chunk: 50, SessionMS: 3000, PatienceMS: 60_000, ExactlyOnce: d.once})
	testutil.CreateTopic(t, p.brokers, p.task.Park, proofPartitions, map[string]string{"max.message.bytes": "100"})
	failed := p.start(t, p.task)
	failed.wait(t)
	require.Error(t, failed.ended)
	assert.Contains(t, failed.last.Error, "park")
	middle := p.look(t)
	assert.Zero(t, middle.Parked)
	assert.Positive(t, middle.Left)
	alterTopic(t, p.brokers, p.task.Park, "max.message.bytes", "1000000")
	p.checkReport(t, p.start(t, p.task).finish(t))
	end := p.look(t)
	t.Logf("%d records: stopped by the parking topic: %s; at the end: %s", p.n, middle, end)
	assert.Zero(t, end.Left)
	if d.once {
		assert.Zero(t, middle.HalfDone+end.Doubled, "exactly once")
	}
}

func alterTopic(t *testing.T, brokers []string, topic, name, value string) {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(brokers...))
	require.NoError(t, err)
	defer cl.Close()
	req := kmsg.NewPtrIncrementalAlterConfigsRequest()
	resource := kmsg.NewIncrementalAlterConfigsRequestResource()
	resource.ResourceType, resource.ResourceName = kmsg.ConfigResourceTypeTopic, topic
	config := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
	config.Name, config.Value = name, &value
	resource.Configs = append(resource.Configs, config)
	req.Resources = append(req.Resources, resource)
	res, err := req.RequestWith(t.Context(), cl)
	require.NoError(t, err)
	require.NoError(t, kerr.ErrorForCode(res.Resources[0].ErrorCode))
}

// small is a proof by hand: one partition, records of the test's own.
func small(t *testing.T, c *testutil.Cluster, settings map[string]string) (cfg dlq.RepublisherConfig, origin string) {
	t.Helper()
	origin = c.TopicName(t, "orders")
	task := childTask{
		Brokers: c.Brokers(), Topic: c.TopicName(t, "orders-dlq"), Group: c.TopicName(t, "fix"), Park: c.TopicName(t, "parked"),
		Chunk: 5, SessionMS: 3000, PatienceMS: 60_000,
	}
	testutil.CreateTopic(t, c.Brokers(), origin, 1, map[string]string{"retention.ms": "-1"})
	testutil.CreateTopic(t, c.Brokers(), task.Topic, 1, settings)
	cfg = task.config()
	cfg.OnProgress, cfg.Handler = nil, nil
	return cfg, origin
}

// letter is a dead letter about an offset of origin, of two kB that do not shrink.
func letter(topic, origin string, i int, at time.Time) *kgo.Record {
	value := make([]byte, 2000)
	for j := range value {
		value[j] = byte(rand.Uint32())
	}
	return &kgo.Record{
		Topic: topic, Key: proofKey(i), Value: value, Timestamp: at,
		Headers: contextHeaders(&kgo.Record{Topic: origin, Offset: int64(i)}),
	}
}

func endIsAMarker(t *testing.T, c *testutil.Cluster) {
	t.Helper()
	cfg, origin := small(t, c, map[string]string{"retention.ms": "-1"})
	tx, err := kgo.NewClient(kgo.SeedBrokers(cfg.Brokers...), kgo.TransactionalID(cfg.Group), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	require.NoError(t, err)
	defer tx.Close()
	write := func(from, to int, end kgo.TransactionEndTry) {
		require.NoError(t, tx.BeginTransaction())
		for i := from; i < to; i++ {
			require.NoError(t, tx.ProduceSync(t.Context(), letter(cfg.Topic, origin, i, time.Now())).FirstErr())
		}
		require.NoError(t, tx.EndTransaction(t.Context(), end))
	}
	read := int64(0)
	for _, last := range []kgo.TransactionEndTry{kgo.TryCommit, kgo.TryAbort} {
		begin := int(read)
		write(begin, begin+7, kgo.TryCommit)
		write(1000, 1005, kgo.TryAbort)
		write(begin+7, begin+10, last)
		if last == kgo.TryCommit {
			read += 3
		}
		read += 7
		r, err := dlq.NewRepublisher(cfg)
		require.NoError(t, err)
		report, err := r.Run(t.Context())
		require.NoError(t, err)
		require.True(t, report.Complete)
		part := report.Partitions[0]
		assert.Zero(t, report.Remaining)
		assert.Equal(t, part.End, part.Position, "the position is behind the marker")
		assert.Equal(t, part.End, testutil.CommittedOffsets(t, cfg.Brokers, cfg.Group, cfg.Topic)[0])
		assert.Len(t, testutil.ReadCommitted(t, cfg.Brokers, origin), int(read), "no aborted record comes back")
	}
}

// endIsCompacted freezes an end, and has compaction take the records before it while the run is on its way.
func endIsCompacted(t *testing.T, c *testutil.Cluster) {
	t.Helper()
	for _, row := range []struct {
		name     string
		from, to int // what is written again, so that the first is compacted away
	}{
		{"the tail of the last batch", 15, 20},
		{"the last batch", 10, 20},
		{"a hole in the last batch", 12, 17},
	} {
		t.Run(row.name, func(t *testing.T) {
			cfg, origin := small(t, c, map[string]string{
				"cleanup.policy": "compact", "segment.ms": "1000", "min.cleanable.dirty.ratio": "0.01", "delete.retention.ms": "0",
			})
			began := time.Now().Add(-3 * time.Hour)
			batch := func(from, to int, at time.Time) {
				var records []*kgo.Record
				for i := from; i < to; i++ {
					records = append(records, letter(cfg.Topic, origin, i, at))
				}
				testutil.Produce(t, cfg.Brokers, records...)
			}
			batch(0, 10, began)
			batch(10, 20, began)
			cfg.InFlightBytes = 1 << 16 // one batch at a time
			first, goOn := make(chan struct{}), make(chan struct{})
			var once sync.Once
			cfg.Handler = func(context.Context, *dlq.Record) (dlq.Decision, error) {
				once.Do(func() {
					close(first)
					<-goOn
				})
				return dlq.Republish(), nil
			}
			r, err := dlq.NewRepublisher(cfg)
			require.NoError(t, err)
			type result struct {
				dlq.Report
				err error
			}
			done := make(chan result, 1)
			go func() {
				report, err := r.Run(t.Context())
				done <- result{report, err}
			}()
			<-first
			batch(row.from, row.to, began.Add(time.Hour))
			batch(900, 901, began.Add(2*time.Hour)) // what is written last is never compacted
			compacted := assert.Eventually(t, func() bool {
				kept := 0
				for _, r := range testutil.ReadAll(t, cfg.Brokers, cfg.Topic) {
					if r.Offset < 20 {
						kept++
					}
				}
				return kept == 20-(row.to-row.from)
			}, time.Minute, 100*time.Millisecond, "the broker compacts")
			close(goOn)
			got := <-done
			require.True(t, compacted)
			require.NoError(t, got.err)
			require.True(t, got.Complete, got.String())
			require.NoError(t, got.Err())
			assert.EqualValues(t, 20, got.Partitions[0].End)
			assert.EqualValues(t, 20, got.Partitions[0].Position)
			assert.EqualValues(t, 20, testutil.CommittedOffsets(t, cfg.Brokers, cfg.Group, cfg.Topic)[0])
			assert.EqualValues(t, 20-(row.to-row.from), got.Read)
			cfg.Handler = nil
			next, err := dlq.NewRepublisher(cfg)
			require.NoError(t, err)
			report, err := next.Run(t.Context())
			require.NoError(t, err)
			assert.EqualValues(t, row.to-row.from+1, report.Read, "the newer ones are the next run's")
		})
	}
}
