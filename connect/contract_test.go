package connect_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-reconnect/reconnect/connect/connecttest"
	"github.com/go-reconnect/reconnect/internal/kversion"
	"github.com/go-reconnect/reconnect/internal/testutil/recording"
)

// contractVersions are the Kafka versions whose real workers the fake is held to.
var contractVersions = []string{"3.9.0", "4.0.0", "4.1.1", "4.3.1"}

// TestContract_EveryCellIsFilled fails on a cell of endpoints × families that has neither a case nor a reason.
func TestContract_EveryCellIsFilled(t *testing.T) {
	t.Parallel()
	table := contractTable()
	assert.Len(t, table, 30)
	cases, onWorkers, reasons := 0, 0, 0
	for _, e := range table {
		for _, family := range families {
			list, reason := e.cell(family, table)
			assert.True(t, (len(list) > 0) != (reason != ""), "%s × %s: %d cases, reason %q", e.id(), family, len(list), reason)
			for _, c := range list {
				assert.Contains(t, onReal, c.phase)
				if onReal[c.phase] == "" {
					onWorkers++
				}
			}
			cases += len(list)
			if reason != "" {
				reasons++
			}
		}
		for family := range e.cells {
			assert.Contains(t, families, family, e.id())
		}
		if e.where == leader || e.where == owner {
			both := false
			for _, c := range e.cells[famOK] {
				both = both || c.bothWorkers
			}
			assert.True(t, both, "%s is carried out by the %s, and no case goes to both workers", e.id(), e.where)
		}
	}
	t.Logf("%d endpoints × %d families: %d cases, %d of them on real workers too, %d cells with a reason instead", len(table), len(families), cases, onWorkers, reasons)
}

// eachCase runs fn for the cases of a phase, in the order of the table.
func eachCase(p phase, fn func(name string, e contractEndpoint, c contractCase)) {
	table := contractTable()
	for _, e := range table {
		for _, family := range families {
			list, _ := e.cell(family, table)
			for _, c := range list {
				if c.phase == p {
					fn(e.id()+"/"+family+"/"+c.name, e, c)
				}
			}
		}
	}
}

// refusedByRebalance recognises the passing answers of a rebalance.
func refusedByRebalance(a contractAnswer) bool {
	return a.Status == http.StatusConflict && bytes.Contains(a.Body, []byte("Cannot complete request")) ||
		a.Status == http.StatusInternalServerError && bytes.Contains(a.Body, []byte("a rebalance is expected"))
}

// run sends a static case and asserts its answer; it returns the answers, one for each worker that was asked.
func (c contractCase) run(t *testing.T, w *world) []contractAnswer {
	t.Helper()
	workers := 1
	if c.bothWorkers {
		workers = len(w.urls)
	}
	var answers []contractAnswer
	for i := range workers {
		if c.setup != nil {
			c.setup(t, w)
		}
		want := c.want(w)
		a := w.must(t, i, c.request)
		// A rebalance that an earlier case brought can still be on its way; it refuses without doing anything.
		for n := 0; n < 100 && want.status > 0 && !want.mayBe(w, a) && refusedByRebalance(a); n++ {
			w.pause(200 * time.Millisecond)
			a = w.must(t, i, c.request)
		}
		if len(answers) == 0 || want.status >= 0 {
			answers = append(answers, a)
		}
		want.check(t, w, c.request, a)
		if c.after != nil && want.status == a.Status {
			c.after(t, w, a)
		}
	}
	return answers
}

// mayBe reports whether an answer has the status, and the message where one is wanted.
func (x wanted) mayBe(w *world, a contractAnswer) bool {
	return x.status == a.Status && (x.message == "" || regexp.MustCompile(w.fill(x.message)).Match(a.Body))
}

var awayVersion = regexp.MustCompile(`("state":"(?:RUNNING|RESTARTING|UNASSIGNED)","worker_id":"[^"]*","version":)(?:null|"[^"]*")`)

// settledVersions writes one version for all instances that are not FAILED: since 4.1 a worker answers null for an instance that it has just
// handed over, started or lost, for as long as it takes to hear of it. A FAILED one that was never built keeps its null.
func settledVersions(body []byte) []byte { return awayVersion.ReplaceAll(body, []byte(`$1"away"`)) }

