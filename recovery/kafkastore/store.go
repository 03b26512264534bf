package kafkastore

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl"

	"github.com/go-reconnect/reconnect/internal/kwire"
	"github.com/go-reconnect/reconnect/recovery"
)

// The defaults of a zero Config.
const (
	DefaultSessionTimeout = 10 * time.Second
	DefaultTimeout        = 30 * time.Second
)

// Kafka's codes that kafka-go has no fitting names for.
const (
	errInvalidEpoch     = kafka.Error(47)
	errInvalidTxnState  = kafka.Error(48)
	errInvalidPIDMap    = kafka.Error(49)
	errUnknownProducer  = kafka.Error(59)
	errProducerFenced   = kafka.Error(90)
	errTopicExists      = kafka.Error(36)
	errConcurrentTxn    = kafka.Error(51)
	maxFetch            = 4 << 20
	transactionTimeout  = 30 * time.Second
	keyPrefix           = "k:" // a key is never empty
	configCleanupPolicy = "cleanup.policy"
)

// Config configures a Store.
type Config struct {
	// Brokers are the addresses to begin with. Required.
	Brokers []string
	// Topic holds the state; it has one partition and is compacted, and is made when it does not exist. One per Connect cluster. Required.
	Topic string
	// ReplicationFactor is for the topic when it is made. Defaults to 3, or the number of brokers where that is smaller.
	ReplicationFactor int
	// Group is the consumer group that elects. Defaults to "reconnect-" and the topic.
	Group string
	// TransactionalID is what fences. All supervisors of one cluster need the same. Defaults to "reconnect-" and the topic.
	TransactionalID string
	// SessionTimeout is how long a supervisor may be silent before another one leads. Defaults to 10 s.
	SessionTimeout time.Duration
	// Timeout bounds one Load, Save or Delete. Defaults to 30 s.
	Timeout time.Duration

	ClientID string
	TLS      *tls.Config
	SASL     sasl.Mechanism
	Dial     func(ctx context.Context, network, address string) (net.Conn, error)
}

// Store is a recovery.Store and a recovery.Elector.
type Store struct {
	cfg     Config
	cluster kwire.Cluster
	client  *kafka.Client
	idle    func()

	incumbent atomic.Bool // leading, for those that must not wait for mu

	mu      sync.Mutex
	session *kafka.ProducerSession // nil: read again first
	next    int32                  // sequence
	entries map[string]recovery.Entry
	elected bool // Lead is in use
	leading bool
	closed  bool
}

var (
	_ recovery.Store   = (*Store)(nil)
	_ recovery.Elector = (*Store)(nil)
)

// New returns a Store. Nothing is asked before Load or Lead. The error names the field that is wrong.
func New(cfg Config) (*Store, error) {
	var errs []error
	if len(cfg.Brokers) == 0 {
		errs = append(errs, errors.New("kafkastore: Config.Brokers is empty"))
	}
	for _, b := range cfg.Brokers {
		if _, _, err := net.SplitHostPort(b); err != nil {
			errs = append(errs, fmt.Errorf("kafkastore: Config.Brokers: %q is no host:port", b))
		}
	}
	if cfg.Topic == "" {
		errs = append(errs, errors.New("kafkastore: Config.Topic is empty: name a topic per Connect cluster"))
	}
	if strings.HasPrefix(cfg.Group, "connect-") {
		errs = append(errs, errors.New("kafkastore: Config.Group begins with connect-, as the groups of sink connectors do"))
	}
	if cfg.ReplicationFactor < 0 {
		errs = append(errs, errors.New("kafkastore: Config.ReplicationFactor is negative"))
	}
	if cfg.SessionTimeout < 0 || cfg.Timeout < 0 {
		errs = append(errs, errors.New("kafkastore: Config.SessionTimeout and Config.Timeout must not be negative"))
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	if cfg.Group == "" {
		cfg.Group = "reconnect-" + cfg.Topic
	}
	if cfg.TransactionalID == "" {
		cfg.TransactionalID = "reconnect-" + cfg.Topic
	}
	if cfg.SessionTimeout == 0 {
		cfg.SessionTimeout = DefaultSessionTimeout
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = DefaultTimeout
	}
	cfg.Brokers = slices.Clone(cfg.Brokers)
	s := &Store{cfg: cfg, cluster: kwire.Cluster{Brokers: cfg.Brokers, ClientID: cfg.ClientID, TLS: cfg.TLS, SASL: cfg.SASL, Dial: cfg.Dial}}
	s.client, s.idle = s.cluster.Open()
	return s, nil
}

// Close gives the connections back.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.session, s.closed = nil, true
	s.idle()
	return nil
}

