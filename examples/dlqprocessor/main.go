// Command dlqprocessor works through a dead letter queue: it decodes each record, repairs malformed JSON, republishes what it
// could repair within a budget of attempts, and parks the rest, in a topic or in a file, for a person to review.
//
// Nothing is lost when it is interrupted: run it again and it goes on. Try -dry-run first. What was parked in a file comes
// back with -unpark. -sasl, -user and the -tls flags log in to a secured cluster, with the password from KAFKA_PASSWORD.
//
//	go run ./examples/dlqprocessor -brokers localhost:9092 -topic orders-dlq -to orders-retry -park orders-parked -dry-run
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/go-reconnect/reconnect/connect/failure"
	"github.com/go-reconnect/reconnect/dlq"
	"github.com/go-reconnect/reconnect/examples/internal/secure"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		_, _ = fmt.Fprintln(os.Stderr, "dlqprocessor:", err)
		os.Exit(1)
	}
}

type options struct {
	brokers, topic, group, to, park, parkFile, unpark, ledger, audit, connector, fingerprint, metrics string
	accept, dryRun, once, follow, keyOrder                                                            bool
	budget, canary                                                                                    int
	rate                                                                                              float64
	retryDelay                                                                                        time.Duration
}

func parse(args []string) (*options, *secure.Flags, error) {
	flags := flag.NewFlagSet("dlqprocessor", flag.ContinueOnError)
	o := &options{}
	flags.StringVar(&o.brokers, "brokers", "localhost:9092", "bootstrap brokers, comma separated")
	flags.StringVar(&o.topic, "topic", "", "the dead letter queue")
	flags.StringVar(&o.group, "group", "", "consumer group that remembers what is done (default: topic and -processor)")
	flags.StringVar(&o.to, "to", "", `where repaired records go: "origin" or a topic`)
	flags.BoolVar(&o.accept, "accept-other-consumers", false, "go to the origin although other groups read it too")
	flags.StringVar(&o.park, "park", "", "topic for what cannot be repaired")
	flags.StringVar(&o.parkFile, "park-file", "", "file for what cannot be repaired, instead of a topic")
	flags.StringVar(&o.unpark, "unpark", "", "first put the records of this file of -park-file on -topic, each once")
	flags.StringVar(&o.ledger, "ledger", "", "compacted topic that remembers each outcome, for runs with different filters")
	flags.StringVar(&o.connector, "connector", "", "only dead letters of this connector; needs -ledger")
	flags.StringVar(&o.fingerprint, "fingerprint", "", "only dead letters of this cause, as dlqinspect names it; needs -ledger")
	flags.StringVar(&o.audit, "audit", "", "file to which a line of JSON is added for each outcome")
	flags.IntVar(&o.budget, "budget", 3, "republish a record so often at most")
	flags.IntVar(&o.canary, "canary", 20, "of a run of more than 1000 records republish so many first and wait for the connector; 0 does not")
	flags.Float64Var(&o.rate, "rate", 0, "records per second at most, 0 is unlimited")
	flags.DurationVar(&o.retryDelay, "retry-delay", 0, "wait before a record goes back that failed because the other side was away, longer with each attempt")
	flags.BoolVar(&o.keyOrder, "key-order", false, "park or defer what stands behind a parked or deferred record of its key; always with -follow")
	flags.BoolVar(&o.follow, "follow", false, "go on at the end until interrupted")
	flags.BoolVar(&o.dryRun, "dry-run", false, "write nothing, say what would happen")
	flags.BoolVar(&o.once, "exactly-once", false, "one transaction per chunk; the connector needs isolation.level=read_committed")
	flags.StringVar(&o.metrics, "metrics", "", "address to serve Prometheus metrics at while it runs, such as 127.0.0.1:8088")
	connection := secure.Add(flags)
	if err := flags.Parse(args); err != nil {
		return nil, nil, err
	}
	if o.topic == "" || o.to == "" || (o.park == "") == (o.parkFile == "") || flags.NArg() > 0 {
		return nil, nil, errors.New("-topic, -to and one of -park and -park-file are needed: see -help")
	}
	if o.unpark != "" && o.dryRun {
		return nil, nil, errors.New("-unpark writes to -topic, which -dry-run must not")
	}
	if o.group == "" {
		o.group = o.topic + "-processor"
	}
	return o, connection, nil
}

