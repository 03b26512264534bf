package connect_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-reconnect/reconnect/connect/connecttest"
	"github.com/go-reconnect/reconnect/internal/kversion"
	"github.com/go-reconnect/reconnect/internal/testutil"
)

// TestContract_Real runs the table on real workers, two of each version, and compares every answer with the fake's. Then
// it kills one of the two and starts it again.
func TestContract_Real(t *testing.T) {
	testutil.EachVersion(t, func(t *testing.T, c *testutil.Cluster) {
		w := realWorld(t, c)
		twin := twinOf(t, w)
		defer twin.fake.Close()
		w.populate(t)
		twin.populate(t)
		defer w.cleanup(t)
		began := time.Now()
		eachCase(phaseStatic, func(name string, _ contractEndpoint, c contractCase) {
			t.Run(name, func(t *testing.T) {
				got := c.run(t, w)
				want := c.run(t, twin)
				if c.alone != "" || t.Failed() {
					return
				}
				require.Len(t, got, len(want))
				for i := range got {
					assert.Equal(t, want[i].Status, got[i].Status)
					assert.Equal(t, want[i].Header.Get("Content-Type"), got[i].Header.Get("Content-Type"), "content type")
					assert.Equal(t, want[i].Header.Get("Allow"), got[i].Header.Get("Allow"), "allow")
					if d := differences("", comparableBody(want[i]), comparableBody(got[i])); len(d) > 0 {
						t.Error("the fake's answer differs from the worker's:\n" + strings.Join(d, "\n"))
					}
				}
			})
		})
		t.Run("the keys of every plugin", func(t *testing.T) { everyPlugin(t, w, twin) })
		t.Logf("static cases: %.1f s", time.Since(began).Seconds())
		t.Run("rebalances under load", func(t *testing.T) { underLoad(t, w) })
		t.Run("one of two killed and started again", func(t *testing.T) { killAndStart(t, c, w) })
		t.Logf("everything: %.1f s", time.Since(began).Seconds())
	})
}

// everyPlugin compares the keys of all transformations, predicates and converters: what POST and validate check them by.
func everyPlugin(t *testing.T, w, twin *world) {
	t.Helper()
	type plugin struct{ Class, Type string }
	list := func(w *world) (out []plugin) {
		a := w.must(t, 0, contractRequest{Method: http.MethodGet, Path: "/connector-plugins?connectorsOnly=false"})
		require.NoError(t, json.Unmarshal(a.Body, &out))
		return out
	}
	fakes := list(twin)
	for _, p := range list(w) {
		if p.Type == "sink" || p.Type == "source" {
			continue
		}
		if !assert.Contains(t, fakes, p) {
			continue
		}
		q := contractRequest{Method: http.MethodGet, Path: "/connector-plugins/" + p.Class + "/config"}
		if d := differences("", comparableBody(twin.must(t, 0, q)), comparableBody(w.must(t, 0, q))); len(d) > 0 {
			t.Error(p.Class + ":\n" + strings.Join(d, "\n"))
		}
	}
}

// underLoad makes rebalances by creating and deleting connectors and asks meanwhile. What meets one is a race, so every
// answer has to be a success or the very answer that the table has for a pending rebalance.
func underLoad(t *testing.T, w *world) {
	t.Helper()
	rebalance := map[string]contractCase{}
	eachCase(phaseRebalance, func(_ string, e contractEndpoint, c contractCase) { rebalance[e.id()] = c })
	asked := []struct {
		id     string
		q      contractRequest
		always bool // it is not held up
	}{
		{"GET /connectors/{c}", contractRequest{Method: http.MethodGet, Path: "/connectors/<sink>"}, false},
		{"GET /connectors/{c}/config", contractRequest{Method: http.MethodGet, Path: "/connectors/<sink>/config"}, false},
		{"GET /connectors/{c}/tasks", contractRequest{Method: http.MethodGet, Path: "/connectors/<sink>/tasks"}, false},
		{"GET /connectors/{c}/status", contractRequest{Method: http.MethodGet, Path: "/connectors/<sink>/status"}, true},
		{"GET /connectors", contractRequest{Method: http.MethodGet, Path: "/connectors?expand=status"}, true},
		{"GET /connectors/{c}/offsets", contractRequest{Method: http.MethodGet, Path: "/connectors/<stopped>/offsets"}, true},
		{"POST /connectors/{c}/restart?includeTasks", post("/connectors/<stopped>/restart?includeTasks=true", ""), false},
	}
	stop, done := make(chan struct{}), make(chan struct{})
	answers, held := 0, 0
	go func() {
		defer close(done)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			x := asked[i%len(asked)]
			a, err := w.send(t.Context(), t, i%len(w.urls), x.q)
			if !assert.NoError(t, err) {
				return
			}
			answers++
			if a.Status >= 300 {
				held++
				assert.False(t, x.always, "%s: %s", x.id, a)
				if !strings.Contains(string(a.Body), "no known leader URL") { // seen once in a while, as the same to a client
					rebalance[x.id].want(w).check(t, w, x.q, a)
				}
			}
		}
	}()
	for range 4 {
		w.try(t, post("/connectors", create("load", sinkConfig(), "")), 201)
		w.try(t, del("/connectors/<load>"), 204)
	}
	close(stop)
	<-done
	t.Logf("%d answers, %d of them a rebalance's", answers, held)
}

func realWorld(t *testing.T, c *testutil.Cluster) *world {
	t.Helper()
	v, ok := kversion.Parse(c.Version())
	require.True(t, ok)
	return &world{
		version: v, raw: c.Version(), urls: c.URLs(), prefix: c.ConnectorName(t, "contract") + "-",
		client: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
		pause:  realPause(t),
	}
}

