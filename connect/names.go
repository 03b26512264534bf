package connect

import (
	"context"
	"net/url"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// checkName refuses what cannot be a connector name on any version (KIP-212), before any request.
func checkName(what, name string) error {
	switch {
	case strings.TrimFunc(name, func(r rune) bool { return r <= ' ' }) == "":
		return inputError(nil, "the %s is empty", what)
	case !utf8.ValidString(name):
		return inputError(nil, "the %s %q is not valid UTF-8", what, name)
	case strings.ContainsFunc(name, unicode.IsControl):
		return inputError(nil, "the %s %q holds a control character", what, name)
	}
	return nil
}

// segment encodes a name as one path segment.
func segment(name string) string { return url.PathEscape(name) }

func connectorPath(name, suffix string) string { return "/connectors/" + segment(name) + suffix }

// checkAddress reports a name that the workers cannot address, or that a write could carry to another connector. It asks for the server's version
// only where the name makes it matter.
func (c *Client) checkAddress(ctx context.Context, ep *endpoint, name string) error {
	if err := checkName("connector name", name); err != nil {
		return err
	}
	if !strings.ContainsAny(name, `/\%;`) {
		return nil
	}
	if strings.ContainsAny(name, `/\%`) {
		v, _ := c.serverVersion(ctx)
		switch {
		case v.AtLeast(4, 0):
			e := inputError(ErrUnsupported, "the connector name %q cannot be addressed: since Kafka 4.0 (KIP-1032) workers reject a path with an encoded /, \\ or %%; "+
				"GET /connectors lists it, only expanded lists and the configuration topic reach it", name)
			e.Method, e.Path = ep.method, connectorPath(name, "")
			return e
		case ep.forwarded && !c.core.misdirecting && (isPercentSequence(name) || reachesAnother(name)):
			return misdirected(ep, name)
		}
	}
	if ep.forwarded && !c.core.misdirecting && strings.Contains(name, ";") {
		return misdirected(ep, name)
	}
	return nil
}

// checkNewName refuses to create what nobody could change or delete afterwards: a Kafka 4 worker accepts the name in a body.
func (c *Client) checkNewName(ctx context.Context, name string) error {
	if err := checkName("connector name", name); err != nil || !strings.ContainsAny(name, `/\%`) {
		return err
	}
	if v, _ := c.serverVersion(ctx); !v.AtLeast(4, 0) {
		return nil
	}
	e := inputError(ErrUnsupported, "a connector of the name %q could not be changed or deleted through REST: since Kafka 4.0 (KIP-1032) workers reject a path with an encoded /, \\ or %%; "+
		"choose a name without them", name)
	e.Method, e.Path = epCreate.method, epCreate.pattern
	return e
}

func misdirected(ep *endpoint, name string) error {
	e := inputError(nil, "a worker that forwards this call would take the connector name %q for another one and could change that connector instead; "+
		"WithMisdirectingNames allows it", name)
	e.Method, e.Path = ep.method, connectorPath(name, "")
	return e
}

// isPercentSequence holds for a%41b: the forwarding worker decodes it once more.
func isPercentSequence(name string) bool {
	for i := 0; i+2 < len(name); i++ {
		if name[i] == '%' && isHex(name[i+1]) && isHex(name[i+2]) {
			return true
		}
	}
	return false
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

// reachesAnother holds for names whose slash, not encoded again by a forwarding worker, makes the path of another connector's endpoint: DELETE of a
// connector "a/offsets" would reset the offsets of "a", a restart of "a/tasks/0" would restart its task.
func reachesAnother(name string) bool {
	parts := strings.Split(name, "/")
	switch len(parts) {
	case 2:
		return parts[1] == "offsets"
	case 3:
		_, err := strconv.Atoi(parts[2])
		return parts[1] == "tasks" && err == nil
	}
	return false
}
