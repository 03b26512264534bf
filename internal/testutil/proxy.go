package testutil

import (
	"context"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Proxy sits between a client and a server on TCP and breaks the wire at chosen requests. It understands where an HTTP/1.1 or a
// Kafka request begins and ends, from the first bytes of each connection; anything else passes through untouched and uncounted.
//
// A Kafka client learns the brokers' addresses from the first one and would go round the proxy: give it Dial, which leads every address here.
type Proxy struct {
	target   string
	listener net.Listener
	wg       sync.WaitGroup

	done chan struct{} // closed by Close

	mu       sync.Mutex
	conns    map[net.Conn]struct{}
	rules    []*rule
	requests []Request
	wake     chan struct{} // closed when requests grows
}

// Request is one request that reached the proxy.
type Request struct {
	// N counts all requests of the proxy from 1.
	N int
	// Method and Path (without the query, as it was sent) are those of an HTTP request; Query is what followed the question mark.
	Method, Path, Query string
	// APIKey and APIVersion are those of a Kafka request; APIKey is -1 for HTTP.
	APIKey, APIVersion int16
	// Body is an HTTP request's body or the whole Kafka request after its length.
	Body []byte
}

// Match says whether a request is meant.
type Match func(Request) bool

// Any matches every request.
func Any(Request) bool { return true }

// HTTP matches a method and a path; a path that ends in * matches what begins so. An empty method is any.
func HTTP(method, path string) Match {
	return func(r Request) bool {
		if r.Method == "" || method != "" && r.Method != method {
			return false
		}
		if prefix, ok := strings.CutSuffix(path, "*"); ok {
			return strings.HasPrefix(r.Path, prefix)
		}
		return r.Path == path
	}
}

// Kafka matches a Kafka request by its API key: 0 is Produce, 1 Fetch, 8 OffsetCommit, 22 InitProducerId, 24 AddPartitionsToTxn, 26 EndTxn.
func Kafka(apiKey int16) Match {
	return func(r Request) bool { return r.Method == "" && r.APIKey == apiKey }
}

// Nth matches the n-th request that m matches, from 1, counted from when the rule is made.
func Nth(n int, m Match) Match {
	var mu sync.Mutex
	seen := 0
	return func(r Request) bool {
		if !m(r) {
			return false
		}
		mu.Lock()
		defer mu.Unlock()
		seen++
		return seen == n
	}
}

type fault int

const (
	pass         fault = iota
	refuse             // the request does not reach the server; the connection is reset
	dropResponse       // the server answers; the client sees the connection closed instead
	loseResponse       // the server answers; the client sees nothing at all
	reset              // the server answers; the client sees the connection reset
)

type rule struct {
	match  Match
	times  int // left; negative is for ever
	fault  fault
	delay  time.Duration
	before func(Request)
	after  func(Request)
}

// verdict is what is to happen to one request.
type verdict struct {
	fault fault
	delay time.Duration
	after []func()
}

func (v verdict) plain() bool { return v.fault == pass && v.delay <= 0 && len(v.after) == 0 }

// answering does what comes before the answer is passed on; false when the proxy is closed.
func (p *Proxy) answering(v verdict) bool {
	for _, f := range v.after {
		f()
	}
	return p.sleep(v.delay)
}

// NewProxy starts a proxy on a free port of 127.0.0.1 in front of target, a host:port, and stops it with the test.
func NewProxy(tb testing.TB, target string) *Proxy {
	tb.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(tb.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	p := &Proxy{target: target, listener: l, done: make(chan struct{}), conns: map[net.Conn]struct{}{}, wake: make(chan struct{})}
	p.wg.Go(p.accept)
	tb.Cleanup(p.Close)
	return p
}

// Addr is the proxy's host:port.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// URL is the proxy's address for an HTTP client.
func (p *Proxy) URL() string { return "http://" + p.Addr() }

// Dial connects to the proxy whatever the address is.
func (p *Proxy) Dial(ctx context.Context, _, _ string) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, "tcp", p.Addr())
}

// RefuseRequest resets the connection of the next times matching requests (negative: all) and does not pass them on.
func (p *Proxy) RefuseRequest(times int, m Match) { p.add(rule{match: m, times: times, fault: refuse}) }

// DropResponse passes the next times matching requests (negative: all) on, waits for each answer, throws it away and closes the connection.
func (p *Proxy) DropResponse(times int, m Match) {
	p.add(rule{match: m, times: times, fault: dropResponse})
}

// LoseResponse is DropResponse with a connection that stays open: the client waits until its own time-out.
func (p *Proxy) LoseResponse(times int, m Match) {
	p.add(rule{match: m, times: times, fault: loseResponse})
}

// ResetResponse is DropResponse with a connection that is reset.
func (p *Proxy) ResetResponse(times int, m Match) { p.add(rule{match: m, times: times, fault: reset}) }

// Delay holds the answers of the next times matching requests (negative: all) back for d.
func (p *Proxy) Delay(times int, d time.Duration, m Match) {
	p.add(rule{match: m, times: times, delay: d})
}

// OnRequest calls f with every request that m matches, before it is passed on. Only that connection waits for f, which may kill or stop the client.
func (p *Proxy) OnRequest(m Match, f func(Request)) { p.add(rule{match: m, times: -1, before: f}) }

// OnResponse is OnRequest for the moment between the server's answer and the client's sight of it.
func (p *Proxy) OnResponse(m Match, f func(Request)) { p.add(rule{match: m, times: -1, after: f}) }

// Clear forgets every rule.
func (p *Proxy) Clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rules = nil
}

// Cut resets every connection that is open now; new ones are served.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		resetConn(c)
	}
}

// Close stops listening and closes every connection. It may be called again.
func (p *Proxy) Close() {
	p.mu.Lock()
	if !p.isClosed() {
		close(p.done)
	}
	_ = p.listener.Close()
	for c := range p.conns {
		_ = c.Close()
	}
	p.mu.Unlock()
	p.wg.Wait()
}

func (p *Proxy) isClosed() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// Requests lists the requests that reached the proxy, oldest first, also those that a rule kept from the server.
func (p *Proxy) Requests() []Request {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.requests)
}

// Count counts the requests so far that m matches.
func (p *Proxy) Count(m Match) int {
	n := 0
	for _, r := range p.Requests() {
		if m(r) {
			n++
		}
	}
	return n
}

// Wait returns once n requests that m matches have reached the proxy, or with ctx's error.
func (p *Proxy) Wait(ctx context.Context, n int, m Match) error {
	for {
		p.mu.Lock()
		wake := p.wake
		p.mu.Unlock()
		if p.Count(m) >= n {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-wake:
		}
	}
}

func (p *Proxy) add(r rule) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rules = append(p.rules, &r)
}

// arrived records a request and says what is to happen to it: every delay and every function that matches, and the first fault.
func (p *Proxy) arrived(r Request) verdict {
	v, before := p.judge(&r)
	for _, f := range before {
		f(r)
	}
	return v
}

func (p *Proxy) judge(r *Request) (v verdict, before []func(Request)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	r.N = len(p.requests) + 1
	p.requests = append(p.requests, *r)
	close(p.wake)
	p.wake = make(chan struct{})
	for _, rule := range p.rules {
		if rule.times == 0 || rule.fault != pass && v.fault != pass || !rule.match(*r) {
			continue
		}
		rule.times--
		v.delay += rule.delay
		if rule.fault != pass {
			v.fault = rule.fault
		}
		if rule.before != nil {
			before = append(before, rule.before)
		}
		if rule.after != nil {
			v.after = append(v.after, func() { rule.after(*r) })
		}
	}
	return v, before
}
