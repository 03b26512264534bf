// Package redact decides what is secret in a Kafka Connect configuration and cuts it out of values and free text.
// Everything in it runs in linear time, keeps no state and never panics.
package redact

import (
	"strings"
	"unicode"
)

// Mask stands in place of what was cut.
const Mask = "[redacted]"

// secretParts mark a word as secret wherever they occur in it: people write dbpassword and clientsecret in one word.
var secretParts = []string{
	"password", "passwd", "passphrase", "passcode", "secret", "credential", "apikey", "privatekey", "accesskey", "authtoken", "accesstoken",
}

// secretWords mark a key as secret when one of its words is exactly this.
var secretWords = map[string]bool{
	"pwd": true, "pass": true, "passwort": true, "token": true, "tokens": true, "jaas": true, "authorization": true, "userinfo": true,
	"cookie": true, "sas": true, "pat": true,
}

// secretPairs mark a key as secret when two of its words follow each other.
var secretPairs = map[[2]string]bool{
	{"api", "key"}: true, {"private", "key"}: true, {"access", "key"}: true, {"account", "key"}: true, {"secret", "key"}: true,
	{"user", "info"}: true, {"shared", "key"}: true, {"encryption", "key"}: true, {"signing", "key"}: true, {"hmac", "key"}: true,
	{"master", "key"}: true, {"storage", "key"}: true, {"auth", "key"}: true, {"license", "key"}: true, {"keystore", "key"}: true,
	{"connection", "string"}: true, {"shared", "access"}: true, {"service", "account"}: true, {"webhook", "url"}: true,
	{"subscription", "key"}: true, {"service", "key"}: true, {"aes", "key"}: true, {"ssh", "key"}: true, {"rsa", "key"}: true,
}

// publicTails end a key that speaks about a secret without holding it: ssl.keystore.location, basic.auth.credentials.source,
// sasl.oauthbearer.token.endpoint.url, password.file.
var publicTails = map[string]bool{
	"url": true, "uri": true, "endpoint": true, "path": true, "file": true, "filename": true, "location": true, "dir": true, "directory": true,
	"class": true, "source": true, "type": true, "provider": true, "providers": true, "ms": true, "seconds": true, "minutes": true, "timeout": true,
	"interval": true, "expiry": true, "ttl": true, "enable": true, "enabled": true, "required": true, "algorithm": true, "format": true,
	"mechanism": true, "length": true, "encoding": true, "version": true, "field": true, "fields": true, "column": true, "columns": true,
	"policy": true, "mode": true, "method": true, "retries": true, "attempts": true, "size": true, "count": true, "alias": true,
	"exception": true, "error": true, "failure": true, "java": true, "scala": true, "kt": true, "groovy": true, "factory": true,
	"handler": true, "manager": true, "callback": true, "cache": true, "strategy": true, "regex": true, "scope": true, "issuer": true,
	"audience": true, "name": true, "converter": true,
}

// IsSecretKey reports whether a configuration key names a secret, whatever prefix it carries (producer.override.,
// value.converter.schema.registry., config.providers.vault.param. ...).
func IsSecretKey(key string) bool {
	ws := words(key)
	if len(ws) == 0 {
		return false
	}
	if publicTails[ws[len(ws)-1]] && !endsSecret(ws) {
		return false
	}
	for i, w := range ws {
		if secretWords[w] {
			return true
		}
		if i > 0 && secretPairs[[2]string{ws[i-1], w}] {
			return true
		}
		for _, part := range secretParts {
			if strings.Contains(w, part) {
				return true
			}
		}
		if strings.HasSuffix(w, "token") || strings.HasSuffix(w, "pwd") {
			return true
		}
	}
	return false
}

// endsSecret holds for the few secrets whose last word is a public one: a webhook's URL is its password.
func endsSecret(ws []string) bool {
	return len(ws) > 1 && secretPairs[[2]string{ws[len(ws)-2], ws[len(ws)-1]}]
}

