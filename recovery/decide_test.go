package recovery_test

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-reconnect/reconnect/connect"
	"github.com/go-reconnect/reconnect/connect/failure"
	"github.com/go-reconnect/reconnect/recovery"
)

var epoch = time.Date(2026, 11, 20, 3, 0, 0, 0, time.UTC)

// plain is a policy without jitter, so that times can be named.
var plain = recovery.Policy{Jitter: -1}

func diagnosis(class failure.Class, advice failure.Advice) func(string) failure.Diagnosis {
	return func(trace string) failure.Diagnosis {
		return failure.Diagnosis{Class: class, Restart: advice, Fingerprint: string(class) + trace, Summary: "it broke"}
	}
}

// status builds a status from the connector's state and those of its tasks; "FAILED:x" carries a trace.
func status(states ...string) connect.ConnectorStatus {
	st := connect.ConnectorStatus{Name: "orders", Type: connect.TypeSink}
	for i, s := range states {
		state, trace, _ := strings.Cut(s, ":")
		inst := connect.InstanceStatus{State: connect.State(state), WorkerID: "w:8083", Trace: trace}
		if i == 0 {
			st.Connector = inst
		} else {
			st.Tasks = append(st.Tasks, connect.TaskStatus{ID: connect.TaskID{Connector: "orders", Task: i - 1}, InstanceStatus: inst})
		}
	}
	return st
}

// desk plays one connector through Decide and Settle.
type desk struct {
	t        *testing.T
	policy   recovery.Policy
	state    recovery.State
	now      time.Time
	diagnose func(string) failure.Diagnosis
	answer   recovery.Answer
	last     recovery.Decision
	restarts []time.Duration
	probes   int
	sent     int
	sentAt   time.Duration
	signals  map[recovery.Signal]int
	outcomes map[recovery.Outcome]int
}

func newDesk(t *testing.T, p recovery.Policy) *desk {
	t.Helper()
	require.NoError(t, p.Validate())
	return &desk{
		t: t, policy: p, now: epoch, diagnose: diagnosis(failure.ClassUnknown, failure.AdviceUnknown), answer: recovery.AnswerAccepted,
		signals: map[recovery.Signal]int{}, outcomes: map[recovery.Outcome]int{},
	}
}

// see shows one observation and carries out the decision.
func (d *desk) see(o recovery.Observation) recovery.Decision {
	d.t.Helper()
	o.Connector = "orders"
	dec := recovery.Decide(d.policy, d.state, o, d.now)
	again := recovery.Decide(d.policy, d.state, o, d.now)
	require.Equal(d.t, dec, again, "the same question has the same answer")
	d.state = d.stored(dec.State)
	for sig := recovery.SignalFailed; sig <= recovery.SignalStuck; sig <<= 1 {
		if dec.Signals.Has(sig) {
			d.signals[sig]++
		}
	}
	if dec.Outcome != recovery.OutcomeNone {
		d.outcomes[dec.Outcome]++
	}
	if dec.Action == recovery.ActionRestart {
		d.sent, d.sentAt = d.sent+1, d.now.Sub(epoch)
		if dec.Probe {
			d.probes++
		} else {
			d.restarts = append(d.restarts, d.now.Sub(epoch))
		}
		d.state = d.stored(recovery.Settle(d.policy, d.state, dec, d.answer, d.now))
	}
	d.last = dec
	return dec
}

// stored sends a state through its JSON, as every store does.
func (d *desk) stored(s recovery.State) recovery.State {
	d.t.Helper()
	if s == d.state {
		return s
	}
	b, err := json.Marshal(s)
	require.NoError(d.t, err)
	var back recovery.State
	require.NoError(d.t, json.Unmarshal(b, &back))
	require.Equal(d.t, s, back)
	return back
}

func (d *desk) seeStates(states ...string) recovery.Decision {
	d.t.Helper()
	return d.see(recovery.Observe(status(states...), d.diagnose))
}

