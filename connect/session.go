package connect

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"github.com/go-reconnect/reconnect/internal/redact"
)

// session is one call: its request, and what became of its attempts.
type session struct {
	c       *Client
	ep      *endpoint
	method  string
	path    string // escaped, without base path
	query   string
	body    []byte
	secrets []string // values that no message may repeat
	retries int      // how often the call may be sent again
	stream  bool     // the answer's body is not read here
	accept  func(*answer) bool

	at       int // index of the worker that is asked
	tried    map[int]bool
	attempt  int
	repeated int
	noWait   bool
	reauthed bool
	sentAuth string
	started  time.Time
	gotConn  atomic.Bool
	traced   atomic.Bool

	last      *answer
	lastFault fault
	lastErr   error
	lastSent  bool
}

var errCredentials = errors.New("the credentials could not be obtained")

func (c *Client) newSession(ep *endpoint, path string) *session {
	return &session{c: c, ep: ep, method: ep.method, path: path, retries: c.core.retry.Max, tried: map[int]bool{}, at: int(c.cur.Load()) % len(c.workers)}
}

func (s *session) worker() *worker { return s.c.workers[s.at] }

func (s *session) workerURL() string {
	if s.attempt == 0 {
		return ""
	}
	return s.worker().url
}

// clean redacts a text, also of the literal secrets that this call has sent.
func (s *session) clean(text string) string {
	text = cutMessage(text)
	for _, v := range s.secrets {
		text = strings.ReplaceAll(text, v, redact.Mask)
	}
	return redact.Text(text)
}

// do sends the call by the table and returns the answer when it is a success (2xx, or what accept takes).
func (s *session) do(ctx context.Context) (*answer, error) {
	if _, ok := ctx.Deadline(); !ok && !s.stream {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, defaultCallTimeout)
		defer cancel()
	}
	resp, err := s.send(ctx)
	if err != nil {
		return nil, err
	}
	_ = resp.Body.Close()
	return s.last, nil
}

// send runs the attempts. Without an error the answer is a success; its body is still to be read with stream.
func (s *session) send(ctx context.Context) (*http.Response, error) {
	if err := ctx.Err(); err != nil {
		return nil, s.transportError(context.Cause(ctx), false)
	}
	req, err := retryablehttp.NewRequestWithContext(httptrace.WithClientTrace(ctx, s.trace()), s.method, s.worker().url, s.rawBody())
	if err != nil {
		return nil, s.transportError(err, false)
	}
	if err := s.prepare(req.Request); err != nil {
		return nil, s.transportError(err, false)
	}
	core := s.c.core
	hc := *core.http
	hc.Transport = &attemptTransport{base: core.http.Transport, limit: s.limit(), idle: s.stream}
	rc := &retryablehttp.Client{
		HTTPClient:   &hc,
		RetryMax:     s.retries + len(s.c.workers) + 1, // the real bound is in check: a failover to an untried worker and a renewed log-in are not counted
		CheckRetry:   s.check,
		Backoff:      func(_, _ time.Duration, _ int, resp *http.Response) time.Duration { return s.backoff(ctx, resp) },
		ErrorHandler: retryablehttp.PassthroughErrorHandler,
		PrepareRetry: s.prepare,
	}
	resp, err := rc.Do(req)
	switch {
	case ctx.Err() != nil && (err != nil || s.lastErr != nil):
		closeBody(resp)
		return nil, s.interrupted(ctx)
	case s.lastErr != nil:
		closeBody(resp)
		return nil, s.transportError(s.lastErr, s.lastSent)
	case err != nil:
		closeBody(resp)
		return nil, s.transportError(err, false)
	case s.last != nil && !s.ok(s.last):
		closeBody(resp)
		return nil, s.newError(s.last, &s.lastFault)
	}
	return resp, nil
}

func closeBody(resp *http.Response) {
	if resp != nil {
		_ = resp.Body.Close()
	}
}

// interrupted is a call whose context ended: what the last attempt is known to have done decides Applied, and the last answer is worth telling.
func (s *session) interrupted(ctx context.Context) *Error {
	e := s.transportError(context.Cause(ctx), s.lastSent)
	if !errors.Is(e.Err, ctx.Err()) {
		e.Err = errors.Join(ctx.Err(), e.Err)
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) && !slices.Contains(e.kinds, ErrTimeout) {
		e.kinds = append(e.kinds, ErrTimeout)
	}
	if s.last != nil && s.lastErr == nil {
		was := s.newError(s.last, &s.lastFault)
		e.StatusCode, e.Code, e.Message, e.Body = was.StatusCode, was.Code, was.Message, was.Body
		e.kinds = append(e.kinds, was.kinds...)
		e.Applied = was.Applied
	}
	return e
}

func (s *session) rawBody() any {
	if s.body == nil {
		return nil
	}
	return s.body
}

