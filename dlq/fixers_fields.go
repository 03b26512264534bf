package dlq

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// span is a piece of a value.
type span struct{ from, to int }

// member is one field of a JSON object; name is decoded, key includes its quotes.
type member struct {
	name       string
	key, value span
}

var errNotObject = errors.New("not a JSON object")

// members lists the fields of a JSON object in their order, as pieces of doc, which is valid JSON.
func members(doc []byte) ([]member, error) {
	d := json.NewDecoder(bytes.NewReader(doc))
	d.UseNumber()
	t, err := d.Token()
	if err != nil || t != json.Delim('{') {
		return nil, errNotObject
	}
	var all []member
	for d.More() {
		t, err := d.Token()
		name, ok := t.(string)
		if err != nil || !ok {
			return nil, errNotObject
		}
		m := member{name: name}
		m.key.to = int(d.InputOffset())
		m.key.from = stringStart(doc, m.key.to)
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return nil, errNotObject
		}
		m.value.to = int(d.InputOffset())
		m.value.from = m.value.to - len(raw)
		all = append(all, m)
	}
	return all, nil
}

// stringStart finds where the string that ends before end begins.
func stringStart(doc []byte, end int) int {
	for i := end - 2; i >= 0; i-- {
		if doc[i] != '"' {
			continue
		}
		slashes := 0
		for i-slashes > 0 && doc[i-slashes-1] == '\\' {
			slashes++
		}
		if slashes%2 == 0 {
			return i
		}
	}
	return 0
}

// at finds the object that holds the last name of a dotted path, as a piece of doc.
func at(doc []byte, path string) (object span, name string, found bool, err error) {
	names := strings.Split(path, ".")
	object = span{0, len(doc)}
	for _, step := range names[:len(names)-1] {
		all, err := members(doc[object.from:object.to])
		if err != nil {
			return object, "", false, fmt.Errorf("what should hold %s is %w", path, err)
		}
		i := slices.IndexFunc(all, func(m member) bool { return m.name == step })
		if i < 0 {
			return object, "", false, nil
		}
		object = span{object.from + all[i].value.from, object.from + all[i].value.to}
	}
	return object, names[len(names)-1], true, nil
}

// field edits one field of the value, given by a dotted path. Everything else keeps its bytes.
func fieldFixer(name, path string, edit func(object []byte, all []member, field *member, name string) ([]byte, error)) Fixer {
	return Fixer{Name: name, Fix: func(_ context.Context, r *Record) (bool, error) {
		doc := r.Out.Value
		if doc == nil {
			return false, nil
		}
		if !json.Valid(doc) {
			return false, errNotJSON
		}
		object, leaf, found, err := at(doc, path)
		if err != nil || !found {
			return false, err
		}
		inside := doc[object.from:object.to]
		all, err := members(inside)
		if err != nil {
			return false, fmt.Errorf("what should hold %s is %w", path, err)
		}
		var field *member
		for i := range all {
			if all[i].name != leaf {
				continue
			}
			if field != nil {
				return false, fmt.Errorf("field %s is there twice", path)
			}
			field = &all[i]
		}
		out, err := edit(inside, all, field, leaf)
		if err != nil || out == nil {
			return false, err
		}
		r.Out.Value = slices.Concat(doc[:object.from], out, doc[object.to:])
		return true, nil
	}}
}

func replace(doc []byte, s span, with []byte) []byte {
	return slices.Concat(doc[:s.from], with, doc[s.to:])
}

// RenameField renames a field of a JSON value. The field is given by a dotted path ("payload.customer.id"), the new name alone. A
// record without the field passes; one that has a field of the new name is refused.
func RenameField(path, name string) Fixer {
	return fieldFixer("rename "+path, path, func(object []byte, all []member, field *member, _ string) ([]byte, error) {
		if field == nil {
			return nil, nil
		}
		if slices.ContainsFunc(all, func(m member) bool { return m.name == name }) {
			return nil, fmt.Errorf("there is a field %s already", name)
		}
		quoted, err := json.Marshal(name)
		if err != nil {
			return nil, errors.New("the new name is no text")
		}
		return replace(object, field.key, quoted), nil
	})
}

// DefaultField adds a field that is missing from a JSON value; value is JSON. A field that is there, null too, stays.
func DefaultField(path, value string) Fixer {
	return fieldFixer("default "+path, path, func(object []byte, all []member, field *member, name string) ([]byte, error) {
		if field != nil {
			return nil, nil
		}
		if !json.Valid([]byte(value)) {
			return nil, errors.New("the value given to DefaultField is not JSON")
		}
		quoted, err := json.Marshal(name)
		if err != nil {
			return nil, errors.New("the name is no text")
		}
		end := bytes.LastIndexByte(object, '}')
		var comma []byte
		if len(all) > 0 {
			comma = []byte(",")
			end = all[len(all)-1].value.to
		}
		return slices.Concat(object[:end], comma, quoted, []byte(":"), []byte(value), object[end:]), nil
	})
}

// FieldType is what CastField turns a field into.
type FieldType string

// The types.
const (
	FieldString  FieldType = "string"
	FieldInt64   FieldType = "int64"
	FieldDouble  FieldType = "double"
	FieldBoolean FieldType = "boolean"
)

var (
	wholeNumber = regexp.MustCompile(`^-?(0|[1-9][0-9]*)$`)
	number      = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$`)
)

// CastField changes the type of a field of a JSON value when nothing is lost: "12" and 12, "1.5" and 1.5, "true" and true turn into
// each other. A missing field, null, and one of the type already pass. Whatever would need rounding, trimming or a
// convention (1 for true, "1,5") is refused.
func CastField(path string, to FieldType) Fixer {
	return fieldFixer("cast "+path, path, func(object []byte, _ []member, field *member, _ string) ([]byte, error) {
		if field == nil {
			return nil, nil
		}
		raw := object[field.value.from:field.value.to]
		with, err := cast(raw, to)
		if err != nil || with == nil {
			return nil, err
		}
		return replace(object, field.value, with), nil
	})
}

func cast(raw []byte, to FieldType) ([]byte, error) {
	refused := fmt.Errorf("the value cannot be %s without a guess", to)
	text, isText := string(raw), raw[0] == '"'
	switch {
	case text == "null":
		return nil, nil
	case raw[0] == '{' || raw[0] == '[':
		return nil, refused
	case isText:
		if json.Unmarshal(raw, &text) != nil {
			return nil, refused
		}
	}
	switch to {
	case FieldString:
		if isText {
			return nil, nil
		}
		return []byte(`"` + text + `"`), nil // a number or a boolean: nothing to escape
	case FieldInt64:
		if !wholeNumber.MatchString(text) || text == "-0" {
			return nil, refused
		}
		if _, err := strconv.ParseInt(text, 10, 64); err != nil {
			return nil, refused
		}
	case FieldDouble:
		if !number.MatchString(text) {
			return nil, refused
		}
		if _, err := strconv.ParseFloat(text, 64); err != nil {
			return nil, refused
		}
	case FieldBoolean:
		if text != "true" && text != "false" {
			return nil, refused
		}
	default:
		return nil, fmt.Errorf("unknown type %q", string(to))
	}
	if !isText {
		return nil, nil
	}
	return []byte(text), nil
}
