package dlq

import (
	"encoding/binary"
	"errors"
	"math"
	"slices"
	"strconv"
	"unsafe"

	"github.com/segmentio/kafka-go"
)

// The prefixes of the three dialects.
const (
	PrefixConnect    = "__connect.errors."
	PrefixStreams    = "__streams.errors."
	PrefixShareGroup = "__dlq.errors."
)

// The context headers of Connect, in the order in which it writes them.
// Source: runtime/errors/DeadLetterQueueReporter.java, the same from 2.0 on.
const (
	HeaderTopic            = PrefixConnect + "topic"
	HeaderPartition        = PrefixConnect + "partition"
	HeaderOffset           = PrefixConnect + "offset"
	HeaderConnector        = PrefixConnect + "connector.name"
	HeaderTask             = PrefixConnect + "task.id"
	HeaderStage            = PrefixConnect + "stage"
	HeaderClass            = PrefixConnect + "class.name"
	HeaderExceptionClass   = PrefixConnect + "exception.class.name"
	HeaderExceptionMessage = PrefixConnect + "exception.message"
	HeaderStackTrace       = PrefixConnect + "exception.stacktrace"
)

// Parse decodes the last complete set of context headers: the latest failure of the record.
//
// It allocates nothing and the strings of the Failure alias the header values: Clone what outlives the record.
// A record without context is ErrNoContext. A malformed value is a *HeaderError (several are joined) beside a Failure in
// which everything else is decoded. Headers of the same names that a user's program put on the record do not hide
// the set that Kafka wrote: of two values the later one counts, and a set without its origin yields to one that has it.
func Parse(headers []kafka.Header) (f Failure, err error) {
	if parseInOrder(headers, &f) || parseOne(headers, &f) {
		return f, nil
	}
	f, _, err = parseLast(headers)
	return f, err
}

// ParseAll decodes every set of context headers, oldest first: the history of a record that was dead-lettered,
// republished unchanged, and dead-lettered again. Errors are those of Parse, over all sets.
func ParseAll(headers []kafka.Header) ([]Failure, error) {
	var (
		all  []Failure
		errs []error
	)
	s := scanner{headers: headers}
	for s.next() {
		all = append(all, s.set)
		errs = append(errs, s.err)
	}
	if len(all) == 0 {
		return nil, ErrNoContext
	}
	// A lone fragment is what a user's header looks like beside sets that Kafka wrote.
	if traced := countTraced(all); traced > 0 && traced < len(all) {
		kept, keptErrs := all[:0], errs[:0]
		for i, f := range all {
			if f.Has.Contains(HasOrigin) {
				kept, keptErrs = append(kept, f), append(keptErrs, errs[i])
			}
		}
		all, errs = kept, keptErrs
	}
	return all, errors.Join(errs...)
}

func countTraced(all []Failure) int {
	n := 0
	for i := range all {
		if all[i].Has.Contains(HasOrigin) {
			n++
		}
	}
	return n
}

// Strip returns a copy of headers without any dialect's context headers; the others keep their order, duplicates,
// nulls and bytes. It never modifies its input.
func Strip(headers []kafka.Header) []kafka.Header {
	n := 0
	for i := range headers {
		if !IsContextHeader(headers[i].Key) {
			n++
		}
	}
	if n == 0 {
		return nil
	}
	out := make([]kafka.Header, 0, n)
	for i := range headers {
		if !IsContextHeader(headers[i].Key) {
			out = append(out, headers[i])
		}
	}
	return out
}

// IsContextHeader reports whether a header key belongs to one of the dialects.
func IsContextHeader(key string) bool {
	_, _, ok := split(key)
	return ok
}

