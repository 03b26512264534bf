package kwire_test

import (
	"encoding/binary"
	"hash/crc32"
	"slices"
	"testing"

	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-reconnect/reconnect/internal/kwire"
)

var asked = kwire.FetchRequest{Topic: "t", Partition: 2, Offset: 100, MaxBytes: 1 << 20}

// batchAt is a batch of n records whose first offset is base, without the size before it.
func batchAt(tb testing.TB, base int64, n int, o kwire.Batch) []byte {
	tb.Helper()
	var records []kwire.Record
	for i := range n {
		records = append(records, kwire.Record{Timestamp: base + int64(i), Key: []byte{byte(i)}, Value: []byte("v"), Headers: []kafka.Header{{Key: "h", Value: []byte{byte(i)}}}})
	}
	b, err := kwire.AppendBatch(nil, o, records)
	require.NoError(tb, err)
	binary.BigEndian.PutUint64(b[4:], uint64(base))
	return b[4:]
}

// sealed writes the checksum anew.
func sealed(b []byte) []byte {
	binary.BigEndian.PutUint32(b[17:], crc32.Checksum(b[21:], crc32.MakeTable(crc32.Castagnoli)))
	return b
}

// answer is a fetch response, version 11.
func answer(code int16, aborted [][2]int64, batches ...[]byte) []byte {
	be := binary.BigEndian
	b := be.AppendUint32(nil, 0)
	b = be.AppendUint16(b, 0)
	b = be.AppendUint32(b, 0)
	b = be.AppendUint32(b, 1)
	b = append(be.AppendUint16(b, 1), 't')
	b = be.AppendUint32(b, 1)
	b = be.AppendUint32(b, 2)
	b = be.AppendUint16(b, uint16(code))
	b = be.AppendUint64(b, 500)
	b = be.AppendUint64(b, 400)
	b = be.AppendUint64(b, 50)
	b = be.AppendUint32(b, uint32(len(aborted)))
	for _, a := range aborted {
		b = be.AppendUint64(be.AppendUint64(b, uint64(a[0])), uint64(a[1]))
	}
	b = be.AppendUint32(b, 1<<32-1)
	size := 0
	for _, x := range batches {
		size += len(x)
	}
	b = be.AppendUint32(b, uint32(size))
	for _, x := range batches {
		b = append(b, x...)
	}
	return b
}

func offsets(p kwire.Page) []int64 {
	var out []int64
	for _, m := range p.Records {
		out = append(out, m.Offset)
	}
	return out
}

func TestDecodeFetch(t *testing.T) {
	t.Parallel()
	plain := kwire.Batch{ProducerID: -1}
	inside := kwire.Batch{ProducerID: 7, Transactional: true}
	marker := func(base int64) []byte {
		b := batchAt(t, base, 1, inside)
		b[22] |= 0x20
		return sealed(b)
	}
	compacted := batchAt(t, 100, 3, plain)
	binary.BigEndian.PutUint32(compacted[23:], 9)
	logTime := batchAt(t, 100, 1, plain)
	logTime[22] |= 8
	for _, row := range []struct {
		name string
		body []byte
		want []int64
		next int64
	}{
		{"nothing new", answer(0, nil), nil, 100},
		{"null in the place of nothing", binary.BigEndian.AppendUint32(slices.Clone(answer(0, nil)[:len(answer(0, nil))-4]), 1<<32-1), nil, 100},
		{"a batch", answer(0, nil, batchAt(t, 100, 3, plain)), []int64{100, 101, 102}, 103},
		{"a batch that begins before what was asked", answer(0, nil, batchAt(t, 98, 4, plain)), []int64{100, 101}, 102},
		{"compaction took the tail", answer(0, nil, sealed(compacted)), []int64{100, 101, 102}, 110},
		{"the last batch is cut off", answer(0, nil, batchAt(t, 100, 2, plain), batchAt(t, 102, 5, plain)[:70]), []int64{100, 101}, 102},
		{"an aborted transaction and its marker", answer(0, [][2]int64{{7, 100}}, batchAt(t, 100, 3, inside), marker(103), batchAt(t, 104, 1, inside)), []int64{104}, 105},
		{"a committed transaction and its marker", answer(0, nil, batchAt(t, 100, 3, inside), marker(103)), []int64{100, 101, 102}, 104},
		{"a transaction that was aborted later", answer(0, [][2]int64{{7, 102}}, batchAt(t, 100, 1, inside), marker(101), batchAt(t, 102, 1, inside), marker(103)), []int64{100}, 104},
		{"the marker of an aborted transaction that began on an earlier page", answer(0, [][2]int64{{7, 90}}, marker(100), batchAt(t, 101, 2, inside)), []int64{101, 102}, 103},
		{"two aborted transactions, one on an earlier page", answer(0, [][2]int64{{7, 90}, {7, 103}}, marker(100), batchAt(t, 101, 1, inside), marker(102), batchAt(t, 103, 1, inside), marker(104)), []int64{101}, 105},
		{"the broker's own time", answer(0, nil, sealed(logTime)), []int64{100}, 101},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			p, err := kwire.DecodeFetch(row.body, asked)
			require.NoError(t, err)
			assert.Equal(t, row.want, offsets(p))
			assert.Equal(t, row.next, p.Next)
			assert.EqualValues(t, 400, p.Stable)
			assert.EqualValues(t, 50, p.Start)
			for _, m := range p.Records {
				assert.Equal(t, "t", m.Topic)
				assert.Equal(t, 2, m.Partition)
				assert.Equal(t, m.Offset, m.Time.UnixMilli())
				assert.Equal(t, "v", string(m.Value))
				assert.Equal(t, []kafka.Header{{Key: "h", Value: m.Key}}, m.Headers)
			}
		})
	}
}

