package recovery

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// ErrRunning is returned by a second Run.
var ErrRunning = errors.New("recovery: the supervisor runs already")

// maxPause is the longest time between two tries of something that fails.
const maxPause = 5 * time.Minute

// Supervisor watches the connectors of one Connect cluster and restarts what a restart can fix. It is safe for concurrent use.
type Supervisor struct {
	c   Connect
	cfg Config

	pass    chan struct{} // holds one token: whoever has it makes a pass
	wake    chan struct{}
	running atomic.Bool
	leading atomic.Bool // with an Elector

	sightless bool // Run only: the lead was given away because Connect could not be seen

	// Only the pass touches these.
	loaded      bool
	sweep       sweepMemory
	selection   selection
	perTask     bool
	gates       *gates
	courier     *courier
	informer    informer
	storeBad    bool
	badSweep    bool
	blind       bool
	failures    int        // sweeps in a row
	sighted     time.Time  // with an Elector: when Connect was last seen, or the lead began
	configReads int        // in this pass
	guard       sync.Mutex // loaded and storeBad, which concurrent restarts touch
	emitting    sync.Mutex
	view        sync.RWMutex
	records     map[string]*record
	stats       Stats
	still       map[string]bool // connectors whose records wait and do not move
}

// record is what is known of one connector. It is small for a healthy one: detail is nil when there is nothing to remember.
type record struct {
	seen   seen
	detail *detail
	counts *Counts // nil until the first restart
}

// seen is the last look at a connector, without its failures.
type seen struct {
	typ     typeCode
	state   stateCode
	tasks   int32
	running int32
}

// detail is kept for connectors with something FAILED or something to remember.
type detail struct {
	state     State
	version   Version
	dirty     bool // not stored as it is
	failed    []Failed
	tasks     []TaskState // that are not RUNNING
	left      int
	last      time.Time // last restart sent, probes included
	outcome   Outcome
	cfgAt     time.Time // when the config was last read
	badPolicy bool
	config    map[string]string // of a connector that is down, when something asks for it; it can hold secrets and is never shown
	held      Reason            // told of this hold
	unwatched bool              // not selected any more; what was counted stays
}

// hidden reports whether the connector is not there, or not ours.
func (d *detail) hidden() bool { return d.unwatched || !d.state.GoneAt.IsZero() }

// Result is what one pass did.
type Result struct {
	Connectors   int           // watched
	Unhealthy    int           // with something FAILED, or not yet believed to be well
	Restarted    int           // requests that Connect took, or may have
	Refused      int           // requests that it definitely did not
	RequeueAfter time.Duration // when the next pass is due
}

// New returns a Supervisor. It sends nothing before Run or Reconcile. The error names the field that is wrong.
func New(c Connect, cfg Config) (*Supervisor, error) {
	if c == nil {
		return nil, errors.New("recovery: New: the Connect client is nil")
	}
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	if _, ok := c.(configLister); cfg.byConfig() && !ok {
		return nil, errors.New("recovery: Config.IncludeConfig and ExcludeConfig need a client that has Connectors, as *connect.Client does")
	}
	s := &Supervisor{c: c, cfg: cfg, pass: make(chan struct{}, 1), wake: make(chan struct{}, 1), records: map[string]*record{}, perTask: cfg.PerTask, gates: newGates(cfg.Guard)}
	s.stats.Phases, s.stats.Deferred = map[Phase]int{}, map[Reason]int{}
	s.courier = newCourier(&s.cfg)
	s.informer = informer{gone: map[string]time.Time{}, told: map[string]bool{}, moving: map[string]position{}}
	return s, nil
}

// Run makes passes until ctx ends, and returns nil then. It returns an error only for what no later pass can mend: a state of a newer version, or
// a store of another cluster. A second Run while one runs is ErrRunning. It fits errgroup.Group.Go, suture and manager.RunnableFunc.
func (s *Supervisor) Run(ctx context.Context) error {
	if !s.running.CompareAndSwap(false, true) {
		return ErrRunning
	}
	defer s.running.Store(false)
	defer s.deliver(ctx)()
	if s.cfg.Elector == nil {
		return s.loop(ctx)
	}
	return s.lead(ctx)
}

// deliver starts telling people; what it returns ends that and waits for it.
func (s *Supervisor) deliver(ctx context.Context) (stop func()) {
	dctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.courier.run(dctx, s.undelivered)
	}()
	return func() {
		cancel()
		<-done
	}
}