// AppendTo appends the context headers that Kafka would write for f, in its order, and returns the extended slice.
//
// Has decides which headers are written, so Parse(f.AppendTo(nil)) gives f back. A Failure made by hand with no bit
// in Has gets every header whose field is set.
func (f Failure) AppendTo(headers []kafka.Header) []kafka.Header {
	if f.Has == 0 {
		f.Has = f.implied()
	}
	add := func(bit Fields, key, value string) {
		if f.Has&bit != 0 {
			headers = append(headers, kafka.Header{Key: key, Value: []byte(value)})
		}
	}
	message := func(key string) {
		switch {
		case f.Has&HasNullMessage != 0:
			headers = append(headers, kafka.Header{Key: key, Value: nil})
		case f.Has&HasExceptionMessage != 0:
			headers = append(headers, kafka.Header{Key: key, Value: []byte(f.ExceptionMessage)})
		}
	}
	origin := func(prefix string) {
		add(HasTopic, prefix+"topic", f.Topic)
		add(HasPartition, prefix+"partition", strconv.Itoa(f.Partition))
		add(HasOffset, prefix+"offset", strconv.FormatInt(f.Offset, 10))
	}
	switch f.Dialect {
	case DialectStreams:
		add(HasExceptionClass, PrefixStreams+"exception", f.ExceptionClass)
		message(PrefixStreams + "message")
		add(HasStackTrace, PrefixStreams+"stacktrace", f.StackTrace)
		origin(PrefixStreams)
	case DialectShareGroup:
		origin(PrefixShareGroup)
		add(HasGroup, PrefixShareGroup+"group", f.Group)
		add(HasDeliveryCount, PrefixShareGroup+"delivery.count", strconv.Itoa(f.DeliveryCount))
		message(PrefixShareGroup + "message")
	case DialectConnect:
		fallthrough
	default:
		origin(PrefixConnect)
		add(HasConnector, HeaderConnector, f.Connector)
		add(HasTask, HeaderTask, strconv.Itoa(f.Task))
		add(HasStage, HeaderStage, string(f.Stage))
		add(HasClass, HeaderClass, f.Class)
		add(HasExceptionClass, HeaderExceptionClass, f.ExceptionClass)
		message(HeaderExceptionMessage)
		add(HasStackTrace, HeaderStackTrace, f.StackTrace)
	}
	return headers
}

// implied is Has for a Failure that a program filled by hand.
func (f Failure) implied() Fields {
	var has Fields
	set := func(ok bool, bit Fields) {
		if ok {
			has |= bit
		}
	}
	set(f.Topic != "", HasTopic)
	set(f.Topic != "" && f.Partition >= 0, HasPartition)
	set(f.Topic != "" && f.Offset >= 0, HasOffset)
	set(f.ExceptionClass != "" || f.ExceptionMessage != "", HasExceptionMessage)
	switch f.Dialect {
	case DialectShareGroup:
		set(f.Group != "", HasGroup)
		set(f.Group != "" && f.DeliveryCount >= 0, HasDeliveryCount)
		return has
	case DialectConnect:
		set(f.Connector != "", HasConnector)
		set(f.Connector != "" && f.Task >= 0, HasTask)
		set(f.Stage != "", HasStage)
		set(f.Class != "", HasClass)
	case DialectStreams:
	}
	set(f.ExceptionClass != "", HasExceptionClass)
	set(f.StackTrace != "", HasStackTrace)
	return has
}

// split tells a context header by its length and prefix and returns what follows the prefix.
func split(key string) (d Dialect, suffix string, ok bool) {
	const c, s, g = len(PrefixConnect), len(PrefixStreams), len(PrefixShareGroup)
	if len(key) < g || key[0] != '_' || key[1] != '_' {
		return 0, "", false
	}
	if len(key) >= c && key[:c] == PrefixConnect {
		return DialectConnect, key[c:], true
	}
	if len(key) >= s && key[:s] == PrefixStreams {
		return DialectStreams, key[s:], true
	}
	if key[:g] == PrefixShareGroup {
		return DialectShareGroup, key[g:], true
	}
	return 0, "", false
}

// field tells which header of a dialect a suffix is; 0 is a name that no known version writes.
func field(d Dialect, suffix string) Fields {
	switch suffix {
	case "topic":
		return HasTopic
	case "partition":
		return HasPartition
	case "offset":
		return HasOffset
	}
	switch d {
	case DialectConnect:
		switch suffix {
		case "connector.name":
			return HasConnector
		case "task.id":
			return HasTask
		case "stage":
			return HasStage
		case "class.name":
			return HasClass
		case "exception.class.name":
			return HasExceptionClass
		case "exception.message":
			return HasExceptionMessage
		case "exception.stacktrace":
			return HasStackTrace
		}
	case DialectStreams:
		switch suffix {
		case "exception":
			return HasExceptionClass
		case "message":
			return HasExceptionMessage
		case "stacktrace":
			return HasStackTrace
		}
	case DialectShareGroup:
		switch suffix {
		case "group":
			return HasGroup
		case "delivery.count":
			return HasDeliveryCount
		case "message":
			return HasExceptionMessage
		}
	}
	return 0
}

