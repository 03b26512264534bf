package recovery

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/go-reconnect/reconnect/connect/failure"
)

// Unlimited as Policy.MaxRestarts takes the budget away; the backoff and the storm guard still apply.
const Unlimited = math.MaxInt

// The defaults of a zero Policy.
const (
	DefaultMaxRestarts      = 5
	DefaultWindow           = 6 * time.Hour
	DefaultRestartDelay     = time.Minute
	DefaultMaxDelay         = 2 * time.Hour
	DefaultMultiplier       = 2.0
	DefaultJitter           = 0.2
	DefaultStableFor        = 10 * time.Minute
	DefaultFailureThreshold = 2
	DefaultVerifyTimeout    = 5 * time.Minute
	DefaultRebalanceDelay   = 5 * time.Minute
	DefaultProbeEvery       = 2 * time.Hour
	DefaultProbeMax         = 6 * time.Hour
	DefaultFlappingAfter    = 10
	DefaultAfterChange      = 1
)

// Policy says how often and how patiently a connector is restarted. Its zero value is usable: a zero field means its default.
//
// Two limits hold at once: the delay between restarts grows from RestartDelay to MaxDelay, and no more than MaxRestarts restarts fall
// into any Window. Health resets the delay; nothing but age and Supervisor.Acknowledge takes a restart out of the window.
type Policy struct {
	// MaxRestarts bounds the restarts within Window, for the connector and all its tasks together.
	// A negative value means never restart, Unlimited means no bound. Defaults to 5.
	MaxRestarts int
	// Window is the sliding window that MaxRestarts is counted in. It has to be long enough for MaxRestarts restarts at the policy's own
	// delays, or the budget could never be used up. Defaults to 6 h, longer where MaxRestarts needs it.
	Window time.Duration
	// RestartDelay passes between the first sighting of a failure and its first restart, and at least between a relapse and the next restart. Defaults to 1 min.
	RestartDelay time.Duration
	// MaxDelay caps the growing delay. Defaults to 2 h, or RestartDelay where that is longer.
	MaxDelay time.Duration
	// Multiplier is the growth of the delay from one restart to the next, at least 1. Defaults to 2.
	Multiplier float64
	// Jitter spreads each delay by up to this share, below 1, up and down; a negative value means none. Defaults to 0.2.
	Jitter float64
	// StableFor is how long everything must be RUNNING without a break before a restart counts as recovered and the delay starts over. Defaults to 10 min.
	StableFor time.Duration
	// KeepBackoff keeps the delay where it is after a recovery, until no restart is left in Window. It is the resetOnSuccess: false of the Kubernetes resource.
	KeepBackoff bool
	// FailureThreshold is how many consecutive observations must show a failure before it is believed. Defaults to 2.
	FailureThreshold int
	// VerifyTimeout is how long an unchanged FAILED after a restart means "no answer yet"; connectors can take minutes to start. Defaults to 5 min.
	VerifyTimeout time.Duration
	// RebalanceDelay is the workers' scheduled.rebalance.max.delay.ms, which REST cannot tell. UNASSIGNED and RESTARTING are waited for;
	// beyond twice this time they are reported as stuck. Defaults to 5 min, Connect's own default.
	RebalanceDelay time.Duration
	// ProbeEvery is the time between an exhausted budget and the first probe, a single restart outside the budget that lets a long outage end
	// without a person. Only connection, timeout, resource and unknown failures are probed. A negative value means no probes. Defaults to 2 h.
	ProbeEvery time.Duration
	// ProbeMax caps the time between probes, which doubles from ProbeEvery. A cause that passes by itself (failure.AdviceRestart, AdviceAfterRecovery)
	// is probed every ProbeEvery. Defaults to 6 h, or ProbeEvery where that is longer.
	ProbeMax time.Duration
	// FlappingAfter is the number of restarts in 24 h that is reported as flapping although the budget holds; negative means never. Defaults to 10.
	FlappingAfter int
	// AfterChange is how many restarts a failure gets that needs a person (failure.AdviceAfterChange) before the connector is held;
	// negative means none. Defaults to 1, because a classification can be wrong.
	AfterChange int
	// RestartAuthentication allows restarts after class authentication. Each task that starts logs in again with the same password, which is how
	// accounts get locked; so it is off by default and the connector is held until it is acknowledged or its config changes.
	RestartAuthentication bool
	// ActOn says what is restarted although nothing is FAILED. Defaults to nothing: it is reported.
	ActOn ActOn
	// KeepLatch keeps an exhausted or held connector so when its config changes. By default a changed config allows one more restart, twice per Window.
	KeepLatch bool
}

// Defaults returns the policy with every zero field replaced by its default.
func (p Policy) Defaults() Policy {
	p.MaxRestarts = orInt(p.MaxRestarts, DefaultMaxRestarts)
	p.RestartDelay = orDuration(p.RestartDelay, DefaultRestartDelay)
	p.MaxDelay = orDuration(p.MaxDelay, max(DefaultMaxDelay, p.RestartDelay))
	if p.Multiplier == 0 {
		p.Multiplier = DefaultMultiplier
	}
	if p.Jitter == 0 {
		p.Jitter = DefaultJitter
	}
	if p.Window == 0 {
		p.Window = max(DefaultWindow, p.spread()+p.spread()/2)
	}
	p.StableFor = orDuration(p.StableFor, min(DefaultStableFor, p.Window))
	p.FailureThreshold = orInt(p.FailureThreshold, DefaultFailureThreshold)
	p.VerifyTimeout = orDuration(p.VerifyTimeout, DefaultVerifyTimeout)
	p.RebalanceDelay = orDuration(p.RebalanceDelay, DefaultRebalanceDelay)
	p.ProbeEvery = orDuration(p.ProbeEvery, DefaultProbeEvery)
	p.ProbeMax = orDuration(p.ProbeMax, max(DefaultProbeMax, p.ProbeEvery))
	p.FlappingAfter = orInt(p.FlappingAfter, DefaultFlappingAfter)
	p.AfterChange = orInt(p.AfterChange, DefaultAfterChange)
	return p
}

