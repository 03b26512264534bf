package connect_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-reconnect/reconnect/connect/connecttest"
	"github.com/go-reconnect/reconnect/internal/kversion"
)

// contractRequest is one request of the contract suite. Path and Body may hold `<name>` for the names of the world's
// connectors: `<sink>`, `<source>`, `<none>` ...
type contractRequest struct {
	Method, Path, Body string
	Header             map[string]string // added to Accept and, where there is a body, Content-Type: application/json
	NoType             bool              // sends a body without a Content-Type
}

// contractAnswer is what came back.
type contractAnswer struct {
	Status int
	Header http.Header
	Body   []byte
}

func (a contractAnswer) String() string {
	return fmt.Sprintf("%d %s %.600s", a.Status, a.Header.Get("Content-Type"), a.Body)
}

// world is a cluster under contract: the fake or a real one, with the same connectors on it.
type world struct {
	version kversion.Version
	raw     string
	urls    []string
	client  *http.Client
	fake    *connecttest.Server // nil on a real cluster
	prefix  string
	fillers int
	swapped bool // urls[0] is worker-1's: the leader comes first
	// pause waits for what has no event to wait on; virtual on the fake.
	pause func(time.Duration)
}

func (w *world) atLeast(major, minor int) bool { return w.version.AtLeast(major, minor) }

// fill puts names in.
func (w *world) fill(s string) string {
	for {
		i := strings.IndexByte(s, '<')
		j := strings.IndexByte(s, '>')
		if i < 0 || j < i {
			return s
		}
		s = s[:i] + w.prefix + s[i+1:j] + s[j+1:]
	}
}

// index is the number of the node behind urls[i].
func (w *world) index(i int) int {
	if w.swapped {
		return len(w.urls) - 1 - i
	}
	return i
}

// id is the worker id of the node behind urls[i].
func (w *world) id(i int) string { return fmt.Sprintf("worker-%d:8083", w.index(i)) }

func (w *world) name(s string) string { return w.prefix + s }

// send makes one request to a worker; err is a broken or refused connection.
func (w *world) send(ctx context.Context, t *testing.T, worker int, q contractRequest) (contractAnswer, error) {
	t.Helper()
	base, err := url.Parse(w.urls[worker])
	require.NoError(t, err)
	rq, err := http.NewRequestWithContext(ctx, q.Method, base.String(), strings.NewReader(w.fill(q.Body)))
	require.NoError(t, err)
	path, query, _ := strings.Cut(w.fill(q.Path), "?")
	decoded, err := url.PathUnescape(path)
	require.NoError(t, err)
	rq.URL.Path, rq.URL.RawPath, rq.URL.RawQuery = decoded, path, query
	rq.Header.Set("Accept", "application/json")
	if q.Body == "" {
		rq.Body, rq.ContentLength = http.NoBody, 0
	} else if !q.NoType {
		rq.Header.Set("Content-Type", "application/json")
	}
	for k, v := range q.Header {
		rq.Header.Set(k, v)
	}
	rs, err := w.client.Do(rq)
	if err != nil {
		return contractAnswer{}, err
	}
	defer func() { _ = rs.Body.Close() }()
	var b bytes.Buffer
	if _, err := b.ReadFrom(rs.Body); err != nil {
		return contractAnswer{}, err
	}
	return contractAnswer{rs.StatusCode, rs.Header, b.Bytes()}, nil
}

func (w *world) must(t *testing.T, worker int, q contractRequest) contractAnswer {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Second)
	defer cancel()
	a, err := w.send(ctx, t, worker, q)
	require.NoError(t, err, "%s %s on worker %d", q.Method, w.fill(q.Path), worker)
	return a
}

// try is must for setting up: rebalances that come and go are waited out.
func (w *world) try(t *testing.T, q contractRequest, want int) {
	t.Helper()
	var a contractAnswer
	w.eventually(t, q.Method+" "+q.Path, func() bool {
		a = w.must(t, 0, q)
		return a.Status == want
	}, func() string { return a.String() })
}

// eventually polls.
func (w *world) eventually(t *testing.T, what string, ok func() bool, state func() string) {
	t.Helper()
	for range 600 {
		if ok() {
			return
		}
		w.pause(100 * time.Millisecond)
	}
	require.Fail(t, "not reached: "+what, state())
}

// status reads states as `connector task task`, "" when there is no status yet.
func (w *world) status(t *testing.T, worker int, name string) (states string, owners []string) {
	t.Helper()
	a := w.must(t, worker, contractRequest{Method: http.MethodGet, Path: "/connectors/<" + name + ">/status"})
	if a.Status != http.StatusOK {
		return "", nil
	}
	type instance struct {
		State  string `json:"state"`
		Worker string `json:"worker_id"`
	}
	var st struct {
		Connector instance   `json:"connector"`
		Tasks     []instance `json:"tasks"`
	}
	require.NoError(t, json.Unmarshal(a.Body, &st), "%s", a.Body)
	out := []string{st.Connector.State}
	owners = []string{st.Connector.Worker}
	for _, task := range st.Tasks {
		out = append(out, task.State)
		owners = append(owners, task.Worker)
	}
	return strings.Join(out, " "), owners
}

// await waits on every worker for a connector's states.
func (w *world) await(t *testing.T, name, want string) {
	t.Helper()
	last := ""
	w.eventually(t, name+" is "+want, func() bool {
		for i := range w.urls {
			if last, _ = w.status(t, i, name); last != want {
				return false
			}
		}
		return true
	}, func() string { return last })
}

const (
	fileSink   = "org.apache.kafka.connect.file.FileStreamSinkConnector"
	fileSource = "org.apache.kafka.connect.file.FileStreamSourceConnector"
)

