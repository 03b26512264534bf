package recovery_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/go-reconnect/reconnect/connect/failure"
	"github.com/go-reconnect/reconnect/recovery"
)

// byText classifies the texts that these tests use; the fingerprint is the text up to a dash.
func byText(trace string) failure.Diagnosis {
	fp, _, _ := strings.Cut(trace, "-")
	d := failure.Diagnosis{Class: failure.ClassUnknown, Fingerprint: fp, Summary: "summary of " + fp}
	switch fp {
	case "refused":
		d.Class, d.Restart = failure.ClassConnection, failure.AdviceAfterRecovery
	case "password":
		d.Class, d.Restart = failure.ClassAuthentication, failure.AdviceAfterChange
	case "poison":
		d.Class, d.Restart = failure.ClassDataConstraint, failure.AdviceAfterChange
	}
	return d
}

// storm makes n connectors that fail with the trace until the world is mended.
func storm(w *world, n, tasks int, trace string, mended func() bool) {
	for i := range n {
		name := fmt.Sprintf("c%04d", i)
		w.add(name, tasks).onRestart = func(int) (time.Duration, string) {
			if mended() {
				return -1, ""
			}
			return time.Second, trace
		}
		for task := range tasks {
			w.fail(name, task, trace)
		}
	}
}

func TestAStormOfAThousandIsRestartedByCanaryAndRamp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		start := time.Now()
		w.slow = 50 * time.Millisecond
		outage := 10 * time.Minute
		storm(w, 1000, 1, "refused", func() bool { return time.Since(start) > outage })
		g := newStage(t, w, recovery.Config{Diagnose: byText})
		g.run(outage)
		assert.LessOrEqual(t, w.count("restart"), 6, "a failed canary costs one restart, not a thousand")
		g.run(30 * time.Minute)
		assert.Equal(t, 1000, g.kinds(recovery.EventRecovered))
		assert.LessOrEqual(t, w.count("restart"), 1010)
		assert.LessOrEqual(t, w.maxFlight, 4)
		assert.Equal(t, 1, g.kinds(recovery.EventStorm))
		assert.Equal(t, 1, g.kinds(recovery.EventStormOver))
	})
}

func TestTheFirstCanaryIsAPoisonRecordAndTheOtherOnesRecover(t *testing.T) {
	t.Parallel()
	for name, poison := range map[string]string{"with a cause of its own": "poison", "with the same fingerprint": "refused-by-a-record"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld()
				storm(w, 300, 1, "refused", func() bool { return true })
				w.with("c0000", func(p *part) { p.onRestart = func(int) (time.Duration, string) { return 0, poison } })
				w.fail("c0000", 0, poison)
				g := newStage(t, w, recovery.Config{Diagnose: byText})
				g.run(time.Hour)
				assert.Equal(t, 299, g.kinds(recovery.EventRecovered))
				assert.Zero(t, g.kinds(recovery.EventRecovered, "c0000"))
			})
		})
	}
}

func TestACanaryThatNeverAnswersDoesNotHoldTheOthersForLong(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		storm(w, 50, 1, "refused", func() bool { return true })
		for i := range 10 { // the first ten never say anything
			w.with(fmt.Sprintf("c%04d", i), func(p *part) { p.onRestart = func(int) (time.Duration, string) { return 0, "refused" } })
		}
		g := newStage(t, w, recovery.Config{Diagnose: byText})
		g.run(90 * time.Minute)
		assert.Equal(t, 40, g.kinds(recovery.EventRecovered))
	})
}

func TestTheTokenBucketCountsTasks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		storm(w, 10, 100, "boom", func() bool { return true })
		for i := range 10 {
			for task := range 100 {
				w.fail(fmt.Sprintf("c%04d", i), task, fmt.Sprintf("boom%d", i))
			}
		}
		g := newStage(t, w, recovery.Config{Diagnose: byText, Guard: recovery.Guard{TasksPerMinute: 100, Burst: 100}})
		g.run(3 * time.Minute)
		assert.LessOrEqual(t, w.count("restart"), 3)
		g.run(30 * time.Minute)
		assert.Equal(t, 10, g.kinds(recovery.EventRecovered))
	})
}

func TestFewConnectorsDoNotWaitForEachOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		storm(w, 4, 1, "refused", func() bool { return true })
		g := newStage(t, w, recovery.Config{Diagnose: byText})
		g.run(2 * time.Minute)
		assert.Equal(t, 4, w.count("restart"))
		assert.Zero(t, g.kinds(recovery.EventStorm))
	})
}

func TestCredentialsAreTriedByOneTaskOfOneConnector(t *testing.T) {
	t.Parallel()
	for name, right := range map[string]bool{"still wrong": false, "right again": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld()
				logins := 0
				storm(w, 30, 4, "password", func() bool { return right })
				for i := range 30 {
					w.with(fmt.Sprintf("c%04d", i), func(p *part) {
						inner := p.onRestart
						p.onRestart = func(task int) (time.Duration, string) { logins++; return inner(task) }
					})
				}
				g := newStage(t, w, recovery.Config{Diagnose: byText, Policy: recovery.Policy{RestartAuthentication: true}})
				g.run(3 * time.Hour)
				if !right {
					assert.Equal(t, 1, logins, "one log-in for the whole cluster")
					return
				}
				assert.Equal(t, 120, logins)
				assert.Equal(t, 30, g.kinds(recovery.EventRecovered))
			})
		})
	}
}

func TestAnAcknowledgedFingerprintGoesByCanaryToo(t *testing.T) {
	t.Parallel()
	for name, right := range map[string]bool{"still wrong": false, "right again": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld()
				mended := false
				logins := 0
				storm(w, 3, 4, "password", func() bool { logins++; return mended })
				g := newStage(t, w, recovery.Config{Diagnose: byText})
				g.run(24 * time.Hour)
				assert.Zero(t, logins)
				mended = right
				assert.NoError(t, g.s.AcknowledgeFingerprint(t.Context(), "password"))
				g.run(3 * time.Hour)
				if right {
					assert.Equal(t, 12, logins)
					assert.Equal(t, 3, g.kinds(recovery.EventRecovered))
				} else {
					assert.Equal(t, 1, logins)
				}
			})
		})
	}
}
