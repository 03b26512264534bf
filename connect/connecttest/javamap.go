package connecttest

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"unicode/utf16"
)

// javaMap is a java.util.Map<String, String> as Connect keeps a connector's config: insertion order, nullable values.
// It is never changed once shared.
type javaMap struct {
	keys   []string
	values map[string]*string
}

func newJavaMap() *javaMap { return &javaMap{values: map[string]*string{}} }

// javaMapOf copies a Go map, sorted by key so that it is deterministic.
func javaMapOf(m map[string]string) *javaMap {
	out := newJavaMap()
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		out.put(k, m[k])
	}
	return out
}

func (m *javaMap) put(key, value string) { m.set(key, &value) }

func (m *javaMap) set(key string, value *string) {
	if _, ok := m.values[key]; !ok {
		m.keys = append(m.keys, key)
	}
	m.values[key] = value
}

func (m *javaMap) remove(key string) {
	if _, ok := m.values[key]; ok {
		delete(m.values, key)
		m.keys = slices.DeleteFunc(m.keys, func(k string) bool { return k == key })
	}
}

// get returns "" for an absent key and for null; has tells an absent one, null a null one.
func (m *javaMap) get(key string) string {
	if v := m.values[key]; v != nil {
		return *v
	}
	return ""
}

func (m *javaMap) has(key string) bool { _, ok := m.values[key]; return ok }

func (m *javaMap) null(key string) bool { v, ok := m.values[key]; return ok && v == nil }

func (m *javaMap) clone() *javaMap {
	out := newJavaMap()
	for _, k := range m.keys {
		out.set(k, m.values[k])
	}
	return out
}

// hashed returns the map in the iteration order of a java.util.HashMap holding it: the config store keeps HashMaps, so
// this is the order of what GET answers and of `{k=v}` in messages, while POST and PUT echo the order of the request.
func (m *javaMap) hashed() *javaMap {
	out := newJavaMap()
	for _, k := range hashOrder(m.keys) {
		out.set(k, m.values[k])
	}
	return out
}

func (m *javaMap) goMap() map[string]string {
	out := make(map[string]string, len(m.keys))
	for k, v := range m.values {
		if v != nil {
			out[k] = *v
		}
	}
	return out
}

func (m *javaMap) equal(o *javaMap) bool {
	if len(m.keys) != len(o.keys) {
		return false
	}
	for k, v := range m.values {
		w, ok := o.values[k]
		if !ok || (v == nil) != (w == nil) || (v != nil && *v != *w) {
			return false
		}
	}
	return true
}

// String is AbstractMap.toString.
func (m *javaMap) String() string {
	var b strings.Builder
	b.WriteByte('{')
	for i, k := range m.keys {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(k + "=")
		if v := m.values[k]; v != nil {
			b.WriteString(*v)
		} else {
			b.WriteString("null")
		}
	}
	b.WriteByte('}')
	return b.String()
}

// MarshalJSON keeps the order of the keys.
func (m *javaMap) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, k := range m.keys {
		if i > 0 {
			b.WriteByte(',')
		}
		b.Write(jsonString(k))
		b.WriteByte(':')
		if v := m.values[k]; v != nil {
			b.Write(jsonString(*v))
		} else {
			b.WriteString("null")
		}
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// jsonString is a JSON string without Go's HTML escapes, which Jackson does not write.
func jsonString(s string) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string always encodes
	return bytes.TrimRight(b.Bytes(), "\n")
}

// copied returns the map in the order of `new HashMap<>(map)`, whose table fits its size: the order of messages about a
// config that is not stored, and of PATCH answers.
func (m *javaMap) copied(entries int) *javaMap {
	out := newJavaMap()
	for _, k := range orderIn(m.keys, copyTable(entries)) {
		out.set(k, m.values[k])
	}
	return out
}

// copyTable is HashMap's table for a copy of that many entries: the next power of two above n / 0.75 + 1.
func copyTable(entries int) int {
	size := 1
	for float64(size) < float64(entries)/0.75+1 {
		size *= 2
	}
	return size
}

// hashOrder sorts keys as a HashMap that they were put into one by one iterates.
func hashOrder(keys []string) []string { return orderIn(keys, 16) }

// orderIn sorts keys by bucket, then by arrival, in a table of at least that size, doubled while it is too full.
func orderIn(keys []string, size int) []string {
	for len(keys)*4 > size*3 {
		size *= 2
	}
	type entry struct {
		key    string
		bucket int
	}
	entries := make([]entry, len(keys))
	for i, k := range keys {
		entries[i] = entry{k, bucket(k, size)}
	}
	slices.SortStableFunc(entries, func(a, b entry) int { return a.bucket - b.bucket })
	out := make([]string, len(keys))
	for i, e := range entries {
		out[i] = e.key
	}
	return out
}

func bucket(key string, size int) int {
	var h int32
	for _, c := range utf16.Encode([]rune(key)) {
		h = h*31 + int32(c)
	}
	u := uint32(h)
	return int((u ^ u>>16) & uint32(size-1)) //nolint:gosec // size is a small power of two
}
