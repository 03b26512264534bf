package kwire

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"
)

// Txn is a transactional producer of one transactional id. It is for one goroutine at a time but for Produce, whose calls may
// run side by side for different partitions.
//
// It speaks the first transaction protocol (InitProducerID 4, AddPartitionsToTxn 3, Produce 8, EndTxn 3), which brokers with
// transactions v2 still serve unchanged.
type Txn struct {
	Client      *kafka.Client
	ID          string
	Timeout     time.Duration // of a transaction, at most the broker's transaction.max.timeout.ms
	Patience    time.Duration
	Compression kafka.Compression

	session kafka.ProducerSession
	open    bool // the session is usable
	begun   bool // something was added to the transaction
	gate    chan struct{}
	next    map[topicPartition]int32
	added   map[topicPartition]bool
}

// ErrFenced says that another producer with the same transactional id has taken over.
var ErrFenced = errors.New("fenced by another instance")

// Open takes the transactional id over: it ends what an earlier holder left open and shuts that one out.
func (t *Txn) Open(ctx context.Context) error {
	t.open = false
	err := t.retry(ctx, func(ctx context.Context) error {
		// Minus one is "none": zero values would ask to go on as producer 0 in epoch 0.
		res, err := t.Client.InitProducerID(ctx, &kafka.InitProducerIDRequest{
			TransactionalID: t.ID, TransactionTimeoutMs: int(t.Timeout.Milliseconds()), ProducerID: -1, ProducerEpoch: -1,
		})
		if err != nil {
			return err //nolint:wrapcheck // wrapped below
		}
		t.session = *res.Producer
		return res.Error
	})
	if err != nil {
		return fmt.Errorf("init producer id: %w", err)
	}
	t.open, t.begun = true, false
	t.next, t.added = map[topicPartition]int32{}, map[topicPartition]bool{}
	t.gate = make(chan struct{}, 1)
	return nil
}

// retry also waits for the end of the transaction before, which is written after EndTxn has answered.
func (t *Txn) retry(ctx context.Context, f func(context.Context) error) error {
	err := Retry(ctx, t.Patience, f)
	for _, code := range []kafka.Error{errInvalidEpoch, errProducerFenced} {
		if errors.Is(err, code) {
			return fmt.Errorf("%w: %w", ErrFenced, err)
		}
	}
	return err
}

// Produce writes one batch inside the transaction. A *RefusedError means that nothing of the batch was written and that the
// transaction goes on; after any other error it must be aborted.
func (t *Txn) Produce(ctx context.Context, topic string, partition int, records []Record) (Ack, error) {
	ack := Ack{Offset: -1}
	if !t.open {
		return ack, errors.New("the transactional producer is not open")
	}
	k := topicPartition{topic, partition}
	if err := t.add(ctx, k); err != nil {
		return ack, err
	}
	t.gate <- struct{}{}
	sequence := t.next[k]
	<-t.gate
	batch, err := AppendBatch(nil, Batch{
		ProducerID: int64(t.session.ProducerID), ProducerEpoch: int16(t.session.ProducerEpoch), //nolint:gosec // an epoch is an int16 on the wire
		BaseSequence: sequence, Transactional: true, Compression: t.Compression,
	}, records)
	if err != nil {
		return ack, err
	}
	ack.BatchLength = len(batch) - 4
	var refused *RefusedError
	// The same bytes again after a lost acknowledgement: the broker keeps them once.
	err = t.retry(ctx, func(ctx context.Context) error {
		ack.Requests++
		res, err := t.Client.RawProduce(ctx, &kafka.RawProduceRequest{
			Topic: topic, Partition: partition, RequiredAcks: kafka.RequireAll, TransactionalID: t.ID, RawRecords: RawSet(batch),
		})
		if err != nil {
			return err //nolint:wrapcheck // wrapped below
		}
		if res.Error != nil {
			if refused = asRefused(&produceError{err: res.Error, records: res.RecordErrors}); refused != nil {
				return nil //nolint:nilerr // it is told below, and not worth a retry
			}
			if errors.Is(res.Error, errDuplicateSequence) {
				return nil
			}
			return res.Error
		}
		ack.Offset = res.BaseOffset
		return nil
	})
	switch {
	case err != nil:
		return ack, fmt.Errorf("produce: %w", err)
	case refused != nil:
		return ack, refused
	}
	t.gate <- struct{}{}
	t.next[k] = NextSequence(sequence, len(records))
	<-t.gate
	return ack, nil
}

