package connecttest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// RoundTripper serves the workers in this process, without a socket, so that it works inside a testing/synctest bubble:
// the hosts worker-0, worker-1 … whatever the port, and [BalancedHost] when the server is Balanced. Another host is not
// found, a killed worker refuses the connection, and a request whose context ends returns at once.
func (s *Server) RoundTripper() http.RoundTripper { return roundTripper{s} }

// Client is an HTTP client on RoundTripper.
func (s *Server) Client() *http.Client { return &http.Client{Transport: roundTripper{s}} }

// InProcessURLs are the workers' base URLs for RoundTripper; their hosts and ports are the statuses' worker ids.
func (s *Server) InProcessURLs() []string {
	out := make([]string, len(s.workers))
	for i, w := range s.workers {
		out[i] = "http://" + w.id()
	}
	return out
}

// InProcessURL is the base URL for RoundTripper: the first worker's, or the balancer's of a Balanced server.
func (s *Server) InProcessURL() string {
	if s.cfg.Balanced {
		return "http://" + BalancedHost + ":8083"
	}
	return s.InProcessURLs()[0]
}

type roundTripper struct{ s *Server }

// RoundTrip implements http.RoundTripper.
func (t roundTripper) RoundTrip(r *http.Request) (*http.Response, error) {
	host := r.URL.Hostname()
	w := t.s.byHost(host)
	if w == nil {
		closeBody(r)
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}}
	}
	t.s.mu.Lock()
	alive := w.alive && !t.s.done
	life := w.ctx
	t.s.mu.Unlock()
	if !alive {
		closeBody(r)
		return nil, &net.OpError{Op: "dial", Net: "tcp", Addr: addr(w.id()), Err: syscall.ECONNREFUSED}
	}
	ctx, cancel := context.WithCancel(r.Context())
	in := r.Clone(ctx)
	in.RequestURI = r.URL.RequestURI()
	if in.Host == "" {
		in.Host = r.URL.Host
	}
	in.RemoteAddr = "in-process"
	if in.Body == nil {
		in.Body = http.NoBody
	}
	answer := newAnswer(ctx, cancel)
	go func() {
		defer closeBody(in)
		defer func() {
			switch v := recover(); v {
			case nil:
				answer.finish(nil)
			case http.ErrAbortHandler:
				answer.finish(&net.OpError{Op: "read", Net: "tcp", Addr: addr(w.id()), Err: syscall.ECONNRESET})
			default:
				answer.finish(fmt.Errorf("connecttest: the handler panicked: %v", v))
			}
		}()
		t.s.serve(w, answer, in)
	}()
	select {
	case <-answer.headed:
	case <-life.Done():
		answer.finish(&net.OpError{Op: "read", Net: "tcp", Addr: addr(w.id()), Err: syscall.ECONNRESET})
	case <-ctx.Done():
		cancel()
		return nil, context.Cause(ctx)
	}
	return answer.response(r)
}

func closeBody(r *http.Request) {
	if r.Body != nil {
		_ = r.Body.Close() // the caller's reader: nothing to do about it
	}
}

type addr string

func (addr) Network() string  { return "tcp" }
func (a addr) String() string { return string(a) }

// byHost finds the worker behind a host name of the RoundTripper.
func (s *Server) byHost(host string) *worker {
	if s.cfg.Balanced && host == BalancedHost {
		return s.nextWorker()
	}
	n, ok := strings.CutPrefix(host, "worker-")
	if !ok {
		return nil
	}
	i, err := strconv.Atoi(n)
	if err != nil || i < 0 || i >= len(s.workers) || strconv.Itoa(i) != n {
		return nil
	}
	return s.workers[i]
}

// nextWorker is the balancer's turn; it takes live workers while there are any.
func (s *Server) nextWorker() *worker {
	s.mu.Lock()
	defer s.mu.Unlock()
	for range s.workers {
		w := s.workers[s.next%len(s.workers)]
		s.next++
		if w.alive {
			return w
		}
	}
	return s.workers[0]
}

// answer is a response being written by one goroutine and read by another. The writer never waits for the reader, so a
// body that nobody reads or closes leaves no goroutine behind.
type answer struct {
	ctx    context.Context //nolint:containedctx // the request's own, for the reader of its body
	cancel context.CancelFunc
	header http.Header
	headed chan struct{}

	mu     sync.Mutex
	sent   http.Header
	status int
	data   bytes.Buffer
	ended  bool
	err    error
	more   chan struct{} // closed and replaced when something arrives
}

func newAnswer(ctx context.Context, cancel context.CancelFunc) *answer {
	return &answer{ctx: ctx, cancel: cancel, header: http.Header{}, headed: make(chan struct{}), more: make(chan struct{})}
}

func (a *answer) Header() http.Header { return a.header }

func (a *answer) WriteHeader(status int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.head(status)
}

func (a *answer) head(status int) {
	if a.status != 0 || status < 200 {
		return
	}
	a.status = status
	a.sent = http.Header{}
	for k, v := range a.header {
		if len(v) > 0 {
			a.sent[k] = append([]string(nil), v...)
		}
	}
	close(a.headed)
}

func (a *answer) Write(b []byte) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.head(http.StatusOK)
	if a.ended {
		return 0, io.ErrClosedPipe
	}
	a.data.Write(b)
	a.wake()
	return len(b), nil
}

// Flush implements http.Flusher: the header goes out at once.
func (a *answer) Flush() { a.WriteHeader(http.StatusOK) }

func (a *answer) wake() {
	close(a.more)
	a.more = make(chan struct{})
}

// finish ends the answer; only the first end counts.
func (a *answer) finish(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.ended {
		return
	}
	if err == nil {
		a.head(http.StatusOK)
	}
	a.ended, a.err = true, err
	if a.status == 0 {
		close(a.headed)
		a.cancel()
	}
	a.wake()
}

func (a *answer) response(r *http.Request) (*http.Response, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.status == 0 {
		return nil, a.err
	}
	length := int64(-1)
	if n, err := strconv.ParseInt(a.sent.Get("Content-Length"), 10, 64); err == nil {
		length = n
	}
	return &http.Response{
		Status: strconv.Itoa(a.status) + " " + http.StatusText(a.status), StatusCode: a.status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: a.sent, Body: (*answerBody)(a), ContentLength: length, Request: r,
	}, nil
}

// answerBody is the reader's side of an answer.
type answerBody answer

func (b *answerBody) Read(p []byte) (int, error) {
	for {
		b.mu.Lock()
		n, _ := b.data.Read(p)
		ended, err, more := b.ended, b.err, b.more
		b.mu.Unlock()
		switch {
		case n > 0 || len(p) == 0:
			return n, nil
		case ended && err != nil:
			return 0, err
		case ended:
			return 0, io.EOF
		}
		select {
		case <-more:
		case <-b.ctx.Done():
			return 0, context.Cause(b.ctx)
		}
	}
}

func (b *answerBody) Close() error {
	b.cancel()
	return nil
}
