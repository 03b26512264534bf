package errtolerance

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Severity orders findings.
type Severity uint8

const (
	// SeverityInfo is worth knowing; the configuration may well be what its author wants.
	SeverityInfo Severity = iota + 1
	// SeverityWarning has no effect, or hurts on a bad day.
	SeverityWarning
	// SeverityError loses records, or the connector will not start.
	SeverityError
)

// String returns info, warning or error.
func (s Severity) String() string {
	switch s {
	case SeverityInfo:
		return "info"
	case SeverityWarning:
		return "warning"
	case SeverityError:
		return "error"
	}
	return "none"
}

// MarshalText implements encoding.TextMarshaler.
func (s Severity) MarshalText() ([]byte, error) {
	return []byte(s.String()), nil
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *Severity) UnmarshalText(text []byte) error {
	v, err := ParseSeverity(string(text))
	if err != nil {
		return err
	}
	*s = v
	return nil
}

// ParseSeverity reads info, warning (or warn) and error.
func ParseSeverity(text string) (Severity, error) {
	switch strings.ToLower(text) {
	case "info":
		return SeverityInfo, nil
	case "warning", "warn":
		return SeverityWarning, nil
	case "error":
		return SeverityError, nil
	}
	return 0, fmt.Errorf("errtolerance: severity %q is none of info, warning, error", text)
}

// Finding is one thing that is wrong, or worth knowing, about one key.
type Finding struct {
	// Code is the stable name of the check, as in ET301; empty for what only a worker said.
	Code string `json:"code"`
	// Severity may be lower than the check's own: what depends on something unknown drops a level.
	Severity Severity `json:"severity"`
	// Connector is the connector's name, where it is known.
	Connector string `json:"connector,omitempty"`
	// Key is the exact property; it may be absent from the configuration.
	Key string `json:"key"`
	// Value is what the key holds, secrets masked; empty when the key is absent.
	Value string `json:"value,omitempty"`
	// Message states the fact.
	Message string `json:"message"`
	// Fix is the edit that helps.
	Fix string `json:"fix,omitempty"`
	// Doc is where the reason is explained.
	Doc string `json:"doc,omitempty"`
	// Refused is true where a worker answers 400 when the connector is created or validated.
	Refused bool `json:"refused,omitempty"`
}

// String returns one line without the fix: "error ET301 errors.tolerance: ...".
func (f Finding) String() string {
	var b strings.Builder
	b.WriteString(f.Severity.String())
	if f.Code != "" {
		b.WriteString(" " + f.Code)
	}
	if f.Connector != "" {
		b.WriteString(" [" + f.Connector + "]")
	}
	b.WriteString(" " + f.Key + ": " + f.Message)
	return b.String()
}

// Findings are sorted by connector, key and code, and hold no duplicates. The order is the same in every run.
type Findings []Finding

// Err returns an error that joins every finding of SeverityError, or nil. Each is a [*FindingError].
func (fs Findings) Err() error {
	var errs []error
	for _, f := range fs {
		if f.Severity == SeverityError {
			errs = append(errs, &FindingError{Finding: f})
		}
	}
	return errors.Join(errs...)
}

// FindingError is a finding as an error.
type FindingError struct{ Finding Finding }

// Error implements error. It holds no configuration value.
func (e *FindingError) Error() string {
	s := "errtolerance: " + e.Finding.Key + ": " + e.Finding.Message + " (" + e.Finding.Code + ")"
	if e.Finding.Fix != "" {
		s += "; " + e.Finding.Fix
	}
	return s
}

// Max returns the highest severity, or zero for no finding.
func (fs Findings) Max() Severity {
	var m Severity
	for _, f := range fs {
		m = max(m, f.Severity)
	}
	return m
}

// AtLeast returns the findings of this severity and above.
func (fs Findings) AtLeast(s Severity) Findings {
	var out Findings
	for _, f := range fs {
		if f.Severity >= s {
			out = append(out, f)
		}
	}
	return out
}

// Refused returns the findings for which a worker answers 400.
func (fs Findings) Refused() Findings {
	var out Findings
	for _, f := range fs {
		if f.Refused {
			out = append(out, f)
		}
	}
	return out
}

// Suppression takes findings out of a list, for a reason that somebody wrote down.
type Suppression struct {
	// Code is required.
	Code string `json:"code"`
	// Connector and Key narrow it; empty means any.
	Connector string `json:"connector,omitempty"`
	Key       string `json:"key,omitempty"`
	// Reason is required: a Suppression without one is not applied.
	Reason string `json:"reason"`
}

func (s Suppression) matches(f Finding) bool {
	return s.Code != "" && strings.TrimSpace(s.Reason) != "" && s.Code == f.Code &&
		(s.Connector == "" || s.Connector == f.Connector) && (s.Key == "" || s.Key == f.Key)
}

// Suppress returns the findings that no suppression matches. A suppression without a code or a reason matches nothing. The
// receiver is not modified.
func (fs Findings) Suppress(suppressions ...Suppression) Findings {
	var out Findings
	for _, f := range fs {
		if !slices.ContainsFunc(suppressions, func(s Suppression) bool { return s.matches(f) }) {
			out = append(out, f)
		}
	}
	return out
}

// Merge puts lists of findings together: sorted, each finding once.
func Merge(lists ...Findings) Findings {
	var out Findings
	for _, l := range lists {
		out = append(out, l...)
	}
	return out.sorted()
}

func (fs Findings) sorted() Findings {
	if len(fs) < 2 {
		return fs
	}
	slices.SortStableFunc(fs, func(a, b Finding) int {
		return cmp.Or(
			strings.Compare(a.Connector, b.Connector), strings.Compare(a.Key, b.Key), strings.Compare(a.Code, b.Code),
			cmp.Compare(b.Severity, a.Severity), strings.Compare(a.Message, b.Message),
		)
	})
	return slices.Compact(fs)
}
