// Lint checks the error handling of Kafka Connect connectors: what Kafka will refuse, what has no effect, what loses records.
//
//	go run ./examples/lint connectors/                                  # files and folders
//	go run ./examples/lint -kafka-version 3.9.0 -brokers 3 sink.json    # know more, find more
//	go run ./examples/lint -connect http://localhost:8083 -validate     # every running connector, and what its worker says
//	go run ./examples/lint -format sarif connectors/ > lint.sarif       # for a code review tool
//	go run ./examples/lint -ignore 'ET410=one broker by design' .
//
// It reads JSON ({"name": ..., "config": {...}}, flat maps, lists of them), .properties and YAML (Strimzi's KafkaConnector, several
// documents). The exit code is 0 when nothing reaches -fail-on, 1 when something does, 2 when it could not look. Credentials for
// -connect come from CONNECT_USER and CONNECT_PASSWORD.
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

	"github.com/go-reconnect/reconnect/errtolerance"
)

// The exit codes.
const (
	exitClean    = 0
	exitFindings = 1
	exitTrouble  = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code, err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "lint:", err)
	}
	os.Exit(code)
}

type options struct {
	connect, format string
	validate, never bool
	failOn          errtolerance.Severity
	target          errtolerance.Target
	ignore          []errtolerance.Suppression
	paths           []string
}

func parse(args []string, out io.Writer) (options, error) {
	o := options{failOn: errtolerance.SeverityWarning}
	f := flag.NewFlagSet("lint", flag.ContinueOnError)
	f.SetOutput(out)
	f.Usage = func() {
		_, _ = fmt.Fprintln(out, "usage: lint [flags] file-or-folder...   or   lint [flags] -connect URL")
		f.PrintDefaults()
	}
	f.StringVar(&o.connect, "connect", "", "URLs of the workers of one cluster, separated by commas: lint every connector there")
	f.BoolVar(&o.validate, "validate", false, "with -connect: ask the worker to validate each configuration as well")
	f.StringVar(&o.format, "format", "text", "text, json or sarif")
	f.StringVar(&o.target.KafkaVersion, "kafka-version", "", "version of the workers, as in 3.9.0 or 7.5.0-ccs (default: unknown, or what -connect answers)")
	f.IntVar(&o.target.Brokers, "brokers", 0, "number of brokers (default: unknown)")
	f.BoolVar(&o.target.RepublishExactlyOnce, "republish-exactly-once", false, "dead letters are republished in transactions")
	f.Func("kind", "source or sink, for connectors whose class does not tell", func(s string) error {
		if o.target.Kind = errtolerance.ParseKind(s); o.target.Kind == errtolerance.KindUnknown {
			return errors.New("source or sink")
		}
		return nil
	})
	f.Func("providers", "names of the worker's config.providers, separated by commas (default: unknown)", func(s string) error {
		o.target.ConfigProviders = []string{}
		if s != "" {
			o.target.ConfigProviders = strings.Split(s, ",")
		}
		return nil
	})
	f.Func("fail-on", "lowest severity for exit code 1: info, warning, error or never (default warning)", func(s string) (err error) {
		if o.never = s == "never"; !o.never {
			o.failOn, err = errtolerance.ParseSeverity(s)
		}
		return err
	})
	f.Func("ignore", "CODE=reason or CODE:connector=reason; may be repeated", func(s string) error {
		what, reason, _ := strings.Cut(s, "=")
		code, connector, _ := strings.Cut(what, ":")
		if code == "" || strings.TrimSpace(reason) == "" {
			return errors.New("write CODE=reason: a suppression needs a reason")
		}
		o.ignore = append(o.ignore, errtolerance.Suppression{Code: code, Connector: connector, Reason: reason})
		return nil
	})
	if err := f.Parse(args); err != nil {
		return o, err
	}
	o.paths = f.Args()
	switch {
	case o.format != "text" && o.format != "json" && o.format != "sarif":
		return o, fmt.Errorf("-format %s is none of text, json, sarif", o.format)
	case o.target.Brokers < 0:
		return o, errors.New("-brokers must not be negative")
	case o.connect == "" && len(o.paths) == 0:
		return o, errors.New("name files or folders, or -connect URL")
	case o.connect != "" && len(o.paths) > 0:
		return o, errors.New("either files or -connect")
	case o.validate && o.connect == "":
		return o, errors.New("-validate needs -connect")
	}
	return o, nil
}

func run(ctx context.Context, args []string, out, errOut io.Writer) (int, error) {
	o, err := parse(args, errOut)
	if errors.Is(err, flag.ErrHelp) {
		return exitClean, err
	}
	if err != nil {
		return exitTrouble, err
	}
	var set *set
	if o.connect != "" {
		set, err = fromCluster(ctx, o)
	} else {
		set, err = fromFiles(o.paths)
	}
	if err != nil {
		return exitTrouble, err
	}
	findings := set.lint(o).Suppress(o.ignore...)
	if err := write(out, o.format, findings, set); err != nil {
		return exitTrouble, err
	}
	if o.format == "text" {
		_, _ = fmt.Fprintf(errOut, "%d connector(s), %d finding(s)\n", len(set.connectors), len(findings))
	}
	if !o.never && findings.Max() >= o.failOn {
		return exitFindings, nil
	}
	return exitClean, nil
}

func write(out io.Writer, format string, findings errtolerance.Findings, set *set) error {
	switch format {
	case "json":
		return findings.WriteJSON(out)
	case "sarif":
		return findings.WriteSARIF(out, func(f errtolerance.Finding) errtolerance.Location { return set.locate(f.Connector) })
	}
	return findings.WriteText(out)
}
