package connecttest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// configKey is one key of a ConfigDef.
type configKey struct {
	name, kind   string
	def          *string // the default; nil is null
	required     bool
	importance   string
	doc          string
	group        string // "" is null
	width        string
	display      string
	order        int
	dependents   []string
	recommended  []string
	check        func(name string, value *string) string // the validator; it also sees null
	since, until release
}

// own is a key as connectors and SMTs mostly define theirs: without group, width and display name.
func own(name, kind string, def *string, importance, doc string) configKey {
	return configKey{name: name, kind: kind, def: def, importance: importance, doc: doc, width: "NONE", display: name, order: -1}
}

func (k configKey) must() configKey { k.required, k.def = true, nil; return k }

func (k configKey) checked(check func(string, *string) string) configKey { k.check = check; return k }

func (k configKey) from(major, minor int) configKey { k.since = release{major, minor}; return k }

func (k configKey) gone(major, minor int) configKey { k.until = release{major, minor}; return k }

// invalid is ConfigException's text.
func invalid(name string, value *string, why string) string {
	shown := "null"
	if value != nil {
		shown = *value
	}
	return fmt.Sprintf("Invalid value %s for configuration %s: %s", shown, name, why)
}

// parse is ConfigDef.parseType: the value as it is echoed, or what is wrong with it.
func (k configKey) parse(raw *string, classes func(string) bool) (value *string, problem string) {
	if raw == nil {
		return nil, ""
	}
	trimmed := strings.TrimSpace(*raw)
	number := func(bits int) (*string, string) {
		n, err := strconv.ParseInt(strings.TrimPrefix(trimmed, "+"), 10, bits)
		if err != nil {
			return nil, invalid(k.name, raw, "Not a number of type "+k.kind)
		}
		return new(strconv.FormatInt(n, 10)), ""
	}
	switch k.kind {
	case "BOOLEAN":
		switch strings.ToLower(trimmed) {
		case "true", "false":
			return new(strings.ToLower(trimmed)), ""
		}
		return nil, invalid(k.name, raw, "Expected value to be either true or false")
	case "INT":
		return number(32)
	case "SHORT":
		return number(16)
	case "LONG":
		return number(64)
	case "DOUBLE":
		if _, err := strconv.ParseFloat(trimmed, 64); err != nil {
			return nil, invalid(k.name, raw, "Not a number of type DOUBLE")
		}
	case "LIST":
		if trimmed == "" {
			return new(""), ""
		}
		parts := strings.Split(trimmed, ",")
		for i := range parts {
			parts[i] = strings.TrimSpace(parts[i])
		}
		return new(strings.Join(parts, ",")), ""
	case "CLASS":
		if !classes(trimmed) {
			return nil, invalid(k.name, raw, "Class "+trimmed+" could not be found.")
		}
	case "PASSWORD":
		return new("[hidden]"), ""
	}
	return new(trimmed), ""
}

// The validators of the common keys.

func atLeastOne(name string, value *string) string {
	if value == nil {
		return invalid(name, nil, "Value must be non-null")
	}
	if n, err := strconv.ParseInt(*value, 10, 64); err == nil && n < 1 {
		return invalid(name, value, "Value must be at least 1")
	}
	return ""
}

func oneOf(values ...string) func(string, *string) string {
	return func(name string, value *string) string {
		for _, v := range values {
			if value != nil && *value == v {
				return ""
			}
		}
		return invalid(name, value, "String must be one of: "+strings.Join(values, ", "))
	}
}

// connectorName is NonEmptyStringWithoutControlChars.
func connectorName(name string, value *string) string {
	if value == nil {
		return ""
	}
	if *value == "" {
		return invalid(name, value, "String may not be empty")
	}
	var codes []string
	for _, r := range *value {
		if unicode.IsControl(r) {
			codes = append(codes, strconv.Itoa(int(r)))
		}
	}
	if len(codes) > 0 {
		return invalid(name, value, "String may not contain control sequences but had the following ASCII chars: "+strings.Join(codes, ", "))
	}
	return ""
}

