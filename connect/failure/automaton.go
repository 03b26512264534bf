package failure

// automaton is an Aho-Corasick automaton over folded bytes: letters without case, digits, the punctuation that the
// literals use, and one symbol for every other byte. It finds every literal in one pass over a message.
type automaton struct {
	symbol [256]uint8 // byte to symbol; 0 is "in no literal"
	next   []uint16   // state<<shift | symbol to state
	shift  uint8
	accept uint16     // states from here on have outputs
	out    [][]uint32 // literals that end in state accept+i
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
	for a.shift = 5; symbols >= 1<<a.shift; a.shift++ {
	}
	for c := 'A'; c <= 'Z'; c++ {
		a.symbol[c] = a.symbol[fold(byte(c))]
	}

	type node struct {
		child map[uint8]int32
		fail  int32
		out   []uint32
	}
	nodes := []node{{}}
	for id, l := range literals {
		at := int32(0)
		for i := range len(l) {
			sym := a.symbol[l[i]]
			to, ok := nodes[at].child[sym]
			if !ok {
				to = int32(len(nodes))
				nodes = append(nodes, node{})
				if nodes[at].child == nil {
					nodes[at].child = map[uint8]int32{}
				}
				nodes[at].child[sym] = to
			}
			at = to
		}
		nodes[at].out = append(nodes[at].out, uint32(id))
	}
	if len(nodes) > maxStates {
		return nil, false
	}

	// Breadth first: fail links and the outputs of what a state ends with.
	order := make([]int32, 0, len(nodes))
	order = append(order, 0)
	full := make([]int32, len(nodes)<<a.shift) // the goto function, with fail links followed
	for head := 0; head < len(order); head++ {
		at := order[head]
		for n := 1; n <= symbols; n++ {
			sym := uint8(n)
			through := int32(0)
			if at != 0 {
				through = full[int(nodes[at].fail)<<a.shift|int(sym)]
			}
			to, ok := nodes[at].child[sym]
			if !ok {
				full[int(at)<<a.shift|int(sym)] = through
				continue
			}
			full[int(at)<<a.shift|int(sym)] = to
			nodes[to].fail = through
			nodes[to].out = append(nodes[to].out, nodes[through].out...)
			order = append(order, to)
		}
	}

	// States with outputs come last, so that one comparison tells them.
	number := make([]uint16, len(nodes))
	n := uint16(0)
	for _, at := range order {
		if len(nodes[at].out) == 0 {
			number[at] = n
			n++
		}
	}
	a.accept = n
	for _, at := range order {
		if len(nodes[at].out) > 0 {
			number[at] = n
			n++
			a.out = append(a.out, nodes[at].out)
		}
	}
	a.next = make([]uint16, len(nodes)<<a.shift)
	for at := range nodes {
		row := int(number[at]) << a.shift
		for sym := range symbols + 1 {
			a.next[row|sym] = number[full[at<<a.shift|sym]]
		}
	}
	return a, true
}
