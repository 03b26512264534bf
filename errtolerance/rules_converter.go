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

func (s *subject) converterRules() {
	remote := ""
	for _, side := range [...]struct {
		prefix string
		class  text
	}{{"key.converter", s.key}, {"value.converter", s.value}} {
		kind := noRegistry
		if side.class.state == set {
			kind = converterRegistry(side.class.v)
		}
		if kind != noRegistry && remote == "" {
			remote = side.prefix
		}
		s.schemasEnable(side.prefix, side.class, kind)
		if kind == confluentRegistry {
			s.registry(side.prefix)
		}
	}
	s.oneSided()
	s.outage(remote)
}

func (s *subject) schemasEnable(prefix string, class text, kind registryKind) {
	key := prefix + ".schemas.enable"
	if _, ok := s.cfg[key]; !ok || class.state != set {
		return
	}
	simple := class.v[strings.LastIndexByte(class.v, '.')+1:]
	if kind != noRegistry || class.v == "org.apache.kafka.connect.storage.StringConverter" || class.v == "org.apache.kafka.connect.converters.ByteArrayConverter" {
		s.add("ET504", key, simple+" has no such setting", "remove it")
	}
}

func (s *subject) registry(prefix string) {
	url := prefix + ".schema.registry.url"
	if v, ok := s.cfg[url]; !ok || trim(v) == "" {
		sev := SeverityWarning
		if _, info := s.cfg[prefix+".basic.auth.user.info"]; !info && !s.registryElsewhere() && !s.t.Complete {
			// Nothing about a registry at all: a snippet, or a managed worker that fills it in.
			sev = SeverityInfo
		}
		s.addAt(sev, "ET505", url, "missing: the converter takes its settings from this configuration only, and the task fails at start", "set "+url)
	}
	info, user := s.userInfo(prefix)
	if !user {
		return
	}
	source := s.get(prefix + ".basic.auth.credentials.source")
	if source.state == absent {
		// The client strips schema.registry. from every setting.
		source = s.get(prefix + ".schema.registry.basic.auth.credentials.source")
	}
	if source.state == absent || source.state == set && source.v != "USER_INFO" && source.v != "SASL_INHERIT" {
		what := "URL, the default"
		if source.state == set {
			what = "not USER_INFO"
		}
		s.add("ET502", prefix+".basic.auth.credentials.source", "is "+what+": the credentials in "+info+" are not used", "set "+prefix+".basic.auth.credentials.source=USER_INFO")
	}
}

func (s *subject) registryElsewhere() bool {
	_, k := s.cfg["key.converter.schema.registry.url"]
	_, v := s.cfg["value.converter.schema.registry.url"]
	return k || v
}

// userInfo finds the credentials under either of the two names the client reads.
func (s *subject) userInfo(prefix string) (key string, ok bool) {
	for _, key := range [...]string{prefix + ".basic.auth.user.info", prefix + ".schema.registry.basic.auth.user.info"} {
		if _, ok := s.cfg[key]; ok {
			return key, true
		}
	}
	return "", false
}

// oneSided compares the credentials of both converters for the same registry.
func (s *subject) oneSided() {
	key, value := s.get("key.converter.schema.registry.url"), s.get("value.converter.schema.registry.url")
	if key.state == absent || value.state == absent || key.v != value.v || strings.Contains(key.v, "@") {
		return
	}
	if s.key.state != set || s.value.state != set || converterRegistry(s.key.v) == noRegistry || converterRegistry(s.value.v) == noRegistry {
		return
	}
	with := func(prefix string) bool {
		if _, ok := s.userInfo(prefix); ok {
			return true
		}
		for _, suffix := range [...]string{"bearer.auth.credentials.source", "bearer.auth.token", "basic.auth.credentials.source", "ssl.keystore.location"} {
			_, plain := s.cfg[prefix+"."+suffix]
			if _, prefixed := s.cfg[prefix+".schema.registry."+suffix]; plain || prefixed {
				return true
			}
		}
		return false
	}
	k, v := with("key.converter"), with("value.converter")
	if k == v {
		return
	}
	have, want := "key.converter", "value.converter"
	if v {
		have, want = want, have
	}
	s.add("ET503", want+".basic.auth.user.info", "missing, although "+have+" has credentials for the same registry", "set the credentials on both sides")
}

// outage is what a registry that does not answer does to the records.
func (s *subject) outage(remote string) {
	if remote == "" || !s.timeout.usable() {
		return
	}
	noRetry := s.timeout.v == 0
	switch {
	case s.tolerates() && noRetry:
		sev, when := SeverityInfo, "; whether the converter throws an error that retries cover depends on its version, not known here"
		if !s.version.IsZero() {
			sev, when = SeverityWarning, ""
		}
		fate := "skipped at once and its offset committed"
		if s.hasDLQ() {
			fate = "dead-lettered at once and its offset committed"
		}
		message := "0, with errors.tolerance=all and a converter that asks a registry: while the registry is out, every record that needs it is " + fate + when
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
		message := "workers before 4.0 drop a record in silence, although errors.tolerance is none, when " + remote + " throws Connect's RetriableException"
		if noRetry {
			message += " once, as on a time-out of the registry"
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
