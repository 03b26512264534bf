package connect_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-reconnect/reconnect/connect"
	"github.com/go-reconnect/reconnect/connect/connecttest"
)

// TestMeasured goes through what was measured on real workers of Kafka 3.9 to 4.3 and that a client meets. The number is the row of that list; names are in
// TestNames, the recorded bodies in TestRecordedExchangesReplay.
func TestMeasured(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	cfg := connect.Config{"connector.class": "C"}
	create := connect.CreateRequest{Name: "x", Config: cfg}
	always := func(status int, contentType, body string) func(int, http.ResponseWriter, *http.Request) {
		return func(_ int, w http.ResponseWriter, _ *http.Request) {
			if contentType == "" {
				w.Header()["Content-Type"] = nil
			}
			write(w, status, contentType, body)
		}
	}
	says := func(status int, msg string) func(int, http.ResponseWriter, *http.Request) {
		return func(_ int, w http.ResponseWriter, _ *http.Request) { connectError(w, status, msg) }
	}

	t.Run("1.1 errors without a Content-Type are decoded by trying", func(t *testing.T) {
		t.Parallel()
		s := serve(t, "", always(404, "", `{"error_code":404,"message":"Connector x not found"}`))
		_, err := client(t, s.URL).GetConnector(ctx, "x")
		require.ErrorIs(t, err, connect.ErrNotFound)
		s = serve(t, "", always(200, "", statusJSON))
		_, err = client(t, s.URL).GetStatus(ctx, "x")
		require.NoError(t, err)
	})
	t.Run("1.2 flags are sent as true and false", func(t *testing.T) {
		t.Parallel()
		s := serve(t, "4.0.0", always(202, "application/json", statusJSON))
		_, err := client(t, s.URL).Restart(ctx, "x", connect.RestartOptions{OnlyFailed: true})
		require.NoError(t, err)
		assert.Equal(t, "includeTasks=false&onlyFailed=true", s.requests()[0].query)
	})
	t.Run("1.3 a connector with a null value can be read, and the null is named", func(t *testing.T) {
		t.Parallel()
		s := serve(t, "", always(201, "application/json", `{"name":"x","config":{"connector.class":"C","file":null,"name":"x"},"tasks":[],"type":"sink"}`))
		conn, err := client(t, s.URL).CreateConnector(ctx, create)
		require.NoError(t, err)
		assert.Equal(t, []string{"file"}, conn.NullKeys)
		assert.NotContains(t, conn.Config, "file")
	})
	t.Run("1.5 validate answers 500 for a client override of the wrong type", func(t *testing.T) {
		t.Parallel()
		s := serve(t, "", says(500, "org.apache.kafka.common.config.ConfigException: Invalid value x for configuration max.poll.records: Not a number of type INT"))
		_, err := client(t, s.URL).ValidateConfig(ctx, "C", cfg)
		require.ErrorIs(t, err, connect.ErrInvalidConfig)
		assert.Len(t, s.requests(), 1)
	})
	t.Run("1.6 an unknown class, whatever the version makes of it", func(t *testing.T) {
		t.Parallel()
		const text = "Failed to find any class that implements Connector and which name matches com.Nope, available connectors are: PluginDesc{klass=class a.B}"
		for status, prefix := range map[int][]string{
			500: {"", "org.apache.kafka.connect.errors.ConnectException: "},
			400: {"", "org.apache.kafka.connect.errors.ConnectException: ", "org.apache.kafka.connect.runtime.rest.errors.BadRequestException: "},
		} {
			for _, p := range prefix {
				s := serve(t, "", func(_ int, w http.ResponseWriter, r *http.Request) {
					if r.Method == http.MethodGet {
						connectError(w, 404, "Connector x not found")
						return
					}
					connectError(w, status, p+text)
				})
				c := client(t, s.URL)
				_, err := c.CreateConnector(ctx, create)
				require.ErrorIs(t, err, connect.ErrInvalidConfig)
				assert.Equal(t, connect.AppliedNo, asError(t, err).Applied)
				_, _, err = c.PutConfig(ctx, "x", cfg)
				require.ErrorIs(t, err, connect.ErrInvalidConfig)
				assert.Equal(t, connect.AppliedNo, asError(t, err).Applied)
				_, err = c.ValidateConfig(ctx, "C", cfg)
				require.ErrorIs(t, err, connect.ErrInvalidConfig)
			}
		}
	})
	t.Run("1.7 Failed to start connector leaves open what runs", func(t *testing.T) {
		t.Parallel()
		s := serve(t, "", says(500, "Failed to start connector: x"))
		_, err := client(t, s.URL).Restart(ctx, "x", connect.RestartOptions{})
		assert.Equal(t, connect.AppliedUnknown, asError(t, err).Applied)
		assert.Len(t, s.requests(), 1)
	})
	t.Run("1.11 RESTARTING entries of the 202 carry the old trace and are not failed", func(t *testing.T) {
		t.Parallel()
		s := serve(t, "4.0.0", always(202, "application/json", `{"name":"x","connector":{"state":"RESTARTING","worker_id":"w","trace":"old"},"tasks":[{"id":0,"state":"RESTARTING","worker_id":"w","trace":"old"}],"type":"sink"}`))
		plan, err := client(t, s.URL).Restart(ctx, "x", connect.RestartOptions{IncludeTasks: true})
		require.NoError(t, err)
		assert.True(t, plan.Connector)
		assert.Len(t, plan.Tasks, 1)
		assert.False(t, plan.Status.Failed())
		assert.Empty(t, plan.Status.FailedTasks())
	})
	t.Run("1.12 Location is not followed", func(t *testing.T) {
		t.Parallel()
		s := serve(t, "", func(_ int, w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "http://127.0.0.1:1/connectors/a/b")
			write(w, 201, "application/json", infoJSON)
		})
		_, err := client(t, s.URL).CreateConnector(ctx, create)
		require.NoError(t, err)
		assert.Len(t, s.requests(), 1)
	})
	t.Run("1.13 a create of {x} is answered 500 and has happened: read back", func(t *testing.T) {
		t.Parallel()
		s := serve(t, "", func(_ int, w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost {
				connectError(w, 500, "The template variable 'x' has no value")
				return
			}
			write(w, 200, "", `{"name":"{x}","config":{"connector.class":"C","name":"{x}"},"tasks":[],"type":"sink"}`)
		})
		conn, err := client(t, s.URL).CreateConnector(ctx, connect.CreateRequest{Name: "{x}", Config: cfg})
		require.NoError(t, err)
		assert.Equal(t, "{x}", conn.Name)
		got := s.requests()
		require.Len(t, got, 2)
		assert.Equal(t, "/connectors/%7Bx%7D", got[1].path)
	})
	t.Run("1.14 DELETE of semi;colon would delete semi: refused", func(t *testing.T) {
		t.Parallel()
		ctx := t.Context()
		s, c := cluster(t, connecttest.Config{Workers: 2})
		s.AddConnector("semi", toFile())
		s.AddConnector("semi;colon", toFile())
		for _, u := range c.Workers() {
			one, err := c.OnWorker(u)
			require.NoError(t, err)
			require.Error(t, one.DeleteConnector(ctx, "semi;colon"))
		}
		names, err := c.ListConnectors(ctx)
		require.NoError(t, err)
		assert.Equal(t, []string{"semi", "semi;colon"}, names)
	})
	t.Run("1.15 a bad URI on 4.x is HTML for GET and nothing for PUT", func(t *testing.T) {
		t.Parallel()
		s := serve(t, "", always(400, "text/html;charset=iso-8859-1", "<html><h1>Bad Message 400</h1><pre>reason: Ambiguous URI path separator</pre></html>"))
		_, err := client(t, s.URL).GetStatus(ctx, "a/b") // a proxy hides the version
		require.ErrorIs(t, err, connect.ErrNotConnect)
		assert.Contains(t, err.Error(), "Ambiguous URI path separator")
		s = serve(t, "", always(400, "", ""))
		err = client(t, s.URL).Pause(ctx, "a/b")
		require.ErrorIs(t, err, connect.ErrNotConnect)
		assert.Equal(t, connect.AppliedNo, asError(t, err).Applied)
	})
	t.Run("1.16 initial_state PAUSED has no tasks, and is not running", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			_, c := cluster(t, connecttest.Config{})
			_, err := c.CreateConnector(t.Context(), connect.CreateRequest{Name: "x", Config: toFile(), InitialState: connect.StatePaused})
			require.NoError(t, err)
			st, err := c.WaitFor(t.Context(), "x", connect.Paused(), connect.WaitOptions{})
			require.NoError(t, err)
			assert.Empty(t, st.Tasks)
			assert.False(t, st.Running())
			tasks, err := c.ListTasks(t.Context(), "x")
			require.NoError(t, err)
			assert.Empty(t, tasks)
			require.ErrorIs(t, c.RestartTask(t.Context(), connect.TaskID{Connector: "x"}), connect.ErrNotFound)
		})
	})
	t.Run("1.17 Failed to start task means that it was restarted and failed", func(t *testing.T) {
		t.Parallel()
		s := serve(t, "", says(500, "Failed to start task: x-0"))
		err := client(t, s.URL).RestartTask(ctx, connect.TaskID{Connector: "x"})
		assert.Equal(t, connect.AppliedYes, asError(t, err).Applied)
		assert.Contains(t, err.Error(), "applied: yes")
		assert.Len(t, s.requests(), 1)
	})
	t.Run("1.18 the stage of a time-out is kept where there is one", func(t *testing.T) {
		t.Parallel()
		for _, msg := range []string{"Request timed out", "Request timed out. The worker is currently ensuring membership in the cluster, which began at 2026-11-22T12:00:00Z."} {
			s := serve(t, "", says(500, msg))
			_, err := client(t, s.URL).GetConfig(ctx, "x")
			require.ErrorIs(t, err, connect.ErrTimeout)
			assert.Equal(t, msg, asError(t, err).Message)
			assert.Len(t, s.requests(), 1, "each repetition would stack another 90 s on the herder")
		}
	})
	t.Run("1.20 a task whose class cannot be loaded has version null", func(t *testing.T) {
		t.Parallel()
		s := serve(t, "", always(200, "application/json", `{"name":"x","connector":{"state":"RUNNING","worker_id":"w","version":"4.3.1"},"tasks":[{"id":0,"state":"FAILED","worker_id":"w","version":null,"trace":"t"}],"type":"unknown"}`))
		st, err := client(t, s.URL).GetStatus(ctx, "x")
		require.NoError(t, err)
		assert.Equal(t, connect.TypeUnknown, st.Type)
		assert.Empty(t, st.Tasks[0].Version)
	})
	t.Run("1.21 a sink offset for a topic that does not exist", func(t *testing.T) {
		t.Parallel()
		s := serve(t, "", says(500, "Failed to alter consumer group offsets for connector x"))
		_, err := client(t, s.URL).AlterOffsets(ctx, "x", connect.Offsets{connect.SinkOffset("none", 0, 1)})
		e := asError(t, err)
		assert.Equal(t, "Failed to alter consumer group offsets for connector x", e.Message)
		assert.Equal(t, connect.AppliedUnknown, e.Applied)
	})
	t.Run("1.22 writes that Kafka did not take", func(t *testing.T) {
		t.Parallel()
		for _, msg := range []string{"Error writing target state to Kafka", "Error writing restart request for {connectorName='x', onlyFailed=true, includeTasks=true} to Kafka"} {
			s := serve(t, "4.0.0", says(500, msg))
			c := client(t, s.URL)
			for _, err := range []error{c.Pause(ctx, "x"), second(c.Restart(ctx, "x", connect.RestartOptions{IncludeTasks: true}))} {
				require.ErrorIs(t, err, connect.ErrUnavailable)
				assert.Equal(t, connect.AppliedUnknown, asError(t, err).Applied)
			}
			assert.Len(t, s.requests(), 2)
		}
	})

	t.Run("2 a PUT of a new name says created, an identical one does not", func(t *testing.T) {
		t.Parallel()
		_, c := cluster(t, connecttest.Config{})
		_, created, err := c.PutConfig(ctx, "x", toFile())
		require.NoError(t, err)
		assert.True(t, created)
		conn, created, err := c.PutConfig(ctx, "x", toFile())
		require.NoError(t, err)
		assert.False(t, created)
		assert.Equal(t, "x", conn.Config["name"])
	})
	t.Run("2 the name is trimmed by a create", func(t *testing.T) {
		t.Parallel()
		_, c := cluster(t, connecttest.Config{})
		conn, err := c.CreateConnector(ctx, connect.CreateRequest{Name: "  x ", Config: toFile()})
		require.NoError(t, err)
		assert.Equal(t, "x", conn.Name)
	})
	t.Run("2 PATCH config: nil deletes, and a rename is refused because Connect would store it", func(t *testing.T) {
		t.Parallel()
		_, c := cluster(t, connecttest.Config{})
		_, err := c.CreateConnector(ctx, connect.CreateRequest{Name: "x", Config: toFile("errors.log.enable", "true")})
		require.NoError(t, err)
		two, other := "2", "other"
		conn, err := c.PatchConfig(ctx, "x", connect.ConfigPatch{"tasks.max": &two, "errors.log.enable": nil})
		require.NoError(t, err)
		assert.Equal(t, "2", conn.Config["tasks.max"])
		assert.NotContains(t, conn.Config, "errors.log.enable")
		_, err = c.PatchConfig(ctx, "x", connect.ConfigPatch{"name": &other})
		require.ErrorIs(t, err, connect.ErrInvalidConfig)
		_, err = c.PatchConfig(ctx, "none", connect.ConfigPatch{"a": nil})
		require.ErrorIs(t, err, connect.ErrNotFound)
	})
	t.Run("2 offsets need a STOPPED connector", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			s, c := cluster(t, connecttest.Config{Workers: 2})
			s.AddConnector("x", toFile())
			s.SetOffsets("x", `[{"partition":{"kafka_topic":"t","kafka_partition":0},"offset":{"kafka_offset":9007199254740993}}]`)
			ctx := t.Context()
			got, err := c.GetOffsets(ctx, "x")
			require.NoError(t, err)
			topic, partition, offset, ok := got[0].Sink()
			assert.Equal(t, []any{"t", 0, int64(9007199254740993), true}, []any{topic, partition, offset, ok}, "beyond what a float64 holds")
			_, err = c.AlterOffsets(ctx, "x", got)
			require.ErrorIs(t, err, connect.ErrNotStopped)
			_, err = c.ResetOffsets(ctx, "x")
			require.ErrorIs(t, err, connect.ErrNotStopped)
			require.NoError(t, c.Stop(ctx, "x"))
			_, err = c.WaitFor(ctx, "x", connect.Stopped(), connect.WaitOptions{})
			require.NoError(t, err)
			msg, err := c.AlterOffsets(ctx, "x", connect.Offsets{connect.SinkOffset("t", 0, 5)})
			require.NoError(t, err)
			assert.Contains(t, msg, "altered successfully")
			msg, err = c.ResetOffsets(ctx, "x")
			require.NoError(t, err)
			assert.Contains(t, msg, "reset successfully")
		})
	})
	t.Run("2 topics of a connector that does not exist are none, without an error", func(t *testing.T) {
		t.Parallel()
		_, c := cluster(t, connecttest.Config{})
		topics, err := c.ListTopics(ctx, "none")
		require.NoError(t, err)
		assert.Empty(t, topics)
		assert.NotNil(t, topics)
		require.NoError(t, c.ResetTopics(ctx, "none"))
		_, off := cluster(t, connecttest.Config{NoTopicTracking: true})
		_, err = off.ListTopics(ctx, "x")
		require.ErrorIs(t, err, connect.ErrForbidden)
	})
	t.Run("2 tasks-config by Do: there up to 3.9, gone from 4.0", func(t *testing.T) {
		t.Parallel()
		ctx := t.Context()
		for version, there := range map[string]bool{"3.9.0": true, "4.0.0": false} {
			s, c := cluster(t, connecttest.Config{Version: version})
			s.AddConnector("x", toFile())
			var out map[string]map[string]string
			err := c.Do(ctx, http.MethodGet, "/connectors/x/tasks-config", nil, &out)
			if there {
				require.NoError(t, err)
				assert.Contains(t, out, "x-0")
				continue
			}
			require.ErrorIs(t, err, connect.ErrUnsupported)
			require.ErrorIs(t, err, connect.ErrNotFound)
		}
	})
	t.Run("2 loggers: what changed, a level that does not exist, the whole cluster", func(t *testing.T) {
		t.Parallel()
		_, c := cluster(t, connecttest.Config{})
		all, err := c.ListLoggers(ctx)
		require.NoError(t, err)
		assert.NotEmpty(t, all["root"].Level)
		names, err := c.SetLogger(ctx, "org.apache.kafka.connect.runtime.WorkerSinkTask", "DEBUG", connect.LoggerOptions{})
		require.NoError(t, err)
		assert.Equal(t, []string{"org.apache.kafka.connect.runtime.WorkerSinkTask"}, names)
		level, err := c.GetLogger(ctx, "org.apache.kafka.connect.runtime.WorkerSinkTask")
		require.NoError(t, err)
		assert.Equal(t, "DEBUG", level.Level)
		assert.False(t, level.LastModified.IsZero())
		_, err = c.SetLogger(ctx, "root", "LOUD", connect.LoggerOptions{})
		require.ErrorIs(t, err, connect.ErrInvalidConfig)
		names, err = c.SetLogger(ctx, "root", "INFO", connect.LoggerOptions{Cluster: true})
		require.NoError(t, err)
		assert.Nil(t, names)
		_, err = c.GetLogger(ctx, "com.example.nope")
		require.ErrorIs(t, err, connect.ErrNotFound)
	})
	t.Run("2 plugins, their keys under both names of the position, and validation", func(t *testing.T) {
		t.Parallel()
		for _, version := range []string{"4.0.0", "4.3.1"} {
			_, c := cluster(t, connecttest.Config{Version: version})
			plugins, err := c.ListPlugins(ctx, connect.PluginOptions{All: true})
			require.NoError(t, err)
			kinds := map[string]bool{}
			for _, p := range plugins {
				kinds[p.Type] = true
			}
			assert.True(t, kinds["sink"] && kinds["converter"], "%v", kinds)
			keys, err := c.GetPluginConfig(ctx, "FileStreamSink", connect.PluginConfigOptions{})
			require.NoError(t, err)
			order := map[string]int{}
			for _, k := range keys {
				order[k.Name] = k.Order
			}
			assert.Positive(t, order["connector.class"], version)
			assert.Equal(t, -1, order["file"], version)
			_, err = c.GetPluginConfig(ctx, "com.example.Nope", connect.PluginConfigOptions{})
			require.ErrorIs(t, err, connect.ErrNotFound)
			v, err := c.ValidateConfig(ctx, "FileStreamSink", toFile("tasks.max", "abc", "name", "x"))
			require.NoError(t, err)
			require.ErrorIs(t, v.Err(), connect.ErrInvalidConfig)
			assert.Equal(t, "tasks.max", v.FieldErrors()[0].Key)
			v, err = c.ValidateConfig(ctx, "FileStreamSink", toFile("name", "x"))
			require.NoError(t, err)
			require.NoError(t, v.Err())
		}
	})
	t.Run("2 basic auth: 401 in plain text that says it is JSON, on every path", func(t *testing.T) {
		t.Parallel()
		s, c := cluster(t, connecttest.Config{})
		s.RequireBasicAuth("u", "right")
		for name, call := range everyCall(c) {
			if name == "Do" {
				continue
			}
			require.ErrorIs(t, call(ctx), connect.ErrUnauthorized, name)
		}
		c2, err := connect.NewClient(s.InProcessURL(), connect.WithHTTPClient(s.Client()), connect.WithBasicAuth("u", "right"))
		require.NoError(t, err)
		_, err = c2.ListConnectors(ctx)
		require.NoError(t, err)
	})
	t.Run("2 status right after a delete: old states with type unknown, or 404", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			s, c := cluster(t, connecttest.Config{Settle: time.Second})
			s.AddConnector("x", toFile())
			require.NoError(t, c.DeleteConnector(t.Context(), "x"))
			if st, err := c.GetStatus(t.Context(), "x"); err == nil {
				assert.Equal(t, connect.TypeUnknown, st.Type)
			} else {
				require.ErrorIs(t, err, connect.ErrNotFound)
			}
			require.ErrorIs(t, c.DeleteConnector(t.Context(), "x"), connect.ErrNotFound)
		})
	})

	t.Run("4.1 reads and restarts during a rebalance come through", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			s, c := cluster(t, connecttest.Config{Workers: 2})
			s.AddConnector("x", toFile())
			for _, begin := range []func(){func() { s.Rebalance(3 * time.Second) }, func() { s.Conflict(3 * time.Second) }, func() { s.LoseLeader(3 * time.Second) }} {
				begin()
				_, err := c.GetConnector(t.Context(), "x")
				require.NoError(t, err)
				begin()
				_, err = c.GetStatus(t.Context(), "x")
				require.NoError(t, err)
				begin()
				_, err = c.Restart(t.Context(), "x", connect.RestartOptions{IncludeTasks: true})
				require.NoError(t, err)
			}
		})
	})
	t.Run("4.2 a killed worker: forwarded restarts fail at once, then for minutes with 409", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			s, c := cluster(t, connecttest.Config{Workers: 2})
			for _, name := range []string{"a", "b", "c", "d"} {
				s.AddConnector(name, toFile())
			}
			one, err := c.OnWorker(c.Workers()[0])
			require.NoError(t, err)
			all, err := one.ListStatuses(t.Context())
			require.NoError(t, err)
			var ghost connect.TaskID
			for _, st := range all {
				for _, task := range st.Tasks {
					if strings.HasPrefix(task.WorkerID, "worker-1") {
						ghost = task.ID
					}
				}
			}
			require.NotEmpty(t, ghost.Connector)
			s.KillWorker(1)
			before := len(s.Requests())
			err = one.RestartTask(t.Context(), ghost)
			require.ErrorIs(t, err, connect.ErrUnavailable)
			assert.Equal(t, connect.AppliedUnknown, asError(t, err).Applied)
			assert.Len(t, s.Requests(), before+1, "not sent again")
			st, err := one.GetStatus(t.Context(), ghost.Connector)
			require.NoError(t, err)
			assert.Equal(t, connect.StateRunning, st.Tasks[0].State, "a ghost")
			time.Sleep(30 * time.Second) //nolint:forbidigo // virtual time
			err = one.RestartTask(t.Context(), ghost)
			require.ErrorIs(t, err, connect.ErrRebalancing)
			assert.Equal(t, connect.AppliedNo, asError(t, err).Applied)
			time.Sleep(6 * time.Minute) //nolint:forbidigo // virtual time
			require.NoError(t, one.RestartTask(t.Context(), ghost))
		})
	})
	t.Run("4.5 a worker that starts: refused, then Jetty's 404, then the API; calls come through", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			s, c := cluster(t, connecttest.Config{WorkerStartup: 3 * time.Second})
			s.AddConnector("x", toFile())
			s.KillWorker(0)
			time.AfterFunc(time.Second, func() { s.StartWorker(0) })
			require.NoError(t, c.Pause(t.Context(), "x"), "nothing was done before, so that a write may be sent again")
			names, err := c.ListConnectors(t.Context())
			require.NoError(t, err)
			assert.Equal(t, []string{"x"}, names)
		})
	})
	t.Run("4.6 a worker whose herder hangs is unhealthy, and says so in words", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			s, c := cluster(t, connecttest.Config{})
			h, err := c.Health(t.Context())
			require.NoError(t, err)
			assert.True(t, h.Healthy())
			s.StallHerder(0, time.Minute, "polling the group coordinator for up to 3000ms or until interrupted")
			begin := time.Now()
			h, err = c.Health(t.Context())
			require.NoError(t, err)
			assert.Equal(t, connect.HealthUnhealthy, h.Status)
			assert.False(t, h.Healthy())
			assert.NotEmpty(t, h.Message)
			assert.Equal(t, "http://worker-0:8083", h.Worker)
			assert.LessOrEqual(t, time.Since(begin), 11*time.Second, "and it is not asked again")
			_, err = c.GetStatus(t.Context(), "none")
			require.ErrorIs(t, err, connect.ErrNotFound, "what is answered from memory is answered")
		})
		s := serve(t, "", always(503, "application/json", `{"status":"starting","message":"Worker is still starting up."}`))
		h, err := client(t, s.URL).Health(ctx)
		require.NoError(t, err)
		assert.Equal(t, connect.HealthStarting, h.Status)
		assert.Len(t, s.requests(), 1)
		s = serve(t, "", says(500, "worker is shutting down"))
		_, err = client(t, s.URL).Health(ctx)
		require.Error(t, err)
		assert.Len(t, s.requests(), 1)
	})
	t.Run("4.7 the broker is gone: reads from memory work, a create times out and is read back", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			s, c := cluster(t, connecttest.Config{})
			s.AddConnector("x", toFile())
			s.BrokerDown(time.Hour)
			_, err := c.GetStatus(t.Context(), "x")
			require.NoError(t, err)
			// The first to write fails by its own time-out, what comes later by that of requests.
			for _, want := range []error{connect.ErrUnavailable, connect.ErrTimeout} {
				_, err = c.CreateConnector(t.Context(), connect.CreateRequest{Name: "y", Config: toFile()})
				require.Error(t, err)
				assert.Equal(t, connect.AppliedUnknown, asError(t, err).Applied)
				require.ErrorIs(t, err, want)
			}
			posts := 0
			for _, r := range s.Requests() {
				if r.Method == http.MethodPost {
					posts++
				}
			}
			assert.Equal(t, 2, posts)
		})
	})
}

