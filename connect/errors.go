package connect

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-reconnect/reconnect/internal/redact"
)

// The sentinels that an [*Error] matches with errors.Is.
var (
	// ErrNotFound is Connect's own 404, in its own words: the connector, task, plugin or logger does not exist. A 404 of a starting
	// worker or of a proxy is not this, it is ErrNotConnect.
	ErrNotFound = errors.New("not found")
	// ErrAlreadyExists is the 409 of a create on an existing name. It is permanent and never resent.
	ErrAlreadyExists = errors.New("already exists")
	// ErrRebalancing is every answer that a rebalance gives: four texts of 409 and the 500 "a rebalance is expected". Nothing was done.
	ErrRebalancing = errors.New("rebalancing")
	// ErrTimeout is the worker's 500 "Request timed out" (it may still be carried out), a gateway's 504, and an attempt or call that ran out of time.
	ErrTimeout = errors.New("timed out")
	// ErrInvalidConfig is a configuration, or a log level, that Connect or this package before sending refused.
	ErrInvalidConfig = errors.New("invalid configuration")
	// ErrNotStopped is the refusal to change the offsets of a connector that is not STOPPED.
	ErrNotStopped = errors.New("connector is not stopped")
	// ErrUnauthorized is a 401.
	ErrUnauthorized = errors.New("unauthorized")
	// ErrForbidden is a 403; Connect itself answers it where topic tracking is switched off.
	ErrForbidden = errors.New("forbidden")
	// ErrUnavailable is a worker that could not be reached, is still starting or unhealthy, cannot reach Kafka, or a gateway's 429, 502 or 503.
	ErrUnavailable = errors.New("unavailable")
	// ErrUnsupported is a call that the worker's Kafka is too old for (or, for tasks-config, too new). It also matches [errors.ErrUnsupported].
	ErrUnsupported error = unsupportedError{}
	// ErrNotConnect is an answer that Connect does not give: HTML, plain text, an empty or foreign body, a redirect.
	ErrNotConnect = errors.New("not an answer of Kafka Connect")
)

type unsupportedError struct{}

func (unsupportedError) Error() string        { return "not supported by this version of Kafka Connect" }
func (unsupportedError) Is(target error) bool { return target == errors.ErrUnsupported }

// Applied says whether a call that failed has taken effect.
type Applied int

const (
	// AppliedUnknown means that the change may have happened, or may still happen: Connect does not cancel a request that timed out.
	AppliedUnknown Applied = iota
	// AppliedNo means that nothing was changed. Errors of reads say so too.
	AppliedNo
	// AppliedYes means that the change was made, though the call failed.
	AppliedYes
)

// String returns unknown, no or yes.
func (a Applied) String() string {
	switch a {
	case AppliedNo:
		return "no"
	case AppliedYes:
		return "yes"
	default:
		return "unknown"
	}
}

// Error is what a call of the [Client] returns when it fails. Its text, its Message and its log form hold no secret; Body does.
type Error struct {
	// Method and Path are the request's; Path is escaped and has no base path and no query.
	Method, Path string
	// Worker is the base URL of the worker that was asked last, empty when none was.
	Worker string
	// StatusCode is the HTTP status, 0 without an answer. Code is the error_code of Connect's body, 0 without one.
	StatusCode, Code int
	// Message is the worker's message or a snippet of a foreign body, redacted and bounded.
	Message string
	// Body is the raw body, cut at 64 kB. It can hold secrets: Connect prints whole configurations. Do not log it.
	Body []byte
	// Applied says what is known about the effect of a call that writes.
	Applied Applied
	// Err is the transport, context or decoding error beneath, and nil for a plain answer.
	Err error

	kinds []error
}

const (
	maxErrorBody    = 64 << 10
	maxErrorMessage = 8 << 10
	maxSnippet      = 200
)

// Error returns method, path, status, message and, for a call that writes, what is known about its effect.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("connect")
	if e.Method != "" {
		b.WriteString(": " + e.Method + " " + e.Path)
	}
	if e.StatusCode != 0 {
		b.WriteString(": " + strconv.Itoa(e.StatusCode))
		if text := http.StatusText(e.StatusCode); text != "" {
			b.WriteString(" " + text)
		}
	}
	if e.Message != "" {
		b.WriteString(": " + e.Message)
	}
	if e.Err != nil {
		if text := redact.Text(e.Err.Error()); text != e.Message {
			b.WriteString(": " + text)
		}
	}
	if e.writes() && e.Applied != AppliedNo {
		b.WriteString(" (applied: " + e.Applied.String() + ")")
	}
	return b.String()
}

func (e *Error) writes() bool {
	return e.Method != http.MethodGet && e.Method != http.MethodHead && e.Method != ""
}

