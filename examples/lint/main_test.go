package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-reconnect/reconnect/connect/connecttest"
)

func lint(t *testing.T, args ...string) (code int, out string, err error) {
	t.Helper()
	var o, e bytes.Buffer
	code, err = run(t.Context(), args, &o, &e)
	return code, o.String(), err
}

func write1(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

func TestReadsEveryShapeOfConfiguration(t *testing.T) {
	t.Parallel()
	const want = `[bad] errors.tolerance: `
	for _, tt := range []struct{ name, file, content string }{
		{"a body for POST", "a.json", `{"name": "bad", "config": {"connector.class": "FileStreamSink", "topics": "a", "tasks.max": 1, "errors.tolerance": "ALL", "x": null, "errors.log.enable": true}}`},
		{"a flat map", "a.json", `{"name": "bad", "connector.class": "FileStreamSink", "topics": "a", "errors.tolerance": "ALL"}`},
		{"a list", "a.json", `[{"name": "ok", "config": {"connector.class": "FileStreamSink", "topics": "a"}}, {"name": "bad", "config": {"connector.class": "FileStreamSink", "topics": "a", "errors.tolerance": "ALL"}}]`},
		{"connectors by name", "a.json", `{"bad": {"connector.class": "FileStreamSink", "topics": "a", "errors.tolerance": "ALL"}}`},
		{"what expand=info answers", "a.json", `{"bad": {"info": {"name": "bad", "config": {"connector.class": "FileStreamSink", "topics": "a", "errors.tolerance": "ALL"}, "tasks": [], "type": "sink"}}}`},
		{"properties", "a.properties", "# a sink\nname=bad\nconnector.class=FileStreamSink\ntopics=a\nerrors.tolerance = ALL\nfile=${file:/x:y}\n"},
		{"a Strimzi resource among others", "a.yaml", "apiVersion: v1\nkind: ConfigMap\ndata: {errors.tolerance: ALL}\n---\napiVersion: kafka.strimzi.io/v1beta2\nkind: KafkaConnector\nmetadata: {name: bad}\nspec:\n  class: FileStreamSink\n  tasksMax: 1\n  config:\n    topics: a\n    errors.tolerance: ALL\n---\n"},
		{"a flat map in YAML", "a.yml", "name: bad\nconnector.class: FileStreamSink\ntopics: a\nerrors.tolerance: ALL\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			code, out, err := lint(t, write1(t, tt.file, tt.content))
			require.NoError(t, err)
			assert.Equal(t, exitFindings, code)
			assert.Contains(t, out, want)
			assert.NotContains(t, out, "missing", "nothing was lost on the way")
		})
	}
}

func TestExitCodes(t *testing.T) {
	t.Parallel()
	clean := write1(t, "c.json", `{"name": "c", "config": {"connector.class": "FileStreamSink", "topics": "a"}}`)
	info := write1(t, "i.json", `{"name": "i", "config": {"connector.class": "FileStreamSink", "topics": "a", "errors.log.include.messages": "true"}}`)
	for _, tt := range []struct {
		name string
		args []string
		code int
		fail bool
	}{
		{"nothing to say", []string{clean}, exitClean, false},
		{"an information does not fail", []string{info}, exitClean, false},
		{"unless asked to", []string{"-fail-on", "info", info}, exitFindings, false},
		{"a warning does", []string{"testdata/kafka-connector.yaml"}, exitFindings, false},
		{"unless only errors do", []string{"-fail-on", "error", "testdata/kafka-connector.yaml"}, exitClean, false},
		{"or nothing", []string{"-fail-on", "never", "testdata"}, exitClean, false},
		{"ignored with a reason", []string{"-ignore", "ET302=no replay", "testdata/kafka-connector.yaml"}, exitClean, false},
		{"ignored without one", []string{"-ignore", "ET302", "testdata/kafka-connector.yaml"}, exitTrouble, true},
		{"no file", []string{"testdata/nothing.json"}, exitTrouble, true},
		{"no arguments", nil, exitTrouble, true},
		{"an unknown format", []string{"-format", "xml", clean}, exitTrouble, true},
		{"an unknown flag", []string{"-colour", clean}, exitTrouble, true},
		{"not JSON", []string{write1(t, "x.json", `{"name": `)}, exitTrouble, true},
		{"no connector", []string{write1(t, "x.json", `{"name": "package", "version": "1"}`)}, exitTrouble, true},
		{"a list as a value", []string{write1(t, "x.json", `{"name": "x", "config": {"topics": ["a"]}}`)}, exitTrouble, true},
		{"help", []string{"-h"}, exitClean, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			code, _, err := lint(t, tt.args...)
			assert.Equal(t, tt.code, code)
			assert.Equal(t, tt.fail, err != nil, "%v", err)
		})
	}
}

