package filesink_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/go-reconnect/reconnect/examples/quickstart/internal/filesink"
)

const prefix = "__connect.errors."

// deadLetter is one captured from a real 4.3.1 worker.
type deadLetter struct {
	Config map[string]string `json:"connector_config"`
	Record struct {
		Key     *string `json:"key_b64"`
		Value   *string `json:"value_b64"`
		Time    int64   `json:"timestamp"`
		Headers []struct {
			Key   string  `json:"key"`
			Value *string `json:"value_b64"`
		} `json:"headers"`
	} `json:"record"`
}

func TestDeadLettersEqualThoseOfARealWorker(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"json-garbage", "json-no-envelope", "app-headers", "null-key", "empty-key"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var want deadLetter
			raw, err := os.ReadFile(filepath.Join("testdata", name+".json"))
			require.NoError(t, err)
			require.NoError(t, json.Unmarshal(raw, &want))
			original := &kgo.Record{Key: unbase64(t, want.Record.Key), Value: unbase64(t, want.Record.Value), Timestamp: time.UnixMilli(want.Record.Time)}
			var wantHeaders []kgo.RecordHeader
			origin := map[string]string{}
			for _, h := range want.Record.Headers {
				v := unbase64(t, h.Value)
				wantHeaders = append(wantHeaders, kgo.RecordHeader{Key: h.Key, Value: v})
				if !strings.HasPrefix(h.Key, prefix) {
					original.Headers = append(original.Headers, kgo.RecordHeader{Key: h.Key, Value: v})
				} else {
					origin[strings.TrimPrefix(h.Key, prefix)] = string(v)
				}
			}
			partition, _ := strconv.Atoi(origin["partition"])
			offset, _ := strconv.ParseInt(origin["offset"], 10, 64)

			k := newKafka(t, kfake.SeedTopics(3, origin["topic"]))
			for range offset { // so that the record gets the offset it had
				k.produce(&kgo.Record{Topic: origin["topic"], Partition: int32(partition), Value: []byte(`{"schema":null,"payload":null}`)})
			}
			original.Topic, original.Partition = origin["topic"], int32(partition)
			k.produce(original)
			want.Config["file"] = filepath.Join(t.TempDir(), "out")
			run(t, k.worker(), origin["connector.name"], want.Config)

			got := k.read(want.Config["errors.deadletterqueue.topic.name"], 1)[0]
			assert.Equal(t, original.Key, got.Key)
			assert.Equal(t, original.Value, got.Value)
			assert.Equal(t, want.Record.Time, got.Timestamp.UnixMilli())
			require.Len(t, got.Headers, len(wantHeaders))
			for i, h := range wantHeaders {
				if h.Key == prefix+"exception.stacktrace" {
					assert.Equal(t, h.Key, got.Headers[i].Key)
					assert.Equal(t, connectFrames(string(h.Value)), connectFrames(string(got.Headers[i].Value)))
					continue
				}
				assert.Equal(t, h, got.Headers[i])
			}
		})
	}
}

// connectFrames leaves out the frames inside the JSON parser, which differ with the byte it stopped at, and what counts them.
func connectFrames(trace string) string {
	var out []string
	for line := range strings.SplitSeq(trace, "\n") {
		if !strings.HasPrefix(line, "\tat com.fasterxml.") {
			out = append(out, line)
		}
	}
	return strings.Join(out, "\n")
}

// numbers are those of lines and lambdas, which differ from version to version.
var numbers = regexp.MustCompile(`\.java:\d+|\$\d+`)

func TestAMissingDirectoryFailsTheTaskAsOnARealWorker(t *testing.T) {
	t.Parallel()
	k := newKafka(t, kfake.SeedTopics(1, "orders"))
	dir := filepath.Join(t.TempDir(), "missing")
	config := map[string]string{"topics": "orders", "file": filepath.Join(dir, "x")}
	err := k.worker().Run(t.Context(), "orders-sink", 0, config)
	require.Error(t, err)
	want, readErr := os.ReadFile("testdata/missing-directory.trace")
	require.NoError(t, readErr)
	assert.Equal(t,
		numbers.ReplaceAllString(strings.ReplaceAll(string(want), "/tmp/no/such/dir/x", config["file"]), ""),
		numbers.ReplaceAllString(err.Error(), ""))

	require.NoError(t, os.Mkdir(dir, 0o750))
	k.produce(&kgo.Record{Topic: "orders", Value: []byte("a")})
	run(t, k.worker(), "orders-sink", config)
	assert.Equal(t, "a\n", read(t, config["file"]))
}

