package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-reconnect/reconnect/connect"
	"github.com/go-reconnect/reconnect/errtolerance"
	"github.com/go-reconnect/reconnect/examples/quickstart/internal/filesink"
	"github.com/go-reconnect/reconnect/recovery"
)

// fileSource reads a file on a worker's disk into a topic: how the sink's output is seen from here.
const fileSource = "org.apache.kafka.connect.file.FileStreamSourceConnector"

// cluster is the place of -brokers and -connect: somebody's own. Nothing on a worker's disk can be made or seen from here, so the task
// fails on something in Kafka instead of a missing directory: a dead letter queue with more replicas than there are brokers, which a
// worker cannot create. The topic made by hand is what lets a restart succeed. The sink's file is read back by source connectors.
type cluster struct {
	brokers  []string
	kafka    *kafkaClient
	client   *connect.Client
	names    names
	restarts *restartCounter
	readers  []string // connectors that read the file back
}

// startCluster asks Kafka and Connect whether they are there and belong together. It makes nothing.
func startCluster(brokers, urls []string) starter {
	return func(ctx context.Context, n names, _ func(string, ...any)) (_ environment, err error) {
		c := &cluster{brokers: brokers, names: n, restarts: &restartCounter{next: http.DefaultTransport, connector: n.connector}}
		c.client, err = connect.NewClient(urls[0], connect.WithWorkers(urls[1:]...), connect.WithHTTPClient(&http.Client{Transport: c.restarts}))
		if err != nil {
			return nil, fmt.Errorf("-connect: %w", err)
		}
		if c.kafka, err = dialKafka(ctx, brokers); err != nil {
			return nil, err
		}
		if err := c.check(ctx); err != nil {
			c.kafka.close()
			return nil, err
		}
		return c, nil
	}
}

func (c *cluster) check(ctx context.Context) error {
	ask, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	url := c.client.Workers()[0]
	info, err := c.client.ServerInfo(ask)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, connect.ErrNotConnect):
		return fmt.Errorf("what answers at %s is not Kafka Connect: -connect wants the URL of a worker's REST listener (%w)", url, err)
	case errors.Is(err, connect.ErrUnauthorized), errors.Is(err, connect.ErrForbidden):
		return fmt.Errorf("Kafka Connect at %s wants credentials: give them as http://user:password@host:8083 (%w)", url, err) //nolint:staticcheck // a name, not the start of a sentence
	case err != nil:
		return fmt.Errorf("no Connect worker answers at %s: check that it runs and the URL is right (%w)", url, err)
	}
	if c.kafka.clusterID != "" && info.KafkaClusterID != c.kafka.clusterID {
		return fmt.Errorf("the Connect worker works on Kafka cluster %s, and -brokers is cluster %s: give the brokers of the worker's own cluster",
			info.KafkaClusterID, c.kafka.clusterID)
	}
	plugins, err := c.client.ListPlugins(ask, connect.PluginOptions{})
	if err != nil {
		return err
	}
	for _, class := range []string{filesink.Class, fileSource} {
		if !slices.ContainsFunc(plugins, func(p connect.Plugin) bool { return p.Class == class }) {
			return fmt.Errorf("the worker has no %s: add connect-file-<version>.jar of Kafka's libs folder to its plugin.path", class)
		}
	}
	return nil
}

func (c *cluster) Brokers() []string       { return c.brokers }
func (c *cluster) Client() *connect.Client { return c.client }
func (c *cluster) KeepsTraces() bool       { return true }

func (c *cluster) file() string { return "/tmp/" + c.names.connector + ".txt" }

func (c *cluster) Sink(topic string) map[string]string { return fileSink(topic, c.file()) }

func (c *cluster) ErrorHandling(deadLetters string) errtolerance.Config {
	return errtolerance.DeadLetter(deadLetters).WithReplicationFactor(int16(c.kafka.nodes + 1)) //nolint:gosec // a number of brokers
}

// RestartsFirst is 0: a restart that is known not to help is not tried on somebody's cluster.
func (c *cluster) RestartsFirst() int { return 0 }

func (c *cluster) Repair(ctx context.Context) (string, error) {
	return "the topic " + c.names.deadLetters + ", which the worker could not create, is there now", c.kafka.createTopic(ctx, c.names.deadLetters, 1)
}

func (c *cluster) Policy() (recovery.Policy, time.Duration) {
	p := fastPolicy(5 * time.Second)
	p.VerifyTimeout = time.Minute // connectors may start slowly here
	return p, 2 * time.Second
}

