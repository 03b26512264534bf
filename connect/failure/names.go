package failure

import "sync"

// names looks for the names a summary asks for. Most of the words a name can follow do not occur in a message: the pairs
// of bytes a message holds tell it sooner than a search for each word.
type names struct {
	t    Trace
	of   int // the exception whose pairs are known; -1 for none
	used bool
	seen [pairs]bool
}

const pairs = 1 << 10

// nameKey is a text that a name follows.
type nameKey struct {
	text  string
	pairs []uint16 // of its bytes, as the message's are known
}

var nameKeys = sync.OnceValue(func() map[string][]nameKey {
	out := make(map[string][]nameKey, len(placeholders))
	for kind, texts := range placeholders {
		keys := make([]nameKey, len(texts))
		for i, text := range texts {
			keys[i].text = text
			for j := 1; j < len(text); j++ {
				keys[i].pairs = append(keys[i].pairs, pair(text[j-1], text[j]))
			}
		}
		out[kind] = keys
	}
	return out
})

func pair(a, b byte) uint16 { return (uint16(a)<<3 ^ uint16(b)) & (pairs - 1) }

// look notes the pairs of a message.
func (f *names) look(m string) {
	if f.used {
		clear(f.seen[:])
	}
	f.used = true
	before := m[0]
	for i := 1; i < len(m); i++ {
		f.seen[pair(before, m[i])] = true
		before = m[i]
	}
}

// mayHold reports whether the message has all of the pairs.
func (f *names) mayHold(pairs []uint16) bool {
	for _, p := range pairs {
		if !f.seen[p] {
			return false
		}
	}
	return true
}