// limit is the time of one attempt.
func (s *session) limit() time.Duration {
	switch {
	case s.c.core.timeout > 0:
		return s.c.core.timeout
	case s.ep.patience > 0:
		return s.ep.patience
	case s.ep.herder:
		return defaultHerderTimeout
	default:
		return defaultReadTimeout
	}
}

func (s *session) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GetConn: func(string) { s.traced.Store(true) },
		GotConn: func(httptrace.GotConnInfo) { s.gotConn.Store(true) },
	}
}

// prepare aims the request at the current worker and puts fresh credentials on it. It runs before every attempt.
func (s *session) prepare(req *http.Request) error {
	core, w := s.c.core, s.worker()
	u := *w.origin
	raw := w.basePath + s.path
	decoded, err := url.PathUnescape(raw)
	if err != nil {
		return err
	}
	u.Path, u.RawPath, u.RawQuery = decoded, raw, s.query
	req.URL, req.Host = &u, u.Host
	h := make(http.Header, 6)
	h.Set("Accept", "application/json")
	if s.body != nil {
		h.Set("Content-Type", "application/json")
	}
	h.Set("User-Agent", core.userAgent)
	for k, vs := range core.header {
		if k == "Host" {
			req.Host = vs[0]
			continue
		}
		h[k] = slices.Clone(vs)
	}
	switch {
	case core.auth != nil:
		header, secret, err := core.auth(req.Context())
		if err != nil {
			s.lastErr = errors.Join(errCredentials, err)
			s.lastSent = false
			return s.lastErr
		}
		h.Set("Authorization", header)
		s.sentAuth = header
		s.addSecret(secret)
		s.addSecret(header)
	case w.user != nil:
		password, _ := w.user.Password()
		h.Set("Authorization", basicHeader(w.user.Username(), password))
		s.addSecret(password)
	}
	req.Header = h
	s.attempt++
	s.tried[s.at] = true
	s.gotConn.Store(false)
	s.traced.Store(false)
	s.lastErr, s.last = nil, nil
	s.started = time.Now()
	if core.hooks.Request != nil {
		core.hooks.Request(s.event())
	}
	return nil
}

func (s *session) addSecret(v string) {
	if len(v) > 3 && !slices.Contains(s.secrets, v) {
		s.secrets = append(s.secrets, v)
	}
}

func (s *session) event() Event {
	return Event{Method: s.method, Path: s.path, Endpoint: s.method + " " + s.ep.pattern, Worker: s.worker().url, Attempt: s.attempt}
}

func (s *session) ok(a *answer) bool {
	return a.status >= 200 && a.status < 300 || s.accept != nil && s.accept(a)
}

// check is retryablehttp's CheckRetry: it reads the answer and asks the table.
func (s *session) check(ctx context.Context, resp *http.Response, err error) (bool, error) {
	s.last, s.lastErr, s.lastFault = nil, nil, fault{}
	s.lastSent = s.gotConn.Load() || !s.traced.Load()
	if err == nil {
		a := &answer{status: resp.StatusCode, header: resp.Header}
		if !s.stream || resp.StatusCode < 200 || resp.StatusCode > 299 {
			a.body, err = readBounded(resp.Body, s.c.core.maxBytes)
		}
		if err == nil {
			s.last = a
		}
	}
	if err != nil {
		s.lastErr = err
		if neverSent(err) {
			s.lastSent = false
		}
	}
	s.report(ctx)
	var v verdict
	switch {
	case err != nil:
		v = s.ep.judgeError(ctx, err, s.lastSent)
	case s.ok(s.last):
		v = stop
	default:
		s.lastFault = classify(s.last)
		v = s.ep.judge(s.last, &s.lastFault)
	}
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	return s.next(ctx, v), nil
}

// next decides whether there is another attempt, and where.
func (s *session) next(ctx context.Context, v verdict) bool {
	s.noWait = false
	switch v {
	case reauth:
		if !s.c.core.rotates || s.reauthed {
			return false
		}
		s.reauthed, s.noWait = true, true
		header, _, err := s.c.core.auth(ctx)
		return err == nil && header != s.sentAuth
	case failover:
		from := s.at
		if to, ok := s.untried(); ok && (s.retries > 0 || s.notDone()) {
			s.moveTo(ctx, from, to)
			s.noWait = true
			return true
		}
		if s.repeated >= s.retries {
			return false
		}
		if n := len(s.c.workers); n > 1 {
			s.moveTo(ctx, from, (from+1)%n)
		}
	case again:
		if s.repeated >= s.retries {
			return false
		}
	case stop:
		return false
	}
	s.repeated++
	return true
}

// notDone reports whether the last attempt certainly never reached Connect.
func (s *session) notDone() bool { return s.lastErr != nil && !s.lastSent || s.lastFault.starting }

func (s *session) untried() (int, bool) {
	n := len(s.c.workers)
	for i := 1; i < n; i++ {
		if at := (s.at + i) % n; !s.tried[at] {
			return at, true
		}
	}
	return 0, false
}

