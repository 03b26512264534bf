package testutil_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-reconnect/reconnect/internal/testutil"
)

func TestNodesComeBack(t *testing.T) {
	testutil.EachVersion(t, func(t *testing.T, c *testutil.Cluster) {
		ctx := t.Context()
		w := c.Worker(1)

		require.NoError(t, w.Kill(ctx))
		running, err := w.Running(ctx)
		require.NoError(t, err)
		require.False(t, running)
		require.NoError(t, w.Start(ctx))

		require.NoError(t, w.Stop(ctx))
		require.NoError(t, w.Start(ctx))

		require.NoError(t, w.Disconnect(ctx))
		require.NoError(t, w.Reconnect(ctx))

		require.NoError(t, c.Broker().Kill(ctx))
		require.NoError(t, c.Broker().Start(ctx))
		require.NoError(t, c.Broker().Pause(ctx))
		require.NoError(t, c.Broker().Unpause(ctx))
		require.NoError(t, c.Broker().Disconnect(ctx))
		require.NoError(t, c.Broker().Reconnect(ctx))
		require.NoError(t, c.Heal(ctx))
	})
}
