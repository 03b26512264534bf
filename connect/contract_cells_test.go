package connect_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-reconnect/reconnect/internal/testutil/recording"
)

const (
	invalidHead = `Connector configuration is invalid and contains the following %d error\(s\):\n`
	invalidTail = "\nYou can also find the above list of errors at the endpoint `/connector-plugins/{connectorType}/config/validate`"
)

func invalidConfig(count string, lines ...string) func(*world) wanted {
	return refusal(400, strings.Replace(invalidHead, "%d", count, 1)+strings.Join(lines, `\n`)+strings.ReplaceAll(strings.ReplaceAll(invalidTail, "{", `\{`), "}", `\}`), errInvalid)
}

// unknownClass is 500 up to 4.0 and 400 since.
func unknownClass(w *world) wanted {
	x := wanted{status: 500, kind: jsonType, shape: errorShape, class: errInvalid}
	if w.atLeast(4, 1) {
		x.status = 400
	}
	x.message = `(?:org\.apache\.kafka\.connect\.errors\.ConnectException: )?Failed to find any class that implements Connector and which name matches com\.example\.Nope, available connectors are: PluginDesc\{.*`
	return x
}

// anyMessage is a 500 whose text is Jackson's or the JVM's.
func anyMessage() func(*world) wanted { return refusal(500, `(?s).+`, "") }

func post(path, body string) contractRequest {
	return contractRequest{Method: http.MethodPost, Path: path, Body: body}
}

func put(path, body string) contractRequest {
	return contractRequest{Method: http.MethodPut, Path: path, Body: body}
}

func patch(path, body string) contractRequest {
	return contractRequest{Method: http.MethodPatch, Path: path, Body: body}
}

func del(path string) contractRequest {
	return contractRequest{Method: http.MethodDelete, Path: path}
}

// removed deletes what a case has created.
func removed(name string) func(*testing.T, *world, contractAnswer) {
	return func(t *testing.T, w *world, _ contractAnswer) {
		t.Helper()
		w.try(t, del("/connectors/<"+name+">"), 204)
	}
}

func createdAs(tasks string) wanted {
	return wanted{status: 201, kind: jsonType, shape: tasks, free: []string{".config"}, location: "/connectors/<new>"}
}