// play polls every 30 s for the given time.
func (d *desk) play(length time.Duration, world func(at time.Duration) recovery.Observation) {
	d.t.Helper()
	for end := d.now.Add(length); d.now.Before(end); d.now = d.now.Add(30 * time.Second) {
		d.see(world(d.now.Sub(epoch)))
	}
}

func (d *desk) lastRestart() time.Duration { return d.restarts[len(d.restarts)-1] }

func (d *desk) running() recovery.Observation {
	return recovery.Observe(status("RUNNING", "RUNNING"), d.diagnose)
}

func (d *desk) failed() recovery.Observation {
	return recovery.Observe(status("RUNNING", "FAILED:x"), d.diagnose)
}

func TestDecideWaitsForRestartDelayAndThreshold(t *testing.T) {
	t.Parallel()
	d := newDesk(t, plain)
	d.seeStates("RUNNING", "FAILED:x")
	assert.Equal(t, recovery.PhaseSuspect, d.state.Phase)
	d.now = d.now.Add(30 * time.Second)
	d.seeStates("RUNNING", "FAILED:x")
	assert.Equal(t, recovery.PhaseBackoff, d.state.Phase)
	assert.Equal(t, epoch.Add(time.Minute), d.last.Next)
	d.now = d.now.Add(30 * time.Second)
	dec := d.seeStates("RUNNING", "FAILED:x", "RUNNING", "FAILED:y")
	assert.Equal(t, recovery.ActionRestart, dec.Action)
	assert.Equal(t, []int{0, 2}, dec.Tasks)
	assert.False(t, dec.IncludeConnector)
	assert.True(t, dec.Whole)
	assert.Equal(t, recovery.DefaultMaxRestarts-1, dec.Left)
	assert.Equal(t, recovery.PhaseVerifying, d.state.Phase)
}

// flapper fails ran after each start and is told of its restarts by the desk.
func flapper(d *desk, ran time.Duration) func(time.Duration) recovery.Observation {
	return func(at time.Duration) recovery.Observation {
		if d.sent > 0 && at-d.sentAt < ran {
			return d.running()
		}
		return d.failed()
	}
}

func TestFlappingCannotResetTheBudget(t *testing.T) {
	t.Parallel()
	for _, ran := range []time.Duration{0, time.Minute, 5 * time.Minute, 30 * time.Minute} {
		t.Run(fmt.Sprintf("dies %v after each start", ran), func(t *testing.T) {
			t.Parallel()
			d := newDesk(t, recovery.Policy{ProbeEvery: -1})
			d.play(2*24*time.Hour, flapper(d, ran))
			assert.Len(t, d.restarts, recovery.DefaultMaxRestarts)
			assert.Less(t, d.lastRestart(), 6*time.Hour)
			assert.Equal(t, recovery.PhaseExhausted, d.state.Phase)
			assert.Equal(t, 1, d.signals[recovery.SignalExhausted], "told once")
			assert.Equal(t, d.signals[recovery.SignalFailed], d.signals[recovery.SignalRecovered]+1)
		})
	}
}

func TestASlowFlapperKeepsBeingRestartedAndIsReported(t *testing.T) {
	t.Parallel()
	d := newDesk(t, recovery.Policy{})
	d.play(3*24*time.Hour, flapper(d, 2*time.Hour))
	assert.Greater(t, len(d.restarts), 30)
	assert.Equal(t, 1, d.signals[recovery.SignalFlapping])
	assert.Zero(t, d.signals[recovery.SignalExhausted])
}

func TestAFlapperThatProbesFindAliveIsToldOfAFewTimes(t *testing.T) {
	t.Parallel()
	d := newDesk(t, recovery.Policy{})
	d.play(5*24*time.Hour, flapper(d, 30*time.Minute))
	assert.LessOrEqual(t, d.signals[recovery.SignalExhausted], 3)
	assert.Len(t, d.restarts, recovery.DefaultMaxRestarts)
	assert.LessOrEqual(t, d.probes, 24)
}

