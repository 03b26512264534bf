package connect

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// RetryPolicy says how often and at what pace a call is sent again. What may be sent again is not up to it: see [Client].
type RetryPolicy struct {
	// Max is how often a call is sent again. Defaults to 5; negative means never. A call that never reached a worker goes to each other worker once besides.
	Max int
	// MinWait is the first wait; each further one doubles, and each is shortened by up to half at random. Defaults to 250 ms.
	MinWait time.Duration
	// MaxWait bounds a wait, also one that a Retry-After header asks for. Defaults to 30 s.
	MaxWait time.Duration
}

const (
	defaultMaxRetries = 5
	defaultMinWait    = 250 * time.Millisecond
	defaultMaxWait    = 30 * time.Second
)

func (p RetryPolicy) withDefaults() RetryPolicy {
	switch {
	case p.Max == 0:
		p.Max = defaultMaxRetries
	case p.Max < 0:
		p.Max = 0
	}
	if p.MaxWait == 0 {
		p.MaxWait = max(defaultMaxWait, p.MinWait)
	}
	if p.MinWait == 0 {
		p.MinWait = min(defaultMinWait, p.MaxWait)
	}
	return p
}

// wait is the pause before the n-th repetition, n from 0.
func (p RetryPolicy) wait(n int, resp *http.Response) time.Duration {
	if resp != nil {
		if d, ok := retryAfter(resp.Header.Get("Retry-After")); ok {
			return min(d, p.MaxWait)
		}
	}
	d := p.MinWait
	for range n {
		d *= 2
		if d >= p.MaxWait {
			d = p.MaxWait
			break
		}
	}
	if half := int64(d / 2); half > 0 {
		d -= time.Duration(rand.Int64N(half + 1)) //nolint:gosec // jitter needs no secret randomness
	}
	return d
}

// retryAfter reads seconds or an HTTP date.
func retryAfter(v string) (time.Duration, bool) {
	if v == "" {
		return 0, false
	}
	if n, err := strconv.ParseInt(v, 10, 64); err == nil {
		if n < 0 {
			return 0, false
		}
		return time.Duration(min(n, 1<<30)) * time.Second, true
	}
	if at, err := http.ParseTime(v); err == nil {
		return max(time.Until(at), 0), true
	}
	return 0, false
}

// endpoint is one row of the table of calls: what the call is, since when it exists, and what may be done when its outcome is open.
type endpoint struct {
	method, pattern string
	// since is the Kafka version that brought the endpoint, and kip where it is described.
	since release
	// read calls change nothing: they are sent again after 429, 502, 503, 504 and every transport error.
	read bool
	// herder calls wait for the worker's one herder thread, up to 90 s there.
	herder bool
	// forwarded calls are relayed to the leader or an owner by a worker that is neither, under a URL that is built from the decoded name.
	forwarded bool
	// patience is a longer time for one attempt than such a call has by default.
	patience time.Duration
}

// release is a Kafka version and the KIP that brought a feature in it.
type release struct {
	major, minor int
	kip          string
}

func (r release) isZero() bool { return r.major == 0 && r.minor == 0 }

func (r release) String() string {
	s := "Kafka " + strconv.Itoa(r.major) + "." + strconv.Itoa(r.minor)
	if r.kip != "" {
		s += " (" + r.kip + ")"
	}
	return s
}

