package controller_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-reconnect/reconnect/connect/connecttest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/go-reconnect/reconnect/examples/controller/api/v1"
	"github.com/go-reconnect/reconnect/examples/controller/internal/controller"
)

func TestFailureAndRecovery(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create(w.resource("orders"))
	w.run("orders", time.Minute)
	w.server.FailTask("orders", 1, refused)
	kc := w.run("orders", 70*time.Second)
	w.condition(kc, v1.ConditionReady, metav1.ConditionFalse, "Failed")
	c := w.condition(kc, v1.ConditionDegraded, metav1.ConditionTrue, "Failed")
	assert.NotEmpty(t, c.Message)
	assert.Equal(t, []int32{1}, kc.Status.FailedTasks)
	assert.Equal(t, "1/2", kc.Status.Tasks)
	assert.Equal(t, "backoff", kc.Status.Phase)
	assert.NotNil(t, kc.Status.NextAttempt)
	require.NotNil(t, kc.Status.LastFailure)
	assert.Equal(t, "connection", kc.Status.LastFailure.Class)
	assert.NotEmpty(t, kc.Status.LastFailure.Summary)
	assert.NotEmpty(t, kc.Status.LastFailure.Remedies)
	assert.Zero(t, w.restarts())

	kc = w.run("orders", 10*time.Minute)
	assert.Equal(t, 1, w.restarts())
	w.condition(kc, v1.ConditionReady, metav1.ConditionTrue, "Running")
	w.condition(kc, v1.ConditionDegraded, metav1.ConditionFalse, "AsExpected")
	assert.Equal(t, int32(1), kc.Status.Restarts)
	require.NotNil(t, kc.Status.BudgetLeft)
	assert.Equal(t, int32(2), *kc.Status.BudgetLeft)
	for _, reason := range []string{"Failed", "Restarted", "Recovered"} {
		assert.Equal(t, 1, w.events.count(reason), "%s: %v", reason, w.events.all())
	}
}

// exhaust makes orders a connector that no restart helps, and returns it once its budget is used up.
func (w *world) exhaust() *v1.KafkaConnector {
	w.t.Helper()
	const name = "orders"
	w.server.OnRestart(func(string, int) string { return refused })
	w.server.FailTask(name, 1, refused)
	kc := w.run(name, time.Hour)
	w.condition(kc, v1.ConditionExhausted, metav1.ConditionTrue, "BudgetUsed")
	require.Equal(w.t, 3, w.restarts(), w.events.all())
	return kc
}

// seldom makes a test of many hours short.
func (w *world) seldom() {
	const name = "orders"
	w.update(name, func(kc *v1.KafkaConnector) { kc.Spec.HealthCheck.Interval = "10m" })
	w.step(name)
}

func TestExhaustedAndRearmed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create(w.resource("orders"))
	w.run("orders", time.Minute)
	kc := w.exhaust()
	assert.Equal(t, "exhausted", kc.Status.Phase)
	assert.Equal(t, int32(0), *kc.Status.BudgetLeft)
	assert.Nil(t, kc.Status.NextAttempt)
	assert.Equal(t, 1, w.events.count("Exhausted"), w.events.all())
	w.condition(kc, v1.ConditionDegraded, metav1.ConditionTrue, "PersonNeeded")

	// Neither a whole window nor a controller that starts anew ends it.
	w.seldom()
	w.restartController()
	w.run("orders", 7*time.Hour)
	assert.Equal(t, 3, w.restarts())

	// A person does, once per value.
	w.server.OnRestart(nil)
	w.annotate(v1.AnnotationAcknowledge, "2026-11-24T20:00:00Z")
	kc = w.run("orders", 2*time.Hour)
	assert.Equal(t, 4, w.restarts())
	w.condition(kc, v1.ConditionReady, metav1.ConditionTrue, "Running")
	w.condition(kc, v1.ConditionExhausted, metav1.ConditionFalse, "BudgetLeft")
	assert.Equal(t, 1, w.events.count("Acknowledged"), w.events.all())
}

func TestAConfigChangeRearms(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create(w.resource("orders"))
	w.run("orders", time.Minute)
	w.exhaust()
	w.server.OnRestart(nil)
	w.update("orders", func(kc *v1.KafkaConnector) { kc.Spec.Config["connection.url"] = "jdbc:postgresql://other/db" })
	w.run("orders", 30*time.Minute)
	kc := w.get("orders")
	w.condition(kc, v1.ConditionReady, metav1.ConditionTrue, "Running")
	w.condition(kc, v1.ConditionExhausted, metav1.ConditionFalse, "BudgetLeft")
}

