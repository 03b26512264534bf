package connecttest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-reconnect/reconnect/connect"
	"github.com/go-reconnect/reconnect/connect/connecttest"
)

type result struct {
	status int
	header http.Header
	body   string
}

func (r result) state(t *testing.T) connect.ConnectorStatus {
	t.Helper()
	require.Equal(t, http.StatusOK, r.status, r.body)
	var wire struct {
		Connector connect.InstanceStatus `json:"connector"`
		Tasks     []struct {
			ID int `json:"id"`
			connect.InstanceStatus
		} `json:"tasks"`
	}
	require.NoError(t, json.Unmarshal([]byte(r.body), &wire))
	out := connect.ConnectorStatus{Connector: wire.Connector}
	for _, task := range wire.Tasks {
		out.Tasks = append(out.Tasks, connect.TaskStatus{ID: connect.TaskID{Task: task.ID}, InstanceStatus: task.InstanceStatus})
	}
	return out
}

func call(t *testing.T, s *connecttest.Server, method, url, body string) (result, error) {
	t.Helper()
	return callContext(t.Context(), t, s, method, url, body)
}

func callContext(ctx context.Context, t *testing.T, s *connecttest.Server, method, url, body string) (result, error) {
	t.Helper()
	if strings.HasPrefix(url, "/") {
		url = "http://worker-0" + url
	}
	var in io.Reader
	if body != "" {
		in = bytes.NewReader([]byte(body))
	}
	rq, err := http.NewRequestWithContext(ctx, method, url, in)
	require.NoError(t, err)
	if body != "" {
		rq.Header.Set("Content-Type", "application/json")
	}
	rs, err := s.Client().Do(rq)
	if err != nil {
		return result{}, err
	}
	defer func() { require.NoError(t, rs.Body.Close()) }()
	b, err := io.ReadAll(rs.Body)
	return result{rs.StatusCode, rs.Header, string(b)}, err
}

func must(t *testing.T, s *connecttest.Server, method, url, body string) result {
	t.Helper()
	r, err := call(t, s, method, url, body)
	require.NoError(t, err)
	return r
}

const sinkConfig = `{"connector.class":"com.example.Sink","topics":"orders","tasks.max":"2"}`

func TestServer_TaskBody(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name  string
		run   func(context.Context, connecttest.Task) error
		state connect.State
		trace string // how it begins
	}{
		{"a nil return stays RUNNING", func(context.Context, connecttest.Task) error { return nil }, connect.StateRunning, ""},
		{"a body that runs is RUNNING", func(ctx context.Context, _ connecttest.Task) error {
			<-ctx.Done()
			return ctx.Err()
		}, connect.StateRunning, ""},
		{"an error is FAILED with its text", func(context.Context, connecttest.Task) error { return errors.New("boom") }, connect.StateFailed, "boom"},
		{"an error without text is FAILED with its type", func(context.Context, connecttest.Task) error { return errors.New("") }, connect.StateFailed, "*errors.errorString"},
		{"a panic is FAILED with its text and frames", func(context.Context, connecttest.Task) error { panic("oh no") }, connect.StateFailed, "panic: oh no\n\tat "},
		{"an end of the goroutine is FAILED", func(context.Context, connecttest.Task) error {
			runtime.Goexit()
			return nil
		}, connect.StateFailed, "the task body called runtime.Goexit"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := connecttest.NewServer(connecttest.Config{Errorf: t.Errorf})
				defer s.Close()
				s.RegisterPlugin("com.example.Sink", "sink", row.run)
				r := must(t, s, http.MethodPut, "/connectors/orders/config", sinkConfig)
				require.Equal(t, http.StatusCreated, r.status, r.body)
				synctest.Wait()
				st := must(t, s, http.MethodGet, "/connectors/orders/status", "").state(t)
				require.Equal(t, connect.StateRunning, st.Connector.State)
				require.Len(t, st.Tasks, 2)
				assert.Equal(t, row.state, st.Tasks[0].State)
				assert.True(t, strings.HasPrefix(st.Tasks[0].Trace, row.trace), st.Tasks[0].Trace)
				assert.Equal(t, row.trace == "", st.Tasks[0].Trace == "")
				assert.Equal(t, st.Tasks[0].Trace, st.Tasks[1].Trace, "the traces of one cause are equal")
			})
		})
	}
}

func TestServer_ContextEnds(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ name, method, path string }{
		{"pause", http.MethodPut, "/connectors/orders/pause"},
		{"stop", http.MethodPut, "/connectors/orders/stop"},
		{"delete", http.MethodDelete, "/connectors/orders"},
		{"restart of everything", http.MethodPost, "/connectors/orders/restart?includeTasks=true"},
		{"restart of the task", http.MethodPost, "/connectors/orders/tasks/0/restart"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := connecttest.NewServer(connecttest.Config{Errorf: t.Errorf})
				defer s.Close()
				var running, starts atomic.Int32
				s.RegisterPlugin("com.example.Sink", "sink", func(ctx context.Context, task connecttest.Task) error {
					if task.Task != 0 {
						return nil
					}
					starts.Add(1)
					running.Add(1)
					defer running.Add(-1)
					<-ctx.Done()
					return ctx.Err()
				})
				s.AddConnector("orders", map[string]string{"connector.class": "com.example.Sink", "tasks.max": "2"})
				synctest.Wait()
				require.Equal(t, int32(1), running.Load())
				r := must(t, s, row.method, row.path, "")
				require.Less(t, r.status, 300, r.body)
				synctest.Wait()
				if strings.HasPrefix(row.name, "restart") {
					assert.Equal(t, int32(2), starts.Load())
					assert.Equal(t, int32(1), running.Load())
				} else {
					assert.Zero(t, running.Load())
				}
				if row.name == "pause" {
					assert.Equal(t, connect.StatePaused, must(t, s, http.MethodGet, "/connectors/orders/status", "").state(t).Tasks[0].State)
					require.Equal(t, http.StatusAccepted, must(t, s, http.MethodPut, "/connectors/orders/resume", "").status)
					synctest.Wait()
					assert.Equal(t, int32(1), running.Load())
				}
			})
		})
	}
}

