package recovery_test

import (
	"context"
	"fmt"
	"iter"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-reconnect/reconnect/connect"
	"github.com/go-reconnect/reconnect/recovery"
)

// crowd is a cluster of n healthy connectors with ten tasks each.
type crowd struct {
	*world
	names []string
	tasks []connect.TaskStatus
}

func newCrowd(n int) *crowd {
	c := &crowd{world: newWorld()}
	for i := range n {
		c.names = append(c.names, fmt.Sprintf("connector-%05d", i))
	}
	for i := range 10 {
		c.tasks = append(c.tasks, connect.TaskStatus{ID: connect.TaskID{Task: i}, InstanceStatus: connect.InstanceStatus{State: connect.StateRunning, WorkerID: "w:8083"}})
	}
	return c
}

func (c *crowd) ListConnectors(context.Context) ([]string, error) { return c.names, nil }

func (c *crowd) Statuses(context.Context) iter.Seq2[connect.ConnectorStatus, error] {
	return func(yield func(connect.ConnectorStatus, error) bool) {
		for _, name := range c.names {
			if !yield(connect.ConnectorStatus{Name: name, Type: connect.TypeSink, Connector: c.tasks[0].InstanceStatus, Tasks: c.tasks}, nil) {
				return
			}
		}
	}
}

func BenchmarkPassOver10000HealthyConnectors(b *testing.B) {
	s, err := recovery.New(newCrowd(10_000), recovery.Config{})
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Reconcile(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
