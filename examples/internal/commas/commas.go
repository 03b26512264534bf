// Package commas reads the lists that the examples take as flags.
package commas

import "strings"

// Split splits a list at commas, without blanks and empty parts.
func Split(list string) []string {
	var out []string
	for s := range strings.SplitSeq(list, ",") {
		if s = strings.TrimSpace(s); s != "" {
			out = append(out, s)
		}
	}
	return out
}
