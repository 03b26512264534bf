package dlq

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf16"
	"unicode/utf8"
)

// Fixer repairs one kind of damage in Record.Out. It reports whether it changed anything; a record it has nothing to do with
// is (false, nil). An error refuses: the damage is of its kind, and what the record was meant to be is not certain.
// It replaces the slices of Out, it does not write into them. The text of its error becomes the reason in the
// parking place: it must not hold payload.
type Fixer struct {
	Name string
	Fix  func(ctx context.Context, r *Record) (changed bool, err error)
}

// ErrSkip is wrapped by a Fixer's error to skip the record instead of parking it.
var ErrSkip = errors.New("skip")

// Chain applies fixers in order to Record.Out. A record that a fixer refuses is parked with its reason, one that no fixer
// changed is parked as "no fixer applies": republishing it unchanged would only fail again. AsIs changes that.
func Chain(fixers ...Fixer) Handler {
	return func(ctx context.Context, r *Record) (Decision, error) {
		changed := false
		for _, f := range fixers {
			if f.Fix == nil {
				continue
			}
			c, err := f.Fix(ctx, r)
			switch {
			case err == nil:
			case ctx.Err() != nil:
				return Decision{}, context.Cause(ctx)
			case errors.Is(err, ErrSkip):
				return Skip(f.Name), nil
			default:
				return Park(f.Name + ": " + err.Error()), nil
			}
			changed = changed || c
		}
		if !changed {
			return Park("no fixer applies"), nil
		}
		return Republish(), nil
	}
}

// When applies fixers only to records for which match is true, a stage or a connector for example.
func When(match func(*Record) bool, fixers ...Fixer) Fixer {
	return Fixer{Name: "when", Fix: func(ctx context.Context, r *Record) (bool, error) {
		if !match(r) {
			return false, nil
		}
		changed := false
		for _, f := range fixers {
			c, err := f.Fix(ctx, r)
			if err != nil {
				return false, fmt.Errorf("%s: %w", f.Name, err)
			}
			changed = changed || c
		}
		return changed, nil
	}}
}

// OnKey applies a fixer of values to the key.
func OnKey(f Fixer) Fixer {
	return Fixer{Name: "key " + f.Name, Fix: func(ctx context.Context, r *Record) (bool, error) {
		swapped := *r
		swapped.Out.Key, swapped.Out.Value = r.Out.Value, r.Out.Key
		changed, err := f.Fix(ctx, &swapped)
		if err == nil && changed {
			r.Out.Key = swapped.Out.Value
		}
		return changed, err
	}}
}

// AsIs republishes what the fixers before it left unchanged: the cause was elsewhere and is gone.
func AsIs() Fixer {
	return Fixer{Name: "as is", Fix: func(context.Context, *Record) (bool, error) { return true, nil }}
}

// TombstonePolicy says what becomes of a record whose value is null.
type TombstonePolicy int

// The policies.
const (
	TombstonePark TombstonePolicy = iota // a person looks at it: a delete that comes late can delete what was written since
	TombstoneRepublish
	TombstoneSkip
)

// Tombstones decides about records with a null value; others pass.
func Tombstones(policy TombstonePolicy) Fixer {
	return Fixer{Name: "tombstone", Fix: func(_ context.Context, r *Record) (bool, error) {
		switch {
		case r.Out.Value != nil:
			return false, nil
		case policy == TombstoneRepublish:
			return true, nil
		case policy == TombstoneSkip:
			return false, ErrSkip
		}
		return false, errors.New("the value is null")
	}}
}

var errNotJSON = errors.New("the value is not JSON")

// RemoveConfluentHeader takes the five bytes of the schema registry's wire format (a zero and the schema id) off a JSON value.
// It refuses a value that is not JSON behind them, Avro or Protobuf: without its schema id that would be lost.
func RemoveConfluentHeader() Fixer {
	return Fixer{Name: "remove confluent header", Fix: func(_ context.Context, r *Record) (bool, error) {
		v := r.Out.Value
		if len(v) < 5 || v[0] != 0 {
			return false, nil
		}
		if !json.Valid(v[5:]) {
			return false, errors.New("what follows the schema id is not JSON")
		}
		r.Out.Value = v[5:]
		return true, nil
	}}
}

// RemoveSchemaEnvelope turns {"schema": ..., "payload": X} into X, for a connector with schemas.enable=false.
func RemoveSchemaEnvelope() Fixer {
	return Fixer{Name: "remove schema envelope", Fix: func(_ context.Context, r *Record) (bool, error) {
		if r.Out.Value == nil {
			return false, nil
		}
		if !json.Valid(r.Out.Value) {
			return false, errNotJSON
		}
		payload, ok := envelope(r.Out.Value)
		if !ok {
			return false, nil
		}
		r.Out.Value = payload
		return true, nil
	}}
}