func TestSARIFPointsAtTheLineOfTheKey(t *testing.T) {
	t.Parallel()
	path := write1(t, "two.yaml", "kind: KafkaConnector\napiVersion: x/v1\nmetadata: {name: a}\nspec:\n  class: FileStreamSink\n  config: {topics: t, errors.tolerance: none}\n---\n"+
		"kind: KafkaConnector\napiVersion: x/v1\nmetadata: {name: b}\nspec:\n  class: FileStreamSink\n  config:\n    topics: t\n    errors.tolerance: ALL\n")
	code, out, err := lint(t, "-format", "sarif", path)
	require.NoError(t, err)
	assert.Equal(t, exitFindings, code)
	var log struct {
		Runs []struct {
			Results []struct {
				RuleID    string
				Locations []struct {
					PhysicalLocation struct{ Region struct{ StartLine int } }
				}
			}
		}
	}
	require.NoError(t, json.Unmarshal([]byte(out), &log))
	require.Len(t, log.Runs[0].Results, 1)
	assert.Equal(t, "ET101", log.Runs[0].Results[0].RuleID)
	assert.Equal(t, 15, log.Runs[0].Results[0].Locations[0].PhysicalLocation.Region.StartLine)
}

func TestLintsEveryRunningConnector(t *testing.T) {
	t.Parallel()
	srv := connecttest.NewServer(connecttest.Config{Workers: 1, Version: "3.9.0"})
	t.Cleanup(srv.Close)
	srv.AddConnector("orders", map[string]string{
		"connector.class": "org.apache.kafka.connect.file.FileStreamSinkConnector", "topics": "orders", "errors.tolerance": "all",
		"connection.password": "hunter2",
	})
	code, out, err := lint(t, "-connect", srv.URL(), "-format", "json")
	require.NoError(t, err)
	assert.Equal(t, exitFindings, code)
	assert.Contains(t, out, `"code": "ET301"`)
	assert.Contains(t, out, `"connector": "orders"`)
	assert.NotContains(t, out, "hunter2")
	code, _, err = lint(t, "-connect", "http://127.0.0.1:1")
	require.Error(t, err)
	assert.Equal(t, exitTrouble, code)
}

// The tutorial's Kubernetes resource: autoRestart and healthCheck are the operator's, the rest is the connector's.
func TestTutorialResourceHasItsListedFindings(t *testing.T) {
	t.Parallel()
	_, out, err := lint(t, "-format", "json", "-kafka-version", "4.3.1", "testdata/kafka-connector.yaml")
	require.NoError(t, err)
	var found []struct{ Code, Severity, Connector, Key string }
	require.NoError(t, json.Unmarshal([]byte(out), &found))
	var got []string
	for _, f := range found {
		assert.Equal(t, "jdbc-sink", f.Connector)
		got = append(got, f.Code+" "+f.Severity+" "+f.Key)
	}
	assert.Equal(t, []string{
		"ET302 warning errors.deadletterqueue.context.headers.enable",
		"ET104 info errors.deadletterqueue.topic.replication.factor",
	}, got)
}
