package connect_test

import (
	"net/http"
	"slices"
	"strings"

	"github.com/go-reconnect/reconnect/internal/kversion"
)

// phase is the state of the cluster in which a case is sent.
type phase string

const (
	phaseStatic     phase = ""           // two workers, nothing going on
	phaseNoTracking phase = "notracking" // topic.tracking.enable=false
	phaseAuth       phase = "auth"       // the basic-auth extension
	phaseOld        phase = "old"        // a Kafka that is too old for the endpoint
	phaseRebalance  phase = "rebalance"  // a config change was seen, the rebalance has not begun
	phaseBusy       phase = "busy"       // the herder does not come to it
	phaseUndetected phase = "undetected" // a worker was killed and the group has not noticed
	phaseOrphaned   phase = "orphaned"   // the group has noticed; its work waits for it
	phaseDown       phase = "down"       // sent to the killed worker
	phaseStarting   phase = "starting"   // sent to a worker that starts
)

// onReal says which phases a real cluster is brought into, and why not the others.
var onReal = map[phase]string{
	phaseStatic: "", phaseDown: "", phaseUndetected: "", phaseOrphaned: "", phaseStarting: "",
	phaseAuth: "", phaseNoTracking: "", phaseBusy: "", // a worker of its own: of the newest version, busy in a soak of each
	phaseOld:       "from source only: versions below 3.9 are not run",
	phaseRebalance: "the window is a race that no request can hold open; the integration test asserts the answers under load instead",
}

// The families of the table: what an endpoint can answer.
const (
	famOK           = "success"
	famUnknown      = "unknown name"
	famMethod       = "wrong method"
	famAccept       = "answer type that it has not"
	famType         = "body type that it does not read"
	famMalformed    = "malformed body"
	famNull         = "null body"
	famKind         = "body of another kind"
	famUnknownField = "unknown field"
	famInvalid      = "invalid value"
	famState        = "state that does not allow it"
	famPath         = "name that no path can hold"
	famForward      = "forwarded by another worker"
	famOld          = "Kafka that is too old"
	famAuth         = "no credentials"
	famRebalance    = "rebalance pending"
	famGone         = "owner gone"
	famDown         = "worker down"
	famStarting     = "worker starting"
	famBusy         = "herder busy"
)

var families = []string{
	famOK, famUnknown, famMethod, famAccept, famType, famMalformed, famNull, famKind, famUnknownField, famInvalid, famState,
	famPath, famForward, famOld, famAuth, famRebalance, famGone, famDown, famStarting, famBusy,
}

// cell returns the cases of a family for an endpoint, or why there are none.
func (e contractEndpoint) cell(family string, table []contractEndpoint) (cases []contractCase, reason string) {
	if cases := e.cells[family]; len(cases) > 0 {
		return cases, ""
	}
	if reason := e.reasons[family]; reason != "" {
		return nil, reason
	}
	named := strings.Contains(e.path, "{")
	request := e.request()
	switch family {
	case famUnknown:
		if !named {
			return nil, "its path names nothing"
		}
	case famInvalid, famUnknownField:
		if e.body == "" && !strings.Contains(e.path, "{t}") {
			return nil, "it takes nothing that could be invalid"
		}
		if family == famUnknownField && e.body == "" {
			return nil, "it reads no body"
		}
	case famState:
		if e.method == http.MethodGet || !named {
			return nil, "it reads in every state"
		}
	case famMethod:
		return e.wrongMethod(request, table), ""
	case famAccept:
		request.Header = map[string]string{"Accept": "text/plain"}
		return one("text/plain", request, bare(e, 406, "HTTP 406 Not Acceptable")), ""
	case famType:
		if e.path == "/" || e.path == "/health" {
			return nil, "its resource declares no body type, so that any is accepted"
		}
		request.Body, request.Header = "x", map[string]string{"Content-Type": "text/plain"}
		return one("text/plain", request, bare(e, 415, "HTTP 415 Unsupported Media Type")), ""
	case famMalformed, famNull, famKind:
		return e.badBody(family, request)
	case famPath:
		if !named {
			return nil, "its path names nothing"
		}
		return e.unaddressable(request), ""
	case famForward:
		if e.where == anyWorker || e.where == herder {
			return nil, "the worker that is asked answers it itself"
		}
		return nil, "see " + famOK + ": those cases go to both workers"
	case famOld:
		return e.older(request)
	case famAuth:
		return one("401", request, func(w *world) wanted {
			if e.absent(w) {
				return wanted{status: 404, message: "HTTP 404 Not Found", shape: errorShape}
			}
			return wanted{status: 401, kind: jsonType, text: "User cannot access the resource.", class: errUnauthorized}
		}).in(phaseAuth), ""
	case famRebalance:
		return e.rebalancing(request)
	case famGone:
		return e.gone(request)
	case famDown:
		return one("refused", request, sameEverywhere(wanted{down: true})).in(phaseDown), ""
	case famStarting:
		return one("Jetty's page", request, sameEverywhere(wanted{status: 404, page: "Not Found", class: errNotConnect})).in(phaseStarting), ""
	case famBusy:
		return e.busy(request), ""
	}
	return nil, ""
}

