// Command controller keeps KafkaConnector resources and the connectors of a Kafka Connect cluster together, and restarts what a restart can fix.
// README.md says how to try it, and what to change in a copy.
package main

//go:generate go run sigs.k8s.io/controller-tools/cmd/controller-gen@v0.21.0 object rbac:roleName=kafkaconnector-controller crd paths=./api/...;./internal/... output:crd:dir=config output:rbac:dir=config output:object:dir=api/v1

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/go-reconnect/reconnect/connect"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"

	v1 "github.com/go-reconnect/reconnect/examples/controller/api/v1"
	"github.com/go-reconnect/reconnect/examples/controller/internal/controller"
)

func main() {
	if err := run(ctrl.SetupSignalHandler(), os.Args[1:]); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "controller:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	var opts controller.Options
	fs := flag.NewFlagSet("controller", flag.ContinueOnError)
	fs.StringVar(&opts.ConnectURL, "connect-url", "", "REST API of the Connect cluster of resources without spec.connectURL")
	credentials := fs.String("connect-credentials", "", "file with user:password, read for each request; sent to -connect-url only")
	fs.DurationVar(&opts.Policy.Window, "window", 0, "sliding window that maxRestarts is counted in; 0: 6h, longer where maxRestarts needs it")
	fs.DurationVar(&opts.Policy.StableFor, "stable-for", 0, "time of RUNNING after which a connector counts as recovered; 0: 10m")
	fs.DurationVar(&opts.Policy.VerifyTimeout, "verify-timeout", 0, "time that a connector may take to start after a restart; 0: 5m")
	fs.DurationVar(&opts.Policy.RebalanceDelay, "rebalance-delay", 0, "the workers' scheduled.rebalance.max.delay.ms; 0: 5m")
	fs.DurationVar(&opts.Policy.ProbeEvery, "probe-every", 0, "time from an exhausted budget to the first probe; negative: no probes; 0: 2h")
	fs.DurationVar(&opts.DeletionPatience, "deletion-patience", 10*time.Minute, "how long a deletion waits for a Connect that cannot be reached")
	fs.IntVar(&opts.MaxConcurrent, "max-concurrent", 4, "resources that are worked on at the same time")
	fs.BoolVar(&opts.PerTask, "per-task", false, "restart tasks one by one: for Kafka below 3.0, 3.0.0 to 3.0.2 and 3.1.0")
	namespaces := fs.String("namespaces", "", "namespaces to watch, separated by commas; empty: all")
	elect := fs.Bool("leader-elect", true, "act only while holding the lease; needed with more than one replica")
	leaseNamespace := fs.String("lease-namespace", "", "namespace of the lease; empty: the pod's own")
	metricsAddr := fs.String("metrics-addr", ":8080", "address of /metrics; 0 turns it off")
	healthAddr := fs.String("health-addr", ":8081", "address of /healthz and /readyz; 0 turns it off")
	if err := fs.Parse(args); err != nil {
		return err
	}
	ctrl.SetLogger(zap.New())
	opts.Connect = clientsWith(opts.ConnectURL, *credentials)

	cfg, err := ctrl.GetConfig()
	if err != nil {
		return err
	}
	scheme, err := newScheme()
	if err != nil {
		return err
	}
	managed := ctrl.Options{
		Scheme: scheme, Metrics: server.Options{BindAddress: *metricsAddr}, HealthProbeBindAddress: *healthAddr,
		LeaderElection: *elect, LeaderElectionID: "kafkaconnector.kafka.example.com", LeaderElectionNamespace: *leaseNamespace,
		// The process ends with the lease, so it may be given back at once.
		LeaderElectionReleaseOnCancel: true,
	}
	if *namespaces != "" {
		managed.Cache.DefaultNamespaces = map[string]cache.Config{}
		for ns := range strings.SplitSeq(*namespaces, ",") {
			managed.Cache.DefaultNamespaces[strings.TrimSpace(ns)] = cache.Config{}
		}
	}
	mgr, err := ctrl.NewManager(cfg, managed)
	if err != nil {
		return err
	}
	if err := controller.Setup(ctx, mgr, opts); err != nil {
		return err
	}
	if err := errors.Join(mgr.AddHealthzCheck("ping", healthz.Ping), mgr.AddReadyzCheck("ping", healthz.Ping)); err != nil {
		return err
	}
	return mgr.Start(ctx)
}

func newScheme() (*runtime.Scheme, error) {
	scheme := runtime.NewScheme()
	return scheme, errors.Join(clientgoscheme.AddToScheme(scheme), apiextensionsv1.AddToScheme(scheme), v1.AddToScheme(scheme))
}

// clientsWith gives the credentials to one cluster only: anybody who may create a resource can name another URL.
func clientsWith(url, file string) func(string) (*connect.Client, error) {
	return func(target string) (*connect.Client, error) {
		if file == "" || target != url {
			return controller.NewClient(target)
		}
		return controller.NewClient(target, connect.WithBasicAuthFunc(func(context.Context) (string, string, error) {
			data, err := os.ReadFile(file) //nolint:gosec // the operator names it
			if err != nil {
				return "", "", err
			}
			user, password, ok := strings.Cut(strings.TrimSpace(string(data)), ":")
			if !ok {
				return "", "", fmt.Errorf("%s does not hold user:password", file)
			}
			return user, password, nil
		}))
	}
}
