package recovery_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-reconnect/reconnect/connect"
	"github.com/go-reconnect/reconnect/connect/failure"
	"github.com/go-reconnect/reconnect/recovery"
)

func TestSupervisorRestartsAFailedTaskAndReportsItsRecovery(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.add("orders", 3)
		w.add("other", 2)
		w.fail("orders", 1, "boom")
		g := newStage(t, w, recovery.Config{})
		g.run(30 * time.Minute)
		require.Len(t, w.restarts("orders"), 1)
		assert.LessOrEqual(t, w.restarts("orders")[0], 2*time.Minute, "within twice RestartDelay")
		assert.Empty(t, w.restarts("other"))
		assert.Equal(t, 1, g.kinds(recovery.EventFailed))
		assert.Equal(t, 1, g.kinds(recovery.EventRestart))
		assert.Equal(t, 1, g.kinds(recovery.EventRecovered))
		assert.Equal(t, recovery.PhaseHealthy, g.phase("orders"))
		st := g.s.Stats()
		assert.Equal(t, 1, st.Restarts)
		assert.Equal(t, 1, st.Recovered)
		assert.Equal(t, map[recovery.Phase]int{recovery.PhaseHealthy: 2}, st.Phases)
		for _, e := range g.events {
			if e.Kind == recovery.EventRestart {
				assert.Equal(t, []int{1}, e.Tasks)
				assert.Equal(t, []int{1}, e.Planned)
				assert.Equal(t, recovery.AnswerAccepted, e.Answer)
				assert.Equal(t, recovery.DefaultMaxRestarts-1, e.BudgetLeft)
			}
		}
	})
}

func TestSupervisorMakesAConstantNumberOfRequests(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		for i := range 50 {
			w.add(string(rune('a'+i%26))+string(rune('a'+i/26)), 2)
		}
		g := newStage(t, w, recovery.Config{})
		g.run(10*time.Minute - time.Second)
		assert.Equal(t, 20, w.count("list"))
		assert.Equal(t, 20, w.count("statuses"))
		assert.Zero(t, w.count("status"))
		assert.Zero(t, w.count("config"))
	})
}

func TestSupervisorEndsAFlapperExhausted(t *testing.T) {
	t.Parallel()
	for name, ran := range map[string]time.Duration{"dies at start": 0, "dies after 5 minutes": 5 * time.Minute, "dies after 30 minutes": 30 * time.Minute} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld()
				p := w.add("orders", 1)
				p.onRestart = func(int) (time.Duration, string) { return ran, "boom" }
				w.fail("orders", 0, "boom")
				g := newStage(t, w, recovery.Config{Policy: recovery.Policy{ProbeEvery: -1}})
				g.run(48 * time.Hour)
				assert.Len(t, w.restarts("orders"), recovery.DefaultMaxRestarts)
				assert.Equal(t, recovery.PhaseExhausted, g.phase("orders"))
				assert.Equal(t, 1, g.kinds(recovery.EventExhausted))
			})
		})
	}
}

func TestTheBudgetSurvivesARestartOfTheSupervisor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.add("orders", 1).onRestart = func(int) (time.Duration, string) { return 0, "boom" }
		w.fail("orders", 0, "boom")
		store := recovery.NewMemoryStore()
		for range 200 {
			g := newStage(t, w, recovery.Config{Store: store, Policy: recovery.Policy{ProbeEvery: -1}})
			g.run(13 * time.Minute)
		}
		assert.Len(t, w.restarts("orders"), recovery.DefaultMaxRestarts)
	})
}

