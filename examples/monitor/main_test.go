package main

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-reconnect/reconnect/connect"
	"github.com/go-reconnect/reconnect/connect/connecttest"
	"github.com/go-reconnect/reconnect/recovery"
)

func cluster(t *testing.T) *connecttest.Server {
	t.Helper()
	srv := connecttest.NewServer(connecttest.Config{Errorf: t.Errorf})
	t.Cleanup(srv.Close)
	srv.RegisterPlugin("example.Sink", "sink", func(ctx context.Context, _ connecttest.Task) error {
		<-ctx.Done()
		return nil
	})
	for _, n := range []string{"orders", "wishes"} {
		srv.AddConnector(n, map[string]string{"connector.class": "example.Sink", "topics": "t", "tasks.max": "2"})
	}
	return srv
}

func TestOneLook(t *testing.T) {
	t.Parallel()
	srv := cluster(t)
	client, err := newClient(srv.URL())
	require.NoError(t, err)
	require.NoError(t, client.Pause(t.Context(), "wishes"))
	require.Eventually(t, func() bool {
		st, err := client.GetStatus(t.Context(), "orders")
		return err == nil && st.Running()
	}, 10*time.Second, 10*time.Millisecond)
	var out, errOut bytes.Buffer
	code, err := run(t.Context(), []string{"-connect", srv.URL()}, &out, &errOut)
	require.NoError(t, err)
	assert.Equal(t, exitWell, code, out.String())

	srv.FailTask("orders", 1, "org.apache.kafka.connect.errors.ConnectException: x\nCaused by: java.net.ConnectException: Connection refused\n\tat a.B.c(D.java:1)\n")
	out.Reset()
	code, err = run(t.Context(), []string{"-connect", srv.URL()}, &out, &errOut)
	require.NoError(t, err)
	assert.Equal(t, exitFailed, code)
	assert.Contains(t, out.String(), "orders (sink) is FAILED, 1 of 2 tasks RUNNING")
	assert.Contains(t, out.String(), "task 1 on")
	assert.Contains(t, out.String(), "connection")
	assert.Contains(t, out.String(), "wishes (sink) is PAUSED")
	assert.NotContains(t, out.String(), "D.java", "no trace unless asked for")

	code, err = run(t.Context(), []string{"-connect", "http://127.0.0.1:1"}, &out, &errOut)
	require.Error(t, err)
	assert.Equal(t, exitBlind, code)
	for _, args := range [][]string{{"x"}, {"-every", "-1s"}, {"-connect", ""}, {"-webhook", "ftp://x"}, {"-progress-brokers", "b:1"}, {"-progress-sources", "x"}, {"-progress-brokers", "b", "-watch"}, {"-watch", "-progress-brokers", "b:1", "-kafka-sasl", "plain"}, {"-webhook", "http://x", "-webhook-format", "xml"}} {
		code, err = run(t.Context(), args, &out, &errOut)
		require.Error(t, err)
		assert.Equal(t, exitBlind, code)
	}
}

type box struct {
	events []recovery.Event
	err    error
}

func (b *box) Notify(_ context.Context, e recovery.Event) error {
	if b.err == nil {
		b.events = append(b.events, e)
	}
	return b.err
}

func TestEachChangeIsToldOnce(t *testing.T) {
	t.Parallel()
	b := &box{}
	tell := &teller{to: b, told: map[string]connect.State{}}
	now := time.Now()
	failed := []row{{name: "a", state: connect.StateFailed, faults: []fault{{what: "task 0"}}}, {name: "b", state: connect.StatePaused}}
	b.err = errors.New("down")
	require.Error(t, tell.tell(t.Context(), failed, now))
	b.err = nil
	for range 3 {
		require.NoError(t, tell.tell(t.Context(), failed, now))
	}
	require.Len(t, b.events, 1)
	assert.Equal(t, "a", b.events[0].Connector)
	assert.Equal(t, connect.StateFailed, b.events[0].State)
	require.NoError(t, tell.tell(t.Context(), []row{{name: "a", state: connect.StateRunning}}, now))
	require.NoError(t, tell.tell(t.Context(), nil, now))
	require.Len(t, b.events, 2)
	assert.True(t, b.events[1].Resolved)
}

// still is a Kafka in which one connector does not move.
type still struct{ err error }

func (s *still) Stalls(_ context.Context, _ []string) (map[string]recovery.Stall, error) {
	if s.err != nil {
		return nil, s.err
	}
	now := time.Now()
	return map[string]recovery.Stall{"a": {Since: now.Add(-time.Hour), Seen: now, Waiting: 12}, "b": {Since: now, Seen: now, Waiting: 1}}, nil
}

func TestWhatDoesNotMoveIsShownAndTold(t *testing.T) {
	t.Parallel()
	rows := func() []row {
		return []row{{name: "a", state: connect.StateRunning, tasks: 1, running: 1}, {name: "b", state: connect.StateRunning, tasks: 1, running: 1}}
	}
	from := &still{}
	s := &stalls{from: from, after: 5 * time.Minute}
	b := &box{}
	tell := &teller{to: b, told: map[string]connect.State{}}
	now := time.Now()
	for i := range 3 {
		r := rows()
		err := s.mark(t.Context(), r, now)
		if i < 2 {
			require.NoError(t, err)
		} else {
			require.Error(t, err, "what was known stands")
		}
		assert.Equal(t, stateStalled, r[0].state)
		assert.Equal(t, connect.StateRunning, r[1].state)
		require.NoError(t, tell.tell(t.Context(), r, now))
		var out strings.Builder
		report(&out, r, false)
		table(&out, r, now)
		assert.Contains(t, out.String(), "12 records wait")
		now = now.Add(time.Minute)
		if i == 1 {
			from.err = errors.New("down")
		}
	}
	require.Len(t, b.events, 1)
	assert.Equal(t, "a", b.events[0].Connector)
	assert.Contains(t, b.events[0].Message, "12 records wait")
}

func TestTheTableCannotSteerTheTerminal(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	table(&b, []row{{name: "\x1b]0;x\a", state: connect.StateRunning}}, time.Now())
	assert.NotContains(t, b.String(), "\x1b")
}
