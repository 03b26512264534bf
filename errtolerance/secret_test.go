package errtolerance_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-reconnect/reconnect/errtolerance"
	"github.com/go-reconnect/reconnect/internal/redact"
)

// The linter asks redact only about keys that a cheap test lets through: it must let every secret key through.
func TestEverySecretKeyIsSeen(t *testing.T) {
	t.Parallel()
	keys := map[string]bool{
		"dbpassword": true, "clientSecret": true, "APIKey": true, "api.key": true, "my_api_key": true, "x.private-key": true, "aws.access.key.id": true,
		"azure.storage.account.key": true, "azure.eventhubs.sas": true, "github.pat": true, "connection.pwd": true, "sasl.jaas.config": true,
		"basic.auth.user.info": true, "http.authorization": true, "slack.webhookUrl": true, "gcp.service.account": true, "mongo.connection.string": true,
		"hmac.key": true, "signing.key": true, "encryption.key": true, "master.key": true, "session.cookie": true, "auth.token": true, "jwtToken": true,
		"ssl.keystore.key": true, "aes.key": true, "rsa.key": true, "ssh.key": true, "shared.key": true, "subscription.key": true, "service.key": true,
		"license.key": true, "storage.key": true, "passcode": true, "credentials": true, "shared.access.x": true, "authKey": true, "passwort": true,
	}
	for _, c := range wildConfigs(t) {
		for k := range c.Config {
			keys[k] = true
		}
	}
	seen := 0
	for key := range keys {
		if !redact.IsSecretKey(key) || strings.HasSuffix(key, ".id") && !strings.HasSuffix(key, "key.id") || strings.HasSuffix(key, "keyname") || strings.HasSuffix(key, ".property") {
			continue // who or where it is: masked to be safe
		}
		seen++
		found := codes(errtolerance.Lint(map[string]string{key: "hunter2"}, errtolerance.Target{}))
		assert.Contains(t, found, "ET405", key)
	}
	require.Greater(t, seen, 40)
}

// A sentinel in every field of a real configuration appears nowhere.
func TestNoSecretAppearsInAnyFinding(t *testing.T) {
	t.Parallel()
	const sentinel = "s3ntinel-Passw0rd"
	for _, c := range wildConfigs(t) {
		cfg := map[string]string{}
		for k, v := range c.Config {
			if redact.IsSecretKey(k) {
				v = sentinel
			}
			cfg[k] = v
		}
		cfg["connection.url"] = "jdbc:postgresql://user:" + sentinel + "@db/x?password=" + sentinel
		cfg["errors.tolerance"] = "password=" + sentinel
		for _, f := range errtolerance.Lint(cfg, errtolerance.Target{Complete: true}) {
			assert.NotContains(t, f.String()+f.Value+f.Fix, sentinel, f.Code)
		}
	}
}

func TestConnectorKeysNameTheirSource(t *testing.T) {
	t.Parallel()
	for _, class := range []string{
		"io.confluent.connect.jdbc.JdbcSinkConnector", "io.confluent.connect.jdbc.JdbcSourceConnector", "io.confluent.connect.http.HttpSinkConnector",
		"io.debezium.connector.mysql.MySqlConnector", "io.debezium.connector.jdbc.JdbcSinkConnector", "com.mongodb.kafka.connect.MongoSinkConnector",
	} {
		keys := errtolerance.ConnectorKeys(class)
		assert.NotEmpty(t, keys, class)
		for _, k := range keys {
			assert.NotEmpty(t, k.Name)
			assert.NotEmpty(t, k.Connector, k.Name)
			assert.NotEmpty(t, k.Type, k.Name)
			assert.NotEmpty(t, k.Source, k.Name)
		}
	}
	assert.Nil(t, errtolerance.ConnectorKeys("com.acme.Unknown"))
}