// Unwrap returns the cause: a transport or context error.
func (e *Error) Unwrap() error { return e.Err }

// Is matches the sentinels of this package. One error can match several: a starting worker is ErrNotConnect and ErrUnavailable.
func (e *Error) Is(target error) bool {
	for _, k := range e.kinds {
		if k == target || k == ErrUnsupported && target == errors.ErrUnsupported {
			return true
		}
	}
	return false
}

// Format prints the text of Error under every verb, so that Body is never printed.
func (e Error) Format(f fmt.State, verb rune) { formatText(f, verb, (&e).Error(), (&e).GoString()) }

// GoString keeps Body out of %#v.
func (e *Error) GoString() string { return "&connect.Error{" + strconv.Quote(e.Error()) + "}" }

// LogValue logs the error as a group, without its body.
func (e *Error) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("method", e.Method),
		slog.String("path", e.Path),
		slog.String("worker", e.Worker),
		slog.Int("status", e.StatusCode),
		slog.String("applied", e.Applied.String()),
		slog.String("msg", e.Error()),
	)
}

// errRedirect, errTooLarge and errAttemptTimeout are causes that Unwrap can give.
var (
	errTooLarge   = errors.New("the answer is larger than WithMaxResponseBytes allows")
	errEmptyBody  = errors.New("the body is empty")
	errNullBody   = errors.New("the body is null")
	errNoProgress = errors.New("the answer took longer than a call may")
)

type attemptTimeoutError struct{}

func (attemptTimeoutError) Error() string {
	return "no answer within the time of one attempt (WithTimeout)"
}
func (attemptTimeoutError) Timeout() bool   { return true }
func (attemptTimeoutError) Temporary() bool { return true }
func (attemptTimeoutError) Is(target error) bool {
	return target == context.DeadlineExceeded
}

// inputError is bad input, found before any request.
func inputError(kind error, format string, args ...any) *Error {
	e := &Error{Message: fmt.Sprintf(format, args...), Applied: AppliedNo}
	if kind != nil {
		e.kinds = []error{kind}
	}
	return e
}

// answer is one HTTP answer, read whole.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// errorBody is Connect's ErrorMessage; message can be null.
type errorBody struct {
	Code    *int    `json:"error_code"`
	Message *string `json:"message"`
}

func parseErrorBody(body []byte) (code int, message string, ok bool) {
	var eb errorBody
	if json.Unmarshal(body, &eb) != nil || eb.Code == nil {
		return 0, "", false
	}
	if eb.Message != nil {
		message = *eb.Message
	}
	return *eb.Code, message, true
}

// fault is what an answer that is no success means.
type fault struct {
	kinds      []error
	code       int
	message    string // raw
	snippet    string // of a foreign body
	rebalance  bool   // refused for the time being, nothing done: resent for any call
	starting   bool   // the worker has not opened its REST resources yet, nothing done: another worker, for any call
	connect    bool   // Connect's own error body
	mayHappen  bool   // the worker accepted the request and its outcome is open
	done       bool   // it was carried out, and failed afterwards
	badRequest bool
}

// messages of Connect that mean something; the only place where its texts are matched.
const (
	msgAlreadyExists   = " already exists"
	msgRebalance       = "a rebalance is expected"
	msgRoutingNotFound = "HTTP 404 Not Found"
	msgTimedOut        = "Request timed out"
	msgBadLevel        = "invalid log level"
	msgForward         = "rror trying to forward REST request: "
)

var rebalanceMessages = []string{
	"Cannot complete request momentarily due to",
	"Cannot complete request because of a conflicting operation",
	"Failed to complete zombie fencing because",
	"Fencing failed because new task configurations",
}

