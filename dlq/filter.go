package dlq

import (
	"errors"
	"time"
)

// Filter chooses which records a run is about. A zero field matches everything; all fields must match. What does not match
// is `left`: untouched and, thanks to the ledger, offered to the next run.
type Filter struct {
	Connector      string
	Task           *int
	Topic          string // the topic the record came from
	Stage          Stage
	Class          string
	ExceptionClass string
	Fingerprint    string // of the diagnosis, see Inspect
	// Since and Until bound the time of the record, which Connect takes from the original; Until is outside.
	Since, Until time.Time
	// From and To bound the offsets of the dead letter queue, in each partition; To is outside, 0 is open.
	From, To int64
	// Match is asked last. Record.Out is not filled in.
	Match func(*Record) bool
	// ParkUnmatched parks what does not match instead of leaving it, which needs no ledger.
	ParkUnmatched bool
}

func (f *Filter) active() bool {
	return f.Connector != "" || f.Task != nil || f.Topic != "" || f.Stage != "" || f.Class != "" || f.ExceptionClass != "" || f.Fingerprint != "" ||
		!f.Since.IsZero() || !f.Until.IsZero() || f.From != 0 || f.To != 0 || f.Match != nil
}

func (f *Filter) check(ledger bool) error {
	switch {
	case f.active() && !ledger && !f.ParkUnmatched:
		return errors.New("dlq: Filter without Ledger would hide what it leaves out for ever: set Ledger, or Filter.ParkUnmatched")
	case f.To != 0 && f.To <= f.From:
		return errors.New("dlq: Filter.To is not after Filter.From")
	case !f.Until.IsZero() && !f.Since.IsZero() && !f.Until.After(f.Since):
		return errors.New("dlq: Filter.Until is not after Filter.Since")
	}
	return nil
}

func (f *Filter) matches(r *Record, fingerprint func() string) bool {
	m := &r.Message
	switch {
	case f.Connector != "" && f.Connector != r.Failure.Connector,
		f.Task != nil && *f.Task != r.Failure.Task,
		f.Topic != "" && f.Topic != r.Failure.Topic,
		f.Stage != "" && f.Stage != r.Failure.Stage,
		f.Class != "" && f.Class != r.Failure.Class,
		f.ExceptionClass != "" && f.ExceptionClass != r.Failure.ExceptionClass,
		!f.Since.IsZero() && m.Time.Before(f.Since),
		!f.Until.IsZero() && !m.Time.Before(f.Until),
		m.Offset < f.From,
		f.To != 0 && m.Offset >= f.To,
		f.Fingerprint != "" && f.Fingerprint != fingerprint(),
		f.Match != nil && !f.Match(r):
		return false
	}
	return true
}
