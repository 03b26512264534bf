package controller_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/go-reconnect/reconnect/connect"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/go-reconnect/reconnect/examples/controller/api/v1"
)

func TestCreate(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create(w.resource("orders"))
	kc := w.run("orders", 5*time.Minute)

	got, err := w.conn.GetConfig(t.Context(), "orders")
	require.NoError(t, err)
	assert.Equal(t, connect.Config{"name": "orders", "connector.class": class, "tasks.max": "2", "topics": "orders"}, got)
	assert.Equal(t, []string{"POST /connectors"}, w.writes(), "one create and nothing else in ten looks")
	w.condition(kc, v1.ConditionReady, metav1.ConditionTrue, "Running")
	w.condition(kc, v1.ConditionSynced, metav1.ConditionTrue, "Applied")
	w.condition(kc, v1.ConditionDegraded, metav1.ConditionFalse, "AsExpected")
	w.condition(kc, v1.ConditionExhausted, metav1.ConditionFalse, "BudgetLeft")
	assert.Equal(t, kc.Generation, kc.Status.ObservedGeneration)
	assert.Equal(t, "2/2", kc.Status.Tasks)
	assert.Equal(t, "RUNNING", kc.Status.State)
	assert.Equal(t, "healthy", kc.Status.Phase)
	assert.Empty(t, kc.Finalizers, "Retain needs none")
	assert.Equal(t, 1, w.events.count("Created"), w.events.all())

	version := kc.ResourceVersion
	kc = w.run("orders", 10*time.Minute)
	assert.Equal(t, version, kc.ResourceVersion, "a healthy connector costs no writes")
}

func TestCreatePaused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create(w.resource("orders", func(kc *v1.KafkaConnector) { kc.Spec.State = v1.StatePaused }))
	kc := w.run("orders", 2*time.Minute)
	w.condition(kc, v1.ConditionReady, metav1.ConditionFalse, "Paused")
	w.condition(kc, v1.ConditionSynced, metav1.ConditionTrue, "Applied")
	assert.Equal(t, []string{"POST /connectors"}, w.writes())

	w.update("orders", func(kc *v1.KafkaConnector) { kc.Spec.State = v1.StateRunning })
	kc = w.run("orders", 3*time.Minute)
	w.condition(kc, v1.ConditionReady, metav1.ConditionTrue, "Running")
	w.update("orders", func(kc *v1.KafkaConnector) { kc.Spec.State = v1.StateStopped })
	kc = w.run("orders", 3*time.Minute)
	assert.Equal(t, "STOPPED", kc.Status.State)
	assert.Equal(t, []string{"POST /connectors", "PUT /connectors/orders/resume", "PUT /connectors/orders/stop"}, w.writes())
}

func TestUpdateAndDrift(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create(w.resource("orders"))
	w.run("orders", time.Minute)
	w.update("orders", func(kc *v1.KafkaConnector) { kc.Spec.Config["topics"] = "orders,returns" })
	w.run("orders", time.Minute)
	got, err := w.conn.GetConfig(t.Context(), "orders")
	require.NoError(t, err)
	assert.Equal(t, "orders,returns", got["topics"])
	assert.Equal(t, 1, w.events.count("Updated"), w.events.all())

	// Somebody changes it at Connect.
	w.now = w.now.Add(time.Minute)
	_, _, err = w.conn.PutConfig(t.Context(), "orders", connect.Config{"connector.class": class, "tasks.max": "2", "topics": "emergency"})
	require.NoError(t, err)
	before := len(w.writes())
	kc := w.run("orders", 5*time.Minute)
	c := w.condition(kc, v1.ConditionSynced, metav1.ConditionFalse, "Drifted")
	assert.Contains(t, c.Message, "topics")
	assert.NotContains(t, c.Message, "emergency", "no values")
	w.condition(kc, v1.ConditionReady, metav1.ConditionTrue, "Running")
	assert.Len(t, w.writes(), before, "Report writes nothing")
	assert.Equal(t, 1, w.events.count("Drifted"), w.events.all())

	w.update("orders", func(kc *v1.KafkaConnector) { kc.Spec.DriftPolicy = v1.DriftEnforce })
	kc = w.run("orders", 2*time.Minute)
	w.condition(kc, v1.ConditionSynced, metav1.ConditionTrue, "Applied")
	got, err = w.conn.GetConfig(t.Context(), "orders")
	require.NoError(t, err)
	assert.Equal(t, "orders,returns", got["topics"])
	assert.Len(t, w.writes(), before+1)
}

