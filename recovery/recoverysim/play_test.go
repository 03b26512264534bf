package recoverysim_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-reconnect/reconnect/recovery"
	"github.com/go-reconnect/reconnect/recovery/recoverysim"
)

// find plays the script of that name.
func find(t *testing.T, name string, r recoverysim.Rule) recoverysim.Result {
	t.Helper()
	for _, s := range recoverysim.Scripts() {
		if s.Name == name {
			return recoverysim.Play(s, r)
		}
	}
	require.FailNow(t, "no such script", name)
	return recoverysim.Result{}
}

func TestTheDefaultsKeepTheirPromises(t *testing.T) {
	t.Parallel()
	never := recovery.Policy{ProbeEvery: -1}
	reach, canary := recoverysim.Options{Reach: true}, recoverysim.Options{Canary: true}
	for _, row := range []struct {
		script   string
		policy   recovery.Policy
		options  recoverysim.Options
		restarts int
		mean     time.Duration // 0 = cannot end well
	}{
		{"dies at start, 7 days", never, recoverysim.Options{}, 5, 0},
		{"dies at start, 7 days", recovery.Policy{}, recoverysim.Options{}, 40, 0},
		{"dies after 5 min, 7 days", never, recoverysim.Options{}, 5, 0},
		{"dies after 5 min, 7 days", recovery.Policy{}, recoverysim.Options{}, 40, 0},
		{"dies after 30 min, 7 days", never, recoverysim.Options{}, 5, 0},
		{"dies after 30 min, 7 days", recovery.Policy{}, recoverysim.Options{}, 40, 0},
		{"start() takes 4 min", recovery.Policy{}, recoverysim.Options{}, 1, 6 * time.Minute},
		// At most 40 restarts and 60 min without a sign from outside, on every row.
		{"outage of 10 min", recovery.Policy{}, recoverysim.Options{}, 40, time.Hour},
		{"outage of 3 h", recovery.Policy{}, recoverysim.Options{}, 40, time.Hour},
		{"outage of 3 days", recovery.Policy{}, recoverysim.Options{}, 40, time.Hour},
		// At most 10 restarts and 2 min with one; it is one restart.
		{"outage of 10 min", recovery.Policy{}, reach, 1, 2 * time.Minute},
		{"outage of 3 h", recovery.Policy{}, reach, 1, 2 * time.Minute},
		{"outage of 3 days", recovery.Policy{}, reach, 1, 2 * time.Minute},
		{"outage of 10 min", recovery.Policy{}, canary, 1, 2 * time.Minute},
		{"outage of 3 h", recovery.Policy{}, canary, 1, 2 * time.Minute},
		{"outage of 3 days", recovery.Policy{}, canary, 1, 2 * time.Minute},
		{"poison record, 7 days", recovery.Policy{}, recoverysim.Options{}, 1, 0},
		{"wrong password, 7 days", recovery.Policy{}, recoverysim.Options{}, 0, 0},
	} {
		rule := recoverysim.Ours(row.policy, row.options)
		got := find(t, row.script, rule)
		assert.LessOrEqual(t, got.Restarts, row.restarts, "%s, %s", row.script, rule.Name)
		if row.mean > 0 {
			assert.NotEqual(t, recoverysim.Never, got.Recovery, "%s, %s", row.script, rule.Name)
			assert.LessOrEqual(t, got.Recovery, row.mean, "%s, %s", row.script, rule.Name)
			assert.Zero(t, got.FalseGiveUps, "%s, %s", row.script, rule.Name)
		}
		assert.LessOrEqual(t, got.Notifications, 3, "%s, %s", row.script, rule.Name)
	}
}

func TestPublishedRulesPlayAsDocumented(t *testing.T) {
	t.Parallel()
	rules := map[string]recoverysim.Rule{}
	for _, r := range recoverysim.Published() {
		rules[r.Name] = r
	}
	for _, row := range []struct {
		script, rule string
		restarts     int
	}{
		{"dies at start, 7 days", "tutorial loop, 3 tries", 3},
		{"dies at start, 7 days", "Strimzi, max 7", 7},
		{"dies at start, 7 days", "Strimzi, unlimited", 173},
		{"dies at start, 7 days", "every 10 min", 1008},
		{"dies at start, 7 days", "every 15 min", 672},
		{"dies at start, 7 days", "60 s, max 5", 5},
		{"dies at start, 7 days", "60 s doubling to 12 h", 22},
		{"dies after 5 min, 7 days", "Strimzi, max 7", 1679},
		{"dies after 5 min, 7 days", "60 s doubling to 12 h", 22},
	} {
		assert.InDelta(t, row.restarts, find(t, row.script, rules[row.rule]).Restarts, 1, "%s, %s", row.script, row.rule)
	}
	assert.Equal(t, 32, find(t, "outage of 3 days", rules["tutorial loop, 3 tries"]).FalseGiveUps, "it never recovers")
}

func TestWriteSaysWhatWasOn(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	rules := append([]recoverysim.Rule{
		recoverysim.Ours(recovery.Policy{ProbeEvery: -1}, recoverysim.Options{}),
		recoverysim.Ours(recovery.Policy{}, recoverysim.Options{Reach: true, Canary: true}),
	}, recoverysim.Published()[0])
	require.NoError(t, recoverysim.Write(&b, recoverysim.Compare(recoverysim.Scripts()[3:5], rules...)))
	assert.Contains(t, b.String(), "ours, probes, reach, canary")
	assert.Contains(t, b.String(), "never")
	t.Log("\n" + b.String())
}
