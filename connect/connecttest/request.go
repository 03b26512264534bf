package connecttest

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// maxRecorded bounds the body that a Request keeps.
const maxRecorded = 1 << 20

// Request is one request that reached a worker, in order of arrival.
type Request struct {
	Time   time.Time
	Worker int
	Method string
	Path   string // as sent: still percent-encoded
	Query  string
	Header http.Header
	Body   []byte // at most 1 MiB
	Status int    // what was answered; 0 while it waits and when the connection broke
}

// Requests lists what has reached the workers so far. Requests that workers forward to each other are not in it.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// ResetRequests forgets the requests so far.
func (s *Server) ResetRequests() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = nil
	s.requestBase++
}

// Intercept puts a function in front of every worker: one that answers the request itself returns true. The last one
// given is asked first. It may panic with http.ErrAbortHandler to break the connection, and wait on the request's
// context. [WorkerOf] tells which worker was asked.
func (s *Server) Intercept(f func(w http.ResponseWriter, r *http.Request) (handled bool)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f == nil {
		s.misuse("Intercept: the function is nil")
		return
	}
	s.interceptors = append(s.interceptors, f)
}

// LoseAnswers makes the requests that match reach the worker and be carried out, and the connection break before the
// answer: what a client must take for unknown. nil ends it.
func (s *Server) LoseAnswers(match func(*http.Request) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lose = match
}

// request is a request on its way through a worker.
type request struct {
	http   *http.Request
	worker *worker
	// segments is the path, still encoded, without a trailing slash.
	segments []string
	params   []string // decoded
	query    url.Values
	body     []byte
}

// flag is Boolean.parseBoolean of a query parameter: "true" in any case, everything else is false.
func (rq *request) flag(name string) bool { return strings.EqualFold(rq.query.Get(name), "true") }

type workerKey struct{}

// WorkerOf tells an interceptor which worker a request was sent to; -1 for a request that reached none.
func WorkerOf(r *http.Request) int {
	if i, ok := r.Context().Value(workerKey{}).(int); ok {
		return i
	}
	return -1
}

// record keeps a request and returns a function that adds its status.
func (s *Server) record(worker int, r *http.Request) (body []byte, answered func(int)) {
	if r.Body != nil {
		body, _ = io.ReadAll(r.Body) // a body that breaks off is as short as what arrived
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, Request{
		Time: time.Now(), Worker: worker, Method: r.Method, Path: r.URL.EscapedPath(), Query: r.URL.RawQuery,
		Header: r.Header.Clone(), Body: slices.Clone(body[:min(len(body), maxRecorded)]),
	})
	n, base := len(s.requests)-1, s.requestBase
	return body, func(status int) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if base == s.requestBase {
			s.requests[n].Status = status
		}
	}
}
