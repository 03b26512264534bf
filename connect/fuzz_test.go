package connect_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-reconnect/reconnect/connect"
)

// FuzzBodies gives every method an arbitrary body at an arbitrary status: nothing panics, and nothing is a zero value without an error.
func FuzzBodies(f *testing.F) {
	for _, body := range []string{
		"", "null", "{}", "[]", "<html>", statusJSON, infoJSON, `["a"]`, `{"version":"4.0.0"}`, `{"status":"healthy"}`, `{"x":{"status":` + statusJSON + `,"info":` + infoJSON + `}}`,
		`{"offsets":[{"partition":{"kafka_topic":"t","kafka_partition":0},"offset":null}]}`, `{"message":"m"}`, `{"x":{"topics":["t"]}}`, `{"a":{"status":` + statusJSON + `},"a":{"status":` + statusJSON + `},"b":{"status":null},"c":{}}`, `[{"class":"C","type":"sink"}]`, `[{"name":"n"}]`,
		`{"name":"C","error_count":0,"configs":[{"definition":null,"value":null}]}`, `{"root":{"level":"INFO","last_modified":1}}`, `{"level":"INFO"}`, `[{"id":{"connector":"x","task":0},"config":{"a":null}}]`,
		`{"id":0,"state":"RUNNING"}`, `{"error_code":409,"message":"Connector x already exists"}`, `{"error_code":500,"message":null}`, `{"error_code":404,"message":"HTTP 404 Not Found"}`, "Powered by Jetty://",
	} {
		for _, status := range []int{200, 202, 302, 404, 409, 500} {
			f.Add(status, body)
		}
	}
	f.Fuzz(func(t *testing.T, status int, body string) {
		if status < 200 || status > 599 {
			return
		}
		c, err := connect.NewClient("http://w", connect.WithRetry(connect.RetryPolicy{Max: -1}), connect.WithMaxResponseBytes(1<<16), connect.WithHTTPClient(&http.Client{Transport: roundTripper(func(*http.Request) (*http.Response, error) {
			return reply(status, body), nil
		})}))
		require.NoError(t, err)
		ctx := t.Context()
		bad := func(zero bool, err error) {
			if err == nil {
				require.False(t, zero, "a zero value without an error")
				return
			}
			require.NotEmpty(t, err.Error())
		}
		info, err := c.ServerInfo(ctx)
		bad(info == nil || info.Version == "", err)
		h, err := c.Health(ctx)
		bad(h == nil || h.Status == "", err)
		names, err := c.ListConnectors(ctx)
		bad(names == nil, err)
		conn, err := c.GetConnector(ctx, "x")
		bad(conn == nil || conn.Name == "" || conn.Config == nil || conn.Type == "", err)
		conn, err = c.CreateConnector(ctx, connect.CreateRequest{Name: "x"})
		bad(conn == nil || conn.Name == "", err)
		conn, _, err = c.PutConfig(ctx, "x", nil)
		bad(conn == nil || conn.Name == "", err)
		cfg, err := c.GetConfig(ctx, "x")
		bad(cfg == nil, err)
		st, err := c.GetStatus(ctx, "x")
		bad(st == nil || st.Name == "" || st.Connector.State == "" || st.Type == "", err)
		task, err := c.GetTaskStatus(ctx, connect.TaskID{Connector: "x"})
		bad(task == nil || task.State == "", err)
		tasks, err := c.ListTasks(ctx, "x")
		bad(tasks == nil, err)
		offsets, err := c.GetOffsets(ctx, "x")
		bad(offsets == nil, err)
		for _, o := range offsets {
			o.Sink()
		}
		_, err = c.ResetOffsets(ctx, "x")
		bad(false, err)
		topics, err := c.ListTopics(ctx, "x")
		bad(topics == nil, err)
		plugins, err := c.ListPlugins(ctx, connect.PluginOptions{})
		bad(plugins == nil, err)
		keys, err := c.GetPluginConfig(ctx, "C", connect.PluginConfigOptions{})
		bad(keys == nil, err)
		v, err := c.ValidateConfig(ctx, "C", nil)
		bad(v == nil || v.Name == "", err)
		if err == nil {
			_ = v.Err()
			_ = v.String()
		}
		loggers, err := c.ListLoggers(ctx)
		bad(loggers == nil, err)
		level, err := c.GetLogger(ctx, "root")
		bad(level == nil || level.Level == "", err)
		plan, err := c.Restart(ctx, "x", connect.RestartOptions{IncludeTasks: true})
		bad(plan == nil || plan.Name == "", err)
		all, err := c.ListExpanded(ctx, connect.Expand{Status: true, Info: true})
		bad(all == nil, err)
		n := 0
		var last error
		for st, err := range c.Statuses(ctx) {
			if last = err; err == nil {
				n++
				require.NotEmpty(t, st.Name)
				require.NotEmpty(t, st.Connector.State)
			}
		}
		if last == nil {
			require.Equal(t, statusesIn(t, body), n, "the stream has every element that has a status")
		}
		bad(false, c.Pause(ctx, "x"))
	})
}

// statusesIn counts the elements of an expanded list that have a status, those under the same name too.
func statusesIn(t *testing.T, body string) int {
	t.Helper()
	var whole map[string]json.RawMessage
	require.NoError(t, json.Unmarshal([]byte(body), &whole), "the stream takes nothing that encoding/json does not take")
	d := json.NewDecoder(strings.NewReader(body))
	n := 0
	_, err := d.Token()
	require.NoError(t, err)
	for d.More() {
		_, err = d.Token()
		require.NoError(t, err)
		var element struct {
			Status json.RawMessage `json:"status"`
		}
		require.NoError(t, d.Decode(&element))
		if len(element.Status) > 0 && string(element.Status) != "null" {
			n++
		}
	}
	return n
}
