package connect_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-reconnect/reconnect/connect"
)

// refused is a URL whose port nobody listens on.
func refused(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	u := "http://" + l.Addr().String()
	require.NoError(t, l.Close())
	return u
}

func TestFailover(t *testing.T) {
	t.Parallel()
	ok := func(_ int, w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			write(w, 200, "", statusJSON)
			return
		}
		w.WriteHeader(http.StatusAccepted)
	}
	t.Run("a worker that refuses the connection is left at once, for writes too, and not asked again", func(t *testing.T) {
		t.Parallel()
		s := serve(t, "", ok)
		dead := refused(t)
		var events []connect.Event
		var mu sync.Mutex
		c, err := connect.NewClient(dead+base, connect.WithWorkers(s.URL+base), connect.WithRetry(connect.RetryPolicy{Max: -1}),
			connect.WithHooks(connect.Hooks{Failover: func(e connect.Event) {
				mu.Lock()
				defer mu.Unlock()
				events = append(events, e)
			}}))
		require.NoError(t, err)
		require.NoError(t, c.Pause(t.Context(), "x"))
		_, err = c.GetStatus(t.Context(), "x")
		require.NoError(t, err)
		require.Len(t, events, 1, "the second call goes straight to the worker that answered")
		assert.Equal(t, dead+base, events[0].Worker)
		assert.Equal(t, s.URL+base, events[0].Next)
		assert.Equal(t, "PUT /connectors/{connector}/pause", events[0].Endpoint)
		require.Error(t, events[0].Err)
	})
	t.Run("a worker that is starting is left", func(t *testing.T) {
		t.Parallel()
		starting := serve(t, "", func(_ int, w http.ResponseWriter, _ *http.Request) {
			write(w, 404, "text/html;charset=iso-8859-1", "<html><h2>HTTP ERROR 404 Not Found</h2><a>Powered by Jetty:// 9.4</a></html>")
		})
		s := serve(t, "", ok)
		c := client(t, starting.URL, connect.WithWorkers(s.URL+base))
		require.NoError(t, c.Stop(t.Context(), "x"))
		assert.Len(t, starting.requests(), 1)
		assert.Len(t, s.requests(), 1)
	})
	t.Run("a cluster that is all starting is waited for, then an error that is no ErrNotFound", func(t *testing.T) {
		t.Parallel()
		starting := serve(t, "", func(_ int, w http.ResponseWriter, _ *http.Request) {
			write(w, 404, "text/html", "Powered by Jetty://")
		})
		_, err := client(t, starting.URL).GetStatus(t.Context(), "x")
		require.ErrorIs(t, err, connect.ErrUnavailable)
		require.ErrorIs(t, err, connect.ErrNotConnect)
		require.NotErrorIs(t, err, connect.ErrNotFound, "absence is not deletion")
		assert.Contains(t, err.Error(), "still starting")
		assert.Len(t, starting.requests(), 1+fast.Max)
	})
	t.Run("sticky: a worker that answers, also with an error, is kept", func(t *testing.T) {
		t.Parallel()
		a := serve(t, "", func(n int, w http.ResponseWriter, _ *http.Request) {
			switch n % 3 {
			case 0:
				connectError(w, 404, "Connector x not found")
			case 1:
				connectError(w, 500, "Request timed out")
			default:
				write(w, 200, "", statusJSON)
			}
		})
		b := serve(t, "", ok)
		c := client(t, a.URL, connect.WithWorkers(b.URL+base))
		for range 6 {
			_, _ = c.GetStatus(t.Context(), "x")
		}
		assert.Len(t, a.requests(), 6)
		assert.Empty(t, b.requests())
	})
	t.Run("every worker refuses: each is asked, then the tries are bounded", func(t *testing.T) {
		t.Parallel()
		n := 0
		c, err := connect.NewClient(refused(t), connect.WithWorkers(refused(t), refused(t)), connect.WithRetry(fast),
			connect.WithHooks(connect.Hooks{Request: func(connect.Event) { n++ }}))
		require.NoError(t, err)
		err = c.Pause(t.Context(), "x")
		require.ErrorIs(t, err, connect.ErrUnavailable)
		assert.Equal(t, connect.AppliedNo, asError(t, err).Applied)
		assert.Equal(t, 3+fast.Max, n)
	})
	t.Run("a write whose connection breaks after sending stays where it is", func(t *testing.T) {
		t.Parallel()
		a := serve(t, "", func(_ int, w http.ResponseWriter, _ *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err == nil {
				_ = conn.Close()
			}
		})
		b := serve(t, "", ok)
		err := client(t, a.URL, connect.WithWorkers(b.URL+base)).Stop(t.Context(), "x")
		require.Error(t, err)
		assert.Equal(t, connect.AppliedUnknown, asError(t, err).Applied)
		assert.Empty(t, b.requests())
		assert.Len(t, a.requests(), 1)
	})
	t.Run("a pinned client does not move", func(t *testing.T) {
		t.Parallel()
		b := serve(t, "", ok)
		dead := refused(t)
		c, err := connect.NewClient(b.URL+base, connect.WithWorkers(dead), connect.WithRetry(connect.RetryPolicy{Max: -1}))
		require.NoError(t, err)
		assert.Equal(t, []string{b.URL + base, dead}, c.Workers())
		pinned, err := c.OnWorker(dead + "/")
		require.NoError(t, err)
		assert.Equal(t, []string{dead}, pinned.Workers())
		_, err = pinned.GetStatus(t.Context(), "x")
		require.ErrorIs(t, err, connect.ErrUnavailable)
		assert.Empty(t, b.requests())
		_, err = c.OnWorker("http://w2:8083")
		require.Error(t, err, "a worker_id is no configured worker")
		assert.Contains(t, err.Error(), "http://w2:8083")
	})
	t.Run("the same worker twice is one", func(t *testing.T) {
		t.Parallel()
		c, err := connect.NewClient("http://H:8083/", connect.WithWorkers("http://h:8083", "http://h:8084"))
		require.NoError(t, err)
		assert.Equal(t, []string{"http://h:8083", "http://h:8084"}, c.Workers())
	})
}