func TestSwitchedOff(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name   string
		change func(*v1.KafkaConnectorSpec)
		phase  string
	}{
		{"autoRestart.enabled false restarts nothing and shows the failure", func(s *v1.KafkaConnectorSpec) { s.AutoRestart.Enabled = new(false) }, "waiting"},
		{"maxRestarts 0 restarts nothing", func(s *v1.KafkaConnectorSpec) { s.AutoRestart.MaxRestarts = new(int32(0)) }, "held"},
		{"healthCheck.enabled false watches nothing", func(s *v1.KafkaConnectorSpec) { s.HealthCheck.Enabled = new(false) }, "unknown"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.create(w.resource("orders", func(kc *v1.KafkaConnector) { row.change(&kc.Spec) }))
			w.run("orders", time.Minute)
			w.server.FailTask("orders", 0, refused)
			kc := w.run("orders", time.Hour)
			assert.Equal(t, row.phase, kc.Status.Phase)
			assert.Equal(t, "FAILED", kc.Status.State)
			assert.Zero(t, w.restarts())
		})
	}
}

func TestWrongPasswordIsHeld(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create(w.resource("orders"))
	w.run("orders", time.Minute)
	defer w.server.Begin(connecttest.ExpiredCredentials())()
	kc := w.run("orders", 3*time.Hour)
	w.condition(kc, v1.ConditionExhausted, metav1.ConditionTrue, "Held")
	assert.Equal(t, "held", kc.Status.Phase)
	assert.Equal(t, "authentication", kc.Status.LastFailure.Class)
	assert.Zero(t, w.restarts())
}

// wipe is what kubectl edit --subresource=status, or a restore without status, does.
func (w *world) wipe(name string) {
	w.t.Helper()
	kc := w.get(name)
	kc.Status = v1.KafkaConnectorStatus{}
	require.NoError(w.t, w.kube.Status().Update(w.t.Context(), kc))
}

func TestStatusWiped(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create(w.resource("orders"))
	w.annotate(v1.AnnotationAcknowledge, "first")
	w.run("orders", time.Minute)
	w.exhaust()

	// The controller that wrote it knows better.
	w.seldom()
	w.wipe("orders")
	kc := w.run("orders", 3*time.Hour)
	w.condition(kc, v1.ConditionExhausted, metav1.ConditionTrue, "BudgetUsed")
	assert.Equal(t, int32(3), kc.Status.Restarts)
	assert.Equal(t, 1, w.events.count("StatusRestored"), w.events.all())
	assert.Equal(t, 3, w.restarts())

	// Another one does not, and gives no new budget: neither for the loss nor for the acknowledgement that was carried out long ago.
	w.restartController()
	w.wipe("orders")
	kc = w.run("orders", 5*time.Hour)
	w.condition(kc, v1.ConditionExhausted, metav1.ConditionTrue, "StatusLost")
	assert.Equal(t, "held", kc.Status.Phase)
	assert.Equal(t, 3, w.restarts())
	assert.Equal(t, 1, w.events.count("StatusLost"), w.events.all())

	// After a whole window nothing that was forgotten can count any more.
	w.server.OnRestart(nil)
	kc = w.run("orders", 2*time.Hour)
	w.condition(kc, v1.ConditionReady, metav1.ConditionTrue, "Running")
	assert.Equal(t, 4, w.restarts())
}

func TestStatusEdited(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create(w.resource("orders"))
	w.run("orders", time.Minute)
	w.exhaust()
	w.seldom()
	w.restartController()
	kc := w.get("orders")
	kc.Status.Supervisor.State.Raw = []byte(`{"schema":1,"phase":"healthy"}`)
	require.NoError(t, w.kube.Status().Update(t.Context(), kc))
	kc = w.run("orders", 5*time.Hour)
	w.condition(kc, v1.ConditionExhausted, metav1.ConditionTrue, "StatusLost")
	assert.Equal(t, 3, w.restarts())

	w.server.OnRestart(nil)
	w.annotate(v1.AnnotationAcknowledge, "now")
	kc = w.run("orders", 2*time.Hour)
	w.condition(kc, v1.ConditionReady, metav1.ConditionTrue, "Running")
	assert.Equal(t, 4, w.restarts())
}

func TestStatusOfANewerVersion(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create(w.resource("orders"))
	w.run("orders", time.Minute)
	w.server.FailTask("orders", 0, refused)
	w.restartController()
	kc := w.get("orders")
	kc.Status.Supervisor.State.Raw = []byte(`{"schema":99,"phase":"healthy"}`)
	require.NoError(t, w.kube.Status().Update(t.Context(), kc))
	kc = w.run("orders", time.Hour)
	w.condition(kc, v1.ConditionDegraded, metav1.ConditionUnknown, "StateUnreadable")
	assert.JSONEq(t, `{"schema":99,"phase":"healthy"}`, string(kc.Status.Supervisor.State.Raw), "it is not overwritten")
	assert.Zero(t, w.restarts())
}

// staleCache answers with a resource as it was, as a cache does that lags.
type staleCache struct {
	client.Client
	old *v1.KafkaConnector
}

