package connecttest

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// Task is what a task body is given.
type Task struct {
	// Connector is the connector's name, Task the number of the task.
	Connector string
	Task      int
	// Config is the task's config: a copy, the body's own.
	Config map[string]string
	// WorkerID is the advertised address of the worker that runs the task, `worker-0:8083`.
	WorkerID string
	// Attempt counts the starts of this task in the life of its connector, from 1.
	Attempt int

	server *Server
}

// ID is the task's name in Kafka's logs and client ids, `orders-sink-0`.
func (t Task) ID() string { return t.Connector + "-" + strconv.Itoa(t.Task) }

// plugin is one class on the workers' plugin path.
type plugin struct {
	class, kind, version string
	// run is the task body; nil is a task that runs and does nothing.
	run func(ctx context.Context, t Task) error
	// startConnector and startTask return the trace of a start that fails, buildTask that of a task that cannot be built.
	startConnector, startTask, buildTask func(s *Server, cfg *javaMap) string
	// watch is the connector's own thread; a returned error is raiseError.
	watch func(ctx context.Context, cfg *javaMap) error
	// tasks is how many task configs the connector makes of tasks.max; nil is as many.
	tasks func(tasksMax int) int
	// keys are the plugin's own config keys.
	keys []configKey
	// offsets says how the connector takes an alteration of its offsets.
	offsets  offsetRules
	location string
}

func (p *plugin) connector() bool { return p.kind == "sink" || p.kind == "source" }

// simpleName is Class.getSimpleName, alias Kafka's pruned name.
func (p *plugin) simpleName() string { return p.class[strings.LastIndexAny(p.class, ".")+1:] }

func (p *plugin) alias() string {
	name := p.simpleName()
	for _, suffix := range []string{"Connector", "Transformation", "Converter", "HeaderConverter"} {
		if s, ok := strings.CutSuffix(name, suffix); ok && s != "" && p.kind != "transformation" {
			return s
		}
	}
	return name
}

func (p *plugin) matches(name string) bool {
	return name == p.class || name == p.simpleName() || name == p.alias()
}

func (p *plugin) taskConfigs(cfg *javaMap) []*javaMap {
	n, err := strconv.Atoi(strings.TrimSpace(cfg.get("tasks.max")))
	if err != nil || n < 1 {
		n = 1
	}
	if p.tasks != nil {
		n = p.tasks(n)
	}
	out := make([]*javaMap, n)
	one := withTaskClass(cfg, p.class)
	for i := range out {
		out[i] = one
	}
	return out
}

// RegisterPlugin puts a connector class on every worker's plugin path. typ is "sink" or "source".
//
// run is the body of every task of that class and is called once for each start of a task, each in its own goroutine.
// ctx ends when the task is stopped: by stop, pause, restart, delete, a changed config, a rebalance, the death of its
// worker or [Server.Close]. What happens then:
//
//   - A returned error while ctx lives fails the task: FAILED, with the error's text as the trace.
//   - A nil return while ctx lives leaves the task RUNNING with nothing to do, as a source without more data is: a real
//     task has no way to end by itself without failing.
//   - Whatever is returned after ctx has ended is ignored, as it is of a task that was told to stop.
//   - A panic fails the task with the panic's text and the functions it passed as the trace; so does runtime.Goexit.
//
// The worker waits Config.ShutdownTimeout for a body to return after its ctx has ended; then it goes on without it,
// as task.shutdown.graceful.timeout.ms makes a real worker do, and the body runs on as a zombie.
//
// A nil run is a task that runs and does nothing. Registering a class again replaces it for the tasks that start afterwards.
func (s *Server) RegisterPlugin(class, typ string, run func(ctx context.Context, t Task) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if class == "" || (typ != "sink" && typ != "source") {
		s.misuse("RegisterPlugin: want a class and the type %q or %q, got class %q and type %q", "sink", "source", class, typ)
		return
	}
	s.addPlugin(&plugin{class: class, kind: typ, version: s.cfg.Version, run: run, location: "classpath"})
}

func (s *Server) addPlugin(p *plugin) {
	at := slices.IndexFunc(s.plugins, func(q *plugin) bool { return q.class == p.class && q.kind == p.kind })
	if at >= 0 {
		s.plugins[at] = p
	} else {
		s.plugins = append(s.plugins, p)
	}
	if !p.connector() {
		return
	}
	for _, name := range []string{p.class, p.simpleName(), p.alias()} {
		if q := s.classes[name]; q == nil || q.class == p.class || name == p.class {
			s.classes[name] = p
		}
	}
}

// connectorPlugin finds a connector class by its full name, simple name or alias.
func (s *Server) connectorPlugin(class string) *plugin { return s.classes[class] }

// callBody runs a task body and hands every way out to end, as a trace; "" is a nil return.
func callBody(ctx context.Context, run func(context.Context, Task) error, t Task, end func(trace string)) {
	trace := "the task body called runtime.Goexit" // what is left when neither a return nor a panic ends it
	defer func() {
		if v := recover(); v != nil {
			trace = fmt.Sprintf("panic: %v%s", v, panicFrames())
		}
		end(trace)
	}()
	err := run(ctx, t)
	switch {
	case err == nil:
		trace = ""
	case err.Error() == "":
		trace = fmt.Sprintf("%T", err)
	default:
		trace = err.Error()
	}
}

// panicFrames is the stack as Java prints one. It holds no addresses and no goroutine number, so the traces of two
// failures of one cause are equal, as they are on a real worker.
func panicFrames() string {
	pc := make([]uintptr, 64)
	frames := runtime.CallersFrames(pc[:runtime.Callers(3, pc)])
	var b strings.Builder
	for {
		f, more := frames.Next()
		if f.Function != "" && !strings.HasPrefix(f.Function, "runtime.") {
			fmt.Fprintf(&b, "\n\tat %s(%s:%d)", f.Function, f.File[strings.LastIndexByte(f.File, '/')+1:], f.Line)
		}
		if !more {
			return b.String()
		}
	}
}
