package failure

// automaton is an Aho-Corasick automaton over folded bytes: letters without case, digits, the punctuation that the
// literals use, and one symbol for every other byte. It finds every literal in one pass over a message.
type automaton struct {
	symbol [256]uint8 // byte to symbol; 0 is "in no literal"
	next   []uint16   // state<<shift | symbol to state
	shift  uint8
	accept uint16  // states from here on have outputs
	out    [][]int // literals that end in state accept+i
}

const maxStates = 1 << 16

func fold(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// newAutomaton builds the automaton of the literals. It reports false where they need more than 65,536 states.
func newAutomaton(literals []string) (*automaton, bool) {
	a := &automaton{}
	var symbols int
	for _, l := range literals {
		for i := range len(l) {
			c := fold(l[i])
			if a.symbol[c] != 0 {
				continue
			}
			if symbols++; symbols > 255 {
				return nil, false
			}
			a.symbol[c] = uint8(symbols)
		}
	}
	a.shift = 5
	for symbols >= 1<<a.shift {
		a.shift++
	}
	for c := 'A'; c <= 'Z'; c++ {
		a.symbol[c] = a.symbol[fold(byte(c))]
	}

	// The trie, a row of children for each state; no state has the root for a child, so that 0 is none.
	width := 1 << a.shift
	table := make([]int32, width, 64*width)
	out := make([][]int, 1, 64)
	for id, l := range literals {
		at := 0
		for i := range len(l) {
			cell := at<<a.shift | int(a.symbol[l[i]])
			to := int(table[cell])
			if to == 0 {
				to = len(out)
				if to == maxStates {
					return nil, false
				}
				table = append(table, make([]int32, width)...)
				out = append(out, nil)
				table[cell] = int32(to) //nolint:gosec // below maxStates
			}
			at = to
		}
		out[at] = append(out[at], id)
	}

	// Breadth first: where a state has no child, it goes where what it ends with goes; it has the outputs of that as well.
	fail := make([]int32, len(out))
	order := make([]int32, 1, len(out))
	for head := 0; head < len(order); head++ {
		at := int(order[head])
		back := int(fail[at]) << a.shift
		for sym := 1; sym <= symbols; sym++ {
			cell := at<<a.shift | sym
			through := int32(0)
			if at != 0 {
				through = table[back|sym]
			}
			to := table[cell]
			if to == 0 {
				table[cell] = through
				continue
			}
			fail[to] = through
			if len(out[through]) > 0 {
				out[to] = append(out[to], out[through]...)
			}
			order = append(order, to)
		}
	}

	// States with outputs come last, so that one comparison tells them.
	number := make([]uint16, len(out))
	n := uint16(0)
	for _, at := range order {
		if len(out[at]) == 0 {
			number[at] = n
			n++
		}
	}
	a.accept = n
	for _, at := range order {
		if len(out[at]) > 0 {
			number[at] = n
			n++
			a.out = append(a.out, out[at])
		}
	}
	a.next = make([]uint16, len(table))
	for at := range out {
		row := int(number[at]) << a.shift
		for sym := range symbols + 1 {
			a.next[row|sym] = number[table[at<<a.shift|sym]]
		}
	}
	return a, true
}