// Load fences whoever wrote before and reads every entry. ErrNotLeader while Lead is in use and another one leads.
func (s *Store) Load(ctx context.Context) ([]recovery.Entry, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	s.session = nil
	if err := s.ensureTopic(ctx); err != nil {
		return nil, fmt.Errorf("kafkastore: topic %s: %w", s.cfg.Topic, err)
	}
	session, err := s.fence(ctx)
	if err != nil {
		return nil, fmt.Errorf("kafkastore: transactional id %s: %w", s.cfg.TransactionalID, err)
	}
	entries, err := s.read(ctx)
	if err != nil {
		return nil, fmt.Errorf("kafkastore: reading %s: %w", s.cfg.Topic, err)
	}
	s.session, s.next, s.entries = session, 0, entries
	out := make([]recovery.Entry, 0, len(entries))
	for _, e := range entries {
		out = append(out, e)
	}
	slices.SortFunc(out, func(a, b recovery.Entry) int { return strings.Compare(a.Key, b.Key) })
	return out, nil
}

func (s *Store) usable() error {
	switch {
	case s.closed:
		return errors.New("kafkastore: the store is closed")
	case s.elected && !s.leading:
		return recovery.ErrNotLeader
	}
	return nil
}

// Save writes the entry in a transaction of its own.
func (s *Store) Save(ctx context.Context, e recovery.Entry) (recovery.Version, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.ready(ctx, e.Key, e.Version); err != nil {
		return 0, err
	}
	e.Version++
	value, err := json.Marshal(e)
	if err != nil {
		return 0, fmt.Errorf("kafkastore: %w", err)
	}
	if err := s.write(ctx, e.Key, value); err != nil {
		return 0, err
	}
	s.entries[e.Key] = e
	return e.Version, nil
}

// Delete writes a tombstone; an entry that is not there is no error.
func (s *Store) Delete(ctx context.Context, key string, v recovery.Version) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.session != nil {
		if _, ok := s.entries[key]; !ok {
			return nil
		}
	}
	if err := s.ready(ctx, key, v); err != nil {
		return err
	}
	if err := s.write(ctx, key, nil); err != nil {
		return err
	}
	delete(s.entries, key)
	return nil
}

func (s *Store) ready(ctx context.Context, key string, v recovery.Version) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := s.usable(); err != nil {
		return err
	}
	if s.session == nil {
		return fmt.Errorf("%w: kafkastore: the topic has to be read (Load) before it is written", recovery.ErrConflict)
	}
	if have := s.entries[key].Version; have != v {
		return fmt.Errorf("%w: %q is at version %d, not %d", recovery.ErrConflict, key, have, v)
	}
	return nil
}

// write is one transaction with one record. After any error the session is given up: Load fences, which ends what is open, and reads what happened.
func (s *Store) write(ctx context.Context, key string, value []byte) error {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	err := s.transaction(ctx, key, value)
	if err == nil {
		return nil
	}
	s.session = nil
	if fenced(err) {
		return fmt.Errorf("%w: kafkastore: another supervisor has taken over: %w", recovery.ErrNotLeader, err)
	}
	return fmt.Errorf("%w: kafkastore: whether %q was written is not known: %w", recovery.ErrConflict, key, err)
}

func fenced(err error) bool {
	return errors.Is(err, errProducerFenced) || errors.Is(err, errInvalidEpoch)
}

