package kwire

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math/bits"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
)

// Record is one record to be written. Null and empty keys, values and header values stay apart.
type Record struct {
	Timestamp  int64 // milliseconds since the epoch; -1 is none
	Key, Value []byte
	Headers    []kafka.Header
}

// BatchOverhead is what a batch adds to its records, as the broker counts it against max.message.bytes.
const BatchOverhead = 61

// Batch says how a record batch is stamped.
type Batch struct {
	ProducerID    int64 // -1: not idempotent
	ProducerEpoch int16
	BaseSequence  int32
	Transactional bool
	Compression   kafka.Compression // 0: none
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func varintSize(v int64) int {
	return (bits.Len64(uint64(v<<1)^uint64(v>>63)|1) + 6) / 7 //nolint:gosec // zig-zag
}

func bytesSize(b []byte) int {
	if b == nil {
		return 1
	}
	return varintSize(int64(len(b))) + len(b)
}

func (r *Record) bodySize(timeDelta, offsetDelta int64) int {
	n := 1 + varintSize(timeDelta) + varintSize(offsetDelta) + bytesSize(r.Key) + bytesSize(r.Value) + varintSize(int64(len(r.Headers)))
	for i := range r.Headers {
		n += varintSize(int64(len(r.Headers[i].Key))) + len(r.Headers[i].Key) + bytesSize(r.Headers[i].Value)
	}
	return n
}

// MaxSize is an upper bound of what the record takes in a batch, uncompressed.
func (r *Record) MaxSize() int {
	n := r.bodySize(1<<42, 1<<31)
	return n + varintSize(int64(n))
}

func appendBytes(b, v []byte) []byte {
	if v == nil {
		return binary.AppendVarint(b, -1)
	}
	return append(binary.AppendVarint(b, int64(len(v))), v...)
}

// AppendBatch appends one v2 record batch, preceded by the four bytes of its size, to dst. Records must not be empty.
// It is the form that RawSet takes. Source: clients/.../record/DefaultRecordBatch.java.
func AppendBatch(dst []byte, o Batch, records []Record) ([]byte, error) {
	start := len(dst)
	dst = append(dst, make([]byte, 4+BatchOverhead)...)
	first, last := records[0].Timestamp, records[0].Timestamp
	for i := range records {
		r := &records[i]
		last = max(last, r.Timestamp)
		timeDelta := r.Timestamp - first
		dst = binary.AppendVarint(dst, int64(r.bodySize(timeDelta, int64(i))))
		dst = append(dst, 0)
		dst = binary.AppendVarint(dst, timeDelta)
		dst = binary.AppendVarint(dst, int64(i))
		dst = appendBytes(dst, r.Key)
		dst = appendBytes(dst, r.Value)
		dst = binary.AppendVarint(dst, int64(len(r.Headers)))
		for j := range r.Headers {
			h := &r.Headers[j]
			dst = append(binary.AppendVarint(dst, int64(len(h.Key))), h.Key...)
			dst = appendBytes(dst, h.Value)
		}
	}
	attributes := uint16(o.Compression) & 7 //nolint:gosec // three bits
	if o.Compression != 0 {
		codec := o.Compression.Codec()
		if codec == nil {
			return dst[:start], fmt.Errorf("unknown compression codec %d", o.Compression)
		}
		var packed bytes.Buffer
		w := codec.NewWriter(&packed)
		if _, err := w.Write(dst[start+4+BatchOverhead:]); err != nil {
			return dst[:start], fmt.Errorf("compress: %w", err)
		}
		if err := w.Close(); err != nil {
			return dst[:start], fmt.Errorf("compress: %w", err)
		}
		dst = append(dst[:start+4+BatchOverhead], packed.Bytes()...)
	}
	if o.Transactional {
		attributes |= 1 << 4
	}
	set, be := dst[start:], binary.BigEndian
	be.PutUint32(set, uint32(len(set)-4)) //nolint:gosec // batches are bounded far below 2 GiB
	h := set[4:]
	be.PutUint64(h[0:], 0)
	be.PutUint32(h[8:], uint32(len(h)-12)) //nolint:gosec // as above
	be.PutUint32(h[12:], 0xffffffff)       // partition leader epoch: unknown
	h[16] = 2                              // magic
	be.PutUint16(h[21:], attributes)
	be.PutUint32(h[23:], uint32(len(records)-1))  //nolint:gosec // as above
	be.PutUint64(h[27:], uint64(first))           //nolint:gosec // two's complement is the wire form
	be.PutUint64(h[35:], uint64(last))            //nolint:gosec // as above
	be.PutUint64(h[43:], uint64(o.ProducerID))    //nolint:gosec // as above
	be.PutUint16(h[51:], uint16(o.ProducerEpoch)) //nolint:gosec // as above
	be.PutUint32(h[53:], uint32(o.BaseSequence))  //nolint:gosec // as above
	be.PutUint32(h[57:], uint32(len(records)))    //nolint:gosec // as above
	be.PutUint32(h[17:], crc32.Checksum(h[21:], castagnoli))
	return dst, nil
}

// RawSet wraps what AppendBatch made for kafka.Client.RawProduce. The reader is used up by one request.
func RawSet(batch []byte) protocol.RawRecordSet {
	return protocol.RawRecordSet{Reader: bytes.NewReader(batch)}
}

// NextSequence is the sequence after n records: it wraps at 2^31 to 0.
func NextSequence(sequence int32, n int) int32 {
	return int32((int64(sequence) + int64(n)) & 0x7fffffff)
}
