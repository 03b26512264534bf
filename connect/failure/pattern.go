package failure

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Pattern is one row of the table: what it matches and what it then says.
//
// Exceptions, Messages and Frames each match when any of their entries does. A pattern with both Exceptions and Messages
// wants both on the same exception; Frames may be anywhere in the trace. Match, where given, must agree as well.
type Pattern struct {
	// ID names the pattern in [Diagnosis].Pattern; unique, lower case with dashes. Required.
	ID string

	// Exceptions are exception classes: qualified (`java.net.ConnectException`), simple (`AcmeException`), or a package
	// prefix that ends in a dot (`com.acme.`).
	Exceptions []string

	// Frames are parts of a printed frame, such as `com.acme.sink.AcmeWriter.flush`.
	Frames []string

	// Messages are parts of an exception's message, without regard to case. A `*` stands for anything in between.
	Messages []string

	// Match decides what lists cannot say. It is called only when the lists above match (or are empty), possibly from
	// several goroutines. A panic in it counts as no.
	Match func(Trace) bool

	Class  Class  // required
	Advice Advice // the zero value is AdviceUnknown

	// Summary is one sentence. `{host}`, `{table}`, `{topic}`, `{subject}`, `{field}`, `{setting}`, `{user}`, `{object}`
	// and `{class}` are replaced with what the message names, `{message}` with its first line, redacted; a part in square brackets is left out when its placeholder
	// has nothing: `The table[ {table}] is missing.` Empty means a sentence made from the class.
	Summary string

	// Remedies say what to do, most likely first. They are shared by every diagnosis.
	Remedies []string

	// Source says where the pattern is known from.
	Source string
}

// weight orders what different rules say about one trace; the deeper exception decides between equals.
type weight uint8

const (
	weightStage    weight = iota + 1 // where in the worker it failed
	weightName                       // words in the name of an unknown exception class
	weightText                       // common words in a message
	weightPlatform                   // exception classes of the platform, HTTP statuses, SQLState classes
	weightSpecific                   // a product's own exception class or text
	weightExact                      // a text or code that leaves no doubt
	weightUser                       // a user's own pattern
)

// rule is a row of the built-in table: a pattern and what only the table uses.
type rule struct {
	Pattern
	weight weight
	either bool     // an exception or a message is enough
	codes  []string // printed codes, `http 404`, `sqlstate 28`, `ora 1017`; each is enough
	names  []string // words in the simple name of an exception class; each is enough
}

// validate says what is wrong with a user's pattern.
func (p *Pattern) validate() error {
	var errs []error
	if p.ID == "" {
		errs = append(errs, errors.New("ID is empty: give the pattern a name of its own"))
	} else if strings.ContainsFunc(p.ID, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '_' && r != '.'
	}) {
		errs = append(errs, fmt.Errorf("ID %q: use lower-case letters, digits, dashes, dots and underscores", p.ID))
	}
	if !slices.Contains(classes, p.Class) {
		errs = append(errs, fmt.Errorf("Class %q is not one of the classes: use a Class constant", p.Class))
	}
	if p.Advice < AdviceUnknown || p.Advice > AdviceAfterChange {
		errs = append(errs, fmt.Errorf("Advice %d is not one of the advices: use an Advice constant", int(p.Advice)))
	}
	if len(p.Exceptions)+len(p.Frames)+len(p.Messages) == 0 && p.Match == nil {
		errs = append(errs, errors.New("matches nothing: fill Exceptions, Frames, Messages or Match"))
	}
	for i, e := range p.Exceptions {
		if e == "" || strings.ContainsAny(e, " \t\r\n:*") || strings.HasPrefix(e, ".") {
			errs = append(errs, fmt.Errorf("field Exceptions[%d] %q is no class name: write a qualified or simple name, or a package prefix ending in a dot", i, e))
		}
	}
	for i, f := range p.Frames {
		if strings.TrimSpace(f) == "" || strings.ContainsAny(f, "\r\n") {
			errs = append(errs, fmt.Errorf("field Frames[%d] %q is no part of a frame", i, f))
		}
	}
	for i, m := range p.Messages {
		if len(fragments(m)) == 0 {
			errs = append(errs, fmt.Errorf("field Messages[%d] %q has no text to look for", i, m))
		}
		if len(m) > maxMessagePattern {
			errs = append(errs, fmt.Errorf("field Messages[%d] has %d bytes: at most %d", i, len(m), maxMessagePattern))
		}
	}
	if err := checkTemplate(p.Summary); err != nil {
		errs = append(errs, fmt.Errorf("field Summary: %w", err))
	}
	return errors.Join(errs...)
}

const maxMessagePattern = 512

// fragments cuts a message pattern at its stars.
func fragments(m string) []string {
	var out []string
	for part := range strings.SplitSeq(m, "*") {
		if part != "" {
			out = append(out, strings.ToLower(part))
		}
	}
	return out
}
