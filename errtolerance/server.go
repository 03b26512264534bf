package errtolerance

import "github.com/go-reconnect/reconnect/internal/redact"

// ServerValue is what a worker's validation says about one key, in plain types: name, value and errors of one entry of
// configs in the answer to PUT /connector-plugins/{plugin}/config/validate.
type ServerValue struct {
	Name   string
	Errors []string
}

// MergeValidation puts what a worker said about a configuration together with the offline findings: one list, sorted. An
// offline finding that the worker confirms is kept, because its fix is the better one, and becomes an error; what only the
// worker knows is an error without a code; an offline finding that Kafka would refuse the value, which the worker did not
// refuse, drops to a warning, because the worker is the one that decides. Values the worker echoes are not used: it prints
// resolved secrets (before Kafka 4.2).
func (fs Findings) MergeValidation(connector string, values []ServerValue) Findings {
	said := map[string][]string{}
	for _, v := range values {
		if len(v.Errors) > 0 {
			said[v.Name] = append(said[v.Name], v.Errors...)
		}
	}
	confirmed := map[string]bool{}
	out := make(Findings, 0, len(fs)+len(said))
	for _, f := range fs {
		if f.Refused && f.Connector == connector {
			if key := confirmedBy(f, said); key != "" {
				confirmed[key] = true
				f.Severity = SeverityError
			} else {
				f.Severity, f.Refused = SeverityWarning, false
				f.Message += "; the worker that was asked accepts it"
			}
		}
		out = append(out, f)
	}
	for _, v := range values {
		if confirmed[v.Name] {
			continue
		}
		for _, e := range v.Errors {
			out = append(out, Finding{Severity: SeverityError, Connector: connector, Key: v.Name, Message: "the worker refuses it: " + redact.Text(e), Refused: true})
		}
	}
	return out.sorted()
}

// confirmedBy finds the key under which a worker reports the same thing: Kafka blames topics or topics.regex for a dead
// letter queue among them.
func confirmedBy(f Finding, said map[string][]string) string {
	keys := []string{f.Key}
	switch f.Code {
	case "ET103":
		keys = append(keys, "topics", "topics.regex")
	case "ET108":
		keys = append(keys, "topics", "topics.regex")
	case "ET112":
		keys = append(keys, "transforms", "predicates")
	}
	for _, k := range keys {
		if len(said[k]) > 0 {
			return k
		}
	}
	return ""
}