func common(name, kind string, def *string, importance, group, width, display string, order int, doc string) configKey {
	return configKey{name: name, kind: kind, def: def, importance: importance, doc: doc, group: group, width: width, display: display, order: order}
}

// The groups of R/ConnectorConfig.java and its siblings.
const (
	groupCommon     = "Common"
	groupTransforms = "Transforms"
	groupPredicates = "Predicates"
	groupErrors     = "Error Handling"
)

// connectorKeys are the keys that Connect itself defines for every connector, in order (R/ConnectorConfig.java,
// SinkConnectorConfig.java, SourceConnectorConfig.java).
func (s *Server) connectorKeys(p *plugin) []configKey {
	v := s.version
	keys := []configKey{
		common("name", "STRING", nil, "HIGH", groupCommon, "MEDIUM", "Connector name", 1, "The connector's name, unique in its Connect cluster.").must().checked(connectorName),
		common("connector.class", "STRING", nil, "HIGH", groupCommon, "LONG", "Connector class", 2,
			"The connector's class: its full name, simple name or alias. Here "+p.class+", "+p.simpleName()+" or "+p.alias()+".").must(),
		common("connector.plugin.version", "STRING", new(p.version), "MEDIUM", groupCommon, "MEDIUM", "Connector version", 2, "Which versions of the connector plugin may be used.").from(4, 1),
		common("tasks.max", "INT", new("1"), "HIGH", groupCommon, "SHORT", "Tasks max", 3, "How many tasks the connector may have at most.").checked(atLeastOne),
		common("tasks.max.enforce", "BOOLEAN", new("true"), "LOW", groupCommon, "SHORT", "Enforce tasks max", 4, "Whether a connector with more tasks than tasks.max fails. Deprecated.").from(3, 8),
		common("key.converter", "CLASS", nil, "LOW", groupCommon, "SHORT", "Key converter class", 5, "The converter of record keys."),
		common("key.converter.plugin.version", "STRING", nil, "LOW", groupCommon, "SHORT", "Key converter version", 5, "Which versions of the key converter may be used.").from(4, 1),
		common("value.converter", "CLASS", nil, "LOW", groupCommon, "SHORT", "Value converter class", 6, "The converter of record values."),
		common("value.converter.plugin.version", "STRING", nil, "LOW", groupCommon, "SHORT", "Value converter version", 6, "Which versions of the value converter may be used.").from(4, 1),
		common("header.converter", "CLASS", nil, "LOW", groupCommon, "SHORT", "Header converter class", 7, "The converter of record headers."),
		common("header.converter.plugin.version", "STRING", nil, "LOW", groupCommon, "SHORT", "Header converter version", 7, "Which versions of the header converter may be used.").from(4, 1),
		common("transforms", "LIST", new(""), "LOW", groupTransforms, "LONG", "Transforms", 8, "The aliases of the transformations, in order."),
		common("predicates", "LIST", new(""), "LOW", groupPredicates, "LONG", "Predicates", 9, "The aliases of the predicates that transformations use."),
		common("config.action.reload", "STRING", new("restart"), "LOW", groupCommon, "MEDIUM", "Reload Action", 10, "What a changed external value does: restart the connector, or none."),
		common("errors.retry.timeout", "LONG", new("0"), "MEDIUM", groupErrors, "MEDIUM", "Retry Timeout for Errors", 1, "For how many milliseconds a failed operation is tried again; -1 is for ever."),
		common("errors.retry.delay.max.ms", "LONG", new("60000"), "MEDIUM", groupErrors, "MEDIUM", "Maximum Delay Between Retries for Errors", 2, "The longest wait between two tries, in milliseconds."),
		common("errors.tolerance", "STRING", new("none"), "MEDIUM", groupErrors, "SHORT", "Error Tolerance", 3, "Whether a failing record fails the task (none) or is skipped (all).").checked(oneOf("none", "all")),
		common("errors.log.enable", "BOOLEAN", new("false"), "MEDIUM", groupErrors, "SHORT", "Log Errors", 4, "Whether failures are logged."),
		common("errors.log.include.messages", "BOOLEAN", new("false"), "MEDIUM", groupErrors, "SHORT", "Log Error Details", 5, "Whether the log shows the failing record."),
	}
	if p.kind == "sink" {
		keys = append(keys,
			common("topics", "LIST", new(""), "HIGH", groupCommon, "LONG", "Topics", 4, "The topics to read."),
			common("topics.regex", "STRING", new(""), "HIGH", groupCommon, "LONG", "Topics regex", 4, "A Java regular expression of the topics to read, in place of topics."),
			common("errors.deadletterqueue.topic.name", "STRING", new(""), "MEDIUM", groupErrors, "MEDIUM", "Dead Letter Queue Topic Name", 6, "The topic for failing records; blank is none."),
			common("errors.deadletterqueue.topic.replication.factor", "SHORT", new("3"), "MEDIUM", groupErrors, "MEDIUM", "Dead Letter Queue Topic Replication Factor", 7, "The replication factor of that topic when Connect creates it."),
			common("errors.deadletterqueue.context.headers.enable", "BOOLEAN", new("false"), "MEDIUM", groupErrors, "MEDIUM", "Enable Error Context Headers", 8, "Whether dead letters carry headers that say what failed."),
		)
	} else {
		keys = append(keys,
			common("topic.creation.groups", "LIST", new(""), "LOW", "Topic Creation", "LONG", "Topic Creation Groups", 1, "The groups of settings for topics that the connector creates."),
			common("exactly.once.support", "STRING", new("requested"), "MEDIUM", "Exactly Once Support", "SHORT", "Exactly once support", 2, "Whether exactly-once delivery is requested or required.").from(3, 3).checked(caseless("required", "requested")),
			common("transaction.boundary", "STRING", new("poll"), "MEDIUM", "Exactly Once Support", "SHORT", "Transaction Boundary", 3, "What bounds a transaction: poll, interval or connector.").from(3, 3).checked(caseless("poll", "interval", "connector")),
			common("transaction.boundary.interval.ms", "LONG", nil, "LOW", "Exactly Once Support", "SHORT", "Transaction boundary interval", 4, "The length of a transaction with the boundary interval.").from(3, 3),
			common("offsets.storage.topic", "STRING", nil, "LOW", "offsets.topic", "LONG", "Offsets topic", 1, "A topic of the connector's own for its source offsets.").from(3, 3),
		)
	}
	out := keys[:0]
	for _, k := range keys {
		if k.since.reached(v) {
			out = append(out, k)
		}
	}
	if v.atLeast(4, 1) {
		s.withVersions(out)
	}
	return out
}

