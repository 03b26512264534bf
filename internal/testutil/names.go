package testutil

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TopicName is a name that no other test uses: the prefix and a random end. The topic is not created.
func (c *Cluster) TopicName(tb testing.TB, prefix string) string {
	tb.Helper()
	return prefix + "-" + randomSuffix()
}

// ConnectorName is a name that no other test uses: the prefix and a random end. A connector of that name is deleted when the test ends.
func (c *Cluster) ConnectorName(tb testing.TB, prefix string) string {
	tb.Helper()
	name := prefix + "-" + randomSuffix()
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(tb.Context()), 30*time.Second)
		defer cancel()
		if err := c.deleteConnector(ctx, name); err != nil {
			tb.Logf("connector %s stays: %v", name, err)
		}
	})
	return name
}

// DeleteConnectors deletes the connectors whose names start with prefix; an empty one means all of them.
func (c *Cluster) DeleteConnectors(tb testing.TB, prefix string) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(tb.Context()), time.Minute)
	defer cancel()
	var names []string
	if err := c.eachWorker(ctx, func(base string) (bool, error) {
		status, body, err := rest(ctx, c.opts.BasicAuth, http.MethodGet, base+"/connectors")
		if err != nil || status != http.StatusOK {
			return false, fmt.Errorf("list connectors: %d %w", status, err)
		}
		return true, json.Unmarshal(body, &names)
	}); err != nil {
		tb.Fatal(err)
	}
	for _, name := range names {
		if strings.HasPrefix(name, prefix) {
			if err := c.deleteConnector(ctx, name); err != nil {
				tb.Fatal(err)
			}
		}
	}
}

// deleteConnector asks until the answer is that it is deleted or unknown: during a rebalance Connect answers 409.
func (c *Cluster) deleteConnector(ctx context.Context, name string) error {
	return c.eachWorker(ctx, func(base string) (bool, error) {
		status, _, err := rest(ctx, c.opts.BasicAuth, http.MethodDelete, base+"/connectors/"+url.PathEscape(name))
		if err != nil {
			return false, err
		}
		switch status {
		case http.StatusNoContent, http.StatusNotFound:
			return true, nil
		}
		return false, fmt.Errorf("delete connector %s: %d", name, status)
	})
}

// eachWorker calls fn with one worker's URL after the other until it is done or ctx ends.
func (c *Cluster) eachWorker(ctx context.Context, fn func(base string) (done bool, err error)) error {
	if len(c.workers) == 0 {
		return nil
	}
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for i := 0; ; i++ {
		done, err := fn(c.workers[i%len(c.workers)].URL())
		if done {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", context.Cause(ctx), err)
		case <-tick.C:
		}
	}
}

func rest(ctx context.Context, auth *BasicAuth, method, url string) (int, []byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, url, http.NoBody)
	if err != nil {
		return 0, nil, err
	}
	auth.sign(req)
	res, err := httpClient.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	return res.StatusCode, body, err
}

// sortVersions sorts by number, so that 3.10.0 comes after 3.9.0.
func sortVersions(versions []string) {
	slices.SortStableFunc(versions, func(a, b string) int { return slices.Compare(numbers(a), numbers(b)) })
}

func numbers(version string) []int {
	var out []int
	for part := range strings.SplitSeq(version, ".") {
		n, _ := strconv.Atoi(part)
		out = append(out, n)
	}
	return out
}