func TestPauseDisableAndConfigChangeDoNotWipeTheCounter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.add("orders", 1).onRestart = func(int) (time.Duration, string) { return 0, "boom" }
		w.fail("orders", 0, "boom")
		store := recovery.NewMemoryStore()
		policy := recovery.Policy{ProbeEvery: -1, KeepLatch: true}
		g := newStage(t, w, recovery.Config{Store: store, Policy: policy})
		g.run(time.Hour)
		n := len(w.restarts("orders"))
		require.NotZero(t, n)
		w.with("orders", func(p *part) { p.state = connect.StatePaused; p.config["x"] = "y" })
		g.run(10 * time.Minute)
		assert.Len(t, w.restarts("orders"), n)
		w.with("orders", func(p *part) { p.state = connect.StateRunning })
		newStage(t, w, recovery.Config{Store: store, Policy: policy, Exclude: []string{"ord*"}}).run(10 * time.Minute)
		assert.Len(t, w.restarts("orders"), n)
		newStage(t, w, recovery.Config{Store: store, Policy: policy}).run(24 * time.Hour)
		assert.Len(t, w.restarts("orders"), recovery.DefaultMaxRestarts)
	})
}

func TestARefusalIsGivenBackAndAnOpenAnswerIsNot(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		err    error
		answer recovery.Answer
		counts bool
	}{
		"409 rebalance":                 {httpError(409, "stale configuration", connect.AppliedNo), recovery.AnswerRefused, false},
		"401":                           {httpError(401, "User cannot access the resource.", connect.AppliedNo), recovery.AnswerRefused, false},
		"404":                           {httpError(404, "Unknown connector: orders", connect.AppliedNo), recovery.AnswerRefused, false},
		"403":                           {httpError(403, "", connect.AppliedNo), recovery.AnswerForbidden, false},
		"500 IO error while forwarding": {httpError(500, "IO Error trying to forward REST request", connect.AppliedUnknown), recovery.AnswerUnknown, true},
		"500 Request timed out":         {httpError(500, "Request timed out", connect.AppliedUnknown), recovery.AnswerUnknown, true},
		"502":                           {httpError(502, "Bad Gateway", connect.AppliedUnknown), recovery.AnswerUnknown, true},
		"504":                           {httpError(504, "Gateway Timeout", connect.AppliedUnknown), recovery.AnswerUnknown, true},
		"an unparsable 202":             {httpError(202, "unexpected end of JSON input", connect.AppliedYes), recovery.AnswerUnknown, true},
		"500 Failed to start connector": {httpError(500, "Failed to start connector: orders", connect.AppliedUnknown), recovery.AnswerUnknown, true},
		"500 Failed to start task":      {httpError(500, "Failed to start task: orders-0", connect.AppliedYes), recovery.AnswerFailed, true},
		"a connection that broke":       {errors.New("EOF"), recovery.AnswerUnknown, true},
		"the request's own time-out":    {context.DeadlineExceeded, recovery.AnswerUnknown, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld()
				w.add("orders", 1)
				w.fail("orders", 0, "boom")
				w.refuse = func(string) error { return row.err }
				store := recovery.NewMemoryStore()
				g := newStage(t, w, recovery.Config{Store: store})
				g.run(100 * time.Second)
				require.Equal(t, 1, w.count("restart"))
				for _, e := range g.events {
					if e.Kind == recovery.EventRestart {
						assert.Equal(t, row.answer, e.Answer)
					}
				}
				entries, err := store.Load(t.Context())
				require.NoError(t, err)
				require.Len(t, entries, 1)
				want := 0
				if row.counts {
					want = 1
				}
				assert.Equal(t, want, entries[0].State.Restarts.Len())
			})
		})
	}
}

func TestASweepThatBrokeOffDecidesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		for _, n := range []string{"a", "b", "c", "d"} {
			w.add(n, 1)
		}
		w.fail("a", 0, "boom")
		broken := true
		w.statusErr = func() error {
			if broken {
				return errors.New("connection reset")
			}
			return nil
		}
		g := newStage(t, w, recovery.Config{})
		g.run(time.Hour)
		assert.Empty(t, w.restarts("a"))
		assert.Equal(t, 1, g.kinds(recovery.EventSweepFailed), "one event, not one per pass")
		broken = false
		g.run(time.Hour)
		assert.Len(t, w.restarts("a"), 1)
		assert.Equal(t, 1, g.kinds(recovery.EventSweepRecovered))
	})
}

