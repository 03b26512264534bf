package dlq

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"
)

// JSONRepair says what RepairJSON may do beyond what is certain.
type JSONRepair struct {
	// CloseTail closes the brackets of a value that was cut off, when the cut directly follows a complete string, literal,
	// object or array. A number at the cut may have had more digits, and is refused. Fields behind the cut are lost,
	// so it is off by default.
	CloseTail bool
	// NaN replaces NaN, Infinity and -Infinity, as JSON: "null" or "0". Empty refuses them.
	NaN string
}

var (
	byteOrderMark = []byte{0xef, 0xbb, 0xbf}

	errRepair = errors.New("the value cannot be repaired with certainty")
	errCut    = errors.New("the value is cut off")
)

// RepairJSON repairs what is certain in a malformed JSON value: a byte order mark, trailing commas, single quotes around
// strings and names. Valid JSON and null pass; everything else keeps its bytes. What it cannot repair with certainty it
// refuses.
func RepairJSON(o JSONRepair) Fixer {
	return Fixer{Name: "repair JSON", Fix: func(_ context.Context, r *Record) (bool, error) {
		v := r.Out.Value
		switch {
		case v == nil || json.Valid(v):
			return false, nil
		case o.NaN != "" && !json.Valid([]byte(o.NaN)):
			return false, errors.New("JSONRepair.NaN is not JSON")
		case !utf8.Valid(v):
			return false, errors.New("the value is not UTF-8")
		}
		j := repairer{in: bytes.TrimPrefix(v, byteOrderMark), options: o}
		out, err := j.run()
		if err != nil {
			return false, err
		}
		if !json.Valid(out) {
			return false, errRepair
		}
		r.Out.Value = out
		return true, nil
	}}
}

// maxDepth bounds the nesting, as encoding/json does.
const maxDepth = 10_000

// repairer copies a document and repairs on the way. It holds the open brackets, so that a hostile depth costs no stack.
type repairer struct {
	in      []byte
	options JSONRepair
	pos     int
	out     []byte
	open    []byte // '{' or '['
	solid   bool   // the last token was a complete value that more bytes could not have changed
}

func (j *repairer) run() ([]byte, error) {
	j.out = make([]byte, 0, len(j.in)+8)
	for first := true; first || len(j.open) > 0; first = false {
		if err := j.value(); err != nil {
			if errors.Is(err, errCut) && j.options.CloseTail && j.solid {
				return j.closeTail(), nil
			}
			return nil, err
		}
		if err := j.after(); err != nil {
			if errors.Is(err, errCut) && j.options.CloseTail && j.solid {
				return j.closeTail(), nil
			}
			return nil, err
		}
	}
	if j.space(); j.pos < len(j.in) {
		return nil, fmt.Errorf("%w: something follows it", errRepair)
	}
	return j.out, nil
}

func (j *repairer) closeTail() []byte {
	for _, v := range slices.Backward(j.open) {
		j.out = append(j.out, closing(v))
	}
	return j.out
}

func closing(open byte) byte {
	if open == '{' {
		return '}'
	}
	return ']'
}

// value copies one value; of a container only its beginning, up to its first value.
func (j *repairer) value() error {
	for {
		j.space()
		if j.pos == len(j.in) {
			j.solid = false
			return errCut
		}
		c := j.in[j.pos]
		switch c {
		case '{', '[':
			if len(j.open) >= maxDepth {
				return errRepair
			}
			j.out = append(j.out, c)
			j.pos++
			j.open = append(j.open, c)
			j.solid = false
			if done, err := j.empty(); done || err != nil {
				return err
			}
			if c == '{' {
				if err := j.name(); err != nil {
					return err
				}
			}
			continue
		case '"', '\'':
			err := j.text()
			j.solid = err == nil
			return err
		}
		return j.literal()
	}
}

