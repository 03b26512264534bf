package recovery_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-reconnect/reconnect/connect"
	"github.com/go-reconnect/reconnect/connect/connecttest"
	"github.com/go-reconnect/reconnect/recovery"
)

func acting(on recovery.ActOn) recovery.Policy { return recovery.Policy{ActOn: on} }

func TestZeroTasksIsActedOnOnlyWhereThePolicySaysSo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.add("mm2", 0).onRestart = nil
		w.add("orders", 0)
		w.with("orders", func(p *part) {
			p.onPlain = func() { p.tasks = []taskPart{{state: connect.StateRunning}} }
		})
		g := newStage(t, w, recovery.Config{PolicyFor: func(name string) (recovery.Policy, bool) {
			return acting(recovery.ActZeroTasks), name == "orders"
		}})
		g.run(9 * time.Minute)
		assert.Zero(t, w.count("restart"), "tasks may take a rebalance to come")
		g.run(time.Hour)
		assert.Len(t, w.restarts("orders"), 1)
		assert.Empty(t, w.restarts("mm2"))
		assert.Equal(t, []connect.RestartOptions{{}}, w.options("orders"), "the connector alone, which asks for tasks again")
		assert.Equal(t, 1, g.kinds(recovery.EventRecovered, "orders"))
		assert.Equal(t, recovery.PhaseHealthy, g.phase("orders"))
	})
}

func TestZeroTasksThatStayEndExhausted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.add("a", 0)
		p := acting(recovery.ActZeroTasks)
		p.ProbeEvery, p.MaxRestarts = -1, 3
		g := newStage(t, w, recovery.Config{Policy: p})
		g.run(24 * time.Hour)
		assert.Len(t, w.restarts("a"), 3)
		assert.Equal(t, recovery.PhaseExhausted, g.phase("a"))
		assert.Equal(t, 1, g.kinds(recovery.EventZeroTasks))
	})
}

func TestNoProgressIsActedOnTaskByTask(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		what  string
		typ   connect.ConnectorType
		on    recovery.ActOn
		tasks int // task restarts
	}{
		{"not by default", connect.TypeSink, 0, 0},
		{"not for zero tasks", connect.TypeSink, recovery.ActZeroTasks, 0},
		{"a sink", connect.TypeSink, recovery.ActNoProgress, 3},
		{"not a source", connect.TypeSource, recovery.ActNoProgress, 0},
		{"a source where that is allowed", connect.TypeSource, recovery.ActNoProgress | recovery.ActSources, 3},
	} {
		t.Run(row.what, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld()
				w.add("a", 3).typ = row.typ
				stands := true
				n := int64(0)
				w.with("a", func(p *part) {
					p.onRestart = func(int) (time.Duration, string) { stands = false; return -1, "" }
				})
				g := newStage(t, w, recovery.Config{Policy: acting(row.on), Progress: progressFunc(func([]string) (map[string]int64, error) {
					if !stands {
						n++
					}
					return map[string]int64{"a": n}, nil
				})})
				g.run(2 * time.Hour)
				assert.Equal(t, row.tasks, w.count("task"))
				assert.Zero(t, w.count("restart"), "the connector itself stays as it is")
				assert.Equal(t, 1, g.kinds(recovery.EventNoProgress))
				if row.tasks > 0 {
					assert.Equal(t, 1, g.kinds(recovery.EventProgress), "told that it moves again")
					assert.Equal(t, 1, g.kinds(recovery.EventRecovered))
					assert.Equal(t, recovery.PhaseHealthy, g.phase("a"))
				}
			})
		})
	}
}

func TestASinkThatNeverMovesEndsExhausted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.add("a", 1)
		p := acting(recovery.ActNoProgress)
		p.ProbeEvery, p.MaxRestarts = -1, 3
		g := newStage(t, w, recovery.Config{Policy: p, Progress: progressFunc(func([]string) (map[string]int64, error) { return map[string]int64{"a": 7}, nil })})
		g.run(24 * time.Hour)
		assert.Equal(t, 3, w.count("task"))
		assert.Equal(t, recovery.PhaseExhausted, g.phase("a"))
	})
}

