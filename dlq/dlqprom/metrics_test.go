package dlqprom_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/go-reconnect/reconnect/dlq"
	"github.com/go-reconnect/reconnect/dlq/dlqprom"
)

// value is that of one series, such as connect_dlq_records_total{outcome="parked"}, whatever its other labels.
func value(t *testing.T, g prometheus.Gatherer, name string, labels ...string) float64 {
	t.Helper()
	families, err := g.Gather()
	require.NoError(t, err)
	for _, f := range families {
	metrics:
		for _, m := range f.GetMetric() {
			have := map[string]bool{}
			for _, l := range m.GetLabel() {
				have[l.GetName()+"="+l.GetValue()] = true
			}
			for _, l := range labels {
				if !have[l] {
					continue metrics
				}
			}
			if f.GetName() == name {
				return m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	require.Fail(t, "no such series", "%s %v", name, labels)
	return 0
}

func TestARunOnABrokerIsCounted(t *testing.T) {
	t.Parallel()
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "orders-dlq", "orders-retry", "orders-parked"))
	require.NoError(t, err)
	t.Cleanup(c.Close)
	cl, err := kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...))
	require.NoError(t, err)
	t.Cleanup(cl.Close)
	for i := range 10 {
		r := &kgo.Record{Topic: "orders-dlq", Value: fmt.Append(nil, i)}
		for k, v := range map[string]string{"topic": "orders", "partition": "0", "offset": strconv.Itoa(i), "connector.name": "orders-sink", "task.id": "0", "stage": "VALUE_CONVERTER"} {
			r.Headers = append(r.Headers, kgo.RecordHeader{Key: "__connect.errors." + k, Value: []byte(v)})
		}
		require.NoError(t, cl.ProduceSync(t.Context(), r).FirstErr())
	}
	reg := prometheus.NewPedanticRegistry()
	seen := 0
	cfg := dlq.RepublisherConfig{
		Brokers: c.ListenAddrs(), Topic: "orders-dlq", Group: "repair", Target: dlq.ToTopic("orders-retry"), Park: dlq.ParkTopic("orders-parked"),
		Handler: func(_ context.Context, r *dlq.Record) (dlq.Decision, error) {
			if r.Failure.Offset%5 == 0 {
				return dlq.Park("every fifth"), nil
			}
			return dlq.Republish(), nil
		},
		Audit: func(dlq.Entry) { seen++ },
	}
	m, err := dlqprom.Register(reg, &cfg)
	require.NoError(t, err)
	r, err := dlq.NewRepublisher(cfg)
	require.NoError(t, err)
	report, err := r.Run(t.Context())
	m.Done(report, err)
	require.NoError(t, err)
	require.True(t, report.Complete, report)

	assert.InDelta(t, 8, value(t, reg, "connect_dlq_records_total", "outcome=republished", "topic=orders-dlq", "group=repair"), 0)
	assert.InDelta(t, 2, value(t, reg, "connect_dlq_records_total", "outcome=parked"), 0)
	assert.InDelta(t, 0, value(t, reg, "connect_dlq_records_total", "outcome=skipped"), 0)
	assert.InDelta(t, 8, value(t, reg, "connect_dlq_connector_records_total", "connector=orders-sink", "outcome=republished"), 0)
	assert.InDelta(t, 1, value(t, reg, "connect_dlq_runs_total", "result=complete"), 0)
	assert.InDelta(t, 10, value(t, reg, "connect_dlq_done_offsets"), 0)
	assert.InDelta(t, 10, value(t, reg, "connect_dlq_total_offsets"), 0)
	assert.InDelta(t, 0, value(t, reg, "connect_dlq_remaining_offsets"), 0)
	assert.NotZero(t, value(t, reg, "connect_dlq_last_run_timestamp_seconds"))
	assert.Equal(t, 10, seen, "the caller's own Audit is called as well")
	problems, err := testutil.GatherAndLint(reg)
	require.NoError(t, err)
	assert.Equal(t, []promlint.Problem(nil), problems)
}

