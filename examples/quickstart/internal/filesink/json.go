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
	envelope, ok := node.(map[string]any)
	schema, hasSchema := envelope["schema"]
	payload, hasPayload := envelope["payload"]
	if !ok || len(envelope) != 2 || !hasSchema || !hasPayload {
		return nil, &Exception{
			Class: classData, Message: new(noEnvelope),
			Frames: []string{"org.apache.kafka.connect.json.JsonConverter.toConnectData(JsonConverter.java:355)"},
		}
	}
	v, problem := convert(schema, payload)
	if problem != nil {
		problem.Frames = append(problem.Frames, "org.apache.kafka.connect.json.JsonConverter.toConnectData(JsonConverter.java:374)")
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
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var node any
	err := dec.Decode(&node)
	var syntax *json.SyntaxError
	switch {
	case err == nil:
		return node, nil
	case errors.Is(err, io.EOF):
		return missing{}, nil // nothing but white space is a MissingNode, not an error
	case errors.Is(err, io.ErrUnexpectedEOF):
		return nil, jackson(classJSONEOF, "Unexpected end-of-input within/between "+openContainer(data)+" entries", data, len(data))
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

// openContainer says in which kind of container the text ends.
func openContainer(data []byte) string {
	var open []byte
	inString := false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '{' || c == '[':
			open = append(open, c)
		case (c == '}' || c == ']') && len(open) > 0:
			open = open[:len(open)-1]
		}
	}
	if len(open) > 0 && open[len(open)-1] == '[' {
		return "Array"
	}
	return "Object"
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
	if r < ' ' {
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
	line := 1 + bytes.Count(data[:at], []byte("\n"))
	column := at - bytes.LastIndexByte(data[:at], '\n')
	return &Exception{
		Class: class,
		Message: new(message + "\n at [Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); line: " +
			fmt.Sprintf("%d, column: %d]", line, column)),
		Frames: slices.Concat(jacksonFrames(class, message), []string{
			"com.fasterxml.jackson.databind.ObjectMapper.readTree(ObjectMapper.java:3363)",
			"org.apache.kafka.connect.json.JsonDeserializer.deserialize(JsonDeserializer.java:72)",
			"org.apache.kafka.connect.json.JsonConverter.toConnectData(JsonConverter.java:346)",
		}),
	}
}

func jacksonFrames(class, message string) []string {
	inObject := []string{
		"com.fasterxml.jackson.databind.deser.std.BaseNodeDeserializer._deserializeContainerNoRecursion(JsonNodeDeserializer.java:535)",
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
			"com.fasterxml.jackson.core.JsonParser._constructReadException(JsonParser.java:2660)",
			"com.fasterxml.jackson.core.base.ParserMinimalBase._reportUnexpectedChar(ParserMinimalBase.java:741)",
			"com.fasterxml.jackson.core.json.UTF8StreamJsonParser._handleOddName(UTF8StreamJsonParser.java:2153)",
			"com.fasterxml.jackson.core.json.UTF8StreamJsonParser._parseName(UTF8StreamJsonParser.java:1801)",
			"com.fasterxml.jackson.core.json.UTF8StreamJsonParser.nextFieldName(UTF8StreamJsonParser.java:1040)",
		}, inObject...)
	}
	return []string{
		"com.fasterxml.jackson.core.JsonParser._constructReadException(JsonParser.java:2675)",
		"com.fasterxml.jackson.core.json.UTF8StreamJsonParser.nextToken(UTF8StreamJsonParser.java:753)",
		"com.fasterxml.jackson.databind.ObjectMapper._readTreeAndClose(ObjectMapper.java:5081)",
	}
}