func (e contractEndpoint) request() contractRequest {
	return contractRequest{Method: e.method, Path: e.example, Body: e.body}
}

type contractCases []contractCase

func one(name string, request contractRequest, want func(*world) wanted) contractCases {
	return contractCases{{name: name, request: request, want: want}}
}

func (c contractCases) in(p phase) contractCases {
	for i := range c {
		c[i].phase = p
	}
	return c
}

func (e contractEndpoint) absent(w *world) bool {
	return e.until != [2]int{} && w.atLeast(e.until[0], e.until[1])
}

// bare is a JSON error body without a Content-Type: no resource method was reached.
func bare(e contractEndpoint, status int, message string) func(*world) wanted {
	return func(w *world) wanted {
		if e.absent(w) {
			return wanted{status: 404, message: "HTTP 404 Not Found", shape: errorShape}
		}
		return wanted{status: status, message: message, shape: errorShape}
	}
}

func (e contractEndpoint) wrongMethod(request contractRequest, table []contractEndpoint) contractCases {
	path, _, _ := strings.Cut(e.path, "?")
	var known []string
	for _, o := range table {
		if p, _, _ := strings.Cut(o.path, "?"); p == path {
			known = append(known, o.method)
		}
	}
	for _, m := range []string{http.MethodDelete, http.MethodPatch, http.MethodPost} {
		if !slices.Contains(known, m) {
			return one(m, contractRequest{Method: m, Path: request.Path}, bare(e, 405, "HTTP 405 Method Not Allowed"))
		}
	}
	return nil
}

func (e contractEndpoint) badBody(family string, request contractRequest) (contractCases, string) {
	if e.body == "" {
		return nil, "it reads no body"
	}
	body := func(name, text string) contractCase {
		q := request
		q.Body = text
		return contractCase{name: name, request: q, want: anyMessage()}
	}
	switch family {
	case famMalformed:
		return contractCases{body("cut off", "{"), body("no JSON", "hello"), body("cut off within", `{"a":{"b":1}`), body("a comma too many", `{"a":"b",}`), body("no colon", `{"a" "b"}`)}, ""
	case famKind:
		return contractCases{body("an array", "[]"), body("a string", `"x"`), body("a number", "5")}, ""
	}
	missing := request
	missing.Body, missing.Header = "", map[string]string{"Content-Type": jsonType}
	untyped := request
	untyped.NoType = true
	return contractCases{
		body("null", "null"),
		{name: "no body", request: missing, want: anyMessage()},
		{name: "no type", request: untyped, want: refusal(415, "HTTP 415 Unsupported Media Type", "")},
	}, ""
}

// unaddressable names hold what Jetty 12 refuses to read in a path; Kafka 3.9 reads it.
func (e contractEndpoint) unaddressable(request contractRequest) contractCases {
	var out contractCases
	for _, row := range []struct{ name, encoded, title string }{
		{"a slash", "a%2Fb", "Ambiguous URI path separator"},
		{"a percent sign", "50%25", "Ambiguous URI path encoding"},
		{"a backslash", "a%5Cb", "Suspicious Path Character"},
		{"two dots", "%2E%2E", "Ambiguous URI path segment"},
	} {
		segments := strings.Split(request.Path, "/")
		segments[2] = row.encoded
		if segments[1] == "admin" {
			segments[2], segments[3] = "loggers", row.encoded
		}
		q := request
		q.Path = strings.Join(segments, "/")
		if e.method == http.MethodPut && strings.HasSuffix(e.path, "/config") {
			q.Body = "{}" // a good one would create it on Kafka 3.9
		}
		out = append(out, contractCase{name: row.name, request: q, alone: "which worker answers decides the text", want: func(w *world) wanted {
			if !w.atLeast(4, 0) {
				return wanted{status: -1} // read, and answered as any name: see the integration test of names
			}
			if e.method == http.MethodGet || e.method == http.MethodPost {
				return wanted{status: 400, page: row.title, class: errNotConnect}
			}
			return wanted{status: 400, class: errNotConnect}
		}})
	}
	return out
}

