//go:build unix

package bench_test

import (
	"bytes"
	"fmt"
	"runtime"
	"runtime/metrics"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/go-reconnect/reconnect/dlq"
	"github.com/go-reconnect/reconnect/internal/testutil"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

func TestMain(m *testing.M) { testutil.Main(m) }

// shape is what a dead letter of about 4 kB consists of.
type shape struct {
	name         string
	value, trace int
}

var shapes = []shape{
	{"trace", 500, 3000}, // the usual one: the stack trace is most of it, and is stripped
	{"value", 3400, 200}, // as much goes out as comes in
}

const partitions = 4

// letters writes n dead letters, without the package under test.
func letters(tb testing.TB, brokers []string, topic string, n int, s shape) {
	tb.Helper()
	line := "\tat org.apache.kafka.connect.runtime.WorkerSinkTask.convertAndTransformRecord(WorkerSinkTask.java:540)\n"
	trace := bytes.Repeat([]byte(line), s.trace/len(line)+1)[:s.trace]
	value := bytes.Repeat([]byte("0123456789"), s.value/10)
	cl, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerBatchCompression(kgo.NoCompression()))
	require.NoError(tb, err)
	defer cl.Close()
	const slice = 5000
	for from := 0; from < n; from += slice {
		var records []*kgo.Record
		for i := from; i < min(n, from+slice); i++ {
			header := func(name, value string) kgo.RecordHeader {
				return kgo.RecordHeader{Key: "__connect.errors." + name, Value: []byte(value)}
			}
			records = append(records, &kgo.Record{
				Topic: topic, Partition: int32(i % partitions), Key: fmt.Appendf(nil, "key-%d", i), Value: value,
				Headers: []kgo.RecordHeader{
					header("topic", "orders"), header("partition", strconv.Itoa(i%partitions)), header("offset", strconv.Itoa(i)),
					header("connector.name", "orders-sink"), header("task.id", "0"), header("stage", "VALUE_CONVERTER"),
					header("class.name", "org.apache.kafka.connect.json.JsonConverter"),
					header("exception.class.name", "org.apache.kafka.connect.errors.DataException"),
					header("exception.message", "Converting byte[] to Kafka Connect data failed due to serialization error: "),
					{Key: "__connect.errors.exception.stacktrace", Value: trace},
				},
			})
		}
		require.NoError(tb, cl.ProduceSync(tb.Context(), records...).FirstErr())
	}
}

// ours is a run of a Republisher.
func ours(tb testing.TB, brokers []string, topic, group, target string, n, inFlight int, once bool) {
	tb.Helper()
	r, err := dlq.NewRepublisher(dlq.RepublisherConfig{
		Brokers: brokers, Topic: topic, Group: group, Target: dlq.ToTopic(target), InFlightBytes: inFlight, ExactlyOnce: once,
	})
	require.NoError(tb, err)
	report, err := r.Run(tb.Context())
	require.NoError(tb, err)
	require.EqualValues(tb, n, report.Republished, report.String())
}

// bare is the same work on franz-go without any thought about the records: polled, produced, flushed, committed.
func bare(tb testing.TB, brokers []string, topic, group, target string, n int) {
	tb.Helper()
	cl, err := kgo.NewClient(
		kgo.SeedBrokers(brokers...), kgo.ConsumerGroup(group), kgo.ConsumeTopics(topic), kgo.DisableAutoCommit(),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerBatchCompression(kgo.NoCompression()),
	)
	require.NoError(tb, err)
	defer cl.CloseAllowingRebalance()
	var (
		mu     sync.Mutex
		failed error
	)
	for done := 0; done < n; {
		fetches := cl.PollRecords(tb.Context(), 4000)
		require.NoError(tb, fetches.Err())
		fetches.EachRecord(func(r *kgo.Record) {
			done++
			out := &kgo.Record{Topic: target, Partition: r.Partition, Key: r.Key, Value: r.Value, Headers: r.Headers}
			cl.Produce(tb.Context(), out, func(_ *kgo.Record, err error) {
				if err != nil {
					mu.Lock()
					failed = err
					mu.Unlock()
				}
			})
		})
		require.NoError(tb, cl.Flush(tb.Context()))
		mu.Lock()
		require.NoError(tb, failed)
		mu.Unlock()
		require.NoError(tb, cl.CommitUncommittedOffsets(tb.Context()))
	}
}

