package connect_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
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

var sentinels = map[string]error{
	"ErrNotFound": connect.ErrNotFound, "ErrAlreadyExists": connect.ErrAlreadyExists, "ErrRebalancing": connect.ErrRebalancing, "ErrTimeout": connect.ErrTimeout,
	"ErrInvalidConfig": connect.ErrInvalidConfig, "ErrNotStopped": connect.ErrNotStopped, "ErrUnauthorized": connect.ErrUnauthorized, "ErrForbidden": connect.ErrForbidden,
	"ErrUnavailable": connect.ErrUnavailable, "ErrUnsupported": connect.ErrUnsupported, "ErrNotConnect": connect.ErrNotConnect,
}

// matches lists the sentinels that an error matches.
func matches(err error) []string {
	var names []string
	for name, s := range sentinels {
		if errors.Is(err, s) {
			names = append(names, name)
		}
	}
	return names
}

// TestWhatAnAnswerMeans is the table of answers and sentinels.
func TestWhatAnAnswerMeans(t *testing.T) {
	t.Parallel()
	body := func(code int, msg string) string { return fmt.Sprintf(`{"error_code":%d,"message":%q}`, code, msg) }
	for _, row := range []struct {
		what   string
		status int
		body   string
		want   []string
		says   string
	}{
		{"a leader's 404 wrapped by a forwarding worker", 500, body(500, "Error trying to forward REST request: Connector x not found"), []string{"ErrNotFound"}, "Connector x not found"},
		{"an unknown task wrapped", 500, body(500, "Error trying to forward REST request: Unknown task: x-0"), []string{"ErrNotFound"}, ""},
		{"an existing name wrapped", 500, body(500, "Error trying to forward REST request: Connector x already exists"), []string{"ErrAlreadyExists"}, ""},
		{"a rebalance wrapped", 500, body(500, "Error trying to forward REST request: Cannot complete request momentarily due to stale configuration"), []string{"ErrRebalancing"}, ""},
		{"a leader that cannot be reached", 500, body(500, "IO Error trying to forward REST request: java.net.UnknownHostException: w2"), []string{"ErrUnavailable"}, "UnknownHostException"},
		{"the name of a connector that is called `already exists`", 409, body(409, "Cannot complete request momentarily due to no known leader URL, likely because a rebalance was underway."), []string{"ErrRebalancing"}, ""},
		{"a 409 of a kind unknown here", 409, body(409, "Something else"), nil, "Something else"},
		{"a timed-out request keeps its stage", 500, body(500, "Request timed out. The worker is currently restarting task foo-0, which began at 2026-01-01T00:00:00Z."), []string{"ErrTimeout"}, "restarting task foo-0"},
		{"a timed-out request without a stage", 500, body(500, "Request timed out"), []string{"ErrTimeout"}, ""},
		{"not stopped", 400, body(400, "Connectors must be in the STOPPED state before their offsets can be modified."), []string{"ErrNotStopped"}, ""},
		{"an unknown class up to 4.0", 500, body(500, "Failed to find any class that implements Connector and which name matches com.Nope"), []string{"ErrInvalidConfig"}, ""},
		{"an unknown class from 4.1", 400, body(400, "org.apache.kafka.connect.errors.ConnectException: Failed to find any class that implements Connector and which name matches com.Nope"), []string{"ErrInvalidConfig"}, ""},
		{"no class", 400, body(400, "Connector config {a=b} contains no connector type"), []string{"ErrInvalidConfig"}, "Connector config {[redacted]} contains no connector type"},
		{"an override of the wrong type in validate", 500, body(500, "org.apache.kafka.common.config.ConfigException: Invalid value x for configuration max.poll.records: Not a number of type INT"), []string{"ErrInvalidConfig"}, ""},
		{"Kafka cannot be written", 500, body(500, "Error writing target state to Kafka"), []string{"ErrUnavailable"}, ""},
		{"Kafka cannot be written by a deletion", 500, body(500, "Error removing connector configuration from Kafka"), []string{"ErrUnavailable"}, ""},
		{"Kafka cannot be written by a restart", 500, body(500, "Error writing restart request for {connectorName='x', onlyFailed=true} to Kafka"), []string{"ErrUnavailable"}, ""},
		{"a null message", 500, `{"error_code":500,"message":null}`, nil, "500 Internal Server Error"},
		{"401 as plain text that is called JSON", 401, "User cannot access the resource.", []string{"ErrUnauthorized"}, "User cannot access"},
		{"401 without a body", 401, "", []string{"ErrUnauthorized"}, ""},
		{"403 of a proxy", 403, "<html>no</html>", []string{"ErrForbidden"}, ""},
		{"HTML 400 of Jetty for a bad URI", 400, "<html><h1>Bad Message 400</h1><pre>reason: Ambiguous URI path separator</pre></html>", []string{"ErrNotConnect"}, "Ambiguous URI path separator"},
		{"400 without a body", 400, "", []string{"ErrNotConnect"}, ""},
		{"404 without a body", 404, "", []string{"ErrNotConnect"}, ""},
		{"404 of another JSON API", 404, `{"status":404,"error":"Not Found"}`, []string{"ErrNotConnect"}, ""},
		{"500 of another JSON API", 500, `{"message":"An unexpected error occurred"}`, []string{"ErrNotConnect"}, ""},
		{"a worker that calls itself unhealthy", 500, `{"status":"unhealthy","message":"Worker was unable to handle this request and may be unable to handle other requests."}`, []string{"ErrUnavailable"}, "unhealthy: Worker was unable"},
		{"a worker that calls itself starting", 503, `{"status":"starting","message":"Worker is still starting up."}`, []string{"ErrUnavailable"}, "starting: Worker is still"},
		{"an unhealthy something without Connect's message", 500, `{"status":"unhealthy"}`, []string{"ErrNotConnect"}, ""},
		{"the health of another API", 500, `{"status":"DOWN","message":"db"}`, []string{"ErrNotConnect"}, ""},
		{"a level that is none", 404, body(404, "invalid log level 'LOUD'."), []string{"ErrInvalidConfig"}, "invalid log level 'LOUD'."},
		{"a logger that does not exist", 404, body(404, "Logger com.example.nope not found."), []string{"ErrNotFound"}, "not found"},
		{"500 as HTML", 500, "<html>oops</html>", []string{"ErrNotConnect"}, "oops"},
		{"418", 418, "", []string{"ErrNotConnect"}, ""},
		{"200 with nothing", 200, "", []string{"ErrNotConnect"}, "empty"},
		{"200 with white space", 200, " \n", []string{"ErrNotConnect"}, "empty"},
		{"200 with null", 200, "null", []string{"ErrNotConnect"}, "null"},
		{"200 with plain text", 200, "OK", []string{"ErrNotConnect"}, "OK"},
		{"200 with an empty object", 200, "{}", []string{"ErrNotConnect"}, ""},
		{"200 with a list", 200, "[]", []string{"ErrNotConnect"}, ""},
		{"200 with a string", 200, `"x"`, []string{"ErrNotConnect"}, ""},
		{"200 that is cut off", 200, statusJSON[:50], []string{"ErrNotConnect"}, ""},
		{"200 with something behind it", 200, statusJSON + "x", []string{"ErrNotConnect"}, ""},
		{"204 where a body belongs", 204, "", []string{"ErrNotConnect"}, ""},
	} {
		t.Run(row.what, func(t *testing.T) {
			t.Parallel()
			c, err := connect.NewClient("http://w", connect.WithRetry(connect.RetryPolicy{Max: -1}), connect.WithHTTPClient(&http.Client{Transport: roundTripper(func(*http.Request) (*http.Response, error) {
				return reply(row.status, row.body), nil
			})}))
			require.NoError(t, err)
			st, err := c.GetStatus(t.Context(), "x")
			require.Error(t, err, "never a zero value without an error")
			assert.Nil(t, st)
			assert.ElementsMatch(t, row.want, matches(err))
			assert.Contains(t, err.Error(), row.says)
			e := asError(t, err)
			assert.Equal(t, row.status, e.StatusCode)
			assert.Equal(t, row.body, string(e.Body))
			assert.True(t, strings.HasPrefix(err.Error(), "connect: GET /connectors/x/status: "), err.Error())
		})
	}
	require.ErrorIs(t, connect.ErrUnsupported, errors.ErrUnsupported)
}

