package failure

import "math"

// automaton is an Aho-Corasick automaton that reads a message once for all literals. It knows sixteen symbols only, each
// for several bytes, so that the states a message visits fit the processor's first cache: it finds every literal and some
// texts that only look like one, and who asks it compares what it found with the literal.
type automaton struct {
	symbol   [256]uint8 // byte to symbol, without case; 0 is "in no literal"
	next     []uint16   // state<<symbolBits | symbol to state
	accept   uint16     // states from here on have outputs
	depth    []uint16   // how many of the last bytes a state stands for
	out      [][]int    // literals that end in state accept+i
	literals []string   // in lower case
}

const (
	maxStates  = 1 << 16
	symbolBits = 4
)

func fold(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// step returns the state after the byte c.
func (a *automaton) step(state uint16, c byte) uint16 {
	return a.next[uint(state)<<symbolBits|uint(a.symbol[c])]
}

// symbols gives each byte of the literals a symbol, so that all symbols are about as frequent.
func (a *automaton) symbols() {
	var count [256]int
	for _, l := range a.literals {
		for i := range len(l) {
			count[l[i]]++
		}
	}
	var load [1 << symbolBits]int
	for {
		c := 0
		for b := range count {
			if count[b] > count[c] {
				c = b
			}
		}
		if count[c] == 0 {
			break
		}
		least := 1
		for n := 2; n < len(load); n++ {
			if load[n] < load[least] {
				least = n
			}
		}
		a.symbol[c] = uint8(least)
		load[least] += count[c]
		count[c] = 0
	}
	for c := 'A'; c <= 'Z'; c++ {
		a.symbol[c] = a.symbol[fold(byte(c))]
	}
}

// newAutomaton builds the automaton of the literals, which are in lower case. It reports false where they need more than
// 65,536 states.
func newAutomaton(literals []string) (*automaton, bool) {
	a := &automaton{literals: literals}
	a.symbols()
	const symbols = 1<<symbolBits - 1

	// The trie, a row of children for each state; no state has the root for a child, so that 0 is none.
	const width = 1 << symbolBits
	table := make([]int32, width, 64*width)
	out := make([][]int, 1, 64)
	depth := make([]uint16, 1, 64)
	for id, l := range literals {
		at := 0
		for i := range len(l) {
			cell := at<<symbolBits | int(a.symbol[l[i]])
			to := int(table[cell])
			if to == 0 {
				to = len(out)
				if to == maxStates {
					return nil, false
				}
				table = append(table, make([]int32, width)...)
				out = append(out, nil)
				depth = append(depth, uint16(min(i+1, math.MaxUint16)))
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
		back := int(fail[at]) << symbolBits
		for sym := 1; sym <= symbols; sym++ {
			cell := at<<symbolBits | sym
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
	a.depth = make([]uint16, len(out))
	for at := range out {
		a.depth[number[at]] = depth[at]
		row := int(number[at]) << symbolBits
		for sym := range symbols + 1 {
			a.next[row|sym] = number[table[at<<symbolBits|sym]]
		}
	}
	return a, true
}
