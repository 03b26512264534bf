package connect_test

import (
	"encoding/json"
	"io"
	"log"
	"reflect"
)

// methodsOf lists the exported methods of a value's type.
func methodsOf(v any) []string {
	t := reflect.TypeOf(v)
	var names []string
	for m := range t.Methods() {
		names = append(names, m.Name)
	}
	return names
}

func discardLog() *log.Logger { return log.New(io.Discard, "", 0) }

func mustJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}