// first is the header with which a dialect begins a set: a second one begins the next set.
func first(d Dialect) Fields {
	if d == DialectStreams {
		return HasExceptionClass
	}
	return HasTopic
}

// scanner walks the sets of one record, oldest first.
type scanner struct {
	headers []kafka.Header
	pos     int

	set  Failure
	err  error // of set
	errs []error
}

// next decodes one set and reports whether there was one. Sets are contiguous blocks; other headers between them do
// not end one, a change of dialect or the dialect's first header does.
func (s *scanner) next() bool {
	s.set = Failure{Partition: -1, Offset: -1, Task: -1, DeliveryCount: -1}
	s.err, s.errs = nil, s.errs[:0]
	f := &s.set
	for ; s.pos < len(s.headers); s.pos++ {
		h := &s.headers[s.pos]
		if len(h.Key) < len(PrefixShareGroup) || h.Key[0] != '_' {
			continue
		}
		d, suffix, ok := split(h.Key)
		if !ok {
			continue
		}
		bit := field(d, suffix)
		if bit == 0 {
			continue
		}
		if f.Has != 0 && (d != f.Dialect || (bit == first(d) && f.Has&bit != 0)) {
			break
		}
		if f.Has&bit != 0 && len(s.errs) > 0 {
			s.forget(h.Key)
		}
		f.Dialect = d
		f.Has |= bit
		s.store(bit, h)
	}
	if len(s.errs) > 0 {
		s.err = errors.Join(s.errs...)
	}
	return f.Has != 0
}

// store keeps one value; within a set the last of two counts.
func (s *scanner) store(bit Fields, h *kafka.Header) {
	f := &s.set
	if h.Value == nil && bit != HasExceptionMessage {
		s.errs = append(s.errs, &HeaderError{Key: h.Key, Err: errNull})
	}
	switch bit {
	case HasTopic:
		f.Topic = view(h.Value)
	case HasPartition:
		f.Partition = int(s.number(h, math.MaxInt32))
	case HasOffset:
		f.Offset = s.number(h, math.MaxInt64)
	case HasConnector:
		f.Connector = view(h.Value)
	case HasTask:
		f.Task = int(s.number(h, math.MaxInt32))
	case HasGroup:
		f.Group = view(h.Value)
	case HasDeliveryCount:
		f.DeliveryCount = int(s.number(h, math.MaxInt32))
	case HasStage:
		f.Stage = Stage(view(h.Value))
	case HasClass:
		f.Class = view(h.Value)
	case HasExceptionClass:
		f.ExceptionClass = view(h.Value)
	case HasExceptionMessage:
		f.ExceptionMessage = view(h.Value)
		f.Has &^= HasNullMessage
		if h.Value == nil {
			f.Has |= HasNullMessage
		}
	case HasStackTrace:
		f.StackTrace = view(h.Value)
	default: // no header of its own
	}
}

// forget drops what was wrong with a value that a later one of its set replaces.
func (s *scanner) forget(key string) {
	s.errs = slices.DeleteFunc(s.errs, func(err error) bool {
		var bad *HeaderError
		return errors.As(err, &bad) && bad.Key == key
	})
}

// number parses a decimal in place; Kafka writes neither sign nor blanks.
func (s *scanner) number(h *kafka.Header, limit int64) int64 {
	if h.Value == nil {
		return -1 // already reported
	}
	var n int64
	for _, c := range h.Value {
		if c < '0' || c > '9' {
			s.errs = append(s.errs, &HeaderError{Key: h.Key, Value: h.Value, Err: errNotDecimal})
			return -1
		}
		d := int64(c - '0')
		if n > (limit-d)/10 {
			s.errs = append(s.errs, &HeaderError{Key: h.Key, Value: h.Value, Err: errOutOfRange})
			return -1
		}
		n = n*10 + d
	}
	if len(h.Value) == 0 {
		s.errs = append(s.errs, &HeaderError{Key: h.Key, Value: h.Value, Err: errNotDecimal})
		return -1
	}
	return n
}