func TestAbsenceIsNotDeletion(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		for _, n := range []string{"a", "b", "c", "d"} {
			w.add(n, 1).onRestart = func(int) (time.Duration, string) { return 0, "boom" }
		}
		w.fail("a", 0, "boom")
		store := recovery.NewMemoryStore()
		policy := recovery.Policy{ProbeEvery: -1}
		g := newStage(t, w, recovery.Config{Store: store, Policy: policy})
		g.run(time.Hour)
		n := len(w.restarts("a"))
		require.NotZero(t, n)
		for name, list := range map[string]func([]string) []string{
			"an empty list of a starting worker": func([]string) []string { return nil },
			"a partial list":                     func(all []string) []string { return all[3:] },
			"without the one":                    func(all []string) []string { return all[1:] },
		} {
			w.list = list
			g = newStage(t, w, recovery.Config{Store: store, Policy: policy})
			g.run(4 * time.Minute)
			entries, err := store.Load(t.Context())
			require.NoError(t, err)
			require.Len(t, entries, 1, name)
			assert.Equal(t, n, entries[0].State.Restarts.Len(), name)
			assert.Zero(t, g.kinds(recovery.EventGone), name)
		}
		w.list = nil
		newStage(t, w, recovery.Config{Store: store, Policy: policy}).run(24 * time.Hour)
		assert.Len(t, w.restarts("a"), recovery.DefaultMaxRestarts)
	})
}

func TestDeleteAndCreateKeepsTheBudget(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		flap := func(int) (time.Duration, string) { return 0, "boom" }
		w.add("a", 1).onRestart = flap
		w.add("b", 1)
		w.add("c", 1)
		w.fail("a", 0, "boom")
		g := newStage(t, w, recovery.Config{Policy: recovery.Policy{ProbeEvery: -1}})
		g.run(time.Hour)
		n := len(w.restarts("a"))
		w.mu.Lock()
		delete(w.connectors, "a")
		w.mu.Unlock()
		g.run(10 * time.Minute)
		assert.Equal(t, 1, g.kinds(recovery.EventGone))
		assert.Empty(t, g.phase("a"))
		w.add("a", 1).onRestart = flap
		w.fail("a", 0, "boom")
		g.run(12 * time.Hour)
		assert.Equal(t, recovery.DefaultMaxRestarts, n+len(w.restarts("a")))
		w.mu.Lock()
		delete(w.connectors, "a")
		w.mu.Unlock()
		g.run(26 * time.Hour)
		assert.Equal(t, 2, g.kinds(recovery.EventGone))
	})
}

func TestWrongCredentialsAreOneEventAndSlowPolling(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		for i := range 20 {
			w.add(string(rune('a'+i)), 1)
		}
		w.listErr = func() error { return httpError(401, "User cannot access the resource.", connect.AppliedNo) }
		g := newStage(t, w, recovery.Config{})
		g.run(2 * time.Hour)
		assert.Len(t, g.events, 1)
		assert.Equal(t, 1, g.kinds(recovery.EventBlind))
		assert.Less(t, w.count("list"), 40)
	})
}

// brokenStore fails when told to.
type brokenStore struct {
	recovery.Store
	load, save error
}

func (b *brokenStore) Load(ctx context.Context) ([]recovery.Entry, error) {
	if b.load != nil {
		return nil, b.load
	}
	return b.Store.Load(ctx)
}

func (b *brokenStore) Save(ctx context.Context, e recovery.Entry) (recovery.Version, error) {
	if b.save != nil {
		return 0, b.save
	}
	return b.Store.Save(ctx, e)
}

func TestAStateThatCannotBeReadMeansHold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.add("a", 1)
		w.fail("a", 0, "boom")
		store := &brokenStore{Store: recovery.NewMemoryStore(), load: errors.New("disk on fire")}
		g := newStage(t, w, recovery.Config{Store: store, Cluster: "c"})
		g.run(time.Hour)
		assert.Empty(t, w.restarts("a"))
		assert.Equal(t, 1, g.kinds(recovery.EventStoreFailed))
		store.load, store.save = nil, errors.New("disk full")
		g.run(time.Hour)
		assert.Empty(t, w.restarts("a"), "what cannot be reserved is not sent")
		store.save = nil
		g.run(time.Hour)
		assert.Len(t, w.restarts("a"), 1)
		assert.GreaterOrEqual(t, g.kinds(recovery.EventStoreRecovered), 1)
	})
}

