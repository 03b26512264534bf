package filesink

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
)

// structure prints as org.apache.kafka.connect.data.Struct does: fields that are null are left out.
type (
	structure   []structField
	structField struct {
		name  string
		value any
	}
)

// hashMap prints as java.util.HashMap does, in the order of its buckets.
type hashMap struct {
	names  []string // as they were put
	values map[string]any
}

// javaString is what String.valueOf prints.
func javaString(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case string:
		return v
	case bool:
		return strconv.FormatBool(v)
	case int64:
		return strconv.FormatInt(v, 10)
	case float32:
		return javaFloat(float64(v), 32)
	case float64:
		return javaFloat(v, 64)
	case []any:
		parts := make([]string, len(v))
		for i := range v {
			parts[i] = javaString(v[i])
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case structure:
		var parts []string
		for _, m := range v {
			if m.value != nil {
				parts = append(parts, m.name+"="+javaString(m.value))
			}
		}
		return "Struct{" + strings.Join(parts, ",") + "}"
	case *hashMap:
		keys := v.order()
		parts := make([]string, len(keys))
		for i, k := range keys {
			parts[i] = k + "=" + javaString(v.values[k])
		}
		return "{" + strings.Join(parts, ", ") + "}"
	}
	return "null"
}

// order is the iteration order of a HashMap that grew to its size by put: by bucket, and within one as they were put.
func (m *hashMap) order() []string {
	size := uint32(16)
	for float64(len(m.names)) > float64(size)*0.75 {
		size *= 2
	}
	bucket := func(name string) uint32 {
		var h uint32
		for _, c := range utf16.Encode([]rune(name)) {
			h = 31*h + uint32(c)
		}
		return (h ^ h>>16) & (size - 1)
	}
	names := slices.Clone(m.names)
	slices.SortStableFunc(names, func(a, b string) int { return cmp.Compare(bucket(a), bucket(b)) })
	return names
}

// javaFloat is Double.toString (JDK 19 and later: the shortest decimal that reads back as the same number).
func javaFloat(f float64, bits int) string {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	}
	if abs := math.Abs(f); f == 0 || abs >= 1e-3 && abs < 1e7 {
		s := strconv.FormatFloat(f, 'f', -1, bits)
		if !strings.Contains(s, ".") {
			s += ".0"
		}
		return s
	}
	mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(f, 'e', -1, bits), "e")
	if !strings.Contains(mantissa, ".") {
		mantissa += ".0"
	}
	n, _ := strconv.Atoi(exponent)
	return mantissa + "E" + strconv.Itoa(n)
}
