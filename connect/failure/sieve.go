package failure

import "math/bits"

// sieve finds a small set of texts in a longer one, without regard to case. It looks at the last four bytes of a text
// first: four independent look-ups for a byte, where an automaton would wait for the state of the byte before.
type sieve struct {
	step  [256][4]uint64 // for each byte, the buckets that have it fourth from the end, third, second, last
	texts [64][]int      // by bucket
	all   []string       // in lower case
}

func newSieve(texts []string) *sieve {
	v := &sieve{all: texts}
	buckets := map[string]int{}
	for id, text := range texts {
		tail := text[max(0, len(text)-4):]
		n, ok := buckets[tail]
		if !ok {
			n = len(buckets) % 64
			buckets[tail] = n
		}
		v.texts[n] = append(v.texts[n], id)
		for k := range 4 {
			at := k - (4 - len(tail))
			for c := range 256 {
				if at < 0 || fold(byte(c)) == tail[at] {
					v.step[c][k] |= 1 << n
				}
			}
		}
	}
	return v
}

// find returns the first text that ends in s[from:] and begins in s[low:], the longest of those that end there, and its
// end. It returns -1 where there is none.
func (v *sieve) find(s string, low, from int) (text, end int) {
	// Before the first byte only what a text shorter than four bytes does not have can agree.
	start := max(low, from-3)
	p1, p2, p3 := v.step[0][0]&v.step[1][0], uint64(0), uint64(0)
	p2 = p1 & v.step[0][1] & v.step[1][1]
	p3 = p2 & v.step[0][2] & v.step[1][2]
	for i := start; i < len(s); i++ {
		t := &v.step[s[i]]
		hit := p3 & t[3]
		p3 = p2 & t[2]
		p2 = p1 & t[1]
		p1 = t[0]
		if hit != 0 && i >= from {
			if id := v.at(s[low:i+1], hit); id >= 0 {
				return id, i + 1
			}
		}
	}
	return -1, len(s)
}

// at returns the longest text of the buckets that ends s, or -1.
func (v *sieve) at(s string, buckets uint64) int {
	best := -1
	for ; buckets != 0; buckets &= buckets - 1 {
		for _, id := range v.texts[bits.TrailingZeros64(buckets)] {
			if text := v.all[id]; (best < 0 || len(text) > len(v.all[best])) && hasSuffixFold(s, text) {
				best = id
			}
		}
	}
	return best
}

// hasSuffixFold is strings.HasSuffix without regard to case; suffix is in lower case.
func hasSuffixFold(s, suffix string) bool {
	if len(s) < len(suffix) {
		return false
	}
	s = s[len(s)-len(suffix):]
	for i := len(suffix) - 1; i >= 0; i-- {
		if fold(s[i]) != suffix[i] {
			return false
		}
	}
	return true
}
