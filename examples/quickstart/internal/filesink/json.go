package filesink

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// jsonConverter is org.apache.kafka.connect.json.JsonConverter, reading.
type jsonConverter struct{ schemas bool }

const noEnvelope = `JsonConverter with schemas.enable requires "schema" and "payload" fields and may not contain additional fields. ` +
	`If you are trying to deserialize plain JSON data, set schemas.enable=false in your converter configuration.`

// ToConnect reads one JSON value; like Jackson it stops behind the first value, so what follows it is not looked at.
func (c jsonConverter) ToConnect(data []byte) (any, *Exception) {
	if data == nil {
		return nil, nil
	}
	node, parseErr := parseJSON(data)
	if parseErr != nil {
		return nil, &Exception{
			Class: classData, Message: new("Converting byte[] to Kafka Connect data failed due to serialization error: "),
			Frames: []string{"org.apache.kafka.connect.json.JsonConverter.toConnectData(JsonConverter.java:348)"},
			Cause: &Exception{
				Class: classSerialization, Message: new(parseErr.String()),
				Frames: []string{
					"org.apache.kafka.connect.json.JsonDeserializer.deserialize(JsonDeserializer.java:74)",
					"org.apache.kafka.connect.json.JsonConverter.toConnectData(JsonConverter.java:346)",
				},
				Cause: parseErr,
			},
		}
	}
	if !c.schemas {
		return schemaless(node), nil
	}
	envelope, _ := node.(*object)
	schema, hasSchema := envelope.get("schema")
	payload, hasPayload := envelope.get("payload")
	if !hasSchema || !hasPayload || len(envelope.names) != 2 {
		return nil, &Exception{
			Class: classData, Message: new(noEnvelope),
			Frames: []string{"org.apache.kafka.connect.json.JsonConverter.toConnectData(JsonConverter.java:355)"},
		}
	}
	if problem := checkSchema(schema); problem != nil {
		problem.Frames = append(problem.Frames, "org.apache.kafka.connect.json.JsonConverter.toConnectData(JsonConverter.java:367)")
		return nil, problem
	}
	v, problem := convert(schema, payload)
	if problem != nil {
		problem.Frames = append(problem.Frames, "org.apache.kafka.connect.json.JsonConverter.toConnectData(JsonConverter.java:370)")
		return nil, problem
	}
	return v, nil
}

// parseJSON reads the first JSON value of data. The exception is Jackson's.
func parseJSON(data []byte) (any, *Exception) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")) // Jackson skips a byte order mark
	if i := invalidUTF8(data); i >= 0 {
		return nil, jackson(classJSONParse, fmt.Sprintf("Invalid UTF-8 start byte 0x%02x", data[i]), data, i)
	}
	var raw json.RawMessage
	err := json.NewDecoder(bytes.NewReader(data)).Decode(&raw)
	var syntax *json.SyntaxError
	switch {
	case err == nil:
		return ordered(raw), nil
	case errors.Is(err, io.EOF):
		return missing{}, nil // nothing but white space is a MissingNode, not an error
	case errors.Is(err, io.ErrUnexpectedEOF):
		class, message := endOfInput(data)
		return nil, jackson(class, message, data, len(data))
	case errors.As(err, &syntax):
		message, at := explain(syntax, data)
		return nil, jackson(classJSONParse, message, data, at)
	}
	return nil, jackson(classJSONParse, "Unexpected content", data, 0)
}

// missing is Jackson's MissingNode.
type missing struct{}

func invalidUTF8(data []byte) int {
	for i := 0; i < len(data); {
		r, n := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return -1
}

// object is a JSON object with its fields in the order of the text, which a HashMap's printed order depends on.
type object struct {
	names  []string
	values map[string]any
}

func (o *object) get(name string) (v any, ok bool) {
	if o == nil {
		return nil, false
	}
	v, ok = o.values[name]
	return v, ok
}

// ordered reads text that is valid JSON.
func ordered(text []byte) any {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	return next(dec)
}

func next(dec *json.Decoder) any {
	token, _ := dec.Token() // the text is valid
	switch token {
	case json.Delim('['):
		list := []any{}
		for dec.More() {
			list = append(list, next(dec))
		}
		_, _ = dec.Token()
		return list
	case json.Delim('{'):
		o := &object{values: map[string]any{}}
		for dec.More() {
			token, _ := dec.Token()
			name, _ := token.(string)
			if _, twice := o.values[name]; !twice {
				o.names = append(o.names, name)
			}
			o.values[name] = next(dec)
		}
		_, _ = dec.Token()
		return o
	}
	return token
}

// endOfInput says what the parser was waiting for when the text ended.
func endOfInput(data []byte) (class, message string) {
	type bracket struct {
		kind byte
		at   int
	}
	var open []bracket
	inString, isName := false, false
	last := byte(0) // the last byte that is not white space; 'n' stands for the end of a field's name
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case inString && c == '\\':
			i++
		case inString && c == '"':
			inString = false
			if last = c; isName {
				last = 'n'
			}
		case inString:
		case c == '"':
			inString = true
			isName = len(open) > 0 && open[len(open)-1].kind == '{' && (last == '{' || last == ',')
		case c == '{' || c == '[':
			open, last = append(open, bracket{c, i}), c
		case c == '}' || c == ']':
			if len(open) > 0 {
				open = open[:len(open)-1]
			}
			last = c
		case c != ' ' && c != '\t' && c != '\r' && c != '\n':
			last = c
		}
	}
	switch {
	case inString && isName:
		return classJSONEOF, "Unexpected end-of-input in field name"
	case inString:
		return classJSONEOF, "Unexpected end-of-input in VALUE_STRING"
	case len(open) == 0:
		return classJSONEOF, "Unexpected end-of-input"
	}
	b := open[len(open)-1]
	kind := "Object"
	if b.kind == '[' {
		kind = "Array"
	}
	switch between := "Unexpected end-of-input within/between " + kind + " entries"; last {
	case ',':
		return classJSONParse, between
	case ':', 'n':
		return classJSONEOF, between
	}
	return classJSONEOF, "Unexpected end-of-input: expected close marker for " + kind + " (start marker at " + location(data, b.at) + ")"
}