// TestACreateWhoseAnswerIsLost: the connector is there, the answer is not.
func TestACreateWhoseAnswerIsLost(t *testing.T) {
	t.Parallel()
	cfg := connect.Config{"connector.class": "C"}
	for _, row := range []struct {
		what    string
		post    func() (*http.Response, error)
		get     string
		status  int
		err     string // "" = the connector is returned
		applied connect.Applied
	}{
		{"502, and it is there", func() (*http.Response, error) { return reply(502, "<html>"), nil }, infoJSON, 200, "", 0},
		{"504, and it is there", func() (*http.Response, error) { return reply(504, ""), nil }, infoJSON, 200, "", 0},
		{"a broken connection, and it is there", func() (*http.Response, error) { return nil, errors.New("connection reset by peer") }, infoJSON, 200, "", 0},
		{"201 with half a body, and it is there", func() (*http.Response, error) { return reply(201, infoJSON[:20]), nil }, infoJSON, 200, "", 0},
		{"500 timed out, and it is there", func() (*http.Response, error) {
			return reply(500, `{"error_code":500,"message":"Request timed out"}`), nil
		}, infoJSON, 200, "", 0},
		{"504, and it is not there yet", func() (*http.Response, error) { return reply(504, ""), nil }, `{"error_code":404,"message":"Connector x not found"}`, 404, "may still be carried out", connect.AppliedUnknown},
		{"504, and another configuration is there", func() (*http.Response, error) { return reply(504, ""), nil }, strings.ReplaceAll(infoJSON, `"C"`, `"D"`), 200, "another configuration", connect.AppliedUnknown},
		{"504, and reading back fails", func() (*http.Response, error) { return reply(504, ""), nil }, "<html>", 200, "reading back", connect.AppliedUnknown},
		{"504, and reading back is refused", func() (*http.Response, error) { return reply(504, ""), nil }, "no", 401, "reading back", connect.AppliedUnknown},
	} {
		t.Run(row.what, func(t *testing.T) {
			t.Parallel()
			posts := 0
			c, err := connect.NewClient("http://w", connect.WithRetry(fast), connect.WithHTTPClient(&http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
				if r.Method == http.MethodPost {
					posts++
					return row.post()
				}
				assert.Equal(t, "/connectors/x", r.URL.Path)
				return reply(row.status, row.get), nil
			})}))
			require.NoError(t, err)
			conn, err := c.CreateConnector(context.WithoutCancel(t.Context()), connect.CreateRequest{Name: "x", Config: cfg})
			assert.Equal(t, 1, posts)
			if row.err == "" {
				require.NoError(t, err)
				assert.Equal(t, "x", conn.Name)
				return
			}
			assert.Nil(t, conn)
			assert.Contains(t, err.Error(), row.err)
			assert.Equal(t, row.applied, asError(t, err).Applied)
		})
	}
}