// TestASentinelPasswordIsNowhere sends a configuration that is full of one password through calls that fail in every way, to a server that repeats all
// it gets, and looks for it in errors, logs and hooks.
func TestASentinelPasswordIsNowhere(t *testing.T) {
	t.Parallel()
	cfg := secretConfig()
	cfg["odd.key"] = sentinel
	cfg["another"] = "x " + sentinel + " y"
	var java []string
	for k, v := range cfg {
		java = append(java, k+"="+v)
	}
	dump := "{" + strings.Join(java, ", ") + "}"
	answers := []func(w http.ResponseWriter, r *http.Request){
		func(w http.ResponseWriter, _ *http.Request) {
			connectError(w, 400, "Connector config "+dump+" contains no connector type")
		},
		func(w http.ResponseWriter, _ *http.Request) { connectError(w, 500, "java.lang.X: "+dump) },
		func(w http.ResponseWriter, _ *http.Request) {
			connectError(w, 400, "Connector configuration is invalid and contains the following 1 error(s):\nInvalid value "+sentinel+" for configuration odd.key: no\nInvalid value "+sentinel+" for configuration connection.password: no")
		},
		func(w http.ResponseWriter, r *http.Request) {
			write(w, 502, "text/html", "<pre>"+r.Header.Get("Authorization")+" "+r.Header.Get("X-Api-Key")+" could not be forwarded</pre>")
		},
		func(w http.ResponseWriter, _ *http.Request) {
			write(w, 200, "", `{"name":"x","config":`+mustJSON(cfg)+`,"tasks":"`+sentinel+`"}`)
		},
		func(w http.ResponseWriter, _ *http.Request) { write(w, 200, "", `{"name":"x","config":`+mustJSON(cfg)) },
		func(w http.ResponseWriter, _ *http.Request) { write(w, 200, "", mustJSON(cfg)+"x") },
		func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "https://u:"+sentinel+"@elsewhere/?token="+sentinel)
			w.WriteHeader(http.StatusFound)
		},
		func(w http.ResponseWriter, _ *http.Request) {
			write(w, 200, "", `{"name":"C","error_count":1,"groups":[],"configs":[{"definition":null,"value":{"name":"odd.key","value":"`+sentinel+`","recommended_values":["`+sentinel+`"],"errors":["Invalid value `+sentinel+` for configuration odd.key: no"],"visible":true}}]}`)
		},
	}
	for i, answer := range answers {
		t.Run(fmt.Sprint("answer ", i), func(t *testing.T) {
			t.Parallel()
			s := serve(t, "4.0.0", func(_ int, w http.ResponseWriter, r *http.Request) { answer(w, r) })
			var out bytes.Buffer
			hook := func(e connect.Event) { fmt.Fprintf(&out, "%+v\n", e) }
			c := client(t, s.URL, connect.WithBasicAuth("user", sentinel), connect.WithHeader("X-Api-Key", sentinel),
				connect.WithLogger(slog.New(slog.NewJSONHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))),
				connect.WithHooks(connect.Hooks{Request: hook, Response: hook, Retry: hook, Failover: hook}))
			pw := sentinel
			calls := everyCall(c)
			calls["CreateConnector"] = func(ctx context.Context) error {
				return second(c.CreateConnector(ctx, connect.CreateRequest{Name: "x", Config: cfg}))
			}
			calls["PutConfig"] = func(ctx context.Context) error { _, _, err := c.PutConfig(ctx, "x", cfg); return err }
			calls["PatchConfig"] = func(ctx context.Context) error {
				return second(c.PatchConfig(ctx, "x", connect.ConfigPatch{"odd": &pw, "a.password": &pw}))
			}
			calls["ValidateConfig"] = func(ctx context.Context) error {
				v, err := c.ValidateConfig(ctx, "C", cfg)
				if err == nil {
					fmt.Fprintf(&out, "%v %+v %#v %s %+v %#v", v, *v, v, v.Err(), v.Configs, v.Configs[0].Value)
					slog.New(slog.NewJSONHandler(&out, nil)).InfoContext(ctx, "m", "v", *v, "c", *v.Configs[0].Value)
					assert.ErrorIs(t, v.Err(), connect.ErrInvalidConfig)
				}
				return err
			}
			calls["Apply"] = func(ctx context.Context) error {
				ch, err := c.Apply(ctx, "x", cfg, connect.ApplyOptions{})
				fmt.Fprintf(&out, "%+v", ch)
				return err
			}
			for name, call := range calls {
				err := call(t.Context())
				if err != nil {
					fmt.Fprintf(&out, "%s: %v %+v %#v %q\n", name, err, err, err, err)
					slog.New(slog.NewJSONHandler(&out, nil)).Info("m", "err", err)
				}
			}
			assert.NotContains(t, out.String(), sentinel)
			assert.NotContains(t, out.String(), "dXNlcj", "the Authorization header")
			assert.NotEmpty(t, out.String())
		})
	}
	t.Run("a server that cannot be reached", func(t *testing.T) {
		t.Parallel()
		c, err := connect.NewClient("http://user:"+sentinel+"@127.0.0.1:1", connect.WithRetry(fast))
		require.NoError(t, err)
		_, err = c.ListConnectors(t.Context())
		require.Error(t, err)
		assert.NotContains(t, fmt.Sprintf("%v %+v %#v", err, err, err), sentinel)
	})
}