func (o *options) config() dlq.RepublisherConfig {
	cfg := dlq.RepublisherConfig{
		Brokers: strings.Split(o.brokers, ","), Topic: o.topic, Group: o.group, Target: dlq.ToTopic(o.to), AcceptOtherConsumers: o.accept,
		Handler: classify(dlq.Chain(dlq.Tombstones(dlq.TombstonePark), dlq.RepairJSON(dlq.JSONRepair{})), o.retryDelay),
		Filter:  dlq.Filter{Connector: o.connector, Fingerprint: o.fingerprint},
		Budget:  o.budget, Rate: dlq.Rate{Records: o.rate}, Canary: dlq.Canary{Records: o.canary},
		DryRun: o.dryRun, ExactlyOnce: o.once, Follow: o.follow, By: os.Getenv("USER"),
	}
	if o.budget == 0 {
		cfg.Budget = -1
	}
	if o.canary == 0 {
		cfg.Canary.Above = -1
	}
	if o.keyOrder {
		cfg.KeyOrder = dlq.KeyOrderOn
	}
	if o.to == "origin" {
		cfg.Target = dlq.ToOrigin()
	}
	if o.ledger != "" {
		cfg.Ledger = dlq.LedgerTopic(o.ledger)
	}
	return cfg
}

func run(ctx context.Context, args []string, out io.Writer) (err error) {
	o, connection, err := parse(args)
	if err != nil {
		return err
	}
	cfg := o.config()
	if cfg.TLS, cfg.SASL, err = connection.Load(); err != nil {
		return err
	}
	if o.park != "" {
		cfg.Park = dlq.ParkTopic(o.park)
	} else {
		f := dlq.ParkFile(o.parkFile)
		defer f.Close() //nolint:errcheck // Park has synced what it wrote
		cfg.Park = f
	}
	if o.audit != "" && !o.dryRun {
		a, err := openAudit(o.audit)
		if err != nil {
			return err
		}
		cfg.Audit = a.add
		defer func() { err = errors.Join(err, a.close()) }()
	}
	if o.unpark != "" {
		report, err := dlq.Unpark(ctx, dlq.UnparkConfig{Brokers: cfg.Brokers, TLS: cfg.TLS, SASL: cfg.SASL, Topic: o.topic, Records: dlq.ReadParkedFile(o.unpark)})
		if err != nil {
			return err
		}
		_, _ = fmt.Fprintf(out, "%s: %d records, %d put on %s, %d there already\n", o.unpark, report.Read, report.Written, o.topic, report.Known)
	}
	p := &progress{out: out, terminal: isTerminal(out), follow: o.follow}
	cfg.OnProgress = p.show
	told := func(dlq.Report, error) {}
	if o.metrics != "" {
		m, stop, err := serveMetrics(ctx, o.metrics, &cfg, out)
		if err != nil {
			return err
		}
		defer stop()
		told = m.Done
	}
	r, err := dlq.NewRepublisher(cfg)
	if err != nil {
		return err
	}
	report, err := r.Run(ctx)
	told(report, err)
	p.end()
	show(out, report)
	if err == nil {
		err = report.Err()
	}
	return err
}

// show tells a person what was done.
func show(out io.Writer, report dlq.Report) {
	for _, f := range report.Findings {
		if f.Severity != dlq.SeverityInfo {
			_, _ = fmt.Fprintf(out, "%s %s %s: %s\n  fix: %s\n", f.Severity, f.Code, f.Topic, f.Message, f.Fix)
		}
	}
	_, _ = fmt.Fprintln(out, report)
	for _, reason := range slices.Sorted(maps.Keys(report.Reasons)) {
		_, _ = fmt.Fprintf(out, "  %6d %s\n", report.Reasons[reason], reason)
	}
	if report.DryRun {
		_, _ = fmt.Fprintln(out, "nothing was written: this was a dry run")
	}
}