// Commit pauses the connector and resumes it. Offsets are committed every offset.flush.interval.ms, a minute unless the worker says otherwise,
// but also when a sink task is paused (WorkerSinkTask.poll).
func (c *cluster) Commit(ctx context.Context) error {
	for _, do := range []struct {
		call func(context.Context, string) error
		want connect.State
	}{{c.client.Pause, connect.StatePaused}, {c.client.Resume, connect.StateRunning}} {
		if err := do.call(ctx, c.names.connector); err != nil {
			return err
		}
		err := until(ctx, 200*time.Millisecond, func() (bool, error) {
			st, err := c.client.GetStatus(ctx, c.names.connector)
			return err == nil && len(st.Tasks) > 0 && st.Tasks[0].State == do.want, err
		})
		if err != nil {
			return fmt.Errorf("wait for %s to be %s: %w", c.names.connector, do.want, err)
		}
	}
	return nil
}

func (c *cluster) Restarts(context.Context) (n int, how string, err error) {
	return int(c.restarts.accepted.Load()), "its answers, on the wire", nil
}

// Output reads the sink's file back with source connectors, until one of them runs on the sink's worker.
func (c *cluster) Output(ctx context.Context, want int) (output, error) {
	unseen := output{from: c.file() + " is on the worker's disk"}
	sink, err := c.task(ctx, c.names.connector)
	if err != nil {
		return unseen, err
	}
	var topic string
	for i := 0; i < 8 && topic == ""; i++ {
		name := fmt.Sprintf("%s-readback-%d", c.names.connector, i)
		c.readers = append(c.readers, name)
		if err := c.kafka.createTopic(ctx, name, 1); err != nil {
			return unseen, err
		}
		_, err := c.client.CreateConnector(ctx, connect.CreateRequest{Name: name, Config: connect.Config{
			"connector.class": fileSource, "tasks.max": "1", "file": c.file(), "topic": name,
			"key.converter": "org.apache.kafka.connect.storage.StringConverter", "value.converter": "org.apache.kafka.connect.storage.StringConverter",
		}})
		if err != nil {
			return unseen, err
		}
		reader, err := c.task(ctx, name)
		if err != nil {
			return unseen, err
		}
		if reader.WorkerID == sink.WorkerID {
			topic = name
		}
	}
	if topic == "" {
		unseen.from += ", and no source connector landed on that worker to read it"
		return unseen, nil
	}
	// The file does not grow any more: nothing is in front of the sink. Its end is not marked, so what is missing is waited for a while.
	patience, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	var ends offsets
	err = until(patience, 500*time.Millisecond, func() (done bool, err error) {
		now, err := c.kafka.ends(patience, topic)
		if err != nil {
			return false, err
		}
		done = now.sum() >= int64(want) && now.sum() == ends.sum()
		ends = now
		return done, nil
	})
	if err != nil && (ctx.Err() != nil || patience.Err() == nil) {
		return unseen, err
	}
	records, err := c.kafka.read(ctx, topic, ends)
	if err != nil {
		return unseen, err
	}
	if after, err := c.task(ctx, c.names.connector); err != nil || after.WorkerID != sink.WorkerID {
		unseen.from += ", and the sink moved to another worker meanwhile"
		return unseen, err
	}
	out := output{from: c.file() + " on worker " + sink.WorkerID + ", read back by a source connector; the file stays there", known: true}
	for _, r := range records {
		out.lines = append(out.lines, string(r.Value))
	}
	return out, nil
}

// task waits for the only task of a connector to run.
func (c *cluster) task(ctx context.Context, connector string) (connect.TaskStatus, error) {
	var task connect.TaskStatus
	err := until(ctx, 200*time.Millisecond, func() (bool, error) {
		st, err := c.client.GetStatus(ctx, connector)
		if errors.Is(err, connect.ErrNotFound) {
			return false, nil
		}
		if err != nil || !st.Running() {
			return false, err
		}
		task = st.Tasks[0]
		return true, nil
	})
	if err != nil {
		return task, fmt.Errorf("connector %s does not run: %w", connector, err)
	}
	return task, nil
}

func (c *cluster) Close(ctx context.Context) error {
	var errs []error
	for _, name := range c.readers {
		errs = append(errs, deleteConnector(ctx, c.client, name))
	}
	if len(c.readers) > 0 {
		errs = append(errs, c.kafka.deleteTopics(ctx, c.readers...))
	}
	c.kafka.close()
	return errors.Join(errs...)
}

// restartCounter counts on the wire how many restarts Connect accepted.
type restartCounter struct {
	next      http.RoundTripper
	connector string
	accepted  atomic.Int64
}

func (r *restartCounter) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := r.next.RoundTrip(req)
	if err == nil && (resp.StatusCode == http.StatusAccepted || resp.StatusCode == http.StatusNoContent) {
		// A base URL may have a path of its own.
		if i := strings.Index(req.URL.Path, "/connectors/"); i >= 0 && isRestart(req.Method, req.URL.Path[i:], r.connector) {
			r.accepted.Add(1)
		}
	}
	return resp, err
}
