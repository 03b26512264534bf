package recoverysim

import (
	"context"
	"fmt"
	"io"
	"iter"
	"net/http"
	"slices"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/go-reconnect/reconnect/connect"
	"github.com/go-reconnect/reconnect/connect/failure"
	"github.com/go-reconnect/reconnect/recovery"
)

// Fleet is one fault that meets many connectors, and the cluster, at once.
type Fleet struct {
	Name              string
	Length            time.Duration
	Connectors, Tasks int
	Class             failure.Class
	Advice            failure.Advice
	// Back is when a restart begins to help; before it every start fails at once. Zero means that nothing has failed, negative that none ever helps.
	Back time.Duration
	// Poisoned is how many connectors, the first by name, no restart ever helps.
	Poisoned int
	// Acknowledge makes a person acknowledge the cause when it is over.
	Acknowledge bool
	// Fingerprints is how many different fingerprints the connectors fail with; zero means one.
	Fingerprints int
	// Cluster, if set, says what the whole cluster does at a time: Moving makes every instance UNASSIGNED and refuses restarts, Broken breaks every other request.
	Cluster func(at time.Duration) Weather
}

// Weather is the state of the whole cluster.
type Weather struct{ Moving, Broken bool }

// FleetResult is what the Supervisor did with a Fleet.
type FleetResult struct {
	Fleet                     string
	Connectors                int
	Restarts                  int // requests that Connect took
	Starts                    int // tasks that they started; each one is a log-in, a connection, a snapshot
	Recovered                 int // RUNNING for good at the end, of those that had failed
	Beyond                    int // connectors that nothing helps
	Mean, Worst               time.Duration
	FalseGiveUps              int // told that a person is needed, and it was not so
	Notifications, MostAtOnce int // messages to people; restart requests under way at once
}

// Fleets returns the faults that meet many connectors.
func Fleets() []Fleet {
	outage := func(name string, n, fingerprints, poisoned int) Fleet {
		return Fleet{
			Name: name, Length: 75 * time.Minute, Connectors: n, Tasks: 1, Class: failure.ClassConnection, Advice: failure.AdviceAfterRecovery, Back: 10 * time.Minute,
			Fingerprints: fingerprints, Poisoned: poisoned,
		}
	}
	return []Fleet{
		outage("storm of 1,000, 10 min", 1000, 1, 0),
		outage("storm of 300 with 300 fingerprints, 10 min", 300, 300, 0),
		outage("storm of 300, the first canaries poisoned", 300, 1, 3),
		{
			Name: "expired password, 30 connectors x 4 tasks, 8 h", Length: 24 * time.Hour, Connectors: 30, Tasks: 4, Class: failure.ClassAuthentication, Advice: failure.AdviceAfterChange,
			Back: 8 * time.Hour, Acknowledge: true,
		},
		{
			Name: "rolling upgrade of the workers", Length: 3 * time.Hour, Connectors: 100, Tasks: 4,
			Cluster: func(at time.Duration) Weather { // three workers, one after the other
				return Weather{Moving: at > 10*time.Minute && at < 55*time.Minute && at%(15*time.Minute) < 4*time.Minute}
			},
		},
		{
			Name: "load balancer that flaps for 1 h", Length: 3 * time.Hour, Connectors: 100, Tasks: 4,
			Cluster: func(at time.Duration) Weather { return Weather{Broken: at > 10*time.Minute && at < 70*time.Minute} },
		},
	}
}

// PlayFleet runs a Supervisor with the config against the fault. It takes as long as the fault does, so play it inside a testing/synctest bubble, where a day
// takes a moment. Cluster, Store, Diagnose and OnEvent of the config are its own.
func PlayFleet(ctx context.Context, f Fleet, cfg recovery.Config) (FleetResult, error) {
	w := newFleetWorld(f)
	res := FleetResult{Fleet: f.Name, Connectors: f.Connectors, Beyond: f.Poisoned}
	teller := &counter{}
	cfg.Diagnose, cfg.Store, cfg.OnEvent = w.diagnose, nil, nil
	cfg.Notifiers = append(slices.Clone(cfg.Notifiers), teller)
	s, err := recovery.New(w, cfg)
	if err != nil {
		return res, err
	}
	ctx, cancel := context.WithTimeout(ctx, f.Length)
	defer cancel()
	if f.Acknowledge {
		stop := time.AfterFunc(f.Back, func() {
			for _, h := range s.Snapshot() {
				if h.Fingerprint != "" {
					_ = s.AcknowledgeFingerprint(ctx, h.Fingerprint) // a person finds out from the page
					return
				}
			}
		})
		defer stop.Stop()
	}
	if err := s.Run(ctx); err != nil {
		return res, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	res.Restarts, res.Starts, res.MostAtOnce, res.Notifications = w.restarts, w.starts, w.most, teller.n
	var sum time.Duration
	for _, h := range s.Snapshot() {
		m := w.members[h.Name]
		beyond := m.number < f.Poisoned
		if f.Back > 0 && !beyond && !slices.Contains(m.down, true) {
			res.Recovered++
			took := m.upAt.Sub(w.began.Add(f.Back))
			sum += took
			res.Worst = max(res.Worst, took)
		}
		if (h.Phase == recovery.PhaseExhausted || h.Phase == recovery.PhaseHeld) && !beyond && f.Back >= 0 {
			res.FalseGiveUps++
		}
	}
	if res.Recovered > 0 {
		res.Mean = sum / time.Duration(res.Recovered)
	}
	return res, nil
}

// WriteFleets prints the results as a table.
func WriteFleets(w io.Writer, results []FleetResult) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(t, "fault\tconnectors\trestarts\ttask starts\trecovered\tmean recovery\tworst\tfalse give-ups\tmessages")
	for _, r := range results {
		recovered, mean, worst := "-", "-", "-"
		if r.Recovered > 0 {
			recovered, mean, worst = fmt.Sprintf("%d of %d", r.Recovered, r.Connectors-r.Beyond), span(r.Mean), span(r.Worst)
		}
		_, _ = fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%s\t%s\t%s\t%d\t%d\n", r.Fleet, r.Connectors, r.Restarts, r.Starts, recovered, mean, worst, r.FalseGiveUps, r.Notifications)
	}
	return t.Flush()
}

