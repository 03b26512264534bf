package recovery_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-reconnect/reconnect/connect"
	"github.com/go-reconnect/reconnect/connect/connecttest"
	"github.com/go-reconnect/reconnect/recovery"
)

// cluster is a fake Connect cluster with a sink of two tasks whose body idles, and a client of it, inside a bubble.
func cluster(t *testing.T, cfg connecttest.Config, hosts ...string) (*connecttest.Server, *connect.Client) {
	t.Helper()
	cfg.Errorf = t.Errorf
	srv := connecttest.NewServer(cfg)
	t.Cleanup(srv.Close)
	srv.RegisterPlugin("example.Sink", "sink", func(ctx context.Context, _ connecttest.Task) error {
		<-ctx.Done()
		return nil
	})
	for _, name := range []string{"orders", "other"} {
		srv.AddConnector(name, map[string]string{"connector.class": "example.Sink", "topics": "t", "tasks.max": "2"})
	}
	c, err := connect.NewClient(hosts[0], connect.WithWorkers(hosts[1:]...), connect.WithHTTPClient(&http.Client{Transport: srv.RoundTripper()}))
	require.NoError(t, err)
	return srv, c
}

// restartRequests counts what Connect was asked to restart, by connector.
func restartRequests(srv *connecttest.Server) map[string]int {
	out := map[string]int{}
	for _, r := range srv.Requests() {
		if r.Method == http.MethodPost && strings.HasSuffix(r.Path, "/restart") {
			out[strings.Split(strings.Trim(r.Path, "/"), "/")[1]]++
		}
	}
	return out
}

// guide runs a supervisor over a client.
func guide(t *testing.T, c recovery.Connect, cfg recovery.Config) *stage {
	t.Helper()
	g := &stage{t: t}
	cfg.OnEvent = func(e recovery.Event) {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.events = append(g.events, e)
	}
	var err error
	g.s, err = recovery.New(c, cfg)
	require.NoError(t, err)
	return g
}

func TestOnAClusterAFailedTaskComesBack(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]connecttest.Config{
		"of the newest version": {},
		"of two workers":        {Workers: 2},
		"that takes its time":   {Settle: 20 * time.Second},
		"older than 3.0":        {Version: "2.8.1"},
		"with KAFKA-13719":      {Version: "3.1.0"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				srv, c := cluster(t, cfg, "http://worker-0")
				<-time.After(time.Minute)
				srv.FailTask("orders", 1, "org.apache.kafka.connect.errors.ConnectException: boom")
				g := guide(t, c, recovery.Config{})
				g.run(30 * time.Minute)
				assert.Equal(t, map[string]int{"orders": 1}, restartRequests(srv))
				assert.Equal(t, 1, g.kinds(recovery.EventRecovered))
				assert.Equal(t, recovery.PhaseHealthy, g.phase("orders"))
			})
		})
	}
}

func TestBehindALoadBalancerThatLagsOneRestartIsEnough(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv, c := cluster(t, connecttest.Config{Workers: 3, Balanced: true, StatusLag: []time.Duration{0, 10 * time.Second, 25 * time.Second}}, "http://"+connecttest.BalancedHost)
		<-time.After(time.Minute)
		srv.FailTask("orders", 1, "org.apache.kafka.connect.errors.ConnectException: boom")
		g := guide(t, c, recovery.Config{Interval: 5 * time.Second})
		g.run(time.Hour)
		assert.Equal(t, map[string]int{"orders": 1}, restartRequests(srv))
		assert.Equal(t, 1, g.kinds(recovery.EventRecovered))
	})
}

func TestAKilledWorkerNeedsNoRestart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv, c := cluster(t, connecttest.Config{Workers: 2}, "http://worker-0")
		g := guide(t, c, recovery.Config{})
		g.run(time.Minute)
		srv.KillWorker(1)
		g.run(20 * time.Minute)
		assert.Empty(t, restartRequests(srv))
		assert.Zero(t, g.kinds(recovery.EventFailed))
		assert.Equal(t, recovery.PhaseHealthy, g.phase("orders"))
	})
}

func TestATaskThatFailsDuringARebalanceIsRestartedAfterIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv, c := cluster(t, connecttest.Config{}, "http://worker-0")
		<-time.After(time.Minute)
		srv.FailTask("orders", 0, "boom")
		srv.Rebalance(4 * time.Minute)
		store := recovery.NewMemoryStore()
		g := guide(t, c, recovery.Config{Store: store})
		g.run(30 * time.Minute)
		assert.Equal(t, recovery.PhaseHealthy, g.phase("orders"))
		entries, err := store.Load(t.Context())
		require.NoError(t, err)
		for _, e := range entries {
			assert.LessOrEqual(t, e.State.Restarts.Len(), 1, "refusals of the rebalance are given back")
		}
	})
}

func TestPausedConnectorsAreLeftAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv, c := cluster(t, connecttest.Config{}, "http://worker-0")
		<-time.After(time.Minute)
		srv.FailTask("orders", 0, "boom")
		require.NoError(t, c.Pause(t.Context(), "orders"))
		require.NoError(t, c.Stop(t.Context(), "other"))
		g := guide(t, c, recovery.Config{})
		g.run(24 * time.Hour)
		assert.Empty(t, restartRequests(srv))
		assert.Empty(t, g.events)
		assert.Equal(t, recovery.PhasePaused, g.phase("orders"))
		assert.Equal(t, recovery.PhasePaused, g.phase("other"))
	})
}
