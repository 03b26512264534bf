package connecttest_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-reconnect/reconnect/connect"
	"github.com/go-reconnect/reconnect/connect/connecttest"
	"github.com/go-reconnect/reconnect/connect/failure"
)

// bubble runs a test in virtual time with a server of two workers and the connector `orders` with two tasks.
func bubble(t *testing.T, cfg connecttest.Config, test func(t *testing.T, s *connecttest.Server)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		cfg.Errorf = t.Errorf
		if cfg.Workers == 0 {
			cfg.Workers = 2
		}
		s := connecttest.NewServer(cfg)
		defer s.Close()
		s.AddConnector("orders", map[string]string{"connector.class": "com.example.Sink", "tasks.max": "2", "topics": "t"})
		<-time.After(time.Minute)
		test(t, s)
	})
}

func statusOf(t *testing.T, s *connecttest.Server, base string) connect.ConnectorStatus {
	t.Helper()
	return must(t, s, http.MethodGet, base+"/connectors/orders/status", "").state(t)
}

func restartAll(t *testing.T, s *connecttest.Server) {
	t.Helper()
	r := must(t, s, http.MethodPost, "/connectors/orders/restart?includeTasks=true&onlyFailed=true", "")
	require.Equal(t, http.StatusAccepted, r.status, r.body)
}

func TestScenarios(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name     string
		scenario connecttest.Scenario
		class    failure.Class
	}{
		{"a database that is down", connecttest.DatabaseDown(), failure.ClassConnection},
		{"credentials that have expired", connecttest.ExpiredCredentials(), failure.ClassAuthentication},
		{"a registry that is down", connecttest.RegistryDown(), failure.ClassSchemaRegistry},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, row.class, failure.Diagnose(row.scenario.SinkTrace).Class)
			assert.Equal(t, row.class, failure.Diagnose(row.scenario.SourceTrace).Class)
			bubble(t, connecttest.Config{}, func(t *testing.T, s *connecttest.Server) {
				t.Helper()
				end := s.Begin(row.scenario)
				for range 3 {
					st := statusOf(t, s, "")
					assert.Equal(t, connect.StateRunning, st.Connector.State)
					for _, task := range st.Tasks {
						assert.Equal(t, connect.StateFailed, task.State)
						assert.Equal(t, row.scenario.SinkTrace, task.Trace)
					}
					<-time.After(time.Hour)
					restartAll(t, s)
				}
				end()
				assert.Equal(t, connect.StateFailed, statusOf(t, s, "").Tasks[0].State, "nothing comes back by itself")
				restartAll(t, s)
				assert.Equal(t, connect.StateRunning, statusOf(t, s, "").Tasks[0].State)
			})
		})
	}
	t.Run("it ends by itself and leaves the others alone", func(t *testing.T) {
		t.Parallel()
		bubble(t, connecttest.Config{}, func(t *testing.T, s *connecttest.Server) {
			t.Helper()
			s.AddConnector("other", map[string]string{"topics": "t"})
			sc := connecttest.DatabaseDown()
			sc.Connectors, sc.For = []string{"orders"}, time.Hour
			s.Begin(sc)
			assert.Contains(t, must(t, s, http.MethodGet, "/connectors/other/status", "").body, "RUNNING")
			restartAll(t, s)
			assert.Equal(t, connect.StateFailed, statusOf(t, s, "").Tasks[1].State)
			<-time.After(time.Hour + time.Second)
			restartAll(t, s)
			assert.Equal(t, connect.StateRunning, statusOf(t, s, "").Tasks[1].State)
		})
	})
	t.Run("a task that flaps", func(t *testing.T) {
		t.Parallel()
		bubble(t, connecttest.Config{}, func(t *testing.T, s *connecttest.Server) {
			t.Helper()
			s.Begin(connecttest.Scenario{SinkTrace: "flap", RunsFor: time.Minute})
			restartAll(t, s)
			assert.Equal(t, connect.StateRunning, statusOf(t, s, "").Tasks[0].State)
			<-time.After(time.Minute + time.Second)
			assert.Equal(t, "flap", statusOf(t, s, "").Tasks[0].Trace)
		})
	})
	t.Run("tasks that take minutes to start", func(t *testing.T) {
		t.Parallel()
		bubble(t, connecttest.Config{}, func(t *testing.T, s *connecttest.Server) {
			t.Helper()
			s.Begin(connecttest.SlowStarts(3 * time.Minute))
			s.FailTask("orders", 0, "boom")
			restartAll(t, s)
			assert.Equal(t, connect.StateRestarting, statusOf(t, s, "").Tasks[0].State)
			<-time.After(2 * time.Minute)
			assert.Equal(t, connect.StateRestarting, statusOf(t, s, "").Tasks[0].State)
			<-time.After(2 * time.Minute)
			assert.Equal(t, connect.StateRunning, statusOf(t, s, "").Tasks[0].State)
			s.FailTask("orders", 0, "boom")
			require.Equal(t, http.StatusNoContent, must(t, s, http.MethodPost, "/connectors/orders/tasks/0/restart", "").status)
			assert.Equal(t, "boom", statusOf(t, s, "").Tasks[0].Trace, "an old trace stays until the new instance has started")
		})
	})
}

