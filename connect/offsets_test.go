package connect_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-reconnect/reconnect/connect"
)

func TestSinkOffsets(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		what, partition, offset string
		topic                   string
		n                       int
		at                      int64
		ok                      bool
	}{
		{"numbers", `{"kafka_topic":"t","kafka_partition":3}`, `{"kafka_offset":7}`, "t", 3, 7, true},
		{"numbers as strings, as a change may have them", `{"kafka_topic":"t","kafka_partition":"3"}`, `{"kafka_offset":"7"}`, "t", 3, 7, true},
		{"a number that a float64 cannot hold", `{"kafka_topic":"t","kafka_partition":0}`, `{"kafka_offset":9007199254740993}`, "t", 0, 9007199254740993, true},
		{"null resets", `{"kafka_topic":"t","kafka_partition":0}`, `null`, "t", 0, -1, true},
		{"nothing resets", `{"kafka_topic":"t","kafka_partition":0}`, ``, "t", 0, -1, true},
		{"the offset of a source", `{"file":"x"}`, `{"position":7}`, "", 0, 0, false},
		{"a source's offset under a sink's partition", `{"kafka_topic":"t","kafka_partition":0}`, `{"position":7}`, "", 0, 0, false},
		{"no JSON", `{`, `{}`, "", 0, 0, false},
		{"no JSON in the offset", `{"kafka_topic":"t","kafka_partition":0}`, `{`, "", 0, 0, false},
		{"a partition that is none", `{"kafka_topic":"t","kafka_partition":-1}`, `{"kafka_offset":7}`, "", 0, 0, false},
		{"a partition that is a boolean", `{"kafka_topic":"t","kafka_partition":true}`, `{"kafka_offset":7}`, "", 0, 0, false},
	} {
		topic, n, at, ok := connect.Offset{Partition: json.RawMessage(row.partition), Offset: json.RawMessage(row.offset)}.Sink()
		assert.Equal(t, []any{row.topic, row.n, row.at, row.ok}, []any{topic, n, at, ok}, row.what)
	}
	o := connect.SinkOffset(`a"b`, 1, 1<<62)
	topic, n, at, ok := o.Sink()
	assert.Equal(t, []any{`a"b`, 1, int64(1 << 62), true}, []any{topic, n, at, ok})
}

func TestAlterOffsetsSendsWhatItIsGiven(t *testing.T) {
	t.Parallel()
	s := serve(t, "", func(_ int, w http.ResponseWriter, _ *http.Request) { write(w, 200, "", `{"message":"m"}`) })
	given := connect.Offsets{connect.SinkOffset("t", 0, 9007199254740993), {Partition: json.RawMessage(`{"kafka_topic":"t","kafka_partition":1}`)}}
	msg, err := client(t, s.URL).AlterOffsets(t.Context(), "x", given)
	require.NoError(t, err)
	assert.Equal(t, "m", msg)
	assert.Contains(t, s.requests()[0].body, "9007199254740993", "digit by digit")
	assert.JSONEq(t, `{"offsets":[{"partition":{"kafka_topic":"t","kafka_partition":0},"offset":{"kafka_offset":9007199254740993}},{"partition":{"kafka_topic":"t","kafka_partition":1},"offset":null}]}`, s.requests()[0].body)
	assert.Nil(t, given[1].Offset, "the caller's offsets are as they were")
}

func TestAnAnswerThatIsTooLarge(t *testing.T) {
	t.Parallel()
	s := serve(t, "", func(_ int, w http.ResponseWriter, _ *http.Request) {
		write(w, 200, "", `["`+strings.Repeat("x", 2000)+`"]`)
	})
	_, err := client(t, s.URL, connect.WithMaxResponseBytes(1000)).ListConnectors(t.Context())
	require.ErrorContains(t, err, "WithMaxResponseBytes")
	assert.Len(t, s.requests(), 1, "it will not be smaller the next time")
	_, _, err = client(t, s.URL, connect.WithMaxResponseBytes(1000)).PutConfig(t.Context(), "x", nil)
	require.ErrorContains(t, err, "WithMaxResponseBytes")
	_, err = client(t, s.URL, connect.WithMaxResponseBytes(2004)).ListConnectors(t.Context())
	require.NoError(t, err, "a body of exactly that size is taken")
}

func TestALongMessageIsCut(t *testing.T) {
	t.Parallel()
	s := serve(t, "", func(_ int, w http.ResponseWriter, _ *http.Request) {
		connectError(w, 500, strings.Repeat("ä", 100_000))
	})
	_, err := client(t, s.URL).GetStatus(t.Context(), "x")
	e := asError(t, err)
	assert.Less(t, len(e.Message), 9<<10)
	assert.True(t, strings.HasSuffix(e.Message, "... (cut)"))
	assert.NotContains(t, e.Message, "\ufffd")
}

func TestPausedAndStopped(t *testing.T) {
	t.Parallel()
	status := func(connector connect.State, tasks ...connect.State) *connect.ConnectorStatus {
		st := &connect.ConnectorStatus{Name: "x", Connector: connect.InstanceStatus{State: connector}}
		for i, s := range tasks {
			st.Tasks = append(st.Tasks, connect.TaskStatus{ID: connect.TaskID{Connector: "x", Task: i}, InstanceStatus: connect.InstanceStatus{State: s}})
		}
		return st
	}
	for _, row := range []struct {
		st                       *connect.ConnectorStatus
		paused, stopped, running bool
	}{
		{status(connect.StatePaused, connect.StatePaused), true, false, false},
		{status(connect.StatePaused, connect.StateFailed, connect.StatePaused), true, false, false},
		{status(connect.StateFailed, connect.StatePaused), true, false, false},
		{status(connect.StatePaused, connect.StateRunning), false, false, false},
		{status(connect.StateRunning, connect.StatePaused), false, false, false},
		{status(connect.StateStopped), false, true, false},
		{status(connect.StateStopped, connect.StateUnassigned), false, false, false},
		{status(connect.StateRunning), false, false, false},
		{status(connect.StateRunning, connect.StateRunning), false, false, true},
		{status(connect.StateRunning, connect.StateRunning, connect.StateRestarting), false, false, false},
	} {
		for want, done := range map[*bool]func(*connect.ConnectorStatus) (bool, error){&row.paused: connect.Paused(), &row.stopped: connect.Stopped(), &row.running: connect.Running(1)} {
			got, err := done(row.st)
			require.NoError(t, err)
			assert.Equal(t, *want, got, "%+v", row.st)
		}
	}
	done, err := connect.Running(0)(status(connect.StateRunning))
	require.NoError(t, err)
	assert.True(t, done, "no tasks are asked for")
}
