package connecttest

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Handler is one worker as an http.Handler. A worker that is down breaks the connection.
func (s *Server) Handler(worker int) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		wk := s.worker("Handler", worker)
		s.mu.Unlock()
		if wk == nil {
			panic(http.ErrAbortHandler)
		}
		s.serve(wk, w, r)
	})
}

// statusWriter notes the status for Requests, before the client can know it.
type statusWriter struct {
	http.ResponseWriter
	answered func(status int)
	done     bool
}

func (w *statusWriter) WriteHeader(status int) {
	w.note(status)
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Write(b []byte) (int, error) {
	w.note(http.StatusOK)
	return w.ResponseWriter.Write(b)
}

// Flush implements http.Flusher, for interceptors that stream.
func (w *statusWriter) Flush() {
	w.note(http.StatusOK)
	_ = http.NewResponseController(w.ResponseWriter).Flush() // every writer here can; a client that has gone does not matter
}

func (w *statusWriter) note(status int) {
	if !w.done {
		w.done = true
		w.answered(status)
	}
}

func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (s *Server) serve(wk *worker, out http.ResponseWriter, r *http.Request) {
	r = r.WithContext(context.WithValue(r.Context(), workerKey{}, wk.index))
	body, answered := s.record(wk.index, r)
	w := &statusWriter{ResponseWriter: out, answered: answered}

	s.mu.Lock()
	interceptors := s.interceptors
	alive, frozen := wk.alive && !s.done, wk.frozen
	s.mu.Unlock()
	if !alive {
		panic(http.ErrAbortHandler)
	}
	if frozen != nil {
		select {
		case <-frozen:
		case <-s.closed:
		}
		s.mu.Lock()
		alive = wk.alive && !s.done
		s.mu.Unlock()
		if !alive {
			panic(http.ErrAbortHandler)
		}
	}
	for _, f := range slices.Backward(interceptors) {
		if f(w, r) {
			w.note(http.StatusOK) // what net/http makes of no answer
			return
		}
	}
	query, _ := url.ParseQuery(r.URL.RawQuery) // what cannot be parsed is left out
	rq := &request{http: r, worker: wk, query: query, body: body}
	answer := s.dispatch(rq)
	s.mu.Lock()
	lose := s.lose
	s.mu.Unlock()
	if lose != nil && lose(r) {
		panic(http.ErrAbortHandler)
	}
	answer.write(w, r.Method == http.MethodHead)
}

// dispatch is Jetty and Jersey: it finds the resource method and calls it.
func (s *Server) dispatch(rq *request) reply {
	s.mu.Lock()
	starting := rq.worker.starting
	s.mu.Unlock()
	if starting {
		return jettyPage(s.version, http.StatusNotFound, "Not Found", rq.http.URL.Path)
	}
	path := rq.http.URL.EscapedPath()
	if bad := s.checkURI(rq.http.Method, path); bad != nil {
		return *bad
	}
	rq.segments = strings.Split(strings.TrimSuffix(strings.TrimPrefix(path, "/"), "/"), "/")
	for i, segment := range rq.segments {
		rq.segments[i], _, _ = strings.Cut(segment, ";") // matrix parameters
	}
	var matched []endpoint
	for _, e := range endpoints {
		if e.since.reached(s.version) && (e.until == nil || !e.until.reached(s.version)) && rq.match(e.path) {
			matched = append(matched, e)
		}
	}
	if len(matched) == 0 {
		return refuseBare(http.StatusNotFound)
	}
	rq.match(matched[0].path)
	return s.invoke(rq, matched)
}

// match compares the path with a pattern, whose `{}` segments it decodes into params.
func (rq *request) match(pattern []string) bool {
	if len(pattern) != len(rq.segments) {
		return false
	}
	rq.params = rq.params[:0]
	for i, p := range pattern {
		segment := rq.segments[i]
		if p != "{}" {
			if p != segment {
				return false
			}
			continue
		}
		if segment == "" {
			return false
		}
		decoded, err := url.PathUnescape(segment)
		if err != nil {
			return false
		}
		rq.params = append(rq.params, decoded)
	}
	return true
}

// invoke picks the method: 405, 415 and 406 in Jersey's order, HEAD as GET, OPTIONS by itself, then authentication.
func (s *Server) invoke(rq *request, matched []endpoint) reply {
	method := rq.http.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	var found *endpoint
	for i := range matched {
		if matched[i].method == method {
			found = &matched[i]
		}
	}
	if found == nil {
		if method == http.MethodOptions {
			return options(rq, matched)
		}
		return refuseBare(http.StatusMethodNotAllowed)
	}
	if ct := rq.http.Header.Get("Content-Type"); ct != "" && !found.anyBody && !accepts(ct, contentJSON) {
		return refuseBare(http.StatusUnsupportedMediaType)
	}
	if accept := rq.http.Header.Values("Accept"); len(accept) > 0 && !accepts(strings.Join(accept, ","), contentJSON) {
		return refuseBare(http.StatusNotAcceptable)
	}
	if denied := s.authenticate(rq, found); denied != nil {
		return *denied
	}
	if found.entity && len(rq.body) > 0 && rq.http.Header.Get("Content-Type") == "" {
		// Without a type the method matches and its reader then refuses: that answer has a Content-Type.
		return refuse(http.StatusUnsupportedMediaType, "HTTP 415 Unsupported Media Type")
	}
	return found.call(s, rq)
}

// accepts reports whether a media type list admits one type.
func accepts(list, want string) bool {
	family, _, _ := strings.Cut(want, "/")
	for item := range strings.SplitSeq(list, ",") {
		t, _, _ := strings.Cut(item, ";")
		t = strings.ToLower(strings.TrimSpace(t))
		if t == want || t == "*/*" || t == "*" || t == family+"/*" {
			return true
		}
	}
	return false
}

// options is Jersey's own answer: the body only where the client takes plain text.
func options(rq *request, matched []endpoint) reply {
	has := map[string]bool{http.MethodOptions: true}
	for _, e := range matched {
		has[e.method] = true
		if e.method == http.MethodGet {
			has[http.MethodHead] = true
		}
	}
	var allow []string
	for _, m := range []string{"HEAD", "POST", "DELETE", "GET", "OPTIONS", "PUT", "PATCH"} {
		if has[m] {
			allow = append(allow, m)
		}
	}
	accept := strings.Join(rq.http.Header.Values("Accept"), ",")
	out := reply{status: http.StatusOK, kind: contentJSON}
	if accept == "" || accepts(accept, "text/plain") {
		out.kind, out.raw = "text/plain", strings.Join(allow, ", ")
	}
	return out.with("Allow", strings.Join(allow, ","))
}