func TestBalanced(t *testing.T) {
	t.Parallel()
	bubble(t, connecttest.Config{Workers: 3, Balanced: true}, func(t *testing.T, s *connecttest.Server) {
		t.Helper()
		s.FailTask("orders", 0, "boom")
		seen := map[connect.State]int{}
		for range 3 {
			seen[statusOf(t, s, s.InProcessURL()).Tasks[0].State]++
		}
		assert.Equal(t, map[connect.State]int{connect.StateFailed: 1, connect.StateRunning: 2}, seen, "the other workers are behind")
		<-time.After(200 * time.Millisecond)
		assert.Equal(t, connect.StateFailed, statusOf(t, s, s.InProcessURLs()[1]).Tasks[0].State)
		assert.Equal(t, connect.StateRunning, statusOf(t, s, s.InProcessURLs()[2]).Tasks[0].State)
		<-time.After(200 * time.Millisecond)
		assert.Equal(t, connect.StateFailed, statusOf(t, s, s.InProcessURLs()[2]).Tasks[0].State)

		r := must(t, s, http.MethodPost, s.InProcessURLs()[0]+"/connectors", `{"name":"new","config":{"connector.class":"com.example.Sink","topics":"t"}}`)
		require.Equal(t, http.StatusCreated, r.status, r.body)
		assert.Equal(t, http.StatusNotFound, must(t, s, http.MethodGet, s.InProcessURLs()[2]+"/connectors/new", "").status, "not seen yet")
		<-time.After(time.Second)
		assert.Equal(t, http.StatusOK, must(t, s, http.MethodGet, s.InProcessURLs()[2]+"/connectors/new", "").status)

		s.KillWorker(1)
		s.ResetRequests()
		for range 6 {
			statusOf(t, s, s.InProcessURL())
		}
		for _, rq := range s.Requests() {
			assert.NotEqual(t, 1, rq.Worker, "a balancer leaves out what does not answer")
		}
	})
}

func TestHerder(t *testing.T) {
	t.Parallel()
	t.Run("a request that times out is carried out later", func(t *testing.T) {
		t.Parallel()
		bubble(t, connecttest.Config{}, func(t *testing.T, s *connecttest.Server) {
			t.Helper()
			s.StallHerder(0, 2*time.Minute, "")
			began := time.Now()
			r := must(t, s, http.MethodPut, "/connectors/late/config", sinkConfig)
			assert.Equal(t, http.StatusInternalServerError, r.status)
			assert.Contains(t, r.body, "Request timed out. The worker is currently ensuring membership in the cluster, which began at ")
			assert.Equal(t, 90*time.Second, time.Since(began))
			assert.Equal(t, http.StatusNotFound, must(t, s, http.MethodGet, "/connectors/late/status", "").status)
			<-time.After(time.Minute)
			assert.Equal(t, http.StatusOK, must(t, s, http.MethodGet, "/connectors/late/status", "").status)
		})
	})
	t.Run("a request whose client has gone is carried out too", func(t *testing.T) {
		t.Parallel()
		bubble(t, connecttest.Config{}, func(t *testing.T, s *connecttest.Server) {
			t.Helper()
			s.StallHerder(0, 20*time.Second, "")
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_, err := callContext(ctx, t, s, http.MethodDelete, "/connectors/orders", "")
			require.ErrorIs(t, err, context.DeadlineExceeded)
			<-time.After(20 * time.Second)
			synctest.Wait()
			assert.Equal(t, http.StatusNotFound, must(t, s, http.MethodGet, "/connectors/orders/status", "").status)
		})
	})
	t.Run("an answer that is lost", func(t *testing.T) {
		t.Parallel()
		bubble(t, connecttest.Config{}, func(t *testing.T, s *connecttest.Server) {
			t.Helper()
			s.LoseAnswers(func(r *http.Request) bool { return r.Method == http.MethodDelete })
			_, err := call(t, s, http.MethodDelete, "/connectors/orders", "")
			require.Error(t, err)
			s.LoseAnswers(nil)
			assert.Equal(t, http.StatusNotFound, must(t, s, http.MethodDelete, "/connectors/orders", "").status)
		})
	})
	t.Run("a frozen worker", func(t *testing.T) {
		t.Parallel()
		bubble(t, connecttest.Config{}, func(t *testing.T, s *connecttest.Server) {
			t.Helper()
			s.FreezeWorker(1)
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			_, err := callContext(ctx, t, s, http.MethodGet, "http://worker-1/", "")
			require.ErrorIs(t, err, context.DeadlineExceeded)
			go func() {
				<-time.After(30 * time.Second)
				s.ThawWorker(1)
			}()
			began := time.Now()
			assert.Equal(t, http.StatusOK, must(t, s, http.MethodGet, "http://worker-1/", "").status)
			assert.Equal(t, 30*time.Second, time.Since(began))
		})
	})
}

