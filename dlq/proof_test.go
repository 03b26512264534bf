package dlq_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/go-reconnect/reconnect/dlq"
	"github.com/go-reconnect/reconnect/internal/testutil"
)

// proofPartitions is how many partitions each topic of a proof has.
const proofPartitions = 4

// proof is one dead letter queue with the topics around it, and what franz-go sees of them: nothing of ours vouches for itself.
type proof struct {
	brokers []string
	n       int
	big     bool // some values are larger than proofLimit
	task    childTask
	origins map[int32]int64 // the origin's ends before anything came back
	sources map[int32]int64 // the ends of the dead letter queue
}

// newProof writes n records to an origin topic and dead letters about all of them, as a worker does.
func newProof(t *testing.T, c *testutil.Cluster, n int, task childTask) *proof {
	t.Helper()
	return seedProof(t, c, &proof{n: n, task: task})
}

func seedProof(t *testing.T, c *testutil.Cluster, p *proof) *proof {
	t.Helper()
	p.brokers, p.origins, p.sources = c.Brokers(), map[int32]int64{}, map[int32]int64{}
	p.task.Brokers, p.task.Origin, p.task.Topic, p.task.Group = c.Brokers(), c.TopicName(t, "orders"), c.TopicName(t, "orders-dlq"), c.TopicName(t, "fix")
	if p.task.Park == "" {
		p.task.Park = c.TopicName(t, "parked")
	}
	forever := map[string]string{"retention.ms": "-1"}
	testutil.CreateTopic(t, p.brokers, p.task.Origin, proofPartitions, forever)
	testutil.CreateTopic(t, p.brokers, p.task.Topic, proofPartitions, forever)
	const slice = 5000
	for from := 0; from < p.n; from += slice {
		var originals, letters []*kgo.Record
		for i := from; i < min(p.n, from+slice); i++ {
			originals = append(originals, &kgo.Record{
				Topic: p.task.Origin, Partition: int32(i % proofPartitions), Key: proofKey(i), Value: p.value(i), Timestamp: proofTime(i),
				Headers: []kgo.RecordHeader{{Key: "own", Value: []byte{0, 255}}, {Key: "own"}},
			})
		}
		testutil.Produce(t, p.brokers, originals...)
		for i, o := range originals {
			p.origins[o.Partition] = max(p.origins[o.Partition], o.Offset+1)
			letters = append(letters, &kgo.Record{
				Topic: p.task.Topic, Partition: int32((from + i) / 3 % proofPartitions), Key: o.Key, Value: o.Value, Timestamp: o.Timestamp,
				Headers: append(o.Headers[:2:2], contextHeaders(o)...),
			})
		}
		testutil.Produce(t, p.brokers, letters...)
		for _, l := range letters {
			p.sources[l.Partition] = max(p.sources[l.Partition], l.Offset+1)
		}
	}
	return p
}

// contextHeaders are the ten headers of a worker, written without the package under test.
func contextHeaders(o *kgo.Record) []kgo.RecordHeader {
	var out []kgo.RecordHeader
	for _, h := range [][2]string{
		{"topic", o.Topic},
		{"partition", strconv.Itoa(int(o.Partition))},
		{"offset", strconv.FormatInt(o.Offset, 10)},
		{"connector.name", "proof-sink"},
		{"task.id", "0"},
		{"stage", "VALUE_CONVERTER"},
		{"class.name", "org.apache.kafka.connect.json.JsonConverter"},
		{"exception.class.name", "org.apache.kafka.connect.errors.DataException"},
		{"exception.message", "Converting byte[] to Kafka Connect data failed due to serialization error: "},
		{"exception.stacktrace", "org.apache.kafka.connect.errors.DataException: Converting byte[] to Kafka Connect data failed due to serialization error: \n" +
			"\tat org.apache.kafka.connect.json.JsonConverter.toConnectData(JsonConverter.java:345)\n"},
	} {
		out = append(out, kgo.RecordHeader{Key: "__connect.errors." + h[0], Value: []byte(h[1])})
	}
	return out
}

func proofKey(i int) []byte { return fmt.Appendf(nil, "id-%06d", i) }

func proofTime(i int) time.Time { return time.UnixMilli(1_700_000_000_000 + int64(i)) }

// proofLimit is the max.message.bytes that some records of a proof do not fit in.
const proofLimit = 20_000

func (p *proof) value(i int) []byte {
	times := 8 + i%16
	if p.isBig(i) {
		times = proofLimit / 3
	}
	return append(fmt.Appendf(nil, "broken %d ", i), bytes.Repeat([]byte{byte(i), 0, 'x', 0xff}, times)...)
}

func (p *proof) isBig(i int) bool { return p.big && i%50 == 7 }

// mended is what proofHandler makes of a record that it republishes.
func (p *proof) mended(i int) []byte {
	if i%3 == 0 {
		return bytes.ReplaceAll(p.value(i), []byte("broken"), []byte("mended"))
	}
	return p.value(i)
}

// toPark says where a record belongs.
func (p *proof) toPark(i int) bool { return i%10 == 0 || p.isBig(i) }

// tally is where every record of a proof is, as numbers of sets.
type tally struct {
	Republished, Parked, Left int // distinct records
	Lost                      int // in none of the three
	Doubled                   int // copies beyond the first, over origin and park
	HalfDone                  int // put somewhere and left as well: read again by the next run
}

