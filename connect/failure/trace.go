package failure

import (
	"iter"
	"slices"
	"strings"
	"sync"
)

// Trace is a parsed Java stack trace. Its strings are parts of the text it was parsed from.
type Trace struct {
	// Chain holds the exceptions, outermost first, each suppressed block after the exception that holds it.
	// A text that is no trace is one exception without a class; an empty text is an empty chain.
	Chain []Exception

	text     string
	packages packageSet // of the frames
}

// Relation says how an exception hangs on its parent.
type Relation uint8

// The relations.
const (
	RelationOutermost  Relation = iota // the exception that was thrown at last; it has no parent
	RelationCause                      // the parent was caused by it (`Caused by:`, or the parent is its `Wrapped by:`)
	RelationSuppressed                 // it was thrown while the parent was under way (`Suppressed:`)
)

// String returns `outermost`, `cause` or `suppressed`.
func (r Relation) String() string {
	switch r {
	case RelationOutermost:
		return "outermost"
	case RelationCause:
		return "cause"
	case RelationSuppressed:
		return "suppressed"
	}
	return "outermost"
}

// Exception is one exception of a trace.
type Exception struct {
	Class    string   `json:"class"`   // the qualified class name; empty where the text has none
	Message  string   `json:"message"` // as printed, all its lines; empty for none. It can hold row values: see [Diagnosis] for a redacted one
	Relation Relation `json:"-"`
	Parent   int      `json:"-"` // index in Trace.Chain; -1 for none

	frames string
}

// Frame is one line of a stack.
type Frame struct {
	Class  string // qualified, without the class loader and module in front of it
	Method string // as printed: `lambda$start$0`, `<init>`
	File   string // `WorkerSinkTask.java`; empty for native methods and unknown sources
	Line   int    // 0 where the frame has none
}

// Root returns the innermost cause. Suppressed exceptions are never the root. The root of an empty trace is the
// zero Exception.
func (t Trace) Root() Exception {
	if len(t.Chain) == 0 {
		return Exception{Parent: -1}
	}
	return t.Chain[t.root()]
}

func (t Trace) root() int {
	root := 0
	for i := 1; i < len(t.Chain); i++ {
		if e := &t.Chain[i]; e.Relation == RelationCause && e.Parent == root {
			root = i
		}
	}
	return root
}

// Diagnose is the [Diagnose] of the trace.
func (t Trace) Diagnose() Diagnosis { return defaultDiagnoser().DiagnoseTrace(t) }

// Frames yields the frames that are printed under the exception, top first. It reads the text as it goes and does
// not allocate. The frames a `... 12 more` stands for are those of the parent.
func (e Exception) Frames() iter.Seq[Frame] {
	return func(yield func(Frame) bool) {
		for rest := e.frames; rest != ""; {
			var line string
			line, rest = cutLine(rest)
			if f, ok := parseFrame(line); ok && !yield(f) {
				return
			}
		}
	}
}

// SimpleClass returns the class without its package.
func (e Exception) SimpleClass() string { return simpleName(e.Class) }

func simpleName(class string) string {
	return class[strings.LastIndexByte(class, '.')+1:]
}

const (
	causedBy   = "Caused by:"
	suppressed = "Suppressed:"
	wrappedBy  = "Wrapped by:"
)

// Parse splits a Java stack trace into its exceptions. Any text is accepted: without frames, with CRLF, without
// indentation, cut anywhere, or no trace at all. It takes time in proportion to the length, and allocates only the chain;
// a trace whose line feeds were escaped or lost, or whose lines carry the prefix of a log, is copied once.
func Parse(trace string) Trace {
	p := parsers.Get().(*parser)
	p.text = trace
	p.run()
	if !p.anyFrames {
		if text, ok := unfold(trace); ok {
			chain := p.chain
			clear(chain)
			*p = parser{chain: chain[:0], text: text}
			p.run()
			trace = text
		}
	}
	t := Trace{text: trace, packages: p.packages}
	chain := p.chain
	switch {
	case len(chain) == 0:
	case cap(chain) > maxPooled && len(chain) > cap(chain)/2:
		t.Chain = chain
	default:
		t.Chain = slices.Clone(chain)
		clear(chain) // hold no text of the caller's
	}
	if cap(chain) > maxPooled {
		chain = nil
	}
	*p = parser{chain: chain[:0]}
	parsers.Put(p)
	return t
}

// maxPooled is the longest chain that is kept to be filled again.
const maxPooled = 256

var parsers = sync.Pool{New: func() any { return &parser{chain: make([]Exception, 0, 16)} }}

