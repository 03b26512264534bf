package connect_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-reconnect/reconnect/connect"
)

// roundTripper answers in process, for tests in virtual time.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestNeeds is what users asked of a client and no Go library gave them: one row each.
func TestNeeds(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	cfg := connect.Config{"connector.class": "C"}
	const expected = "Request cannot be completed because a rebalance is expected"
	const momentarily = "Cannot complete request momentarily due to stale configuration (typically caused by a concurrent config change)"

	t.Run("a connector named `a b/c?d` is one encoded segment", func(t *testing.T) {
		t.Parallel()
		s := serve(t, "3.9.0", func(_ int, w http.ResponseWriter, _ *http.Request) {
			write(w, 200, "", strings.ReplaceAll(statusJSON, `"x"`, `"a b/c?d"`))
		})
		st, err := client(t, s.URL).GetStatus(ctx, "a b/c?d")
		require.NoError(t, err)
		assert.Equal(t, "a b/c?d", st.Name)
		require.Len(t, s.requests(), 1)
		assert.Equal(t, "/connectors/a%20b%2Fc%3Fd/status", s.requests()[0].path)
		assert.Empty(t, s.requests()[0].query)
	})

	t.Run("GET answers 409, 409, 200: bounded retry with jitter", func(t *testing.T) {
		t.Parallel()
		s := serve(t, "", func(n int, w http.ResponseWriter, _ *http.Request) {
			if n < 3 {
				connectError(w, 409, momentarily)
				return
			}
			write(w, 200, "", infoJSON)
		})
		var waits []time.Duration
		c := client(t, s.URL, connect.WithHooks(connect.Hooks{Retry: func(e connect.Event) { waits = append(waits, e.Wait) }}))
		_, err := c.GetConnector(ctx, "x")
		require.NoError(t, err)
		assert.Len(t, s.requests(), 3)
		require.Len(t, waits, 2)
		for _, w := range waits {
			assert.Greater(t, w, time.Duration(0))
			assert.LessOrEqual(t, w, fast.MaxWait)
		}
	})

	t.Run("a rebalance that does not end is an error after a bounded number of tries", func(t *testing.T) {
		t.Parallel()
		s := serve(t, "", func(_ int, w http.ResponseWriter, _ *http.Request) { connectError(w, 409, momentarily) })
		_, err := client(t, s.URL).GetConnector(ctx, "x")
		require.ErrorIs(t, err, connect.ErrRebalancing)
		assert.Len(t, s.requests(), 1+fast.Max)
		s2 := serve(t, "", func(_ int, w http.ResponseWriter, _ *http.Request) { connectError(w, 409, momentarily) })
		_, err = client(t, s2.URL, connect.WithRetry(connect.RetryPolicy{Max: -1})).GetConnector(ctx, "x")
		require.ErrorIs(t, err, connect.ErrRebalancing)
		assert.Len(t, s2.requests(), 1, "negative means no retries")
	})

	t.Run("GET answers 500 `rebalance is expected` then 200: retry", func(t *testing.T) {
		t.Parallel()
		s := serve(t, "", func(n int, w http.ResponseWriter, _ *http.Request) {
			if n == 1 {
				connectError(w, 500, expected)
				return
			}
			write(w, 200, "", `{"a":"b"}`)
		})
		got, err := client(t, s.URL).GetConfig(ctx, "x")
		require.NoError(t, err)
		assert.Equal(t, "b", got["a"])
		assert.Len(t, s.requests(), 2)
	})

	t.Run("404 is ErrNotFound", func(t *testing.T) {
		t.Parallel()
		s := serve(t, "", func(_ int, w http.ResponseWriter, _ *http.Request) { connectError(w, 404, "Connector x not found") })
		conn, err := client(t, s.URL).GetConnector(ctx, "x")
		assert.Nil(t, conn)
		require.ErrorIs(t, err, connect.ErrNotFound)
		e := asError(t, err)
		assert.Equal(t, 404, e.StatusCode)
		assert.Equal(t, "Connector x not found", e.Message)
		assert.Equal(t, "GET", e.Method)
		assert.Equal(t, "/connectors/x", e.Path)
		assert.Equal(t, s.URL+base, e.Worker)
		assert.Equal(t, "connect: GET /connectors/x: 404 Not Found: Connector x not found", err.Error())
		assert.Len(t, s.requests(), 1)
	})

	t.Run("status traces, type and version are kept", func(t *testing.T) {
		t.Parallel()
		trace := strings.Repeat("java.lang.RuntimeException: \u00e4\n\tat x.Y.z(Y.java:1)\n", 20_000) // more than a megabyte
		s := serve(t, "", func(_ int, w http.ResponseWriter, _ *http.Request) {
			writeJSON(w, 200, map[string]any{
				"name": "x", "type": "source", "connector": map[string]any{"state": "FAILED", "worker_id": "w:1", "trace": trace, "version": "1.2"},
				"tasks": []any{map[string]any{"id": 3, "state": "FAILED", "worker_id": "w:1", "trace": trace, "version": nil, "new_field": 1}}, "another": true,
			})
		})
		st, err := client(t, s.URL).GetStatus(ctx, "x")
		require.NoError(t, err)
		assert.Equal(t, trace, st.Connector.Trace)
		assert.Equal(t, trace, st.Tasks[0].Trace)
		assert.Equal(t, "1.2", st.Connector.Version)
		assert.Equal(t, connect.TypeSource, st.Type)
		assert.Equal(t, []connect.TaskID{{Connector: "x", Task: 3}}, st.FailedTasks())
	})

	t.Run("restart's 202 body is the plan, typed", func(t *testing.T) {
		t.Parallel()
		s := serve(t, "4.0.0", func(_ int, w http.ResponseWriter, _ *http.Request) {
			write(w, 202, "application/json", `{"name":"x","connector":{"state":"RUNNING","worker_id":"w1"},"tasks":[{"id":1,"state":"RESTARTING","worker_id":"w2","trace":"old"},{"id":0,"state":"RUNNING","worker_id":"w1"}],"type":"sink"}`)
		})
		plan, err := client(t, s.URL).Restart(ctx, "x", connect.RestartOptions{IncludeTasks: true, OnlyFailed: true})
		require.NoError(t, err)
		assert.False(t, plan.Connector)
		assert.Equal(t, []connect.TaskID{{Connector: "x", Task: 1}}, plan.Tasks)
		assert.Equal(t, "old", plan.Status.Tasks[0].Trace)
		assert.Equal(t, "includeTasks=true&onlyFailed=true", s.requests()[0].query)
	})

	t.Run("a base URL with a path prefix is kept", func(t *testing.T) {
		t.Parallel()
		s := serve(t, "", func(_ int, w http.ResponseWriter, _ *http.Request) { write(w, 200, "", `["x"]`) })
		for _, u := range []string{s.URL + base, s.URL + base + "/"} {
			c, err := connect.NewClient(u)
			require.NoError(t, err)
			names, err := c.ListConnectors(ctx)
			require.NoError(t, err, "outside of the base path the server is a teapot")
			assert.Equal(t, []string{"x"}, names)
		}
	})

	t.Run("without credentials no Authorization is sent", func(t *testing.T) {
		t.Parallel()
		s := serve(t, "", func(_ int, w http.ResponseWriter, _ *http.Request) { write(w, 200, "", `[]`) })
		names, err := client(t, s.URL).ListConnectors(ctx)
		require.NoError(t, err)
		assert.Empty(t, names)
		assert.NotContains(t, s.requests()[0].header, "Authorization")
	})

	t.Run("the context ends in 300 ms while the server hangs: 300 ms", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			c, err := connect.NewClient("http://worker-0:8083", connect.WithHTTPClient(&http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
				<-r.Context().Done()
				return nil, r.Context().Err()
			})}))
			require.NoError(t, err)
			for name, call := range map[string]func(context.Context) error{
				"read":  func(ctx context.Context) error { _, err := c.GetStatus(ctx, "x"); return err },
				"write": func(ctx context.Context) error { return c.Pause(ctx, "x") },
				"create": func(ctx context.Context) error {
					_, err := c.CreateConnector(ctx, connect.CreateRequest{Name: "x", Config: cfg})
					return err
				},
				"with flags": func(ctx context.Context) error {
					_, err := c.Restart(ctx, "x", connect.RestartOptions{IncludeTasks: true})
					return err
				},
				"stream": func(ctx context.Context) error { _, err := c.ListStatuses(ctx); return err },
				"wait": func(ctx context.Context) error {
					_, err := c.WaitFor(ctx, "x", connect.Running(1), connect.WaitOptions{})
					return err
				},
				"apply": func(ctx context.Context) error { _, err := c.Apply(ctx, "x", cfg, connect.ApplyOptions{}); return err },
				"failed": func(ctx context.Context) error {
					_, err := c.RestartFailed(ctx, connect.RestartFailedOptions{})
					return err
				},
				"with version": func(ctx context.Context) error {
					_, err := c.ListPlugins(ctx, connect.PluginOptions{All: true})
					return err
				},
			} {
				ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
				begin := time.Now()
				err := call(ctx)
				cancel()
				require.ErrorIs(t, err, context.DeadlineExceeded, name)
				require.ErrorIs(t, err, connect.ErrTimeout, name)
				assert.Equal(t, 300*time.Millisecond, time.Since(begin), name)
			}
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(time.Second, cancel)
			begin := time.Now()
			_, err = c.GetStatus(ctx, "x")
			require.ErrorIs(t, err, context.Canceled)
			require.NotErrorIs(t, err, connect.ErrTimeout)
			assert.Equal(t, time.Second, time.Since(begin))
		})
	})

	t.Run("POST answers 409 already exists: one POST, ErrAlreadyExists", func(t *testing.T) {
		t.Parallel()
		s := serve(t, "", func(_ int, w http.ResponseWriter, _ *http.Request) {
			connectError(w, 409, "Connector x already exists")
		})
		_, err := client(t, s.URL).CreateConnector(ctx, connect.CreateRequest{Name: "x", Config: cfg})
		require.ErrorIs(t, err, connect.ErrAlreadyExists)
		require.NotErrorIs(t, err, connect.ErrRebalancing)
		assert.Equal(t, connect.AppliedNo, asError(t, err).Applied)
		require.Len(t, s.requests(), 1)
		assert.JSONEq(t, `{"name":"x","config":{"connector.class":"C"}}`, s.requests()[0].body)
	})

	t.Run("502 with an HTML page: the status and a bounded snippet", func(t *testing.T) {
		t.Parallel()
		page := "<html><head><title>502 Bad Gateway</title></head><body>" + strings.Repeat("<p>nginx</p>\n", 5000) + "</body></html>"
		s := serve(t, "", func(_ int, w http.ResponseWriter, _ *http.Request) { write(w, 502, "text/html", page) })
		_, err := client(t, s.URL).GetStatus(ctx, "x")
		e := asError(t, err)
		assert.Equal(t, 502, e.StatusCode)
		require.ErrorIs(t, err, connect.ErrUnavailable)
		require.ErrorIs(t, err, connect.ErrNotConnect)
		assert.Contains(t, e.Message, "502 Bad Gateway nginx")
		assert.NotContains(t, e.Message, "<")
		assert.Less(t, len(e.Message), 256)
		assert.LessOrEqual(t, len(e.Body), 64<<10)
		assert.Len(t, s.requests(), 1+fast.Max)
	})

	t.Run("200 with an HTML login page is ErrNotConnect", func(t *testing.T) {
		t.Parallel()
		s := serve(t, "", func(_ int, w http.ResponseWriter, _ *http.Request) {
			write(w, 200, "text/html", "<html><title>Sign in</title></html>")
		})
		c := client(t, s.URL)
		for name, call := range everyCall(c) {
			err := call(ctx)
			if name == "DeleteConnector" || name == "Pause" || name == "Resume" || name == "Stop" || name == "RestartTask" || name == "ResetTopics" || name == "Restart" {
				// Their success has no body; a page instead of none is no success.
				require.ErrorIs(t, err, connect.ErrNotConnect, name)
				assert.Equal(t, connect.AppliedUnknown, asError(t, err).Applied, name)
				continue
			}
			require.ErrorIs(t, err, connect.ErrNotConnect, name)
			assert.Equal(t, 200, asError(t, err).StatusCode, name)
			assert.Contains(t, err.Error(), "Sign in", name)
		}
	})

	t.Run("a null in a config is absent, and named, never empty", func(t *testing.T) {
		t.Parallel()
		s := serve(t, "", func(_ int, w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/config") {
				write(w, 200, "", `{"connector.class":"C","file":null,"empty":""}`)
				return
			}
			write(w, 200, "", `{"name":"x","config":{"connector.class":"C","file":null,"empty":"","another":null},"tasks":[],"type":null}`)
		})
		c := client(t, s.URL)
		conn, err := c.GetConnector(ctx, "x")
		require.NoError(t, err)
		assert.Equal(t, connect.Config{"connector.class": "C", "empty": ""}, conn.Config)
		assert.Equal(t, []string{"another", "file"}, conn.NullKeys)
		assert.Equal(t, connect.TypeUnknown, conn.Type)
		got, err := c.GetConfig(ctx, "x")
		require.NoError(t, err)
		assert.NotContains(t, got, "file")
		assert.Contains(t, got, "empty")
	})

	t.Run("POST takes longer than the timeout but succeeds: one POST, read back", func(t *testing.T) {
		t.Parallel()
		var posts, gets int
		var mu sync.Mutex
		c, err := connect.NewClient("http://worker-0:8083", connect.WithRetry(fast), connect.WithTimeout(20*time.Millisecond), connect.WithHTTPClient(&http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
			mu.Lock()
			defer mu.Unlock()
			if r.Method == http.MethodPost {
				posts++
				mu.Unlock()
				<-r.Context().Done()
				mu.Lock()
				return nil, r.Context().Err()
			}
			gets++
			return reply(200, `{"name":"x","config":{"connector.class":"C","name":"x"},"tasks":[],"type":"sink"}`), nil
		})}))
		require.NoError(t, err)
		conn, err := c.CreateConnector(ctx, connect.CreateRequest{Name: "x", Config: cfg})
		require.NoError(t, err)
		assert.Equal(t, "x", conn.Name)
		assert.Equal(t, 1, posts)
		assert.Equal(t, 1, gets)
	})
}