// classify is the one place that reads an answer that is no success.
func classify(a *answer) fault {
	var f fault
	f.code, f.message, f.connect = parseErrorBody(a.body)
	if !f.connect {
		f.snippet = snippet(a.body)
	}
	status, msg := a.status, f.message
	// A worker that could not relay the leader's answer wraps its text in a 500.
	_, inner, forwarded := strings.Cut(msg, msgForward)
	if !forwarded {
		inner = msg
	}
	is := func(kinds ...error) { f.kinds = append(f.kinds, kinds...) }
	switch {
	case !f.connect && f.workerStatus(a):
		is(ErrUnavailable)
	case !f.connect:
		f.foreign(a)
	case status == http.StatusNotFound && strings.HasPrefix(msg, msgBadLevel):
		is(ErrInvalidConfig) // 404 is also the answer for a logger that does not exist
		f.badRequest = true
	case status == http.StatusNotFound && msg != msgRoutingNotFound, forwarded && saysNotFound(inner):
		is(ErrNotFound)
	case strings.HasPrefix(inner, "Connector ") && strings.HasSuffix(inner, msgAlreadyExists) && (status == http.StatusConflict || forwarded):
		is(ErrAlreadyExists)
	case status == http.StatusConflict && (isRebalance(inner) || strings.Contains(strings.ToLower(inner), "rebalanc")), forwarded && isRebalance(inner), strings.Contains(msg, msgRebalance) && status >= 500:
		is(ErrRebalancing)
		f.rebalance = true
	case strings.Contains(msg, msgTimedOut) && status >= 500:
		is(ErrTimeout)
		f.mayHappen = true
	case strings.Contains(inner, "must be in the STOPPED state"):
		is(ErrNotStopped)
	case saysInvalidConfig(inner):
		is(ErrInvalidConfig)
		f.badRequest = true
	case status == http.StatusUnauthorized:
		is(ErrUnauthorized)
	case status == http.StatusForbidden:
		is(ErrForbidden)
	case strings.HasPrefix(msg, "Failed to start task: "):
		f.done = true
	case strings.HasPrefix(msg, "Error writing ") && strings.Contains(msg, " to Kafka"), msg == "Error removing connector configuration from Kafka", strings.Contains(msg, "Failed to write to config topic"), forwarded:
		is(ErrUnavailable)
		f.mayHappen = true
	case status == http.StatusTooManyRequests, status == http.StatusBadGateway, status == http.StatusServiceUnavailable:
		is(ErrUnavailable)
		f.mayHappen = status != http.StatusTooManyRequests
	case status == http.StatusGatewayTimeout, status == http.StatusRequestTimeout:
		is(ErrTimeout)
		f.mayHappen = true
	case status < 500 || saysBadBody(msg):
		f.badRequest = true
	default:
		f.mayHappen = true
	}
	return f
}

// workerStatus reads the body of GET /health by a worker that starts (503) or is unhealthy (500): Connect's own, but not its ErrorMessage.
func (f *fault) workerStatus(a *answer) bool {
	var h struct {
		Status  string  `json:"status"`
		Message *string `json:"message"`
	}
	if a.status != http.StatusInternalServerError && a.status != http.StatusServiceUnavailable || json.Unmarshal(a.body, &h) != nil || h.Message == nil {
		return false
	}
	if h.Status != HealthStarting && h.Status != HealthUnhealthy {
		return false
	}
	f.connect, f.message, f.snippet = true, h.Status+": "+*h.Message, ""
	return true
}

// foreign classifies an answer without Connect's error body.
func (f *fault) foreign(a *answer) {
	switch {
	case a.status == http.StatusUnauthorized:
		// The basic-auth extension answers plain text and calls it JSON.
		f.kinds = []error{ErrUnauthorized}
	case a.status == http.StatusForbidden:
		f.kinds = []error{ErrForbidden}
	case a.status == http.StatusNotFound && isJetty(a):
		f.kinds = []error{ErrNotConnect, ErrUnavailable}
		f.starting = true
	case a.status == http.StatusTooManyRequests:
		f.kinds = []error{ErrUnavailable}
	case a.status == http.StatusBadGateway, a.status == http.StatusServiceUnavailable:
		f.kinds = []error{ErrUnavailable, ErrNotConnect}
		f.mayHappen = true
	case a.status == http.StatusGatewayTimeout, a.status == http.StatusRequestTimeout:
		f.kinds = []error{ErrTimeout, ErrNotConnect}
		f.mayHappen = true
	default:
		f.kinds = []error{ErrNotConnect}
		f.mayHappen = a.status >= 500 || a.status < 300
	}
}

// isJetty recognises the 404 page that a worker's web server gives before Connect has attached its resources.
func isJetty(a *answer) bool {
	return strings.Contains(strings.ToLower(string(a.body[:min(len(a.body), 4096)])), "jetty") || strings.HasPrefix(a.header.Get("Server"), "Jetty")
}

func isRebalance(msg string) bool {
	for _, m := range rebalanceMessages {
		if strings.Contains(msg, m) {
			return true
		}
	}
	return strings.Contains(msg, msgRebalance)
}

func saysNotFound(msg string) bool {
	return strings.HasPrefix(msg, "Connector ") && strings.HasSuffix(msg, " not found") || strings.HasPrefix(msg, "Unknown connector") ||
		strings.HasPrefix(msg, "Unknown task") || strings.HasPrefix(msg, "No status found for ") || strings.HasPrefix(msg, "Status for connector ") && strings.HasSuffix(msg, " not found")
}

func saysInvalidConfig(msg string) bool {
	for _, m := range []string{
		"Connector configuration is invalid", "contains no connector type", "Failed to find any class that implements Connector",
		"doesn't match connector name in the URL", "does not match request type", "ConfigException: ",
	} {
		if strings.Contains(msg, m) {
			return true
		}
	}
	return false
}

