package controller

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-reconnect/reconnect/connect"
	"github.com/go-reconnect/reconnect/recovery"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/go-reconnect/reconnect/examples/controller/api/v1"
)

// desired is what spec asks Connect for.
type desired struct {
	config   connect.Config
	revision string   // changes when the resource or one of its Secrets does; it holds nothing secret
	secrets  []string // values that must not be shown
}

// errSecret means that a value of configFrom is not there.
var errSecret = errors.New("configFrom")

// desire puts the configuration together.
func (r *Reconciler) desire(ctx context.Context, kc *v1.KafkaConnector) (*desired, error) {
	spec := &kc.Spec
	cfg := connect.Config{}
	maps.Copy(cfg, spec.Config)
	cfg["connector.class"], cfg["tasks.max"] = spec.Class, strconv.Itoa(int(max(spec.TasksMax, 1)))
	d := &desired{config: cfg}
	var versions []string
	for _, from := range spec.ConfigFrom {
		var secret corev1.Secret
		ref := from.SecretKeyRef
		// Live, not from a cache: a cache would hold every Secret of the cluster and needs the right to list them.
		err := r.live.Get(ctx, client.ObjectKey{Namespace: kc.Namespace, Name: ref.Name}, &secret)
		switch {
		case apierrors.IsNotFound(err):
			return nil, fmt.Errorf("%w[%s]: there is no Secret %s", errSecret, from.Key, ref.Name)
		case apierrors.IsForbidden(err):
			return nil, fmt.Errorf("%w[%s]: the controller must not read Secret %s", errSecret, from.Key, ref.Name)
		case err != nil:
			return nil, err
		}
		value, ok := secret.Data[ref.Key]
		if !ok {
			return nil, fmt.Errorf("%w[%s]: Secret %s has no key %s", errSecret, from.Key, ref.Name, ref.Key)
		}
		cfg[from.Key] = string(value)
		d.secrets = append(d.secrets, string(value))
		versions = append(versions, from.Key, ref.Name, ref.Key, string(secret.UID), secret.ResourceVersion)
	}
	// The longest first, so that no rest of one is left where it holds another.
	slices.SortFunc(d.secrets, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	d.revision = digest(spec.Class, spec.TasksMax, spec.Config, versions)
	return d, nil
}

// digest is a short hash of anything that can be JSON.
func digest(parts ...any) string {
	data, err := json.Marshal(parts)
	if err != nil {
		data = fmt.Append(nil, parts...)
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:12])
}

// mask takes the values of configFrom out of a text that Connect wrote. The rest of what may be secret is redacted where the text was made.
func (d *desired) mask(text string) string {
	if d == nil {
		return text
	}
	for _, s := range d.secrets {
		if len(strings.TrimSpace(s)) > 2 {
			text = strings.ReplaceAll(text, s, "[redacted]")
		}
	}
	return text
}

// settings are what spec says about watching and restarting.
type settings struct {
	policy   recovery.Policy
	interval time.Duration
	restart  bool // autoRestart.enabled
	watch    bool // healthCheck.enabled
}

// settingsOf reads them. The API server refuses what is wrong here, but an older CRD may have let it through.
func settingsOf(base recovery.Policy, spec *v1.KafkaConnectorSpec) (settings, error) {
	s := settings{policy: base, interval: 30 * time.Second, restart: orTrue(spec.AutoRestart.Enabled), watch: orTrue(spec.HealthCheck.Enabled)}
	var errs []error
	read := func(field string, d v1.Duration, into *time.Duration) {
		if d == "" {
			return
		}
		v, err := time.ParseDuration(string(d))
		if err != nil || v <= 0 {
			errs = append(errs, fmt.Errorf("spec.%s: %q is not a positive duration such as 30s", field, d))
			return
		}
		*into = v
	}
	read("healthCheck.interval", spec.HealthCheck.Interval, &s.interval)
	read("autoRestart.restartDelay", spec.AutoRestart.RestartDelay, &s.policy.RestartDelay)
	if n := spec.AutoRestart.MaxRestarts; n != nil {
		s.policy.MaxRestarts = int(*n)
		switch {
		case *n == 0:
			s.policy.MaxRestarts = -1 // never, where recovery's 0 is the default
		case *n < 0:
			errs = append(errs, errors.New("spec.autoRestart.maxRestarts must not be negative"))
		}
	}
	if n := spec.HealthCheck.FailureThreshold; n < 0 {
		errs = append(errs, errors.New("spec.healthCheck.failureThreshold must be at least 1"))
	} else if n > 0 {
		s.policy.FailureThreshold = int(n)
	}
	s.policy.KeepBackoff = !orTrue(spec.AutoRestart.ResetOnSuccess)
	if err := s.policy.Validate(); err != nil && len(errs) == 0 {
		errs = append(errs, fmt.Errorf("spec.autoRestart with the controller's own policy: %w", err))
	}
	return s, errors.Join(errs...)
}

func orTrue(b *bool) bool { return b == nil || *b }
