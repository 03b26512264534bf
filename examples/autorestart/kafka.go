package main

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

// kafkaLogin says how to reach Kafka. Secrets are never flags: they come from KAFKA_USER and KAFKA_PASSWORD, or KAFKA_PASSWORD_FILE.
type kafkaLogin struct {
	tls           bool
	ca, cert, key string
	mechanism     string
}

func (k *kafkaLogin) flags(f *flag.FlagSet) {
	f.BoolVar(&k.tls, "kafka-tls", false, "speak TLS to Kafka; on with -kafka-ca or -kafka-cert")
	f.StringVar(&k.ca, "kafka-ca", "", "PEM file with the authorities that Kafka's certificate is checked against, instead of the system's")
	f.StringVar(&k.cert, "kafka-cert", "", "PEM file with this program's certificate for Kafka; needs -kafka-key")
	f.StringVar(&k.key, "kafka-key", "", "PEM file with its private key")
	f.StringVar(&k.mechanism, "kafka-sasl", "", "plain, scram-sha-256 or scram-sha-512, with KAFKA_USER and KAFKA_PASSWORD (or KAFKA_PASSWORD_FILE) from the environment")
}

// config reads what the flags name. An error names the flag or the variable, never what is in it.
func (k *kafkaLogin) config() (*tls.Config, sasl.Mechanism, error) {
	cfg, err := k.tlsConfig()
	if err != nil {
		return nil, nil, err
	}
	if k.mechanism == "" {
		return cfg, nil, nil
	}
	user, password := os.Getenv("KAFKA_USER"), os.Getenv("KAFKA_PASSWORD")
	if file := os.Getenv("KAFKA_PASSWORD_FILE"); file != "" {
		if password != "" {
			return nil, nil, errors.New("KAFKA_PASSWORD and KAFKA_PASSWORD_FILE exclude each other")
		}
		data, err := os.ReadFile(file) //nolint:gosec // the user names it
		if err != nil {
			return nil, nil, fmt.Errorf("KAFKA_PASSWORD_FILE: %w", err)
		}
		password = strings.TrimRight(string(data), "\r\n")
	}
	if user == "" || password == "" {
		return nil, nil, errors.New("-kafka-sasl needs KAFKA_USER and KAFKA_PASSWORD (or KAFKA_PASSWORD_FILE) in the environment")
	}
	switch strings.ToLower(k.mechanism) {
	case "plain":
		if cfg == nil {
			return nil, nil, errors.New("-kafka-sasl plain sends the password as it is: it needs -kafka-tls")
		}
		return cfg, plain.Mechanism{Username: user, Password: password}, nil
	case "scram-sha-256":
		m, err := scram.Mechanism(scram.SHA256, user, password)
		return cfg, m, err
	case "scram-sha-512":
		m, err := scram.Mechanism(scram.SHA512, user, password)
		return cfg, m, err
	}
	return nil, nil, fmt.Errorf("-kafka-sasl %q is not plain, scram-sha-256 or scram-sha-512", k.mechanism)
}

func (k *kafkaLogin) tlsConfig() (*tls.Config, error) {
	if (k.cert != "") != (k.key != "") {
		return nil, errors.New("-kafka-cert and -kafka-key go together")
	}
	if !k.tls && k.ca == "" && k.cert == "" {
		return nil, nil
	}
	cfg := &tls.Config{MinVersion: tls.VersionTLS12}
	if k.ca != "" {
		pem, err := os.ReadFile(k.ca)
		if err != nil {
			return nil, fmt.Errorf("-kafka-ca: %w", err)
		}
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("-kafka-ca %s holds no PEM certificate", k.ca)
		}
	}
	if k.cert != "" {
		pair, err := tls.LoadX509KeyPair(k.cert, k.key)
		if err != nil {
			return nil, fmt.Errorf("-kafka-cert, -kafka-key: %w", err)
		}
		cfg.Certificates = []tls.Certificate{pair}
	}
	return cfg, nil
}

// split splits a list at commas, without blanks and empty parts.
func split(list string) []string {
	var out []string
	for s := range strings.SplitSeq(list, ",") {
		if s = strings.TrimSpace(s); s != "" {
			out = append(out, s)
		}
	}
	return out
}