func TestDecodeFetchKeepsAPageSmall(t *testing.T) {
	t.Parallel()
	var batches [][]byte
	for i := range 10 {
		b, err := kwire.AppendBatch(nil, kwire.Batch{ProducerID: -1, Compression: kafka.Zstd}, []kwire.Record{{Value: make([]byte, 10_000)}})
		require.NoError(t, err)
		binary.BigEndian.PutUint64(b[4:], uint64(100+i))
		batches = append(batches, b[4:])
	}
	q := asked
	q.MaxBytes = 25_000
	p, err := kwire.DecodeFetch(answer(0, nil, batches...), q)
	require.NoError(t, err)
	assert.Equal(t, []int64{100, 101, 102}, offsets(p))
	assert.EqualValues(t, 103, p.Next, "the rest is asked for again")
}

func TestDecodeFetchRefuses(t *testing.T) {
	t.Parallel()
	whole := answer(0, nil, batchAt(t, 100, 3, kwire.Batch{ProducerID: -1}))
	changed := func(at int, to byte) []byte {
		b := batchAt(t, 100, 3, kwire.Batch{ProducerID: -1})
		b[at] = to
		return b
	}
	_, err := kwire.DecodeFetch(answer(6, nil), asked)
	require.ErrorIs(t, err, kafka.NotLeaderForPartition)
	_, err = kwire.DecodeFetch(answer(0, nil, changed(70, 1)), asked)
	require.ErrorContains(t, err, "batch at offset 100: the checksum does not match")
	_, err = kwire.DecodeFetch(answer(0, nil, changed(16, 1)), asked)
	require.ErrorIs(t, err, kwire.ErrOldFormat)
	_, err = kwire.DecodeFetch(answer(0, nil, changed(16, 3)), asked)
	require.ErrorContains(t, err, "record format 3 is unknown")
	_, err = kwire.DecodeFetch(answer(0, nil, sealed(changed(60, 200))), asked)
	require.ErrorContains(t, err, "cannot be decoded")
	_, err = kwire.DecodeFetch(answer(0, nil, sealed(changed(61, 0x7f))), asked)
	require.ErrorContains(t, err, "cannot be decoded")
	other := asked
	other.Partition = 3
	_, err = kwire.DecodeFetch(whole, other)
	require.ErrorContains(t, err, "without the partition")
	for n := range len(whole) {
		_, err := kwire.DecodeFetch(whole[:n], asked)
		require.Error(t, err, "cut after %d bytes", n)
	}
}

func FuzzDecodeFetch(f *testing.F) {
	f.Add(answer(0, nil, batchAt(f, 100, 3, kwire.Batch{ProducerID: -1})), false)
	f.Add(answer(0, nil, batchAt(f, 98, 9, kwire.Batch{ProducerID: -1, Compression: kafka.Snappy})), true)
	f.Add(answer(0, [][2]int64{{7, 100}}, batchAt(f, 100, 3, kwire.Batch{ProducerID: 7, Transactional: true})), true)
	f.Fuzz(func(t *testing.T, body []byte, seal bool) {
		const head = 63 // of the answer, without aborted transactions
		if seal && len(body) > head+61 {
			body = append([]byte(nil), body...)
			sealed(body[head:])
		}
		p, err := kwire.DecodeFetch(body, asked)
		if err != nil {
			return
		}
		require.GreaterOrEqual(t, p.Next, asked.Offset)
		for _, m := range p.Records {
			require.GreaterOrEqual(t, m.Offset, asked.Offset)
		}
	})
}
