package controller

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/go-reconnect/reconnect/connect"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	v1 "github.com/go-reconnect/reconnect/examples/controller/api/v1"
)

// +kubebuilder:rbac:groups=kafka.example.com,resources=kafkaconnectors,verbs=get;list;watch;update;patch
// +kubebuilder:rbac:groups=kafka.example.com,resources=kafkaconnectors/status,verbs=get;update;patch
// +kubebuilder:rbac:groups=kafka.example.com,resources=kafkaconnectors/finalizers,verbs=update
// +kubebuilder:rbac:groups="";events.k8s.io,resources=events,verbs=create;patch
// +kubebuilder:rbac:groups="",resources=secrets,verbs=get
// +kubebuilder:rbac:groups=apiextensions.k8s.io,resources=customresourcedefinitions,resourceNames=kafkaconnectors.kafka.example.com,verbs=get
// +kubebuilder:rbac:groups=coordination.k8s.io,namespace=reconnect-system,resources=leases,verbs=get;list;watch;create;update;patch;delete

// nameIndex finds the resources of one connector's name. It is an index of the cache, and a field selector that the API server knows.
const nameIndex = "metadata.name"

// soon is when a reconcile comes back that saw something old.
const soon = 250 * time.Millisecond

// errStale means that the resource was changed since the cache read it. Nothing was done; the next reconcile sees the change.
var errStale = errors.New("the resource was changed meanwhile")

// Reconciler keeps KafkaConnectors and the connectors of Connect clusters together.
type Reconciler struct {
	client.Client               // reads are from the cache
	live          client.Reader // reads are from the API server
	events        events.EventRecorder
	opts          Options
	clusters      clusters

	mu    sync.Mutex
	memos map[types.NamespacedName]*memo
}

// New returns a Reconciler. c may read from a cache that has an index of KafkaConnectors on metadata.name; live must not.
func New(c client.Client, live client.Reader, recorder events.EventRecorder, opts Options) (*Reconciler, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	r := &Reconciler{Client: c, live: live, events: recorder, opts: opts, memos: map[types.NamespacedName]*memo{}}
	r.clusters = clusters{opts: &r.opts, m: map[string]*cluster{}}
	return r, nil
}

// Setup adds a Reconciler to a manager.
func Setup(ctx context.Context, mgr ctrl.Manager, opts Options) error {
	r, err := New(mgr.GetClient(), mgr.GetAPIReader(), mgr.GetEventRecorder("kafkaconnector-controller"), opts)
	if err != nil {
		return err
	}
	byName := func(o client.Object) []string { return []string{o.GetName()} }
	if err := mgr.GetFieldIndexer().IndexField(ctx, &v1.KafkaConnector{}, nameIndex, byName); err != nil {
		return err
	}
	// Not our own status writes: each would be another reconcile. What is wrong with a status is seen at the next look.
	changed := builder.WithPredicates(predicate.Or(predicate.GenerationChangedPredicate{}, predicate.AnnotationChangedPredicate{}))
	return ctrl.NewControllerManagedBy(mgr).For(&v1.KafkaConnector{}, changed).Named(r.opts.Name).
		WithOptions(controller.Options{MaxConcurrentReconciles: r.opts.MaxConcurrent}).Complete(r)
}

// Reconcile makes one pass over one resource.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	var kc v1.KafkaConnector
	if err := r.Get(ctx, req.NamespacedName, &kc); err != nil {
		if apierrors.IsNotFound(err) {
			r.forget(req.NamespacedName)
			return ctrl.Result{}, nil
		}
		return ctrl.Result{}, err
	}
	p := &pass{r: r, was: &kc, kc: kc.DeepCopy(), memo: r.memo(req.NamespacedName, kc.UID), now: r.opts.Now()}
	var after time.Duration
	var err error
	if kc.DeletionTimestamp.IsZero() {
		after, err = p.run(ctx)
	} else {
		after, err = p.finalize(ctx)
	}
	switch {
	case errors.Is(err, errStale), apierrors.IsConflict(err):
		return ctrl.Result{RequeueAfter: soon}, nil
	case errors.Is(err, errBusy):
		return ctrl.Result{RequeueAfter: soon}, nil
	case apierrors.IsNotFound(err): // deleted meanwhile, perhaps with the CRD
		return ctrl.Result{RequeueAfter: time.Minute}, nil
	case err != nil:
		return ctrl.Result{}, err
	}
	return ctrl.Result{RequeueAfter: after}, nil
}

func (r *Reconciler) memo(key types.NamespacedName, uid types.UID) *memo {
	r.mu.Lock()
	defer r.mu.Unlock()
	m := r.memos[key]
	if m == nil || m.uid != uid {
		m = &memo{uid: uid}
		r.memos[key] = m
	}
	return m
}

func (r *Reconciler) forget(key types.NamespacedName) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.memos, key)
}

func (r *Reconciler) url(kc *v1.KafkaConnector) string {
	if kc.Spec.ConnectURL != "" {
		return kc.Spec.ConnectURL
	}
	return r.opts.ConnectURL
}

// pass is one reconcile of one resource. Only one runs at a time per resource.
type pass struct {
	r    *Reconciler
	was  *v1.KafkaConnector // as it was read
	kc   *v1.KafkaConnector // as it will be written
	memo *memo
	now  time.Time

	settings settings
	cluster  *cluster
	client   *connect.Client
	want     *desired
	told     []note
}