func TestErrorPrintsAndLogs(t *testing.T) {
	t.Parallel()
	e := &connect.Error{Method: "PUT", Path: "/connectors/x/config", Worker: "http://w", StatusCode: 500, Message: "boom", Body: []byte(sentinel), Err: errors.New("cause")}
	assert.Equal(t, "connect: PUT /connectors/x/config: 500 Internal Server Error: boom: cause (applied: unknown)", e.Error())
	assert.NotContains(t, fmt.Sprintf("%#v", e), sentinel)
	var buf bytes.Buffer
	slog.New(slog.NewTextHandler(&buf, nil)).Info("m", "err", e)
	assert.NotContains(t, buf.String(), sentinel)
	assert.Contains(t, buf.String(), "err.applied=unknown")
	assert.Equal(t, "unknown no yes", fmt.Sprint(connect.AppliedUnknown, " ", connect.AppliedNo, " ", connect.AppliedYes))
}

// TestABadLevelIsNotAMissingLogger: Connect answers 404 to both.
func TestABadLevelIsNotAMissingLogger(t *testing.T) {
	t.Parallel()
	for _, version := range contractVersions {
		s := connecttest.NewServer(connecttest.Config{Version: version, Errorf: t.Errorf})
		defer s.Close()
		c, err := connect.NewClient(s.InProcessURLs()[0], connect.WithHTTPClient(s.Client()))
		require.NoError(t, err)
		for _, cluster := range []bool{false, true} {
			_, err = c.SetLogger(t.Context(), "root", "LOUD", connect.LoggerOptions{Cluster: cluster})
			require.ErrorIs(t, err, connect.ErrInvalidConfig, version)
			require.NotErrorIs(t, err, connect.ErrNotFound, version)
			assert.Equal(t, connect.AppliedNo, asError(t, err).Applied)
			assert.Equal(t, 404, asError(t, err).StatusCode)
		}
		_, err = c.GetLogger(t.Context(), "com.example.nope")
		require.ErrorIs(t, err, connect.ErrNotFound, version)
		require.NotErrorIs(t, err, connect.ErrInvalidConfig, version)
	}
}

// TestDoOfAnUnhealthyWorker: its body is Connect's own, if not an error body. Health reads it as an answer.
func TestDoOfAnUnhealthyWorker(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := connecttest.NewServer(connecttest.Config{Errorf: t.Errorf})
		defer s.Close()
		c, err := connect.NewClient(s.InProcessURLs()[0], connect.WithHTTPClient(s.Client()))
		require.NoError(t, err)
		s.BrokerDown(24 * time.Hour)
		err = c.Do(t.Context(), http.MethodGet, "/health", nil, new(json.RawMessage))
		require.ErrorIs(t, err, connect.ErrUnavailable)
		require.NotErrorIs(t, err, connect.ErrNotConnect)
		require.ErrorContains(t, err, "unhealthy: ")
		h, err := c.Health(t.Context())
		require.NoError(t, err)
		assert.Equal(t, connect.HealthUnhealthy, h.Status)
	})
}