// TestWorkers_Lost follows docs/rest-verified 4.2 and 4.3, and what killing the leader does.
func TestWorkers_Lost(t *testing.T) {
	t.Parallel()
	t.Run("SIGTERM leaves UNASSIGNED until the delay is over, and a FAILED task FAILED", func(t *testing.T) {
		t.Parallel()
		bubble(t, connecttest.Config{RebalanceDelay: time.Minute}, func(t *testing.T, s *connecttest.Server) {
			t.Helper()
			s.AddConnector("other", map[string]string{"tasks.max": "1", "topics": "t"})
			s.StopWorker(1)
			st := statusOf(t, s, "")
			assert.Equal(t, connect.StateUnassigned, st.Tasks[1].State)
			assert.Equal(t, "worker-1:8083", st.Tasks[1].WorkerID)
			r := must(t, s, http.MethodPost, "/connectors/orders/tasks/1/restart", "")
			assert.Equal(t, http.StatusConflict, r.status)
			<-time.After(time.Minute + time.Second)
			assert.Equal(t, "worker-0:8083", statusOf(t, s, "").Tasks[1].WorkerID)
		})
	})
	t.Run("a worker that comes back within the delay gets its work, a FAILED task started afresh", func(t *testing.T) {
		t.Parallel()
		bubble(t, connecttest.Config{}, func(t *testing.T, s *connecttest.Server) {
			t.Helper()
			s.FailTask("orders", 1, "boom")
			s.KillWorker(1)
			<-time.After(time.Minute)
			assert.Equal(t, "boom", statusOf(t, s, "").Tasks[1].Trace)
			s.StartWorker(1)
			st := statusOf(t, s, "")
			assert.Equal(t, connect.StateRunning, st.Tasks[1].State)
			assert.Equal(t, "worker-1:8083", st.Tasks[1].WorkerID)
		})
	})
	t.Run("after the leader's death there is no delay", func(t *testing.T) {
		t.Parallel()
		bubble(t, connecttest.Config{}, func(t *testing.T, s *connecttest.Server) {
			t.Helper()
			s.KillWorker(0)
			base := s.InProcessURLs()[1]
			r := must(t, s, http.MethodDelete, base+"/connectors/none", "")
			assert.Contains(t, r.body, "IO Error trying to forward REST request: ")
			<-time.After(11 * time.Second)
			assert.Equal(t, "worker-1:8083", statusOf(t, s, base).Tasks[0].WorkerID)
			assert.Equal(t, http.StatusNotFound, must(t, s, http.MethodDelete, base+"/connectors/none", "").status)
		})
	})
	t.Run("a cluster that was down as a whole", func(t *testing.T) {
		t.Parallel()
		bubble(t, connecttest.Config{}, func(t *testing.T, s *connecttest.Server) {
			t.Helper()
			s.KillWorker(0)
			s.KillWorker(1)
			<-time.After(time.Hour)
			s.StartWorker(1)
			st := statusOf(t, s, s.InProcessURLs()[1])
			for _, task := range st.Tasks {
				assert.Equal(t, "worker-1:8083", task.WorkerID)
				assert.Equal(t, connect.StateRunning, task.State)
			}
		})
	})
}

