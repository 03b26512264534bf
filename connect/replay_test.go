package connect_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-reconnect/reconnect/connect"
	"github.com/go-reconnect/reconnect/internal/redact"
	"github.com/go-reconnect/reconnect/internal/testutil/recording"
)

// raw is the body as it was on the wire: a JSON string stands for a body that is no JSON.
func raw(body json.RawMessage) string {
	var text string
	if json.Unmarshal(body, &text) == nil {
		return text
	}
	return string(body)
}

// exchanges are the recordings of connecttest, which is held to them too.
func exchanges(t *testing.T) []recording.Exchange {
	t.Helper()
	return recording.Load(t, "connecttest/testdata/rest/*/*.json")
}

// typed finds the method that sends a recorded request. exact is false where no typed argument makes that very request (a malformed body, a flag `1`): the
// answer is replayed through the method all the same. It returns nil where the client has no method for it.
func typed(x *recording.Exchange) (name string, exact bool, call func(context.Context, *connect.Client) (any, error)) {
	u, err := url.Parse(x.Request.Path)
	if err != nil {
		return "", false, nil
	}
	parts := strings.Split(strings.Trim(u.EscapedPath(), "/"), "/")
	for i := range parts {
		parts[i], _ = url.PathUnescape(parts[i])
	}
	q := u.Query()
	key := x.Request.Method + " " + strconv.Itoa(len(parts)) + " " + parts[0]
	if len(parts) > 2 {
		key += " " + strings.Join(parts[2:min(len(parts), 3)], "/")
	}
	arg := ""
	if len(parts) > 1 {
		arg = parts[1]
	}
	exact = x.Request.Headers["Accept"] == "application/json" && !strings.HasSuffix(u.Path, "/") && !strings.HasPrefix(x.Request.Path, "//")
	body := raw(x.Request.Body)
	cfg := func() connect.Config {
		var c connect.Config
		if json.Unmarshal([]byte(body), &c) != nil || c == nil {
			exact = false
			return connect.Config{"a": "b"}
		}
		var plain map[string]string
		if json.Unmarshal([]byte(body), &plain) != nil || strings.Contains(body, "null") {
			exact = false // coerced scalars and nulls
		}
		return c
	}
	same := func(want ...string) { // the query must be one that the method sends
		if !slices.Contains(want, u.RawQuery) {
			exact = false
		}
	}
	switch key {
	case "GET 1 ":
		exact = x.Request.Path == "/"
		return "ServerInfo", exact, func(ctx context.Context, c *connect.Client) (any, error) { return c.ServerInfo(ctx) }
	case "GET 1 health":
		return "Health", exact, func(ctx context.Context, c *connect.Client) (any, error) { return c.Health(ctx) }
	case "GET 1 connectors":
		if q.Has("expand") {
			e := connect.Expand{Status: slices.Contains(q["expand"], "status"), Info: slices.Contains(q["expand"], "info")}
			if !e.Status && !e.Info {
				return "", false, nil
			}
			return "ListExpanded", exact, func(ctx context.Context, c *connect.Client) (any, error) { return c.ListExpanded(ctx, e) }
		}
		return "ListConnectors", exact, func(ctx context.Context, c *connect.Client) (any, error) { return c.ListConnectors(ctx) }
	case "POST 1 connectors":
		var r connect.CreateRequest
		var plain struct {
			Config map[string]string `json:"config"`
			Extra  any               `json:"foo"`
		}
		ok := json.Unmarshal([]byte(body), &r) == nil && json.Unmarshal([]byte(body), &plain) == nil
		exact = exact && ok && plain.Extra == nil && r.Config != nil && !strings.Contains(body, "null") && (r.InitialState == "" || r.InitialState == connect.StateStopped || r.InitialState == connect.StatePaused) &&
			strings.TrimSpace(r.Name) != "" && !strings.Contains(r.Name, "\x01") && x.Request.Headers["Content-Type"] == "application/json"
		if !exact {
			r = connect.CreateRequest{Name: "cap-x", Config: connect.Config{"connector.class": "C"}}
		}
		return "CreateConnector", exact, func(ctx context.Context, c *connect.Client) (any, error) { return c.CreateConnector(ctx, r) }
	case "GET 2 connectors":
		return "GetConnector", exact, func(ctx context.Context, c *connect.Client) (any, error) { return c.GetConnector(ctx, arg) }
	case "DELETE 2 connectors":
		return "DeleteConnector", exact, func(ctx context.Context, c *connect.Client) (any, error) { return nil, c.DeleteConnector(ctx, arg) }
	case "GET 3 connectors config":
		return "GetConfig", exact, func(ctx context.Context, c *connect.Client) (any, error) { return c.GetConfig(ctx, arg) }
	case "PUT 3 connectors config":
		conf := cfg()
		return "PutConfig", exact, func(ctx context.Context, c *connect.Client) (any, error) {
			conn, created, err := c.PutConfig(ctx, arg, conf)
			if err == nil && created != (x.Response.Status == 201) {
				return conn, assert.AnError
			}
			return conn, err
		}
	case "PATCH 3 connectors config":
		var p connect.ConfigPatch
		if json.Unmarshal([]byte(body), (*map[string]*string)(&p)) != nil || p == nil || p["name"] != nil {
			exact, p = false, connect.ConfigPatch{}
		}
		return "PatchConfig", exact, func(ctx context.Context, c *connect.Client) (any, error) { return c.PatchConfig(ctx, arg, p) }
	case "GET 3 connectors status":
		return "GetStatus", exact, func(ctx context.Context, c *connect.Client) (any, error) { return c.GetStatus(ctx, arg) }
	case "GET 3 connectors tasks":
		return "ListTasks", exact, func(ctx context.Context, c *connect.Client) (any, error) { return c.ListTasks(ctx, arg) }
	case "GET 5 connectors tasks", "POST 5 connectors tasks":
		n, err := strconv.Atoi(parts[3])
		if err != nil || n < 0 {
			return "", false, nil
		}
		id := connect.TaskID{Connector: arg, Task: n}
		if x.Request.Method == http.MethodGet {
			return "GetTaskStatus", exact, func(ctx context.Context, c *connect.Client) (any, error) { return c.GetTaskStatus(ctx, id) }
		}
		return "RestartTask", exact, func(ctx context.Context, c *connect.Client) (any, error) { return nil, c.RestartTask(ctx, id) }
	case "POST 3 connectors restart":
		o := connect.RestartOptions{IncludeTasks: strings.EqualFold(q.Get("includeTasks"), "true"), OnlyFailed: strings.EqualFold(q.Get("onlyFailed"), "true")}
		if o == (connect.RestartOptions{}) {
			same("")
		}
		if body != "" && body != "null" {
			exact = false
		}
		return "Restart", exact, func(ctx context.Context, c *connect.Client) (any, error) {
			plan, err := c.Restart(ctx, arg, o)
			if err != nil {
				return nil, err
			}
			return plan.Status, nil
		}
	case "PUT 3 connectors pause":
		return "Pause", exact, func(ctx context.Context, c *connect.Client) (any, error) { return nil, c.Pause(ctx, arg) }
	case "PUT 3 connectors resume":
		return "Resume", exact, func(ctx context.Context, c *connect.Client) (any, error) { return nil, c.Resume(ctx, arg) }
	case "PUT 3 connectors stop":
		return "Stop", exact, func(ctx context.Context, c *connect.Client) (any, error) { return nil, c.Stop(ctx, arg) }
	case "GET 3 connectors offsets":
		return "GetOffsets", exact, func(ctx context.Context, c *connect.Client) (any, error) {
			o, err := c.GetOffsets(ctx, arg)
			return map[string]any{"offsets": o}, err
		}
	case "PATCH 3 connectors offsets":
		var o struct {
			Offsets connect.Offsets `json:"offsets"`
			Foo     any             `json:"foo"`
		}
		if json.Unmarshal([]byte(body), &o) != nil || o.Offsets == nil || o.Foo != nil {
			exact = false
		}
		return "AlterOffsets", exact, func(ctx context.Context, c *connect.Client) (any, error) {
			m, err := c.AlterOffsets(ctx, arg, o.Offsets)
			return map[string]string{"message": m}, err
		}
	case "DELETE 3 connectors offsets":
		return "ResetOffsets", exact, func(ctx context.Context, c *connect.Client) (any, error) {
			m, err := c.ResetOffsets(ctx, arg)
			return map[string]string{"message": m}, err
		}
	case "GET 3 connectors topics":
		return "ListTopics", exact, func(ctx context.Context, c *connect.Client) (any, error) {
			topics, err := c.ListTopics(ctx, arg)
			return map[string]any{arg: map[string]any{"topics": topics}}, err
		}
	case "PUT 4 connectors topics":
		return "ResetTopics", exact, func(ctx context.Context, c *connect.Client) (any, error) { return nil, c.ResetTopics(ctx, arg) }
	case "GET 1 connector-plugins":
		same("", "connectorsOnly=false")
		return "ListPlugins", exact, func(ctx context.Context, c *connect.Client) (any, error) {
			return c.ListPlugins(ctx, connect.PluginOptions{All: u.RawQuery != ""})
		}
	case "GET 3 connector-plugins config":
		same("")
		return "GetPluginConfig", exact, func(ctx context.Context, c *connect.Client) (any, error) {
			return c.GetPluginConfig(ctx, arg, connect.PluginConfigOptions{})
		}
	case "PUT 4 connector-plugins config":
		conf := cfg()
		return "ValidateConfig", exact, func(ctx context.Context, c *connect.Client) (any, error) { return c.ValidateConfig(ctx, arg, conf) }
	case "GET 2 admin":
		return "ListLoggers", exact, func(ctx context.Context, c *connect.Client) (any, error) { return c.ListLoggers(ctx) }
	case "GET 3 admin " + strings.Join(parts[min(len(parts), 2):], "/"):
		return "GetLogger", exact, func(ctx context.Context, c *connect.Client) (any, error) { return c.GetLogger(ctx, parts[2]) }
	case "PUT 3 admin " + strings.Join(parts[min(len(parts), 2):], "/"):
		var l map[string]any
		_ = json.Unmarshal([]byte(body), &l)
		level, ok := l["level"].(string)
		if !ok || len(l) != 1 {
			exact, level = false, "DEBUG"
		}
		same("", "scope=cluster")
		return "SetLogger", exact, func(ctx context.Context, c *connect.Client) (any, error) {
			names, err := c.SetLogger(ctx, parts[2], level, connect.LoggerOptions{Cluster: q.Get("scope") == "cluster"})
			if q.Get("scope") == "cluster" {
				return nil, err
			}
			return names, err
		}
	}
	return "", false, nil
}

