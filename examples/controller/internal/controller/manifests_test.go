package controller_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/go-reconnect/reconnect/connect"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	v1 "github.com/go-reconnect/reconnect/examples/controller/api/v1"
	"github.com/go-reconnect/reconnect/examples/controller/internal/controller"
)

// controllerGen is a tool, run at its own version and kept out of every go.mod.
const controllerGen = "sigs.k8s.io/controller-tools/cmd/controller-gen@v0.21.0"

func TestGeneratedFilesAreTrue(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "go", "run", controllerGen, "object", "rbac:roleName=kafkaconnector-controller", "crd",
		"paths=./api/...;./internal/...", "output:crd:dir="+dir, "output:rbac:dir="+dir, "output:object:dir="+dir)
	cmd.Dir = "../.."
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	for made, kept := range map[string]string{
		"kafka.example.com_kafkaconnectors.yaml": "../../config/kafka.example.com_kafkaconnectors.yaml",
		"role.yaml":                              "../../config/role.yaml",
		"zz_generated.deepcopy.go":               "../../api/v1/zz_generated.deepcopy.go",
	} {
		want, err := os.ReadFile(filepath.Join(dir, made))
		require.NoError(t, err)
		have, err := os.ReadFile(kept)
		require.NoError(t, err)
		assert.Equal(t, string(want), string(have), "%s is not what the Go types say: run `go generate` in examples/controller", kept)
	}
}

// documents reads the objects of YAML files.
func documents(t *testing.T, files ...string) []*unstructured.Unstructured {
	t.Helper()
	var out []*unstructured.Unstructured
	for _, f := range files {
		data, err := os.ReadFile(f)
		require.NoError(t, err)
		for doc := range bytes.SplitSeq(data, []byte("\n---\n")) {
			u := &unstructured.Unstructured{}
			require.NoError(t, yaml.UnmarshalStrict(bytes.TrimPrefix(doc, []byte("---\n")), &u.Object), f)
			if u.Object != nil {
				out = append(out, u)
			}
		}
	}
	return out
}

func TestManifestsApply(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	files, err := filepath.Glob("../../config/*.yaml")
	require.NoError(t, err)
	kinds := map[string]int{}
	for _, u := range documents(t, files...) {
		kinds[u.GetKind()]++
		if u.GetKind() == "CustomResourceDefinition" {
			continue // installed already
		}
		strict := client.WithFieldValidation(w.kube, metav1.FieldValidationStrict)
		require.NoError(t, strict.Create(t.Context(), u), "%s %s", u.GetKind(), u.GetName())
		if u.GetKind() != "Deployment" {
			continue
		}
		get := func(path ...string) any {
			v, _, err := unstructured.NestedFieldNoCopy(u.Object, path...)
			require.NoError(t, err)
			return v
		}
		assert.Equal(t, true, get("spec", "template", "spec", "securityContext", "runAsNonRoot"))
		container := get("spec", "template", "spec", "containers").([]any)[0].(map[string]any)
		root, _, _ := unstructured.NestedBool(container, "securityContext", "readOnlyRootFilesystem")
		assert.True(t, root)
	}
	for _, kind := range []string{"CustomResourceDefinition", "Namespace", "ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding", "Deployment", "Service"} {
		assert.NotZero(t, kinds[kind], kind)
	}
}

// TestTutorial applies the resource that a tutorial shows, unchanged.
func TestTutorial(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.opts.ConnectURL = w.server.URL()
	w.restartController()
	w.server.RegisterPlugin("io.confluent.connect.jdbc.JdbcSinkConnector", "sink", nil)
	u := documents(t, "../../testdata/kafka-connector.yaml")[0]
	w.ns = u.GetNamespace()
	if err := w.kube.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: w.ns}}); !apierrors.IsAlreadyExists(err) {
		require.NoError(t, err)
	}
	require.NoError(t, client.WithFieldValidation(w.kube, metav1.FieldValidationStrict).Create(t.Context(), u))
	const name = "jdbc-sink"
	kc := w.run(name, time.Minute)
	w.condition(kc, v1.ConditionReady, metav1.ConditionTrue, "Running")
	assert.Equal(t, "3/3", kc.Status.Tasks)
	got, err := w.conn.GetConfig(t.Context(), name)
	require.NoError(t, err)
	assert.Equal(t, connect.Config{
		"name": name, "connector.class": "io.confluent.connect.jdbc.JdbcSinkConnector", "tasks.max": "3", "topics": "orders",
		"connection.url": "jdbc:postgresql://db:5432/warehouse", "connection.user": "connect_user",
		"errors.tolerance": "all", "errors.deadletterqueue.topic.name": "orders-dlq",
	}, got)

	// healthCheck: looked at every 30 s, believed after the third look.
	w.server.OnRestart(func(string, int) string { return refused })
	w.server.FailTask(name, 2, refused)
	failed := w.now
	for after := time.Duration(0); w.events.count("Failed") == 0; {
		w.now = w.now.Add(after)
		after = w.step(name)
		require.Less(t, w.now.Sub(failed), 5*time.Minute)
	}
	assert.InDelta(t, 90, w.now.Sub(failed).Seconds(), 1, "three looks 30 s apart")
	assert.LessOrEqual(t, w.restarts(), 1, "by then 30 s have passed since the first look")
	// autoRestart: five restarts, then no more.
	kc = w.run(name, 5*time.Hour)
	assert.Equal(t, 5, w.restarts())
	w.condition(kc, v1.ConditionExhausted, metav1.ConditionTrue, "BudgetUsed")
	require.NoError(t, w.kube.Delete(t.Context(), kc))
	w.step(name)
	w.gone(name)
}

