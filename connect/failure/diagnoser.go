package failure

import (
	"errors"
	"fmt"
	"strings"
	"sync"
)

// Diagnoser diagnoses traces with a table of patterns. It is safe for concurrent use.
type Diagnoser struct {
	rules     []rule
	byClass   map[string][]int // qualified and simple names
	prefixes  map[string][]int // `com.acme.`
	lengths   [256]bool        // of the prefixes; the last stands for all that are longer
	codes     map[code][]int
	anywhere  []int // rules with frames or a function only
	alts      int32 // how many alternatives there are
	ranks     []rank
	literals  [][]literalUse
	auto      *automaton
	words     *automaton // of the names' words only
	wordRules []int      // the rule of each word
	scratch   sync.Pool
}

// rank is what a rule scores: its weight, then the depth of the exception and its place in the table, which change
// places for a user's pattern.
type rank struct{ base, depth int64 }

const maxRank = 1 << 16

func rankOf(r *rule, n int) rank {
	order := int64(max(maxRank-1-n, 0))
	base := int64(r.weight) * maxRank * maxRank
	if r.weight == weightUser {
		return rank{base: base + order*maxRank, depth: 1}
	}
	return rank{base: base + order, depth: maxRank}
}

// literalUse says what a found literal means.
type literalUse struct {
	use   use
	kind  codeKind
	class bool  // the rule wants its class on the same exception
	rule  int32 // what the literal speaks for
	alt   int32 // index of the alternative, where the literal is one of several parts
	part  int32
	parts int32
	size  int32 // length of the literal
}

type use uint8

const (
	usePart  use = iota // part of an alternative
	useCode             // a code follows
	useClass            // a class name of the rule, printed inside a message
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
	hits    [lanes][laneSize]hit
	text    []byte // a redacted message
	out     []byte // the strings of a diagnosis
	search  search
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
	var literals, words []string
	add := func(text string, u literalUse) {
		id, ok := ids[text]
		if !ok {
			id = len(literals)
			ids[text] = id
			literals = append(literals, text)
			d.literals = append(d.literals, nil)
		}
		u.size = int32(len(text)) //nolint:gosec // a literal is short
		d.literals[id] = append(d.literals[id], u)
	}
	for _, t := range codeTriggers {
		add(t.text, literalUse{use: useCode, kind: t.kind})
	}
	for i := range rules {
		r, n := &rules[i], i
		d.ranks = append(d.ranks, rankOf(r, i))
		wants := len(r.Exceptions) > 0 && !r.either
		for _, e := range r.Exceptions {
			if strings.HasSuffix(e, ".") {
				d.prefixes[e] = append(d.prefixes[e], n)
				d.lengths[min(len(e), len(d.lengths)-1)] = true
				continue
			}
			d.byClass[e] = append(d.byClass[e], n)
			if strings.Contains(e, ".") && (len(r.Messages) == 0 || r.either) {
				add(strings.ToLower(e), literalUse{use: useClass, rule: int32(n)})
			}
		}
		for _, m := range r.Messages {
			parts := fragments(m)
			if len(parts) == 0 || len(parts) > 255 {
				return nil, fmt.Errorf("pattern %s: message %q has no text to look for or too many parts", r.ID, m)
			}
			for k, part := range parts {
				add(part, literalUse{use: usePart, class: wants, rule: int32(n), alt: d.alts, part: int32(k), parts: int32(len(parts))}) //nolint:gosec // at most 255 parts
			}
			d.alts++
		}
		for _, c := range r.codes {
			key, err := parseCode(c)
			if err != nil {
				return nil, fmt.Errorf("pattern %s: %w", r.ID, err)
			}
			d.codes[key] = append(d.codes[key], n)
		}
		for _, w := range r.names {
			words = append(words, strings.ToLower(w))
			d.wordRules = append(d.wordRules, n)
		}
		if len(r.Exceptions)+len(r.Messages)+len(r.codes)+len(r.names) == 0 {
			d.anywhere = append(d.anywhere, n)
		}
	}
	auto, ok := newAutomaton(literals)
	if !ok {
		return nil, errors.New("too many patterns for one table")
	}
	d.auto = auto
	if d.words, ok = newAutomaton(words); !ok {
		return nil, errors.New("too many words for one table")
	}
	d.scratch.New = func() any {
		return &scratch{alts: make([]progress, d.alts), classes: make([]uint32, len(d.rules))}
	}
	return d, nil
}

