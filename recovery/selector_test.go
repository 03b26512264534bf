package recovery_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-reconnect/reconnect/connect"
	"github.com/go-reconnect/reconnect/connect/connecttest"
	"github.com/go-reconnect/reconnect/recovery"
)

var off = recovery.ConfigMatch{Key: "reconnect.autorestart", Value: "false"}

// configure gives a connector of the world a key.
func configure(w *world, name, key, value string) {
	w.with(name, func(p *part) {
		cfg := p.config.Clone()
		cfg[key] = value
		p.config = cfg
	})
}

func TestConfigKeysSelectWhatIsWatched(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		what             string
		include, exclude []recovery.ConfigMatch
		want             []string
	}{
		{"none of them", nil, nil, []string{"blue", "off", "plain"}},
		{"an owner who switched it off", nil, []recovery.ConfigMatch{off}, []string{"blue", "plain"}},
		{"a key with any value", []recovery.ConfigMatch{{Key: "team"}}, nil, []string{"blue", "off"}},
		{"a pattern of the value", []recovery.ConfigMatch{{Key: "team", Value: "B*"}}, nil, []string{"blue"}},
		{"the exclusion wins", []recovery.ConfigMatch{{Key: "team"}}, []recovery.ConfigMatch{off}, []string{"blue"}},
		{"one of several", []recovery.ConfigMatch{{Key: "team", Value: "x"}, {Key: "team", Value: "blue"}}, nil, []string{"blue"}},
	} {
		t.Run(row.what, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			for _, n := range []string{"blue", "off", "plain"} {
				w.add(n, 1)
			}
			configure(w, "blue", "team", "blue")
			configure(w, "off", "team", "red")
			configure(w, "off", "reconnect.autorestart", "FALSE")
			g := newStage(t, w, recovery.Config{IncludeConfig: row.include, ExcludeConfig: row.exclude})
			_, err := g.s.Reconcile(t.Context())
			require.NoError(t, err)
			var got []string
			for _, h := range g.s.Snapshot() {
				got = append(got, h.Name)
			}
			assert.Equal(t, row.want, got)
		})
	}
}

func TestSelectionByConfigTakesAConstantNumberOfRequests(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		for i := range 500 {
			w.add(fmt.Sprintf("c%03d", i), 1)
		}
		g := newStage(t, w, recovery.Config{ExcludeConfig: []recovery.ConfigMatch{off}})
		g.run(time.Hour)
		assert.LessOrEqual(t, w.count("configs"), 14, "once per five minutes")
		assert.Zero(t, w.count("config")+w.count("status"))
		before := w.count("configs")
		w.add("new", 1)
		g.run(time.Minute)
		assert.Equal(t, before+1, w.count("configs"), "a new name is asked about once")
		assert.Equal(t, recovery.PhaseHealthy, g.phase("new"))
	})
}

func TestAConnectorThatIsSwitchedOffIsNotRestartedFromThenOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		for _, n := range []string{"a", "b"} {
			w.add(n, 1).onRestart = func(int) (time.Duration, string) { return 0, "boom" }
			w.fail(n, 0, "boom")
		}
		g := newStage(t, w, recovery.Config{ExcludeConfig: []recovery.ConfigMatch{off}})
		g.run(20 * time.Second) // the configs are read, nothing is due yet
		configure(w, "a", "reconnect.autorestart", "false")
		g.run(4 * time.Minute) // well before they are read again by age
		assert.Empty(t, w.restarts("a"), "looked up again right before the restart")
		assert.NotEmpty(t, w.restarts("b"))
		assert.Empty(t, g.phase("a"), "not shown any more")
		assert.Equal(t, 1, g.kinds(recovery.EventUnwatched, "a"))

		configure(w, "a", "reconnect.autorestart", "true")
		g.run(10 * time.Minute)
		assert.NotEmpty(t, w.restarts("a"))
	})
}

func TestSwitchingOffAndOnKeepsTheBudget(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.add("a", 1).onRestart = func(int) (time.Duration, string) { return 0, "boom" }
		w.fail("a", 0, "boom")
		box := &inbox{}
		g := newStage(t, w, recovery.Config{
			ExcludeConfig: []recovery.ConfigMatch{off}, Policy: recovery.Policy{MaxRestarts: 2, ProbeEvery: -1, Window: 24 * time.Hour}, Notifiers: []recovery.Notifier{box},
		})
		g.run(time.Hour)
		require.Len(t, w.restarts("a"), 2)
		require.Equal(t, recovery.PhaseExhausted, g.phase("a"))
		configure(w, "a", "reconnect.autorestart", "false")
		g.run(time.Hour)
		configure(w, "a", "reconnect.autorestart", "true")
		g.run(time.Hour)
		assert.Equal(t, recovery.PhaseExhausted, g.phase("a"))
		assert.Len(t, w.restarts("a"), 2, "switching it off and on buys no budget")
		assert.Equal(t, 2, g.kinds(recovery.EventExhausted, "a"), "told again, because it still needs a person")
	})
}

func TestConfigsThatCannotBeReadRestartNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.add("a", 1)
		w.fail("a", 0, "boom")
		bad := true
		w.configErr = func() error {
			if bad {
				return errors.New("busy")
			}
			return nil
		}
		g := newStage(t, w, recovery.Config{ExcludeConfig: []recovery.ConfigMatch{off}})
		g.run(time.Hour)
		assert.Empty(t, w.restarts("a"))
		assert.Equal(t, 1, g.kinds(recovery.EventSweepFailed))
		bad = false
		g.run(30 * time.Minute)
		assert.Len(t, w.restarts("a"), 1)
	})
}

func TestOnAClusterConfigKeysSelect(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv, c := cluster(t, connecttest.Config{}, "http://worker-0")
		<-time.After(time.Minute)
		value := "false"
		_, err := c.PatchConfig(t.Context(), "other", connect.ConfigPatch{"reconnect.autorestart": &value})
		require.NoError(t, err)
		<-time.After(time.Minute)
		srv.FailTask("orders", 0, "boom")
		srv.FailTask("other", 0, "boom")
		g := guide(t, c, recovery.Config{ExcludeConfig: []recovery.ConfigMatch{off}})
		g.run(30 * time.Minute)
		assert.Equal(t, map[string]int{"orders": 1}, restartRequests(srv))
	})
}

func TestParseConfigMatch(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]recovery.ConfigMatch{
		"a.b":           {Key: "a.b"},
		"a.b = c*":      {Key: "a.b", Value: "c*"},
		"url=jdbc:x=y*": {Key: "url", Value: "jdbc:x=y*"},
	} {
		got, err := recovery.ParseConfigMatch(text)
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
	for _, text := range []string{"", "=x", "a=["} {
		_, err := recovery.ParseConfigMatch(text)
		require.Error(t, err, text)
	}
	_, err := recovery.New(newWorld(), recovery.Config{IncludeConfig: []recovery.ConfigMatch{{}}})
	require.ErrorContains(t, err, "IncludeConfig[0]")
	_, err = recovery.New(bare{newWorld()}, recovery.Config{ExcludeConfig: []recovery.ConfigMatch{off}})
	require.ErrorContains(t, err, "Connectors")
}

// bare hides that a world can list configs.
type bare struct{ recovery.Connect }