// maxNesting bounds suppressed blocks inside suppressed blocks; deeper ones hang on the deepest known.
const maxNesting = 16

type parser struct {
	text  string
	chain []Exception

	// The exceptions a later block can hang on, by growing indent.
	open  [maxNesting]struct{ exception, indent int }
	depth int

	msgStart  int
	msgEnd    int
	frStart   int
	frEnd     int
	inFrames  bool // frames of the current exception have begun
	anyFrames bool
	lastHead  struct {
		from, end, message int
		class              string
	}
	wrapped  bool // the trace is printed root first
	packages packageSet
	prefix   uint64 // of the last frame that was added to packages
	noFrames int8   // whether the text has a frame anywhere: 0 not looked yet, 1 yes, -1 no
}

func (p *parser) run() {
	s := p.text
	for pos := 0; pos < len(s); {
		end := lineEnd(s, pos)
		next := min(end+1, len(s))
		if end > pos && s[end-1] == '\r' {
			end--
		}
		if p.inFrames && end-pos > 16 && s[pos:pos+4] == "\tat " && s[end-1] == ')' {
			// Nearly every line: whether it is a frame is seen by whoever reads the frames.
			p.frEnd = end
			p.packageOf(s[pos+4 : end])
			pos = next
			continue
		}
		if end > pos && !p.inFrames && len(p.chain) > 0 && plainStart[s[pos]] && (end-pos < minStrongHead || len(p.chain) > 1 || p.chain[0].Class != "") {
			p.msgEnd = end // the next line of a message
			pos = next
			continue
		}
		start := pos
		for start < end && (s[start] == ' ' || s[start] == '\t') {
			start++
		}
		if start < end && !p.line(pos, start, end) {
			break
		}
		pos = next
	}
	p.finish()
	if p.wrapped {
		p.reverse()
	}
}

// plainStart marks the bytes a line of a message begins with that is nothing else.
var plainStart = func() (t [256]bool) {
	for c := range 256 {
		t[c] = strings.IndexByte(" \t\r.aCSW[", byte(c)) < 0
	}
	return t
}()

// lineEnd returns where the line that begins at pos ends. Lines of a few bytes are not worth a call.
func lineEnd(s string, pos int) int {
	i := pos
	for ; i < len(s) && i < pos+4; i++ {
		if s[i] == '\n' {
			return i
		}
	}
	if n := strings.IndexByte(s[i:], '\n'); n >= 0 {
		return i + n
	}
	return len(s)
}

// line takes the line s[pos:end], whose text begins at start. It reports false when the trace is over.
func (p *parser) line(pos, start, end int) bool {
	s := p.text[start:end]
	switch s[0] {
	case 'a':
		if len(s) > 3 && s[1] == 't' && s[2] == ' ' && isFrame(s[3:], start > pos) {
			p.frame(start, end)
			if i := gluedCause(s); i > 0 { // indentation and line feed lost: `(Foo.java:1)Caused by: ...`
				p.frEnd = start + i
				p.header(RelationCause, start-pos, start+i+len(causedBy), end)
			}
			return true
		}
	case '.':
		if isMore(s) && len(p.chain) > 0 {
			p.frame(start, end)
			return true
		}
	case 'C':
		if strings.HasPrefix(s, causedBy) {
			from := start + len(causedBy)
			if len(p.chain) > 0 && !p.inFrames && !p.hasHead(from, end) && p.framesFollow() {
				break // some messages hold a line of their own that begins so
			}
			p.header(RelationCause, start-pos, from, end)
			return true
		}
	case 'S':
		if strings.HasPrefix(s, suppressed) && len(p.chain) > 0 {
			p.header(RelationSuppressed, start-pos, start+len(suppressed), end)
			return true
		}
	case 'W':
		if strings.HasPrefix(s, wrappedBy) && len(p.chain) > 0 {
			p.wrapped = true
			p.header(RelationCause, start-pos, start+len(wrappedBy), end)
			return true
		}
	case '[':
		if strings.HasPrefix(s, "[CIRCULAR REFERENCE") {
			return true // it names an exception that is in the chain already
		}
	}
	switch {
	case len(p.chain) == 0:
		if isFrame(s, true) && s[len(s)-1] == ')' { // the beginning is cut off
			p.chain = append(p.chain, Exception{Parent: -1})
			p.push(0, 0)
			p.msgStart, p.msgEnd = start, start
			p.frame(start, end)
			return true
		}
		p.header(RelationOutermost, start-pos, start, end)
	case p.inFrames:
		if s[len(s)-1] == ')' && isFrame(s, false) { // some print their frames without `at`
			p.frEnd = end
			return true
		}
		// A new trace in column 0, or the next line of a log: the trace is over. Anything else is a broken frame.
		if start == pos && (isLogLine(s) || isStrongHead(s)) {
			return false
		}
	default:
		cur := &p.chain[len(p.chain)-1]
		if len(p.chain) == 1 && cur.Class == "" && start == pos && isStrongHead(s) {
			p.chain, p.depth = p.chain[:0], 0 // what stood before the trace is the log's, not the trace's
			p.header(RelationOutermost, 0, start, end)
			return true
		}
		if start > pos && s[len(s)-1] == ')' && isBareFrame(s) {
			p.frame(start, end)
			return true
		}
		p.msgEnd = end
	}
	return true
}

