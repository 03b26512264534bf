package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/go-reconnect/reconnect/connect"
	"github.com/go-reconnect/reconnect/internal/testutil"
	"github.com/go-reconnect/reconnect/recovery"
)

const agentPort = 9404

// agents is a cluster whose broker and workers run the JMX exporter's agent with the rules of this directory.
func agents(t *testing.T, version string, properties map[string]string) *testutil.Cluster {
	t.Helper()
	jars, err := filepath.Glob(filepath.Join(cacheDir, "jmx", "jmx_prometheus_javaagent-*.jar"))
	require.NoError(t, err)
	if len(jars) == 0 {
		missing(t, "the JMX exporter's agent is not there")
	}
	read := func(file string) []byte {
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		return data
	}
	const jar, rules = "/opt/jmx/jmx_prometheus_javaagent.jar", "/opt/jmx/rules.yml"
	env := map[string]string{"KAFKA_OPTS": fmt.Sprintf("-javaagent:%s=%d:%s", jar, agentPort, rules)}
	return testutil.NewCluster(t, testutil.Options{
		Version: version, WorkerEnv: env, BrokerEnv: env, Ports: []int{agentPort}, WorkerProperties: properties,
		Files:       map[string][]byte{jar: read(jars[0]), rules: read("jmx/connect.yml"), "/data-in/lines.txt": []byte("one\ntwo\nthree\n")},
		BrokerFiles: map[string][]byte{jar: read(jars[0]), rules: read("jmx/broker.yml")},
	})
}

// targets are what Prometheus scrapes of a cluster, and a supervisor.
func targets(c *testutil.Cluster, supervisor string) map[string][]string {
	out := map[string][]string{"kafka": {c.Broker().AddrOf(agentPort)}, "reconnect": {supervisor}}
	for _, w := range c.Workers() {
		out["kafka-connect"] = append(out["kafka-connect"], w.AddrOf(agentPort))
	}
	return out
}

// oldestAndNewest is the first and the last of the versions.
func oldestAndNewest() []string {
	v := testutil.Versions()
	if len(v) > 2 {
		v = []string{v[0], v[len(v)-1]}
	}
	return v
}

// sink is the config of a file sink that refuses what is not JSON, two tasks.
func sink(topic string, more map[string]string) connect.Config {
	cfg := connect.Config{
		"connector.class": "FileStreamSink", "topics": topic, "file": testutil.SharedDir + "/" + topic + ".out", "tasks.max": "2",
		"value.converter": "org.apache.kafka.connect.json.JsonConverter",
	}
	maps.Copy(cfg, more)
	return cfg
}

func deadLetters(topic string) map[string]string {
	return map[string]string{
		"errors.tolerance": "all", "errors.deadletterqueue.topic.name": topic, "errors.deadletterqueue.topic.replication.factor": "1",
		"errors.deadletterqueue.context.headers.enable": "true",
	}
}

