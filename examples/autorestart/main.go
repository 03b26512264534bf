// Autorestart keeps the connectors of a Kafka Connect cluster running: it restarts what a restart can fix, within a budget, and says what it cannot.
//
// It needs the URL of one or more workers:
//
//	go run ./examples/autorestart -connect http://localhost:8083
//	go run ./examples/autorestart -connect http://w1:8083,http://w2:8083 -cluster connect-prod -state /var/lib/autorestart.json -policy policy.yaml -webhook https://hooks.example/x
//
//	go run ./examples/autorestart -connect http://w1:8083 -cluster connect-prod -store-brokers b1:9092 -store-topic connect-prod-recovery
//
// Credentials for basic authentication come from CONNECT_USER and CONNECT_PASSWORD, those for Kafka from KAFKA_USER and KAFKA_PASSWORD (or KAFKA_PASSWORD_FILE).  What is remembered lives in the -state file, so that a
// restart of this program starts no new budget; with -store-brokers it lives on a Kafka topic, and of several of this program one acts. The page, /healthz and /metrics are on -listen. It ends cleanly on SIGINT and SIGTERM.
package main

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/segmentio/kafka-go/sasl"
	"golang.org/x/sync/errgroup"

	"github.com/go-reconnect/reconnect/connect"
	"github.com/go-reconnect/reconnect/examples/internal/commas"
	"github.com/go-reconnect/reconnect/examples/internal/secure"
	"github.com/go-reconnect/reconnect/recovery"
	"github.com/go-reconnect/reconnect/recovery/kafkaprogress"
	"github.com/go-reconnect/reconnect/recovery/kafkastore"
	"github.com/go-reconnect/reconnect/recovery/reach"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stderr); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return
		}
		fmt.Fprintln(os.Stderr, "autorestart:", err)
		os.Exit(1)
	}
}

type options struct {
	connect, cluster, policy, state, listen, webhook, format, reach string
	storeBrokers, storeTopic                                        string
	progressBrokers, progressSources                                string
	interval, progressAfter                                         time.Duration
	kafka                                                           *secure.KafkaFlags
	observe, once, acknowledge, verbose                             bool
}

func parse(args []string, out io.Writer) (options, error) {
	var o options
	f := flag.NewFlagSet("autorestart", flag.ContinueOnError)
	f.SetOutput(out)
	f.StringVar(&o.connect, "connect", "http://localhost:8083", "URLs of the workers of one cluster, separated by commas")
	f.StringVar(&o.cluster, "cluster", "", "name of the Connect cluster (its group.id, say); needed with -state")
	f.StringVar(&o.policy, "policy", "", "YAML file with the policy; see policy.yaml beside this program")
	f.StringVar(&o.state, "state", "", "file to remember restarts in; without it they are forgotten at exit")
	f.StringVar(&o.storeBrokers, "store-brokers", "", "Kafka brokers to remember restarts on, instead of -state, separated by commas; of several of this program one acts then")
	f.StringVar(&o.storeTopic, "store-topic", "", "topic for -store-brokers, one per Connect cluster; made when it does not exist")
	f.StringVar(&o.progressBrokers, "progress-brokers", "", "Kafka brokers that the sinks read from, to tell which are RUNNING and do not move, separated by commas; what to do then is the policy's actOn")
	f.StringVar(&o.progressSources, "progress-sources", "", "patterns of source connectors that always have something to do, separated by commas")
	f.DurationVar(&o.progressAfter, "progress-after", recovery.DefaultProgressAfter, "how long records may wait without any moving; at least five times the workers' offset.flush.interval.ms")
	o.kafka = secure.AddKafka(f)
	f.StringVar(&o.listen, "listen", "127.0.0.1:8087", "address of the page, /healthz and /metrics; empty for none")
	f.StringVar(&o.webhook, "webhook", "", "URL to tell of what needs a person")
	f.StringVar(&o.format, "webhook-format", "json", "json, alertmanager or slack")
	f.StringVar(&o.reach, "reach", "", "hosts (patterns, or prefixes such as 10.0.0.0/8, separated by commas) that may be asked whether they answer before a restart is spent; * for all")
	f.DurationVar(&o.interval, "interval", recovery.DefaultInterval, "time between two looks at the cluster")
	f.BoolVar(&o.observe, "observe-only", false, "say what would be restarted, and restart nothing")
	f.BoolVar(&o.once, "once", false, "one pass, then exit (for cron; use -state)")
	f.BoolVar(&o.acknowledge, "allow-acknowledge", false, "offer the acknowledge button on the page")
	f.BoolVar(&o.verbose, "v", false, "log informational events, too")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if f.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q", f.Arg(0))
	}
	return o, nil
}