func createEndpoint() contractEndpoint {
	created := func(*world) wanted { return createdAs(noTasks) }
	drop := removed("new")
	bad := func(name, body string, want func(*world) wanted) contractCase {
		return contractCase{name: name, request: post("/connectors", body), want: want}
	}
	return contractEndpoint{
		method: http.MethodPost, path: "/connectors", where: leader, body: create("new", sinkConfig(), ""), example: "/connectors",
		cells: map[string][]contractCase{
			famOK: {
				{name: "trims the name, makes strings of scalars, takes a charset", bothWorkers: true, want: created, after: drop, request: contractRequest{
					Method: http.MethodPost, Path: "/connectors", Header: map[string]string{"Content-Type": "application/json; charset=utf-8"},
					Body: `{"name":"  <new> ","config":` + sinkConfig(`"errors.log.enable":true`, `"errors.retry.timeout":5`) + `,"initial_state":null}`,
				}},
				{name: "initial_state in any case", request: post("/connectors", create("new", sinkConfig(), "stopped")), want: created, after: drop},
				{
					name: "a null of a key that the connector defines", request: post("/connectors", create("new", strings.Replace(sinkConfig(), `"/tmp/<out.txt>"`, "null", 1), "")),
					want: sameEverywhere(wanted{status: 201, kind: jsonType, shape: strings.Replace(noTasks, "string}", "null|string}", 1), free: []string{".config"}, location: "any"}),
					after: func(t *testing.T, w *world, _ contractAnswer) {
						t.Helper()
						w.await(t, "new", "FAILED")
						drop(t, w, contractAnswer{})
					},
				},
			},
			famUnknownField: {bad("at the top", strings.Replace(create("new", sinkConfig(), ""), `{"name"`, `{"foo":1,"name"`, 1), anyMessage())},
			famInvalid: {
				bad("one error", create("new", sinkConfig(`"errors.tolerance":"some"`), ""), invalidConfig("1", `Invalid value some for configuration errors\.tolerance: String must be one of: none, all`)),
				bad("many errors", create("new", `{"connector.class":"`+fileSink+`","tasks.max":"abc","errors.tolerance":"some"}`, ""), invalidConfig("5",
					`Invalid value abc for configuration tasks\.max: Not a number of type INT`, `Invalid value null for configuration tasks\.max: Value must be non-null`,
					`Invalid value some for configuration errors\.tolerance: String must be one of: none, all`, `Must configure one of topics or topics\.regex`, `Must configure one of topics or topics\.regex`)),
				bad("tasks.max below 1", create("new", strings.Replace(sinkConfig(), `"1"`, `"0"`, 1), ""), invalidConfig("1", `Invalid value 0 for configuration tasks\.max: Value must be at least 1`)),
				bad("the dead letter queue among the topics", create("new", sinkConfig(`"errors.deadletterqueue.topic.name":"<topic>"`), ""),
					invalidConfig("1", `The DLQ topic '<topic>' may not be included in the list of topics \('topics=\[<topic>\]'\) consumed by the connector`)),
				bad("the dead letter queue in the pattern", create("new", strings.Replace(sinkConfig(`"errors.deadletterqueue.topic.name":"abc"`), `"topics":"<topic>"`, `"topics.regex":"a.*"`, 1), ""),
					invalidConfig("1", `The DLQ topic 'abc' may not be matched by the regex for the topics \('topics\.regex=a\.\*'\) consumed by the connector`)),
				bad("topics and a pattern", create("new", sinkConfig(`"topics.regex":"a.*"`), ""), invalidConfig("2",
					`topics and topics\.regex are mutually exclusive options, but both are set\.`, `topics and topics\.regex are mutually exclusive options, but both are set\.`)),
				bad("a required key is missing", create("new", `{"connector.class":"`+fileSource+`"}`, ""), invalidConfig("1", `Missing required configuration "topic" which has no default value\.`)),
				bad("a converter that does not exist", create("new", sinkConfig(`"value.converter":"com.example.Conv"`), ""),
					invalidConfig("1", `Invalid value com\.example\.Conv for configuration value\.converter: Class com\.example\.Conv could not be found\.`)),
				bad("a transformation without a type", create("new", sinkConfig(`"transforms":"a"`), ""), invalidConfig("1", `Missing required configuration "transforms\.a\.type" which has no default value\.`)),
				bad("a transformation that lacks a key", create("new", sinkConfig(`"transforms":"a"`, `"transforms.a.type":"org.apache.kafka.connect.transforms.ExtractField$Value"`), ""),
					invalidConfig("1", `Missing required configuration "transforms\.a\.field" which has no default value\.`)),
				bad("a boolean that is none", create("new", sinkConfig(`"errors.log.enable":"maybe"`), ""), invalidConfig("1", `Invalid value maybe for configuration errors\.log\.enable: Expected value to be either true or false`)),
				bad("a null of an unknown key", create("new", sinkConfig(`"a":null`), ""), invalidConfig("1", `Null value can not be supplied as the configuration value\.`)),
				bad("a null of a common key", create("new", strings.Replace(sinkConfig(), `"tasks.max":"1"`, `"tasks.max":null`, 1), ""), invalidConfig("2",
					`Invalid value null for configuration tasks\.max: Value must be non-null`, `Null value can not be supplied as the configuration value\.`)),
				bad("no class", create("new", `{"topics":"t"}`, ""), refusal(400, `Connector config \{name=<new>, topics=t\} contains no connector type`, errInvalid)),
				bad("an empty config", create("new", `{}`, ""), refusal(400, `Connector config \{name=<new>\} contains no connector type`, errInvalid)),
				bad("an unknown class", create("new", `{"connector.class":"com.example.Nope"}`, ""), unknownClass),
				bad("no name", `{"config":`+sinkConfig()+`}`, invalidConfig("1", "Invalid value  for configuration name: String may not be empty")),
				bad("an empty name", `{"name":"","config":`+sinkConfig()+`}`, invalidConfig("1", "Invalid value  for configuration name: String may not be empty")),
				bad("a blank name", `{"name":"  ","config":`+sinkConfig()+`}`, invalidConfig("1", "Invalid value  for configuration name: String may not be empty")),
				bad("a control character in the name", `{"name":"a\u0001b","config":`+sinkConfig()+`}`,
					invalidConfig("1", "Invalid value a\u0001b for configuration name: String may not contain control sequences but had the following ASCII chars: 1")),
				bad("two names", create("new", sinkConfig(`"name":"other"`), ""), refusal(400, `Connector name configuration \(other\) doesn't match connector name in the URL \(<new>\)`, errInvalid)),
				bad("an initial state that is none", create("new", sinkConfig(), "BROKEN"), anyMessage()),
				bad("no config", `{"name":"<new>"}`, anyMessage()),
				bad("a null config", `{"name":"<new>","config":null}`, anyMessage()),
				bad("an object as a value", create("new", sinkConfig(`"a":{"b":1}`), ""), anyMessage()),
				bad("an array as a value", create("new", sinkConfig(`"a":[1]`), ""), anyMessage()),
			},
			famState: {bad("a name that exists", create("sink", sinkConfig(), ""), refusal(409, "Connector <sink> already exists", errExists))},
		},
		reasons: map[string]string{famUnknown: "it makes names"},
	}
}

func putConfigEndpoint() contractEndpoint {
	path := "/connectors/<sink>/config"
	update := func(*world) wanted {
		return wanted{status: 200, kind: jsonType, shape: withTasks, free: []string{".config"}}
	}
	settle := func(t *testing.T, w *world, _ contractAnswer) { t.Helper(); w.await(t, "sink", "RUNNING RUNNING") }
	bad := func(name, body string, want func(*world) wanted) contractCase {
		return contractCase{name: name, request: put(path, body), want: want}
	}
	return contractEndpoint{
		method: http.MethodPut, path: "/connectors/{c}/config", where: leader, body: sinkConfig(), example: path,
		cells: map[string][]contractCase{
			famOK: {
				{name: "updates", request: put(path, sinkConfig(`"foo":"bar"`)), want: update, after: settle, bothWorkers: true},
				{name: "takes the same again", request: put(path, sinkConfig(`"foo":"bar"`)), want: update, after: settle},
				{name: "takes its own name", request: put(path, sinkConfig(`"name":"<sink>"`)), want: update, after: settle},
				{name: "creates", request: put("/connectors/<new>/config", sinkConfig()), want: func(*world) wanted { return createdAs(noTasks) }, after: removed("new"), bothWorkers: true},
			},
			famInvalid: {
				bad("one error", sinkConfig(`"errors.tolerance":"ALL"`), invalidConfig("1", `Invalid value ALL for configuration errors\.tolerance: String must be one of: none, all`)),
				bad("an unknown class", `{"connector.class":"com.example.Nope"}`, unknownClass),
				bad("no class", `{"tasks.max":"1"}`, refusal(400, `Connector config \{name=<sink>, tasks\.max=1\} contains no connector type`, errInvalid)),
				bad("an empty map", `{}`, refusal(400, `Connector config \{name=<sink>\} contains no connector type`, errInvalid)),
				bad("another name", sinkConfig(`"name":"other"`), refusal(400, `Connector name configuration \(other\) doesn't match connector name in the URL \(<sink>\)`, errInvalid)),
				bad("a null", sinkConfig(`"foo":null`), invalidConfig("1", `Null value can not be supplied as the configuration value\.`)),
				bad("an object as a value", sinkConfig(`"a":{"b":1}`), anyMessage()),
				bad("a body as POST takes it", create("sink", sinkConfig(), ""), anyMessage()),
			},
		},
		reasons: map[string]string{
			famUnknown: "it creates what is unknown", famUnknownField: "any key is a setting", famState: "it is possible in every state",
		},
	}
}