// Validate reports every field that is out of range or contradicts another, after defaults.
func (p Policy) Validate() error {
	set := p
	p = p.Defaults()
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf("recovery: Policy."+format, args...)) }
	for _, f := range []struct {
		name  string
		value time.Duration
	}{
		{"Window", p.Window},
		{"RestartDelay", p.RestartDelay},
		{"MaxDelay", p.MaxDelay},
		{"StableFor", p.StableFor},
		{"VerifyTimeout", p.VerifyTimeout},
		{"RebalanceDelay", p.RebalanceDelay},
		{"ProbeMax", p.ProbeMax},
	} {
		if f.value < 0 {
			bad("%s is %v: use a positive duration, or zero for the default", f.name, f.value)
		}
	}
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	if p.FailureThreshold < 0 {
		bad("FailureThreshold is %d: use 1 or more, or zero for the default", p.FailureThreshold)
	}
	if !(p.Multiplier >= 1) || math.IsInf(p.Multiplier, 0) {
		bad("Multiplier is %v: use 1 (constant delay) or more", p.Multiplier)
	}
	if !(p.Jitter < 1) {
		bad("Jitter is %v: use a share below 1, or a negative value for none", p.Jitter)
	}
	if p.ActOn&^actAll != 0 {
		bad("ActOn is %#x: use ActZeroTasks, ActGhost, ActNoProgress and ActSources", uint8(p.ActOn))
	}
	if p.ActOn == ActSources {
		bad("ActOn is ActSources alone: it widens ActGhost and ActNoProgress, so name one of them, too")
	}
	if p.MaxDelay < p.RestartDelay {
		bad("MaxDelay (%v) is shorter than RestartDelay (%v)", p.MaxDelay, p.RestartDelay)
	}
	if p.StableFor > p.Window {
		bad("StableFor (%v) is longer than Window (%v): restarts would leave the window before a recovery is believed", p.StableFor, p.Window)
	}
	if p.ProbeEvery > 0 && p.ProbeMax < p.ProbeEvery {
		bad("ProbeMax (%v) is shorter than ProbeEvery (%v)", p.ProbeMax, p.ProbeEvery)
	}
	if set.Window > 0 && len(errs) == 0 && p.Window < p.spread() {
		bad("Window (%v) is too short: at this policy's delays %d restarts take %v, so the budget could never be used up; raise Window or lower MaxRestarts or MaxDelay",
			p.Window, p.MaxRestarts, p.spread())
	}
	return errors.Join(errs...)
}

// spread is the time that MaxRestarts restarts take at the policy's own delays; 0 when the budget is no bound.
func (p Policy) spread() time.Duration {
	if p.MaxRestarts <= 0 || p.MaxRestarts == Unlimited {
		return 0
	}
	total, delay := 0.0, float64(p.RestartDelay)
	for i := range p.MaxRestarts {
		if delay >= float64(p.MaxDelay) || p.Multiplier <= 1 {
			total += min(delay, float64(p.MaxDelay)) * float64(p.MaxRestarts-i)
			break
		}
		total += delay
		delay *= p.Multiplier
	}
	if total > float64(math.MaxInt64/4) {
		return math.MaxInt64 / 4
	}
	return time.Duration(total)
}

// delay is the time before the restart that follows step earlier ones. The jitter comes from a hash, so that the same question has the same answer.
func (p *Policy) delay(connector string, attempt, step int) time.Duration {
	d := float64(p.RestartDelay)
	for range step {
		if d >= float64(p.MaxDelay) || p.Multiplier <= 1 {
			break
		}
		d *= p.Multiplier
	}
	d = min(d, float64(p.MaxDelay))
	if p.Jitter > 0 {
		d *= 1 + p.Jitter*(2*unit(connector, attempt)-1)
	}
	return time.Duration(d)
}

// probeDelay is the time before the next probe: ProbeEvery for a cause that passes by itself, growing to ProbeMax for one that may never. Jitter makes it
// shorter only, and only by a little: the restarts before have spread the connectors already, and even steps find the end of an outage soonest.
func (p *Policy) probeDelay(connector string, s *State) time.Duration {
	limit := float64(p.ProbeMax)
	if s.Advice == failure.AdviceRestart || s.Advice == failure.AdviceAfterRecovery {
		limit = float64(p.ProbeEvery)
	}
	d := float64(p.ProbeEvery)
	for range s.Probes - 1 { // the first two are ProbeEvery apart
		if d >= limit {
			break
		}
		d *= 2
	}
	d = min(d, limit)
	if p.Jitter > 0 {
		d *= 1 - p.Jitter/10*unit(connector, s.Attempts)
	}
	return time.Duration(d)
}

// unit maps a connector and an attempt to [0,1), evenly: FNV-1a with a finisher, because the attempt is only a few bits.
func unit(connector string, attempt int) float64 {
	h := uint64(14695981039346656037)
	for i := range len(connector) {
		h = (h ^ uint64(connector[i])) * 1099511628211
	}
	h = (h ^ uint64(attempt)) * 1099511628211 //nolint:gosec // only the bits matter
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	return float64(h>>11) / (1 << 53)
}

func orInt(v, def int) int {
	if v == 0 {
		return def
	}
	return v
}

func orDuration(v, def time.Duration) time.Duration {
	if v == 0 {
		return def
	}
	return v
}
