package errtolerance

import (
	"strings"

	"github.com/go-reconnect/reconnect/internal/redact"
)

// secretInURL looks for a password in a URL, a connection string or a JDBC URL, under a key whose name does not say that it is
// a secret.
func (s *subject) secretInURL(key, v string) {
	if len(v) < 12 || strings.IndexByte(v, ':') < 0 || !strings.Contains(v, "://") && !strings.HasPrefix(v, "jdbc:") {
		return
	}
	password := urlPassword(v)
	switch {
	case password == "":
	case redact.IsMask(password):
		s.add("ET414", key, "a URL with a mask, as tools show it instead of a password: written back it becomes the password", "put the password's reference into the URL, as in ${file:/path/to/secrets.properties:key}")
	case unresolved(password) || placeholder(password):
	default:
		s.add("ET405", key, "a password inside a URL: Connect stores it in a topic and returns it by REST", "put a reference into the URL instead, as in ${file:/path/to/secrets.properties:key}, or use the connector's own key for the password")
	}
}

// urlPassword returns the first password of the URLs in a value, or "": after the colon of the user's name (scheme://user:password@host),
// as a parameter (?password=…, ;password=…, :password=…;), or after Oracle's slash (jdbc:oracle:thin:user/password@…). One that is
// known only where it is resolved does not hide a second that is literal.
func urlPassword(v string) string {
	found := ""
	take := func(password string) (literal bool) {
		if password == "" {
			return false
		}
		if found == "" || unresolved(found) {
			found = password
		}
		return !unresolved(password)
	}
	if thin, ok := strings.CutPrefix(v, "jdbc:oracle:thin:"); ok {
		if user, _, ok := strings.Cut(thin, "@"); ok {
			if _, password, ok := strings.Cut(user, "/"); ok && take(password) {
				return found
			}
		}
	}
	for rest := v; ; {
		i := strings.Index(rest, "://")
		if i < 0 {
			break
		}
		rest = rest[i+3:]
		if password := userPassword(rest); take(password) {
			return found
		}
	}
	// Parameters of a query, of SQL Server's driver, of DB2's.
	for rest := v; ; {
		i := strings.IndexByte(rest, '=')
		if i < 0 {
			return found
		}
		name := rest[strings.LastIndexAny(rest[:i], "?&;:, ")+1 : i]
		rest = rest[i+1:]
		value := rest
		if end := strings.IndexAny(value, "&; "); end >= 0 {
			value = value[:end]
		}
		if maySecret(name) && redact.IsSecretKey(name) && take(value) {
			return found
		}
	}
}

// userPassword returns what stands between user: and @host at the beginning of a text, or "". References count as one piece,
// whatever they hold.
func userPassword(s string) string {
	colon, at := -1, -1
scan:
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '$':
			if strings.HasPrefix(s[i:], "${") {
				if end := strings.IndexByte(s[i:], '}'); end > 0 {
					i += end
				}
			}
		case ':':
			if colon < 0 {
				colon = i
			}
		case '/':
			// A password may hold a slash although it should not. Behind a host, or a host and its port, the path begins.
			if colon < 0 || at >= 0 || digits(s[colon+1:i]) {
				break scan
			}
		case '@':
			at = i
		case '?', '#', ' ', ';', ',':
			break scan
		}
	}
	if colon < 0 || at < colon {
		return ""
	}
	return s[colon+1 : at]
}

func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}
