package errtolerance

import (
	"fmt"
	"slices"
	"strings"

	"github.com/go-reconnect/reconnect/internal/redact"
)

// frameworkRules are the rules on what every connector has: class, name, topics, tasks.max, transformations.
func (s *subject) frameworkRules() {
	if s.class.state == absent || s.class.state == set && s.class.v == "" {
		s.addAt(SeverityInfo, "ET113", "connector.class", "missing: Kafka refuses a configuration without it", "set connector.class")
		f := &s.findings[len(s.findings)-1]
		if s.t.Complete {
			f.Severity, f.Refused = SeverityError, true
		}
	}
	s.sinkTopics()
	if n, ok := s.cfg["tasks.max"]; ok && !unresolved(n) && !standIn(n) {
		if v, ok := parseInteger(n, 32); !ok || v < 1 {
			s.refuse("ET107", "tasks.max", "not a number of 1 or more: Kafka refuses the configuration", "write the number of tasks, as in 1")
		}
	}
	s.aliases("transforms", s.transforms)
	s.aliases("predicates", s.predicates)
	s.restName()
}

func (s *subject) sinkTopics() {
	if !s.sink() {
		return
	}
	hasTopics := s.topics.state == unknowable || s.topics.state == set && s.topics.v != ""
	hasRegex := s.regex.state == unknowable || s.regex.state == set && s.regex.v != ""
	switch {
	case hasTopics && hasRegex:
		s.refuse("ET108", "topics.regex", "set together with topics: Kafka refuses the configuration", "remove one of the two")
	case !hasTopics && !hasRegex && s.class.state == set && s.info.family != familyCloud:
		s.addAt(SeverityInfo, "ET108", "topics", "neither topics nor topics.regex has a value: Kafka refuses the configuration of a sink", "set topics")
		if s.t.Complete {
			f := &s.findings[len(s.findings)-1]
			f.Severity, f.Refused = SeverityError, true
		}
	case hasRegex && s.regex.state == set:
		if _, verdict := javaMatcher(s.regex.v); verdict == regexBroken {
			s.refuse("ET111", "topics.regex", "parentheses or brackets do not match: Kafka refuses the configuration", "close them, or escape them with a backslash")
		}
	}
}

// aliases checks transforms and predicates: each name needs its type, once.
func (s *subject) aliases(key string, names text) {
	if names.state != set || names.v == "" {
		return
	}
	all := splitList(names.v)
	for i, name := range all {
		if name == "" || unresolved(name) {
			continue
		}
		if slices.Contains(all[:i], name) {
			s.refuse("ET112", key, name+" is named twice: Kafka refuses the configuration", "name it once")
			continue
		}
		kind := key + "." + name + ".type"
		if v, ok := s.cfg[kind]; !ok || trim(v) == "" {
			if s.class.state == absent && !s.t.Complete {
				s.addAt(SeverityInfo, "ET112", kind, "missing, although "+name+" is in "+key+" (a snippet may leave it out)", "set it to the class, or take "+name+" out of "+key)
				continue
			}
			s.refuse("ET112", kind, "missing, although "+name+" is in "+key+": Kafka refuses the configuration", "set it to the class, or take "+name+" out of "+key)
		}
	}
}

