package filesink

import (
	"encoding/json"
	"math"
	"math/big"
)

// checkSchema is JsonConverter.asConnectSchema: what is wrong with a schema is an error before any value is looked at.
func checkSchema(schema any) *Exception {
	if schema == nil {
		return nil
	}
	bad := func(line, message string) *Exception {
		e := dataException(message)
		e.Frames = []string{"org.apache.kafka.connect.json.JsonConverter.asConnectSchema(JsonConverter.java:" + line + ")"}
		return e
	}
	s, _ := schema.(*object)
	kind, isText := member[string](s, "type")
	if !isText {
		return bad("465", "Schema must contain 'type' field")
	}
	if _, logical := member[string](s, "name"); logical && kind != "struct" {
		return notModelled("the named schema of a " + kind)
	}
	if _, known := kinds[kind]; !known {
		return bad("524", "Unknown schema type: "+kind)
	}
	switch kind {
	case "array":
		items, _ := s.get("items")
		if items == nil {
			return bad("499", "Array schema did not specify the element type")
		}
		return checkSchema(items)
	case "map":
		keys, _ := member[*object](s, "keys")
		if kind, _ := member[string](keys, "type"); kind != "string" {
			return notModelled("a map whose keys are not strings")
		}
		values, _ := s.get("values")
		return checkSchema(values)
	case "struct":
		fields, ok := member[[]any](s, "fields")
		if !ok {
			return bad("515", `Struct schema's "fields" argument is not an array.`)
		}
		for _, f := range fields {
			field, _ := f.(*object)
			if _, ok := member[string](field, "field"); !ok {
				return notModelled("a struct field without a name")
			}
			if e := checkSchema(field); e != nil {
				return e
			}
		}
	}
	return nil
}

// convert is JsonConverter.convertToConnect: a JSON payload under a Connect schema that was checked.
func convert(schema, node any) (any, *Exception) {
	if schema == nil {
		return schemaless(node), nil
	}
	s, _ := schema.(*object)
	kind, _ := member[string](s, "type")
	convertKind := kinds[kind]
	if node == nil {
		if def, has := s.get("default"); has && def != nil {
			return convert(schema, def)
		}
		if optional, _ := member[bool](s, "optional"); optional {
			return nil, nil
		}
		e := dataException("Invalid null value for required " + typeName(kind) + " field")
		e.Frames = []string{"org.apache.kafka.connect.json.JsonConverter.convertToConnect(JsonConverter.java:710)"}
		return nil, e
	}
	v, problem := convertKind(s, node)
	if problem != nil {
		frame := inside[kind]
		if len(problem.Frames) == 0 {
			frame = refused[kind]
		}
		if frame != "" {
			problem.Frames = append(problem.Frames, "org.apache.kafka.connect.json.JsonConverter.lambda$static$"+frame)
		}
		problem.Frames = append(problem.Frames, "org.apache.kafka.connect.json.JsonConverter.convertToConnect(JsonConverter.java:755)")
	}
	return v, problem
}

// inside and refused are the frames of the converters of what has other values inside: where one of those is converted, and where the JSON
// is not of the right kind.
var (
	inside  = map[string]string{"array": "9(JsonConverter.java:89)", "map": "10(JsonConverter.java:105)", "struct": "11(JsonConverter.java:132)"}
	refused = map[string]string{"map": "10(JsonConverter.java:103)", "struct": "11(JsonConverter.java:123)"}
)

var kinds map[string]func(schema *object, node any) (any, *Exception)

func init() {
	integer := func(bits int) func(*object, any) (any, *Exception) {
		return func(_ *object, node any) (any, *Exception) {
			// Jackson's intValue: a text or a boolean is 0, a fraction is cut, what is too large wraps.
			shift := 64 - bits
			return asInt64(node) << shift >> shift, nil
		}
	}
	floating := func(bits int) func(*object, any) (any, *Exception) {
		return func(_ *object, node any) (any, *Exception) {
			f := asFloat64(node)
			if bits == 32 {
				return float32(f), nil
			}
			return f, nil
		}
	}
	kinds = map[string]func(*object, any) (any, *Exception){
		"int8": integer(8), "int16": integer(16), "int32": integer(32), "int64": integer(64),
		"float": floating(32), "double": floating(64),
		"boolean": func(_ *object, node any) (any, *Exception) { b, _ := node.(bool); return b, nil },
		"string": func(_ *object, node any) (any, *Exception) {
			if t, ok := node.(string); ok {
				return t, nil
			}
			return nil, nil // TextNode.textValue of anything else is null, and nobody checks it again
		},
		"bytes":  func(*object, any) (any, *Exception) { return nil, notModelled("a bytes schema") },
		"array":  convertArray,
		"map":    convertMap,
		"struct": convertStruct,
	}
}

func convertArray(schema *object, node any) (any, *Exception) {
	items, _ := schema.get("items")
	// Nobody looks whether it is an array: the values of an object are elements too, and a scalar has none.
	list, _ := node.([]any)
	if o, ok := node.(*object); ok {
		for _, name := range o.names {
			list = append(list, o.values[name])
		}
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

func convertMap(schema *object, node any) (any, *Exception) {
	o, ok := node.(*object)
	if !ok {
		return nil, dataException("Maps with string fields should be encoded as JSON objects, but found " + nodeType(node))
	}
	values, _ := schema.get("values")
	out := &hashMap{names: o.names, values: map[string]any{}}
	for name, n := range o.values {
		v, problem := convert(values, n)
		if problem != nil {
			return nil, problem
		}
		out.values[name] = v
	}
	return out, nil
}

func convertStruct(schema *object, node any) (any, *Exception) {
	o, ok := node.(*object)
	if !ok {
		return nil, dataException("Structs should be encoded as JSON objects, but found " + nodeType(node))
	}
	fields, _ := member[[]any](schema, "fields")
	var out structure
	for _, f := range fields {
		field, _ := f.(*object)
		name, _ := member[string](field, "field")
		n, _ := o.get(name)
		v, problem := convert(field, n)
		if problem != nil {
			return nil, problem
		}
		out = append(out, structField{name, v})
	}
	return out, nil
}

// schemaless is what JsonConverter makes of JSON without a schema: HashMap, ArrayList, String, Long, Double, Boolean, null.
func schemaless(node any) any {
	switch n := node.(type) {
	case *object:
		out := &hashMap{names: n.names, values: map[string]any{}}
		for name, v := range n.values {
			out.values[name] = schemaless(v)
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

// member is a field of a JSON object, if it is there and of that type.
func member[T any](o *object, name string) (T, bool) {
	v, _ := o.get(name)
	t, ok := v.(T)
	return t, ok
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
	case *object:
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
