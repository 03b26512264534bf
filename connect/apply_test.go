package connect_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-reconnect/reconnect/connect"
	"github.com/go-reconnect/reconnect/connect/connecttest"
)

// cluster starts a fake cluster in the bubble and a client of it.
func cluster(t *testing.T, cfg connecttest.Config) (*connecttest.Server, *connect.Client) {
	t.Helper()
	s := connecttest.NewServer(cfg)
	t.Cleanup(s.Close)
	urls := s.InProcessURLs()
	if cfg.Balanced {
		urls = []string{s.InProcessURL()}
	}
	c, err := connect.NewClient(urls[0], connect.WithWorkers(urls[1:]...), connect.WithHTTPClient(s.Client()))
	require.NoError(t, err)
	return s, c
}

func toFile(more ...string) connect.Config {
	cfg := connect.Config{"connector.class": "org.apache.kafka.connect.file.FileStreamSinkConnector", "topics": "t", "tasks.max": "1", "file": "/tmp/x"}
	for i := 0; i+1 < len(more); i += 2 {
		cfg[more[i]] = more[i+1]
	}
	return cfg
}

// writes lists the requests that are no reads.
func writes(s *connecttest.Server) []string {
	var out []string
	for _, r := range s.Requests() {
		if r.Method != http.MethodGet {
			out = append(out, r.Method+" "+r.Path)
		}
	}
	return out
}

func TestApply(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, c := cluster(t, connecttest.Config{Workers: 2})
		ctx := t.Context()

		ch, err := c.Apply(ctx, "x", toFile("some.password", sentinel), connect.ApplyOptions{DryRun: true})
		require.NoError(t, err)
		assert.Equal(t, connect.ChangeCreate, ch.Action)
		assert.True(t, ch.DryRun)
		assert.Len(t, ch.Diff, 5)
		assert.NotContains(t, ch.Diff.String(), sentinel)
		assert.Empty(t, writes(s), "a dry run writes nothing")

		ch, err = c.Apply(ctx, "x", toFile("some.password", sentinel), connect.ApplyOptions{WaitTasks: 1})
		require.NoError(t, err)
		assert.Equal(t, connect.ChangeCreate, ch.Action)
		require.NotNil(t, ch.Status)
		assert.True(t, ch.Status.Running())
		assert.Equal(t, []string{"POST /connectors"}, writes(s))

		ch, err = c.Apply(ctx, "x", toFile("some.password", sentinel), connect.ApplyOptions{WaitTasks: 1})
		require.NoError(t, err)
		assert.Equal(t, connect.ChangeNone, ch.Action)
		assert.Empty(t, ch.Diff, "the name that Connect adds is no difference")
		assert.Len(t, writes(s), 1, "what is there is not sent again")

		ch, err = c.Apply(ctx, "x", toFile("some.password", sentinel, "tasks.max", "2"), connect.ApplyOptions{WaitTasks: 2})
		require.NoError(t, err)
		assert.Equal(t, connect.ChangeUpdate, ch.Action)
		assert.Equal(t, connect.Diff{{Key: "tasks.max", Kind: connect.DiffChanged, Old: "1", New: "2"}}, ch.Diff)
		assert.Len(t, ch.Status.Tasks, 2)
		assert.Equal(t, "PUT /connectors/x/config", writes(s)[1])

		_, err = c.Apply(ctx, "x", toFile("some.password", "******"), connect.ApplyOptions{})
		require.ErrorIs(t, err, connect.ErrInvalidConfig)
		assert.Contains(t, err.Error(), "some.password")
		_, err = c.Apply(ctx, "x", toFile("connection.url", "jdbc:mysql://root:[redacted]@h/db"), connect.ApplyOptions{})
		require.ErrorIs(t, err, connect.ErrInvalidConfig, "a mask inside a value")
		_, _, err = c.PutConfig(ctx, "x", toFile("some.password", "[hidden]"))
		require.ErrorIs(t, err, connect.ErrInvalidConfig)
		mask := "******"
		_, err = c.PatchConfig(ctx, "x", connect.ConfigPatch{"some.password": &mask})
		require.ErrorIs(t, err, connect.ErrInvalidConfig)
		_, err = c.CreateConnector(ctx, connect.CreateRequest{Name: "y", Config: toFile("some.password", "<redacted>")})
		require.ErrorIs(t, err, connect.ErrInvalidConfig)
		assert.Len(t, writes(s), 2, "a mask is never written back")
		got, err := c.GetConfig(ctx, "x")
		require.NoError(t, err)
		assert.Equal(t, sentinel, got["some.password"])
		ch, err = c.Apply(ctx, "x", toFile("some.password", "******"), connect.ApplyOptions{AllowMasks: true})
		require.NoError(t, err)
		assert.Equal(t, connect.ChangeUpdate, ch.Action, "unless the caller says that it is none")

		ch, err = c.Apply(ctx, "stopped", toFile(), connect.ApplyOptions{InitialState: connect.StateStopped})
		require.NoError(t, err)
		assert.Equal(t, connect.ChangeCreate, ch.Action)
		st, err := c.GetStatus(ctx, "stopped")
		require.NoError(t, err)
		assert.Equal(t, connect.StateStopped, st.Connector.State)

		_, err = c.Apply(ctx, "bad", connect.Config{"connector.class": "com.example.Nope"}, connect.ApplyOptions{})
		require.ErrorIs(t, err, connect.ErrInvalidConfig)
		ch, err = c.Apply(ctx, "never", toFile("topics", "t"), connect.ApplyOptions{WaitTasks: 3, Wait: connect.WaitOptions{Timeout: 5 * time.Second}})
		require.ErrorIs(t, err, connect.ErrTimeout)
		require.NotNil(t, ch, "the change was made")
		assert.Equal(t, connect.ChangeCreate, ch.Action)
		assert.Contains(t, err.Error(), "1 task(s) RUNNING")
	})
}

