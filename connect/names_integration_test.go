package connect_test

import (
	"errors"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/go-reconnect/reconnect/connect"
	"github.com/go-reconnect/reconnect/internal/testutil"
)

// named is a real cluster with a client for each of its two workers.
type named struct {
	*world
	both          *connect.Client
	leader, other *connect.Client
	leads         int // the leader's place in urls
}

// TestNames_Real takes the names of the measured table to two real workers, through the client.
func TestNames_Real(t *testing.T) {
	testutil.OldestAndNewest(t, func(t *testing.T, cl *testutil.Cluster) {
		began := time.Now()
		n := named{world: realWorld(t, cl)}
		defer n.cleanup(t)
		if !n.world.leads(t, 0) {
			n.leads = 1
		}
		n.both = n.newClient(t)
		n.leader, n.other = n.on(t, n.both, n.leads), n.on(t, n.both, 1-n.leads)
		t.Run("ordinary", func(t *testing.T) {
			for _, name := range []string{"sp ace käse 日本", "plus+amp&=q?h#", `"quote"[br] a:b@c,$~!*()'..`} {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					n.everywhere(t, n.name(name))
				})
			}
		})
		t.Run("a template: its create is answered 500 and has happened", n.template)
		t.Run("a semicolon", n.semicolon)
		for _, name := range []string{"a/b", "50%", `back\slash`, "a%41b", "a%2Fb"} {
			if n.atLeast(4, 0) {
				t.Run("no path holds "+name, func(t *testing.T) { n.unaddressable(t, cl, n.name(name)) })
			} else {
				t.Run("Kafka 3.9 reads "+name, func(t *testing.T) { n.readable(t, n.name(name)) })
			}
		}
		t.Logf("%.1f s", time.Since(began).Seconds())
	})
}

func (n named) newClient(t *testing.T, opts ...connect.Option) *connect.Client {
	t.Helper()
	c, err := connect.NewClient(n.urls[0], append(opts, connect.WithWorkers(n.urls[1]), connect.WithRetry(connect.RetryPolicy{Max: 40, MinWait: 100 * time.Millisecond, MaxWait: time.Second}))...)
	require.NoError(t, err)
	return c
}

func (n named) on(t *testing.T, c *connect.Client, i int) *connect.Client {
	t.Helper()
	one, err := c.OnWorker(n.urls[i])
	require.NoError(t, err)
	return one
}

func (n named) request(name string) connect.CreateRequest {
	return connect.CreateRequest{Name: name, Config: connect.Config{"connector.class": fileSink, "tasks.max": "1", "topics": n.name("topic"), "file": "/tmp/" + n.name("names")}}
}

func (n named) stopped(name string) connect.CreateRequest {
	r := n.request(name)
	r.InitialState = connect.StateStopped
	return r
}

// waitFor waits on both workers, each with its own copy of the statuses.
func (n named) waitFor(t *testing.T, name string, state func(*connect.ConnectorStatus) (bool, error)) {
	t.Helper()
	for _, c := range []*connect.Client{n.leader, n.other} {
		st, err := c.WaitFor(t.Context(), name, state, connect.WaitOptions{Interval: 50 * time.Millisecond})
		require.NoError(t, err)
		require.Equal(t, name, st.Name)
	}
}

// gone waits until neither worker has the connector.
func (n named) gone(t *testing.T, name string) {
	t.Helper()
	var left string
	n.eventually(t, name+" is gone", func() bool {
		for _, c := range []*connect.Client{n.leader, n.other} {
			names, err := c.ListConnectors(t.Context())
			require.NoError(t, err)
			for _, left = range names {
				if left == name {
					return false
				}
			}
		}
		return true
	}, func() string { return left })
}

// everywhere creates a connector through each of the workers, does everything to it through one or the other, and deletes it through the other.
func (n named) everywhere(t *testing.T, name string) {
	t.Helper()
	ctx := t.Context()
	for _, c := range [][2]*connect.Client{{n.leader, n.other}, {n.other, n.leader}} {
		conn, err := c[0].CreateConnector(ctx, n.request(name))
		require.NoError(t, err)
		require.Equal(t, name, conn.Name)
		n.waitFor(t, name, connect.Running(1))
		for _, one := range c {
			conn, err = one.GetConnector(ctx, name)
			require.NoError(t, err)
			assert.Equal(t, name, conn.Name)
			assert.Equal(t, name, conn.Config["name"])
			task, err := one.GetTaskStatus(ctx, connect.TaskID{Connector: name})
			require.NoError(t, err)
			// The rebalance of a name that is tested beside this one can be moving it.
			assert.Contains(t, []connect.State{connect.StateRunning, connect.StateUnassigned}, task.State)
		}
		require.NoError(t, c[1].Pause(ctx, name))
		n.waitFor(t, name, connect.Paused())
		require.NoError(t, c[0].Resume(ctx, name))
		n.waitFor(t, name, connect.Running(1))
		plan, err := c[0].Restart(ctx, name, connect.RestartOptions{IncludeTasks: true})
		require.NoError(t, err)
		assert.Equal(t, name, plan.Name)
		n.waitFor(t, name, connect.Running(1))
		require.NoError(t, c[1].RestartTask(ctx, connect.TaskID{Connector: name}))
		n.waitFor(t, name, connect.Running(1))
		_, created, err := c[1].PutConfig(ctx, name, conn.Config)
		require.NoError(t, err)
		assert.False(t, created, "it is the same connector")
		require.NoError(t, c[1].DeleteConnector(ctx, name))
		n.gone(t, name)
	}
}

