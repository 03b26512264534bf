package secure_test

import (
	"flag"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-reconnect/reconnect/examples/internal/secure"
	"github.com/go-reconnect/reconnect/internal/testutil"
)

func TestFlags(t *testing.T) {
	dir := t.TempDir()
	certs := testutil.NewCerts(t, "localhost")
	file := func(name string, content []byte) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, content, 0o600))
		return path
	}
	ca, cert, key, secret := file("ca.pem", certs.CA), file("cert.pem", certs.ClientCert), file("key.pem", certs.ClientKey), file("password", []byte("open-sesame\n"))
	tests := []struct {
		name, env string
		args      []string
		tls       bool
		login     string
		want      string // of the error
	}{
		{name: "nothing"},
		{name: "TLS", args: []string{"-tls"}, tls: true},
		{name: "an authority of one's own implies TLS", args: []string{"-tls-ca", ca}, tls: true},
		{name: "mutual TLS", args: []string{"-tls-ca", ca, "-tls-cert", cert, "-tls-key", key}, tls: true},
		{name: "PLAIN with the password from a file", args: []string{"-tls", "-sasl", "plain", "-user", "ann", "-password-file", secret}, tls: true, login: "PLAIN"},
		{name: "SCRAM with the password from the environment", env: "open-sesame", args: []string{"-sasl", "SCRAM-SHA-512", "-user", "ann"}, login: "SCRAM-SHA-512"},
		{name: "the other SCRAM", env: "open-sesame", args: []string{"-sasl", "scram-sha-256", "-user", "ann"}, login: "SCRAM-SHA-256"},
		{name: "PLAIN in clear text on demand", env: "x", args: []string{"-sasl", "plain", "-user", "ann", "-sasl-without-tls"}, login: "PLAIN"},
		{name: "PLAIN in clear text", env: "open-sesame", args: []string{"-sasl", "plain", "-user", "ann"}, want: "clear text"},
		{name: "no password", args: []string{"-sasl", "scram-sha-256", "-user", "ann"}, want: "KAFKA_PASSWORD"},
		{name: "no user", env: "open-sesame", args: []string{"-sasl", "scram-sha-256"}, want: "-user"},
		{name: "a user without a mechanism", args: []string{"-user", "ann"}, want: "-sasl"},
		{name: "an unknown mechanism", env: "open-sesame", args: []string{"-sasl", "gssapi", "-user", "ann"}, want: "none of plain"},
		{name: "no such file", args: []string{"-tls-ca", ca + "x"}, want: "-tls-ca"},
		{name: "no certificate in it", args: []string{"-tls-ca", secret}, want: "no certificate"},
		{name: "a certificate without its key", args: []string{"-tls-cert", cert}, want: "belong together"},
		{name: "a key of another certificate", args: []string{"-tls-cert", cert, "-tls-key", file("other", certs.ServerKey)}, want: "-tls-cert"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.env != "" {
				t.Setenv(secure.PasswordEnv, tt.env)
			}
			fs := flag.NewFlagSet("x", flag.ContinueOnError)
			fs.SetOutput(io.Discard)
			f := secure.Add(fs)
			require.NoError(t, fs.Parse(tt.args))
			config, login, err := f.Load()
			if tt.want != "" {
				require.ErrorContains(t, err, tt.want)
				assert.NotContains(t, err.Error(), "sesame")
				return
			}
			require.NoError(t, err)
			assert.Equal(t, tt.tls, config != nil)
			if tt.login == "" {
				assert.Nil(t, login)
				return
			}
			assert.Equal(t, tt.login, login.Name())
		})
	}
}