// TestApplyBehindABalancer is rule 3 of production for connect: each request meets another worker with another lag.
func TestApplyBehindABalancer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, c := cluster(t, connecttest.Config{Workers: 3, Balanced: true, StatusLag: []time.Duration{0, 3 * time.Second, 9 * time.Second}})
		for range 3 {
			ch, err := c.Apply(t.Context(), "x", toFile(), connect.ApplyOptions{WaitTasks: 1})
			require.NoError(t, err)
			assert.True(t, ch.Status.Running())
		}
		posts := 0
		for _, w := range writes(s) {
			if w == "POST /connectors" {
				posts++
			}
		}
		assert.LessOrEqual(t, posts, 3)
		all, err := c.ListConnectors(t.Context())
		require.NoError(t, err)
		assert.LessOrEqual(t, len(all), 1)
		// Seen once, then a worker that does not know it yet: still not gone.
		_, err = c.CreateConnector(t.Context(), connect.CreateRequest{Name: "y", Config: toFile()})
		require.NoError(t, err)
		for range 6 {
			_, err := c.WaitFor(t.Context(), "y", connect.Running(1), connect.WaitOptions{Interval: 10 * time.Millisecond, Stable: 50 * time.Millisecond})
			require.NoError(t, err)
		}
		time.Sleep(time.Minute) //nolint:forbidigo // virtual time
		ch, err := c.Apply(t.Context(), "y", toFile(), connect.ApplyOptions{DryRun: true})
		require.NoError(t, err)
		assert.Equal(t, connect.ChangeNone, ch.Action)
	})
	t.Run("a dry run right after the create waits for a worker that lags", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			gets := 0
			c, err := connect.NewClient("http://balancer", connect.WithHTTPClient(&http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
				if r.Method == http.MethodPost {
					return reply(201, infoJSON), nil
				}
				if gets++; gets < 5 {
					return reply(404, `{"error_code":404,"message":"Connector x not found"}`), nil
				}
				return reply(200, infoJSON), nil
			})}))
			require.NoError(t, err)
			_, err = c.CreateConnector(t.Context(), connect.CreateRequest{Name: "x", Config: connect.Config{"connector.class": "C"}})
			require.NoError(t, err)
			ch, err := c.Apply(t.Context(), "x", connect.Config{"connector.class": "C"}, connect.ApplyOptions{DryRun: true})
			require.NoError(t, err)
			assert.Equal(t, connect.ChangeNone, ch.Action)
		})
	})
	t.Run("somebody creates it meanwhile: it is updated", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			var log []string
			c, err := connect.NewClient("http://balancer", connect.WithHTTPClient(&http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
				log = append(log, r.Method)
				switch {
				case r.Method == http.MethodPost:
					return reply(409, `{"error_code":409,"message":"Connector x already exists"}`), nil
				case r.Method == http.MethodPut:
					return reply(200, infoJSON), nil
				case len(log) < 4:
					return reply(404, `{"error_code":404,"message":"Connector x not found"}`), nil
				}
				return reply(200, infoJSON), nil
			})}))
			require.NoError(t, err)
			ch, err := c.Apply(t.Context(), "x", connect.Config{"connector.class": "C", "a": "b"}, connect.ApplyOptions{})
			require.NoError(t, err)
			assert.Equal(t, connect.ChangeUpdate, ch.Action)
			assert.Equal(t, []string{"GET", "POST", "GET", "GET", "PUT"}, log)
		})
	})
}

