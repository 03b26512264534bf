package errtolerance

import (
	"errors"
	"regexp"
	"regexp/syntax"
	"strings"
)

// regexVerdict says how far a Java pattern can be trusted to mean the same here.
type regexVerdict uint8

const (
	regexOK      regexVerdict = iota
	regexForeign              // Java may read it, Go reads it differently or not at all
	regexBroken               // no dialect reads it
)

// javaMatcher returns what Java's Matcher.matches does with a pattern: the whole name must match.
func javaMatcher(pattern string) (match func(string) bool, v regexVerdict) {
	// The usual patterns are a literal prefix and ".*": no expression needed.
	if prefix, ok := strings.CutSuffix(pattern, ".*"); ok && literal(prefix) {
		return func(s string) bool { return strings.HasPrefix(s, prefix) }, regexOK
	}
	if literal(pattern) {
		return func(s string) bool { return s == pattern }, regexOK
	}
	if javaOnly(pattern) {
		return nil, regexForeign
	}
	// Alone first: wrapped, unbalanced parentheses could come out balanced.
	if _, err := syntax.Parse(pattern, syntax.Perl); err != nil {
		if e, ok := errors.AsType[*syntax.Error](err); ok {
			switch e.Code { //nolint:exhaustive // the others may be fine in Java
			case syntax.ErrMissingParen, syntax.ErrUnexpectedParen, syntax.ErrMissingBracket, syntax.ErrTrailingBackslash:
				return nil, regexBroken
			}
		}
		return nil, regexForeign
	}
	re, err := regexp.Compile(`\A(?:` + pattern + `)\z`)
	if err != nil {
		return nil, regexForeign
	}
	return re.MatchString, regexOK
}

func literal(s string) bool {
	return !strings.ContainsAny(s, `\.+*?()|[]{}^$#`)
}

// javaOnly finds constructs that Go refuses or reads differently: look-around, atomic groups, possessive quantifiers,
// back references, set operations in classes, and escapes of Java's own.
func javaOnly(p string) bool {
	for i := 0; i < len(p); i++ {
		switch p[i] {
		case '\\':
			if i+1 == len(p) {
				return false
			}
			i++
			switch c := p[i]; {
			case c >= '1' && c <= '9', strings.IndexByte("kGZRXhHvVcuNepP0", c) >= 0:
				return true
			}
		case '(':
			if strings.HasPrefix(p[i:], "(?") && !strings.HasPrefix(p[i:], "(?:") {
				return true
			}
		case '*', '+', '?', '}':
			if i+1 < len(p) && p[i+1] == '+' {
				return true
			}
		case '[':
			// Inside a class Java nests and intersects; a bracket or && there means something else to Go.
			j := i + 1
			if j < len(p) && p[j] == '^' {
				j++
			}
			if j < len(p) && p[j] == ']' {
				return true
			}
			for ; j < len(p) && p[j] != ']'; j++ {
				if p[j] == '\\' {
					j++
					continue
				}
				if p[j] == '[' || p[j] == '&' && j+1 < len(p) && p[j+1] == '&' {
					return true
				}
			}
			i = j
		case '#':
			// Only a comment with (?x), which is foreign already.
		}
	}
	return false
}
