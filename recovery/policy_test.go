package recovery_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-reconnect/reconnect/recovery"
)

func TestPolicyThatContradictsItselfIsRefusedByName(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		policy recovery.Policy
		says   string
	}{
		"negative Window":           {recovery.Policy{Window: -1}, "Policy.Window"},
		"negative RestartDelay":     {recovery.Policy{RestartDelay: -1}, "Policy.RestartDelay"},
		"negative StableFor":        {recovery.Policy{StableFor: -1}, "Policy.StableFor"},
		"negative VerifyTimeout":    {recovery.Policy{VerifyTimeout: -1}, "Policy.VerifyTimeout"},
		"negative RebalanceDelay":   {recovery.Policy{RebalanceDelay: -1}, "Policy.RebalanceDelay"},
		"negative FailureThreshold": {recovery.Policy{FailureThreshold: -1}, "Policy.FailureThreshold"},
		"shrinking delay":           {recovery.Policy{Multiplier: 0.5}, "Policy.Multiplier"},
		"jitter of everything":      {recovery.Policy{Jitter: 1}, "Policy.Jitter"},
		"cap below the delay":       {recovery.Policy{RestartDelay: time.Hour, MaxDelay: time.Minute}, "Policy.MaxDelay"},
		"stable beyond the window":  {recovery.Policy{Window: 6 * time.Hour, StableFor: 7 * time.Hour}, "Policy.StableFor"},
		"probe cap below the probe": {recovery.Policy{ProbeEvery: time.Hour, ProbeMax: time.Minute}, "Policy.ProbeMax"},
		"a budget out of reach":     {recovery.Policy{MaxRestarts: 20, Window: time.Hour}, "Policy.Window"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.ErrorContains(t, row.policy.Validate(), row.says)
		})
	}
}

func TestPolicyZeroFieldsMeanDefaultsAndDefaultsAreValid(t *testing.T) {
	t.Parallel()
	p := recovery.Policy{}.Defaults()
	require.NoError(t, p.Validate())
	assert.Equal(t, p, p.Defaults(), "defaults are a fixed point")
	assert.Equal(t, 5, p.MaxRestarts)
	assert.Equal(t, 6*time.Hour, p.Window)
	for _, n := range []int{1, 10, 20, 1000, recovery.Unlimited, -1} {
		q := recovery.Policy{MaxRestarts: n}
		require.NoError(t, q.Validate(), "the window grows with MaxRestarts %d", n)
		assert.GreaterOrEqual(t, q.Defaults().Window, 6*time.Hour)
	}
	require.NoError(t, recovery.Policy{RestartDelay: 3 * time.Hour}.Validate())
	require.NoError(t, recovery.Policy{ProbeEvery: 12 * time.Hour}.Validate())
	require.NoError(t, recovery.Policy{Window: 2 * time.Minute, MaxRestarts: 3, RestartDelay: 10 * time.Second}.Validate(), "StableFor follows a short window")
}
