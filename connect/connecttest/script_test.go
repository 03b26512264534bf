package connecttest_test

import (
	"net/http"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-reconnect/reconnect/connect"
	"github.com/go-reconnect/reconnect/connect/connecttest"
)

// TestRebalance_Faces follows docs: four texts of 409 and one 500, and what they leave alone.
func TestRebalance_Faces(t *testing.T) {
	t.Parallel()
	bubble(t, connecttest.Config{}, func(t *testing.T, s *connecttest.Server) {
		t.Helper()
		answer := func(method, path string) result { return must(t, s, method, path, "") }
		s.Rebalance(time.Minute)
		assert.Contains(t, answer(http.MethodPost, "/connectors/orders/restart").body, "stale configuration")
		assert.Contains(t, answer(http.MethodGet, "/connectors/orders").body, "a rebalance is expected")
		assert.Equal(t, http.StatusInternalServerError, answer(http.MethodGet, "/connectors/orders/tasks").status)
		for _, path := range []string{"/connectors/orders/status", "/connectors?expand=status", "/connectors/orders/offsets", "/health"} {
			assert.Equal(t, http.StatusOK, answer(http.MethodGet, path).status, path)
		}
		assert.Equal(t, http.StatusAccepted, answer(http.MethodPut, "/connectors/orders/pause").status)
		<-time.After(time.Minute + time.Second)
		s.LoseLeader(time.Minute)
		for _, path := range []string{"/connectors/orders/restart", "/connectors/orders/tasks/0/restart", "/connectors/orders/restart?includeTasks=true"} {
			r := answer(http.MethodPost, path)
			assert.Equal(t, http.StatusConflict, r.status, path)
			assert.Contains(t, r.body, "no known leader URL", path)
		}
		<-time.After(time.Minute + time.Second)
		s.Conflict(time.Minute)
		assert.Contains(t, answer(http.MethodDelete, "http://worker-1/connectors/orders").body, "conflicting operation")
		<-time.After(time.Minute + time.Second)
		assert.Equal(t, http.StatusNoContent, answer(http.MethodDelete, "http://worker-1/connectors/orders").status)
	})
}

func TestServer_Intercept(t *testing.T) {
	t.Parallel()
	s := connecttest.NewServer(connecttest.Config{Workers: 2, Errorf: t.Errorf})
	defer s.Close()
	s.Intercept(func(w http.ResponseWriter, r *http.Request) bool {
		if connecttest.WorkerOf(r) != 1 {
			return false
		}
		w.WriteHeader(http.StatusBadGateway)
		return true
	})
	s.Intercept(func(_ http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/broken" {
			panic(http.ErrAbortHandler)
		}
		return r.URL.Path == "/silent"
	})
	s.Intercept(func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/cut" {
			return false
		}
		_, _ = w.Write([]byte(`{"a":`))
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	})
	_, err := call(t, s, http.MethodGet, "http://worker-0/cut", "")
	require.ErrorIs(t, err, syscall.ECONNRESET, "the body breaks off")
	s.ResetRequests()
	assert.Equal(t, http.StatusOK, must(t, s, http.MethodGet, "http://worker-0/", "").status)
	assert.Equal(t, http.StatusBadGateway, must(t, s, http.MethodGet, "http://worker-1/", "").status)
	assert.Equal(t, http.StatusOK, must(t, s, http.MethodGet, "http://worker-1/silent", "").status)
	_, err = call(t, s, http.MethodGet, "http://worker-0/broken", "")
	require.Error(t, err)
	_, err = call(t, s, http.MethodGet, "http://worker-7/", "")
	require.ErrorContains(t, err, "no such host")
	var statuses []int
	for _, r := range s.Requests() {
		statuses = append(statuses, r.Status)
	}
	assert.Equal(t, []int{200, 502, 200, 0}, statuses)
}

func TestServer_SetTaskState(t *testing.T) {
	t.Parallel()
	bubble(t, connecttest.Config{}, func(t *testing.T, s *connecttest.Server) {
		t.Helper()
		for _, state := range []connect.State{
			connect.StateUnassigned, connect.StateRestarting, connect.StatePaused, connect.StateFailed, connect.StateRunning,
		} {
			s.SetTaskState("orders", 1, state)
			assert.Equal(t, state, statusOf(t, s, "").Tasks[1].State)
			assert.Equal(t, connect.StateRunning, statusOf(t, s, "").Tasks[0].State)
			s.SetTaskState("orders", -1, state)
			assert.Equal(t, state, statusOf(t, s, "").Connector.State)
		}
		s.FailConnector("orders", "boom")
		st := statusOf(t, s, "")
		assert.Equal(t, "boom", st.Connector.Trace)
		assert.Equal(t, connect.StateRunning, st.Tasks[0].State, "its tasks run on")
		require.Equal(t, http.StatusAccepted, must(t, s, http.MethodPut, "/connectors/orders/pause", "").status)
		assert.Equal(t, connect.StateFailed, statusOf(t, s, "").Connector.State, "a FAILED connector stays FAILED")
		require.Equal(t, http.StatusNoContent, must(t, s, http.MethodPut, "/connectors/orders/stop", "").status)
		st = statusOf(t, s, "")
		assert.Equal(t, connect.StateStopped, st.Connector.State)
		assert.Empty(t, st.Tasks)
	})
}

