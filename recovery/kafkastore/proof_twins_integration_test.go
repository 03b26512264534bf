//go:build unix

package kafkastore_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-reconnect/reconnect/internal/testutil"
	"github.com/go-reconnect/reconnect/recovery"
)

// twinPatience is the promise: while one supervisor is alive and connected, every failure that a restart can fix gets its restart within this time, a fault in
// between included. Each further fault costs a lease at most.
const twinPatience = 2*twinDelay + twinLease

// TestIntegrationProofTwoSupervisorsInTwoProcessesKeepOneBudgetAndOneKeepsWorking kills (SIGKILL), freezes (SIGSTOP beyond the lease, SIGCONT) and cuts
// off supervisors that are processes of their own, on a real broker, at random moments and at the named points. What is judged is what proxies in front of
// Connect have counted, never what a supervisor says.
func TestIntegrationProofTwoSupervisorsInTwoProcessesKeepOneBudgetAndOneKeepsWorking(t *testing.T) {
	testutil.Integration(t)
	versions := testutil.Versions()
	if !testutil.Soaking() {
		versions = versions[len(versions)-1:]
	} else if len(versions) > 2 {
		versions = []string{versions[0], versions[len(versions)-1]}
	}
	faults, pairs := testutil.Times(10, 200), 4
	for _, version := range versions {
		t.Run("kafka "+version, func(t *testing.T) {
			c := testutil.NewCluster(t, testutil.Options{Version: version, Workers: -1, BrokerProperties: map[string]string{"group.min.session.timeout.ms": "1000"}})
			dir := os.Getenv("RECONNECT_TWIN_LOGS")
			if dir == "" {
				dir = t.TempDir()
			}
			stalls := watchStalls(t)
			var wg sync.WaitGroup
			all := make([]*twins, pairs)
			for i := range all {
				all[i] = newTwins(t, i, c.Brokers()[0], fmt.Sprintf("twins-%d", i), dir)
				wg.Go(func() { all[i].run((faults + pairs - 1) / pairs) })
			}
			wg.Wait()
			var sum verdicts
			for _, tw := range all {
				sum.judge(tw, stalls)
			}
			for _, tw := range all {
				tw.checkStore(t, c.Brokers()[0])
			}
			t.Logf("kafka %s: %v", version, &sum)
			assert.GreaterOrEqual(t, sum.faults(), faults)
			assert.Positive(t, sum.failures, "nothing was proved")
		})
	}
}

