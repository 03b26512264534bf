package recovery_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-reconnect/reconnect/connect/failure"
	"github.com/go-reconnect/reconnect/recovery"
)

// inbox is a Notifier that keeps what it is told.
type inbox struct {
	mu     sync.Mutex
	events []recovery.Event
	at     []time.Time
	fail   func(n int) error
	calls  int
}

func (b *inbox) Notify(_ context.Context, e recovery.Event) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.calls++
	if b.fail != nil {
		if err := b.fail(b.calls); err != nil {
			return err
		}
	}
	b.events = append(b.events, e)
	b.at = append(b.at, time.Now())
	return nil
}

// hanging never answers and ignores its context.
type hanging struct{ block chan struct{} }

func (h hanging) Notify(context.Context, recovery.Event) error {
	<-h.block
	return nil
}

func always(trace string) func(int) (time.Duration, string) {
	return func(int) (time.Duration, string) { return 0, trace }
}

func TestASinkThatAlwaysFailsEndsWithOneNotification(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.add("orders", 1).onRestart = always("boom")
		w.fail("orders", 0, "boom")
		box := &inbox{}
		g := newStage(t, w, recovery.Config{Notifiers: []recovery.Notifier{box}, Notify: recovery.NotifyOptions{Reminder: -1}})
		g.run(48 * time.Hour)
		require.Len(t, box.events, 1)
		e := box.events[0]
		assert.Equal(t, recovery.EventExhausted, e.Kind)
		assert.Equal(t, "orders", e.Connector)
		assert.Equal(t, "FAILED", string(e.State))
		assert.Equal(t, []int{0}, e.Tasks)
		assert.Zero(t, e.BudgetLeft)
		assert.False(t, e.NextAttempt.IsZero(), "when the next probe is due")
	})
}

func TestTwoHundredThatFailTogetherAreThreeNotifications(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		start := time.Now()
		storm(w, 200, 1, "refused", func() bool { return time.Since(start) > 40*time.Minute })
		box := &inbox{}
		g := newStage(t, w, recovery.Config{Diagnose: byText, Notifiers: []recovery.Notifier{box}})
		g.run(3 * time.Hour)
		require.Equal(t, 200, g.kinds(recovery.EventRecovered))
		assert.LessOrEqual(t, len(box.events), 3)
		assert.Equal(t, recovery.EventStorm, box.events[0].Kind)
		assert.Equal(t, 200, box.events[0].Count)
		assert.True(t, box.events[len(box.events)-1].Resolved)
	})
}

func TestManyExhaustedTogetherAreOneMessagePerFingerprint(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		for _, n := range []string{"a", "b", "c"} {
			w.add(n, 1).onRestart = always("password")
			w.fail(n, 0, "password")
		}
		w.add("d", 1).onRestart = always("poison")
		w.fail("d", 0, "poison")
		box := &inbox{}
		g := newStage(t, w, recovery.Config{Diagnose: byText, Notifiers: []recovery.Notifier{box}})
		g.run(time.Hour)
		require.Len(t, box.events, 2)
		assert.Equal(t, []string{"a", "b", "c"}, box.events[0].Names)
		assert.Equal(t, 3, box.events[0].Count)
		assert.Equal(t, "d", box.events[1].Connector)
		g.run(9 * time.Hour)
		assert.Len(t, box.events, 6, "reminders every 4 h")
		assert.True(t, box.events[5].Reminder)
	})
}

func TestAShortTroubleIsNeverTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.add("a", 1)
		w.add("b", 1)
		n := 0
		w.statusErr = func() error {
			if n++; n == 5 {
				return errors.New("EOF")
			}
			return nil
		}
		box := &inbox{}
		g := newStage(t, w, recovery.Config{Interval: 10 * time.Second, Notifiers: []recovery.Notifier{box}})
		g.run(time.Hour)
		assert.Equal(t, 1, g.kinds(recovery.EventSweepFailed))
		assert.Empty(t, box.events)
	})
}

