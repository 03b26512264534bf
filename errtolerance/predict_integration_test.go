package errtolerance_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/go-reconnect/reconnect/errtolerance"
	"github.com/go-reconnect/reconnect/internal/testutil"
)

// predicted is a row that runs.
type predicted struct {
	*predictRow
	name, topic, dlq string
	want             errtolerance.Outcome
	attempts         bool // the plugin counts them
	settled          bool
}

func doesWhatIsPredicted(t *testing.T, w *worker, rows []predictRow) {
	brokers := w.c.Brokers()
	all := make([]*predicted, len(rows))
	var records []*kgo.Record
	for i := range rows {
		r := &predicted{predictRow: &rows[i], name: "predict-" + rows[i].name, topic: "predict-" + rows[i].name}
		r.dlq = r.topic + "-dlq"
		all[i] = r
		records = append(records, r.records()...)
	}
	createTopics(t, brokers, all)
	testutil.Produce(t, brokers, records...)
	each(t, len(all), func(ctx context.Context, i int) error {
		r := all[i]
		cfg := r.connector(r.name, r.topic)
		for k := range cfg {
			r.attempts = r.attempts || strings.HasSuffix(k, "fault.exception") && cfg[k] != ""
		}
		r.want = errtolerance.Predict(cfg, errtolerance.Target{KafkaVersion: w.c.Version(), Brokers: 1}, r.event)
		refused, said, err := w.create(ctx, r.name, "", cfg)
		if err == nil && refused {
			err = fmt.Errorf("%s: %s", r.name, said)
		}
		return err
	})
	w.settle(t, all)
	beans, err := w.beans(t.Context())
	require.NoError(t, err)
	log, err := w.c.Worker(0).Logs(t.Context(), time.Time{}, 0)
	require.NoError(t, err)
	status, err := w.tasks(t.Context())
	require.NoError(t, err)
	offsets := w.positions(t, all)
	for _, r := range all {
		t.Run(r.predictRow.name, func(t *testing.T) {
			r.compare(t, status[r.name], offsets[r.name], beans[r.name])
			r.compareLog(t, log)
		})
	}
	for _, r := range all {
		if r.want.DeadLetters > 0 && !r.want.StartFails {
			t.Run(r.predictRow.name+" dead letters", func(t *testing.T) { r.compareDeadLetters(t, brokers) })
		}
	}
	w.copies(t, all)
	each(t, len(all), func(ctx context.Context, i int) error { return w.delete(ctx, all[i].name) })
	t.Logf("%d predictions", len(all))
}

// records are the three that a sink's row reads.
func (r *predicted) records() []*kgo.Record {
	if r.source {
		return nil
	}
	var out []*kgo.Record
	for _, text := range []string{r.good, r.bad, r.good} {
		rec := &kgo.Record{Topic: r.topic, Value: []byte(text)}
		switch {
		case r.key:
			rec.Key, rec.Value = []byte(text), []byte("v")
		case r.header:
			rec.Value, rec.Headers = []byte("v"), []kgo.RecordHeader{{Key: "h", Value: []byte(text)}}
		}
		out = append(out, rec)
	}
	return out
}

// createTopics makes the topics of all rows with one request.
func createTopics(t *testing.T, brokers []string, all []*predicted) {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(brokers...))
	require.NoError(t, err)
	defer cl.Close()
	req := kmsg.NewPtrCreateTopicsRequest()
	req.TimeoutMillis = 60_000
	add := func(topic, maxMessageBytes string) {
		rt := kmsg.NewCreateTopicsRequestTopic()
		if maxMessageBytes != "" {
			rc := kmsg.NewCreateTopicsRequestTopicConfig()
			rc.Name, rc.Value = "max.message.bytes", &maxMessageBytes
			rt.Configs = append(rt.Configs, rc)
		}
		rt.Topic, rt.NumPartitions, rt.ReplicationFactor = topic, 1, 1
		req.Topics = append(req.Topics, rt)
	}
	for _, r := range all {
		add(r.topic, "")
		switch {
		case r.event.DeadLetterTopicExists && r.event.DeadLetterFails:
			add(r.dlq, "10") // no record is that small: the broker refuses each
		case r.event.DeadLetterTopicExists:
			add(r.dlq, "")
		}
	}
	res, err := req.RequestWith(t.Context(), cl)
	require.NoError(t, err)
	for _, topic := range res.Topics {
		require.Zero(t, topic.ErrorCode, topic.Topic)
	}
}

