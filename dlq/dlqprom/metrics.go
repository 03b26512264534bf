package dlqprom

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/go-reconnect/reconnect/dlq"
)

// MaxConnectors bounds the connectors that are counted by name; a dead letter's headers can say anything.
const MaxConnectors = 200

// Other stands for the connectors beyond MaxConnectors. The label is empty for records without an error context.
const Other = "other"

// The results of a run.
const (
	ResultComplete   = "complete"   // read to its frozen end
	ResultIncomplete = "incomplete" // ended before, without an error
	ResultFailed     = "failed"     // ended by an error, a cancelled context included
)

var outcomes = []dlq.Outcome{
	dlq.OutcomeRepublished, dlq.OutcomeParked, dlq.OutcomeSkipped, dlq.OutcomeDeferred, dlq.OutcomeDuplicate, dlq.OutcomePending, dlq.OutcomeLeft,
}

// Metrics are the metrics of one dead letter queue and group. It is safe for concurrent use.
type Metrics struct {
	records, byConnector                         *prometheus.CounterVec
	runs                                         *prometheus.CounterVec
	expired, uncommitted, maybeTwice, rebalances prometheus.Counter
	done, total, remaining, lastRun              prometheus.Gauge

	dryRun bool

	mu         sync.Mutex
	run        string
	counted    map[dlq.Outcome]int64 // of that run
	connectors map[string]bool
}

// Register registers metrics for runs with cfg and makes cfg report to them. Call it before dlq.NewRepublisher, once per dead letter queue and group
// of a registry: a second time is a prometheus.AlreadyRegisteredError, and cfg is as it was then.
func Register(reg prometheus.Registerer, cfg *dlq.RepublisherConfig) (*Metrics, error) {
	switch {
	case reg == nil:
		return nil, errors.New("dlqprom: Register: the Registerer is nil")
	case cfg == nil:
		return nil, errors.New("dlqprom: Register: the RepublisherConfig is nil")
	case cfg.Topic == "":
		return nil, errors.New("dlqprom: Register: RepublisherConfig.Topic is empty; it is a label of every series")
	}
	m := newMetrics(cfg)
	all := metricSet{m.records, m.byConnector, m.runs, m.expired, m.uncommitted, m.maybeTwice, m.rebalances, m.done, m.total, m.remaining, m.lastRun}
	if err := reg.Register(all); err != nil {
		return nil, fmt.Errorf("dlqprom: %s: %w", cfg.Topic, err)
	}
	progress, audit := cfg.OnProgress, cfg.Audit
	cfg.OnProgress = func(p dlq.Progress) {
		m.progress(p)
		if progress != nil {
			progress(p)
		}
	}
	cfg.Audit = func(e dlq.Entry) {
		m.audit(e)
		if audit != nil {
			audit(e)
		}
	}
	return m, nil
}

func newMetrics(cfg *dlq.RepublisherConfig) *Metrics {
	labels := prometheus.Labels{"topic": cfg.Topic, "group": cfg.Group}
	counter := func(name, help string) prometheus.CounterOpts {
		return prometheus.CounterOpts{Name: "connect_dlq_" + name, Help: help, ConstLabels: labels}
	}
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Name: "connect_dlq_" + name, Help: help, ConstLabels: labels})
	}
	m := &Metrics{
		records:     prometheus.NewCounterVec(counter("records_total", "Dead letters by what became of them."), []string{"outcome"}),
		byConnector: prometheus.NewCounterVec(counter("connector_records_total", "Dead letters by the connector that wrote them and by what became of them."), []string{"connector", "outcome"}),
		runs:        prometheus.NewCounterVec(counter("runs_total", "Runs that have ended, by result."), []string{"result"}),
		expired:     prometheus.NewCounter(counter("expired_offsets_total", "Offsets that retention took from the topic before they were read.")),
		uncommitted: prometheus.NewCounter(counter("uncommitted_records_total", "Records written without the commit that belongs to them; they are read again.")),
		maybeTwice:  prometheus.NewCounter(counter("maybe_twice_records_total", "Records sent again because Kafka had lost the producer's state.")),
		rebalances:  prometheus.NewCounter(counter("rebalances_total", "Changes of the partitions that this instance holds.")),
		done:        gauge("done_offsets", "Offsets of the present or latest run that this instance is through with."),
		total:       gauge("total_offsets", "Offsets that the present or latest run has in the partitions of this instance."),
		remaining:   gauge("remaining_offsets", "Offsets that the latest run left uncommitted, over all partitions."),
		lastRun:     gauge("last_run_timestamp_seconds", "When the latest run ended, in Unix time; 0 before the first."),
		dryRun:      cfg.DryRun, counted: map[dlq.Outcome]int64{}, connectors: map[string]bool{},
	}
	for _, o := range outcomes {
		m.records.WithLabelValues(string(o))
	}
	for _, r := range []string{ResultComplete, ResultIncomplete, ResultFailed} {
		m.runs.WithLabelValues(r)
	}
	return m
}

// Done counts what a run's report says at its end; err is what Run returned.
func (m *Metrics) Done(r dlq.Report, err error) {
	m.count(r.RunID, r.Outcomes())
	m.expired.Add(float64(max(0, r.Expired)))
	m.uncommitted.Add(float64(max(0, r.Uncommitted)))
	m.maybeTwice.Add(float64(max(0, r.MaybeTwice)))
	m.rebalances.Add(float64(max(0, r.Rebalances)))
	m.remaining.Set(float64(r.Remaining))
	ended := r.Ended
	if ended.IsZero() {
		ended = time.Now()
	}
	m.lastRun.Set(float64(ended.UnixMilli()) / 1000)
	switch {
	case err != nil:
		m.runs.WithLabelValues(ResultFailed).Inc()
	case r.Complete:
		m.runs.WithLabelValues(ResultComplete).Inc()
	default:
		m.runs.WithLabelValues(ResultIncomplete).Inc()
	}
}

func (m *Metrics) progress(p dlq.Progress) {
	m.done.Set(float64(p.Done))
	m.total.Set(float64(p.Total))
	m.count(p.RunID, p.Outcomes)
}

// count adds what a run has done since it was last heard of: its own numbers are totals.
func (m *Metrics) count(run string, now map[dlq.Outcome]int64) {
	if m.dryRun {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if run != m.run {
		m.run = run
		clear(m.counted)
	}
	for o, n := range now {
		if more := n - m.counted[o]; more > 0 {
			m.records.WithLabelValues(string(o)).Add(float64(more))
			m.counted[o] = n
		}
	}
}

func (m *Metrics) audit(e dlq.Entry) {
	if m.dryRun {
		return
	}
	m.byConnector.WithLabelValues(m.connector(strings.ToValidUTF8(e.Connector, "\ufffd")), string(e.Outcome)).Inc()
}

// connector bounds the names.
func (m *Metrics) connector(name string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if name == "" || m.connectors[name] {
		return name
	}
	if len(m.connectors) >= MaxConnectors {
		return Other
	}
	// The record is gone when the caller goes on; the name would keep it alive.
	name = strings.Clone(name)
	m.connectors[name] = true
	return name
}

// metricSet is registered or refused as one.
type metricSet []prometheus.Collector

func (s metricSet) Describe(ch chan<- *prometheus.Desc) {
	for _, c := range s {
		c.Describe(ch)
	}
}

func (s metricSet) Collect(ch chan<- prometheus.Metric) {
	for _, c := range s {
		c.Collect(ch)
	}
}
