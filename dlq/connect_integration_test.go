package dlq_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/go-reconnect/reconnect/connect"
	"github.com/go-reconnect/reconnect/dlq"
	"github.com/go-reconnect/reconnect/internal/testutil"
)

// story is a file sink with a dead letter queue on a real worker.
type story struct {
	c                                 *testutil.Cluster
	client                            *connect.Client
	orders, retry, queue, parked, out string
	name                              string
	sink                              connect.Config
}

func newStory(t *testing.T, c *testutil.Cluster, tolerance string, more ...connect.Config) *story {
	t.Helper()
	client, err := connect.NewClient(c.URLs()[0])
	require.NoError(t, err)
	s := &story{c: c, client: client, orders: c.TopicName(t, "orders"), retry: c.TopicName(t, "retry"), queue: c.TopicName(t, "dlq"), parked: c.TopicName(t, "parked"), name: c.ConnectorName(t, "sink")}
	s.out = testutil.SharedDir + "/" + s.name
	testutil.CreateTopic(t, c.Brokers(), s.orders, 3, nil)
	testutil.CreateTopic(t, c.Brokers(), s.retry, 3, nil)
	testutil.CreateTopic(t, c.Brokers(), s.queue, 2, map[string]string{"retention.ms": "-1"})
	s.sink = connect.Config{
		"connector.class": "org.apache.kafka.connect.file.FileStreamSinkConnector", "tasks.max": "1",
		"topics": s.orders + "," + s.retry, "file": s.out,
		"key.converter":   "org.apache.kafka.connect.converters.ByteArrayConverter",
		"value.converter": "org.apache.kafka.connect.json.JsonConverter", "value.converter.schemas.enable": "false",
		"header.converter": "org.apache.kafka.connect.converters.ByteArrayConverter",
		"errors.tolerance": tolerance, "errors.deadletterqueue.topic.name": s.queue,
		"errors.deadletterqueue.topic.replication.factor": "1", "errors.deadletterqueue.context.headers.enable": "true",
	}
	for _, m := range more {
		maps.Copy(s.sink, m)
	}
	s.put(t, s.sink)
	return s
}

// put gives the connector a config.
func (s *story) put(t *testing.T, cfg connect.Config) {
	t.Helper()
	require.Eventually(t, func() bool {
		_, _, err := s.client.PutConfig(t.Context(), s.name, cfg)
		return err == nil
	}, time.Minute, 100*time.Millisecond, "the connector's config is accepted")
}

// waitFor waits for the states of the connector and its only task.
func (s *story) waitFor(t *testing.T, connector connect.State, tasks ...connect.State) {
	t.Helper()
	require.Eventually(t, func() bool {
		st, err := s.client.GetStatus(t.Context(), s.name)
		if err != nil || st.Connector.State != connector || len(st.Tasks) != len(tasks) {
			return false
		}
		for i := range tasks {
			if st.Tasks[i].State != tasks[i] {
				return false
			}
		}
		return true
	}, time.Minute, 100*time.Millisecond, "%s with tasks %v", connector, tasks)
}

// republish runs a republisher to its end.
func republish(t *testing.T, cfg dlq.RepublisherConfig) *dlq.Report {
	t.Helper()
	r, err := dlq.NewRepublisher(cfg)
	require.NoError(t, err)
	report, err := r.Run(t.Context())
	require.NoError(t, err)
	require.NoError(t, report.Err())
	return &report
}

func (s *story) config(group string, target dlq.Target) dlq.RepublisherConfig {
	return dlq.RepublisherConfig{Brokers: s.c.Brokers(), Topic: s.queue, Group: group + "-" + s.name, Target: target, Park: dlq.ParkTopic(s.parked)}
}

// lines counts the records that the sink wrote, by id.
func (s *story) lines(ctx context.Context) map[string]int {
	out, err := s.c.Worker(0).ReadFile(ctx, s.out)
	if err != nil {
		return nil
	}
	got := map[string]int{}
	for line := range strings.Lines(string(out)) {
		got[strings.TrimSpace(line)]++
	}
	return got
}