func TestCredentials(t *testing.T) {
	t.Parallel()
	list := func(_ int, w http.ResponseWriter, _ *http.Request) { write(w, 200, "", `[]`) }
	basic := func(u, p string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(u+":"+p)) }

	t.Run("basic", func(t *testing.T) {
		t.Parallel()
		s := serve(t, "", list)
		_, err := client(t, s.URL, connect.WithBasicAuth("u", "p:w")).ListConnectors(t.Context())
		require.NoError(t, err)
		assert.Equal(t, basic("u", "p:w"), s.requests()[0].header.Get("Authorization"))
	})
	t.Run("user info of the URL, which nothing shows", func(t *testing.T) {
		t.Parallel()
		s := serve(t, "", list)
		c, err := connect.NewClient("http://u:secretpw@" + s.Listener.Addr().String() + base)
		require.NoError(t, err)
		_, err = c.ListConnectors(t.Context())
		require.NoError(t, err)
		assert.Equal(t, basic("u", "secretpw"), s.requests()[0].header.Get("Authorization"))
		assert.NotContains(t, fmt.Sprint(c.Workers()), "secretpw")
	})
	t.Run("a function is asked before every request, and once more after a 401", func(t *testing.T) {
		t.Parallel()
		s := serve(t, "", func(_ int, w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") != "Bearer fresh" {
				write(w, 401, "application/json", "User cannot access the resource.")
				return
			}
			w.WriteHeader(http.StatusAccepted)
		})
		asked := 0
		c := client(t, s.URL, connect.WithBearerToken(func(context.Context) (string, error) {
			if asked++; asked == 1 {
				return "stale", nil
			}
			return "fresh", nil
		}))
		require.NoError(t, c.Pause(t.Context(), "x"), "a 401 comes before anything is done, so that a write may be sent again")
		assert.Len(t, s.requests(), 2)
	})
	t.Run("a 401 with the same credentials again is the answer", func(t *testing.T) {
		t.Parallel()
		s := serve(t, "", func(_ int, w http.ResponseWriter, _ *http.Request) {
			write(w, 401, "application/json", "User cannot access the resource.")
		})
		_, err := client(t, s.URL, connect.WithBasicAuthFunc(func(context.Context) (string, string, error) { return "u", "wrongpw", nil })).ListConnectors(t.Context())
		require.ErrorIs(t, err, connect.ErrUnauthorized)
		assert.Contains(t, err.Error(), "User cannot access the resource.")
		assert.Len(t, s.requests(), 1)
	})
	t.Run("a function that fails: an error, and no request", func(t *testing.T) {
		t.Parallel()
		s := serve(t, "", list)
		boom := errors.New("vault is sealed")
		c := client(t, s.URL, connect.WithBearerToken(func(context.Context) (string, error) { return "", boom }))
		err := c.Pause(t.Context(), "x")
		require.ErrorIs(t, err, boom)
		assert.Equal(t, connect.AppliedNo, asError(t, err).Applied)
		assert.Empty(t, s.requests())
	})
	t.Run("no credentials go to a host that was not configured", func(t *testing.T) {
		t.Parallel()
		stranger := serve(t, "", list)
		for _, status := range []int{301, 302, 303, 307, 308} {
			s := serve(t, "", func(_ int, w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", stranger.URL+base+"/connectors?token=abc")
				w.WriteHeader(status)
			})
			hc := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return nil }}
			for _, c := range []*connect.Client{
				client(t, s.URL, connect.WithBasicAuth("u", "p"), connect.WithHeader("X-Api-Key", "k")),
				client(t, s.URL, connect.WithBasicAuth("u", "p"), connect.WithHTTPClient(hc)),
			} {
				_, err := c.ListConnectors(t.Context())
				require.ErrorIs(t, err, connect.ErrNotConnect)
				assert.Equal(t, status, asError(t, err).StatusCode)
				assert.Contains(t, err.Error(), "redirected to "+stranger.URL)
				assert.NotContains(t, err.Error(), "abc")
				require.ErrorIs(t, c.Pause(t.Context(), "x"), connect.ErrNotConnect)
			}
		}
		assert.Empty(t, stranger.requests())
	})
	t.Run("headers", func(t *testing.T) {
		t.Parallel()
		s := serve(t, "", list)
		_, err := client(t, s.URL, connect.WithHeader("X-Tenant", "a"), connect.WithHeader("x-tenant", "b"), connect.WithHeader("Host", "connect.internal"), connect.WithUserAgent("me/1")).ListConnectors(t.Context())
		require.NoError(t, err)
		h := s.requests()[0].header
		assert.Equal(t, []string{"a", "b"}, h["X-Tenant"])
		assert.Equal(t, "me/1", h.Get("User-Agent"))
		assert.Equal(t, "application/json", h.Get("Accept"))
		assert.NotContains(t, h, "Content-Type", "there is no body")
	})
}

