package errtolerance

import (
	"fmt"
	"strings"
)

// registryKind says which registry a converter asks.
type registryKind uint8

const (
	noRegistry registryKind = iota
	confluentRegistry
	apicurioRegistry
	awsRegistry
	otherRegistry
)

// converterRegistry reads it out of the converter's class.
func converterRegistry(class string) registryKind {
	simple := class[strings.LastIndexByte(class, '.')+1:]
	switch {
	case strings.HasPrefix(class, "io.apicurio."):
		return apicurioRegistry
	case strings.HasPrefix(class, "com.amazonaws.services.schemaregistry."):
		return awsRegistry
	case strings.HasPrefix(class, "io.confluent.connect.") &&
		(simple == "AvroConverter" || simple == "ProtobufConverter" || simple == "JsonSchemaConverter"):
		return confluentRegistry
	case class == "AvroConverter" || class == "ProtobufConverter" || class == "JsonSchemaConverter":
		return confluentRegistry
	case strings.HasPrefix(class, "com.microsoft.azure.schemaregistry."), strings.HasPrefix(class, "com.hortonworks.registries."):
		return otherRegistry
	}
	return noRegistry
}

// converterKeys are the settings of one of the two converters.
type converterKeys struct {
	prefix, schemasEnable, registryURL string
	// The registry's client strips schema.registry. from every setting: there are two names for each.
	userInfo, source [2]string
}

var converters = [...]converterKeys{keysOfConverter("key.converter"), keysOfConverter("value.converter")}

func keysOfConverter(prefix string) converterKeys {
	return converterKeys{
		prefix, prefix + ".schemas.enable", prefix + ".schema.registry.url",
		[2]string{prefix + ".basic.auth.user.info", prefix + ".schema.registry.basic.auth.user.info"},
		[2]string{prefix + ".basic.auth.credentials.source", prefix + ".schema.registry.basic.auth.credentials.source"},
	}
}

func (s *subject) converterRules() {
	var remote remotePart
	for i, class := range [...]text{s.key, s.value} {
		keys, kind := &converters[i], noRegistry
		if class.state == set {
			kind = converterRegistry(class.v)
		}
		if kind != noRegistry && remote.key == "" {
			remote = remotePart{keys.prefix, "a schema registry"}
		}
		s.schemasEnable(keys, class, kind)
		if kind == confluentRegistry {
			s.registry(keys)
		}
	}
	s.oneSided()
	if remote.key == "" {
		remote = s.remoteByAddress()
	}
	s.outage(remote)
}

func (s *subject) schemasEnable(keys *converterKeys, class text, kind registryKind) {
	key := keys.schemasEnable
	if _, ok := s.cfg[key]; !ok || class.state != set {
		return
	}
	simple := class.v[strings.LastIndexByte(class.v, '.')+1:]
	if kind != noRegistry || class.v == "org.apache.kafka.connect.storage.StringConverter" || class.v == "org.apache.kafka.connect.converters.ByteArrayConverter" {
		s.add("ET504", key, simple+" has no such setting", "remove it")
	}
}

func (s *subject) registry(keys *converterKeys) {
	url := keys.registryURL
	if v, ok := s.cfg[url]; !ok || trim(v) == "" {
		sev := SeverityWarning
		if _, info := s.cfg[keys.userInfo[0]]; !info && !s.registryElsewhere() && !s.t.Complete {
			// Nothing about a registry at all: a snippet, or a managed worker that fills it in.
			sev = SeverityInfo
		}
		s.addAt(sev, "ET505", url, "missing: the converter takes its settings from this configuration only, and the task fails at start", "set "+url)
	}
	info, user := s.userInfo(keys)
	if !user {
		return
	}
	source := s.get(keys.source[0])
	if source.state == absent {
		source = s.get(keys.source[1])
	}
	if source.state == absent || source.state == set && source.v != "USER_INFO" && source.v != "SASL_INHERIT" {
		what := "URL, the default"
		if source.state == set {
			what = "not USER_INFO"
		}
		s.add("ET502", keys.source[0], "is "+what+": the credentials in "+info+" are not used", "set "+keys.source[0]+"=USER_INFO")
	}
}

func (s *subject) registryElsewhere() bool {
	_, k := s.cfg["key.converter.schema.registry.url"]
	_, v := s.cfg["value.converter.schema.registry.url"]
	return k || v
}

// userInfo finds the credentials under either of the two names the client reads.
func (s *subject) userInfo(keys *converterKeys) (key string, ok bool) {
	for _, key := range keys.userInfo {
		if _, ok := s.cfg[key]; ok {
			return key, true
		}
	}
	return "", false
}

// oneSided compares the credentials of both converters for the same registry.
func (s *subject) oneSided() {
	key, value := s.get(converters[0].registryURL), s.get(converters[1].registryURL)
	if key.state == absent || value.state == absent || key.v != value.v || strings.Contains(key.v, "@") {
		return
	}
	if s.key.state != set || s.value.state != set || converterRegistry(s.key.v) == noRegistry || converterRegistry(s.value.v) == noRegistry {
		return
	}
	with := func(keys *converterKeys) bool {
		if _, ok := s.userInfo(keys); ok {
			return true
		}
		prefix := keys.prefix
		for _, suffix := range [...]string{"bearer.auth.credentials.source", "bearer.auth.token", "basic.auth.credentials.source", "ssl.keystore.location"} {
			_, plain := s.cfg[prefix+"."+suffix]
			if _, prefixed := s.cfg[prefix+".schema.registry."+suffix]; plain || prefixed {
				return true
			}
		}
		return false
	}
	k, v := with(&converters[0]), with(&converters[1])
	if k == v {
		return
	}
	have, want := &converters[0], &converters[1]
	if v {
		have, want = want, have
	}
	s.add("ET503", want.userInfo[0], "missing, although "+have.prefix+" has credentials for the same registry", "set the credentials on both sides")
}

