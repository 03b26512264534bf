package testutil

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Integration skips the test unless CONNECT_INTEGRATION=1. Where that is set and no Docker engine answers, the test fails.
// It is the first line of a test that uses this package's clusters by hand; EachVersion, OldestAndNewest, Shared and NewCluster call it.
func Integration(tb testing.TB) {
	tb.Helper()
	if os.Getenv("CONNECT_INTEGRATION") != "1" {
		tb.Skip("set CONNECT_INTEGRATION=1 (needs Docker), or run `make test`")
	}
	if err := engineAnswers(); err != nil {
		tb.Fatal(err)
	}
}

var engineAnswers = sync.OnceValue(func() error {
	cli, err := engine(context.Background())
	if err != nil {
		return err
	}
	return cli.Close()
})

// Versions lists the Kafka versions to test against, oldest first: those of KAFKA_VERSIONS, separated by spaces or commas. Defaults to the newest.
func Versions() []string {
	versions := strings.FieldsFunc(os.Getenv("KAFKA_VERSIONS"), func(r rune) bool { return r == ' ' || r == ',' || r == '\n' || r == '\t' })
	if len(versions) == 0 {
		return []string{NewestVersion}
	}
	sortVersions(versions)
	return versions
}

// EachVersion runs a subtest for each of Versions on the cluster of that version which this test binary shares.
func EachVersion(t *testing.T, fn func(t *testing.T, c *Cluster)) {
	t.Helper()
	Integration(t)
	onVersions(t, Versions(), fn)
}

// OldestAndNewest is EachVersion for the first and the last of Versions only, for what takes long and differs little in between.
func OldestAndNewest(t *testing.T, fn func(t *testing.T, c *Cluster)) {
	t.Helper()
	Integration(t)
	versions := Versions()
	if len(versions) > 2 {
		versions = []string{versions[0], versions[len(versions)-1]}
	}
	onVersions(t, versions, fn)
}

func onVersions(t *testing.T, versions []string, fn func(t *testing.T, c *Cluster)) {
	t.Helper()
	for _, v := range versions {
		t.Run("kafka "+v, func(t *testing.T) { fn(t, Shared(t, v)) })
	}
}

type sharedCluster struct {
	mu      sync.Mutex
	cluster *Cluster
	err     error
}

var shared struct {
	mu       sync.Mutex
	main     bool
	clusters map[string]*sharedCluster
}

// Shared is the cluster of a version that the tests of this binary share: two workers, default settings, started with its first use and closed by Main.
// When the test fails, the end of the nodes' logs is attached to it, and whatever it left stopped is brought back for the others.
func Shared(tb testing.TB, version string) *Cluster {
	tb.Helper()
	Integration(tb)
	shared.mu.Lock()
	if !shared.main {
		shared.mu.Unlock()
		tb.Fatal("testutil: a package whose tests share a cluster needs `func TestMain(m *testing.M) { testutil.Main(m) }`")
	}
	if shared.clusters == nil {
		shared.clusters = map[string]*sharedCluster{}
	}
	s := shared.clusters[version]
	if s == nil {
		s = &sharedCluster{}
		shared.clusters[version] = s
	}
	shared.mu.Unlock()

	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cluster == nil && s.err == nil {
		// The cluster outlives the test that happens to need it first.
		s.cluster, s.err = startFor(context.WithoutCancel(tb.Context()), tb, Options{Version: version})
	}
	if s.err != nil {
		tb.Fatal(s.err)
	}
	c := s.cluster
	tb.Cleanup(func() {
		if tb.Failed() {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(tb.Context()), 3*time.Minute)
			defer cancel()
			if err := c.Heal(ctx); err != nil {
				tb.Log("the shared cluster stays broken: ", err)
			}
		}
	})
	c.attachLogs(tb)
	return c
}

// NewCluster starts a cluster for one test and closes it with the test. When the test fails, the end of the nodes' logs is attached to it.
func NewCluster(tb testing.TB, opts Options) *Cluster {
	tb.Helper()
	Integration(tb)
	c, err := startFor(tb.Context(), tb, opts)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := c.Close(); err != nil {
			tb.Error(err)
		}
		unregister(c)
	})
	c.attachLogs(tb)
	return c
}

// startFor starts a cluster within the limits of a test: with a slot, in five minutes, and removal on an interrupt.
func startFor(ctx context.Context, tb testing.TB, opts Options) (*Cluster, error) {
	tb.Helper()
	if err := takeSlot(ctx); err != nil {
		return nil, err
	}
	if opts.Logf == nil {
		opts.Logf = tb.Logf
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	done, err := beginStart(cancel)
	if err != nil {
		releaseSlot()
		return nil, err
	}
	defer done()
	c, err := Start(ctx, opts)
	if err != nil {
		releaseSlot()
		return nil, err
	}
	c.opts.Logf = func(string, ...any) {} // the test may be over when the cluster is used again
	register(c)
	return c, nil
}

var living struct {
	mu          sync.Mutex
	clusters    map[*Cluster]struct{}
	starting    sync.WaitGroup
	cancels     []context.CancelFunc // of the starts
	interrupted bool
}

// beginStart makes a start known to interrupt, which cancels it and waits until done is called.
func beginStart(cancel context.CancelFunc) (done func(), err error) {
	living.mu.Lock()
	defer living.mu.Unlock()
	if living.interrupted {
		return nil, errors.New("testutil: interrupted")
	}
	living.starting.Add(1)
	living.cancels = append(living.cancels, cancel)
	return living.starting.Done, nil
}

// interrupt ends the starts that are under way, which remove what they have made.
func interrupt() {
	living.mu.Lock()
	living.interrupted = true
	for _, cancel := range living.cancels {
		cancel()
	}
	living.mu.Unlock()
	living.starting.Wait()
}

func register(c *Cluster) {
	living.mu.Lock()
	defer living.mu.Unlock()
	if living.clusters == nil {
		living.clusters = map[*Cluster]struct{}{}
	}
	living.clusters[c] = struct{}{}
}

// unregister forgets a closed cluster.
func unregister(c *Cluster) {
	living.mu.Lock()
	defer living.mu.Unlock()
	delete(living.clusters, c)
	releaseSlot()
}

func closeLiving() {
	living.mu.Lock()
	defer living.mu.Unlock()
	var wg sync.WaitGroup
	for c := range living.clusters {
		wg.Go(func() { _ = c.Close() })
	}
	wg.Wait()
	living.clusters = nil
}

// Main is the TestMain of a package whose tests share clusters: it runs the tests, removes every cluster, also on an interrupt, and exits.
func Main(m *testing.M) {
	shared.mu.Lock()
	shared.main = true
	shared.mu.Unlock()
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-interrupted
		interrupt()
		closeLiving()
		os.Exit(1)
	}()
	code := m.Run()
	closeLiving()
	os.Exit(code)
}

// attachLogs adds what the nodes printed during a test that failed to its log, the last lines of each.
func (c *Cluster) attachLogs(tb testing.TB) {
	tb.Helper()
	began := time.Now().Add(-time.Second)
	tb.Cleanup(func() {
		if !tb.Failed() {
			return
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(tb.Context()), 30*time.Second)
		defer cancel()
		for _, n := range c.nodes() {
			tb.Logf("---- %s of Kafka %s, last lines:\n%s", n.alias, c.opts.Version, n.logTail(ctx, began, 120))
		}
	})
}