func TestServer_FailAndRestart(t *testing.T) {
	t.Parallel()
	s := connecttest.NewServer(connecttest.Config{Workers: 2, Errorf: t.Errorf})
	defer s.Close()
	s.AddConnector("orders", map[string]string{"connector.class": "com.example.Sink", "tasks.max": "3"})
	s.FailTask("orders", 1, "java.net.ConnectException: refused")
	st := must(t, s, http.MethodGet, "/connectors/orders/status", "").state(t)
	assert.Equal(t, connect.StateFailed, st.Tasks[1].State)
	assert.Equal(t, "java.net.ConnectException: refused", st.Tasks[1].Trace)

	s.OnRestart(func(_ string, task int) string {
		if task == 1 {
			return "again"
		}
		return ""
	})
	for _, u := range s.InProcessURLs() {
		r := must(t, s, http.MethodPost, u+"/connectors/orders/tasks/1/restart", "")
		require.Equal(t, http.StatusNoContent, r.status, r.body)
		assert.Equal(t, "again", must(t, s, http.MethodGet, "/connectors/orders/status", "").state(t).Tasks[1].Trace)
	}
	s.OnRestart(nil)
	r := must(t, s, http.MethodPost, "/connectors/orders/restart?includeTasks=true&onlyFailed=true", "")
	require.Equal(t, http.StatusAccepted, r.status, r.body)
	assert.Contains(t, r.body, "RESTARTING")
	assert.Contains(t, r.body, "again")
	assert.Equal(t, connect.StateRunning, must(t, s, http.MethodGet, "/connectors/orders/status", "").state(t).Tasks[1].State)

	require.Equal(t, http.StatusNoContent, must(t, s, http.MethodDelete, s.InProcessURLs()[1]+"/connectors/orders", "").status)
	require.Equal(t, http.StatusNotFound, must(t, s, http.MethodGet, "/connectors/orders/status", "").status)
}

func TestServer_KilledWorker(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := connecttest.NewServer(connecttest.Config{Workers: 2, Errorf: t.Errorf})
		defer s.Close()
		s.AddConnector("orders", map[string]string{"connector.class": "com.example.Sink", "tasks.max": "2"})
		status := func() connect.ConnectorStatus {
			return must(t, s, http.MethodGet, "/connectors/orders/status", "").state(t)
		}
		require.Equal(t, "worker-1:8083", status().Tasks[1].WorkerID)
		s.KillWorker(1)
		_, err := call(t, s, http.MethodGet, "http://worker-1/", "")
		require.ErrorIs(t, err, syscall.ECONNREFUSED)

		r := must(t, s, http.MethodPost, "/connectors/orders/tasks/1/restart", "")
		assert.Equal(t, http.StatusInternalServerError, r.status)
		assert.Contains(t, r.body, "IO Error trying to forward REST request: ")
		<-time.After(11 * time.Second)
		r = must(t, s, http.MethodPost, "/connectors/orders/tasks/1/restart", "")
		assert.Equal(t, http.StatusConflict, r.status)
		assert.Contains(t, r.body, "no known leader URL")
		r = must(t, s, http.MethodPost, "/connectors/orders/restart?includeTasks=true", "")
		assert.Equal(t, http.StatusAccepted, r.status)
		assert.Equal(t, "worker-1:8083", status().Tasks[1].WorkerID, "a ghost stays where it was")
		assert.Equal(t, connect.StateRunning, status().Tasks[1].State)
		<-time.After(5 * time.Minute)
		assert.Equal(t, "worker-0:8083", status().Tasks[1].WorkerID)
		s.StartWorker(1)
		assert.Equal(t, http.StatusOK, must(t, s, http.MethodGet, "http://worker-1/connectors", "").status)
	})
}

func TestServer_Sockets(t *testing.T) {
	t.Parallel()
	s := connecttest.NewServer(connecttest.Config{Workers: 2, Balanced: true, Errorf: t.Errorf})
	defer s.Close()
	for range 4 {
		rq, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL()+"/connectors", http.NoBody)
		require.NoError(t, err)
		rs, err := http.DefaultClient.Do(rq)
		require.NoError(t, err)
		require.NoError(t, rs.Body.Close())
		assert.Equal(t, http.StatusOK, rs.StatusCode)
	}
	seen := map[int]bool{}
	for _, r := range s.Requests() {
		seen[r.Worker] = true
	}
	assert.Len(t, seen, 2)
	url := s.URLs()[1]
	s.KillWorker(1)
	rq, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	require.NoError(t, err)
	_, err = http.DefaultClient.Do(rq) //nolint:bodyclose // it fails
	require.Error(t, err)
	s.StartWorker(1)
	rs, err := http.DefaultClient.Do(rq)
	require.NoError(t, err)
	require.NoError(t, rs.Body.Close())
}
