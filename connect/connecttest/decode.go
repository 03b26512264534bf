package connecttest

import (
	"fmt"
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
		message += " (through reference chain: "
		for i, key := range err.path {
			owner := root
			if i > 0 {
				owner = "->java.util.LinkedHashMap"
			}
			message += fmt.Sprintf("%s[%q]", owner, key)
		}
		message += ")"
	}
	r := refuse(http.StatusInternalServerError, message)
	return &r
}

// nullPointer is the 500 of a body that is null where the code did not expect it.
func nullPointer(call, variable string) *reply {
	r := refuse(http.StatusInternalServerError, fmt.Sprintf("Cannot invoke %q because %q is null", call, variable))
	return &r
}

func wrongType(want string, n *node, path ...string) *jacksonError {
	names := map[byte][2]string{
		'{': {"Object value", "START_OBJECT"}, '[': {"Array value", "START_ARRAY"}, 'n': {"Integer value", "VALUE_NUMBER_INT"},
		't': {"Boolean value", "VALUE_TRUE"}, 'f': {"Boolean value", "VALUE_FALSE"}, '"': {"String value", "VALUE_STRING"},
	}
	if n.kind == '"' && strings.HasPrefix(want, "java.util.") {
		return &jacksonError{fmt.Sprintf("Cannot construct instance of `%s` (although at least one Creator exists): "+
			"no String-argument constructor/factory method to deserialize from String value ('%s')", want, n.text), n.at, path}
	}
	return &jacksonError{fmt.Sprintf("Cannot deserialize value of type `%s` from %s (token `JsonToken.%s`)", want, names[n.kind][0], names[n.kind][1]), n.at, path}
}

// stringMap reads a Map<String, String>: scalars are coerced, null stays null, objects and arrays fail.
func stringMap(n *node, path ...string) (*javaMap, *jacksonError) {
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

// decodeConfig reads a bare config; variable is what the method calls it.
func (s *Server) decodeConfig(body []byte, variable string) (*javaMap, *reply) {
	j := &jackson{in: body, v: s.version}
	n, err := j.parse()
	if err == nil && n == nil {
		call := "java.util.Map.get(Object)"
		if variable == "patch" {
			call = "java.util.Map.forEach(java.util.function.BiConsumer)"
		}
		return nil, nullPointer(call, variable)
	}
	if err == nil {
		var m *javaMap
		if m, err = stringMap(n); err == nil {
			return m, nil
		}
	}
	return nil, s.badJSON(j, "java.util.LinkedHashMap", err)
}

func (s *Server) decodeCreate(body []byte) (createRequest, *reply) {
	const class = entities + "CreateConnectorRequest"
	j := &jackson{in: body, v: s.version}
	n, err := j.parse()
	switch {
	case err != nil:
	case n == nil:
		return createRequest{}, nullPointer(class+".name()", "createRequest")
	case n.kind != '{':
		err = wrongType(class, n)
	default:
		var in createRequest
		if in, err = s.createFields(n, class); err == nil {
			if in.config == nil {
				return in, nullPointer("java.util.Map.get(Object)", "connectorConfig")
			}
			return in, nil
		}
	}
	return createRequest{}, s.badJSON(j, class, err)
}

func (s *Server) createFields(n *node, class string) (in createRequest, err *jacksonError) {
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
			return in, unknownField(n, class, key, known)
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
func unknownField(object *node, class, key string, known []string) *jacksonError {
	at, seen := object.fields[key].end, 0
	for _, k := range object.keys[:slices.Index(object.keys, key)] {
		if slices.Contains(known, k) {
			seen++
		}
	}
	if seen < len(known) {
		at = object.end
	}
	count := fmt.Sprintf("%d known properties", len(known))
	if len(known) == 1 {
		count = "one known property"
	}
	return &jacksonError{fmt.Sprintf("Unrecognized field %q (class %s), not marked as ignorable (%s: \"%s\"])",
		key, class, count, strings.Join(known, `", "`)), at, []string{key}}
}
