package dlq

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/go-reconnect/reconnect/internal/kwire"
)

// Republisher brings the records of one dead letter queue back.
type Republisher struct {
	cfg     RepublisherConfig
	running atomic.Bool
}

// NewRepublisher checks the configuration; it does not connect. The error names every field that is wrong.
func NewRepublisher(cfg RepublisherConfig) (*Republisher, error) {
	cfg.Brokers = slices.Clone(cfg.Brokers)
	if err := cfg.check(); err != nil {
		return nil, err
	}
	return &Republisher{cfg: cfg}, nil
}

// Run reads the dead letter queue from the group's position to where it ends now, and gives every record one outcome.
// What is written to the queue meanwhile is left to the next run, so a record that fails again is not chased. With
// RepublisherConfig.Follow it goes on instead until ctx is cancelled, and then returns nil.
//
// Delivery is at least once: a record's offset is committed after its outcome is acknowledged by all replicas in sync.
// Producing is idempotent, so a lost acknowledgement does not write a record twice; a crash or a rebalance between
// acknowledgement and commit does (Report.Uncommitted).
//
// A cancelled run writes and commits what was decided, within ShutdownTimeout, and returns context.Cause(ctx) with a
// report whose Complete is false. A second Run while one is under way is an error.
func (r *Republisher) Run(ctx context.Context) (Report, error) {
	if !r.running.CompareAndSwap(false, true) {
		return Report{}, errors.New("dlq: Run is already under way on this Republisher")
	}
	defer r.running.Store(false)
	n := newRun(r.cfg)
	defer n.close()
	err := n.do(ctx)
	report := n.finish(ctx, err == nil)
	if r.cfg.Follow && ctx.Err() != nil && n.failure() == nil {
		return report, nil
	}
	if cause := context.Cause(ctx); cause != nil && err != nil && (errors.Is(err, cause) || errors.Is(err, ctx.Err())) {
		err = cause
	}
	return report, err
}

// run is one Run.
type run struct {
	cfg      RepublisherConfig
	id       string
	started  time.Time
	client   *kafka.Client
	closers  []func()
	producer *kwire.Producer
	park     Parker
	inFlight *budget

	ends, begins, committed map[int]int64 // of the dead letter queue, at the start

	mu       sync.Mutex
	report   Report
	parts    map[int]*PartitionReport
	unsure   map[int]chunkResult // commits whose outcome is unknown, by partition
	err      error
	stop     context.CancelCauseFunc
	topics   map[string]int // partitions of target topics, 0: does not exist
	limits   map[string]int // learned batch limits
	others   map[string][]string
	progress sync.Mutex

	ledger Ledger
	done   map[int]*offsetSet // what the ledger knows, by partition
	copies copies
	front  front
	newest newest
	canary canary
	order  *keyOrder

	compactedMu sync.Mutex
	policies    map[string]string // cleanup.policy by topic

	limiter *limiter

	balancer kafka.Murmur2Balancer // as Java's partitioner: a null key goes anywhere

	groupsOnce sync.Mutex
	groups     map[string][]string
	groupsErr  error
}

func newRun(cfg RepublisherConfig) *run {
	n := &run{
		cfg: cfg, id: cfg.RunID, started: time.Now(),
		parts: map[int]*PartitionReport{}, unsure: map[int]chunkResult{}, topics: map[string]int{}, limits: map[string]int{}, others: map[string][]string{},
		park: cfg.Park, inFlight: newBudget(cfg.InFlightBytes),
	}
	if n.id == "" {
		n.id = rand.Text()[:16]
	}
	var closeIdle func()
	n.client, closeIdle = cfg.cluster().Open()
	n.closers = append(n.closers, closeIdle)
	n.producer = &kwire.Producer{Client: n.client, Patience: cfg.RetryTimeout, Compression: cfg.Compression}
	if p, ok := cfg.Park.(*topicParker); ok {
		n.park = &topicParker{topic: p.topic, run: n}
	}
	n.ledger = cfg.Ledger
	if l, ok := cfg.Ledger.(*topicLedger); ok {
		n.ledger = &topicLedger{topic: l.topic, run: n}
	}
	n.front.run, n.newest.run, n.canary.run = n, n, n
	n.order = newKeyOrder(&cfg)
	n.policies = map[string]string{}
	n.limiter = newLimiter(cfg.Rate)
	n.report = Report{DryRun: cfg.DryRun, RunID: n.id, Topic: cfg.Topic, Group: cfg.Group, Target: cfg.Target.String(), Started: n.started, Reasons: map[string]int64{}}
	return n
}

