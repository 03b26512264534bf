package recovery_test

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-reconnect/reconnect/connect"
	"github.com/go-reconnect/reconnect/connect/failure"
	"github.com/go-reconnect/reconnect/recovery"
)

// world is a Connect cluster reduced to what a Supervisor asks of it. Faults are functions of time, so that a synctest bubble plays days in a moment.
type world struct {
	mu         sync.Mutex
	start      time.Time
	connectors map[string]*part
	calls      map[string]int

	// refuse, if set, answers a restart instead of the world.
	refuse func(name string) error
	// listErr and statusErr break a sweep.
	listErr   func() error
	statusErr func() error
	configErr func() error
	list      func(names []string) []string
	inFlight  int
	maxFlight int
	slow      time.Duration
}

// part is one connector.
type part struct {
	typ       connect.ConnectorType
	state     connect.State
	trace     string
	worker    string
	tasks     []taskPart
	config    connect.Config
	restarts  []time.Time
	taskCalls []time.Time
	// onRestart says how a restarted task fares: how long it runs before it fails with the trace; a negative time means for good.
	onRestart func(task int) (runs time.Duration, trace string)
	onPlain   func() // after a restart that does not ask for onlyFailed
	opts      []connect.RestartOptions
	hidden    bool // no status
}

type taskPart struct {
	state connect.State
	trace string
	dies  time.Time
	next  string
}

func newWorld() *world {
	return &world{start: time.Now(), connectors: map[string]*part{}, calls: map[string]int{}}
}

// add makes a sink with n RUNNING tasks that a restart always fixes.
func (w *world) add(name string, n int) *part {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := &part{typ: connect.TypeSink, state: connect.StateRunning, worker: "w1:8083", config: connect.Config{"connector.class": "X", "tasks.max": strconv.Itoa(n)}}
	p.onRestart = func(int) (time.Duration, string) { return -1, "" }
	for range n {
		p.tasks = append(p.tasks, taskPart{state: connect.StateRunning})
	}
	w.connectors[name] = p
	return p
}

func (w *world) fail(name string, task int, trace string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.connectors[name].tasks[task] = taskPart{state: connect.StateFailed, trace: trace}
}

func (w *world) with(name string, f func(p *part)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f(w.connectors[name])
}

func (w *world) restarts(name string) []time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []time.Duration
	for _, at := range w.connectors[name].restarts {
		out = append(out, at.Sub(w.start))
	}
	return out
}

func (w *world) options(name string) []connect.RestartOptions {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.connectors[name].opts)
}

func (w *world) count(call string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.calls[call]
}

func (w *world) status(name string, p *part) connect.ConnectorStatus {
	now := time.Now()
	st := connect.ConnectorStatus{Name: name, Type: p.typ, Connector: connect.InstanceStatus{State: p.state, WorkerID: p.worker, Trace: p.trace}}
	for i := range p.tasks {
		t := &p.tasks[i]
		if t.state == connect.StateRunning && !t.dies.IsZero() && !now.Before(t.dies) {
			*t = taskPart{state: connect.StateFailed, trace: t.next}
		}
		st.Tasks = append(st.Tasks, connect.TaskStatus{ID: connect.TaskID{Connector: name, Task: i}, InstanceStatus: connect.InstanceStatus{State: t.state, WorkerID: p.worker, Trace: t.trace}})
	}
	return st
}

func (w *world) ListConnectors(ctx context.Context) ([]string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls["list"]++
	if w.listErr != nil {
		if err := w.listErr(); err != nil {
			return nil, err
		}
	}
	var names []string
	for name := range w.connectors {
		names = append(names, name)
	}
	slices.Sort(names)
	if w.list != nil {
		names = w.list(names)
	}
	return names, ctx.Err()
}

func (w *world) Statuses(context.Context) iter.Seq2[connect.ConnectorStatus, error] {
	return func(yield func(connect.ConnectorStatus, error) bool) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.calls["statuses"]++
		var names []string
		for name, p := range w.connectors {
			if !p.hidden {
				names = append(names, name)
			}
		}
		slices.Sort(names)
		if w.list != nil {
			names = w.list(names)
		}
		for i, name := range names {
			if w.statusErr != nil && i == len(names)/2 {
				if err := w.statusErr(); err != nil {
					yield(connect.ConnectorStatus{}, err)
					return
				}
			}
			if !yield(w.status(name, w.connectors[name]), nil) {
				return
			}
		}
	}
}

func (w *world) GetStatus(_ context.Context, name string) (*connect.ConnectorStatus, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls["status"]++
	p := w.connectors[name]
	if p == nil {
		return nil, httpError(http.StatusNotFound, "No status found for connector "+name, connect.AppliedNo)
	}
	st := w.status(name, p)
	return &st, nil
}

func (w *world) GetConfig(_ context.Context, name string) (connect.Config, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls["config"]++
	return w.connectors[name].config, nil
}

