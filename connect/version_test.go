package connect_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-reconnect/reconnect/connect"
)

func TestServerInfoMapsVendorVersions(t *testing.T) {
	t.Parallel()
	for raw, kafka := range map[string]string{"4.3.1": "4.3.1", "7.5.0-ccs": "3.5.0", "8.0.1-ce": "4.0.0", "6.2.0-ccs": "2.8.0", "3.7.0.redhat-1": "3.7.0", "99.9-vendor": ""} {
		s := serve(t, raw, nil)
		info, err := client(t, s.URL).ServerInfo(t.Context())
		require.NoError(t, err)
		assert.Equal(t, raw, info.Version)
		assert.Equal(t, kafka, info.KafkaVersion, raw)
		assert.Equal(t, "k", info.KafkaClusterID)
		assert.Equal(t, s.URL+base, info.Worker)
	}
}

// TestTooOld: a call that the server is too old for names the Kafka version and the KIP.
func TestTooOld(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name, version, says string
		call                func(context.Context, *connect.Client) error
	}{
		{"health", "3.8.1", "Kafka 3.9 (KIP-1017)", func(ctx context.Context, c *connect.Client) error { return second(c.Health(ctx)) }},
		{"patch", "3.7.2", "Kafka 3.8 (KIP-477)", func(ctx context.Context, c *connect.Client) error { return second(c.PatchConfig(ctx, "x", nil)) }},
		{"stop", "3.4.0", "Kafka 3.5 (KIP-875)", func(ctx context.Context, c *connect.Client) error { return c.Stop(ctx, "x") }},
		{"offsets", "3.4.0", "Kafka 3.5 (KIP-875)", func(ctx context.Context, c *connect.Client) error { return second(c.GetOffsets(ctx, "x")) }},
		{"alter offsets", "3.5.2", "Kafka 3.6 (KIP-875)", func(ctx context.Context, c *connect.Client) error { return second(c.AlterOffsets(ctx, "x", nil)) }},
		{"reset offsets on Confluent 7.5", "7.5.0-ccs", "Kafka 3.6 (KIP-875)", func(ctx context.Context, c *connect.Client) error { return second(c.ResetOffsets(ctx, "x")) }},
		{"topics", "2.4.1", "Kafka 2.5 (KIP-558)", func(ctx context.Context, c *connect.Client) error { return second(c.ListTopics(ctx, "x")) }},
		{"plugin config", "3.1.0", "Kafka 3.2 (KIP-769)", func(ctx context.Context, c *connect.Client) error {
			return second(c.GetPluginConfig(ctx, "P", connect.PluginConfigOptions{}))
		}},
		{"loggers", "2.3.0", "Kafka 2.4 (KIP-495)", func(ctx context.Context, c *connect.Client) error { return second(c.ListLoggers(ctx)) }},
		{"expand", "2.2.0-cp2", "Kafka 2.3 (KIP-465)", func(ctx context.Context, c *connect.Client) error { return second(c.ListStatuses(ctx)) }},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, row.version, func(_ int, w http.ResponseWriter, r *http.Request) {
				switch {
				case strings.HasSuffix(r.URL.Path, "/connectors"):
					write(w, 200, "", `["a"]`) // as before 2.3
				case r.Method == http.MethodPatch && strings.HasSuffix(r.URL.Path, "/config"):
					write(w, 405, "", `{"error_code":405,"message":"HTTP 405 Method Not Allowed"}`)
				default:
					write(w, 404, "", `{"error_code":404,"message":"HTTP 404 Not Found"}`)
				}
			})
			c := client(t, s.URL)
			err := row.call(t.Context(), c)
			require.ErrorIs(t, err, connect.ErrUnsupported, "found by the answer")
			require.ErrorIs(t, err, errors.ErrUnsupported)
			require.NotErrorIs(t, err, connect.ErrNotFound)
			assert.Contains(t, err.Error(), row.says)
			n := len(s.requests())
			_, err = c.ServerInfo(t.Context())
			require.NoError(t, err)
			err = row.call(t.Context(), c)
			require.ErrorIs(t, err, connect.ErrUnsupported, "found by the version")
			assert.Contains(t, err.Error(), row.says)
			assert.Contains(t, err.Error(), row.version)
			assert.Len(t, s.requests(), n, "nothing is sent")
		})
	}
	// These an old worker would take and do something else: the version is read first.
	for _, row := range []struct {
		name, version, says string
		call                func(context.Context, *connect.Client) error
	}{
		{"initial state", "3.6.0", "Kafka 3.7 (KIP-980)", func(ctx context.Context, c *connect.Client) error {
			return second(c.CreateConnector(ctx, connect.CreateRequest{Name: "x", InitialState: connect.StateStopped}))
		}},
		{"all plugins", "3.1.0", "Kafka 3.2 (KIP-769)", func(ctx context.Context, c *connect.Client) error {
			return second(c.ListPlugins(ctx, connect.PluginOptions{All: true}))
		}},
		{"plugin version", "4.0.0", "Kafka 4.1 (KIP-891)", func(ctx context.Context, c *connect.Client) error {
			return second(c.GetPluginConfig(ctx, "P", connect.PluginConfigOptions{Version: "1"}))
		}},
		{"cluster scope", "3.6.2", "Kafka 3.7 (KIP-976)", func(ctx context.Context, c *connect.Client) error {
			return second(c.SetLogger(ctx, "root", "INFO", connect.LoggerOptions{Cluster: true}))
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, row.version, func(_ int, w http.ResponseWriter, _ *http.Request) { write(w, 200, "", `[]`) })
			err := row.call(t.Context(), client(t, s.URL))
			require.ErrorIs(t, err, connect.ErrUnsupported)
			assert.Contains(t, err.Error(), row.says)
			assert.Contains(t, err.Error(), "the server is Kafka "+row.version)
			assert.Empty(t, s.requests())
		})
	}
}