// withVersions is what KIP-891 made of the keys: they are numbered through, and the converters and the versions have the
// worker's own as defaults and what is installed as recommendations.
func (s *Server) withVersions(keys []configKey) {
	for i := range keys {
		k := &keys[i]
		if i < 14 {
			k.order = i + 1
		}
		switch {
		case strings.HasSuffix(k.name, ".plugin.version"):
			k.def, k.recommended = new(s.cfg.Version), []string{s.cfg.Version}
		case k.name == "header.converter":
			k.def, k.recommended = new("org.apache.kafka.connect.storage.SimpleHeaderConverter"), s.classesOf("header_converter")
		case k.kind == "CLASS":
			k.def, k.recommended = new(s.cfg.Converter), s.classesOf("converter")
		}
	}
}

func (s *Server) classesOf(kind string) []string {
	var out []string
	for _, p := range s.plugins {
		if p.kind == kind {
			out = append(out, p.class)
		}
	}
	slices.Sort(out)
	return out
}

// caseless is an enum validator that ignores case.
func caseless(values ...string) func(string, *string) string {
	return func(name string, value *string) string {
		for _, v := range values {
			if value != nil && strings.EqualFold(*value, v) {
				return ""
			}
		}
		return invalid(name, value, "String must be one of (case insensitive): "+strings.ToUpper(strings.Join(values, ", ")))
	}
}
