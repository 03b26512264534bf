package connecttest

import (
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// DefaultVersion is the Kafka version of a server whose Config names none.
const DefaultVersion = "4.3.1"

// Config says what cluster to fake. The zero value is one worker of the newest version that answers at once.
type Config struct {
	// Workers is the number of workers. Defaults to 1.
	Workers int
	// Version is what GET / answers, a vendor's one (`7.5.0-ccs`) included; the API is that of the Kafka version it
	// maps to. Versions from 3.9 are checked against real workers, older ones are known from source only. Defaults to
	// [DefaultVersion].
	Version string
	// Balanced puts a load balancer in front: URL, and the host [BalancedHost] in process, take each request to the next
	// worker. Unless StatusLag is set, worker i then lags i × 200 ms behind.
	Balanced bool
	// StatusLag is how far the copy of the config and status topics that worker i answers from is behind. Missing
	// entries are 0.
	StatusLag []time.Duration
	// Brokers is how many brokers the Kafka behind the workers has: a dead letter queue with more replicas fails its task.
	// Defaults to 3.
	Brokers int
	// Converter is the workers' own key.converter and value.converter. Defaults to Kafka's JsonConverter.
	Converter string
	// NoTopicTracking and NoTopicReset are topic.tracking.enable=false and topic.tracking.allow.reset=false.
	NoTopicTracking, NoTopicReset bool
	// Settle is how long a worker takes to carry out what it was told: until the first status after a create, from
	// RESTARTING to RUNNING, until the tasks are gone after a stop or delete. Defaults to 0: done when the call returns.
	Settle time.Duration
	// SessionTimeout is how long the cluster takes to notice a worker that died: session.timeout.ms. Defaults to 10 s.
	SessionTimeout time.Duration
	// RebalanceDelay is how long a lost worker's connectors and tasks are then kept for it:
	// scheduled.rebalance.max.delay.ms. Defaults to 5 min; negative is none.
	RebalanceDelay time.Duration
	// WorkerStartup is how long a worker that StartWorker starts answers every path with Jetty's 404 page before its API is
	// there. Defaults to 0; a real one takes some seconds.
	WorkerStartup time.Duration
	// RequestTimeout is how long a request waits for a herder. Defaults to 90 s, which a real worker does not let you change.
	RequestTimeout time.Duration
	// ShutdownTimeout is how long a worker waits for a task body to return: task.shutdown.graceful.timeout.ms. Defaults to 5 s.
	ShutdownTimeout time.Duration
	// Errorf is told when the server is used wrongly, as with FailTask of an unknown connector: t.Errorf fits.
	// Defaults to silence; [Server.Err] has them all.
	Errorf func(format string, args ...any)
}

// BalancedHost is the host that the RoundTripper of a Balanced server spreads over the workers.
const BalancedHost = "connect"

// Server is a Kafka Connect cluster in this process. It is safe for concurrent use.
type Server struct {
	cfg     Config
	version apiVersion
	closed  chan struct{}
	bodies  sync.WaitGroup

	mu           sync.Mutex
	done         bool
	workers      []*worker
	head         *view // the config and status topics themselves
	connectors   map[string]*connector
	plugins      []*plugin
	classes      map[string]*plugin // connectors by class, simple name and alias
	scenarios    []*running
	lose         func(*http.Request) bool
	statusDelay  time.Duration
	brokerDown   time.Time // until when Kafka is away
	onRestart    func(string, int) string
	interceptors []func(http.ResponseWriter, *http.Request) bool
	requests     []Request
	requestBase  int // counts ResetRequests
	next         int // the worker that Balanced takes next
	errs         []error
	sockets      *sockets
	timers       map[*time.Timer]struct{}
	gate         gate
	auth         *credentials
	dirs         map[string]bool // the workers' imaginary disk
	kafkaTopics  map[string]bool // nil: every topic exists that is asked for, but no dead letter queue
}

// NewServer starts a cluster without connectors. Close it when done.
func NewServer(cfg Config) *Server {
	s := &Server{
		closed: make(chan struct{}), head: newView(), connectors: map[string]*connector{}, timers: map[*time.Timer]struct{}{},
		classes: map[string]*plugin{}, dirs: map[string]bool{"/": true, "/tmp": true},
	}
	if cfg.Workers < 0 {
		s.errs = append(s.errs, fmt.Errorf("connecttest: Config.Workers: want 1 or more, got %d", cfg.Workers))
	}
	s.cfg = cfg.withDefaults()
	s.version = parseVersion(s.cfg.Version)
	for i := range s.cfg.Workers {
		s.workers = append(s.workers, newWorker(i, s.cfg.lag(i)))
	}
	for _, p := range builtinPlugins(s.cfg.Version, s.version) {
		s.addPlugin(p)
	}
	return s
}

func (c Config) withDefaults() Config {
	if c.Workers < 1 {
		c.Workers = 1
	}
	if c.Brokers < 1 {
		c.Brokers = 3
	}
	if c.Converter == "" {
		c.Converter = "org.apache.kafka.connect.json.JsonConverter"
	}
	if c.Version == "" {
		c.Version = DefaultVersion
	}
	set := func(d *time.Duration, def time.Duration) {
		if *d == 0 {
			*d = def
		}
		*d = max(*d, 0)
	}
	set(&c.Settle, 0)
	set(&c.SessionTimeout, 10*time.Second)
	set(&c.RebalanceDelay, 5*time.Minute)
	set(&c.RequestTimeout, 90*time.Second)
	set(&c.ShutdownTimeout, 5*time.Second)
	c.StatusLag = append([]time.Duration(nil), c.StatusLag...)
	return c
}

func (c Config) lag(worker int) time.Duration {
	switch {
	case worker < len(c.StatusLag):
		return max(c.StatusLag[worker], 0)
	case c.Balanced && len(c.StatusLag) == 0:
		return time.Duration(worker) * 200 * time.Millisecond
	default:
		return 0
	}
}

// Close stops the task bodies, waits up to Config.ShutdownTimeout for them, and closes the sockets. Every request that
// waits is answered with a broken connection.
func (s *Server) Close() {
	s.mu.Lock()
	if s.done {
		s.mu.Unlock()
		return
	}
	s.done = true
	close(s.closed)
	for t := range s.timers {
		t.Stop()
	}
	for _, c := range s.connectors {
		for _, inst := range c.instances {
			inst.stop()
		}
	}
	for _, w := range s.workers {
		w.die()
	}
	sockets := s.sockets
	s.mu.Unlock()
	if sockets != nil {
		sockets.close()
	}
	ended := make(chan struct{})
	go func() {
		s.bodies.Wait()
		close(ended)
	}()
	timer := time.NewTimer(s.cfg.ShutdownTimeout)
	defer timer.Stop()
	select {
	case <-ended:
	case <-timer.C:
	}
}

// Err returns what was wrong in how the server was used, all of it joined, or nil.
func (s *Server) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return errors.Join(s.errs...)
}

