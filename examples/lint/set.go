package main

import (
	"strconv"
	"strings"

	"github.com/go-reconnect/reconnect/errtolerance"
)

// place is where a configuration was read.
type place struct {
	path     string
	text     string // from the line where its document begins
	line     int    // of that line
	complete bool   // a whole configuration, not a snippet
}

// set is everything that is linted together.
type set struct {
	connectors map[string]map[string]string
	places     map[string]place
	kinds      map[string]errtolerance.Kind
	said       map[string][]errtolerance.ServerValue
	version    string
}

func newSet() *set {
	return &set{
		connectors: map[string]map[string]string{}, places: map[string]place{},
		kinds: map[string]errtolerance.Kind{}, said: map[string][]errtolerance.ServerValue{},
	}
}

// add keeps connectors of the same name from two files apart.
func (s *set) add(name string, config map[string]string, p place) {
	if name == "" {
		name = p.path
	}
	unique := name
	for i := 2; s.connectors[unique] != nil; i++ {
		unique = name + "#" + strconv.Itoa(i)
	}
	s.connectors[unique], s.places[unique] = config, p
}

func (s *set) lint(o options) errtolerance.Findings {
	target := o.target
	target.Kinds = s.kinds
	if target.KafkaVersion == "" {
		target.KafkaVersion = s.version
	}
	// Whole configurations and snippets are judged differently, but all together.
	whole, parts := map[string]map[string]string{}, map[string]map[string]string{}
	for name, config := range s.connectors {
		if s.places[name].complete {
			whole[name] = config
		} else {
			parts[name] = config
		}
	}
	target.Complete = len(parts) == 0
	findings := errtolerance.LintSet(s.connectors, target)
	if len(parts) > 0 && len(whole) > 0 {
		target.Complete = true
		byName := map[string]bool{}
		for name := range whole {
			byName[name] = true
		}
		var mixed errtolerance.Findings
		for _, f := range findings {
			if !byName[f.Connector] || f.Code == "ET411" || f.Code == "ET412" || f.Code == "ET413" {
				mixed = append(mixed, f)
			}
		}
		for _, f := range errtolerance.LintSet(whole, target) {
			if f.Code != "ET411" && f.Code != "ET412" && f.Code != "ET413" {
				mixed = append(mixed, f)
			}
		}
		findings = mixed
	}
	for name, values := range s.said {
		findings = findings.MergeValidation(name, values)
	}
	return errtolerance.Merge(findings)
}

// locate finds a connector's file, and the lines of its keys in it.
func (s *set) locate(connector string) errtolerance.Location {
	p, ok := s.places[connector]
	if !ok || p.path == "" {
		return errtolerance.Location{}
	}
	return errtolerance.Location{URI: p.path, Line: p.line, LineOf: func(key string) int {
		for i, line := range strings.Split(p.text, "\n") {
			at := strings.Index(line, key)
			if at < 0 {
				continue
			}
			// The key itself, not a longer one that begins or ends with it.
			rest := strings.TrimLeft(line[at+len(key):], `"' `)
			if (rest == "" || rest[0] == ':' || rest[0] == '=') && (at == 0 || strings.ContainsRune("\"' \t{,", rune(line[at-1]))) {
				return p.line + i
			}
		}
		return 0
	}}
}