func realPause(t *testing.T) func(time.Duration) {
	t.Helper()
	return func(d time.Duration) {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-t.Context().Done():
		}
	}
}

// twinOf is the fake of the same version with the same names.
func twinOf(t *testing.T, w *world) *world {
	t.Helper()
	s := connecttest.NewServer(connecttest.Config{Workers: 2, Version: w.raw, Brokers: 1, Converter: "org.apache.kafka.connect.storage.StringConverter", Errorf: t.Errorf})
	return &world{
		version: w.version, raw: w.raw, urls: s.InProcessURLs(), client: s.Client(), fake: s, prefix: w.prefix,
		pause: func(time.Duration) { <-time.After(time.Millisecond) },
	}
}

// killAndStart brings the phases about in which a worker is missing.
func killAndStart(t *testing.T, c *testutil.Cluster, w *world) {
	t.Helper()
	// The leader stays: when it dies, its successor knows of no delay and gives everything away at once.
	if w.leads(t, 1) {
		w.urls[0], w.urls[1] = w.urls[1], w.urls[0]
		w.swapped = true
	}
	require.True(t, w.leads(t, 0))
	victim := c.Worker(w.index(1))
	w.haunt(t)
	require.NoError(t, victim.Kill(t.Context()))
	killed := time.Now()
	eachCase(phaseDown, func(name string, _ contractEndpoint, k contractCase) {
		t.Run("down/"+name, func(t *testing.T) {
			_, err := w.send(t.Context(), t, 1, k.request)
			require.Error(t, err)
		})
	})
	// Session timeout 10 s: until then forwarded calls meet a host that is gone.
	eachCase(phaseUndetected, func(name string, _ contractEndpoint, k contractCase) {
		t.Run("undetected/"+name, func(t *testing.T) {
			a := w.must(t, 0, k.request)
			if time.Since(killed) > 8*time.Second {
				// Asked too late for that phase: the group may have noticed, or not yet.
				assert.True(t, k.want(w).status == a.Status || refusedByRebalance(a), "%s", a)
				return
			}
			k.want(w).check(t, w, k.request, a)
		})
	})
	// Noticed, until the delay of 2 s is over: the restarts are asked until they answer something else.
	t.Run("orphaned", func(t *testing.T) { orphaned(t, w) })
	w.eventually(t, "the ghost runs elsewhere", func() bool {
		states, owners := w.status(t, 0, "ghost")
		return states == "RUNNING RUNNING" && owners[0] == w.id(0) && owners[1] == w.id(0)
	}, func() string { return "" })
	a := w.must(t, 0, post("/connectors/<ghost>/tasks/0/restart", ""))
	assert.Equal(t, 204, a.Status, "%s", a)

	started := make(chan error, 1)
	go func() { started <- victim.Start(t.Context()) }()
	t.Run("starting", func(t *testing.T) { starting(t, w) })
	require.NoError(t, <-started)
	a = w.must(t, 1, contractRequest{Method: http.MethodGet, Path: "/connectors/<sink>/status"})
	assert.Equal(t, 200, a.Status, "%s", a)
	w.try(t, del("/connectors/<ghost>"), 204)
}

// orphaned watches the restart of a task whose worker is gone: 500 until the group has noticed, 409 until its delay is
// over, then 204. The 409 lasts as long as scheduled.rebalance.max.delay.ms, 2 s here, so polling meets it.
func orphaned(t *testing.T, w *world) {
	t.Helper()
	seen := map[int]int{}
	restart := post("/connectors/<ghost>/tasks/0/restart", "")
	var rebalancing *contractCase
	eachCase(phaseOrphaned, func(_ string, e contractEndpoint, k contractCase) {
		if e.where == owner && k.request.Path == restart.Path {
			rebalancing = &k
		}
	})
	require.NotNil(t, rebalancing)
	w.eventually(t, "the task can be restarted", func() bool {
		a := w.must(t, 0, restart)
		seen[a.Status]++
		switch a.Status {
		case 204:
			return true
		case 409:
			if string(a.Body) != "" && seen[409] == 1 {
				rebalancing.want(w).check(t, w, restart, a)
			}
		case 500:
			assert.Contains(t, string(a.Body), "IO Error trying to forward REST request: ")
		default:
			assert.Fail(t, "unexpected", "%s", a)
		}
		return false
	}, func() string { return "" })
	t.Logf("answers by status: %v", seen)
	assert.NotZero(t, seen[409], "nobody owns it for a while")
}

// starting asks a worker that starts: refused, then Jetty's 404 page for every path, then its answer.
func starting(t *testing.T, w *world) {
	t.Helper()
	pages, refusals := 0, 0
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	for {
		a, err := w.send(ctx, t, 1, contractRequest{Method: http.MethodGet, Path: "/connectors/<sink>/status"})
		switch {
		case err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded):
			require.Fail(t, "the worker did not start")
		case err != nil:
			refusals++
		case a.Status == 200:
			t.Logf("%d refused, %d pages of Jetty", refusals, pages)
			return
		case a.Header.Get("Content-Type") == jsonType:
			assert.Equal(t, 404, a.Status, "%s", a) // Connect answers, its statuses are not read yet
		default:
			pages++
			wanted{status: 404, page: "Not Found", class: errNotConnect}.check(t, w, contractRequest{}, a)
		}
		w.pause(20 * time.Millisecond)
	}
}
