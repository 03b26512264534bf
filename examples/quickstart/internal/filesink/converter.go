package filesink

import (
	"strings"
	"unicode/utf8"
)

// Converter turns a record's bytes into what the task is given. Class is its Java class, the value of key.converter or value.converter.
type Converter interface {
	ToConnect(data []byte) (any, *Exception)
}

type stringConverter struct{}

// ToConnect never fails: Java replaces what is not UTF-8.
func (stringConverter) ToConnect(data []byte) (any, *Exception) {
	if data == nil {
		return nil, nil
	}
	return strings.ToValidUTF8(string(data), string(utf8.RuneError)), nil
}

type bytesConverter struct{}

// ToConnect passes the bytes on; a byte[] prints as its identity in Java, so only its presence is kept.
func (bytesConverter) ToConnect(data []byte) (any, *Exception) {
	if data == nil {
		return nil, nil
	}
	return "[B", nil
}

// converter builds the converter that a connector config names under prefix, `key.converter` or `value.converter`.
func (w *Worker) converter(prefix string, config map[string]string) (class string, c Converter, problem *Exception) {
	class = config[prefix]
	if class == "" {
		class = stringConverterClass // the embedded workers' own default
	}
	if c, ok := w.Converters[class]; ok {
		return class, c, nil
	}
	switch class {
	case stringConverterClass:
		return class, stringConverter{}, nil
	case bytesConverterClass:
		return class, bytesConverter{}, nil
	case jsonConverterClass:
		enabled := true
		switch v := config[prefix+".schemas.enable"]; strings.ToLower(strings.TrimSpace(v)) {
		case "", "true":
		case "false":
			enabled = false
		default:
			return class, nil, configException(prefix+".schemas.enable", "Expected value to be either true or false")
		}
		return class, jsonConverter{schemas: enabled}, nil
	}
	return class, nil, &Exception{Class: classConfig, Message: new("Invalid value " + class + " for configuration " + prefix + ": Class " + class + " could not be found."), Frames: startFrames}
}

func configException(key, problem string) *Exception {
	return &Exception{Class: classConfig, Message: new("Invalid value for configuration " + key + ": " + problem), Frames: startFrames}
}
