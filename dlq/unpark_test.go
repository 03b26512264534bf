package dlq_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-reconnect/reconnect/dlq"
)

// What was parked in a file comes back through the same tool, byte for byte, once however often it is asked for.
func TestRecordsParkedInAFileComeBack(t *testing.T) {
	t.Parallel()
	e := newEmbedded(t, 1, map[string]int{"orders": 4, "orders-dlq": 3})
	own := []kafka.Header{header("dup", "1"), {Key: "dup"}, header("dup", ""), {Key: "", Value: []byte{0, 255}}, {Key: "\xff\xfe", Value: []byte("key that is no text")}, header("ключ", "é")}
	all := []struct{ key, value []byte }{
		{[]byte("k"), []byte("v")},
		{nil, nil},
		{[]byte{}, []byte{}},
		{[]byte("k2"), nil},
		{nil, []byte{}},
		{[]byte{0, 1, 255}, []byte{0xff, 0xfe, 0, 10, 13}},
		{nil, bytes.Repeat([]byte("x"), 100_000)},
	}
	for i, r := range all {
		e.produce(t, deadLetter(int32(i%3), i%4, int64(i), r.key, r.value, own...))
	}
	dead := e.read(t, "orders-dlq")
	path := filepath.Join(t.TempDir(), "parked.jsonl")
	file := dlq.ParkFile(path)
	file.MaxBytes = 2000 // rotated after every few
	cfg := e.config("fix", dlq.ToOrigin())
	cfg.Park, cfg.ChunkRecords = file, 1
	cfg.Handler = func(context.Context, *dlq.Record) (dlq.Decision, error) { return dlq.Park("later"), nil }
	assert.EqualValues(t, len(all), mustRun(t, cfg).Parked)
	require.NoError(t, file.Close())
	assert.FileExists(t, path+".1")

	unpark := dlq.UnparkConfig{Brokers: e.brokers, Topic: "orders-unparked", Records: dlq.ReadParkedFile(path)}
	report, err := dlq.Unpark(t.Context(), unpark)
	require.NoError(t, err)
	assert.Equal(t, dlq.UnparkReport{Read: 7, Written: 7}, report)
	report, err = dlq.Unpark(t.Context(), unpark)
	require.NoError(t, err)
	assert.Equal(t, dlq.UnparkReport{Read: 7, Known: 7}, report, "each once")
	on := e.read(t, "orders-unparked")
	require.Len(t, on, len(all))
	for i, r := range on {
		was := dead[i]
		assert.Equal(t, was.Partition, r.Partition)
		assert.Equal(t, was.Key, r.Key)
		assert.Equal(t, was.Value, r.Value)
		assert.Equal(t, was.Headers, r.Headers[:len(was.Headers)])
		assert.Equal(t, "later", value(r, dlq.HeaderParkReason))
		assert.Less(t, time.Since(r.Timestamp), time.Hour)
	}

	cfg.Topic, cfg.Group, cfg.Handler, cfg.Park = "orders-unparked", "again", nil, nil
	assert.EqualValues(t, len(all), mustRun(t, cfg).Republished)
	back := e.read(t, "orders")
	require.Len(t, back, len(all))
	seen := 0
	for _, r := range back {
		for i := range all {
			if all[i].value == nil != (r.Value == nil) || !bytes.Equal(all[i].value, r.Value) || all[i].key == nil != (r.Key == nil) || !bytes.Equal(all[i].key, r.Key) {
				continue
			}
			seen++
			headers := kafkaHeaders(r.Headers)
			assert.Equal(t, own, headers[:len(own)])
			for _, h := range headers[len(own):] {
				assert.True(t, strings.HasPrefix(h.Key, "reconnect."), h.Key)
				assert.False(t, strings.HasPrefix(h.Key, "reconnect.park."), h.Key)
			}
		}
	}
	assert.Equal(t, len(all), seen)
}

func TestUnparkRefusesWhatItCannotBringBack(t *testing.T) {
	t.Parallel()
	e := newEmbedded(t, 1, map[string]int{"orders-unparked": 1})
	require.NoError(t, e.CreateTopic("compacted", 1, map[string]string{"cleanup.policy": "compact"}))
	path := filepath.Join(t.TempDir(), "parked.jsonl")
	const good = `{"topic":"d","partition":0,"offset":1,"timestamp":5,"key":null,"value":"dg==","headers":[]}` + "\n"
	require.NoError(t, os.WriteFile(path, []byte(good+`{"secret":1}`+"\n"), 0o600))
	report, err := dlq.Unpark(t.Context(), dlq.UnparkConfig{Brokers: e.brokers, Topic: "orders-unparked", Records: dlq.ReadParkedFile(path)})
	require.ErrorContains(t, err, "line 2")
	assert.NotContains(t, err.Error(), "secret")
	assert.EqualValues(t, 1, report.Written, "what was whole is there")
	_, err = dlq.Unpark(t.Context(), dlq.UnparkConfig{Brokers: e.brokers, Topic: "orders-unparked", Records: dlq.ReadParkedFile(path + "x")})
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = dlq.Unpark(t.Context(), dlq.UnparkConfig{Brokers: e.brokers, Topic: "compacted", Records: dlq.ReadParked(strings.NewReader(good))})
	require.ErrorContains(t, err, "compacted")
	_, err = dlq.Unpark(t.Context(), dlq.UnparkConfig{Brokers: e.brokers, Topic: "orders-unparked"})
	require.ErrorContains(t, err, "Records")
	_, err = dlq.Unpark(t.Context(), dlq.UnparkConfig{Topic: "x", Records: dlq.ReadParkedFile(path)})
	require.ErrorContains(t, err, "Brokers")
}