func TestTLS(t *testing.T) {
	t.Parallel()
	clientCert := httptest.NewUnstartedServer(nil)
	clientCert.StartTLS()
	t.Cleanup(clientCert.Close)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		write(w, 200, "", fmt.Sprintf(`["%d"]`, len(r.TLS.PeerCertificates)))
	}))
	s.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert, MinVersion: tls.VersionTLS12}
	s.Config.ErrorLog = discardLog()
	s.StartTLS()
	t.Cleanup(s.Close)
	pool := x509.NewCertPool()
	pool.AddCert(s.Certificate())

	c, err := connect.NewClient(s.URL, connect.WithTLSConfig(&tls.Config{RootCAs: pool, Certificates: clientCert.TLS.Certificates, MinVersion: tls.VersionTLS12}))
	require.NoError(t, err)
	names, err := c.ListConnectors(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []string{"1"}, names, "the client certificate arrived")

	attempts := 0
	c, err = connect.NewClient(s.URL, connect.WithHooks(connect.Hooks{Request: func(connect.Event) { attempts++ }}))
	require.NoError(t, err)
	err = c.Pause(t.Context(), "x")
	var verify *tls.CertificateVerificationError
	require.ErrorAs(t, err, &verify)
	assert.Equal(t, connect.AppliedNo, asError(t, err).Applied)
	assert.Equal(t, 1, attempts, "an unknown authority does not become known by trying again")
}

