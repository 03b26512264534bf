package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-reconnect/reconnect/connect"
	"github.com/go-reconnect/reconnect/connect/connecttest"
	"github.com/go-reconnect/reconnect/recovery"
	"github.com/go-reconnect/reconnect/recovery/recoveryprom"
)

const refusedTrace = "org.apache.kafka.connect.errors.ConnectException: Exiting WorkerSinkTask\nCaused by: java.net.ConnectException: Connection refused\n"

// supervise runs a supervisor until the test ends and returns where its metrics and its page are, host:port.
func supervise(t *testing.T, c recovery.Connect, cfg recovery.Config) (addr string) {
	t.Helper()
	s, err := recovery.New(c, cfg)
	require.NoError(t, err)
	reg := prometheus.NewPedanticRegistry()
	require.NoError(t, recoveryprom.Register(reg, s))
	mux := http.NewServeMux()
	mux.Handle("/metrics", promhttp.HandlerFor(reg, promhttp.HandlerOpts{ErrorHandling: promhttp.HTTPErrorOnError}))
	mux.Handle("/", s.Handler(recovery.HandlerOptions{}))
	srv := httptest.NewServer(mux)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		assert.NoError(t, <-done)
		srv.Close()
	})
	return strings.TrimPrefix(srv.URL, "http://")
}

// active asks Alertmanager how many alerts it has, and how many of them it keeps quiet.
func (s *setting) active(t *testing.T) (all, quiet int) {
	t.Helper()
	resp, err := http.Get(s.alertmanager + "/api/v2/alerts")
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	var alerts []struct {
		Status struct {
			State string `json:"state"`
		} `json:"status"`
	}
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&alerts))
	for _, a := range alerts {
		all++
		if a.Status.State == "suppressed" {
			quiet++
		}
	}
	return all, quiet
}

func TestTwoHundredConnectorsThatFailTogetherSendThreeNotificationsAtMost(t *testing.T) {
	t.Parallel()
	const n = 200
	srv := connecttest.NewServer(connecttest.Config{Errorf: t.Errorf})
	t.Cleanup(srv.Close)
	srv.RegisterPlugin("example.Sink", "sink", func(ctx context.Context, _ connecttest.Task) error {
		<-ctx.Done()
		return nil
	})
	for i := range n {
		srv.AddConnector(fmt.Sprintf("sink-%03d", i), map[string]string{"connector.class": "example.Sink", "topics": "t", "tasks.max": "1"})
	}
	c, err := connect.NewClient(srv.URL())
	require.NoError(t, err)
	addr := supervise(t, c, recovery.Config{Cluster: "demo", Interval: time.Second, Policy: recovery.Policy{FailureThreshold: 1}})
	s := start(t, "demo", map[string][]string{"reconnect": {addr}}, func(name string, d time.Duration) time.Duration {
		if name == "" && d > time.Minute { // how soon the end is told
			return 5 * time.Second
		}
		return byFactor(10)(name, d)
	})
	s.eventually(t, "the collector is scraped", time.Minute, func() bool {
		return s.has(t, fmt.Sprintf(`count(connect_connector_state{state="RUNNING"} == 1) == %d`, n))
	})
	srv.OnRestart(func(string, int) string { return refusedTrace })
	for i := range n {
		srv.FailTask(fmt.Sprintf("sink-%03d", i), 0, refusedTrace)
	}
	s.eventually(t, "the storm is told", time.Minute, func() bool { return len(s.firing("ConnectStorm", "connection")) > 0 })
	s.eventually(t, "every connector has an alert of its own, and they are kept quiet", time.Minute, func() bool {
		all, quiet := s.active(t)
		return all >= n+1 && quiet >= n
	})
	storm := s.firing("ConnectStorm", "")[0]
	assert.Equal(t, "200 connectors of demo are FAILED", storm.Annotations["summary"])
	assert.Contains(t, storm.Annotations["description"], "200 of them look like connection. Among them: sink-000, sink-001, sink-002, sink-003, sink-004.")
	for i := range n {
		srv.SetTaskState(fmt.Sprintf("sink-%03d", i), 0, connect.StateRunning)
	}
	s.eventually(t, "its end is told", 2*time.Minute, func() bool {
		for _, got := range s.notifications() {
			if got.Status == "resolved" && got.GroupLabels["alertname"] == "ConnectStorm" {
				return true
			}
		}
		return false
	})
	s.eventually(t, "nothing is left", 2*time.Minute, func() bool {
		all, _ := s.active(t)
		return all == 0
	})
	assert.LessOrEqual(t, len(s.notifications()), 3, s.summaries())
}
