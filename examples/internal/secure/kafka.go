package secure

import (
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"

	"github.com/segmentio/kafka-go/sasl"
)

// KafkaFlags are what the user of a program that mainly talks to Connect said about Kafka. The user and the password come from KAFKA_USER and
// KAFKA_PASSWORD, or KAFKA_PASSWORD_FILE.
type KafkaFlags struct {
	tls           bool
	ca, cert, key string
	mechanism     string
}

// AddKafka adds the flags to a set.
func AddKafka(f *flag.FlagSet) *KafkaFlags {
	k := &KafkaFlags{}
	f.BoolVar(&k.tls, "kafka-tls", false, "speak TLS to Kafka; on with -kafka-ca or -kafka-cert")
	f.StringVar(&k.ca, "kafka-ca", "", "PEM file with the authorities that Kafka's certificate is checked against, instead of the system's")
	f.StringVar(&k.cert, "kafka-cert", "", "PEM file with this program's certificate for Kafka; needs -kafka-key")
	f.StringVar(&k.key, "kafka-key", "", "PEM file with its private key")
	f.StringVar(&k.mechanism, "kafka-sasl", "", "plain, scram-sha-256 or scram-sha-512, with KAFKA_USER and KAFKA_PASSWORD (or KAFKA_PASSWORD_FILE) from the environment")
	return k
}

// Load reads what the flags name. An error names the flag or the variable, never what is in it.
func (k *KafkaFlags) Load() (*tls.Config, sasl.Mechanism, error) {
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
	if cfg == nil && strings.EqualFold(k.mechanism, "plain") {
		return nil, nil, errors.New("-kafka-sasl plain sends the password as it is: it needs -kafka-tls")
	}
	login, err := mechanism("-kafka-sasl", k.mechanism, user, password)
	return cfg, login, err
}

func (k *KafkaFlags) tlsConfig() (*tls.Config, error) {
	if !k.tls && k.ca == "" && k.cert == "" && k.key == "" {
		return nil, nil //nolint:nilnil // no TLS is no error
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	return config, files{k.ca, k.cert, k.key}.load(config, "-kafka-")
}