func TestBadInputIsFoundBeforeAnyRequest(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		url  string
		opts []connect.Option
		says string
	}{
		"an empty URL":                {"", nil, "base URL"},
		"a URL without a scheme":      {"connect:8083", nil, "scheme"},
		"a scheme that is not HTTP":   {"ftp://h", nil, "scheme"},
		"no host":                     {"http://", nil, "host"},
		"a query":                     {"http://h?x=1", nil, "query"},
		"a fragment":                  {"http://h#x", nil, "fragment"},
		"a URL that cannot be parsed": {"http://u:secretpw@h:port", nil, "base URL"},
		"a bad worker":                {"http://h", []connect.Option{connect.WithWorkers("nope")}, "WithWorkers"},
		"a nil option":                {"http://h", []connect.Option{nil}, "option 0 is nil"},
		"a negative timeout":          {"http://h", []connect.Option{connect.WithTimeout(-1)}, "WithTimeout"},
		"a zero timeout":              {"http://h", []connect.Option{connect.WithTimeout(0)}, "WithTimeout"},
		"a negative wait":             {"http://h", []connect.Option{connect.WithRetry(connect.RetryPolicy{MinWait: -1})}, "MinWait"},
		"waits the wrong way round":   {"http://h", []connect.Option{connect.WithRetry(connect.RetryPolicy{MinWait: time.Minute, MaxWait: time.Second})}, "MinWait"},
		"no user":                     {"http://h", []connect.Option{connect.WithBasicAuth("", "secretpw")}, "WithBasicAuth"},
		"a user with a colon":         {"http://h", []connect.Option{connect.WithBasicAuth("a:b", "secretpw")}, "colon"},
		"a nil function":              {"http://h", []connect.Option{connect.WithBasicAuthFunc(nil)}, "WithBasicAuthFunc"},
		"a nil token function":        {"http://h", []connect.Option{connect.WithBearerToken(nil)}, "WithBearerToken"},
		"two kinds of credentials":    {"http://h", []connect.Option{connect.WithBasicAuth("a", "b"), connect.WithBearerToken(func(context.Context) (string, error) { return "", nil })}, "WithBearerToken"},
		"a bad header name":           {"http://h", []connect.Option{connect.WithHeader("a b", "c")}, "WithHeader"},
		"a header with a line break":  {"http://h", []connect.Option{connect.WithHeader("a", "b\r\nc: secretpw")}, "WithHeader"},
		"a nil TLS configuration":     {"http://h", []connect.Option{connect.WithTLSConfig(nil)}, "WithTLSConfig"},
		"a nil HTTP client":           {"http://h", []connect.Option{connect.WithHTTPClient(nil)}, "WithHTTPClient"},
		"TLS and a client":            {"http://h", []connect.Option{connect.WithHTTPClient(http.DefaultClient), connect.WithTLSConfig(&tls.Config{MinVersion: tls.VersionTLS12})}, "WithTLSConfig"},
		"a nil logger":                {"http://h", []connect.Option{connect.WithLogger(nil)}, "WithLogger"},
		"an empty user agent":         {"http://h", []connect.Option{connect.WithUserAgent("")}, "WithUserAgent"},
		"no room for an answer":       {"http://h", []connect.Option{connect.WithMaxResponseBytes(0)}, "WithMaxResponseBytes"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, err := connect.NewClient(row.url, row.opts...)
			require.Error(t, err)
			assert.Nil(t, c)
			assert.Contains(t, err.Error(), row.says)
			assert.NotContains(t, err.Error(), "secretpw")
		})
	}

	s := serve(t, "", func(_ int, w http.ResponseWriter, _ *http.Request) { write(w, 200, "", `{}`) })
	c := client(t, s.URL)
	ctx := t.Context()
	for _, name := range []string{"", "  ", "a\nb", "a\x00b", "\x7f", "\xff", "\u0085"} {
		for what, err := range map[string]error{
			"GetStatus":  second(c.GetStatus(ctx, name)),
			"GetConfig":  second(c.GetConfig(ctx, name)),
			"Create":     second(c.CreateConnector(ctx, connect.CreateRequest{Name: name})),
			"Delete":     c.DeleteConnector(ctx, name),
			"Restart":    second(c.Restart(ctx, name, connect.RestartOptions{IncludeTasks: true})),
			"Task":       c.RestartTask(ctx, connect.TaskID{Connector: name}),
			"Patch":      second(c.PatchConfig(ctx, name, nil)),
			"Apply":      second(c.Apply(ctx, name, nil, connect.ApplyOptions{})),
			"Alter":      second(c.AlterOffsets(ctx, name, nil)),
			"Plugin":     second(c.GetPluginConfig(ctx, name, connect.PluginConfigOptions{})),
			"Validate":   second(c.ValidateConfig(ctx, name, nil)),
			"GetLogger":  second(c.GetLogger(ctx, name)),
			"SetLogger":  second(c.SetLogger(ctx, name, "INFO", connect.LoggerOptions{})),
			"WaitFor":    second(c.WaitFor(ctx, name, connect.Running(1), connect.WaitOptions{})),
			"TaskStatus": second(c.GetTaskStatus(ctx, connect.TaskID{Connector: name})),
		} {
			require.Error(t, err, "%s %q", what, name)
			assert.Equal(t, connect.AppliedNo, asError(t, err).Applied)
		}
	}
	for what, err := range map[string]error{
		"the task number -1":  c.RestartTask(ctx, connect.TaskID{Connector: "x", Task: -1}),
		"InitialState":        second(c.CreateConnector(ctx, connect.CreateRequest{Name: "x", InitialState: "BROKEN"})),
		"the level is empty":  second(c.SetLogger(ctx, "root", "", connect.LoggerOptions{})),
		"predicate is nil":    second(c.WaitFor(ctx, "x", nil, connect.WaitOptions{})),
		"WaitOptions":         second(c.WaitFor(ctx, "x", connect.Running(1), connect.WaitOptions{Interval: -1})),
		"Expand":              second(c.ListExpanded(ctx, connect.Expand{})),
		"WaitTasks":           second(c.Apply(ctx, "x", nil, connect.ApplyOptions{WaitTasks: -1})),
		"offset 0 is no JSON": second(c.AlterOffsets(ctx, "x", connect.Offsets{{Partition: []byte(`{}`), Offset: []byte(`{`)}})),
		"partition of offset": second(c.AlterOffsets(ctx, "x", connect.Offsets{{Partition: []byte(`{`)}})),
		"rename":              second(c.PatchConfig(ctx, "x", connect.ConfigPatch{"name": nil})),
		"must start with":     c.Do(ctx, "GET", "connectors", nil, nil),
		"not an HTTP method":  c.Do(ctx, "GE T", "/", nil, nil),
		"escaped path":        c.Do(ctx, "GET", "/a b", nil, nil),
		"..":                  c.Do(ctx, "GET", "/a/../b", nil, nil),
		"//":                  errors.Join(c.Do(ctx, "GET", "//evil.example/x", nil, nil), errors.New("//")),
		"body cannot":         c.Do(ctx, "POST", "/a", func() {}, nil),
	} {
		require.Error(t, err, what)
		assert.Contains(t, err.Error(), what)
	}
	assert.Empty(t, s.requests())
}

func second[T any](_ T, err error) error { return err }

func TestHooksSeeEveryAttempt(t *testing.T) {
	t.Parallel()
	s := serve(t, "", func(n int, w http.ResponseWriter, _ *http.Request) {
		if n < 3 {
			write(w, 503, "", "")
			return
		}
		write(w, 200, "", statusJSON)
	})
	var log []string
	add := func(what string) func(connect.Event) {
		return func(e connect.Event) {
			log = append(log, fmt.Sprintf("%s %d %d", what, e.Attempt, e.StatusCode))
			assert.Equal(t, "GET", e.Method)
			assert.Equal(t, "/connectors/a%20b/status", e.Path)
			assert.Equal(t, "GET /connectors/{connector}/status", e.Endpoint)
			assert.Equal(t, s.URL+base, e.Worker)
		}
	}
	c := client(t, s.URL, connect.WithHooks(connect.Hooks{Request: add("request"), Response: add("response"), Retry: add("retry"), Failover: add("failover")}))
	_, err := c.GetStatus(t.Context(), "a b")
	require.NoError(t, err)
	assert.Equal(t, []string{"request 1 0", "response 1 503", "retry 1 503", "request 2 0", "response 2 503", "retry 2 503", "request 3 0", "response 3 200"}, log)
}
