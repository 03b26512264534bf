package secure_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-reconnect/reconnect/examples/internal/secure"
)

func kafka(t *testing.T, args ...string) *secure.KafkaFlags {
	t.Helper()
	fs := flag.NewFlagSet("x", flag.ContinueOnError)
	k := secure.AddKafka(fs)
	require.NoError(t, fs.Parse(args))
	return k
}

func TestKafkaLogins(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "password")
	require.NoError(t, os.WriteFile(secret, []byte("hunter2\n"), 0o600))
	t.Setenv("KAFKA_USER", "u")
	t.Setenv("KAFKA_PASSWORD_FILE", secret)
	for mechanism, want := range map[string]string{"plain": "PLAIN", "scram-sha-256": "SCRAM-SHA-256", "SCRAM-SHA-512": "SCRAM-SHA-512"} {
		cfg, login, err := kafka(t, "-kafka-tls", "-kafka-sasl", mechanism).Load()
		require.NoError(t, err)
		assert.NotNil(t, cfg)
		assert.Equal(t, want, login.Name())
	}
	for _, args := range [][]string{{"-kafka-sasl", "plain"}, {"-kafka-sasl", "gssapi", "-kafka-tls"}} {
		_, _, err := kafka(t, args...).Load()
		require.Error(t, err)
		assert.NotContains(t, err.Error(), "hunter2")
	}
	t.Setenv("KAFKA_PASSWORD", "x")
	_, _, err := kafka(t, "-kafka-sasl", "scram-sha-256").Load()
	require.ErrorContains(t, err, "exclude each other")
	cfg, login, err := kafka(t).Load()
	require.NoError(t, err)
	assert.Nil(t, cfg)
	assert.Nil(t, login)
}