func patchConfigEndpoint() contractEndpoint {
	path := "/connectors/<sink>/config"
	update := func(*world) wanted {
		return wanted{status: 200, kind: jsonType, shape: withTasks, free: []string{".config"}}
	}
	settle := func(t *testing.T, w *world, _ contractAnswer) { t.Helper(); w.await(t, "sink", "RUNNING RUNNING") }
	return contractEndpoint{
		method: http.MethodPatch, path: "/connectors/{c}/config", since: [2]int{3, 8}, where: leader, body: `{"foo":"x"}`, example: path,
		cells: map[string][]contractCase{
			famOK: {
				{name: "adds, with numbers as strings", request: patch(path, `{"foo":"baz","n":5}`), want: update, after: settle, bothWorkers: true},
				{name: "null takes away", request: patch(path, `{"foo":null,"n":null}`), want: update, after: settle},
				{name: "an empty map changes nothing", request: patch(path, `{}`), want: update, after: settle},
				{name: "does not check the name", request: patch(path, `{"name":"other"}`), want: update, after: func(t *testing.T, w *world, _ contractAnswer) {
					t.Helper()
					var a contractAnswer
					w.eventually(t, "the other name is stored", func() bool { // the rebalance that the change brings answers 500
						a = w.must(t, 0, contractRequest{Method: http.MethodGet, Path: path})
						return a.Status == http.StatusOK
					}, func() string { return string(a.Body) })
					assert.Contains(t, string(a.Body), `"name":"other"`)
					w.try(t, put(path, sinkConfig()), 200)
					// RUNNING may still be the task of the other name: wait until every worker has the tasks of the restored configuration.
					var last contractAnswer
					w.eventually(t, "the tasks have their name again", func() bool {
						for worker := range 2 {
							var err error
							last, err = w.send(t.Context(), t, worker, contractRequest{Method: http.MethodGet, Path: "/connectors/<sink>/tasks"})
							if err != nil || last.Status != http.StatusOK || strings.Contains(string(last.Body), `"other"`) {
								return false
							}
						}
						return true
					}, func() string { return string(last.Body) })
					settle(t, w, a)
				}},
			},
			famUnknown: {{name: "connector", request: patch("/connectors/<none>/config", `{"a":"b"}`), want: refusal(404, "Connector <none> not found", errNotFound), bothWorkers: true}},
			famInvalid: {
				{name: "a value that is refused", request: patch(path, `{"tasks.max":"abc"}`), want: invalidConfig("2",
					`Invalid value abc for configuration tasks\.max: Not a number of type INT`, `Invalid value null for configuration tasks\.max: Value must be non-null`)},
				{name: "the class taken away", request: patch(path, `{"connector.class":null}`), want: refusal(400, `Connector config \{.*name=<sink>.*\} contains no connector type`, errInvalid)},
			},
		},
		reasons: map[string]string{famUnknownField: "any key is a setting", famState: "it is possible in every state"},
	}
}

func deleteEndpoint() contractEndpoint {
	return contractEndpoint{
		method: http.MethodDelete, path: "/connectors/{c}", where: leader, example: "/connectors/<doomed>",
		cells: map[string][]contractCase{
			famOK: {{
				name: "removes", bothWorkers: true, request: del("/connectors/<doomed>"), want: done(204),
				setup: func(t *testing.T, w *world) {
					t.Helper()
					w.try(t, post("/connectors", create("doomed", sinkConfig(), "STOPPED")), 201)
					w.await(t, "doomed", "STOPPED")
				},
				after: func(t *testing.T, w *world, _ contractAnswer) {
					t.Helper()
					w.await(t, "doomed", "")
					for i := range w.urls {
						w.eventually(t, "the name is gone everywhere", func() bool {
							return w.must(t, i, contractRequest{Method: http.MethodGet, Path: "/connectors/<doomed>/config"}).Status == 404
						}, func() string { return "still there" })
					}
				},
			}},
			famUnknown: {{name: "connector", request: del("/connectors/<none>"), want: refusal(404, "Connector <none> not found", errNotFound), bothWorkers: true}},
		},
		reasons: map[string]string{famState: "it is possible in every state"},
	}
}

