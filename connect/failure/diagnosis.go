package failure

// Diagnosis is what a trace says about a failure.
type Diagnosis struct {
	Class       Class
	Restart     Advice
	Pattern     string   // id of the pattern that decided; empty for unknown
	Summary     string   // one sentence for the person on call, redacted
	Remedies    []string // most likely first; shared between diagnoses: read-only
	Root        Exception
	Fingerprint string // groups failures of one cause
}