func TestAStartThatTakesFourMinutesGetsOneRestart(t *testing.T) {
	t.Parallel()
	d := newDesk(t, recovery.Policy{})
	d.play(2*time.Hour, func(at time.Duration) recovery.Observation {
		if len(d.restarts) > 0 && at-d.restarts[0] >= 4*time.Minute {
			return d.running()
		}
		return d.failed()
	})
	assert.Len(t, d.restarts, 1)
	assert.Equal(t, 1, d.outcomes[recovery.OutcomeRecovered])
	assert.Equal(t, recovery.PhaseHealthy, d.state.Phase)
	assert.Zero(t, d.state.Step)
	assert.Equal(t, 1, d.state.Restarts.Len(), "health leaves the window alone")
}

func TestStatesThatAreNotHealthResetNothing(t *testing.T) {
	t.Parallel()
	for name, states := range map[string][]string{
		"PAUSED":              {"PAUSED", "PAUSED"},
		"STOPPED":             {"STOPPED"},
		"UNASSIGNED":          {"UNASSIGNED", "UNASSIGNED"},
		"a task UNASSIGNED":   {"RUNNING", "UNASSIGNED"},
		"RESTARTING":          {"RUNNING", "RESTARTING"},
		"zero tasks":          {"RUNNING"},
		"no status":           {""},
		"a state of tomorrow": {"SLEEPING", "SLEEPING"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t, recovery.Policy{MaxRestarts: 3, ProbeEvery: -1})
			d.play(time.Hour, flapper(d, 0))
			require.Equal(t, recovery.LatchExhausted, d.state.Latch)
			before := d.state
			d.play(2*time.Hour, func(time.Duration) recovery.Observation { return recovery.Observe(status(states...), d.diagnose) })
			assert.Equal(t, before.Step, d.state.Step)
			assert.Equal(t, before.Restarts, d.state.Restarts)
			assert.Equal(t, recovery.LatchExhausted, d.state.Latch)
			assert.Len(t, d.restarts, 3, "and none of them is restarted")
		})
	}
}

func TestDesiredStateWins(t *testing.T) {
	t.Parallel()
	for name, states := range map[string][]string{
		"connector PAUSED, task FAILED":           {"PAUSED", "FAILED:x"},
		"connector FAILED, a task PAUSED":         {"FAILED:x", "PAUSED"},
		"connector RUNNING, PAUSED beside FAILED": {"RUNNING", "PAUSED", "FAILED:x"},
		"STOPPED": {"STOPPED", "FAILED:x"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t, plain)
			d.play(24*time.Hour, func(time.Duration) recovery.Observation { return recovery.Observe(status(states...), d.diagnose) })
			assert.Empty(t, d.restarts)
			assert.Empty(t, d.signals)
			assert.Equal(t, recovery.PhasePaused, d.state.Phase)
		})
	}
}

func TestMaxRestartsBelowZeroMeansNone(t *testing.T) {
	t.Parallel()
	d := newDesk(t, recovery.Policy{MaxRestarts: -1})
	d.play(24*time.Hour, flapper(d, 0))
	assert.Empty(t, d.restarts)
	assert.Zero(t, d.probes)
	assert.Equal(t, recovery.PhaseHeld, d.state.Phase)
	assert.Equal(t, 1, d.signals[recovery.SignalHeld])
}

