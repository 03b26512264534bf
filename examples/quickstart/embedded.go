package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/go-reconnect/reconnect/connect"
	"github.com/go-reconnect/reconnect/connect/connecttest"
	"github.com/go-reconnect/reconnect/errtolerance"
	"github.com/go-reconnect/reconnect/examples/quickstart/internal/filesink"
	"github.com/go-reconnect/reconnect/recovery"
)

// embedded is the place without a flag: a Kafka broker and a Connect worker in this process, and a sink that consumes, converts,
// tolerates, dead-letters, commits and fails as one in a worker does.
type embedded struct {
	connector string
	dir       string // of this run; the sink's own directory in it is missing at first
	broker    *kfake.Cluster
	worker    *connecttest.Server
	client    *connect.Client
}

// startEmbedded starts the parts. put is filesink.Worker's, for tests.
func startEmbedded(put func(*kgo.Record) (bool, error)) starter {
	return func(ctx context.Context, n names, _ func(string, ...any)) (environment, error) {
		e := &embedded{connector: n.connector}
		ok := false
		defer func() {
			if !ok {
				_ = e.Close(ctx)
			}
		}()
		var err error
		if e.dir, err = os.MkdirTemp("", "reconnect-quickstart-"); err != nil {
			return nil, err
		}
		if e.broker, err = kfake.NewCluster(kfake.NumBrokers(1)); err != nil {
			return nil, err
		}
		e.worker = connecttest.NewServer(connecttest.Config{Settle: 20 * time.Millisecond})
		sink := &filesink.Worker{Brokers: e.broker.ListenAddrs(), OffsetFlushInterval: 100 * time.Millisecond, Put: put}
		e.worker.RegisterPlugin(filesink.Class, "sink", func(ctx context.Context, t connecttest.Task) error {
			return sink.Run(ctx, t.Connector, t.Task, t.Config)
		})
		if e.client, err = connect.NewClient(e.worker.URL()); err != nil { //nolint:contextcheck // the worker lives until Close
			return nil, err
		}
		ok = true
		return e, nil
	}
}

func (e *embedded) Brokers() []string       { return e.broker.ListenAddrs() }
func (e *embedded) Client() *connect.Client { return e.client }
func (e *embedded) KeepsTraces() bool       { return false }

func (e *embedded) file() string { return filepath.Join(e.dir, "data", "orders.txt") }

func (e *embedded) Sink(topic string) map[string]string { return fileSink(topic, e.file()) }

// fileSink is the config of a FileStreamSink that reads JSON with schemas, without its error handling.
func fileSink(topic, file string) map[string]string {
	return map[string]string{
		"connector.class":                filesink.Class,
		"tasks.max":                      "1",
		"topics":                         topic,
		"file":                           file,
		"key.converter":                  "org.apache.kafka.connect.storage.StringConverter",
		"value.converter":                "org.apache.kafka.connect.json.JsonConverter",
		"value.converter.schemas.enable": "true",
	}
}

func (e *embedded) ErrorHandling(deadLetters string) errtolerance.Config {
	return errtolerance.DeadLetter(deadLetters).WithReplicationFactor(1)
}

func (e *embedded) RestartsFirst() int { return 1 }

func (e *embedded) Repair(context.Context) (string, error) {
	dir := filepath.Dir(e.file())
	return "the missing directory " + dir + " is there now", os.Mkdir(dir, 0o750)
}

func (e *embedded) Policy() (recovery.Policy, time.Duration) {
	return fastPolicy(200 * time.Millisecond), 50 * time.Millisecond
}

// fastPolicy is a policy for a demonstration: unit is the first delay between restarts, where the default is a minute.
func fastPolicy(unit time.Duration) recovery.Policy {
	return recovery.Policy{
		MaxRestarts: 10, RestartDelay: unit, MaxDelay: 2 * unit, StableFor: 2 * unit, VerifyTimeout: 3 * unit, FailureThreshold: 1,
		RebalanceDelay: 10 * time.Second, AfterChange: 5,
	}
}

func (e *embedded) Output(context.Context, int) (output, error) {
	return readOutput(e.file(), os.ReadFile)
}

// readOutput is the lines of a file; one that does not exist has none.
func readOutput(file string, read func(string) ([]byte, error)) (output, error) {
	out := output{from: file, known: true}
	content, err := read(file)
	if errors.Is(err, fs.ErrNotExist) {
		out.from += ", which does not exist"
		return out, nil
	}
	if err != nil {
		return out, err
	}
	if text := strings.TrimSuffix(string(content), "\n"); text != "" {
		out.lines = strings.Split(text, "\n")
	}
	return out, nil
}

// Commit has nothing to do: the worker commits soon by itself.
func (e *embedded) Commit(context.Context) error { return nil }

func (e *embedded) Restarts(context.Context) (n int, how string, err error) {
	for _, r := range e.worker.Requests() {
		if isRestart(r.Method, r.Path, e.connector) && (r.Status == 202 || r.Status == 204) {
			n++
		}
	}
	return n, "the requests that reached the worker", nil
}

// isRestart says that a request restarts the connector or a task of it.
func isRestart(method, path, connector string) bool {
	rest, ok := strings.CutPrefix(path, "/connectors/"+connector+"/")
	return ok && method == "POST" && strings.HasSuffix(rest, "restart")
}

func (e *embedded) Close(context.Context) error {
	if e.worker != nil {
		e.worker.Close()
	}
	if e.broker != nil {
		e.broker.Close()
	}
	if e.dir == "" {
		return nil
	}
	if err := os.RemoveAll(e.dir); err != nil {
		return fmt.Errorf("remove %s: %w", e.dir, err)
	}
	return nil
}
