// Monitor watches every connector and task of a Kafka Connect cluster, says why those that have failed did and what helps, and tells a webhook.
// It restarts nothing; autorestart beside it does.
//
//	go run ./examples/monitor -connect http://localhost:8083            # one look; exit code 0 all well, 1 could not look, 2 something has failed
//	go run ./examples/monitor -connect http://localhost:8083 -watch     # a table that refreshes
//	go run ./examples/monitor -connect http://localhost:8083 -every 30s -webhook https://hooks.example/x
//
// The webhook receives {"connector": ..., "state": ...} and more, once when a connector stops being RUNNING and once when it is back. PAUSED and
// STOPPED are somebody's wish: they are shown, and told only with -paused. With -progress-brokers a connector that is RUNNING while records wait and none
// moves is shown as "RUNNING, stalled" and told like a failed one. Credentials come from CONNECT_USER and CONNECT_PASSWORD.
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
	"syscall"
	"time"

	"github.com/go-reconnect/reconnect/connect"
	"github.com/go-reconnect/reconnect/examples/internal/commas"
	"github.com/go-reconnect/reconnect/examples/internal/secure"
	"github.com/go-reconnect/reconnect/recovery"
)

// The exit codes of one look.
const (
	exitWell   = 0
	exitBlind  = 1
	exitFailed = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	code, err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "monitor:", err)
	}
	stop()
	os.Exit(code)
}

type options struct {
	connect, webhook, format, cluster string
	progressBrokers, progressSources  string
	every, progressAfter              time.Duration
	watch, paused, traces             bool
	kafka                             *secure.KafkaFlags
}

func parse(args []string, out io.Writer) (options, error) {
	var o options
	f := flag.NewFlagSet("monitor", flag.ContinueOnError)
	f.SetOutput(out)
	f.StringVar(&o.connect, "connect", "http://localhost:8083", "URLs of the workers of one cluster, separated by commas")
	f.StringVar(&o.cluster, "cluster", "", "name of the cluster, for the webhook")
	f.StringVar(&o.webhook, "webhook", "", "URL to tell when a connector stops being RUNNING, and when it is back")
	f.StringVar(&o.format, "webhook-format", "json", "json, alertmanager or slack")
	f.DurationVar(&o.every, "every", 0, "look again after this time; 0 = once, or 5s with -watch")
	f.BoolVar(&o.watch, "watch", false, "a table that refreshes")
	f.BoolVar(&o.paused, "paused", false, "tell of PAUSED and STOPPED connectors, too")
	f.BoolVar(&o.traces, "traces", false, "print the whole stack traces; they can hold data and secrets")
	f.StringVar(&o.progressBrokers, "progress-brokers", "", "Kafka brokers that the sinks read from, to tell which are RUNNING and do not move, separated by commas; needs -every or -watch")
	f.StringVar(&o.progressSources, "progress-sources", "", "patterns of source connectors that always have something to do, separated by commas")
	f.DurationVar(&o.progressAfter, "progress-after", recovery.DefaultProgressAfter, "how long records may wait without any moving")
	o.kafka = secure.AddKafka(f)
	if err := f.Parse(args); err != nil {
		return o, err
	}
	switch {
	case f.NArg() > 0:
		return o, fmt.Errorf("unexpected argument %q", f.Arg(0))
	case o.every < 0:
		return o, errors.New("-every is negative")
	case o.watch && o.every == 0:
		o.every = 5 * time.Second
	}
	switch {
	case o.progressSources != "" && o.progressBrokers == "":
		return o, errors.New("-progress-sources needs -progress-brokers")
	case o.progressBrokers != "" && o.every == 0:
		return o, errors.New("-progress-brokers needs -every or -watch: one look cannot tell whether anything moves")
	case o.progressAfter <= 0:
		return o, errors.New("-progress-after is not positive")
	}
	return o, nil
}

func run(ctx context.Context, args []string, out, errOut io.Writer) (int, error) {
	o, err := parse(args, errOut)
	if err != nil {
		return exitBlind, err
	}
	client, err := newClient(o.connect)
	if err != nil {
		return exitBlind, err
	}
	t := &teller{cluster: o.cluster, paused: o.paused, told: map[string]connect.State{}}
	if o.webhook != "" {
		hook := recovery.Webhook{URL: o.webhook, Format: recovery.Format(o.format)}
		if err := hook.Validate(); err != nil {
			return exitBlind, err
		}
		t.to = hook
	}
	if o.progressBrokers != "" {
		p, err := newProgress(&o, client)
		if err != nil {
			return exitBlind, err
		}
		defer p.Close() //nolint:errcheck // nothing is left to lose
		t.stalls = &stalls{from: p, after: o.progressAfter}
	}
	if o.every == 0 {
		rows, err := look(ctx, client)
		if err != nil {
			return exitBlind, err
		}
		var b strings.Builder
		report(&b, rows, o.traces)
		if _, err := io.WriteString(out, b.String()); err != nil {
			return exitBlind, err
		}
		if err := t.tell(ctx, rows, time.Now()); err != nil {
			return exitBlind, err
		}
		for _, r := range rows {
			if r.state == connect.StateFailed {
				return exitFailed, nil
			}
		}
		return exitWell, nil
	}
	follow(ctx, client, t, o, out, errOut)
	return exitWell, nil
}

// follow looks again and again until ctx ends; a look that fails is said, and is no reason to stop.
func follow(ctx context.Context, client *connect.Client, t *teller, o options, out, errOut io.Writer) {
	say := func(w io.Writer, text string) { _, _ = io.WriteString(w, text) }
	last := ""
	for {
		rows, err := look(ctx, client)
		if ctx.Err() != nil {
			return
		}
		if err == nil && t.stalls != nil {
			if perr := t.stalls.mark(ctx, rows, time.Now()); perr != nil && ctx.Err() == nil {
				say(errOut, "monitor: progress unknown: "+perr.Error()+"\n")
			}
		}
		var b strings.Builder
		switch {
		case err != nil:
			say(errOut, "monitor: "+err.Error()+"\n")
		case o.watch:
			table(&b, rows, time.Now())
			say(out, "\x1b[H\x1b[2J"+b.String())
		default:
			if report(&b, rows, o.traces); b.String() != last {
				last = b.String()
				say(out, time.Now().UTC().Format(time.RFC3339)+"\n"+last)
			}
		}
		if err == nil {
			if err := t.tell(ctx, rows, time.Now()); err != nil && ctx.Err() == nil {
				say(errOut, "monitor: "+err.Error()+"\n")
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(o.every):
		}
	}
}

func newClient(urls string) (*connect.Client, error) {
	list := commas.Split(urls)
	if len(list) == 0 {
		return nil, errors.New("-connect names no URL")
	}
	var opts []connect.Option
	if len(list) > 1 {
		opts = append(opts, connect.WithWorkers(list[1:]...))
	}
	if user := os.Getenv("CONNECT_USER"); user != "" {
		opts = append(opts, connect.WithBasicAuth(user, os.Getenv("CONNECT_PASSWORD")))
	}
	return connect.NewClient(list[0], opts...)
}
