package errtolerance_test

import (
	"maps"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/go-reconnect/reconnect/errtolerance"
	"github.com/go-reconnect/reconnect/internal/testutil"
)

// rows of the prediction that a stock worker can be made to show: a good record, a bad one, a good one.
func predictRows() []predictRow {
	const (
		json    = "org.apache.kafka.connect.json.JsonConverter"
		str     = "org.apache.kafka.connect.storage.StringConverter"
		integer = "org.apache.kafka.connect.converters.IntegerConverter"
		cast    = "org.apache.kafka.connect.transforms.Cast$Value"
		extract = "org.apache.kafka.connect.transforms.ExtractField$Value"
	)
	broken := []struct {
		name      string
		stage     errtolerance.Stage
		config    map[string]string
		key       bool
		good, bad string
	}{
		{"value", errtolerance.StageValueConverter, map[string]string{"value.converter": json, "value.converter.schemas.enable": "false"}, false, `{"a":1}`, `{"a":`},
		{"key", errtolerance.StageKeyConverter, map[string]string{"key.converter": integer, "value.converter": str}, true, "\x00\x00\x00\x01", "xyzzy"},
		{"cast", errtolerance.StageTransformation, map[string]string{"value.converter": str, "transforms": "c", "transforms.c.type": cast, "transforms.c.spec": "int32"}, false, "12", "twelve"},
		{"extract", errtolerance.StageTransformation, map[string]string{"value.converter": json, "value.converter.schemas.enable": "false", "transforms": "x", "transforms.x.type": extract, "transforms.x.field": "a"}, false, `{"a":1}`, `12`},
	}
	handling := []struct {
		name   string
		config errtolerance.Config
		dlq    bool
	}{
		{"fail", errtolerance.FailFast(), false},
		{"skip", errtolerance.LogAndSkip(), false},
		{"silent", errtolerance.FailFast().WithTolerance(errtolerance.ToleranceAll), false},
		{"dlq", errtolerance.DeadLetter("").WithReplicationFactor(1), true},
		{"dlq-bare", errtolerance.DeadLetter("").WithReplicationFactor(1).WithContextHeaders(false), true},
		{"dlq-none", errtolerance.DeadLetter("").WithReplicationFactor(1).WithTolerance(errtolerance.ToleranceNone), true},
		{"dlq-rf3", errtolerance.DeadLetter("").WithReplicationFactor(3), true},
	}
	var rows []predictRow
	for _, b := range broken {
		for _, h := range handling {
			rows = append(rows, predictRow{b.name + "-" + h.name, b.stage, b.config, h.config, h.dlq, b.key, b.good, b.bad})
		}
	}
	return rows
}

type predictRow struct {
	name      string
	stage     errtolerance.Stage
	converter map[string]string
	handling  errtolerance.Config
	dlq, key  bool
	good, bad string
}

func TestAWorkerDoesWhatIsPredicted(t *testing.T) {
	testutil.EachVersion(t, func(t *testing.T, c *testutil.Cluster) {
		type running struct {
			row              predictRow
			name, topic, dlq string
			want             errtolerance.Outcome
		}
		w := worker{t, c.URLs()[0]}
		var all []running
		for _, row := range predictRows() {
			r := running{row: row, name: c.ConnectorName(t, "predict-"+row.name), topic: c.TopicName(t, "predict-"+row.name)}
			r.dlq = r.topic + "-dlq"
			testutil.CreateTopic(t, c.Brokers(), r.topic, 1, nil)
			record := func(text string) *kgo.Record {
				if row.key {
					return &kgo.Record{Topic: r.topic, Key: []byte(text), Value: []byte("v")}
				}
				return &kgo.Record{Topic: r.topic, Value: []byte(text)}
			}
			testutil.Produce(t, c.Brokers(), record(row.good), record(row.bad), record(row.good))
			cfg := map[string]string{"connector.class": fileSink, "topics": r.topic, "file": "/dev/null", "tasks.max": "1", "key.converter": "org.apache.kafka.connect.converters.ByteArrayConverter"}
			maps.Copy(cfg, row.converter)
			handling := row.handling
			if row.dlq {
				handling = handling.WithDeadLetterTopic(r.dlq)
			}
			cfg = handling.ApplyTo(cfg)
			r.want = errtolerance.Predict(cfg, errtolerance.Target{KafkaVersion: c.Version(), Brokers: 1}, errtolerance.Event{Stage: row.stage})
			require.Empty(t, r.want.Depends)
			refused, said := w.create(r.name, "", cfg)
			require.False(t, refused, said)
			all = append(all, r)
		}
		for _, r := range all {
			t.Run(r.row.name, func(t *testing.T) {
				w := worker{t, c.URLs()[0]}
				committed := func() int64 { return testutil.CommittedOffsets(t, c.Brokers(), "connect-"+r.name, r.topic)[0] }
				if r.want.Task == "FAILED" {
					require.Eventually(t, func() bool { state, _ := w.task(r.name); return state == "FAILED" }, 2*time.Minute, 300*time.Millisecond, "predicted FAILED")
					_, trace := w.task(r.name)
					assert.Contains(t, trace, r.want.Trace)
				} else {
					require.Eventually(t, func() bool { return committed() == 3 }, 2*time.Minute, 300*time.Millisecond, "predicted that the offset of every record is committed")
					state, trace := w.task(r.name)
					assert.Equal(t, r.want.Task, state, trace)
				}
				assert.Equal(t, r.want.OffsetCommitted, committed() == 3)
				if r.want.StartFails || r.want.DeadLetterTopic == "" {
					assert.Zero(t, r.want.DeadLetters)
					return
				}
				dead := testutil.WaitForRecords(t, c.Brokers(), r.dlq, r.want.DeadLetters, time.Minute)
				require.Len(t, dead, r.want.DeadLetters)
				if r.row.key {
					assert.Equal(t, r.row.bad, string(dead[0].Key))
				} else {
					assert.Equal(t, r.row.bad, string(dead[0].Value))
				}
				stage := ""
				for _, h := range dead[0].Headers {
					if h.Key == "__connect.errors.stage" {
						stage = string(h.Value)
					}
				}
				if r.want.ContextHeaders {
					assert.Equal(t, string(r.row.stage), stage)
				} else {
					assert.Empty(t, stage)
				}
				if r.want.CopiesPerRestart == 0 {
					return
				}
				status, body := w.patiently(http.MethodPost, "/connectors/"+url.PathEscape(r.name)+"/tasks/0/restart", nil)
				require.Equal(t, http.StatusNoContent, status, "%s", body)
				require.Len(t, testutil.WaitForRecords(t, c.Brokers(), r.dlq, r.want.CopiesAfter(1), time.Minute), r.want.CopiesAfter(1), "one more copy for the restart")
			})
		}
	})
}
