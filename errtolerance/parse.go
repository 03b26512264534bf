package errtolerance

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// KeyError says that the value of one key cannot be used: Kafka would refuse it, or [Config] cannot hold it. Its text names
// the key and the remedy, never the value.
type KeyError struct {
	// Key is the property, as in errors.retry.timeout.
	Key string
	// Refused is true where Kafka answers 400 to this value; false where Kafka takes it but Config cannot hold it, or where
	// only the worker knows what it will be.
	Refused bool
	// Reason is what is wrong, and Fix the edit that helps.
	Reason, Fix string
}

// Error implements error.
func (e *KeyError) Error() string {
	s := "errtolerance: " + e.Key + ": " + e.Reason
	if e.Fix != "" {
		s += "; " + e.Fix
	}
	return s
}

// FromMap reads the eight keys out of a connector's configuration the way Kafka does: white space around a value does not
// count, booleans are read in any case, numbers are decimal text. Keys that are absent take Connect's defaults. All other
// keys are ignored: Lint is what looks at them.
//
// The error joins one [KeyError] for each value that Kafka would refuse or that Config cannot hold (a maximum delay or a
// replication factor of 0, which Config reads as the default; a number of milliseconds beyond a time.Duration; a reference
// that only the worker can resolve). The Config holds everything else, and the tolerance as it was written.
func FromMap(connector map[string]string) (Config, error) {
	var c Config
	var errs []error
	if v, ok := connector[KeyTolerance]; ok {
		c.Tolerance = Tolerance(trim(v))
		if e := toleranceError(v); e != nil {
			errs = append(errs, e)
		}
	}
	read := func(key string, dst *time.Duration) {
		v, ok := connector[key]
		if !ok {
			return
		}
		ms, e := readLong(key, v)
		if e == nil && key == KeyRetryDelayMax && ms == 0 {
			e = &KeyError{Key: key, Reason: "0 makes Connect's first retry fail", Fix: "write 60000, or remove the key"}
		}
		if e == nil && key == KeyRetryTimeout && ms < 0 {
			ms = -1
		}
		if e == nil && (ms > math.MaxInt64/int64(time.Millisecond) || ms < math.MinInt64/int64(time.Millisecond)) {
			e = &KeyError{Key: key, Reason: "more milliseconds than a time.Duration holds (292 years)", Fix: "write -1 to retry for ever, or a smaller number"}
			if key == KeyRetryDelayMax {
				e.Fix = "write a smaller number"
			}
		}
		if e != nil {
			errs = append(errs, e)
			return
		}
		*dst = time.Duration(ms) * time.Millisecond
	}
	read(KeyRetryTimeout, &c.RetryTimeout)
	read(KeyRetryDelayMax, &c.RetryDelayMax)
	flag := func(key string, dst *bool) {
		v, ok := connector[key]
		if !ok {
			return
		}
		b, e := readBool(key, v)
		if e != nil {
			errs = append(errs, e)
			return
		}
		*dst = b
	}
	flag(KeyLogEnable, &c.LogEnable)
	flag(KeyLogIncludeMessages, &c.LogIncludeMessages)
	c.DeadLetterQueue.Topic = connector[KeyDLQTopic]
	if v, ok := connector[KeyDLQReplication]; ok {
		n, e := readShort(KeyDLQReplication, v)
		if e == nil && n == 0 {
			e = &KeyError{Key: KeyDLQReplication, Reason: "0 replicas cannot be created, the task would fail at start", Fix: "write the number of replicas, or -1 for the broker's default"}
		}
		if e != nil {
			errs = append(errs, e)
		} else {
			c.DeadLetterQueue.ReplicationFactor = n
		}
	}
	flag(KeyDLQContextHeaders, &c.DeadLetterQueue.ContextHeaders)
	return c.Normalize(), errors.Join(errs...)
}

func toleranceError(v string) *KeyError {
	t := trim(v)
	if t == string(ToleranceNone) || t == string(ToleranceAll) {
		return nil
	}
	e := &KeyError{Key: KeyTolerance, Refused: true, Reason: "neither none nor all", Fix: "write none or all"}
	switch {
	case unresolved(v):
		e.Refused, e.Reason, e.Fix = false, unresolvedReason, ""
	case strings.EqualFold(t, "none"), strings.EqualFold(t, "all"):
		e.Reason, e.Fix = "Kafka compares it letter by letter, lower case only", "write "+strings.ToLower(t)
	}
	return e
}

const unresolvedReason = "a reference or a placeholder, which is only known where it is resolved"

func readLong(key, v string) (int64, *KeyError) {
	n, ok := parseInteger(v, 64)
	if ok {
		return n, nil
	}
	if unresolved(v) || standIn(v) {
		return 0, &KeyError{Key: key, Reason: unresolvedReason}
	}
	e := &KeyError{Key: key, Refused: true, Reason: "not a whole number of milliseconds", Fix: "write digits only, as in 60000"}
	if d, err := time.ParseDuration(strings.ReplaceAll(trim(v), " ", "")); err == nil {
		e.Reason, e.Fix = "a duration with a unit, Kafka reads plain milliseconds", "write "+formatMillis(wholeMillis(d))
	}
	return 0, e
}

