package dlq_test

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-reconnect/reconnect/dlq"
)

func header(key, value string) kafka.Header { return kafka.Header{Key: key, Value: []byte(value)} }

func connectFailure() dlq.Failure {
	return dlq.Failure{
		Has: dlq.HasOrigin | dlq.HasConnector | dlq.HasTask | dlq.HasStage | dlq.HasClass |
			dlq.HasExceptionClass | dlq.HasExceptionMessage | dlq.HasStackTrace,
		Topic: "orders", Partition: 3, Offset: 1<<40 + 7, Connector: "orders-sink", Task: 2, DeliveryCount: -1,
		Stage: dlq.StageValueConverter, Class: "org.apache.kafka.connect.json.JsonConverter",
		ExceptionClass: "org.apache.kafka.connect.errors.DataException", ExceptionMessage: "no: \"é\"",
		StackTrace: "org.apache.kafka.connect.errors.DataException: no\n\tat a.B.c(B.java:1)\n",
	}
}

func TestParseCapturedRecords(t *testing.T) {
	t.Parallel()
	for _, c := range capturedRecords(t) {
		t.Run(c.ID, func(t *testing.T) {
			t.Parallel()
			m := c.message(t)
			f, err := dlq.Parse(m.Headers)
			all, allErr := dlq.ParseAll(m.Headers)
			require.Len(t, all, c.Expect.Sets)
			if c.Expect.Sets == 0 {
				require.ErrorIs(t, err, dlq.ErrNoContext)
				require.ErrorIs(t, allErr, dlq.ErrNoContext)
				require.Equal(t, m.Headers, dlq.Strip(m.Headers))
				return
			}
			require.NoError(t, err)
			require.NoError(t, allErr)
			check := func(want expected, got dlq.Failure) {
				assert.Equal(t, dlq.DialectConnect, got.Dialect)
				assert.Equal(t, want.Topic, got.Topic)
				assert.Equal(t, want.Partition, got.Partition)
				assert.Equal(t, want.Offset, got.Offset)
				assert.Equal(t, want.Connector, got.Connector)
				assert.Equal(t, want.Task, got.Task)
				assert.Equal(t, dlq.Stage(want.Stage), got.Stage)
				assert.Equal(t, want.Class, got.Class)
				assert.Equal(t, want.ExceptionClass, got.ExceptionClass)
				assert.Equal(t, want.ExceptionMessage == nil, got.Has.Contains(dlq.HasNullMessage))
				if want.ExceptionMessage != nil {
					assert.Equal(t, *want.ExceptionMessage, got.ExceptionMessage)
				}
				assert.True(t, strings.HasPrefix(got.StackTrace, want.ExceptionClass))
			}
			check(c.Expect.expected, f)
			assert.Equal(t, all[len(all)-1], f)
			if c.First != nil {
				check(*c.First, all[0])
			}
			// What Connect wrote is what AppendTo writes, byte for byte.
			stripped := dlq.Strip(m.Headers)
			for _, one := range all {
				stripped = one.AppendTo(stripped)
			}
			assert.Equal(t, m.Headers, stripped)
		})
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	full := connectFailure()
	second := full
	second.Offset, second.ExceptionMessage = 9, "again"
	null := full
	null.ExceptionMessage, null.Has = "", full.Has|dlq.HasNullMessage
	noException := full
	noException.Has = dlq.HasOrigin | dlq.HasConnector | dlq.HasTask | dlq.HasStage | dlq.HasClass
	noException.ExceptionClass, noException.ExceptionMessage, noException.StackTrace = "", "", ""
	streams := dlq.Failure{
		Dialect: dlq.DialectStreams, Has: dlq.HasOrigin | dlq.HasExceptionClass | dlq.HasExceptionMessage | dlq.HasStackTrace,
		Topic: "in", Partition: 1, Offset: 2, Task: -1, DeliveryCount: -1, ExceptionClass: "E", ExceptionMessage: "m", StackTrace: "E: m\n",
	}
	share := dlq.Failure{
		Dialect: dlq.DialectShareGroup, Has: dlq.HasOrigin | dlq.HasGroup | dlq.HasDeliveryCount | dlq.HasExceptionMessage,
		Topic: "in", Partition: 1, Offset: 2, Task: -1, Group: "workers", DeliveryCount: 5, ExceptionMessage: "m",
	}
	user := []kafka.Header{header("trace", "1"), {Key: "nul"}, header("", ""), header("trace", "2")}
	cat := func(parts ...[]kafka.Header) []kafka.Header { return slices.Concat(parts...) }
	set := func(f dlq.Failure) []kafka.Header { return f.AppendTo(nil) }
	sorted := set(full)
	slices.SortFunc(sorted, func(a, b kafka.Header) int { return strings.Compare(a.Key, b.Key) })

	tests := []struct {
		name    string
		headers []kafka.Header
		want    []dlq.Failure
	}{
		{"one set", set(full), []dlq.Failure{full}},
		{"user headers before and after", cat(user, set(full), user), []dlq.Failure{full}},
		{"two sets", cat(set(full), set(second)), []dlq.Failure{full, second}},
		{"user headers between two sets", cat(set(full), user, set(second)), []dlq.Failure{full, second}},
		{"a null message is not an empty one", set(null), []dlq.Failure{null}},
		{"a set without exception does not inherit the one before", cat(set(full), set(noException)), []dlq.Failure{full, noException}},
		{"streams", set(streams), []dlq.Failure{streams}},
		{"two streams sets begin at the exception", cat(set(streams), set(streams)), []dlq.Failure{streams, streams}},
		{"share group", set(share), []dlq.Failure{share}},
		{"a streams dead letter dead-lettered by a sink", cat(set(streams), set(full)), []dlq.Failure{streams, full}},
		{"and the other way round", cat(set(full), set(streams)), []dlq.Failure{full, streams}},
		{"headers sorted by a proxy", sorted, []dlq.Failure{full}},
		{"a user's topic header before the set", cat([]kafka.Header{header(dlq.HeaderTopic, "mine")}, set(full)), []dlq.Failure{full}},
		{"a user's topic header after the set", cat(set(full), []kafka.Header{header(dlq.HeaderTopic, "mine")}), []dlq.Failure{full}},
		{"a user's stage header before the set", cat([]kafka.Header{header(dlq.HeaderStage, "mine")}, set(full)), []dlq.Failure{full}},
		{"a user's malformed partition before the set", cat([]kafka.Header{header(dlq.HeaderPartition, "mine")}, set(full)), []dlq.Failure{full}},
		{
			"only a topic",
			[]kafka.Header{header(dlq.HeaderTopic, "orders")},
			[]dlq.Failure{{Has: dlq.HasTopic, Topic: "orders", Partition: -1, Offset: -1, Task: -1, DeliveryCount: -1}},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			before := clone(tt.headers)
			f, err := dlq.Parse(tt.headers)
			require.NoError(t, err)
			assert.Equal(t, tt.want[len(tt.want)-1], f)
			all, err := dlq.ParseAll(tt.headers)
			require.NoError(t, err)
			assert.Equal(t, tt.want, all)
			_, err = dlq.Parse(dlq.Strip(tt.headers))
			require.ErrorIs(t, err, dlq.ErrNoContext)
			assert.Equal(t, before, tt.headers)
		})
	}
}

