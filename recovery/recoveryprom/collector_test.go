package recoveryprom_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-reconnect/reconnect/connect"
	"github.com/go-reconnect/reconnect/connect/connecttest"
	"github.com/go-reconnect/reconnect/recovery"
	"github.com/go-reconnect/reconnect/recovery/recoveryprom"
)

const refused = "org.apache.kafka.connect.errors.ConnectException: Exiting\nCaused by: java.net.ConnectException: Connection refused\n"

// stage is a fake cluster of connectors with two tasks each, and a supervisor over it, inside a bubble.
func stage(t *testing.T, cfg recovery.Config, connectors ...string) (*connecttest.Server, *connect.Client, *recovery.Supervisor) {
	t.Helper()
	srv := connecttest.NewServer(connecttest.Config{Errorf: t.Errorf})
	t.Cleanup(srv.Close)
	srv.RegisterPlugin("example.Sink", "sink", func(ctx context.Context, _ connecttest.Task) error {
		<-ctx.Done()
		return nil
	})
	for _, name := range connectors {
		srv.AddConnector(name, map[string]string{"connector.class": "example.Sink", "topics": "t", "tasks.max": "2"})
	}
	c, err := connect.NewClient("http://worker-0", connect.WithHTTPClient(&http.Client{Transport: srv.RoundTripper()}))
	require.NoError(t, err)
	s, err := recovery.New(c, cfg)
	require.NoError(t, err)
	<-time.After(time.Minute)
	return srv, c, s
}

// play makes passes for that long.
func play(t *testing.T, s *recovery.Supervisor, d time.Duration) {
	t.Helper()
	for end := time.Now().Add(d); time.Now().Before(end); {
		res, err := s.Reconcile(t.Context())
		require.NoError(t, err)
		<-time.After(res.RequeueAfter)
	}
}

// gather returns every series as name{label="value",...} -> value.
func gather(t *testing.T, g prometheus.Gatherer) map[string]float64 {
	t.Helper()
	families, err := g.Gather()
	require.NoError(t, err)
	out := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, fmt.Sprintf("%s=%q", l.GetName(), l.GetValue()))
			}
			key := f.GetName() + "{" + strings.Join(labels, ",") + "}"
			switch f.GetType().String() {
			case "COUNTER":
				out[key] = m.GetCounter().GetValue()
			case "SUMMARY":
				out[f.GetName()+"_count"] = float64(m.GetSummary().GetSampleCount())
			default:
				out[key] = m.GetGauge().GetValue()
			}
		}
	}
	return out
}

func TestSeriesFollowAConnectorFromFailureToItsEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv, c, s := stage(t, recovery.Config{Cluster: "prod", Policy: recovery.Policy{MaxRestarts: 2, Window: 6 * time.Hour, ProbeEvery: 30 * time.Minute, Jitter: -1}}, "orders", "other")
		reg := prometheus.NewPedanticRegistry()
		require.NoError(t, recoveryprom.Register(reg, s))
		before := gather(t, reg)
		assert.Zero(t, before[`connect_recovery_last_poll_timestamp_seconds{cluster="prod"}`], "an alert on its age fires when no poll ever works")
		play(t, s, time.Minute)
		got := gather(t, reg)
		assert.InDelta(t, 1, got[`connect_connector_state{cluster="prod",connector="orders",state="RUNNING"}`], 0)
		assert.InDelta(t, 1, got[`connect_task_state{cluster="prod",connector="orders",state="RUNNING",task="1"}`], 0)
		assert.InDelta(t, 2, got[`connect_connector_tasks{cluster="prod",connector="orders"}`], 0)
		assert.InDelta(t, 2, got[`connect_recovery_budget_left_restarts{cluster="prod",connector="orders"}`], 0)
		assert.Contains(t, got, `connect_recovery_restarts_total{cluster="prod",connector="orders",result="accepted"}`, "zero is there before the first restart")

		srv.OnRestart(func(name string, _ int) string { return map[string]string{"orders": refused}[name] })
		srv.FailTask("orders", 1, refused)
		play(t, s, 2*time.Hour)
		got = gather(t, reg)
		for series, want := range map[string]float64{
			`connect_connector_state{cluster="prod",connector="orders",state="RUNNING"}`:           1,
			`connect_task_state{cluster="prod",connector="orders",state="FAILED",task="1"}`:        1,
			`connect_task_state{cluster="prod",connector="orders",state="RUNNING",task="1"}`:       0,
			`connect_task_state{cluster="prod",connector="orders",state="RUNNING",task="0"}`:       1,
			`connect_recovery_phase{cluster="prod",connector="orders",phase="exhausted"}`:          1,
			`connect_recovery_phase{cluster="prod",connector="orders",phase="healthy"}`:            0,
			`connect_recovery_phase{cluster="prod",connector="other",phase="healthy"}`:             1,
			`connect_recovery_failure_info{class="connection",cluster="prod",connector="orders"}`:  1,
			`connect_recovery_restarts_total{cluster="prod",connector="orders",result="accepted"}`: 2,
			`connect_recovery_budget_left_restarts{cluster="prod",connector="orders"}`:             0,
			`connect_recovery_connectors{cluster="prod",phase="exhausted"}`:                        1,
			`connect_recovery_exhausted_total{cluster="prod"}`:                                     1,
			`connect_recovery_leader{cluster="prod"}`:                                              1,
			`connect_recovery_connectors_omitted{cluster="prod"}`:                                  0,
		} {
			require.Contains(t, got, series)
			assert.InDelta(t, want, got[series], 0, series)
		}
		assert.NotZero(t, got[`connect_recovery_probes_total{cluster="prod",connector="orders"}`])
		assert.NotZero(t, got[`connect_recovery_outcomes_total{cluster="prod",outcome="relapsed"}`])
		assert.InDelta(t, float64(time.Now().Unix()), got[`connect_recovery_last_poll_timestamp_seconds{cluster="prod"}`], 60)
		assert.Greater(t, got[`connect_recovery_next_attempt_timestamp_seconds{cluster="prod",connector="orders"}`], float64(time.Now().Unix()), "the next probe")
		assert.NotZero(t, got["connect_recovery_poll_duration_seconds_count"])
		for series := range got {
			assert.NotContains(t, series, "worker=")
			assert.NotContains(t, series, "8083")
		}

		require.NoError(t, c.DeleteConnector(t.Context(), "orders"))
		play(t, s, 5*time.Minute)
		for series := range gather(t, reg) {
			assert.NotContains(t, series, `connector="orders"`, "a series ends with its connector")
		}
	})
}

