package failure

import "strings"

// unfold restores the lines of a trace in which no frame was found because of what happened to it on the way: line feeds
// escaped as in JSON, lines joined into one, or every line behind a prefix. It reports false for any other text.
func unfold(s string) (string, bool) {
	switch {
	case strings.Contains(s, `\n\tat `) || strings.Contains(s, `\n at `) || strings.Contains(s, `\nCaused by: `) && !strings.Contains(s, "\n"):
		return unescape.Replace(s), true
	case strings.Count(s, "\n") < 3 && joinedFrames(s):
		return unjoin(s), true
	}
	if prefix, ok := linePrefix(s); ok {
		return unprefix(s, prefix), true
	}
	return "", false
}

var unescape = strings.NewReplacer(`\r\n`, "\n", `\n`, "\n", `\t`, "\t", `\"`, `"`, `\\`, `\`, `\u003e`, ">", `\u003c`, "<")

// joinedFrames reports whether several frames stand in one line.
func joinedFrames(s string) bool {
	n := 0
	for n < 2 {
		i := strings.Index(s, ") at ")
		if i < 0 {
			return false
		}
		s = s[i+len(") at "):]
		if isFrame(s, false) {
			n++
		}
	}
	return true
}

// unjoin begins a line at each frame, cause and suppressed exception.
func unjoin(s string) string {
	var b strings.Builder
	b.Grow(len(s) + len(s)/32)
	for {
		i := strings.IndexByte(s, ' ')
		if i < 0 {
			b.WriteString(s)
			return b.String()
		}
		b.WriteString(s[:i])
		s = s[i+1:]
		switch {
		case strings.HasPrefix(s, "at ") && isFrame(s[3:], false), strings.HasPrefix(s, "... ") && isMore(s[:min(len(s), len("... 12345 more"))]):
			b.WriteString("\n\t")
		case strings.HasPrefix(s, causedBy), strings.HasPrefix(s, wrappedBy):
			b.WriteByte('\n')
		default:
			b.WriteByte(' ')
		}
	}
}

// linePrefix finds what stands before the first frame of a line and before every line around it: `[Worker-0a1b] `,
// `connect  | `, `# `, `> `.
func linePrefix(s string) (string, bool) {
	if !strings.Contains(s, " at ") && !strings.Contains(s, "\tat ") {
		return "", false
	}
	for rest := s; rest != ""; {
		var line string
		line, rest = cutLine(rest)
		for i := 0; ; {
			j := strings.Index(line[i:], "at ")
			if j < 0 || i+j > 80 {
				break
			}
			i += j
			if i > 0 && (line[i-1] == ' ' || line[i-1] == '\t') && isFrame(line[i+3:], false) {
				prefix := strings.TrimRight(line[:i], " \t")
				return prefix, prefix != ""
			}
			i += 3
		}
	}
	return "", false
}

func unprefix(s, prefix string) string {
	var b strings.Builder
	b.Grow(len(s))
	for rest := s; rest != ""; {
		var line string
		line, rest = cutLine(rest)
		if after, ok := strings.CutPrefix(line, prefix); ok {
			line = strings.TrimPrefix(after, " ")
		}
		b.WriteString(line)
		b.WriteByte('\n')
	}
	return b.String()
}
