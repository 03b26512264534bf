package filesink_test

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/go-reconnect/reconnect/connect"
	"github.com/go-reconnect/reconnect/examples/quickstart/internal/filesink"
	"github.com/go-reconnect/reconnect/internal/testutil"
)

func TestMain(m *testing.M) { testutil.Main(m) }

const order = `{"type":"struct","optional":false,"fields":[{"field":"id","type":"string"},{"field":"cents","type":"int64"},` +
	`{"field":"rate","type":"double","optional":true},{"field":"tags","type":"array","items":{"type":"string"},"optional":true}]}`

// framesOf is the version whose stack traces this sink prints.
const framesOf = "4.3.1"

// inputs go through a real FileStreamSink and through this one.
var inputs = []string{
	`{"schema":` + order + `,"payload":{"id":"a","cents":1}}`,
	`{"schema":` + order + `,"payload":{"id":"süß","cents":9223372036854775807,"rate":12345678.5,"tags":["x","y"]}}`,
	`{"schema":` + order + `,"payload":{"id":"b","cents":"twelve","rate":0.0001}}`,
	`{"schema":` + order + `,"payload":{"id":"c","cents":1,}}`,
	`{"schema":` + order + `,"payload":{'id':"d","cents":1}}`,
	`{"schema":` + order + `,"payload":{"id":"e"`,
	`{"schema":` + order + `,"payload":{"id":"f","cents":null}}`,
	`{"schema":` + order + `,"payload":{"id":"f","cents":1,"tags":["x",null]}}`,
	`{"schema":{"type":"map","keys":{"type":"string"},"values":{"type":"int32"}},"payload":{"a":null}}`,
	`{"schema":{"type":"map","keys":{"type":"string"},"values":{"type":"int32"}},"payload":{"type":1,"fields":2}}`,
	`{"schema":{"type":"struct","fields":[]},"payload":[]}`,
	`{"schema":{"type":"array","items":{"type":"int32"}},"payload":{}}`,
	`{"schema":{"type":"array","items":{"type":"int32"}},"payload":{"a":1,"b":2}}`,
	`{"schema":{"type":"map","keys":{"type":"string"},"values":{"type":"int32"}},"payload":[]}`,
	`{"schema":{"type":"array"},"payload":[]}`,
	`{"schema":{"type":"struct"},"payload":{"a":1}}`,
	`{"schema":{"type":"int31"},"payload":1}`,
	`{"schema":{},"payload":1}`,
	`{"schema":` + order + `,"payload":{"id":"g","cents":1 "rate":2}}`,
	`{"schema":null,"payload":{"zulu":1,"id":"h","amount":1e10,"list":[null,true,2.50]}}`,
	`{"schema":{"type":"int8"},"payload":200}`,
	`{"schema":{"type":"float"},"payload":0.1}`,
	`{"id":"i","cents":1}`,
	`{"schema":null,"payload":null,"extra":1}`,
	`"text"`,
	`not json`,
	`[1,2`,
	`[1,`,
	`{"a":1,`,
	`{"a"`,
	`{"a`,
	`{"a":"b`,
	`{`,
	"{\n \"a\": tru }",
	"\"\x01\"",
	`{"a":1} and more`,
	``,
}

