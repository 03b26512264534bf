package connecttest

import (
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
)

const entities = "org.apache.kafka.connect.runtime.rest.entities."

// createRequest is CreateConnectorRequest.
type createRequest struct {
	name    string
	config  *javaMap
	initial string
}

// badJSON is the 500 of a body that Jackson cannot read: there is no mapper that would make it a 400.
func (s *Server) badJSON(j *jackson, root string, err *jacksonError) *reply {
	message := err.message + "\n at " + j.location(err.at)
	if len(err.path) > 0 {
		var chain strings.Builder
		for i, key := range err.path {
			owner := root
			if i > 0 {
				owner = "->java.util.LinkedHashMap"
			}
			fmt.Fprintf(&chain, "%s[%q]", owner, key)
		}
		message += " (through reference chain: " + chain.String() + ")"
	}
	r := refuse(http.StatusInternalServerError, message)
	return &r
}

// nullPointer is the 500 of a body that is null where the code did not expect it.
func nullPointer(call, variable string) *reply {
	r := refuse(http.StatusInternalServerError, fmt.Sprintf("Cannot invoke %q because %q is null", call, variable))
	return &r
}

// wrongType is a value that is no Java value of the wanted class: classes and maps complain about a scalar in their own way.
func wrongType(want string, n *node, path ...string) *jacksonError {
	construct := func(argument, value string) *jacksonError {
		class, _, _ := strings.Cut(want, "<")
		return &jacksonError{fmt.Sprintf("Cannot construct instance of `%s` (although at least one Creator exists): "+
			"no %s-argument constructor/factory method to deserialize from %s", class, argument, value), n.at, path}
	}
	bean := strings.HasPrefix(want, entities)
	switch {
	case n.kind == '"':
		return construct("String", "String value ('"+n.text+"')")
	case n.kind == 'n' && bean && strings.ContainsAny(n.text, ".eE"):
		return construct("double/Double", "Number value ("+n.text+")")
	case n.kind == 'n' && bean:
		return construct("int/Int", "Number value ("+n.text+")")
	case (n.kind == 't' || n.kind == 'f') && bean:
		return construct("boolean/Boolean", "boolean value ("+n.text+")")
	}
	names := map[byte][2]string{
		'{': {"Object value", "START_OBJECT"}, '[': {"Array value", "START_ARRAY"}, 'n': {"Integer value", "VALUE_NUMBER_INT"},
		't': {"Boolean value", "VALUE_TRUE"}, 'f': {"Boolean value", "VALUE_FALSE"},
	}
	name := names[n.kind]
	if n.kind == 'n' && strings.ContainsAny(n.text, ".eE") {
		name = [2]string{"Floating-point value", "VALUE_NUMBER_FLOAT"}
	}
	return &jacksonError{fmt.Sprintf("Cannot deserialize value of type `%s` from %s (token `JsonToken.%s`)", want, name[0], name[1]), n.at, path}
}

// stringMap reads a Map<String, String>: scalars are coerced, null stays null, objects and arrays fail.
func stringMap(n *node, path ...string) (*javaMap, *jacksonError) {
	if n == nil {
		return newJavaMap(), nil
	}
	if n.kind != '{' {
		return nil, wrongType("java.util.LinkedHashMap<java.lang.String,java.lang.String>", n, path...)
	}
	out := newJavaMap()
	for _, key := range n.keys {
		value, ok := n.fields[key].scalar()
		if !ok {
			return nil, wrongType("java.lang.String", n.fields[key], append(path, key)...)
		}
		out.set(key, value)
	}
	return out, nil
}

// first picks what Jackson, which reads and converts at once, meets first: a value of the wrong type in what could be
// parsed, or where the parsing ended.
func first(wrong, syntax *jacksonError) *jacksonError {
	if wrong == nil || syntax != nil && wrong.at >= syntax.at {
		return syntax
	}
	return wrong
}

