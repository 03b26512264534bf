package errtolerance

import (
	"maps"
	"slices"
	"strings"
)

// Lint checks one connector's configuration, as a flat map of strings, against the rules of Checks. It never fails: what it
// cannot know (a version, a kind, a reference) it does not guess. The result is sorted by key and code, and is nil when
// there is nothing to say. The connector's name is taken from the key name, where it is present.
func Lint(connector map[string]string, target Target) Findings {
	return lint(connector["name"], connector, target, make([]property, 0, 48)).sorted()
}

func lint(name string, connector map[string]string, target Target, scratch []property) Findings {
	if unresolved(name) {
		name = ""
	}
	var s subject
	s.init(trim(name), connector, &target, scratch)
	s.errorsRules()
	s.frameworkRules()
	s.otherKeys()
	s.converterRules()
	s.connectorRules()
	return s.findings
}

// LintSet checks connectors by name, each alone and then together: a shared dead letter queue, one connector's dead letter
// queue among another's topics, a shared consumer group. The result is sorted by connector, key and code. The kind
// of a connector whose class does not tell it is taken from Target.Kinds, then Target.Kind.
func LintSet(connectors map[string]map[string]string, target Target) Findings {
	var all Findings
	scratch := make([]property, 0, 64)
	names := slices.Sorted(maps.Keys(connectors))
	subjects := make([]*subject, 0, len(names))
	for _, name := range names {
		cfg, target := connectors[name], target
		if k, ok := target.Kinds[name]; ok {
			target.Kind = k
		}
		for _, f := range lint(name, cfg, target, scratch) {
			// The caller's name is the connector's name even where it looks like a placeholder.
			f.Connector = name
			all = append(all, f)
		}
		s := new(subject)
		s.init(name, cfg, &target, scratch)
		subjects = append(subjects, s)
	}
	byDLQ := map[string][]string{}
	byGroup := map[string][]string{}
	for _, s := range subjects {
		if s.hasDLQ() && s.dlq.state == set {
			byDLQ[s.dlq.v] = append(byDLQ[s.dlq.v], s.connector)
		}
		if g := s.get("consumer.override.group.id"); g.state == set && g.v != "" && s.sink() {
			byGroup[g.v] = append(byGroup[g.v], s.connector)
		}
	}
	for _, s := range subjects {
		s.findings = nil
		if s.hasDLQ() && s.dlq.state == set {
			if others := without(byDLQ[s.dlq.v], s.connector); len(others) > 0 {
				s.add("ET411", KeyDLQTopic, "also the dead letter queue of "+list(others), "give each connector a queue of its own, or create this one with enough partitions and keep "+KeyDLQContextHeaders+"=true")
			}
		}
		if g := s.get("consumer.override.group.id"); g.state == set && g.v != "" && s.sink() {
			if others := without(byGroup[g.v], s.connector); len(others) > 0 {
				s.add("ET413", "consumer.override.group.id", "the same consumer group as "+list(others)+": each connector gets only a part of the records", "remove the override, or give each connector a group of its own")
			}
		}
		s.readsOthersDLQ(byDLQ)
		all = append(all, s.findings...)
	}
	return all.sorted()
}

func (s *subject) readsOthersDLQ(byDLQ map[string][]string) {
	if s.source() {
		return
	}
	if s.topics.state == set && s.topics.v != "" {
		for _, topic := range splitList(s.topics.v) {
			if owners := without(byDLQ[topic], s.connector); len(owners) > 0 {
				s.addAt(SeverityInfo, "ET412", "topics", "reads "+topic+", the dead letter queue of "+list(owners), "nothing, if this connector is meant to archive dead letters")
			}
		}
	}
	if s.regex.state != set || s.regex.v == "" || len(byDLQ) == 0 {
		return
	}
	match, verdict := javaMatcher(s.regex.v)
	if verdict != regexOK {
		return
	}
	for _, topic := range slices.Sorted(maps.Keys(byDLQ)) {
		if owners := without(byDLQ[topic], s.connector); len(owners) > 0 && match(topic) {
			s.add("ET412", "topics.regex", "matches "+topic+", the dead letter queue of "+list(owners), "narrow the pattern, or rename the queue so that it does not match")
		}
	}
}

func without(names []string, name string) []string {
	var out []string
	for _, n := range names {
		if n != name {
			out = append(out, n)
		}
	}
	return out
}

func list(names []string) string {
	if len(names) > 3 {
		return strings.Join(names[:3], ", ") + " and others"
	}
	return strings.Join(names, ", ")
}
