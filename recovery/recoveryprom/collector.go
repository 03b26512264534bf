package recoveryprom

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/go-reconnect/reconnect/recovery"
)

// The defaults of zero Options.
const (
	DefaultMaxConnectors = 2000
	DefaultMaxTasks      = 64
)

// Options bounds the number of series. Its zero value is usable.
type Options struct {
	// MaxConnectors is how many connectors have series of their own; those that are not healthy come first. Defaults to 2,000.
	MaxConnectors int
	// MaxTasks is how many tasks of one connector have series of their own; those that are not RUNNING come first. Defaults to 64.
	MaxTasks int
}

// Register registers a collector for s with the default Options. Supervisors of several clusters can be registered side by side; a second one of the
// same cluster is a prometheus.AlreadyRegisteredError.
func Register(reg prometheus.Registerer, s *recovery.Supervisor) error {
	if reg == nil {
		return errors.New("recoveryprom: Register: the Registerer is nil")
	}
	c, err := NewCollector(s, Options{})
	if err != nil {
		return err
	}
	if err := reg.Register(c); err != nil {
		return fmt.Errorf("recoveryprom: cluster %q: %w", s.Cluster(), err)
	}
	return nil
}

// NewCollector returns a collector for s, to be registered by the caller. It is safe for concurrent use.
func NewCollector(s *recovery.Supervisor, opts Options) (prometheus.Collector, error) {
	if s == nil {
		return nil, errors.New("recoveryprom: the Supervisor is nil")
	}
	if opts.MaxConnectors < 0 {
		return nil, fmt.Errorf("recoveryprom: Options.MaxConnectors is %d: use 1 or more, or zero for %d", opts.MaxConnectors, DefaultMaxConnectors)
	}
	if opts.MaxTasks < 0 {
		return nil, fmt.Errorf("recoveryprom: Options.MaxTasks is %d: use 1 or more, or zero for %d", opts.MaxTasks, DefaultMaxTasks)
	}
	return &collector{
		s: s, maxConnectors: cmp.Or(opts.MaxConnectors, DefaultMaxConnectors), maxTasks: cmp.Or(opts.MaxTasks, DefaultMaxTasks),
		d: newDescs(strings.ToValidUTF8(s.Cluster(), "\ufffd")),
	}, nil
}