func TestWhatGoesWrongOnRealWorkersReachesAPersonByName(t *testing.T) {
	testutil.Integration(t)
	for _, version := range oldestAndNewest() {
		t.Run("kafka "+version, func(t *testing.T) {
			c := agents(t, version, nil)
			ctx := t.Context()
			client, err := connect.NewClient(c.URLs()[0], connect.WithWorkers(c.URLs()[1:]...))
			require.NoError(t, err)
			addr := supervise(t, client, recovery.Config{
				Cluster: "demo", Interval: time.Second, Policy: recovery.Policy{FailureThreshold: 1, MaxRestarts: 3},
			})
			s := start(t, "demo", targets(c, addr), func(alert string, d time.Duration) time.Duration {
				if alert == "ConnectWorkerDown" { // a busy machine can miss a few scrapes, and this keeps others quiet
					return d
				}
				return byFactor(30)(alert, d)
			})

			names := map[string]string{}
			create := func(name string, cfg connect.Config) {
				names[name] = name
				_, _, err := client.PutConfig(ctx, name, cfg)
				require.NoError(t, err)
			}
			for _, topic := range []string{"orders", "invoices", "clicks", "payments", "broken"} {
				testutil.CreateTopic(t, c.Brokers(), topic, 2, nil)
			}
			// A dead letter is the record as it was and its headers: far more than this topic takes.
			testutil.CreateTopic(t, c.Brokers(), "invoices-dlq", 1, map[string]string{"max.message.bytes": "300"})
			create("orders-sink", sink("orders", deadLetters("orders-dlq")))
			tooLarge := sink("invoices", deadLetters("invoices-dlq"))
			// A batch of several that the broker finds too large is split and sent again, on Kafka 3.9 without end and without a count.
			tooLarge["producer.override.batch.size"] = "0"
			create("invoices-sink", tooLarge)
			create("clicks-sink", sink("clicks", map[string]string{"errors.tolerance": "all"}))
			create("payments-sink", sink("payments", nil))
			create("lines-source", connect.Config{"connector.class": "FileStreamSource", "topic": "lines", "file": "/data-in/lines.txt", "tasks.max": "1"})
			for name := range names {
				_, err := client.WaitFor(ctx, name, connect.Running(1), connect.WaitOptions{})
				require.NoError(t, err, name)
			}
			create("broken-sink", sink("broken", map[string]string{"file": "/nowhere/out"}))
			s.eventually(t, "every task's counters are scraped at zero", time.Minute, func() bool {
				return s.has(t, `count(kafka_connect_task_error_records_skipped_total) >= 10`) && s.has(t, `connect_recovery_phase{connector="payments-sink",phase="healthy"} == 1`)
			})
			spoil(t, c)
			for _, want := range []struct{ alert, about string }{
				{"ConnectTaskFailed", "broken-sink"},
				{"ConnectDeadLettersGrowing", "orders-sink"},
				{"ConnectDeadLetterWritesFailing", "invoices-sink"},
				{"ConnectRecordsSkipped", "clicks-sink"},
				{"ConnectDeadLettersLookLikeOutage", "invoices-sink"},
			} {
				s.eventually(t, want.alert+" about "+want.about+" reaches the webhook", 90*time.Second, func() bool {
					return len(s.firing(want.alert, want.about)) > 0
				})
				for _, a := range s.firing(want.alert, want.about) {
					assert.Equal(t, "demo", a.Labels["cluster"])
					assert.Contains(t, a.Annotations["summary"], want.about, "%s names its connector in the first line", want.alert)
				}
			}
			for _, n := range s.notifications() {
				for _, a := range n.Alerts {
					assert.NotContains(t, a.Annotations["summary"]+a.Annotations["description"], "payments-sink", "nothing was wrong with it")
				}
			}
			assert.Contains(t, s.firing("ConnectTaskFailed", "broken-sink")[0].Annotations["description"], "2 task(s) of connector broken-sink of demo")
			everyQueryHasData(t, s)
			keep(t, s, addr)
		})
	}
}

// spoil sends each sink good records and bad ones, and large bad ones to the one whose dead letter topic takes only small ones.
func spoil(t *testing.T, c *testutil.Cluster) {
	t.Helper()
	var records []*kgo.Record
	for i := range 40 {
		good := fmt.Appendf(nil, `{"schema":{"type":"string"},"payload":"%d"}`, i)
		for _, topic := range []string{"orders", "invoices", "clicks", "payments"} {
			records = append(records, &kgo.Record{Topic: topic, Partition: int32(i % 2), Value: good})
		}
		if i%10 == 0 { // few enough not to look like an outage, which would keep the alert on dead letters quiet
			for _, topic := range []string{"orders", "clicks"} {
				records = append(records, &kgo.Record{Topic: topic, Partition: 0, Value: []byte("no JSON")})
			}
		}
		if i%2 == 0 {
			records = append(records, &kgo.Record{Topic: "invoices", Partition: 1, Value: []byte(strings.Repeat("no JSON ", 100))})
		}
	}
	testutil.Produce(t, c.Brokers(), records...)
}