// frame notes a line of frames for the current exception.
func (p *parser) frame(start, end int) {
	if len(p.chain) == 0 {
		p.chain = append(p.chain, Exception{Parent: -1})
		p.push(0, 0)
		p.msgStart, p.msgEnd = start, start
	}
	if !p.inFrames {
		p.inFrames, p.anyFrames = true, true
		p.frStart = start
	}
	p.frEnd = end
	if s := p.text[start:end]; len(s) > 3 && s[:3] == "at " {
		p.packageOf(s[3:])
	} else {
		p.packageOf(s)
	}
}

// header begins the exception whose head is text[from:end].
func (p *parser) header(rel Relation, indent, from, end int) {
	p.finish()
	for from < end && (p.text[from] == ' ' || p.text[from] == '\t') {
		from++
	}
	if rel == RelationCause && strings.HasPrefix(p.text[from:end], "[CIRCULAR REFERENCE") {
		p.inFrames = true // JDK 17 and later print it after `Caused by:`
		p.frStart, p.frEnd = end, end
		return
	}
	if rel == RelationOutermost {
		from += threadPrefix(p.text[from:end])
	}
	class, msg := p.head(from, end)
	parent := -1
	if p.depth > 0 {
		limit := indent // a cause hangs on the exception of its own indent, a suppressed one on that of a smaller indent
		if rel == RelationSuppressed {
			indent = max(indent, 1) // the indentation may be lost
			limit = indent - 1
		}
		for p.depth > 1 && p.open[p.depth-1].indent > limit {
			p.depth--
		}
		parent = p.open[p.depth-1].exception
		if rel == RelationCause {
			p.depth-- // the next cause hangs on this one
			indent = min(indent, p.open[p.depth].indent)
		}
	}
	if n := len(p.chain); n == cap(p.chain) && n >= maxPooled {
		p.chain = slices.Grow(p.chain, p.more(from, end))
	}
	p.chain = append(p.chain, Exception{Class: class, Relation: rel, Parent: parent})
	p.push(len(p.chain)-1, indent)
	p.msgStart, p.msgEnd = from+msg, end
	p.inFrames = false
}

// more guesses how many exceptions follow where the rest of the text is like what was read.
func (p *parser) more(from, end int) int {
	per := max(from/len(p.chain), end-from, 32)
	return (len(p.text)-from)/per + 16
}

func (p *parser) push(exception, indent int) {
	if p.depth == maxNesting {
		p.depth--
	}
	p.open[p.depth].exception, p.open[p.depth].indent = exception, indent
	p.depth++
}

// finish sets the message and the frames of the current exception.
func (p *parser) finish() {
	if len(p.chain) == 0 {
		return
	}
	e := &p.chain[len(p.chain)-1]
	if e.Message != "" || e.frames != "" {
		return
	}
	if p.msgStart < p.msgEnd {
		e.Message = strings.TrimSpace(p.text[p.msgStart:p.msgEnd])
	}
	if p.inFrames && p.frStart < p.frEnd {
		e.frames = p.text[p.frStart:p.frEnd]
		if len(p.chain) == 1 && e.Class == "" {
			headInLine(e)
		}
	}
	p.frStart, p.frEnd = 0, 0
}

// reverse turns a chain printed root first around.
func (p *parser) reverse() {
	slices.Reverse(p.chain)
	for i := range p.chain {
		p.chain[i].Parent = i - 1
		p.chain[i].Relation = RelationCause
	}
	p.chain[0].Relation = RelationOutermost
}

func (p *parser) hasHead(from, end int) bool {
	for from < end && (p.text[from] == ' ' || p.text[from] == '\t') {
		from++
	}
	class, _ := p.head(from, end)
	return class != ""
}