func TestARefusalDoesNotBurnAnAttemptAndAnOpenAnswerDoes(t *testing.T) {
	t.Parallel()
	for answer, want := range map[recovery.Answer]int{
		recovery.AnswerRefused: 5, recovery.AnswerAccepted: 4, recovery.AnswerUnknown: 4, recovery.AnswerFailed: 4, "nonsense": 4,
	} {
		t.Run(string(answer), func(t *testing.T) {
			t.Parallel()
			d := newDesk(t, plain)
			d.answer = answer
			d.play(61*time.Second+30*time.Second, flapper(d, 0))
			require.Len(t, d.restarts, 1)
			assert.Equal(t, want, recovery.DefaultMaxRestarts-d.state.Restarts.Len())
			if answer == recovery.AnswerRefused {
				assert.Zero(t, d.state.Step)
				assert.Equal(t, recovery.PhaseBackoff, d.state.Phase)
			}
		})
	}
}

func TestARefusalForADayDoesNotExhaust(t *testing.T) {
	t.Parallel()
	d := newDesk(t, recovery.Policy{})
	d.answer = recovery.AnswerRefused
	d.play(24*time.Hour, flapper(d, 0))
	assert.Zero(t, d.signals[recovery.SignalExhausted])
	assert.Zero(t, d.state.Restarts.Len())
	assert.LessOrEqual(t, len(d.restarts), 24*60, "but it is not hammered")
}

func TestForbiddenHoldsThatName(t *testing.T) {
	t.Parallel()
	d := newDesk(t, recovery.Policy{})
	d.answer = recovery.AnswerForbidden
	d.play(24*time.Hour, flapper(d, 0))
	assert.Len(t, d.restarts, 1)
	assert.Equal(t, recovery.PhaseHeld, d.state.Phase)
	assert.Equal(t, recovery.ReasonForbidden, d.state.Reason)
	assert.Zero(t, d.state.Restarts.Len())
}

func TestAnAnswerToAnotherAttemptChangesNothing(t *testing.T) {
	t.Parallel()
	d := newDesk(t, plain)
	d.play(91*time.Second, flapper(d, 0))
	s := d.state
	assert.Equal(t, s, recovery.Settle(plain, s, recovery.Decision{Action: recovery.ActionRestart, Attempt: 99}, recovery.AnswerRefused, d.now))
	assert.Equal(t, s, recovery.Settle(plain, s, recovery.Decision{Action: recovery.ActionRestart, Attempt: 1}, recovery.AnswerRefused, d.now), "settled already")
	assert.Equal(t, s, recovery.Settle(plain, s, recovery.Decision{}, recovery.AnswerRefused, d.now))
}

func TestACrashBetweenReservationAndAnswerCounts(t *testing.T) {
	t.Parallel()
	d := newDesk(t, plain)
	d.play(time.Minute, flapper(d, 0))
	o := d.failed()
	o.Connector = "orders"
	dec := recovery.Decide(plain, d.state, o, d.now)
	require.Equal(t, recovery.ActionRestart, dec.Action)
	d.state = dec.State // and no Settle
	d.play(plain.Defaults().RestartDelay-time.Second, flapper(d, 0))
	assert.Empty(t, d.restarts, "it may still run")
	assert.Equal(t, recovery.PhaseVerifying, d.state.Phase)
	d.play(time.Minute, flapper(d, 0))
	assert.Len(t, d.restarts, 1, "whoever sent it does not know either: nobody waits for VerifyTimeout")
	assert.Equal(t, 2, d.state.Restarts.Len(), "the lost one counts")
}

func TestARestartWhoseSenderDiedIsWaitedForOnceItIsSeenToBeUnderWay(t *testing.T) {
	t.Parallel()
	d := newDesk(t, plain)
	d.play(time.Minute, flapper(d, 0))
	o := d.failed()
	o.Connector = "orders"
	dec := recovery.Decide(plain, d.state, o, d.now)
	require.Equal(t, recovery.ActionRestart, dec.Action)
	moving := o
	moving.Failed, moving.Moving, moving.Restarting = nil, 1, 1
	state := recovery.Decide(plain, dec.State, moving, d.now.Add(30*time.Second)).State
	dec = recovery.Decide(plain, state, moving, d.now.Add(4*time.Minute))
	assert.Equal(t, recovery.ActionNone, dec.Action, "RESTARTING was seen: it was sent, and takes its time")
	assert.Equal(t, recovery.PhaseVerifying, dec.State.Phase)
}