func TestANotifierIsTriedAgainAndNeverBlocksTheLoop(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.add("a", 1).onRestart = always("boom")
		w.fail("a", 0, "boom")
		w.add("b", 1)
		block := make(chan struct{})
		defer close(block)
		box := &inbox{fail: func(n int) error {
			if n < 4 {
				return errors.New("503")
			}
			return nil
		}}
		g := newStage(t, w, recovery.Config{Policy: recovery.Policy{MaxRestarts: 1}, Notifiers: []recovery.Notifier{hanging{block}, box}})
		g.run(time.Hour)
		assert.Len(t, box.events, 1)
		assert.Equal(t, 4, box.calls)
		assert.GreaterOrEqual(t, w.count("list"), 119, "the loop went on")
	})
}

func TestAnAlertOutlivesARestartOfTheSupervisor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.add("a", 1).onRestart = always("boom")
		w.fail("a", 0, "boom")
		store := recovery.NewMemoryStore()
		cfg := recovery.Config{Policy: recovery.Policy{MaxRestarts: 1, ProbeEvery: -1}, Store: store}
		newStage(t, w, cfg).run(time.Hour)
		box := &inbox{}
		cfg.Notifiers = []recovery.Notifier{box}
		g := newStage(t, w, cfg)
		g.run(time.Hour)
		assert.Empty(t, box.events, "told before")
		w.with("a", func(p *part) { p.tasks[0].state = "RUNNING" })
		g.run(time.Hour)
		require.Len(t, box.events, 1)
		assert.True(t, box.events[0].Resolved)
		assert.Equal(t, recovery.EventExhausted, box.events[0].Resolves)
	})
}

func TestReconcileAloneTellsBeforeItReturns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.add("a", 1)
		w.fail("a", 0, "password")
		box := &inbox{}
		g := newStage(t, w, recovery.Config{Diagnose: byText, Policy: recovery.Policy{FailureThreshold: 1}, Notifiers: []recovery.Notifier{box}})
		_, err := g.s.Reconcile(t.Context())
		require.NoError(t, err)
		assert.Len(t, box.events, 1)
	})
}

func TestAMaintenanceWindowRestartsAndTellsNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.add("a", 1).onRestart = always("password")
		w.fail("a", 0, "password")
		w.add("b", 1)
		w.fail("b", 0, "boom")
		end := time.Now().Add(2 * time.Hour)
		box := &inbox{}
		g := newStage(t, w, recovery.Config{
			Diagnose: byText, Notifiers: []recovery.Notifier{box},
			Maintenance: func(_ string, now time.Time) bool { return now.Before(end) },
		})
		g.run(2*time.Hour - time.Minute)
		assert.Empty(t, box.events)
		assert.Zero(t, w.count("restart"))
		g.run(time.Hour)
		require.Len(t, box.events, 1, "what is still so when it ends")
		assert.Equal(t, "a", box.events[0].Connector)
		assert.Len(t, w.restarts("b"), 1)
	})
}

// post is a RoundTripper that keeps the requests.
type post struct {
	mu     sync.Mutex
	status int
	bodies []string
	paths  []string
}

func (p *post) RoundTrip(r *http.Request) (*http.Response, error) {
	b, _ := io.ReadAll(r.Body)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.bodies, p.paths = append(p.bodies, string(b)), append(p.paths, r.URL.Path)
	if p.status == 0 {
		return nil, errors.New("connection refused")
	}
	return &http.Response{StatusCode: p.status, Status: http.StatusText(p.status), Body: http.NoBody, Header: http.Header{}}, nil
}