func TestTheSinkDoesWhatARealOneDoes(t *testing.T) {
	testutil.EachVersion(t, func(t *testing.T, c *testutil.Cluster) {
		k := newClient(t, c.Brokers())
		client, err := connect.NewClient(c.URLs()[0])
		require.NoError(t, err)
		topic := c.TopicName(t, "filesink")
		k.createTopic(topic)
		for _, v := range inputs {
			k.produce(&kgo.Record{Topic: topic, Key: []byte("k"), Value: []byte(v), Timestamp: time.Now()})
		}
		for name, schemas := range map[string]string{"with schemas": "true", "without schemas": "false"} {
			t.Run(name, func(t *testing.T) {
				config := map[string]string{
					"connector.class": filesink.Class, "topics": topic, "tasks.max": "1", "errors.tolerance": "all",
					"value.converter": "org.apache.kafka.connect.json.JsonConverter", "value.converter.schemas.enable": schemas,
					"errors.deadletterqueue.topic.replication.factor": "1", "errors.deadletterqueue.context.headers.enable": "true",
				}
				theirs, ours := c.ConnectorName(t, "theirs"), c.ConnectorName(t, "ours")
				realConfig := maps.Clone(config)
				realConfig["file"] = testutil.SharedDir + "/" + theirs
				realConfig["errors.deadletterqueue.topic.name"] = theirs + "-dlq"
				_, err := client.CreateConnector(t.Context(), connect.CreateRequest{Name: theirs, Config: realConfig})
				require.NoError(t, err)
				config["file"] = filepath.Join(t.TempDir(), "out")
				config["errors.deadletterqueue.topic.name"] = ours + "-dlq"
				w := k.worker()
				run(t, w, ours, config)
				require.Eventually(t, func() bool { return k.lag(t.Context(), "connect-"+theirs, topic) == 0 }, 2*time.Minute, 100*time.Millisecond)

				written, err := c.Worker(0).ReadFile(t.Context(), realConfig["file"])
				require.NoError(t, err)
				require.Equal(t, string(written), read(t, config["file"]))

				n := len(inputs) - strings.Count(string(written), "\n")
				want, got := k.read(theirs+"-dlq", n), k.read(ours+"-dlq", n)
				require.Equal(t, len(want), len(got), "dead letters")
				for i := range want {
					assert.Equal(t, want[i].Key, got[i].Key)
					assert.Equal(t, want[i].Value, got[i].Value)
					assert.Equal(t, want[i].Timestamp, got[i].Timestamp)
					require.Len(t, got[i].Headers, len(want[i].Headers))
					for j, h := range want[i].Headers {
						g := got[i].Headers[j]
						assert.Equal(t, h.Key, g.Key)
						wantText, gotText := strings.ReplaceAll(string(h.Value), theirs, ours), string(g.Value)
						if h.Key == prefix+"exception.stacktrace" {
							if c.Version() != framesOf {
								continue
							}
							wantText, gotText = connectFrames(wantText), connectFrames(gotText)
						}
						assert.Equal(t, wantText, gotText, "%s of %s", h.Key, want[i].Value)
					}
				}
			})
		}
	})
}

func TestAMissingDirectoryFailsTheTaskAsItDoesThere(t *testing.T) {
	testutil.Integration(t)
	if !slices.Contains(testutil.Versions(), framesOf) {
		t.Skipf("the frames are those of Kafka %s", framesOf)
	}
	c := testutil.Shared(t, framesOf)
	client, err := connect.NewClient(c.URLs()[0])
	require.NoError(t, err)
	k := newClient(t, c.Brokers())
	topic, name := c.TopicName(t, "filesink"), c.ConnectorName(t, "theirs")
	k.createTopic(topic)
	config := map[string]string{"connector.class": filesink.Class, "topics": topic, "tasks.max": "1", "file": "/no/such/directory/file"}
	_, err = client.CreateConnector(t.Context(), connect.CreateRequest{Name: name, Config: config})
	require.NoError(t, err)
	var trace string
	require.Eventually(t, func() bool {
		st, err := client.GetStatus(t.Context(), name)
		if err == nil && len(st.FailedTasks()) == 1 {
			trace = st.Tasks[0].Trace
		}
		return trace != ""
	}, time.Minute, 100*time.Millisecond)
	assert.Equal(t, trace, k.worker().Run(t.Context(), name, 0, config).Error())

	// And the same for a dead letter queue that cannot be made.
	config["errors.deadletterqueue.topic.name"] = name + "-dlq"
	other := c.ConnectorName(t, "theirs")
	_, err = client.CreateConnector(t.Context(), connect.CreateRequest{Name: other, Config: config})
	require.NoError(t, err)
	trace = ""
	require.Eventually(t, func() bool {
		st, err := client.GetStatus(t.Context(), other)
		if err == nil && len(st.FailedTasks()) == 1 {
			trace = st.Tasks[0].Trace
		}
		return trace != ""
	}, time.Minute, 100*time.Millisecond)
	assert.Equal(t, trace, k.worker().Run(t.Context(), other, 0, config).Error())
}
