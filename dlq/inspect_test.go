package dlq_test

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/go-reconnect/reconnect/dlq"
)

func TestInspectGroupsByCause(t *testing.T) {
	t.Parallel()
	e := newEmbedded(t, 1, map[string]int{"orders": 4, "orders-dlq": 2})
	e.produce(t, &kgo.Record{Topic: "orders", Partition: 1}, &kgo.Record{Topic: "orders", Partition: 1})
	for i := range 30 {
		e.produce(t, deadLetter(int32(i%2), 1, int64(i), id(i), []byte("secret")))
	}
	put := connectFailure()
	put.Stage, put.ExceptionClass = dlq.StageTaskPut, "java.sql.SQLException"
	put.StackTrace = "java.sql.SQLException: duplicate key\n\tat a.B.c(B.java:1)\n"
	put.Connector = "bad\x1b[31m\tname"
	e.produce(t, &kgo.Record{Topic: "orders-dlq", Headers: kgoHeaders(put.AppendTo([]kafka.Header{header("reconnect.retry.count", "1")}))}, &kgo.Record{Topic: "orders-dlq", Value: []byte("no context")})
	cfg := dlq.InspectConfig{Brokers: e.brokers, Topic: "orders-dlq"}
	s, err := dlq.Inspect(t.Context(), cfg)
	require.NoError(t, err)
	assert.EqualValues(t, 32, s.Records)
	assert.EqualValues(t, 1, s.NoContext)
	assert.False(t, s.Partial)
	require.Len(t, s.Groups, 3)
	g := s.Groups[0]
	assert.EqualValues(t, 30, g.Count)
	assert.InDelta(t, 30.0/32, g.Share, 1e-9)
	assert.Equal(t, "orders-sink", g.Connector)
	assert.Equal(t, dlq.StageValueConverter, g.Stage)
	assert.EqualValues(t, 28, g.Gone, "two originals are there")
	assert.Equal(t, time.UnixMilli(1_700_000_000_000), g.First)
	assert.Equal(t, time.UnixMilli(1_700_000_000_029), g.Last)
	assert.NotEmpty(t, g.Fingerprint)
	assert.NotEmpty(t, g.Diagnosis.Summary)

	var table, text bytes.Buffer
	require.NoError(t, s.WriteTable(&table))
	require.NoError(t, s.WriteJSON(&text))
	assert.True(t, json.Valid(text.Bytes()))
	assert.Contains(t, table.String(), "93.8 %")
	assert.NotContains(t, table.String(), "\x1b")
	assert.NotContains(t, table.String()+text.String(), "secret")

	cfg.Filter.Fingerprint = g.Fingerprint
	s, err = dlq.Inspect(t.Context(), cfg)
	require.NoError(t, err)
	assert.EqualValues(t, 30, s.Records)
	assert.EqualValues(t, 2, s.Unmatched)
	cfg.MaxRecords = 7
	s, err = dlq.Inspect(t.Context(), cfg)
	require.NoError(t, err)
	assert.True(t, s.Partial)
	assert.EqualValues(t, 7, s.Records)
	assert.Equal(t, "stopped after 7 records", s.Why)
	cfg.MaxRecords, cfg.MaxBytes = 0, 1
	s, err = dlq.Inspect(t.Context(), cfg)
	require.NoError(t, err)
	assert.True(t, s.Partial)

	_, err = dlq.Inspect(t.Context(), dlq.InspectConfig{Brokers: e.brokers, Topic: "nobody-made-this"})
	require.ErrorContains(t, err, "does not exist")
	_, err = dlq.Inspect(t.Context(), dlq.InspectConfig{Topic: "d"})
	require.ErrorContains(t, err, "Brokers")
	assert.Nil(t, e.GroupInfo("reconnect"))
}

func codes(f dlq.Findings) (out []string) {
	for _, one := range f {
		out = append(out, one.Code)
	}
	return out
}

func TestCheckTopic(t *testing.T) {
	t.Parallel()
	e := newEmbedded(t, 3, map[string]int{"orders": 4})
	require.NoError(t, e.CreateTopic("week", 4, map[string]string{"retention.ms": "604800000", "cleanup.policy": "delete"}))
	require.NoError(t, e.CreateTopic("compacted", 1, map[string]string{"cleanup.policy": "compact"}))
	require.NoError(t, e.CreateTopic("large", 4, map[string]string{"max.message.bytes": "5000000"}))
	check := func(topic string, sources ...string) dlq.Findings {
		f, err := dlq.CheckTopic(t.Context(), dlq.TopicConfig{Brokers: e.brokers, Topic: topic, Sources: sources})
		require.NoError(t, err)
		return f
	}
	f := check("missing")
	assert.Equal(t, []string{dlq.CodeTopicMissing}, codes(f))
	require.ErrorContains(t, f.Err(), "does not exist")
	f = check("compacted")
	assert.Equal(t, dlq.CodeCompacted, f[0].Code, "the worst comes first")
	require.Error(t, f.Err())
	f = check("week")
	assert.Contains(t, codes(f), dlq.CodeRetention)
	require.NoError(t, f.Err())
	e.produce(t, &kgo.Record{Topic: "week", Timestamp: time.Now().Add(-5 * 24 * time.Hour)})
	f = check("week", "large", "gone", "week")
	assert.Contains(t, codes(f), dlq.CodeRetentionPassed)
	assert.Contains(t, codes(f), dlq.CodeMaxMessageBytes)
	assert.Contains(t, codes(f), dlq.CodeSourceMissing)
	assert.Contains(t, codes(f), dlq.CodeSourceIsTheQueue)
	for _, one := range f {
		assert.NotEmpty(t, one.Message)
		assert.NotEmpty(t, one.Fix)
	}
}

func TestCreateTopic(t *testing.T) {
	t.Parallel()
	e := newEmbedded(t, 3, map[string]int{"orders": 4})
	require.NoError(t, e.CreateTopic("large", 6, map[string]string{"max.message.bytes": "5000000"}))
	cfg := dlq.TopicConfig{Brokers: e.brokers, Topic: "orders-dlq", Sources: []string{"orders", "large"}, ReplicationFactor: 3}
	require.NoError(t, dlq.CreateTopic(t.Context(), cfg))
	info := e.TopicInfo("orders-dlq")
	require.NotNil(t, info)
	assert.Len(t, e.PartitionInfos("orders-dlq"), 6)
	assert.Equal(t, "-1", *info.Configs["retention.ms"])
	assert.Equal(t, "delete", *info.Configs["cleanup.policy"])
	f, err := dlq.CheckTopic(t.Context(), cfg)
	require.NoError(t, err)
	assert.Empty(t, f, "what CreateTopic makes is what CheckTopic wants")
	require.ErrorIs(t, dlq.CreateTopic(t.Context(), cfg), kafka.TopicAlreadyExists)
	cfg.Topic, cfg.Partitions = "other", -1
	require.ErrorContains(t, dlq.CreateTopic(t.Context(), cfg), "Partitions")
	cfg.Topic = "not a name"
	require.ErrorContains(t, dlq.CreateTopic(t.Context(), cfg), "topic name")
}