func TestAuthenticationIsHeldWithoutARestart(t *testing.T) {
	t.Parallel()
	d := newDesk(t, recovery.Policy{})
	d.diagnose = diagnosis(failure.ClassAuthentication, failure.AdviceAfterChange)
	d.play(2*24*time.Hour, flapper(d, 0))
	assert.Empty(t, d.restarts)
	assert.Zero(t, d.probes)
	assert.Equal(t, 1, d.signals[recovery.SignalHeld])
	assert.Equal(t, recovery.ReasonAuthentication, d.state.Reason)
}

func TestWhatNeedsAPersonGetsOneRestart(t *testing.T) {
	t.Parallel()
	for _, class := range []failure.Class{failure.ClassDataConstraint, failure.ClassConfiguration, failure.ClassTLS, failure.ClassAuthorization, failure.ClassSerialization, failure.ClassSourceState} {
		t.Run(string(class), func(t *testing.T) {
			t.Parallel()
			d := newDesk(t, recovery.Policy{})
			d.diagnose = diagnosis(class, failure.AdviceAfterChange)
			d.play(2*24*time.Hour, flapper(d, 0))
			assert.Len(t, d.restarts, 1)
			assert.Zero(t, d.probes, "held is never probed")
			assert.Equal(t, recovery.PhaseHeld, d.state.Phase)
			assert.Equal(t, 1, d.signals[recovery.SignalHeld])
		})
	}
}

func TestATaskThatNeedsAPersonDoesNotHoldItsSiblings(t *testing.T) {
	t.Parallel()
	d := newDesk(t, plain)
	d.diagnose = func(trace string) failure.Diagnosis {
		if trace == "password" {
			return diagnosis(failure.ClassAuthentication, failure.AdviceAfterChange)(trace)
		}
		return diagnosis(failure.ClassConnection, failure.AdviceAfterRecovery)(trace)
	}
	d.play(90*time.Second, func(time.Duration) recovery.Observation {
		return recovery.Observe(status("RUNNING", "FAILED:password", "FAILED:refused"), d.diagnose)
	})
	require.Len(t, d.restarts, 1)
	assert.Equal(t, []int{1}, d.last.Tasks)
	assert.False(t, d.last.Whole, "one request for everything would log in again")
	d.play(time.Hour, func(time.Duration) recovery.Observation {
		return recovery.Observe(status("RUNNING", "FAILED:password", "RUNNING"), d.diagnose)
	})
	assert.Equal(t, recovery.PhaseHeld, d.state.Phase)
	assert.Len(t, d.restarts, 1)
}