// decodeConfig reads a bare config; variable is what the method calls it.
func (s *Server) decodeConfig(body []byte, variable string) (*javaMap, *reply) {
	j := &jackson{in: body, v: s.version}
	n, syntax := j.parse()
	if syntax == nil && n == nil {
		call := "java.util.Map.get(Object)"
		if variable == "patch" {
			call = "java.util.Map.forEach(java.util.function.BiConsumer)"
		}
		return nil, nullPointer(call, variable)
	}
	m, err := stringMap(n)
	if err = first(err, syntax); err != nil {
		return nil, s.badJSON(j, "java.util.LinkedHashMap", err)
	}
	return m, nil
}

func (s *Server) decodeCreate(body []byte) (createRequest, *reply) {
	const class = entities + "CreateConnectorRequest"
	j := &jackson{in: body, v: s.version}
	n, syntax := j.parse()
	if syntax == nil && n == nil {
		return createRequest{}, nullPointer(class+".name()", "createRequest")
	}
	in, err := s.createFields(n, class)
	if err = first(err, syntax); err != nil {
		return createRequest{}, s.badJSON(j, class, err)
	}
	if in.config == nil {
		return in, nullPointer("java.util.Map.get(Object)", "connectorConfig")
	}
	return in, nil
}

func (s *Server) createFields(n *node, class string) (in createRequest, err *jacksonError) {
	if n == nil {
		return in, nil
	}
	if n.kind != '{' {
		return in, wrongType(class, n)
	}
	known := []string{"config", "name", "initial_state"}
	if !s.version.atLeast(3, 7) {
		known = known[:2]
	}
	for _, key := range n.keys {
		field := n.fields[key]
		switch {
		case key == "name":
			value, ok := field.scalar()
			if !ok {
				return in, wrongType("java.lang.String", field, key)
			}
			if value != nil {
				in.name = *value
			}
		case key == "config" && field.kind != 'z':
			if in.config, err = stringMap(field, key); err != nil {
				return in, err
			}
		case key == "config":
		case key == "initial_state" && len(known) == 3:
			if in.initial, err = initialState(field, class); err != nil {
				return in, err
			}
		default:
			return in, s.unknownField(n, class, key, known)
		}
	}
	return in, nil
}

func initialState(field *node, class string) (string, *jacksonError) {
	enum := class + "$InitialState"
	switch field.kind {
	case 'z':
		return "", nil
	case '"':
		switch state := strings.ToUpper(field.text); state {
		case "RUNNING", "PAUSED", "STOPPED":
			return state, nil
		default:
			return "", &jacksonError{fmt.Sprintf("Cannot construct instance of `%s`, problem: No enum constant %s.%s",
				enum, strings.ReplaceAll(enum, "$", "."), state), field.at, []string{"initial_state"}}
		}
	default:
		return "", wrongType(enum, field, "initial_state")
	}
}

// unknownField is FAIL_ON_UNKNOWN_PROPERTIES, with the stray bracket that Jackson prints.
//
// Where properties are still missing, Jackson reads to the end of the object before it complains.
func (s *Server) unknownField(object *node, class, key string, known []string) *jacksonError {
	at, seen := object.fields[key].end, 0
	for _, k := range object.keys[:slices.Index(object.keys, key)] {
		if slices.Contains(known, k) {
			seen++
		}
	}
	if seen < len(known) {
		at = object.end
		if at == 0 {
			at = math.MaxInt // it breaks off before
		}
	}
	stray := "]"
	if s.version.atLeast(4, 2) {
		stray = "" // Jackson's, mended by the release that came with it
	}
	count := fmt.Sprintf("%d known properties", len(known))
	if len(known) == 1 {
		count = "one known property"
	}
	return &jacksonError{fmt.Sprintf("Unrecognized field %q (class %s), not marked as ignorable (%s: \"%s\"%s)",
		key, class, count, strings.Join(known, `", "`), stray), at, []string{key}}
}