// positions are how many of a row's records count as done, by the row's name.
func (w *worker) positions(t *testing.T, all []*predicted) map[string]int64 {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(w.c.Brokers()...))
	require.NoError(t, err)
	defer cl.Close()
	out := map[string]int64{}
	req := kmsg.NewPtrOffsetFetchRequest()
	for _, r := range all {
		if r.source {
			n, err := w.sourcePosition(t.Context(), r.name)
			require.NoError(t, err)
			out[r.name] = n
			continue
		}
		g := kmsg.NewOffsetFetchRequestGroup()
		g.Group = "connect-" + r.name
		req.Groups = append(req.Groups, g)
	}
	if len(req.Groups) == 0 {
		return out
	}
	res, err := req.RequestWith(t.Context(), cl)
	require.NoError(t, err)
	for _, g := range res.Groups {
		for _, topic := range g.Topics {
			for _, p := range topic.Partitions {
				if p.Offset > 0 {
					out[strings.TrimPrefix(g.Group, "connect-")] = p.Offset
				}
			}
		}
	}
	return out
}

// settle waits until every row is where it was predicted to be, or three minutes. What is not there then fails the comparison.
func (w *worker) settle(t *testing.T, all []*predicted) {
	t.Helper()
	ctx := t.Context()
	deadline := time.NewTimer(3 * time.Minute)
	defer deadline.Stop()
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	for {
		status, err := w.tasks(ctx)
		require.NoError(t, err)
		var open, trying []*predicted
		for _, r := range all {
			switch {
			case r.settled:
			case r.want.Task == "FAILED":
				r.settled = status[r.name].State == "FAILED"
			case r.want.Fate == errtolerance.FateHeld:
				trying = append(trying, r)
			}
			if !r.settled {
				open = append(open, r)
			}
		}
		at := w.positions(t, open)
		left := 0
		for _, r := range open {
			r.settled = r.settled || r.want.OffsetCommitted && at[r.name] == 3
			if !r.settled {
				left++
			}
		}
		if left > 0 && left == len(trying) {
			// These never come to an end: enough that they were tried several times.
			beans, err := w.beans(ctx)
			require.NoError(t, err)
			for _, r := range trying {
				if beans[r.name]["Attempts"] >= 3 {
					r.settled = true
					left--
				}
			}
		}
		if left == 0 {
			return
		}
		select {
		case <-deadline.C:
			for _, r := range all {
				if !r.settled {
					t.Logf("%s has not settled", r.name)
				}
			}
			return
		case <-tick.C:
		}
	}
}

