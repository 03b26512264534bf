package connecttest

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"
)

// node is a JSON value with the place where it stands, for messages.
type node struct {
	kind   byte // one of { [ " n(umber) t f z(null)
	text   string
	keys   []string
	fields map[string]*node
	items  []*node
	at     int // offset of its first byte
	end    int // offset behind it
}

// scalar is what Jackson makes of a value where a String is wanted; ok is false for objects and arrays.
func (n *node) scalar() (value *string, ok bool) {
	switch n.kind {
	case '{', '[':
		return nil, false
	case 'z':
		return nil, true
	default:
		return &n.text, true
	}
}

// jacksonError is a JsonProcessingException: the message, where, and the field names that lead there.
type jacksonError struct {
	message string
	at      int
	path    []string
}

// jackson parses as Jackson does, with its messages. It stops behind the first value, as Jackson's reader does.
type jackson struct {
	in   []byte
	pos  int
	path []string
	v    apiVersion
}

// parse returns nil without an error for an empty body: Jersey hands the method a null entity. Beside an error it
// returns what it had read by then.
func (j *jackson) parse() (*node, *jacksonError) {
	j.space()
	if j.pos == len(j.in) {
		return nil, nil //nolint:nilnil // no content is null
	}
	n, err := j.value()
	if err == nil && n.kind == 'z' {
		return nil, nil //nolint:nilnil // so is null
	}
	return n, err
}

func (j *jackson) fail(at int, format string, args ...any) *jacksonError {
	return &jacksonError{fmt.Sprintf(format, args...), at, append([]string(nil), j.path...)}
}

func (j *jackson) space() {
	for j.pos < len(j.in) && strings.IndexByte(" \t\r\n", j.in[j.pos]) >= 0 {
		j.pos++
	}
}

// location is the column as Jackson counts it, from 1.
func (j *jackson) location(at int) string {
	before := j.in[:min(at, len(j.in))]
	line := 1 + strings.Count(string(before), "\n")
	column := at - strings.LastIndexByte(string(before), '\n')
	source := "REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled)"
	if !j.v.atLeast(3, 7) {
		source = "(org.glassfish.jersey.message.internal.ReaderInterceptorExecutor$UnCloseableInputStream)"
	}
	return fmt.Sprintf("[Source: %s; line: %d, column: %d]", source, line, column)
}

const expectedValue = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')"

func (j *jackson) value() (*node, *jacksonError) {
	j.space()
	if j.pos == len(j.in) {
		return nil, j.fail(j.pos, "Unexpected end-of-input within/between Object entries")
	}
	at := j.pos
	switch c := j.in[j.pos]; {
	case c == '{':
		return j.object()
	case c == '[':
		return j.array()
	case c == '"':
		s, err := j.str()
		if err != nil {
			return nil, err
		}
		return &node{kind: '"', text: s, at: at, end: j.pos}, nil
	case c == '-' || c >= '0' && c <= '9':
		return j.number()
	case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c == '$':
		return j.literal()
	default:
		return nil, j.unexpected("expected a valid value " + expectedValue)
	}
}

func (j *jackson) unexpected(what string) *jacksonError {
	r, _ := utf8.DecodeRune(j.in[j.pos:])
	return j.fail(j.pos, "Unexpected character ('%c' (code %d)): %s", r, r, what)
}

func (j *jackson) literal() (*node, *jacksonError) {
	at := j.pos
	for j.pos < len(j.in) && (j.in[j.pos] >= 'a' && j.in[j.pos] <= 'z' || j.in[j.pos] >= 'A' && j.in[j.pos] <= 'Z' ||
		j.in[j.pos] >= '0' && j.in[j.pos] <= '9' || j.in[j.pos] == '_' || j.in[j.pos] == '$') {
		j.pos++
	}
	word := string(j.in[at:j.pos])
	switch word {
	case "true", "false":
		return &node{kind: word[0], text: word, at: at, end: j.pos}, nil
	case "null":
		return &node{kind: 'z', at: at, end: j.pos}, nil
	}
	return nil, j.fail(j.pos, "Unrecognized token '%s': was expecting %s", word, expectedValue)
}

