package recovery_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-reconnect/reconnect/connect"
	"github.com/go-reconnect/reconnect/connect/failure"
	"github.com/go-reconnect/reconnect/recovery"
)

type aliveFunc func(string) recovery.Reachability

func (f aliveFunc) Alive(_ context.Context, id string) (recovery.Reachability, error) {
	return f(id), nil
}

type progressFunc func([]string) (map[string]int64, error)

func (f progressFunc) Progress(_ context.Context, names []string) (map[string]int64, error) {
	return f(names)
}

func TestRunningOnADeadWorkerInformsOnceAndRestartsNothing(t *testing.T) {
	t.Parallel()
	for answer, want := range map[recovery.Reachability]int{recovery.ReachUnreachable: 1, recovery.ReachUnknown: 0, recovery.ReachReachable: 0} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld()
			w.add("a", 1)
			w.add("b", 1)
			g := newStage(t, w, recovery.Config{Workers: aliveFunc(func(string) recovery.Reachability { return answer })})
			g.run(9 * time.Minute)
			assert.Zero(t, g.kinds(recovery.EventGhost), "the rebalance is waited for")
			g.run(2 * time.Hour)
			assert.Equal(t, want, g.kinds(recovery.EventGhost))
			assert.Zero(t, w.count("restart"))
		})
	}
}

func TestHTTPWorkersCallGoneOnlyWhoHasAnsweredBefore(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }))
	id := strings.TrimPrefix(srv.URL, "http://")
	var h recovery.HTTPWorkers
	ask := func(id string) recovery.Reachability {
		r, err := h.Alive(t.Context(), id)
		require.NoError(t, err)
		return r
	}
	assert.Equal(t, recovery.ReachReachable, ask(id), "any answer is alive")
	srv.Close()
	assert.Equal(t, recovery.ReachUnreachable, ask(id))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	other := l.Addr().String()
	require.NoError(t, l.Close())
	assert.Equal(t, recovery.ReachUnknown, ask(other), "never seen from here")
	assert.Equal(t, recovery.ReachUnknown, ask("nonsense"))
	h.Complete = true
	assert.Equal(t, recovery.ReachUnreachable, ask(other))
}

func TestRunningWithoutProgressInforms(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		for _, n := range []string{"idle", "moves", "stands"} {
			w.add(n, 1)
		}
		n := int64(0)
		fail := false
		g := newStage(t, w, recovery.Config{Progress: progressFunc(func(names []string) (map[string]int64, error) {
			assert.Equal(t, []string{"idle", "moves", "stands"}, names)
			if fail = !fail; fail {
				return nil, errors.New("no broker")
			}
			n++
			return map[string]int64{"moves": n, "stands": 7}, nil
		})})
		g.run(2 * time.Hour)
		assert.Equal(t, 1, g.kinds(recovery.EventNoProgress))
		assert.Equal(t, 1, g.kinds(recovery.EventNoProgress, "stands"))
		assert.Zero(t, w.count("restart"))
	})
}

func TestZeroTasksInformsOnceAndRestartsNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.add("mm2", 0)
		store := recovery.NewMemoryStore()
		g := newStage(t, w, recovery.Config{Store: store})
		g.run(24 * time.Hour)
		assert.Equal(t, 1, g.kinds(recovery.EventZeroTasks))
		assert.Zero(t, w.count("restart"))
		assert.Equal(t, recovery.PhaseHealthy, g.phase("mm2"))
		entries, err := store.Load(t.Context())
		require.NoError(t, err)
		assert.Empty(t, entries)
	})
}

type reachFunc func(config map[string]string, d failure.Diagnosis) (recovery.Reachability, error)

func (f reachFunc) Reach(_ context.Context, _ string, config map[string]string, d failure.Diagnosis) (recovery.Reachability, error) {
	return f(config, d)
}

