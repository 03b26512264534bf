// Package recording reads what real workers answered, and describes JSON by its shape: the tests of connect and of connecttest are held to the
// same recordings.
package recording

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Exchange is one request to a real worker and its answer. A body that is a JSON string stands for text that is no JSON.
type Exchange struct {
	Version string `json:"version"`
	Name    string `json:"name"`
	Request struct {
		Method  string            `json:"method"`
		Path    string            `json:"path"`
		Headers map[string]string `json:"headers"`
		Body    json.RawMessage   `json:"body"`
	} `json:"request"`
	Response struct {
		Status  int               `json:"status"`
		Headers map[string]string `json:"headers"`
		Body    json.RawMessage   `json:"body"`
	} `json:"response"`
}

// Load reads the exchanges of the files that match, in the order of their names.
func Load(tb testing.TB, glob string) []Exchange {
	tb.Helper()
	files, err := filepath.Glob(glob)
	require.NoError(tb, err)
	require.NotEmpty(tb, files, glob)
	slices.Sort(files)
	out := make([]Exchange, len(files))
	for i, f := range files {
		b, err := os.ReadFile(f) //nolint:gosec // a test's own file
		require.NoError(tb, err)
		require.NoError(tb, json.Unmarshal(b, &out[i]), f)
	}
	return out
}

// Shape describes a JSON value by its kinds and keys. The elements of an array are one shape, or several joined by `|`. free are dotted paths of
// objects whose keys are data, as in a config or an expanded list: the shapes of their values are joined too.
func Shape(v any, free ...string) string { return shapeAt(v, "", free) }

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
		return "[" + joined(x, path+"[]", free) + "]"
	case map[string]any:
		if slices.Contains(free, path) {
			return "{*: " + joined(slices.Collect(maps.Values(x)), path+".*", free) + "}"
		}
		var parts []string
		for _, k := range slices.Sorted(maps.Keys(x)) {
			parts = append(parts, k+": "+shapeAt(x[k], path+"."+k, free))
		}
		return "{" + strings.Join(parts, ", ") + "}"
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