// versions serves GET / with the versions of a list in turn and counts; everything else is a status, or 204.
func versions(t *testing.T, asked *int, raw ...string) *http.Client {
	t.Helper()
	return &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		switch {
		case r.URL.Path == "/":
			v := raw[min(*asked, len(raw)-1)]
			*asked++
			return reply(200, `{"version":"`+v+`","commit":"c","kafka_cluster_id":"k"}`), nil
		case r.Method == http.MethodGet:
			return reply(200, statusJSON), nil
		case r.URL.RawQuery != "":
			return reply(202, statusJSON), nil
		}
		return reply(204, ""), nil
	})}
}

func TestTheLowestVersionOfTenMinutesDecides(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		c, err := connect.NewClient("http://balancer", connect.WithHTTPClient(versions(t, &asked, "4.1.0", "3.6.0", "4.1.0")))
		require.NoError(t, err)
		all := func() error {
			_, err := c.SetLogger(t.Context(), "root", "INFO", connect.LoggerOptions{Cluster: true})
			return err
		}
		require.NoError(t, all())
		require.NoError(t, all())
		assert.Equal(t, 1, asked, "the version is read once")
		time.Sleep(2 * time.Minute) //nolint:forbidigo // virtual time
		require.ErrorIs(t, all(), connect.ErrUnsupported, "another worker behind the balancer is older")
		time.Sleep(2 * time.Minute) //nolint:forbidigo // virtual time
		require.ErrorIs(t, all(), connect.ErrUnsupported, "4.1.0 again, but 3.6.0 was seen two minutes ago")
		time.Sleep(8 * time.Minute) //nolint:forbidigo // virtual time
		require.NoError(t, all(), "3.6.0 was seen more than ten minutes ago")
	})
}

func TestTheVersionIsReadAgainAfterAWorkerChange(t *testing.T) {
	t.Parallel()
	old := serve(t, "3.6.0", func(_ int, w http.ResponseWriter, _ *http.Request) { write(w, 200, "", `[]`) })
	s := serve(t, "4.1.0", func(_ int, w http.ResponseWriter, _ *http.Request) { write(w, 204, "", "") })
	c := client(t, s.URL, connect.WithWorkers(old.URL+base))
	call := func() error {
		return second(c.SetLogger(t.Context(), "root", "INFO", connect.LoggerOptions{Cluster: true}))
	}
	require.NoError(t, call())
	s.Close()
	_, err := c.ListConnectors(t.Context()) // moves to the old worker
	require.NoError(t, err)
	require.ErrorIs(t, call(), connect.ErrUnsupported)
	pinned, err := c.OnWorker(s.URL + base)
	require.NoError(t, err)
	require.NotErrorIs(t, second(pinned.SetLogger(t.Context(), "root", "INFO", connect.LoggerOptions{Cluster: true})), connect.ErrUnsupported, "a pinned client knows its own worker's version only")
}

