package failure

import (
	"errors"
	"fmt"
	"strings"
	"sync"
)

// Diagnoser diagnoses traces with a table of patterns. It is safe for concurrent use.
type Diagnoser struct {
	rules    []rule
	byClass  map[string][]int // qualified and simple names
	prefixes map[string][]int // `com.acme.`
	codes    map[code][]int
	anywhere []int // rules with frames or a function only
	alts     []alternative
	literals [][]literalUse
	auto     *automaton
	scratch  sync.Pool
}

// alternative is one entry of a rule's Messages, cut at its stars.
type alternative struct {
	rule  int
	parts int
}

// literalUse says what a found literal means.
type literalUse struct {
	use  use
	alt  int // index of an alternative, or of a rule
	part int // part of the alternative
	kind codeKind
	size int // length of the literal
}

type use uint8

const (
	usePart  use = iota // part of an alternative
	useCode             // a code follows
	useClass            // a class name of the rule, printed inside a message
	useName             // a word that means something in the name of a class
)

type progress struct {
	epoch uint32
	next  int
	end   int
}

type scratch struct {
	epoch   uint32
	alts    []progress
	classes []uint32 // epoch in which the rule's class matched
	side    []bool   // the exception is suppressed, or hangs on one that is
	text    []byte
}

var defaultDiagnoser = sync.OnceValue(func() *Diagnoser {
	d, err := compile(builtin())
	if err != nil { // a test compiles the table: unreachable in a released package
		return &Diagnoser{scratch: sync.Pool{New: func() any { return new(scratch) }}}
	}
	return d
})

// Diagnose parses a trace and says what went wrong, with the built-in table.
func Diagnose(trace string) Diagnosis { return defaultDiagnoser().Diagnose(trace) }

