package connect

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Option configures a [Client]. An option that is nil or has a bad argument makes NewClient fail.
type Option func(*options) error

type credentials func(context.Context) (header, secret string, err error)

type options struct {
	workers      []string
	auth         credentials
	rotates      bool // auth can give another answer when asked again
	header       http.Header
	tls          *tls.Config
	client       *http.Client
	timeout      time.Duration
	retry        RetryPolicy
	logger       *slog.Logger
	userAgent    string
	hooks        Hooks
	maxBytes     int64
	misdirecting bool
}

const (
	defaultReadTimeout   = 10 * time.Second
	defaultHerderTimeout = 100 * time.Second
	defaultCallTimeout   = 3 * time.Minute
	defaultMaxBytes      = 64 << 20
	defaultUserAgent     = "go-reconnect"
)

// WithWorkers adds more workers of the same Connect cluster. A call goes to the worker that answered last and moves on when that one
// cannot be reached or is still starting. Credentials go to every one of them and to nobody else.
func WithWorkers(urls ...string) Option {
	return func(o *options) error {
		o.workers = append(o.workers, urls...)
		return nil
	}
}

// WithBasicAuth sends a user name and password with every request.
func WithBasicAuth(user, password string) Option {
	return func(o *options) error {
		if user == "" {
			return errors.New("WithBasicAuth: the user is empty")
		}
		if strings.Contains(user, ":") {
			return errors.New("WithBasicAuth: the user contains a colon, which HTTP basic authentication cannot carry")
		}
		return o.setAuth("WithBasicAuth", false, func(context.Context) (string, string, error) {
			return basicHeader(user, password), password, nil
		})
	}
}

// WithBasicAuthFunc asks for the user name and password before every request, so that they can rotate. After a 401 it is asked once more,
// and the request is sent again if the answer changed.
func WithBasicAuthFunc(f func(context.Context) (user, password string, err error)) Option {
	return func(o *options) error {
		if f == nil {
			return errors.New("WithBasicAuthFunc: the function is nil")
		}
		return o.setAuth("WithBasicAuthFunc", true, func(ctx context.Context) (string, string, error) {
			user, password, err := f(ctx)
			return basicHeader(user, password), password, err
		})
	}
}

// WithBearerToken asks for a bearer token before every request. After a 401 it is asked once more, and the request is sent again if
// the token changed: a source that caches should let go of a token that was refused.
func WithBearerToken(f func(context.Context) (string, error)) Option {
	return func(o *options) error {
		if f == nil {
			return errors.New("WithBearerToken: the function is nil")
		}
		return o.setAuth("WithBearerToken", true, func(ctx context.Context) (string, string, error) {
			token, err := f(ctx)
			return "Bearer " + token, token, err
		})
	}
}

func (o *options) setAuth(name string, rotates bool, f credentials) error {
	if o.auth != nil {
		return fmt.Errorf("%s: another option already sets credentials, use one", name)
	}
	o.auth, o.rotates = f, rotates
	return nil
}

// WithHeader sends a header with every request. Several values of one key are all sent.
func WithHeader(key, value string) Option {
	return func(o *options) error {
		if key == "" || strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune("()<>@,;:\\\"/[]?={}", r) }) {
			return fmt.Errorf("WithHeader: %q is not a header name", key)
		}
		if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
			return fmt.Errorf("WithHeader: the value of %s holds a control character", key)
		}
		if o.header == nil {
			o.header = http.Header{}
		}
		o.header.Add(key, value)
		return nil
	}
}

// WithTLSConfig sets the TLS configuration, client certificates (mTLS) included. It is cloned.
func WithTLSConfig(c *tls.Config) Option {
	return func(o *options) error {
		if c == nil {
			return errors.New("WithTLSConfig: the configuration is nil")
		}
		o.tls = c.Clone()
		return nil
	}
}