func TestExhaustedEnds(t *testing.T) {
	t.Parallel()
	exhausted := func(t *testing.T, p recovery.Policy) *desk {
		t.Helper()
		d := newDesk(t, p)
		d.play(5*time.Hour, flapper(d, 0))
		require.Equal(t, recovery.PhaseExhausted, d.state.Phase)
		return d
	}
	t.Run("by health without us", func(t *testing.T) {
		t.Parallel()
		d := exhausted(t, recovery.Policy{ProbeEvery: -1})
		d.play(19*time.Minute, func(time.Duration) recovery.Observation { return d.running() })
		assert.Equal(t, recovery.PhaseExhausted, d.state.Phase, "not before twice StableFor")
		d.play(2*time.Minute, func(time.Duration) recovery.Observation { return d.running() })
		assert.Equal(t, recovery.PhaseHealthy, d.state.Phase)
		assert.Equal(t, 1, d.signals[recovery.SignalRecovered])
		assert.Zero(t, d.outcomes[recovery.OutcomeRecovered], "not our success")
	})
	t.Run("not by age", func(t *testing.T) {
		t.Parallel()
		d := exhausted(t, recovery.Policy{ProbeEvery: -1})
		d.play(3*24*time.Hour, flapper(d, 0))
		assert.Len(t, d.restarts, recovery.DefaultMaxRestarts)
		assert.Equal(t, recovery.PhaseExhausted, d.state.Phase)
		assert.Equal(t, 1, d.signals[recovery.SignalExhausted])
	})
	t.Run("by a changed config, twice", func(t *testing.T) {
		t.Parallel()
		d := exhausted(t, recovery.Policy{ProbeEvery: -1})
		for i := range 5 {
			d.play(10*time.Minute, func(time.Duration) recovery.Observation {
				o := d.failed()
				o.ConfigHash = strconv.Itoa(i)
				return o
			})
		}
		assert.Len(t, d.restarts, recovery.DefaultMaxRestarts+2, "the first hash is only a first look")
		assert.Equal(t, 2, d.signals[recovery.SignalRearmed])
		assert.Equal(t, recovery.PhaseExhausted, d.state.Phase)
	})
	t.Run("by a probe that worked", func(t *testing.T) {
		t.Parallel()
		d := newDesk(t, recovery.Policy{})
		d.diagnose = diagnosis(failure.ClassConnection, failure.AdviceAfterRecovery)
		probed := time.Duration(-1)
		d.play(4*24*time.Hour, func(at time.Duration) recovery.Observation {
			if at > 72*time.Hour && probed < 0 && d.last.Action == recovery.ActionRestart {
				probed = at
			}
			if probed >= 0 {
				return d.running()
			}
			return d.failed()
		})
		assert.Len(t, d.restarts, recovery.DefaultMaxRestarts)
		assert.NotZero(t, d.probes)
		assert.LessOrEqual(t, d.probes, 36)
		assert.Equal(t, recovery.PhaseHealthy, d.state.Phase)
		assert.Equal(t, 1, d.outcomes[recovery.OutcomeRecovered])
		assert.Equal(t, 1, d.signals[recovery.SignalExhausted])
	})
	t.Run("probes only for what time can heal", func(t *testing.T) {
		t.Parallel()
		for class, probed := range map[failure.Class]bool{
			failure.ClassConnection: true, failure.ClassTimeout: true, failure.ClassResource: true, failure.ClassUnknown: true,
			failure.ClassSchemaRegistry: false, failure.ClassRebalance: false,
		} {
			d := newDesk(t, recovery.Policy{})
			d.diagnose = diagnosis(class, failure.AdviceAfterRecovery)
			d.play(3*24*time.Hour, flapper(d, 0))
			assert.Equal(t, probed, d.probes > 0, class)
		}
	})
}

func TestUnassignedIsWaitedForAndReportedOnceWhenStuck(t *testing.T) {
	t.Parallel()
	d := newDesk(t, plain)
	d.play(9*time.Minute, func(time.Duration) recovery.Observation {
		return recovery.Observe(status("RUNNING", "UNASSIGNED", "FAILED:x"), d.diagnose)
	})
	assert.Empty(t, d.restarts)
	assert.Equal(t, recovery.PhaseWaiting, d.state.Phase)
	assert.Empty(t, d.signals)
	d.play(time.Hour, func(time.Duration) recovery.Observation {
		return recovery.Observe(status("RUNNING", "UNASSIGNED", "FAILED:x"), d.diagnose)
	})
	assert.Equal(t, 1, d.signals[recovery.SignalStuck])
	assert.NotEmpty(t, d.restarts, "a FAILED task beside a stuck one is restarted in the end")
}