func TestParseWithoutContext(t *testing.T) {
	t.Parallel()
	for name, headers := range map[string][]kafka.Header{
		"no headers":               nil,
		"others":                   {header("a", "b"), header("", ""), header("__", ""), header("__connect.errors", "x")},
		"unknown name of a prefix": {header("__connect.errors.nonsense", "x")},
		"names differ in case":     {header("__Connect.errors.topic", "x")},
		"prefix of another one":    {header("__dlq.errors.connector.name", "x")},
		"value with such a name":   {header("x", "__connect.errors.topic")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, err := dlq.Parse(headers)
			require.ErrorIs(t, err, dlq.ErrNoContext)
			assert.Equal(t, dlq.Failure{Partition: -1, Offset: -1, Task: -1, DeliveryCount: -1}, f)
			assert.Empty(t, f.AppendTo(nil))
			all, err := dlq.ParseAll(headers)
			require.ErrorIs(t, err, dlq.ErrNoContext)
			assert.Empty(t, all)
		})
	}
}

func TestParseMalformedValues(t *testing.T) {
	t.Parallel()
	for name, value := range map[string][]byte{
		"text": []byte("secret"), "empty": {}, "null": nil, "negative": []byte("-1"), "signed": []byte("+1"), "blank": []byte(" 1"),
		"binary": {0, 0, 0, 1}, "beyond int64": []byte("99999999999999999999"), "hex": []byte("0x1"), "decimal point": []byte("1.0"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := connectFailure()
			want.Partition, want.Offset, want.Task = -1, -1, -1
			headers := want.AppendTo(nil)
			for i := range headers {
				switch headers[i].Key {
				case dlq.HeaderPartition, dlq.HeaderOffset, dlq.HeaderTask:
					headers[i].Value = value
				}
			}
			f, err := dlq.Parse(headers)
			assert.Equal(t, want, f)
			var bad *dlq.HeaderError
			require.ErrorAs(t, err, &bad)
			assert.Equal(t, dlq.HeaderPartition, bad.Key)
			assert.Equal(t, value, bad.Value)
			for _, key := range []string{dlq.HeaderPartition, dlq.HeaderOffset, dlq.HeaderTask} {
				assert.ErrorContains(t, err, key)
			}
			assert.NotContains(t, err.Error(), "secret")
			assert.NotContains(t, fmt.Sprintf("%v %+v", err, err), "secret")
		})
	}
	t.Run("a partition beyond int32", func(t *testing.T) {
		t.Parallel()
		f, err := dlq.Parse([]kafka.Header{header(dlq.HeaderPartition, "2147483648"), header(dlq.HeaderOffset, "9223372036854775807")})
		var bad *dlq.HeaderError
		require.ErrorAs(t, err, &bad)
		assert.Equal(t, -1, f.Partition)
		assert.Equal(t, int64(1<<63-1), f.Offset)
	})
	t.Run("a null topic is there but malformed", func(t *testing.T) {
		t.Parallel()
		f, err := dlq.Parse([]kafka.Header{{Key: dlq.HeaderTopic}})
		var bad *dlq.HeaderError
		require.ErrorAs(t, err, &bad)
		assert.True(t, f.Has.Contains(dlq.HasTopic))
	})
}