type collector struct {
	s                       *recovery.Supervisor
	maxConnectors, maxTasks int
	d                       *descs
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range c.d.all {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	e := emitter{ch}
	c.cluster(e)
	// What another supervisor's leader knows is not known here, and what was known before the lead was lost is not true any more.
	leading := c.s.Leading()
	e.gauge(c.d.leader, truth(leading))
	omitted := 0
	if leading {
		all := c.s.Snapshot()
		c.phases(e, all)
		if len(all) > c.maxConnectors {
			slices.SortStableFunc(all, func(a, b recovery.ConnectorHealth) int { return rank(&a) - rank(&b) })
			omitted = len(all) - c.maxConnectors
			all = all[:c.maxConnectors]
		}
		for i := range all {
			c.connector(e, &all[i])
		}
	}
	e.gauge(c.d.omitted, float64(omitted))
}

// rank orders by how much somebody wants to see it.
func rank(h *recovery.ConnectorHealth) int {
	switch {
	case h.Phase == recovery.PhaseExhausted || h.Phase == recovery.PhaseHeld:
		return 0
	case h.Phase != recovery.PhaseHealthy && h.Phase != recovery.PhasePaused:
		return 1
	case h.Flapping || h.Stuck || h.NoProgress || h.Tasks == 0:
		return 2
	case h.Counts != (recovery.Counts{}):
		return 3
	}
	return 4
}

// cluster is what is known of the supervisor itself.
func (c *collector) cluster(e emitter) {
	st := c.s.Stats()
	e.gauge(c.d.lastPoll, seconds(st.LastSweep))
	e.ch <- prometheus.MustNewConstSummary(c.d.pollDuration, count(st.Sweeps+st.SweepErrors), st.SweepSeconds, nil)
	e.counter(c.d.pollErrors, st.SweepErrors)
	e.counter(c.d.storeErrors, st.StoreErrors)
	e.counter(c.d.notifications, st.Notified, "delivered")
	e.counter(c.d.notifications, st.NotifyErrors, "failed")
	e.counter(c.d.outcomes, st.Recovered, string(recovery.OutcomeRecovered))
	e.counter(c.d.outcomes, st.Relapsed, string(recovery.OutcomeRelapsed))
	e.counter(c.d.exhausted, st.Exhausted)
	e.counter(c.d.held, st.Held)
	for _, r := range deferrals {
		e.counter(c.d.deferred, st.Deferred[r], string(r))
		delete(st.Deferred, r)
	}
	for r, n := range st.Deferred {
		e.counter(c.d.deferred, n, string(r))
	}
	e.gauge(c.d.storms, float64(st.Storms))
	e.gauge(c.d.ghosts, float64(st.Ghosts))
}

func (c *collector) phases(e emitter, all []recovery.ConnectorHealth) {
	n := map[recovery.Phase]int{}
	for i := range all {
		n[all[i].Phase]++
	}
	for _, p := range phases {
		e.gauge(c.d.connectors, float64(n[p]), string(p))
	}
}

func (c *collector) connector(e emitter, h *recovery.ConnectorHealth) {
	name := strings.ToValidUTF8(h.Name, "\ufffd")
	for _, s := range states {
		e.gauge(c.d.connectorState, truth(string(h.ConnectorState) == s), name, s)
	}
	e.gauge(c.d.tasks, float64(h.Tasks), name)
	c.tasks(e, name, h)
	for _, p := range phases {
		e.gauge(c.d.phase, truth(h.Phase == p), name, string(p))
	}
	if h.Class != "" {
		e.gauge(c.d.failure, 1, name, string(h.Class))
	}
	e.counter(c.d.restarts, h.Counts.Accepted, name, string(recovery.AnswerAccepted))
	e.counter(c.d.restarts, h.Counts.Failed, name, string(recovery.AnswerFailed))
	e.counter(c.d.restarts, h.Counts.Unknown, name, string(recovery.AnswerUnknown))
	e.counter(c.d.restarts, h.Counts.Refused, name, string(recovery.AnswerRefused))
	e.counter(c.d.probes, h.Counts.Probes, name)
	left := float64(h.BudgetLeft)
	if h.BudgetLeft < 0 {
		left = math.Inf(1)
	}
	e.gauge(c.d.budgetLeft, left, name)
	if !h.NextAttempt.IsZero() {
		e.gauge(c.d.nextAttempt, seconds(h.NextAttempt), name)
	}
	e.gauge(c.d.flapping, truth(h.Flapping), name)
	e.gauge(c.d.stuck, truth(h.Stuck), name)
	e.gauge(c.d.noProgress, truth(h.NoProgress), name)
}

// tasks numbers the RUNNING ones as Connect does, from zero.
func (c *collector) tasks(e emitter, name string, h *recovery.ConnectorHealth) {
	left := c.maxTasks
	other := make(map[int]bool, len(h.TaskStates))
	emit := func(task int, state string) {
		left--
		id := strconv.Itoa(task)
		for _, s := range states {
			e.gauge(c.d.taskState, truth(state == s), name, id, s)
		}
	}
	for _, t := range h.TaskStates {
		if left > 0 && !other[t.Task] {
			emit(t.Task, string(t.State))
		}
		other[t.Task] = true
	}
	running := h.Tasks - len(h.TaskStates)
	for task := 0; running > 0 && left > 0; task++ {
		if !other[task] {
			running--
			emit(task, states[0])
		}
	}
}

type emitter struct{ ch chan<- prometheus.Metric }

func (e emitter) gauge(d *prometheus.Desc, v float64, labels ...string) {
	e.ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
}

func (e emitter) counter(d *prometheus.Desc, n int, labels ...string) {
	e.ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), labels...)
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func seconds(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1000
}

func count(n int) uint64 { return uint64(max(0, n)) }