// meaning says which sentinels the recorded failures must match; what is not listed matches none.
var meaning = map[string]string{
	"create-exists": "ErrAlreadyExists", "create-charset-content-type": "ErrAlreadyExists", "double-slash": "ErrNotConnect", "create-blank-name": "ErrInvalidConfig", "create-control-char-name": "ErrInvalidConfig", "create-dlq-topic-in-topics": "ErrInvalidConfig",
	"create-converter-unknown": "ErrInvalidConfig", "create-empty-config": "ErrInvalidConfig", "create-empty-name": "ErrInvalidConfig", "create-invalid-many-errors": "ErrInvalidConfig",
	"create-invalid-one-error": "ErrInvalidConfig", "create-missing-name": "ErrInvalidConfig", "create-name-mismatch": "ErrInvalidConfig", "create-no-class": "ErrInvalidConfig",
	"create-null-value": "ErrInvalidConfig", "create-source-missing-topic": "ErrInvalidConfig", "create-unknown-class": "ErrInvalidConfig", "put-config-name-mismatch": "ErrInvalidConfig",
	"put-config-invalid": "ErrInvalidConfig", "put-config-unknown-class": "ErrInvalidConfig", "put-config-no-class": "ErrInvalidConfig", "put-config-null-value": "ErrInvalidConfig",
	"put-config-empty-map": "ErrInvalidConfig", "patch-config-invalid": "ErrInvalidConfig", "patch-config-delete-class": "ErrInvalidConfig",
	"validate-client-override": "ErrInvalidConfig", "validate-missing-class": "ErrInvalidConfig", "validate-unknown-class": "ErrInvalidConfig", "validate-class-mismatch": "ErrInvalidConfig",
	"validate-empty-map":    "ErrInvalidConfig",
	"offsets-patch-running": "ErrNotStopped", "offsets-delete-running": "ErrNotStopped", "offsets-patch-paused": "ErrNotStopped",
}

