package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-reconnect/reconnect/connect/connecttest"
)

const refused = "org.apache.kafka.connect.errors.ConnectException: Exiting WorkerSinkTask due to unrecoverable exception.\n\tat a.B.c(B.java:1)\nCaused by: org.postgresql.util.PSQLException: Connection to orders-db:5432 refused. Check that the hostname and port are correct and that the postmaster is accepting TCP/IP connections.\n\tat a.B.c(B.java:1)\nCaused by: java.net.ConnectException: Connection refused\n\tat a.B.c(B.java:1)\n"

func output(t *testing.T, stdin string, args ...string) string {
	t.Helper()
	var out strings.Builder
	require.NoError(t, run(t.Context(), args, strings.NewReader(stdin), &out))
	return out.String()
}

func TestTraceFromStandardInput(t *testing.T) {
	t.Parallel()
	out := output(t, refused)
	assert.Contains(t, out, "1 failure, 1 cause\n")
	assert.Contains(t, out, "1. connection: ")
	assert.Contains(t, out, "orders-db:5432")
	assert.Contains(t, out, "restart: helps once the other side is back")
	assert.Contains(t, out, "root: java.net.ConnectException: Connection refused")
}

func TestStatusFromStandardInput(t *testing.T) {
	t.Parallel()
	out := output(t, `{"name":"orders","connector":{"state":"RUNNING","worker_id":"w:1"},"tasks":[{"id":0,"state":"RUNNING","worker_id":"w:1"},{"id":1,"state":"FAILED","worker_id":"w:1","trace":"org.apache.kafka.common.errors.TopicAuthorizationException: Not authorized to access topics: [orders]"}],"type":"sink"}`)
	assert.Contains(t, out, "1. authorization: ")
	assert.Contains(t, out, "in orders task 1 on w:1")
}

func TestFilesOfOneCauseAreShownOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	one, two, three := filepath.Join(dir, "1.txt"), filepath.Join(dir, "2.txt"), filepath.Join(dir, "3.txt")
	require.NoError(t, os.WriteFile(one, []byte("java.lang.RuntimeException: the moon is full"), 0o600))
	require.NoError(t, os.WriteFile(two, []byte(refused), 0o600))
	require.NoError(t, os.WriteFile(three, []byte(strings.ReplaceAll(refused, "orders-db:5432", "payments-db:15432")), 0o600))
	out := output(t, "", one, two, three)
	assert.Contains(t, out, "3 failures, 2 causes\n")
	assert.Less(t, strings.Index(out, "connection:"), strings.Index(out, "unknown:"), "the most frequent cause comes first")

	var b strings.Builder
	err := run(t.Context(), []string{two, filepath.Join(dir, "missing.txt")}, nil, &b)
	require.ErrorIs(t, err, os.ErrNotExist)
	assert.Contains(t, b.String(), "1 failure, 1 cause", "what could be read is shown")
}

func TestEverythingThatIsFailedNow(t *testing.T) {
	t.Parallel()
	s := connecttest.NewServer(connecttest.Config{})
	t.Cleanup(s.Close)
	config := map[string]string{"connector.class": "org.apache.kafka.connect.tools.MockSinkConnector", "topics": "orders"}
	for _, name := range []string{"orders", "stock", "payments", "healthy"} {
		s.AddConnector(name, config)
	}
	s.FailTask("orders", 0, refused)
	s.FailTask("stock", 0, strings.ReplaceAll(refused, "orders-db:5432", "orders-db-2:5432"))
	s.FailTask("payments", 0, "org.apache.kafka.common.errors.TopicAuthorizationException: Not authorized to access topics: [payments]")

	out := output(t, "", "-connect", s.URL())
	assert.Contains(t, out, "3 failures, 2 causes\n")
	assert.Contains(t, out, "in orders task 0 on ")
	assert.Contains(t, out, "in stock task 0 on ")
	assert.NotContains(t, out, "healthy")

	out = output(t, "", "-connect", s.URL(), "-connector", "payments")
	assert.Contains(t, out, "1 failure, 1 cause\n")
	assert.Contains(t, out, "payments task 0")

	out = output(t, "", "-connect", s.URL(), "-connector", "healthy")
	assert.Equal(t, "0 failures, 0 causes\n", out)
}

func TestWrongArguments(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"-connector", "x"}, {"-connect", "http://localhost:1", "file"}, {"-connect", "no url"}, {"-nonsense"}} {
		require.Error(t, run(t.Context(), args, strings.NewReader(""), &strings.Builder{}), args)
	}
}