func TestTotalsOfARunAreCountedOnce(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewPedanticRegistry()
	cfg := dlq.RepublisherConfig{Topic: "orders-dlq", Group: "repair"}
	m, err := dlqprom.Register(reg, &cfg)
	require.NoError(t, err)
	parked := func() float64 { return value(t, reg, "connect_dlq_records_total", "outcome=parked") }
	cfg.OnProgress(dlq.Progress{RunID: "a", Done: 3, Total: 9, Outcomes: map[dlq.Outcome]int64{dlq.OutcomeParked: 3}})
	assert.InDelta(t, 3, parked(), 0)
	cfg.OnProgress(dlq.Progress{RunID: "a", Done: 5, Total: 9, Outcomes: map[dlq.Outcome]int64{dlq.OutcomeParked: 5}})
	assert.InDelta(t, 5, parked(), 0)
	m.Done(dlq.Report{RunID: "a", Parked: 6, Expired: 2, Remaining: 3}, errors.New("broken"))
	assert.InDelta(t, 6, parked(), 0)
	assert.InDelta(t, 3, value(t, reg, "connect_dlq_remaining_offsets"), 0)
	assert.InDelta(t, 2, value(t, reg, "connect_dlq_expired_offsets_total"), 0)
	assert.InDelta(t, 1, value(t, reg, "connect_dlq_runs_total", "result=failed"), 0)
	cfg.OnProgress(dlq.Progress{RunID: "b", Done: 1, Total: 3, Outcomes: map[dlq.Outcome]int64{dlq.OutcomeParked: 1}})
	assert.InDelta(t, 7, parked(), 0, "the next run begins at zero")
	m.Done(dlq.Report{RunID: "b", Parked: 1}, nil)
	assert.InDelta(t, 1, value(t, reg, "connect_dlq_runs_total", "result=incomplete"), 0)
}

func TestConnectorsAreBounded(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewPedanticRegistry()
	cfg := dlq.RepublisherConfig{Topic: "orders-dlq"}
	_, err := dlqprom.Register(reg, &cfg)
	require.NoError(t, err)
	for i := range dlqprom.MaxConnectors + 50 {
		cfg.Audit(dlq.Entry{Connector: fmt.Sprintf("c-%d", i), Outcome: dlq.OutcomeParked})
	}
	cfg.Audit(dlq.Entry{Connector: "bad\xffname", Outcome: dlq.OutcomeParked})
	cfg.Audit(dlq.Entry{Outcome: dlq.OutcomeParked})
	assert.InDelta(t, 51, value(t, reg, "connect_dlq_connector_records_total", "connector="+dlqprom.Other), 0)
	n, err := testutil.GatherAndCount(reg, "connect_dlq_connector_records_total")
	require.NoError(t, err)
	assert.Equal(t, dlqprom.MaxConnectors+2, n)
}

func TestADryRunCountsNoRecords(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewPedanticRegistry()
	cfg := dlq.RepublisherConfig{Topic: "orders-dlq", DryRun: true}
	m, err := dlqprom.Register(reg, &cfg)
	require.NoError(t, err)
	cfg.Audit(dlq.Entry{Connector: "c", Outcome: dlq.OutcomeParked})
	cfg.OnProgress(dlq.Progress{RunID: "a", Done: 3, Total: 9, Outcomes: map[dlq.Outcome]int64{dlq.OutcomeParked: 3}})
	m.Done(dlq.Report{RunID: "a", Parked: 3, Complete: true, DryRun: true}, nil)
	assert.InDelta(t, 0, value(t, reg, "connect_dlq_records_total", "outcome=parked"), 0)
	assert.InDelta(t, 3, value(t, reg, "connect_dlq_done_offsets"), 0)
}

func TestBadArgumentsAreNamedAndChangeNothing(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewRegistry()
	cfg := dlq.RepublisherConfig{Topic: "orders-dlq"}
	_, err := dlqprom.Register(nil, &cfg)
	require.ErrorContains(t, err, "Registerer is nil")
	_, err = dlqprom.Register(reg, nil)
	require.ErrorContains(t, err, "RepublisherConfig is nil")
	_, err = dlqprom.Register(reg, &dlq.RepublisherConfig{})
	require.ErrorContains(t, err, "Topic is empty")
	assert.Nil(t, cfg.Audit)
	_, err = dlqprom.Register(reg, &cfg)
	require.NoError(t, err)
	second := dlq.RepublisherConfig{Topic: "orders-dlq"}
	_, err = dlqprom.Register(reg, &second)
	var twice prometheus.AlreadyRegisteredError
	require.ErrorAs(t, err, &twice)
	assert.Nil(t, second.Audit)
	other := dlq.RepublisherConfig{Topic: strings.Repeat("x", 10)}
	_, err = dlqprom.Register(reg, &other)
	require.NoError(t, err, "another dead letter queue beside it")
}