func (n *run) close() {
	for _, f := range n.closers {
		f()
	}
}

// fail keeps the first error and stops the run.
func (n *run) fail(err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.err == nil {
		n.err = err
		n.stop(err)
	}
}

func (n *run) failure() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.err
}

// do prepares the run and works through generations until every partition held is at its end.
func (n *run) do(ctx context.Context) error {
	ctx, n.stop = context.WithCancelCause(ctx)
	defer n.stop(nil)
	if err := n.prepare(ctx); err != nil {
		return err
	}
	if n.ledger == nil && !n.cfg.Follow && n.nothing() {
		return nil
	}
	if n.cfg.DryRun {
		return n.dryRun(ctx)
	}
	group, err := kafka.NewConsumerGroup(kafka.ConsumerGroupConfig{
		ID: n.cfg.Group, Brokers: n.cfg.Brokers, Dialer: n.cfg.cluster().Dialer(), Topics: []string{n.cfg.Topic},
		SessionTimeout: n.cfg.SessionTimeout, RebalanceTimeout: n.cfg.RebalanceTimeout,
		HeartbeatInterval: min(3*time.Second, n.cfg.SessionTimeout/3), JoinGroupBackoff: 500 * time.Millisecond,
		StartOffset: kafka.FirstOffset, GroupBalancers: []kafka.GroupBalancer{kafka.RangeGroupBalancer{}},
	})
	if err != nil {
		return fmt.Errorf("dlq: group %s: %w", n.cfg.Group, err)
	}
	defer group.Close() //nolint:errcheck // it always returns nil

	failing := time.Time{}
	for first := true; ; first = false {
		gen, err := group.Next(ctx)
		if ctx.Err() != nil {
			return n.ended(ctx)
		}
		if err != nil {
			if failing.IsZero() {
				failing = time.Now()
			}
			if kwire.Denied(err) || time.Since(failing) > n.cfg.RetryTimeout {
				return fmt.Errorf("dlq: join group %s: %w", n.cfg.Group, err)
			}
			n.cfg.Logger.LogAttrs(ctx, logInfo, "joining the group failed, trying again", logErr(err))
			continue
		}
		failing = time.Time{}
		if !first {
			n.mu.Lock()
			n.report.Rebalances++
			n.mu.Unlock()
		}
		done := make(chan bool, 1)
		gen.Start(func(genCtx context.Context) {
			done <- n.generation(ctx, genCtx, gen)
			// The first function that returns ends the whole generation, so wait for it to be over.
			<-genCtx.Done()
		})
		select {
		case finished := <-done:
			if finished {
				return nil
			}
			if n.failure() != nil || ctx.Err() != nil {
				return n.ended(ctx)
			}
		case <-ctx.Done():
			<-done
			return n.ended(ctx)
		}
	}
}

// ended is why a run stopped before its end.
func (n *run) ended(ctx context.Context) error {
	if err := n.failure(); err != nil {
		return err
	}
	return context.Cause(ctx)
}

// nothing reports whether the frozen set is empty or done, so that no group has to be joined.
func (n *run) nothing() bool {
	for p, end := range n.ends {
		if max(n.committed[p], n.begins[p]) < end || n.committed[p] < 0 && end > n.begins[p] {
			return false
		}
	}
	for p, end := range n.ends {
		start := max(n.committed[p], n.begins[p])
		n.parts[p] = &PartitionReport{Partition: p, Start: start, Position: start, End: end}
		if c := n.committed[p]; c >= 0 && c < n.begins[p] {
			n.parts[p].Expired = n.begins[p] - c
		}
	}
	return true
}