// frameList tells one list of frames from another.
type frameList struct {
	first   *string
	size    int
	builtin bool
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
	lastClass  string
	lastRules  [][]int // of lastClass
	lists      [8][]int
	frames     frameList // that was looked for at last
	framed     bool
}

// find returns the rule that decides and the exception that decided, or -1.
func (d *Diagnoser) find(t Trace, s *scratch) (rule, at int) {
	if d.auto == nil || len(t.Chain) == 0 {
		return -1, 0
	}
	s.side = s.side[:0]
	q := &s.search
	*q = search{d: d, t: t, s: s, main: verdict{rule: -1}, side: verdict{rule: -1}}
	defer func() { *q = search{} }() // hold no text of the caller's
	for i := range t.Chain {
		e := &t.Chain[i]
		q.at = i
		q.mark(e)
		if i > 0 && q.repeats(e, &t.Chain[i-1]) {
			continue
		}
		if s.epoch++; s.epoch == 0 {
			clear(s.alts)
			clear(s.classes)
			s.epoch = 1
		}
		q.class(e.Class)
		if i+1 < len(t.Chain) && q.prints(e, &t.Chain[i+1], i) {
			// What its text says is looked for where it comes from, one exception further down.
			if n := len(t.Chain[i+1].Class) + len(": "); n <= len(e.Message) {
				q.lane(e.Message, 0, n, len(e.Message), 0)
			}
			continue
		}
		q.message(e.Message)
	}
	q.at, q.suppressed = t.root(), false
	for _, r := range d.anywhere {
		q.candidate(r)
	}
	if q.best() < weightText {
		for i := range t.Chain {
			q.at, q.suppressed = i, s.side[i]
			if i > 0 && t.Chain[i].Class == t.Chain[i-1].Class && q.suppressed == s.side[i-1] {
				q.carry()
				continue
			}
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

// repeats reports whether an exception says what the one before it said, word for word, and lets it decide in its place:
// a wrapper with the text of its cause, or one of thousands of suppressed retries.
func (q *search) repeats(e, before *Exception) bool {
	if e.Class != before.Class || e.Message != before.Message || q.suppressed != q.s.side[q.at-1] {
		return false
	}
	q.carry()
	return true
}

// carry moves what the exception before decided to the one that says the same.
func (q *search) carry() {
	v := &q.main
	if q.suppressed {
		v = &q.side
	}
	if v.rule >= 0 && v.at == q.at-1 {
		v.at = q.at
		v.score += q.d.ranks[v.rule].depth
	}
}

// prints reports whether the text of e is only its cause printed, as Java's Throwable(cause) makes it, and no rule wants
// words from it together with the class of e.
func (q *search) prints(e, cause *Exception, at int) bool {
	if cause.Relation != RelationCause || cause.Parent != at || cause.Class == "" {
		return false
	}
	rest, ok := strings.CutPrefix(e.Message, cause.Class)
	if !ok || rest != "" && (len(rest) < 2 || rest[:2] != ": " || rest[2:] != cause.Message) || rest == "" && cause.Message != "" {
		return false
	}
	for _, rules := range q.lastRules {
		for _, r := range rules {
			if rule := &q.d.rules[r]; len(rule.Messages) > 0 && !rule.either {
				return false
			}
		}
	}
	return true
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

// class takes the rules of an exception class. Chains repeat classes: those of the exception before are remembered.
func (q *search) class(class string) {
	if class == "" {
		return
	}
	if class != q.lastClass {
		q.lastClass = class
		q.lastRules = q.d.rulesOf(q.lists[:0], class)
	}
	for _, rules := range q.lastRules {
		q.classRules(rules)
	}
}

// rulesOf appends the lists of rules that know a class by its qualified name, its simple name or a package.
func (d *Diagnoser) rulesOf(lists [][]int, class string) [][]int {
	if rules := d.byClass[class]; rules != nil {
		lists = append(lists, rules)
	}
	dot := strings.LastIndexByte(class, '.')
	if dot < 0 {
		return lists
	}
	if rules := d.byClass[class[dot+1:]]; rules != nil {
		lists = append(lists, rules)
	}
	for i := dot; i > 0; i = strings.LastIndexByte(class[:i], '.') {
		if !d.lengths[min(i+1, len(d.lengths)-1)] {
			continue
		}
		if rules := d.prefixes[class[:i+1]]; rules != nil {
			lists = append(lists, rules)
		}
	}
	return lists
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
	from, to := statement(m)
	if to > from {
		q.scan(m, 0, from)
		q.scan(m, to, len(m))
		return
	}
	q.scan(m, 0, len(m))
}

// statement returns the part of a message that is an SQL statement with the values of its rows: `Batch entry 0 INSERT
// ... was aborted: ERROR: ...`. Nothing is looked for in there: a value may say anything, and be megabytes long.
func statement(m string) (from, to int) {
	i := strings.Index(m[:min(len(m), 200)], "Batch entry ")
	if i < 0 {
		return 0, 0
	}
	end := lastIndex(m, " was aborted")
	if end < i {
		return 0, 0
	}
	return i + len("Batch entry "), end
}

// lastIndex is strings.LastIndex in windows, which are searched faster forward than a long text is backward.
func lastIndex(s, text string) int {
	const window = 256
	for to := len(s); to > 0; {
		from := max(to-window, 0)
		part, last := s[from:min(to+len(text)-1, len(s))], -1
		for i := 0; ; {
			j := strings.Index(part[i:], text)
			if j < 0 {
				break
			}
			last = i + j
			i = last + 1
		}
		if last >= 0 {
			return from + last
		}
		to = from
	}
	return -1
}

func (q *search) found(literals []int, m string, end int) {
	for _, id := range literals {
		if !hasSuffixFold(m[:end], q.d.auto.literals[id]) {
			continue
		}
		uses := q.d.literals[id]
		for i := range uses {
			u := &uses[i]
			switch u.use {
			case usePart:
				if u.parts > 1 {
					p := &q.s.alts[u.alt]
					if p.epoch != q.s.epoch {
						*p = progress{epoch: q.s.epoch}
					}
					if p.next != int(u.part) || end-int(u.size) < p.end {
						continue
					}
					p.next++
					p.end = end
					if p.next < int(u.parts) {
						continue
					}
				}
				if u.class && q.s.classes[u.rule] != q.s.epoch {
					continue
				}
				q.candidate(int(u.rule))
			case useCode:
				keys, n := readCodes(u.kind, m, end)
				if n > 0 && keys[n-1] == badRequest && strings.Contains(m[max(0, end-120):end], "(Service: ") {
					continue // AWS answers 400 to nearly everything: the class says which
				}
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
					q.candidate(int(u.rule))
				}
			}
		}
	}
}

func isIdent(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '$' || c == '.'
}

// names looks for words in the name of a class.
func (q *search) names(name string) {
	a := q.d.words
	state := uint16(0)
	for i := range len(name) {
		state = a.step(state, name[i])
		if state < a.accept {
			continue
		}
		for _, word := range a.out[state-a.accept] {
			if !hasSuffixFold(name[:i+1], a.literals[word]) {
				continue
			}
			q.candidate(q.d.wordRules[word])
		}
	}
}

// candidate takes a rule whose lists match at the current exception.
func (q *search) candidate(r int) {
	score := q.d.ranks[r].base + q.d.ranks[r].depth*int64(min(q.at, maxRank-1))
	v := &q.main
	if q.suppressed {
		v = &q.side
	}
	if v.rule >= 0 && score <= v.score {
		return
	}
	rule := &q.d.rules[r]
	if len(rule.Frames) > 0 && !q.hasFrame(rule) {
		return
	}
	if rule.Match != nil && !safely(rule.Match, q.t) {
		return
	}
	*v = verdict{rule: r, at: q.at, score: score}
}

// hasFrame reports whether the trace has a frame of the rule. Several rules share one list: the last answer is remembered.
func (q *search) hasFrame(r *rule) bool {
	list := frameList{first: &r.Frames[0], size: len(r.Frames), builtin: r.weight != weightUser}
	if q.frames != list {
		q.frames, q.framed = list, hasFrame(q.t, r.Frames, list.builtin)
	}
	return q.framed
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
	if !t.packages.mayHold(packages) {
		return false
	}
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
			if k := strings.IndexByte(line[:min(len(line), maxLoader)], '/'); k > 0 { // a class loader or module stands first
				line = line[k+1:]
				if len(line) > 0 && line[0] == '/' {
					line = line[1:]
				}
			}
			for _, p := range packages {
				if n := len(p); len(line) >= n && line[n-1] == p[n-1] && line[:n] == p {
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
