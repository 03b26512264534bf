package errtolerance

import (
	"strings"

	"github.com/go-reconnect/reconnect/internal/kversion"
	"github.com/go-reconnect/reconnect/internal/redact"
)

// state says what is known about one value.
type state uint8

const (
	absent     state = iota
	set              // present, and read as Kafka reads it
	invalid          // present, and Kafka refuses it
	unknowable       // present, but a reference or a placeholder
)

// text, integer and flag are values as Kafka reads them; with any state but set the value is the key's default.
type (
	text struct {
		state state
		v     string
	}
	integer struct {
		state state
		v     int64
	}
	flag struct {
		state state
		v     bool
	}
)

// usable reports whether v can be reasoned about: read, or left at the default.
func (t text) usable() bool    { return t.state == absent || t.state == set }
func (n integer) usable() bool { return n.state == absent || n.state == set }
func (f flag) usable() bool    { return f.state == absent || f.state == set }

// subject is one connector's configuration, read once, with everything the rules ask for.
type subject struct {
	cfg       map[string]string
	connector string
	t         Target
	version   kversion.Version // zero = unknown

	class     text
	info      classInfo
	kind      Kind
	kindKnown bool

	tolerance     text
	timeout       integer
	delayMax      integer
	logEnable     flag
	logMessages   flag
	dlq           text // trimmed; "" = off
	rf            integer
	headers       flag
	topics, regex text

	transforms, predicates text
	pollInterval           integer // of the consumer, override or the worker's
	pollRecords            integer
	key, value, header     text // converter classes

	overrides bool       // producer.override.* or admin.override.* is among the other keys
	other     []property // every key that no field above holds, in no order

	findings Findings
}

// property is one line of a configuration.
type property struct{ key, value string }

// init reads the configuration. Storage for the other keys comes from the caller, so that a linter of many configurations
// does not allocate it.
func (s *subject) init(connector string, cfg map[string]string, t *Target, other []property) {
	s.cfg, s.connector, s.t, s.other = cfg, connector, *t, other[:0]
	if t.KafkaVersion != "" {
		s.version, _ = kversion.Parse(t.KafkaVersion)
	}
	s.delayMax.v, s.rf.v = DefaultRetryDelayMax.Milliseconds(), int64(DefaultReplicationFactor)
	s.tolerance.v = string(ToleranceNone)
	s.pollInterval.v, s.pollRecords.v = 300_000, 500
	if t.MaxPollIntervalMillis > 0 {
		s.pollInterval.v = t.MaxPollIntervalMillis
	}
	if t.MaxPollRecords > 0 {
		s.pollRecords.v = int64(t.MaxPollRecords)
	}
	for k, v := range cfg {
		s.take(k, v)
	}
	if s.class.state == set {
		s.info = classify(s.class.v)
	}
	s.kind = s.info.kind
	if s.kind == KindUnknown {
		s.kind = t.Kind
	}
	s.kindKnown = s.kind != KindUnknown
}

func (s *subject) take(k, v string) {
	switch k {
	case "connector.class":
		s.class = readText(v)
	case KeyTolerance:
		s.tolerance = readText(v)
		if s.tolerance.state == set && s.tolerance.v != string(ToleranceNone) && s.tolerance.v != string(ToleranceAll) {
			s.tolerance.state = invalid
		}
	case KeyRetryTimeout:
		s.timeout = readNumber(v, 64, 0)
	case KeyRetryDelayMax:
		s.delayMax = readNumber(v, 64, s.delayMax.v)
	case KeyLogEnable:
		s.logEnable = readFlag(v)
	case KeyLogIncludeMessages:
		s.logMessages = readFlag(v)
	case KeyDLQTopic:
		s.dlq = readText(v)
	case KeyDLQReplication:
		s.rf = readNumber(v, 16, s.rf.v)
	case KeyDLQContextHeaders:
		s.headers = readFlag(v)
	case "topics":
		s.topics = readText(v)
	case "topics.regex":
		s.regex = readText(v)
	case "transforms":
		s.transforms = readText(v)
	case "predicates":
		s.predicates = readText(v)
	case "key.converter":
		s.key = readText(v)
	case "value.converter":
		s.value = readText(v)
	case "header.converter":
		s.header = readText(v)
	case "consumer.override.max.poll.interval.ms":
		s.pollInterval = readNumber(v, 32, s.pollInterval.v)
		s.other = append(s.other, property{k, v})
	case "consumer.override.max.poll.records":
		s.pollRecords = readNumber(v, 32, s.pollRecords.v)
		s.other = append(s.other, property{k, v})
	default:
		s.overrides = s.overrides || strings.HasPrefix(k, "producer.override.") || strings.HasPrefix(k, "admin.override.")
		s.other = append(s.other, property{k, v})
	}
}

