package dlq_test

import (
	"context"
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"hash"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/segmentio/kafka-go/sasl/scram"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/go-reconnect/reconnect/dlq"
	"github.com/go-reconnect/reconnect/internal/testutil"
)

const (
	portSASL   = 9094 // SASL_SSL
	portMutual = 9095 // SSL with client certificates
)

// secured is a broker with a log-in over TLS and a port for client certificates, beside its plain one.
func secured(t *testing.T, version string, certs *testutil.Certs) *testutil.Cluster {
	t.Helper()
	props := map[string]string{
		"listeners":                                        "EXT://0.0.0.0:9092,INT://0.0.0.0:29092,CONTROLLER://127.0.0.1:9093,SEC://0.0.0.0:9094,MUT://0.0.0.0:9095",
		"advertised.listeners":                             "EXT://{advertised},INT://broker:29092,SEC://kafka.internal:9094,MUT://kafka.internal:9095",
		"listener.security.protocol.map":                   "CONTROLLER:PLAINTEXT,EXT:PLAINTEXT,INT:PLAINTEXT,SEC:SASL_SSL,MUT:SSL",
		"listener.name.sec.sasl.enabled.mechanisms":        "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
		"listener.name.sec.plain.sasl.jaas.config":         `org.apache.kafka.common.security.plain.PlainLoginModule required user_ann="sesame";`,
		"listener.name.sec.scram-sha-256.sasl.jaas.config": "org.apache.kafka.common.security.scram.ScramLoginModule required;",
		"listener.name.sec.scram-sha-512.sasl.jaas.config": "org.apache.kafka.common.security.scram.ScramLoginModule required;",
		"listener.name.mut.ssl.client.auth":                "required",
		"ssl.keystore.type":                                "PEM",
		"ssl.keystore.location":                            "/tmp/server.pem",
		"ssl.truststore.type":                              "PEM",
		"ssl.truststore.location":                          "/tmp/ca.pem",
	}
	return testutil.NewCluster(t, testutil.Options{
		Version: version, Workers: -1, Ports: []int{portSASL, portMutual}, BrokerProperties: props,
		BrokerFiles: map[string][]byte{"/tmp/server.pem": slices.Concat(certs.ServerKey, certs.ServerCert, certs.CA), "/tmp/ca.pem": certs.CA},
	})
}

func alterSCRAM(t *testing.T, brokers []string, user, password string) {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(brokers...))
	require.NoError(t, err)
	defer cl.Close()
	for mechanism, hash := range map[int8]func() hash.Hash{1: sha256.New, 2: sha512.New} {
		// One request each: a broker refuses one that names a user twice.
		req := kmsg.NewPtrAlterUserSCRAMCredentialsRequest()
		up := kmsg.NewAlterUserSCRAMCredentialsRequestUpsertion()
		up.Name, up.Mechanism, up.Iterations, up.Salt = user, mechanism, 4096, []byte("salt-of-this-test")
		up.SaltedPassword, err = pbkdf2.Key(hash, password, up.Salt, 4096, hash().Size())
		require.NoError(t, err)
		req.Upsertions = append(req.Upsertions, up)
		res, err := req.RequestWith(t.Context(), cl)
		require.NoError(t, err)
		require.Zero(t, res.Results[0].ErrorCode, res.Results[0].ErrorMessage)
	}
}

