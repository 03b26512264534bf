package main

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/go-reconnect/reconnect/internal/testutil"
)

func TestMain(m *testing.M) { testutil.Main(m) }

// The story of -docker, on the containers that this test binary has anyway.
func TestOnRealWorkers(t *testing.T) {
	testutil.OldestAndNewest(t, func(t *testing.T, c *testutil.Cluster) {
		code, out, errs := quickstart(t, func(o *options) {
			o.start = func(_ context.Context, n names, _ func(string, ...any)) (environment, error) { return onCluster(c, n) }
		}, "-docker")
		assert.Zero(t, code)
		assert.Empty(t, errs)
		assert.Contains(t, out, "every one of the 300 orders is in the sink, the 13 dead letters included")
	})
}

// The story of -brokers and -connect, on the same containers: only through what a user's cluster gives.
func TestOnSomebodysCluster(t *testing.T) {
	testutil.OldestAndNewest(t, func(t *testing.T, c *testutil.Cluster) {
		code, out, errs := quickstart(t, nil, "-brokers", c.Brokers()[0], "-connect", c.URLs()[0])
		assert.Zero(t, code)
		assert.Empty(t, errs)
		assert.Contains(t, out, "13 dead letters included")
	})
}

func TestARepublisherThatDoesNothingIsFoundOutOnRealWorkers(t *testing.T) {
	testutil.OldestAndNewest(t, func(t *testing.T, c *testutil.Cluster) {
		code, out, _ := quickstart(t, func(o *options) {
			o.start = func(_ context.Context, n names, _ func(string, ...any)) (environment, error) { return onCluster(c, n) }
			o.newRepublisher = doNothing
		}, "-docker")
		assert.Equal(t, 1, code)
		assert.Contains(t, out, "NOT COMPLETE: 13 orders are not in the sink")
	})
}