func TestATaskThatARebalanceStartedIsNotOurs(t *testing.T) {
	t.Parallel()
	d := newDesk(t, plain)
	elsewhere := func(states ...string) recovery.Observation {
		st := status(states...)
		st.Tasks[0].WorkerID = "other:8083"
		return recovery.Observe(st, d.diagnose)
	}
	d.play(90*time.Second, flapper(d, 0))
	require.Len(t, d.restarts, 1)
	d.play(30*time.Second, func(time.Duration) recovery.Observation { return elsewhere("RUNNING", "RUNNING") })
	d.play(time.Minute, func(time.Duration) recovery.Observation { return elsewhere("RUNNING", "FAILED:x") })
	assert.Empty(t, d.outcomes, "neither our success nor our relapse")
	assert.False(t, d.state.Attempt.Pending())
}

func TestAnOldStatusRightAfterARestartIsNoRelapse(t *testing.T) {
	t.Parallel()
	d := newDesk(t, recovery.Policy{Jitter: -1, FailureThreshold: 1})
	d.play(61*time.Second, flapper(d, 0))
	require.Len(t, d.restarts, 1)
	for i := range 10 { // a load balancer: every other answer comes from a worker that lags
		d.now = epoch.Add(d.restarts[0] + time.Duration(i+1)*2*time.Second)
		if i%2 == 0 {
			d.see(d.running())
		} else {
			d.see(d.failed())
		}
	}
	d.play(30*time.Minute, func(time.Duration) recovery.Observation { return d.running() })
	assert.Len(t, d.restarts, 1)
	assert.Equal(t, 1, d.outcomes[recovery.OutcomeRecovered])
}

func TestReachSpendsNothingWhileTheOtherSideIsAway(t *testing.T) {
	t.Parallel()
	d := newDesk(t, recovery.Policy{})
	d.diagnose = diagnosis(failure.ClassConnection, failure.AdviceAfterRecovery)
	back := 72 * time.Hour
	d.play(74*time.Hour, func(at time.Duration) recovery.Observation {
		o := d.failed()
		switch {
		case len(d.restarts) > 0 && at > d.lastRestart() && d.lastRestart() >= back:
			return d.running()
		case at < back:
			o.Reach = recovery.ReachUnreachable
		default:
			o.Reach = recovery.ReachReachable
		}
		return o
	})
	require.Len(t, d.restarts, 1)
	assert.LessOrEqual(t, d.restarts[0]-back, 2*time.Minute)
	assert.Equal(t, recovery.PhaseHealthy, d.state.Phase)
	assert.Equal(t, 1, d.signals[recovery.SignalFailed])
}

func TestHoldSpendsNothingAndReleaseIsAtOnce(t *testing.T) {
	t.Parallel()
	d := newDesk(t, plain)
	d.play(time.Hour, func(time.Duration) recovery.Observation {
		o := d.failed()
		o.Hold = recovery.ReasonMaintenance
		return o
	})
	assert.Empty(t, d.restarts)
	assert.Equal(t, recovery.PhaseWaiting, d.state.Phase)
	d.play(6*time.Hour, flapper(d, 0))
	n := len(d.restarts)
	require.Greater(t, n, 1)
	o := d.failed()
	d.state.Next = d.now.Add(time.Hour)
	d.state.Attempt, d.state.Latch = recovery.Attempt{}, recovery.LatchNone
	d.state.Restarts = ""
	o.Release = true
	assert.Equal(t, recovery.ActionRestart, d.see(o).Action)
}

func TestTheSameCauseAgainEscalatesFaster(t *testing.T) {
	t.Parallel()
	third := func(same bool) time.Duration {
		d := newDesk(t, plain)
		n := 0
		d.diagnose = func(string) failure.Diagnosis {
			fp := "f"
			if !same {
				fp = strconv.Itoa(n)
			}
			return failure.Diagnosis{Class: failure.ClassUnknown, Fingerprint: fp}
		}
		inner := flapper(d, 0)
		d.play(3*time.Hour, func(at time.Duration) recovery.Observation { n = len(d.restarts); return inner(at) })
		return d.restarts[2]
	}
	assert.Greater(t, third(true), third(false)+5*time.Minute)
}