// empty closes a container that has nothing in it.
func (j *repairer) empty() (bool, error) {
	j.space()
	if j.pos == len(j.in) {
		return false, errCut
	}
	if top := j.open[len(j.open)-1]; j.in[j.pos] == closing(top) {
		j.shut()
		return true, nil
	}
	return false, nil
}

func (j *repairer) shut() {
	j.out = append(j.out, j.in[j.pos])
	j.pos++
	j.open = j.open[:len(j.open)-1]
	j.solid = true
}

// after copies what follows a value: the ends of containers, or a comma and the next name.
func (j *repairer) after() error {
	for len(j.open) > 0 {
		j.space()
		if j.pos == len(j.in) {
			return errCut
		}
		top := j.open[len(j.open)-1]
		switch c := j.in[j.pos]; c {
		case closing(top):
			j.shut()
		case ',':
			comma := len(j.out)
			j.out = append(j.out, c)
			j.pos++
			j.solid = false
			j.space()
			if j.pos == len(j.in) {
				return errCut
			}
			if j.in[j.pos] == closing(top) { // a trailing comma
				j.out = append(j.out[:comma], j.out[comma+1:]...)
				j.shut()
				continue
			}
			if top == '{' {
				return j.name()
			}
			return nil
		default:
			return errRepair
		}
	}
	return nil
}

// name copies a field's name and its colon.
func (j *repairer) name() error {
	j.space()
	if j.pos == len(j.in) {
		return errCut
	}
	if c := j.in[j.pos]; c != '"' && c != '\'' {
		return fmt.Errorf("%w: a name without quotes", errRepair)
	}
	if err := j.text(); err != nil {
		return err
	}
	j.space()
	if j.pos == len(j.in) {
		return errCut
	}
	if j.in[j.pos] != ':' {
		return errRepair
	}
	j.out = append(j.out, ':')
	j.pos++
	return nil
}

// text copies a string and gives it double quotes.
func (j *repairer) text() error {
	quote := j.in[j.pos]
	j.pos++
	j.out = append(j.out, '"')
	for ; j.pos < len(j.in); j.pos++ {
		c := j.in[j.pos]
		switch {
		case c == quote:
			j.out = append(j.out, '"')
			j.pos++
			return nil
		case c == '\\':
			if j.pos+1 == len(j.in) {
				j.solid = false
				return errCut
			}
			j.pos++
			if next := j.in[j.pos]; next == '\'' {
				j.out = append(j.out, next) // JSON knows no such escape
			} else {
				j.out = append(j.out, c, next)
			}
		case c == '"':
			j.out = append(j.out, '\\', c)
		case c < ' ':
			return fmt.Errorf("%w: a control character in a text", errRepair)
		default:
			j.out = append(j.out, c)
		}
	}
	j.solid = false
	return errCut
}

// literal copies a number, true, false or null, and replaces what is no JSON number when told to.
func (j *repairer) literal() error {
	from := j.pos
	for j.pos < len(j.in) && !bytes.ContainsRune([]byte(",]} \t\r\n:'\"{["), rune(j.in[j.pos])) {
		j.pos++
	}
	word := j.in[from:j.pos]
	switch string(word) {
	case "true", "false", "null":
		j.solid = true
	case "NaN", "Infinity", "-Infinity":
		if j.options.NaN == "" {
			return errors.New("NaN or Infinity, which JSON does not have, and no replacement is set")
		}
		word = []byte(j.options.NaN)
		j.solid = true
	default:
		if !number.Match(word) {
			if j.pos == len(j.in) {
				j.solid = false
				return errCut
			}
			return errRepair
		}
		j.solid = false
	}
	j.out = append(j.out, word...)
	return nil
}

func (j *repairer) space() {
	for j.pos < len(j.in) {
		switch j.in[j.pos] {
		case ' ', '\t', '\r', '\n':
			j.out = append(j.out, j.in[j.pos])
			j.pos++
		default:
			return
		}
	}
}