func readText(v string) text {
	if unresolved(v) {
		return text{unknowable, trim(v)}
	}
	return text{set, trim(v)}
}

func readNumber(v string, bits int, def int64) integer {
	if n, ok := parseInteger(v, bits); ok {
		return integer{set, n}
	}
	if unresolved(v) || standIn(v) {
		return integer{unknowable, def}
	}
	return integer{invalid, def}
}

func readFlag(v string) flag {
	if b, ok := parseBool(v); ok {
		return flag{set, b}
	}
	if unresolved(v) {
		return flag{unknowable, false}
	}
	return flag{invalid, false}
}

// get reads a further key.
func (s *subject) get(key string) text {
	v, ok := s.cfg[key]
	if !ok {
		return text{}
	}
	return readText(v)
}

func (s *subject) number(key string, def int64) integer {
	v, ok := s.cfg[key]
	if !ok {
		return integer{absent, def}
	}
	return readNumber(v, 64, def)
}

// sink and source hold where the kind is known.
func (s *subject) sink() bool   { return s.kind == KindSink }
func (s *subject) source() bool { return s.kind == KindSource }

// hasDLQ reports a queue that Connect itself will use: a sink's, or one of a connector whose kind nobody knows.
func (s *subject) hasDLQ() bool {
	return (s.dlq.state == set && s.dlq.v != "" || s.dlq.state == unknowable) && !s.source()
}

func (s *subject) tolerates() bool {
	return s.tolerance.state == set && s.tolerance.v == string(ToleranceAll)
}

// intolerant holds where the task fails at the first bad record, for certain.
func (s *subject) intolerant() bool { return s.tolerance.usable() && !s.tolerates() }

func (s *subject) before(major, minor int) bool {
	return !s.version.IsZero() && !s.version.AtLeast(major, minor)
}

func (s *subject) atLeast(major, minor int) bool {
	return !s.version.IsZero() && s.version.AtLeast(major, minor)
}

// add reports a finding at the check's own severity.
func (s *subject) add(code, key, message, fix string) {
	s.addAt(checkOf(code).Severity, code, key, message, fix)
}

func (s *subject) addAt(sev Severity, code, key, message, fix string) {
	if s.findings == nil {
		s.findings = make(Findings, 0, 8)
	}
	f := Finding{Code: code, Severity: sev, Connector: s.connector, Key: key, Message: message, Fix: fix, Doc: checkOf(code).Doc}
	if v, ok := s.cfg[key]; ok {
		f.Value = shown(key, v)
	}
	s.findings = append(s.findings, f)
}

// refuse reports a finding for which a worker answers 400.
func (s *subject) refuse(code, key, message, fix string) {
	s.addAt(SeverityError, code, key, message, fix)
	s.findings[len(s.findings)-1].Refused = true
}

// shown is what may be printed of a value: secrets masked, and no novel.
func shown(key, v string) string {
	if len(v) < 20 && plainWord(v) && !maySecret(key) {
		return v // a number, a flag, a word under a key that holds no secret
	}
	v = redact.Value(key, v)
	if len(v) > 200 {
		cut := 200
		for cut > 0 && v[cut]&0xC0 == 0x80 {
			cut--
		}
		v = v[:cut] + "…"
	}
	return v
}

func plainWord(v string) bool {
	for i := range len(v) {
		if b := v[i]; !isLetter(b) && (b < '0' || b > '9') && b != '-' && b != '_' && b != '.' {
			return false
		}
	}
	return true
}

// commentKey holds for keys that people put into a configuration to speak to each other.
func commentKey(k string) bool {
	return k == "" || k[0] == '_' || k[0] == '#' || k[0] == '/' || strings.HasPrefix(k, "comment")
}
