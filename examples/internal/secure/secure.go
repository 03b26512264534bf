// Package secure adds the flags with which the examples log in to a secured Kafka cluster. No secret is a flag: other users of a
// machine see the arguments of a program.
package secure

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"

	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/segmentio/kafka-go/sasl/scram"
)

// PasswordEnv names the environment variable with the password.
const PasswordEnv = "KAFKA_PASSWORD"

// Flags are what the user said about the connection.
type Flags struct {
	tls, plaintext                                     bool
	ca, cert, key, server, mechanism, user, secretFile string
}

// Add adds the flags to a set.
func Add(fs *flag.FlagSet) *Flags {
	f := &Flags{}
	fs.BoolVar(&f.tls, "tls", false, "connect with TLS; -tls-ca and -tls-cert imply it")
	fs.StringVar(&f.ca, "tls-ca", "", "PEM file with the authorities to trust (default: the system's)")
	fs.StringVar(&f.cert, "tls-cert", "", "PEM file with a client certificate, for mutual TLS")
	fs.StringVar(&f.key, "tls-key", "", "PEM file with its key")
	fs.StringVar(&f.server, "tls-server-name", "", "name in the brokers' certificates, where it is not the one they are reached by")
	fs.StringVar(&f.mechanism, "sasl", "", "log in with plain, scram-sha-256 or scram-sha-512")
	fs.StringVar(&f.user, "user", "", "user to log in as; the password comes from "+PasswordEnv+" or -password-file")
	fs.StringVar(&f.secretFile, "password-file", "", "file that holds the password; a line end behind it is left out")
	fs.BoolVar(&f.plaintext, "sasl-without-tls", false, "allow -sasl plain without TLS, which sends the password in clear text")
	return f
}

// Load reads the files and makes of it what a configuration of dlq takes.
func (f *Flags) Load() (*tls.Config, sasl.Mechanism, error) {
	config, err := f.tlsConfig()
	if err != nil {
		return nil, nil, err
	}
	mechanism, err := f.login(config != nil)
	return config, mechanism, err
}

func (f *Flags) tlsConfig() (*tls.Config, error) {
	if !f.tls && f.ca == "" && f.cert == "" && f.key == "" && f.server == "" {
		return nil, nil //nolint:nilnil // no TLS is no error
	}
	config := &tls.Config{ServerName: f.server, MinVersion: tls.VersionTLS12}
	return config, files{f.ca, f.cert, f.key}.load(config, "-tls-")
}

func (f *Flags) login(encrypted bool) (sasl.Mechanism, error) {
	if f.mechanism == "" {
		if f.user != "" || f.secretFile != "" {
			return nil, errors.New("-user and -password-file need -sasl")
		}
		return nil, nil //nolint:nilnil // no log-in is no error
	}
	password, given := os.LookupEnv(PasswordEnv)
	if f.secretFile != "" {
		content, err := os.ReadFile(f.secretFile)
		if err != nil {
			return nil, fmt.Errorf("-password-file: %w", err)
		}
		password, given = strings.TrimRight(string(content), "\r\n"), true
	}
	if f.user == "" || !given {
		return nil, fmt.Errorf("-sasl needs -user, and the password in %s or -password-file", PasswordEnv)
	}
	if !encrypted && !f.plaintext && strings.EqualFold(f.mechanism, "plain") {
		return nil, errors.New("-sasl plain without -tls sends the password in clear text: add -tls, or -sasl-without-tls")
	}
	return mechanism("-sasl", f.mechanism, f.user, password)
}

// files are the PEM files of a connection.
type files struct{ ca, cert, key string }

// load reads them into config. An error names the flag, which is prefix and ca, cert or key.
func (f files) load(config *tls.Config, prefix string) error {
	if (f.cert == "") != (f.key == "") {
		return fmt.Errorf("%[1]scert and %[1]skey belong together", prefix)
	}
	if f.ca != "" {
		pem, err := os.ReadFile(f.ca)
		if err != nil {
			return fmt.Errorf("%sca: %w", prefix, err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return fmt.Errorf("%sca: %s holds no certificate in PEM form", prefix, f.ca)
		}
	}
	if f.cert != "" {
		pair, err := tls.LoadX509KeyPair(f.cert, f.key)
		if err != nil {
			return fmt.Errorf("%[1]scert, %[1]skey: %[2]w", prefix, err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return nil
}

// mechanism is what logs in as a flag says.
func mechanism(flagName, name, user, password string) (sasl.Mechanism, error) {
	switch strings.ToLower(name) {
	case "plain":
		return plain.Mechanism{Username: user, Password: password}, nil
	case "scram-sha-256":
		return scram.Mechanism(scram.SHA256, user, password)
	case "scram-sha-512":
		return scram.Mechanism(scram.SHA512, user, password)
	}
	return nil, fmt.Errorf("%s %q is none of plain, scram-sha-256, scram-sha-512", flagName, name)
}
