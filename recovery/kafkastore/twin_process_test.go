//go:build unix

package kafkastore_test

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-reconnect/reconnect/internal/testutil"
)

// span is a stretch of time.
type span struct{ from, to time.Time }

// twin is one supervisor process and the only ways that it has to the broker and to Connect.
type twin struct {
	t             *testing.T
	id            int
	job           string
	broker, front *gate           // the way to the broker, and to Connect
	wire          *testutil.Proxy // before the broker: tells of reservations
	log           *os.File

	mu      sync.Mutex
	cmd     *exec.Cmd
	stdin   io.WriteCloser
	ready   bool
	frozen  bool
	killed  bool
	since   time.Time // alive and connected since; zero when not
	good    []span    // alive and connected, what is over
	told    []string  // events
	reserve bool      // a reservation is being written
	wg      sync.WaitGroup
}

func newTwin(t *testing.T, id int, brokerAddr, connectURL, topic, logFile string) *twin {
	t.Helper()
	w := &twin{t: t, id: id, wire: testutil.NewProxy(t, brokerAddr)}
	w.broker, w.front = newGate(t, w.wire.Addr()), newGate(t, strings.TrimPrefix(connectURL, "http://"))
	job, err := json.Marshal(twinJob{Connect: "http://" + w.front.addr, Broker: w.broker.addr, Topic: topic})
	require.NoError(t, err)
	w.job = string(job)
	w.log, err = os.OpenFile(logFile, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	require.NoError(t, err)
	t.Cleanup(func() {
		w.kill()
		w.wg.Wait()
		assert.NoError(t, w.log.Close())
	})
	return w
}

// start makes a new process.
func (w *twin) start() {
	w.mu.Lock()
	defer w.mu.Unlock()
	exe, err := os.Executable()
	if !assert.NoError(w.t, err) {
		return
	}
	cmd := exec.Command(exe, "-test.run=^$")
	cmd.Env = append(os.Environ(), twinEnv+"="+w.job)
	in, err := cmd.StdinPipe()
	if !assert.NoError(w.t, err) {
		return
	}
	out, err := cmd.StdoutPipe()
	if !assert.NoError(w.t, err) {
		return
	}
	cmd.Stderr = w.log
	if !assert.NoError(w.t, cmd.Start()) {
		return
	}
	w.cmd, w.stdin, w.ready, w.frozen, w.killed = cmd, in, false, false, false
	w.wg.Go(func() {
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			w.said(cmd, lines.Text())
		}
		err := cmd.Wait()
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.cmd == cmd && !w.killed {
			w.t.Errorf("supervisor %d ended by itself: %v", w.id, err)
		}
	})
}

func (w *twin) said(cmd *exec.Cmd, line string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, _ = w.log.WriteString(time.Now().Format("15:04:05.000 ") + line + "\n")
	if w.cmd != cmd {
		return
	}
	if line == "ready" {
		w.ready = true
		w.account()
	}
	if strings.HasPrefix(line, "event ") {
		w.told = append(w.told, line)
	}
}

// account is called with mu held after anything has changed.
func (w *twin) account() {
	w.broker.mu.Lock()
	open := w.broker.mode == gateOpen
	w.broker.mu.Unlock()
	w.front.mu.Lock()
	open = open && w.front.mode == gateOpen
	w.front.mu.Unlock()
	well, now := w.ready && !w.frozen && !w.killed && open, time.Now()
	switch {
	case well && w.since.IsZero():
		w.since = now
	case !well && !w.since.IsZero():
		w.good = append(w.good, span{w.since, now})
		w.since = time.Time{}
	}
}

func (w *twin) note(text string) {
	_, _ = w.log.WriteString(time.Now().Format("15:04:05.000 ") + "== " + text + "\n")
}

func (w *twin) signal(sig syscall.Signal) {
	if w.cmd != nil && w.cmd.Process != nil {
		_ = w.cmd.Process.Signal(sig)
	}
}

// kill ends the process as a power failure does.
func (w *twin) kill() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.killed || w.cmd == nil {
		return
	}
	w.note("killed")
	w.killed = true
	w.account()
	w.signal(syscall.SIGKILL)
}

// freeze stops the process where it is; thaw lets it go on, and it does not know.
func (w *twin) freeze() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.note("frozen")
	w.frozen = true
	w.account()
	w.signal(syscall.SIGSTOP)
}

func (w *twin) thaw() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.note("thawed")
	w.signal(syscall.SIGCONT)
	w.frozen = false
	w.account()
}

// shut sets a gate of the twin.
func (w *twin) shut(g *gate, mode string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if mode != gateOpen {
		w.note("cut off, " + mode)
	} else {
		w.note("connected")
	}
	g.set(mode)
	w.account()
}

// heard says whether any life of the twin has told of an event.
func (w *twin) heard(prefix string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, line := range w.told {
		if strings.HasPrefix(line, prefix) {
			return true
		}
	}
	return false
}

// spans are the stretches in which the twin was alive and connected.
func (w *twin) spans(now time.Time) []span {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := append([]span(nil), w.good...)
	if !w.since.IsZero() {
		out = append(out, span{w.since, now})
	}
	return out
}

// restartOf is the connector that a request asks to restart.
func restartOf(r testutil.Request) (string, bool) {
	rest, ok := strings.CutPrefix(r.Path, "/connectors/")
	name, tail, _ := strings.Cut(rest, "/")
	return name, ok && r.Method == http.MethodPost && strings.HasSuffix(tail, "restart")
}
