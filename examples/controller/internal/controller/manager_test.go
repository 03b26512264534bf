package controller_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/go-reconnect/reconnect/recovery"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	eventsv1 "k8s.io/api/events/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"

	v1 "github.com/go-reconnect/reconnect/examples/controller/api/v1"
	"github.com/go-reconnect/reconnect/examples/controller/internal/controller"
)

// hasty is a policy for tests that have only the real clock.
var hasty = recovery.Policy{
	Window: time.Hour, RestartDelay: 100 * time.Millisecond, StableFor: 2 * time.Second, VerifyTimeout: 2 * time.Second, RebalanceDelay: time.Second, MaxDelay: time.Second, Multiplier: 1,
	ProbeEvery: -1, Jitter: -1,
}

func quick(kc *v1.KafkaConnector) {
	kc.Spec.HealthCheck = v1.HealthCheck{Interval: "1s", FailureThreshold: 1}
	kc.Spec.AutoRestart.RestartDelay = "100ms"
}

// runManager runs the controller as main does, until the test ends.
func runManager(t *testing.T, cfg *rest.Config, name string, opts controller.Options) {
	t.Helper()
	opts.Name = name
	mgr, err := ctrl.NewManager(cfg, ctrl.Options{Scheme: scheme(), Metrics: server.Options{BindAddress: "0"}})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	require.NoError(t, controller.Setup(ctx, mgr, opts))
	var wg sync.WaitGroup
	wg.Go(func() { assert.NoError(t, mgr.Start(ctx)) })
	t.Cleanup(func() {
		cancel()
		wg.Wait()
	})
}

// is waits for a condition.
func (w *world) is(name, kind string, status metav1.ConditionStatus, reason string) *v1.KafkaConnector {
	w.t.Helper()
	kc := &v1.KafkaConnector{}
	eventually(w.t, fmt.Sprintf("%s: %s=%s (%s)", name, kind, status, reason), func(ctx context.Context) bool {
		if w.kube.Get(ctx, client.ObjectKey{Namespace: w.ns, Name: name}, kc) != nil {
			return false
		}
		c := meta.FindStatusCondition(kc.Status.Conditions, kind)
		return c != nil && c.Status == status && c.Reason == reason && c.ObservedGeneration == kc.Generation
	})
	return kc
}

func TestTheWholeControllerInItsManager(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	runManager(t, apiServer(t), "whole", controller.Options{Policy: hasty})
	w.create(w.resource("orders", quick, func(kc *v1.KafkaConnector) { kc.Spec.DeletionPolicy = v1.DeletionDelete }))
	w.is("orders", v1.ConditionReady, metav1.ConditionTrue, "Running")

	w.server.FailTask("orders", 1, refused)
	w.is("orders", v1.ConditionDegraded, metav1.ConditionTrue, "Failed")
	kc := w.is("orders", v1.ConditionDegraded, metav1.ConditionFalse, "AsExpected")
	assert.Equal(t, int32(1), kc.Status.Restarts)
	assert.Equal(t, 1, w.restarts())

	w.server.OnRestart(func(string, int) string { return refused })
	w.server.FailTask("orders", 1, refused)
	w.is("orders", v1.ConditionExhausted, metav1.ConditionTrue, "BudgetUsed")
	assert.Equal(t, 3, w.restarts())
	w.server.OnRestart(nil)
	w.annotate(v1.AnnotationAcknowledge, "1")
	w.is("orders", v1.ConditionReady, metav1.ConditionTrue, "Running")
	assert.Equal(t, 4, w.restarts())

	eventually(t, "events at the API server", func(ctx context.Context) bool {
		var list eventsv1.EventList
		seen := map[string]bool{}
		if w.kube.List(ctx, &list, client.InNamespace(w.ns)) != nil {
			return false
		}
		for i := range list.Items {
			seen[list.Items[i].Reason] = true
		}
		return seen["Created"] && seen["Failed"] && seen["Restarted"] && seen["Exhausted"] && seen["Acknowledged"]
	})
	require.NoError(t, w.kube.Delete(t.Context(), w.get("orders")))
	eventually(t, "the resource is gone", func(ctx context.Context) bool {
		return apierrors.IsNotFound(w.kube.Get(ctx, client.ObjectKey{Namespace: w.ns, Name: "orders"}, &v1.KafkaConnector{}))
	})
	assert.Equal(t, 1, w.requests("DELETE", "/connectors/orders"))
}

