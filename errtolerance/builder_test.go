package errtolerance_test

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-reconnect/reconnect/errtolerance"
)

func TestBuildersWriteKeysThatTheLinterHasNothingToSayAbout(t *testing.T) {
	t.Parallel()
	cfg := errtolerance.DeadLetter("orders-dlq").WithRetry(20*time.Second, 5*time.Second).ApplyTo(map[string]string{
		"connector.class": "io.confluent.connect.jdbc.JdbcSinkConnector", "topics": "orders", "connection.url": "jdbc:postgresql://db/w",
	})
	for _, build := range []func() (errtolerance.Settings, error){
		errtolerance.JDBC{Kind: errtolerance.KindSink, ConnectionAttempts: 5, ConnectionBackoff: 2 * time.Second, BatchSize: 100}.Map,
		errtolerance.SchemaRegistry{Converter: "io.confluent.connect.avro.AvroConverter", URLs: []string{"http://a:8081", "http://b:8081"}, UserInfo: "${file:/run/secrets/sr:info}"}.Map,
		errtolerance.ClientOverrides{SecurityProtocol: "SASL_SSL", SASLMechanism: "PLAIN", SASLJAASConfig: "${file:/run/secrets/kafka:jaas}", MaxPollInterval: 15 * time.Minute, MaxPollRecords: 100, ReadCommitted: true}.Map,
	} {
		settings, err := build()
		require.NoError(t, err)
		cfg = settings.ApplyTo(cfg)
	}
	assert.Equal(t, "2000", cfg["connection.backoff.ms"])
	assert.Equal(t, "USER_INFO", cfg["key.converter.basic.auth.credentials.source"])
	assert.Equal(t, cfg["producer.override.sasl.jaas.config"], cfg["admin.override.sasl.jaas.config"])
	findings := errtolerance.Lint(cfg, errtolerance.Target{KafkaVersion: "4.3.1", Brokers: 3, Complete: true, RepublishExactlyOnce: true})
	assert.Empty(t, findings)
}

func TestBuildersNameTheFieldThatTheConnectorDoesNotHave(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		build func() (errtolerance.Settings, error)
		field string
	}{
		{"a JDBC source has no max.retries", errtolerance.JDBC{Kind: errtolerance.KindSource, MaxRetries: 3}.Map, "JDBC.MaxRetries"},
		{"a JDBC sink does not poll", errtolerance.JDBC{Kind: errtolerance.KindSink, PollInterval: time.Second}.Map, "JDBC.PollInterval"},
		{"a JDBC connector has a direction", errtolerance.JDBC{}.Map, "JDBC.Kind"},
		{"an isolation level of another world", errtolerance.JDBC{Kind: errtolerance.KindSource, Isolation: "chaos"}.Map, "JDBC.Isolation"},
		{"a class without retries", errtolerance.SinkRetry{Class: "FileStreamSink", MaxRetries: 1}.Map, "SinkRetry.Class"},
		{"ClickHouse has no backoff", errtolerance.SinkRetry{Class: "com.clickhouse.kafka.connect.ClickHouseSinkConnector", Backoff: time.Second}.Map, "SinkRetry.Backoff"},
		{"an unknown policy", errtolerance.SinkRetry{Class: "io.confluent.connect.http.HttpSinkConnector", OnError: "pray"}.Map, "SinkRetry.OnError"},
		{"a reporter needs a cluster", errtolerance.Reporter{ErrorTopic: "e"}.Map, "Reporter.BootstrapServers"},
		{"a registry needs a URL", errtolerance.SchemaRegistry{Converter: "io.confluent.connect.avro.AvroConverter"}.Map, "SchemaRegistry.URLs"},
		{"a registry needs its converter", errtolerance.SchemaRegistry{Converter: "org.apache.kafka.connect.json.JsonConverter"}.Map, "SchemaRegistry.Converter"},
		{"no negative limits", errtolerance.ClientOverrides{MaxPollRecords: -1}.Map, "ClientOverrides.MaxPollRecords"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := tt.build()
			require.ErrorContains(t, err, tt.field)
		})
	}
	s, err := errtolerance.SinkRetry{Class: "io.debezium.connector.jdbc.JdbcSinkConnector", MaxRetries: -1, Backoff: time.Second}.Map()
	require.NoError(t, err)
	assert.Equal(t, errtolerance.Settings{"flush.max.retries": "0", "flush.retry.delay.ms": "1000"}, s)
}

func secretConfig() map[string]string {
	return map[string]string{
		"name": "orders", "connector.class": "FileStreamSource", "errors.tolerance": "ALL", "connection.password": "hunter2",
		"errors.deadletterqueue.topic.name": "dlq", "database.url": "jdbc:mysql://u:hunter2@db/x", "errors.retry.timeout": "60s",
	}
}

