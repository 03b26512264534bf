// Command dlqprocessor works through a dead letter queue: it decodes each record, repairs malformed JSON, republishes what it
// could repair within a budget of attempts, and parks the rest, in a topic or in a file, for a person to review.
//
// Nothing is lost when it is interrupted: run it again and it goes on. Try -dry-run first.
//
//	go run ./examples/dlqprocessor -brokers localhost:9092 -topic orders-dlq -to orders-retry -park orders-parked -dry-run
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/go-reconnect/reconnect/connect/failure"
	"github.com/go-reconnect/reconnect/dlq"
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

func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("dlqprocessor", flag.ContinueOnError)
	var (
		brokers = flags.String("brokers", "localhost:9092", "bootstrap brokers, comma separated")
		topic   = flags.String("topic", "", "the dead letter queue")
		group   = flags.String("group", "", "consumer group that remembers what is done (default: topic and -processor)")
		to      = flags.String("to", "", `where repaired records go: "origin" or a topic`)
		accept  = flags.Bool("accept-other-consumers", false, "go to the origin although other groups read it too")
		park    = flags.String("park", "", "topic for what cannot be repaired")
		file    = flags.String("park-file", "", "file for what cannot be repaired, instead of a topic")
		budget  = flags.Int("budget", 3, "republish a record so often at most")
		rate    = flags.Float64("rate", 0, "records per second at most, 0 is unlimited")
		dryRun  = flags.Bool("dry-run", false, "write nothing, say what would happen")
		once    = flags.Bool("exactly-once", false, "one transaction per chunk; the connector needs isolation.level=read_committed")
		metrics = flags.String("metrics", "", "address to serve Prometheus metrics at while it runs, such as 127.0.0.1:8088")
	)
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *topic == "" || *to == "" || (*park == "") == (*file == "") || flags.NArg() > 0 {
		return errors.New("-topic, -to and one of -park and -park-file are needed: see -help")
	}
	if *group == "" {
		*group = *topic + "-processor"
	}
	p := &progress{out: out, terminal: isTerminal(out)}
	cfg := dlq.RepublisherConfig{
		Brokers: strings.Split(*brokers, ","), Topic: *topic, Group: *group, Target: dlq.ToTopic(*to), AcceptOtherConsumers: *accept,
		Handler: classify(dlq.Chain(dlq.Tombstones(dlq.TombstonePark), dlq.RepairJSON(dlq.JSONRepair{}))),
		Budget:  *budget, Rate: dlq.Rate{Records: *rate}, DryRun: *dryRun, ExactlyOnce: *once, OnProgress: p.show, By: os.Getenv("USER"),
	}
	if *budget == 0 {
		cfg.Budget = -1
	}
	if *to == "origin" {
		cfg.Target = dlq.ToOrigin()
	}
	if *park != "" {
		cfg.Park = dlq.ParkTopic(*park)
	} else {
		f := dlq.ParkFile(*file)
		defer f.Close() //nolint:errcheck // Park has synced what it wrote
		cfg.Park = f
	}
	told := func(dlq.Report, error) {}
	if *metrics != "" {
		m, stop, err := serveMetrics(ctx, *metrics, &cfg, out)
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
	_, _ = fmt.Fprintln(out, report)
	for reason, n := range report.Reasons {
		_, _ = fmt.Fprintf(out, "  %6d %s\n", n, reason)
	}
	if *dryRun {
		_, _ = fmt.Fprintln(out, "nothing was written: this was a dry run")
	}
	if err == nil {
		err = report.Err()
	}
	return err
}

// classify sends only failures of conversion to the fixers. What failed because the other side was away needs no repair, and
// what the other side refused is for a person.
func classify(fix dlq.Handler) dlq.Handler {
	return func(ctx context.Context, r *dlq.Record) (dlq.Decision, error) {
		if errors.Is(r.Err, dlq.ErrNoContext) {
			return dlq.Park("no error context"), nil
		}
		switch d := failure.Diagnose(r.Failure.StackTrace); d.Class {
		case failure.ClassConnection, failure.ClassTimeout, failure.ClassResource, failure.ClassRebalance:
			return dlq.Republish(), nil
		case failure.ClassDataConstraint:
			return dlq.Park("refused by the target: " + d.Summary), nil
		default:
			return fix(ctx, r)
		}
	}
}

// progress draws a bar on a terminal and writes a line now and then elsewhere.
type progress struct {
	out      io.Writer
	terminal bool
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
	if time.Since(p.last) < every && now.Done < now.Total {
		return
	}
	p.last = time.Now()
	share := float64(now.Done) / float64(max(1, now.Total))
	text := fmt.Sprintf("%3.0f %% %d of %d, %.0f/s, %s left, republished %d, parked %d", 100*share, now.Done, now.Total, now.Rate,
		now.ETA.Round(time.Second), now.Outcomes[dlq.OutcomeRepublished], now.Outcomes[dlq.OutcomeParked])
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
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
