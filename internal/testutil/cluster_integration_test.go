package testutil_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/go-reconnect/reconnect/internal/testutil"
)

// call is a REST call without the client of this module, which is tested with this package.
func call(ctx context.Context, t *testing.T, method, url string, in, out any) int {
	t.Helper()
	body, err := json.Marshal(in)
	require.NoError(t, err)
	if in == nil {
		body = nil
	}
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Logf("%s %s: %v", method, url, err)
		return 0
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	if out != nil && res.StatusCode < 300 {
		require.NoError(t, json.Unmarshal(text, out), "%s", text)
	}
	return res.StatusCode
}

type status struct {
	Tasks []struct {
		State    string `json:"state"`
		WorkerID string `json:"worker_id"`
		Trace    string `json:"trace"`
	} `json:"tasks"`
}

// eventually asks until the answer satisfies; the limit only ends a test that has failed.
func eventually(t *testing.T, what string, satisfied func() bool) {
	t.Helper()
	require.Eventually(t, satisfied, 2*time.Minute, 100*time.Millisecond, what)
}

func fileSink(topic, file string) map[string]string {
	return map[string]string{
		"connector.class": "org.apache.kafka.connect.file.FileStreamSinkConnector",
		"tasks.max":       "1", "topics": topic, "file": file,
	}
}

func waitForTask(t *testing.T, base, name, state string) status {
	t.Helper()
	var s status
	eventually(t, name+" "+state, func() bool {
		s = status{}
		return call(t.Context(), t, http.MethodGet, base+"/connectors/"+name+"/status", nil, &s) == 200 && len(s.Tasks) == 1 && s.Tasks[0].State == state
	})
	return s
}

func TestAFailedSinkRunsAfterItsDirectoryIsMade(t *testing.T) {
	testutil.EachVersion(t, func(t *testing.T, c *testutil.Cluster) {
		ctx := t.Context()
		topic, name := c.TopicName(t, "orders"), c.ConnectorName(t, "sink")
		testutil.CreateTopic(t, c.Brokers(), topic, 2, nil)
		dir := testutil.SharedDir + "/" + name
		base := c.URLs()[0]
		eventually(t, "created", func() bool {
			code := call(ctx, t, http.MethodPut, base+"/connectors/"+name+"/config", fileSink(topic, dir+"/out.txt"), nil)
			return code == http.StatusCreated || code == http.StatusOK
		})
		failed := waitForTask(t, base, name, "FAILED")
		assert.Contains(t, failed.Tasks[0].Trace, "java.nio.file.NoSuchFileException")

		testutil.Produce(t, c.Brokers(), &kgo.Record{Topic: topic, Partition: 0, Value: []byte("one")}, &kgo.Record{Topic: topic, Partition: 1, Value: []byte("two")})
		require.NoError(t, c.Worker(1).Mkdir(ctx, dir))
		eventually(t, "restarted", func() bool {
			return call(ctx, t, http.MethodPost, base+"/connectors/"+name+"/restart?includeTasks=true&onlyFailed=true", nil, nil)/100 == 2
		})
		waitForTask(t, base, name, "RUNNING")
		eventually(t, "both records in the file, read through another worker", func() bool {
			out, err := c.Worker(0).ReadFile(ctx, dir+"/out.txt")
			return err == nil && strings.Contains(string(out), "one\n") && strings.Contains(string(out), "two\n")
		})
		eventually(t, "both offsets committed", func() bool {
			offsets := testutil.CommittedOffsets(t, c.Brokers(), "connect-"+name, topic)
			return offsets[0] == 1 && offsets[1] == 1
		})
	})
}

func TestTasksMoveAwayFromAKilledWorker(t *testing.T) {
	testutil.OldestAndNewest(t, func(t *testing.T, c *testutil.Cluster) {
		ctx := t.Context()
		topic, name := c.TopicName(t, "orders"), c.ConnectorName(t, "sink")
		testutil.CreateTopic(t, c.Brokers(), topic, 1, nil)
		base := c.URLs()[0]
		eventually(t, "created", func() bool {
			return call(ctx, t, http.MethodPut, base+"/connectors/"+name+"/config", fileSink(topic, testutil.SharedDir+"/"+name), nil)/100 == 2
		})
		owner := waitForTask(t, base, name, "RUNNING").Tasks[0].WorkerID
		dead, alive := c.Worker(0), c.Worker(1)
		if owner == alive.ID() {
			dead, alive = alive, dead
		}
		require.Equal(t, dead.ID(), owner)

		require.NoError(t, dead.Kill(ctx))
		running, err := dead.Running(ctx)
		require.NoError(t, err)
		assert.False(t, running)
		testutil.Produce(t, c.Brokers(), &kgo.Record{Topic: topic, Value: []byte("after the kill")})
		eventually(t, "the task runs on the other worker", func() bool {
			s := waitForTask(t, alive.URL(), name, "RUNNING")
			return s.Tasks[0].WorkerID == alive.ID()
		})
		eventually(t, "the record is written", func() bool {
			out, err := alive.ReadFile(ctx, testutil.SharedDir+"/"+name)
			return err == nil && strings.Contains(string(out), "after the kill\n")
		})
		url := dead.URL()
		require.NoError(t, dead.Start(ctx))
		assert.Equal(t, url, dead.URL())
		assert.Equal(t, http.StatusOK, call(ctx, t, http.MethodGet, dead.URL()+"/connectors/"+name, nil, nil))
	})
}

