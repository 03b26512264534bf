package dlq

import (
	"errors"
	"log/slog"
)

// ErrNoContext says that a record holds no error context: either it is no dead letter, or the connector runs with
// errors.deadletterqueue.context.headers.enable=false, which is Connect's default.
var ErrNoContext = errors.New("dlq: no error context headers (set errors.deadletterqueue.context.headers.enable=true on the connector)")

var (
	errNotDecimal = errors.New("not a decimal number")
	errOutOfRange = errors.New("number out of range")
	errNull       = errors.New("null where Kafka never writes one")
)

// HeaderError is one context header whose value is malformed. Everything else of the record is still decoded.
//
// Value aliases the record and can hold anything; the text of the error never does.
type HeaderError struct {
	Key   string
	Value []byte
	Err   error
}

// Error names the header and what is wrong with it.
func (e *HeaderError) Error() string { return "dlq: header " + e.Key + ": " + e.Err.Error() }

// Unwrap returns what is wrong with the value.
func (e *HeaderError) Unwrap() error { return e.Err }

// LogValue keeps the value out of structured logs.
func (e *HeaderError) LogValue() slog.Value { return slog.StringValue(e.Error()) }