const validValue = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')"

// explain says in Jackson's words what is wrong, and at which byte.
func explain(err *json.SyntaxError, data []byte) (message string, at int) {
	at = max(int(err.Offset)-1, 0)
	at = min(at, len(data)-1)
	start := at
	for start > 0 && wordByte(data[start-1]) {
		start--
	}
	if wordByte(data[start]) && !bytes.ContainsRune([]byte("-0123456789"), rune(data[start])) {
		end := start
		for end < len(data) && wordByte(data[end]) {
			end++
		}
		return fmt.Sprintf("Unrecognized token '%s': was expecting %s", data[start:end], validValue), start
	}
	r, _ := utf8.DecodeRune(data[at:])
	shown := fmt.Sprintf("'%c' (code %d)", r, r)
	switch says := err.Error(); {
	case r < ' ' && strings.Contains(says, "in string literal"):
		return fmt.Sprintf("Illegal unquoted character ((CTRL-CHAR, code %d)): has to be escaped using backslash to be included in string value", r), at
	case r < ' ':
		return fmt.Sprintf("Illegal character ((CTRL-CHAR, code %d)): only regular white space (\\r, \\n, \\t) is allowed between tokens", r), at
	}
	expected := "expected a valid value " + validValue
	switch says := err.Error(); {
	case strings.Contains(says, "object key string"):
		expected = "was expecting double-quote to start field name"
	case strings.Contains(says, "after object key:value pair"):
		expected = "was expecting comma to separate Object entries"
	case strings.Contains(says, "after array element"):
		expected = "was expecting comma to separate Array entries"
	case strings.Contains(says, "after object key"):
		expected = "was expecting a colon to separate field name and value"
	}
	return "Unexpected character (" + shown + "): " + expected, at
}

func wordByte(c byte) bool {
	return c == '_' || c == '$' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// jackson is an exception of the JSON parser, which never shows the text it read (Kafka switches INCLUDE_SOURCE_IN_LOCATION off).
func jackson(class, message string, data []byte, at int) *Exception {
	return &Exception{
		Class:   class,
		Message: new(message + "\n at " + location(data, at)),
		Frames: slices.Concat(jacksonFrames(class, message), []string{
			"com.fasterxml.jackson.databind.ObjectMapper.readTree(ObjectMapper.java:3363)",
			"org.apache.kafka.connect.json.JsonDeserializer.deserialize(JsonDeserializer.java:72)",
			"org.apache.kafka.connect.json.JsonConverter.toConnectData(JsonConverter.java:346)",
		}),
	}
}

func location(data []byte, at int) string {
	line := 1 + bytes.Count(data[:at], []byte("\n"))
	column := at - bytes.LastIndexByte(data[:at], '\n')
	return fmt.Sprintf("[Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); line: %d, column: %d]", line, column)
}

// jacksonFrames are frames inside the parser, of one place where it can stop for this reason: which ones they are depends on every byte before.
func jacksonFrames(class, message string) []string {
	inObject := []string{
		"com.fasterxml.jackson.databind.deser.std.BaseNodeDeserializer._deserializeContainerNoRecursion(JsonNodeDeserializer.java:538)",
		"com.fasterxml.jackson.databind.deser.std.JsonNodeDeserializer.deserialize(JsonNodeDeserializer.java:99)",
		"com.fasterxml.jackson.databind.deser.std.JsonNodeDeserializer.deserialize(JsonNodeDeserializer.java:24)",
		"com.fasterxml.jackson.databind.deser.DefaultDeserializationContext.readRootValue(DefaultDeserializationContext.java:342)",
		"com.fasterxml.jackson.databind.ObjectMapper._readTreeAndClose(ObjectMapper.java:5094)",
	}
	switch {
	case class == classJSONEOF:
		return append([]string{"com.fasterxml.jackson.core.base.ParserMinimalBase._reportInvalidEOF(ParserMinimalBase.java:643)"}, inObject...)
	case strings.Contains(message, "double-quote to start field name"):
		return append([]string{
			"com.fasterxml.jackson.core.JsonParser._constructReadException(JsonParser.java:2675)",
			"com.fasterxml.jackson.core.base.ParserMinimalBase._reportUnexpectedChar(ParserMinimalBase.java:743)",
			"com.fasterxml.jackson.core.json.UTF8StreamJsonParser._handleOddName(UTF8StreamJsonParser.java:2148)",
			"com.fasterxml.jackson.core.json.UTF8StreamJsonParser._parseName(UTF8StreamJsonParser.java:1753)",
			"com.fasterxml.jackson.core.json.UTF8StreamJsonParser.nextFieldName(UTF8StreamJsonParser.java:1040)",
		}, inObject...)
	}
	return []string{
		"com.fasterxml.jackson.core.JsonParser._constructReadException(JsonParser.java:2675)",
		"com.fasterxml.jackson.core.json.UTF8StreamJsonParser.nextToken(UTF8StreamJsonParser.java:753)",
		"com.fasterxml.jackson.databind.ObjectMapper._readTreeAndClose(ObjectMapper.java:5081)",
	}
}
