package dlq_test

import (
	"context"
	"fmt"
	"strconv"
	"strings"
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
}

func newStory(t *testing.T, c *testutil.Cluster, tolerance string) *story {
	t.Helper()
	client, err := connect.NewClient(c.URLs()[0])
	require.NoError(t, err)
	s := &story{c: c, client: client, orders: c.TopicName(t, "orders"), retry: c.TopicName(t, "retry"), queue: c.TopicName(t, "dlq"), parked: c.TopicName(t, "parked"), name: c.ConnectorName(t, "sink")}
	s.out = testutil.SharedDir + "/" + s.name
	testutil.CreateTopic(t, c.Brokers(), s.orders, 3, nil)
	testutil.CreateTopic(t, c.Brokers(), s.retry, 3, nil)
	testutil.CreateTopic(t, c.Brokers(), s.queue, 2, map[string]string{"retention.ms": "-1"})
	require.Eventually(t, func() bool {
		_, _, err := client.PutConfig(t.Context(), s.name, connect.Config{
			"connector.class": "org.apache.kafka.connect.file.FileStreamSinkConnector", "tasks.max": "1",
			"topics": s.orders + "," + s.retry, "file": s.out,
			"key.converter":   "org.apache.kafka.connect.converters.ByteArrayConverter",
			"value.converter": "org.apache.kafka.connect.json.JsonConverter", "value.converter.schemas.enable": "false",
			"header.converter": "org.apache.kafka.connect.converters.ByteArrayConverter",
			"errors.tolerance": tolerance, "errors.deadletterqueue.topic.name": s.queue,
			"errors.deadletterqueue.topic.replication.factor": "1", "errors.deadletterqueue.context.headers.enable": "true",
		})
		return err == nil
	}, time.Minute, 100*time.Millisecond, "the connector is created")
	return s
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

// A task without tolerance writes one copy per start, while the original stays in front of it. The connector reads it
// itself once it can, so none of the copies goes back.
func TestCopiesOfARealWorkerArePendingWhileTheOriginalIsInFront(t *testing.T) {
	testutil.EachVersion(t, func(t *testing.T, c *testutil.Cluster) {
		s := newStory(t, c, "none")
		testutil.Produce(t, c.Brokers(), &kgo.Record{Topic: s.orders, Partition: 1, Value: []byte(`{"id":"bad`)})
		for n := 1; n <= 3; n++ {
			testutil.WaitForRecords(t, c.Brokers(), s.queue, n, time.Minute)
			require.Eventually(t, func() bool {
				st, err := s.client.GetStatus(t.Context(), s.name)
				return err == nil && len(st.Tasks) == 1 && st.Tasks[0].State == connect.StateFailed
			}, time.Minute, 100*time.Millisecond)
			if n < 3 {
				require.NoError(t, s.client.RestartTask(t.Context(), connect.TaskID{Connector: s.name, Task: 0}))
			}
		}
		r, err := dlq.NewRepublisher(s.config("fix", dlq.ToTopic(s.retry)))
		require.NoError(t, err)
		report, err := r.Run(t.Context())
		require.NoError(t, err)
		assert.EqualValues(t, 3, report.Pending, report.String())

		// The original is given up: the connector is moved behind it, as a person would.
		require.NoError(t, s.client.Stop(t.Context(), s.name))
		require.Eventually(t, func() bool {
			_, err := s.client.AlterOffsets(t.Context(), s.name, connect.Offsets{connect.SinkOffset(s.orders, 1, 1)})
			return err == nil
		}, time.Minute, 200*time.Millisecond)
		r, err = dlq.NewRepublisher(s.config("second", dlq.ToTopic(s.retry)))
		require.NoError(t, err)
		report, err = r.Run(t.Context())
		require.NoError(t, err)
		assert.EqualValues(t, 1, report.Republished, report.String())
		assert.EqualValues(t, 2, report.Duplicate)
		assert.Len(t, testutil.ReadAll(t, c.Brokers(), s.retry), 1)
	})
}
