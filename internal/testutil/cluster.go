package testutil

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	mobynet "github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
	tcexec "github.com/testcontainers/testcontainers-go/exec"
	tclog "github.com/testcontainers/testcontainers-go/log"
	tcnetwork "github.com/testcontainers/testcontainers-go/network"
	"golang.org/x/sync/errgroup"
)

// Cluster is a broker and its Connect workers. Its methods may be called from several goroutines.
type Cluster struct {
	opts    Options
	cli     *testcontainers.DockerClient
	network *testcontainers.DockerNetwork
	volume  string
	broker  *Node
	workers []*Worker
}

// Start starts a cluster and waits until all of it serves. On an error nothing is left running.
func Start(ctx context.Context, opts Options) (*Cluster, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	cli, err := engine(ctx)
	if err != nil {
		return nil, err
	}
	sweep(ctx, cli)
	if err := ensureImage(ctx, cli, opts.Version, opts.Logf); err != nil {
		return nil, err
	}
	c := &Cluster{opts: opts, cli: cli}
	if err := c.start(ctx); err != nil {
		return nil, errors.Join(err, c.Close()) //nolint:contextcheck // what was started is removed also when ctx has ended
	}
	return c, nil
}

func (c *Cluster) start(ctx context.Context) error {
	began := time.Now()
	img := "apache/kafka:" + c.opts.Version
	var err error
	if c.network, err = tcnetwork.New(ctx, tcnetwork.WithLabels(labels())); err != nil {
		return fmt.Errorf("testutil: make a network: %w", err)
	}
	c.volume = "reconnect-" + randomSuffix()
	if _, err = c.cli.VolumeCreate(ctx, client.VolumeCreateOptions{Name: c.volume, Labels: labels()}); err != nil {
		return fmt.Errorf("testutil: make a volume: %w", err)
	}
	if err = c.run(ctx, img, brokerAlias, brokerPort, func(port int) *Node {
		c.broker = &Node{cluster: c, alias: brokerAlias, port: port, ready: brokerReady(fmt.Sprintf("127.0.0.1:%d", port))}
		return c.broker
	}, func(port int) []testcontainers.ContainerCustomizer {
		return []testcontainers.ContainerCustomizer{
			testcontainers.WithEnv(c.opts.brokerEnv(fmt.Sprintf("127.0.0.1:%d", port))),
			testcontainers.WithFiles(containerFiles(c.opts.BrokerFiles)...),
		}
	}); err != nil {
		return err
	}
	// The workers start beside the broker and keep asking for it: half the time of one after the other.
	c.workers = make([]*Worker, c.opts.Workers)
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error { return c.broker.WaitReady(gctx) })
	for i := range c.workers {
		g.Go(func() error { return c.startWorker(gctx, img, i) })
	}
	if err = g.Wait(); err != nil {
		return err
	}
	c.opts.Logf("Kafka %s with %d workers is up after %.1f s", c.opts.Version, len(c.workers), time.Since(began).Seconds())
	return nil
}

func (c *Cluster) startWorker(ctx context.Context, img string, i int) error {
	alias := "worker-" + strconv.Itoa(i)
	env := jvmEnv(c.opts.WorkerHeap)
	files := []testcontainers.ContainerFile{{
		Reader: strings.NewReader(propertiesText(c.opts.workerProperties(alias))), ContainerFilePath: propsFile, FileMode: 0o644,
	}}
	var classpath []string
	for _, jar := range c.opts.Classpath {
		path := classpathDir + "/" + filepath.Base(jar)
		classpath = append(classpath, path)
		files = append(files, testcontainers.ContainerFile{HostFilePath: jar, ContainerFilePath: path, FileMode: 0o644})
	}
	if len(classpath) > 0 {
		env["CLASSPATH"] = strings.Join(classpath, ":")
	}
	for _, p := range c.opts.Plugins {
		for _, jar := range p.Files {
			files = append(files, testcontainers.ContainerFile{HostFilePath: jar, ContainerFilePath: pluginsDir + "/" + p.Name + "/" + filepath.Base(jar), FileMode: 0o644})
		}
	}
	files = append(files, containerFiles(c.opts.Files)...)
	maps.Copy(env, c.opts.WorkerEnv)
	err := c.run(ctx, img, alias, workerPort, func(port int) *Node {
		w := &Worker{Node{cluster: c, alias: alias, port: port}}
		w.ready = workerReady(c.opts.Version, w.URL(), c.opts.BasicAuth)
		c.workers[i] = w
		return &w.Node
	}, func(int) []testcontainers.ContainerCustomizer {
		return []testcontainers.ContainerCustomizer{
			testcontainers.WithEnv(env),
			testcontainers.WithFiles(files...),
			testcontainers.WithCmd("/opt/kafka/bin/connect-distributed.sh", propsFile),
			testcontainers.WithHostConfigModifier(func(h *container.HostConfig) {
				h.Mounts = append(h.Mounts, mount.Mount{Type: mount.TypeVolume, Source: c.volume, Target: SharedDir})
			}),
		}
	})
	if err != nil {
		return err
	}
	w := c.workers[i]
	// A new volume belongs to root, and Connect does not run as root.
	if _, err := w.exec(ctx, []string{"chmod", "1777", SharedDir}, tcexec.WithUser("0")); err != nil {
		return err
	}
	return w.WaitReady(ctx)
}

