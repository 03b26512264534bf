package connect_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-reconnect/reconnect/connect"
	"github.com/go-reconnect/reconnect/internal/kversion"
	"github.com/go-reconnect/reconnect/internal/testutil"
)

// TestClient_Real takes a connector through its life on real workers, with the typed methods only.
func TestClient_Real(t *testing.T) {
	testutil.EachVersion(t, func(t *testing.T, cl *testutil.Cluster) {
		ctx := t.Context()
		urls := cl.URLs()
		c, err := connect.NewClient(urls[0], connect.WithWorkers(urls[1:]...))
		require.NoError(t, err)
		name := cl.ConnectorName(t, "client")
		cfg := connect.Config{
			"connector.class": "org.apache.kafka.connect.file.FileStreamSinkConnector", "tasks.max": "1", "topics": cl.TopicName(t, "client"), "file": "/tmp/" + name,
			"some.password": "${file:/nowhere:password}",
		}

		info, err := c.ServerInfo(ctx)
		require.NoError(t, err)
		want, _ := kversion.Parse(cl.Version())
		assert.Equal(t, want.String(), info.KafkaVersion)
		h, err := c.Health(ctx)
		require.NoError(t, err)
		assert.True(t, h.Healthy(), h.Message)

		change, err := c.Apply(ctx, name, cfg, connect.ApplyOptions{WaitTasks: 1})
		require.NoError(t, err)
		assert.Equal(t, connect.ChangeCreate, change.Action)
		assert.True(t, change.Status.Running())
		change, err = c.Apply(ctx, name, cfg, connect.ApplyOptions{})
		require.NoError(t, err)
		assert.Equal(t, connect.ChangeNone, change.Action, "%s", change.Diff)
		_, err = c.CreateConnector(ctx, connect.CreateRequest{Name: name, Config: cfg})
		require.ErrorIs(t, err, connect.ErrAlreadyExists)
		for _, u := range c.Workers() { // each from its own copy
			one, err := c.OnWorker(u)
			require.NoError(t, err)
			_, err = one.WaitFor(ctx, name, connect.Running(1), connect.WaitOptions{})
			require.NoError(t, err, u)
		}
		found := false
		for st, err := range c.Statuses(ctx) {
			require.NoError(t, err)
			found = found || st.Name == name
		}
		assert.True(t, found)

		plan, err := c.Restart(ctx, name, connect.RestartOptions{IncludeTasks: true})
		require.NoError(t, err)
		assert.True(t, plan.Connector)
		assert.Equal(t, []connect.TaskID{{Connector: name}}, plan.Tasks)
		_, err = c.WaitFor(ctx, name, connect.Running(1), connect.WaitOptions{Stable: time.Second})
		require.NoError(t, err)

		_, err = c.ResetOffsets(ctx, name)
		require.ErrorIs(t, err, connect.ErrNotStopped)
		require.NoError(t, c.Stop(ctx, name))
		_, err = c.WaitFor(ctx, name, connect.Stopped(), connect.WaitOptions{})
		require.NoError(t, err)
		// Its task is gone. The workers say so, or that nobody is known who runs it: seen for a whole minute on 4.3.1, without a rebalance under way.
		err = c.RestartTask(ctx, connect.TaskID{Connector: name})
		require.Error(t, err)
		assert.True(t, errors.Is(err, connect.ErrNotFound) || errors.Is(err, connect.ErrRebalancing), "%s", err)
		assert.Equal(t, connect.AppliedNo, asError(t, err).Applied)
		require.NoError(t, c.Resume(ctx, name))
		require.NoError(t, c.DeleteConnector(ctx, name))
		require.Eventually(t, func() bool { err = c.DeleteConnector(ctx, name); return !errors.Is(err, connect.ErrRebalancing) }, time.Minute, time.Second)
		require.ErrorIs(t, err, connect.ErrNotFound)
	})
}
