package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/go-reconnect/reconnect/dlq"
	"github.com/go-reconnect/reconnect/internal/testutil"
)

func letter(offset int64, value, trace string) *kgo.Record {
	f := dlq.Failure{Topic: "orders", Offset: offset, Connector: "sink", Stage: dlq.StageValueConverter, ExceptionClass: "E", StackTrace: trace}
	r := &kgo.Record{Topic: "orders-dlq", Value: []byte(value)}
	for _, h := range f.AppendTo(nil) {
		r.Headers = append(r.Headers, kgo.RecordHeader{Key: h.Key, Value: h.Value})
	}
	return r
}

func TestProcessor(t *testing.T) {
	t.Parallel()
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "orders-dlq", "orders-retry"))
	require.NoError(t, err)
	defer c.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	brokers := c.ListenAddrs()
	const data = "org.apache.kafka.connect.errors.DataException: no\n"
	testutil.Produce(t, brokers,
		letter(0, `{'a':1,}`, data), letter(1, `{"a":`, data),
		letter(2, `{"a":2}`, "org.apache.kafka.connect.errors.ConnectException: x\nCaused by: java.net.ConnectException: Connection refused\n"))
	var out bytes.Buffer
	args := []string{"-brokers", brokers[0], "-topic", "orders-dlq", "-to", "orders-retry", "-park", "orders-parked"}
	require.NoError(t, run(ctx, append(args, "-dry-run"), &out))
	assert.Contains(t, out.String(), "dry run")
	assert.Empty(t, testutil.ReadAll(t, brokers, "orders-retry"))
	require.NoError(t, run(ctx, args, &out))
	var got []string
	for _, r := range testutil.ReadAll(t, brokers, "orders-retry") {
		got = append(got, string(r.Value))
	}
	assert.Equal(t, []string{`{"a":1}`, `{"a":2}`}, got)
	assert.Len(t, testutil.ReadAll(t, brokers, "orders-parked"), 1)
	assert.Contains(t, out.String(), "read 3, republished 2, parked 1; complete")
	require.ErrorContains(t, run(ctx, nil, &out), "are needed")
	require.Error(t, run(ctx, []string{"-topic", "missing", "-to", "x", "-park", "y", "-brokers", brokers[0]}, &out))
}

