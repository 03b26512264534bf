package controller_test

import (
	"context"
	"errors"
	"path"
	"testing"
	"time"

	"github.com/go-reconnect/reconnect/connect"
	"github.com/go-reconnect/reconnect/internal/testutil"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/go-reconnect/reconnect/examples/controller/api/v1"
	"github.com/go-reconnect/reconnect/examples/controller/internal/controller"
)

// TestIntegrationTheLifeOfAConnector is one connector from its creation to its deletion on a real worker.
func TestIntegrationTheLifeOfAConnector(t *testing.T) {
	testutil.Integration(t)
	cfg := apiServer(t)
	versions := testutil.Versions()
	c := testutil.NewCluster(t, testutil.Options{Version: versions[len(versions)-1], Workers: 1})
	kube, err := client.NewWithWatch(cfg, client.Options{Scheme: scheme()})
	require.NoError(t, err)
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "story-"}}
	require.NoError(t, kube.Create(t.Context(), ns))
	w := &world{t: t, kube: kube, ns: ns.Name}
	if w.conn, err = connect.NewClient(c.URLs()[0]); err != nil {
		t.Fatal(err)
	}
	policy := hasty
	policy.MaxDelay = 5 * time.Second
	runManager(t, cfg, "story", controller.Options{Policy: policy, ConnectURL: c.URLs()[0]})

	// Its directory is not there: the task fails at its start.
	dir := path.Join(testutil.SharedDir, "late")
	kc := &v1.KafkaConnector{
		ObjectMeta: metav1.ObjectMeta{Name: "orders-sink", Namespace: w.ns},
		Spec: v1.KafkaConnectorSpec{
			Class: "org.apache.kafka.connect.file.FileStreamSinkConnector", TasksMax: 1, DeletionPolicy: v1.DeletionDelete,
			Config: map[string]string{
				"topics": c.TopicName(t, "orders"), "file": path.Join(dir, "out.txt"),
				"key.converter": "org.apache.kafka.connect.storage.StringConverter", "value.converter": "org.apache.kafka.connect.storage.StringConverter",
			},
			AutoRestart: v1.AutoRestart{RestartDelay: "5s", MaxRestarts: new(int32(20))},
			HealthCheck: v1.HealthCheck{Interval: "1s", FailureThreshold: 2},
		},
	}
	w.create(kc)
	kc = w.is(kc.Name, v1.ConditionDegraded, metav1.ConditionTrue, "Failed")
	require.NotNil(t, kc.Status.LastFailure)
	assert.NotEmpty(t, kc.Status.LastFailure.Class)
	require.NoError(t, c.Worker(0).Mkdir(t.Context(), dir))
	kc = w.is(kc.Name, v1.ConditionReady, metav1.ConditionTrue, "Running")
	kc = w.is(kc.Name, v1.ConditionDegraded, metav1.ConditionFalse, "AsExpected")
	assert.Positive(t, kc.Status.Restarts)
	assert.Equal(t, "1/1", kc.Status.Tasks)

	w.update(kc.Name, func(kc *v1.KafkaConnector) { kc.Spec.State = v1.StateStopped })
	w.is(kc.Name, v1.ConditionReady, metav1.ConditionFalse, "Paused")
	w.update(kc.Name, func(kc *v1.KafkaConnector) {
		kc.Spec.State = v1.StateRunning
		kc.Spec.Config["file"] = path.Join(dir, "other.txt")
	})
	w.is(kc.Name, v1.ConditionReady, metav1.ConditionTrue, "Running")
	w.is(kc.Name, v1.ConditionSynced, metav1.ConditionTrue, "Applied")
	got, err := w.conn.GetConfig(t.Context(), kc.Name)
	require.NoError(t, err)
	assert.Equal(t, path.Join(dir, "other.txt"), got["file"])

	require.NoError(t, kube.Delete(t.Context(), w.get(kc.Name)))
	eventually(t, "the connector is deleted", func(ctx context.Context) bool {
		_, err := w.conn.GetConnector(ctx, kc.Name)
		return errors.Is(err, connect.ErrNotFound)
	})
}
