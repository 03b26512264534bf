package recovery_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-reconnect/reconnect/connect"
	"github.com/go-reconnect/reconnect/connect/failure"
	"github.com/go-reconnect/reconnect/internal/testutil"
	"github.com/go-reconnect/reconnect/recovery"
)

// wrongPassword fails 3 JDBC sinks of 4 tasks each at the log-in. What logs in is counted in the database's own log.
func wrongPassword(t *testing.T, c *testutil.Cluster) {
	pg := testutil.StartPostgres(t, c, testutil.PostgresOptions{Password: "the right one"})
	pg.SQL(t, "CREATE TABLE people (id int PRIMARY KEY, name text)")
	refused := func() int { return strings.Count(pg.Log(t), "password authentication failed for user") }
	let := func() int { return strings.Count(pg.Log(t), "connection authorized: user=postgres") }
	prefix := c.ConnectorName(t, "password")
	const sinks, tasks = 3, 4
	var client *connect.Client
	var names []string
	for i := range sinks {
		topic, name := c.TopicName(t, "password"), fmt.Sprintf("%s-%d", prefix, i)
		testutil.CreateTopic(t, c.Brokers(), topic, tasks, nil)
		client = create(t, c, name, connect.Config{
			"connector.class": "io.debezium.connector.jdbc.JdbcSinkConnector", "tasks.max": "4", "topics": topic,
			"connection.url": pg.JDBCURL(), "connection.username": "postgres", "connection.password": "changed behind a reference",
			"insert.mode": "upsert", "primary.key.mode": "record_key", "schema.evolution": "none", "collection.name.format": "people", "flush.max.retries": "0",
			"key.converter": "org.apache.kafka.connect.json.JsonConverter", "value.converter": "org.apache.kafka.connect.json.JsonConverter",
			// The default pool keeps the cause out of the trace.
			"connection.provider": "org.hibernate.engine.jdbc.connections.internal.DriverManagerConnectionProviderImpl",
		})
		names = append(names, name)
	}
	all := func(state connect.State) bool {
		for _, name := range names {
			st, err := client.GetStatus(t.Context(), name)
			if err != nil || len(st.Tasks) != tasks {
				return false
			}
			for _, task := range st.Tasks {
				if task.State != state {
					return false
				}
			}
		}
		return true
	}
	require.Eventually(t, func() bool { return all(connect.StateFailed) }, 3*time.Minute, 200*time.Millisecond, "every task has tried to log in")
	own := refused()
	require.GreaterOrEqual(t, own, sinks*tasks)

	w := watch(t, c, recovery.Config{Include: []string{prefix + "-*"}})
	w.start()
	held := func() (n int) {
		for _, name := range names {
			n += w.kinds(recovery.EventHeld, name)
		}
		return n
	}
	w.until(2*time.Minute, "held", func() bool { return held() == sinks })
	// Long enough for a restart, were one to come.
	quiet := time.NewTimer(8 * time.Second)
	defer quiet.Stop()
	<-quiet.C
	sent := func() (n int) {
		for _, name := range names {
			n += w.sent(name)
		}
		return n
	}
	assert.Zero(t, sent())
	assert.Equal(t, own, refused(), "no log-in beyond the connectors' own")
	fingerprints := map[string]int{}
	for _, h := range w.s.Snapshot() {
		assert.Equal(t, failure.ClassAuthentication, h.Class, h.Name)
		assert.Equal(t, recovery.PhaseHeld, h.Phase, h.Name)
		fingerprints[h.Fingerprint]++
	}
	require.Len(t, fingerprints, 1, "one cause")

	// No config changes: the password is right now.
	pg.SetPassword(t, "changed behind a reference")
	for fp := range fingerprints {
		require.NoError(t, w.s.AcknowledgeFingerprint(t.Context(), fp))
	}
	w.until(3*time.Minute, "all of them run", func() bool { return all(connect.StateRunning) })
	assert.Equal(t, own, refused(), "nobody was refused any more")
	assert.GreaterOrEqual(t, let(), sinks*tasks)
	assert.LessOrEqual(t, sent(), sinks+1, "a canary's one task, then one request for each connector")
	t.Logf("%d log-ins of the connectors' own, none by restarts; %d restarts after the acknowledgement, %d log-ins", own, sent(), let())
}