func (t tally) String() string {
	return fmt.Sprintf("%d at the origin + %d parked + %d left, %d lost, %d doubled, %d written and not committed",
		t.Republished, t.Parked, t.Left, t.Lost, t.Doubled, t.HalfDone)
}

// look reads the topics and the group's offsets and says where every record is. What is somewhere it cannot be, or is not byte for
// byte what it was, fails the test.
func (p *proof) look(t *testing.T) tally {
	t.Helper()
	committed := testutil.CommittedOffsets(t, p.brokers, p.task.Group, p.task.Topic)
	left, origin, parked := make([]int, p.n), make([]int, p.n), make([]int, p.n)
	source := testutil.ReadCommitted(t, p.brokers, p.task.Topic)
	require.Len(t, source, p.n, "the dead letter queue itself is not touched")
	for _, r := range source {
		if r.Offset >= committed[r.Partition] {
			left[p.id(t, r.Key)]++
		}
	}
	wrong := 0
	for _, r := range testutil.ReadCommitted(t, p.brokers, p.task.Origin) {
		if r.Offset < p.origins[r.Partition] {
			continue
		}
		i := p.id(t, r.Key)
		origin[i]++
		if p.toPark(i) || !bytes.Equal(r.Value, p.mended(i)) || int(r.Partition) != i%proofPartitions || !ownHeadersFirst(r.Headers) {
			wrong++
		}
	}
	for _, r := range p.parked(t) {
		i := p.id(t, r.Key)
		parked[i]++
		if !p.toPark(i) || !bytes.Equal(r.Value, p.value(i)) || !ownHeadersFirst(r.Headers) {
			wrong++
		}
	}
	assert.Zero(t, wrong, "records that are not what they were, or not where they belong")
	var out tally
	for i := range p.n {
		there := origin[i] + parked[i]
		switch {
		case origin[i] > 0:
			out.Republished++
		case parked[i] > 0:
			out.Parked++
		case left[i] == 0:
			out.Lost++
		}
		if left[i] > 0 {
			out.Left++
			if there > 0 {
				out.HalfDone++
			}
		}
		out.Doubled += max(0, there-1)
	}
	assert.Zero(t, out.Lost, "records that are neither at the origin nor parked nor left")
	assert.Equal(t, p.n, out.Republished+out.Parked+out.Left-out.HalfDone, "source = origin + park + left")
	return out
}

func ownHeadersFirst(headers []kgo.RecordHeader) bool {
	return len(headers) > 2 && headers[0].Key == "own" && bytes.Equal(headers[0].Value, []byte{0, 255}) && headers[1].Key == "own" && headers[1].Value == nil
}

func (p *proof) id(t *testing.T, key []byte) int {
	t.Helper()
	i, ok := proofID(key)
	require.True(t, ok && i < p.n, "a key that is none of the proof's: %q", key)
	return i
}

// parked reads the parking topic, or the parking file as plain JSON.
func (p *proof) parked(t *testing.T) []*kgo.Record {
	t.Helper()
	if p.task.ParkTo == "" {
		if !topicExists(t, p.brokers, p.task.Park) {
			return nil
		}
		return testutil.ReadCommitted(t, p.brokers, p.task.Park)
	}
	f, err := os.Open(p.task.ParkTo)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	require.NoError(t, err)
	defer func() { _ = f.Close() }()
	var out []*kgo.Record
	in := bufio.NewReader(f)
	for {
		line, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) { // what a kill cut off has no end
			return out
		}
		require.NoError(t, err)
		var parked struct {
			Key, Value []byte
			Headers    []kgo.RecordHeader
		}
		require.NoError(t, json.Unmarshal(line, &parked))
		out = append(out, &kgo.Record{Key: parked.Key, Value: parked.Value, Headers: parked.Headers})
	}
}

// checkReport holds the report of a run that ended by itself, or was cancelled, to the broker's offsets. Nobody else may have
// worked for the group since.
func (p *proof) checkReport(t *testing.T, r *dlq.Report) {
	t.Helper()
	require.NotNil(t, r)
	require.NoError(t, r.Err())
	committed := testutil.CommittedOffsets(t, p.brokers, p.task.Group, p.task.Topic)
	var offsets, remaining int64
	for _, part := range r.Partitions {
		assert.Equal(t, committed[int32(part.Partition)], part.Position, "partition %d: the report's position and the group's", part.Partition)
		assert.Equal(t, p.sources[int32(part.Partition)], part.End, "partition %d: the report's end and the topic's", part.Partition)
		assert.Equal(t, part.Position-part.Start, part.Read, "partition %d: every offset has one outcome", part.Partition)
		offsets += part.Position - part.Start
	}
	for partition, end := range p.sources {
		remaining += end - committed[partition]
	}
	assert.Equal(t, offsets, r.Read, "the report counts what the group's offsets have moved")
	assert.Equal(t, remaining, r.Remaining, "what remains is what is not committed")
	assert.Equal(t, r.Read, r.Republished+r.Parked)
}

func topicExists(t *testing.T, brokers []string, topic string) bool {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(brokers...))
	require.NoError(t, err)
	defer cl.Close()
	return len(topicPartitions(t, cl, topic)) > 0
}