func (s *story) waitForSink(t *testing.T, want map[string]int) {
	t.Helper()
	var got map[string]int
	if !assert.Eventually(t, func() bool {
		got = s.lines(t.Context())
		return len(got) >= len(want)
	}, time.Minute, 200*time.Millisecond) {
		t.Logf("the sink has %d of %d", len(got), len(want))
	}
	assert.Equal(t, want, got)
}

// What a real worker dead-lettered is decoded, fixed, republished, read by the connector, and its file is complete.
func TestDeadLettersOfARealWorkerReachTheSink(t *testing.T) {
	testutil.OldestAndNewest(t, func(t *testing.T, c *testutil.Cluster) {
		for name, target := range map[string]func(*story) dlq.Target{
			"through a retry topic": func(s *story) dlq.Target { return dlq.ToTopic(s.retry) },
			"to the origin":         func(*story) dlq.Target { return dlq.ToOrigin() },
		} {
			t.Run(name, func(t *testing.T) {
				s := newStory(t, c, "all")
				const n = 60
				keys := [][]byte{nil, {}, {0, 0xff}, []byte("ключ")}
				headers := []kgo.RecordHeader{{Key: "dup", Value: []byte("1")}, {Key: "dup"}, {Key: "dup", Value: []byte{}}, {Key: "", Value: []byte{0, 0xff}}, {Key: "ключ", Value: []byte("é")}}
				var records []*kgo.Record
				want := map[string]int{}
				bad := map[string]*kgo.Record{}
				for i := range n {
					value := fmt.Sprintf(`{"id":"r%03d"}`, i)
					if i%3 == 0 {
						value = fmt.Sprintf(`{'id':'r%03d',}`, i)
					}
					r := &kgo.Record{Topic: s.orders, Partition: int32(i % 3), Key: keys[i%len(keys)], Value: []byte(value), Headers: headers, Timestamp: time.UnixMilli(1_700_000_000_000 + int64(i))}
					records = append(records, r)
					want[fmt.Sprintf("{id=r%03d}", i)] = 1
					if i%3 == 0 {
						bad[value] = r
					}
				}
				hopeless := &kgo.Record{Topic: s.orders, Partition: 1, Value: []byte(`{"id":`), Timestamp: time.UnixMilli(1_700_000_100_000)}
				testutil.Produce(t, c.Brokers(), append(records, hopeless)...)
				dead := testutil.WaitForRecords(t, c.Brokers(), s.queue, len(bad)+1, time.Minute)
				for _, d := range dead {
					f, err := dlq.Parse(kafkaHeaders(d.Headers))
					require.NoError(t, err)
					assert.Equal(t, s.name, f.Connector)
					assert.Equal(t, s.orders, f.Topic)
					assert.Equal(t, dlq.StageValueConverter, f.Stage)
				}

				cfg := s.config("fix", target(s))
				cfg.Handler = dlq.Chain(dlq.RepairJSON(dlq.JSONRepair{}))
				cfg.Stale = dlq.StaleAllow // keys repeat here, and a file keeps every record
				r, err := dlq.NewRepublisher(cfg)
				require.NoError(t, err)
				report, err := r.Run(t.Context())
				require.NoError(t, err)
				require.NoError(t, report.Err())
				assert.True(t, report.Complete)
				assert.EqualValues(t, len(bad), report.Republished, report.String())
				assert.EqualValues(t, 1, report.Parked)

				s.waitForSink(t, want)
				topic := s.retry
				if cfg.Target == dlq.ToOrigin() {
					topic = s.orders
				}
				again := 0
				for _, got := range testutil.ReadAll(t, c.Brokers(), topic) {
					if value(got, "reconnect.retry.count") == "(absent)" {
						continue
					}
					again++
					damaged := strings.ReplaceAll(strings.ReplaceAll(string(got.Value), `"`, `'`), `}`, `,}`)
					was := bad[damaged]
					if !assert.NotNil(t, was, "%q", got.Value) {
						continue
					}
					assert.Equal(t, was.Key, got.Key)
					assert.Equal(t, was.Partition, got.Partition)
					assert.Equal(t, headers, got.Headers[:len(headers)])
					assert.Equal(t, strconv.FormatInt(was.Timestamp.UnixMilli(), 10), value(got, dlq.HeaderOriginalTimestamp))
				}
				assert.Equal(t, len(bad), again)
				parked := testutil.ReadAll(t, c.Brokers(), s.parked)
				require.Len(t, parked, 1)
				assert.Equal(t, hopeless.Value, parked[0].Value)
				offsets := testutil.CommittedOffsets(t, c.Brokers(), cfg.Group, s.queue)
				assert.EqualValues(t, len(bad)+1, offsets[0]+offsets[1], "the report agrees with the broker")
			})
		}
	})
}