// restName checks the connector's name, from the configuration or from the caller.
func (s *subject) restName() {
	name := s.connector
	if raw, ok := s.cfg["name"]; ok {
		switch t := trim(raw); {
		case unresolved(raw):
			return
		case t == "":
			s.refuse("ET109", "name", "blank: Kafka refuses the configuration", "give the connector a name")
			return
		case strings.ContainsFunc(t, isControl):
			s.refuse("ET109", "name", "holds a control character: Kafka refuses the configuration", "use letters, digits, '.', '_', '~' and '-'")
			return
		default:
			name = t
		}
	}
	if name == "" {
		return
	}
	const fix = "use letters, digits, '.', '_', '~' and '-'"
	switch {
	case strings.ContainsAny(name, `/%\`):
		switch {
		case s.atLeast(4, 0):
			s.add("ET409", "name", `holds a slash, a percent sign or a backslash: from Kafka 4.0 the connector can be created but never read, stopped or deleted by REST`, fix)
		case s.version.IsZero():
			s.addAt(SeverityWarning, "ET409", "name", `holds a slash, a percent sign or a backslash: from Kafka 4.0 the connector cannot be read, stopped or deleted by REST (the version is not known here)`, fix)
		default:
			s.addAt(SeverityWarning, "ET409", "name", `holds a slash, a percent sign or a backslash: forwarded REST calls miss it, and from Kafka 4.0 no call reaches it`, fix)
		}
	case strings.ContainsAny(name, ";{}"):
		s.addAt(SeverityWarning, "ET409", "name", "holds a semicolon or a brace: REST calls that one worker forwards to another miss the connector, or hit another one", fix)
	case strings.ContainsFunc(name, func(r rune) bool { return !plainNameRune(r) }):
		s.addAt(SeverityInfo, "ET409", "name", "has to be percent-encoded in REST paths", fix)
	}
}

// isControl is Java's Character.isISOControl.
func isControl(r rune) bool { return r <= 0x1F || r >= 0x7F && r <= 0x9F }

func plainNameRune(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '_' || r == '~' || r == '-'
}

// otherKeys goes once over every key without a field of its own.
func (s *subject) otherKeys() {
	for i := range s.other {
		key, v := s.other[i].key, s.other[i].value
		if commentKey(key) {
			continue
		}
		if strings.IndexByte(v, '$') >= 0 {
			s.references(key, v)
		}
		switch {
		case strings.HasPrefix(key, "error") || strings.HasPrefix(key, "Error") || strings.HasPrefix(key, "ERROR") ||
			strings.HasPrefix(key, "dead") || strings.HasPrefix(key, "tolerance"):
			s.errorsKey(key)
		case strings.HasPrefix(key, "consumer."), strings.HasPrefix(key, "producer."), strings.HasPrefix(key, "admin."):
			s.clientKey(key)
		case workerKey(key):
			if s.info.family != familyOther || s.info.known {
				s.add("ET212", key, "a worker setting, which has no effect in a connector", "set it in the worker's properties")
			}
		default:
			s.frameworkValue(key, v)
		}
		if !maySecret(key) || !s.secret(key, v) {
			s.secretInURL(key, v)
		}
	}
}

// workerKey reports settings that are read from the worker's own properties only, and no connector in the tables gives them a meaning.
func workerKey(key string) bool {
	switch key {
	case "offset.flush.interval.ms", "offset.flush.timeout.ms", "offset.storage.topic", "config.storage.topic",
		"status.storage.topic", "config.providers", "plugin.path", "rest.advertised.host.name",
		"connector.client.config.override.policy", "task.shutdown.graceful.timeout.ms", "exactly.once.source.support",
		"scheduled.rebalance.max.delay.ms":
		return true
	}
	return false
}

func (s *subject) frameworkValue(key, v string) {
	oneOf := func(values ...string) {
		if unresolved(v) {
			return
		}
		for _, want := range values {
			if strings.EqualFold(trim(v), want) {
				return
			}
		}
		s.refuse("ET109", key, "not one of "+strings.Join(values, ", ")+": Kafka refuses the configuration", "write one of them")
	}
	switch key {
	case "config.action.reload":
		// Unlike the others it is compared letter by letter.
		if t := trim(v); t != "none" && t != "restart" && !unresolved(v) {
			s.refuse("ET109", key, "not one of none, restart: Kafka refuses the configuration", "write one of them, in lower case")
		}
	case "tasks.max.enforce":
		if s.atLeast(3, 8) {
			oneOf("true", "false")
		}
	case "exactly.once.support":
		if s.source() && s.atLeast(3, 3) {
			oneOf("requested", "required")
		}
	case "transaction.boundary":
		if s.source() && s.atLeast(3, 3) {
			oneOf("poll", "connector", "interval")
		}
	}
}

// clientKey checks the settings of the three clients.
func (s *subject) clientKey(key string) {
	client, rest, _ := strings.Cut(key, ".")
	name, override := strings.CutPrefix(rest, "override.")
	if !override {
		// Only names that are client settings: "producer.name" of some connector is not one. MirrorMaker's connectors make clients
		// of their own from these (MirrorConnectorConfig.java).
		if clientSetting(rest) && s.info.family != familyMirrorMaker {
			s.add("ET210", key, "reaches no client: in a connector it is "+client+".override."+rest, "write "+client+".override."+rest)
		}
		return
	}
	switch {
	case client == "consumer" && s.source():
		s.add("ET211", key, "a source connector has no consumer", "remove it")
	case client == "producer" && s.sink() && !s.hasDLQ() && s.dlq.state != unknowable:
		s.add("ET211", key, "a sink has a producer only for its dead letter queue, and there is none", "remove it")
	case client == "admin" && s.sink() && !s.hasDLQ() && s.dlq.state != unknowable:
		s.add("ET211", key, "a sink has an admin client only for its dead letter queue, and there is none", "remove it")
	}
	if client == "consumer" && (name == "max.poll.records" || name == "max.poll.interval.ms") && !unresolved(s.cfg[key]) {
		if n, ok := parseInteger(s.cfg[key], 32); s.sink() && (!ok || n < 1) {
			s.addAt(SeverityError, "ET102", key, "not a number of 1 or more: the task cannot make its consumer", "write a number")
		}
	}
}

func clientSetting(key string) bool {
	switch key {
	case "max.poll.records", "max.poll.interval.ms", "max.partition.fetch.bytes", "fetch.max.bytes", "fetch.min.bytes",
		"fetch.max.wait.ms", "auto.offset.reset", "isolation.level", "session.timeout.ms", "heartbeat.interval.ms",
		"group.id", "security.protocol", "sasl.mechanism", "sasl.jaas.config", "bootstrap.servers", "max.request.size",
		"batch.size", "linger.ms", "acks", "compression.type", "enable.idempotence", "delivery.timeout.ms",
		"request.timeout.ms", "buffer.memory", "retries", "max.block.ms", "max.in.flight.requests.per.connection",
		"client.id", "partition.assignment.strategy":
		return true
	}
	return false
}

// references checks ${provider:[path:]key} in a value.
func (s *subject) references(key, v string) {
	if !redact.HasReference(v) {
		return
	}
	for rest := v; ; {
		start := strings.Index(rest, "${")
		if start < 0 {
			return
		}
		rest = rest[start+2:]
		end := strings.IndexByte(rest, '}')
		if end < 0 {
			return
		}
		ref := rest[:end]
		rest = rest[end+1:]
		provider, path, ok := strings.Cut(ref, ":")
		if !ok || provider == "" {
			continue
		}
		switch {
		case s.t.ConfigProviders != nil && !slices.Contains(s.t.ConfigProviders, provider):
			s.add("ET406", key, fmt.Sprintf("the worker has no config provider %q: the connector gets the text of the reference itself", provider), "use one of the worker's config.providers, or add this one there")
		case !strings.Contains(path, ":") && needsPath(provider):
			s.add("ET407", key, fmt.Sprintf("a provider named %q usually needs a path, ${%s:path:key}: without one the text stays as it is", provider, provider), "write ${"+provider+":path:key}")
		default:
			continue
		}
		return // one finding a value
	}
}

// needsPath knows the names people give to providers that read a file, a directory or a Kubernetes secret.
func needsPath(provider string) bool {
	switch provider {
	case "file", "directory", "dir", "secrets", "configmaps", "vault":
		return true
	}
	return false
}

// secretSigns are the beginnings of every word that redact takes for a secret, by their first letter (0 is a).
var secretSigns = [26][]string{
	0:  {"auth", "acc", "aes", "apik", "api.k", "api_k", "api-k"},
	2:  {"cred", "cook"},
	4:  {"encryption"},
	7:  {"hmac", "hook"},
	8:  {"info"},
	9:  {"jaas"},
	10: {"key"},
	15: {"pass", "pwd", "pat", "private"},
	18: {"sec", "sas", "string", "shared"},
	19: {"tok"},
}

// maySecret is a cheap test that lets every secret key through.
func maySecret(key string) bool {
	// The ends that redact takes for public, the frequent ones.
	switch key[strings.LastIndexByte(key, '.')+1:] {
	case "source", "type", "ms", "class", "location", "enable", "enabled", "format", "converter", "field", "fields", "mode", "name", "size", "path", "regex":
		return false
	}
	for i := range len(key) {
		b := key[i] | 0x20
		if b < 'a' || b > 'z' {
			continue
		}
		for _, sign := range secretSigns[b-'a'] {
			// key.converter.… speaks of the record's key.
			if beginsFold(key[i:], sign) && (i > 0 || sign != "key") {
				return true
			}
		}
	}
	return false
}

// beginsFold is strings.HasPrefix without regard to ASCII case, for a prefix in lower case.
func beginsFold(s, prefix string) bool {
	if len(s) < len(prefix) {
		return false
	}
	for i := range len(prefix) {
		b := s[i]
		if b >= 'A' && b <= 'Z' {
			b |= 0x20
		}
		if b != prefix[i] {
			return false
		}
	}
	return true
}

// secret judges the value of a key whose name says that it is one, and reports whether nothing more is to be said about it.
func (s *subject) secret(key, v string) (done bool) {
	t := trim(v)
	switch t {
	case "", "true", "false", "none", "null":
		return true
	}
	// The cheap questions first.
	if unresolved(v) || redact.HasReference(v) {
		return true
	}
	if !redact.IsSecretKey(key) {
		return false
	}
	switch {
	case publicTail(key):
		return true
	case strings.HasSuffix(key, "connection.string") && strings.HasPrefix(t, "mongodb"):
		return false // the secret is only in some of them
	}
	if redact.IsMask(t) {
		s.add("ET414", key, "a mask, as tools show it instead of a secret: written back it becomes the secret", "put the secret's reference here, as in ${file:/path/to/secrets.properties:key}")
		return true
	}
	if !placeholder(t) {
		s.add("ET405", key, "a secret in plain text: Connect stores it in a topic and returns it by REST", "put it where a config provider reads it, and write ${file:/path/to/secrets.properties:key}")
	}
	return true
}

// publicTail holds for keys that redact masks to be safe, and that say who or where a secret is, not what it is: an account's
// id, the external id of an AWS role, the name of the property that holds a token.
func publicTail(key string) bool {
	for _, tail := range [...]string{"account.id", "account.email", "external.id", ".property", "keyname", "key.name"} {
		if strings.HasSuffix(key, tail) {
			return true
		}
	}
	return false
}

// placeholder holds for values that stand for a secret in documentation: YOUR_PASSWORD, <secret>, changeme in capitals.
func placeholder(t string) bool {
	if strings.ContainsAny(t, " ") && !strings.Contains(t, "=") {
		return false
	}
	upper := true
	for i := range len(t) {
		b := t[i]
		if b >= 'a' && b <= 'z' {
			upper = false
			break
		}
	}
	return upper && strings.ContainsAny(t, "_-") && isLetter(t[0]) || strings.HasPrefix(t, "your-") || strings.HasPrefix(t, "your_")
}