// moveTo makes another worker the current one, for the calls that follow too.
func (s *session) moveTo(ctx context.Context, from, to int) {
	core := s.c.core
	e := s.event()
	s.c.cur.CompareAndSwap(int64(from), int64(to))
	s.at = to
	e.Next = s.worker().url
	s.fillOutcome(&e)
	core.logger.LogAttrs(ctx, slog.LevelWarn, "connect: another worker is asked from now on", slog.String("worker", e.Worker), slog.String("next", e.Next), slog.Int("status", e.StatusCode), errAttr(e.Err))
	if core.hooks.Failover != nil {
		core.hooks.Failover(e)
	}
}

// backoff is retryablehttp's Backoff.
func (s *session) backoff(ctx context.Context, resp *http.Response) time.Duration {
	if s.noWait {
		return 0
	}
	core := s.c.core
	e := s.event()
	e.Wait = core.retry.wait(s.repeated-1, resp)
	s.fillOutcome(&e)
	core.logger.LogAttrs(ctx, slog.LevelWarn, "connect: the call is sent again", slog.String("method", s.method), slog.String("path", s.path), slog.String("worker", e.Worker),
		slog.Int("attempt", s.attempt), slog.Int("status", e.StatusCode), slog.Duration("wait", e.Wait), errAttr(e.Err))
	if core.hooks.Retry != nil {
		core.hooks.Retry(e)
	}
	return e.Wait
}

func (s *session) fillOutcome(e *Event) {
	if s.last != nil {
		e.StatusCode = s.last.status
	}
	if s.lastErr != nil {
		e.Err = errors.New(s.clean(unwrapURL(s.lastErr).Error()))
	}
}

func (s *session) report(ctx context.Context) {
	core := s.c.core
	e := s.event()
	e.Duration = time.Since(s.started)
	s.fillOutcome(&e)
	core.logger.LogAttrs(ctx, slog.LevelDebug, "connect: request", slog.String("method", s.method), slog.String("path", s.path), slog.String("worker", e.Worker),
		slog.Int("attempt", s.attempt), slog.Int("status", e.StatusCode), slog.Duration("duration", e.Duration), errAttr(e.Err))
	if core.hooks.Response != nil {
		core.hooks.Response(e)
	}
}

func errAttr(err error) slog.Attr {
	if err == nil {
		return slog.Attr{}
	}
	return slog.String("err", err.Error())
}

// readBounded reads a whole body of at most limit bytes.
func readBounded(r io.Reader, limit int64) ([]byte, error) {
	var buf bytes.Buffer
	n, err := io.Copy(&buf, io.LimitReader(r, limit))
	if err != nil {
		return nil, err
	}
	if n == limit {
		if m, _ := r.Read(make([]byte, 1)); m > 0 {
			return nil, errTooLarge
		}
	}
	return buf.Bytes(), nil
}

// attemptTransport bounds one attempt: until the body is read, or, with idle, each wait for more of it.
type attemptTransport struct {
	base  http.RoundTripper
	limit time.Duration
	idle  bool
}

// RoundTrip implements http.RoundTripper.
func (t *attemptTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(req.Context())
	timer := time.AfterFunc(t.limit, func() { cancel(attemptTimeoutError{}) })
	resp, err := t.base.RoundTrip(req.WithContext(ctx))
	if err != nil {
		timer.Stop()
		err = timedOut(ctx, err)
		cancel(nil)
		return nil, err
	}
	if resp.Body == nil {
		resp.Body = http.NoBody
	}
	resp.Body = &attemptBody{body: resp.Body, ctx: ctx, cancel: cancel, timer: timer, limit: t.limit, idle: t.idle}
	return resp, nil
}

// timedOut tells the end of an attempt from the end of the call.
func timedOut(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); errors.Is(cause, attemptTimeoutError{}) || isAttemptTimeout(cause) {
		return attemptTimeoutError{}
	}
	return err
}

func isAttemptTimeout(err error) bool {
	var at attemptTimeoutError
	return errors.As(err, &at)
}

type attemptBody struct {
	body   io.ReadCloser
	ctx    context.Context //nolint:containedctx // the context of the attempt ends with its body
	cancel context.CancelCauseFunc
	timer  *time.Timer
	limit  time.Duration
	idle   bool
	once   sync.Once
}

func (b *attemptBody) Read(p []byte) (int, error) {
	if b.idle {
		b.timer.Reset(b.limit)
	}
	n, err := b.body.Read(p)
	if b.idle {
		b.timer.Stop()
	}
	if err != nil && !errors.Is(err, io.EOF) {
		err = timedOut(b.ctx, err)
	}
	return n, err
}

func (b *attemptBody) Close() error {
	err := b.body.Close()
	b.once.Do(func() {
		b.timer.Stop()
		b.cancel(nil)
	})
	return err
}
