package connect_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-reconnect/reconnect/connect"
	"github.com/go-reconnect/reconnect/connect/connecttest"
	"github.com/go-reconnect/reconnect/internal/kversion"
)

// The credentials of the cluster of the phases auth and notracking, and some that are not.
const (
	authUser      = "connect-admin"
	authPassword  = "Tr0ub4dor-and-3"
	wrongPassword = "c0rrect-h0rse"
)

// signed puts credentials on the requests of a world that have none.
type signed struct{ next http.RoundTripper }

func (s signed) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Header.Get("Authorization") == "" {
		r = r.Clone(r.Context())
		r.SetBasicAuth(authUser, authPassword)
	}
	return s.next.RoundTrip(r)
}

// TestContract_FakeBehindBasicAuth asks of the fake what TestContract_RealBehindBasicAuth asks of a worker.
func TestContract_FakeBehindBasicAuth(t *testing.T) {
	t.Parallel()
	for _, version := range contractVersions {
		t.Run("kafka "+version, func(t *testing.T) {
			t.Parallel()
			s := connecttest.NewServer(connecttest.Config{Version: version, NoTopicTracking: true, Errorf: t.Errorf})
			defer s.Close()
			s.RequireBasicAuth(authUser, authPassword)
			v, ok := kversion.Parse(version)
			require.True(t, ok)
			behindBasicAuth(t, &world{
				version: v, raw: version, urls: s.InProcessURLs(), client: s.Client(), fake: s, prefix: "c-",
				pause: func(time.Duration) { <-time.After(time.Millisecond) },
			})
		})
	}
}

// behindBasicAuth is the contract of one worker with the basic-auth extension and without topic tracking.
func behindBasicAuth(t *testing.T, anonymous *world) {
	t.Helper()
	inside := *anonymous
	inside.client = &http.Client{Transport: signed{anonymous.client.Transport}}
	inside.try(t, post("/connectors", create("sink", sinkConfig(), "")), 201)
	inside.await(t, "sink", "RUNNING RUNNING")
	t.Run("without credentials", func(t *testing.T) { withoutCredentials(t, anonymous, &inside) })
	t.Run("before and within the extension", func(t *testing.T) { inFrontOfAuth(t, anonymous) })
	t.Run("topic tracking is disabled", func(t *testing.T) {
		cases := 0
		eachCase(phaseNoTracking, func(name string, _ contractEndpoint, c contractCase) {
			cases++
			t.Run(name, func(t *testing.T) { c.run(t, &inside) })
		})
		assert.Equal(t, 2, cases)
		_, err := authClient(t, anonymous, connect.WithBasicAuth(authUser, authPassword)).ListTopics(t.Context(), anonymous.name("sink"))
		require.ErrorIs(t, err, connect.ErrForbidden)
		assert.Equal(t, "Topic tracking is disabled.", asError(t, err).Message)
	})
	t.Run("the client", func(t *testing.T) { clientBehindAuth(t, anonymous) })
	t.Run("nothing was done to the connector meanwhile", func(t *testing.T) { inside.await(t, "sink", "RUNNING RUNNING") })
}

// withoutCredentials sends the table's case of every endpoint without credentials and with wrong ones.
func withoutCredentials(t *testing.T, w, inside *world) {
	t.Helper()
	eachCase(phaseAuth, func(name string, e contractEndpoint, c contractCase) {
		t.Run(name, func(t *testing.T) {
			want := c.want(w)
			for _, header := range []map[string]string{nil, basic(authUser, wrongPassword)} {
				q := c.request
				q.Header = header
				a := w.must(t, 0, q)
				want.check(t, w, q, a)
				assert.Empty(t, a.Header.Get("WWW-Authenticate"))
			}
			if e.method == http.MethodGet && want.status == http.StatusUnauthorized {
				q := c.request
				q.Path = strings.ReplaceAll(q.Path, "<many>", "<sink>")
				a := inside.must(t, 0, q)
				status := http.StatusOK
				if strings.HasSuffix(e.path, "/topics") {
					status = http.StatusForbidden
				}
				assert.Equal(t, status, a.Status, "with credentials: %s", a)
			}
		})
	})
}