func TestAStoreOfAnotherClusterOrVersionEndsRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		store := recovery.NewMemoryStore()
		_, err := store.Save(t.Context(), recovery.Entry{Key: "a", Cluster: "blue"})
		require.NoError(t, err)
		s, err := recovery.New(w, recovery.Config{Store: store, Cluster: "green"})
		require.NoError(t, err)
		require.ErrorIs(t, s.Run(t.Context()), recovery.ErrCluster)
		s, err = recovery.New(w, recovery.Config{Store: &brokenStore{Store: store, load: recovery.ErrSchema}, Cluster: "blue"})
		require.NoError(t, err)
		require.ErrorIs(t, s.Run(t.Context()), recovery.ErrSchema)
	})
}

func TestTwoSupervisorsOnOneStoreNeverExceedOneBudget(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.add("a", 1).onRestart = func(int) (time.Duration, string) { return 0, "boom" }
		w.fail("a", 0, "boom")
		store := recovery.NewMemoryStore()
		ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour)
		defer cancel()
		done := make(chan error, 2)
		for range 2 {
			g := newStage(t, w, recovery.Config{Store: store, Policy: recovery.Policy{ProbeEvery: -1}})
			go func() { done <- g.s.Run(ctx) }()
		}
		require.NoError(t, <-done)
		require.NoError(t, <-done)
		assert.Len(t, w.restarts("a"), recovery.DefaultMaxRestarts)
	})
}

func TestASecondRunIsAnErrorAndReconcileIsSerialised(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.add("a", 1)
		g := newStage(t, w, recovery.Config{})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- g.s.Run(ctx) }()
		synctest.Wait()
		require.ErrorIs(t, g.s.Run(ctx), recovery.ErrRunning)
		res, err := g.s.Reconcile(ctx)
		require.NoError(t, err)
		assert.Equal(t, 1, res.Connectors)
		assert.Equal(t, 30*time.Second, res.RequeueAfter)
		cancel()
		require.NoError(t, <-done, "nil on cancellation")
	})
}

func TestAcknowledge(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		for _, n := range []string{"a", "b", "c"} {
			w.add(n, 1).onRestart = func(int) (time.Duration, string) { return 0, "password" }
			w.fail(n, 0, "password")
		}
		g := newStage(t, w, recovery.Config{Diagnose: diagnosis(failure.ClassAuthentication, failure.AdviceAfterChange)})
		g.run(24 * time.Hour)
		assert.Zero(t, w.count("restart"), "no log-in beyond the connectors' own")
		assert.Equal(t, 3, g.kinds(recovery.EventHeld))
		require.Error(t, g.s.Acknowledge(t.Context(), "nobody"))
		require.Error(t, g.s.AcknowledgeFingerprint(t.Context(), "nothing"))
		for _, n := range []string{"a", "b", "c"} {
			w.with(n, func(p *part) { p.onRestart = func(int) (time.Duration, string) { return -1, "" } })
		}
		require.NoError(t, g.s.AcknowledgeFingerprint(t.Context(), "authenticationpassword"))
		g.run(time.Hour)
		assert.Equal(t, 3, w.count("restart"), "one each")
		assert.Equal(t, 3, g.kinds(recovery.EventRecovered))
		assert.Equal(t, recovery.PhaseHealthy, g.phase("a"))
	})
}

func TestObserveOnlyReportsAndSendsNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.add("a", 1)
		w.fail("a", 0, "boom")
		g := newStage(t, w, recovery.Config{ObserveOnly: true})
		g.run(24 * time.Hour)
		assert.Zero(t, w.count("restart"))
		assert.Equal(t, 1, g.kinds(recovery.EventWouldRestart))
	})
}