func restartEndpoint() contractEndpoint {
	return contractEndpoint{
		method: http.MethodPost, path: "/connectors/{c}/restart", where: owner, gated: 409, example: "/connectors/<many>/restart",
		cells: map[string][]contractCase{
			famOK: {
				{name: "restarts the connector", request: post("/connectors/<many>/restart", ""), want: done(204), bothWorkers: true},
				{name: "with a body", request: post("/connectors/<many>/restart", "{}"), want: done(204)},
				{name: "false flags", request: post("/connectors/<many>/restart?includeTasks=false&onlyFailed=false", ""), want: done(204)},
				{name: "a flag that is not a boolean is false", request: post("/connectors/<many>/restart?includeTasks=1", ""), want: done(204)},
				{name: "of a stopped one", request: post("/connectors/<stopped>/restart", ""), want: done(204), bothWorkers: true},
				{name: "of a paused one", request: post("/connectors/<paused>/restart", ""), want: done(204)},
			},
			famUnknown: {{name: "connector", request: post("/connectors/<none>/restart", ""), want: refusal(404, "Unknown connector: <none>", errNotFound), bothWorkers: true}},
			famState: {{
				name: "a connector that fails in start", request: post("/connectors/<new>/restart", ""), want: refusal(500, "Failed to start connector: <new>", ""),
				setup: func(t *testing.T, w *world) {
					t.Helper()
					w.try(t, post("/connectors", create("new", strings.Replace(sinkConfig(), `"/tmp/<out.txt>"`, "null", 1), "")), 201)
					w.await(t, "new", "FAILED")
				}, after: removed("new"),
			}},
		},
		reasons: map[string]string{famInvalid: "its flags have no invalid values: what is not true is false"},
	}
}

func restartWithTasksEndpoint() contractEndpoint {
	const path = "/connectors/<many>/restart?includeTasks=true"
	// The leader writes the request first and makes the plan afterwards: a worker that is quick has changed the states by
	// then. So an old trace may be gone, and the version of an instance that is away is null.
	plan := sameEverywhere(wanted{status: 202, kind: jsonType})
	planned := func(t *testing.T, w *world, a contractAnswer) {
		t.Helper()
		body, isJSON := parseBody(settledVersions(a.Body))
		require.True(t, isJSON)
		assert.Contains(t, []string{statusShape(w, runningTask(w)), statusShape(w, failedTask(w)), statusShape(w, "")}, recording.Shape(body), "%s", a)
	}
	settle := func(t *testing.T, w *world, a contractAnswer) {
		t.Helper()
		planned(t, w, a)
		w.await(t, "many", "RUNNING RUNNING RUNNING RUNNING RUNNING")
	}
	return contractEndpoint{
		method: http.MethodPost, path: "/connectors/{c}/restart?includeTasks", since: [2]int{3, 0}, where: leader, gated: 409, example: path,
		cells: map[string][]contractCase{
			famOK: {
				{name: "restarts all", request: post(path, ""), want: plan, after: settle, bothWorkers: true, alone: "the tasks of the plan come in hash order"},
				{name: "true in any case", request: post("/connectors/<many>/restart?includeTasks=TRUE", ""), want: plan, after: settle, alone: "as above"},
				{name: "nothing failed", request: post("/connectors/<many>/restart?includeTasks=true&onlyFailed=true", ""), want: plan, after: planned, alone: "as above"},
				{name: "only the connector, not failed", request: post("/connectors/<many>/restart?onlyFailed=true", ""), want: plan, after: planned, alone: "as above"},
				{
					name: "a failed task keeps its trace in the plan", request: post("/connectors/<failed>/restart?includeTasks=true&onlyFailed=true", ""), want: plan, alone: "as above",
					setup: func(t *testing.T, w *world) { t.Helper(); w.await(t, "failed", "RUNNING FAILED") },
					after: func(t *testing.T, w *world, a contractAnswer) {
						t.Helper()
						planned(t, w, a)
						if w.fake != nil { // which is never that quick
							assert.Regexp(t, `"RESTARTING".*"trace"`, string(a.Body))
						}
						w.await(t, "failed", "RUNNING FAILED")
					},
				},
				{name: "of a stopped one", request: post("/connectors/<stopped>/restart?includeTasks=true", ""), want: func(w *world) wanted {
					return wanted{status: 202, kind: jsonType, shape: statusShape(w, "")}
				}, after: func(t *testing.T, w *world, _ contractAnswer) { t.Helper(); w.await(t, "stopped", "STOPPED") }},
			},
			famUnknown: {{name: "connector", request: post("/connectors/<none>/restart?includeTasks=true", ""), want: refusal(404, "Unknown connector: <none>", errNotFound), bothWorkers: true}},
		},
		reasons: map[string]string{famState: "it is accepted in every state", famInvalid: "its flags have no invalid values"},
	}
}