func TestNodesComeBack(t *testing.T) {
	testutil.OldestAndNewest(t, func(t *testing.T, c *testutil.Cluster) {
		ctx := t.Context()
		topic := c.TopicName(t, "kept")
		testutil.CreateTopic(t, c.Brokers(), topic, 1, nil)
		write := func(value string) {
			testutil.Produce(t, c.Brokers(), &kgo.Record{Topic: topic, Value: []byte(value)})
		}
		w, b := c.Worker(1), c.Broker()

		write("before")
		require.NoError(t, b.Kill(ctx))
		require.NoError(t, b.Start(ctx))
		write("broker killed")
		require.NoError(t, b.Stop(ctx))
		require.NoError(t, b.Start(ctx))
		write("broker stopped")
		require.NoError(t, b.Pause(ctx))
		require.NoError(t, b.Unpause(ctx))
		write("broker frozen")
		require.NoError(t, b.Disconnect(ctx))
		require.NoError(t, b.Reconnect(ctx))
		write("broker disconnected")

		require.NoError(t, w.Stop(ctx))
		require.NoError(t, w.Start(ctx))
		require.NoError(t, w.Pause(ctx))
		short, cancel := context.WithTimeout(ctx, 500*time.Millisecond)
		assert.Zero(t, call(short, t, http.MethodGet, w.URL()+"/", nil, nil), "a frozen worker does not answer")
		cancel()
		require.NoError(t, w.Unpause(ctx))
		require.NoError(t, w.WaitReady(ctx))
		require.NoError(t, w.Disconnect(ctx))
		assert.Zero(t, call(ctx, t, http.MethodGet, w.URL()+"/", nil, nil), "a disconnected worker is not reached")
		require.NoError(t, w.Reconnect(ctx))
		for _, w := range c.Workers() {
			require.NoError(t, w.WaitReady(ctx))
		}

		var values []string
		for _, r := range testutil.WaitForRecords(t, c.Brokers(), topic, 5, time.Minute) {
			values = append(values, string(r.Value))
		}
		assert.Equal(t, []string{"before", "broker killed", "broker stopped", "broker frozen", "broker disconnected"}, values)
	})
}

func TestHealBringsEverythingBack(t *testing.T) {
	testutil.Integration(t)
	versions := testutil.Versions()
	c := testutil.Shared(t, versions[len(versions)-1])
	ctx := t.Context()
	require.NoError(t, c.Worker(0).Disconnect(ctx))
	require.NoError(t, c.Worker(1).Kill(ctx))
	require.NoError(t, c.Broker().Pause(ctx))
	require.NoError(t, c.Heal(ctx))
	for _, url := range c.URLs() {
		assert.Equal(t, http.StatusOK, call(ctx, t, http.MethodGet, url+"/connectors", nil, nil))
	}
	require.NoError(t, c.Heal(ctx), "nothing to do is no error")
}

