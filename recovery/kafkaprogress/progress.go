package kafkaprogress

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"iter"
	"net"
	"path"
	"slices"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl"

	"github.com/go-reconnect/reconnect/connect"
	"github.com/go-reconnect/reconnect/internal/kwire"
	"github.com/go-reconnect/reconnect/recovery"
)

// The defaults of a zero Config.
const (
	DefaultMaxConnectors = 1000
	DefaultConcurrency   = 8
	DefaultTimeout       = 10 * time.Second
)

// configsEvery is how long what the configs say is believed.
const configsEvery = 10 * time.Minute

// metadataTTL is long: kafka-go asks for all topics of the cluster this often for as long as it is connected.
const metadataTTL = 30 * time.Second

// Connect is what is asked of a Connect cluster; *connect.Client has it.
type Connect interface {
	Connectors(ctx context.Context) iter.Seq2[connect.Connector, error]
	GetOffsets(ctx context.Context, name string) (connect.Offsets, error)
	ListTopics(ctx context.Context, name string) ([]string, error)
}

// Config configures a Progress.
type Config struct {
	// Brokers are the addresses to begin with, of the Kafka cluster that the connectors' consumers read from. Required.
	Brokers []string
	// Connect tells the connectors' types, topics and groups. Required.
	Connect Connect
	// Sources are shell patterns (path.Match) of source connectors that are never idle for as long as recovery.Config.ProgressAfter. Defaults to none:
	// a source that rests looks like one that is stuck.
	Sources []string
	// MaxConnectors bounds how many connectors are asked about in one look; where there are more they take turns. Defaults to 1000.
	MaxConnectors int
	// Concurrency is how many requests are under way at once. Defaults to 8.
	Concurrency int
	// Timeout bounds one request. Defaults to 10 s.
	Timeout time.Duration

	ClientID string
	TLS      *tls.Config
	SASL     sasl.Mechanism
	Dial     func(ctx context.Context, network, address string) (net.Conn, error)
}

// Progress is a recovery.Progress and a recovery.Staller.
type Progress struct {
	cfg    Config
	client *kafka.Client
	idle   func()

	mu     sync.Mutex
	facts  map[string]fact // of sinks, and of the sources that are judged
	factAt time.Time
	seen   map[string]*sight
	turn   string // the last connector that was asked about when they take turns
	closed bool
}

var (
	_ recovery.Progress = (*Progress)(nil)
	_ recovery.Staller  = (*Progress)(nil)
)

// New returns a Progress. Nothing is asked before it is used. The error names the field that is wrong.
func New(cfg Config) (*Progress, error) {
	var errs []error
	if len(cfg.Brokers) == 0 {
		errs = append(errs, errors.New("kafkaprogress: Config.Brokers is empty"))
	}
	for _, b := range cfg.Brokers {
		if _, _, err := net.SplitHostPort(b); err != nil {
			errs = append(errs, fmt.Errorf("kafkaprogress: Config.Brokers: %q is no host:port", b))
		}
	}
	if cfg.Connect == nil {
		errs = append(errs, errors.New("kafkaprogress: Config.Connect is nil: pass the *connect.Client"))
	}
	for _, p := range cfg.Sources {
		if _, err := path.Match(p, ""); err != nil || p == "" {
			errs = append(errs, fmt.Errorf("kafkaprogress: Config.Sources: %q is no pattern", p))
		}
	}
	if cfg.MaxConnectors < 0 || cfg.Concurrency < 0 || cfg.Timeout < 0 {
		errs = append(errs, errors.New("kafkaprogress: Config.MaxConnectors, Config.Concurrency and Config.Timeout must not be negative"))
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	if cfg.MaxConnectors == 0 {
		cfg.MaxConnectors = DefaultMaxConnectors
	}
	if cfg.Concurrency == 0 {
		cfg.Concurrency = DefaultConcurrency
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = DefaultTimeout
	}
	cfg.Brokers, cfg.Sources = slices.Clone(cfg.Brokers), slices.Clone(cfg.Sources)
	transport := &kafka.Transport{Dial: cfg.Dial, TLS: cfg.TLS, SASL: cfg.SASL, ClientID: cfg.ClientID, MetadataTTL: metadataTTL}
	p := &Progress{cfg: cfg, seen: map[string]*sight{}, idle: transport.CloseIdleConnections}
	p.client, _ = kwire.Cluster{Brokers: cfg.Brokers, Transport: transport}.Open()
	return p, nil
}

// Close gives the connections back.
func (p *Progress) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	p.idle()
	return nil
}

// sight is what the looks at one connector have shown.
type sight struct {
	position hash // of everything that would change if it moved
	sum      int64
	since    time.Time
	looked   time.Time
	waiting  int64
	waits    bool // real records were seen beyond it, or it is a source that is declared busy
	known    bool
	proved   map[place]int64 // an offset up to which there is a real record
	empty    map[place]int64 // an offset up to which there is none
}

// place is one partition.
type place struct {
	topic     string
	partition int
}

// Progress returns, for the connectors that have records waiting and have not moved since an earlier look, a number that changes when they do. It looks as
// Stalls does, which says more.
func (p *Progress) Progress(ctx context.Context, connectors []string) (map[string]int64, error) {
	return look(ctx, p, connectors, func(s *sight) int64 { return s.sum })
}

// Stalls returns, for the connectors that have records waiting and have not moved since an earlier look, since when. An error means that nothing could be learnt at all; one
// connector that cannot be asked about keeps what was known of it.
func (p *Progress) Stalls(ctx context.Context, connectors []string) (map[string]recovery.Stall, error) {
	return look(ctx, p, connectors, func(s *sight) recovery.Stall {
		return recovery.Stall{Since: s.since, Seen: s.looked, Waiting: s.waiting}
	})
}

func look[T any](ctx context.Context, p *Progress, connectors []string, value func(*sight) T) (map[string]T, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, errors.New("kafkaprogress: it is closed")
	}
	if err := p.look(ctx, connectors); err != nil {
		return nil, err
	}
	out := map[string]T{}
	for _, name := range connectors {
		if s := p.seen[name]; s != nil && s.known && s.waits {
			out[name] = value(s)
		}
	}
	return out, nil
}

// moved notes a look.
func (s *sight) moved(position hash, sum int64, now time.Time) {
	if !s.known || s.position != position {
		s.position, s.sum, s.since = position, sum, now
		s.proved, s.empty = nil, nil
	}
	s.known, s.looked = true, now
}

// hash is FNV-1a.
type hash uint64

func newHash() hash { return 14695981039346656037 }

func (h *hash) text(s string) {
	v := *h
	for i := range len(s) {
		v = (v ^ hash(s[i])) * 1099511628211
	}
	*h = v * 31
}

func (h *hash) number(n int64) { *h = (*h ^ hash(n)) * 1099511628211 } //nolint:gosec // only the bits matter