func TestAppendToOfAFailureMadeByHand(t *testing.T) {
	t.Parallel()
	want := connectFailure()
	byHand := want
	byHand.Has = 0
	f, err := dlq.Parse(byHand.AppendTo(nil))
	require.NoError(t, err)
	assert.Equal(t, want, f)
}

func TestStripKeepsOrderDuplicatesNullsAndInput(t *testing.T) {
	t.Parallel()
	own := []kafka.Header{header("a", "1"), {Key: "a"}, header("a", ""), {Key: "", Value: []byte{0, 255}}, header("a", "1")}
	in := slices.Concat(own[:2], connectFailure().AppendTo(nil), own[2:])
	before := clone(in)
	out := dlq.Strip(in)
	assert.Equal(t, own, out)
	out = append(out, header("x", "y"))
	out[0].Key = "changed"
	assert.Equal(t, before, in)
	assert.Nil(t, dlq.Strip(nil))
	assert.Empty(t, dlq.Strip(connectFailure().AppendTo(nil)))
}

func TestCloneSharesNothingWithTheRecord(t *testing.T) {
	t.Parallel()
	headers := connectFailure().AppendTo(nil)
	f, err := dlq.Parse(headers)
	require.NoError(t, err)
	c := f.Clone()
	for _, h := range headers {
		for i := range h.Value {
			h.Value[i] = 'x'
		}
	}
	assert.Equal(t, connectFailure(), c)
	assert.NotEqual(t, c, f)
}

func TestParseDoesNotAllocate(t *testing.T) { //nolint:paralleltest // AllocsPerRun counts for the whole process
	headers := benchHeaders()
	var f dlq.Failure
	assert.Zero(t, testing.AllocsPerRun(100, func() { f, _ = dlq.Parse(headers) }))
	assert.Equal(t, "orders", f.Topic)
}

func benchHeaders() []kafka.Header {
	f := connectFailure()
	f.StackTrace = strings.Repeat("\tat org.apache.kafka.connect.runtime.WorkerSinkTask.poll(WorkerSinkTask.java:358)\n", 38)
	return f.AppendTo(nil)
}

// BenchmarkParse also gives the fastest of many short stretches, which other programs on the machine disturb least, and that
// of a bare loop over the same headers beside it.
func BenchmarkParse(b *testing.B) {
	headers := benchHeaders()
	b.ReportAllocs()
	const stretch = 500
	fastest, bare := time.Duration(math.MaxInt64), time.Duration(math.MaxInt64)
	for b.Loop() {
		start := time.Now()
		for range stretch {
			if _, err := dlq.Parse(headers); err != nil {
				b.Fatal(err)
			}
		}
		fastest = min(fastest, time.Since(start))
		start = time.Now()
		for range stretch {
			for i := range headers {
				sink += len(headers[i].Key) + len(headers[i].Value) + int(headers[i].Key[0])
			}
		}
		bare = min(bare, time.Since(start))
	}
	b.ReportMetric(float64(fastest)/stretch, "ns/record-min")
	b.ReportMetric(float64(bare)/stretch, "ns/bare-loop-min")
	b.ReportMetric(float64(fastest)/float64(bare), "times-bare-loop")
	b.ReportMetric(0, "ns/op") // a stretch, which says nothing
}

var sink int

func TestParseReadsEveryNumber(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"0", "7", "00", "1234567", "12345678", "123456789", "999999999999999999", "00000000000000001", "9223372036854775807"} {
		f := connectFailure()
		headers := f.AppendTo(nil)
		headers[2].Value = []byte(text)
		got, err := dlq.Parse(headers)
		require.NoError(t, err)
		want, err := strconv.ParseInt(text, 10, 64)
		require.NoError(t, err)
		assert.Equal(t, want, got.Offset)
		for i := range text { // each digit in turn is none
			for _, bad := range []byte{'0' - 1, '9' + 1, 0, 0xff, ' ', 'a', '-', 0xb5} {
				v := []byte(text)
				v[i] = bad
				headers[2].Value = v
				got, err := dlq.Parse(headers)
				require.Error(t, err, "%q", v)
				assert.EqualValues(t, -1, got.Offset)
				assert.Equal(t, f.Partition, got.Partition)
			}
		}
	}
}

func clone(in []kafka.Header) []kafka.Header {
	out := slices.Clone(in)
	for i := range out {
		out[i].Value = slices.Clone(out[i].Value)
	}
	return out
}