// head is parseHead of text[from:end]; the last answer is remembered.
func (p *parser) head(from, end int) (class string, message int) {
	if l := &p.lastHead; l.from != from || l.end != end {
		l.from, l.end = from, end
		l.class, l.message = parseHead(p.text[from:end])
	}
	return p.lastHead.class, p.lastHead.message
}

// framesFollow reports whether the text has frames at all: where it has none, every `Caused by:` begins an exception.
func (p *parser) framesFollow() bool {
	if p.noFrames == 0 {
		p.noFrames = -1
		if strings.Contains(p.text, "\tat ") || strings.Contains(p.text, "\nat ") || strings.Contains(p.text, " at ") && strings.Contains(p.text, ".java:") {
			p.noFrames = 1
		}
	}
	return p.noFrames > 0
}

func cutLine(s string) (line, rest string) {
	line, rest, _ = strings.Cut(s, "\n")
	return line, rest
}

// identByte marks what a qualified Java name consists of, with the characters of constructors, lambdas and generated
// classes, and what stands before it (class loader and module, `app//java.base@17.0.1/`).
var identByte = func() (t [256]bool) {
	for c := range 256 {
		b := byte(c)
		t[c] = b >= '0' && b <= '9' || b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= 0x80 || strings.IndexByte("_$.<>/@-", b) >= 0
	}
	return t
}()

// maxFrameName is longer than any class and method that a compiler accepts in practice; it bounds the look at one line.
const maxFrameName = 2048

// isFrame reports whether s, what follows `at `, is a frame. A frame cut at the end has no parenthesis: it is
// accepted where the line was indented.
func isFrame(s string, indented bool) bool {
	if s == "" || !identByte[s[0]] {
		return false
	}
	s = s[:min(len(s), maxFrameName)]
	if i := strings.IndexByte(s, '('); i > 0 && strings.IndexByte(s[:i], ' ') < 0 && strings.IndexByte(s[:i], '.') > 0 && identByte[s[i-1]] {
		return true
	}
	dots := 0
	for i := range len(s) {
		c := s[i]
		if c == '.' {
			dots++
		}
		if identByte[c] {
			continue
		}
		return dots > 0 && i > 0 && c == '('
	}
	return indented && dots > 0
}

// isBareFrame reports whether s is a frame printed without `at`.
func isBareFrame(s string) bool {
	i := strings.IndexByte(s, '(')
	if i < 0 || !isFrame(s, false) {
		return false
	}
	in := s[i+1 : len(s)-1]
	return in == "Native Method" || in == "Unknown Source" || strings.Contains(in, ".java:") || strings.Contains(in, ".scala:") || strings.Contains(in, ".kt:")
}

// isMore reports whether s stands for frames that are not printed: `... 12 more`, `... 12 common frames omitted`, `...`.
func isMore(s string) bool {
	if !strings.HasPrefix(s, "...") {
		return false
	}
	s = strings.Trim(s[3:], " \t.")
	if s == "" {
		return true
	}
	i := 0
	for i < len(s) && s[i] >= '0' && s[i] <= '9' {
		i++
	}
	rest := strings.TrimLeft(s[i:], " ")
	return i > 0 && (rest == "" || strings.HasPrefix(rest, "more") || strings.HasPrefix(rest, "common frames") || strings.HasPrefix("more", rest) || strings.HasPrefix("common frames omitted", rest))
}

// gluedCause returns where a `Caused by:` begins in a frame line, or 0.
func gluedCause(s string) int {
	if len(s) < 24 || s[len(s)-1] == ')' {
		return 0
	}
	i := strings.Index(s, ")"+causedBy)
	if i < 0 {
		i = strings.Index(s, ") "+causedBy)
		if i < 0 {
			return 0
		}
		return i + 2
	}
	return i + 1
}

// isLogLine reports whether a line begins with a date or the bracket of a log's layout.
func isLogLine(s string) bool {
	if s[0] == '[' {
		s = s[1:]
	}
	return len(s) > 10 && s[0] >= '1' && s[0] <= '2' && s[4] == '-' && s[7] == '-'
}

func threadPrefix(s string) int {
	const prefix = `Exception in thread "`
	if !strings.HasPrefix(s, prefix) {
		return 0
	}
	i := strings.Index(s[len(prefix):], `" `)
	if i < 0 {
		return 0
	}
	return len(prefix) + i + 2
}

