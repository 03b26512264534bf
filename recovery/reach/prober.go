package reach

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/go-reconnect/reconnect/connect/failure"
	"github.com/go-reconnect/reconnect/recovery"
)

// freshFor is how long an address' answer is not asked for again: many connectors name one database.
const freshFor = 5 * time.Second

// maxRemembered bounds the addresses whose answer is remembered.
const maxRemembered = 4096

// Prober is a recovery.Reach that dials. Its zero value asks every endpoint that a config names. It is safe for concurrent use and must not be copied.
type Prober struct {
	// Allow says which hosts may be asked; nil allows all. What is not allowed is left out. See Hosts.
	Allow func(host string) bool
	// Timeout bounds one dial. Defaults to 3 s.
	Timeout time.Duration
	// Dial opens a connection. Defaults to a net.Dialer.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)

	mu      sync.Mutex
	answers map[string]remembered
}

type remembered struct {
	at    time.Time
	reach recovery.Reachability
}

// Hosts allows hosts by shell pattern (path.Match, without regard to case), and addresses by prefix (10.0.0.0/8).
func Hosts(patterns ...string) func(host string) bool {
	return func(host string) bool {
		addr, addrErr := netip.ParseAddr(host)
		for _, p := range patterns {
			if prefix, err := netip.ParsePrefix(p); err == nil {
				if addrErr == nil && prefix.Contains(addr.Unmap()) {
					return true
				}
				continue
			}
			if ok, err := path.Match(strings.ToLower(p), strings.ToLower(host)); ok && err == nil {
				return true
			}
		}
		return false
	}
}

// Reach asks the endpoints in the config: for class schema_registry the registries, for others everything but them.
func (p *Prober) Reach(ctx context.Context, _ string, config map[string]string, d failure.Diagnosis) (recovery.Reachability, error) {
	asked := 0
	result := recovery.ReachReachable
	for _, e := range find(config) {
		if registryKey(e.key) != (d.Class == failure.ClassSchemaRegistry) {
			continue
		}
		var allowed []string
		for _, a := range e.addresses {
			host, _, err := net.SplitHostPort(a)
			if err == nil && (p.Allow == nil || p.Allow(host)) {
				allowed = append(allowed, a)
			}
		}
		if len(allowed) == 0 {
			continue
		}
		asked++
		switch p.any(ctx, allowed) {
		case recovery.ReachUnreachable:
			return recovery.ReachUnreachable, nil
		case recovery.ReachReachable:
		default:
			result = recovery.ReachUnknown
		}
	}
	if asked == 0 {
		return recovery.ReachUnknown, nil
	}
	return result, nil
}

func registryKey(key string) bool {
	k := strings.ToLower(key)
	return strings.Contains(k, "schema.registry") || strings.Contains(k, "registry.url")
}

// any reports whether one of the addresses answers.
func (p *Prober) any(ctx context.Context, addresses []string) recovery.Reachability {
	result := recovery.ReachUnreachable
	for _, a := range addresses {
		switch p.one(ctx, a) {
		case recovery.ReachReachable:
			return recovery.ReachReachable
		case recovery.ReachUnreachable:
		default:
			result = recovery.ReachUnknown
		}
	}
	return result
}

func (p *Prober) one(ctx context.Context, address string) recovery.Reachability {
	p.mu.Lock()
	r, ok := p.answers[address]
	p.mu.Unlock()
	if ok && time.Since(r.at) < freshFor {
		return r.reach
	}
	timeout := p.Timeout
	if timeout <= 0 {
		timeout = 3 * time.Second
	}
	dial := p.Dial
	if dial == nil {
		dial = (&net.Dialer{}).DialContext
	}
	dctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	conn, err := dial(dctx, "tcp", address)
	reach := recovery.ReachReachable
	var dns *net.DNSError
	switch {
	case err == nil:
		_ = conn.Close()
	case ctx.Err() != nil:
		return recovery.ReachUnknown
	case errors.As(err, &dns):
		// The worker may well resolve what this host cannot.
		reach = recovery.ReachUnknown
	default:
		reach = recovery.ReachUnreachable
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.answers == nil || len(p.answers) >= maxRemembered {
		p.answers = map[string]remembered{}
	}
	p.answers[address] = remembered{time.Now(), reach}
	return reach
}
