package failure

import "strings"

// Diagnosis is what a trace says about a failure. It holds no row values, SQL parameters or secrets that the package
// recognises, so that it can be shown, stored and sent; the raw text is in the [Trace].
type Diagnosis struct {
	Class       Class     `json:"class"`
	Restart     Advice    `json:"restart"`
	Pattern     string    `json:"pattern,omitempty"`  // id of the pattern that decided; empty for unknown
	Summary     string    `json:"summary"`            // one sentence for the person on call, at most 1 kB
	Remedies    []string  `json:"remedies,omitempty"` // most likely first; shared between diagnoses: read-only
	Root        Exception `json:"root"`               // the innermost cause, its message redacted and cut to 1 kB
	Fingerprint string    `json:"fingerprint"`        // 16 hexadecimal digits, the same for one cause on other hosts, offsets, ids, times, tasks and lines
}

// maxText bounds what a diagnosis shows of a message.
const maxText = 1000

// DiagnoseTrace says what a parsed trace means.
func (d *Diagnoser) DiagnoseTrace(t Trace) Diagnosis {
	s := d.scratch.Get().(*scratch)
	defer d.scratch.Put(s)
	root := t.Root()
	n, at := d.find(t, s)
	if len(t.Chain) == 0 {
		return Diagnosis{
			Class: ClassUnknown, Summary: emptySummary, Remedies: emptyRemedies, Root: root,
			Fingerprint: emptyFingerprint,
		}
	}
	diag := Diagnosis{Class: ClassUnknown, Remedies: unknownRemedies, Root: root}
	rootAt := t.root()
	if n < 0 {
		at = rootAt
	}
	text, changed := redactInto(s.text[:0], t.Chain[at].Message)
	s.text = text
	// What is new is built in one place and copied once.
	out, whole := s.out[:0], ""
	id := ""
	if n >= 0 {
		r := &d.rules[n]
		diag.Class, diag.Restart, diag.Pattern, diag.Remedies = r.Class, r.Advice, r.ID, r.Remedies
		id = r.ID
		out, whole = appendSummary(out, r, t, at, text)
	} else {
		out = appendUnknownSummary(out, t, text)
	}
	summaryEnd := len(out)
	out = fingerprint(id, t, at, text).appendTo(out)
	if at != rootAt {
		text, changed = redactInto(s.text[:0], root.Message)
		s.text = text
	}
	if changed {
		out = append(out, text...)
	}
	s.out = out
	all := string(out)
	diag.Summary = whole
	if whole == "" {
		diag.Summary = secretless(all[:summaryEnd])
	}
	diag.Fingerprint = all[summaryEnd : summaryEnd+fingerprintSize]
	if changed {
		diag.Root.Message = all[summaryEnd+fingerprintSize:]
	}
	diag.Root.Message = secretless(diag.Root.Message)
	return diag
}

const emptySummary = "There is no trace to read."

var (
	emptyRemedies   = []string{"Read the trace from GET /connectors/{connector}/status, or from the worker's log where the status holds none."}
	unknownRemedies = []string{
		"Read the worker's log just before the failure: the cause is often logged and not in the trace.",
		"Look at the frames of the connector in the trace, and at its issue tracker for the same text.",
		"Restart once; where the same text comes back at the same record, set errors.tolerance and a dead letter queue (sinks) or ask the connector's vendor.",
	}
	emptyFingerprint = hashText("")
)

// appendUnknownSummary shows what little the trace says.
func appendUnknownSummary(b []byte, t Trace, text []byte) []byte {
	root := t.Root()
	b = append(b, "The trace does not show the cause"...)
	if root.Class != "" {
		b = append(b, ": "...)
		b = append(b, clean(root.SimpleClass(), 120)...)
		if len(text) == 0 {
			b = append(b, " without a message"...)
		}
	}
	if len(text) > 0 {
		b = append(b, ": "...)
		line, _ := cutLine(string(text))
		b = append(b, clean(secretless(strings.TrimRight(line, " .\r")), 300)...)
	}
	return append(b, '.')
}