// TestNames_Forwarded follows docs/rest-verified 3: what a forwarding worker makes of names.
func TestNames_Forwarded(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name, version, connector, path string
		leader, other                  int
		message                        string
	}{
		{"a semicolon cuts it: the wrong connector", "4.3.1", "semi;colon", "semi%3Bcolon", 204, 404, "Connector semi not found"},
		{"braces are a template", "4.3.1", "{x}", "%7Bx%7D", 204, 500, "The template variable 'x' has no value"},
		{"a slash up to 3.9", "3.9.0", "a/b", "a%2Fb", 204, 404, "HTTP 404 Not Found"},
		{"an encoded letter up to 3.9", "3.9.0", "a%41b", "a%2541b", 204, 404, "Connector aAb not found"},
		{"an encoded slash up to 3.9", "3.9.0", "a%2Fb", "a%252Fb", 204, 404, "Connector a/b not found"},
		{"a space is fine", "4.3.1", "sp ace", "sp%20ace", 204, 204, ""},
		{"unicode is fine", "4.3.1", "käfer", "k%C3%A4fer", 204, 204, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := connecttest.NewServer(connecttest.Config{Workers: 2, Version: row.version, Errorf: t.Errorf})
			defer s.Close()
			s.AddConnector(row.connector, map[string]string{"topics": "t"})
			r := must(t, s, http.MethodDelete, "http://worker-1/connectors/"+row.path, "")
			assert.Equal(t, row.other, r.status, r.body)
			assert.Contains(t, r.body, row.message)
			if row.other == http.StatusNoContent {
				s.AddConnector(row.connector, map[string]string{"topics": "t"})
			}
			assert.Equal(t, row.leader, must(t, s, http.MethodDelete, "http://worker-0/connectors/"+row.path, "").status)
		})
	}
	t.Run("POST of {x} answers 500 and has created it", func(t *testing.T) {
		t.Parallel()
		s := connecttest.NewServer(connecttest.Config{Errorf: t.Errorf})
		defer s.Close()
		s.RegisterPlugin("com.example.Sink", "sink", nil)
		r := must(t, s, http.MethodPost, "/connectors", `{"name":"{x}","config":`+sinkConfig+`}`)
		assert.Equal(t, http.StatusInternalServerError, r.status)
		assert.Equal(t, `["{x}"]`, must(t, s, http.MethodGet, "/connectors", "").body)
	})
	t.Run("Location leaves / ; and %41 as they are", func(t *testing.T) {
		t.Parallel()
		s := connecttest.NewServer(connecttest.Config{Errorf: t.Errorf})
		defer s.Close()
		s.RegisterPlugin("com.example.Sink", "sink", nil)
		for name, path := range map[string]string{"a/b": "a/b", "a;b": "a;b", "a%41b": "a%41b", "a b": "a%20b"} {
			r := must(t, s, http.MethodPost, "/connectors", `{"name":"`+name+`","config":`+sinkConfig+`}`)
			assert.True(t, strings.HasSuffix(r.header.Get("Location"), "/connectors/"+path), r.header.Get("Location"))
		}
	})
}

func TestMisuse(t *testing.T) {
	t.Parallel()
	s := connecttest.NewServer(connecttest.Config{Workers: -1})
	defer s.Close()
	s.FailTask("nobody", 0, "x")
	s.AddConnector("orders", nil)
	s.FailTask("orders", 7, "x")
	s.SetTaskState("orders", 0, "BROKEN")
	s.KillWorker(5)
	s.RegisterPlugin("", "sink", nil)
	s.RegisterPlugin("x", "sunk", nil)
	s.Intercept(nil)
	s.SetOffsets("orders", "{")
	s.UseTopic("nobody", "t")
	s.SlowStart("nobody", time.Second)
	err := s.Err()
	require.Error(t, err)
	for _, want := range []string{
		"Config.Workers", `FailTask: there is no connector "nobody"`, "has no task 7", `"BROKEN" is not a state`, "KillWorker(5): the workers are 0 to 0",
		"RegisterPlugin", `type "sunk"`, "Intercept", `SetOffsets("orders")`, "UseTopic", "SlowStart",
	} {
		assert.Contains(t, err.Error(), want)
	}
}