// everyQueryHasData asks every query of the dashboard.
func everyQueryHasData(t *testing.T, s *setting) {
	t.Helper()
	d, err := readDashboard(dashboardFile)
	require.NoError(t, err)
	n := 0
	for _, p := range d.Panels {
		for _, q := range p.Targets {
			n++
			s.eventually(t, fmt.Sprintf("panel %q: %s answers", p.Title, q.Expr), 20*time.Second, func() bool { return s.has(t, expand(q.Expr, 10*time.Second)) })
		}
	}
	assert.GreaterOrEqual(t, n, 20)
}

// keep writes the run's pages to the directory that RECONNECT_PICTURES names; see docs/monitoring.md.
func keep(t *testing.T, s *setting, supervisor string) {
	t.Helper()
	dir := os.Getenv("RECONNECT_PICTURES")
	if dir == "" {
		return
	}
	s.eventually(t, "the supervisor has restarted what failed", 3*time.Minute, func() bool { return s.has(t, `connect_recovery_restarts_total{result="accepted"} > 0`) })
	require.NoError(t, run(t.Context(), []string{"plot", "-prometheus", s.prom.base, "-dashboard", dashboardFile, "-from", "2m", "-interval", "20s", "-out", filepath.Join(dir, "dashboard.html")}, os.Stderr, os.Stderr))
	status := fetch(t, "http://"+supervisor+"/")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "status.html"), status, 0o600))
}

// TestARollingRestartSendsNothing restarts one worker after the other, as an upgrade does, with the rules as they are. Only the delay of a rebalance is
// short here, and ConnectStuck's `for`, which is that delay + 5 min; RECONNECT_SOAK=1 takes Connect's default of 5 min.
func TestARollingRestartSendsNothing(t *testing.T) {
	testutil.Integration(t)
	versions, delay := oldestAndNewest(), 20*time.Second
	if testutil.Soaking() {
		delay = 5 * time.Minute
	} else {
		versions = versions[len(versions)-1:]
	}
	for _, version := range versions {
		t.Run("kafka "+version, func(t *testing.T) {
			c := agents(t, version, map[string]string{"scheduled.rebalance.max.delay.ms": strconv.FormatInt(delay.Milliseconds(), 10)})
			ctx := t.Context()
			client, err := connect.NewClient(c.URLs()[0], connect.WithWorkers(c.URLs()[1:]...))
			require.NoError(t, err)
			addr := supervise(t, client, recovery.Config{Cluster: "demo", Interval: time.Second})
			s := start(t, "demo", targets(c, addr), func(alert string, d time.Duration) time.Duration {
				switch alert {
				case "":
					return time.Second // Alertmanager groups for no longer, so that what fires is sent
				case "ConnectStuck":
					return delay + 5*time.Minute
				}
				return d
			})
			testutil.CreateTopic(t, c.Brokers(), "orders", 4, nil)
			for i := range 4 {
				name := fmt.Sprintf("orders-sink-%d", i)
				_, _, err := client.PutConfig(ctx, name, sink("orders", nil))
				require.NoError(t, err)
				_, err = client.WaitFor(ctx, name, connect.Running(2), connect.WaitOptions{})
				require.NoError(t, err)
			}
			healthy := func() bool { return s.has(t, `count(connect_task_state{state="RUNNING"} == 1) == 8`) }
			s.eventually(t, "all is scraped", time.Minute, func() bool { return healthy() && s.has(t, `count(up == 1) == 4`) })
			for i := range 2 {
				w := c.Worker(i)
				require.NoError(t, w.Stop(ctx))
				s.eventually(t, "the worker is seen down", time.Minute, func() bool { return s.has(t, `up{job="kafka-connect"} == 0`) })
				require.NoError(t, w.Start(ctx))
			}
			s.eventually(t, "all is well again", 3*delay+2*time.Minute, func() bool { return healthy() && s.has(t, `count(up == 1) == 4`) })
			assert.True(t, s.has(t, `max_over_time(connect_task_state{state="UNASSIGNED"}[1h]) == 1`), "tasks were without a worker meanwhile")
			assert.False(t, s.has(t, `max_over_time(ALERTS{alertstate="firing"}[1h])`), s.show(t, `max_over_time(ALERTS{alertstate="firing"}[1h])`))
			assert.Empty(t, s.notifications(), s.summaries())
		})
	}
}