// saysBadBody recognises what Jackson and a missing body make of a 500: nothing was done.
func saysBadBody(msg string) bool {
	for _, m := range []string{"Unrecognized ", "Unexpected ", "Cannot deserialize ", "Cannot construct ", "Cannot invoke ", "Illegal character", "Invalid UTF-8", "No content to map"} {
		if strings.HasPrefix(msg, m) {
			return true
		}
	}
	return false
}

// newError builds the error of an answer that is no success.
func (s *session) newError(a *answer, f *fault) *Error {
	e := &Error{
		Method: s.method, Path: s.path, Worker: s.workerURL(), StatusCode: a.status, Code: f.code,
		Body: bounded(a.body), kinds: f.kinds, Applied: AppliedUnknown,
	}
	switch {
	case s.ep.read, f.rebalance, f.starting, a.status < 500 && !f.mayHappen && a.status >= 300, f.badRequest:
		e.Applied = AppliedNo
	case f.done:
		e.Applied = AppliedYes
	}
	switch {
	case f.connect:
		e.Message = s.clean(f.message)
	case a.status >= 300 && a.status < 400:
		e.Message = s.clean("redirected to " + redirectTarget(a) + "; redirects are not followed, configure that URL if it is Kafka Connect")
	case f.starting:
		e.Message = "the worker is still starting (its web server answers, Connect does not yet)"
	default:
		e.Message = s.clean(f.snippet)
	}
	s.nameUnsupported(e, a, f)
	return e
}

func redirectTarget(a *answer) string {
	loc := a.header.Get("Location")
	if i := strings.IndexAny(loc, "?#"); i >= 0 {
		loc = loc[:i]
	}
	if loc == "" {
		return "nowhere"
	}
	return loc
}

// decodeError is a success whose body is not what the endpoint answers.
func (s *session) decodeError(a *answer, cause error) *Error {
	e := &Error{
		Method: s.method, Path: s.path, Worker: s.workerURL(), StatusCode: a.status, Body: bounded(a.body),
		Applied: AppliedUnknown, kinds: []error{ErrNotConnect},
	}
	if s.ep.read {
		e.Applied = AppliedNo
	}
	e.Message = "the body is not what this endpoint answers: " + s.clean(describeDecode(cause))
	// Of what may be a configuration that is cut off nothing is shown.
	if text := snippet(a.body); text != "" && !strings.ContainsAny(text[:1], `{["`) {
		e.Message += ": " + s.clean(text)
	}
	return e
}

// describeDecode keeps the values that encoding/json quotes out of the text.
func describeDecode(err error) string {
	if te, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return "unexpected JSON " + strings.Fields(te.Value + " ?")[0] + " at " + te.Field
	}
	if _, ok := errors.AsType[*json.SyntaxError](err); ok {
		return "not JSON"
	}
	return err.Error()
}

// transportError is a call without an answer.
func (s *session) transportError(err error, sent bool) *Error {
	e := &Error{Method: s.method, Path: s.path, Worker: s.workerURL(), Err: unwrapURL(err), Applied: AppliedUnknown}
	if s.ep.read || !sent {
		e.Applied = AppliedNo
	}
	var ne net.Error
	switch {
	case errors.Is(err, context.Canceled):
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &ne) && ne.Timeout():
		e.kinds = []error{ErrTimeout}
	case errors.Is(err, errTooLarge):
		if !s.ep.read {
			e.Applied = AppliedYes
		}
	case errors.Is(err, errCredentials):
	default:
		e.kinds = []error{ErrUnavailable}
	}
	return e
}

// bounded copies the head of a body.
func bounded(body []byte) []byte {
	return append([]byte(nil), body[:min(len(body), maxErrorBody)]...)
}

// snippet turns a foreign body into one short line: tags dropped, white space collapsed.
func snippet(body []byte) string {
	body = body[:min(len(body), 4096)]
	var b strings.Builder
	tag, space := false, false
	for _, r := range strings.ToValidUTF8(string(body), "?") {
		switch {
		case r == '<':
			tag, space = true, true
		case r == '>' && tag:
			tag = false
		case tag:
		case r <= ' ' || r == 0x7f:
			space = true
		default:
			if space && b.Len() > 0 {
				b.WriteByte(' ')
			}
			space = false
			b.WriteRune(r)
		}
		if b.Len() >= maxSnippet {
			b.WriteString("...")
			break
		}
	}
	return b.String()
}

// cutMessage bounds a message without cutting a rune.
func cutMessage(s string) string {
	if len(s) <= maxErrorMessage {
		return s
	}
	n := maxErrorMessage
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "... (cut)"
}