func TestBadSpecs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, row := range []struct {
		name   string
		change func(*v1.KafkaConnectorSpec)
		says   string
	}{
		{"no class", func(s *v1.KafkaConnectorSpec) { s.Class = "" }, "spec.class"},
		{"a class with a space", func(s *v1.KafkaConnectorSpec) { s.Class = "a b" }, "spec.class"},
		{"negative tasks", func(s *v1.KafkaConnectorSpec) { s.TasksMax = -1 }, "spec.tasksMax"},
		{"negative restarts", func(s *v1.KafkaConnectorSpec) { s.AutoRestart.MaxRestarts = new(int32(-1)) }, "spec.autoRestart.maxRestarts"},
		{"a delay that is no duration", func(s *v1.KafkaConnectorSpec) { s.AutoRestart.RestartDelay = "soon" }, "spec.autoRestart.restartDelay"},
		{"a negative delay", func(s *v1.KafkaConnectorSpec) { s.AutoRestart.RestartDelay = "-30s" }, "spec.autoRestart.restartDelay"},
		{"a delay without a unit", func(s *v1.KafkaConnectorSpec) { s.AutoRestart.RestartDelay = "30" }, "spec.autoRestart.restartDelay"},
		{"a delay of nothing", func(s *v1.KafkaConnectorSpec) { s.AutoRestart.RestartDelay = "0s" }, "restartDelay must be from 100ms to 24h"},
		{"an interval that is too short", func(s *v1.KafkaConnectorSpec) { s.HealthCheck.Interval = "10ms" }, "interval must be from 1s to 1h"},
		{"a negative threshold", func(s *v1.KafkaConnectorSpec) { s.HealthCheck.FailureThreshold = -3 }, "spec.healthCheck.failureThreshold"},
		{"the class in config", func(s *v1.KafkaConnectorSpec) { s.Config["connector.class"] = "x" }, "set spec.class"},
		{"the name in config", func(s *v1.KafkaConnectorSpec) { s.Config["name"] = "x" }, "metadata.name"},
		{"an unknown state", func(s *v1.KafkaConnectorSpec) { s.State = "RUNNING" }, "spec.state"},
		{"an unknown drift policy", func(s *v1.KafkaConnectorSpec) { s.DriftPolicy = "Overwrite" }, "spec.driftPolicy"},
		{"a URL that is none", func(s *v1.KafkaConnectorSpec) { s.ConnectURL = "connect:8083" }, "spec.connectURL"},
		{"a URL with a password", func(s *v1.KafkaConnectorSpec) { s.ConnectURL = "http://user:pw@connect:8083" }, "spec.connectURL"},
		{"a key twice", func(s *v1.KafkaConnectorSpec) {
			s.ConfigFrom = []v1.ConfigSource{{Key: "topics", SecretKeyRef: v1.SecretKeyRef{Name: "a", Key: "b"}}}
		}, "must not be in config as well"},
	} {
		err := w.kube.Create(t.Context(), w.resource("bad", func(kc *v1.KafkaConnector) { row.change(&kc.Spec) }))
		if assert.True(t, apierrors.IsInvalid(err), "%s: %v", row.name, err) {
			assert.Contains(t, err.Error(), row.says, row.name)
		}
	}
	kc := w.create(w.resource("good"))
	kc.Spec.ConnectURL = "http://elsewhere:8083"
	assert.ErrorContains(t, w.kube.Update(t.Context(), kc), "connectURL cannot be changed")
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	u := &unstructured.Unstructured{}
	require.NoError(t, yaml.Unmarshal([]byte(`{apiVersion: kafka.example.com/v1, kind: KafkaConnector, metadata: {name: least}, spec: {class: a.B}}`), &u.Object))
	u.SetNamespace(w.ns)
	require.NoError(t, w.kube.Create(t.Context(), u))
	spec := w.get("least").Spec
	assert.Equal(t, v1.KafkaConnectorSpec{
		Class: "a.B", TasksMax: 1, DriftPolicy: v1.DriftReport, DeletionPolicy: v1.DeletionRetain,
		AutoRestart: v1.AutoRestart{Enabled: new(true), MaxRestarts: new(int32(7)), RestartDelay: "1m", ResetOnSuccess: new(true)},
		HealthCheck: v1.HealthCheck{Enabled: new(true), Interval: "30s", FailureThreshold: 2},
	}, spec)
	w.step("least")
	w.condition(w.get("least"), v1.ConditionSynced, metav1.ConditionFalse, "NoConnectURL")
}

func TestASpecThatAnOlderCRDLetThrough(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create(w.resource("orders"))
	bad := w.get("orders")
	bad.Spec.AutoRestart.RestartDelay, bad.Spec.AutoRestart.MaxRestarts, bad.Spec.HealthCheck.Interval = "soon", new(int32(-2)), "0s"
	rec, err := controller.New(&staleCache{w.kube, bad}, w.kube, w.events, controller.Options{Policy: policy})
	require.NoError(t, err)
	_, err = rec.Reconcile(t.Context(), ctrl.Request{NamespacedName: client.ObjectKeyFromObject(bad)})
	require.NoError(t, err)
	c := w.condition(w.get("orders"), v1.ConditionSynced, metav1.ConditionFalse, "InvalidSpec")
	for _, field := range []string{"restartDelay", "maxRestarts", "interval"} {
		assert.Contains(t, c.Message, field)
	}
	assert.Empty(t, w.writes())
}
