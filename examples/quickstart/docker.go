package main

import (
	"context"
	"fmt"
	"path"
	"regexp"
	"strings"
	"time"

	"github.com/go-reconnect/reconnect/connect"
	"github.com/go-reconnect/reconnect/errtolerance"
	"github.com/go-reconnect/reconnect/internal/testutil"
	"github.com/go-reconnect/reconnect/recovery"
)

// docker is the place of -docker: a broker and a worker of Kafka in containers.
type docker struct {
	cluster *testutil.Cluster
	owned   bool // started here, so to be removed
	client  *connect.Client
	names   names
	began   time.Time
}

// startDocker starts the containers of a Kafka version; "" is the newest one. start is testutil.Start.
func startDocker(version string, start func(context.Context, testutil.Options) (*testutil.Cluster, error)) starter {
	return func(ctx context.Context, n names, say func(string, ...any)) (environment, error) {
		c, err := start(ctx, testutil.Options{
			Version: version, Workers: 1,
			Logf:             func(format string, args ...any) { say("   "+format, args...) },
			WorkerProperties: map[string]string{"offset.flush.interval.ms": "1000"},
		})
		if err != nil {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			return nil, fmt.Errorf("-docker: %s; without -docker everything runs in this process", strings.TrimPrefix(err.Error(), "testutil: "))
		}
		d, err := onCluster(c, n)
		if err != nil {
			return nil, err
		}
		d.owned = true
		return d, nil
	}
}

// onCluster plays on containers that somebody else started and removes.
func onCluster(c *testutil.Cluster, n names) (*docker, error) {
	client, err := connect.NewClient(c.URLs()[0], connect.WithWorkers(c.URLs()[1:]...))
	if err != nil {
		return nil, err
	}
	return &docker{cluster: c, client: client, names: n, began: time.Now()}, nil
}

func (d *docker) Brokers() []string       { return d.cluster.Brokers() }
func (d *docker) Client() *connect.Client { return d.client }
func (d *docker) KeepsTraces() bool       { return !d.owned }

// file is in a directory that every worker sees, and that is missing at first.
func (d *docker) file() string { return path.Join(testutil.SharedDir, d.names.connector, "orders.txt") }

func (d *docker) Sink(topic string) map[string]string { return fileSink(topic, d.file()) }

func (d *docker) ErrorHandling(deadLetters string) errtolerance.Config {
	return errtolerance.DeadLetter(deadLetters).WithReplicationFactor(1)
}

func (d *docker) RestartsFirst() int { return 1 }

func (d *docker) Repair(ctx context.Context) (string, error) {
	dir := path.Dir(d.file())
	return "the missing directory " + dir + " is there now", d.cluster.Worker(0).Mkdir(ctx, dir)
}

func (d *docker) Policy() (recovery.Policy, time.Duration) {
	return fastPolicy(2 * time.Second), 500 * time.Millisecond
}

func (d *docker) Output(ctx context.Context, _ int) (output, error) {
	found, err := d.cluster.Worker(0).Exec(ctx, "sh", "-c", "ls "+d.file()+" 2>/dev/null || true") // the name is this program's own
	if err != nil {
		return output{}, err
	}
	if strings.TrimSpace(found) == "" {
		return output{from: d.file() + " in the worker, which does not exist", known: true}, nil
	}
	out, err := readOutput(d.file(), func(name string) ([]byte, error) { return d.cluster.Worker(0).ReadFile(ctx, name) })
	out.from += " in the worker"
	return out, err
}

// restartLine is an entry of the worker's request log; a request that another worker forwarded is that one's.
var restartLine = regexp.MustCompile(`"POST (/connectors/[^ ?"]+/restart)(\?[^ "]*)? HTTP/[0-9.]+" (202|204) `)

// Commit has nothing to do: the worker commits soon by itself.
func (d *docker) Commit(context.Context) error { return nil }

// Restarts counts in the workers' own request logs.
func (d *docker) Restarts(ctx context.Context) (n int, how string, err error) {
	for _, w := range d.cluster.Workers() {
		log, err := w.Logs(ctx, d.began, 0)
		if err != nil {
			return 0, "", err
		}
		for _, m := range restartLine.FindAllStringSubmatch(log, -1) {
			if isRestart("POST", m[1], d.names.connector) && !strings.Contains(m[2], "forward=") {
				n++
			}
		}
	}
	return n, "the workers' request logs", nil
}

func (d *docker) Close(ctx context.Context) error {
	if d.owned {
		return d.cluster.Close() //nolint:contextcheck // it bounds itself
	}
	_, _ = d.cluster.Worker(0).Exec(ctx, "rm", "-rf", path.Dir(d.file())) // the volume goes with the cluster
	return nil
}
