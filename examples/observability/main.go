// Observability is what goes with the metrics of this project: rules for the JMX exporter, alerts and their tests, an Alertmanager configuration, a
// Grafana dashboard, and a compose file that runs all of it beside Kafka, Connect and autorestart. This program is the part of it that is Go:
//
//	go run ./examples/observability inbox -listen 127.0.0.1:9095
//	go run ./examples/observability plot -prometheus http://localhost:9090 -out dashboard.html
//
// inbox receives Alertmanager's notifications and prints a line for each alert, to see what would have been sent. plot asks a Prometheus every query of
// the dashboard and draws the answers into one HTML page, for a look without Grafana.
//
// The whole set: docker compose -f examples/observability/compose.yaml up.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "observability:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out, errs io.Writer) error {
	if len(args) == 0 {
		return errors.New("say what to do: inbox or plot (each has -help)")
	}
	switch args[0] {
	case "inbox":
		return runInbox(ctx, args[1:], out, errs)
	case "plot":
		return runPlot(ctx, args[1:], out, errs)
	default:
		return fmt.Errorf("%q is neither inbox nor plot", args[0])
	}
}

// parse reads the flags of one command, which takes no arguments.
func parse(flags *flag.FlagSet, args []string, errs io.Writer) error {
	flags.SetOutput(errs)
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("%s: unexpected argument %q", flags.Name(), flags.Arg(0))
	}
	return nil
}
