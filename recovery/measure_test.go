package recovery_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-reconnect/reconnect/connect"
	"github.com/go-reconnect/reconnect/connect/connecttest"
	"github.com/go-reconnect/reconnect/recovery"
)

// shown is a connector as Snapshot shows it, or nil.
func shown(s *recovery.Supervisor, name string) *recovery.ConnectorHealth {
	for _, h := range s.Snapshot() {
		if h.Name == name {
			return &h
		}
	}
	return nil
}

func TestWhatMetricsNeedIsMeasured(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv, c := cluster(t, connecttest.Config{}, "http://worker-0")
		<-time.After(time.Minute)
		maintenance := true
		box := &inbox{}
		g := guide(t, c, recovery.Config{
			Cluster: "c", Policy: recovery.Policy{FailureThreshold: 1, RestartDelay: time.Second, Jitter: -1},
			Maintenance: func(name string, _ time.Time) bool { return maintenance && name == "orders" },
			Notifiers:   []recovery.Notifier{box},
			Notify:      recovery.NotifyOptions{Kinds: []recovery.EventKind{recovery.EventFailed}},
		})
		assert.Equal(t, "c", g.s.Cluster())
		assert.True(t, g.s.Leading())
		assert.Equal(t, recovery.DefaultMaxRestarts, g.s.Policy().MaxRestarts)
		srv.FailTask("orders", 0, "java.net.ConnectException: Connection refused")
		srv.SetTaskState("other", 1, connect.StateUnassigned)
		g.run(5 * time.Minute)
		orders := shown(g.s, "orders")
		require.NotNil(t, orders)
		assert.Equal(t, connect.StateRunning, orders.ConnectorState, "the connector itself runs")
		assert.Equal(t, []recovery.TaskState{{Task: 0, State: connect.StateFailed}}, orders.TaskStates)
		assert.Equal(t, []recovery.TaskState{{Task: 1, State: connect.StateUnassigned}}, shown(g.s, "other").TaskStates)
		assert.Equal(t, map[recovery.Reason]int{recovery.ReasonMaintenance: 1}, g.s.Stats().Deferred, "one wait is counted once")
		g.run(20 * time.Minute)
		assert.True(t, shown(g.s, "other").Stuck)
		srv.SetTaskState("other", 1, connect.StateRunning)
		maintenance = false
		g.run(20 * time.Minute)
		assert.Equal(t, recovery.Counts{Accepted: 1}, shown(g.s, "orders").Counts)
		assert.Equal(t, len(box.events), g.s.Stats().Notified)
		g.run(7 * time.Hour)
		assert.Equal(t, recovery.PhaseHealthy, shown(g.s, "orders").Phase)
		assert.Equal(t, recovery.Counts{Accepted: 1}, shown(g.s, "orders").Counts, "what was counted outlives the failure")
		assert.Empty(t, shown(g.s, "orders").TaskStates)

		require.NoError(t, c.DeleteConnector(t.Context(), "orders"))
		g.run(5 * time.Minute)
		assert.Nil(t, shown(g.s, "orders"), "a deleted connector is not shown")
	})
}

func TestWhatDoesNotMoveAndWhoIsGoneIsShownUntilItChanges(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.add("orders", 1)
		at, alive := int64(7), recovery.ReachUnreachable
		g := newStage(t, w, recovery.Config{
			Progress: progressFunc(func([]string) (map[string]int64, error) { return map[string]int64{"orders": at}, nil }),
			Workers:  aliveFunc(func(string) recovery.Reachability { return alive }),
		})
		g.run(15 * time.Minute)
		assert.True(t, shown(g.s, "orders").NoProgress)
		assert.Equal(t, 1, g.s.Stats().Ghosts)
		at, alive = 8, recovery.ReachReachable
		g.run(3 * time.Minute)
		assert.False(t, shown(g.s, "orders").NoProgress)
		assert.Zero(t, g.s.Stats().Ghosts)
	})
}