// everyCall is every method that asks a worker, each with arguments that pass.
func everyCall(c *connect.Client) map[string]func(context.Context) error {
	cfg := connect.Config{"connector.class": "C"}
	id := connect.TaskID{Connector: "x", Task: 0}
	v := "1"
	return map[string]func(context.Context) error{
		"ServerInfo":     func(ctx context.Context) error { _, err := c.ServerInfo(ctx); return err },
		"Health":         func(ctx context.Context) error { _, err := c.Health(ctx); return err },
		"ListConnectors": func(ctx context.Context) error { _, err := c.ListConnectors(ctx); return err },
		"ListStatuses":   func(ctx context.Context) error { _, err := c.ListStatuses(ctx); return err },
		"ListExpanded": func(ctx context.Context) error {
			_, err := c.ListExpanded(ctx, connect.Expand{Status: true, Info: true})
			return err
		},
		"Statuses": func(ctx context.Context) error {
			for _, err := range c.Statuses(ctx) {
				return err
			}
			return nil
		},
		"Connectors": func(ctx context.Context) error {
			for _, err := range c.Connectors(ctx) {
				return err
			}
			return nil
		},
		"CreateConnector": func(ctx context.Context) error {
			_, err := c.CreateConnector(ctx, connect.CreateRequest{Name: "x", Config: cfg})
			return err
		},
		"GetConnector": func(ctx context.Context) error { _, err := c.GetConnector(ctx, "x"); return err },
		"GetConfig":    func(ctx context.Context) error { _, err := c.GetConfig(ctx, "x"); return err },
		"PutConfig":    func(ctx context.Context) error { _, _, err := c.PutConfig(ctx, "x", cfg); return err },
		"PatchConfig": func(ctx context.Context) error {
			_, err := c.PatchConfig(ctx, "x", connect.ConfigPatch{"a": &v, "b": nil})
			return err
		},
		"DeleteConnector": func(ctx context.Context) error { return c.DeleteConnector(ctx, "x") },
		"GetStatus":       func(ctx context.Context) error { _, err := c.GetStatus(ctx, "x"); return err },
		"ListTasks":       func(ctx context.Context) error { _, err := c.ListTasks(ctx, "x"); return err },
		"GetTaskStatus":   func(ctx context.Context) error { _, err := c.GetTaskStatus(ctx, id); return err },
		"Restart": func(ctx context.Context) error {
			_, err := c.Restart(ctx, "x", connect.RestartOptions{})
			return err
		},
		"RestartTask": func(ctx context.Context) error { return c.RestartTask(ctx, id) },
		"RestartFailed": func(ctx context.Context) error {
			_, err := c.RestartFailed(ctx, connect.RestartFailedOptions{})
			return err
		},
		"Pause":      func(ctx context.Context) error { return c.Pause(ctx, "x") },
		"Resume":     func(ctx context.Context) error { return c.Resume(ctx, "x") },
		"Stop":       func(ctx context.Context) error { return c.Stop(ctx, "x") },
		"GetOffsets": func(ctx context.Context) error { _, err := c.GetOffsets(ctx, "x"); return err },
		"AlterOffsets": func(ctx context.Context) error {
			_, err := c.AlterOffsets(ctx, "x", connect.Offsets{connect.SinkOffset("t", 0, 1)})
			return err
		},
		"ResetOffsets": func(ctx context.Context) error { _, err := c.ResetOffsets(ctx, "x"); return err },
		"ListTopics":   func(ctx context.Context) error { _, err := c.ListTopics(ctx, "x"); return err },
		"ResetTopics":  func(ctx context.Context) error { return c.ResetTopics(ctx, "x") },
		"ListPlugins":  func(ctx context.Context) error { _, err := c.ListPlugins(ctx, connect.PluginOptions{}); return err },
		"GetPluginConfig": func(ctx context.Context) error {
			_, err := c.GetPluginConfig(ctx, "C", connect.PluginConfigOptions{})
			return err
		},
		"ValidateConfig": func(ctx context.Context) error { _, err := c.ValidateConfig(ctx, "C", cfg); return err },
		"ListLoggers":    func(ctx context.Context) error { _, err := c.ListLoggers(ctx); return err },
		"GetLogger":      func(ctx context.Context) error { _, err := c.GetLogger(ctx, "root"); return err },
		"SetLogger": func(ctx context.Context) error {
			_, err := c.SetLogger(ctx, "root", "INFO", connect.LoggerOptions{})
			return err
		},
		"WaitFor": func(ctx context.Context) error {
			_, err := c.WaitFor(ctx, "x", func(*connect.ConnectorStatus) (bool, error) { return true, nil }, connect.WaitOptions{Timeout: 50 * time.Millisecond})
			return err
		},
		"Apply": func(ctx context.Context) error {
			_, err := c.Apply(ctx, "x", cfg, connect.ApplyOptions{})
			return err
		},
		"Do": func(ctx context.Context) error {
			var out map[string]any
			return c.Do(ctx, http.MethodGet, "/connectors/x/tasks-config", nil, &out)
		},
	}
}

func reply(status int, body string) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {"application/json"}}, Body: readCloser{strings.NewReader(body)}}
}

type readCloser struct{ *strings.Reader }

func (readCloser) Close() error { return nil }

func TestEveryMethodIsInEveryCall(t *testing.T) {
	t.Parallel()
	c, err := connect.NewClient("http://h")
	require.NoError(t, err)
	calls := everyCall(c)
	for _, name := range methodsOf(c) {
		switch name {
		case "Workers", "OnWorker":
		default:
			assert.Contains(t, calls, name, "tests that go over every call must have it")
		}
	}
	require.Error(t, errors.Join(calls["GetStatus"](canceled(t))))
}

func canceled(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}
