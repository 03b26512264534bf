// Command quickstart plays the main job of this SDK and says what happened: a sink connector meets bad records and a broken environment,
// its failed task comes back by itself, the bad records are found in the dead letter queue, explained, fixed and republished, and every
// record reaches the sink.
//
//	go run ./examples/quickstart                                     # needs nothing: a broker and a worker in this process
//	go run ./examples/quickstart -docker                             # the same on real containers, needs Docker
//	go run ./examples/quickstart -brokers host:9092 -connect http://host:8083
//
// The last form works on your own cluster with topics, groups and connectors of its own, whose names start with reconnect-quickstart-, and
// removes them. It exits with 1 when a record is missing, when something could not be done, and when it is interrupted.
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

	"github.com/go-reconnect/reconnect/dlq"
	"github.com/go-reconnect/reconnect/examples/internal/commas"
	"github.com/go-reconnect/reconnect/internal/testutil"
	"github.com/go-reconnect/reconnect/recovery"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second interrupt ends the clean-up too
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr, func(*options) {})
	stop()
	os.Exit(code)
}

// run is main without the process. change lets tests take a part out of the story.
func run(ctx context.Context, args []string, stdout, stderr io.Writer, change func(*options)) int {
	o, err := parse(args, stdout)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		return fail(ctx, stderr, err)
	}
	o.progress = stdout
	change(&o)
	acc, err := play(ctx, o)
	if err != nil {
		return fail(ctx, stderr, err)
	}
	acc.print(stdout)
	_, _ = fmt.Fprintf(stdout, "\n%s\n", acc.verdict())
	if !acc.complete() {
		return 1
	}
	return 0
}

// fail prints one line.
func fail(ctx context.Context, stderr io.Writer, err error) int {
	text := err.Error()
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		text = "interrupted; what it made is removed"
	}
	_, _ = fmt.Fprintln(stderr, "quickstart: "+strings.Join(strings.Fields(text), " "))
	return 1
}

// parse reads the flags into options.
func parse(args []string, help io.Writer) (options, error) {
	flags := flag.NewFlagSet("quickstart", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	useDocker := flags.Bool("docker", false, "play it on containers of Kafka and Kafka Connect; needs Docker")
	version := flags.String("kafka", "", "with -docker, the Kafka version (default the newest one this SDK is tested with)")
	brokers := flags.String("brokers", "", "play it on your own cluster: its brokers, host:port, separated by commas")
	urls := flags.String("connect", "", "and the base URLs of its Connect workers, separated by commas")
	orders := flags.Int("orders", 300, "how many records to send, 25 to 100000")
	patience := flags.Duration("patience", 0, "how long one step may take (default 30s, 2m with -docker, 5m on your own cluster)")
	o := options{
		partitions: 3,
		newSupervisor: func(c recovery.Connect, config recovery.Config) (supervisor, error) {
			return recovery.New(c, config)
		},
		newRepublisher: func(config dlq.RepublisherConfig) (republisher, error) { return dlq.NewRepublisher(config) },
	}
	err := flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		_, _ = fmt.Fprintln(help, "go run ./examples/quickstart [flags]: a failed sink task comes back, its dead letters are fixed and reach the sink.")
		flags.SetOutput(help)
		flags.PrintDefaults()
		return o, err
	case err != nil:
		return o, fmt.Errorf("%w; -h lists the flags", err)
	case flags.NArg() > 0:
		return o, fmt.Errorf("unexpected argument %q: everything is a flag, -h lists them", flags.Arg(0))
	case *orders < 25 || *orders > 100_000:
		return o, fmt.Errorf("-orders is %d: give 25 to 100000", *orders)
	case *patience < 0:
		return o, fmt.Errorf("-patience is %v: give a positive duration", *patience)
	case *useDocker && (*brokers != "" || *urls != ""):
		return o, errors.New("-docker and -brokers or -connect exclude each other: choose containers or your own cluster")
	case (*brokers == "") != (*urls == ""):
		return o, errors.New("-brokers and -connect belong together: give both for your own cluster, neither for the embedded one")
	case *version != "" && !*useDocker:
		return o, errors.New("-kafka chooses the version of containers: give -docker too")
	}
	o.orders = *orders
	o.patience = 30 * time.Second
	o.start = startEmbedded(nil)
	switch {
	case *useDocker:
		o.patience = 2 * time.Minute
		o.start = startDocker(*version, testutil.Start)
	case *brokers != "":
		o.patience = 5 * time.Minute
		o.start = startCluster(commas.Split(*brokers), commas.Split(*urls))
	}
	if *patience > 0 {
		o.patience = *patience
	}
	return o, nil
}
