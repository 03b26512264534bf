package kwire_test

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/go-reconnect/reconnect/internal/kwire"
	"github.com/go-reconnect/reconnect/internal/testutil"
)

func cluster(t *testing.T) (*kfake.Cluster, *kafka.Client) {
	t.Helper()
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "t"))
	require.NoError(t, err)
	t.Cleanup(c.Close)
	client, closeIdle := kwire.Cluster{Brokers: c.ListenAddrs()}.Open()
	t.Cleanup(closeIdle)
	return c, client
}

func sample() []kwire.Record {
	return []kwire.Record{
		{Timestamp: 1_700_000_000_123, Key: []byte("k"), Value: []byte("v"), Headers: []kafka.Header{{Key: "a", Value: []byte("1")}, {Key: "a"}, {Key: "a", Value: []byte{}}, {Key: "", Value: []byte{0, 255}}}},
		{Timestamp: -1},
		{Timestamp: 0, Key: []byte{}, Value: []byte{}},
		{Timestamp: 1_800_000_000_000, Value: bytes.Repeat([]byte("x"), 200_000)},
	}
}

// A batch of ours is read back by franz-go and by our own reader, compressed or not.
func TestBatchRoundTrip(t *testing.T) {
	t.Parallel()
	for _, compression := range []kafka.Compression{0, kafka.Gzip, kafka.Snappy, kafka.Lz4, kafka.Zstd} {
		t.Run(fmt.Sprint(compression), func(t *testing.T) {
			t.Parallel()
			c, client := cluster(t)
			want := sample()
			p := kwire.Producer{Client: client, Patience: 10 * time.Second, Compression: compression}
			for range 3 {
				_, err := p.Produce(t.Context(), "t", 0, want)
				require.NoError(t, err)
			}
			reader, err := kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...), kgo.ConsumeTopics("t"))
			require.NoError(t, err)
			defer reader.Close()
			for n := 0; n < 3*len(want); {
				fs := reader.PollFetches(t.Context())
				require.NoError(t, fs.Err0())
				fs.EachRecord(func(r *kgo.Record) {
					w := want[n%len(want)]
					assert.Equal(t, w.Key, r.Key)
					assert.Equal(t, w.Value, r.Value)
					assert.Equal(t, w.Timestamp, r.Timestamp.UnixMilli())
					if assert.Len(t, r.Headers, len(w.Headers)) {
						for i := range w.Headers {
							assert.Equal(t, kgo.RecordHeader{Key: w.Headers[i].Key, Value: w.Headers[i].Value}, r.Headers[i])
						}
					}
					n++
				})
			}
			var got []kafka.Message
			for at := int64(0); at < int64(3*len(want)); {
				page, err := kwire.Fetch(t.Context(), client, kwire.FetchRequest{Topic: "t", Offset: at, MaxBytes: 1 << 20, MaxWait: 100 * time.Millisecond})
				require.NoError(t, err)
				require.Greater(t, page.Next, at)
				got, at = append(got, page.Records...), page.Next
			}
			require.Len(t, got, 3*len(want))
			for n, m := range got {
				w := want[n%len(want)]
				assert.EqualValues(t, n, m.Offset)
				assert.Equal(t, w.Key, m.Key)
				assert.Equal(t, w.Value, m.Value)
				assert.Equal(t, w.Timestamp, m.Time.UnixMilli())
				assert.Equal(t, w.Headers, m.Headers)
			}
		})
	}
}

func TestMaxSizeIsAnUpperBound(t *testing.T) {
	t.Parallel()
	for _, r := range sample() {
		b, err := kwire.AppendBatch(nil, kwire.Batch{ProducerID: -1}, []kwire.Record{r})
		require.NoError(t, err)
		assert.LessOrEqual(t, len(b)-4-kwire.BatchOverhead, r.MaxSize())
		assert.Less(t, r.MaxSize()-(len(b)-4-kwire.BatchOverhead), 24)
	}
}

func TestNextSequenceWraps(t *testing.T) {
	t.Parallel()
	assert.EqualValues(t, 5, kwire.NextSequence(2, 3))
	assert.EqualValues(t, 0, kwire.NextSequence(1<<31-1, 1))
	assert.EqualValues(t, 4, kwire.NextSequence(1<<31-6, 10))
}

func TestRetry(t *testing.T) {
	t.Parallel()
	n := 0
	require.NoError(t, kwire.Retry(t.Context(), time.Minute, func(context.Context) error {
		if n++; n < 3 {
			return kafka.NotLeaderForPartition
		}
		return nil
	}))
	assert.Equal(t, 3, n)
	n = 0
	require.ErrorIs(t, kwire.Retry(t.Context(), time.Minute, func(context.Context) error { n++; return kafka.TopicAuthorizationFailed }), kafka.TopicAuthorizationFailed)
	assert.Equal(t, 1, n)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := kwire.Retry(ctx, time.Minute, func(context.Context) error { return kafka.NotLeaderForPartition })
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, err, kafka.NotLeaderForPartition)
}

// kafka-go reports a connection that was lost in ListOffsets as the broker's error -1.
func TestALostListOffsetsIsAskedAgain(t *testing.T) {
	t.Parallel()
	c, _ := cluster(t)
	proxy := testutil.NewProxy(t, c.ListenAddrs()[0])
	proxy.DropResponse(2, testutil.Kafka(2))
	client, closeIdle := kwire.Cluster{Brokers: c.ListenAddrs(), Dial: proxy.Dial}.Open()
	defer closeIdle()
	calls := 0
	require.NoError(t, kwire.Retry(t.Context(), 10*time.Second, func(ctx context.Context) error {
		calls++
		res, err := client.ListOffsets(ctx, &kafka.ListOffsetsRequest{Topics: map[string][]kafka.OffsetRequest{"t": {kafka.LastOffsetOf(0)}}})
		if err != nil {
			return err
		}
		return res.Topics["t"][0].Error
	}))
	assert.Equal(t, 3, calls)
}