func TestDeletedAtConnect(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create(w.resource("orders"))
	w.run("orders", 2*time.Minute)
	require.NoError(t, w.conn.DeleteConnector(t.Context(), "orders"))
	kc := w.run("orders", 5*time.Minute)
	w.condition(kc, v1.ConditionSynced, metav1.ConditionFalse, "Missing")
	w.condition(kc, v1.ConditionReady, metav1.ConditionUnknown, "NoStatus")
	assert.Equal(t, 1, w.requests("POST", "/connectors"), "Report does not create it again")

	w.update("orders", func(kc *v1.KafkaConnector) { kc.Spec.DriftPolicy = v1.DriftEnforce })
	kc = w.run("orders", 5*time.Minute)
	w.condition(kc, v1.ConditionSynced, metav1.ConditionTrue, "Applied")
	assert.Equal(t, 2, w.requests("POST", "/connectors"))
}

func TestPausedByAPerson(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create(w.resource("free"))
	w.create(w.resource("bound", func(kc *v1.KafkaConnector) { kc.Spec.State = v1.StateRunning }))
	w.run("free", time.Minute)
	w.run("bound", time.Minute)
	w.server.FailTask("free", 1, refused)
	for _, name := range []string{"free", "bound"} {
		require.NoError(t, w.conn.Pause(t.Context(), name))
	}
	kc := w.run("free", 20*time.Minute)
	w.condition(kc, v1.ConditionReady, metav1.ConditionFalse, "Paused")
	w.condition(kc, v1.ConditionSynced, metav1.ConditionTrue, "Applied")
	assert.Equal(t, "paused", kc.Status.Phase)
	assert.Zero(t, w.restarts(), "what somebody paused is not restarted")

	kc = w.run("bound", 5*time.Minute)
	w.condition(kc, v1.ConditionSynced, metav1.ConditionFalse, "StateDrifted")
	assert.Zero(t, w.requests("PUT", "/resume"), "Report leaves it")
	w.update("bound", func(kc *v1.KafkaConnector) { kc.Spec.DriftPolicy = v1.DriftEnforce })
	kc = w.run("bound", 3*time.Minute)
	w.condition(kc, v1.ConditionReady, metav1.ConditionTrue, "Running")
	assert.Equal(t, 1, w.requests("PUT", "/resume"))
}

func TestAdopt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	theirs := map[string]string{"connector.class": class, "tasks.max": "1", "topics": "theirs"}
	w.server.AddConnector("orders", theirs)
	w.server.FailTask("orders", 0, refused)
	w.create(w.resource("orders", func(kc *v1.KafkaConnector) {
		kc.Spec.State = v1.StatePaused
		kc.Spec.DeletionPolicy = v1.DeletionDelete
	}))
	kc := w.run("orders", 20*time.Minute)
	w.condition(kc, v1.ConditionSynced, metav1.ConditionFalse, "NotAdopted")
	w.condition(kc, v1.ConditionReady, metav1.ConditionUnknown, "NotOwned")
	assert.Equal(t, "FAILED", kc.Status.State, "it is shown all the same")
	assert.Empty(t, w.writes(), "somebody else's connector is neither changed, paused nor restarted")
	assert.Equal(t, 1, w.events.count("NotAdopted"), w.events.all())

	// Taken over, what differs is reported.
	w.annotate(v1.AnnotationAdopt, "true")
	kc = w.run("orders", 2*time.Minute)
	w.condition(kc, v1.ConditionSynced, metav1.ConditionFalse, "Drifted")
	assert.Equal(t, 1, w.events.count("Adopted"), w.events.all())
	got, err := w.conn.GetConfig(t.Context(), "orders")
	require.NoError(t, err)
	assert.Equal(t, "theirs", got["topics"])

	// A change of spec is an order.
	w.update("orders", func(kc *v1.KafkaConnector) { kc.Spec.TasksMax = 3 })
	kc = w.run("orders", 2*time.Minute)
	w.condition(kc, v1.ConditionSynced, metav1.ConditionTrue, "Applied")
}

func TestDeletingAResourceThatOwnsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.server.AddConnector("orders", map[string]string{"connector.class": class, "topics": "theirs"})
	w.create(w.resource("orders", func(kc *v1.KafkaConnector) { kc.Spec.DeletionPolicy = v1.DeletionDelete }))
	w.run("orders", time.Minute)
	require.NoError(t, w.kube.Delete(t.Context(), w.get("orders")))
	w.step("orders")
	assert.Empty(t, w.writes(), "somebody else's connector is not deleted")
	w.gone("orders")
}

func (w *world) gone(name string) {
	w.t.Helper()
	err := w.kube.Get(w.t.Context(), client.ObjectKey{Namespace: w.ns, Name: name}, &v1.KafkaConnector{})
	assert.True(w.t, apierrors.IsNotFound(err), "%v", err)
}

