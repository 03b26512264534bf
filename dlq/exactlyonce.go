package dlq

import (
	"context"
	"errors"
	"fmt"

	"github.com/segmentio/kafka-go"
	"golang.org/x/sync/errgroup"

	"github.com/go-reconnect/reconnect/internal/kwire"
)

// producer writes batches: the idempotent producer of the run, or the transaction of a worker.
type producer interface {
	Produce(ctx context.Context, topic string, partition int, records []kwire.Record) (kwire.Ack, error)
}

// txnKey carries a worker's transaction to whatever writes on its behalf, ParkTopic and LedgerTopic.
type txnKey struct{}

func (n *run) producerFor(ctx context.Context) producer {
	if t, ok := ctx.Value(txnKey{}).(*kwire.Txn); ok {
		return t
	}
	return n.producer
}

// takeOver opens the transactional ids of the partitions. That ends the transactions of whoever held them before, so the
// committed offsets and the ledger are read after it.
func (n *run) takeOver(ctx context.Context, workers []*worker) error {
	if !n.cfg.ExactlyOnce {
		return nil
	}
	var g errgroup.Group
	g.SetLimit(producers)
	for _, w := range workers {
		w.txn = &kwire.Txn{
			Client: n.client, ID: fmt.Sprintf("%s-%s-%d", n.cfg.Group, n.cfg.Topic, w.partition),
			Timeout: n.cfg.TransactionTimeout, Patience: n.cfg.RetryTimeout, Compression: n.cfg.Compression,
		}
		g.Go(func() error {
			if err := w.txn.Open(ctx); err != nil {
				return n.explain("open transactional id "+w.txn.ID, err)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err //nolint:wrapcheck // explained above
	}
	committed, err := n.offsets(ctx)
	if err != nil {
		return err
	}
	for _, w := range workers {
		if c, ok := committed[w.partition]; ok {
			w.committed = c
		}
	}
	return nil
}

// flushOnce makes the outcomes of a chunk and its position true together, or not at all.
func (w *worker) flushOnce(ctx context.Context, c *chunk) (map[int]string, error) {
	n := w.run
	ctx = context.WithValue(ctx, txnKey{}, w.txn)
	refused, err := w.inTransaction(ctx, c)
	if err == nil {
		err = w.txn.End(ctx, true)
	} else if abort := w.txn.End(ctx, false); abort != nil {
		err = errors.Join(err, abort)
	}
	switch {
	case err == nil:
		w.position = c.to
		n.committedChunk(w.partition, c)
		return refused, nil
	case errors.Is(err, kwire.ErrFenced), errors.Is(err, errGenerationLost):
		n.inDoubt(w.partition, c)
		return nil, fmt.Errorf("%w: %w", errGenerationLost, err)
	}
	n.inDoubt(w.partition, c)
	return nil, fmt.Errorf("dlq: transaction: %w", err)
}

func (w *worker) inTransaction(ctx context.Context, c *chunk) (map[int]string, error) {
	n := w.run
	if err := n.parkAll(ctx, c.parked); err != nil {
		return nil, err
	}
	refused, _, err := n.produceCounting(ctx, c.outs)
	if err != nil {
		return nil, err
	}
	if err := n.parkAll(ctx, c.settleOuts(n, refused)); err != nil {
		return nil, err
	}
	if n.ledger != nil && len(c.entries) > 0 {
		if err := n.ledger.Record(ctx, c.entries); err != nil {
			return nil, fmt.Errorf("ledger: %w", err)
		}
	}
	err = w.txn.CommitOffset(ctx, n.cfg.Group, int(w.gen.ID), w.gen.MemberID, n.cfg.Topic, w.partition, max(c.to, w.floor))
	if errors.Is(err, kafka.IllegalGeneration) || errors.Is(err, kafka.UnknownMemberId) || errors.Is(err, kafka.RebalanceInProgress) || errors.Is(err, kafka.FencedInstanceID) {
		return nil, fmt.Errorf("%w: %w", errGenerationLost, err)
	}
	return refused, err
}

// inDoubt keeps a chunk until the group's offset tells what became of its transaction.
func (n *run) inDoubt(partition int, c *chunk) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.unsure[partition] = c.chunkResult
}

// checkExactlyOnce refuses what cannot be part of a transaction.
func (c *RepublisherConfig) checkExactlyOnce() error {
	if !c.ExactlyOnce {
		return nil
	}
	var errs []error
	if _, ok := c.Park.(*topicParker); !ok && c.Park != nil {
		errs = append(errs, errors.New("dlq: ExactlyOnce: Park must be ParkTopic: nothing else can be part of the transaction"))
	}
	if _, ok := c.Ledger.(*topicLedger); !ok && c.Ledger != nil {
		errs = append(errs, errors.New("dlq: ExactlyOnce: Ledger must be LedgerTopic: nothing else can be part of the transaction"))
	}
	return errors.Join(errs...)
}