func readShort(key, v string) (int16, *KeyError) {
	n, ok := parseInteger(v, 16)
	if ok {
		return int16(n), nil //nolint:gosec // parsed with 16 bits
	}
	if unresolved(v) || standIn(v) {
		return 0, &KeyError{Key: key, Reason: unresolvedReason}
	}
	return 0, &KeyError{Key: key, Refused: true, Reason: "not a whole number between -32768 and 32767", Fix: "write the number of replicas, or -1 for the broker's default"}
}

func readBool(key, v string) (value bool, e *KeyError) {
	b, ok := parseBool(v)
	if ok {
		return b, nil
	}
	if unresolved(v) {
		return false, &KeyError{Key: key, Reason: unresolvedReason}
	}
	return false, &KeyError{Key: key, Refused: true, Reason: "neither true nor false", Fix: "write true or false"}
}

// trim is Java's String.trim: everything up to U+0020 at both ends goes, and nothing else.
func trim(s string) string {
	start, end := 0, len(s)
	for start < end && s[start] <= ' ' {
		start++
	}
	for end > start && s[end-1] <= ' ' {
		end--
	}
	return s[start:end]
}

// parseBool is ConfigDef's reading of BOOLEAN.
func parseBool(v string) (value, ok bool) {
	t := trim(v)
	switch {
	case strings.EqualFold(t, "true"):
		return true, true
	case strings.EqualFold(t, "false"):
		return false, true
	}
	return false, false
}

// parseInteger is ConfigDef's reading of SHORT, INT and LONG: Java's parseLong, which takes a sign and the decimal digits of
// any script.
func parseInteger(v string, bits int) (n int64, ok bool) {
	t := trim(v)
	for i := range len(t) {
		if t[i] >= utf8.RuneSelf {
			t = asciiDigits(t)
			break
		}
	}
	n, err := strconv.ParseInt(t, 10, bits)
	return n, err == nil
}

func asciiDigits(s string) string {
	return strings.Map(func(r rune) rune {
		if r < utf8.RuneSelf || !unicode.IsDigit(r) {
			return r
		}
		// Decimal digits come in runs that begin at their zero, all aligned within one range of the table.
		for _, rg := range unicode.Nd.R16 {
			if r >= rune(rg.Lo) && r <= rune(rg.Hi) {
				return '0' + (r-rune(rg.Lo))%10
			}
		}
		return r
	}, s)
}

// splitList is ConfigDef's reading of LIST: separated by commas, white space around an element does not count.
func splitList(v string) []string {
	t := trim(v)
	if t == "" {
		return nil
	}
	parts := strings.Split(t, ",")
	for i, p := range parts {
		parts[i] = strings.TrimFunc(p, javaSpace)
	}
	return parts
}

// javaSpace is the class \s of Java's regular expressions.
func javaSpace(r rune) bool {
	return r == ' ' || (r >= '\t' && r <= '\r')
}

// unresolved reports whether a value still holds a reference or a template's placeholder, so that nobody can say offline
// what the worker will read: ${file:...}, ${VAR}, $VAR, $(VAR), {{ .X }}, #{X}, <x>, __X__, %X%, %s.
func unresolved(v string) bool {
	for i := 0; i+1 < len(v); i++ {
		next := v[i+1]
		switch v[i] {
		case '$':
			if next == '{' || next == '(' || next == '_' || isLetter(next) {
				return true
			}
		case '{':
			if next == '{' {
				return true
			}
		case '#':
			if next == '{' {
				return true
			}
		case '<':
			if isLetter(next) && strings.IndexByte(v[i:], '>') > 0 {
				return true
			}
		case '%':
			if next == '(' {
				return true
			}
		}
	}
	t := trim(v)
	if len(t) < 2 {
		return false
	}
	switch first, last := t[0], t[len(t)-1]; {
	case first == '<' && last == '>', first == '{' && last == '}':
		return true
	case first == '%' && (last == '%' && len(t) > 2 || len(t) == 2 && isLetter(last)):
		return true
	case len(t) > 4 && strings.HasPrefix(t, "__") && strings.HasSuffix(t, "__"):
		return true
	case len(t) > 2 && first == '@' && last == '@':
		return true
	}
	return false
}

// standIn reports a word in capitals where a number belongs: NUMBER_OF_TASKS is documentation, not a value.
func standIn(v string) bool {
	t := trim(v)
	if len(t) < 3 || !isLetter(t[0]) {
		return false
	}
	for i := range len(t) {
		if b := t[i]; b != '_' && b != '-' && (b < 'A' || b > 'Z') && (b < '0' || b > '9') {
			return false
		}
	}
	return strings.ContainsAny(t, "_-")
}

func isLetter(b byte) bool {
	return b|0x20 >= 'a' && b|0x20 <= 'z'
}