// sinkConfig is a file sink's config as JSON, with more keys.
func sinkConfig(more ...string) string {
	return `{"connector.class":"` + fileSink + `","tasks.max":"1","topics":"<topic>","file":"/tmp/<out.txt>"` + strings.Join(append([]string{""}, more...), ",") + `}`
}

func sourceConfig(more ...string) string {
	return `{"connector.class":"` + fileSource + `","tasks.max":"1","topic":"<topic>","file":"/tmp/<in.txt>"` + strings.Join(append([]string{""}, more...), ",") + `}`
}

func create(name, config, initial string) string {
	if initial != "" {
		initial = `,"initial_state":"` + initial + `"`
	}
	return `{"name":"<` + name + `>","config":` + config + initial + `}`
}

// settled are the connectors of the world and the states in which the suite finds them.
var settled = []struct{ name, config, initial, states string }{
	{"sink", sinkConfig(), "", "RUNNING RUNNING"},
	{"source", sourceConfig(), "", "RUNNING RUNNING"},
	{"paused", sinkConfig(), "PAUSED", "PAUSED"},
	{"stopped", sinkConfig(), "STOPPED", "STOPPED"},
	{"stoppedsource", sourceConfig(), "STOPPED", "STOPPED"},
	{"failed", strings.Replace(sinkConfig(), "/tmp/", "/tmp/no/such/dir/", 1), "", "RUNNING FAILED"},
	{"unbuilt", sinkConfig(`"transforms":"t"`, `"transforms.t.type":"org.apache.kafka.connect.transforms.TimestampConverter$Value"`,
		`"transforms.t.target.type":"string"`), "", "RUNNING FAILED"},
	{"many", strings.Replace(sinkConfig(), `"1"`, `"4"`, 1), "", "RUNNING RUNNING RUNNING RUNNING RUNNING"},
}

func (w *world) populate(t *testing.T) {
	t.Helper()
	for _, c := range settled {
		w.try(t, contractRequest{Method: http.MethodPost, Path: "/connectors", Body: create(c.name, c.config, c.initial)}, http.StatusCreated)
	}
	for _, c := range settled {
		w.await(t, c.name, c.states)
	}
}

// cleanup deletes whatever carries the prefix.
func (w *world) cleanup(t *testing.T) {
	t.Helper()
	a := w.must(t, 0, contractRequest{Method: http.MethodGet, Path: "/connectors"})
	var names []string
	require.NoError(t, json.Unmarshal(a.Body, &names))
	for _, n := range names {
		if strings.HasPrefix(n, w.prefix) {
			w.must(t, 0, contractRequest{Method: http.MethodDelete, Path: "/connectors/" + url.PathEscape(n)})
		}
	}
}

// newFakeWorld starts a fake in the place of a real cluster as internal/testutil makes it. Call it in a synctest bubble.
func newFakeWorld(t *testing.T, version string) *world {
	t.Helper()
	s := connecttest.NewServer(connecttest.Config{
		Workers: 2, Version: version, Brokers: 1, RebalanceDelay: 2 * time.Second, WorkerStartup: time.Second, Errorf: t.Errorf,
	})
	v, ok := kversion.Parse(version)
	require.True(t, ok, version)
	return &world{
		version: v, raw: version, urls: s.InProcessURLs(), client: s.Client(), fake: s, prefix: "c-",
		pause: func(d time.Duration) { <-time.After(d) },
	}
}

// leads reports whether a worker is the leader: a name with a `;` arrives whole only where it is not forwarded.
func (w *world) leads(t *testing.T, worker int) bool {
	t.Helper()
	var a contractAnswer
	w.eventually(t, "an answer about a connector that is not there", func() bool {
		a = w.must(t, worker, contractRequest{Method: http.MethodDelete, Path: "/connectors/<none>%3Bx"})
		return a.Status == http.StatusNotFound
	}, func() string { return a.String() })
	return strings.Contains(string(a.Body), ";x")
}

// differences lists where two JSON values differ, at most ten places.
func differences(path string, want, got any) []string {
	var out []string
	switch x := want.(type) {
	case map[string]any:
		y, same := got.(map[string]any)
		if !same {
			break
		}
		for _, k := range slices.Sorted(maps.Keys(x)) {
			if _, there := y[k]; !there {
				out = append(out, fmt.Sprintf("%s.%s: only in the fake's: %v", path, k, x[k]))
				continue
			}
			out = append(out, differences(path+"."+k, x[k], y[k])...)
		}
		for _, k := range slices.Sorted(maps.Keys(y)) {
			if _, there := x[k]; !there {
				out = append(out, fmt.Sprintf("%s.%s: only in the worker's: %v", path, k, y[k]))
			}
		}
		return out[:min(len(out), 10)]
	case []any:
		y, same := got.([]any)
		if !same {
			break
		}
		if len(x) != len(y) {
			out = append(out, fmt.Sprintf("%s: the fake has %d elements, the worker %d: %v and %v", path, len(x), len(y), x[min(len(x), len(y)):], y[min(len(x), len(y)):]))
		}
		for i := range min(len(x), len(y)) {
			out = append(out, differences(fmt.Sprintf("%s[%d]", path, i), x[i], y[i])...)
		}
		return out[:min(len(out), 10)]
	}
	if want != got {
		return []string{fmt.Sprintf("%s: the fake has %v, the worker %v", path, want, got)}
	}
	return nil
}

// parseBody decodes a body, nil when it is not JSON.
func parseBody(b []byte) (v any, ok bool) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if d.Decode(&v) != nil {
		return nil, false
	}
	_, err := d.Token()
	return v, err == io.EOF
}
