package kwire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"time"
	"unsafe"

	"github.com/segmentio/kafka-go"
)

// reader takes values off a byte slice. After its end every value is zero and ok is false.
type reader struct {
	b      []byte
	failed bool
}

func (r *reader) ok() bool { return !r.failed }

func (r *reader) take(n int) []byte {
	if n < 0 || n > len(r.b) {
		r.failed, r.b = true, nil
		return nil
	}
	out := r.b[:n:n]
	r.b = r.b[n:]
	return out
}

func (r *reader) int16() int16 {
	if b := r.take(2); b != nil {
		return int16(binary.BigEndian.Uint16(b)) //nolint:gosec // two's complement is the wire form
	}
	return 0
}

func (r *reader) int32() int32 {
	if b := r.take(4); b != nil {
		return int32(binary.BigEndian.Uint32(b)) //nolint:gosec // as above
	}
	return 0
}

func (r *reader) int64() int64 {
	if b := r.take(8); b != nil {
		return int64(binary.BigEndian.Uint64(b)) //nolint:gosec // as above
	}
	return 0
}

func (r *reader) varint() int64 {
	if len(r.b) > 0 && r.b[0] < 0x80 { // nearly all are one byte
		v := int64(r.b[0]>>1) ^ -int64(r.b[0]&1)
		r.b = r.b[1:]
		return v
	}
	v, n := binary.Varint(r.b)
	if n <= 0 {
		r.failed, r.b = true, nil
		return 0
	}
	r.b = r.b[n:]
	return v
}

// bytes reads a length and as many bytes; nil is null.
func (r *reader) bytes() []byte {
	n := r.varint()
	switch {
	case n == -1:
		return nil
	case n < -1 || n > int64(len(r.b)):
		r.failed, r.b = true, nil
		return nil
	}
	return r.take(int(n))
}

var (
	errOldFormat = errors.New("a record format from before Kafka 0.11")
	errRecord    = errors.New("a record that cannot be decoded")
)

// batchHead is the length of what stands before the records of a batch: base offset, length, and BatchOverhead without both.
const batchHead = BatchOverhead

// batches reads record batches, the last of which may be cut off. Source: clients/.../record/DefaultRecordBatch.java.
func (p *Page) batches(b []byte, q FetchRequest, aborted map[int64][]int64) error {
	be := binary.BigEndian
	open := map[int64]bool{} // producers inside an aborted transaction
	for len(b) >= 17 {
		length := int64(int32(be.Uint32(b[8:]))) + 12 //nolint:gosec // two's complement is the wire form
		if b[16] < 2 {
			return errOldFormat
		}
		if length < batchHead {
			return fmt.Errorf("a batch of %d bytes", length)
		}
		if length > int64(len(b)) {
			return nil
		}
		// What was compressed may be many times as large: the rest is asked for again, so that a page stays a page.
		if len(p.Records) > 0 && p.Bytes >= q.MaxBytes {
			return nil
		}
		batch := b[:length]
		b = b[length:]
		base := int64(be.Uint64(batch)) //nolint:gosec // as above
		if batch[16] != 2 {
			return fmt.Errorf("batch at offset %d: record format %d is unknown", base, batch[16])
		}
		if sum := crc32.Checksum(batch[21:], castagnoli); sum != be.Uint32(batch[17:]) {
			return fmt.Errorf("batch at offset %d: the checksum does not match", base)
		}
		attributes := be.Uint16(batch[21:])
		last := base + int64(int32(be.Uint32(batch[23:])))                                                     //nolint:gosec // as above
		id, control, transactional := int64(be.Uint64(batch[43:])), attributes&0x20 != 0, attributes&0x10 != 0 //nolint:gosec // as above
		p.seen(base)
		p.Next = max(p.Next, last+1) // compaction keeps where a batch ended
		enter(aborted, open, id, base)
		if control { // a marker ends its producer's transaction
			open[id] = false
			continue
		}
		count := int64(int32(be.Uint32(batch[57:]))) //nolint:gosec // as above
		if transactional && open[id] {
			p.Skipped += int(max(count, 0))
			continue
		}
		if last < q.Offset {
			continue
		}
		if err := p.records(batch, q, count); err != nil {
			return fmt.Errorf("batch at offset %d: %w", base, err)
		}
	}
	return nil
}

// enter opens the aborted transactions of a producer that begin up to offset. It is asked about markers as well: the records
// before one may have been on an earlier page, and what the producer wrote after it has another end.
func enter(aborted map[int64][]int64, open map[int64]bool, producer, offset int64) {
	for first := aborted[producer]; len(first) > 0 && first[0] <= offset; first = aborted[producer] {
		open[producer], aborted[producer] = true, first[1:]
	}
}

// records reads the records of one batch from the asked offset on.
func (p *Page) records(batch []byte, q FetchRequest, count int64) error {
	be := binary.BigEndian
	attributes := be.Uint16(batch[21:])
	base, first, logTime := int64(be.Uint64(batch)), int64(be.Uint64(batch[27:])), int64(be.Uint64(batch[35:])) //nolint:gosec // two's complement is the wire form
	data := batch[batchHead:]
	if compression := kafka.Compression(attributes & 7); compression != 0 {
		var err error
		if data, err = unpack(compression, data); err != nil {
			return err
		}
	}
	r := reader{b: data}
	if count < 0 || count > int64(len(data)) { // a record has at least seven bytes
		return errRecord
	}
	if p.Records == nil {
		p.Records = make([]kafka.Message, 0, count)
	}
	var headers []kafka.Header // of many records in one piece
	for range count {
		rec := reader{b: r.take(int(r.varint()))}
		rec.take(1) // attributes: unused
		at, offset := first+rec.varint(), base+rec.varint()
		if attributes&8 != 0 {
			at = logTime
		}
		m := kafka.Message{Topic: q.Topic, Partition: q.Partition, Offset: offset, HighWaterMark: p.Stable}
		m.Key, m.Value = rec.bytes(), rec.bytes()
		n := rec.varint()
		if !r.ok() || !rec.ok() || n < 0 || n > int64(len(rec.b)) {
			return errRecord
		}
		if offset < q.Offset {
			continue
		}
		p.Bytes += len(m.Key) + len(m.Value)
		if n > 0 {
			if int64(cap(headers)-len(headers)) < n {
				headers = make([]kafka.Header, 0, max(n, min(1024, n*count)))
			}
			from := len(headers)
			for range n {
				key := rec.bytes()
				//nolint:gosec // nothing writes into what was read
				h := kafka.Header{Key: unsafe.String(unsafe.SliceData(key), len(key)), Value: rec.bytes()}
				p.Bytes += len(h.Key) + len(h.Value)
				headers = append(headers, h)
			}
			m.Headers = headers[from:len(headers):len(headers)]
		}
		if !rec.ok() {
			return errRecord
		}
		m.Time = time.UnixMilli(at)
		p.Records = append(p.Records, m)
	}
	return nil
}

func unpack(compression kafka.Compression, data []byte) ([]byte, error) {
	codec := compression.Codec()
	if codec == nil {
		return nil, fmt.Errorf("compression codec %d is unknown", compression)
	}
	z := codec.NewReader(bytes.NewReader(data))
	out := bytes.NewBuffer(make([]byte, 0, 4*len(data)))
	_, err := io.Copy(out, z)
	if err = errors.Join(err, z.Close()); err != nil {
		return nil, fmt.Errorf("decompress: %w", err)
	}
	return out.Bytes(), nil
}
