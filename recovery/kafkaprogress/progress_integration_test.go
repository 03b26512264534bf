package kafkaprogress_test

import (
	"maps"
	"path"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/go-reconnect/reconnect/connect"
	"github.com/go-reconnect/reconnect/internal/testutil"
	"github.com/go-reconnect/reconnect/recovery/kafkaprogress"
)

func TestMain(m *testing.M) { testutil.Main(m) }

// TestIntegrationASinkThatCannotReachKafkaIsRunningAndFound is the case that no status shows: RUNNING, no trace, and not one record for good.
func TestIntegrationASinkThatCannotReachKafkaIsRunningAndFound(t *testing.T) {
	testutil.OldestAndNewest(t, func(t *testing.T, c *testutil.Cluster) {
		topic := c.TopicName(t, "progress")
		testutil.CreateTopic(t, c.Brokers(), topic, 2, nil)
		for i := range 5 {
			testutil.Produce(t, c.Brokers(), &kgo.Record{Topic: topic, Partition: int32(i % 2), Value: []byte("x")})
		}
		client, err := connect.NewClient(c.URLs()[0], connect.WithWorkers(c.URLs()[1:]...))
		require.NoError(t, err)
		sink := func(name string, more connect.Config) connect.Config {
			cfg := connect.Config{
				"connector.class": "org.apache.kafka.connect.file.FileStreamSinkConnector", "tasks.max": "1", "topics": topic, "file": path.Join(testutil.SharedDir, name),
				"key.converter": "org.apache.kafka.connect.storage.StringConverter", "value.converter": "org.apache.kafka.connect.storage.StringConverter",
			}
			maps.Copy(cfg, more)
			return cfg
		}
		deaf, well := c.ConnectorName(t, "deaf"), c.ConnectorName(t, "well")
		for name, more := range map[string]connect.Config{deaf: {"consumer.override.bootstrap.servers": "127.0.0.1:1"}, well: nil} {
			_, err := client.CreateConnector(t.Context(), connect.CreateRequest{Name: name, Config: sink(name, more)})
			require.NoError(t, err)
			_, err = client.WaitFor(t.Context(), name, connect.Running(1), connect.WaitOptions{Timeout: 2 * time.Minute})
			require.NoError(t, err)
		}
		p, err := kafkaprogress.New(kafkaprogress.Config{Brokers: c.Brokers(), Connect: client})
		require.NoError(t, err)
		defer func() { assert.NoError(t, p.Close()) }()
		names := []string{deaf, well}
		require.Eventually(t, func() bool {
			got, err := p.Stalls(t.Context(), names)
			require.NoError(t, err)
			_, waits := got[well]
			return got[deaf].Waiting == 5 && got[deaf].Seen.Sub(got[deaf].Since) > 5*time.Second && !waits
		}, 2*time.Minute, time.Second, "the one stands still, the other has read everything")
		st, err := client.GetStatus(t.Context(), deaf)
		require.NoError(t, err)
		require.True(t, st.Running(), "no status shows it")

		_, _, err = client.PutConfig(t.Context(), deaf, sink(deaf, nil))
		require.NoError(t, err)
		require.Eventually(t, func() bool {
			got, err := p.Stalls(t.Context(), names)
			require.NoError(t, err)
			return len(got) == 0
		}, 2*time.Minute, time.Second, "it moves")
	})
}