// New returns a Diagnoser that tries the given patterns first, in their order, then the built-in table. A pattern that is
// incomplete, cannot match, or has the id of another one is an error that names it.
func New(extra ...Pattern) (*Diagnoser, error) {
	table := builtin()
	seen := make(map[string]bool, len(table)+len(extra))
	for i := range table {
		seen[table[i].ID] = true
	}
	rules := make([]rule, 0, len(extra)+len(table))
	var errs []error
	for i, p := range extra {
		if err := p.validate(); err != nil {
			errs = append(errs, fmt.Errorf("failure: pattern %d (%s): %w", i, p.ID, err))
		}
		if seen[p.ID] {
			errs = append(errs, fmt.Errorf("failure: pattern %d: ID %q is taken: give it a name of its own", i, p.ID))
		}
		seen[p.ID] = true
		rules = append(rules, rule{Pattern: p, weight: weightUser})
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	if len(extra) == 0 {
		return defaultDiagnoser(), nil
	}
	d, err := compile(append(rules, table...))
	if err != nil {
		return nil, fmt.Errorf("failure: %w", err)
	}
	return d, nil
}

// Diagnose parses a trace and says what went wrong.
func (d *Diagnoser) Diagnose(trace string) Diagnosis { return d.DiagnoseTrace(Parse(trace)) }

// compile builds the look-up structures of a table.
func compile(rules []rule) (*Diagnoser, error) {
	d := &Diagnoser{
		rules: rules, byClass: map[string][]int{}, prefixes: map[string][]int{}, codes: map[code][]int{},
	}
	ids := map[string]int{}
	var literals []string
	add := func(text string, u literalUse) {
		id, ok := ids[text]
		if !ok {
			id = len(literals)
			ids[text] = id
			literals = append(literals, text)
			d.literals = append(d.literals, nil)
		}
		u.size = len(text)
		d.literals[id] = append(d.literals[id], u)
	}
	for _, t := range codeTriggers {
		add(t.text, literalUse{use: useCode, kind: t.kind})
	}
	for i := range rules {
		r, n := &rules[i], i
		for _, e := range r.Exceptions {
			if strings.HasSuffix(e, ".") {
				d.prefixes[e] = append(d.prefixes[e], n)
				continue
			}
			d.byClass[e] = append(d.byClass[e], n)
			if strings.Contains(e, ".") && (len(r.Messages) == 0 || r.either) {
				add(strings.ToLower(e), literalUse{use: useClass, alt: n})
			}
		}
		for _, m := range r.Messages {
			parts := fragments(m)
			if len(parts) == 0 || len(parts) > 255 {
				return nil, fmt.Errorf("pattern %s: message %q has no text to look for or too many parts", r.ID, m)
			}
			for k, part := range parts {
				add(part, literalUse{use: usePart, alt: len(d.alts), part: k})
			}
			d.alts = append(d.alts, alternative{rule: n, parts: len(parts)})
		}
		for _, c := range r.codes {
			key, err := parseCode(c)
			if err != nil {
				return nil, fmt.Errorf("pattern %s: %w", r.ID, err)
			}
			d.codes[key] = append(d.codes[key], n)
		}
		for _, w := range r.names {
			add(strings.ToLower(w), literalUse{use: useName, alt: n})
		}
		if len(r.Exceptions)+len(r.Messages)+len(r.codes)+len(r.names) == 0 {
			d.anywhere = append(d.anywhere, n)
		}
	}
	auto, ok := newAutomaton(literals)
	if !ok {
		return nil, errors.New("too many patterns, or too many different characters in them, for one table")
	}
	d.auto = auto
	d.scratch.New = func() any {
		return &scratch{alts: make([]progress, len(d.alts)), classes: make([]uint32, len(d.rules))}
	}
	return d, nil
}

// verdict is the best rule so far.
type verdict struct {
	rule  int // -1 for none
	at    int // index of the exception that decided
	score int64
}

// search carries one diagnosis.
type search struct {
	d          *Diagnoser
	t          Trace
	s          *scratch
	main, side verdict // of the chain of causes, of suppressed exceptions
	at         int
	suppressed bool
}

// find returns the rule that decides and the exception that decided, or -1.
func (d *Diagnoser) find(t Trace, s *scratch) (rule, at int) {
	if d.auto == nil || len(t.Chain) == 0 {
		return -1, 0
	}
	s.side = s.side[:0]
	q := search{d: d, t: t, s: s, main: verdict{rule: -1}, side: verdict{rule: -1}}
	for i := range t.Chain {
		e := &t.Chain[i]
		q.at = i
		q.mark(e)
		if s.epoch++; s.epoch == 0 {
			clear(s.alts)
			clear(s.classes)
			s.epoch = 1
		}
		q.class(e.Class)
		q.message(e.Message)
	}
	q.at, q.suppressed = t.root(), false
	for _, r := range d.anywhere {
		q.candidate(r)
	}
	if q.best() < weightText {
		for i := range t.Chain {
			q.at, q.suppressed = i, s.side[i]
			q.names(simpleName(t.Chain[i].Class))
		}
	}
	v := q.main
	if q.side.rule >= 0 && (v.rule < 0 || d.rules[v.rule].weight < weightText && d.rules[q.side.rule].weight > d.rules[v.rule].weight) {
		v = q.side
	}
	return v.rule, v.at
}

// mark notes whether what e says weighs less because it was only suppressed.
func (q *search) mark(e *Exception) {
	q.suppressed = e.Relation == RelationSuppressed || e.Relation == RelationCause && e.Parent >= 0 && e.Parent < len(q.s.side) && q.s.side[e.Parent]
	q.s.side = append(q.s.side, q.suppressed)
}

func (q *search) best() weight {
	w := weight(0)
	if q.main.rule >= 0 {
		w = q.d.rules[q.main.rule].weight
	}
	if q.side.rule >= 0 {
		w = max(w, q.d.rules[q.side.rule].weight)
	}
	return w
}

// class takes the rules of an exception class.
func (q *search) class(class string) {
	if class == "" {
		return
	}
	q.classRules(q.d.byClass[class])
	dot := strings.LastIndexByte(class, '.')
	if dot < 0 {
		return
	}
	q.classRules(q.d.byClass[class[dot+1:]])
	if len(q.d.prefixes) == 0 {
		return
	}
	for i := dot; i > 0; i = strings.LastIndexByte(class[:i], '.') {
		if rules := q.d.prefixes[class[:i+1]]; rules != nil {
			q.classRules(rules)
		}
	}
}

func (q *search) classRules(rules []int) {
	for _, r := range rules {
		q.s.classes[r] = q.s.epoch
		if rule := &q.d.rules[r]; len(rule.Messages) == 0 || rule.either {
			q.candidate(r)
		}
	}
}

// message looks for every literal in a message.
func (q *search) message(m string) {
	a := q.d.auto
	skipFrom, skipTo := statement(m)
	state := uint16(0)
	for i := 0; i < len(m); i++ {
		if i == skipFrom && skipTo > skipFrom {
			state, i = 0, skipTo
			skipTo = 0
			if i >= len(m) {
				break
			}
		}
		state = a.next[uint(state)<<a.shift|uint(a.symbol[m[i]])]
		if state >= a.accept {
			q.found(a.out[state-a.accept], m, i+1)
		}
	}
}

// statement returns the part of a message that is an SQL statement with the values of its rows: `Batch entry 0 INSERT
// ... was aborted: ERROR: ...`. Nothing is looked for in there: a value may say anything, and be megabytes long.
func statement(m string) (from, to int) {
	i := strings.Index(m[:min(len(m), 200)], "Batch entry ")
	if i < 0 {
		return 0, 0
	}
	end := strings.LastIndex(m, " was aborted")
	if end < i {
		return 0, 0
	}
	return i + len("Batch entry "), end
}

func (q *search) found(literals []int, m string, end int) {
	for _, id := range literals {
		for _, u := range q.d.literals[id] {
			switch u.use {
			case usePart:
				alt := &q.d.alts[u.alt]
				if alt.parts > 1 {
					p := &q.s.alts[u.alt]
					if p.epoch != q.s.epoch {
						*p = progress{epoch: q.s.epoch}
					}
					if p.next != u.part || end-u.size < p.end {
						continue
					}
					p.next++
					p.end = end
					if p.next < alt.parts {
						continue
					}
				}
				if r := &q.d.rules[alt.rule]; len(r.Exceptions) > 0 && !r.either && q.s.classes[alt.rule] != q.s.epoch {
					continue
				}
				q.candidate(alt.rule)
			case useCode:
				keys, n := readCodes(u.kind, m, end)
				for _, key := range keys[:n] {
					if rules := q.d.codes[key]; len(rules) > 0 {
						for _, r := range rules {
							q.candidate(r)
						}
						break
					}
				}
			case useClass:
				if end == len(m) || !isIdent(m[end]) {
					q.candidate(u.alt)
				}
			case useName:
			}
		}
	}
}

func isIdent(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '$' || c == '.'
}

// names looks for words in the name of a class.
func (q *search) names(name string) {
	a := q.d.auto
	state := uint16(0)
	for i := range len(name) {
		state = a.next[uint(state)<<a.shift|uint(a.symbol[name[i]])]
		if state < a.accept {
			continue
		}
		for _, id := range a.out[state-a.accept] {
			for _, u := range q.d.literals[id] {
				if u.use == useName {
					q.candidate(u.alt)
				}
			}
		}
	}
}

// candidate takes a rule whose lists match at the current exception.
func (q *search) candidate(r int) {
	rule := &q.d.rules[r]
	const limit = 1 << 16
	depth, order := int64(min(q.at, limit-1)), int64(max(limit-1-r, 0))
	score := int64(rule.weight) * limit * limit
	if rule.weight == weightUser {
		score += order*limit + depth
	} else {
		score += depth*limit + order
	}
	v := &q.main
	if q.suppressed {
		v = &q.side
	}
	if v.rule >= 0 && score <= v.score {
		return
	}
	if len(rule.Frames) > 0 && !hasFrame(q.t, rule.Frames, rule.weight != weightUser) {
		return
	}
	if rule.Match != nil && !safely(rule.Match, q.t) {
		return
	}
	*v = verdict{rule: r, at: q.at, score: score}
}

// hasFrame reports whether a frame of the trace holds one of the texts. In the built-in table a text that begins with a
// package is the beginning of a frame, which is cheaper to find.
func hasFrame(t Trace, texts []string, builtin bool) bool {
	if builtin && texts[0][0] >= 'a' && texts[0][0] <= 'z' {
		return hasFramePrefix(t, texts)
	}
	for i := range t.Chain {
		for _, f := range texts {
			if strings.Contains(t.Chain[i].frames, f) {
				return true
			}
		}
	}
	return false
}

// hasFramePrefix reports whether a frame begins with one of the packages.
func hasFramePrefix(t Trace, packages []string) bool {
	for i := range t.Chain {
		for rest := t.Chain[i].frames; rest != ""; {
			var line string
			line, rest = cutLine(rest)
			j := 0
			for j < len(line) && (line[j] == ' ' || line[j] == '\t') {
				j++
			}
			if strings.HasPrefix(line[j:], "at ") {
				j += 3
			}
			if line = line[j:]; len(line) < 8 || line[0] == 'j' && line[4] == '.' {
				continue
			}
			if k := strings.IndexByte(line[:min(len(line), 48)], '/'); k > 0 { // a class loader or module stands first
				line = line[k+1:]
				if len(line) > 0 && line[0] == '/' {
					line = line[1:]
				}
			}
			for _, p := range packages {
				if strings.HasPrefix(line, p) {
					return true
				}
			}
		}
	}
	return false
}

// safely keeps a user's function from ending the program that watches.
func safely(match func(Trace) bool, t Trace) (ok bool) {
	defer func() {
		if recover() != nil {
			ok = false
		}
	}()
	return match(t)
}
