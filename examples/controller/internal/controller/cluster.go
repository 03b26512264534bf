package controller

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/go-reconnect/reconnect/connect"
)

// errBusy means that somebody else is asking the cluster right now, and that its answer will do.
var errBusy = errors.New("the cluster is being asked already")

const versionEvery = 10 * time.Minute

// snapshot is one poll of a Connect cluster.
type snapshot struct {
	at         time.Time // before the request was sent
	connectors map[string]connect.ExpandedConnector
}

// cluster is one Connect cluster. All its connectors share its polls: one request shows the statuses and configurations of all of them.
type cluster struct {
	url    string
	client *connect.Client
	retry  time.Duration

	mu        sync.Mutex
	polling   bool
	last      *snapshot
	err       error
	failedAt  time.Time
	failures  int
	version   string
	versionAt time.Time
}

// look returns a snapshot that was taken at notBefore or later: the last one if that will do, else a new one. errBusy asks to come back in a
// moment; no reconcile waits for a cluster that another one waits for already. A cluster that failed is left alone for a while.
func (c *cluster) look(ctx context.Context, notBefore, now time.Time) (*snapshot, error) {
	c.mu.Lock()
	switch {
	case c.last != nil && !c.last.at.Before(notBefore):
		defer c.mu.Unlock()
		return c.last, nil
	case c.err != nil && now.Before(c.failedAt.Add(c.pause())):
		defer c.mu.Unlock()
		return nil, c.err
	case c.polling:
		defer c.mu.Unlock()
		return nil, errBusy
	}
	c.polling = true
	askVersion := c.versionAt.IsZero() || now.Sub(c.versionAt) > versionEvery
	c.mu.Unlock()

	found, err := c.client.ListExpanded(ctx, connect.Expand{Status: true, Info: true})
	var info *connect.ServerInfo
	if err == nil && askVersion {
		info, _ = c.client.ServerInfo(ctx) // it only sharpens the linter
	}

	c.mu.Lock()
	defer c.mu.Unlock()
	c.polling = false
	if info != nil {
		c.version, c.versionAt = info.Version, now
	}
	if ctx.Err() != nil {
		return nil, ctx.Err() // says nothing about the cluster
	}
	polls.WithLabelValues(outcome(err)).Inc()
	if c.err = err; err != nil {
		c.failures++
		c.failedAt = now
		return nil, err
	}
	c.failures = 0
	c.last = &snapshot{at: now, connectors: found}
	return c.last, nil
}

// pause is how long a cluster that failed is left alone. Call with mu held.
func (c *cluster) pause() time.Duration {
	return min(c.retry<<min(max(c.failures-1, 0), 6), max(time.Minute, c.retry))
}

// again is how long to wait before the next try after an error.
func (c *cluster) again() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pause() + 50*time.Millisecond
}

func (c *cluster) kafkaVersion() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.version
}

// clusters hands out one cluster per URL.
type clusters struct {
	opts *Options
	mu   sync.Mutex
	m    map[string]*cluster
}

func (cs *clusters) get(url string) (*cluster, error) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if c := cs.m[url]; c != nil {
		return c, nil
	}
	client, err := cs.opts.Connect(url)
	if err != nil {
		return nil, err
	}
	c := &cluster{url: url, client: client, retry: cs.opts.Retry}
	cs.m[url] = c
	return c, nil
}