// parseHead splits the first line of an exception into its class and the place where the message begins.
// A line without a class has an empty class and is all message.
func parseHead(s string) (class string, message int) {
	i, dot := 0, -1
	for i < len(s) {
		c := s[i]
		if c == '.' {
			if i == 0 || i == dot+1 {
				return "", 0
			}
			dot = i
		} else if !nameBytes[c] {
			break
		}
		i++
	}
	if i == 0 || dot == i-1 || s[0] >= '0' && s[0] <= '9' {
		return "", 0
	}
	last := s[dot+1 : i]
	upper := last[0] >= 'A' && last[0] <= 'Z' || last[0] == '_' || last[0] == '$' || last[0] >= 0x80
	if dot < 0 && (!hasThrowableSuffix(last) || len(last) < 10) || dot >= 0 && !upper && !hasThrowableSuffix(last) {
		return "", 0
	}
	switch {
	case i == len(s):
		return s, len(s)
	case s[i] == ':' && i+1 == len(s):
		return s[:i], len(s)
	case s[i] == ':' && (s[i+1] == ' ' || s[i+1] == '\t' || s[i+1] == '\r'):
		return s[:i], i + 2
	case s[i] == '[' && hasThrowableSuffix(last): // Elasticsearch prints `Class[message]`
		return s[:i], i
	case (s[i] == ' ' || s[i] == '\r') && strings.TrimSpace(s[i:]) == "":
		return s[:i], len(s)
	}
	return "", 0
}

// nameBytes marks what a Java name consists of.
var nameBytes = func() (t [256]bool) {
	for c := range 256 {
		t[c] = isAlnum(byte(c)) || c == '_' || c == '$' || c >= 0x80
	}
	return t
}()

func hasThrowableSuffix(name string) bool {
	for _, suffix := range [...]string{"Exception", "Error", "Throwable", "Failure", "ExceptionInfo"} {
		if strings.HasSuffix(name, suffix) {
			return true
		}
	}
	return false
}

// minStrongHead is the length of the shortest line that isStrongHead accepts.
const minStrongHead = 12

// isStrongHead reports whether the line can only be the head of an exception.
func isStrongHead(s string) bool {
	if len(s) < minStrongHead || strings.IndexByte(s[:min(len(s), 64)], '.') < 0 && s[0] != 'E' {
		return false
	}
	class, _ := parseHead(s)
	return strings.IndexByte(class, '.') > 0 && hasThrowableSuffix(class) || strings.HasPrefix(s, `Exception in thread "`)
}

// headInLine finds the class in a first line that begins with something else, such as the layout of a log.
func headInLine(e *Exception) {
	line, _ := cutLine(e.Message)
	for i := 0; ; {
		j := strings.IndexByte(line[i:], ' ')
		if j < 0 {
			return
		}
		i += j + 1
		k := i
		for k < len(line) && line[k] != ' ' {
			k++
		}
		if k < len(line) {
			k++
		}
		if word := line[i:k]; len(word) > 12 && isStrongHead(word) {
			class, msg := parseHead(line[i:])
			if class == "" {
				continue
			}
			e.Class, e.Message = class, e.Message[min(i+msg, len(e.Message)):]
			return
		}
	}
}

// parseFrame reads one printed frame.
func parseFrame(line string) (Frame, bool) {
	s := strings.TrimSpace(line)
	s = strings.TrimPrefix(s, "at ")
	if !isFrame(s, true) || strings.HasPrefix(s, "..") {
		return Frame{}, false
	}
	name, in := s, ""
	if i := strings.IndexByte(s, '('); i >= 0 {
		name, in = s[:i], s[i+1:]
		if j := strings.IndexByte(in, ')'); j >= 0 {
			in = in[:j]
		}
	}
	for { // class loader and module end with a slash; the address in a lambda's class begins with one
		i := strings.IndexByte(name, '/')
		if i < 0 || i+1 < len(name) && name[i+1] >= '0' && name[i+1] <= '9' {
			break
		}
		name = name[i+1:]
	}
	f := Frame{Class: name}
	if i := strings.LastIndexByte(name, '.'); i >= 0 {
		f.Class, f.Method = name[:i], name[i+1:]
	}
	if in == "Native Method" || in == "Unknown Source" {
		return f, true
	}
	f.File = in
	if i := strings.LastIndexByte(in, ':'); i >= 0 {
		f.File = in[:i]
		for _, c := range []byte(in[i+1:]) {
			if c < '0' || c > '9' || f.Line > 1<<30/10 {
				break
			}
			f.Line = f.Line*10 + int(c-'0')
		}
	}
	return f, true
}