func restartTaskEndpoint() contractEndpoint {
	return contractEndpoint{
		method: http.MethodPost, path: "/connectors/{c}/tasks/{t}/restart", where: owner, gated: 409, example: "/connectors/<many>/tasks/0/restart",
		cells: map[string][]contractCase{
			famOK: {
				{name: "of a running task", request: post("/connectors/<many>/tasks/0/restart", ""), want: done(204)},
				{name: "of a task on another worker", request: post("/connectors/<many>/tasks/1/restart", ""), want: done(204), bothWorkers: true},
				{name: "of a task that fails in start", request: post("/connectors/<failed>/tasks/0/restart", ""), want: done(204), after: func(t *testing.T, w *world, _ contractAnswer) {
					t.Helper()
					w.await(t, "failed", "RUNNING FAILED")
				}},
			},
			famUnknown: {
				{name: "task", request: post("/connectors/<sink>/tasks/99/restart", ""), want: refusal(404, "Unknown task: <sink>-99", errNotFound), bothWorkers: true},
				{name: "connector", request: post("/connectors/<none>/tasks/0/restart", ""), want: refusal(404, "Unknown connector: <none>", errNotFound)},
				{name: "task of a stopped connector", request: post("/connectors/<stopped>/tasks/0/restart", ""), want: refusal(404, "Unknown task: <stopped>-0", errNotFound)},
				{name: "task of a connector that was created paused", request: post("/connectors/<paused>/tasks/0/restart", ""), want: refusal(404, "Unknown task: <paused>-0", errNotFound)},
			},
			famInvalid: {{name: "a task that is not a number", request: post("/connectors/<sink>/tasks/abc/restart", ""), want: refusal(404, "HTTP 404 Not Found", errUnsupportedPath)}},
			famState: {
				{name: "a task that cannot be built", request: post("/connectors/<unbuilt>/tasks/0/restart", ""), want: refusal(500, "Failed to start task: <unbuilt>-0", ""), bothWorkers: true},
				goneTask("a task of before the stop", put("/connectors/<lost>/stop", ""), 204, "STOPPED"),
				goneTask("a task of before tasks.max was lowered", put("/connectors/<lost>/config", sinkConfig()), 200, "RUNNING RUNNING"),
			},
		},
	}
}

// goneTask restarts a task that a change took away: its config outlives it on the workers, so it is known, and nobody owns it. The text is a
// rebalance's, and it stays.
func goneTask(name string, change contractRequest, status int, states string) contractCase {
	noLeader := refusal(409, `Cannot complete request momentarily due to no known leader URL, likely because a rebalance was underway\.`, errRebalancing)
	request := post("/connectors/<lost>/tasks/1/restart", "")
	return contractCase{
		name: name, request: request, want: noLeader,
		setup: func(t *testing.T, w *world) {
			t.Helper()
			w.try(t, post("/connectors", create("lost", strings.Replace(sinkConfig(), `"1"`, `"2"`, 1), "")), 201)
			w.await(t, "lost", "RUNNING RUNNING RUNNING")
			w.try(t, change, status)
			w.await(t, "lost", states)
		},
		after: func(t *testing.T, w *world, _ contractAnswer) {
			t.Helper()
			w.pause(3 * time.Second) // longer than any rebalance of these clusters
			for i := range w.urls {
				noLeader(w).check(t, w, request, w.must(t, i, request))
			}
			w.try(t, del("/connectors/<lost>"), 204)
			w.await(t, "lost", "")
		},
	}
}

// targetEndpoint is pause or resume: idempotent.
func targetEndpoint(verb string, status int, from, to string) contractEndpoint {
	path := "/connectors/<sink>/" + verb
	return contractEndpoint{
		method: http.MethodPut, path: "/connectors/{c}/" + verb, where: herder, example: path,
		cells: map[string][]contractCase{
			famOK: {
				{name: "from " + from, request: put(path, ""), want: done(status), after: func(t *testing.T, w *world, _ contractAnswer) { t.Helper(); w.await(t, "sink", to) }},
				{name: "again", request: put(path, ""), want: done(status), bothWorkers: true},
				{name: "leaves a failed task", request: put("/connectors/<failed>/"+verb, ""), want: done(status), after: func(t *testing.T, w *world, _ contractAnswer) {
					t.Helper()
					w.await(t, "failed", strings.Fields(to)[0]+" FAILED")
				}},
			},
			famUnknown: {{name: "connector", request: put("/connectors/<none>/"+verb, ""), want: refusal(404, "Unknown connector <none>", errNotFound), bothWorkers: true}},
		},
		reasons: map[string]string{famState: "it is possible in every state", famInvalid: "it takes nothing but the name"},
	}
}

func stopEndpoint() contractEndpoint {
	path := "/connectors/<sink>/stop"
	return contractEndpoint{
		method: http.MethodPut, path: "/connectors/{c}/stop", since: [2]int{3, 5}, where: leader, example: path,
		cells: map[string][]contractCase{
			famOK: {
				{name: "stops", request: put(path, ""), want: done(204), after: func(t *testing.T, w *world, _ contractAnswer) { t.Helper(); w.await(t, "sink", "STOPPED") }},
				{name: "again", request: put(path, ""), want: done(204), bothWorkers: true},
				{name: "until it is resumed", request: put("/connectors/<sink>/resume", ""), want: done(202), after: func(t *testing.T, w *world, _ contractAnswer) { t.Helper(); w.await(t, "sink", "RUNNING RUNNING") }},
			},
			famUnknown: {{name: "connector", request: put("/connectors/<none>/stop", ""), want: refusal(404, "Unknown connector <none>", errNotFound), bothWorkers: true}},
		},
		reasons: map[string]string{famState: "it is possible in every state", famInvalid: "it takes nothing but the name"},
	}
}

const notStopped = `Connectors must be in the STOPPED state before their offsets can be modified\. ` +
	`This can be done for the specified connector by issuing a 'PUT' request to the '/connectors/%/stop' endpoint`

func stopFirst(name string) string { return strings.Replace(notStopped, "%", name, 1) }