// template is a name whose Location no worker can build.
func (n named) template(t *testing.T) {
	name := n.name("{x}")
	var a contractAnswer
	n.eventually(t, "no rebalance is in the way", func() bool {
		a = n.must(t, n.leads, post("/connectors", mustJSON(n.stopped(name))))
		return a.Status != http.StatusConflict
	}, func() string { return a.String() })
	assert.Equal(t, http.StatusInternalServerError, a.Status, "%s", a)
	require.NoError(t, n.leader.DeleteConnector(t.Context(), name), "it was created")
	n.gone(t, name)
	conn, err := n.leader.CreateConnector(t.Context(), n.stopped(name))
	require.NoError(t, err, "the client has read it back")
	assert.Equal(t, name, conn.Name)
	require.NoError(t, n.leader.DeleteConnector(t.Context(), name))
	n.gone(t, name)
}

// semicolon shows what the refusal is for: the worker that does not lead cuts the name, and deletes another connector.
func (n named) semicolon(t *testing.T) {
	ctx := t.Context()
	name, victim := n.name("semi;colon"), n.name("semi")
	for _, one := range []string{name, victim} {
		_, err := n.both.CreateConnector(ctx, n.stopped(one))
		require.NoError(t, err)
		n.waitFor(t, one, connect.Stopped())
	}
	_, restartErr := n.both.Restart(ctx, name, connect.RestartOptions{})
	_, _, putErr := n.both.PutConfig(ctx, name, n.request(name).Config)
	for call, err := range map[string]error{"delete": n.both.DeleteConnector(ctx, name), "stop": n.both.Stop(ctx, name), "restart": restartErr, "put": putErr} {
		require.ErrorContains(t, err, "WithMisdirectingNames", call)
		assert.Equal(t, connect.AppliedNo, asError(t, err).Applied, call)
	}
	n.waitFor(t, name, connect.Stopped())
	willing := n.newClient(t, connect.WithMisdirectingNames())
	require.NoError(t, n.on(t, willing, 1-n.leads).DeleteConnector(ctx, name))
	n.gone(t, victim)
	n.waitFor(t, name, connect.Stopped())
	require.NoError(t, n.on(t, willing, n.leads).DeleteConnector(ctx, name))
	n.gone(t, name)
}

// readable names can be used on Kafka 3.9, as long as nothing is forwarded.
func (n named) readable(t *testing.T, name string) {
	t.Helper()
	ctx := t.Context()
	conn, err := n.both.CreateConnector(ctx, n.stopped(name))
	require.NoError(t, err)
	assert.Equal(t, name, conn.Name)
	n.waitFor(t, name, connect.Stopped())
	require.NoError(t, n.other.Pause(ctx, name), "never forwarded")
	n.waitFor(t, name, connect.Paused())
	willing := n.on(t, n.newClient(t, connect.WithMisdirectingNames()), n.leads)
	require.NoError(t, willing.DeleteConnector(ctx, name))
	n.gone(t, name)
}

// unaddressable names are taken in a body by a Kafka 4 worker and then by no path. The client sends neither.
func (n named) unaddressable(t *testing.T, cl *testutil.Cluster, name string) {
	t.Helper()
	ctx := t.Context()
	_, createErr := n.both.CreateConnector(ctx, n.stopped(name))
	require.ErrorIs(t, createErr, connect.ErrUnsupported)
	names, err := n.both.ListConnectors(ctx)
	require.NoError(t, err)
	require.NotContains(t, names, name, "it was not sent")

	// REST has no way back. The configuration topic has: what a delete writes there.
	erase := sync.OnceFunc(func() {
		testutil.Produce(t, cl.Brokers(), &kgo.Record{Topic: "connect-configs", Key: []byte("connector-" + name)}, &kgo.Record{Topic: "connect-configs", Key: []byte("target-state-" + name)})
	})
	defer erase()
	n.try(t, post("/connectors", mustJSON(n.stopped(name))), http.StatusCreated)
	n.eventually(t, "both workers have it", func() bool {
		for _, c := range []*connect.Client{n.leader, n.other} {
			all, err := c.ListStatuses(ctx)
			require.NoError(t, err)
			if all[name].Connector.State != connect.StateStopped {
				return false
			}
		}
		return true
	}, func() string { return "" })
	_, statusErr := n.both.GetStatus(ctx, name)
	for call, err := range map[string]error{"status": statusErr, "pause": n.both.Pause(ctx, name), "delete": n.both.DeleteConnector(ctx, name), "stop": n.both.Stop(ctx, name)} {
		require.ErrorIs(t, err, connect.ErrUnsupported, call)
		require.ErrorIs(t, err, errors.ErrUnsupported, call)
		assert.Equal(t, 0, asError(t, err).StatusCode, call)
		assert.Equal(t, connect.AppliedNo, asError(t, err).Applied, call)
	}
	for i := range n.urls {
		a := n.must(t, i, contractRequest{Method: http.MethodDelete, Path: "/connectors/" + url.PathEscape(name)})
		assert.Equal(t, http.StatusBadRequest, a.Status, "%s", a)
	}
	erase()
	n.gone(t, name)
}
