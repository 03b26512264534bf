package connect

import (
	"context"
	"net/http"
	"time"

	"github.com/go-reconnect/reconnect/internal/kversion"
)

const (
	// versionWindow is how long a version that was seen counts: behind a balancer or during a rolling upgrade the lowest of them decides.
	versionWindow = 10 * time.Minute
	// versionRefresh is how long a version that was read is not read again.
	versionRefresh = time.Minute
)

// sighting is one version that one worker URL answered. A vendor's version that cannot be mapped is a sighting of an unknown one.
type sighting struct {
	worker  string
	version kversion.Version
	raw     string
	at      time.Time
}

// sawVersion notes what GET / answered.
func (co *core) sawVersion(worker, raw string) {
	v, _ := kversion.Parse(raw)
	now := time.Now()
	co.mu.Lock()
	defer co.mu.Unlock()
	kept := co.versions[:0]
	for _, s := range co.versions {
		if now.Sub(s.at) < versionWindow && (s.worker != worker || s.version != v) {
			kept = append(kept, s)
		}
	}
	co.versions = append(kept, sighting{worker, v, raw, now})
}

// knownVersion returns the lowest version that this client's workers answered in the window. fresh says that the current worker need not be asked again.
func (c *Client) knownVersion() (low kversion.Version, raw string, seen, fresh bool) {
	now := time.Now()
	current := c.current().url
	c.core.mu.Lock()
	defer c.core.mu.Unlock()
	if at, ok := c.core.mute[current]; ok && now.Sub(at) < versionRefresh {
		fresh = true
	}
	for _, s := range c.core.versions {
		if now.Sub(s.at) >= versionWindow || !c.has(s.worker) {
			continue
		}
		if s.worker == current && now.Sub(s.at) < versionRefresh {
			fresh = true
		}
		if !seen || s.version.Compare(low) < 0 {
			low, raw = s.version, s.raw
		}
		seen = true
	}
	return low, raw, seen, fresh
}

// serverVersion returns the version that decides, reading it where it was not read lately or the worker changed. known is false where no worker
// answered any version; a version that is zero though known is one that cannot be mapped.
func (c *Client) serverVersion(ctx context.Context) (v kversion.Version, known bool) {
	if v, _, known, fresh := c.knownVersion(); fresh {
		return v, known
	}
	// One attempt: whether it works shows in the call that follows. It has its own short limit, so that a worker that hangs cannot use up the call.
	vctx, cancel := context.WithTimeout(ctx, defaultReadTimeout)
	defer cancel()
	s := c.newSession(&epRoot, "/")
	s.retries = 0
	a, err := s.do(vctx)
	if err == nil {
		_, err = decodeServerInfo(c.core, s, a)
	}
	if err != nil && s.last != nil {
		// Something answers there, but no version: do not ask before every call.
		c.core.mu.Lock()
		c.core.mute[s.worker().url] = time.Now()
		c.core.mu.Unlock()
	}
	v, _, known, _ = c.knownVersion()
	return v, known
}

// require refuses a call that the server is known to be too old for. ask says whether to read the version where it is not known: needed
// where an old server would do something else without a word.
func (c *Client) require(ctx context.Context, ep *endpoint, path string, since release, ask bool) error {
	if since.isZero() {
		return nil
	}
	v, raw, _, fresh := c.knownVersion()
	if !fresh && ask {
		c.serverVersion(ctx)
		v, raw, _, _ = c.knownVersion()
	}
	if v.IsZero() || v.AtLeast(since.major, since.minor) {
		return nil
	}
	e := inputError(ErrUnsupported, "needs %s, the server is Kafka %s%s", since, v, vendor(v, raw))
	e.Method, e.Path, e.Worker = ep.method, path, c.current().url
	return e
}

func vendor(v kversion.Version, raw string) string {
	if raw == "" || raw == v.String() {
		return ""
	}
	return " (" + cutMessage(raw) + ")"
}

// nameUnsupported turns the routing 404 or 405 of an endpoint that is newer than the server into ErrUnsupported.
func (s *session) nameUnsupported(e *Error, a *answer, f *fault) {
	if !f.connect || a.status != http.StatusMethodNotAllowed && (a.status != http.StatusNotFound || f.message != msgRoutingNotFound) {
		return
	}
	if s.ep.pattern == "" { // Do: the caller chose the path
		if a.status == http.StatusNotFound {
			e.kinds = []error{ErrNotFound, ErrUnsupported}
		}
		return
	}
	if s.ep.since.isZero() {
		return
	}
	e.kinds = []error{ErrUnsupported}
	e.Message = "needs " + s.ep.since.String()
	if v, raw, _, _ := s.c.knownVersion(); !v.IsZero() {
		e.Message += ", the server is Kafka " + v.String() + vendor(v, raw)
	}
	e.Message += ": " + f.message
}