func (s *Store) transaction(ctx context.Context, key string, value []byte) error {
	id, epoch := s.session.ProducerID, s.session.ProducerEpoch
	err := retry(ctx, func() error {
		r, err := s.client.AddPartitionsToTxn(ctx, &kafka.AddPartitionsToTxnRequest{
			TransactionalID: s.cfg.TransactionalID, ProducerID: id, ProducerEpoch: epoch, Topics: map[string][]kafka.AddPartitionToTxn{s.cfg.Topic: {{Partition: 0}}},
		})
		if err != nil {
			return err
		}
		if parts := r.Topics[s.cfg.Topic]; len(parts) == 1 {
			return parts[0].Error
		}
		return errors.New("the broker answered without the partition")
	})
	if err != nil {
		return fmt.Errorf("add partition to transaction: %w", err)
	}
	batch, err := kwire.AppendBatch(nil, kwire.Batch{ProducerID: int64(id), ProducerEpoch: int16(epoch), BaseSequence: s.next, Transactional: true}, []kwire.Record{ //nolint:gosec // an epoch is an int16 on the wire
		{Timestamp: time.Now().UnixMilli(), Key: []byte(keyPrefix + key), Value: value},
	})
	if err != nil {
		return err
	}
	// The same batch with the same sequence is kept once, however often it is sent.
	err = retry(ctx, func() error {
		r, err := s.client.RawProduce(ctx, &kafka.RawProduceRequest{
			Topic: s.cfg.Topic, Partition: 0, RequiredAcks: kafka.RequireAll, TransactionalID: s.cfg.TransactionalID, RawRecords: kwire.RawSet(batch),
		})
		if err != nil {
			return err
		}
		return r.Error
	})
	if err != nil {
		return fmt.Errorf("produce: %w", err)
	}
	s.next = kwire.NextSequence(s.next, 1)
	err = retry(ctx, func() error {
		r, err := s.client.EndTxn(ctx, &kafka.EndTxnRequest{TransactionalID: s.cfg.TransactionalID, ProducerID: id, ProducerEpoch: epoch, Committed: true})
		if err != nil {
			return err
		}
		return r.Error
	})
	if err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// retry repeats what a moment later can work; each of the calls here may be made twice.
func retry(ctx context.Context, f func() error) error {
	for n := 0; ; n++ {
		err := f()
		if err == nil || !kwire.Retriable(err) || ctx.Err() != nil || !kwire.Sleep(ctx, kwire.Backoff(n)) {
			return err
		}
	}
}

// fence takes the transactional id over; the broker ends what its last user left open.
func (s *Store) fence(ctx context.Context) (*kafka.ProducerSession, error) {
	var session *kafka.ProducerSession
	err := retry(ctx, func() error {
		// Minus one is "none": zero values would ask to go on as producer 0 in epoch 0.
		r, err := s.client.InitProducerID(ctx, &kafka.InitProducerIDRequest{
			TransactionalID: s.cfg.TransactionalID, TransactionTimeoutMs: int(transactionTimeout.Milliseconds()), ProducerID: -1, ProducerEpoch: -1,
		})
		if err != nil {
			return err
		}
		session = r.Producer
		return r.Error
	})
	return session, err
}

// read reads the topic from its beginning to the end that it had when the transactional id was taken over.
func (s *Store) read(ctx context.Context) (map[string]recovery.Entry, error) {
	first, end, err := s.bounds(ctx)
	if err != nil {
		return nil, err
	}
	entries := map[string]recovery.Entry{}
	q := kwire.FetchRequest{Topic: s.cfg.Topic, Offset: first, MaxBytes: maxFetch, MaxWait: 100 * time.Millisecond}
	for q.Offset < end {
		var page kwire.Page
		if err := retry(ctx, func() (err error) { page, err = kwire.Fetch(ctx, s.client, q); return err }); err != nil {
			return nil, err
		}
		for _, m := range page.Records {
			if err := apply(entries, m); err != nil {
				return nil, fmt.Errorf("offset %d: %w", m.Offset, err)
			}
		}
		next := page.Next
		if next <= q.Offset && page.HasBatch {
			if next, err = kwire.SkipGap(ctx, s.client, q, page.Batch, end); err != nil {
				return nil, err
			}
		}
		if next <= q.Offset {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			continue
		}
		q.Offset = next
	}
	return entries, nil
}

func (s *Store) bounds(ctx context.Context) (first, end int64, err error) {
	err = retry(ctx, func() error {
		r, err := s.client.ListOffsets(ctx, &kafka.ListOffsetsRequest{Topics: map[string][]kafka.OffsetRequest{s.cfg.Topic: {kafka.FirstOffsetOf(0), kafka.LastOffsetOf(0)}}})
		if err != nil {
			return err
		}
		parts := r.Topics[s.cfg.Topic]
		if len(parts) != 1 {
			return errors.New("the broker answered without the partition")
		}
		first, end = parts[0].FirstOffset, parts[0].LastOffset
		return parts[0].Error
	})
	return first, end, err
}

func apply(entries map[string]recovery.Entry, m kafka.Message) error {
	key, ok := strings.CutPrefix(string(m.Key), keyPrefix)
	if !ok {
		return errors.New("a record that is no state: the topic is used for something else")
	}
	if m.Value == nil {
		delete(entries, key)
		return nil
	}
	var e recovery.Entry
	if err := json.Unmarshal(m.Value, &e); err != nil {
		return err
	}
	if e.Key != key {
		return errors.New("a record whose key is not its entry's")
	}
	entries[key] = e
	return nil
}
