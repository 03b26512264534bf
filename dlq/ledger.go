package dlq

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/go-reconnect/reconnect/internal/kwire"
)

// Entry is the outcome of one record of a dead letter queue: a line of the ledger and of the audit.
type Entry struct {
	Topic     string    `json:"topic"`
	Partition int       `json:"partition"`
	Offset    int64     `json:"offset"`
	Outcome   Outcome   `json:"outcome"`
	Reason    string    `json:"reason,omitempty"`
	RunID     string    `json:"runId"`
	Group     string    `json:"group,omitempty"`
	By        string    `json:"by,omitempty"`
	At        time.Time `json:"at"`

	// Where the record came from; OriginTopic is empty without an error context.
	OriginTopic     string `json:"originTopic,omitempty"`
	OriginPartition int    `json:"originPartition"`
	OriginOffset    int64  `json:"originOffset"`
	Connector       string `json:"connector,omitempty"`
	Attempt         int    `json:"attempt"`

	// Where it went, for republished records.
	Target          string `json:"target,omitempty"`
	TargetPartition int    `json:"targetPartition"`
}

// Ledger remembers the outcomes of records over runs, whatever group or filter they had. What it holds is not looked at
// again; what it does not hold (`left`, `pending`) is offered to the next run.
type Ledger interface {
	// Load calls fn with every entry about a dead letter queue. It is called at the start of a run and after each
	// rebalance.
	Load(ctx context.Context, topic string, fn func(Entry) error) error
	// Record stores entries durably before it returns. It may be called again with the same ones, and concurrently.
	Record(ctx context.Context, entries []Entry) error
}

// LedgerTopic keeps the ledger in a compacted topic of the same cluster, so that several instances share it. It is created
// when it does not exist.
func LedgerTopic(topic string) Ledger { return &topicLedger{topic: topic} }

type topicLedger struct {
	topic string
	run   *run
}

func (l *topicLedger) Load(ctx context.Context, topic string, fn func(Entry) error) error {
	if l.run == nil {
		return errors.New("dlq: LedgerTopic works as RepublisherConfig.Ledger only")
	}
	n := l.run
	count, err := n.lookUp(ctx, l.topic)
	if err != nil || count == 0 {
		return err
	}
	begins, _, err := n.listOffsetsOf(ctx, l.topic, count, kafka.FirstOffset, kafka.ReadUncommitted)
	if err != nil {
		return err
	}
	ends, err := l.ends(ctx, count)
	if err != nil {
		return err
	}
	for p := range count {
		err := n.scan(ctx, l.topic, p, begins[p], ends[p], func(m *kafka.Message) error {
			var e Entry
			if m.Value == nil || json.Unmarshal(m.Value, &e) != nil || e.Topic != topic {
				return nil //nolint:nilerr // not ours
			}
			return fn(e)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// ends returns where the ledger ends now, once no transaction is open before it: behind an open one, of an instance that
// died for example, nothing can be read, also not what others have committed.
func (l *topicLedger) ends(ctx context.Context, count int) (map[int]int64, error) {
	n := l.run
	_, ends, err := n.listOffsetsOf(ctx, l.topic, count, kafka.LastOffset, kafka.ReadUncommitted)
	if err != nil {
		return nil, err
	}
	deadline := time.Now().Add(max(n.cfg.RetryTimeout, n.cfg.TransactionTimeout))
	for try := 0; ; try++ {
		_, stable, err := n.listOffsetsOf(ctx, l.topic, count, kafka.LastOffset, kafka.ReadCommitted)
		if err != nil {
			return nil, err
		}
		open := -1
		for p := range count {
			if stable[p] < ends[p] {
				open = p
			}
		}
		switch {
		case open < 0:
			return ends, nil
		case time.Now().After(deadline):
			return nil, fmt.Errorf("partition %d of topic %s has had an open transaction since offset %d for %s: end it, or wait for its timeout",
				open, l.topic, stable[open], max(n.cfg.RetryTimeout, n.cfg.TransactionTimeout))
		}
		if !kwire.Sleep(ctx, kwire.Backoff(try)) {
			return nil, context.Cause(ctx)
		}
	}
}

func (l *topicLedger) Record(ctx context.Context, entries []Entry) error {
	if l.run == nil {
		return errors.New("dlq: LedgerTopic works as RepublisherConfig.Ledger only")
	}
	out := make([]outRecord, len(entries))
	for i := range entries {
		e := &entries[i]
		key := fmt.Appendf(nil, "%s/%d/%d", e.Topic, e.Partition, e.Offset)
		value, err := json.Marshal(e)
		if err != nil {
			return fmt.Errorf("dlq: ledger: %w", err)
		}
		partition, err := l.run.partitionFor(ctx, l.topic, e.Partition, key)
		if err != nil {
			return fmt.Errorf("dlq: ledger %s: %w", l.topic, err)
		}
		out[i] = outRecord{topic: l.topic, partition: partition, record: kwire.Record{Timestamp: e.At.UnixMilli(), Key: key, Value: value}}
	}
	refused, err := l.run.produce(ctx, out)
	if err != nil {
		return fmt.Errorf("dlq: ledger: %w", err)
	}
	for _, reason := range refused {
		return fmt.Errorf("dlq: ledger %s: %s", l.topic, reason)
	}
	return nil
}

// LedgerFile keeps the ledger in a file of JSON Lines, mode 0600, with fsync. One process at a time may hold it.
func LedgerFile(path string) *FileLedger { return &FileLedger{Path: path} }

// FileLedger is a Ledger in a file.
type FileLedger struct {
	Path string

	mu   sync.Mutex
	file *os.File
	lock io.Closer
	size int64
}

// Load implements Ledger.
func (l *FileLedger) Load(ctx context.Context, topic string, fn func(Entry) error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.open(); err != nil {
		return fmt.Errorf("dlq: ledger %s: %w", l.Path, err)
	}
	r := bufio.NewReaderSize(io.NewSectionReader(l.file, 0, l.size), 1<<16)
	for n := 1; ; n++ {
		line, err := r.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = ctx.Err()
		}
		var e Entry
		if err == nil {
			err = json.Unmarshal(line, &e)
		}
		if err == nil && e.Topic == topic {
			err = fn(e)
		}
		if err != nil {
			return fmt.Errorf("dlq: ledger %s: line %d: %w", l.Path, n, err)
		}
	}
}

// Record implements Ledger.
func (l *FileLedger) Record(_ context.Context, entries []Entry) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.open(); err != nil {
		return fmt.Errorf("dlq: ledger %s: %w", l.Path, err)
	}
	var lines bytes.Buffer
	encoder := json.NewEncoder(&lines)
	for i := range entries {
		if err := encoder.Encode(entries[i]); err != nil {
			return fmt.Errorf("dlq: ledger %s: %w", l.Path, err)
		}
	}
	_, err := l.file.Write(lines.Bytes())
	if err == nil {
		err = l.file.Sync()
	}
	if err != nil {
		return fmt.Errorf("dlq: ledger %s: %w", l.Path, errors.Join(err, l.file.Truncate(l.size)))
	}
	l.size += int64(lines.Len())
	return nil
}

// Close gives the file up; a later call opens it again.
func (l *FileLedger) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return nil
	}
	err := errors.Join(l.file.Close(), l.lock.Close())
	l.file, l.lock = nil, nil
	return err
}

