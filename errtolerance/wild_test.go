package errtolerance_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-reconnect/reconnect/errtolerance"
)

// wildConfig is a configuration found in public, with what a reviewer says about its errors.* keys.
type wildConfig struct {
	ID     string            `json:"id"`
	Kind   string            `json:"kind"`
	Config map[string]string `json:"config"`
	Review *struct {
		Clean    bool `json:"clean"`
		Brokers  int  `json:"brokers_visible"`
		Problems []struct {
			Key      string `json:"key"`
			Severity string `json:"severity"`
		} `json:"problems"`
	} `json:"review"`
}

func wildConfigs(tb testing.TB) []wildConfig {
	tb.Helper()
	files, err := filepath.Glob("testdata/configs/*.json")
	require.NoError(tb, err)
	require.NotEmpty(tb, files)
	var out []wildConfig
	for _, f := range files {
		raw, err := os.ReadFile(f)
		require.NoError(tb, err)
		var c wildConfig
		require.NoError(tb, json.Unmarshal(raw, &c), f)
		out = append(out, c)
	}
	return out
}

func TestLintFindsEveryReviewedMistakeAndNothingOnCleanConfigs(t *testing.T) {
	t.Parallel()
	for _, c := range wildConfigs(t) {
		t.Run(c.ID, func(t *testing.T) {
			t.Parallel()
			target := errtolerance.Target{Kind: errtolerance.ParseKind(c.Kind)}
			if c.Review != nil {
				target.Brokers = c.Review.Brokers
			}
			findings := errtolerance.Lint(c.Config, target)
			byKey := map[string]errtolerance.Severity{}
			for _, f := range findings {
				byKey[f.Key] = max(byKey[f.Key], f.Severity)
			}
			switch {
			case c.Review == nil:
				for key, sev := range byKey {
					if strings.HasPrefix(key, "errors.") {
						assert.Less(t, sev, errtolerance.SeverityWarning, "%s in a config without errors.* keys", key)
					}
				}
			case c.Review.Clean:
				assert.Less(t, findings.Max(), errtolerance.SeverityWarning, "%v", findings.AtLeast(errtolerance.SeverityWarning))
			default:
				known := map[string]bool{}
				for _, p := range c.Review.Problems {
					known[p.Key] = true
					sev, ok := byKey[p.Key]
					if !assert.True(t, ok, "%s: no finding", p.Key) {
						continue
					}
					want, err := errtolerance.ParseSeverity(p.Severity)
					require.NoError(t, err)
					assert.Equal(t, want, sev, p.Key)
				}
				for key, sev := range byKey {
					if strings.HasPrefix(key, "errors.") && !known[key] {
						assert.Less(t, sev, errtolerance.SeverityWarning, "%s is no reviewed mistake", key)
					}
				}
			}
		})
	}
}

func TestManagedSinksHaveAQueueOfTheirOwn(t *testing.T) {
	t.Parallel()
	cfg := map[string]string{"connector.class": "PostgresSink", "topics": "a", "kafka.auth.mode": "KAFKA_API_KEY", "errors.tolerance": "all"}
	assert.Less(t, errtolerance.Lint(cfg, errtolerance.Target{}).Max(), errtolerance.SeverityWarning)
	delete(cfg, "kafka.auth.mode") // a worker's short form of a class
	assert.Equal(t, errtolerance.SeverityError, errtolerance.Lint(cfg, errtolerance.Target{}).Max())
	cfg = map[string]string{"connector.class": "PostgresSource", "kafka.auth.mode": "KAFKA_API_KEY", "errors.tolerance": "all"}
	assert.Equal(t, errtolerance.SeverityError, errtolerance.Lint(cfg, errtolerance.Target{}).Max(), "a source has none there either")
}

func TestKindComesFromTheClassBeforeTheCaller(t *testing.T) {
	t.Parallel()
	for class, want := range map[string]errtolerance.Kind{
		"io.debezium.connector.postgresql.PostgresConnector":                                          errtolerance.KindSource,
		"io.debezium.connector.jdbc.JdbcSinkConnector":                                                errtolerance.KindSink,
		"org.apache.camel.kafkaconnector.awsddbstreamssource.CamelAwsddbstreamssourceSourceConnector": errtolerance.KindSource,
		"org.apache.camel.kafkaconnector.graphqlsink.CamelGraphqlsinkSinkConnector":                   errtolerance.KindSink,
		"org.neo4j.connectors.kafka.sink.Neo4jConnector":                                              errtolerance.KindSink,
		"org.apache.kafka.connect.mirror.MirrorCheckpointConnector":                                   errtolerance.KindSource,
		"FileStreamSource":  errtolerance.KindSource,
		"HttpSourceV2":      errtolerance.KindSource,
		"S3_SINK":           errtolerance.KindSink,
		"DatagenConnector":  errtolerance.KindSource,
		"com.acme.Pipeline": errtolerance.KindUnknown,
	} {
		cfg := map[string]string{"connector.class": class, "topics": "a", "errors.tolerance": "all", "errors.log.enable": "true", "errors.deadletterqueue.topic.name": "dlq"}
		for _, told := range []errtolerance.Kind{errtolerance.KindUnknown, errtolerance.KindSink} {
			found := codes(errtolerance.Lint(cfg, errtolerance.Target{Kind: told}))
			_, source := found["ET203"]
			assert.Equal(t, want == errtolerance.KindSource, source, "%s told %s", class, told)
		}
	}
}
