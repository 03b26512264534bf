package controller_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/go-reconnect/reconnect/connect"
	"github.com/go-reconnect/reconnect/connect/connecttest"
	"github.com/go-reconnect/reconnect/recovery"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/controller-runtime/pkg/log"

	v1 "github.com/go-reconnect/reconnect/examples/controller/api/v1"
	"github.com/go-reconnect/reconnect/examples/controller/internal/controller"
)

// The tests run against a real kube-apiserver and etcd, which scripts/envtest.sh builds: the fake client takes a stale status write and knows
// neither defaults nor CEL. Most of them call Reconcile themselves and move its clock, so that a day takes a moment and nothing depends on how
// fast the machine is.

func TestMain(m *testing.M) {
	log.SetLogger(logr.Discard())
	if os.Getenv(replicaEnv) != "" {
		os.Exit(replica())
	}
	code := m.Run()
	if shared.env != nil {
		_ = shared.env.Stop()
	}
	os.Exit(code)
}

var shared struct {
	once sync.Once
	env  *envtest.Environment
	cfg  *rest.Config
	err  error
}

// apiServer is the API server that the tests of this binary share.
func apiServer(t *testing.T) *rest.Config {
	t.Helper()
	needAssets(t)
	shared.once.Do(func() {
		shared.env = environment()
		if shared.cfg, shared.err = shared.env.Start(); shared.err == nil {
			shared.cfg.QPS = -1 // no limit: the tests' clocks run fast
		}
	})
	require.NoError(t, shared.err)
	return shared.cfg
}

func needAssets(t *testing.T) {
	t.Helper()
	if os.Getenv("KUBEBUILDER_ASSETS") != "" {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatal("KUBEBUILDER_ASSETS is not set; scripts/test.sh sets it")
	}
	t.Skip("set KUBEBUILDER_ASSETS to the output of scripts/envtest.sh, as make test does")
}

func environment() *envtest.Environment {
	return &envtest.Environment{CRDDirectoryPaths: []string{crdFile}, ErrorIfCRDPathMissing: true}
}

const crdFile = "../../config/kafka.example.com_kafkaconnectors.yaml"

func scheme() *runtime.Scheme {
	s := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, apiextensionsv1.AddToScheme, v1.AddToScheme} {
		if err := add(s); err != nil {
			panic(err)
		}
	}
	return s
}

const class = "com.example.OrdersSinkConnector"

// refused is the trace of a task whose database does not answer: a failure that deserves the whole budget.
var refused = connecttest.SinkTrace("java.net.ConnectException: Connection refused")

// policy is quick, exact (no jitter) and never probes.
var policy = recovery.Policy{
	Window: 6 * time.Hour, StableFor: 2 * time.Minute, VerifyTimeout: time.Minute, RebalanceDelay: time.Minute, ProbeEvery: -1, Jitter: -1,
}

// world is a namespace, a Connect cluster and a reconciler with a clock of its own.
type world struct {
	t      *testing.T
	kube   client.WithWatch
	ns     string
	server *connecttest.Server
	conn   *connect.Client
	rec    *controller.Reconciler
	events *recorder
	now    time.Time
	opts   controller.Options
}

func newWorld(t *testing.T) *world {
	t.Helper()
	cfg := apiServer(t)
	kube, err := client.NewWithWatch(cfg, client.Options{Scheme: scheme()})
	require.NoError(t, err)
	w := &world{t: t, kube: kube, now: time.Now()}
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "test-"}}
	require.NoError(t, kube.Create(t.Context(), ns))
	w.ns = ns.Name
	w.server, w.conn = newConnect(t)
	w.opts = controller.Options{Policy: policy}
	w.restartController()
	return w
}

func newConnect(t *testing.T) (*connecttest.Server, *connect.Client) {
	t.Helper()
	server := connecttest.NewServer(connecttest.Config{Workers: 1})
	t.Cleanup(server.Close)
	server.RegisterPlugin(class, "sink", nil)
	c, err := connect.NewClient(server.URL())
	require.NoError(t, err)
	return server, c
}

// restartController is a controller that has just started, or taken over: it remembers nothing.
func (w *world) restartController() {
	w.t.Helper()
	opts := w.opts
	opts.Now = func() time.Time { return w.now }
	w.events = &recorder{}
	rec, err := controller.New(w.kube, w.kube, w.events, opts)
	require.NoError(w.t, err)
	w.rec = rec
}

// resource is a connector of two tasks, looked at every 30 s, with a budget of three restarts.
func (w *world) resource(name string, change ...func(*v1.KafkaConnector)) *v1.KafkaConnector {
	kc := &v1.KafkaConnector{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: w.ns},
		Spec: v1.KafkaConnectorSpec{
			Class: class, TasksMax: 2, ConnectURL: w.server.URL(), Config: map[string]string{"topics": "orders"},
			AutoRestart: v1.AutoRestart{MaxRestarts: new(int32(3)), RestartDelay: "1m"},
			HealthCheck: v1.HealthCheck{Interval: "30s", FailureThreshold: 2},
		},
	}
	for _, f := range change {
		f(kc)
	}
	return kc
}