func patchOffsetsEndpoint() contractEndpoint {
	path := "/connectors/<stopped>/offsets"
	bad := func(name, partition, offset, message string) contractCase {
		return contractCase{name: name, request: patch(path, `{"offsets":[{"partition":`+partition+`,"offset":`+offset+`}]}`), want: refusal(400, message, "")}
	}
	const good = `{"kafka_topic":"<topic>","kafka_partition":0}`
	altered := ok(messageOf)
	return contractEndpoint{
		method: http.MethodPatch, path: "/connectors/{c}/offsets", since: [2]int{3, 6}, where: leader, gated: 409, body: offsetBody, example: path,
		cells: map[string][]contractCase{
			famOK: {
				{name: "of a sink", request: patch(path, offsetBody), want: altered, bothWorkers: true, after: func(t *testing.T, w *world, _ contractAnswer) {
					t.Helper()
					a := w.must(t, 0, contractRequest{Method: http.MethodGet, Path: path})
					assert.JSONEq(t, w.fill(offsetBody), string(a.Body))
				}},
				{name: "numbers as strings", request: patch(path, `{"offsets":[{"partition":{"kafka_topic":"<topic>","kafka_partition":"0"},"offset":{"kafka_offset":"2"}}]}`), want: altered},
				{name: "beyond the end", request: patch(path, `{"offsets":[{"partition":`+good+`,"offset":{"kafka_offset":999999}}]}`), want: altered},
				{name: "null resets", request: patch(path, `{"offsets":[{"partition":`+good+`,"offset":null}]}`), want: altered, after: func(t *testing.T, w *world, _ contractAnswer) {
					t.Helper()
					a := w.must(t, 0, contractRequest{Method: http.MethodGet, Path: path})
					assert.JSONEq(t, `{"offsets":[]}`, string(a.Body))
				}},
				{
					name: "of a source", request: patch("/connectors/<stoppedsource>/offsets", `{"offsets":[{"partition":{"filename":"/tmp/<in.txt>"},"offset":{"position":5}}]}`), want: altered,
					after: func(t *testing.T, w *world, _ contractAnswer) {
						t.Helper()
						body := ""
						w.eventually(t, "the other worker has them", func() bool {
							body = string(w.must(t, 1, contractRequest{Method: http.MethodGet, Path: "/connectors/<stoppedsource>/offsets"}).Body)
							return body != `{"offsets":[]}`
						}, func() string { return body })
						assert.JSONEq(t, w.fill(`{"offsets":[{"partition":{"filename":"/tmp/<in.txt>"},"offset":{"position":5}}]}`), body)
					},
				},
			},
			famUnknown:      {{name: "connector", request: patch("/connectors/<none>/offsets", offsetBody), want: refusal(404, "Connector <none> not found", errNotFound), bothWorkers: true}},
			famUnknownField: {{name: "at the top", request: patch(path, strings.Replace(offsetBody, "{", `{"foo":1,`, 1)), want: anyMessage()}},
			famInvalid: {
				{name: "no offsets", request: patch(path, `{"offsets":[]}`), want: refusal(400, "Partitions / offsets need to be provided for an alter offsets request", "")},
				{name: "an empty object", request: patch(path, `{}`), want: refusal(400, "Partitions / offsets need to be provided for an alter offsets request", "")},
				bad("no topic", `{"kafka_partition":0}`, `{"kafka_offset":1}`, "The partition for a sink connector offset must contain the keys 'kafka_topic' and 'kafka_partition'"),
				bad("a partition that is not a number", `{"kafka_topic":"<topic>","kafka_partition":"x"}`, `{"kafka_offset":1}`,
					`Failed to parse the following Kafka partition value in the provided offsets: 'x'\. Partition values for sink connectors need to be integers\.`),
				bad("an offset that is not a number", good, `{"kafka_offset":"x"}`,
					`Failed to parse the following Kafka offset value in the provided offsets: 'x'\. Offset values for sink connectors need to be integers\.`),
				bad("an offset without its key", good, `{}`, "The offset for a sink connector should either be null or contain the key 'kafka_offset'"),
				bad("a null partition", `null`, `{"kafka_offset":1}`, "The partition for a sink connector offset cannot be null or missing"),
				bad("a null topic", `{"kafka_topic":null,"kafka_partition":0}`, `{"kafka_offset":1}`, "Kafka topic names must be valid strings and may not be null"),
				{
					name: "what a source refuses", request: patch("/connectors/<stoppedsource>/offsets", `{"offsets":[{"partition":{"filename":"/tmp/<in.txt>"},"offset":{"position":-5}}]}`),
					want: refusal(500, "The value for the 'position' key in the offset should be a non-negative value", ""),
				},
				{
					name: "a topic that does not exist", request: patch(path, strings.Replace(offsetBody, "<topic>", "<nosuchtopic>", 1)),
					setup: func(_ *testing.T, w *world) {
						if w.fake != nil {
							w.fake.SetTopics(w.name("topic"))
						}
					}, want: refusal(500, "Failed to alter consumer group offsets for connector <stopped>", ""),
				},
			},
			famState: {
				{name: "of a running connector", request: patch("/connectors/<sink>/offsets", offsetBody), want: refusal(400, stopFirst("<sink>"), errNotStopped)},
				{name: "of a paused connector", request: patch("/connectors/<paused>/offsets", offsetBody), want: refusal(400, stopFirst("<paused>"), errNotStopped)},
			},
		},
	}
}