func TestOutputs(t *testing.T) {
	t.Parallel()
	findings := errtolerance.Lint(secretConfig(), errtolerance.Target{})
	require.NotEmpty(t, findings)
	var text, js, sarif bytes.Buffer
	require.NoError(t, findings.WriteText(&text))
	require.NoError(t, findings.WriteJSON(&js))
	require.NoError(t, findings.WriteSARIF(&sarif, func(f errtolerance.Finding) errtolerance.Location {
		return errtolerance.Location{URI: "connectors/" + f.Connector + ".json", LineOf: func(string) int { return 7 }}
	}))
	assert.Contains(t, text.String(), "error ET101 [orders] errors.tolerance: ")
	assert.Contains(t, text.String(), "    fix: write all\n")
	var back errtolerance.Findings
	require.NoError(t, json.Unmarshal(js.Bytes(), &back))
	assert.Equal(t, findings, back)
	var log struct {
		Version string
		Runs    []struct {
			Results []struct {
				RuleID    string
				Level     string
				Locations []struct {
					PhysicalLocation struct {
						ArtifactLocation struct{ URI string }
						Region           struct{ StartLine int }
					}
				}
			}
			Tool struct {
				Driver struct{ Rules []struct{ ID string } }
			}
		}
	}
	require.NoError(t, json.Unmarshal(sarif.Bytes(), &log))
	assert.Equal(t, "2.1.0", log.Version)
	require.Len(t, log.Runs, 1)
	assert.Len(t, log.Runs[0].Results, len(findings))
	assert.Len(t, log.Runs[0].Tool.Driver.Rules, len(errtolerance.Checks()))
	assert.Equal(t, "connectors/orders.json", log.Runs[0].Results[0].Locations[0].PhysicalLocation.ArtifactLocation.URI)
	assert.Equal(t, 7, log.Runs[0].Results[0].Locations[0].PhysicalLocation.Region.StartLine)
	for _, out := range []string{text.String(), js.String(), sarif.String(), findings.Err().Error()} {
		assert.NotContains(t, out, "hunter2")
	}
	js.Reset()
	require.NoError(t, errtolerance.Findings(nil).WriteJSON(&js))
	assert.Equal(t, "[]\n", js.String())
}

func TestSuppressNeedsACodeAndAReason(t *testing.T) {
	t.Parallel()
	findings := errtolerance.Lint(secretConfig(), errtolerance.Target{})
	n := len(findings)
	assert.Len(t, findings.Suppress(errtolerance.Suppression{Code: "ET101"}), n, "no reason")
	assert.Len(t, findings.Suppress(errtolerance.Suppression{Reason: "because"}), n, "no code")
	assert.Len(t, findings.Suppress(errtolerance.Suppression{Code: "ET101", Connector: "other", Reason: "because"}), n)
	assert.Len(t, findings.Suppress(errtolerance.Suppression{Code: "ET101", Key: "errors.tolerance", Reason: "because"}), n-1)
	assert.Len(t, findings, n, "the receiver stays")
	require.Error(t, findings.Err())
	assert.NoError(t, findings.Suppress(
		errtolerance.Suppression{Code: "ET101", Reason: "x"}, errtolerance.Suppression{Code: "ET102", Reason: "x"}, errtolerance.Suppression{Code: "ET203", Reason: "x"},
	).Err())
}

func TestMergeValidation(t *testing.T) {
	t.Parallel()
	findings := errtolerance.Lint(map[string]string{
		"name": "c", "connector.class": "FileStreamSink", "topics": "a,dlq", "errors.tolerance": "ALL", "tasks.max": "0",
		"errors.deadletterqueue.topic.name": "dlq", "errors.deadletterqueue.context.headers.enable": "true",
	}, errtolerance.Target{Brokers: 3})
	merged := findings.MergeValidation("c", []errtolerance.ServerValue{
		{Name: "errors.tolerance", Errors: []string{"Invalid value ALL for configuration errors.tolerance"}},
		{Name: "topics", Errors: []string{"The DLQ topic 'dlq' may not be included in the list of topics"}},
		{Name: "file", Errors: []string{"Invalid value for password=hunter2"}},
		{Name: "name"},
	})
	bySeverity := map[string]errtolerance.Severity{}
	for _, f := range merged {
		bySeverity[f.Key] = f.Severity
		assert.NotContains(t, f.Message, "hunter2")
	}
	assert.Equal(t, errtolerance.SeverityError, bySeverity["errors.tolerance"])
	assert.Equal(t, errtolerance.SeverityError, bySeverity["errors.deadletterqueue.topic.name"], "Kafka blames topics for it")
	assert.Equal(t, errtolerance.SeverityError, bySeverity["file"], "only the worker knows")
	assert.Equal(t, errtolerance.SeverityWarning, bySeverity["tasks.max"], "the worker that was asked accepts it")
	assert.NotContains(t, bySeverity, "topics", "said once")
}
