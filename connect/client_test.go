package connect_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-reconnect/reconnect/connect"
)

// base is the path in front of everything, so that a path that forgets it fails loudly.
const base = "/kafka/connect"

// seen is one request as the server saw it.
type seen struct {
	method, path, query, body string
	header                    http.Header
}

// server is an httptest server that keeps what it was asked. reply gets the number of the request, from 1, GET / not counted.
type server struct {
	*httptest.Server
	mu      sync.Mutex
	got     []seen
	version string
}

func (s *server) requests() []seen {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]seen(nil), s.got...)
}

// serve starts a server; version "" answers 404 to GET /.
func serve(t *testing.T, version string, reply func(n int, w http.ResponseWriter, r *http.Request)) *server {
	t.Helper()
	s := &server{version: version}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.URL.EscapedPath() == base+"/" && r.Method == http.MethodGet && s.version != "" {
			writeJSON(w, 200, map[string]string{"version": s.version, "commit": "c", "kafka_cluster_id": "k"})
			return
		}
		s.mu.Lock()
		path := r.URL.EscapedPath()
		if len(path) < len(base) || path[:len(base)] != base {
			s.mu.Unlock()
			http.Error(w, "outside of the base path", http.StatusTeapot)
			return
		}
		s.got = append(s.got, seen{r.Method, path[len(base):], r.URL.RawQuery, string(body), r.Header.Clone()})
		n := len(s.got)
		s.mu.Unlock()
		reply(n, w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

func connectError(w http.ResponseWriter, status int, msg string) {
	writeJSON(w, status, map[string]any{"error_code": status, "message": msg})
}

func write(w http.ResponseWriter, status int, contentType, body string) {
	if contentType != "" {
		w.Header().Set("Content-Type", contentType)
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

// fast retries without making tests wait.
var fast = connect.RetryPolicy{Max: 4, MinWait: time.Millisecond, MaxWait: 2 * time.Millisecond}

func client(t *testing.T, url string, opts ...connect.Option) *connect.Client {
	t.Helper()
	c, err := connect.NewClient(url+base, append([]connect.Option{connect.WithRetry(fast)}, opts...)...)
	require.NoError(t, err)
	return c
}

const statusJSON = `{"name":"x","connector":{"state":"RUNNING","worker_id":"w1:8083","version":null},"tasks":[{"id":0,"state":"FAILED","worker_id":"w2:8083","version":"4.3.1","trace":"java.lang.X: boom\n\tat y"}],"type":"sink"}`

const infoJSON = `{"name":"x","config":{"connector.class":"C","name":"x"},"tasks":[{"connector":"x","task":0}],"type":"sink"}`

func asError(t *testing.T, err error) *connect.Error {
	t.Helper()
	var e *connect.Error
	require.ErrorAs(t, err, &e)
	return e
}

func TestGetStatus(t *testing.T) {
	t.Parallel()
	s := serve(t, "", func(_ int, w http.ResponseWriter, _ *http.Request) { write(w, 200, "application/json", statusJSON) })
	st, err := client(t, s.URL).GetStatus(t.Context(), "x")
	require.NoError(t, err)
	assert.Equal(t, connect.TypeSink, st.Type)
	assert.Equal(t, "java.lang.X: boom\n\tat y", st.Tasks[0].Trace)
	assert.Equal(t, "4.3.1", st.Tasks[0].Version)
	assert.Empty(t, st.Connector.Version, "a null version is none")
	assert.Equal(t, connect.TaskID{Connector: "x", Task: 0}, st.Tasks[0].ID)
	assert.True(t, st.Failed())
	got := s.requests()
	require.Len(t, got, 1, "the version is not asked for")
	assert.Equal(t, "/connectors/x/status", got[0].path)
	assert.Empty(t, got[0].header.Get("Authorization"))
}

func TestContextEndsACall(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	s := serve(t, "", func(_ int, _ http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-release:
		}
	})
	t.Cleanup(func() { close(release) })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := client(t, s.URL).GetStatus(ctx, "x")
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorIs(t, err, connect.ErrTimeout)
}
