package connect_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-reconnect/reconnect/connect"
)

// kindsOfCalls says of every method whether its one request is a read. Methods that send several requests are left out.
var reads = map[string]bool{
	"ServerInfo": true, "Health": true, "ListConnectors": true, "ListStatuses": true, "ListExpanded": true, "Statuses": true, "Connectors": true, "GetConnector": true, "GetConfig": true,
	"GetStatus": true, "ListTasks": true, "GetTaskStatus": true, "GetOffsets": true, "ListTopics": true, "ListPlugins": true, "GetPluginConfig": true, "ValidateConfig": true,
	"ListLoggers": true, "GetLogger": true, "Do": true,
	"CreateConnector": false, "PutConfig": false, "PatchConfig": false, "DeleteConnector": false, "Restart": false, "RestartTask": false, "Pause": false, "Resume": false, "Stop": false,
	"AlterOffsets": false, "ResetOffsets": false, "ResetTopics": false, "SetLogger": false,
}

// TestTheTableOfWhatIsResent drives every method through every answer that matters to the table.
func TestTheTableOfWhatIsResent(t *testing.T) {
	t.Parallel()
	type wire struct {
		status int
		body   string
		html   bool
		err    error
	}
	html := func(status int, body string) wire { return wire{status: status, body: body, html: true} }
	answer := func(status int, msg string) wire {
		return wire{status: status, body: `{"error_code":` + strconv.Itoa(status) + `,"message":"` + msg + `"}`}
	}
	fails := func(err error) wire { return wire{err: err} }
	const jetty = `<html><body><h2>HTTP ERROR 404 Not Found</h2><hr/><a href="https://jetty.org/">Powered by Jetty:// 12.0.22</a></body></html>`
	rows := []struct {
		name          string
		reply         wire
		reads, writes bool // sent again
		is            error
		applied       connect.Applied // of a write
	}{
		{"429", html(429, "slow down"), true, false, connect.ErrUnavailable, connect.AppliedNo},
		{"502", html(502, "<html>"), true, false, connect.ErrUnavailable, connect.AppliedUnknown},
		{"503", html(503, ""), true, false, connect.ErrUnavailable, connect.AppliedUnknown},
		{"504", html(504, ""), true, false, connect.ErrTimeout, connect.AppliedUnknown},
		{"a connection that breaks after sending", fails(io.ErrUnexpectedEOF), true, false, connect.ErrUnavailable, connect.AppliedUnknown},
		{"a connection that is refused", fails(&net.OpError{Op: "dial", Err: errors.New("connection refused")}), true, true, connect.ErrUnavailable, connect.AppliedNo},
		{"a host that does not resolve", fails(&net.DNSError{Err: "no such host"}), true, true, connect.ErrUnavailable, connect.AppliedNo},
		{"a worker that is starting", html(404, jetty), true, true, connect.ErrUnavailable, connect.AppliedNo},
		{"409 stale configuration", answer(409, "Cannot complete request momentarily due to stale configuration (typically caused by a concurrent config change)"), true, true, connect.ErrRebalancing, connect.AppliedNo},
		{"409 no known leader", answer(409, "Cannot complete request momentarily due to no known leader URL, likely because a rebalance was underway."), true, true, connect.ErrRebalancing, connect.AppliedNo},
		{"409 conflicting operation", answer(409, "Cannot complete request because of a conflicting operation (e.g. worker rebalance)"), true, true, connect.ErrRebalancing, connect.AppliedNo},
		{"409 zombie fencing", answer(409, "Failed to complete zombie fencing because a new set of task configs was generated"), true, true, connect.ErrRebalancing, connect.AppliedNo},
		{"500 a rebalance is expected", answer(500, "Request cannot be completed because a rebalance is expected"), true, true, connect.ErrRebalancing, connect.AppliedNo},
		{"500 Request timed out", answer(500, "Request timed out. The worker is currently polling the group coordinator for up to 1ms, which began at 2026-01-01T00:00:00Z."), false, false, connect.ErrTimeout, connect.AppliedUnknown},
		{"500 of a bad body", answer(500, "Unrecognized field"), false, false, nil, connect.AppliedNo},
		{"500 of anything else", answer(500, "java.lang.IllegalStateException"), false, false, nil, connect.AppliedUnknown},
		{"500 of a forwarded call that failed", answer(500, "IO Error trying to forward REST request: java.net.UnknownHostException: w2"), false, false, connect.ErrUnavailable, connect.AppliedUnknown},
		{"409 already exists", answer(409, "Connector x already exists"), false, false, connect.ErrAlreadyExists, connect.AppliedNo},
		{"400", answer(400, "Connector configuration is invalid and contains the following 1 error(s):"), false, false, connect.ErrInvalidConfig, connect.AppliedNo},
		{"401", html(401, "User cannot access the resource."), false, false, connect.ErrUnauthorized, connect.AppliedNo},
		{"403", answer(403, "Topic tracking is disabled."), false, false, connect.ErrForbidden, connect.AppliedNo},
		{"404", answer(404, "Connector x not found"), false, false, connect.ErrNotFound, connect.AppliedNo},
		{"404 of something that is not Connect", html(404, "<html>nginx</html>"), false, false, connect.ErrNotConnect, connect.AppliedNo},
		{"a redirect", html(302, "<html>"), false, false, connect.ErrNotConnect, connect.AppliedNo},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var posts, others atomic.Int64
				readBack := false
				c, err := connect.NewClient("http://worker-0:8083", connect.WithHTTPClient(&http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
					if readBack && r.Method == http.MethodGet {
						others.Add(1)
						return reply(404, `{"error_code":404,"message":"Connector x not found"}`), nil
					}
					posts.Add(1)
					if row.reply.err != nil {
						return nil, row.reply.err
					}
					resp := reply(row.reply.status, row.reply.body)
					if row.reply.html {
						resp.Header = http.Header{"Content-Type": {"text/html"}}
					}
					return resp, nil
				})}))
				require.NoError(t, err)
				calls := everyCall(c)
				for name, read := range reads {
					posts.Store(0)
					others.Store(0)
					readBack = name == "CreateConnector"
					begin := time.Now()
					err := calls[name](t.Context())
					require.Error(t, err, name)
					if row.is != nil {
						require.ErrorIs(t, err, row.is, name)
					}
					want := int64(1)
					if read && row.reads || !read && row.writes {
						want = 6 // the default of 5 repetitions
						assert.Greater(t, time.Since(begin), 3*time.Second, "%s: the waits double from 250 ms, less up to half", name)
						assert.LessOrEqual(t, time.Since(begin), 8*time.Second, name)
					}
					assert.Equal(t, want, posts.Load(), name)
					e := asError(t, err)
					applied := row.applied
					if read {
						applied = connect.AppliedNo
					}
					if name == "CreateConnector" && row.name == "500 of anything else" {
						applied = connect.AppliedNo // read back: the herder refused, and there is no connector
					}
					assert.Equal(t, applied, e.Applied, name)
					if name == "CreateConnector" && row.applied == connect.AppliedUnknown {
						assert.Equal(t, int64(1), others.Load(), "a create is read back")
					} else {
						assert.Zero(t, others.Load())
					}
					if !read && applied == connect.AppliedUnknown {
						assert.Contains(t, err.Error(), "applied: unknown", name)
					}
				}
			})
		})
	}
}