// envelope returns the payload of a value with exactly the two fields that JsonConverter asks for.
func envelope(value []byte) (payload []byte, ok bool) {
	members, err := members(value)
	if err != nil || len(members) != 2 {
		return nil, false
	}
	var schema bool
	for _, m := range members {
		switch m.name {
		case "schema":
			schema = true
		case "payload":
			payload = value[m.value.from:m.value.to]
		}
	}
	return payload, schema && payload != nil
}

// AddSchemaEnvelope turns X into {"schema": schema, "payload": X}, for a connector with schemas.enable=true. The schema is
// Connect's JSON form. A value that has the envelope passes; one that does not fit the schema, or that has a field the
// schema does not know and Connect would drop, is refused.
func AddSchemaEnvelope(schema string) Fixer {
	var (
		parsed connectSchema
		bad    = json.Unmarshal([]byte(schema), &parsed)
		packed bytes.Buffer
	)
	if bad == nil {
		bad = json.Compact(&packed, []byte(schema))
	}
	return Fixer{Name: "add schema envelope", Fix: func(_ context.Context, r *Record) (bool, error) {
		if bad != nil {
			return false, errors.New("the schema given to AddSchemaEnvelope is not JSON")
		}
		if r.Out.Value == nil {
			return false, nil
		}
		if !json.Valid(r.Out.Value) {
			return false, errNotJSON
		}
		if _, ok := envelope(r.Out.Value); ok {
			return false, nil
		}
		if err := parsed.fits(r.Out.Value, "payload"); err != nil {
			return false, err
		}
		out := append([]byte(`{"schema":`), packed.Bytes()...)
		out = append(append(append(out, `,"payload":`...), r.Out.Value...), '}')
		r.Out.Value = out
		return true, nil
	}}
}

// Charset is a character set that FromCharset reads.
type Charset string

// The character sets.
const (
	ISO88591    Charset = "ISO-8859-1"
	Windows1252 Charset = "windows-1252"
	UTF16LE     Charset = "UTF-16LE"
	UTF16BE     Charset = "UTF-16BE"
)

// windows1252 maps 0x80 to 0x9f; 0 is undefined.
var windows1252 = [32]rune{
	0x20ac, 0, 0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0x0160, 0x2039, 0x0152, 0, 0x017d, 0,
	0, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014, 0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0, 0x017e, 0x0178,
}

// FromCharset turns a value in another character set into UTF-8. In the one-byte sets a value that is UTF-8 already passes.
// It refuses bytes that the set does not define, control characters of ISO-8859-1 (the text is windows-1252 then) and
// broken surrogates.
func FromCharset(charset Charset) Fixer {
	return Fixer{Name: "from " + string(charset), Fix: func(_ context.Context, r *Record) (bool, error) {
		v := r.Out.Value
		var (
			out []byte
			err error
		)
		switch charset {
		case ISO88591, Windows1252:
			if utf8.Valid(v) {
				return false, nil
			}
			out, err = fromOneByte(v, charset)
		case UTF16LE, UTF16BE:
			if len(v) == 0 {
				return false, nil
			}
			out, err = fromUTF16(v, charset == UTF16BE)
		default:
			err = fmt.Errorf("unknown character set %q", string(charset))
		}
		if err != nil {
			return false, err
		}
		r.Out.Value = out
		return true, nil
	}}
}

func fromOneByte(v []byte, charset Charset) ([]byte, error) {
	out := make([]byte, 0, len(v)+len(v)/4)
	for _, b := range v {
		c := rune(b)
		if b >= 0x80 && b < 0xa0 {
			if charset == ISO88591 {
				return nil, errors.New("control characters of ISO-8859-1: probably windows-1252")
			}
			if c = windows1252[b-0x80]; c == 0 {
				return nil, errors.New("a byte that windows-1252 does not define")
			}
		}
		out = utf8.AppendRune(out, c)
	}
	return out, nil
}

func fromUTF16(v []byte, bigEndian bool) ([]byte, error) {
	if len(v)%2 != 0 {
		return nil, errors.New("an odd number of bytes is not UTF-16")
	}
	units := make([]uint16, len(v)/2)
	for i := range units {
		low, high := v[2*i], v[2*i+1]
		if bigEndian {
			low, high = high, low
		}
		units[i] = uint16(low) | uint16(high)<<8
	}
	switch units[0] {
	case 0xfeff:
		units = units[1:]
	case 0xfffe:
		return nil, errors.New("the byte order mark says the other byte order")
	}
	var out []byte
	for i := 0; i < len(units); i++ {
		c := rune(units[i])
		if utf16.IsSurrogate(c) {
			if i+1 == len(units) {
				return nil, errors.New("a broken surrogate pair")
			}
			i++
			if c = utf16.DecodeRune(c, rune(units[i])); c == utf8.RuneError {
				return nil, errors.New("a broken surrogate pair")
			}
		}
		out = utf8.AppendRune(out, c)
	}
	return out, nil
}