// Parked in a file, brought back with -unpark, on a cluster that wants TLS and a log-in; every outcome is in the audit file.
func TestUnparkOnASecuredCluster(t *testing.T) {
	certs := testutil.NewCerts(t, "127.0.0.1")
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "orders-dlq", "orders-retry"), kfake.EnableSASL(), kfake.Superuser("SCRAM-SHA-512", "ann", "sesame"),
		kfake.TLS(&tls.Config{Certificates: []tls.Certificate{certs.ServerPair}, MinVersion: tls.VersionTLS12}))
	require.NoError(t, err)
	defer c.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	dir := t.TempDir()
	ca, parked, audit := filepath.Join(dir, "ca.pem"), filepath.Join(dir, "parked.jsonl"), filepath.Join(dir, "audit.jsonl")
	require.NoError(t, os.WriteFile(ca, certs.CA, 0o600))
	t.Setenv("KAFKA_PASSWORD", "sesame")
	cl, err := kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...), kgo.DialTLSConfig(&tls.Config{RootCAs: certs.Pool, MinVersion: tls.VersionTLS12}),
		kgo.SASL(scram.Auth{User: "ann", Pass: "sesame"}.AsSha512Mechanism()), kgo.ConsumeTopics("orders-retry"))
	require.NoError(t, err)
	defer cl.Close()
	refused := letter(0, `{"a":1}`, "java.sql.SQLIntegrityConstraintViolationException: Duplicate entry\n")
	refused.Key, refused.Headers = []byte{}, append([]kgo.RecordHeader{{Key: "dup"}, {Key: "dup", Value: []byte{}}}, refused.Headers...)
	require.NoError(t, cl.ProduceSync(ctx, refused).FirstErr())

	var out bytes.Buffer
	args := func(more ...string) []string {
		return append([]string{"-brokers", c.ListenAddrs()[0], "-tls-ca", ca, "-sasl", "scram-sha-512", "-user", "ann", "-to", "orders-retry", "-park-file", parked, "-audit", audit}, more...)
	}
	require.NoError(t, run(ctx, args("-topic", "orders-dlq"), &out), out.String())
	assert.Contains(t, out.String(), "parked 1")
	// Meanwhile a person has looked at it; here the cause that parked it is taken off, so that it goes back this time.
	lines, err := os.ReadFile(parked)
	require.NoError(t, err)
	lines = bytes.ReplaceAll(lines, []byte(base64.StdEncoding.EncodeToString([]byte("java.sql.SQLIntegrityConstraintViolationException: Duplicate entry\n"))),
		[]byte(base64.StdEncoding.EncodeToString([]byte("org.apache.kafka.connect.errors.ConnectException: x\nCaused by: java.net.ConnectException: Connection refused\n"))))
	require.NoError(t, os.WriteFile(parked+".again", lines, 0o600))
	require.NoError(t, run(ctx, args("-topic", "orders-unparked", "-unpark", parked+".again"), &out), out.String())
	assert.Contains(t, out.String(), "1 records, 1 put on orders-unparked")
	fetches := cl.PollFetches(ctx)
	require.NoError(t, fetches.Err())
	got := fetches.Records()
	require.Len(t, got, 1)
	assert.Equal(t, refused.Value, got[0].Value)
	assert.Equal(t, []byte{}, got[0].Key)
	assert.Equal(t, refused.Headers[:2], got[0].Headers[:2])
	info, err := os.Stat(audit)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	text, err := os.ReadFile(audit)
	require.NoError(t, err)
	assert.Equal(t, 2, bytes.Count(text, []byte("\n")))
	assert.Contains(t, string(text), `"outcome":"republished"`)

	t.Setenv("KAFKA_PASSWORD", "open-sesame")
	err = run(ctx, args("-topic", "orders-dlq"), &out)
	require.Error(t, err)
	assert.NotContains(t, err.Error(), "sesame")
}

func TestProgressIsABarOnATerminalAndALineElsewhere(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	now := dlq.Progress{Done: 50, Total: 100, Rate: 10, Outcomes: map[dlq.Outcome]int64{dlq.OutcomeRepublished: 40}}
	p := &progress{out: &out, terminal: true}
	p.show(now)
	p.end()
	assert.Equal(t, "\r[===============               ]  50 % 50 of 100, 10/s, 0s left, republished 40, parked 0\x1b[K\n", out.String())
	out.Reset()
	p = &progress{out: &out}
	p.show(now)
	p.show(now) // too soon
	p.end()
	assert.Equal(t, " 50 % 50 of 100, 10/s, 0s left, republished 40, parked 0\n", out.String())
	out.Reset()
	p = &progress{out: &out, follow: true}
	p.show(now)
	assert.Equal(t, "50 read, 10/s, republished 40, parked 0, deferred 0\n", out.String())
}

func TestMetricsAreServedUntilStopped(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	cfg := dlq.RepublisherConfig{Topic: "orders-dlq", Group: "g"}
	m, stop, err := serveMetrics(t.Context(), "127.0.0.1:0", &cfg, &out)
	require.NoError(t, err)
	m.Done(dlq.Report{RunID: "a", Republished: 2, Complete: true}, nil)
	url := strings.TrimSpace(strings.TrimPrefix(out.String(), "metrics: "))
	resp, err := http.Get(url)
	require.NoError(t, err)
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	assert.Contains(t, string(body), `connect_dlq_records_total{group="g",outcome="republished",topic="orders-dlq"} 2`)
	stop()
	_, err = http.Get(url) //nolint:bodyclose // it fails
	require.Error(t, err)
	_, _, err = serveMetrics(t.Context(), "nowhere:x", &dlq.RepublisherConfig{Topic: "t"}, &out)
	require.ErrorContains(t, err, "-metrics nowhere:x")
}
