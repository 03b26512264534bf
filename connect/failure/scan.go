package failure

// An automaton waits for the memory that holds its state, byte after byte. A message is cut in lanes that are read side
// by side, so that the waits of one fill with the work of the others.
const (
	lanes    = 4
	laneSize = 512
	minLane  = 24 // shorter lanes are not worth their overlap
)

// hit is a state with outputs and where in its lane it was reached.
type hit struct{ state, at uint16 }

// scan takes what the literals in m[from:to] say.
func (q *search) scan(m string, from, to int) {
	for to-from >= lanes*minLane {
		size := min((to-from)/lanes, laneSize)
		q.abreast(m, from, to, size)
		from += lanes * size
	}
	if from < to {
		q.lane(m, from, to, to, 0)
	}
}

// lane reads m[from:to] in state, and then up to end for as long as a literal that began before to may go on.
func (q *search) lane(m string, from, to, end int, state uint16) {
	a := q.d.auto
	for i := from; i < end; i++ {
		if i >= to && int(a.depth[state]) <= i-to {
			return
		}
		state = a.step(state, m[i])
		if state >= a.accept {
			q.found(a.out[state-a.accept], m, i+1)
		}
	}
}

// abreast reads four lanes of the given size that begin at from. What they found is taken in the order of the lanes, each
// with the literals that reach into the next one. Some of those the next lane finds as well, which changes nothing: a
// literal that was taken is not taken again.
func (q *search) abreast(m string, from, to, size int) {
	a, hits := q.d.auto, &q.s.hits
	next, symbol, accept := a.next, &a.symbol, a.accept
	m0, m1, m2, m3 := m[from:from+size], m[from+size:from+2*size], m[from+2*size:from+3*size], m[from+3*size:from+4*size]
	var s0, s1, s2, s3 uint16
	var n [lanes]int
	for i := range len(m0) {
		if i >= len(m1) || i >= len(m2) || i >= len(m3) {
			break
		}
		s0 = next[uint(s0)<<symbolBits|uint(symbol[m0[i]])]
		s1 = next[uint(s1)<<symbolBits|uint(symbol[m1[i]])]
		s2 = next[uint(s2)<<symbolBits|uint(symbol[m2[i]])]
		s3 = next[uint(s3)<<symbolBits|uint(symbol[m3[i]])]
		if s0 < accept && s1 < accept && s2 < accept && s3 < accept {
			continue
		}
		for k, s := range [lanes]uint16{s0, s1, s2, s3} {
			if s >= accept {
				hits[k][n[k]] = hit{s, uint16(i)}
				n[k]++
			}
		}
	}
	for k, s := range [lanes]uint16{s0, s1, s2, s3} {
		at := from + k*size
		for _, h := range hits[k][:n[k]] {
			q.found(a.out[h.state-accept], m, at+int(h.at)+1)
		}
		q.lane(m, at+size, at+size, to, s)
	}
}