// A broker that wants TLS and a log-in: group and client alike, on the oldest and the newest version.
func TestSecuredBrokers(t *testing.T) {
	testutil.Integration(t)
	versions := testutil.Versions()
	for _, version := range slices.Compact([]string{versions[0], versions[len(versions)-1]}) {
		t.Run(version, func(t *testing.T) {
			certs := testutil.NewCerts(t, "kafka.internal")
			c := secured(t, version, certs)
			alterSCRAM(t, c.Brokers(), "ann", "sesame")
			// The broker names addresses of its own network, as behind a gateway; the dialer knows where they are.
			dial := func(ctx context.Context, network, address string) (net.Conn, error) {
				switch {
				case strings.HasSuffix(address, ":9094"):
					address = c.Broker().AddrOf(portSASL)
				case strings.HasSuffix(address, ":9095"):
					address = c.Broker().AddrOf(portMutual)
				}
				return (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, network, address)
			}
			trust := &tls.Config{RootCAs: certs.Pool, ServerName: "kafka.internal", MinVersion: tls.VersionTLS12}
			known := trust.Clone()
			known.Certificates = []tls.Certificate{certs.ClientPair}
			mechanism := func(algo scram.Algorithm, password string) sasl.Mechanism {
				m, err := scram.Mechanism(algo, "ann", password)
				require.NoError(t, err)
				return m
			}
			const n = 50
			tests := []struct {
				name, port string
				tls        *tls.Config
				login      sasl.Mechanism
				want       error
			}{
				{"PLAIN", "9094", trust, plain.Mechanism{Username: "ann", Password: "sesame"}, nil},
				{"SCRAM-SHA-256", "9094", trust, mechanism(scram.SHA256, "sesame"), nil},
				{"SCRAM-SHA-512", "9094", trust, mechanism(scram.SHA512, "sesame"), nil},
				{"mutual TLS", "9095", known, nil, nil},
				{"a wrong password", "9094", trust, mechanism(scram.SHA512, "wrong"), kafka.SASLAuthenticationFailed},
				{"a wrong PLAIN password", "9094", trust, plain.Mechanism{Username: "ann", Password: "wrong"}, kafka.SASLAuthenticationFailed},
			}
			for _, tt := range tests {
				t.Run(tt.name, func(t *testing.T) {
					orders, queue, parked := c.TopicName(t, "orders"), c.TopicName(t, "dlq"), c.TopicName(t, "parked")
					testutil.CreateTopic(t, c.Brokers(), orders, 3, nil)
					testutil.CreateTopic(t, c.Brokers(), queue, 2, map[string]string{"retention.ms": "-1"})
					var records []*kgo.Record
					for i := range n {
						r := deadLetter(int32(i%2), i%3, int64(i), id(i), []byte("v"))
						f := connectFailure()
						f.Topic, f.Partition, f.Offset = orders, i%3, int64(i)
						r.Topic, r.Headers = queue, kgoHeaders(f.AppendTo(nil))
						records = append(records, r)
					}
					testutil.Produce(t, c.Brokers(), records...)
					r, err := dlq.NewRepublisher(dlq.RepublisherConfig{
						Brokers: []string{"kafka.internal:" + tt.port}, TLS: tt.tls, SASL: tt.login, Dial: dial,
						Topic: queue, Group: queue + "-fix", Target: dlq.ToTopic(orders), Park: dlq.ParkTopic(parked), Handler: parkEveryTenth,
						RetryTimeout: 30 * time.Second,
					})
					require.NoError(t, err)
					report, err := r.Run(t.Context())
					if tt.want != nil {
						require.ErrorIs(t, err, tt.want)
						require.ErrorContains(t, err, "refused the log-in")
						assert.NotContains(t, err.Error(), "sesame")
						return
					}
					require.NoError(t, err)
					require.NoError(t, report.Err())
					assert.True(t, report.Complete)
					assert.EqualValues(t, n-n/10, report.Republished)
					// A rebalance on a busy machine writes some twice, and says so.
					there, away := testutil.ReadAll(t, c.Brokers(), orders), testutil.ReadAll(t, c.Brokers(), parked)
					assert.Len(t, ids(there), n-n/10)
					assert.Len(t, ids(away), n/10)
					assert.LessOrEqual(t, int64(len(there)+len(away)-n), report.Uncommitted)
					committed := testutil.CommittedOffsets(t, c.Brokers(), queue+"-fix", queue)
					assert.EqualValues(t, n, committed[0]+committed[1])
				})
			}
		})
	}
}