func TestAnOutageOfThreeDaysWithReachCostsOneRestartEach(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		start := time.Now()
		back := 72 * time.Hour
		up := func() bool { return time.Since(start) >= back }
		storm(w, 3, 2, "refused", up)
		g := newStage(t, w, recovery.Config{Diagnose: byText, Interval: time.Minute, Reach: reachFunc(func(config map[string]string, d failure.Diagnosis) (recovery.Reachability, error) {
			assert.Equal(t, "X", config["connector.class"])
			assert.Equal(t, failure.ClassConnection, d.Class)
			if up() {
				return recovery.ReachReachable, nil
			}
			return recovery.ReachUnreachable, nil
		})})
		g.run(back + time.Hour)
		for _, name := range []string{"c0000", "c0001", "c0002"} {
			require.Len(t, w.restarts(name), 1)
			assert.LessOrEqual(t, w.restarts(name)[0]-back, 2*time.Minute)
		}
		assert.Equal(t, 3, g.kinds(recovery.EventRecovered))
		assert.Zero(t, g.kinds(recovery.EventExhausted))
	})
}

func TestAReachProbeThatFailsOrHangsIsUnknown(t *testing.T) {
	t.Parallel()
	for name, probe := range map[string]reachFunc{
		"fails": func(map[string]string, failure.Diagnosis) (recovery.Reachability, error) {
			return recovery.ReachUnreachable, errors.New("x")
		},
		"says nonsense": func(map[string]string, failure.Diagnosis) (recovery.Reachability, error) { return "perhaps", nil },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld()
				w.add("a", 1)
				w.fail("a", 0, "refused")
				g := newStage(t, w, recovery.Config{Diagnose: byText, Reach: probe})
				g.run(30 * time.Minute)
				assert.Equal(t, 1, g.kinds(recovery.EventRecovered))
			})
		})
	}
}

// secret is put wherever a secret can be, and must come out nowhere.
const secret = "hunter2sentinel"

func TestNoSecretLeavesTheSupervisor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		for i, trace := range []string{
			"org.postgresql.util.PSQLException: FATAL: password authentication failed for user \"x\" password=" + secret + "\n\tat a.B.c(D.java:1)\n",
			"org.apache.kafka.common.config.ConfigException: Invalid value jdbc:postgresql://u:" + secret + "@db/x?password=" + secret + " for configuration connection.url\n\tat a.B.c(D.java:1)\n",
		} {
			name := string(rune('a' + i))
			w.add(name, 1).onRestart = always(trace)
			w.with(name, func(p *part) {
				p.config = connect.Config{"connection.password": secret, "connection.url": "jdbc:postgresql://u:" + secret + "@db/x"}
			})
			w.fail(name, 0, trace)
		}
		w.add("c", 1)
		w.fail("c", 0, "boom")
		w.refuse = func(string) error {
			return httpError(500, "Connector config {connection.password="+secret+", connector.class=X} is odd", connect.AppliedUnknown)
		}
		var logs bytes.Buffer
		store := recovery.NewMemoryStore()
		box := &inbox{}
		g := newStage(t, w, recovery.Config{
			Store: store, Diagnose: failure.Diagnose, Notifiers: []recovery.Notifier{box}, Logger: slog.New(slog.NewJSONHandler(&logs, &slog.HandlerOptions{Level: slog.LevelDebug})),
			Policy: recovery.Policy{MaxRestarts: 1},
		})
		g.run(2 * time.Hour)
		require.NotEmpty(t, g.events)
		entries, err := store.Load(t.Context())
		require.NoError(t, err)
		require.NotEmpty(t, entries)
		h := g.s.Handler(recovery.HandlerOptions{AllowAcknowledge: true})
		_, page := ask(h, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil))
		_, status := ask(h, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/?format=json", nil))
		var all strings.Builder
		for _, v := range []any{g.events, entries, box.events, g.s.Snapshot(), g.s.Stats()} {
			b, err := json.Marshal(v)
			require.NoError(t, err)
			all.Write(b)
		}
		assert.NotContains(t, all.String()+logs.String()+page+status, secret)
	})
}
