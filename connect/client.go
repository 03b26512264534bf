package connect

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Client calls the REST API of one Kafka Connect cluster. It is safe for concurrent use and holds no goroutine.
//
// What is sent again: reads after 429, 502, 503, 504 and transport errors; any call after an answer that says that a rebalance is going on, that the worker
// is still starting, or when no connection was made. A call that writes is never sent again after an answer that leaves its outcome open: the
// [*Error] says so in Applied. CreateConnector reads back what became of it.
type Client struct {
	core    *core
	workers []*worker
	cur     *atomic.Int64
}

// core is what a client and the clients pinned to its workers share.
type core struct {
	http         *http.Client
	auth         credentials
	rotates      bool
	header       http.Header
	timeout      time.Duration
	retry        RetryPolicy
	logger       *slog.Logger
	userAgent    string
	hooks        Hooks
	maxBytes     int64
	misdirecting bool

	mu       sync.Mutex
	versions []sighting
	mute     map[string]time.Time // workers whose GET / gave no version, and when
	created  map[string]time.Time
}

// worker is one configured worker.
type worker struct {
	url      string
	origin   *url.URL // scheme and host
	basePath string   // escaped, without the final slash
	user     *url.Userinfo
}

// NewClient returns a client of the Connect cluster that a worker, or a balancer in front of several, serves at baseURL, such as http://connect:8083. A path in the URL
// is kept in front of every path; user info in it is used as basic credentials. It sends nothing.
func NewClient(baseURL string, opts ...Option) (*Client, error) {
	o := options{maxBytes: defaultMaxBytes, userAgent: defaultUserAgent, logger: slog.New(slog.DiscardHandler)}
	for i, opt := range opts {
		if opt == nil {
			return nil, inputError(nil, "option %d is nil", i)
		}
		if err := opt(&o); err != nil {
			return nil, inputError(nil, "%s", err.Error())
		}
	}
	if o.client != nil && o.tls != nil {
		return nil, inputError(nil, "WithTLSConfig cannot be combined with WithHTTPClient: set the TLS configuration in that client's transport")
	}
	c := &Client{cur: new(atomic.Int64)}
	for i, raw := range append([]string{baseURL}, o.workers...) {
		w, err := parseWorker(raw)
		if err != nil {
			if i == 0 {
				return nil, inputError(nil, "base URL: %s", err.Error())
			}
			return nil, inputError(nil, "WithWorkers: %s", err.Error())
		}
		if !c.has(w.url) {
			c.workers = append(c.workers, w)
		}
	}
	c.core = &core{
		auth: o.auth, rotates: o.rotates, header: o.header, timeout: o.timeout, retry: o.retry.withDefaults(),
		logger: o.logger, userAgent: o.userAgent, hooks: o.hooks, maxBytes: o.maxBytes, misdirecting: o.misdirecting, created: map[string]time.Time{}, mute: map[string]time.Time{},
	}
	c.core.http = httpClient(&o)
	return c, nil
}

// httpClient copies the user's client, or makes one. Redirects are never followed: credentials go to configured hosts only.
func httpClient(o *options) *http.Client {
	hc := &http.Client{}
	if o.client != nil {
		cp := *o.client
		hc = &cp
	}
	base := hc.Transport
	if base == nil {
		base = http.DefaultTransport
		if t, ok := base.(*http.Transport); ok && o.client == nil {
			t = t.Clone()
			t.MaxIdleConnsPerHost = 16
			if o.tls != nil {
				t.TLSClientConfig = o.tls
			}
			base = t
		}
	}
	hc.Transport = base
	hc.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return hc
}

func basicHeader(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

// Workers returns the base URLs of the configured workers, without credentials.
func (c *Client) Workers() []string {
	out := make([]string, len(c.workers))
	for i, w := range c.workers {
		out[i] = w.url
	}
	return out
}

// OnWorker returns a client that asks one of the configured workers only: what plugins are installed, log levels and health are a worker's own. It
// shares credentials, connections and hooks with c. An unconfigured URL is an error: credentials are not sent to a worker_id.
func (c *Client) OnWorker(workerURL string) (*Client, error) {
	want, err := parseWorker(workerURL)
	if err != nil {
		return nil, inputError(nil, "OnWorker: %s", err.Error())
	}
	for _, w := range c.workers {
		if w.url == want.url {
			return &Client{core: c.core, workers: []*worker{w}, cur: new(atomic.Int64)}, nil
		}
	}
	return nil, inputError(nil, "OnWorker: %s is not a configured worker (%s)", want.url, strings.Join(c.Workers(), ", "))
}

func (c *Client) has(workerURL string) bool {
	for _, w := range c.workers {
		if w.url == workerURL {
			return true
		}
	}
	return false
}

func (c *Client) current() *worker { return c.workers[int(c.cur.Load())%len(c.workers)] }

// Do sends what has no method of its own, such as GET /connectors/{connector}/tasks-config (Kafka 2.8 to 3.9). The path starts with a slash, is escaped by the
// caller and may carry a query; in, if not nil, becomes the JSON body, and out, if not nil, takes the answer's. A GET is sent again like any read, everything else like
// a write: never after an answer that leaves the outcome open.
func (c *Client) Do(ctx context.Context, method, path string, in, out any) error {
	method = strings.ToUpper(strings.TrimSpace(method))
	switch {
	case method == "" || strings.ContainsFunc(method, func(r rune) bool { return r < 'A' || r > 'Z' }):
		return inputError(nil, "Do: %q is not an HTTP method", method)
	case !strings.HasPrefix(path, "/"):
		return inputError(nil, "Do: the path must start with a slash")
	}
	u, err := url.Parse(path)
	if err != nil || u.Host != "" || u.Fragment != "" || strings.ContainsAny(path, " #") {
		return inputError(nil, "Do: the path must be an escaped path with an optional query")
	}
	for part := range strings.SplitSeq(u.Path, "/") {
		if part == ".." {
			return inputError(nil, "Do: the path must not hold ..")
		}
	}
	read := method == http.MethodGet || method == http.MethodHead
	s := c.newSession(&endpoint{method: method, read: read, herder: true}, u.EscapedPath())
	s.query = u.RawQuery
	if in != nil {
		if s.body, err = json.Marshal(in); err != nil {
			return inputError(nil, "Do: the body cannot be written as JSON: %s", fmt.Sprintf("%T", err))
		}
	}
	a, err := s.do(ctx)
	if err != nil {
		return err
	}
	if out == nil {
		return nil
	}
	if err := decodeJSON(a.body, out); err != nil {
		return s.decodeError(a, err)
	}
	return nil
}

// decodeJSON decodes by trying: several answers of Connect have no Content-Type, and one calls plain text JSON.
func decodeJSON(body []byte, out any) error {
	trimmed := strings.TrimSpace(string(body[:min(len(body), 64)]))
	switch {
	case len(body) == 0 || trimmed == "" && len(body) <= 64:
		return errEmptyBody
	case trimmed == "null":
		return errNullBody
	}
	return json.Unmarshal(body, out)
}

var errShape = errors.New("a field that this endpoint always answers is missing")