// generation works on the partitions of one generation, and reports whether all of them are at their end.
func (n *run) generation(ctx, genCtx context.Context, gen *kafka.Generation) (finished bool) {
	work, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(genCtx, func() { cancel(kafka.ErrGenerationEnded) })()
	assigned := gen.Assignments[n.cfg.Topic]
	n.cfg.Logger.LogAttrs(ctx, logInfo, "generation", logInt("generation", int(gen.ID)), logInt("partitions", len(assigned)))
	workers := make([]*worker, 0, len(assigned))
	for _, a := range assigned {
		end, known := n.ends[a.ID]
		if n.cfg.Follow {
			end, known = math.MaxInt64, true
		}
		if !known { // younger than the run
			continue
		}
		workers = append(workers, &worker{run: n, gen: gen, partition: a.ID, end: end, committed: a.Offset})
	}
	err := n.takeOver(work, workers)
	if err == nil {
		err = n.loadLedger(work)
	}
	if err != nil {
		if work.Err() == nil {
			n.fail(err)
		}
		return false
	}
	n.canary.arm()
	var (
		wg   sync.WaitGroup
		left atomic.Int32
	)
	for _, w := range workers {
		wg.Go(func() {
			done, err := w.work(work)
			if !done {
				left.Add(1)
			}
			if err != nil {
				n.fail(err)
			}
		})
	}
	wg.Wait()
	return left.Load() == 0
}

// dryRun reads every partition without joining the group.
func (n *run) dryRun(ctx context.Context) error {
	if err := n.loadLedger(ctx); err != nil {
		return err
	}
	n.canary.arm()
	var wg sync.WaitGroup
	for p, end := range n.ends {
		w := &worker{run: n, partition: p, end: end, committed: n.committed[p]}
		wg.Go(func() {
			if _, err := w.work(ctx); err != nil {
				n.fail(err)
			}
		})
	}
	wg.Wait()
	return n.ended(ctx)
}

// loadLedger reads what earlier runs and other instances have done.
func (n *run) loadLedger(ctx context.Context) error {
	if n.ledger == nil {
		return nil
	}
	done := map[int]*offsetSet{}
	err := n.ledger.Load(ctx, n.cfg.Topic, func(e Entry) error {
		if e.Outcome == OutcomeLeft || e.Outcome == OutcomePending {
			return nil
		}
		if done[e.Partition] == nil {
			done[e.Partition] = &offsetSet{}
		}
		done[e.Partition].add(e.Offset)
		if e.OriginTopic != "" && e.Outcome != OutcomeDeferred {
			n.copies.claim(&Failure{Topic: e.OriginTopic, Partition: e.OriginPartition, Offset: e.OriginOffset, Connector: e.Connector}, e.Attempt, place{e.Partition, e.Offset})
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("dlq: ledger: %w", err)
	}
	n.done = done
	return nil
}

// finish settles what is unknown and fills the report.
func (n *run) finish(ctx context.Context, complete bool) Report {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), n.cfg.ShutdownTimeout)
	defer cancel()
	committed := map[int]int64{}
	if len(n.ends) > 0 {
		if c, err := n.offsets(ctx); err == nil {
			committed = c
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	for p := range n.unsure {
		c, known := committed[p]
		n.settle(p, c, known)
	}
	r := n.report
	r.Complete = complete
	r.Ended = time.Now()
	r.OtherConsumers = maps.Clone(n.others)
	maps.DeleteFunc(r.OtherConsumers, func(_ string, groups []string) bool { return len(groups) == 0 })
	for _, p := range slices.Sorted(maps.Keys(n.parts)) {
		r.Partitions = append(r.Partitions, *n.parts[p])
		r.Expired += n.parts[p].Expired
	}
	if n.cfg.Follow { // it has no end
		for i := range r.Partitions {
			r.Partitions[i].End = r.Partitions[i].Position
		}
		return r.tidy()
	}
	for p, end := range n.ends {
		at := max(n.begins[p], committed[p])
		if mine := n.parts[p]; mine != nil && n.ledger == nil {
			at = max(at, mine.Position)
		} else if mine != nil {
			at = mine.Position
		}
		r.Remaining += max(0, end-at)
	}
	return r.tidy()
}