func TestTheMetricsAreCleanForPromlint(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv, _, s := stage(t, recovery.Config{Cluster: "prod"}, "orders")
		srv.FailTask("orders", 0, refused)
		reg := prometheus.NewPedanticRegistry()
		require.NoError(t, recoveryprom.Register(reg, s))
		play(t, s, time.Hour)
		problems, err := testutil.GatherAndLint(reg)
		require.NoError(t, err)
		assert.Equal(t, []promlint.Problem(nil), problems)
	})
}

func TestTheNumberOfSeriesIsBoundedAndTheSickComeFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		names := []string{"a", "b", "c", "d", "e", "z"}
		srv, _, s := stage(t, recovery.Config{Cluster: "prod"}, names...)
		srv.AddConnector("wide", map[string]string{"connector.class": "example.Sink", "topics": "t", "tasks.max": "50"})
		<-time.After(time.Minute)
		srv.FailTask("z", 0, refused)
		srv.FailTask("wide", 49, refused)
		srv.OnRestart(func(string, int) string { return refused })
		c, err := recoveryprom.NewCollector(s, recoveryprom.Options{MaxConnectors: 3, MaxTasks: 4})
		require.NoError(t, err)
		reg := prometheus.NewPedanticRegistry()
		require.NoError(t, reg.Register(c))
		play(t, s, 10*time.Minute)
		got := gather(t, reg)
		connectors, tasks := map[string]bool{}, map[string]bool{}
		for series := range got {
			if _, rest, ok := strings.Cut(series, `connector="`); ok {
				name, _, _ := strings.Cut(rest, `"`)
				connectors[name] = true
				if _, rest, ok := strings.Cut(series, `task="`); ok && name == "wide" {
					tasks[strings.TrimSuffix(rest, `"}`)] = true
				}
			}
		}
		assert.Equal(t, map[string]bool{"wide": true, "z": true, "a": true}, connectors)
		assert.Equal(t, map[string]bool{"49": true, "0": true, "1": true, "2": true}, tasks)
		assert.InDelta(t, 4, got[`connect_recovery_connectors_omitted{cluster="prod"}`], 0)
		assert.InDelta(t, 5, got[`connect_recovery_connectors{cluster="prod",phase="healthy"}`], 0, "the totals have everybody")
	})
}

// waiting is an Elector that never leads.
type waiting struct{}

func (waiting) Lead(ctx context.Context, _ func(context.Context) error) error {
	<-ctx.Done()
	return ctx.Err()
}

func TestASupervisorThatDoesNotLeadSaysNothingAboutConnectors(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, _, s := stage(t, recovery.Config{Cluster: "prod", Elector: waiting{}}, "orders")
		reg := prometheus.NewPedanticRegistry()
		require.NoError(t, recoveryprom.Register(reg, s))
		play(t, s, time.Minute)
		got := gather(t, reg)
		assert.Contains(t, got, `connect_recovery_leader{cluster="prod"}`)
		assert.Zero(t, got[`connect_recovery_leader{cluster="prod"}`])
		for series := range got {
			assert.NotContains(t, series, "connector=")
		}
	})
}

func TestSupervisorsOfSeveralClustersShareARegistry(t *testing.T) {
	t.Parallel()
	c, err := connect.NewClient("http://worker-0:8083")
	require.NoError(t, err)
	reg := prometheus.NewPedanticRegistry()
	for _, cluster := range []string{"a", "b", ""} {
		s, err := recovery.New(c, recovery.Config{Cluster: cluster})
		require.NoError(t, err)
		require.NoError(t, recoveryprom.Register(reg, s))
		err = recoveryprom.Register(reg, s)
		var twice prometheus.AlreadyRegisteredError
		require.ErrorAs(t, err, &twice)
	}
	_, err = reg.Gather()
	require.NoError(t, err)
}

func TestBadArgumentsAreNamed(t *testing.T) {
	t.Parallel()
	c, err := connect.NewClient("http://worker-0:8083")
	require.NoError(t, err)
	s, err := recovery.New(c, recovery.Config{})
	require.NoError(t, err)
	require.ErrorContains(t, recoveryprom.Register(nil, s), "Registerer is nil")
	require.ErrorContains(t, recoveryprom.Register(prometheus.NewRegistry(), nil), "Supervisor is nil")
	_, err = recoveryprom.NewCollector(s, recoveryprom.Options{MaxConnectors: -1})
	require.ErrorContains(t, err, "MaxConnectors is -1")
	_, err = recoveryprom.NewCollector(s, recoveryprom.Options{MaxTasks: -1})
	require.ErrorContains(t, err, "MaxTasks is -1")
}