func containerFiles(contents map[string][]byte) []testcontainers.ContainerFile {
	files := make([]testcontainers.ContainerFile, 0, len(contents))
	for path, content := range contents {
		files = append(files, testcontainers.ContainerFile{Reader: bytes.NewReader(content), ContainerFilePath: path, FileMode: 0o666})
	}
	return files
}

// run creates and starts one container with a fixed port, and takes another port where that one was taken meanwhile.
func (c *Cluster) run(ctx context.Context, img, alias, containerPort string, node func(port int) *Node, opts func(port int) []testcontainers.ContainerCustomizer) error {
	for attempt := 0; ; attempt++ {
		port, err := freePort(ctx)
		if err != nil {
			return err
		}
		n := node(port)
		bindings := mobynet.PortMap{mobynet.MustParsePort(containerPort): {{HostIP: netip.MustParseAddr("127.0.0.1"), HostPort: strconv.Itoa(port)}}}
		ports := []string{containerPort}
		n.ports = map[int]int{}
		for _, p := range c.opts.Ports {
			if n.ports[p], err = freePort(ctx); err != nil {
				return err
			}
			ports = append(ports, fmt.Sprintf("%d/tcp", p))
			bindings[mobynet.MustParsePort(ports[len(ports)-1])] = []mobynet.PortBinding{{HostIP: netip.MustParseAddr("127.0.0.1"), HostPort: strconv.Itoa(n.ports[p])}}
		}
		customizers := append([]testcontainers.ContainerCustomizer{
			testcontainers.WithLabels(labels()),
			testcontainers.WithLogger(tclog.NewNoopLogger()),
			testcontainers.WithExposedPorts(ports...),
			testcontainers.WithConfigModifier(func(config *container.Config) { config.Hostname = alias }),
			// A port that the engine picks would change with every start, and the broker's advertised address would be wrong.
			testcontainers.WithHostConfigModifier(func(h *container.HostConfig) {
				h.PortBindings = bindings
			}),
			tcnetwork.WithNetwork([]string{alias}, c.network),
		}, opts(port)...)
		n.c, err = testcontainers.Run(ctx, img, customizers...)
		if err == nil {
			return nil
		}
		if attempt < 3 && strings.Contains(err.Error(), "port is already allocated") {
			if n.c != nil {
				_, _ = c.cli.ContainerRemove(ctx, n.ContainerID(), client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
				n.c = nil
			}
			continue
		}
		return fmt.Errorf("testutil: start %s of %s: %w", alias, img, err)
	}
}

// Close removes the cluster and everything in it. It may be called again.
func (c *Cluster) Close() error {
	// A cluster is closed when its owner has been cancelled too.
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var g errgroup.Group
	for _, n := range c.nodes() {
		if n.c == nil {
			continue
		}
		g.Go(func() error {
			_, err := c.cli.ContainerRemove(ctx, n.ContainerID(), client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
			return n.fail("remove", ignoreMissing(err))
		})
	}
	err := g.Wait()
	if c.network != nil {
		_, nerr := c.cli.NetworkRemove(ctx, c.network.ID, client.NetworkRemoveOptions{})
		err = errors.Join(err, ignoreMissing(nerr))
	}
	if c.volume != "" {
		_, verr := c.cli.VolumeRemove(ctx, c.volume, client.VolumeRemoveOptions{Force: true})
		err = errors.Join(err, ignoreMissing(verr))
	}
	return err
}

func ignoreMissing(err error) error {
	if err != nil && (strings.Contains(err.Error(), "No such") || strings.Contains(err.Error(), "not found") || strings.Contains(err.Error(), "already in progress")) {
		return nil
	}
	return err
}

func (c *Cluster) nodes() []*Node {
	var nodes []*Node
	if c.broker != nil {
		nodes = append(nodes, c.broker)
	}
	for _, w := range c.workers {
		if w != nil {
			nodes = append(nodes, &w.Node)
		}
	}
	return nodes
}

// Version is the Kafka version of the cluster.
func (c *Cluster) Version() string { return c.opts.Version }

// Brokers is what a client on this machine bootstraps from.
func (c *Cluster) Brokers() []string { return []string{c.broker.Addr()} }

// URLs lists the base URLs of the workers' REST APIs.
func (c *Cluster) URLs() []string {
	urls := make([]string, len(c.workers))
	for i, w := range c.workers {
		urls[i] = w.URL()
	}
	return urls
}

// Broker is the broker's node.
func (c *Cluster) Broker() *Node { return c.broker }

// Worker is the i-th worker, from 0.
func (c *Cluster) Worker(i int) *Worker { return c.workers[i] }

// Workers lists the workers.
func (c *Cluster) Workers() []*Worker { return slices.Clone(c.workers) }

// Gateway is the address under which the nodes reach this machine, for a server that a connector talks to.
func (c *Cluster) Gateway(ctx context.Context) (netip.Addr, error) {
	r, err := c.cli.NetworkInspect(ctx, c.network.ID, client.NetworkInspectOptions{})
	if err != nil {
		return netip.Addr{}, fmt.Errorf("testutil: inspect the network: %w", err)
	}
	for _, config := range r.Network.IPAM.Config {
		if config.Gateway.IsValid() {
			return config.Gateway, nil
		}
	}
	return netip.Addr{}, errors.New("testutil: the network has no gateway")
}

// Heal brings back whatever was stopped, killed, frozen or disconnected, and waits until everything serves.
func (c *Cluster) Heal(ctx context.Context) error {
	for _, n := range c.nodes() {
		r, err := c.cli.ContainerInspect(ctx, n.ContainerID(), client.ContainerInspectOptions{})
		if err != nil {
			return n.fail("inspect", err)
		}
		if r.Container.State.Paused {
			if err := n.Unpause(ctx); err != nil {
				return err
			}
		}
		if _, on := r.Container.NetworkSettings.Networks[c.network.Name]; !on {
			if err := n.Reconnect(ctx); err != nil && r.Container.State.Running {
				return err
			}
		}
		if !r.Container.State.Running {
			if err := n.Start(ctx); err != nil {
				return err
			}
		}
	}
	for _, n := range c.nodes() {
		if err := n.WaitReady(ctx); err != nil {
			return err
		}
	}
	return nil
}

// TestPluginsJar is the path of Kafka's connect-test-plugins of a version. `make setup` fetches it, for the versions that were published.
func TestPluginsJar(version string) (string, error) {
	root, err := moduleRoot()
	if err != nil {
		return "", err
	}
	jar := filepath.Join(root, ".cache", "test-plugins", "connect-test-plugins-"+version+".jar")
	if _, err := os.Stat(jar); err != nil {
		return "", fmt.Errorf("testutil: no connect-test-plugins of Kafka %s (published for 3.9.0, 4.0.0 and 4.3.x; `make setup` fetches them): %w", version, err)
	}
	return jar, nil
}

// moduleRoot is the directory of this module, above the package that is being tested.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for d := dir; ; d = filepath.Dir(d) {
		if _, err := os.Stat(filepath.Join(d, "internal", "testutil", "image", "build.sh")); err == nil {
			return d, nil
		}
		if d == filepath.Dir(d) {
			return "", errors.New("testutil: not inside the module's repository: " + dir)
		}
	}
}
