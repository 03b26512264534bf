package filesink

import (
	"encoding/json"
	"math"
	"math/big"
)

// convert is JsonConverter.convertToConnect: a JSON payload under a Connect schema written as JSON.
func convert(schema, node any) (any, *Exception) {
	if schema == nil {
		return schemaless(node), nil
	}
	s, ok := schema.(map[string]any)
	kind, isText := s["type"].(string)
	if !ok || !isText {
		return nil, dataException("Schema must contain 'type' field")
	}
	if _, logical := s["name"].(string); logical && kind != "struct" {
		return nil, notModelled("the named schema of a " + kind)
	}
	convertKind, known := kinds[kind]
	if !known {
		return nil, dataException("Unknown schema type: " + kind)
	}
	if node == nil {
		if def, has := s["default"]; has && def != nil {
			return convert(schema, def)
		}
		if optional, _ := s["optional"].(bool); optional {
			return nil, nil
		}
		e := dataException("Invalid null value for required " + typeName(kind) + " field")
		e.Frames = []string{"org.apache.kafka.connect.json.JsonConverter.convertToConnect(JsonConverter.java:716)"}
		return nil, e
	}
	v, problem := convertKind(s, node)
	if problem != nil {
		problem.Frames = append(problem.Frames, "org.apache.kafka.connect.json.JsonConverter.convertToConnect(JsonConverter.java:761)")
	}
	return v, problem
}

var kinds map[string]func(schema map[string]any, node any) (any, *Exception)

func init() {
	integer := func(bits int) func(map[string]any, any) (any, *Exception) {
		return func(_ map[string]any, node any) (any, *Exception) {
			// Jackson's intValue: a text or a boolean is 0, a fraction is cut, what is too large wraps.
			shift := 64 - bits
			return asInt64(node) << shift >> shift, nil
		}
	}
	floating := func(bits int) func(map[string]any, any) (any, *Exception) {
		return func(_ map[string]any, node any) (any, *Exception) {
			f := asFloat64(node)
			if bits == 32 {
				return float32(f), nil
			}
			return f, nil
		}
	}
	kinds = map[string]func(map[string]any, any) (any, *Exception){
		"int8": integer(8), "int16": integer(16), "int32": integer(32), "int64": integer(64),
		"float": floating(32), "double": floating(64),
		"boolean": func(_ map[string]any, node any) (any, *Exception) { b, _ := node.(bool); return b, nil },
		"string": func(_ map[string]any, node any) (any, *Exception) {
			if t, ok := node.(string); ok {
				return t, nil
			}
			return nil, nil // TextNode.textValue of anything else is null, and nobody checks it again
		},
		"bytes":  func(map[string]any, any) (any, *Exception) { return nil, notModelled("a bytes schema") },
		"array":  convertArray,
		"map":    convertMap,
		"struct": convertStruct,
	}
}

func convertArray(schema map[string]any, node any) (any, *Exception) {
	list, ok := node.([]any)
	items, has := schema["items"]
	if !has || items == nil {
		return nil, dataException("Array schema did not specify the element type")
	}
	if !ok {
		return nil, dataException("Arrays should be encoded as JSON arrays, but found JSON " + nodeType(node))
	}
	out := make([]any, 0, len(list))
	for _, n := range list {
		v, problem := convert(items, n)
		if problem != nil {
			return nil, problem
		}
		out = append(out, v)
	}
	return out, nil
}

func convertMap(schema map[string]any, node any) (any, *Exception) {
	keys, _ := schema["keys"].(map[string]any)
	if keys["type"] != "string" {
		return nil, notModelled("a map whose keys are not strings")
	}
	object, ok := node.(map[string]any)
	if !ok {
		return nil, dataException("Maps with string fields should be encoded as JSON objects, but found JSON " + nodeType(node))
	}
	out := make(hashMap, len(object))
	for k, n := range object {
		v, problem := convert(schema["values"], n)
		if problem != nil {
			return nil, problem
		}
		out[k] = v
	}
	return out, nil
}

func convertStruct(schema map[string]any, node any) (any, *Exception) {
	object, ok := node.(map[string]any)
	if !ok {
		return nil, dataException("Structs should be encoded as JSON objects, but found JSON " + nodeType(node))
	}
	fields, _ := schema["fields"].([]any)
	var out structure
	for _, f := range fields {
		field, _ := f.(map[string]any)
		name, ok := field["field"].(string)
		if !ok {
			return nil, dataException("Struct schema's field name not specified properly")
		}
		v, problem := convert(field, object[name])
		if problem != nil {
			return nil, problem
		}
		out = append(out, member{name, v})
	}
	return out, nil
}

// schemaless is what JsonConverter makes of JSON without a schema: HashMap, ArrayList, String, Long, Double, Boolean, null.
func schemaless(node any) any {
	switch n := node.(type) {
	case map[string]any:
		out := make(hashMap, len(n))
		for k, v := range n {
			out[k] = schemaless(v)
		}
		return out
	case []any:
		out := make([]any, len(n))
		for i, v := range n {
			out[i] = schemaless(v)
		}
		return out
	case json.Number:
		if _, isInt := new(big.Int).SetString(n.String(), 10); isInt {
			return asInt64(n)
		}
		return asFloat64(n)
	case missing:
		return nil
	}
	return node
}

func asInt64(node any) int64 {
	n, ok := node.(json.Number)
	if !ok {
		return 0
	}
	if i, ok := new(big.Int).SetString(n.String(), 10); ok {
		return int64(new(big.Int).And(i, new(big.Int).SetUint64(math.MaxUint64)).Uint64()) //nolint:gosec // wrapping is what BigInteger.longValue does
	}
	f, _ := n.Float64()
	return int64(f)
}

func asFloat64(node any) float64 {
	n, ok := node.(json.Number)
	if !ok {
		return 0
	}
	f, _ := n.Float64()
	return f
}

func typeName(kind string) string {
	switch kind {
	case "int8", "int16", "int32", "int64":
		return "INT" + kind[3:]
	case "float":
		return "FLOAT32"
	case "double":
		return "FLOAT64"
	case "boolean":
		return "BOOLEAN"
	case "string":
		return "STRING"
	case "array":
		return "ARRAY"
	case "map":
		return "MAP"
	case "struct":
		return "STRUCT"
	}
	return "BYTES"
}

func nodeType(node any) string {
	switch node.(type) {
	case map[string]any:
		return "OBJECT"
	case []any:
		return "ARRAY"
	case string:
		return "STRING"
	case bool:
		return "BOOLEAN"
	case json.Number:
		return "NUMBER"
	case missing:
		return "MISSING"
	}
	return "NULL"
}

func dataException(message string) *Exception {
	return &Exception{Class: classData, Message: new(message)}
}

// notModelled stops the task instead of inventing an answer.
func notModelled(what string) *Exception {
	return &Exception{Class: "embedded.NotModelled", Message: new("the quickstart's embedded sink does not model " + what + "; run it with -docker")}
}