func TestKeepBackoffKeepsTheDelayAfterARecovery(t *testing.T) {
	t.Parallel()
	for keep, want := range map[bool]int{false: 0, true: 1} {
		d := newDesk(t, recovery.Policy{KeepBackoff: keep, Jitter: -1})
		d.play(91*time.Second, flapper(d, time.Hour))
		d.play(time.Hour-5*time.Minute, flapper(d, time.Hour))
		assert.Equal(t, recovery.PhaseHealthy, d.state.Phase)
		assert.Equal(t, want, d.state.Step, "KeepBackoff %v", keep)
		d.play(7*time.Hour, func(time.Duration) recovery.Observation { return d.running() })
		assert.Zero(t, d.state.Step, "until no restart is left in the window")
	}
}

func TestAStateOfANewerVersionIsRefused(t *testing.T) {
	t.Parallel()
	var s recovery.State
	require.ErrorIs(t, json.Unmarshal([]byte(`{"schema":2}`), &s), recovery.ErrSchema)
	require.Error(t, json.Unmarshal([]byte(`{}`), &s))
	require.Error(t, json.Unmarshal([]byte(`{"schema":1,"restarts":["2026-01-02T00:00:00Z","2026-01-01T00:00:00Z"]}`), &s))
}

//nolint:paralleltest // AllocsPerRun counts what the whole process allocates
func TestDecideAllocatesOnlyWhenItRestarts(t *testing.T) {
	d := newDesk(t, recovery.Policy{})
	d.play(40*time.Minute, flapper(d, 0))
	failed, running := d.failed(), d.running()
	failed.Connector, running.Connector = "orders", "orders"
	policy, state, now := d.policy.Defaults(), d.state, d.now
	require.NotEqual(t, recovery.ActionRestart, recovery.Decide(policy, state, failed, now).Action)
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		recovery.Decide(policy, state, failed, now)
		recovery.Decide(policy, state, running, now)
	}))
}

func BenchmarkDecide(b *testing.B) {
	o := recovery.Observe(status("RUNNING", "FAILED:x"), diagnosis(failure.ClassUnknown, failure.AdviceUnknown))
	o.Connector = "orders"
	p := recovery.Policy{}.Defaults()
	var s recovery.State
	for i := range 3 {
		s = recovery.Decide(p, s, o, epoch.Add(time.Duration(i)*time.Second)).State
	}
	b.ReportAllocs()
	for b.Loop() {
		recovery.Decide(p, s, o, epoch.Add(4*time.Second))
	}
}

// exhausted is a connector whose budget is used up, and the time.
func exhausted(t *testing.T, p recovery.Policy) (recovery.State, *desk) {
	t.Helper()
	d := newDesk(t, p)
	d.play(24*time.Hour, flapper(d, 0))
	require.Equal(t, recovery.LatchExhausted, d.state.Latch)
	return d.state, d
}

func TestTheRecoveryOfOthersBringsAProbeForwardOnceInProbeEvery(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		every time.Duration
		most  int
	}{{time.Hour, 2 * 24}, {-1, 0}} {
		p := recovery.Policy{ProbeEvery: row.every}
		state, d := exhausted(t, p)
		probes := 0
		for now := d.now; now.Before(d.now.Add(24 * time.Hour)); now = now.Add(30 * time.Second) {
			o := d.failed()
			o.Connector, o.Release = "orders", true // others with this cause recover all the time
			dec := recovery.Decide(p, state, o, now)
			state = dec.State
			if dec.Action == recovery.ActionRestart {
				assert.True(t, dec.Probe)
				probes++
				state = recovery.Settle(p, state, dec, recovery.AnswerFailed, now)
			}
		}
		assert.LessOrEqual(t, probes, row.most, "ProbeEvery %v", row.every)
		assert.Equal(t, row.every > 0, probes > 0, "ProbeEvery %v", row.every)
	}
}
