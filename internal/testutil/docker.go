package testutil

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
	tclog "github.com/testcontainers/testcontainers-go/log"
)

// Everything that this package makes in the engine carries these labels, so that what a killed run left can be told from what still runs.
const (
	labelOurs  = "io.github.go-reconnect.testutil"
	labelOwner = "io.github.go-reconnect.testutil.owner" // host/pid/start of the process
)

// prepare is done once per process, before the first use of testcontainers.
var prepare = sync.OnceFunc(func() {
	tclog.SetDefault(tclog.NewNoopLogger())
	// Ryuk is a second container whose image must be pulled. Our own labels and sweep do its job, so it is left out where nobody asked for it;
	// scripts that know better set the variable.
	if _, ok := os.LookupEnv("TESTCONTAINERS_RYUK_DISABLED"); !ok {
		_ = os.Setenv("TESTCONTAINERS_RYUK_DISABLED", "true")
	}
})

// engine connects to the Docker engine that the environment names.
func engine(ctx context.Context) (*testcontainers.DockerClient, error) {
	prepare()
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	cli, err := testcontainers.NewDockerClientWithOpts(ctx)
	if err != nil {
		return nil, fmt.Errorf("testutil: no Docker engine answers (start one, or run `make setup`): %w", err)
	}
	return cli, nil
}

func labels() map[string]string {
	host, _ := os.Hostname()
	return map[string]string{labelOurs: "true", labelOwner: host + "/" + strconv.Itoa(os.Getpid()) + "/" + processStart(os.Getpid())}
}

// processStart tells two processes with the same id apart, where the system says when a process began; elsewhere it is empty.
func processStart(pid int) string {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return ""
	}
	// The second field is the command in parentheses, which may hold spaces; the start time is the 22nd.
	_, rest, _ := strings.Cut(string(stat), ") ")
	if fields := strings.Fields(rest); len(fields) > 19 {
		return fields[19]
	}
	return ""
}

// ownerGone reports whether the process that a label names is known to have ended. A process of another host is never known to have.
func ownerGone(owner string) bool {
	host, rest, _ := strings.Cut(owner, "/")
	pidText, start, _ := strings.Cut(rest, "/")
	pid, err := strconv.Atoi(pidText)
	here, _ := os.Hostname()
	if err != nil || host != here {
		return false
	}
	p, err := os.FindProcess(pid)
	if err != nil {
		return true
	}
	if runtime.GOOS != "windows" {
		if err := p.Signal(syscall.Signal(0)); errors.Is(err, os.ErrProcessDone) || errors.Is(err, syscall.ESRCH) {
			return true
		}
	}
	return start != "" && processStart(pid) != start
}

var sweepOnce sync.Once

// sweep removes what an earlier run of ours left behind when it was killed, once per process.
func sweep(ctx context.Context, cli *testcontainers.DockerClient) {
	sweepOnce.Do(func() {
		filter := make(client.Filters).Add("label", labelOurs)
		if list, err := cli.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: filter}); err == nil {
			for i := range list.Items {
				if ownerGone(list.Items[i].Labels[labelOwner]) {
					_, _ = cli.ContainerRemove(ctx, list.Items[i].ID, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
				}
			}
		}
		if list, err := cli.NetworkList(ctx, client.NetworkListOptions{Filters: filter}); err == nil {
			for i := range list.Items {
				if ownerGone(list.Items[i].Labels[labelOwner]) {
					_, _ = cli.NetworkRemove(ctx, list.Items[i].ID, client.NetworkRemoveOptions{})
				}
			}
		}
		if list, err := cli.VolumeList(ctx, client.VolumeListOptions{Filters: filter}); err == nil {
			for i := range list.Items {
				if ownerGone(list.Items[i].Labels[labelOwner]) {
					_, _ = cli.VolumeRemove(ctx, list.Items[i].Name, client.VolumeRemoveOptions{Force: true})
				}
			}
		}
	})
}

// freePort picks a port of 127.0.0.1 below the range that systems hand out by themselves: while a container is stopped
// nobody else must be given its port.
func freePort(ctx context.Context) (int, error) {
	const low, high = 15000, 30000
	var lc net.ListenConfig
	for range 200 {
		n, err := rand.Int(rand.Reader, big.NewInt(high-low))
		if err != nil {
			return 0, err
		}
		port := low + int(n.Int64())
		l, err := lc.Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			continue
		}
		_ = l.Close()
		return port, nil
	}
	return 0, errors.New("testutil: no free port on 127.0.0.1")
}

func randomSuffix() string { return strings.ToLower(rand.Text()[:8]) }
