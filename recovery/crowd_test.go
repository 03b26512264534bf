package recovery_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/go-reconnect/reconnect/recovery"
)

// mob makes n connectors that fail with a fingerprint each until heals says that a restart helps.
func mob(w *world, n int, heals func(i int) bool) {
	for i := range n {
		name := fmt.Sprintf("c%04d", i)
		trace := fmt.Sprintf("cause%d", i)
		w.add(name, 1).onRestart = func(int) (time.Duration, string) {
			if heals(i) {
				return -1, ""
			}
			return time.Second, trace
		}
		w.fail(name, 0, trace)
	}
}

func TestAStormOfDifferentFingerprintsGoesByCanaryAndRamp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		start := time.Now()
		const outage = 10 * time.Minute
		mob(w, 300, func(int) bool { return time.Since(start) > outage })
		g := newStage(t, w, recovery.Config{Diagnose: byText})
		g.run(outage)
		assert.LessOrEqual(t, w.count("restart"), 20, "four at a time, every two minutes, and not three hundred")
		g.run(40 * time.Minute)
		assert.Equal(t, 300, g.kinds(recovery.EventRecovered))
		assert.LessOrEqual(t, w.count("restart"), 330)
		assert.Equal(t, 1, g.kinds(recovery.EventStorm))
		assert.Equal(t, 1, g.kinds(recovery.EventStormOver))
	})
}

func TestInACrowdTheFirstCanariesMayBeBeyondHelp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		mob(w, 300, func(i int) bool { return i >= 10 })
		g := newStage(t, w, recovery.Config{Diagnose: byText})
		g.run(time.Hour)
		assert.Equal(t, 290, g.kinds(recovery.EventRecovered))
	})
}

func TestACrowdThatIsBeyondHelpIsNoDeadlockAndNoStorm(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		mob(w, 300, func(i int) bool { return i == 299 }) // the last in turn is the only one that a restart helps
		g := newStage(t, w, recovery.Config{Diagnose: byText})
		g.run(15 * time.Minute)
		assert.LessOrEqual(t, w.count("restart"), 40)
		g.run(2 * time.Hour)
		assert.Equal(t, 1, g.kinds(recovery.EventRecovered, "c0299"))
	})
}

func TestACrowdThatFailsAgainClosesTheGate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		mob(w, 300, func(i int) bool { return i == 0 }) // the first canary runs, and nobody else will
		g := newStage(t, w, recovery.Config{Diagnose: byText})
		g.run(10 * time.Minute)
		assert.LessOrEqual(t, w.count("restart"), 100, "the ramp stops when they fail again")
	})
}

func TestFewWithDifferentCausesDoNotWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		mob(w, 19, func(int) bool { return true })
		g := newStage(t, w, recovery.Config{Diagnose: byText})
		g.run(2 * time.Minute)
		assert.Equal(t, 19, w.count("restart"))
		assert.Zero(t, g.kinds(recovery.EventStorm))
	})
}