func basic(user, password string) map[string]string {
	return map[string]string{"Authorization": "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))}
}

func root(authorization string) contractRequest {
	return contractRequest{Method: http.MethodGet, Path: "/", Header: map[string]string{"Authorization": authorization}}
}

// inFrontOfAuth is what a worker answers before it asks for credentials, and what it takes for none.
func inFrontOfAuth(t *testing.T, w *world) {
	t.Helper()
	denied := wanted{status: 401, kind: jsonType, text: "User cannot access the resource.", class: errUnauthorized}
	for _, row := range []struct {
		what string
		q    contractRequest
		want wanted
	}{
		{"a path that does not exist", contractRequest{Method: http.MethodGet, Path: "/nowhere"}, wanted{status: 404, message: "HTTP 404 Not Found", shape: errorShape}},
		{"a path below one that exists", contractRequest{Method: http.MethodGet, Path: "/connectors/<sink>/nowhere"}, wanted{status: 404, message: "HTTP 404 Not Found", shape: errorShape}},
		{"a method that the path has not", contractRequest{Method: http.MethodDelete, Path: "/connectors"}, wanted{status: 405, message: "HTTP 405 Method Not Allowed", shape: errorShape}},
		{"a connector that does not exist is not given away", contractRequest{Method: http.MethodGet, Path: "/connectors/<none>"}, denied},
		{"a malformed body is not read", post("/connectors", "{"), denied},
		{"no scheme but basic", root(strings.Replace(basic(authUser, authPassword)["Authorization"], "Basic", "Digest", 1)), denied},
		{"a bearer token", root("Bearer abc"), denied},
		{"a header that is cut off", root("Basic"), denied},
		{"credentials without a colon", root("Basic YWJj"), denied},
		{"an unknown user", root(basic("nobody", authPassword)["Authorization"]), denied},
		{"credentials that are not base64", root("Basic a%b"), refusal(500, "Illegal base64 character 25", "")(w)},
		{"tasks from anybody who is no worker", post("/connectors/<sink>/tasks", "[]"), refusal(400, "Internal request missing required signature", "")(w)},
	} {
		t.Run(row.what, func(t *testing.T) { row.want.check(t, w, row.q, w.must(t, 0, row.q)) })
	}
}

func authClient(t *testing.T, w *world, opts ...connect.Option) *connect.Client {
	t.Helper()
	c, err := connect.NewClient(w.urls[0], append([]connect.Option{connect.WithHTTPClient(&http.Client{Transport: w.client.Transport})}, opts...)...)
	require.NoError(t, err)
	return c
}

// clientBehindAuth is the client with credentials of every kind.
func clientBehindAuth(t *testing.T, w *world) {
	t.Helper()
	name := w.name("client")
	cfg := connect.Config{"connector.class": fileSink, "tasks.max": "1", "topics": "t", "file": "/tmp/" + name}
	right := func(context.Context) (string, string, error) { return authUser, authPassword, nil }
	for what, opts := range map[string][]connect.Option{
		"no credentials":              nil,
		"a wrong password":            {connect.WithBasicAuth(authUser, wrongPassword)},
		"an unknown user":             {connect.WithBasicAuth("nobody", authPassword)},
		"a function that stays wrong": {connect.WithBasicAuthFunc(func(context.Context) (string, string, error) { return authUser, wrongPassword, nil })},
		"a bearer token":              {connect.WithBearerToken(func(context.Context) (string, error) { return wrongPassword, nil })},
	} {
		t.Run("refused: "+what, func(t *testing.T) {
			c := authClient(t, w, opts...)
			calls := map[string]error{}
			_, calls["info"] = c.ServerInfo(t.Context())
			_, calls["health"] = c.Health(t.Context())
			_, calls["list"] = c.ListConnectors(t.Context())
			_, calls["status"] = c.GetStatus(t.Context(), w.name("sink"))
			for _, err := range c.Statuses(t.Context()) {
				calls["statuses"] = err
			}
			_, calls["create"] = c.CreateConnector(t.Context(), connect.CreateRequest{Name: name, Config: cfg})
			_, calls["restart"] = c.Restart(t.Context(), w.name("sink"), connect.RestartOptions{IncludeTasks: true})
			calls["stop"] = c.Stop(t.Context(), w.name("sink"))
			calls["delete"] = c.DeleteConnector(t.Context(), w.name("sink"))
			_, calls["apply"] = c.Apply(t.Context(), name, cfg, connect.ApplyOptions{})
			for call, err := range calls {
				require.ErrorIs(t, err, connect.ErrUnauthorized, call)
				require.NotErrorIs(t, err, connect.ErrNotConnect, call)
				e := asError(t, err)
				assert.Equal(t, connect.AppliedNo, e.Applied, call)
				assert.Equal(t, "User cannot access the resource.", e.Message, call)
				for _, text := range []string{err.Error(), e.GoString(), e.LogValue().String()} {
					for _, secret := range []string{authPassword, wrongPassword, "Basic ", "Bearer "} {
						assert.NotContains(t, text, secret, call)
					}
				}
			}
		})
	}
	asked := 0
	for what, opts := range map[string][]connect.Option{
		"user and password": {connect.WithBasicAuth(authUser, authPassword)},
		"a function":        {connect.WithBasicAuthFunc(right)},
		"a function whose first answer has expired": {connect.WithBasicAuthFunc(func(ctx context.Context) (string, string, error) {
			if asked++; asked%5 == 1 { // it is asked when a request is made, and again after a 401
				return authUser, wrongPassword, nil
			}
			return right(ctx)
		})},
	} {
		t.Run("let in: "+what, func(t *testing.T) { life(t, w, authClient(t, w, opts...), name, cfg) })
	}
	assert.NotZero(t, asked)
	t.Run("let in: credentials in the URL", func(t *testing.T) {
		c, err := connect.NewClient(strings.Replace(w.urls[0], "://", "://"+authUser+":"+authPassword+"@", 1), connect.WithHTTPClient(&http.Client{Transport: w.client.Transport}))
		require.NoError(t, err)
		life(t, w, c, name, cfg)
		_, err = c.GetStatus(t.Context(), w.name("none"))
		require.ErrorIs(t, err, connect.ErrNotFound)
		require.NotContains(t, err.Error()+asError(t, err).Worker, authPassword)
	})
}

// life creates, changes and deletes a connector.
func life(t *testing.T, w *world, c *connect.Client, name string, cfg connect.Config) {
	t.Helper()
	ctx := t.Context()
	_, err := c.ServerInfo(ctx)
	require.NoError(t, err)
	h, err := c.Health(ctx)
	require.NoError(t, err)
	assert.True(t, h.Healthy(), h.Message)
	_, err = c.CreateConnector(ctx, connect.CreateRequest{Name: name, Config: cfg})
	require.NoError(t, err)
	_, err = c.WaitFor(ctx, name, connect.Running(1), connect.WaitOptions{})
	require.NoError(t, err)
	plan, err := c.Restart(ctx, name, connect.RestartOptions{IncludeTasks: true})
	require.NoError(t, err)
	assert.True(t, plan.Connector)
	_, err = c.WaitFor(ctx, name, connect.Running(1), connect.WaitOptions{})
	require.NoError(t, err)
	require.NoError(t, c.Pause(ctx, name))
	_, err = c.WaitFor(ctx, name, connect.Paused(), connect.WaitOptions{})
	require.NoError(t, err)
	var raw json.RawMessage
	require.NoError(t, c.Do(ctx, http.MethodGet, "/connectors?expand=info", nil, &raw))
	assert.Contains(t, string(raw), name)
	require.NoError(t, c.DeleteConnector(ctx, name))
	w.eventually(t, name+" is gone", func() bool {
		_, err = c.GetStatus(ctx, name)
		return errors.Is(err, connect.ErrNotFound)
	}, func() string { return fmt.Sprint(err) })
}