func deleteOffsetsEndpoint() contractEndpoint {
	path := "/connectors/<stopped>/offsets"
	return contractEndpoint{
		method: http.MethodDelete, path: "/connectors/{c}/offsets", since: [2]int{3, 6}, where: leader, gated: 409, example: path,
		cells: map[string][]contractCase{
			famOK: {
				{name: "of a sink", request: del(path), want: ok(messageOf), bothWorkers: true},
				{name: "of a source", request: del("/connectors/<stoppedsource>/offsets"), want: ok(messageOf), after: func(t *testing.T, w *world, _ contractAnswer) {
					t.Helper()
					// A worker that reads the topic meanwhile can list the partition with the offset null.
					body := ""
					w.eventually(t, "the offsets are gone", func() bool {
						body = string(w.must(t, 0, contractRequest{Method: http.MethodGet, Path: "/connectors/<stoppedsource>/offsets"}).Body)
						return body == `{"offsets":[]}`
					}, func() string { return body })
				}},
			},
			famUnknown: {{name: "connector", request: del("/connectors/<none>/offsets"), want: refusal(404, "Connector <none> not found", errNotFound)}},
			famState:   {{name: "of a running connector", request: del("/connectors/<sink>/offsets"), want: refusal(400, stopFirst("<sink>"), errNotStopped), bothWorkers: true}},
		},
		reasons: map[string]string{famInvalid: "it takes nothing but the name"},
	}
}

func pluginConfigEndpoint() contractEndpoint {
	get := func(path string) contractRequest { return contractRequest{Method: http.MethodGet, Path: path} }
	keys := func(*world) wanted { return wanted{status: 200, kind: jsonType} }
	path := "/connector-plugins/" + fileSink + "/config"
	ranged := func(message string) func(*world) wanted {
		return func(w *world) wanted {
			if !w.atLeast(4, 1) {
				return wanted{status: 200, kind: jsonType} // the parameter does not exist yet
			}
			return wanted{status: 400, kind: jsonType, message: message, shape: errorShape}
		}
	}
	return contractEndpoint{
		method: http.MethodGet, path: "/connector-plugins/{p}/config", since: [2]int{3, 2}, where: anyWorker, example: path,
		cells: map[string][]contractCase{
			famOK: {
				{name: "of a sink", request: get(path), want: keys, bothWorkers: true},
				{name: "by its simple name", request: get("/connector-plugins/FileStreamSinkConnector/config"), want: keys},
				{name: "by its alias", request: get("/connector-plugins/FileStreamSource/config"), want: keys},
				{name: "of a converter", request: get("/connector-plugins/org.apache.kafka.connect.json.JsonConverter/config"), want: keys},
				{name: "of a transformation", request: get("/connector-plugins/org.apache.kafka.connect.transforms.Cast$Value/config"), want: keys},
				{name: "of a predicate", request: get("/connector-plugins/org.apache.kafka.connect.transforms.predicates.TopicNameMatches/config"), want: keys},
				{name: "of the latest version", request: get(path + "?version=latest"), want: keys},
			},
			famUnknown: {{name: "plugin", request: get("/connector-plugins/com.example.Nope/config"), want: refusal(404, `Unknown plugin com\.example\.Nope\.`, errNotFound)}},
			famInvalid: {
				{name: "a version that is none", request: get(path + "?version=%5B"), want: ranged(`Invalid version specification: \[`)},
				{name: "a version that is not there", request: get(path + "?version=99.0"), want: ranged(`Plugin ` + fileSink + ` not found that matches the version range \[99\.0,99\.0\], available versions: \[.*\]`)},
				{
					name: "a class that has no config", request: get("/connector-plugins/org.apache.kafka.common.config.provider.FileConfigProvider/config"),
					want: refusal(400, `Invalid plugin class org\.apache\.kafka\.common\.config\.provider\.FileConfigProvider\. Valid types are sink, source, converter, header_converter, transformation, predicate\.`, ""),
				},
			},
		},
	}
}