func TestServer_Late(t *testing.T) {
	t.Parallel()
	bubble(t, connecttest.Config{Settle: 2 * time.Second}, func(t *testing.T, s *connecttest.Server) {
		t.Helper()
		s.DelayStatuses(5 * time.Second)
		s.FailTask("orders", 0, "boom")
		assert.Equal(t, connect.StateRunning, statusOf(t, s, "").Tasks[0].State, "the status is on its way")
		<-time.After(6 * time.Second)
		assert.Equal(t, connect.StateFailed, statusOf(t, s, "").Tasks[0].State)
		s.DelayStatuses(0)
		restartAll(t, s)
		assert.Equal(t, connect.StateRestarting, statusOf(t, s, "").Tasks[0].State)
		<-time.After(3 * time.Second)
		assert.Equal(t, connect.StateRunning, statusOf(t, s, "").Tasks[0].State)

		r := must(t, s, http.MethodPut, "/connectors/new/config", `{"connector.class":"com.example.Sink","topics":"t"}`)
		require.Equal(t, http.StatusCreated, r.status)
		assert.Equal(t, http.StatusNotFound, must(t, s, http.MethodGet, "/connectors/new/status", "").status)
		assert.NotContains(t, must(t, s, http.MethodGet, "/connectors?expand=status&expand=info", "").body, `"new"`, "without a status it is left out whole")
		<-time.After(3 * time.Second)
		assert.Contains(t, must(t, s, http.MethodGet, "/connectors/new/status", "").body, `"tasks":[]`, "first the connector")
		<-time.After(2 * time.Second)
		assert.Contains(t, must(t, s, http.MethodGet, "/connectors/new/status", "").body, `"tasks":[{"id":0`)
		must(t, s, http.MethodDelete, "/connectors/new", "")
		assert.Contains(t, must(t, s, http.MethodGet, "/connectors/new/status", "").body, `"type":"unknown"`, "its statuses are erased afterwards")
		<-time.After(3 * time.Second)
		assert.Equal(t, http.StatusNotFound, must(t, s, http.MethodGet, "/connectors/new/status", "").status)
	})
}

// TestServer_MakeDir is a failure that a restart fixes once its cause is gone.
func TestServer_MakeDir(t *testing.T) {
	t.Parallel()
	s := connecttest.NewServer(connecttest.Config{Errorf: t.Errorf})
	defer s.Close()
	s.AddConnector("orders", map[string]string{
		"connector.class": "org.apache.kafka.connect.file.FileStreamSinkConnector", "topics": "t", "file": "/data/out/x.txt",
	})
	assert.Contains(t, statusOf(t, s, "").Tasks[0].Trace, "Couldn't find or create file '/data/out/x.txt' for FileStreamSinkTask")
	must(t, s, http.MethodPost, "/connectors/orders/tasks/0/restart", "")
	assert.Equal(t, connect.StateFailed, statusOf(t, s, "").Tasks[0].State)
	s.MakeDir("/data/out")
	must(t, s, http.MethodPost, "/connectors/orders/tasks/0/restart", "")
	assert.Equal(t, connect.StateRunning, statusOf(t, s, "").Tasks[0].State)
}

// TestMock_Timelines follows docs/rest-verified 5.
func TestMock_Timelines(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		mode, class string
		connector   connect.State
		task        connect.State
	}{
		{"task-failure", "MockSink", connect.StateRunning, connect.StateFailed},
		{"task-failure", "MockSource", connect.StateRunning, connect.StateFailed},
		{"connector-failure", "MockSink", connect.StateFailed, connect.StateRunning},
	} {
		t.Run(row.class+" "+row.mode, func(t *testing.T) {
			t.Parallel()
			bubble(t, connecttest.Config{}, func(t *testing.T, s *connecttest.Server) {
				t.Helper()
				s.AddConnector("orders", map[string]string{"connector.class": row.class, "topics": "t", "mock_mode": row.mode, "delay_ms": "3000"})
				var traces []string
				for range 2 {
					st := statusOf(t, s, "")
					assert.True(t, st.Running(), "RUNNING comes first")
					<-time.After(3100 * time.Millisecond)
					st = statusOf(t, s, "")
					assert.Equal(t, row.connector, st.Connector.State)
					assert.Equal(t, row.task, st.Tasks[0].State)
					traces = append(traces, st.Connector.Trace+st.Tasks[0].Trace)
					restartAll(t, s)
				}
				assert.Equal(t, traces[0], traces[1], "the same cause has the same trace")
			})
		})
	}
}

func TestBrokerDown(t *testing.T) {
	t.Parallel()
	bubble(t, connecttest.Config{}, func(t *testing.T, s *connecttest.Server) {
		t.Helper()
		s.BrokerDown(25 * time.Second)
		for _, path := range []string{"/", "/connectors", "/connectors?expand=status", "/connectors/orders/status", "/connectors/orders/topics", "/connector-plugins", "/admin/loggers"} {
			began := time.Now()
			assert.Equal(t, http.StatusOK, must(t, s, http.MethodGet, path, "").status, path)
			assert.Zero(t, time.Since(began), path)
		}
		began := time.Now()
		assert.Equal(t, http.StatusInternalServerError, must(t, s, http.MethodGet, "/health", "").status)
		assert.Equal(t, 10*time.Second, time.Since(began))
		assert.Equal(t, http.StatusAccepted, must(t, s, http.MethodPut, "/connectors/orders/pause", "").status)
		assert.Equal(t, 25*time.Second, time.Since(began), "late, but carried out")
	})
}
