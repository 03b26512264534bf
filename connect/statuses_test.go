package connect_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-reconnect/reconnect/connect"
)

// sweep is the body of ?expand=status for n connectors of 10 tasks; one task in a hundred has failed with a trace of 4 kB. It is made as it is read.
type sweep struct {
	n, i            int
	pending         string
	healthy, failed string
}

func newSweep(n int) *sweep {
	line := "\tat org.apache.kafka.connect.runtime.WorkerSinkTask.execute(WorkerSinkTask.java:237)\n"
	trace := mustJSON("org.apache.kafka.connect.errors.ConnectException: boom\n" + strings.Repeat(line, 4096/len(line)))
	tasks := make([]string, 10)
	for i := range tasks {
		tasks[i] = fmt.Sprintf(`{"id":%d,"state":"RUNNING","worker_id":"worker-2:8083","version":"4.3.1"}`, i)
	}
	healthy := "[" + strings.Join(tasks, ",") + "]"
	tasks[7] = fmt.Sprintf(`{"id":7,"state":"FAILED","worker_id":"worker-2:8083","version":"4.3.1","trace":%s}`, trace)
	return &sweep{n: n, pending: "{", healthy: healthy, failed: "[" + strings.Join(tasks, ",") + "]"}
}

func (s *sweep) Read(p []byte) (int, error) {
	for s.pending == "" {
		switch {
		case s.i > s.n:
			return 0, io.EOF
		case s.i == s.n:
			s.pending = "}"
		default:
			s.pending = s.element(s.i)
		}
		s.i++
	}
	n := copy(p, s.pending)
	s.pending = s.pending[n:]
	return n, nil
}

func (s *sweep) element(i int) string {
	comma := ","
	if i == 0 {
		comma = ""
	}
	name := "connector-" + strconv.Itoa(i)
	tasks := s.healthy
	if i%10 == 0 {
		tasks = s.failed
	}
	return comma + `"` + name + `":{"status":{"name":"` + name + `","connector":{"state":"RUNNING","worker_id":"worker-1:8083","version":"4.3.1"},"tasks":` + tasks + `,"type":"sink"}}`
}

func (s *sweep) Close() error { return nil }

func sweepClient(tb testing.TB, n int) (*connect.Client, *int) {
	tb.Helper()
	requests := new(int)
	c, err := connect.NewClient("http://w", connect.WithHTTPClient(&http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		*requests++
		assert.Equal(tb, "/connectors?expand=status", r.URL.RequestURI())
		return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: newSweep(n)}, nil
	})}))
	require.NoError(tb, err)
	return c, requests
}

func TestStatusesStream(t *testing.T) {
	t.Parallel()
	c, requests := sweepClient(t, 500)
	failed, n := 0, 0
	for st, err := range c.Statuses(t.Context()) {
		require.NoError(t, err)
		assert.Equal(t, fmt.Sprintf("connector-%d", n), st.Name)
		assert.Len(t, st.Tasks, 10)
		failed += len(st.FailedTasks())
		n++
	}
	assert.Equal(t, 500, n)
	assert.Equal(t, 50, failed)
	assert.Equal(t, 1, *requests)
	for _, err := range c.Statuses(t.Context()) {
		require.NoError(t, err)
		break
	}
	assert.Equal(t, 2, *requests, "each range is one request")
	all, err := c.ListStatuses(t.Context())
	require.NoError(t, err)
	assert.Len(t, all, 500)
	assert.Equal(t, "4.3.1", all["connector-3"].Tasks[1].Version)
}

func TestConnectorsStream(t *testing.T) {
	t.Parallel()
	const one = `"a":{"info":{"name":"a","config":{"name":"a","x":"1","n":null},"tasks":[{"connector":"a","task":0}],"type":"sink"}}`
	for _, row := range []struct {
		what, body string
		n          int
		is         error
	}{
		{"a connector and one that was just deleted", "{" + one + `,"b":{}}`, 1, nil},
		{"none", "{}", 0, nil},
		{"it breaks off", "{" + one + `,"b":{"inf`, 1, connect.ErrUnavailable},
		{"a list, as before 2.3", `["a"]`, 0, connect.ErrUnsupported},
	} {
		t.Run(row.what, func(t *testing.T) {
			t.Parallel()
			s := serve(t, "", func(_ int, w http.ResponseWriter, r *http.Request) {
				assert.Equal(t, "expand=info", r.URL.RawQuery)
				write(w, 200, "", row.body)
			})
			n := 0
			var last error
			for con, err := range client(t, s.URL).Connectors(t.Context()) {
				require.NoError(t, last, "the error is the last element")
				if last = err; err == nil {
					n++
					assert.Equal(t, connect.Connector{
						Name: "a", Type: connect.TypeSink, Config: connect.Config{"name": "a", "x": "1"}, NullKeys: []string{"n"}, Tasks: []connect.TaskID{{Connector: "a"}},
					}, con)
				}
			}
			require.ErrorIs(t, last, row.is)
			assert.Equal(t, row.n, n)
			assert.Len(t, s.requests(), 1)
		})
	}
}