// misuse records a wrong use. s.mu is held.
func (s *Server) misuse(format string, args ...any) {
	err := fmt.Errorf("connecttest: "+format, args...)
	s.errs = append(s.errs, err)
	if s.cfg.Errorf != nil {
		s.cfg.Errorf("%v", err)
	}
}

// after runs fn with s.mu held: now when d is 0 (s.mu is held by the caller), else when d has passed.
func (s *Server) after(d time.Duration, fn func()) {
	if d <= 0 {
		fn()
		return
	}
	var t *time.Timer
	t = time.AfterFunc(d, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.timers, t)
		if !s.done {
			fn()
		}
	})
	s.timers[t] = struct{}{}
}

// whenStopped runs fn with s.mu held once every instance's body has returned or ShutdownTimeout is over; at once when
// none is running. s.mu is held.
func (s *Server) whenStopped(instances []*instance, fn func()) {
	var running []*instance
	for _, inst := range instances {
		if !inst.ended() {
			running = append(running, inst)
		}
	}
	if len(running) == 0 {
		fn()
		return
	}
	go func() {
		s.waitStopped(running)
		s.mu.Lock()
		defer s.mu.Unlock()
		if !s.done {
			fn()
		}
	}()
}

// waitStopped waits for bodies to return, all within one ShutdownTimeout. s.mu is not held.
func (s *Server) waitStopped(instances []*instance) {
	timer := time.NewTimer(s.cfg.ShutdownTimeout)
	defer timer.Stop()
	for _, inst := range instances {
		select {
		case <-inst.done:
		case <-timer.C:
			return
		case <-s.closed:
			return
		}
	}
}
