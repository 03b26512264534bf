// Command dlqinspect shows what is in a dead letter queue, by cause, and whether the queue's settings keep it there. It reads
// without a consumer group and commits nothing.
//
// It needs a Kafka cluster; -sasl, -user and the -tls flags log in to a secured one, with the password from KAFKA_PASSWORD:
//
//	go run ./examples/dlqinspect -brokers localhost:9092 -topic orders-dlq
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
	"github.com/go-reconnect/reconnect/examples/internal/secure"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		_, _ = fmt.Fprintln(os.Stderr, "dlqinspect:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("dlqinspect", flag.ContinueOnError)
	var (
		brokers     = flags.String("brokers", "localhost:9092", "bootstrap brokers, comma separated")
		topic       = flags.String("topic", "", "the dead letter queue")
		sources     = flags.String("sources", "", "topics that the connector reads, comma separated, to compare settings with")
		connector   = flags.String("connector", "", "only this connector")
		fingerprint = flags.String("fingerprint", "", "only this cause")
		since       = flags.Duration("since", 0, "only records younger than this")
		maximum     = flags.Int64("max", 1_000_000, "records to read at most")
		timeout     = flags.Duration("timeout", time.Minute, "how long to read at most")
		asJSON      = flags.Bool("json", false, "print JSON")
		remedies    = flags.Bool("remedies", true, "print what to do about the most frequent causes")
	)
	connection := secure.Add(flags)
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *topic == "" || flags.NArg() > 0 {
		return errors.New("-topic is needed, and nothing but flags: see -help")
	}
	config, login, err := connection.Load()
	if err != nil {
		return err
	}
	cfg := dlq.InspectConfig{
		Brokers: strings.Split(*brokers, ","), TLS: config, SASL: login, Topic: *topic, MaxRecords: *maximum, Timeout: *timeout,
		Filter: dlq.Filter{Connector: *connector, Fingerprint: *fingerprint},
	}
	if *since > 0 {
		cfg.Filter.Since = time.Now().Add(-*since)
	}
	summary, err := dlq.Inspect(ctx, cfg)
	if err != nil {
		return err
	}
	if *asJSON {
		return summary.WriteJSON(out)
	}
	if err := summary.WriteTable(out); err != nil {
		return err
	}
	if *remedies {
		for _, g := range summary.Groups[:min(3, len(summary.Groups))] {
			if len(g.Diagnosis.Remedies) > 0 {
				_, _ = fmt.Fprintf(out, "\n%s\n  fingerprint %s, for example %s-%d@%d\n", g.Diagnosis.Summary, g.Fingerprint, *topic, g.Partition, g.Offset)
			}
			for _, r := range g.Diagnosis.Remedies {
				_, _ = fmt.Fprintf(out, "  - %s\n", r)
			}
		}
	}
	check := dlq.TopicConfig{Brokers: cfg.Brokers, TLS: config, SASL: login, Topic: *topic}
	if *sources != "" {
		check.Sources = strings.Split(*sources, ",")
	}
	findings, err := dlq.CheckTopic(ctx, check)
	if err != nil {
		return err
	}
	for _, f := range findings {
		_, _ = fmt.Fprintf(out, "\n%s %s %s %s\n  %s\n  fix: %s\n", f.Severity, f.Code, f.Setting, f.Value, f.Message, f.Fix)
	}
	return nil
}