func TestRecordedExchangesReplay(t *testing.T) {
	t.Parallel()
	all := exchanges(t)
	covered := map[string]int{}
	exacts := 0
	for i := range all {
		x := &all[i]
		name, exact, call := typed(x)
		if call != nil {
			covered[name]++
			if exact {
				exacts++
			}
		}
		t.Run(x.Name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, "", func(_ int, w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodGet && x.Request.Method == http.MethodPost {
					connectError(w, 404, "Connector not found") // the read back of a create
					return
				}
				for k, v := range x.Response.Headers {
					w.Header().Set(k, v)
				}
				if len(x.Response.Headers) == 0 {
					w.Header()["Content-Type"] = nil
				}
				w.WriteHeader(x.Response.Status)
				_, _ = w.Write([]byte(raw(x.Response.Body)))
			})
			c := client(t, s.URL, connect.WithRetry(connect.RetryPolicy{Max: -1}))
			if call == nil {
				replayRaw(t, c, x)
				return
			}
			got, err := call(t.Context(), c)
			if exact {
				assertSameRequest(t, x, s.requests())
			}
			assertAnswer(t, x, name, got, err)
		})
	}
	for name := range everyCall(nil) {
		switch name {
		case "Statuses", "Connectors", "ListStatuses", "RestartFailed", "WaitFor", "Apply", "Do":
		default:
			assert.Positive(t, covered[name], "no recorded exchange goes through %s", name)
		}
	}
	assert.Greater(t, exacts, 130, "most exchanges are sent exactly as they were recorded")
}

