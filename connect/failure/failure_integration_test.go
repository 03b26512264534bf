package failure_test

import (
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/go-reconnect/reconnect/connect"
	"github.com/go-reconnect/reconnect/connect/failure"
	"github.com/go-reconnect/reconnect/internal/testutil"
)

func TestMain(m *testing.M) { testutil.Main(m) }

const connectGroup = "connect-failure"

// world is a worker with Kafka's test plugins, exactly-once sources and, where Maven has them, a JDBC sink and a PostgreSQL source.
type world struct {
	cluster *testutil.Cluster
	client  *connect.Client
}

func newWorld(t *testing.T) *world {
	t.Helper()
	// Where they are not there only the tests that need them skip, or fail.
	var plugins []testutil.Plugin
	for _, name := range []string{testutil.JDBCSink, testutil.PostgresSource} {
		if dir, err := testutil.ConnectorDir(name); err == nil {
			jars, err := filepath.Glob(filepath.Join(dir, "*.jar"))
			require.NoError(t, err)
			plugins = append(plugins, testutil.Plugin{Name: name, Files: jars})
		}
	}
	opts := testutil.Options{
		Workers: 1, TestPlugins: true, WorkerHeap: "384M", Plugins: plugins,
		WorkerProperties: map[string]string{"group.id": connectGroup, "exactly.once.source.support": "enabled", "connector.client.config.override.policy": "All"},
	}
	c := testutil.NewCluster(t, opts)
	client, err := connect.NewClient(c.URLs()[0])
	require.NoError(t, err)
	return &world{cluster: c, client: client}
}

// create puts a connector; a worker that has just started answers 409 for a moment, which the client sits out.
func (w *world) create(t *testing.T, name string, config connect.Config) {
	t.Helper()
	_, _, err := w.client.PutConfig(t.Context(), name, config)
	require.NoError(t, err)
}

// eventually asks until it holds; the limit only ends a test that has failed.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	require.Eventually(t, holds, 3*time.Minute, 200*time.Millisecond, what)
}

// failed waits until the task is FAILED and diagnoses its trace from the live status.
func (w *world) failed(t *testing.T, name string) failure.Diagnosis {
	t.Helper()
	var trace string
	eventually(t, name+" FAILED", func() bool {
		status, err := w.client.GetStatus(t.Context(), name)
		if err != nil || len(status.Tasks) == 0 || status.Tasks[0].State != connect.StateFailed {
			return false
		}
		trace = status.Tasks[0].Trace
		return trace != ""
	})
	d := failure.Diagnose(trace)
	t.Logf("%s: %s, %s, by %s\n%s\n%s", name, d.Class, d.Restart, d.Pattern, d.Summary, trace)
	return d
}

func (w *world) restart(t *testing.T, name string) {
	t.Helper()
	_, err := w.client.Restart(t.Context(), name, connect.RestartOptions{IncludeTasks: true, OnlyFailed: true})
	require.NoError(t, err)
}

func (w *world) running(t *testing.T, name string) {
	t.Helper()
	eventually(t, name+" RUNNING", func() bool {
		status, err := w.client.GetStatus(t.Context(), name)
		return err == nil && len(status.Tasks) > 0 && status.Tasks[0].State == connect.StateRunning
	})
}

func sinkConfig(class, topic string, more ...string) connect.Config {
	config := connect.Config{"connector.class": class, "tasks.max": "1", "topics": topic}
	for i := 0; i+1 < len(more); i += 2 {
		config[more[i]] = more[i+1]
	}
	return config
}

const (
	fileSink = "org.apache.kafka.connect.file.FileStreamSinkConnector"
	fileSrc  = "org.apache.kafka.connect.file.FileStreamSourceConnector"
	mockSink = "org.apache.kafka.connect.tools.MockSinkConnector"
)

