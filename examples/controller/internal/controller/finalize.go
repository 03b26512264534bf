package controller

import (
	"context"
	"errors"
	"time"

	"github.com/go-reconnect/reconnect/connect"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	v1 "github.com/go-reconnect/reconnect/examples/controller/api/v1"
)

const crdName = "kafkaconnectors.kafka.example.com"

// setFinalizer keeps the finalizer on resources whose connector is to be deleted with them, and only on those.
func (p *pass) setFinalizer(ctx context.Context) error {
	has, wants := controllerutil.ContainsFinalizer(p.kc, v1.Finalizer), p.kc.Spec.DeletionPolicy == v1.DeletionDelete
	if has == wants {
		return nil
	}
	return p.patch(ctx, func(kc *v1.KafkaConnector) {
		if wants {
			controllerutil.AddFinalizer(kc, v1.Finalizer)
		} else {
			controllerutil.RemoveFinalizer(kc, v1.Finalizer)
		}
	})
}

// finalize deletes the connector of a resource that is being deleted, where the policy says so and the connector is this resource's. It never
// holds the resource, and with it a namespace, longer than DeletionPatience.
func (p *pass) finalize(ctx context.Context) (time.Duration, error) {
	if !controllerutil.ContainsFinalizer(p.kc, v1.Finalizer) {
		return 0, nil
	}
	// Not from the cache: the policy may just have been changed to keep the connector.
	var live v1.KafkaConnector
	if err := p.r.live.Get(ctx, client.ObjectKeyFromObject(p.kc), &live); err != nil {
		return 0, err
	}
	if live.UID != p.kc.UID {
		return 0, errStale
	}
	p.was, p.kc = &live, live.DeepCopy()
	if live.Spec.DeletionPolicy != v1.DeletionDelete || live.Annotations[v1.AnnotationOwned] != string(live.UID) {
		return 0, p.release(ctx)
	}
	rival, err := p.r.rival(ctx, p.r.live, p.kc)
	if err != nil {
		return 0, err
	}
	if rival != nil {
		return 0, p.release(ctx)
	}
	err = p.deleteConnector(ctx)
	switch {
	case errors.Is(err, errCRD):
		p.tell(warning, "Retained", "Delete", "the CRD itself is being deleted: the connector %s is kept", p.kc.Name)
		return 0, p.release(ctx)
	case err == nil:
		p.tell(normal, "Deleted", "Delete", "deleted the connector %s", p.kc.Name)
		return 0, p.release(ctx)
	case ctx.Err() != nil:
		return 0, err
	}
	if left := p.r.opts.DeletionPatience - p.now.Sub(live.DeletionTimestamp.Time); left > 0 {
		p.condition(v1.ConditionReady, unknown, "Deleting", "the connector cannot be deleted yet: "+err.Error())
		return max(soon, min(left, p.r.opts.Retry)), p.write(ctx)
	}
	p.tell(warning, "LetGo", "Delete", "the connector %s could not be deleted for %v and stays at Connect: %v", p.kc.Name, p.r.opts.DeletionPatience, err)
	return 0, p.release(ctx)
}

// errCRD means that all resources go because their definition does, which is how a controller is taken away, not how connectors are.
var errCRD = errors.New("the CRD is being deleted")

func (p *pass) deleteConnector(ctx context.Context) error {
	var crd apiextensionsv1.CustomResourceDefinition
	switch err := p.r.live.Get(ctx, types.NamespacedName{Name: crdName}, &crd); {
	case apierrors.IsNotFound(err):
		return errCRD
	case err != nil:
		return err
	case !crd.DeletionTimestamp.IsZero():
		return errCRD
	}
	url := p.r.url(p.kc)
	if url == "" {
		return errors.New("there is no Connect URL")
	}
	c, err := p.r.clusters.get(url)
	if err != nil {
		return err
	}
	if err := c.client.DeleteConnector(ctx, p.kc.Name); err != nil && !errors.Is(err, connect.ErrNotFound) {
		return err
	}
	return nil
}

// release sends the events while the resource exists, and lets it go.
func (p *pass) release(ctx context.Context) error {
	p.flush()
	return p.patch(ctx, func(kc *v1.KafkaConnector) { controllerutil.RemoveFinalizer(kc, v1.Finalizer) })
}

func isRefusal(err error) bool {
	return errors.Is(err, connect.ErrUnauthorized) || errors.Is(err, connect.ErrForbidden)
}
