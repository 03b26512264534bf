package connect_test

import (
	"net/http"
	"testing"
)

// where says which worker carries a call out.
type where string

const (
	anyWorker where = "any"    // from the memory of the worker that is asked
	herder    where = "herder" // queued on that worker's herder thread
	leader    where = "leader" // forwarded to the leader
	owner     where = "owner"  // forwarded to the worker that runs the instance
)

// contractEndpoint is one row of the table: one endpoint of the REST API.
type contractEndpoint struct {
	method, path string // `{c}` connector, `{t}` task, `{p}` plugin, `{l}` logger
	since, until [2]int
	where        where
	body         string // a valid one; "" reads none
	// example is path with names that exist, for the columns that need any request that would succeed.
	example string
	// gated is what a pending rebalance makes of it: 0 nothing, 409 or 500.
	gated int
	// local answers do not go through Connect's own validation of names: see the cells.
	cells   map[string][]contractCase
	reasons map[string]string
}

func (e contractEndpoint) id() string { return e.method + " " + e.path }

// contractCase is one case of a cell.
type contractCase struct {
	name    string
	phase   phase
	setup   func(t *testing.T, w *world)
	request contractRequest
	// bothWorkers sends it to each worker, each with its own setup.
	bothWorkers bool
	want        func(w *world) wanted
	after       func(t *testing.T, w *world, a contractAnswer)
	// alone says why the real answer is not compared with the fake's beyond `want`.
	alone string
}

// wanted is what a case asserts. Empty fields are not asserted, except that kind "" means no Content-Type.
type wanted struct {
	status   int
	kind     string
	shape    string // of the JSON body, with free as recording.Shape takes it
	free     []string
	message  string // a regular expression for the whole message of an error body
	text     string // the whole body, when it is not JSON
	page     string // a title of Jetty's HTML
	location string // its path; `any` where it does not matter
	class    class
	down     bool // the connection is refused or breaks
}

const jsonType = "application/json"

func sameEverywhere(x wanted) func(*world) wanted { return func(*world) wanted { return x } }

// ok is a 200 with a JSON body of a shape.
func ok(shape string, free ...string) func(*world) wanted {
	return sameEverywhere(wanted{status: 200, kind: jsonType, shape: shape, free: free})
}

// done is an answer without a body.
func done(status int) func(*world) wanted { return sameEverywhere(wanted{status: status, text: ""}) }

// refusal is Connect's error body.
func refusal(status int, message string, class class) func(*world) wanted {
	return sameEverywhere(wanted{status: status, kind: jsonType, message: message, class: class, shape: errorShape})
}

const errorShape = "{error_code: number, message: string}"

// The shapes of the API. A version is in the states since 4.1.
const (
	taskID     = "{connector: string, task: number}"
	noTasks    = "{config: {*: string}, name: string, tasks: [], type: string}"
	withTasks  = "{config: {*: string}, name: string, tasks: [" + taskID + "], type: string}"
	messageOf  = "{message: string}"
	offsetBody = `{"offsets":[{"partition":{"kafka_topic":"<topic>","kafka_partition":0},"offset":{"kafka_offset":3}}]}`
	keyStart   = "{default_value: null|string, dependents: [], display_name: string, documentation: string, group: "
)

func instanceShape(w *world, id, version, trace string) string {
	s := "{"
	if id != "" {
		s += "id: number, "
	}
	s += "state: string, "
	if trace != "" {
		s += "trace: string, "
	}
	if w.atLeast(4, 1) {
		s += "version: " + version + ", "
	}
	return s + "worker_id: string}"
}

func statusShape(w *world, tasks string) string {
	return "{connector: " + instanceShape(w, "", "string", "") + ", name: string, tasks: [" + tasks + "], type: string}"
}

func okStatus(tasks func(w *world) string) func(*world) wanted {
	return func(w *world) wanted {
		return wanted{status: 200, kind: jsonType, shape: statusShape(w, tasks(w))}
	}
}

func runningTask(w *world) string { return instanceShape(w, "id", "string", "") }
func failedTask(w *world) string  { return instanceShape(w, "id", "string", "trace") }
func noTask(*world) string        { return "" }

