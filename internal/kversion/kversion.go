// Package kversion reads Apache Kafka versions, also from what vendors answer in their place.
package kversion

import (
	"cmp"
	"strconv"
	"strings"
)

// Version is an Apache Kafka version. The zero value means unknown.
type Version struct{ Major, Minor, Patch int }

// newestMajor is the newest major line that Apache Kafka has released. A plain version beyond it is more likely a
// vendor's own number (a Confluent Platform image tag such as 7.5.0) than a Kafka that does not exist yet.
const newestMajor = 4

// confluentOld maps the Confluent Platform lines whose minor differs from Kafka's.
// https://docs.confluent.io/platform/current/installation/versions-interoperability.html
var confluentOld = map[[2]int]Version{
	{3, 0}: {0, 10, 0},
	{3, 1}: {0, 10, 1},
	{3, 2}: {0, 10, 2},
	{3, 3}: {0, 11, 0},
	{4, 0}: {1, 0, 0},
	{4, 1}: {1, 1, 0},
	{5, 0}: {2, 0, 0},
	{5, 1}: {2, 1, 0},
	{5, 2}: {2, 2, 0},
	{5, 3}: {2, 3, 0},
	{5, 4}: {2, 4, 0},
	{5, 5}: {2, 5, 0},
	{6, 0}: {2, 6, 0},
	{6, 1}: {2, 7, 0},
	{6, 2}: {2, 8, 0},
}

// Parse reads what `GET /` or a person calls the version: 4.3.1, 3.9, 4.0.0-SNAPSHOT, 3.4.1.7.2.18.0-641, 7.5.0-ccs.
// A Confluent Platform version (`-ccs`, `-ce`) becomes the Kafka version it is built on, with patch 0, because its patch
// numbers are not Kafka's. It returns false, and the zero Version, for what it cannot map: unknown is never newest.
func Parse(raw string) (Version, bool) {
	s := strings.TrimSpace(raw)
	if len(s) > 1 && (s[0] == 'v' || s[0] == 'V') {
		s = s[1:]
	}
	var n [3]int
	i := 0
	for part := range n {
		v, rest, ok := number(s)
		if !ok {
			if part < 2 {
				return Version{}, false
			}
			break
		}
		n[part], s, i = v, rest, part
		if part == 2 || s == "" || s[0] != '.' {
			break
		}
		if len(s) == 1 || s[1] < '0' || s[1] > '9' {
			break
		}
		s = s[1:]
	}
	if i < 1 {
		return Version{}, false
	}
	if isConfluent(s) {
		return confluent(n[0], n[1])
	}
	v := Version{n[0], n[1], n[2]}
	if v.Major > newestMajor || v.IsZero() {
		return Version{}, false
	}
	return v, true
}

func number(s string) (n int, rest string, ok bool) {
	end := 0
	for end < len(s) && s[end] >= '0' && s[end] <= '9' {
		end++
	}
	if end == 0 || end > 6 {
		return 0, s, false
	}
	n, err := strconv.Atoi(s[:end])
	return n, s[end:], err == nil
}

// isConfluent reports whether a suffix such as -ccs, -ce, -0-ccs or -ccs-SNAPSHOT names the Confluent Platform. A suffix
// -cp1 does not: up to 5.2 the platform answered Kafka's own version with it.
func isConfluent(suffix string) bool {
	for part := range strings.FieldsFuncSeq(suffix, func(r rune) bool { return r == '-' || r == '.' || r == '+' || r == '_' }) {
		if strings.EqualFold(part, "ccs") || strings.EqualFold(part, "ce") {
			return true
		}
	}
	return false
}

func confluent(major, minor int) (Version, bool) {
	switch {
	case major == 7 && minor <= 9:
		return Version{3, minor, 0}, true
	case major == 8:
		return Version{4, minor, 0}, true
	}
	v, ok := confluentOld[[2]int{major, minor}]
	return v, ok
}

// IsZero reports whether the version is unknown.
func (v Version) IsZero() bool { return v == Version{} }

// AtLeast reports whether v is known and not older than major.minor.
func (v Version) AtLeast(major, minor int) bool {
	return !v.IsZero() && v.Compare(Version{Major: major, Minor: minor}) >= 0
}

// Compare orders versions; unknown sorts before every known one.
func (v Version) Compare(o Version) int {
	return cmp.Or(cmp.Compare(v.Major, o.Major), cmp.Compare(v.Minor, o.Minor), cmp.Compare(v.Patch, o.Patch))
}

// String returns major.minor.patch, or "unknown".
func (v Version) String() string {
	if v.IsZero() {
		return "unknown"
	}
	return strconv.Itoa(v.Major) + "." + strconv.Itoa(v.Minor) + "." + strconv.Itoa(v.Patch)
}