func TestDelete(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name    string
		policy  v1.DeletionPolicy
		deletes int
	}{
		{"the connector stays by default", "", 0},
		{"the connector goes where the policy says so", v1.DeletionDelete, 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.create(w.resource("orders", func(kc *v1.KafkaConnector) { kc.Spec.DeletionPolicy = row.policy }))
			w.run("orders", time.Minute)
			require.NoError(t, w.kube.Delete(t.Context(), w.get("orders")))
			w.step("orders")
			w.gone("orders")
			assert.Equal(t, row.deletes, w.requests("DELETE", "/connectors/orders"))
			assert.Equal(t, row.deletes, w.events.count("Deleted"), w.events.all())
		})
	}
}

func TestNamespaceIsDeletedWhileConnectIsUnreachable(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create(w.resource("orders", func(kc *v1.KafkaConnector) { kc.Spec.DeletionPolicy = v1.DeletionDelete }))
	w.run("orders", time.Minute)
	w.server.KillWorker(0)

	// envtest has no namespace controller: this is what one does.
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: w.ns}}
	require.NoError(t, w.kube.Delete(t.Context(), ns))
	require.NoError(t, w.kube.Delete(t.Context(), w.get("orders")))

	kc := w.run("orders", 8*time.Minute)
	w.condition(kc, v1.ConditionReady, metav1.ConditionUnknown, "Deleting")
	assert.NotEmpty(t, kc.Finalizers)
	w.now = w.now.Add(2 * time.Minute)
	w.step("orders")
	w.gone("orders")
	assert.Equal(t, 1, w.events.count("LetGo"), w.events.all())
}

func TestTwoResourcesForOneConnector(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	other := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "test-"}}
	require.NoError(t, w.kube.Create(t.Context(), other))
	mine := w.create(w.resource("orders", func(kc *v1.KafkaConnector) { kc.Spec.Config["topics"] = "a" }))
	theirs := w.create(w.resource("orders", func(kc *v1.KafkaConnector) { kc.Namespace = other.Name; kc.Spec.Config["topics"] = "b" }))
	if theirs.CreationTimestamp.Equal(&mine.CreationTimestamp) && theirs.UID < mine.UID {
		mine, theirs = theirs, mine
	}
	for range 5 {
		for _, kc := range []*v1.KafkaConnector{theirs, mine} {
			_, err := w.rec.Reconcile(t.Context(), ctrl.Request{NamespacedName: client.ObjectKeyFromObject(kc)})
			require.NoError(t, err)
		}
		w.now = w.now.Add(time.Minute)
	}
	require.NoError(t, w.kube.Get(t.Context(), client.ObjectKeyFromObject(theirs), theirs))
	require.NoError(t, w.kube.Get(t.Context(), client.ObjectKeyFromObject(mine), mine))
	c := w.condition(theirs, v1.ConditionSynced, metav1.ConditionFalse, "NameTaken")
	assert.Contains(t, c.Message, mine.Namespace+"/orders")
	w.condition(mine, v1.ConditionSynced, metav1.ConditionTrue, "Applied")
	assert.Equal(t, []string{"POST /connectors"}, w.writes())
	got, err := w.conn.GetConfig(t.Context(), "orders")
	require.NoError(t, err)
	assert.Equal(t, mine.Spec.Config["topics"], got["topics"])
}

func TestConfigFrom(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const password = "S3ntinel-of-the-test"
	w.create(w.resource("orders", func(kc *v1.KafkaConnector) {
		kc.Spec.ConfigFrom = []v1.ConfigSource{{Key: "some.key", SecretKeyRef: v1.SecretKeyRef{Name: "db", Key: "pw"}}}
	}))
	kc := w.run("orders", time.Minute)
	w.condition(kc, v1.ConditionSynced, metav1.ConditionFalse, "SecretNotFound")
	assert.Empty(t, w.writes())

	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "db", Namespace: w.ns}, StringData: map[string]string{"pw": password}}
	require.NoError(t, w.kube.Create(t.Context(), secret))
	kc = w.run("orders", time.Minute)
	w.condition(kc, v1.ConditionSynced, metav1.ConditionTrue, "Applied")
	got, err := w.conn.GetConfig(t.Context(), "orders")
	require.NoError(t, err)
	assert.Equal(t, password, got["some.key"])

	// A new value is an order; Connect's refusal repeats it, and we do not.
	w.server.Intercept(func(rw http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPut {
			return false
		}
		rw.Header().Set("Content-Type", "application/json")
		rw.WriteHeader(http.StatusBadRequest)
		_, _ = rw.Write([]byte(`{"error_code":400,"message":"Invalid value ` + password + `2 for configuration some.key"}`))
		return true
	})
	secret.StringData = map[string]string{"pw": password + "2"}
	require.NoError(t, w.kube.Update(t.Context(), secret))
	kc = w.run("orders", 20*time.Minute)
	c := w.condition(kc, v1.ConditionSynced, metav1.ConditionFalse, "Rejected")
	assert.Contains(t, c.Message, "some.key")
	assert.NotContains(t, c.Message, password)
	assert.NotContains(t, w.events.all(), password)
	assert.LessOrEqual(t, w.requests("PUT", "/config"), 8, "a refused configuration is not tried at every look")
}