// WithHTTPClient sends through a copy of the given client; the client itself is not changed. Redirects stay switched off, and its own Timeout,
// if any, holds beside the one of WithTimeout. It cannot be combined with WithTLSConfig.
func WithHTTPClient(c *http.Client) Option {
	return func(o *options) error {
		if c == nil {
			return errors.New("WithHTTPClient: the client is nil")
		}
		o.client = c
		return nil
	}
}

// WithTimeout bounds one attempt. Defaults to 10 s for what a worker answers from memory and 100 s for what its herder thread does: Connect gives up
// after 90 s, and a shorter time leaves the outcome open. A whole call is bound by its context, or by 3 minutes where that has no deadline.
func WithTimeout(d time.Duration) Option {
	return func(o *options) error {
		if d <= 0 {
			return fmt.Errorf("WithTimeout: %v is not positive", d)
		}
		o.timeout = d
		return nil
	}
}

// WithRetry sets how often and at what pace calls are sent again, see [RetryPolicy].
func WithRetry(p RetryPolicy) Option {
	return func(o *options) error {
		if p.MinWait < 0 || p.MaxWait < 0 {
			return errors.New("WithRetry: MinWait and MaxWait must not be negative")
		}
		if p.MinWait > 0 && p.MaxWait > 0 && p.MinWait > p.MaxWait {
			return fmt.Errorf("WithRetry: MinWait %v is longer than MaxWait %v", p.MinWait, p.MaxWait)
		}
		o.retry = p
		return nil
	}
}

// WithLogger logs every attempt at debug level, retries and failovers at warn level. Without it the client is silent.
// Neither configurations nor bodies nor credentials are logged.
func WithLogger(l *slog.Logger) Option {
	return func(o *options) error {
		if l == nil {
			return errors.New("WithLogger: the logger is nil, leave the option out to be silent")
		}
		o.logger = l
		return nil
	}
}

// WithUserAgent sets the User-Agent header. Defaults to "go-reconnect".
func WithUserAgent(s string) Option {
	return func(o *options) error {
		if s == "" || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			return errors.New("WithUserAgent: empty, or holds a control character")
		}
		o.userAgent = s
		return nil
	}
}

// WithHooks sets functions that see every attempt, retry and failover.
func WithHooks(h Hooks) Option {
	return func(o *options) error {
		o.hooks = h
		return nil
	}
}

// WithMaxResponseBytes bounds the body of an answer, and for Statuses, ListStatuses and ListExpanded the part of it that describes one connector.
// Defaults to 64 MiB.
func WithMaxResponseBytes(n int64) Option {
	return func(o *options) error {
		if n <= 0 {
			return fmt.Errorf("WithMaxResponseBytes: %d is not positive", n)
		}
		o.maxBytes = n
		return nil
	}
}

// WithMisdirectingNames allows writes to connectors whose name a forwarding worker takes for another one: those with a ";", and below Kafka 4.0 those with a
// "%41"-like sequence. Use it where every request is known to reach the leader or a connector of the shortened name cannot exist.
func WithMisdirectingNames() Option {
	return func(o *options) error {
		o.misdirecting = true
		return nil
	}
}

// parseWorker reads one worker URL; user info in it becomes credentials.
func parseWorker(raw string) (*worker, error) {
	u, err := url.Parse(strings.TrimSpace(raw))
	switch {
	case err != nil:
		// url.Error quotes the URL, which may hold a password.
		return nil, errors.New("the URL of a worker cannot be parsed, it must look like http://host:8083")
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, fmt.Errorf("worker URL %q: the scheme must be http or https", u.Redacted())
	case u.Host == "" || u.Hostname() == "":
		return nil, fmt.Errorf("worker URL %q has no host", u.Redacted())
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return nil, fmt.Errorf("worker URL %q must have neither query nor fragment", u.Scheme+"://"+u.Host+u.EscapedPath())
	}
	w := &worker{user: u.User}
	u.User = nil
	u.Host = strings.ToLower(u.Host)
	w.basePath = strings.TrimRight(u.EscapedPath(), "/")
	u.Path, u.RawPath = "", ""
	w.origin = u
	w.url = u.String() + w.basePath
	return w, nil
}
