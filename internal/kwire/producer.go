package kwire

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
)

// Producer writes batches idempotently: a batch whose acknowledgement was lost is sent again with the same sequence,
// so the broker keeps it once. It is safe for concurrent use; batches of one partition go one after the other.
type Producer struct {
	Client      *kafka.Client
	Patience    time.Duration     // how long one batch is tried
	Compression kafka.Compression // 0: none

	mu         sync.Mutex
	partitions map[topicPartition]*sequence
}

type topicPartition struct {
	topic     string
	partition int
}

// sequence is the producer state of one partition.
type sequence struct {
	mu      sync.Mutex
	session kafka.ProducerSession
	open    bool
	next    int32
	buffer  []byte
}

// missingPatience is how long a topic may look unknown: longer than the metadata is cached.
const missingPatience = 3 * MetadataTTL

// Ack is what is known of a batch.
type Ack struct {
	Offset      int64 // of the first record, -1 when the broker only said that it has the batch already
	Requests    int
	MaybeTwice  bool // the batch may be on the log twice: the broker had lost the producer's state
	BatchLength int  // bytes as sent
}

// kafka-go has no constants for these in a form that reads well.
const (
	errOutOfOrderSequence = kafka.Error(45)
	errDuplicateSequence  = kafka.Error(46)
	errInvalidEpoch       = kafka.Error(47)
	errUnknownProducer    = kafka.Error(59)
	errProducerFenced     = kafka.Error(90)
)

// Produce writes records as one batch and waits for all replicas. A *RefusedError means that nothing of the batch was
// written. After any other error the batch may or may not be on the log; the next batch of the partition gets a new
// producer id, so that it cannot be mistaken for this one.
func (p *Producer) Produce(ctx context.Context, topic string, partition int, records []Record) (Ack, error) {
	s := p.sequence(topic, partition)
	s.mu.Lock()
	defer s.mu.Unlock()
	var (
		ack      = Ack{Offset: -1}
		unsure   bool // an earlier request of this batch may have been written
		deadline = time.Now().Add(p.Patience)
		missing  = time.Now().Add(min(p.Patience, missingPatience))
	)
	for n := 0; ; n++ {
		err := p.attempt(ctx, s, &ack, topic, partition, records)
		switch {
		case err == nil:
			return ack, nil
		case errors.Is(err, errDuplicateSequence):
			// Older than the five batches whose offsets the broker remembers, but written.
			s.next = NextSequence(s.next, len(records))
			return ack, nil
		case isSequenceError(err):
			// The broker does not know this producer (any more). Written before or not, it cannot tell.
			ack.MaybeTwice = ack.MaybeTwice || unsure
			s.open = false
		case !notSent(err) && !Definite(err):
			unsure = true
		}
		if refused := asRefused(err); refused != nil {
			if unsure {
				s.open = false
			}
			return ack, refused
		}
		if !isSequenceError(err) && !Retriable(err) {
			s.open = s.open && !unsure
			return ack, err
		}
		if UnknownTopic(err) && time.Now().After(missing) {
			s.open = s.open && !unsure
			return ack, err
		}
		if ctx.Err() != nil || time.Now().After(deadline) || !Sleep(ctx, Backoff(n)) {
			s.open = s.open && !unsure
			if ctx.Err() != nil {
				return ack, fmt.Errorf("%w: %w", context.Cause(ctx), err)
			}
			return ack, fmt.Errorf("gave up after %s: %w", p.Patience, err)
		}
	}
}

func (p *Producer) attempt(ctx context.Context, s *sequence, ack *Ack, topic string, partition int, records []Record) error {
	if !s.open {
		session, err := p.session(ctx)
		if err != nil {
			return err
		}
		s.session, s.open, s.next = session, true, 0
	}
	var err error
	s.buffer, err = AppendBatch(s.buffer[:0], Batch{
		ProducerID: int64(s.session.ProducerID), ProducerEpoch: int16(s.session.ProducerEpoch), //nolint:gosec // an epoch is an int16 on the wire
		BaseSequence: s.next, Compression: p.Compression,
	}, records)
	if err != nil {
		return err
	}
	ack.Requests++
	ack.BatchLength = len(s.buffer) - 4
	res, err := p.Client.RawProduce(ctx, &kafka.RawProduceRequest{
		Topic: topic, Partition: partition, RequiredAcks: kafka.RequireAll, RawRecords: RawSet(s.buffer),
	})
	if err != nil {
		return fmt.Errorf("produce: %w", err)
	}
	if res.Error != nil {
		return &produceError{err: res.Error, records: res.RecordErrors}
	}
	ack.Offset = res.BaseOffset
	s.next = NextSequence(s.next, len(records))
	if cap(s.buffer) > 4<<20 {
		s.buffer = nil
	}
	return nil
}

func (p *Producer) sequence(topic string, partition int) *sequence {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.partitions == nil {
		p.partitions = map[topicPartition]*sequence{}
	}
	k := topicPartition{topic, partition}
	s := p.partitions[k]
	if s == nil {
		s = &sequence{}
		p.partitions[k] = s
	}
	return s
}

// session asks for a producer id. Every partition has its own, and a new one whenever its sequence is in doubt: a
// sequence that began again under the old id would be taken for a duplicate.
func (p *Producer) session(ctx context.Context) (kafka.ProducerSession, error) {
	// Minus one is "none": zero values would ask to go on as producer 0 in epoch 0.
	res, err := p.Client.InitProducerID(ctx, &kafka.InitProducerIDRequest{ProducerID: -1, ProducerEpoch: -1, TransactionTimeoutMs: 60_000})
	if err != nil {
		return kafka.ProducerSession{}, &notSentError{err}
	}
	if res.Error != nil {
		return kafka.ProducerSession{}, &notSentError{fmt.Errorf("init producer id: %w", res.Error)}
	}
	return *res.Producer, nil
}

func isSequenceError(err error) bool {
	return errors.Is(err, errOutOfOrderSequence) || errors.Is(err, errUnknownProducer) || errors.Is(err, errInvalidEpoch) || errors.Is(err, errProducerFenced)
}

// RefusedError says that the broker refused a batch for what is in it; nothing of it was written. Index names the record
// where the broker did, else it is -1.
type RefusedError struct {
	Err   error
	Index int
}

func (e *RefusedError) Error() string { return e.Err.Error() }

// Unwrap returns the broker's error.
func (e *RefusedError) Unwrap() error { return e.Err }

type produceError struct {
	err     error
	records map[int]error
}

func (e *produceError) Error() string { return "produce: " + e.err.Error() }
func (e *produceError) Unwrap() error { return e.err }

// notSentError marks a request that came before the produce itself.
type notSentError struct{ err error }

func (e *notSentError) Error() string { return e.err.Error() }
func (e *notSentError) Unwrap() error { return e.err }

func notSent(err error) bool {
	var e *notSentError
	return errors.As(err, &e)
}

func asRefused(err error) *RefusedError {
	for _, code := range []kafka.Error{kafka.MessageSizeTooLarge, kafka.RecordListTooLarge, kafka.InvalidTimestamp, kafka.InvalidRecord, kafka.UnsupportedForMessageFormat} {
		if !errors.Is(err, code) {
			continue
		}
		refused := &RefusedError{Err: code, Index: -1}
		var p *produceError
		if errors.As(err, &p) && len(p.records) == 1 {
			for i := range p.records {
				refused.Index = i
			}
		}
		return refused
	}
	return nil
}
