package kafkastore_test

import (
	"context"
	"errors"
	"iter"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-reconnect/reconnect/connect"
	"github.com/go-reconnect/reconnect/recovery"
	"github.com/go-reconnect/reconnect/recovery/kafkastore"
)

// doomed is a Connect cluster whose one task fails for ever. It counts what it was really asked to restart, and can kill whoever asks.
type doomed struct {
	mu       sync.Mutex
	restarts int
}

// seen is doomed as one supervisor sees it.
type seen struct {
	*doomed
	kill func()
	odds float64
}

func (d *doomed) status() connect.ConnectorStatus {
	running := connect.InstanceStatus{State: connect.StateRunning, WorkerID: "w"}
	failed := connect.InstanceStatus{State: connect.StateFailed, WorkerID: "w", Trace: "boom"}
	return connect.ConnectorStatus{Name: "orders", Type: connect.TypeSink, Connector: running, Tasks: []connect.TaskStatus{{ID: connect.TaskID{Connector: "orders"}, InstanceStatus: failed}}}
}

func (d *doomed) ListConnectors(ctx context.Context) ([]string, error) {
	return []string{"orders"}, ctx.Err()
}

func (d *doomed) Statuses(context.Context) iter.Seq2[connect.ConnectorStatus, error] {
	return func(yield func(connect.ConnectorStatus, error) bool) { yield(d.status(), nil) }
}

func (d *doomed) GetStatus(context.Context, string) (*connect.ConnectorStatus, error) {
	st := d.status()
	return &st, nil
}

func (d *doomed) GetConfig(context.Context, string) (connect.Config, error) {
	return connect.Config{}, nil
}

func (d *doomed) RestartTask(context.Context, connect.TaskID) error {
	return errors.New("not asked for")
}

// Restart dies before the request goes out, after it, or not at all.
func (s *seen) Restart(ctx context.Context, _ string, _ connect.RestartOptions) (*connect.RestartPlan, error) {
	if rand.Float64() < s.odds {
		s.kill()
		return nil, context.Canceled
	}
	s.mu.Lock()
	s.restarts++
	s.mu.Unlock()
	if rand.Float64() < s.odds {
		s.kill()
		return nil, context.Canceled
	}
	return &connect.RestartPlan{Name: "orders"}, ctx.Err()
}

func TestTwoSupervisorsKilledAtAnyMomentKeepOneBudget(t *testing.T) {
	t.Parallel()
	const budget = 4
	addrs := brokers(t)
	world := &doomed{}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	var wg sync.WaitGroup
	exhausted := make(chan struct{})
	var once sync.Once
	for range 2 {
		wg.Go(func() {
			for life := 0; life < 40 && ctx.Err() == nil; life++ {
				lctx, kill := context.WithTimeout(ctx, time.Duration(50+rand.IntN(400))*time.Millisecond)
				store, err := kafkastore.New(kafkastore.Config{Brokers: addrs, Topic: "state"})
				if !assert.NoError(t, err) {
					kill()
					return
				}
				s, err := recovery.New(&seen{world, kill, 0.2}, recovery.Config{
					Cluster: "c", Store: store, Interval: 20 * time.Millisecond,
					Policy: recovery.Policy{MaxRestarts: budget, RestartDelay: 20 * time.Millisecond, MaxDelay: 40 * time.Millisecond, VerifyTimeout: 50 * time.Millisecond, FailureThreshold: 1, StableFor: time.Second, ProbeEvery: -1},
					OnEvent: func(e recovery.Event) {
						if e.Kind == recovery.EventExhausted {
							once.Do(func() { close(exhausted) })
						}
					},
				})
				if assert.NoError(t, err) {
					assert.NoError(t, s.Run(lctx))
				}
				kill()
				assert.NoError(t, store.Close())
			}
		})
	}
	wg.Wait()
	require.NoError(t, ctx.Err())
	world.mu.Lock()
	defer world.mu.Unlock()
	assert.LessOrEqual(t, world.restarts, budget, "never more restarts than one budget")
	select {
	case <-exhausted:
	default:
		assert.Fail(t, "they never came to the end of the budget", "%d restarts", world.restarts)
	}
	store := open(t, addrs, "state")
	entries, err := store.Load(t.Context())
	require.NoError(t, err)
	require.Len(t, entries, 1)
	assert.Equal(t, recovery.LatchExhausted, entries[0].State.Latch)
	assert.GreaterOrEqual(t, entries[0].State.Restarts.Len(), world.restarts)
}