// A task without tolerance writes one copy per start, while the original stays in front of it: the connector would read it itself, so none of the
// copies goes back. Once a person has moved the connector behind it, one of the four does, and the sink has it once.
func TestCopiesOfARealWorkerArePendingWhileTheOriginalIsInFront(t *testing.T) {
	testutil.EachVersion(t, func(t *testing.T, c *testutil.Cluster) {
		const copies = 4
		s := newStory(t, c, "none")
		testutil.Produce(t, c.Brokers(), &kgo.Record{Topic: s.orders, Partition: 1, Value: []byte(`{'id':'four',}`)})
		for n := 1; n <= copies; n++ {
			testutil.WaitForRecords(t, c.Brokers(), s.queue, n, time.Minute)
			s.waitFor(t, connect.StateRunning, connect.StateFailed)
			if n < copies {
				require.NoError(t, s.client.RestartTask(t.Context(), connect.TaskID{Connector: s.name, Task: 0}))
			}
		}
		report := republish(t, s.config("fix", dlq.ToTopic(s.retry)))
		assert.EqualValues(t, copies, report.Pending, report.String())

		require.NoError(t, s.client.Stop(t.Context(), s.name))
		require.Eventually(t, func() bool {
			_, err := s.client.AlterOffsets(t.Context(), s.name, connect.Offsets{connect.SinkOffset(s.orders, 1, 1)})
			return err == nil
		}, time.Minute, 200*time.Millisecond)
		cfg := s.config("second", dlq.ToTopic(s.retry))
		cfg.Handler = dlq.Chain(dlq.RepairJSON(dlq.JSONRepair{}))
		report = republish(t, cfg)
		assert.EqualValues(t, 1, report.Republished, report.String())
		assert.EqualValues(t, copies-1, report.Duplicate)
		assert.Len(t, testutil.ReadAll(t, c.Brokers(), s.retry), 1)
		require.NoError(t, s.client.Resume(t.Context(), s.name))
		s.waitForSink(t, map[string]int{"{id=four}": 1})
		assert.Len(t, testutil.ReadAll(t, c.Brokers(), s.queue), copies, "the fixed one is no dead letter again")
	})
}