func (j *jackson) number() (*node, *jacksonError) {
	at := j.pos
	for j.pos < len(j.in) && strings.IndexByte("+-.eE0123456789", j.in[j.pos]) >= 0 {
		j.pos++
	}
	text := string(j.in[at:j.pos])
	if !json.Valid([]byte(text)) {
		return nil, j.fail(j.pos, "Unexpected character ('%c' (code %d)) in numeric value", text[len(text)-1], text[len(text)-1])
	}
	return &node{kind: 'n', text: text, at: at, end: j.pos}, nil
}

func (j *jackson) str() (string, *jacksonError) {
	at := j.pos
	for j.pos++; j.pos < len(j.in); j.pos++ {
		switch c := j.in[j.pos]; {
		case c == '\\':
			j.pos++
		case c == '"':
			j.pos++
			var s string
			if json.Unmarshal(j.in[at:j.pos], &s) != nil {
				return "", j.fail(j.pos, "Unrecognized character escape")
			}
			return s, nil
		case c < 0x20:
			return "", j.fail(j.pos, "Illegal unquoted character ((CTRL-CHAR, code %d)): has to be escaped using backslash to be included in string value", c)
		}
	}
	j.pos = len(j.in)
	return "", j.fail(j.pos, "Unexpected end-of-input: was expecting closing quote for a string value")
}

func (j *jackson) object() (*node, *jacksonError) {
	n := &node{kind: '{', fields: map[string]*node{}, at: j.pos}
	unclosed := func() *jacksonError {
		return j.fail(j.pos, "Unexpected end-of-input: expected close marker for Object (start marker at %s)", j.location(n.at))
	}
	j.pos++
	for first := true; ; first = false {
		j.space()
		if j.pos == len(j.in) {
			return n, unclosed()
		}
		if j.in[j.pos] == '}' && (first || len(n.keys) > 0) {
			j.pos++
			n.end = j.pos
			return n, nil
		}
		if !first {
			if j.in[j.pos] != ',' {
				return n, j.unexpected("was expecting comma to separate Object entries")
			}
			j.pos++
			j.space()
			if j.pos == len(j.in) {
				return n, unclosed()
			}
		}
		if j.in[j.pos] != '"' {
			return n, j.unexpected("was expecting double-quote to start field name")
		}
		key, err := j.str()
		if err != nil {
			return n, err
		}
		j.space()
		if j.pos == len(j.in) {
			return n, j.fail(j.pos, "Unexpected end-of-input within/between Object entries")
		}
		if j.in[j.pos] != ':' {
			return n, j.unexpected("was expecting a colon to separate field name and value")
		}
		j.pos++
		j.path = append(j.path, key)
		v, err := j.value()
		if v != nil {
			if n.fields[key] == nil {
				n.keys = append(n.keys, key)
			}
			n.fields[key] = v
		}
		if err != nil {
			return n, err
		}
		j.path = j.path[:len(j.path)-1]
	}
}

func (j *jackson) array() (*node, *jacksonError) {
	n := &node{kind: '[', at: j.pos}
	j.pos++
	for first := true; ; first = false {
		j.space()
		if j.pos == len(j.in) {
			return n, j.fail(j.pos, "Unexpected end-of-input: expected close marker for Array (start marker at %s)", j.location(n.at))
		}
		if j.in[j.pos] == ']' {
			j.pos++
			n.end = j.pos
			return n, nil
		}
		if !first {
			if j.in[j.pos] != ',' {
				return n, j.unexpected("was expecting comma to separate Array entries")
			}
			j.pos++
		}
		v, err := j.value()
		if v != nil {
			n.items = append(n.items, v)
		}
		if err != nil {
			return n, err
		}
	}
}