// TestCRDDeletion has an API server of its own: it takes the resource away from everybody.
func TestCRDDeletion(t *testing.T) {
	t.Parallel()
	needAssets(t)
	env := environment()
	cfg, err := env.Start()
	t.Cleanup(func() { _ = env.Stop() })
	require.NoError(t, err)
	cfg.QPS = -1
	kube, err := client.NewWithWatch(cfg, client.Options{Scheme: scheme()})
	require.NoError(t, err)
	w := &world{t: t, kube: kube, ns: "default"}
	w.server, w.conn = newConnect(t)
	runManager(t, cfg, "crd", controller.Options{Policy: hasty})
	w.create(w.resource("orders", quick, func(kc *v1.KafkaConnector) { kc.Spec.DeletionPolicy = v1.DeletionDelete }))
	w.is("orders", v1.ConditionReady, metav1.ConditionTrue, "Running")

	crd := &apiextensionsv1.CustomResourceDefinition{ObjectMeta: metav1.ObjectMeta{Name: "kafkaconnectors.kafka.example.com"}}
	require.NoError(t, kube.Delete(t.Context(), crd))
	eventually(t, "the CRD is gone", func(ctx context.Context) bool {
		return apierrors.IsNotFound(kube.Get(ctx, client.ObjectKeyFromObject(crd), crd))
	})
	assert.Zero(t, w.requests("DELETE", "/connectors/orders"), "taking the definition away deletes no connector")
	_, err = w.conn.GetConnector(t.Context(), "orders")
	require.NoError(t, err)

	// It comes back, and with it the resource, which has to adopt what it left.
	_, err = envtest.InstallCRDs(cfg, envtest.CRDInstallOptions{Paths: []string{crdFile}})
	require.NoError(t, err)
	w.create(w.resource("orders", quick))
	w.is("orders", v1.ConditionSynced, metav1.ConditionFalse, "NotAdopted")
	w.annotate(v1.AnnotationAdopt, "true")
	w.is("orders", v1.ConditionReady, metav1.ConditionTrue, "Running")
}

// replicaEnv makes this test binary a replica of the controller: it holds a kubeconfig, and the process can be killed as one.
const replicaEnv = "RECONNECT_TEST_REPLICA"

func replica() int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	err := func() error {
		cfg, err := clientcmd.RESTConfigFromKubeConfig([]byte(os.Getenv(replicaEnv)))
		if err != nil {
			return err
		}
		lease, renew, retry := 3*time.Second, 2*time.Second, 500*time.Millisecond
		mgr, err := ctrl.NewManager(cfg, ctrl.Options{
			Scheme: scheme(), Metrics: server.Options{BindAddress: "0"}, LeaderElection: true, LeaderElectionID: "replicas",
			LeaderElectionNamespace: os.Getenv(replicaEnv + "_NS"), LeaseDuration: &lease, RenewDeadline: &renew, RetryPeriod: &retry,
		})
		if err != nil {
			return err
		}
		if err := controller.Setup(ctx, mgr, controller.Options{Policy: hasty}); err != nil {
			return err
		}
		go func() {
			<-mgr.Elected()
			fmt.Println("leads")
		}()
		return mgr.Start(ctx)
	}()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func kubeconfig(cfg *rest.Config) (string, error) {
	c := clientcmdapi.NewConfig()
	c.Clusters["c"] = &clientcmdapi.Cluster{Server: cfg.Host, CertificateAuthorityData: cfg.CAData}
	c.AuthInfos["u"] = &clientcmdapi.AuthInfo{ClientCertificateData: cfg.CertData, ClientKeyData: cfg.KeyData}
	c.Contexts["x"] = &clientcmdapi.Context{Cluster: "c", AuthInfo: "u"}
	c.CurrentContext = "x"
	data, err := clientcmd.Write(*c)
	return string(data), err
}

// process is a replica in a process of its own.
type process struct {
	cmd  *exec.Cmd
	lead chan struct{} // closed once it leads
	kill func()
}

func startReplica(t *testing.T, config, ns string) *process {
	t.Helper()
	exe, err := os.Executable()
	require.NoError(t, err)
	p := &process{cmd: exec.CommandContext(context.WithoutCancel(t.Context()), exe, "-test.run=^$"), lead: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), replicaEnv+"="+config, replicaEnv+"_NS="+ns)
	var once sync.Once
	p.cmd.Stdout = writer(func(b []byte) {
		if strings.Contains(string(b), "leads") {
			once.Do(func() { close(p.lead) })
		}
	})
	require.NoError(t, p.cmd.Start())
	var dead sync.Once
	p.kill = func() {
		dead.Do(func() {
			_ = p.cmd.Process.Kill()
			_ = p.cmd.Wait()
		})
	}
	t.Cleanup(p.kill)
	return p
}

type writer func([]byte)

func (w writer) Write(b []byte) (int, error) {
	w(b)
	return len(b), nil
}

func TestTheLeaderIsKilled(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	config, err := kubeconfig(apiServer(t))
	require.NoError(t, err)
	w.create(w.resource("orders", quick))

	// Whoever sends a restart is killed while Connect is answering: the reservation is written, the answer is not.
	var mu sync.Mutex
	leaders := []*process{startReplica(t, config, w.ns), startReplica(t, config, w.ns)}
	kills := 0
	w.server.Intercept(func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPost || !strings.HasSuffix(r.URL.Path, "/restart") {
			return false
		}
		mu.Lock()
		defer mu.Unlock()
		for i, p := range leaders {
			select {
			case <-p.lead:
				p.kill()
				kills++
				leaders[i] = startReplica(t, config, w.ns)
				return false // it is carried out all the same
			default:
			}
		}
		return false
	})
	w.is("orders", v1.ConditionReady, metav1.ConditionTrue, "Running")
	w.server.OnRestart(func(string, int) string { return refused })
	w.server.FailTask("orders", 0, refused)
	kc := w.is("orders", v1.ConditionExhausted, metav1.ConditionTrue, "BudgetUsed")
	mu.Lock()
	defer mu.Unlock()
	assert.Equal(t, 3, w.restarts(), "never more than the budget, and none lost")
	assert.Equal(t, 3, kills)
	assert.Equal(t, int32(3), kc.Status.Restarts)
	var state recovery.State
	require.NoError(t, json.Unmarshal(kc.Status.Supervisor.State.Raw, &state))
	assert.Equal(t, 3, state.Attempts)
}