// TestStatusesMemoryIsFlat measures the live heap at the last element: it must not grow with the number of connectors.
func TestStatusesMemoryIsFlat(t *testing.T) { //nolint:paralleltest // it measures the heap
	live := func(n int) uint64 {
		c, _ := sweepClient(t, n)
		var m runtime.MemStats
		var top uint64
		i := 0
		for _, err := range c.Statuses(t.Context()) {
			require.NoError(t, err)
			if i++; i%(n/4) == 0 {
				runtime.GC()
				runtime.ReadMemStats(&m)
				top = max(top, m.HeapAlloc)
			}
		}
		require.Equal(t, n, i)
		return top
	}
	live(100)
	small, large := live(100), live(10_000)
	assert.Less(t, int64(large)-int64(small), int64(2<<20), "100 connectors: %d bytes live, 10,000: %d", small, large)
}

func TestStatusesThatGoWrong(t *testing.T) {
	t.Parallel()
	const one = `"a":{"status":{"name":"a","connector":{"state":"RUNNING","worker_id":"w"},"tasks":[],"type":"sink"}}`
	for _, row := range []struct {
		what, body string
		n          int // elements in front of the error
		is         error
		says       string
	}{
		{"it breaks off", "{" + one + `,"b":{"sta`, 1, connect.ErrUnavailable, "broke off"},
		{"it breaks off between elements", "{" + one, 1, connect.ErrUnavailable, "broke off"},
		{"something behind it", "{" + one + "} x", 1, connect.ErrNotConnect, ""},
		{"two bodies", "{" + one + "}{}", 1, connect.ErrNotConnect, ""},
		{"nothing", "", 0, connect.ErrNotConnect, "empty"},
		{"null", "null", 0, connect.ErrNotConnect, ""},
		{"HTML", "<html>Sign in</html>", 0, connect.ErrNotConnect, "Sign in"},
		{"a string", `"x"`, 0, connect.ErrNotConnect, ""},
		{"a list, as before 2.3", `["a"]`, 0, connect.ErrUnsupported, "KIP-465"},
		{"an element that is null", `{"a":null}`, 0, connect.ErrNotConnect, ""},
		{"an element that is a number", `{` + one + `,"b":1}`, 1, connect.ErrNotConnect, ""},
		{"a status without a state", `{"a":{"status":{"name":"a","connector":{},"tasks":[]}}}`, 0, connect.ErrNotConnect, ""},
		{"a task without an id", `{"a":{"status":{"name":"a","connector":{"state":"RUNNING"},"tasks":[{"state":"RUNNING"}]}}}`, 0, connect.ErrNotConnect, ""},
		{"one element that is endless", `{"a":{"x":"` + strings.Repeat("y", 200_000) + `"}}`, 0, nil, "WithMaxResponseBytes"},
	} {
		t.Run(row.what, func(t *testing.T) {
			t.Parallel()
			s := serve(t, "", func(_ int, w http.ResponseWriter, _ *http.Request) { write(w, 200, "", row.body) })
			c := client(t, s.URL, connect.WithMaxResponseBytes(100_000))
			n := 0
			var last error
			for st, err := range c.Statuses(t.Context()) {
				require.NoError(t, last, "the error is the last element")
				if last = err; err == nil {
					n++
					assert.Equal(t, "a", st.Name)
				}
			}
			require.Error(t, last)
			if row.is != nil {
				require.ErrorIs(t, last, row.is)
			}
			assert.Contains(t, last.Error(), row.says)
			assert.Equal(t, row.n, n)
			assert.Len(t, s.requests(), 1, "what has begun is not sent again")
			all, err := c.ListStatuses(t.Context())
			require.Error(t, err)
			assert.Nil(t, all)
		})
	}
	t.Run("the context ends in the middle", func(t *testing.T) {
		t.Parallel()
		c, _ := sweepClient(t, 1000)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		n := 0
		var last error
		for _, err := range c.Statuses(ctx) {
			if last = err; err == nil {
				if n++; n == 5 {
					cancel()
				}
			}
		}
		require.ErrorIs(t, last, context.Canceled)
		assert.Equal(t, 5, n)
	})
	t.Run("503, then an answer: sent again before it begins", func(t *testing.T) {
		t.Parallel()
		s := serve(t, "", func(n int, w http.ResponseWriter, _ *http.Request) {
			if n == 1 {
				write(w, 503, "", "")
				return
			}
			write(w, 200, "", "{"+one+"}")
		})
		all, err := client(t, s.URL).ListStatuses(t.Context())
		require.NoError(t, err)
		assert.Len(t, all, 1)
	})
	t.Run("a connector without a status is no element", func(t *testing.T) {
		t.Parallel()
		s := serve(t, "", func(_ int, w http.ResponseWriter, _ *http.Request) {
			write(w, 200, "", `{"b":{"status":null},`+one+`}`)
		})
		all, err := client(t, s.URL).ListStatuses(t.Context())
		require.NoError(t, err)
		assert.Len(t, all, 1)
	})
}