// classify sends only failures of conversion to the fixers. What failed because the other side was away needs no repair, only
// time, and what the other side refused is for a person.
func classify(fix dlq.Handler, delay time.Duration) dlq.Handler {
	return func(ctx context.Context, r *dlq.Record) (dlq.Decision, error) {
		if errors.Is(r.Err, dlq.ErrNoContext) {
			return dlq.Park("no error context"), nil
		}
		switch d := failure.Diagnose(r.Failure.StackTrace); d.Class {
		case failure.ClassConnection, failure.ClassTimeout, failure.ClassResource, failure.ClassRebalance:
			if delay > 0 && !waited(r) {
				return dlq.RetryDelay{First: delay, Max: 100 * delay}.Retry(r), nil
			}
			return dlq.Republish(), nil
		case failure.ClassDataConstraint:
			return dlq.Park("refused by the target: " + d.Summary), nil
		default:
			return fix(ctx, r)
		}
	}
}

// waited says that a record was deferred before and is due now.
func waited(r *dlq.Record) bool {
	return slices.ContainsFunc(r.Message.Headers, func(h kafka.Header) bool { return h.Key == dlq.HeaderNotBefore })
}

// audit is a file with a line for each outcome.
type audit struct {
	file *os.File
	err  error
}

func openAudit(path string) (*audit, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600) //nolint:gosec // the path of the flag
	if err != nil {
		return nil, fmt.Errorf("-audit: %w", err)
	}
	return &audit{file: f}, nil
}

// add is called after the commit, so what cannot be written cannot stop the record; close tells it.
func (a *audit) add(e dlq.Entry) {
	line, err := json.Marshal(e)
	if err == nil {
		_, err = a.file.Write(append(line, '\n'))
	}
	a.err = cmp.Or(a.err, err)
}

func (a *audit) close() error {
	if err := errors.Join(a.err, a.file.Sync(), a.file.Close()); err != nil {
		return fmt.Errorf("-audit: %w", err)
	}
	return nil
}

// progress draws a bar on a terminal and writes a line now and then elsewhere. A library for it would bring three more modules
// for what is one carriage return.
type progress struct {
	out      io.Writer
	terminal bool
	follow   bool // there is no end to be so far from
	mu       sync.Mutex
	last     time.Time
	drawn    bool
}

func (p *progress) show(now dlq.Progress) {
	p.mu.Lock()
	defer p.mu.Unlock()
	every := 10 * time.Second
	if p.terminal {
		every = 100 * time.Millisecond
	}
	if time.Since(p.last) < every && (p.follow || now.Done < now.Total) {
		return
	}
	p.last = time.Now()
	share := float64(now.Done) / float64(max(1, now.Total))
	text := fmt.Sprintf("%3.0f %% %d of %d, %.0f/s, %s left, republished %d, parked %d", 100*share, now.Done, now.Total, now.Rate,
		now.ETA.Round(time.Second), now.Outcomes[dlq.OutcomeRepublished], now.Outcomes[dlq.OutcomeParked])
	if p.follow {
		share = 0
		text = fmt.Sprintf("%d read, %.0f/s, republished %d, parked %d, deferred %d", now.Done, now.Rate,
			now.Outcomes[dlq.OutcomeRepublished], now.Outcomes[dlq.OutcomeParked], now.Outcomes[dlq.OutcomeDeferred])
	}
	if !p.terminal {
		_, _ = fmt.Fprintln(p.out, text)
		return
	}
	full := int(30 * share)
	_, _ = fmt.Fprintf(p.out, "\r[%s%s] %s\x1b[K", strings.Repeat("=", full), strings.Repeat(" ", 30-full), text)
	p.drawn = true
}

func (p *progress) end() {
	if p.drawn {
		_, _ = fmt.Fprintln(p.out)
	}
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("TERM") != "dumb"
}