func (r *predicted) compare(t *testing.T, status taskStatus, position int64, beans map[string]int) {
	t.Helper()
	assert.Empty(t, r.want.Depends)
	assert.Equal(t, r.want.Task, status.State, status.Trace)
	if r.want.Task == "FAILED" {
		assert.Contains(t, status.Trace, r.want.Trace)
	}
	assert.Equal(t, r.want.OffsetCommitted, position == 3, "%d of 3 records are done", position)
	require.NotEmpty(t, beans, "no beans")
	endless := r.want.Attempts < 0
	atLeast := r.want.Schedule.RandomBelow > 0 && r.want.Schedule.MinAttempts > 1
	m := r.want.Metrics
	// A slow machine sleeps longer than it is told to, and has time for fewer attempts before the deadline.
	atMost := !endless && !atLeast && r.want.Schedule.Deadline > 0 && m.Retries > 0 && r.want.Fate != errtolerance.FateDelivered
	got := errtolerance.Metrics{
		RecordFailures: beans["total-record-failures"], RecordErrors: beans["total-record-errors"], RecordsSkipped: beans["total-records-skipped"],
		Retries: beans["total-retries"], ErrorsLogged: beans["total-errors-logged"],
		DLQRequests: beans["deadletterqueue-produce-requests"], DLQFailures: beans["deadletterqueue-produce-failures"],
	}
	switch {
	case endless && !r.want.Redelivered:
		assert.GreaterOrEqual(t, got.Retries, 2)
		assert.GreaterOrEqual(t, got.RecordFailures, 2)
		got.Retries, got.RecordFailures = m.Retries, m.RecordFailures
	case atLeast:
		assert.GreaterOrEqual(t, got.Retries, m.Retries)
		assert.Equal(t, got.Retries-m.Retries, got.RecordFailures-m.RecordFailures)
		got.Retries, got.RecordFailures = m.Retries, m.RecordFailures
	case atMost:
		assert.GreaterOrEqual(t, got.Retries, 2)
		assert.LessOrEqual(t, got.Retries, m.Retries)
		assert.Equal(t, m.RecordFailures-m.Retries, got.RecordFailures-got.Retries)
		if r.attempts {
			assert.Equal(t, got.Retries+1, beans["Attempts"])
		}
		got.Retries, got.RecordFailures = m.Retries, m.RecordFailures
	}
	assert.Equal(t, m, got)
	if !r.attempts || atMost {
		return
	}
	switch n := beans["Attempts"]; {
	case endless:
		assert.GreaterOrEqual(t, n, 3)
	case atLeast:
		assert.GreaterOrEqual(t, n, r.want.Attempts)
	default:
		assert.Equal(t, r.want.Attempts, n)
	}
}

// compareLog looks for the line of Connect's LogReporter.
func (r *predicted) compareLog(t *testing.T, log string) {
	t.Helper()
	logged, record := false, false
	for line := range strings.Lines(log) {
		if strings.Contains(line, "Error encountered in task "+r.name+"-0.") {
			logged = true
			record = record || strings.Contains(line, "value=bad")
		}
	}
	assert.Equal(t, r.want.Logged, logged, "a line in the worker's log")
	assert.Equal(t, r.want.LogHasRecord, record, "a line that holds the record")
}

func (r *predicted) compareDeadLetters(t *testing.T, brokers []string) {
	t.Helper()
	dead := testutil.WaitForRecords(t, brokers, r.dlq, r.want.DeadLetters, time.Minute)
	require.Len(t, dead, r.want.DeadLetters)
	switch {
	case r.key:
		assert.Equal(t, r.bad, string(dead[0].Key))
	case r.header:
		assert.Equal(t, r.bad, string(dead[0].Headers[0].Value))
	default:
		assert.Equal(t, r.bad, string(dead[0].Value))
	}
	stage := ""
	for _, h := range dead[0].Headers {
		if h.Key == "__connect.errors.stage" {
			stage = string(h.Value)
		}
	}
	want := ""
	if r.want.ContextHeaders {
		want = string(r.event.Stage)
	}
	assert.Equal(t, want, stage)
}

// copies restarts every task that is predicted to write its dead letter again, and those that are predicted not to.
func (w *worker) copies(t *testing.T, all []*predicted) {
	t.Helper()
	var again []*predicted
	for _, r := range all {
		if r.want.DeadLetters > 0 && r.want.Task == "FAILED" {
			again = append(again, r)
		}
	}
	each(t, len(again), func(ctx context.Context, i int) error {
		status, body, err := w.patiently(ctx, http.MethodPost, "/connectors/"+url.PathEscape(again[i].name)+"/tasks/0/restart", nil)
		if err == nil && status != http.StatusNoContent {
			err = fmt.Errorf("restart %s: %d: %s", again[i].name, status, body)
		}
		return err
	})
	for _, r := range again {
		t.Run(r.predictRow.name+" after a restart", func(t *testing.T) {
			want := r.want.CopiesAfter(1)
			assert.Len(t, testutil.WaitForRecords(t, w.c.Brokers(), r.dlq, want, time.Minute), want)
		})
	}
}
