package testutil

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
	tcexec "github.com/testcontainers/testcontainers-go/exec"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Node is one container of a cluster, the broker or a worker. Its published port stays the same however often it is stopped and started.
type Node struct {
	cluster *Cluster
	alias   string // its name in the cluster's network
	port    int
	ports   map[int]int // of Options.Ports, as published
	c       *testcontainers.DockerContainer
	ready   func(context.Context) error // one attempt
}

// Worker is a Connect worker.
type Worker struct{ Node }

// URL is the base URL of the worker's REST API.
func (w *Worker) URL() string { return fmt.Sprintf("http://127.0.0.1:%d", w.port) }

// ID is the worker_id under which statuses name this worker.
func (w *Worker) ID() string { return w.alias + ":8083" }

// Name is what the node is called in the cluster's network: `broker`, `worker-0`, `worker-1` ...
func (n *Node) Name() string { return n.alias }

// Addr is where the node is reached from this machine, host:port.
func (n *Node) Addr() string { return fmt.Sprintf("127.0.0.1:%d", n.port) }

// AddrOf is where one of Options.Ports is reached from this machine, host:port. It stays the same however often the node is stopped and started.
func (n *Node) AddrOf(port int) string { return fmt.Sprintf("127.0.0.1:%d", n.ports[port]) }

// ContainerID is the engine's id of the node's container.
func (n *Node) ContainerID() string { return n.c.GetContainerID() }

func (n *Node) fail(verb string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("testutil: %s %s: %w", verb, n.alias, err)
}

// Kill ends the node with SIGKILL, as a crash or an OOM killer does, and returns once it is gone.
func (n *Node) Kill(ctx context.Context) error {
	_, err := n.cluster.cli.ContainerKill(ctx, n.ContainerID(), client.ContainerKillOptions{Signal: "SIGKILL"})
	if err == nil {
		err = n.waitGone(ctx)
	}
	return n.fail("kill", err)
}

// Stop ends the node with SIGTERM, as an orderly shutdown does, and with SIGKILL after 20 s.
func (n *Node) Stop(ctx context.Context) error {
	grace := 20
	_, err := n.cluster.cli.ContainerStop(ctx, n.ContainerID(), client.ContainerStopOptions{Timeout: &grace})
	return n.fail("stop", err)
}

// Start starts a node that was killed or stopped and waits until it serves.
func (n *Node) Start(ctx context.Context) error {
	if _, err := n.cluster.cli.ContainerStart(ctx, n.ContainerID(), client.ContainerStartOptions{}); err != nil {
		return n.fail("start", err)
	}
	return n.WaitReady(ctx)
}

// Pause freezes the node's processes: connections stay open and nothing answers.
func (n *Node) Pause(ctx context.Context) error {
	_, err := n.cluster.cli.ContainerPause(ctx, n.ContainerID(), client.ContainerPauseOptions{})
	return n.fail("pause", err)
}

// Unpause lets a frozen node go on. It doesn't wait.
func (n *Node) Unpause(ctx context.Context) error {
	_, err := n.cluster.cli.ContainerUnpause(ctx, n.ContainerID(), client.ContainerUnpauseOptions{})
	return n.fail("unpause", err)
}

// Disconnect takes the node off the network: neither the other nodes nor this machine reach it, and it goes on running.
func (n *Node) Disconnect(ctx context.Context) error {
	_, err := n.cluster.cli.NetworkDisconnect(ctx, n.cluster.network.ID, client.NetworkDisconnectOptions{Container: n.ContainerID(), Force: true})
	return n.fail("disconnect", err)
}

// Reconnect puts a disconnected node back on the network under its name and waits until it serves.
func (n *Node) Reconnect(ctx context.Context) error {
	_, err := n.cluster.cli.NetworkConnect(ctx, n.cluster.network.ID, client.NetworkConnectOptions{
		Container:      n.ContainerID(),
		EndpointConfig: &network.EndpointSettings{Aliases: []string{n.alias}},
	})
	if err != nil {
		return n.fail("reconnect", err)
	}
	return n.WaitReady(ctx)
}

// Running reports whether the node's process lives and is not frozen.
func (n *Node) Running(ctx context.Context) (bool, error) {
	r, err := n.cluster.cli.ContainerInspect(ctx, n.ContainerID(), client.ContainerInspectOptions{})
	if err != nil {
		return false, n.fail("inspect", err)
	}
	return r.Container.State.Running && !r.Container.State.Paused, nil
}

// WaitReady waits until the node serves: a worker that has joined its group and read its topics, a broker that answers.
// It gives up with ctx, after two minutes, or when the node's process has ended.
func (n *Node) WaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, 2*time.Minute, errors.New("not ready after 2 minutes"))
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	var last error
	for i := 0; ; i++ {
		attempt, done := context.WithTimeout(ctx, 3*time.Second)
		last = n.ready(attempt)
		done()
		if last == nil {
			return nil
		}
		if i%10 == 9 {
			r, err := n.cluster.cli.ContainerInspect(ctx, n.ContainerID(), client.ContainerInspectOptions{})
			if err == nil && !r.Container.State.Running {
				return fmt.Errorf("testutil: %s ended with exit code %d while it was waited for:\n%s", n.alias, r.Container.State.ExitCode, n.logTail(ctx, time.Time{}, 30))
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("testutil: wait for %s: %w (last: %w)", n.alias, context.Cause(ctx), last)
		case <-tick.C:
		}
	}
}