func TestApplySeesANullOnTheServer(t *testing.T) {
	t.Parallel()
	s := serve(t, "", func(_ int, w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			write(w, 200, "", infoJSON)
			return
		}
		write(w, 200, "", `{"name":"x","config":{"connector.class":"C","file":null,"name":"x"},"tasks":[],"type":"sink"}`)
	})
	ch, err := client(t, s.URL).Apply(t.Context(), "x", connect.Config{"connector.class": "C", "file": ""}, connect.ApplyOptions{})
	require.NoError(t, err)
	assert.Equal(t, connect.ChangeUpdate, ch.Action, "null is not the empty text")
	assert.Equal(t, "~ file: null -> ", ch.Diff.String())
	ch, err = client(t, s.URL).Apply(t.Context(), "x", connect.Config{"connector.class": "C"}, connect.ApplyOptions{DryRun: true})
	require.NoError(t, err)
	assert.Equal(t, "- file: null", ch.Diff.String())
}

func TestWaitFor(t *testing.T) {
	t.Parallel()
	never := func(*connect.ConnectorStatus) (bool, error) { return false, nil }
	t.Run("a task that takes two minutes to start is waited for", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			s, c := cluster(t, connecttest.Config{Workers: 2})
			s.AddConnector("x", toFile())
			s.SlowStart("x", 2*time.Minute)
			s.FailTask("x", 0, "boom")
			require.NoError(t, c.RestartTask(t.Context(), connect.TaskID{Connector: "x"}))
			begin := time.Now()
			_, err := c.WaitFor(t.Context(), "x", connect.Running(1), connect.WaitOptions{})
			require.ErrorIs(t, err, connect.ErrFailed, "the old FAILED is seen until then: after 30 s Running no longer takes it for old")
			assert.Contains(t, err.Error(), "boom")
			assert.Equal(t, 30*time.Second, time.Since(begin))
			st, err := c.WaitFor(t.Context(), "x", func(st *connect.ConnectorStatus) (bool, error) { return st.Running(), nil }, connect.WaitOptions{})
			require.NoError(t, err)
			assert.True(t, st.Running())
		})
	})
	t.Run("a connector that never comes: the time-out says what was answered", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			_, c := cluster(t, connecttest.Config{})
			begin := time.Now()
			st, err := c.WaitFor(t.Context(), "none", never, connect.WaitOptions{})
			assert.Nil(t, st)
			require.ErrorIs(t, err, connect.ErrTimeout)
			require.ErrorIs(t, err, connect.ErrNotFound)
			assert.Contains(t, err.Error(), "No status found for connector none")
			assert.Equal(t, 3*time.Minute, time.Since(begin), "the default where the context has no deadline")
		})
	})
	t.Run("a connector that goes away is ErrNotFound, with the last status", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			s, c := cluster(t, connecttest.Config{})
			s.AddConnector("x", toFile())
			time.AfterFunc(3*time.Second, func() { _ = c.DeleteConnector(context.Background(), "x") })
			st, err := c.WaitFor(t.Context(), "x", never, connect.WaitOptions{})
			require.ErrorIs(t, err, connect.ErrNotFound)
			require.NotErrorIs(t, err, connect.ErrTimeout)
			require.NotNil(t, st)
		})
	})
	t.Run("workers that cannot be reached for a while are waited out, a 401 is not", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			s, c := cluster(t, connecttest.Config{})
			s.AddConnector("x", toFile())
			s.KillWorker(0)
			time.AfterFunc(40*time.Second, func() { s.StartWorker(0) })
			begin := time.Now()
			_, err := c.WaitFor(t.Context(), "x", connect.Running(1), connect.WaitOptions{})
			require.NoError(t, err)
			assert.GreaterOrEqual(t, time.Since(begin), 40*time.Second)
			s.RequireBasicAuth("u", "p")
			_, err = c.WaitFor(t.Context(), "x", connect.Running(1), connect.WaitOptions{})
			require.ErrorIs(t, err, connect.ErrUnauthorized)
		})
	})
	t.Run("the predicate's error ends the wait", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			s, c := cluster(t, connecttest.Config{})
			s.AddConnector("x", toFile())
			_, err := c.WaitFor(t.Context(), "x", func(*connect.ConnectorStatus) (bool, error) { return false, assert.AnError }, connect.WaitOptions{})
			require.ErrorIs(t, err, assert.AnError)
		})
	})
	t.Run("ready predicates", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			s, c := cluster(t, connecttest.Config{Workers: 2, Settle: time.Second})
			s.AddConnector("x", toFile("tasks.max", "1"))
			require.NoError(t, c.Pause(t.Context(), "x"))
			st, err := c.WaitFor(t.Context(), "x", connect.Paused(), connect.WaitOptions{})
			require.NoError(t, err)
			assert.Equal(t, connect.StatePaused, st.Connector.State)
			require.NoError(t, c.Stop(t.Context(), "x"))
			st, err = c.WaitFor(t.Context(), "x", connect.Stopped(), connect.WaitOptions{})
			require.NoError(t, err)
			assert.Empty(t, st.Tasks)
			require.NoError(t, c.Resume(t.Context(), "x"))
			st, err = c.WaitFor(t.Context(), "x", connect.Running(1), connect.WaitOptions{Stable: 5 * time.Second})
			require.NoError(t, err)
			assert.True(t, st.Running())
		})
	})
}