// replayRaw sends what no method sends through Do.
func replayRaw(t *testing.T, c *connect.Client, x *recording.Exchange) {
	t.Helper()
	path := x.Request.Path
	if strings.HasPrefix(path, "//") {
		require.Error(t, c.Do(t.Context(), x.Request.Method, path, nil, nil), "a path that looks like another host is refused")
		return
	}
	var in any
	if b := raw(x.Request.Body); json.Valid([]byte(b)) && b != "null" {
		in = json.RawMessage(b)
	}
	var out any
	target := any(&out)
	if raw(x.Response.Body) == "" || x.Response.Headers["content-type"] == "text/plain" {
		target = nil
	}
	err := c.Do(t.Context(), x.Request.Method, path, in, target)
	if x.Response.Status < 300 {
		require.NoError(t, err)
		if target != nil {
			assert.JSONEq(t, string(x.Response.Body), mustJSON(out))
		}
		return
	}
	e := asError(t, err)
	assert.Equal(t, x.Response.Status, e.StatusCode)
	if strings.Contains(e.Message, "HTTP 404 Not Found") || strings.Contains(e.Message, "No status found") {
		require.ErrorIs(t, err, connect.ErrNotFound)
	}
}

func assertSameRequest(t *testing.T, x *recording.Exchange, got []seen) {
	t.Helper()
	for _, r := range got {
		if r.path == "/" && x.Request.Path != "/" {
			continue // the version
		}
		path := r.path
		if r.query != "" {
			path += "?" + r.query
		}
		assert.Equal(t, x.Request.Method, r.method)
		want, _ := url.Parse(x.Request.Path)
		have, _ := url.Parse(path)
		assert.Equal(t, want.Path, have.Path)
		if !strings.HasSuffix(want.Path, "/restart") {
			assert.Equal(t, want.RawQuery, have.RawQuery)
		}
		if b := raw(x.Request.Body); b == "" || b == "null" {
			assert.Empty(t, r.body)
			assert.Empty(t, r.header.Get("Content-Type"))
		} else {
			assert.JSONEq(t, b, r.body)
			assert.Equal(t, "application/json", r.header.Get("Content-Type"))
		}
		return
	}
	t.Errorf("the request was not sent")
}

