package errtolerance

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// WriteText writes the findings for people, the fix under each.
func (fs Findings) WriteText(w io.Writer) error {
	var b strings.Builder
	for _, f := range fs {
		b.WriteString(f.String())
		if f.Value != "" {
			fmt.Fprintf(&b, " (now %s)", oneLine(f.Value))
		}
		b.WriteByte('\n')
		if f.Fix != "" {
			b.WriteString("    fix: " + f.Fix + "\n")
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if isControl(r) {
			return ' '
		}
		return r
	}, s)
}

// WriteJSON writes the findings as one JSON array, [] when there are none.
func (fs Findings) WriteJSON(w io.Writer) error {
	if fs == nil {
		fs = Findings{}
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(fs)
}

// Location says where a connector's configuration was read, for SARIF.
type Location struct {
	// URI is a path relative to the repository's root, with forward slashes.
	URI string
	// Line is the first line of the configuration, counted from 1; zero means 1. LineOf, where it is not nil, finds the line
	// of a key.
	Line   int
	LineOf func(key string) int
}

// WriteSARIF writes the findings as a SARIF 2.1.0 log, which code review tools read. locate tells where the configuration of
// a finding's connector was read; nil, or an empty URI, leaves the place out.
func (fs Findings) WriteSARIF(w io.Writer, locate func(Finding) Location) error {
	type text struct {
		Text string `json:"text"`
	}
	type rule struct {
		ID                   string `json:"id"`
		ShortDescription     text   `json:"shortDescription"`
		FullDescription      text   `json:"fullDescription"`
		HelpURI              string `json:"helpUri"`
		DefaultConfiguration struct {
			Level string `json:"level"`
		} `json:"defaultConfiguration"`
	}
	type region struct {
		StartLine int `json:"startLine"`
	}
	type physical struct {
		ArtifactLocation struct {
			URI string `json:"uri"`
		} `json:"artifactLocation"`
		Region region `json:"region"`
	}
	type logical struct {
		Name string `json:"fullyQualifiedName"`
	}
	type location struct {
		Physical *physical `json:"physicalLocation,omitempty"`
		Logical  []logical `json:"logicalLocations,omitempty"`
	}
	type result struct {
		RuleID       string            `json:"ruleId,omitempty"`
		Level        string            `json:"level"`
		Message      text              `json:"message"`
		Locations    []location        `json:"locations"`
		Fingerprints map[string]string `json:"partialFingerprints"`
	}
	rules := make([]rule, 0, len(checks))
	for _, c := range checks {
		r := rule{ID: c.Code, ShortDescription: text{c.Title}, FullDescription: text{c.Why}, HelpURI: c.Doc}
		r.DefaultConfiguration.Level = sarifLevel(c.Severity)
		rules = append(rules, r)
	}
	results := make([]result, 0, len(fs))
	for _, f := range fs {
		msg := f.Key + ": " + f.Message
		if f.Fix != "" {
			msg += ". Fix: " + f.Fix
		}
		loc := location{Logical: []logical{{strings.TrimPrefix(f.Connector+"/"+f.Key, "/")}}}
		if locate != nil {
			if at := locate(f); at.URI != "" {
				p := &physical{Region: region{max(at.Line, 1)}}
				if at.LineOf != nil {
					if line := at.LineOf(f.Key); line > 0 {
						p.Region.StartLine = line
					}
				}
				p.ArtifactLocation.URI = at.URI
				loc.Physical = p
			}
		}
		results = append(results, result{
			RuleID: f.Code, Level: sarifLevel(f.Severity), Message: text{msg}, Locations: []location{loc},
			Fingerprints: map[string]string{"connectorKeyCode/v1": f.Connector + "|" + f.Key + "|" + f.Code},
		})
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(map[string]any{
		"$schema": "https://json.schemastore.org/sarif-2.1.0.json",
		"version": "2.1.0",
		"runs": []any{map[string]any{
			"tool": map[string]any{"driver": map[string]any{
				"name": "reconnect-lint", "informationUri": "https://github.com/go-reconnect/reconnect", "rules": rules,
			}},
			"results": results,
		}},
	})
}

func sarifLevel(s Severity) string {
	switch s {
	case SeverityError:
		return "error"
	case SeverityWarning:
		return "warning"
	case SeverityInfo:
	}
	return "note"
}