// remotePart is a converter or transformation that asks a service for each record, or for each new schema.
type remotePart struct{ key, asks string }

// remoteTransformations ask a service although no address in their settings need say so.
var remoteTransformations = [...]struct{ prefix, asks string }{
	{"cricket.jmoore.kafka.connect.transforms.SchemaRegistryTransfer", "two schema registries"},
	{"io.debezium.ai.embeddings.", "a model"},
	{"com.bakdata.kafka.", "an object store"},
}

// remoteByAddress finds a part of the pipeline that asks a service: a transformation that is known to, and any converter or
// transformation of a vendor that is given the address of one.
func (s *subject) remoteByAddress() remotePart {
	var aliases []string
	if s.transforms.state == set && s.transforms.v != "" {
		aliases = splitList(s.transforms.v)
	}
	for _, alias := range aliases {
		class := trim(s.cfg["transforms."+alias+".type"])
		for i := range remoteTransformations {
			if strings.HasPrefix(class, remoteTransformations[i].prefix) {
				return remotePart{"transforms." + alias, remoteTransformations[i].asks}
			}
		}
	}
	found := remotePart{}
	for i := range s.other {
		key, v := s.other[i].key, s.other[i].value
		if !strings.HasPrefix(v, "http") || !addressKey(key) {
			continue
		}
		part := ""
		switch {
		case strings.HasPrefix(key, "value.converter.") && s.value.state == set && !strings.HasPrefix(s.value.v, kafkaOwn):
			part = "value.converter"
		case strings.HasPrefix(key, "key.converter.") && s.key.state == set && !strings.HasPrefix(s.key.v, kafkaOwn):
			part = "key.converter"
		default:
			for _, alias := range aliases {
				if prefix := "transforms." + alias; len(key) > len(prefix) && key[len(prefix)] == '.' && strings.HasPrefix(key, prefix) &&
					!strings.HasPrefix(trim(s.cfg[prefix+".type"]), kafkaOwn) {
					part = prefix
				}
			}
		}
		if part != "" && (found.key == "" || part < found.key) { // the same one every time
			found = remotePart{part, "another service"}
		}
	}
	return found
}

// kafkaOwn begins the classes of Kafka's own converters and transformations, none of which asks anybody.
const kafkaOwn = "org.apache.kafka.connect."

// addressKey holds for keys whose last word names an address: a constant that happens to be a URL has another name.
func addressKey(key string) bool {
	last := key[strings.LastIndexAny(key, "._-")+1:]
	for _, word := range [...]string{"url", "urls", "uri", "endpoint", "endpoints", "host"} {
		if n := len(last) - len(word); n >= 0 && strings.EqualFold(last[n:], word) {
			return true
		}
	}
	return false
}

// outage is what a service that does not answer does to the records.
func (s *subject) outage(remote remotePart) {
	if remote.key == "" || !s.timeout.usable() {
		return
	}
	noRetry := s.timeout.v == 0
	switch {
	case s.tolerates() && noRetry:
		// What is thrown depends on the release of the converter or transformation, which goes with the worker's.
		sev, when := SeverityInfo, "; whether it throws an error that retries cover depends on its version, and the worker's is not known here"
		if !s.version.IsZero() {
			sev, when = SeverityWarning, ""
		}
		fate := "skipped at once and its offset committed"
		if s.hasDLQ() {
			fate = "dead-lettered at once and its offset committed"
		}
		message := "0, with errors.tolerance=all: while " + remote.asks + " that " + remote.key + " asks is out, every record that needs it is " + fate + when
		fix := "set " + KeyRetryTimeout
		if s.source() {
			fix = "set " + KeyRetryTimeout + "=600000 to sit out ten minutes (a source has no poll deadline)"
		} else if s.pollInterval.usable() && s.pollInterval.v > 0 {
			t := max(s.pollInterval.v/3, 1)
			fix = fmt.Sprintf("set %s=%d to sit out %d s a record; 3 failing records in one poll (3 x %d ms) then reach max.poll.interval.ms (%d) and evict the task, so raise consumer.override.max.poll.interval.ms or lower consumer.override.max.poll.records with it", KeyRetryTimeout, t, t/1000, t, s.pollInterval.v)
		}
		s.addAt(sev, "ET304", KeyRetryTimeout, message, fix)
	case s.intolerant() && !s.atLeast(4, 0):
		sev, when := SeverityWarning, ""
		if s.version.IsZero() {
			sev, when = SeverityInfo, " (the version is not known here)"
		}
		message := "workers before 4.0 drop a record in silence, although errors.tolerance is none, when " + remote.key + " throws Connect's RetriableException"
		if noRetry {
			message += " once, as on a time-out of " + remote.asks
		} else {
			message += " until the retry time is over"
		}
		fix := "upgrade the workers to 4.0, or set " + KeyRetryTimeout + " beyond the longest outage"
		if s.sink() {
			fix += ", and " + KeyDLQTopic + " so that the record is kept"
		}
		s.addAt(sev, "ET303", KeyRetryTimeout, message+when, fix)
	}
}