func TestWithoutToleranceEveryStartWritesADeadLetterAndFails(t *testing.T) {
	t.Parallel()
	k := newKafka(t, kfake.SeedTopics(1, "orders"))
	k.produce(&kgo.Record{Topic: "orders", Value: []byte(`{"schema":null,"payload":1}`)}, &kgo.Record{Topic: "orders", Value: []byte("{]")})
	config := map[string]string{
		"topics": "orders", "file": filepath.Join(t.TempDir(), "out"), "value.converter": "org.apache.kafka.connect.json.JsonConverter",
		"errors.deadletterqueue.topic.name": "dlq", "errors.deadletterqueue.topic.replication.factor": "1",
	}
	for range 3 {
		err := k.worker().Run(t.Context(), "orders-sink", 0, config)
		require.ErrorContains(t, err, "org.apache.kafka.connect.errors.ConnectException: Tolerance exceeded in error handler\n")
		require.ErrorContains(t, err, "\t... 14 more\n")
	}
	assert.Len(t, k.read("dlq", 3), 3)
	assert.Empty(t, read(t, config["file"]), "the good record is in the batch that failed")
}

func TestADeadLetterQueueThatCannotBeCreatedFailsTheTask(t *testing.T) {
	t.Parallel()
	k := newKafka(t, kfake.SeedTopics(1, "orders"))
	err := k.worker().Run(t.Context(), "orders-sink", 0, map[string]string{
		"topics": "orders", "file": filepath.Join(t.TempDir(), "out"), "errors.deadletterqueue.topic.name": "dlq",
	})
	require.ErrorContains(t, err, "ConnectException: Could not initialize dead letter queue with topic=dlq")
	require.ErrorContains(t, err, "Caused by: org.apache.kafka.common.errors.InvalidReplicationFactorException: ")
}

func TestATaskThatFailsInPutWritesItsRecordsAgain(t *testing.T) {
	t.Parallel()
	k := newKafka(t, kfake.SeedTopics(1, "orders"))
	for i := range 4 {
		k.produce(&kgo.Record{Topic: "orders", Value: []byte(strconv.Itoa(i))})
	}
	config := map[string]string{"topics": "orders", "file": filepath.Join(t.TempDir(), "out")}
	w := k.worker()
	w.Put = func(r *kgo.Record) (bool, error) {
		if r.Offset == 2 {
			return false, errors.New("disk")
		}
		return true, nil
	}
	require.ErrorContains(t, w.Run(t.Context(), "orders-sink", 0, config), "Exiting WorkerSinkTask due to unrecoverable exception.")
	run(t, k.worker(), "orders-sink", config)
	assert.Equal(t, "0\n1\n2\n3\n", strings.Replace(read(t, config["file"]), "0\n1\n", "", 1), "the first two are written twice")
}

func TestOffsetsAreCommittedWhenATaskStops(t *testing.T) {
	t.Parallel()
	k := newKafka(t, kfake.SeedTopics(1, "orders"))
	k.produce(&kgo.Record{Topic: "orders", Value: []byte("a")})
	config := map[string]string{"topics": "orders", "file": filepath.Join(t.TempDir(), "out")}
	run(t, k.worker(), "orders-sink", config)
	k.produce(&kgo.Record{Topic: "orders", Value: []byte("b")})
	run(t, k.worker(), "orders-sink", config)
	assert.Equal(t, "a\nb\n", read(t, config["file"]))
}

func TestWhatIsNotModelledIsRefused(t *testing.T) {
	t.Parallel()
	k := newKafka(t, kfake.SeedTopics(1, "orders"))
	for _, extra := range []map[string]string{
		{"transforms": "a"}, {"topics.regex": "a.*"}, {"header.converter": "x.Y"}, {"file": ""},
	} {
		config := map[string]string{"topics": "orders", "file": filepath.Join(t.TempDir(), "out")}
		maps.Copy(config, extra)
		require.ErrorContains(t, k.worker().Run(t.Context(), "orders-sink", 0, config), "does not model")
	}
	for key, v := range map[string]string{
		"errors.tolerance": "ALL", "errors.retry.timeout": "5s", "value.converter": "no.such.Converter", "topics": " ",
	} {
		config := map[string]string{"topics": "orders", "file": filepath.Join(t.TempDir(), "out"), key: v}
		require.ErrorContains(t, k.worker().Run(t.Context(), "orders-sink", 0, config), "org.apache.kafka.common.config.ConfigException: Invalid value")
	}
}

// run lets a task consume all there is, then stops it.
func run(t *testing.T, w *filesink.Worker, connector string, config map[string]string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx, connector, 0, config) }()
	k := newClient(t, w.Brokers)
	require.Eventually(t, func() bool {
		select {
		case err := <-done:
			require.NoError(t, err)
		default:
		}
		return k.lag(ctx, "connect-"+connector, config["topics"]) == 0
	}, 30*time.Second, 10*time.Millisecond)
	cancel()
	require.NoError(t, <-done)
}

func read(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	require.NoError(t, err)
	return string(b)
}

func unbase64(t *testing.T, s *string) []byte {
	t.Helper()
	if s == nil {
		return nil
	}
	b, err := base64.StdEncoding.DecodeString(*s)
	require.NoError(t, err)
	return b
}