// words splits at punctuation and at camelCase, in lower case: sslKey_password becomes ssl key password, APIKey api key.
func words(key string) []string {
	var out []string
	var b strings.Builder
	flush := func() {
		if b.Len() > 0 {
			out = append(out, b.String())
			b.Reset()
		}
	}
	rs := []rune(key)
	for i, r := range rs {
		switch {
		case unicode.IsUpper(r):
			if i > 0 && (!unicode.IsUpper(rs[i-1]) || i+1 < len(rs) && unicode.IsLower(rs[i+1])) {
				flush()
			}
			b.WriteRune(unicode.ToLower(r))
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			b.WriteRune(r)
		default:
			flush()
		}
	}
	flush()
	return out
}

var masks = map[string]bool{
	"hidden": true, "redacted": true, "masked": true, "sensitive": true, "sensitive value": true, "protected": true, "secret": true,
}

// IsMask reports whether a value is what a tool shows in place of a secret: ******, [hidden], [redacted], <masked>, (sensitive value),
// the xxxxx of a URL. Writing it back would destroy the secret.
func IsMask(value string) bool {
	v := strings.TrimSpace(value)
	if v == "" {
		return false
	}
	if len(v) >= 3 && (strings.Trim(v, "*") == "" || v == "xxxxx") || strings.Trim(v, "•●") == "" {
		return true
	}
	if v == "REDACTED" || v == "HIDDEN" || v == "MASKED" {
		return true
	}
	switch v[0] {
	case '[', '<', '(', '{':
		if n := len(v) - 1; n > 0 && strings.IndexByte("]>)}", v[n]) >= 0 {
			inner := strings.ToLower(strings.Trim(v[1:n], "[]<>(){}* "))
			return masks[inner]
		}
	}
	return false
}

// HoldsMask reports whether a mask is anywhere in a value: the whole of it, the password of a URL, a JAAS option.
func HoldsMask(value string) bool {
	if IsMask(value) {
		return true
	}
	lower := strings.ToLower(value)
	for _, m := range []string{"[redacted]", "[hidden]", "<redacted>", "<hidden>", "[masked]", "<masked>", ":***", "=***", "\"***", ":xxxxx@", "=xxxxx"} {
		if strings.Contains(lower, m) {
			return true
		}
	}
	return false
}

// HasReference reports whether a value holds a reference to a config provider, `${provider:[path:]key}`.
func HasReference(value string) bool {
	start, _ := reference(value, 0)
	return start >= 0
}

// reference returns the bounds of the first reference at or after from, or -1.
func reference(s string, from int) (start, end int) {
	for from < len(s) {
		i := strings.Index(s[from:], "${")
		if i < 0 {
			return -1, -1
		}
		i += from
		j := i + 2
		for j < len(s) && isProvider(s[j]) {
			j++
		}
		if j > i+2 && j < len(s) && s[j] == ':' {
			n := strings.IndexByte(s[j:], '}')
			if n < 0 {
				return -1, -1
			}
			if n > 1 {
				return i, j + n + 1
			}
		}
		from = i + 2
	}
	return -1, -1
}

func isProvider(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-' || c == '.'
}

// Value returns what may be shown of a configuration value: nothing of a secret but its references to a config provider, and of
// anything else the text without the passwords in its URLs and JAAS options. An empty value and a mask stay what they are.
func Value(key, value string) string {
	if !IsSecretKey(key) {
		return text(value, strings.Contains(value, "://") || strings.HasPrefix(value, "jdbc:"))
	}
	if value == "" || IsMask(value) {
		return value
	}
	return maskAround(value)
}

// maskAround cuts everything but the references.
func maskAround(value string) string {
	start, end := reference(value, 0)
	if start < 0 {
		return Mask
	}
	var b strings.Builder
	pos := 0
	for start >= 0 {
		if start > pos {
			b.WriteString(Mask)
		}
		b.WriteString(value[start:end])
		pos = end
		start, end = reference(value, pos)
	}
	if pos < len(value) {
		b.WriteString(Mask)
	}
	return b.String()
}