func TestRetryAfterIsObeyed(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name, header string
		policy       connect.RetryPolicy
		want         time.Duration
	}{
		{"seconds", "7", connect.RetryPolicy{}, 7 * time.Second},
		{"an hour is bounded by the default MaxWait", "3600", connect.RetryPolicy{}, 30 * time.Second},
		{"and by MaxWait", "3600", connect.RetryPolicy{MinWait: time.Second, MaxWait: 2 * time.Second}, 2 * time.Second},
		{"zero means now", "0", connect.RetryPolicy{}, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				n := 0
				c, err := connect.NewClient("http://worker-0:8083", connect.WithRetry(row.policy), connect.WithHTTPClient(&http.Client{Transport: roundTripper(func(*http.Request) (*http.Response, error) {
					if n++; n == 1 {
						r := reply(503, "")
						r.Header.Set("Retry-After", row.header)
						return r, nil
					}
					return reply(200, `[]`), nil
				})}))
				require.NoError(t, err)
				begin := time.Now()
				_, err = c.ListConnectors(t.Context())
				require.NoError(t, err)
				assert.Equal(t, row.want, time.Since(begin))
			})
		})
	}
	t.Run("an HTTP date", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			n := 0
			c, err := connect.NewClient("http://worker-0:8083", connect.WithHTTPClient(&http.Client{Transport: roundTripper(func(*http.Request) (*http.Response, error) {
				if n++; n == 1 {
					r := reply(503, "")
					r.Header.Set("Retry-After", time.Now().Add(5*time.Second).UTC().Format(http.TimeFormat))
					return r, nil
				}
				return reply(200, `[]`), nil
			})}))
			require.NoError(t, err)
			begin := time.Now()
			_, err = c.ListConnectors(t.Context())
			require.NoError(t, err)
			assert.Equal(t, 5*time.Second, time.Since(begin))
		})
	})
	t.Run("a wait that the context does not last ends with the context", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			c, err := connect.NewClient("http://worker-0:8083", connect.WithHTTPClient(&http.Client{Transport: roundTripper(func(*http.Request) (*http.Response, error) {
				r := reply(503, "")
				r.Header.Set("Retry-After", "20")
				return r, nil
			})}))
			require.NoError(t, err)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			begin := time.Now()
			_, err = c.ListConnectors(ctx)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.ErrorIs(t, err, connect.ErrUnavailable, "what was answered is told besides")
			assert.Equal(t, 503, asError(t, err).StatusCode)
			assert.Equal(t, time.Second, time.Since(begin))
		})
	})
}