// cpu is what this process has used of the processors, by user and system.
func cpu() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func TestBothPipesBringEveryRecord(t *testing.T) {
	t.Parallel()
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(partitions, "dlq", "ours", "once", "bare"))
	require.NoError(t, err)
	t.Cleanup(c.Close)
	brokers := c.ListenAddrs()
	const n = 2000
	letters(t, brokers, "dlq", n, shapes[0])
	ours(t, brokers, "dlq", "group-ours", "ours", n, 0, false)
	ours(t, brokers, "dlq", "group-once", "once", n, 0, true)
	bare(t, brokers, "dlq", "group-bare", "bare", n)
	for _, topic := range []string{"ours", "once", "bare"} {
		require.Len(t, testutil.ReadCommitted(t, brokers, topic), n, topic)
	}
}

// BenchmarkPipe runs both pipes in turns over the same queue. One iteration is one run of each.
func BenchmarkPipe(b *testing.B) {
	testutil.Integration(b)
	c := testutil.NewCluster(b, testutil.Options{Version: testutil.Versions()[0], Workers: -1})
	const n = 30_000
	for _, s := range shapes {
		for _, once := range []bool{false, true} {
			name := s.name + "/at least once"
			if once {
				name = s.name + "/exactly once"
			}
			b.Run(name, func(b *testing.B) {
				queue := c.TopicName(b, "dlq")
				keep := map[string]string{"retention.ms": "-1"}
				testutil.CreateTopic(b, c.Brokers(), queue, partitions, keep)
				letters(b, c.Brokers(), queue, n, s)
				var used [2]time.Duration
				var wall [2]time.Duration
				measure := func(i int, run func(group, target string)) {
					group, target := c.TopicName(b, "group"), c.TopicName(b, "target")
					testutil.CreateTopic(b, c.Brokers(), target, partitions, keep)
					runtime.GC()
					began, before := time.Now(), cpu()
					run(group, target)
					used[i] += cpu() - before
					wall[i] += time.Since(began)
				}
				for b.Loop() {
					measure(0, func(group, target string) { ours(b, c.Brokers(), queue, group, target, n, 0, once) })
					measure(1, func(group, target string) { bare(b, c.Brokers(), queue, group, target, n) })
				}
				records := float64(b.N) * n
				b.ReportMetric(float64(used[0].Microseconds())/records, "ours-cpu-us/rec")
				b.ReportMetric(float64(used[1].Microseconds())/records, "bare-cpu-us/rec")
				b.ReportMetric(float64(used[0])/float64(used[1]), "cpu-ratio")
				b.ReportMetric(records/wall[0].Seconds(), "ours-rec/s")
				b.ReportMetric(records/wall[1].Seconds(), "bare-rec/s")
			})
		}
	}
}

// BenchmarkMemory reports the largest heap of a run for different bounds of what is in flight.
func BenchmarkMemory(b *testing.B) {
	testutil.Integration(b)
	c := testutil.NewCluster(b, testutil.Options{Version: testutil.Versions()[0], Workers: -1})
	const n = 30_000
	queue := c.TopicName(b, "dlq")
	testutil.CreateTopic(b, c.Brokers(), queue, partitions, map[string]string{"retention.ms": "-1"})
	letters(b, c.Brokers(), queue, n, shapes[1])
	for _, mib := range []int{4, 32, 128} {
		b.Run(fmt.Sprintf("in flight %d MiB", mib), func(b *testing.B) {
			var live, objects uint64
			for b.Loop() {
				group, target := c.TopicName(b, "group"), c.TopicName(b, "target")
				testutil.CreateTopic(b, c.Brokers(), target, partitions, nil)
				runtime.GC()
				done, stopped := make(chan struct{}), make(chan struct{})
				go func() {
					defer close(stopped)
					tick := time.NewTicker(2 * time.Millisecond)
					defer tick.Stop()
					for {
						l, o := heap()
						live, objects = max(live, l), max(objects, o)
						select {
						case <-done:
							return
						case <-tick.C:
						}
					}
				}()
				ours(b, c.Brokers(), queue, group, target, n, mib<<20, false)
				close(done)
				<-stopped
			}
			b.ReportMetric(float64(live)/(1<<20), "peak-live-MiB")
			b.ReportMetric(float64(objects)/(1<<20), "peak-heap-MiB")
		})
	}
}

// heap is what the last collection found alive, and what is on the heap now, garbage included.
func heap() (live, objects uint64) {
	samples := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(samples)
	return samples[0].Value.Uint64(), samples[1].Value.Uint64()
}
