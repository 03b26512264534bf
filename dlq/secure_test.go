package dlq_test

import (
	"context"
	"crypto/tls"
	"net"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/segmentio/kafka-go/sasl/scram"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	fsasl "github.com/twmb/franz-go/pkg/sasl/plain"

	"github.com/go-reconnect/reconnect/dlq"
	"github.com/go-reconnect/reconnect/internal/testutil"
)

func scramWith(tb testing.TB, algo scram.Algorithm, password string) sasl.Mechanism {
	tb.Helper()
	m, err := scram.Mechanism(algo, "ann", password)
	require.NoError(tb, err)
	return m
}

// newSecure is an embedded Kafka that asks for a log-in and speaks TLS when it has a configuration.
func newSecure(tb testing.TB, server, client *tls.Config) *embedded {
	tb.Helper()
	opts := []kfake.Opt{
		kfake.NumBrokers(1), kfake.SeedTopics(4, "orders"), kfake.SeedTopics(2, "orders-dlq"), kfake.EnableSASL(),
		kfake.Superuser("PLAIN", "ann", "sesame"), kfake.Superuser("SCRAM-SHA-256", "ann", "sesame"), kfake.Superuser("SCRAM-SHA-512", "ann", "sesame"),
	}
	mine := []kgo.Opt{kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.SASL(fsasl.Auth{User: "ann", Pass: "sesame"}.AsMechanism())}
	if server != nil {
		opts = append(opts, kfake.TLS(server))
		mine = append(mine, kgo.DialTLSConfig(client))
	}
	c, err := kfake.NewCluster(opts...)
	require.NoError(tb, err)
	tb.Cleanup(c.Close)
	e := &embedded{Cluster: c, brokers: c.ListenAddrs()}
	e.client, err = kgo.NewClient(append(mine, kgo.SeedBrokers(e.brokers...))...)
	require.NoError(tb, err)
	tb.Cleanup(e.client.Close)
	return e
}

func TestGroupAndClientLogInAlike(t *testing.T) {
	t.Parallel()
	certs, others := testutil.NewCerts(t, "127.0.0.1", "localhost"), testutil.NewCerts(t, "127.0.0.1")
	server := &tls.Config{Certificates: []tls.Certificate{certs.ServerPair}, MinVersion: tls.VersionTLS12}
	mutual := server.Clone()
	mutual.ClientCAs, mutual.ClientAuth = certs.Pool, tls.RequireAndVerifyClientCert
	trust := &tls.Config{RootCAs: certs.Pool, MinVersion: tls.VersionTLS12}
	known := trust.Clone()
	known.Certificates = []tls.Certificate{certs.ClientPair}
	stranger := trust.Clone()
	stranger.Certificates = []tls.Certificate{others.ClientPair}
	distrust := &tls.Config{RootCAs: others.Pool, MinVersion: tls.VersionTLS12}
	ok := plain.Mechanism{Username: "ann", Password: "sesame"}

	tests := []struct {
		name           string
		server, client *tls.Config
		login          sasl.Mechanism
		want           string // of the error
	}{
		{"PLAIN", nil, nil, ok, ""},
		{"SCRAM-SHA-256", nil, nil, scramWith(t, scram.SHA256, "sesame"), ""},
		{"SCRAM-SHA-512", nil, nil, scramWith(t, scram.SHA512, "sesame"), ""},
		{"PLAIN over TLS", server, trust, ok, ""},
		{"SCRAM-SHA-512 over TLS", server, trust, scramWith(t, scram.SHA512, "sesame"), ""},
		{"PLAIN over mutual TLS", mutual, known, ok, ""},
		{"a wrong password", nil, nil, plain.Mechanism{Username: "ann", Password: "open-sesame"}, "dlq:"},
		{"a wrong password with SCRAM", server, trust, scramWith(t, scram.SHA256, "open-sesame"), "dlq:"},
		{"no log-in", nil, nil, nil, "dlq:"},
		{"a certificate that nobody we trust signed", server, distrust, ok, "certificate signed by unknown authority"},
		{"a client certificate that the broker does not know", mutual, stranger, ok, "dlq:"},
		{"plain text to a TLS port", server, nil, ok, "dlq:"},
		{"TLS to a plain port", nil, trust, ok, "dlq:"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var e *embedded
			if tt.server == mutual {
				e = newSecure(t, tt.server, known)
			} else {
				e = newSecure(t, tt.server, trust)
			}
			const n = 40
			e.seed(t, n)
			cfg := e.config("fix", dlq.ToOrigin())
			cfg.TLS, cfg.SASL, cfg.RetryTimeout = tt.client, tt.login, 20*time.Second
			if tt.want == "" {
				report := mustRun(t, cfg)
				assert.EqualValues(t, n, report.Republished, "the group worked, and the client")
				check := dlq.TopicConfig{Brokers: e.brokers, Topic: "orders-dlq", TLS: tt.client, SASL: tt.login}
				_, err := dlq.CheckTopic(t.Context(), check)
				require.NoError(t, err)
				summary, err := dlq.Inspect(t.Context(), dlq.InspectConfig{Brokers: e.brokers, Topic: "orders-dlq", TLS: tt.client, SASL: tt.login})
				require.NoError(t, err)
				assert.EqualValues(t, n, summary.Records)

				// A transport of the user's own serves the group too.
				own := cfg
				own.TLS, own.SASL, own.Group, own.AcceptOtherConsumers = nil, nil, "own", true
				own.Transport = &kafka.Transport{TLS: tt.client, SASL: tt.login, MetadataTTL: time.Second}
				defer own.Transport.CloseIdleConnections()
				assert.EqualValues(t, n, mustRun(t, own).Read)
				return
			}
			began := time.Now()
			report, err := run(t, cfg)
			require.ErrorContains(t, err, tt.want)
			assert.NotContains(t, err.Error(), "sesame")
			assert.Zero(t, report.Read)
			assert.Less(t, time.Since(began), 40*time.Second, "somebody waits for it")
		})
	}
}

// A secured cluster behind an address that only a dialer of the user's own can reach.
func TestDialServesGroupAndClient(t *testing.T) {
	t.Parallel()
	certs := testutil.NewCerts(t, "127.0.0.1", "kafka.internal")
	trust := &tls.Config{RootCAs: certs.Pool, MinVersion: tls.VersionTLS12}
	e := newSecure(t, &tls.Config{Certificates: []tls.Certificate{certs.ServerPair}, MinVersion: tls.VersionTLS12}, trust)
	e.seed(t, 10)
	cfg := e.config("fix", dlq.ToOrigin())
	cfg.Brokers = []string{"kafka.internal:9093"}
	cfg.TLS, cfg.SASL = trust, plain.Mechanism{Username: "ann", Password: "sesame"}
	cfg.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		if address == "kafka.internal:9093" {
			address = e.brokers[0]
		}
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}
	assert.EqualValues(t, 10, mustRun(t, cfg).Read)
}