func (s *Supervisor) undelivered(err error) {
	s.cfg.Logger.Warn("a notification was not delivered", "err", redacted(err))
	s.view.Lock()
	defer s.view.Unlock()
	s.stats.NotifyErrors++
}

func (s *Supervisor) loop(ctx context.Context) error {
	for {
		// Reconcile returns at once when ctx has ended.
		res, err := s.Reconcile(ctx)
		if ctx.Err() != nil {
			return nil //nolint:nilerr // an end is no error
		}
		switch {
		case permanent(err):
			return err
		case errors.Is(err, ErrNotLeader) && s.cfg.Elector != nil:
			return err
		case err != nil:
			s.cfg.Logger.WarnContext(ctx, "pass failed", "err", err)
			if s.lostSight(ctx, err) {
				return errSightless
			}
		}
		wait(ctx, res.RequeueAfter, s.wake)
	}
}

func permanent(err error) bool {
	return errors.Is(err, ErrCluster) || errors.Is(err, ErrSchema)
}

func wait(ctx context.Context, d time.Duration, wake <-chan struct{}) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	case <-wake:
	}
}

func (s *Supervisor) lock(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case s.pass <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *Supervisor) unlock() { <-s.pass }

// Reconcile makes one pass: it reads every status, decides for each connector, restarts what is due and records the answers. Passes exclude each
// other, also those of Run. Result.RequeueAfter says when the next one is due, also beside an error; an error means that nothing, or not
// everything, was observed, and is no reason to stop. Cron jobs and controllers call it.
func (s *Supervisor) Reconcile(ctx context.Context) (Result, error) {
	res := Result{RequeueAfter: s.cfg.Interval}
	if err := s.lock(ctx); err != nil {
		return res, err
	}
	defer s.unlock()
	if !s.running.Load() {
		defer func() {
			fctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushPatience)
			defer cancel()
			s.courier.flush(fctx, s.undelivered)
		}()
	}
	if err := s.load(ctx); err != nil {
		return res, err
	}
	began := time.Now()
	found, err := s.look(ctx)
	s.swept(began)
	if err != nil {
		s.failures++
		res.RequeueAfter = min(s.cfg.Interval<<min(s.failures-1, 10), max(maxPause, s.cfg.Interval))
		if !s.blind {
			res.RequeueAfter = s.cfg.Interval
		}
		s.sweepFailed(ctx, err)
		return res, err
	}
	s.sweepWorked(ctx)
	return s.judge(ctx, found)
}

// Acknowledge says that a person has looked: the connector's latch ends, its window and backoff are empty, and one restart is allowed even for a
// class that is held. It is an error if the connector is not known.
func (s *Supervisor) Acknowledge(ctx context.Context, name string) error {
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer s.unlock()
	if err := s.load(ctx); err != nil {
		return err
	}
	rec := s.record(name)
	if rec == nil {
		return fmt.Errorf("recovery: acknowledge %q: no such connector is known", name)
	}
	return s.acknowledge(ctx, name, rec)
}

// AcknowledgeFingerprint acknowledges every connector whose latest failure has this fingerprint, such as after a password was changed behind a
// ${file:...} reference, where no config changes. It is an error if there is none.
func (s *Supervisor) AcknowledgeFingerprint(ctx context.Context, fingerprint string) error {
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer s.unlock()
	if err := s.load(ctx); err != nil {
		return err
	}
	var errs []error
	n := 0
	for _, name := range s.names() {
		rec := s.record(name)
		if rec.detail == nil || !rec.detail.state.Down || fingerprint == "" || rec.detail.state.Fingerprint != fingerprint {
			continue
		}
		n++
		errs = append(errs, s.acknowledge(ctx, name, rec))
	}
	if n == 0 {
		return fmt.Errorf("recovery: acknowledge fingerprint %q: no connector fails with it", fingerprint)
	}
	return errors.Join(errs...)
}

func (s *Supervisor) acknowledge(ctx context.Context, name string, rec *record) error {
	if rec.detail == nil {
		return nil
	}
	now := s.now()
	next := Acknowledge(rec.detail.state, now)
	if err := s.save(ctx, name, rec.detail, next); err != nil {
		return fmt.Errorf("recovery: acknowledge %q: %w", name, err)
	}
	s.gates.acknowledged(next.Fingerprint)
	e := s.event(EventAcknowledged, name, rec, now)
	s.emit(ctx, e)
	select {
	case s.wake <- struct{}{}:
	default:
	}
	return nil
}

func (s *Supervisor) now() time.Time { return time.Now().Round(0).UTC() }
