//go:build unix

package kafkastore_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-reconnect/reconnect/connect"
	"github.com/go-reconnect/reconnect/connect/connecttest"
	"github.com/go-reconnect/reconnect/internal/testutil"
)

// The named points at which a supervisor can be hit.
const (
	pointReserved = "reserved" // the reservation is committed, the supervisor does not know it yet, and has asked for nothing
	pointAsked    = "asked"    // the restart request has left the supervisor, Connect has not seen it
	pointAnswered = "answered" // Connect has carried it out, the supervisor does not know
)

// failed is a failure of a mortal connector.
type failed struct {
	name string
	at   time.Time
	done time.Time // its restart was asked for
}

// trap hits whoever comes to a point first.
type trap struct {
	point string
	hit   func(*twin)
	fired chan *twin
}

// twins are two supervisors of one Connect cluster, and what the world in front of that cluster sees of them.
type twins struct {
	t       *testing.T
	id      int
	topic   string
	connect *connecttest.Server
	kids    [2]*twin
	rng     *rand.Rand

	mu       sync.Mutex
	asked    map[string][]time.Time // restart requests that left a supervisor, by connector
	failures []*failed
	open     map[string]*failed
	trap     *trap
	traces   int
	tally    map[string]int
	ended    bool
	wake     chan string // a flapping connector was restarted
	hits     []time.Time // when a fault began
	made     int         // doomed connectors so far
}

func newTwins(t *testing.T, id int, broker, topic, dir string) *twins {
	t.Helper()
	tw := &twins{
		t: t, id: id, topic: topic, connect: connecttest.NewServer(connecttest.Config{Errorf: t.Errorf}), asked: map[string][]time.Time{}, open: map[string]*failed{},
		tally: map[string]int{}, wake: make(chan string, 100), rng: rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), uint64(id))),
	}
	t.Cleanup(tw.connect.Close)
	tw.connect.OnRestart(func(name string, _ int) string {
		if !strings.HasPrefix(name, doomedName) {
			return ""
		}
		return tw.trace(tw.odds(0.7))
	})
	for i := range tw.kids {
		front := testutil.NewProxy(t, strings.TrimPrefix(tw.connect.URL(), "http://"))
		w := newTwin(t, i, broker, front.URL(), topic, filepath.Join(dir, fmt.Sprintf("pair-%d-supervisor-%d.log", id, i)))
		tw.kids[i] = w
		restart := func(r testutil.Request) bool { _, ok := restartOf(r); return ok }
		front.OnRequest(restart, func(r testutil.Request) {
			tw.request(r)
			tw.at(pointAsked, w)
		})
		front.OnResponse(restart, func(testutil.Request) { tw.at(pointAnswered, w) })
		w.wire.OnRequest(testutil.Kafka(0), func(r testutil.Request) {
			if bytes.Contains(r.Body, []byte(`"phase":"restarting"`)) {
				w.mu.Lock()
				w.reserve = true
				w.mu.Unlock()
			}
		})
		w.wire.OnResponse(testutil.Kafka(26), func(testutil.Request) {
			w.mu.Lock()
			was := w.reserve
			w.reserve = false
			w.mu.Unlock()
			if was {
				tw.at(pointReserved, w)
			}
		})
	}
	return tw
}

func (tw *twins) odds(p float64) bool {
	tw.mu.Lock()
	defer tw.mu.Unlock()
	return tw.rng.Float64() < p
}

func (tw *twins) between(from, to time.Duration) time.Duration {
	tw.mu.Lock()
	defer tw.mu.Unlock()
	return from + time.Duration(tw.rng.Int64N(int64(to-from)))
}

func (tw *twins) pick(n int) int {
	tw.mu.Lock()
	defer tw.mu.Unlock()
	return tw.rng.IntN(n)
}

// trace is a failure, one of its own or one that looks as the last.
func (tw *twins) trace(fresh bool) string {
	tw.mu.Lock()
	defer tw.mu.Unlock()
	if fresh {
		tw.traces++
	}
	return fmt.Sprintf("org.apache.kafka.connect.errors.ConnectException: boom %d\n\tat org.apache.kafka.connect.runtime.WorkerTask.run(WorkerTask.java:%d)", tw.traces, tw.traces)
}

// request counts what has left a supervisor.
func (tw *twins) request(r testutil.Request) {
	name, _ := restartOf(r)
	now := time.Now()
	tw.mu.Lock()
	defer tw.mu.Unlock()
	tw.asked[name] = append(tw.asked[name], now)
	if f := tw.open[name]; f != nil {
		f.done = now
		delete(tw.open, name)
	}
	if strings.HasPrefix(name, flapsName) {
		select {
		case tw.wake <- name:
		default:
		}
	}
}

// at springs the trap, if it is one for this point.
func (tw *twins) at(point string, w *twin) {
	tw.mu.Lock()
	tr := tw.trap
	if tr == nil || tr.point != point {
		tw.mu.Unlock()
		return
	}
	tw.trap = nil
	tw.mu.Unlock()
	w.mu.Lock()
	w.note(point)
	w.mu.Unlock()
	tr.hit(w)
	tr.fired <- w
}

// set arms a trap.
func (tw *twins) set(tr *trap) {
	tw.mu.Lock()
	defer tw.mu.Unlock()
	tw.trap = tr
}

func (tw *twins) add(name string) {
	tw.connect.AddConnector(name, map[string]string{
		"connector.class": "org.apache.kafka.connect.file.FileStreamSinkConnector", "tasks.max": "1", "topics": "t", "file": "/tmp/" + name,
	})
}

// fail lets a mortal connector fail that runs, and accounts for it.
func (tw *twins) fail(name string) {
	tw.mu.Lock()
	if tw.open[name] != nil || tw.ended {
		tw.mu.Unlock()
		return
	}
	tw.mu.Unlock()
	trace := tw.trace(true)
	tw.mu.Lock()
	f := &failed{name: name, at: time.Now()}
	tw.open[name] = f
	tw.failures = append(tw.failures, f)
	tw.mu.Unlock()
	tw.connect.FailTask(name, 0, trace)
}

// doom adds one more connector that nothing helps.
func (tw *twins) doom() {
	tw.mu.Lock()
	tw.made++
	name := fmt.Sprintf("%s%d", doomedName, tw.made)
	tw.mu.Unlock()
	tw.add(name)
	tw.connect.FailTask(name, 0, tw.trace(true))
}

// revive makes a flapping connector run by itself, as a rebalance does.
func (tw *twins) revive(name string) { tw.connect.SetTaskState(name, 0, connect.StateRunning) }

func (tw *twins) count(what string) {
	tw.mu.Lock()
	defer tw.mu.Unlock()
	tw.tally[what]++
}

// requests is a copy of what was asked for.
func (tw *twins) requests() map[string][]time.Time {
	tw.mu.Lock()
	defer tw.mu.Unlock()
	out := map[string][]time.Time{}
	for name, at := range tw.asked {
		out[name] = append([]time.Time(nil), at...)
	}
	return out
}