func TestRestartByVersion(t *testing.T) {
	t.Parallel()
	both := connect.RestartOptions{IncludeTasks: true, OnlyFailed: true}
	for _, row := range []struct {
		name, version string
		o             connect.RestartOptions
		want          []string
	}{
		{"flags on 4.x", "4.3.1", both, []string{"POST /connectors/x/restart?includeTasks=true&onlyFailed=true"}},
		{"flags on 3.0.3", "3.0.3", both, []string{"POST /connectors/x/restart?includeTasks=true&onlyFailed=true"}},
		{"flags on 3.2.0", "3.2.0", both, []string{"POST /connectors/x/restart?includeTasks=true&onlyFailed=true"}},
		{"KAFKA-13719 on 3.0.0", "3.0.0", both, []string{"GET /connectors/x/status", "POST /connectors/x/tasks/0/restart"}},
		{"KAFKA-13719 on 3.0.2", "3.0.2", both, []string{"GET /connectors/x/status", "POST /connectors/x/tasks/0/restart"}},
		{"KAFKA-13719 on 3.1.0", "3.1.0", both, []string{"GET /connectors/x/status", "POST /connectors/x/tasks/0/restart"}},
		{"KAFKA-13719 on Confluent 7.1, whose patch is not Kafka's", "7.1.4-ccs", both, []string{"GET /connectors/x/status", "POST /connectors/x/tasks/0/restart"}},
		{"KAFKA-13719 does not touch the connector alone", "3.1.0", connect.RestartOptions{OnlyFailed: true}, []string{"POST /connectors/x/restart?includeTasks=false&onlyFailed=true"}},
		{"below 3.0", "2.8.1", both, []string{"GET /connectors/x/status", "POST /connectors/x/tasks/0/restart"}},
		{"below 3.0, not only failed", "2.8.1", connect.RestartOptions{IncludeTasks: true}, []string{"GET /connectors/x/status", "POST /connectors/x/restart", "POST /connectors/x/tasks/0/restart"}},
		{"below 3.0, a connector that has not failed", "2.8.1", connect.RestartOptions{OnlyFailed: true}, []string{"GET /connectors/x/status"}},
		{"a vendor's version that is not mapped is never newest", "99.1-vendor", both, []string{"GET /connectors/x/status", "POST /connectors/x/tasks/0/restart"}},
		{"without flags no version matters", "2.8.1", connect.RestartOptions{}, []string{"POST /connectors/x/restart"}},
		{"no version to be had: the flags are tried", "", both, []string{"POST /connectors/x/restart?includeTasks=true&onlyFailed=true"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, row.version, func(_ int, w http.ResponseWriter, r *http.Request) {
				switch {
				case r.Method == http.MethodGet:
					write(w, 200, "", statusJSON)
				case r.URL.RawQuery != "":
					write(w, 202, "", strings.ReplaceAll(statusJSON, "FAILED", "RESTARTING"))
				default:
					w.WriteHeader(http.StatusNoContent)
				}
			})
			plan, err := client(t, s.URL).Restart(t.Context(), "x", row.o)
			require.NoError(t, err)
			var got []string
			for _, r := range s.requests() {
				if r.path == "/" {
					continue
				}
				q := r.method + " " + r.path
				if r.query != "" {
					q += "?" + r.query
				}
				got = append(got, q)
			}
			assert.Equal(t, row.want, got)
			if row.o.IncludeTasks {
				assert.Equal(t, []connect.TaskID{{Connector: "x"}}, plan.Tasks)
			}
			assert.Equal(t, "x", plan.Name)
		})
	}
}

func TestA204ToFlagsMeansTheyWereNotKnown(t *testing.T) {
	t.Parallel()
	s := serve(t, "", func(_ int, w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/status") {
			write(w, 200, "", statusJSON)
			return
		}
		if r.Method == http.MethodGet {
			write(w, 404, "", "")
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
	plan, err := client(t, s.URL).Restart(t.Context(), "x", connect.RestartOptions{IncludeTasks: true, OnlyFailed: true})
	require.NoError(t, err)
	assert.True(t, plan.Connector, "the worker took it for a plain restart")
	assert.Equal(t, []connect.TaskID{{Connector: "x"}}, plan.Tasks)
	assert.Nil(t, plan.Status)
}

func TestARestartOneByOneThatPartlyFails(t *testing.T) {
	t.Parallel()
	s := serve(t, "2.8.0", func(_ int, w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodGet:
			write(w, 200, "", `{"name":"x","connector":{"state":"FAILED","worker_id":"w"},"tasks":[{"id":0,"state":"FAILED","worker_id":"w"},{"id":1,"state":"FAILED","worker_id":"w"}],"type":"sink"}`)
		case strings.Contains(r.URL.Path, "/tasks/0/"):
			connectError(w, 500, "Failed to start task: x-0")
		case strings.HasSuffix(r.URL.Path, "/connectors/x/restart"):
			connectError(w, 404, "Unknown connector: x")
		default:
			w.WriteHeader(http.StatusNoContent)
		}
	})
	plan, err := client(t, s.URL).Restart(t.Context(), "x", connect.RestartOptions{IncludeTasks: true, OnlyFailed: true})
	require.Error(t, err)
	require.ErrorIs(t, err, connect.ErrNotFound)
	require.NotNil(t, plan, "what was accepted is told")
	assert.False(t, plan.Connector)
	assert.Equal(t, []connect.TaskID{{Connector: "x", Task: 1}}, plan.Tasks)
	var many interface{ Unwrap() []error }
	require.ErrorAs(t, err, &many)
	require.Len(t, many.Unwrap(), 2)
	assert.Equal(t, connect.AppliedYes, asError(t, many.Unwrap()[1]).Applied, "it was restarted, and failed again")
}