// The table of calls. A call that is not read is sent again only where it is certain that nothing was done: a rebalance answer, a worker that is still
// starting, a connection that was never made, and once after a 401 when the credentials changed. POST /connectors is read back instead.
var (
	epRoot          = endpoint{method: http.MethodGet, pattern: "/", read: true}
	epHealth        = endpoint{method: http.MethodGet, pattern: "/health", since: release{3, 9, "KIP-1017"}, read: true, patience: 15 * time.Second}
	epList          = endpoint{method: http.MethodGet, pattern: "/connectors", read: true}
	epListExpand    = endpoint{method: http.MethodGet, pattern: "/connectors?expand", since: release{2, 3, "KIP-465"}, read: true}
	epCreate        = endpoint{method: http.MethodPost, pattern: "/connectors", herder: true, forwarded: true}
	epGet           = endpoint{method: http.MethodGet, pattern: "/connectors/{connector}", read: true, herder: true}
	epGetConfig     = endpoint{method: http.MethodGet, pattern: "/connectors/{connector}/config", read: true, herder: true}
	epPutConfig     = endpoint{method: http.MethodPut, pattern: "/connectors/{connector}/config", herder: true, forwarded: true}
	epPatchConfig   = endpoint{method: http.MethodPatch, pattern: "/connectors/{connector}/config", since: release{3, 8, "KIP-477"}, herder: true, forwarded: true}
	epDelete        = endpoint{method: http.MethodDelete, pattern: "/connectors/{connector}", herder: true, forwarded: true}
	epStatus        = endpoint{method: http.MethodGet, pattern: "/connectors/{connector}/status", read: true}
	epTasks         = endpoint{method: http.MethodGet, pattern: "/connectors/{connector}/tasks", read: true, herder: true}
	epTaskStatus    = endpoint{method: http.MethodGet, pattern: "/connectors/{connector}/tasks/{task}/status", read: true}
	epRestart       = endpoint{method: http.MethodPost, pattern: "/connectors/{connector}/restart", herder: true, forwarded: true}
	epRestartTask   = endpoint{method: http.MethodPost, pattern: "/connectors/{connector}/tasks/{task}/restart", herder: true, forwarded: true}
	epPause         = endpoint{method: http.MethodPut, pattern: "/connectors/{connector}/pause", herder: true}
	epResume        = endpoint{method: http.MethodPut, pattern: "/connectors/{connector}/resume", herder: true}
	epStop          = endpoint{method: http.MethodPut, pattern: "/connectors/{connector}/stop", since: release{3, 5, "KIP-875"}, herder: true, forwarded: true}
	epGetOffsets    = endpoint{method: http.MethodGet, pattern: "/connectors/{connector}/offsets", since: release{3, 5, "KIP-875"}, read: true, herder: true}
	epAlterOffsets  = endpoint{method: http.MethodPatch, pattern: "/connectors/{connector}/offsets", since: release{3, 6, "KIP-875"}, herder: true, forwarded: true}
	epResetOffsets  = endpoint{method: http.MethodDelete, pattern: "/connectors/{connector}/offsets", since: release{3, 6, "KIP-875"}, herder: true, forwarded: true}
	epTopics        = endpoint{method: http.MethodGet, pattern: "/connectors/{connector}/topics", since: release{2, 5, "KIP-558"}, read: true}
	epResetTopics   = endpoint{method: http.MethodPut, pattern: "/connectors/{connector}/topics/reset", since: release{2, 5, "KIP-558"}}
	epPlugins       = endpoint{method: http.MethodGet, pattern: "/connector-plugins", read: true}
	epPluginConfig  = endpoint{method: http.MethodGet, pattern: "/connector-plugins/{plugin}/config", since: release{3, 2, "KIP-769"}, read: true}
	epValidate      = endpoint{method: http.MethodPut, pattern: "/connector-plugins/{plugin}/config/validate", read: true, herder: true}
	epLoggers       = endpoint{method: http.MethodGet, pattern: "/admin/loggers", since: release{2, 4, "KIP-495"}, read: true}
	epLogger        = endpoint{method: http.MethodGet, pattern: "/admin/loggers/{logger}", since: release{2, 4, "KIP-495"}, read: true}
	epSetLogger     = endpoint{method: http.MethodPut, pattern: "/admin/loggers/{logger}", since: release{2, 4, "KIP-495"}}
	sinceFlags      = release{3, 0, "KIP-745"}
	sinceInitial    = release{3, 7, "KIP-980"}
	sinceAllPlugins = release{3, 2, "KIP-769"}
	sinceVersions   = release{4, 1, "KIP-891"}
	sinceScope      = release{3, 7, "KIP-976"}
)

// verdict is what the table says about one attempt.
type verdict int

const (
	stop     verdict = iota // the answer stands
	again                   // the same worker again, after a wait
	failover                // another worker, at once where there is an untried one
	reauth                  // once more with fresh credentials
)

// judge reads the table for an answer that is no success.
func (ep *endpoint) judge(a *answer, f *fault) verdict {
	switch {
	case f.starting:
		return failover
	case f.rebalance:
		return again
	case a.status == http.StatusUnauthorized:
		return reauth
	case !ep.read:
		return stop
	}
	switch a.status {
	case http.StatusTooManyRequests:
		return again
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return failover
	}
	return stop
}

// judgeError reads the table for an attempt without an answer.
func (ep *endpoint) judgeError(ctx context.Context, err error, sent bool) verdict {
	switch {
	case ctx.Err() != nil, errors.Is(err, errTooLarge), errors.Is(err, errCredentials), isCertificate(err):
		return stop
	case !sent, ep.read:
		return failover
	}
	return stop
}

// isCertificate holds for a TLS failure that no other attempt will heal.
func isCertificate(err error) bool {
	var (
		verify  *tls.CertificateVerificationError
		unknown x509.UnknownAuthorityError
		host    x509.HostnameError
		invalid x509.CertificateInvalidError
		record  tls.RecordHeaderError
	)
	return errors.As(err, &verify) || errors.As(err, &unknown) || errors.As(err, &host) || errors.As(err, &invalid) || errors.As(err, &record)
}

// neverSent recognises the errors of a connection that was not made, for transports that do not report one.
func neverSent(err error) bool {
	var op *net.OpError
	var dns *net.DNSError
	return errors.As(err, &op) && (op.Op == "dial" || op.Op == "proxyconnect") || errors.As(err, &dns) || isCertificate(err)
}

// unwrapURL drops url.Error, whose text repeats method and URL.
func unwrapURL(err error) error {
	var ue *url.Error
	if errors.As(err, &ue) && ue.Err != nil {
		return ue.Err
	}
	return err
}