// check asserts an answer.
func (x wanted) check(t *testing.T, w *world, q contractRequest, a contractAnswer) {
	t.Helper()
	switch x.status {
	case -1: // Kafka 3.9 and a name with a reserved byte: whatever it is, Connect answers it
		_, isJSON := parseBody(a.Body)
		assert.True(t, len(a.Body) == 0 || isJSON, "%s", a)
		return
	case -2: // at once, whatever it is
		return
	}
	if !assert.Equal(t, x.status, a.Status, "%s", a) {
		return
	}
	x.checkClass(t, w, q, a)
	if x.page != "" {
		assert.Equal(t, "text/html;charset=iso-8859-1", a.Header.Get("Content-Type"), "%s", a)
		assert.Contains(t, string(a.Body), "<title>Error "+strconv.Itoa(x.status)+" "+x.page+"</title>")
		return
	}
	assert.Equal(t, x.kind, a.Header.Get("Content-Type"), "content type of %s", a)
	if strings.Contains(x.location, "/") {
		u, err := url.Parse(a.Header.Get("Location"))
		require.NoError(t, err)
		assert.Equal(t, w.fill(x.location), u.Path)
		assert.NotEmpty(t, u.Host)
	} else if x.location == "" {
		assert.Empty(t, a.Header.Get("Location"))
	}
	if x.shape == "" && x.message == "" {
		if x.kind == "" || x.text != "" || q.Method == http.MethodHead || q.Method == http.MethodOptions {
			assert.Equal(t, x.text, string(a.Body), "%s", a)
		}
		return
	}
	body, isJSON := parseBody(settledVersions(a.Body))
	require.True(t, isJSON, "%s", a)
	if x.shape != "" {
		assert.Equal(t, x.shape, recording.Shape(body, x.free...), "shape of %s", a)
	}
	if x.message != "" {
		var e struct {
			Code    int    `json:"error_code"`
			Message string `json:"message"`
		}
		require.NoError(t, json.Unmarshal(a.Body, &e))
		assert.Equal(t, x.status, e.Code, "error_code of %s", a)
		assert.Regexp(t, "^(?:"+w.fill(x.message)+")$", e.Message)
	}
}

var (
	anyWorkerID  = regexp.MustCompile(`"worker_id":"[^"]*"`)
	anyDoc       = regexp.MustCompile(`"documentation":"(?:[^"\\]|\\.)*"`)
	anyAvailable = regexp.MustCompile(`, available connectors are: [^"]*`)
	anyVersions  = regexp.MustCompile(`available versions: \[([^],]*)(?:, [^]]*)?\]`)
	anySource    = regexp.MustCompile(`(?:\\n at )?\[Source: (?:[^\]"]|\\")*\]`)
	anyModified  = regexp.MustCompile(`"last_modified":\d+`)
	anyWrapped   = regexp.MustCompile(`org\.apache\.kafka\.connect\.errors\.ConnectException: Failed to find any class`)
	anyTrace     = regexp.MustCompile(`"trace":"((?:[^"\\]|\\[^n])*)(?:[^"\\]|\\.)*"`)
)

// comparableBody takes out of a body what differs between any two clusters, or between Kafka's builds.
func comparableBody(a contractAnswer) any {
	body, isJSON := parseBody(settledVersions(a.Body))
	if !isJSON {
		return string(a.Body)
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if e.Encode(body) != nil {
		return string(a.Body)
	}
	s := anyWorkerID.ReplaceAllString(b.String(), `"worker_id":"w"`) // placement
	s = anyDoc.ReplaceAllString(s, `"documentation":"d"`)            // the fake has texts of its own
	s = anyTrace.ReplaceAllString(s, `"trace":"$1"`)                 // the first line: frames are a release's own
	s = anyAvailable.ReplaceAllString(s, "")                         // the installation's plugins
	s = anySource.ReplaceAllString(s, "")                            // Jackson's location: its text changes with its version
	s = anyModified.ReplaceAllString(s, `"last_modified":0`)         // the time of day
	s = anyWrapped.ReplaceAllString(s, "Failed to find any class")   // since 4.1 the second refusal of a class is wrapped once more
	s = anyVersions.ReplaceAllString(s, "available versions: [$1]")  // a plugin installed twice is listed twice
	if out, again := parseBody([]byte(s)); again {
		return out
	}
	return s
}

// TestContract_Fake runs the table on the fake, in the version of each real worker that the fake is held to.
func TestContract_Fake(t *testing.T) {
	t.Parallel()
	for _, version := range contractVersions {
		t.Run("kafka "+version, func(t *testing.T) {
			t.Parallel()
			w := newFakeWorld(t, version)
			defer w.fake.Close()
			w.populate(t)
			eachCase(phaseStatic, func(name string, _ contractEndpoint, c contractCase) {
				t.Run(name, func(t *testing.T) { c.run(t, w) })
			})
		})
	}
}

// TestContract_FakePhases runs what needs time to pass, or a cluster in trouble: each phase in a bubble of its own.
func TestContract_FakePhases(t *testing.T) {
	t.Parallel()
	for _, version := range contractVersions {
		for _, p := range []phase{phaseAuth, phaseRebalance, phaseBusy, phaseUndetected, phaseOrphaned, phaseDown, phaseStarting, phaseNoTracking} {
			t.Run("kafka "+version+"/"+string(p), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) { runPhase(t, version, p) })
			})
		}
	}
}

