package connecttest_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// shape describes a JSON value by its kinds and keys. The elements of an array are one shape, or several joined by `|`.
// free are dotted paths of objects whose keys are data, as config and the expanded list: their values' shapes are joined too.
func shape(v any, free ...string) string { return shapeAt(v, "", free) }

func shapeAt(v any, path string, free []string) string {
	switch x := v.(type) {
	case nil:
		return "null"
	case bool:
		return "bool"
	case string:
		return "string"
	case json.Number, float64:
		return "number"
	case []any:
		return "[" + joined(x, path+".[]", free) + "]"
	case map[string]any:
		if slices.Contains(free, path) {
			return "{*:" + joined(slices.Collect(maps.Values(x)), path+".*", free) + "}"
		}
		var parts []string
		for _, k := range slices.Sorted(maps.Keys(x)) {
			parts = append(parts, k+":"+shapeAt(x[k], path+"."+k, free))
		}
		return "{" + strings.Join(parts, " ") + "}"
	default:
		return fmt.Sprintf("%T", v)
	}
}

func joined(items []any, path string, free []string) string {
	var shapes []string
	for _, item := range items {
		shapes = append(shapes, shapeAt(item, path, free))
	}
	slices.Sort(shapes)
	return strings.Join(slices.Compact(shapes), "|")
}
