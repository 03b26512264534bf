package recovery_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-reconnect/reconnect/recovery"
)

// cutOff is a world that one supervisor cannot see any more.
type cutOff struct {
	*world
	gone atomic.Bool
}

func (c *cutOff) ListConnectors(ctx context.Context) ([]string, error) {
	if c.gone.Load() {
		return nil, errors.New("no route to host")
	}
	return c.world.ListConnectors(ctx)
}

func TestALeaderThatCannotSeeConnectMakesRoomForOneThatCan(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.add("a", 1)
		cfg := recovery.Config{Store: recovery.NewMemoryStore(), Elector: &oneByOne{make(chan struct{}, 1)}, Cluster: "c"}
		var restarts, others atomic.Int32
		count := func(n *atomic.Int32) func(recovery.Event) {
			return func(e recovery.Event) {
				if e.Kind == recovery.EventRestart {
					n.Add(1)
				}
			}
		}
		view := &cutOff{world: w}
		cfg.OnEvent = count(&restarts)
		first, err := recovery.New(view, cfg)
		require.NoError(t, err)
		cfg.OnEvent = count(&others)
		second, err := recovery.New(w, cfg)
		require.NoError(t, err)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 2)
		go func() { done <- first.Run(ctx) }()
		synctest.Wait()
		go func() { done <- second.Run(ctx) }()
		<-time.After(10 * time.Minute)
		require.Zero(t, second.Stats().Sweeps)

		view.gone.Store(true)
		w.fail("a", 0, "boom")
		<-time.After(2*time.Minute + recovery.DefaultInterval)
		assert.Len(t, w.restarts("a"), 1, "the one that sees Connect restarts it within twice RestartDelay and a sweep")
		assert.EqualValues(t, 1, others.Load())

		errs := first.Stats().SweepErrors
		<-time.After(time.Hour)
		assert.Equal(t, errs, first.Stats().SweepErrors, "whoever cannot see Connect does not lead again")
		view.gone.Store(false)
		<-time.After(time.Minute)
		w.fail("a", 0, "boom")
		<-time.After(time.Hour)
		assert.Len(t, w.restarts("a"), 2)
		assert.Zero(t, restarts.Load())
		stop()
		require.NoError(t, <-done)
		require.NoError(t, <-done)
	})
}

func TestALeaderStaysWhenTheListingIsRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		for _, name := range []string{"a", "b", "c", "d"} {
			w.add(name, 1)
		}
		var terms atomic.Int32
		elector := leadFunc(func(ctx context.Context, fn func(context.Context) error) error {
			terms.Add(1)
			return fn(ctx)
		})
		g := newStage(t, w, recovery.Config{Store: recovery.NewMemoryStore(), Elector: elector})
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- g.s.Run(ctx) }()
		<-time.After(5 * time.Minute)
		w.mu.Lock()
		for _, name := range []string{"b", "c", "d"} {
			delete(w.connectors, name)
		}
		w.mu.Unlock()
		<-time.After(3 * time.Minute)
		assert.NotZero(t, g.s.Stats().SweepErrors)
		assert.EqualValues(t, 1, terms.Load(), "a list that is suddenly short looks the same to everybody")
		stop()
		require.NoError(t, <-done)
	})
}

type leadFunc func(ctx context.Context, fn func(context.Context) error) error

func (f leadFunc) Lead(ctx context.Context, fn func(context.Context) error) error { return f(ctx, fn) }