func runPhase(t *testing.T, version string, p phase) {
	t.Helper()
	w := newFakeWorld(t, version)
	defer func() { w.fake.Close() }()
	if p == phaseNoTracking {
		w.fake.Close()
		w.fake = connecttest.NewServer(connecttest.Config{Version: version, NoTopicTracking: true})
		w.client = w.fake.Client()
	} else {
		w.populate(t)
		w.haunt(t)
	}
	worker := 0
	switch p {
	case phaseAuth:
		w.fake.RequireBasicAuth("user", "secret")
	case phaseRebalance:
		w.fake.Rebalance(time.Minute)
	case phaseBusy:
		w.fake.BrokerDown(24 * time.Hour)
	case phaseUndetected:
		w.fake.KillWorker(1)
	case phaseOrphaned:
		w.fake.KillWorker(1)
		w.pause(11 * time.Second)
	case phaseDown:
		w.fake.KillWorker(1)
		worker = 1
	case phaseStarting:
		w.fake.KillWorker(1)
		w.fake.StartWorker(1)
		worker = 1
	case phaseStatic, phaseOld, phaseNoTracking:
	}
	cases := 0
	run := func(name string, c contractCase) {
		cases++
		failed := t.Failed()
		c.runInPhase(t, w, worker)
		if t.Failed() && !failed {
			t.Error("the first to fail: ", name)
		}
	}
	// While the broker is away the stop comes first, here as on a real worker: see contract_busy_integration_test.go.
	for _, first := range []bool{true, false} {
		eachCase(p, func(name string, e contractEndpoint, c contractCase) {
			if (p == phaseBusy && strings.HasSuffix(e.path, "/stop")) == first {
				run(name, c)
			}
		})
	}
	assert.NotZero(t, cases)
}

func (c contractCase) runInPhase(t *testing.T, w *world, worker int) {
	t.Helper()
	began := time.Now()
	a, err := w.send(t.Context(), t, worker, c.request)
	want := c.want(w)
	if want.down {
		require.Error(t, err)
		return
	}
	require.NoError(t, err)
	want.check(t, w, c.request, a)
	if want.status == -2 {
		assert.Zero(t, time.Since(began))
	}
	if c.phase == phaseAuth && want.status == http.StatusUnauthorized && c.request.Method == http.MethodGet {
		q := c.request
		q.Header = map[string]string{"Authorization": "Basic dXNlcjpzZWNyZXQ="}
		a, err = w.send(t.Context(), t, worker, q)
		require.NoError(t, err)
		assert.Equal(t, http.StatusOK, a.Status, "%s", a)
	}
}

// haunt creates a connector whose instance and task are on the second worker: the ghost, once that is killed. `ghost` is
// whichever of several names landed there.
func (w *world) haunt(t *testing.T) {
	t.Helper()
	w.try(t, post("/connectors", create("ghost", sinkConfig(), "")), 201)
	w.await(t, "ghost", "RUNNING RUNNING")
	for range 20 {
		if _, owners := w.status(t, 0, "ghost"); owners[0] == w.id(1) && owners[1] == w.id(1) {
			return
		}
		// Where a new connector goes depends on how many each worker has: one more, and try again.
		w.try(t, del("/connectors/<ghost>"), 204)
		w.await(t, "ghost", "")
		filler := fmt.Sprintf("filler%d", w.fillers)
		w.fillers++
		config := sinkConfig()
		initial := ""
		if w.fillers%2 == 0 {
			initial = "STOPPED"
		}
		w.try(t, post("/connectors", create(filler, config, initial)), 201)
		w.await(t, filler, map[string]string{"": "RUNNING RUNNING", "STOPPED": "STOPPED"}[initial])
		w.try(t, post("/connectors", create("ghost", sinkConfig(), "")), 201)
		w.await(t, "ghost", "RUNNING RUNNING")
	}
	require.Fail(t, "no connector is placed on worker 1 with its task")
}

// TestContract_Older sends what a Kafka is too old for. Known from source only.
func TestContract_Older(t *testing.T) {
	t.Parallel()
	eachCase(phaseOld, func(name string, e contractEndpoint, c contractCase) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := kversion.Version{Major: e.since[0], Minor: e.since[1] - 1}
			if v.Minor < 0 {
				v = kversion.Version{Major: 2, Minor: 8} // what came before 3.0
			}
			s := connecttest.NewServer(connecttest.Config{Version: v.String()})
			defer s.Close()
			w := &world{version: v, raw: v.String(), urls: s.InProcessURLs(), client: s.Client(), fake: s, prefix: "c-"}
			s.AddConnector("c-sink", map[string]string{"connector.class": fileSink, "topics": "t"})
			s.AddConnector("c-many", map[string]string{"connector.class": fileSink, "topics": "t"})
			a := w.must(t, 0, c.request)
			c.want(w).check(t, w, c.request, a)
		})
	})
}