// A task that is stopped while it retries writes dead letters of records that succeed after the next start. They are still in front of the stopped
// connector, so none goes back, and the sink has each record once.
func TestABurstFromATaskThatWasStoppedInRetryIsPending(t *testing.T) {
	testutil.OldestAndNewest(t, func(t *testing.T, shared *testutil.Cluster) {
		plugin := testutil.JavaPlugin(t, shared.Version(), "faults", "../errtolerance/testdata/faults")
		c := testutil.NewCluster(t, testutil.Options{Version: shared.Version(), Workers: 1, Plugins: []testutil.Plugin{plugin}})
		s := newStory(t, c, "all", connect.Config{
			"errors.retry.timeout": "-1", "errors.retry.delay.max.ms": "100",
			"transforms": "t", "transforms.t.type": "faults.FaultyTransformation", "transforms.t.fault.exception": "org.apache.kafka.connect.errors.RetriableException",
		})
		s.waitFor(t, connect.StateRunning, connect.StateRunning)
		want := map[string]int{}
		var records []*kgo.Record
		for i := range 30 {
			id := fmt.Sprintf("bad%02d", i)
			records = append(records, &kgo.Record{Topic: s.orders, Partition: int32(i % 3), Value: []byte(`{"id":"` + id + `"}`)})
			want["{id="+id+"}"] = 1
		}
		testutil.Produce(t, c.Brokers(), records...)
		// Nobody can see from outside when the task has begun to retry: it is stopped again and again until it had.
		var burst int
		require.Eventually(t, func() bool {
			require.NoError(t, s.client.Stop(t.Context(), s.name))
			s.waitFor(t, connect.StateStopped)
			if burst = len(testutil.ReadAll(t, c.Brokers(), s.queue)); burst > 0 {
				return true
			}
			require.NoError(t, s.client.Resume(t.Context(), s.name))
			s.waitFor(t, connect.StateRunning, connect.StateRunning)
			return false
		}, 2*time.Minute, 3*time.Second, "dead letters of a task that was stopped in retry")
		t.Logf("%d dead letters at the stop", burst)

		report := republish(t, s.config("fix", dlq.ToTopic(s.retry)))
		assert.GreaterOrEqual(t, report.Read, int64(burst), "some come late")
		assert.Equal(t, report.Read, report.Pending+report.Duplicate, report.String())
		assert.NotZero(t, report.Pending)
		assert.Empty(t, testutil.ReadAll(t, c.Brokers(), s.retry))

		fixed := maps.Clone(s.sink)
		delete(fixed, "transforms.t.fault.exception")
		s.put(t, fixed)
		require.NoError(t, s.client.Resume(t.Context(), s.name))
		s.waitForSink(t, want)
	})
}

// Filter A, then filter B, then none, each in transactions and with a chunk that is aborted on the way: a sink that reads committed records has each
// record once.
func TestTransactionsAndFiltersReachASinkThatReadsCommitted(t *testing.T) {
	testutil.OldestAndNewest(t, func(t *testing.T, c *testutil.Cluster) {
		s := newStory(t, c, "all", connect.Config{"consumer.override.isolation.level": "read_committed"})
		const n = 90
		want := map[string]int{}
		var records []*kgo.Record
		for i := range n {
			id := fmt.Sprintf("r%03d", i)
			records = append(records, &kgo.Record{Topic: s.orders, Partition: int32(i % 3), Value: []byte(`{'id':'` + id + `',}`)})
			want["{id="+id+"}"] = 1
		}
		testutil.Produce(t, c.Brokers(), records...)
		testutil.WaitForRecords(t, c.Brokers(), s.queue, n, time.Minute)

		cfg := s.config("fix", dlq.ToTopic(s.retry))
		cfg.ExactlyOnce, cfg.Ledger, cfg.ChunkRecords = true, dlq.LedgerTopic(c.TopicName(t, "ledger")), 10
		cfg.Handler = dlq.Chain(dlq.RepairJSON(dlq.JSONRepair{}))
		from := func(p int) func(*dlq.Record) bool {
			return func(r *dlq.Record) bool { return r.Failure.Partition == p }
		}
		total := int64(0)
		for _, run := range []struct {
			match       func(*dlq.Record) bool
			republished int
		}{{from(0), n / 3}, {from(1), n / 3}, {nil, n / 3}} {
			cfg.Filter = dlq.Filter{Match: run.match}
			// It is broken off in the middle of a chunk first.
			broken := cfg
			var seen atomic.Int64 // partitions are worked on at the same time
			fix := cfg.Handler
			broken.Handler = func(ctx context.Context, r *dlq.Record) (dlq.Decision, error) {
				if seen.Add(1) > n/6 {
					return dlq.Decision{}, errBroken
				}
				return fix(ctx, r)
			}
			r, err := dlq.NewRepublisher(broken)
			require.NoError(t, err)
			half, err := r.Run(t.Context())
			require.ErrorIs(t, err, errBroken)
			report := republish(t, cfg)
			total += half.Republished + report.Republished
			assert.EqualValues(t, run.republished, half.Republished+report.Republished, "%s\n%s", &half, report)
		}
		assert.EqualValues(t, n, total)
		s.waitForSink(t, want)
		report := republish(t, cfg)
		assert.Zero(t, report.Republished, report.String())
	})
}

var errBroken = errors.New("broken off")