// contractTable is the REST API, endpoint by endpoint, in the order of docs and of the run.
func contractTable() []contractEndpoint {
	get := func(path string) contractRequest { return contractRequest{Method: http.MethodGet, Path: path} }
	return []contractEndpoint{
		{
			method: http.MethodGet, path: "/", where: anyWorker, example: "/",
			cells: map[string][]contractCase{famOK: {
				{name: "names the version", request: get("/"), want: ok("{commit: string, kafka_cluster_id: string, version: string}"), bothWorkers: true, alone: "commit and cluster id are their own"},
			}},
		},
		{
			method: http.MethodGet, path: "/health", since: [2]int{3, 9}, where: herder, example: "/health",
			cells: map[string][]contractCase{famOK: {
				{name: "is healthy", request: get("/health"), want: ok("{message: string, status: string}"), bothWorkers: true},
			}},
		},
		{
			method: http.MethodGet, path: "/connectors", where: anyWorker, example: "/connectors",
			cells: map[string][]contractCase{famOK: {
				{name: "lists names", request: get("/connectors"), want: ok("[string]"), bothWorkers: true, alone: "a shared cluster may have others"},
				{name: "expands statuses", request: get("/connectors?expand=status"), bothWorkers: true, alone: "as above", want: func(*world) wanted {
					return wanted{status: 200, kind: jsonType}
				}},
				{name: "expands infos", request: get("/connectors?expand=info"), bothWorkers: true, alone: "as above", want: sameEverywhere(wanted{status: 200, kind: jsonType})},
				{name: "an unknown expansion gives empty objects", request: get("/connectors?expand=bogus"), want: ok("{*: {}}", ""), alone: "as above"},
				{name: "an empty expansion too", request: get("/connectors?expand="), want: ok("{*: {}}", ""), alone: "as above"},
				{name: "with a trailing slash", request: get("/connectors/"), want: ok("[string]"), alone: "as above"},
				{name: "HEAD has no body", request: contractRequest{Method: http.MethodHead, Path: "/connectors"}, want: sameEverywhere(wanted{status: 200, kind: jsonType, text: ""})},
				{name: "OPTIONS names the methods", request: contractRequest{Method: http.MethodOptions, Path: "/connectors"}, want: sameEverywhere(wanted{status: 200, kind: jsonType, text: ""})},
				{name: "without Accept", request: contractRequest{Method: http.MethodGet, Path: "/connectors", Header: map[string]string{"Accept": "*/*"}}, want: ok("[string]"), alone: "as above"},
			}},
		},
		createEndpoint(),
		{
			method: http.MethodGet, path: "/connectors/{c}", where: herder, gated: 500, example: "/connectors/<sink>",
			cells: map[string][]contractCase{
				famOK: {
					{name: "of a running connector", request: get("/connectors/<sink>"), want: ok(withTasks, ".config"), bothWorkers: true},
					{name: "of a stopped one", request: get("/connectors/<stopped>"), want: ok(noTasks, ".config")},
				},
				famUnknown: {{name: "connector", request: get("/connectors/<none>"), want: refusal(404, "Connector <none> not found", errNotFound), bothWorkers: true}},
			},
		},
		{
			method: http.MethodGet, path: "/connectors/{c}/config", where: herder, gated: 500, example: "/connectors/<sink>/config",
			cells: map[string][]contractCase{
				famOK:      {{name: "is the map", request: get("/connectors/<sink>/config"), want: ok("{*: string}", ""), bothWorkers: true}},
				famUnknown: {{name: "connector", request: get("/connectors/<none>/config"), want: refusal(404, "Connector <none> not found", errNotFound)}},
			},
		},
		putConfigEndpoint(),
		patchConfigEndpoint(),
		{
			method: http.MethodGet, path: "/connectors/{c}/status", where: anyWorker, example: "/connectors/<sink>/status",
			cells: map[string][]contractCase{
				famOK: {
					{name: "of a running connector", request: get("/connectors/<sink>/status"), want: okStatus(runningTask), bothWorkers: true},
					{name: "of a paused one without tasks", request: get("/connectors/<paused>/status"), want: okStatus(noTask)},
					{name: "of a stopped one", request: get("/connectors/<stopped>/status"), want: okStatus(noTask)},
					{name: "of one whose task failed in start", request: get("/connectors/<failed>/status"), want: okStatus(failedTask)},
					{name: "of one whose task could not be built", request: get("/connectors/<unbuilt>/status"), want: okStatus(func(w *world) string {
						return instanceShape(w, "id", "null", "trace")
					})},
				},
				famUnknown: {{name: "connector", request: get("/connectors/<none>/status"), want: refusal(404, "No status found for connector <none>", errNotFound), bothWorkers: true}},
			},
		},
		{
			method: http.MethodGet, path: "/connectors/{c}/tasks", where: herder, gated: 500, example: "/connectors/<sink>/tasks",
			cells: map[string][]contractCase{
				famOK: {
					{name: "of a running connector", request: get("/connectors/<sink>/tasks"), want: ok("[{config: {*: string}, id: "+taskID+"}]", "[].config"), bothWorkers: true},
					{name: "of a stopped one", request: get("/connectors/<stopped>/tasks"), want: ok("[]")},
				},
				famUnknown: {{name: "connector", request: get("/connectors/<none>/tasks"), want: refusal(404, "Connector <none> not found", errNotFound)}},
			},
		},
		{
			method: http.MethodGet, path: "/connectors/{c}/tasks-config", since: [2]int{2, 8}, until: [2]int{4, 0}, where: herder, gated: 500, example: "/connectors/<sink>/tasks-config",
			cells: map[string][]contractCase{
				famOK: {{name: "of a running connector until 4.0", request: get("/connectors/<sink>/tasks-config"), want: func(w *world) wanted {
					if w.atLeast(4, 0) {
						return wanted{status: 404, message: "HTTP 404 Not Found", shape: errorShape, class: errUnsupportedPath}
					}
					return wanted{status: 200, kind: jsonType, shape: "{*: {*: string}}", free: []string{"", ".*"}}
				}}},
				famUnknown: {{name: "connector", request: get("/connectors/<none>/tasks-config"), want: func(w *world) wanted {
					if w.atLeast(4, 0) {
						return wanted{status: 404, message: "HTTP 404 Not Found", shape: errorShape, class: errUnsupportedPath}
					}
					return wanted{status: 404, kind: jsonType, message: "Connector <none> not found", shape: errorShape, class: errNotFound}
				}}},
			},
		},
		{
			method: http.MethodGet, path: "/connectors/{c}/tasks/{t}/status", where: anyWorker, example: "/connectors/<sink>/tasks/0/status",
			cells: map[string][]contractCase{
				famOK: {
					{name: "of a running task", request: get("/connectors/<sink>/tasks/0/status"), bothWorkers: true, want: func(w *world) wanted {
						return wanted{status: 200, kind: jsonType, shape: runningTask(w)}
					}},
					{name: "of a failed task", request: get("/connectors/<failed>/tasks/0/status"), want: func(w *world) wanted {
						return wanted{status: 200, kind: jsonType, shape: failedTask(w)}
					}},
				},
				famUnknown: {
					{name: "task", request: get("/connectors/<sink>/tasks/99/status"), want: refusal(404, "No status found for task <sink>-99", errNotFound)},
					{name: "connector", request: get("/connectors/<none>/tasks/0/status"), want: refusal(404, "No status found for task <none>-0", errNotFound)},
					{name: "a negative task", request: get("/connectors/<sink>/tasks/-1/status"), want: refusal(404, "No status found for task <sink>--1", errNotFound)},
				},
				famInvalid: {{name: "a task that is not a number", request: get("/connectors/<sink>/tasks/abc/status"), want: refusal(404, "HTTP 404 Not Found", errUnsupportedPath)}},
			},
		},
		restartEndpoint(),
		restartWithTasksEndpoint(),
		restartTaskEndpoint(),
		targetEndpoint("pause", 202, "RUNNING RUNNING", "PAUSED PAUSED"),
		targetEndpoint("resume", 202, "PAUSED PAUSED", "RUNNING RUNNING"),
		stopEndpoint(),
		{
			method: http.MethodGet, path: "/connectors/{c}/offsets", since: [2]int{3, 5}, where: herder, example: "/connectors/<sink>/offsets",
			cells: map[string][]contractCase{
				famOK: {
					{name: "of a sink that has read nothing", request: get("/connectors/<stopped>/offsets"), want: ok("{offsets: []}"), bothWorkers: true},
					{name: "of a source that has read nothing", request: get("/connectors/<source>/offsets"), want: ok("{offsets: []}")},
				},
				famUnknown: {{name: "connector", request: get("/connectors/<none>/offsets"), want: refusal(404, "Connector <none> not found", errNotFound)}},
			},
		},
		patchOffsetsEndpoint(),
		deleteOffsetsEndpoint(),
		{
			method: http.MethodGet, path: "/connectors/{c}/topics", since: [2]int{2, 5}, where: anyWorker, example: "/connectors/<sink>/topics",
			cells: map[string][]contractCase{
				famOK:      {{name: "of a sink that has read nothing", request: get("/connectors/<sink>/topics"), bothWorkers: true, want: ok("{*: {topics: []}}", "")}},
				famUnknown: {{name: "connector has no topics", request: get("/connectors/<none>/topics"), want: ok("{*: {topics: []}}", "")}},
				famState:   {{name: "with topic tracking disabled", phase: phaseNoTracking, request: get("/connectors/<sink>/topics"), want: refusal(403, `Topic tracking is disabled\.`, errForbidden)}},
			},
		},
		{
			method: http.MethodPut, path: "/connectors/{c}/topics/reset", since: [2]int{2, 5}, where: anyWorker, example: "/connectors/<sink>/topics/reset",
			cells: map[string][]contractCase{
				famOK:      {{name: "of a connector", request: contractRequest{Method: http.MethodPut, Path: "/connectors/<sink>/topics/reset"}, want: done(202), bothWorkers: true}},
				famUnknown: {{name: "connector is accepted too", request: contractRequest{Method: http.MethodPut, Path: "/connectors/<none>/topics/reset"}, want: done(202)}},
				famState: {{
					name: "with topic tracking disabled", phase: phaseNoTracking, request: contractRequest{Method: http.MethodPut, Path: "/connectors/<sink>/topics/reset"},
					want: refusal(403, `Topic tracking is disabled\.`, errForbidden),
				}},
			},
		},
		deleteEndpoint(),
		{
			method: http.MethodGet, path: "/connector-plugins", where: anyWorker, example: "/connector-plugins",
			cells: map[string][]contractCase{famOK: {
				{name: "lists connectors", request: get("/connector-plugins"), want: ok("[{class: string, type: string, version: string}]"), bothWorkers: true, alone: "which plugins there are is the installation's"},
				{name: "lists everything", request: get("/connector-plugins?connectorsOnly=false"), want: ok("[{class: string, type: string, version: string}]"), alone: "as above"},
			}},
		},
		pluginConfigEndpoint(),
		validateEndpoint(),
		{
			method: http.MethodGet, path: "/admin/loggers", since: [2]int{2, 4}, where: anyWorker, example: "/admin/loggers",
			cells: map[string][]contractCase{famOK: {
				{name: "lists levels", request: get("/admin/loggers"), want: ok("{*: {last_modified: null, level: string}}", ""), alone: "a worker has some 240 loggers"},
			}},
		},
		{
			method: http.MethodGet, path: "/admin/loggers/{l}", since: [2]int{2, 4}, where: anyWorker, example: "/admin/loggers/root",
			cells: map[string][]contractCase{
				famOK:      {{name: "of root", request: get("/admin/loggers/root"), want: ok("{last_modified: null, level: string}"), bothWorkers: true}},
				famUnknown: {{name: "logger", request: get("/admin/loggers/com.example.nope"), want: refusal(404, `Logger com\.example\.nope not found\.`, errNotFound)}},
			},
		},
		loggerEndpoint(),
	}
}