type counter struct{ n int }

// Notify counts.
func (c *counter) Notify(context.Context, recovery.Event) error {
	c.n++
	return nil
}

// fleetWorld is the cluster that a Fleet is played on.
type fleetWorld struct {
	f     Fleet
	began time.Time

	mu               sync.Mutex
	names            []string
	members          map[string]*member
	restarts, starts int
	under, most      int
	requests         int
}

type member struct {
	number int
	down   []bool
	upAt   time.Time
}

func newFleetWorld(f Fleet) *fleetWorld {
	w := &fleetWorld{f: f, began: time.Now(), members: map[string]*member{}}
	for i := range f.Connectors {
		name := fmt.Sprintf("connector-%04d", i)
		m := &member{number: i, down: make([]bool, f.Tasks)}
		for t := range m.down {
			m.down[t] = f.Back != 0
		}
		w.names, w.members[name] = append(w.names, name), m
	}
	return w
}

func (w *fleetWorld) diagnose(trace string) failure.Diagnosis {
	return failure.Diagnosis{Class: w.f.Class, Restart: w.f.Advice, Fingerprint: trace, Summary: "a simulated fault"}
}

func (w *fleetWorld) weather() Weather {
	if w.f.Cluster == nil {
		return Weather{}
	}
	return w.f.Cluster(time.Since(w.began))
}

// reach answers like a balancer whose every other worker is away.
func (w *fleetWorld) reach(ctx context.Context) error {
	w.requests++
	if w.weather().Broken && w.requests%2 == 0 {
		return fmt.Errorf("%w: %w", connect.ErrUnavailable, &connect.Error{Method: http.MethodGet, Path: "/connectors", StatusCode: http.StatusBadGateway, Message: "bad gateway"})
	}
	return ctx.Err()
}

func (w *fleetWorld) status(name string) connect.ConnectorStatus {
	m, moving := w.members[name], w.weather().Moving
	up := connect.InstanceStatus{State: connect.StateRunning, WorkerID: "w:8083"}
	if moving {
		up.State = connect.StateUnassigned
	}
	st := connect.ConnectorStatus{Name: name, Type: connect.TypeSink, Connector: up}
	for i, down := range m.down {
		in := up
		if down {
			in = connect.InstanceStatus{State: connect.StateFailed, WorkerID: "w:8083", Trace: fmt.Sprintf("trace %d", m.number%max(w.f.Fingerprints, 1))}
		}
		st.Tasks = append(st.Tasks, connect.TaskStatus{ID: connect.TaskID{Connector: name, Task: i}, InstanceStatus: in})
	}
	return st
}

// ListConnectors implements recovery.Connect.
func (w *fleetWorld) ListConnectors(ctx context.Context) ([]string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.names, w.reach(ctx)
}

// Statuses implements recovery.Connect.
func (w *fleetWorld) Statuses(ctx context.Context) iter.Seq2[connect.ConnectorStatus, error] {
	return func(yield func(connect.ConnectorStatus, error) bool) {
		w.mu.Lock()
		defer w.mu.Unlock()
		broken := w.reach(ctx)
		for i, name := range w.names {
			if broken != nil && i == len(w.names)/2 {
				yield(connect.ConnectorStatus{}, broken) // it breaks off in the middle
				return
			}
			if !yield(w.status(name), nil) {
				return
			}
		}
	}
}

// GetStatus implements recovery.Connect.
func (w *fleetWorld) GetStatus(ctx context.Context, name string) (*connect.ConnectorStatus, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.reach(ctx); err != nil {
		return nil, err
	}
	st := w.status(name)
	return &st, nil
}

// GetConfig implements recovery.Connect.
func (w *fleetWorld) GetConfig(ctx context.Context, _ string) (connect.Config, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return connect.Config{"connector.class": "Simulated"}, w.reach(ctx)
}

// Restart implements recovery.Connect.
func (w *fleetWorld) Restart(ctx context.Context, name string, _ connect.RestartOptions) (*connect.RestartPlan, error) {
	return &connect.RestartPlan{Name: name}, w.restart(ctx, name, -1)
}

// RestartTask implements recovery.Connect.
func (w *fleetWorld) RestartTask(ctx context.Context, id connect.TaskID) error {
	return w.restart(ctx, id.Connector, id.Task)
}

func (w *fleetWorld) restart(ctx context.Context, name string, task int) error {
	w.mu.Lock()
	w.under++
	w.most = max(w.most, w.under)
	w.mu.Unlock()
	t := time.NewTimer(50 * time.Millisecond) // what a worker takes
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.under--
	if w.weather().Moving {
		return fmt.Errorf("%w: %w", connect.ErrRebalancing, &connect.Error{Method: http.MethodPost, StatusCode: http.StatusConflict, Message: "stale configuration", Applied: connect.AppliedNo})
	}
	if err := w.reach(ctx); err != nil {
		return err
	}
	m := w.members[name]
	w.restarts++
	helps := w.f.Back > 0 && time.Since(w.began) >= w.f.Back && m.number >= w.f.Poisoned
	for i := range m.down {
		if m.down[i] && (task < 0 || task == i) {
			w.starts++
			if helps {
				m.down[i], m.upAt = false, time.Now()
			}
		}
	}
	return nil
}