func TestManyThatDoNotMoveGoByCanary(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		at := map[string]int64{}
		for i := range 100 {
			name := fmt.Sprintf("c%03d", i)
			w.add(name, 1)
			at[name] = 7
		}
		g := newStage(t, w, recovery.Config{Policy: acting(recovery.ActNoProgress), Progress: progressFunc(func([]string) (map[string]int64, error) { return at, nil })})
		g.run(25 * time.Minute)
		assert.LessOrEqual(t, w.count("task"), 6, "a restart that does not help is tried on few")
		assert.Equal(t, 1, g.kinds(recovery.EventStorm))
	})
}

// stalls is a Progress that judges by its own looks.
type stalls func(names []string) (map[string]recovery.Stall, error)

func (f stalls) Progress(context.Context, []string) (map[string]int64, error) {
	panic("a Staller is asked for stalls")
}

func (f stalls) Stalls(_ context.Context, names []string) (map[string]recovery.Stall, error) {
	return f(names)
}

func TestAStallIsJudgedByWhenItWasLookedAt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.add("old news", 1)
		w.add("stands", 1)
		began := time.Now()
		g := newStage(t, w, recovery.Config{Progress: stalls(func([]string) (map[string]recovery.Stall, error) {
			return map[string]recovery.Stall{
				"old news": {Since: began, Seen: began.Add(time.Minute), Waiting: 3},
				"stands":   {Since: began, Seen: time.Now(), Waiting: 12},
			}, nil
		})})
		g.run(4 * time.Minute)
		assert.Zero(t, g.kinds(recovery.EventNoProgress))
		g.run(2 * time.Hour)
		assert.Equal(t, 1, g.kinds(recovery.EventNoProgress), "what could not be looked at again is never a finding")
		for _, e := range g.events {
			if e.Kind == recovery.EventNoProgress {
				assert.Equal(t, "stands", e.Connector)
				assert.EqualValues(t, 12, e.Waiting)
				assert.Contains(t, e.Message, "12 records wait")
			}
		}
	})
}

func TestAGhostIsActedOnThroughTheConfigTopic(t *testing.T) {
	t.Parallel()
	for _, perTask := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld()
			w.add("a", 2)
			w.add("source", 1).typ = connect.TypeSource
			gone := true
			w.with("a", func(p *part) { p.onPlain = func() { gone = false } })
			g := newStage(t, w, recovery.Config{
				Policy: acting(recovery.ActGhost), PerTask: perTask,
				Workers: aliveFunc(func(string) recovery.Reachability {
					if gone {
						return recovery.ReachUnreachable
					}
					return recovery.ReachReachable
				}),
			})
			g.run(9 * time.Minute)
			assert.Empty(t, w.restarts("a"), "the rebalance is waited for")
			g.run(time.Hour)
			assert.Empty(t, w.restarts("source"))
			require.Len(t, w.restarts("a"), 1)
			if perTask {
				assert.Equal(t, []connect.RestartOptions{{}}, w.options("a"))
				assert.Equal(t, 2, w.count("task"))
			} else {
				assert.Equal(t, []connect.RestartOptions{{IncludeTasks: true}}, w.options("a"))
			}
			assert.Equal(t, 1, g.kinds(recovery.EventGhost))
			assert.Equal(t, 1, g.kinds(recovery.EventGhostOver))
			assert.Equal(t, 1, g.kinds(recovery.EventRecovered, "a"))
		})
	}
}

func TestOnAClusterZeroTasksComeBackByARestartOfTheConnector(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv, c := cluster(t, connecttest.Config{}, "http://worker-0")
		<-time.After(time.Minute)
		g := guide(t, c, recovery.Config{Policy: acting(recovery.ActZeroTasks | recovery.ActGhost | recovery.ActNoProgress)})
		g.run(2 * time.Hour)
		assert.Empty(t, restartRequests(srv), "nothing that is well is touched")
	})
}