// Connectors streams the configs, as *connect.Client does.
func (w *world) Connectors(context.Context) iter.Seq2[connect.Connector, error] {
	return func(yield func(connect.Connector, error) bool) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.calls["configs"]++
		if w.configErr != nil {
			if err := w.configErr(); err != nil {
				yield(connect.Connector{}, err)
				return
			}
		}
		for name, p := range w.connectors {
			if !yield(connect.Connector{Name: name, Type: p.typ, Config: p.config}, nil) {
				return
			}
		}
	}
}

func (w *world) Restart(ctx context.Context, name string, opts connect.RestartOptions) (*connect.RestartPlan, error) {
	if err := w.enter(ctx, "restart"); err != nil {
		return nil, err
	}
	defer w.leave()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.refuse != nil {
		if err := w.refuse(name); err != nil {
			return nil, err
		}
	}
	p := w.connectors[name]
	p.restarts, p.opts = append(p.restarts, time.Now()), append(p.opts, opts)
	if p.onPlain != nil && !opts.OnlyFailed {
		p.onPlain()
	}
	plan := &connect.RestartPlan{Name: name}
	if p.state == connect.StateFailed {
		plan.Connector = true
		w.revive(p, -1)
	}
	st := w.status(name, p)
	for i := range p.tasks {
		if opts.IncludeTasks && (p.tasks[i].state == connect.StateFailed || !opts.OnlyFailed) {
			plan.Tasks = append(plan.Tasks, connect.TaskID{Connector: name, Task: i})
			w.revive(p, i)
		}
	}
	plan.Status = &st
	return plan, nil
}

func (w *world) RestartTask(ctx context.Context, id connect.TaskID) error {
	if err := w.enter(ctx, "task"); err != nil {
		return err
	}
	defer w.leave()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.refuse != nil {
		if err := w.refuse(id.Connector); err != nil {
			return err
		}
	}
	p := w.connectors[id.Connector]
	p.taskCalls = append(p.taskCalls, time.Now())
	w.revive(p, id.Task)
	return nil
}

func (w *world) revive(p *part, task int) {
	runs, trace := p.onRestart(task)
	if task < 0 {
		if runs < 0 {
			p.state, p.trace = connect.StateRunning, ""
		}
		return
	}
	switch {
	case runs < 0:
		p.tasks[task] = taskPart{state: connect.StateRunning}
	case runs == 0:
		p.tasks[task] = taskPart{state: connect.StateFailed, trace: trace}
	default:
		p.tasks[task] = taskPart{state: connect.StateRunning, dies: time.Now().Add(runs), next: trace}
	}
}

func (w *world) enter(ctx context.Context, call string) error {
	w.mu.Lock()
	w.calls[call]++
	w.inFlight++
	w.maxFlight = max(w.maxFlight, w.inFlight)
	slow := w.slow
	w.mu.Unlock()
	if slow > 0 {
		select {
		case <-time.After(slow):
		case <-ctx.Done():
			w.leave()
			return ctx.Err()
		}
	}
	return nil
}

func (w *world) leave() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.inFlight--
}

// httpError is an error as the client makes it: it matches the sentinel of its status.
func httpError(code int, message string, applied connect.Applied) error {
	err := &connect.Error{Method: http.MethodPost, Path: "/x", StatusCode: code, Code: code, Message: message, Applied: applied}
	for status, sentinel := range map[int]error{401: connect.ErrUnauthorized, 403: connect.ErrForbidden, 404: connect.ErrNotFound, 409: connect.ErrRebalancing} {
		if status == code {
			return fmt.Errorf("%w: %w", sentinel, err)
		}
	}
	return err
}

// stage is a supervisor over a world, inside a synctest bubble.
type stage struct {
	t      *testing.T
	w      *world
	s      *recovery.Supervisor
	mu     sync.Mutex
	events []recovery.Event
}

func newStage(t *testing.T, w *world, cfg recovery.Config) *stage {
	t.Helper()
	g := &stage{t: t, w: w}
	if cfg.Diagnose == nil {
		cfg.Diagnose = diagnosis(failure.ClassUnknown, failure.AdviceUnknown)
	}
	next := cfg.OnEvent
	cfg.OnEvent = func(e recovery.Event) {
		g.mu.Lock()
		g.events = append(g.events, e)
		g.mu.Unlock()
		if next != nil {
			next(e)
		}
	}
	var err error
	g.s, err = recovery.New(w, cfg)
	require.NoError(t, err)
	return g
}

// run lets the supervisor run for a time and waits until it has stopped.
func (g *stage) run(d time.Duration) {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(g.t.Context(), d)
	defer cancel()
	require.NoError(g.t, g.s.Run(ctx))
	synctest.Wait()
}

func (g *stage) kinds(kind recovery.EventKind, names ...string) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := 0
	for _, e := range g.events {
		if e.Kind == kind && (len(names) == 0 || slices.Contains(names, e.Connector)) {
			n++
		}
	}
	return n
}

func (g *stage) phase(name string) recovery.Phase {
	for _, h := range g.s.Snapshot() {
		if h.Name == name {
			return h.Phase
		}
	}
	return ""
}
