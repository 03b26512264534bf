package recovery_test

import (
	"context"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-reconnect/reconnect/connect"
	"github.com/go-reconnect/reconnect/internal/testutil"
	"github.com/go-reconnect/reconnect/recovery"
)

// disturbances takes workers and the broker away under a supervisor. Nothing that runs is restarted, nothing that stays FAILED is forgotten, and what a
// rebalance has revived is not counted. The short form has one of each kind.
func disturbances(t *testing.T, c *testutil.Cluster) {
	for _, d := range []struct {
		name  string
		long  bool // only in the long form
		moves bool // what was on the worker is started afresh
		do    func(t *testing.T, c *testutil.Cluster, w *testutil.Worker)
	}{
		{"a worker is killed", false, true, func(t *testing.T, _ *testutil.Cluster, w *testutil.Worker) {
			require.NoError(t, w.Kill(t.Context()))
			rest(t, 15*time.Second) // beyond the session timeout and the rebalance delay
			require.NoError(t, w.Start(t.Context()))
		}},
		{"a worker is stopped cleanly", true, true, func(t *testing.T, _ *testutil.Cluster, w *testutil.Worker) {
			require.NoError(t, w.Stop(t.Context()))
			rest(t, 8*time.Second)
			require.NoError(t, w.Start(t.Context()))
		}},
		{"the workers are restarted one after the other", true, true, func(t *testing.T, c *testutil.Cluster, _ *testutil.Worker) {
			for _, w := range c.Workers() {
				require.NoError(t, w.Stop(t.Context()))
				require.NoError(t, w.Start(t.Context()))
			}
		}},
		{"the broker is restarted", false, false, func(t *testing.T, c *testutil.Cluster, _ *testutil.Worker) {
			require.NoError(t, c.Broker().Stop(t.Context()))
			require.NoError(t, c.Broker().Start(t.Context()))
		}},
		{"the broker is paused", true, false, func(t *testing.T, c *testutil.Cluster, _ *testutil.Worker) {
			require.NoError(t, c.Broker().Pause(t.Context()))
			rest(t, 15*time.Second)
			require.NoError(t, c.Broker().Unpause(t.Context()))
			require.NoError(t, c.Broker().WaitReady(t.Context()))
		}},
	} {
		if d.long && !testutil.Soaking() {
			continue
		}
		t.Run(d.name, func(t *testing.T) { disturb(t, c, d.moves, d.do) })
	}
}

func rest(t *testing.T, d time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	<-ctx.Done()
}

func disturb(t *testing.T, c *testutil.Cluster, moves bool, do func(*testing.T, *testutil.Cluster, *testutil.Worker)) {
	prefix := c.ConnectorName(t, "disturbed")
	names := func(s string) string { return prefix + "-" + s }
	dir := func(s string) string { return path.Join(testutil.SharedDir, names(s)) }
	add := func(s string, there bool) *connect.Client {
		if there {
			require.NoError(t, c.Worker(0).Mkdir(t.Context(), dir(s)))
		}
		return create(t, c, names(s), fileSink(c.TopicName(t, s), dir(s)))
	}
	healthy := []string{"well-0", "well-1", "well-2", "well-3"}
	var client *connect.Client
	for _, s := range healthy {
		client = add(s, true)
	}
	add("revived", false)
	state := func(s string) (connect.State, string) {
		st, err := client.GetStatus(t.Context(), names(s))
		if err != nil || len(st.Tasks) != 1 {
			return "", ""
		}
		return st.Tasks[0].State, st.Tasks[0].WorkerID
	}
	is := func(s string, want connect.State) func() bool {
		return func() bool {
			have, _ := state(s)
			return have == want
		}
	}
	// The one that a rebalance may revive is never due by itself, any other soon.
	patient := quick
	patient.RestartDelay, patient.MaxDelay, patient.Window = time.Hour, time.Hour, 24*time.Hour
	w := watch(t, c, recovery.Config{Include: []string{prefix + "-*"}, PolicyFor: func(name string) (recovery.Policy, bool) { return patient, name == names("revived") }})
	for _, s := range healthy {
		w.until(time.Minute, s+" runs", is(s, connect.StateRunning))
	}
	w.until(time.Minute, "the failure", is("revived", connect.StateFailed))
	w.start()
	w.until(time.Minute, "the supervisor believes the failure", func() bool { return w.kinds(recovery.EventFailed, names("revived")) == 1 })
	require.NoError(t, c.Worker(0).Mkdir(t.Context(), dir("revived")))
	_, at := state("revived")
	add("during", false) // fails while everything goes down
	for _, worker := range c.Workers() {
		if worker.ID() == at {
			do(t, c, worker)
		}
	}
	require.NoError(t, c.Worker(0).Mkdir(t.Context(), dir("during")))
	for _, s := range append(healthy, "during") {
		w.until(2*time.Minute, s+" runs after it", is(s, connect.StateRunning))
	}
	if moves {
		w.until(time.Minute, "a rebalance has revived it", is("revived", connect.StateRunning))
	}
	// What fails now is restarted as ever.
	add("after", false)
	w.until(2*time.Minute, "the first restart", func() bool { return w.sent(names("after")) > 0 })
	require.NoError(t, c.Worker(0).Mkdir(t.Context(), dir("after")))
	w.until(2*time.Minute, "it runs", is("after", connect.StateRunning))

	revived := is("revived", connect.StateRunning)()
	if revived {
		w.until(2*time.Minute, "the supervisor sees that it was revived", func() bool { return w.kinds(recovery.EventRecovered, names("revived")) == 1 })
	}
	for _, s := range healthy {
		assert.Zero(t, w.sent(names(s)), "%s was restarted although it ran", s)
	}
	assert.Zero(t, w.sent(names("revived")))
	counted := 0
	for _, h := range w.s.Snapshot() {
		counted += h.Restarts
		switch strings.TrimPrefix(h.Name, prefix+"-") {
		case "revived":
			assert.Zero(t, h.Restarts, "not ours")
			assert.Empty(t, h.LastOutcome, "neither our success nor our failure")
		case "during", "after":
			assert.LessOrEqual(t, h.Restarts, w.sent(h.Name), "only what was sent counts")
		default:
			assert.Zero(t, h.Restarts, h.Name)
		}
	}
	assert.Empty(t, w.box.events, "nobody was needed")
	t.Logf("revived by a rebalance: %v; restarts sent: %d during it, %d after it, %d counted", revived, w.sent(names("during")), w.sent(names("after")), counted)
}
