package connect_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-reconnect/reconnect/internal/testutil"
)

// TestContract_RealBusy freezes the broker under one worker and asks for everything at once, which takes as long as the worker's own time-out of
// 90 s: on the newest version only, unless it is a soak.
func TestContract_RealBusy(t *testing.T) {
	testutil.Integration(t)
	versions := testutil.Versions()
	for _, v := range versions[len(versions)-testutil.Times(1, len(versions)):] {
		t.Run("kafka "+v, func(t *testing.T) {
			c := testutil.NewCluster(t, testutil.Options{Version: v, Workers: 1})
			w := realWorld(t, c)
			w.populate(t)
			require.NoError(t, c.Broker().Pause(t.Context()))
			defer func() { assert.NoError(t, c.Broker().Unpause(t.Context())) }()
			w.busy(t)
		})
	}
}

// busy asks for everything while the herder waits for the broker.
func (w *world) busy(t *testing.T) {
	t.Helper()
	type asked struct {
		name string
		k    contractCase
		a    contractAnswer
		err  error
		took time.Duration
	}
	var all []*asked
	var wg sync.WaitGroup
	ask := func(which func(path string) bool) {
		eachCase(phaseBusy, func(name string, e contractEndpoint, k contractCase) {
			if !which(e.path) {
				return
			}
			x := &asked{name: name, k: k}
			all = append(all, x)
			wg.Go(func() {
				began := time.Now()
				x.a, x.err = w.send(t.Context(), t, 0, k.request)
				x.took = time.Since(began)
			})
		})
	}
	// A stop writes to the config topic in the herder's thread. Asked first it decides what the others meet: by the time its write has failed, the
	// herder waits for its group. Without it some of them would be answered before.
	stop := func(path string) bool { return strings.HasSuffix(path, "/stop") }
	ask(stop)
	w.pause(2 * time.Second)
	ask(func(path string) bool { return !stop(path) })
	wg.Wait()
	for _, x := range all {
		t.Run(x.name, func(t *testing.T) {
			require.NoError(t, x.err)
			t.Logf("%.1f s: %.400s", x.took.Seconds(), x.a)
			want := x.k.want(w)
			want.check(t, w, x.k.request, x.a)
			if want.status == -2 {
				assert.Less(t, x.a.Status, 300, "%s", x.a)
			}
		})
	}
}