func TestFilesAndCommandsInAWorker(t *testing.T) {
	testutil.Integration(t)
	versions := testutil.Versions()
	c := testutil.Shared(t, versions[len(versions)-1])
	ctx := t.Context()
	w := c.Worker(0)
	require.NoError(t, w.Mkdir(ctx, "/tmp/a b/c"))
	require.NoError(t, w.WriteFile(ctx, "/tmp/a b/c/in.txt", []byte("line\n")))
	_, err := w.Exec(ctx, "bash", "-c", "echo more >> '/tmp/a b/c/in.txt'")
	require.NoError(t, err, "the worker's own user may write to it")
	got, err := w.ReadFile(ctx, "/tmp/a b/c/in.txt")
	require.NoError(t, err)
	assert.Equal(t, "line\nmore\n", string(got))
	require.NoError(t, w.Remove(ctx, "/tmp/a b"))
	_, err = w.ReadFile(ctx, "/tmp/a b/c/in.txt")
	require.Error(t, err)
	out, err := w.Exec(ctx, "id", "-u")
	require.NoError(t, err)
	assert.Equal(t, "1000\n", out)
	_, err = w.Exec(ctx, "bash", "-c", "echo why >&2; exit 3")
	require.ErrorContains(t, err, "exit code 3: why")

	gateway, err := c.Gateway(ctx)
	require.NoError(t, err)
	assert.True(t, gateway.IsPrivate())
	log, err := c.Broker().Logs(ctx, time.Time{}, 0)
	require.NoError(t, err)
	assert.Contains(t, log, "Kafka Server started")
}

func TestTransactionsAreReadAsTheyEnded(t *testing.T) {
	testutil.Integration(t)
	versions := testutil.Versions()
	c := testutil.Shared(t, versions[len(versions)-1])
	ctx := t.Context()
	topic := c.TopicName(t, "tx")
	testutil.CreateTopic(t, c.Brokers(), topic, 1, map[string]string{"retention.ms": "-1"})
	assert.Empty(t, testutil.ReadAll(t, c.Brokers(), topic))
	cl, err := kgo.NewClient(kgo.SeedBrokers(c.Brokers()...), kgo.TransactionalID(topic), kgo.DefaultProduceTopic(topic))
	require.NoError(t, err)
	defer cl.Close()
	for i, end := range []kgo.TransactionEndTry{kgo.TryCommit, kgo.TryAbort} {
		require.NoError(t, cl.BeginTransaction())
		require.NoError(t, cl.ProduceSync(ctx, kgo.StringRecord(strconv.Itoa(i))).FirstErr())
		require.NoError(t, cl.EndTransaction(ctx, end))
	}
	assert.Len(t, testutil.ReadAll(t, c.Brokers(), topic), 2)
	committed := testutil.ReadCommitted(t, c.Brokers(), topic)
	require.Len(t, committed, 1)
	assert.Equal(t, "0", string(committed[0].Value))
}

func TestOptionsReachTheCluster(t *testing.T) {
	testutil.Integration(t)
	versions := testutil.Versions()
	version := versions[len(versions)-1]
	opts := testutil.Options{
		Version: version, Workers: 1,
		WorkerProperties: map[string]string{"connector.client.config.override.policy": "None", "rest.extension.classes": ""},
		BrokerProperties: map[string]string{"auto.create.topics.enable": "false", "message.max.bytes": "4096"},
		Files:            map[string][]byte{"/opt/secrets/db.properties": []byte("password=hunter2\n")},
	}
	if _, err := testutil.TestPluginsJar(version); err == nil {
		opts.TestPlugins = true
	}
	c := testutil.NewCluster(t, opts)
	ctx := t.Context()
	assert.Equal(t, version, c.Version())
	require.Len(t, c.URLs(), 1)
	secret, err := c.Worker(0).ReadFile(ctx, "/opt/secrets/db.properties")
	require.NoError(t, err)
	assert.Equal(t, "password=hunter2\n", string(secret))

	topic := c.TopicName(t, "small")
	testutil.CreateTopic(t, c.Brokers(), topic, 1, nil)
	cl, err := kgo.NewClient(kgo.SeedBrokers(c.Brokers()...), kgo.DefaultProduceTopic(topic), kgo.ProducerBatchCompression(kgo.NoCompression()))
	require.NoError(t, err)
	defer cl.Close()
	require.Error(t, cl.ProduceSync(ctx, kgo.SliceRecord(bytes.Repeat([]byte("x"), 10_000))).FirstErr())

	if !opts.TestPlugins {
		return
	}
	name := c.ConnectorName(t, "mock")
	require.Equal(t, http.StatusCreated, call(ctx, t, http.MethodPut, c.URLs()[0]+"/connectors/"+name+"/config", map[string]string{
		"connector.class": "org.apache.kafka.connect.tools.MockSinkConnector", "tasks.max": "1", "topics": topic, "mock_mode": "task-failure", "delay_ms": "100",
	}, nil))
	assert.Contains(t, waitForTask(t, c.URLs()[0], name, "FAILED").Tasks[0].Trace, "MockSink")
	c.DeleteConnectors(t, "mock")
	eventually(t, "deleted", func() bool {
		return call(ctx, t, http.MethodGet, c.URLs()[0]+"/connectors/"+name, nil, nil) == http.StatusNotFound
	})
}