// add makes a partition part of the transaction.
func (t *Txn) add(ctx context.Context, k topicPartition) error {
	t.gate <- struct{}{}
	defer func() { <-t.gate }()
	if t.added[k] {
		return nil
	}
	err := t.retry(ctx, func(ctx context.Context) error {
		res, err := t.Client.AddPartitionsToTxn(ctx, &kafka.AddPartitionsToTxnRequest{
			TransactionalID: t.ID, ProducerID: t.session.ProducerID, ProducerEpoch: t.session.ProducerEpoch,
			Topics: map[string][]kafka.AddPartitionToTxn{k.topic: {{Partition: k.partition}}},
		})
		if err != nil {
			return err //nolint:wrapcheck // wrapped below
		}
		for _, p := range res.Topics[k.topic] {
			if p.Error != nil {
				return p.Error
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("add partition to transaction: %w", err)
	}
	t.added[k], t.begun = true, true
	return nil
}

// CommitOffset puts a group's position into the transaction, under the generation.
func (t *Txn) CommitOffset(ctx context.Context, group string, generation int, member, topic string, partition int, offset int64) error {
	err := t.retry(ctx, func(ctx context.Context) error {
		res, err := t.Client.AddOffsetsToTxn(ctx, &kafka.AddOffsetsToTxnRequest{
			TransactionalID: t.ID, ProducerID: t.session.ProducerID, ProducerEpoch: t.session.ProducerEpoch, GroupID: group,
		})
		if err != nil {
			return err //nolint:wrapcheck // wrapped below
		}
		return res.Error
	})
	if err != nil {
		return fmt.Errorf("add offsets to transaction: %w", err)
	}
	t.begun = true
	err = t.retry(ctx, func(ctx context.Context) error {
		res, err := t.Client.TxnOffsetCommit(ctx, &kafka.TxnOffsetCommitRequest{
			TransactionalID: t.ID, GroupID: group, ProducerID: t.session.ProducerID, ProducerEpoch: t.session.ProducerEpoch,
			GenerationID: generation, MemberID: member, Topics: map[string][]kafka.TxnOffsetCommit{topic: {{Partition: partition, Offset: offset}}},
		})
		if err != nil {
			return err //nolint:wrapcheck // wrapped below
		}
		for _, p := range res.Topics[topic] {
			if p.Error != nil {
				return p.Error
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("commit offsets in transaction: %w", err)
	}
	return nil
}

// End commits or aborts. Asking again after a lost answer is harmless. After an error the outcome is not known; Open ends it
// one way or the other.
func (t *Txn) End(ctx context.Context, commit bool) error {
	if !t.begun { // the broker refuses to end what it has not seen begin
		return nil
	}
	err := t.retry(ctx, func(ctx context.Context) error {
		res, err := t.Client.EndTxn(ctx, &kafka.EndTxnRequest{
			TransactionalID: t.ID, ProducerID: t.session.ProducerID, ProducerEpoch: t.session.ProducerEpoch, Committed: commit,
		})
		if err != nil {
			return err //nolint:wrapcheck // wrapped below
		}
		return res.Error
	})
	t.begun = false
	clear(t.added)
	if err != nil {
		t.open = false
		return fmt.Errorf("end transaction: %w", err)
	}
	return nil
}
