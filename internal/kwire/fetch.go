package kwire

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/fetch"
)

// FetchRequest is where and how much to read.
type FetchRequest struct {
	Topic     string
	Partition int
	Offset    int64
	MaxBytes  int
	MaxWait   time.Duration
}

// Page is what one fetch brought.
type Page struct {
	Records  []kafka.Message
	Bytes    int
	Next     int64 // the position after everything seen, also after markers and aborted records
	Stable   int64 // last stable offset: nothing from here on can be read yet
	Start    int64 // log start
	Batch    int64 // base offset of the first batch, -1 without any
	Skipped  int   // records of aborted transactions
	HasBatch bool

	Throttled bool // the broker held records back because of a quota
}

// Fetch reads committed records of one partition: no record of an aborted transaction, no marker, and Next is right
// behind both, and behind what compaction took from the end of a batch. It asks below kafka.Client.Fetch, which hides the
// aborted transactions, the producer ids and where a batch ends. A checksum that does not match is an error.
//
// Keys, values and headers are views of what was read, which is not used again.
func Fetch(ctx context.Context, c *kafka.Client, q FetchRequest) (Page, error) {
	page, err := fetchRaw(ctx, c, q)
	if errors.Is(err, errOldFormat) {
		return fetchDecoded(ctx, c, q)
	}
	return page, err
}

// fetchDecoded lets kafka-go decode, which knows the formats from before Kafka 0.11.
func fetchDecoded(ctx context.Context, c *kafka.Client, q FetchRequest) (Page, error) {
	page := Page{Next: q.Offset, Batch: -1}
	m, err := c.Transport.RoundTrip(ctx, c.Addr, &fetch.Request{
		ReplicaID: -1, MaxWaitTime: int32(q.MaxWait.Milliseconds()), MinBytes: 1, MaxBytes: int32(q.MaxBytes), //nolint:gosec // bounded by the callers
		IsolationLevel: 1, SessionID: -1, SessionEpoch: -1,
		Topics: []fetch.RequestTopic{{Topic: q.Topic, Partitions: []fetch.RequestPartition{{
			Partition: int32(q.Partition), FetchOffset: q.Offset, PartitionMaxBytes: int32(q.MaxBytes), CurrentLeaderEpoch: -1, LogStartOffset: -1, //nolint:gosec // as above
		}}}},
	})
	if err != nil {
		return page, fmt.Errorf("fetch: %w", err)
	}
	res, ok := m.(*fetch.Response)
	if !ok || len(res.Topics) == 0 || len(res.Topics[0].Partitions) == 0 {
		if ok && res.ErrorCode != 0 {
			return page, fmt.Errorf("fetch: %w", kafka.Error(res.ErrorCode))
		}
		return page, errors.New("fetch: the broker answered without the partition")
	}
	p := &res.Topics[0].Partitions[0]
	if p.ErrorCode != 0 {
		return page, fmt.Errorf("fetch: %w", kafka.Error(p.ErrorCode))
	}
	page.Throttled = res.ThrottleTimeMs > 0
	page.Stable, page.Start = p.LastStableOffset, p.LogStartOffset
	if p.RecordSet.Records == nil {
		return page, nil
	}
	stream, ok := p.RecordSet.Records.(*protocol.RecordStream)
	if !ok {
		return page, fmt.Errorf("fetch: record set is a %T", p.RecordSet.Records)
	}
	aborted := make(map[int64][]int64, len(p.AbortedTransactions)) // first offsets by producer, ascending
	for _, a := range p.AbortedTransactions {
		aborted[a.ProducerID] = append(aborted[a.ProducerID], a.FirstOffset)
	}
	open := map[int64]bool{} // producers inside an aborted transaction
	for _, r := range stream.Records {
		if err := page.add(r, q, aborted, open); err != nil {
			return page, err
		}
	}
	return page, nil
}

func (p *Page) add(r protocol.RecordReader, q FetchRequest, aborted map[int64][]int64, open map[int64]bool) error {
	drop := false
	switch b := r.(type) {
	case *protocol.ControlBatch: // a marker ends its producer's transaction
		enter(aborted, open, b.ProducerID, b.BaseOffset)
		open[b.ProducerID] = false
		p.seen(b.BaseOffset)
		return nil
	case *protocol.RecordBatch:
		enter(aborted, open, b.ProducerID, b.BaseOffset)
		drop = b.Attributes.Transactional() && open[b.ProducerID]
		p.seen(b.BaseOffset)
	case *protocol.MessageSet:
		p.seen(b.BaseOffset)
	default:
		return fmt.Errorf("fetch: batch is a %T", r)
	}
	for {
		rec, err := r.ReadRecord()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("fetch: %w", err)
		}
		p.Next = max(p.Next, rec.Offset+1)
		key, value := rec.Key, rec.Value
		if drop || rec.Offset < q.Offset {
			if drop {
				p.Skipped++
			}
			closeBytes(key)
			closeBytes(value)
			continue
		}
		msg := kafka.Message{
			Topic: q.Topic, Partition: q.Partition, Offset: rec.Offset, HighWaterMark: p.Stable,
			Headers: rec.Headers, Time: rec.Time,
		}
		if msg.Key, err = readAll(key); err != nil {
			return err
		}
		if msg.Value, err = readAll(value); err != nil {
			return err
		}
		p.Bytes += len(msg.Key) + len(msg.Value)
		for i := range msg.Headers {
			p.Bytes += len(msg.Headers[i].Key) + len(msg.Headers[i].Value)
		}
		p.Records = append(p.Records, msg)
	}
}

// seen moves the position behind a batch's first offset, so that a batch that compaction emptied is passed too.
func (p *Page) seen(base int64) {
	if !p.HasBatch {
		p.HasBatch, p.Batch = true, base
	}
	p.Next = max(p.Next, base+1)
}

func readAll(b protocol.Bytes) ([]byte, error) {
	if b == nil {
		return nil, nil
	}
	out, err := protocol.ReadAll(b)
	_ = b.Close()
	if err != nil {
		return nil, fmt.Errorf("fetch: %w", err)
	}
	return out, nil
}

func closeBytes(b protocol.Bytes) {
	if b != nil {
		_ = b.Close()
	}
}

// SkipGap returns the position behind a batch whose tail compaction removed: a fetch from inside such a gap brings the
// same batch again, without any record beyond offset. It is called when a fetch at offset brought batch and nothing
// new; kafka-go does not tell where a batch ends, so it is searched for.
func SkipGap(ctx context.Context, c *kafka.Client, q FetchRequest, batch, end int64) (int64, error) {
	inside := func(offset int64) (bool, error) {
		at := q
		at.Offset, at.MaxBytes = offset, 1 // a broker sends at least one batch
		page, err := Fetch(ctx, c, at)
		return page.HasBatch && page.Batch == batch, err
	}
	low, step := q.Offset, int64(1) // low is inside
	for low+step < end {
		in, err := inside(low + step)
		if err != nil {
			return q.Offset, err
		}
		if !in {
			break
		}
		low += step
		step *= 2
	}
	high := min(low+step, end) // outside, or the end
	for low+1 < high {
		mid := low + (high-low)/2
		in, err := inside(mid)
		if err != nil {
			return q.Offset, err
		}
		if in {
			low = mid
		} else {
			high = mid
		}
	}
	return high, nil
}
