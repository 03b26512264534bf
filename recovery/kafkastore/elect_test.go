package kafkastore_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// members counts who is in a group that is not being rebalanced; -1 while it is.
func members(t *testing.T, cl *kgo.Client, group string) int {
	t.Helper()
	req := kmsg.NewPtrDescribeGroupsRequest()
	req.Groups = []string{group}
	resp, err := req.RequestWith(t.Context(), cl)
	if err != nil || len(resp.Groups) != 1 || resp.Groups[0].State != "Stable" {
		return -1
	}
	return len(resp.Groups[0].Members)
}

func TestStandbysThatComeAndGoDoNotDisturbTheLeader(t *testing.T) {
	t.Parallel()
	addrs := brokers(t)
	cl, err := kgo.NewClient(kgo.SeedBrokers(addrs...))
	require.NoError(t, err)
	defer cl.Close()
	leader := open(t, addrs, "state")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var terms, ends atomic.Int32
	done := make(chan error, 1)
	go func() {
		done <- leader.Lead(ctx, func(ctx context.Context) error {
			terms.Add(1)
			<-ctx.Done()
			ends.Add(1)
			return nil
		})
	}()
	until := func(what string, ok func() bool) {
		t.Helper()
		require.Eventually(t, ok, time.Minute, 20*time.Millisecond, what)
	}
	until("a leader", func() bool { return terms.Load() == 1 })
	for range 3 {
		standby := open(t, addrs, "state")
		sctx, leave := context.WithCancel(t.Context())
		left := make(chan error, 1)
		go func() {
			left <- standby.Lead(sctx, func(context.Context) error {
				assert.Fail(t, "the standby leads beside the leader")
				return nil
			})
		}()
		until("two members", func() bool { return members(t, cl, "reconnect-state") == 2 })
		leave()
		require.ErrorIs(t, <-left, context.Canceled)
		until("one member", func() bool { return members(t, cl, "reconnect-state") == 1 })
	}
	assert.EqualValues(t, 1, terms.Load())
	assert.Zero(t, ends.Load())
	cancel()
	require.NoError(t, <-done)
}