func (n *Node) waitGone(ctx context.Context) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		r, err := n.cluster.cli.ContainerInspect(ctx, n.ContainerID(), client.ContainerInspectOptions{})
		if err != nil || !r.Container.State.Running {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}

// Exec runs a command in the node as its own user and returns what it printed. An exit code other than 0 is an error.
func (n *Node) Exec(ctx context.Context, command ...string) (string, error) {
	return n.exec(ctx, command)
}

func (n *Node) exec(ctx context.Context, command []string, opts ...tcexec.ProcessOption) (string, error) {
	code, out, err := n.c.Exec(ctx, command, append(opts, tcexec.Multiplexed())...)
	if err != nil {
		return "", n.fail("exec in", err)
	}
	text, err := io.ReadAll(out)
	if err != nil {
		return string(text), n.fail("exec in", err)
	}
	if code != 0 {
		return string(text), fmt.Errorf("testutil: exec in %s: %s: exit code %d: %s", n.alias, command[0], code, bytes.TrimSpace(text))
	}
	return string(text), nil
}

// Mkdir makes a directory and its parents, owned by the user that Kafka runs as.
func (n *Node) Mkdir(ctx context.Context, path string) error {
	_, err := n.Exec(ctx, "mkdir", "-p", path)
	return err
}

// Remove removes a file or a directory and what is in it.
func (n *Node) Remove(ctx context.Context, path string) error {
	_, err := n.Exec(ctx, "rm", "-rf", path)
	return err
}

// WriteFile writes a file that everyone in the node may read and write. It works on a stopped node too.
func (n *Node) WriteFile(ctx context.Context, path string, content []byte) error {
	return n.fail("write a file in", n.c.CopyToContainer(ctx, content, path, 0o666))
}

// ReadFile reads a file. It works on a stopped node too.
func (n *Node) ReadFile(ctx context.Context, path string) ([]byte, error) {
	r, err := n.c.CopyFileFromContainer(ctx, path)
	if err != nil {
		return nil, n.fail("read a file of", err)
	}
	defer func() { _ = r.Close() }()
	content, err := io.ReadAll(r)
	return content, n.fail("read a file of", err)
}

// Logs returns what the node printed since a time, at most its last lines; the zero time and 0 mean all.
func (n *Node) Logs(ctx context.Context, since time.Time, lines int) (string, error) {
	opts := client.ContainerLogsOptions{ShowStdout: true, ShowStderr: true}
	if !since.IsZero() {
		opts.Since = fmt.Sprintf("%d.%09d", since.Unix(), since.Nanosecond())
	}
	if lines > 0 {
		opts.Tail = strconv.Itoa(lines)
	}
	r, err := n.cluster.cli.ContainerLogs(ctx, n.ContainerID(), opts)
	if err != nil {
		return "", n.fail("read the log of", err)
	}
	defer func() { _ = r.Close() }()
	var b strings.Builder
	err = demultiplex(&b, r)
	return b.String(), n.fail("read the log of", err)
}

func (n *Node) logTail(ctx context.Context, since time.Time, lines int) string {
	text, err := n.Logs(context.WithoutCancel(ctx), since, lines)
	if err != nil {
		return err.Error()
	}
	const limit = 24 << 10
	if len(text) > limit {
		text = "...\n" + text[len(text)-limit:]
	}
	return text
}

// demultiplex undoes the engine's framing of two streams: an 8-byte header whose last four bytes are the length, then as many bytes.
func demultiplex(w io.Writer, r io.Reader) error {
	var head [8]byte
	for {
		if _, err := io.ReadFull(r, head[:]); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		size := int64(head[4])<<24 | int64(head[5])<<16 | int64(head[6])<<8 | int64(head[7])
		if _, err := io.CopyN(w, r, size); err != nil {
			return err
		}
	}
}

var httpClient = &http.Client{Transport: &http.Transport{DisableKeepAlives: true, Proxy: nil}}

// workerReady asks GET /health, which is there since Kafka 3.9 (KIP-1017), and older workers for the list of connectors.
func workerReady(version, url string, auth *BasicAuth) func(context.Context) error {
	path := "/health"
	if slices.Compare(numbers(version), []int{3, 9}) < 0 {
		path = "/connectors"
	}
	return func(ctx context.Context) error {
		status, err := statusOf(ctx, url+path, auth)
		if err == nil && status != http.StatusOK {
			err = fmt.Errorf("GET %s%s: %d", url, path, status)
		}
		return err
	}
}

func statusOf(ctx context.Context, url string, auth *BasicAuth) (int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return 0, err
	}
	auth.sign(req)
	res, err := httpClient.Do(req)
	if err != nil {
		return 0, err
	}
	_, _ = io.Copy(io.Discard, res.Body)
	return res.StatusCode, res.Body.Close()
}

func brokerReady(addr string) func(context.Context) error {
	return func(ctx context.Context) error {
		cl, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.RetryTimeout(time.Second))
		if err != nil {
			return err
		}
		defer cl.Close()
		return cl.Ping(ctx)
	}
}