// open cuts off a last line that a crash left unfinished.
func (l *FileLedger) open() error {
	if l.file != nil {
		return nil
	}
	if l.Path == "" {
		return errors.New("it has no path")
	}
	lock, err := lockFile(l.Path + ".lock")
	if err != nil {
		return err
	}
	f, err := os.OpenFile(l.Path, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return errors.Join(err, lock.Close())
	}
	var whole int64
	r := bufio.NewReaderSize(f, 1<<16)
	for {
		line, err := r.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil && !json.Valid(line) {
			err = fmt.Errorf("a line that is no entry at byte %d", whole)
		}
		if err != nil {
			return errors.Join(err, f.Close(), lock.Close())
		}
		whole += int64(len(line))
	}
	if err := errors.Join(f.Chmod(0o600), f.Truncate(whole), syncDir(l.Path)); err != nil {
		return errors.Join(err, f.Close(), lock.Close())
	}
	l.file, l.lock, l.size = f, lock, whole
	return nil
}

// offsetSet is a set of offsets, small when they are mostly adjacent.
type offsetSet struct{ runs []offsetRun }

type offsetRun struct{ from, to int64 } // to is outside

func (s *offsetSet) find(offset int64) (int, bool) {
	return slices.BinarySearchFunc(s.runs, offset, func(r offsetRun, o int64) int {
		switch {
		case r.to <= o:
			return -1
		case r.from > o:
			return 1
		}
		return 0
	})
}

func (s *offsetSet) has(offset int64) bool {
	if s == nil {
		return false
	}
	_, ok := s.find(offset)
	return ok
}

func (s *offsetSet) add(offset int64) {
	i, ok := s.find(offset)
	if ok {
		return
	}
	left := i > 0 && s.runs[i-1].to == offset
	right := i < len(s.runs) && s.runs[i].from == offset+1
	switch {
	case left && right:
		s.runs[i-1].to = s.runs[i].to
		s.runs = slices.Delete(s.runs, i, i+1)
	case left:
		s.runs[i-1].to++
	case right:
		s.runs[i].from--
	default:
		s.runs = slices.Insert(s.runs, i, offsetRun{offset, offset + 1})
	}
}

// past returns the first offset from the given one on that is not in the set.
func (s *offsetSet) past(offset int64) int64 {
	if s == nil {
		return offset
	}
	if i, ok := s.find(offset); ok {
		return s.runs[i].to
	}
	return offset
}
