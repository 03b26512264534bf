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

// watched is a supervisor that reaches real workers through a proxy each, which count what really was sent.
type watched struct {
	*stage
	proxies []*testutil.Proxy
	box     *inbox
}

func watch(t *testing.T, c *testutil.Cluster, cfg recovery.Config) *watched {
	t.Helper()
	w := &watched{stage: &stage{t: t}, box: &inbox{}}
	var urls []string
	for _, url := range c.URLs() {
		p := testutil.NewProxy(t, strings.TrimPrefix(url, "http://"))
		w.proxies, urls = append(w.proxies, p), append(urls, p.URL())
	}
	client, err := connect.NewClient(urls[0], connect.WithWorkers(urls[1:]...))
	require.NoError(t, err)
	cfg.Interval, cfg.Policy = time.Second, quick
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
	n := 0
	for _, p := range w.proxies {
		n += p.Count(func(r testutil.Request) bool {
			return r.Method == http.MethodPost && strings.HasPrefix(r.Path, "/connectors/"+name+"/") && strings.HasSuffix(r.Path, "/restart")
		})
	}
	return n
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

// TestIntegrationProofRealWorkers proves the supervisor on two real workers of the oldest and the newest version. Restarts are counted by proxies in front of
// the workers, never by the supervisor. The long form adds the passwords and the other disturbances.
func TestIntegrationProofRealWorkers(t *testing.T) {
	testutil.Integration(t)
	versions := testutil.Versions()
	if len(versions) > 2 {
		versions = []string{versions[0], versions[len(versions)-1]}
	}
	for _, version := range versions {
		t.Run("kafka "+version, func(t *testing.T) {
			opts := testutil.Options{
				Version: version, TestPlugins: true,
				WorkerProperties: map[string]string{"plugin.discovery": "service_load"}, // all of them are listed in manifests
			}
			if testutil.Soaking() {
				// Its forty jars are a long way into two workers.
				opts.WorkerHeap, opts.Plugins = "384M", []testutil.Plugin{testutil.NeedConnector(t, testutil.JDBCSink)}
			}
			c := testutil.NewCluster(t, opts)
			t.Run("apart", func(t *testing.T) {
				t.Run("a file sink whose directory appears later comes back without a person", func(t *testing.T) {
					t.Parallel()
					lateDirectory(t, c)
				})
				t.Run("a sink that always fails ends exhausted after its budget, with one notification", func(t *testing.T) {
					t.Parallel()
					alwaysFails(t, c)
				})
				if testutil.Soaking() {
					t.Run("a wrong password causes no log-in, and all recover when it is right and acknowledged", func(t *testing.T) {
						t.Parallel()
						wrongPassword(t, c)
					})
				}
			})
			disturbances(t, c)
		})
	}
}

// fileSink is a sink that fails as long as the directory of its file is missing.
func fileSink(topic, dir string) connect.Config {
	return connect.Config{
		"connector.class": "org.apache.kafka.connect.file.FileStreamSinkConnector", "tasks.max": "1", "topics": topic, "file": path.Join(dir, "out.txt"),
		"key.converter": "org.apache.kafka.connect.storage.StringConverter", "value.converter": "org.apache.kafka.connect.storage.StringConverter",
	}
}

func lateDirectory(t *testing.T, c *testutil.Cluster) {
	name := c.ConnectorName(t, "late-dir")
	dir := path.Join(testutil.SharedDir, name)
	client := create(t, c, name, fileSink(c.TopicName(t, "late-dir"), dir))
	w := watch(t, c, recovery.Config{Include: []string{name}})
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
	t.Logf("%d restarts", w.sent(name))
}

func alwaysFails(t *testing.T, c *testutil.Cluster) {
	name := c.ConnectorName(t, "mock")
	client := create(t, c, name, connect.Config{
		"connector.class": "org.apache.kafka.connect.tools.MockSinkConnector", "tasks.max": "1", "topics": c.TopicName(t, "mock"), "mock_mode": "task-failure", "delay_ms": "3000",
	})
	w := watch(t, c, recovery.Config{Include: []string{name}})
	w.start()
	w.until(4*time.Minute, "exhausted", func() bool { return w.kinds(recovery.EventExhausted, name) == 1 })
	w.until(30*time.Second, "one notification", func() bool {
		w.box.mu.Lock()
		defer w.box.mu.Unlock()
		return len(w.box.events) == 1
	})
	// Long enough for two more restarts, were any to come.
	quiet := time.NewTimer(15 * time.Second)
	defer quiet.Stop()
	<-quiet.C
	assert.Equal(t, 3, w.sent(name))
	assert.Equal(t, recovery.PhaseExhausted, w.phase(name))
	require.Len(t, w.box.events, 1)
	assert.Equal(t, recovery.EventExhausted, w.box.events[0].Kind)
	st, err := client.GetStatus(t.Context(), name)
	require.NoError(t, err)
	assert.True(t, st.Failed())
}