// TestRealFailuresAreDiagnosed provokes failures on a real worker and reads its live status.
func TestRealFailuresAreDiagnosed(t *testing.T) {
	testutil.Integration(t)
	w := newWorld(t)
	c := w.cluster
	topic := func(t *testing.T, value []byte) string {
		t.Helper()
		name := c.TopicName(t, "orders")
		testutil.CreateTopic(t, c.Brokers(), name, 1, nil)
		testutil.Produce(t, c.Brokers(), &kgo.Record{Topic: name, Key: []byte("k"), Value: value})
		return name
	}

	t.Run("a missing directory, which appears", func(t *testing.T) {
		name := c.ConnectorName(t, "missing-directory")
		dir := testutil.SharedDir + "/" + name
		w.create(t, name, sinkConfig(fileSink, topic(t, []byte("one")), "file", dir+"/out.txt"))
		d := w.failed(t, name)
		assert.Equal(t, failure.ClassConfiguration, d.Class)
		assert.Equal(t, failure.AdviceAfterRecovery, d.Restart)
		assert.Contains(t, d.Summary, dir)
		require.NoError(t, c.Worker(0).Mkdir(t.Context(), dir))
		w.restart(t, name)
		w.running(t, name)
	})
	t.Run("a value that is not JSON", func(t *testing.T) {
		name := c.ConnectorName(t, "bad-json")
		w.create(t, name, sinkConfig(fileSink, topic(t, []byte("{not json")), "file", "/tmp/x", "value.converter", "org.apache.kafka.connect.json.JsonConverter"))
		d := w.failed(t, name)
		assert.Equal(t, failure.ClassSerialization, d.Class)
		assert.Equal(t, failure.AdviceAfterChange, d.Restart)
		assert.NotContains(t, d.Summary+d.Root.Message, "not json")
	})
	t.Run("an integer of three bytes", func(t *testing.T) {
		name := c.ConnectorName(t, "short-integer")
		w.create(t, name, sinkConfig(fileSink, topic(t, []byte{1, 2, 3}), "file", "/tmp/x", "value.converter", "org.apache.kafka.connect.converters.IntegerConverter"))
		d := w.failed(t, name)
		assert.Equal(t, failure.ClassSerialization, d.Class)
		assert.Equal(t, failure.AdviceAfterChange, d.Restart)
	})
	t.Run("a mock that says nothing", func(t *testing.T) {
		name := c.ConnectorName(t, "mock")
		w.create(t, name, sinkConfig(mockSink, topic(t, []byte("one")), "mock_mode", "task-failure", "delay_ms", "0"))
		d := w.failed(t, name)
		assert.Equal(t, failure.ClassUnknown, d.Class)
		assert.Equal(t, failure.AdviceUnknown, d.Restart)
	})
	t.Run("three replicas on one broker", func(t *testing.T) {
		name := c.ConnectorName(t, "replicas")
		w.create(t, name, sinkConfig(fileSink, topic(t, []byte("one")), "file", "/tmp/x", "errors.tolerance", "all",
			"errors.deadletterqueue.topic.name", c.TopicName(t, "dlq"), "errors.deadletterqueue.topic.replication.factor", "3"))
		d := w.failed(t, name)
		assert.Equal(t, failure.ClassResource, d.Class)
		assert.Equal(t, failure.AdviceAfterChange, d.Restart)
		assert.Contains(t, strings.Join(d.Remedies, " "), "errors.deadletterqueue.topic.replication.factor")
	})
	t.Run("a class no worker has", func(t *testing.T) {
		_, _, err := w.client.PutConfig(t.Context(), c.ConnectorName(t, "no-class"), sinkConfig("com.acme.NoSuchConnector", "x"))
		var answer *connect.Error
		require.ErrorAs(t, err, &answer)
		d := failure.Diagnose(answer.Message)
		assert.Equal(t, failure.ClassConfiguration, d.Class, answer.Message)
		assert.Equal(t, failure.AdviceAfterChange, d.Restart)
		assert.Contains(t, d.Summary, "com.acme.NoSuchConnector")
	})
	t.Run("a transactional id that another producer took over", func(t *testing.T) {
		name := c.ConnectorName(t, "fenced")
		out := c.TopicName(t, "lines")
		testutil.CreateTopic(t, c.Brokers(), out, 1, nil)
		file := testutil.SharedDir + "/" + name + ".txt"
		require.NoError(t, c.Worker(0).WriteFile(t.Context(), file, []byte("one\n")))
		w.create(t, name, connect.Config{"connector.class": fileSrc, "tasks.max": "1", "topic": out, "file": file})
		testutil.WaitForRecords(t, c.Brokers(), out, 1, 2*time.Minute)
		fence(t, c, connectGroup+"-"+name+"-0")
		_, err := c.Worker(0).Exec(t.Context(), "sh", "-c", "echo two >> "+file)
		require.NoError(t, err)
		d := w.failed(t, name)
		assert.Equal(t, failure.ClassRebalance, d.Class)
		assert.Equal(t, failure.AdviceRestart, d.Restart)
		w.restart(t, name)
		w.running(t, name)
		testutil.WaitForRecords(t, c.Brokers(), out, 2, 2*time.Minute)
	})
	t.Run("a static member that another consumer replaced", func(t *testing.T) {
		name, in := c.ConnectorName(t, "replaced"), topic(t, []byte("one"))
		file := testutil.SharedDir + "/" + name + ".txt"
		w.create(t, name, sinkConfig(fileSink, in, "file", file, "consumer.override.group.instance.id", name))
		w.consumed(t, name, 1)
		replaceMember(t, c, "connect-"+name, name, in)
		d := w.failed(t, name)
		assert.Equal(t, failure.ClassRebalance, d.Class)
		assert.Equal(t, failure.AdviceRestart, d.Restart)
		w.restart(t, name)
		w.running(t, name)
		testutil.Produce(t, c.Brokers(), &kgo.Record{Topic: in, Value: []byte("two")})
		w.consumed(t, name, 2)
	})
	// What a rebalance does to a dynamic member never reaches the status: WorkerSinkTask logs the commit that failed, and joins again.
	t.Run("a member that an administrator removed goes on by itself", func(t *testing.T) {
		name, in := c.ConnectorName(t, "removed"), topic(t, []byte("one"))
		w.create(t, name, sinkConfig(fileSink, in, "file", testutil.SharedDir+"/"+name+".txt"))
		w.consumed(t, name, 1)
		for i := range int64(3) {
			testutil.Produce(t, c.Brokers(), &kgo.Record{Topic: in, Value: []byte("more")})
			removeMembers(t, c, "connect-"+name)
			w.consumed(t, name, i+2)
		}
		status, err := w.client.GetStatus(t.Context(), name)
		require.NoError(t, err)
		assert.True(t, status.Running(), status)
	})
	t.Run("a database that cannot be reached", func(t *testing.T) {
		testutil.NeedConnector(t, testutil.JDBCSink)
		gateway, err := c.Gateway(t.Context())
		require.NoError(t, err)
		name := c.ConnectorName(t, "unreachable")
		host := net.JoinHostPort(gateway.String(), "1")
		w.create(t, name, jdbcConfig(topic(t, nil), host, "app"))
		d := w.failed(t, name)
		assert.Equal(t, failure.ClassConnection, d.Class)
		assert.Equal(t, failure.AdviceAfterRecovery, d.Restart)
		assert.Contains(t, d.Summary, host)
	})
	t.Run("a session that an administrator ended", func(t *testing.T) {
		testutil.NeedConnector(t, testutil.JDBCSink)
		pg := testutil.StartPostgres(t, c, testutil.PostgresOptions{})
		name, in := c.ConnectorName(t, "ended"), c.TopicName(t, "people")
		testutil.CreateTopic(t, c.Brokers(), in, 1, nil)
		pg.SQL(t, "CREATE TABLE people (id int PRIMARY KEY, name text)")
		record := func(id int) *kgo.Record {
			return &kgo.Record{
				Topic: in,
				Key:   fmt.Appendf(nil, `{"schema":{"type":"struct","fields":[{"field":"id","type":"int32"}]},"payload":{"id":%d}}`, id),
				Value: fmt.Appendf(nil, `{"schema":{"type":"struct","fields":[{"field":"id","type":"int32"},{"field":"name","type":"string"}]},"payload":{"id":%d,"name":"x"}}`, id),
			}
		}
		testutil.Produce(t, c.Brokers(), record(1))
		w.create(t, name, jdbcConfig(in, pg.Address, "postgres"))
		eventually(t, "the first row", func() bool { return pg.SQL(t, "SELECT count(*) FROM people") == "1" })

		// The driver finds a broken pipe: what the server says does not reach the trace.
		pg.SQL(t, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'PostgreSQL JDBC%'")
		testutil.Produce(t, c.Brokers(), record(2))
		d := w.failed(t, name)
		assert.Equal(t, failure.ClassConnection, d.Class)
		assert.Equal(t, failure.AdviceRestart, d.Restart)
		w.restart(t, name)
		w.running(t, name)
		eventually(t, "the second row", func() bool { return pg.SQL(t, "SELECT count(*) FROM people") == "2" })
	})
	t.Run("a replication session that an administrator ended", func(t *testing.T) {
		testutil.NeedConnector(t, testutil.PostgresSource)
		pg := testutil.StartPostgres(t, c, testutil.PostgresOptions{})
		pg.SQL(t, "CREATE TABLE people (id int PRIMARY KEY, name text)")
		name, prefix := c.ConnectorName(t, "ended-source"), c.TopicName(t, "cdc")
		out := prefix + ".public.people"
		host, port, err := net.SplitHostPort(pg.Address)
		require.NoError(t, err)
		w.create(t, name, connect.Config{
			"connector.class": "io.debezium.connector.postgresql.PostgresConnector", "tasks.max": "1", "topic.prefix": prefix,
			"database.hostname": host, "database.port": port, "database.user": "postgres", "database.password": "x", "database.dbname": "postgres",
			"plugin.name": "pgoutput", "snapshot.mode": "no_data",
			// By default Debezium opens a new session itself, without end.
			"errors.max.retries": "0",
		})
		active := "SELECT count(*) FROM pg_replication_slots WHERE active"
		eventually(t, "streaming", func() bool { return pg.SQL(t, active) == "1" })
		testutil.CreateTopic(t, c.Brokers(), out, 1, nil)
		pg.SQL(t, "INSERT INTO people VALUES (1, 'x')")
		testutil.WaitForRecords(t, c.Brokers(), out, 1, 2*time.Minute)
		pg.SQL(t, "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE active")
		d := w.failed(t, name)
		assert.Equal(t, failure.ClassConnection, d.Class)
		assert.Equal(t, failure.AdviceRestart, d.Restart)
		w.restart(t, name)
		w.running(t, name)
		eventually(t, "streaming again", func() bool { return pg.SQL(t, active) == "1" })
		pg.SQL(t, "INSERT INTO people VALUES (2, 'x')")
		testutil.WaitForRecords(t, c.Brokers(), out, 2, 2*time.Minute)
	})
}

// fence takes the transactional id of a task over, as a second instance of it would.
func fence(t *testing.T, c *testutil.Cluster, transactionalID string) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(c.Brokers()...), kgo.TransactionalID(transactionalID))
	require.NoError(t, err)
	defer client.Close()
	_, _, err = client.ProducerID(t.Context())
	require.NoError(t, err)
}