func validateEndpoint() contractEndpoint {
	path := "/connector-plugins/" + fileSink + "/config/validate"
	named := sinkConfig(`"name":"v"`)
	infos := func(*world) wanted { return wanted{status: 200, kind: jsonType} }
	thrown := func(message string) func(*world) wanted { return refusal(500, message, errInvalid) }
	return contractEndpoint{
		method: http.MethodPut, path: "/connector-plugins/{p}/config/validate", where: anyWorker, body: named, example: path,
		cells: map[string][]contractCase{
			famOK: {
				{name: "no errors", request: put(path, named), want: infos, bothWorkers: true},
				{name: "by the simple name", request: put("/connector-plugins/FileStreamSinkConnector/config/validate", named), want: infos},
				{name: "by the alias", request: put("/connector-plugins/FileStreamSink/config/validate", named), want: infos},
				{name: "errors are 200", request: put(path, `{"connector.class":"`+fileSink+`","name":"v","tasks.max":"abc","errors.tolerance":"some","transforms":"a"}`), want: infos},
				{name: "no name is an error", request: put(path, sinkConfig()), want: infos},
				{name: "a null of the connector's own key is none", request: put(path, strings.Replace(named, `"/tmp/<out.txt>"`, "null", 1)), want: infos},
				{name: "a null of an unknown key", request: put(path, sinkConfig(`"name":"v"`, `"a":null`)), want: infos},
				{name: "topics and a pattern", request: put(path, sinkConfig(`"name":"v"`, `"topics.regex":"a.*"`)), want: infos},
				{name: "a source", request: put("/connector-plugins/FileStreamSource/config/validate", sourceConfig(`"name":"v"`)), want: infos},
				{name: "a source without its topic", request: put("/connector-plugins/FileStreamSource/config/validate", `{"connector.class":"`+fileSource+`","name":"v"}`), want: infos},
				{name: "exactly once that is none", request: put("/connector-plugins/FileStreamSource/config/validate", sourceConfig(`"name":"v"`, `"exactly.once.support":"maybe"`)), want: infos},
			},
			famUnknown: {{name: "class", request: put("/connector-plugins/com.example.Nope/config/validate", `{"connector.class":"com.example.Nope"}`), want: func(w *world) wanted {
				x := wanted{status: 500, kind: jsonType, shape: errorShape, class: errInvalid}
				prefix := `org\.apache\.kafka\.connect\.errors\.ConnectException: `
				if w.atLeast(4, 1) {
					prefix = `org\.apache\.kafka\.connect\.runtime\.rest\.errors\.BadRequestException: `
				}
				x.message = prefix + `(?:org\.apache\.kafka\.connect\.errors\.ConnectException: )?Failed to find any class that implements Connector and which name matches com\.example\.Nope, available connectors are: PluginDesc\{.*`
				return x
			}}},
			famInvalid: {
				{name: "no class", request: put(path, `{"topics":"t"}`), want: thrown(`org\.apache\.kafka\.connect\.runtime\.rest\.errors\.BadRequestException: Connector config \{topics=t\} contains no connector type`)},
				{name: "an empty map", request: put(path, `{}`), want: thrown(`org\.apache\.kafka\.connect\.runtime\.rest\.errors\.BadRequestException: Connector config \{\} contains no connector type`)},
				{
					name: "another class than the path's", request: put("/connector-plugins/FileStreamSource/config/validate", named),
					want: refusal(400, `Included connector type `+fileSink+` does not match request type FileStreamSource`, errInvalid),
				},
				{
					name: "a client setting of the wrong type", request: put(path, sinkConfig(`"name":"v"`, `"consumer.override.max.poll.records":"x"`)),
					want: thrown(`org\.apache\.kafka\.common\.config\.ConfigException: Invalid value x for configuration max\.poll\.records: Not a number of type INT`),
				},
				{name: "an object as a value", request: put(path, sinkConfig(`"a":{"b":1}`)), want: anyMessage()},
			},
		},
		reasons: map[string]string{famUnknownField: "any key is a setting", famState: "it looks at no connector"},
	}
}

func loggerEndpoint() contractEndpoint {
	const name = "org.apache.kafka.connect.runtime.WorkerSinkTask"
	path := "/admin/loggers/" + name
	list := ok("[string]")
	unchanged := func(w *world) wanted { // a list of what changed since 4.0, of what was named before
		x := wanted{status: 200, kind: jsonType, shape: "[string]"}
		if w.atLeast(4, 0) {
			x.shape = "[]"
		}
		return x
	}
	return contractEndpoint{
		method: http.MethodPut, path: "/admin/loggers/{l}", since: [2]int{2, 4}, where: anyWorker, body: `{"level":"INFO"}`, example: path,
		cells: map[string][]contractCase{
			famOK: {
				{name: "a new level", request: put(path, `{"level":"DEBUG"}`), want: list, after: func(t *testing.T, w *world, _ contractAnswer) {
					t.Helper()
					a := w.must(t, 0, contractRequest{Method: http.MethodGet, Path: path})
					assert.Regexp(t, `^\{"level":"DEBUG","last_modified":\d+\}$`, string(a.Body))
				}},
				{name: "the same level", request: put(path, `{"level":"DEBUG"}`), want: unchanged},
				{name: "in lower case", request: put(path, `{"level":"warn"}`), want: list},
				{name: "with a field that nobody knows", request: put(path, `{"level":"INFO","x":"y"}`), want: list},
				{name: "an unknown scope is this worker's", request: put(path+"?scope=bogus", `{"level":"WARN"}`), want: list},
				{name: "of the whole cluster", request: put(path+"?scope=cluster", `{"level":"ERROR"}`), want: done(204), after: func(t *testing.T, w *world, _ contractAnswer) {
					t.Helper()
					for i := range w.urls {
						w.eventually(t, "the level is everywhere", func() bool {
							return strings.Contains(string(w.must(t, i, contractRequest{Method: http.MethodGet, Path: path}).Body), "ERROR")
						}, func() string { return "not on worker" })
					}
					for i := range w.urls {
						w.must(t, i, put(path, `{"level":"INFO"}`))
					}
				}},
				{name: "of a namespace", request: put("/admin/loggers/org.apache.kafka.connect.runtime.rest", `{"level":"WARN"}`), want: list, alone: "a worker has more loggers than the fake"},
				{name: "and back", request: put("/admin/loggers/org.apache.kafka.connect.runtime.rest", `{"level":"INFO"}`), want: list, alone: "as above"},
			},
			famUnknown: {{name: "logger, to the level that it has", request: put("/admin/loggers/com.example.nope1", `{"level":"INFO"}`), want: unchanged}},
			famInvalid: {
				{name: "no level", request: put(path, `{}`), want: refusal(400, `Desired 'level' parameter was not specified in request\.`, "")},
				{name: "a level that is none", request: put(path, `{"level":"LOUD"}`), want: refusal(404, `invalid log level 'LOUD'\.`, errInvalid)},
				{name: "a number", request: put(path, `{"level":5}`), want: refusal(404, `invalid log level '5'\.`, errInvalid)},
				{name: "a level that is none, for the cluster", request: put(path+"?scope=cluster", `{"level":"LOUD"}`), want: refusal(404, `invalid log level 'LOUD'\.`, errInvalid)},
			},
		},
		reasons: map[string]string{famUnknownField: "it ignores fields that it does not know", famState: "it looks at no connector"},
	}
}