// parseOne decodes the ordinary record: one well-formed set of Connect's. It reports false for anything else, which the
// scanner then decodes. Comparing by length first and with constants keeps it below ten nanoseconds per header.
func parseOne(headers []kafka.Header, f *Failure) bool {
	var (
		has  Fields
		good = true
	)
	f.Partition, f.Offset, f.Task, f.DeliveryCount = -1, -1, -1, -1
	for i := range headers {
		h := &headers[i]
		if len(h.Key) < len(PrefixConnect) || h.Key[:8] != PrefixConnect[:8] || h.Key[8:16] != PrefixConnect[8:16] || h.Key[16] != PrefixConnect[16] {
			if len(h.Key) >= len(PrefixShareGroup) && h.Key[0] == '_' && IsContextHeader(h.Key) {
				return false // another dialect
			}
			continue
		}
		suffix, bit := h.Key[len(PrefixConnect):], Fields(0)
		switch len(suffix) {
		case len("topic"):
			switch suffix {
			case "topic":
				f.Topic, bit = view(h.Value), HasTopic
			case "stage":
				f.Stage, bit = Stage(view(h.Value)), HasStage
			}
		case len("partition"):
			if suffix == "partition" {
				var n int64
				n, good = decimal(h.Value, math.MaxInt32)
				f.Partition, bit = int(n), HasPartition
			}
		case len("offset"):
			if suffix == "offset" {
				f.Offset, good = decimal(h.Value, math.MaxInt64)
				bit = HasOffset
			}
		case len("connector.name"):
			if suffix == "connector.name" {
				f.Connector, bit = view(h.Value), HasConnector
			}
		case len("task.id"):
			if suffix == "task.id" {
				var n int64
				n, good = decimal(h.Value, math.MaxInt32)
				f.Task, bit = int(n), HasTask
			}
		case len("class.name"):
			if suffix == "class.name" {
				f.Class, bit = view(h.Value), HasClass
			}
		case len("exception.class.name"):
			switch suffix {
			case "exception.class.name":
				f.ExceptionClass, bit = view(h.Value), HasExceptionClass
			case "exception.stacktrace":
				f.StackTrace, bit = view(h.Value), HasStackTrace
			}
		case len("exception.message"):
			if suffix == "exception.message" {
				f.ExceptionMessage, bit = view(h.Value), HasExceptionMessage
			}
		}
		if bit == 0 {
			continue
		}
		if h.Value == nil {
			if bit != HasExceptionMessage {
				return false
			}
			has |= HasNullMessage
		}
		if !good || has&bit != 0 {
			return false
		}
		has |= bit
	}
	f.Has = has
	return has.Contains(HasOrigin)
}