func run(ctx context.Context, args []string, out io.Writer, clientOptions ...connect.Option) error {
	o, err := parse(args, out)
	if err != nil {
		return err
	}
	lv := slog.LevelWarn
	if o.verbose {
		lv = slog.LevelInfo
	}
	log := slog.New(slog.NewTextHandler(out, &slog.HandlerOptions{Level: lv}))
	client, err := newClient(o.connect, clientOptions)
	if err != nil {
		return err
	}
	cfg, closeAll, err := config(o, client, log)
	defer closeAll()
	if err != nil {
		return err
	}
	s, err := recovery.New(client, cfg)
	if err != nil {
		return err
	}
	if o.once {
		_, err := s.Reconcile(ctx)
		return err
	}
	h, err := handler(s, o)
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.Run(ctx) })
	if o.listen != "" {
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", o.listen)
		if err != nil {
			return fmt.Errorf("-listen %s: %w", o.listen, err)
		}
		g.Go(func() error { return serve(ctx, l, h) })
	}
	return g.Wait()
}

func newClient(urls string, opts []connect.Option) (*connect.Client, error) {
	list := commas.Split(urls)
	if len(list) == 0 {
		return nil, errors.New("-connect names no URL")
	}
	if len(list) > 1 {
		opts = append(opts, connect.WithWorkers(list[1:]...))
	}
	if user := os.Getenv("CONNECT_USER"); user != "" {
		opts = append(opts, connect.WithBasicAuth(user, os.Getenv("CONNECT_PASSWORD")))
	}
	return connect.NewClient(list[0], opts...)
}

// config also returns what gives the connections back, when everything has ended.
func config(o options, client *connect.Client, log *slog.Logger) (cfg recovery.Config, closeAll func(), err error) {
	cfg = recovery.Config{Cluster: o.cluster, Interval: o.interval, ObserveOnly: o.observe, ProgressAfter: o.progressAfter, Logger: log}
	var closers []io.Closer
	closeAll = func() {
		for _, c := range closers {
			_ = c.Close() // nothing is left to lose
		}
	}
	if o.policy != "" {
		p, err := readPolicy(o.policy)
		if err != nil {
			return cfg, closeAll, err
		}
		if err := p.apply(&cfg); err != nil {
			return cfg, closeAll, fmt.Errorf("%s: %w", o.policy, err)
		}
	}
	tlsConfig, login, err := o.kafka.Load()
	if err != nil {
		return cfg, closeAll, err
	}
	if err := remember(&cfg, o, tlsConfig, login); err != nil {
		return cfg, closeAll, err
	}
	if c, ok := cfg.Store.(io.Closer); ok {
		closers = append(closers, c)
	}
	if o.progressBrokers != "" {
		p, err := kafkaprogress.New(kafkaprogress.Config{
			Brokers: commas.Split(o.progressBrokers), Connect: client, Sources: commas.Split(o.progressSources), ClientID: "autorestart", TLS: tlsConfig, SASL: login,
		})
		if err != nil {
			return cfg, closeAll, fmt.Errorf("-progress-brokers: %w", err)
		}
		closers = append(closers, p)
		cfg.Progress = p
	} else if o.progressSources != "" {
		return cfg, closeAll, errors.New("-progress-sources needs -progress-brokers")
	}
	if o.webhook != "" {
		cfg.Notifiers = append(cfg.Notifiers, recovery.Webhook{URL: o.webhook, Format: recovery.Format(o.format)})
	}
	switch o.reach {
	case "":
	case "*":
		cfg.Reach = &reach.Prober{}
	default:
		cfg.Reach = &reach.Prober{Allow: reach.Hosts(commas.Split(o.reach)...)}
	}
	return cfg, closeAll, nil
}

// remember sets the store.
func remember(cfg *recovery.Config, o options, tlsConfig *tls.Config, login sasl.Mechanism) error {
	if (o.state != "" || o.storeBrokers != "") && o.cluster == "" {
		return errors.New("-state and -store-brokers need -cluster, so that what is remembered is never taken for another cluster's")
	}
	switch {
	case o.state != "" && o.storeBrokers != "":
		return errors.New("-state and -store-brokers exclude each other")
	case (o.storeBrokers != "") != (o.storeTopic != ""):
		return errors.New("-store-brokers and -store-topic go together")
	case o.state != "":
		store, err := recovery.NewFileStore(o.state)
		if err != nil {
			return err
		}
		cfg.Store = store
	case o.storeBrokers != "":
		store, err := kafkastore.New(kafkastore.Config{Brokers: commas.Split(o.storeBrokers), Topic: o.storeTopic, ClientID: "autorestart", TLS: tlsConfig, SASL: login})
		if err != nil {
			return err
		}
		cfg.Store = store
		if !o.once {
			cfg.Elector = store
		}
	}
	return nil
}

func handler(s *recovery.Supervisor, o options) (http.Handler, error) {
	m, err := metrics(s)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/", s.Handler(recovery.HandlerOptions{AllowAcknowledge: o.acknowledge}))
	mux.Handle("GET /metrics", m)
	return mux, nil
}

func serve(ctx context.Context, l net.Listener, h http.Handler) error {
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	done := make(chan error, 1)
	go func() { done <- srv.Serve(l) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	sctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return srv.Shutdown(sctx)
}
