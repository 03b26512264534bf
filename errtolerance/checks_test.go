package errtolerance_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-reconnect/reconnect/errtolerance"
)

var update = flag.Bool("update", false, "write docs/checks.md anew")

// checkCase is a configuration that provokes a check, and one that looks like it and must not.
type checkCase struct {
	Code   string              `json:"code"`
	Target errtolerance.Target `json:"target"`
	Bad    map[string]string   `json:"bad"`
	Good   map[string]string   `json:"good"`
}

func checkCases(t *testing.T) []checkCase {
	t.Helper()
	raw, err := os.ReadFile("testdata/checks.json")
	require.NoError(t, err)
	var cases []checkCase
	require.NoError(t, json.Unmarshal(raw, &cases))
	return cases
}

func codes(fs errtolerance.Findings) map[string]errtolerance.Severity {
	m := map[string]errtolerance.Severity{}
	for _, f := range fs {
		m[f.Code] = max(m[f.Code], f.Severity)
	}
	return m
}

func TestEveryCheckIsProvokedAndNarrowlyMissed(t *testing.T) {
	t.Parallel()
	seen := map[string]errtolerance.Severity{}
	for i, c := range checkCases(t) {
		bad := codes(errtolerance.Lint(c.Bad, c.Target))
		assert.Contains(t, bad, c.Code, "case %d", i)
		assert.NotContains(t, codes(errtolerance.Lint(c.Good, c.Target)), c.Code, "case %d, the near miss", i)
		seen[c.Code] = max(seen[c.Code], bad[c.Code])
	}
	set := map[string]map[string]string{
		"a": {"connector.class": "FileStreamSink", "topics": "in", "errors.tolerance": "all", "errors.deadletterqueue.topic.name": "dlq", "consumer.override.group.id": "g"},
		"b": {"connector.class": "FileStreamSink", "topics": "in", "errors.tolerance": "all", "errors.deadletterqueue.topic.name": "dlq", "consumer.override.group.id": "g"},
		"c": {"connector.class": "FileStreamSink", "topics.regex": "d.*"},
		"d": {"connector.class": "FileStreamSink", "topics": "dlq"},
		"e": {"connector.class": "FileStreamSource", "topic": "dlq", "errors.deadletterqueue.topic.name": "dlq", "consumer.override.group.id": "g"},
	}
	byConnector := map[string][]string{}
	for _, f := range errtolerance.LintSet(set, errtolerance.Target{Brokers: 3}) {
		switch f.Code {
		case "ET411", "ET412", "ET413":
			byConnector[f.Connector] = append(byConnector[f.Connector], f.Code+" "+f.Severity.String())
			seen[f.Code] = max(seen[f.Code], f.Severity)
		}
	}
	assert.Equal(t, map[string][]string{
		"a": {"ET413 warning", "ET411 info"}, "b": {"ET413 warning", "ET411 info"}, "c": {"ET412 warning"}, "d": {"ET412 info"},
	}, byConnector)
	for _, c := range errtolerance.Checks() {
		assert.Contains(t, seen, c.Code, "no case")
		assert.LessOrEqual(t, seen[c.Code], c.Severity, "%s: no finding is worse than its check", c.Code)
	}
}

func TestAConnectorThatDoesWhatItsAuthorWantsHasNoErrors(t *testing.T) {
	t.Parallel()
	for i, c := range checkCases(t) {
		for code, sev := range codes(errtolerance.Lint(c.Good, c.Target)) {
			assert.Less(t, sev, errtolerance.SeverityError, "case %d (%s): %s", i, c.Code, code)
		}
	}
}

func TestChecksDocumentIsGenerated(t *testing.T) {
	t.Parallel()
	const path = "../docs/checks.md"
	want := checksDocument()
	if *update {
		require.NoError(t, os.MkdirAll("../docs", 0o755))
		require.NoError(t, os.WriteFile(path, []byte(want), 0o644))
	}
	got, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, want, string(got), "stale: go test ./errtolerance -run ChecksDocument -update")
}

func checksDocument() string {
	var b strings.Builder
	b.WriteString("# Checks of errtolerance\n\n")
	b.WriteString("<!-- Generated from errtolerance.Checks(): go test ./errtolerance -run ChecksDocument -update -->\n\n")
	b.WriteString("ET1xx: Kafka refuses the value, or a task breaks on it. ET2xx: no effect. ET3xx: records are lost. ET4xx: operations. ET5xx: settings of one connector or a few.\n")
	b.WriteString("The severity is the highest a check reports. What depends on a version, a kind or a number of brokers that is not known is reported lower and says so.\n\n")
	b.WriteString("| code | severity | what |\n|---|---|---|\n")
	for _, c := range errtolerance.Checks() {
		fmt.Fprintf(&b, "| [%s](#%s) | %s | %s |\n", c.Code, strings.ToLower(c.Code), c.Severity, c.Title)
	}
	for _, c := range errtolerance.Checks() {
		fmt.Fprintf(&b, "\n## %s\n\n**%s** (%s", c.Code, c.Title, c.Severity)
		if c.Kafka != "" {
			fmt.Fprintf(&b, "; Kafka: %s", c.Kafka)
		}
		fmt.Fprintf(&b, "; since %s)\n\n%s\n\nSource: %s.\n", c.Since, c.Why, c.Source)
	}
	return b.String()
}

// tutorialFindings are the findings a reader of the tutorial gets, checked key by key against the connectors' own sources.
var tutorialFindings = map[string][]string{
	"avro-sink.json": {
		"ET104 info errors.deadletterqueue.topic.replication.factor", "ET302 warning errors.deadletterqueue.context.headers.enable",
		"ET304 warning errors.retry.timeout", "ET405 info key.converter.schema.registry.basic.auth.user.info",
		"ET502 warning key.converter.basic.auth.credentials.source", "ET503 warning value.converter.basic.auth.user.info",
		"ET504 info value.converter.schemas.enable", "ET506 info schema.compatibility.level",
	},
	"elasticsearch-sink.json": nil,
	"http-sink-connector.json": {
		"ET301 error errors.tolerance", "ET401 warning errors.retry.timeout", "ET501 warning reporter.bootstrap.servers",
		"ET507 info max.retries", "ET509 info behavior.on.error",
	},
	"jdbc-sink-connector.json": {"ET401 warning errors.retry.timeout", "ET407 info connection.password"},
	"jdbc-source.json":         {"ET506 info query.timeout.ms", "ET511 error mode", "ET511 error topic.prefix"},
}

func TestTutorialConfigsHaveTheirListedFindings(t *testing.T) {
	t.Parallel()
	for name, want := range tutorialFindings {
		raw, err := os.ReadFile("testdata/tutorial/" + name)
		require.NoError(t, err)
		var body struct {
			Config map[string]any `json:"config"`
		}
		require.NoError(t, json.Unmarshal(raw, &body))
		cfg := map[string]string{}
		for k, v := range body.Config {
			cfg[k] = fmt.Sprint(v)
			if n, ok := v.(float64); ok {
				cfg[k] = fmt.Sprintf("%.0f", n)
			}
		}
		var got []string
		for _, f := range errtolerance.Lint(cfg, errtolerance.Target{KafkaVersion: "4.3.1", Complete: true}) {
			got = append(got, fmt.Sprintf("%s %s %s", f.Code, f.Severity, f.Key))
		}
		assert.ElementsMatch(t, want, got, name)
	}
}