// run plays faults until there were n of them, then lets everything come to rest.
func (tw *twins) run(n int) {
	ctx, cancel := context.WithCancel(tw.t.Context())
	defer cancel()
	for i := range 4 {
		tw.add(fmt.Sprintf("%s%d", mortalName, i))
	}
	flap := flapsName + "1"
	tw.add(flap)
	tw.doom()
	for _, w := range tw.kids {
		w.start()
	}
	var wg sync.WaitGroup
	wg.Go(func() { tw.failNowAndThen(ctx) })
	wg.Go(func() { tw.flap(ctx, flap) })
	for done := 0; done < n && ctx.Err() == nil && !tw.t.Failed(); {
		if tw.fault(ctx) {
			done++
		}
		pause(ctx, tw.between(0, twinDelay))
	}
	tw.mu.Lock()
	tw.ended = true
	last := fmt.Sprintf("event exhausted %s%d ", doomedName, tw.made)
	tw.mu.Unlock()
	// Nothing happens to them any more: every budget comes to its end and every failure to its restart.
	for end := time.Now().Add(90 * time.Second); time.Now().Before(end) && ctx.Err() == nil; pause(ctx, 200*time.Millisecond) {
		tw.mu.Lock()
		open := len(tw.open)
		tw.mu.Unlock()
		if open == 0 && (tw.kids[0].heard(last) || tw.kids[1].heard(last)) {
			break
		}
	}
	cancel()
	wg.Wait()
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// failNowAndThen lets mortal connectors fail, and makes a doomed one whenever the last has used its budget up.
func (tw *twins) failNowAndThen(ctx context.Context) {
	for ctx.Err() == nil {
		pause(ctx, tw.between(500*time.Millisecond, 3*time.Second))
		tw.fail(fmt.Sprintf("%s%d", mortalName, tw.pick(4)))
		tw.mu.Lock()
		last, ended := fmt.Sprintf("event exhausted %s%d ", doomedName, tw.made), tw.ended
		tw.mu.Unlock()
		if !ended && (tw.kids[0].heard(last) || tw.kids[1].heard(last)) {
			tw.doom() //nolint:contextcheck // the fake has none
		}
	}
}

// flap fails a connector again a moment after each restart, and lets it run for a while when no more come.
func (tw *twins) flap(ctx context.Context, name string) {
	for ctx.Err() == nil {
		tw.connect.FailTask(name, 0, tw.trace(true))
		quiet := time.NewTimer(4 * twinDelay)
		select {
		case <-ctx.Done():
		case <-tw.wake:
			pause(ctx, tw.between(500*time.Millisecond, 4*time.Second))
		case <-quiet.C:
			tw.revive(name) //nolint:contextcheck // the fake has none
			pause(ctx, tw.between(5*time.Second, twinWindow))
		}
		quiet.Stop()
	}
}

// fault hits one supervisor, or both, and heals it after a while. False when a trap saw nobody.
func (tw *twins) fault(ctx context.Context) bool {
	kinds := []string{"kill", "freeze", "cut"}
	kind := kinds[tw.pick(len(kinds))]
	mode := []string{gateReset, gateRefuse, gateHole}[tw.pick(3)]
	atConnect := tw.odds(0.5)
	hit := func(w *twin) { //nolint:contextcheck // a fault has none
		tw.mu.Lock()
		tw.hits = append(tw.hits, time.Now())
		tw.mu.Unlock()
		switch kind {
		case "kill":
			w.kill()
		case "freeze":
			w.freeze()
		case "cut":
			w.shut(w.gate(atConnect), mode)
		}
	}
	where := "at random"
	victims := []*twin{tw.kids[tw.pick(2)]}
	switch {
	case tw.odds(0.45):
		where = []string{pointReserved, pointAsked, pointAnswered}[tw.pick(3)]
		tr := &trap{point: where, hit: hit, fired: make(chan *twin, 1)}
		tw.set(tr)
		tw.fail(fmt.Sprintf("%s%d", mortalName, tw.pick(4)))
		late := time.NewTimer(30 * time.Second)
		defer late.Stop()
		select {
		case w := <-tr.fired:
			victims[0] = w
		case <-late.C:
			tw.set(nil)
			select {
			case w := <-tr.fired:
				victims[0] = w
			default:
				tw.count("traps that nobody came to")
				return false
			}
		case <-ctx.Done():
			return false
		}
	case tw.odds(0.15):
		victims = tw.kids[:]
		where = "both"
		hit(tw.kids[0])
		hit(tw.kids[1])
	default:
		hit(victims[0])
	}
	for range victims {
		tw.count(kind)
		tw.count(kind + " " + where)
	}
	switch kind {
	case "kill":
		pause(ctx, tw.between(0, 3*time.Second))
	case "freeze":
		pause(ctx, twinLease+tw.between(time.Second, 4*time.Second))
	case "cut":
		pause(ctx, tw.between(time.Second, 2*twinLease))
	}
	for _, w := range victims {
		switch kind {
		case "kill":
			w.start()
		case "freeze":
			w.thaw()
		case "cut":
			w.shut(w.gate(atConnect), gateOpen) //nolint:contextcheck // healing has none
		}
	}
	return true
}

func (w *twin) gate(atConnect bool) *gate {
	if atConnect {
		return w.front
	}
	return w.broker
}

// checkStore compares what was stored with what was counted.
func (tw *twins) checkStore(t *testing.T, broker string) {
	for _, w := range tw.kids {
		w.kill()
	}
	entries, err := open(t, []string{broker}, tw.topic).Load(t.Context())
	require.NoError(t, err)
	asked := tw.requests()
	latched := 0
	for _, e := range entries {
		if strings.HasPrefix(e.Key, doomedName) {
			assert.GreaterOrEqual(t, e.State.Restarts.Len(), len(asked[e.Key]), "%s: every request was reserved", e.Key)
			if e.State.Latch == recovery.LatchExhausted {
				latched++
			}
		}
	}
	assert.Equal(t, tw.made, latched, "every budget came to its end")
}