func TestPerTaskRestartsWhereTheVersionNeedsThem(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.add("a", 3)
		w.fail("a", 0, "boom")
		w.fail("a", 2, "boom")
		g := newStage(t, w, recovery.Config{PerTask: true})
		g.run(30 * time.Minute)
		assert.Zero(t, w.count("restart"))
		assert.Equal(t, 2, w.count("task"))
		assert.Equal(t, recovery.PhaseHealthy, g.phase("a"))
	})
}

func TestSomebodyPausedItBetweenTheSweepAndTheRestart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.add("a", 1)
		w.fail("a", 0, "boom")
		n := 0
		g := newStage(t, w, recovery.Config{Diagnose: func(string) failure.Diagnosis {
			if n++; n == 3 { // the sweep in which the restart comes due
				w.connectors["a"].state = connect.StatePaused
			}
			return failure.Diagnosis{Class: failure.ClassUnknown, Fingerprint: "f"}
		}})
		g.run(10 * time.Minute)
		assert.Zero(t, w.count("restart"))
		assert.Equal(t, recovery.PhasePaused, g.phase("a"))
	})
}

func TestNewRefusesBadConfigsByName(t *testing.T) {
	t.Parallel()
	w := newWorld()
	for name, row := range map[string]struct {
		cfg  recovery.Config
		says string
	}{
		"negative interval":       {recovery.Config{Interval: -1}, "Config.Interval"},
		"negative timeout":        {recovery.Config{RequestTimeout: -1}, "Config.RequestTimeout"},
		"negative concurrency":    {recovery.Config{Guard: recovery.Guard{MaxConcurrent: -1}}, "Guard.MaxConcurrent"},
		"a bad pattern":           {recovery.Config{Exclude: []string{"["}}, "Config.Exclude"},
		"a nil notifier":          {recovery.Config{Notifiers: []recovery.Notifier{nil}}, "Config.Notifiers[0]"},
		"a shared nameless store": {recovery.Config{Store: &brokenStore{}}, "Config.Cluster"},
		"a bad policy":            {recovery.Config{Policy: recovery.Policy{Multiplier: 0.1}}, "Policy.Multiplier"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := recovery.New(w, row.cfg)
			require.ErrorContains(t, err, row.says)
		})
	}
	_, err := recovery.New(nil, recovery.Config{})
	require.Error(t, err)
	_ = http.StatusOK
}

// oneByOne is an Elector: a lock.
type oneByOne struct{ lead chan struct{} }

func (o *oneByOne) Lead(ctx context.Context, fn func(context.Context) error) error {
	select {
	case o.lead <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-o.lead }()
	return fn(ctx)
}

func TestOnlyTheLeaderActsAndTheOtherTakesOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.add("a", 1).onRestart = always("boom")
		w.fail("a", 0, "boom")
		store, elector := recovery.NewMemoryStore(), &oneByOne{make(chan struct{}, 1)}
		cfg := recovery.Config{Store: store, Elector: elector, Policy: recovery.Policy{ProbeEvery: -1}}
		first, second := newStage(t, w, cfg), newStage(t, w, cfg)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 2)
		go func() { done <- first.s.Run(ctx) }()
		synctest.Wait()
		all, stopAll := context.WithTimeout(t.Context(), 24*time.Hour)
		defer stopAll()
		go func() { done <- second.s.Run(all) }()
		<-time.After(time.Hour)
		assert.Zero(t, second.s.Stats().Sweeps, "a standby asks nothing")
		n := len(w.restarts("a"))
		require.NotZero(t, n)
		resp, body := ask(second.s.Handler(recovery.HandlerOptions{}), httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/healthz", nil))
		assert.Equal(t, http.StatusOK, resp.Code, body)
		stop()
		require.NoError(t, <-done)
		require.NoError(t, <-done)
		assert.Len(t, w.restarts("a"), recovery.DefaultMaxRestarts, "one budget")
		assert.NotZero(t, second.s.Stats().Sweeps)
	})
}