func TestWebhookShapes(t *testing.T) {
	t.Parallel()
	e := recovery.Event{
		Kind: recovery.EventExhausted, Time: epoch, Cluster: "blue", Connector: "<script>", State: "FAILED", Class: failure.ClassConnection,
		Fingerprint: "f00", Summary: "no route", Remedies: []string{"plug it in"}, Message: "<script> gave up", Tasks: []int{0, 2},
	}
	send := func(t *testing.T, f recovery.Format, e recovery.Event) (string, string) {
		t.Helper()
		p := &post{status: 200}
		require.NoError(t, recovery.Webhook{URL: "http://hooks.example/x/", Format: f, Client: &http.Client{Transport: p}}.Notify(t.Context(), e))
		require.Len(t, p.bodies, 1)
		return p.bodies[0], p.paths[0]
	}
	t.Run("json", func(t *testing.T) {
		t.Parallel()
		body, _ := send(t, recovery.JSON, e)
		var m map[string]any
		require.NoError(t, json.Unmarshal([]byte(body), &m))
		assert.Equal(t, "<script>", m["connector"])
		assert.Equal(t, "FAILED", m["state"])
	})
	t.Run("slack escapes what is markup", func(t *testing.T) {
		t.Parallel()
		body, _ := send(t, recovery.Slack, e)
		var m map[string]string
		require.NoError(t, json.Unmarshal([]byte(body), &m))
		assert.Contains(t, m["text"], "&lt;script&gt; gave up")
		assert.Contains(t, m["text"], "plug it in")
	})
	t.Run("alertmanager has one alert per connector and ends them under the same labels", func(t *testing.T) {
		t.Parallel()
		many := e
		many.Count, many.Names = 2, []string{"a", "b"}
		body, path := send(t, recovery.Alertmanager, many)
		assert.Equal(t, "/x/api/v2/alerts", path)
		type am struct {
			Labels           map[string]string
			StartsAt, EndsAt time.Time
		}
		var first, last []am
		require.NoError(t, json.Unmarshal([]byte(body), &first))
		require.Len(t, first, 2)
		assert.Equal(t, map[string]string{
			"alertname": "KafkaConnectExhausted", "severity": "critical", "cluster": "blue", "connector": "a", "class": "connection", "fingerprint": "f00",
		}, first[0].Labels)
		assert.True(t, first[0].EndsAt.After(time.Now()))
		end := many
		end.Kind, end.Resolved, end.Resolves, end.Since, end.Time = recovery.EventRecovered, true, recovery.EventExhausted, epoch, epoch.Add(time.Hour)
		body, _ = send(t, recovery.Alertmanager, end)
		require.NoError(t, json.Unmarshal([]byte(body), &last))
		assert.Equal(t, first[0].Labels, last[0].Labels)
		assert.Equal(t, first[0].StartsAt, last[0].StartsAt)
		assert.False(t, last[0].EndsAt.After(time.Now()))
	})
}

func TestAlertmanagerIsToldAgainEveryMinuteAndOnceWhenItEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.add("a", 1).onRestart = always("password")
		w.fail("a", 0, "password")
		p := &post{status: 200}
		g := newStage(t, w, recovery.Config{Diagnose: byText, Notifiers: []recovery.Notifier{
			recovery.Webhook{URL: "http://am.example", Format: recovery.Alertmanager, Client: &http.Client{Transport: p}},
		}})
		g.run(31 * time.Minute)
		n := len(p.bodies)
		assert.InDelta(t, 30, n, 2)
		w.with("a", func(p *part) { p.tasks[0].state = "RUNNING" })
		g.run(11 * time.Minute)
		g.run(time.Hour)
		assert.InDelta(t, n+12, len(p.bodies), 3)
	})
}

func TestTheWebhookURLIsASecret(t *testing.T) {
	t.Parallel()
	const secret = "T000/B000/hunter2"
	for _, status := range []int{0, 302, 404, 500} {
		err := recovery.Webhook{URL: "https://hooks.example/" + secret, Client: &http.Client{Transport: &post{status: status}}}.Notify(t.Context(), recovery.Event{})
		require.Error(t, err)
		assert.NotContains(t, err.Error(), "hunter2")
		assert.Contains(t, err.Error(), "hooks.example")
	}
	for _, bad := range []string{"", "hunter2", "ftp://x/hunter2", "http://hunter2:%zz"} {
		err := recovery.Webhook{URL: bad}.Validate()
		require.Error(t, err)
		assert.NotContains(t, err.Error(), "hunter2")
	}
	require.Error(t, recovery.Webhook{URL: "http://x", Format: "xml"}.Validate())
	require.Error(t, recovery.LogNotifier{}.Validate())
}

func TestLogNotifierWritesOneLine(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	n := recovery.LogNotifier{Logger: slog.New(slog.NewTextHandler(&b, nil))}
	require.NoError(t, n.Notify(t.Context(), recovery.Event{Kind: recovery.EventHeld, Connector: "a", Message: "a is held"}))
	assert.Equal(t, 1, strings.Count(b.String(), "\n"))
	assert.Contains(t, b.String(), "level=ERROR")
	assert.Contains(t, b.String(), "a is held")
}