// replaceMember joins the group of a sink as the same static member, and leaves.
func replaceMember(t *testing.T, c *testutil.Cluster, group, instance, topic string) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(c.Brokers()...), kgo.ConsumerGroup(group), kgo.InstanceID(instance), kgo.ConsumeTopics(topic),
		kgo.Balancers(kgo.RangeBalancer()), kgo.DisableAutoCommit())
	require.NoError(t, err)
	defer client.Close()
	eventually(t, "the group has the new member", func() bool {
		_, generation := client.GroupMetadata()
		return generation > 0
	})
}

// removeMembers removes every member from a group, as kafka-consumer-groups and AdminClient.removeMembersFromConsumerGroup do.
func removeMembers(t *testing.T, c *testutil.Cluster, group string) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(c.Brokers()...))
	require.NoError(t, err)
	defer client.Close()
	describe := kmsg.NewPtrDescribeGroupsRequest()
	describe.Groups = []string{group}
	eventually(t, "the group has a member that can be removed", func() bool {
		described, err := describe.RequestWith(t.Context(), client)
		if err != nil || len(described.Groups) != 1 || len(described.Groups[0].Members) == 0 {
			return false
		}
		leave := kmsg.NewPtrLeaveGroupRequest()
		leave.Group = group
		for _, m := range described.Groups[0].Members {
			member := kmsg.NewLeaveGroupRequestMember()
			member.MemberID = m.MemberID
			leave.Members = append(leave.Members, member)
		}
		left, err := leave.RequestWith(t.Context(), client)
		return err == nil && left.ErrorCode == 0 && len(left.Members) > 0 && left.Members[0].ErrorCode == 0
	})
}

// consumed waits until the sink's committed offset is n.
func (w *world) consumed(t *testing.T, name string, n int64) {
	t.Helper()
	eventually(t, fmt.Sprintf("%s has committed %d", name, n), func() bool {
		offsets, err := w.client.GetOffsets(t.Context(), name)
		if err != nil || len(offsets) != 1 {
			return false
		}
		_, _, offset, ok := offsets[0].Sink()
		return ok && offset == n
	})
}

func jdbcConfig(topic, address, user string) connect.Config {
	return sinkConfig("io.debezium.connector.jdbc.JdbcSinkConnector", topic,
		"connection.url", "jdbc:postgresql://"+address+"/postgres", "connection.username", user, "connection.password", "x",
		"insert.mode", "upsert", "primary.key.mode", "record_key", "schema.evolution", "none", "collection.name.format", "people", "flush.max.retries", "0",
		"key.converter", "org.apache.kafka.connect.json.JsonConverter", "value.converter", "org.apache.kafka.connect.json.JsonConverter",
		// The default pool keeps the cause out of the trace.
		"connection.provider", "org.hibernate.engine.jdbc.connections.internal.DriverManagerConnectionProviderImpl")
}
