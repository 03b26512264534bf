package kafkastore_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/go-reconnect/reconnect/recovery"
	"github.com/go-reconnect/reconnect/recovery/kafkastore"
)

func brokers(t *testing.T) []string {
	t.Helper()
	c, err := kfake.NewCluster(kfake.NumBrokers(1))
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c.ListenAddrs()
}

func open(t *testing.T, addrs []string, topic string) *kafkastore.Store {
	t.Helper()
	s, err := kafkastore.New(kafkastore.Config{Brokers: addrs, Topic: topic, SessionTimeout: 6 * time.Second})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, s.Close()) })
	return s
}

func state(n int) recovery.State { return recovery.State{Phase: recovery.PhaseHeld, Attempts: n} }

func TestSavesReadsBackAndDeletesByVersion(t *testing.T) {
	t.Parallel()
	addrs := brokers(t)
	s := open(t, addrs, "state")
	_, err := s.Save(t.Context(), recovery.Entry{Key: "a"})
	require.ErrorIs(t, err, recovery.ErrConflict, "before Load")
	entries, err := s.Load(t.Context())
	require.NoError(t, err)
	assert.Empty(t, entries)
	v, err := s.Save(t.Context(), recovery.Entry{Key: "a", Cluster: "c", State: state(1)})
	require.NoError(t, err)
	_, err = s.Save(t.Context(), recovery.Entry{Key: "a", Cluster: "c", State: state(9)})
	require.ErrorIs(t, err, recovery.ErrConflict)
	v, err = s.Save(t.Context(), recovery.Entry{Key: "a", Cluster: "c", State: state(2), Version: v})
	require.NoError(t, err)
	_, err = s.Save(t.Context(), recovery.Entry{Key: "", Cluster: "c", State: state(3)})
	require.NoError(t, err)
	gone, err := s.Save(t.Context(), recovery.Entry{Key: "gone", Cluster: "c"})
	require.NoError(t, err)
	require.ErrorIs(t, s.Delete(t.Context(), "gone", gone+1), recovery.ErrConflict)
	require.NoError(t, s.Delete(t.Context(), "gone", gone))
	require.NoError(t, s.Delete(t.Context(), "gone", gone))

	entries, err = open(t, addrs, "state").Load(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []recovery.Entry{
		{Key: "", Cluster: "c", State: state(3), Version: 1},
		{Key: "a", Cluster: "c", State: state(2), Version: v},
	}, entries)
}

func TestWhoLoadsFencesWhoWroteBefore(t *testing.T) {
	t.Parallel()
	addrs := brokers(t)
	a, b := open(t, addrs, "state"), open(t, addrs, "state")
	_, err := a.Load(t.Context())
	require.NoError(t, err)
	v, err := a.Save(t.Context(), recovery.Entry{Key: "x", State: state(1)})
	require.NoError(t, err)
	entries, err := b.Load(t.Context())
	require.NoError(t, err)
	require.Len(t, entries, 1)
	_, err = a.Save(t.Context(), recovery.Entry{Key: "x", State: state(2), Version: v})
	require.ErrorIs(t, err, recovery.ErrNotLeader)
	_, err = b.Save(t.Context(), recovery.Entry{Key: "x", State: state(3), Version: v})
	require.NoError(t, err)
	entries, err = a.Load(t.Context())
	require.NoError(t, err)
	assert.Equal(t, 3, entries[0].State.Attempts, "and whoever comes back has read everything")
}

func TestOneLeadsAndTheOtherTakesOver(t *testing.T) {
	t.Parallel()
	addrs := brokers(t)
	a, b := open(t, addrs, "state"), open(t, addrs, "state")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	actx, stopA := context.WithCancel(ctx)
	leads := make(chan string, 4)
	var wg sync.WaitGroup
	lead := func(ctx context.Context, name string, s *kafkastore.Store) {
		wg.Go(func() {
			err := s.Lead(ctx, func(ctx context.Context) error {
				_, err := s.Load(ctx)
				assert.NoError(t, err, name)
				leads <- name
				<-ctx.Done()
				return nil
			})
			if err != nil {
				assert.ErrorIs(t, err, context.Canceled, name)
			}
		})
	}
	lead(actx, "a", a)
	select {
	case got := <-leads:
		assert.Equal(t, "a", got)
	case <-ctx.Done():
		require.FailNow(t, "nobody leads")
	}
	_, err := b.Load(t.Context())
	require.NoError(t, err, "without an election anybody may read, which fences")
	stopA()
	bctx, stopB := context.WithCancel(ctx)
	lead(bctx, "b", b)
	select {
	case got := <-leads:
		assert.Equal(t, "b", got)
	case <-ctx.Done():
		require.FailNow(t, "nobody took over")
	}
	stopB()
	wg.Wait()
	_, err = b.Load(t.Context())
	require.ErrorIs(t, err, recovery.ErrNotLeader)
}

func TestATopicThatIsUsedForSomethingElseIsRefused(t *testing.T) {
	t.Parallel()
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(3, "three"))
	require.NoError(t, err)
	t.Cleanup(c.Close)
	_, err = open(t, c.ListenAddrs(), "three").Load(t.Context())
	require.ErrorContains(t, err, "3 partitions")
}

func TestNobodyThereEndsWithTheContext(t *testing.T) {
	t.Parallel()
	s := open(t, []string{"127.0.0.1:1"}, "state")
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	_, err := s.Load(ctx)
	require.Error(t, err)
	require.False(t, errors.Is(err, recovery.ErrConflict))
}

func TestBadConfigs(t *testing.T) {
	t.Parallel()
	for says, cfg := range map[string]kafkastore.Config{
		"Config.Brokers":           {Topic: "t"},
		"no host:port":             {Topic: "t", Brokers: []string{"x"}},
		"Config.Topic":             {Brokers: []string{"x:1"}},
		"Config.Group":             {Topic: "t", Brokers: []string{"x:1"}, Group: "connect-sink"},
		"Config.ReplicationFactor": {Topic: "t", Brokers: []string{"x:1"}, ReplicationFactor: -1},
		"Config.SessionTimeout":    {Topic: "t", Brokers: []string{"x:1"}, SessionTimeout: -1},
	} {
		_, err := kafkastore.New(cfg)
		require.ErrorContains(t, err, says)
	}
}
