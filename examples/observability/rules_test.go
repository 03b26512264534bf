package main

import (
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

const runbookBase = "https://github.com/go-reconnect/reconnect/blob/main/docs/runbooks/"

type alertRule struct {
	Alert       string            `yaml:"alert"`
	Expr        string            `yaml:"expr"`
	For         string            `yaml:"for"`
	Labels      map[string]string `yaml:"labels"`
	Annotations map[string]string `yaml:"annotations"`
}

func alertRules(t *testing.T) []alertRule {
	t.Helper()
	data, err := os.ReadFile("prometheus/alerts.rules.yml")
	require.NoError(t, err)
	var doc struct {
		Groups []struct {
			Rules []alertRule `yaml:"rules"`
		} `yaml:"groups"`
	}
	require.NoError(t, yaml.Unmarshal(data, &doc))
	var out []alertRule
	for _, g := range doc.Groups {
		out = append(out, g.Rules...)
	}
	require.NotEmpty(t, out)
	return out
}

func TestPromtoolAcceptsTheRulesAndTheConfiguration(t *testing.T) {
	t.Parallel()
	promtool := find(t, "promtool")
	rules, err := filepath.Glob("prometheus/*.rules.yml")
	require.NoError(t, err)
	require.Len(t, rules, 3)
	command(t, promtool, append([]string{"check", "rules"}, rules...)...)
	command(t, promtool, "check", "config", "prometheus/prometheus.yml")
}

func TestPromtoolPlaysEveryCase(t *testing.T) {
	t.Parallel()
	tests, err := filepath.Glob("prometheus/tests/*_test.yml")
	require.NoError(t, err)
	require.Len(t, tests, 2)
	command(t, find(t, "promtool"), append([]string{"test", "rules"}, tests...)...)
}

func TestAmtoolAcceptsTheAlertmanagerConfiguration(t *testing.T) {
	t.Parallel()
	command(t, find(t, "amtool"), "check-config", "alertmanager/alertmanager.yml")
}

// caseFile is what this test needs of promtool's.
type caseFile struct {
	Tests []struct {
		Name  string `yaml:"name"`
		Cases []struct {
			Alert string `yaml:"alertname"`
			At    string `yaml:"eval_time"`
			Want  []struct {
				Annotations map[string]string `yaml:"exp_annotations"`
			} `yaml:"exp_alerts"`
		} `yaml:"alert_rule_test"`
	} `yaml:"tests"`
}

func TestEveryAlertHasItsThreeCases(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("prometheus/tests/alerts_test.yml")
	require.NoError(t, err)
	var file caseFile
	require.NoError(t, yaml.Unmarshal(data, &file))
	fires, before, never := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, test := range file.Tests {
		silent, firing := map[string][]time.Duration{}, map[string]time.Duration{}
		for _, c := range test.Cases {
			at := duration(t, c.At)
			if len(c.Want) == 0 {
				silent[c.Alert] = append(silent[c.Alert], at)
				continue
			}
			firing[c.Alert], fires[c.Alert] = at, true
			for _, w := range c.Want {
				assert.NotEmpty(t, w.Annotations["summary"], test.Name)
				assert.NotEmpty(t, w.Annotations["description"], test.Name)
				assert.NotEmpty(t, w.Annotations["runbook_url"], test.Name)
			}
		}
		for name, at := range silent {
			if f, ok := firing[name]; !ok {
				never[name] = true
			} else if slices.Contains(at, f-time.Minute) {
				before[name] = true
			}
		}
	}
	for _, r := range alertRules(t) {
		assert.True(t, fires[r.Alert], "%s: no case in which it fires", r.Alert)
		assert.True(t, before[r.Alert], "%s: no case one minute before it fires", r.Alert)
		assert.True(t, never[r.Alert], "%s: no case in which it does not fire", r.Alert)
	}
}

func TestEveryAlertSaysHowBadItIsOfWhatAndWhereToRead(t *testing.T) {
	t.Parallel()
	for _, r := range alertRules(t) {
		assert.Contains(t, []string{"critical", "warning"}, r.Labels["severity"], r.Alert)
		scope := r.Labels["scope"]
		require.Contains(t, []string{"connector", "data", "cluster"}, scope, r.Alert)
		if scope == "connector" {
			assert.Contains(t, r.Annotations["summary"], "{{ $labels.connector }}", r.Alert)
		}
		url := r.Annotations["runbook_url"]
		require.True(t, strings.HasPrefix(url, runbookBase), "%s: %s", r.Alert, url)
		assert.FileExists(t, filepath.Join(runbooks, path.Base(url)), r.Alert)
	}
}