func assertAnswer(t *testing.T, x *recording.Exchange, method string, got any, err error) {
	t.Helper()
	body := raw(x.Response.Body)
	if x.Response.Status >= 300 {
		e := asError(t, err)
		if e.StatusCode == 0 {
			return // refused before sending: the reason is in the method's own tests
		}
		assert.Equal(t, x.Response.Status, e.StatusCode)
		code, msg := struct {
			Code    int    `json:"error_code"`
			Message string `json:"message"`
		}{}, ""
		if json.Unmarshal([]byte(body), &code) == nil && code.Code != 0 {
			msg = code.Message
			assert.Equal(t, code.Code, e.Code)
			assert.Contains(t, e.Message, redact.Text(msg[:min(len(msg), 60)]))
		}
		want := []string{}
		if m, ok := meaning[x.Name]; ok && m != "" {
			want = append(want, m)
		}
		switch {
		case strings.HasPrefix(msg, "invalid log level"):
			want = append(want, "ErrInvalidConfig")
		case x.Response.Status == 404 && !strings.HasPrefix(msg, "HTTP 404"):
			want = append(want, "ErrNotFound")
		case x.Response.Status == 405 || strings.HasPrefix(msg, "HTTP 404"):
			return // routing: what it means is up to the endpoint, see the version tests
		}
		assert.ElementsMatch(t, want, matches(err), "%s: %s", x.Name, err)
		return
	}
	require.NoError(t, err)
	if got == nil || body == "" {
		return
	}
	if st, ok := got.(*connect.ConnectorStatus); ok && st == nil {
		return
	}
	assert.JSONEq(t, normal(t, method, []byte(body)), normal(t, method, []byte(mustJSON(got))))
}

// normal brings a recorded body and the client's own JSON of it into one form: task ids are objects in the client, order does not matter where it has none, and
// the client adds worker and kafka_version.
func normal(t *testing.T, method string, data []byte) string {
	t.Helper()
	var v any
	require.NoError(t, json.Unmarshal(data, &v))
	var walk func(any) any
	walk = func(v any) any {
		switch x := v.(type) {
		case map[string]any:
			if id, ok := x["id"].(map[string]any); ok && x["config"] == nil {
				x["id"] = id["task"]
			}
			delete(x, "worker")
			delete(x, "kafka_version")
			for k, e := range x {
				if x[k] = walk(e); x[k] == nil || x[k] == "" && (k == "group" || k == "trace" || k == "version") {
					delete(x, k)
				}
			}
			return x
		case []any:
			for i := range x {
				x[i] = walk(x[i])
			}
			if method == "ListConnectors" || method == "ListTopics" || method == "SetLogger" {
				slices.SortFunc(x, func(a, b any) int { return strings.Compare(a.(string), b.(string)) })
			}
			return x
		}
		return v
	}
	return mustJSON(walk(v))
}