func (w *world) create(kc *v1.KafkaConnector) *v1.KafkaConnector {
	w.t.Helper()
	require.NoError(w.t, w.kube.Create(w.t.Context(), kc))
	return kc
}

// get reads the resource as the API server has it.
func (w *world) get(name string) *v1.KafkaConnector {
	w.t.Helper()
	kc := &v1.KafkaConnector{}
	require.NoError(w.t, w.kube.Get(w.t.Context(), client.ObjectKey{Namespace: w.ns, Name: name}, kc))
	return kc
}

func (w *world) update(name string, change func(*v1.KafkaConnector)) {
	w.t.Helper()
	kc := w.get(name)
	change(kc)
	require.NoError(w.t, w.kube.Update(w.t.Context(), kc))
}

// annotate annotates the resource orders.
func (w *world) annotate(key, value string) {
	w.t.Helper()
	w.update("orders", func(kc *v1.KafkaConnector) { metav1.SetMetaDataAnnotation(&kc.ObjectMeta, key, value) })
}

// step reconciles once, and returns when the next one is due.
func (w *world) step(name string) time.Duration {
	w.t.Helper()
	res, err := w.rec.Reconcile(w.t.Context(), ctrl.Request{NamespacedName: client.ObjectKey{Namespace: w.ns, Name: name}})
	require.NoError(w.t, err)
	return res.RequeueAfter
}

// run reconciles as the queue would, for d.
func (w *world) run(name string, d time.Duration) *v1.KafkaConnector {
	w.t.Helper()
	for end := w.now.Add(d); ; {
		after := w.step(name)
		require.Positive(w.t, after, "a resource that is not looked at again")
		if w.now.Add(after).After(end) {
			w.now = end
			return w.get(name)
		}
		w.now = w.now.Add(after)
	}
}

// requests counts what Connect was asked, by method and the end of the path.
func (w *world) requests(method, suffix string) int {
	n := 0
	for _, r := range w.server.Requests() {
		if r.Method == method && strings.HasSuffix(r.Path, suffix) {
			n++
		}
	}
	return n
}

func (w *world) restarts() int { return w.requests("POST", "/restart") }

// writes are the requests that change anything.
func (w *world) writes() []string {
	var out []string
	for _, r := range w.server.Requests() {
		if r.Method != http.MethodGet {
			out = append(out, r.Method+" "+r.Path)
		}
	}
	return out
}

func (w *world) condition(kc *v1.KafkaConnector, kind string, status metav1.ConditionStatus, reason string) *metav1.Condition {
	w.t.Helper()
	c := meta.FindStatusCondition(kc.Status.Conditions, kind)
	require.NotNil(w.t, c, "no condition %s in %v", kind, kc.Status.Conditions)
	assert.Equal(w.t, status, c.Status, "%s: %s: %s", kind, c.Reason, c.Message)
	assert.Equal(w.t, reason, c.Reason, "%s: %s", kind, c.Message)
	assert.Equal(w.t, kc.Generation, c.ObservedGeneration, kind)
	return c
}

// recorder keeps the events.
type recorder struct {
	mu   sync.Mutex
	list []string
}

func (r *recorder) Eventf(_, _ runtime.Object, kind, reason, _, note string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = append(r.list, kind+" "+reason+": "+fmt.Sprintf(note, args...))
}

func (r *recorder) all() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.list)
}

// count is the number of events with a reason.
func (r *recorder) count(reason string) int {
	n := 0
	for _, e := range r.all() {
		if _, rest, _ := strings.Cut(e, " "); strings.HasPrefix(rest, reason+":") {
			n++
		}
	}
	return n
}

// eventually waits for what another process or goroutine does.
func eventually(t *testing.T, what string, ok func(ctx context.Context) bool) {
	t.Helper()
	require.Eventually(t, func() bool { return ok(t.Context()) }, 90*time.Second, 100*time.Millisecond, what)
}

// dyingClient writes nothing more once it is dead.
type dyingClient struct {
	client.WithWatch
	dead atomic.Bool
}

func (d *dyingClient) Status() client.SubResourceWriter { return &dyingStatus{d.WithWatch.Status(), d} }

type dyingStatus struct {
	client.SubResourceWriter
	of *dyingClient
}

func (d *dyingStatus) Update(ctx context.Context, o client.Object, opts ...client.SubResourceUpdateOption) error {
	if d.of.dead.Load() {
		return errDead
	}
	return d.SubResourceWriter.Update(ctx, o, opts...)
}
