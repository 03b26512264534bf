package recovery_test

import (
	"context"
	"net/http"
	"path"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-reconnect/reconnect/connect"
	"github.com/go-reconnect/reconnect/internal/testutil"
	"github.com/go-reconnect/reconnect/recovery"
)

// quick is a policy whose rules fit into a test on a real cluster.
var quick = recovery.Policy{
	MaxRestarts: 3, RestartDelay: 2 * time.Second, MaxDelay: 4 * time.Second, StableFor: 15 * time.Second, VerifyTimeout: 20 * time.Second,
	RebalanceDelay: 30 * time.Second, Jitter: -1, ProbeEvery: -1,
}

// watched is a supervisor that reaches a real worker through a proxy, which counts what really was sent.
type watched struct {
	*stage
	proxy *testutil.Proxy
	box   *inbox
}

func watch(t *testing.T, c *testutil.Cluster, include string, cfg recovery.Config) *watched {
	t.Helper()
	p := testutil.NewProxy(t, strings.TrimPrefix(c.URLs()[0], "http://"))
	client, err := connect.NewClient(p.URL())
	require.NoError(t, err)
	w := &watched{stage: &stage{t: t}, proxy: p, box: &inbox{}}
	cfg.Include, cfg.Interval, cfg.Policy = []string{include}, time.Second, quick
	cfg.Notifiers, cfg.Notify = []recovery.Notifier{w.box}, recovery.NotifyOptions{GroupWait: time.Second}
	cfg.OnEvent = func(e recovery.Event) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.events = append(w.events, e)
		t.Logf("%s %s %s attempt %d %s %s", e.Kind, e.Connector, e.Phase, e.Attempt, e.Answer, e.Error)
	}
	w.s, err = recovery.New(client, cfg)
	require.NoError(t, err)
	return w
}

// start runs the supervisor until the test ends.
func (w *watched) start() {
	ctx, cancel := context.WithCancel(context.WithoutCancel(w.t.Context()))
	var wg sync.WaitGroup
	wg.Go(func() { assert.NoError(w.t, w.s.Run(ctx)) })
	w.t.Cleanup(func() {
		cancel()
		wg.Wait()
	})
}

// sent counts the restart requests that reached Connect, of any form.
func (w *watched) sent(name string) int {
	return w.proxy.Count(func(r testutil.Request) bool {
		return r.Method == http.MethodPost && strings.HasPrefix(r.Path, "/connectors/"+name+"/") && strings.HasSuffix(r.Path, "/restart")
	})
}

func (w *watched) until(d time.Duration, what string, ok func() bool) {
	w.t.Helper()
	require.Eventually(w.t, ok, d, 200*time.Millisecond, what)
}

func create(t *testing.T, c *testutil.Cluster, name string, cfg connect.Config) *connect.Client {
	t.Helper()
	client, err := connect.NewClient(c.URLs()[0], connect.WithWorkers(c.URLs()[1:]...))
	require.NoError(t, err)
	_, err = client.CreateConnector(t.Context(), connect.CreateRequest{Name: name, Config: cfg})
	require.NoError(t, err)
	return client
}

func TestIntegrationAFileSinkWhoseDirectoryAppearsLaterComesBack(t *testing.T) {
	testutil.EachVersion(t, func(t *testing.T, c *testutil.Cluster) {
		name := c.ConnectorName(t, "late-dir")
		dir := path.Join(testutil.SharedDir, name)
		client := create(t, c, name, connect.Config{
			"connector.class": "org.apache.kafka.connect.file.FileStreamSinkConnector", "tasks.max": "1", "topics": c.TopicName(t, "late-dir"),
			"file":          path.Join(dir, "out.txt"),
			"key.converter": "org.apache.kafka.connect.storage.StringConverter", "value.converter": "org.apache.kafka.connect.storage.StringConverter",
		})
		w := watch(t, c, name, recovery.Config{})
		w.start()
		w.until(2*time.Minute, "the first restart", func() bool { return w.sent(name) == 1 })
		require.NoError(t, c.Worker(0).Mkdir(t.Context(), dir))
		w.until(3*time.Minute, "recovered", func() bool { return w.kinds(recovery.EventRecovered, name) == 1 })
		st, err := client.GetStatus(t.Context(), name)
		require.NoError(t, err)
		assert.True(t, st.Running())
		assert.LessOrEqual(t, w.sent(name), 3)
		assert.Equal(t, w.s.Stats().Restarts, w.sent(name), "the supervisor's own count agrees with the wire")
		assert.Empty(t, w.box.events, "nobody was needed")
	})
}

func TestIntegrationASinkThatAlwaysFailsEndsExhausted(t *testing.T) {
	testutil.Integration(t)
	for _, version := range testutil.Versions() {
		t.Run("kafka "+version, func(t *testing.T) {
			if _, err := testutil.TestPluginsJar(version); err != nil {
				t.Skip(err)
			}
			c := testutil.NewCluster(t, testutil.Options{Version: version, TestPlugins: true})
			name := c.ConnectorName(t, "mock")
			client := create(t, c, name, connect.Config{
				"connector.class": "org.apache.kafka.connect.tools.MockSinkConnector", "tasks.max": "1", "topics": c.TopicName(t, "mock"),
				"mock_mode": "task-failure", "delay_ms": "3000",
			})
			w := watch(t, c, name, recovery.Config{})
			w.start()
			w.until(4*time.Minute, "exhausted", func() bool { return w.kinds(recovery.EventExhausted, name) == 1 })
			w.until(30*time.Second, "one notification", func() bool {
				w.box.mu.Lock()
				defer w.box.mu.Unlock()
				return len(w.box.events) == 1
			})
			// Long enough for several more restarts, were any to come.
			quiet := time.NewTimer(30 * time.Second)
			defer quiet.Stop()
			<-quiet.C
			assert.Equal(t, 3, w.sent(name))
			assert.Equal(t, recovery.PhaseExhausted, w.phase(name))
			require.Len(t, w.box.events, 1)
			assert.Equal(t, recovery.EventExhausted, w.box.events[0].Kind)
			st, err := client.GetStatus(t.Context(), name)
			require.NoError(t, err)
			assert.True(t, st.Failed())
		})
	}
}
