package dlq

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
)

// connectSchema is a schema in the JSON form of Connect's JsonConverter.
type connectSchema struct {
	Type     string          `json:"type"`
	Field    string          `json:"field"`
	Optional bool            `json:"optional"`
	Default  json.RawMessage `json:"default"`
	Fields   []connectSchema `json:"fields"`
	Items    *connectSchema  `json:"items"`
	Values   *connectSchema  `json:"values"`
}

// fits reports why JsonConverter would not read value as it is meant under the schema. Errors name paths, never values.
func (s *connectSchema) fits(value []byte, path string) error {
	value = bytes.TrimSpace(value)
	if bytes.Equal(value, []byte("null")) {
		if s.Optional || s.Default != nil {
			return nil
		}
		return fmt.Errorf("%s is null and not optional", path)
	}
	mismatch := fmt.Errorf("%s is not of type %s", path, s.Type)
	switch s.Type {
	case "struct":
		return s.fitsStruct(value, path)
	case "int8", "int16", "int32", "int64":
		size, _ := strconv.Atoi(s.Type[3:])
		if _, err := strconv.ParseInt(string(value), 10, size); err != nil {
			return mismatch
		}
	case "float", "double":
		if c := value[0]; c != '-' && (c < '0' || c > '9') {
			return mismatch
		}
	case "boolean":
		if c := value[0]; c != 't' && c != 'f' {
			return mismatch
		}
	case "string":
		if value[0] != '"' {
			return mismatch
		}
	case "bytes":
		var text string
		if json.Unmarshal(value, &text) != nil {
			return mismatch
		}
		if _, err := base64.StdEncoding.DecodeString(text); err != nil {
			return fmt.Errorf("%s is not base64", path)
		}
	case "array":
		var items []json.RawMessage
		if value[0] != '[' || json.Unmarshal(value, &items) != nil {
			return mismatch
		}
		if s.Items == nil {
			return errors.New("the schema has an array without items")
		}
		for i, item := range items {
			if err := s.Items.fits(item, fmt.Sprintf("%s[%d]", path, i)); err != nil {
				return err
			}
		}
	default:
		return fmt.Errorf("the schema has a type %q that cannot be checked here", s.Type)
	}
	return nil
}

func (s *connectSchema) fitsStruct(value []byte, path string) error {
	found, err := members(value)
	if err != nil {
		return fmt.Errorf("%s is not of type struct", path)
	}
	known := make(map[string]*connectSchema, len(s.Fields))
	for i := range s.Fields {
		known[s.Fields[i].Field] = &s.Fields[i]
	}
	seen := make(map[string]bool, len(found))
	for _, m := range found {
		field := known[m.name]
		if field == nil {
			return fmt.Errorf("%s has a field that the schema does not know", path)
		}
		if seen[m.name] {
			return fmt.Errorf("%s has field %s twice", path, m.name)
		}
		seen[m.name] = true
		if err := field.fits(value[m.value.from:m.value.to], path+"."+m.name); err != nil {
			return err
		}
	}
	for name, field := range known {
		if !seen[name] && !field.Optional && field.Default == nil {
			return fmt.Errorf("%s has no field %s", path, name)
		}
	}
	return nil
}
