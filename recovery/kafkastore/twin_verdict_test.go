//go:build unix

package kafkastore_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/go-reconnect/reconnect/internal/testutil"
)

// stalls are stretches in which this machine let nobody run: they are nobody's delay.
type stalls struct {
	mu   sync.Mutex
	list []span
}

// stallTick is how often this process wants to run.
const stallTick = 50 * time.Millisecond

func watchStalls(t *testing.T) *stalls {
	t.Helper()
	s := &stalls{}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var wg sync.WaitGroup
	wg.Go(func() {
		for last := time.Now(); ctx.Err() == nil; {
			pause(ctx, stallTick)
			now := time.Now()
			if late := now.Sub(last) - stallTick; late > stallTick/2 {
				s.mu.Lock()
				s.list = append(s.list, span{now.Add(-late), now})
				s.mu.Unlock()
			}
			last = now
		}
	})
	t.Cleanup(func() {
		cancel()
		wg.Wait()
	})
	return s
}

// within is the sum of the stalls in a stretch.
func (s *stalls) within(sp span) (sum time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, x := range s.list {
		sum += overlap(x, sp)
	}
	return sum
}

func overlap(a, b span) time.Duration {
	from, to := a.from, a.to
	if b.from.After(from) {
		from = b.from
	}
	if b.to.Before(to) {
		to = b.to
	}
	return max(0, to.Sub(from))
}

// verdicts sum up what was proved.
type verdicts struct {
	tally    map[string]int
	failures int
	restarts int
	doomed   int
	most     int           // restarts of one doomed connector
	busiest  int           // restarts of a flapping connector within one window
	single   int           // waits with one fault at most
	worst    time.Duration // of them

	worstOfMany time.Duration // of the others, less a lease for each fault but one
	stalled     time.Duration
}

func (v *verdicts) faults() int { return v.tally["kill"] + v.tally["freeze"] + v.tally["cut"] }

func (v *verdicts) String() string {
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(v.tally)) {
		parts = append(parts, fmt.Sprintf("%s %d", k, v.tally[k]))
	}
	return fmt.Sprintf("%d faults (%s); %d restarts counted in front of Connect; %d doomed connectors with at most %d restarts, a flapping one with at most %d in %v, budget %d; "+
		"%d failures; the longest wait for a restart beside a supervisor that was alive and connected %v of %v where at most one fault fell into it (%d waits), else %v after a lease for each further fault (the machine stood still for %v)",
		v.faults(), strings.Join(parts, ", "), v.restarts, v.doomed, v.most, v.busiest, twinWindow, twinBudget, v.failures, v.worst.Round(time.Millisecond), twinPatience, v.single, v.worstOfMany.Round(time.Millisecond), v.stalled.Round(time.Millisecond))
}

// judge holds what was counted against the two promises.
func (v *verdicts) judge(tw *twins, st *stalls) {
	if v.tally == nil {
		v.tally = map[string]int{}
	}
	now := time.Now()
	for k, n := range tw.tally {
		v.tally[k] += n
	}
	for name, at := range tw.requests() {
		v.restarts += len(at)
		switch {
		case strings.HasPrefix(name, doomedName):
			v.most = max(v.most, len(at))
			assert.LessOrEqual(tw.t, len(at), twinBudget, "pair %d, %s: never more restarts than one budget: %v", tw.id, name, at)
		case strings.HasPrefix(name, flapsName):
			// A restart is on its way for at most RequestTimeout after its reservation, and as long as a cut holds it on the wire.
			within := busiest(at, twinWindow-twinRequestTimeout-2*twinLease)
			v.busiest = max(v.busiest, within)
			assert.LessOrEqual(tw.t, within, twinBudget, "pair %d, %s: never more restarts than one budget within a window: %v", tw.id, name, at)
		}
	}
	v.doomed += tw.made
	tw.mu.Lock()
	assert.Empty(tw.t, tw.open, "pair %d: every failure has had its restart in the end", tw.id)
	tw.mu.Unlock()
	for _, f := range tw.failures {
		v.failures++
		end := f.done
		if end.IsZero() {
			end = now
		}
		for _, w := range tw.kids {
			for _, sp := range w.spans(now) {
				waited := overlap(sp, span{f.at, end})
				if waited <= 0 {
					continue
				}
				from := sp.from
				if f.at.After(from) {
					from = f.at
				}
				waited -= st.within(span{from, from.Add(waited)})
				// Each fault costs one lease at most.
				faults := max(1, tw.faultsIn(span{from.Add(-twinLease), from.Add(waited)}))
				if faults == 1 {
					v.worst = max(v.worst, waited)
					v.single++
				} else {
					v.worstOfMany = max(v.worstOfMany, waited-time.Duration(faults-1)*twinLease)
				}
				if !testutil.Soaking() {
					continue // time decides nothing where the machine is shared: the soak holds the promise, here it is shown
				}
				assert.LessOrEqual(tw.t, waited, twinPatience+time.Duration(faults-1)*twinLease, "pair %d, supervisor %d: %s failed at %s, restarted at %s, the supervisor was alive and connected from %s to %s, with %d faults",
					tw.id, w.id, f.name, clock(f.at), clock(f.done), clock(sp.from), clock(sp.to), faults)
			}
		}
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	v.stalled = 0
	for _, x := range st.list {
		v.stalled += x.to.Sub(x.from)
	}
}

// faultsIn counts the faults that began within a stretch.
func (tw *twins) faultsIn(sp span) (n int) {
	for _, at := range tw.hits {
		if !at.Before(sp.from) && at.Before(sp.to) {
			n++
		}
	}
	return n
}

func clock(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.Format("15:04:05.000")
}

// busiest is the largest number of points in time within d.
func busiest(at []time.Time, d time.Duration) int {
	at = slices.SortedFunc(slices.Values(at), time.Time.Compare)
	most := 0
	for i := range at {
		n := 0
		for _, x := range at[i:] {
			if x.Sub(at[i]) < d {
				n++
			}
		}
		most = max(most, n)
	}
	return most
}
