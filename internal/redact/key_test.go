package redact_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-reconnect/reconnect/internal/redact"
)

func TestIsSecretKey(t *testing.T) {
	t.Parallel()
	for _, key := range []string{
		"password", "connection.password", "database.password", "ssl.key.password", "ssl.keystore.password", "ssl.truststore.password",
		"producer.override.sasl.jaas.config", "admin.override.sasl.jaas.config", "sasl.jaas.config", "schema.history.internal.consumer.sasl.jaas.config",
		"ssl.keystore.key", "basic.auth.user.info", "value.converter.schema.registry.basic.auth.user.info", "value.converter.basic.auth.user.info",
		"aws.secret.access.key", "aws.access.key.id", "s3.secretAccessKey", "azblob.account.key", "azure.storage.account.key", "snowflake.private.key",
		"snowflake.private.key.passphrase", "sasl.oauthbearer.client.credentials.client.secret", "oauth2.client.secret", "oauthClientSecret",
		"splunk.hec.token", "github.access.token", "githubToken", "config.providers.vault.param.token", "api.key", "datadog.api_key", "apiKey", "API_KEY",
		"http.authorization.header", "header.authorization", "https.sslkey.password", "dbPassword", "dbpassword", "my.Passwd", "user_pwd", "SFTP_PASS",
		"gcs.credentials.json", "connection.string", "azure.sas.token", "slack.webhook.url", "license.key", "elastic.security.pass", "session.cookie",
		"signing-key", "authtoken", "bearerToken",
	} {
		assert.True(t, redact.IsSecretKey(key), key)
	}
	for _, key := range []string{
		"", "name", "connector.class", "tasks.max", "topics", "topics.regex", "key.converter", "key.ignore", "message.key.columns", "pk.mode", "pk.fields",
		"key.converter.schemas.enable", "database.user", "connection.user", "connection.url", "ssl.keystore.location", "ssl.truststore.location",
		"ssl.keystore.type", "basic.auth.credentials.source", "value.converter.basic.auth.credentials.source", "sasl.mechanism",
		"sasl.oauthbearer.token.endpoint.url", "sasl.login.callback.handler.class", "gcs.credentials.path", "password.file", "delegation.token.expiry.time.ms",
		"transforms.tokenize.type", "errors.deadletterqueue.topic.name", "offset.flush.interval.ms", "database.hostname", "compass.mode", "keys", "passenger",
		"author", "table.include.list", "heartbeat.action.query", "TokenProvider.java", "java.security.InvalidTokenException",
	} {
		assert.False(t, redact.IsSecretKey(key), key)
	}
}

func TestIsMask(t *testing.T) {
	t.Parallel()
	for _, v := range []string{
		"******", "***", "********************", "[hidden]", "[redacted]", "[REDACTED]", "<redacted>", "<hidden>", "(sensitive value)", "REDACTED", "HIDDEN",
		" ****** ", "[ hidden ]", "<masked>", "xxxxx", "••••••", redact.Mask,
	} {
		assert.True(t, redact.IsMask(v), v)
		assert.True(t, redact.HoldsMask(v), v)
	}
	for _, v := range []string{"", "*", "**", "a", "secret", "hidden", "[a]", "*.orders", "${file:/x:y}", "[]", "redacted.topic", "xxxx-topic"} {
		assert.False(t, redact.IsMask(v), v)
	}
	assert.True(t, redact.HoldsMask("jdbc:mysql://root:xxxxx@h/db"))
	assert.True(t, redact.HoldsMask("jdbc:mysql://h/db?password=[redacted]&x=1"))
	assert.True(t, redact.HoldsMask(`org.x.PlainLoginModule required username="a" password="***";`))
	assert.False(t, redact.HoldsMask("jdbc:mysql://h/db"))
}

func TestHasReference(t *testing.T) {
	t.Parallel()
	for _, v := range []string{"${file:/opt/x.properties:password}", "${env:DB_PASSWORD}", "a${vault:secret/db:pw}b", "${x:y${z:k}", "${secrets-manager:a}"} {
		assert.True(t, redact.HasReference(v), v)
	}
	for _, v := range []string{"", "$", "${", "${}", "${a}", "${:b}", "${a:}", "${a:b", "$a:b}", "${topic}", strings.Repeat("${", 1000)} {
		assert.False(t, redact.HasReference(v), v)
	}
}

func TestValue(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ name, key, value, want string }{
		{"a secret is masked", "connection.password", "hunter2", "[redacted]"},
		{"an empty secret stays empty, it hides nothing", "connection.password", "", ""},
		{"a mask stays the mask it is", "connection.password", "******", "******"},
		{"a reference is kept", "connection.password", "${file:/opt/db.properties:password}", "${file:/opt/db.properties:password}"},
		{"what stands around a reference is cut", "basic.auth.user.info", "admin:hunter2${env:X}", "[redacted]${env:X}"},
		{"two references", "basic.auth.user.info", "${env:U}:${env:P}", "${env:U}[redacted]${env:P}"},
		{"an ordinary value is as it was", "topics", "orders,payments", "orders,payments"},
		{"a password in a URL is cut", "connection.url", "mongodb://app:hunter2@h1:27017,h2:27017/db", "mongodb://app:[redacted]@h1:27017,h2:27017/db"},
		{"a password in a JDBC query", "connection.url", "jdbc:postgresql://h/db?user=a&password=hunter2&ssl=true", "jdbc:postgresql://h/db?user=a&password=[redacted]&ssl=true"},
		{"a password with a space in a SQL Server URL", "connection.url", "jdbc:sqlserver://h:1433;user=sa;password=hun, ter2 & x;encrypt=true", "jdbc:sqlserver://h:1433;user=sa;password=[redacted];encrypt=true"},
		{"an Oracle thin URL", "connection.url", "jdbc:oracle:thin:app/hunter2@//h:1521/svc", "jdbc:oracle:thin:app/[redacted]@//h:1521/svc"},
		{"a reference in a URL is kept", "connection.url", "jdbc:postgresql://h/db?password=${env:PW}", "jdbc:postgresql://h/db?password=${env:PW}"},
		{"a reference as a URL's password is kept", "connection.url", "mongodb://u:${env:PW}@h/db", "mongodb://u:${env:PW}@h/db"},
		{"a password behind a reference to the user", "connection.url", "https://${file:/s/u.properties:user}:hunter2@h/", "https://${file:/s/u.properties:user}:[redacted]@h/"},
		{"a password behind a variable for the user", "connection.url", "https://${env:U}:hunter2@h/", "https://${env:U}:[redacted]@h/"},
		{"references as user and password", "connection.uri", "mongodb+srv://${file:/s:u}:${file:/s:p}@h/db", "mongodb+srv://${file:/s:u}:${file:/s:p}@h/db"},
		{"a URL without a secret", "schema.registry.url", "http://registry:8081/a@b", "http://registry:8081/a@b"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, row.want, redact.Value(row.key, row.value))
		})
	}
}

func FuzzValue(f *testing.F) {
	f.Add("connection.password", "${file:/x:y}z")
	f.Add("connection.url", "jdbc:sqlserver://h;password=x y")
	f.Fuzz(func(t *testing.T, key, value string) {
		got := redact.Value(key, value)
		if redact.IsSecretKey(key) && len(value) > 0 && !redact.HasReference(value) && !redact.IsMask(value) {
			require.Equal(t, redact.Mask, got)
		}
	})
}