func (p *pass) run(ctx context.Context) (time.Duration, error) {
	st := &p.kc.Status
	st.ObservedGeneration, st.ConnectURL = p.kc.Generation, p.r.url(p.kc)
	var err error
	if p.settings, err = settingsOf(p.r.opts.Policy, &p.kc.Spec); err != nil {
		p.synced(no, "InvalidSpec", err.Error())
		p.unwatched("InvalidSpec", "spec is invalid: nothing is watched or restarted")
		return p.settings.interval, p.write(ctx)
	}
	if st.ConnectURL == "" {
		p.synced(no, "NoConnectURL", "neither spec.connectURL nor the controller's -connect-url says where Connect is")
		p.unwatched("NoConnectURL", "there is no Connect cluster to ask")
		return 0, p.write(ctx)
	}
	if p.cluster, err = p.r.clusters.get(st.ConnectURL); err != nil {
		p.synced(no, "InvalidSpec", "spec.connectURL: "+err.Error())
		p.unwatched("InvalidSpec", "there is no Connect cluster to ask")
		return 0, p.write(ctx)
	}
	p.client = p.cluster.client
	rival, err := p.r.rival(ctx, p.r.Client, p.kc)
	if err != nil {
		return 0, err
	}
	if rival != nil {
		return p.yield(ctx, rival)
	}
	if err := p.setFinalizer(ctx); err != nil {
		return 0, err
	}
	if p.want, err = p.r.desire(ctx, p.kc); err != nil && !errors.Is(err, errSecret) {
		return 0, err
	}
	if err != nil {
		p.synced(no, "SecretNotFound", err.Error())
	}
	return p.look(ctx)
}

// yield leaves a connector to an older resource of the same name for the same cluster.
func (p *pass) yield(ctx context.Context, rival *v1.KafkaConnector) (time.Duration, error) {
	p.synced(no, "NameTaken", fmt.Sprintf("KafkaConnector %s/%s is older and has the connector %s of this cluster; one of the two must go", rival.Namespace, rival.Name, p.kc.Name))
	p.unwatched("NameTaken", "the connector belongs to another resource")
	return p.settings.interval, p.write(ctx)
}

// rival is the resource that the connector belongs to rather than to kc, if there is one: the older of two that name the same.
func (r *Reconciler) rival(ctx context.Context, from client.Reader, kc *v1.KafkaConnector) (*v1.KafkaConnector, error) {
	var list v1.KafkaConnectorList
	if err := from.List(ctx, &list, client.MatchingFields{nameIndex: kc.Name}); err != nil {
		return nil, err
	}
	for i := range list.Items {
		o := &list.Items[i]
		if o.UID == kc.UID || r.url(o) != r.url(kc) {
			continue
		}
		if o.CreationTimestamp.Before(&kc.CreationTimestamp) || o.CreationTimestamp.Equal(&kc.CreationTimestamp) && o.UID < kc.UID {
			return o, nil
		}
	}
	return nil, nil
}

// look polls the cluster if that is due, brings configuration and state together, and supervises.
func (p *pass) look(ctx context.Context) (time.Duration, error) {
	due := p.memo.observedAt.Add(p.settings.interval)
	if n := p.memo.next; !n.IsZero() && n.Before(due) {
		due = n
	}
	isDue := !p.now.Before(due)
	notBefore := due
	if p.memo.observedAt.IsZero() || p.now.Sub(due) > p.settings.interval {
		notBefore = p.now.Add(-p.settings.interval)
	}
	if !isDue {
		notBefore = p.memo.observedAt
	}
	snap, err := p.cluster.look(ctx, notBefore, p.now)
	if errors.Is(err, errBusy) || ctx.Err() != nil {
		return 0, errBusy
	}
	if err != nil {
		p.unreachable(err)
		return max(soon, p.cluster.again()), p.write(ctx)
	}
	owned, err := p.sync(ctx, snap, isDue)
	if err != nil {
		return 0, err
	}
	again := snap.at.Add(p.settings.interval)
	switch {
	case !owned:
		p.show(snap)
		p.unwatched("NotOwned", "the connector is not this resource's: it is neither watched nor restarted")
	case !p.settings.watch:
		p.show(snap)
		p.unwatched("NotWatched", "healthCheck.enabled is false: the connector is neither watched nor restarted")
	case isDue:
		next, err := p.supervise(ctx, snap)
		if err != nil {
			return 0, err
		}
		p.memo.observedAt, p.memo.next = snap.at, next
		if !next.IsZero() && next.Before(again) {
			again = next
		}
		return max(soon, again.Sub(p.r.opts.Now())), nil // supervise has written
	default:
		again = due
	}
	if isDue {
		p.memo.observedAt, p.memo.next = snap.at, time.Time{}
	}
	return max(soon, again.Sub(p.r.opts.Now())), p.write(ctx)
}

// fresh makes sure that what is about to be done is done to the resource as it is now, not as the cache has it.
func (p *pass) fresh(ctx context.Context) error {
	var live v1.KafkaConnector
	if err := p.r.live.Get(ctx, client.ObjectKeyFromObject(p.kc), &live); err != nil {
		return err
	}
	if live.UID != p.kc.UID || live.ResourceVersion != p.kc.ResourceVersion || !live.DeletionTimestamp.IsZero() {
		return errStale
	}
	return nil
}

// patch changes metadata only, and fails with a conflict when the resource was changed meanwhile.
func (p *pass) patch(ctx context.Context, change func(*v1.KafkaConnector)) error {
	base := p.was.DeepCopy()
	base.ObjectMeta = *p.kc.ObjectMeta.DeepCopy()
	next := base.DeepCopy()
	change(next)
	if err := p.r.Patch(ctx, next, client.MergeFromWithOptions(base, client.MergeFromWithOptimisticLock{})); err != nil {
		return err
	}
	p.kc.ObjectMeta = next.ObjectMeta
	return nil
}
