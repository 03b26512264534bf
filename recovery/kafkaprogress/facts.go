package kafkaprogress

import (
	"context"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/go-reconnect/reconnect/connect"
)

// fact is what a config says that matters here. Nothing else of it is kept.
type fact struct {
	source    bool
	group     string
	topics    []string
	regex     *regexp.Regexp
	committed bool // read_committed
	latest    bool // what was never committed does not wait: auto.offset.reset is not earliest
}

// learn reads the configs when a name is new or what is known is old.
func (p *Progress) learn(ctx context.Context, names []string, now time.Time) error {
	fresh := p.facts != nil && now.Sub(p.factAt) < configsEvery
	for i := 0; fresh && i < len(names); i++ {
		_, fresh = p.facts[names[i]]
	}
	if fresh {
		return nil
	}
	facts := make(map[string]fact, len(names))
	for con, err := range p.cfg.Connect.Connectors(ctx) {
		if err != nil {
			return fmt.Errorf("kafkaprogress: reading the configs: %w", err)
		}
		facts[strings.Clone(con.Name)] = factOf(con)
	}
	p.facts, p.factAt = facts, now
	return nil
}

func factOf(con connect.Connector) fact {
	get := func(key string) string { return strings.Clone(strings.TrimSpace(con.Config[key])) }
	if con.Type != connect.TypeSink {
		return fact{source: true}
	}
	f := fact{group: get("consumer.override.group.id")}
	if f.group == "" {
		f.group = "connect-" + strings.Clone(con.Name)
	}
	for t := range strings.SplitSeq(get("topics"), ",") {
		if t = strings.TrimSpace(t); t != "" && !slices.Contains(f.topics, t) {
			f.topics = append(f.topics, t)
		}
	}
	if expr := get("topics.regex"); expr != "" && len(f.topics) == 0 {
		// Java's expressions and Go's differ in what topic names hardly use; where ours does not compile, what was committed is judged.
		if re, err := regexp.Compile("^(?:" + expr + ")$"); err == nil {
			f.regex = re
		}
	}
	f.committed = strings.EqualFold(get("consumer.override.isolation.level"), "read_committed")
	reset := get("consumer.override.auto.offset.reset")
	f.latest = reset != "" && !strings.EqualFold(reset, "earliest")
	return f
}

// reads reports whether a sink reads a topic.
func (f *fact) reads(topic string) bool {
	return slices.Contains(f.topics, topic) || f.regex != nil && f.regex.MatchString(topic)
}

// busy reports whether a source is declared to have something to do at any time.
func (p *Progress) busy(name string) bool {
	for _, pattern := range p.cfg.Sources {
		if ok, err := path.Match(pattern, name); ok && err == nil {
			return true
		}
	}
	return false
}

// turns picks whom to ask in this look: all of them, or the next MaxConnectors.
func (p *Progress) turns(names []string) []string {
	var judged []string
	for _, name := range names {
		if f, ok := p.facts[name]; ok && (!f.source || p.busy(name)) {
			judged = append(judged, name)
		}
	}
	slices.Sort(judged)
	if len(judged) <= p.cfg.MaxConnectors {
		return judged
	}
	at, found := slices.BinarySearch(judged, p.turn)
	if found {
		at++
	}
	out := make([]string, 0, p.cfg.MaxConnectors)
	for i := range p.cfg.MaxConnectors {
		out = append(out, judged[(at+i)%len(judged)])
	}
	p.turn = out[len(out)-1]
	return out
}
