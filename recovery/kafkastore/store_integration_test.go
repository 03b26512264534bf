package kafkastore_test

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-reconnect/reconnect/internal/testutil"
	"github.com/go-reconnect/reconnect/recovery"
	"github.com/go-reconnect/reconnect/recovery/kafkastore"
)

func TestMain(m *testing.M) {
	if job := os.Getenv(twinEnv); job != "" {
		os.Exit(runTwin(job))
	}
	testutil.Main(m)
}

func TestIntegrationARealBrokerFencesAndElects(t *testing.T) {
	testutil.EachVersion(t, func(t *testing.T, c *testutil.Cluster) {
		topic := c.TopicName(t, "recovery-state")
		a, b := open(t, c.Brokers(), topic), open(t, c.Brokers(), topic)
		entries, err := a.Load(t.Context())
		require.NoError(t, err)
		require.Empty(t, entries)
		v := recovery.Version(0)
		for i := range 50 {
			v, err = a.Save(t.Context(), recovery.Entry{Key: "orders", Cluster: "c", State: state(i), Version: v})
			require.NoError(t, err)
		}
		entries, err = b.Load(t.Context())
		require.NoError(t, err)
		require.Len(t, entries, 1)
		assert.Equal(t, 49, entries[0].State.Attempts)
		_, err = a.Save(t.Context(), recovery.Entry{Key: "orders", Cluster: "c", Version: v})
		require.ErrorIs(t, err, recovery.ErrNotLeader)
		require.NoError(t, b.Delete(t.Context(), "orders", v))

		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		err = b.Lead(ctx, func(ctx context.Context) error {
			entries, err := b.Load(ctx)
			assert.Empty(t, entries)
			return err
		})
		require.NoError(t, err)

		wrong, err := kafkastore.New(kafkastore.Config{Brokers: c.Brokers(), Topic: "__consumer_offsets"})
		require.NoError(t, err)
		defer func() { assert.NoError(t, wrong.Close()) }()
		_, err = wrong.Load(t.Context())
		require.Error(t, err)
	})
}