func (s *staleCache) Get(_ context.Context, _ client.ObjectKey, into client.Object, _ ...client.GetOption) error {
	s.old.DeepCopyInto(into.(*v1.KafkaConnector))
	return nil
}

func TestAStaleCacheSpendsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create(w.resource("orders"))
	w.run("orders", time.Minute)
	w.server.FailTask("orders", 1, refused)
	w.run("orders", 50*time.Second) // believed; the restart is due in a moment
	w.now = w.now.Add(time.Minute)
	old := w.get("orders")
	// Meanwhile somebody switches restarting off, and the cache does not know yet.
	w.update("orders", func(kc *v1.KafkaConnector) { kc.Spec.AutoRestart.Enabled = new(false) })

	rec, err := controller.New(&staleCache{w.kube, old}, w.kube, w.events, controller.Options{Policy: policy, Now: func() time.Time { return w.now }})
	require.NoError(t, err)
	for range 5 {
		res, err := rec.Reconcile(t.Context(), ctrl.Request{NamespacedName: client.ObjectKeyFromObject(old)})
		require.NoError(t, err)
		assert.Positive(t, res.RequeueAfter)
		w.now = w.now.Add(time.Minute)
	}
	assert.Zero(t, w.restarts())
}

func TestConflictingWrites(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create(w.resource("orders"))
	w.run("orders", time.Minute)
	w.server.OnRestart(func(string, int) string { return refused })
	w.server.FailTask("orders", 1, refused)

	// Two controllers that both believe they lead, and a person who labels the resource between any two of their calls.
	one := w.rec
	w.restartController()
	two := w.rec
	meddle := 0
	w.server.Intercept(func(_ http.ResponseWriter, r *http.Request) bool {
		if meddle++; meddle%2 == 0 || strings.HasSuffix(r.URL.Path, "/restart") {
			w.annotate("example.com/touched", w.now.String()+r.URL.Path)
		}
		return false
	})
	for range 200 {
		for _, rec := range []*controller.Reconciler{one, two} {
			_, err := rec.Reconcile(t.Context(), ctrl.Request{NamespacedName: client.ObjectKey{Namespace: w.ns, Name: "orders"}})
			require.NoError(t, err)
		}
		w.now = w.now.Add(20 * time.Second)
	}
	assert.Equal(t, 3, w.restarts(), w.events.all())
	kc := w.get("orders")
	w.condition(kc, v1.ConditionExhausted, metav1.ConditionTrue, "BudgetUsed")
}

func TestAnswersToARestart(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name   string
		answer int
		event  string
		counts bool
	}{
		{"a 409 is refused and does not count", http.StatusConflict, "RestartRefused", false},
		{"a broken connection is unknown and counts", 0, "RestartUnknown", true},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.create(w.resource("orders"))
			w.run("orders", time.Minute)
			w.server.FailTask("orders", 1, refused)
			w.server.Intercept(func(rw http.ResponseWriter, r *http.Request) bool {
				if !strings.HasSuffix(r.URL.Path, "/restart") {
					return false
				}
				if row.answer == 0 {
					panic(http.ErrAbortHandler)
				}
				rw.Header().Set("Content-Type", "application/json")
				rw.WriteHeader(row.answer)
				_, _ = rw.Write([]byte(`{"error_code":409,"message":"Cannot complete request momentarily due to stale configuration (typically caused by a concurrent config change)"}`))
				return true
			})
			kc := w.run("orders", 2*time.Minute)
			assert.NotZero(t, w.events.count(row.event), w.events.all())
			if row.counts {
				assert.Equal(t, int32(1), kc.Status.Restarts)
			} else {
				assert.Zero(t, kc.Status.Restarts)
			}
		})
	}
}

func TestADeathBetweenReservationAndRestart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create(w.resource("orders"))
	w.run("orders", time.Minute)
	w.server.FailTask("orders", 1, refused)
	w.server.OnRestart(func(string, int) string { return refused })
	// The status write that settles never happens: every controller dies when its restart reaches Connect.
	for range 12 {
		opts := w.opts
		opts.Now = func() time.Time { return w.now }
		dying := &dyingClient{WithWatch: w.kube}
		w.server.Intercept(func(_ http.ResponseWriter, r *http.Request) bool {
			if strings.HasSuffix(r.URL.Path, "/restart") {
				dying.dead.Store(true)
			}
			return false
		})
		rec, err := controller.New(dying, w.kube, w.events, opts)
		require.NoError(t, err)
		for range 30 {
			if dying.dead.Load() {
				break
			}
			_, err := rec.Reconcile(t.Context(), ctrl.Request{NamespacedName: client.ObjectKey{Namespace: w.ns, Name: "orders"}})
			require.NoError(t, err)
			w.now = w.now.Add(30 * time.Second)
		}
	}
	assert.Equal(t, 3, w.restarts())
	w.condition(w.get("orders"), v1.ConditionExhausted, metav1.ConditionTrue, "BudgetUsed")
}

var errDead = errors.New("this process is dead")
