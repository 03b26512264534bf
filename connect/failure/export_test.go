package failure

import "flag"

// Update writes the golden files and docs/failures.md.
var Update = flag.Bool("update", false, "write the golden files and docs/failures.md")

// Without is the built-in table without some of its rows.
func Without(ids ...string) (*Diagnoser, error) {
	out := map[string]bool{}
	for _, id := range ids {
		out[id] = true
	}
	var rules []rule
	for _, r := range builtin() {
		if !out[r.ID] {
			rules = append(rules, r)
		}
	}
	return compile(rules)
}