func TestTimeOfOneAttempt(t *testing.T) {
	t.Parallel()
	hang := roundTripper(func(r *http.Request) (*http.Response, error) {
		<-r.Context().Done()
		return nil, r.Context().Err()
	})
	synctest.Test(t, func(t *testing.T) {
		once := connect.WithRetry(connect.RetryPolicy{Max: -1})
		c, err := connect.NewClient("http://w", once, connect.WithHTTPClient(&http.Client{Transport: hang}))
		require.NoError(t, err)
		own, err := connect.NewClient("http://w", once, connect.WithTimeout(time.Second), connect.WithHTTPClient(&http.Client{Transport: hang}))
		require.NoError(t, err)
		for _, row := range []struct {
			name string
			call func(*connect.Client) error
			want time.Duration
		}{
			{"from memory", func(c *connect.Client) error { _, err := c.GetStatus(t.Context(), "x"); return err }, 10 * time.Second},
			{"health, which the worker bounds at 10 s itself", func(c *connect.Client) error { _, err := c.Health(t.Context()); return err }, 15 * time.Second},
			{"from the herder", func(c *connect.Client) error { _, err := c.GetConnector(t.Context(), "x"); return err }, 100 * time.Second},
			{"a write", func(c *connect.Client) error { return c.Stop(t.Context(), "x") }, 100 * time.Second},
		} {
			begin := time.Now()
			err := row.call(c)
			require.ErrorIs(t, err, connect.ErrTimeout, row.name)
			assert.Equal(t, row.want, time.Since(begin), row.name)
			begin = time.Now()
			require.ErrorIs(t, row.call(own), connect.ErrTimeout, row.name)
			assert.Equal(t, time.Second, time.Since(begin), row.name)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		c, err := connect.NewClient("http://w", connect.WithHTTPClient(&http.Client{Transport: hang}))
		require.NoError(t, err)
		begin := time.Now()
		_, err = c.GetConnector(t.Context(), "x")
		require.ErrorIs(t, err, connect.ErrTimeout)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, 3*time.Minute, time.Since(begin), "a whole call without a deadline")
	})
}

func TestABodyThatStopsIsATimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, err := connect.NewClient("http://w", connect.WithRetry(connect.RetryPolicy{Max: -1}), connect.WithHTTPClient(&http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
			resp := reply(200, "")
			resp.Body = &stalled{ctx: r.Context(), head: `{"a":{"status":` + statusJSON + `},`}
			return resp, nil
		})}))
		require.NoError(t, err)
		begin := time.Now()
		_, err = c.GetStatus(t.Context(), "x")
		require.ErrorIs(t, err, connect.ErrTimeout)
		assert.Equal(t, 10*time.Second, time.Since(begin))
		begin = time.Now()
		got := 0
		for st, err := range c.Statuses(t.Context()) {
			if err != nil {
				require.ErrorIs(t, err, connect.ErrTimeout)
				break
			}
			assert.Equal(t, "x", st.Name)
			got++
		}
		assert.Equal(t, 1, got, "what arrived is handed out")
		assert.Equal(t, 10*time.Second, time.Since(begin))
	})
}

// stalled is a body that gives its head and then nothing more.
type stalled struct {
	ctx  context.Context
	head string
}

func (s *stalled) Read(p []byte) (int, error) {
	if s.head != "" {
		n := copy(p, s.head)
		s.head = s.head[n:]
		return n, nil
	}
	<-s.ctx.Done()
	return 0, s.ctx.Err()
}

func (s *stalled) Close() error { return nil }