// parseInOrder decodes the ten headers of one set as Connect writes them, one after the other, which is nearly every dead
// letter. It leaves f alone and reports false for anything else. Keys are compared in pieces of at most 16 bytes with
// constants: the compiler makes two loads of each instead of a call.
func parseInOrder(headers []kafka.Header, f *Failure) bool {
	at := 0
	for ; ; at++ {
		if at+10 > len(headers) {
			return false
		}
		if k := headers[at].Key; len(k) > 1 && k[0] == '_' && k[1] == '_' {
			break
		}
	}
	for i := at + 10; i < len(headers); i++ {
		if k := headers[i].Key; len(k) > 1 && k[0] == '_' && k[1] == '_' {
			return false // perhaps another set
		}
	}
	h := (*[10]kafka.Header)(headers[at : at+10])
	const p16, p17 = "__connect.errors", "." // together PrefixConnect
	for i := range h {
		k := h[i].Key
		if len(k) < 22 || k[:16] != p16 {
			return false
		}
	}
	if h[0].Key[16:] != p17+"topic" || h[1].Key[16:] != p17+"partition" || h[2].Key[16:] != p17+"offset" ||
		h[3].Key[16:] != p17+"connector.name" || h[4].Key[16:] != p17+"task.id" || h[5].Key[16:] != p17+"stage" || h[6].Key[16:] != p17+"class.name" {
		return false
	}
	k7, k8, k9 := h[7].Key[16:], h[8].Key[16:], h[9].Key[16:]
	if len(k7) != 21 || k7[:16] != p17+"exception.class" || k7[16:] != ".name" ||
		len(k8) != 18 || k8[:16] != p17+"exception.messa" || k8[16:] != "ge" ||
		len(k9) != 21 || k9[:16] != p17+"exception.stack" || k9[16:] != "trace" {
		return false
	}
	partition, ok1 := decimal(h[1].Value, math.MaxInt32)
	offset, ok2 := decimal(h[2].Value, math.MaxInt64)
	task, ok3 := decimal(h[4].Value, math.MaxInt32)
	if !ok1 || !ok2 || !ok3 || h[0].Value == nil || h[3].Value == nil || h[5].Value == nil || h[6].Value == nil || h[7].Value == nil || h[9].Value == nil {
		return false
	}
	f.Has = HasOrigin | HasConnector | HasTask | HasStage | HasClass | HasExceptionClass | HasExceptionMessage | HasStackTrace
	if h[8].Value == nil {
		f.Has |= HasNullMessage
	}
	f.Topic, f.Partition, f.Offset = view(h[0].Value), int(partition), offset
	f.Connector, f.Task, f.DeliveryCount = view(h[3].Value), int(task), -1
	f.Stage, f.Class = Stage(view(h[5].Value)), view(h[6].Value)
	f.ExceptionClass, f.ExceptionMessage, f.StackTrace = view(h[7].Value), view(h[8].Value), view(h[9].Value)
	return true
}

// decimal parses digits in place, eight at a time while there are so many.
func decimal(b []byte, limit int64) (int64, bool) {
	if len(b) == 0 || len(b) > 18 {
		return -1, false // longer ones are left to the careful path
	}
	var n int64
	for len(b) >= 8 {
		eight, ok := eightDigits(binary.LittleEndian.Uint64(b))
		if !ok {
			return -1, false
		}
		n, b = n*100_000_000+eight, b[8:]
	}
	for _, c := range b {
		c -= '0'
		if c > 9 {
			return -1, false
		}
		n = n*10 + int64(c)
	}
	return n, n <= limit
}

// eightDigits adds up neighbours: bytes to pairs, pairs to fours, fours to eight.
func eightDigits(v uint64) (int64, bool) {
	const high = 0xf0f0f0f0f0f0f0f0
	if v&high|(v+0x0606060606060606)&high>>4 != 0x3333333333333333 {
		return 0, false
	}
	v = (v & 0x0f0f0f0f0f0f0f0f) * (1 + 10<<8) >> 8
	v = (v & 0x00ff00ff00ff00ff) * (1 + 100<<16) >> 16
	return int64((v & 0x0000ffff0000ffff) * (1 + 10_000<<32) >> 32), true // at most eight digits
}

// parse is Parse with the number of sets.
func parse(headers []kafka.Header) (f Failure, sets int, err error) {
	if parseInOrder(headers, &f) || parseOne(headers, &f) {
		return f, 1, nil
	}
	return parseLast(headers)
}

// parseLast decodes the last set and counts them. Only sets that name their origin count, as only those did Kafka write.
func parseLast(headers []kafka.Header) (f Failure, sets int, err error) {
	s := scanner{headers: headers}
	seen := false
	for s.next() {
		traced := s.set.Has.Contains(HasOrigin)
		if traced {
			sets++
		}
		if traced || sets == 0 {
			f, err, seen = s.set, s.err, true
		}
	}
	if !seen {
		return s.set, 0, ErrNoContext
	}
	if sets == 0 {
		sets = 1
	}
	return f, sets, err
}

// view is the bytes as a string without a copy.
func view(b []byte) string {
	return unsafe.String(unsafe.SliceData(b), len(b)) //nolint:gosec // the documented contract of Parse: strings alias the record
}