func TestListExpanded(t *testing.T) {
	t.Parallel()
	s := serve(t, "", func(_ int, w http.ResponseWriter, _ *http.Request) {
		write(w, 200, "", `{"x":{"status":`+statusJSON+`,"info":`+infoJSON+`},"gone":{"status":`+strings.ReplaceAll(statusJSON, `"x"`, `"gone"`)+`,"info":null}}`)
	})
	all, err := client(t, s.URL).ListExpanded(t.Context(), connect.Expand{Status: true, Info: true})
	require.NoError(t, err)
	assert.Equal(t, "expand=status&expand=info", s.requests()[0].query)
	assert.Equal(t, "C", all["x"].Info.Config["connector.class"])
	assert.Equal(t, connect.StateFailed, all["x"].Status.Tasks[0].State)
	assert.Nil(t, all["gone"].Info, "the configuration vanished meanwhile")
	assert.NotNil(t, all["gone"].Status)
	_, err = client(t, s.URL).ListExpanded(t.Context(), connect.Expand{Info: true})
	require.NoError(t, err)
	assert.Equal(t, "expand=info", s.requests()[1].query)
	s2 := serve(t, "", func(_ int, w http.ResponseWriter, _ *http.Request) { write(w, 200, "", `{"x":{"info":{"name":"x"}}}`) })
	_, err = client(t, s2.URL).ListExpanded(t.Context(), connect.Expand{Info: true})
	require.ErrorIs(t, err, connect.ErrNotConnect)
}

// BenchmarkSweep compares the stream with what a program does without it: the same body into a map with encoding/json. peak-MB is the live heap while the values are at hand.
func BenchmarkSweep(b *testing.B) {
	const n = 10_000
	peak := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	b.Run("Statuses", func(b *testing.B) {
		c, _ := sweepClient(b, n)
		b.ReportAllocs()
		var top uint64
		before := peak()
		for b.Loop() {
			i := 0
			for _, err := range c.Statuses(b.Context()) {
				if err != nil {
					b.Fatal(err)
				}
				if i++; i == n-1 {
					b.StopTimer()
					top = max(top, peak()-min(before, peak()))
					b.StartTimer()
				}
			}
		}
		b.ReportMetric(float64(top)/1e6, "peak-MB")
	})
	b.Run("encoding-json-map", func(b *testing.B) {
		b.ReportAllocs()
		var top uint64
		before := peak()
		for b.Loop() {
			body, err := io.ReadAll(newSweep(n))
			if err != nil {
				b.Fatal(err)
			}
			var v map[string]any
			if err := json.Unmarshal(body, &v); err != nil {
				b.Fatal(err)
			}
			b.StopTimer()
			top = max(top, peak()-before)
			b.StartTimer()
			runtime.KeepAlive(v)
			runtime.KeepAlive(body)
		}
		b.ReportMetric(float64(top)/1e6, "peak-MB")
	})
}