// older is sent to the newest Kafka that does not have the endpoint.
func (e contractEndpoint) older(request contractRequest) (contractCases, string) {
	if e.since == [2]int{} {
		return nil, "it is as old as the API"
	}
	want := sameEverywhere(wanted{status: 404, message: "HTTP 404 Not Found", shape: errorShape})
	switch {
	case strings.HasSuffix(e.path, "?includeTasks"):
		want = done(204) // an unknown parameter is ignored
	case e.method == http.MethodPatch, e.method == http.MethodDelete:
		want = sameEverywhere(wanted{status: 405, message: "HTTP 405 Method Not Allowed", shape: errorShape})
	}
	return one("before "+kversion.Version{Major: e.since[0], Minor: e.since[1]}.String(), request, want).in(phaseOld), ""
}

func (e contractEndpoint) rebalancing(request contractRequest) (contractCases, string) {
	switch e.gated {
	case 409:
		return one("409", request, refusal(409, `Cannot complete request momentarily due to stale configuration \(typically caused by a concurrent config change\)`, errRebalancing)).in(phaseRebalance), ""
	case 500:
		return one("500", request, func(w *world) wanted {
			if e.absent(w) {
				return wanted{status: 404, message: "HTTP 404 Not Found", shape: errorShape}
			}
			return wanted{status: 500, kind: jsonType, message: "Request cannot be completed because a rebalance is expected", shape: errorShape, class: errRebalancing}
		}).in(phaseRebalance), ""
	}
	if e.method != http.MethodGet {
		return nil, "it is not held up by a rebalance"
	}
	return one("is answered", request, sameEverywhere(wanted{status: 200, kind: jsonType})).in(phaseRebalance), ""
}

// gone is what becomes of instances whose worker was killed.
func (e contractEndpoint) gone(request contractRequest) (contractCases, string) {
	switch {
	case strings.HasSuffix(e.path, "/status"), strings.HasSuffix(e.path, "?includeTasks"):
		status, shape := 200, func(w *world) string { return statusShape(w, runningTask(w)) }
		if e.method == http.MethodPost {
			status = 202
		}
		if strings.Contains(e.path, "{t}") {
			shape = runningTask
		}
		q := request
		q.Path = strings.NewReplacer("<sink>", "<ghost>", "<many>", "<ghost>").Replace(q.Path)
		want := func(w *world) wanted { return wanted{status: status, kind: jsonType, shape: shape(w)} }
		return append(one("unnoticed, as if nothing had happened", q, want).in(phaseUndetected), one("noticed, as if nothing had happened", q, want).in(phaseOrphaned)...), ""
	case e.where == owner:
		q := request
		q.Path = strings.Replace(q.Path, "<many>", "<ghost>", 1)
		return append(
			one("unnoticed, the forwarded call fails", q, refusal(500, `IO Error trying to forward REST request: java\.net\.UnknownHostException: worker-\d.*`, "")).in(phaseUndetected),
			one("noticed, nobody owns it", q, refusal(409, `Cannot complete request momentarily due to no known leader URL, likely because a rebalance was underway\.`, errRebalancing)).in(phaseOrphaned)...,
		), ""
	}
	return nil, "it does not need the worker that runs an instance"
}

// busy is asked of a worker whose herder is stuck. What the herder is not needed for is answered at once.
func (e contractEndpoint) busy(request contractRequest) contractCases {
	switch {
	case e.path == "/health":
		return one("unhealthy after 10 s", request, sameEverywhere(wanted{status: 500, kind: jsonType, shape: "{message: string, status: string}", class: errUnavailable})).in(phaseBusy)
	case e.where == anyWorker:
		return one("is answered at once", request, func(*world) wanted { return wanted{status: -2} }).in(phaseBusy)
	case strings.HasSuffix(e.path, "/pause"), strings.HasSuffix(e.path, "/resume"):
		return one("500 after 30 s", request, refusal(500, "Error writing target state to Kafka", "")).in(phaseBusy)
	case strings.HasSuffix(e.path, "/stop"): // the first write, which the others wait for
		return one("500 after 30 s", request, func(w *world) wanted {
			if e.absent(w) {
				return wanted{status: 404, message: "HTTP 404 Not Found", shape: errorShape}
			}
			return refusal(500, "Error writing root configuration to Kafka", "")(w)
		}).in(phaseBusy)
	}
	return one("500 after 90 s", request, func(w *world) wanted {
		if e.absent(w) {
			return wanted{status: 404, message: "HTTP 404 Not Found", shape: errorShape}
		}
		return timedOut(w)
	}).in(phaseBusy)
}

// timedOut is what the herder did not come to in 90 s. Since 3.7 a stage is named, if the worker knows of one.
func timedOut(w *world) wanted {
	message := "Request timed out"
	if w.atLeast(3, 7) {
		const at = `\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z`
		message += `(?:\. (?:The worker is currently [^.]+, which began at ` + at + `\.|The last operation the worker completed was [^.]+, which began at ` + at + ` and completed at ` + at + `\.?))?`
	}
	return wanted{status: 500, kind: jsonType, message: message, shape: errorShape, class: errTimeout}
}