func TestRestartFailed(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"4.3.1", "2.8.0"} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, c := cluster(t, connecttest.Config{Workers: 2, Version: version})
				for _, name := range []string{"healthy", "failed", "broken", "paused", "other"} {
					s.AddConnector(name, toFile("tasks.max", "1"))
				}
				s.FailTask("failed", 0, "boom")
				s.FailConnector("broken", "boom")
				s.FailTask("paused", 0, "boom")
				s.FailTask("other", 0, "boom")
				require.NoError(t, c.Pause(t.Context(), "paused"))
				s.ResetRequests()
				only := func(st *connect.ConnectorStatus) bool { return st.Name != "other" }

				plans, err := c.RestartFailed(t.Context(), connect.RestartFailedOptions{Filter: only, DryRun: true})
				require.NoError(t, err)
				assert.Empty(t, writes(s))
				assert.ElementsMatch(t, []connect.RestartPlan{
					{Name: "failed", Tasks: []connect.TaskID{{Connector: "failed"}}},
					{Name: "broken", Connector: true},
				}, plans)

				plans, err = c.RestartFailed(t.Context(), connect.RestartFailedOptions{Filter: only})
				require.NoError(t, err)
				require.Len(t, plans, 2)
				for _, p := range plans {
					assert.Equal(t, p.Name == "broken", p.Connector)
					assert.Len(t, p.Tasks, map[bool]int{true: 0, false: 1}[p.Connector])
				}
				time.Sleep(time.Second) //nolint:forbidigo // virtual time
				all, err := c.ListStatuses(t.Context())
				require.NoError(t, err)
				failed := map[string]bool{}
				for name, st := range all {
					if st.Failed() {
						failed[name] = true
					}
				}
				assert.Equal(t, map[string]bool{"paused": true, "other": true}, failed, "a paused connector is wanted still")
				plans, err = c.RestartFailed(t.Context(), connect.RestartFailedOptions{IncludePaused: true, DryRun: true})
				require.NoError(t, err)
				assert.Len(t, plans, 2)
			})
		})
	}
	t.Run("partial failures come with what was accepted", func(t *testing.T) {
		t.Parallel()
		s := serve(t, "4.0.0", func(_ int, w http.ResponseWriter, r *http.Request) {
			switch {
			case strings.HasSuffix(r.URL.Path, "/connectors"):
				write(w, 200, "", `{"x":{"status":`+statusJSON+`},"y":{"status":`+strings.ReplaceAll(statusJSON, `"x"`, `"y"`)+`}}`)
			case strings.Contains(r.URL.Path, "/x/"):
				connectError(w, 404, "Unknown connector: x")
			default:
				write(w, 202, "", strings.NewReplacer(`"x"`, `"y"`, "FAILED", "RESTARTING").Replace(statusJSON))
			}
		})
		plans, err := client(t, s.URL).RestartFailed(t.Context(), connect.RestartFailedOptions{})
		require.ErrorIs(t, err, connect.ErrNotFound)
		var many interface{ Unwrap() []error }
		require.ErrorAs(t, err, &many)
		assert.Len(t, many.Unwrap(), 1)
		require.Len(t, plans, 1)
		assert.Equal(t, "y", plans[0].Name)
	})
	t.Run("a sweep that breaks off restarts nothing", func(t *testing.T) {
		t.Parallel()
		s := serve(t, "4.0.0", func(_ int, w http.ResponseWriter, _ *http.Request) {
			write(w, 200, "", `{"x":{"status":`+statusJSON+`},`)
		})
		plans, err := client(t, s.URL).RestartFailed(t.Context(), connect.RestartFailedOptions{})
		require.Error(t, err)
		assert.Empty(t, plans)
		assert.Len(t, s.requests(), 1)
	})
}
