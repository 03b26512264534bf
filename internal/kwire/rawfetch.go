package kwire

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/fetch"
)

// rawFetch is a fetch of one partition that writes itself and reads its answer as it came: kafka-go's decoder copies every
// byte three times and allocates per header. The transport still chooses the connection.
type rawFetch struct {
	FetchRequest
	clientID string
	version  int16
}

// rawAnswer is the answer to a rawFetch, behind its header.
type rawAnswer struct {
	version int16
	body    []byte
}

const (
	fetchCorrelation = 0x5ec0
	// maxAnswer bounds what a broken length can make this process allocate; max.message.bytes is an int32.
	maxAnswer = 1 << 30
)

// ApiKey implements protocol.Message.
func (*rawFetch) ApiKey() protocol.ApiKey { return protocol.Fetch } //nolint:revive,staticcheck // kafka-go's name

// ApiKey implements protocol.Message.
func (*rawAnswer) ApiKey() protocol.ApiKey { return protocol.Fetch } //nolint:revive,staticcheck // as above

// Broker sends the request to the leader of the partition.
func (f *rawFetch) Broker(cluster protocol.Cluster) (protocol.Broker, error) {
	route := fetch.Request{Topics: []fetch.RequestTopic{{Topic: f.Topic, Partitions: []fetch.RequestPartition{{Partition: int32(f.Partition)}}}}} //nolint:gosec // a partition is an int32 on the wire
	return route.Broker(cluster)                                                                                                                  //nolint:wrapcheck // wrapped by Fetch
}

// Prepare is told the version that both sides speak.
func (f *rawFetch) Prepare(version int16) { f.version = version }

// Required implements protocol.RawExchanger.
func (*rawFetch) Required(map[protocol.ApiKey]int16) bool { return true }

// RawExchange implements protocol.RawExchanger. Source: FetchRequest.json and FetchResponse.json, versions 4 to 11.
func (f *rawFetch) RawExchange(rw io.ReadWriter) (protocol.Message, error) {
	if f.version < 4 || f.version > 11 {
		return nil, fmt.Errorf("fetch: version %d of the request is not spoken here", f.version)
	}
	if _, err := rw.Write(f.encode()); err != nil {
		return nil, err //nolint:wrapcheck // wrapped by Fetch
	}
	var head [8]byte
	if _, err := io.ReadFull(rw, head[:]); err != nil {
		return nil, err //nolint:wrapcheck // as above
	}
	size, id := binary.BigEndian.Uint32(head[:]), binary.BigEndian.Uint32(head[4:])
	if id != fetchCorrelation || size < 4 || size > maxAnswer {
		return nil, fmt.Errorf("fetch: an answer of %d bytes to request %d, want one to request %d", size, id, fetchCorrelation)
	}
	a := &rawAnswer{version: f.version, body: make([]byte, size-4)}
	if _, err := io.ReadFull(rw, a.body); err != nil {
		return nil, err //nolint:wrapcheck // as above
	}
	return a, nil
}

func (f *rawFetch) encode() []byte {
	be := binary.BigEndian
	b := make([]byte, 4, 128+len(f.clientID)+len(f.Topic))
	text := func(s string) {
		b = append(be.AppendUint16(b, uint16(len(s))), s...) //nolint:gosec // topics have at most 249 bytes, a client id is a name
	}
	number := func(n int) { b = be.AppendUint32(b, uint32(n)) } //nolint:gosec // bounded by the callers
	b = be.AppendUint16(b, uint16(protocol.Fetch))
	b = be.AppendUint16(b, uint16(f.version)) //nolint:gosec // 4 to 11
	number(fetchCorrelation)
	text(f.clientID)
	number(-1) // no replica
	number(int(f.MaxWait.Milliseconds()))
	number(1) // byte at least
	number(f.MaxBytes)
	b = append(b, 1) // read committed
	if f.version >= 7 {
		number(0)  // no session
		number(-1) // and none to begin
	}
	number(1)
	text(f.Topic)
	number(1)
	number(f.Partition)
	if f.version >= 9 {
		number(-1) // leader epoch
	}
	b = be.AppendUint64(b, uint64(f.Offset)) //nolint:gosec // two's complement is the wire form
	if f.version >= 5 {
		b = be.AppendUint64(b, 1<<64-1) // log start: only replicas tell
	}
	number(f.MaxBytes)
	if f.version >= 7 {
		number(0) // forgotten topics
	}
	if f.version >= 11 {
		text("") // rack
	}
	be.PutUint32(b, uint32(len(b)-4)) //nolint:gosec // some hundred bytes
	return b
}

// fetchRaw is Fetch for everything since Kafka 0.11.
func fetchRaw(ctx context.Context, c *kafka.Client, q FetchRequest) (Page, error) {
	page := Page{Next: q.Offset, Batch: -1}
	f := &rawFetch{FetchRequest: q}
	if t, ok := c.Transport.(*kafka.Transport); ok {
		f.clientID = t.ClientID
	}
	m, err := c.Transport.RoundTrip(ctx, c.Addr, f)
	if err != nil {
		return page, fmt.Errorf("fetch: %w", err)
	}
	a, ok := m.(*rawAnswer)
	if !ok {
		return page, fmt.Errorf("fetch: answered by a %T", m)
	}
	if err := page.decode(a, q); err != nil {
		return Page{Next: q.Offset, Batch: -1}, fmt.Errorf("fetch: %w", err)
	}
	return page, nil
}

var errShort = errors.New("the answer is cut off")

// decode reads an answer about one partition.
func (p *Page) decode(a *rawAnswer, q FetchRequest) error {
	r := reader{b: a.body}
	p.Throttled = r.int32() > 0
	if a.version >= 7 {
		if code := r.int16(); code != 0 && r.ok() {
			return kafka.Error(code)
		}
		r.int32() // session
	}
	if r.int32() != 1 || string(r.take(int(r.int16()))) != q.Topic || r.int32() != 1 || int(r.int32()) != q.Partition {
		if !r.ok() {
			return errShort
		}
		return errors.New("the broker answered without the partition")
	}
	code := r.int16()
	r.int64() // high watermark
	p.Stable = r.int64()
	if a.version >= 5 {
		p.Start = r.int64()
	}
	aborted := map[int64][]int64{} // first offsets by producer, ascending
	for range max(r.int32(), 0) {
		id, first := r.int64(), r.int64()
		if !r.ok() {
			break
		}
		aborted[id] = append(aborted[id], first)
	}
	if a.version >= 11 {
		r.int32() // preferred replica
	}
	size := r.int32()
	if size == -1 { // null, which says the same as none
		size = 0
	}
	records := r.take(int(size))
	switch {
	case !r.ok():
		return errShort
	case code != 0:
		return kafka.Error(code)
	}
	return p.batches(records, q, aborted)
}