func TestLint(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create(w.resource("orders", func(kc *v1.KafkaConnector) {
		kc.Spec.Config["errors.tolerance"] = "some"
		kc.Spec.Config["connection.password"] = "hunter2"
	}))
	kc := w.run("orders", 5*time.Minute)
	c := w.condition(kc, v1.ConditionSynced, metav1.ConditionFalse, "InvalidConfig")
	assert.Contains(t, c.Message, "errors.tolerance")
	assert.NotContains(t, c.Message, "hunter2")
	assert.Empty(t, w.writes(), "an error blocks")
	assert.Equal(t, 1, w.events.count("InvalidConfig"), w.events.all())

	w.update("orders", func(kc *v1.KafkaConnector) {
		kc.Spec.Config["errors.tolerance"] = "all"
		kc.Spec.Config["errors.deadletterqueue.topic.name"] = "orders-dlq"
		delete(kc.Spec.Config, "connection.password")
	})
	kc = w.run("orders", 5*time.Minute)
	w.condition(kc, v1.ConditionSynced, metav1.ConditionTrue, "Applied")
	var warnings int
	for _, e := range w.events.all() {
		if len(e) > 12 && e[:12] == "Warning Lint" {
			warnings++
		}
	}
	assert.NotZero(t, warnings, "dead letters without context headers: %v", w.events.all())
	w.run("orders", 5*time.Minute)
	again := 0
	for _, e := range w.events.all() {
		if len(e) > 12 && e[:12] == "Warning Lint" {
			again++
		}
	}
	assert.Equal(t, warnings, again, "told once")
}

func TestUnknownClass(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create(w.resource("orders", func(kc *v1.KafkaConnector) { kc.Spec.Class = "com.example.NoSuchSink" }))
	kc := w.run("orders", 5*time.Minute)
	c := w.condition(kc, v1.ConditionSynced, metav1.ConditionFalse, "Rejected")
	assert.Contains(t, c.Message, "NoSuchSink")
	w.condition(kc, v1.ConditionReady, metav1.ConditionUnknown, "NoStatus")

	w.server.RegisterPlugin("com.example.NoSuchSink", "sink", nil)
	kc = w.run("orders", 10*time.Minute)
	w.condition(kc, v1.ConditionSynced, metav1.ConditionTrue, "Applied")
}

func TestConnectIsUnreachable(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create(w.resource("orders"))
	w.run("orders", time.Minute)
	w.server.KillWorker(0)
	kc := w.run("orders", 5*time.Minute)
	w.condition(kc, v1.ConditionReady, metav1.ConditionUnknown, "ConnectUnreachable")
	assert.Equal(t, "RUNNING", kc.Status.State, "what was known last")
	assert.Equal(t, 1, w.events.count("ConnectUnreachable"), w.events.all())
	w.server.StartWorker(0)
	kc = w.run("orders", 5*time.Minute)
	w.condition(kc, v1.ConditionReady, metav1.ConditionTrue, "Running")
}

func TestOnePollServesAllConnectorsOfACluster(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	names := []string{"a", "b", "c", "d"}
	for _, name := range names {
		w.create(w.resource(name))
		w.step(name)
	}
	for range 3 { // until each has seen that it is there
		w.now = w.now.Add(time.Minute)
		for _, name := range names {
			w.step(name)
		}
	}
	w.now = w.now.Add(time.Minute)
	w.server.ResetRequests()
	for range 10 {
		for _, name := range names {
			w.step(name)
			w.now = w.now.Add(50 * time.Millisecond) // they do not come at the same moment
		}
		w.now = w.now.Add(31 * time.Second)
	}
	assert.LessOrEqual(t, w.requests("GET", "/connectors"), 11, "one poll per interval, not one per connector")
	for _, r := range w.server.Requests() {
		assert.NotContains(t, r.Path, "/connectors/", "%s: no request of a healthy connector's own", r.Method)
	}
}
