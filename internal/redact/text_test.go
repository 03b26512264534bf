package redact_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-reconnect/reconnect/internal/redact"
)

// pw is a password that no rule may let through, whatever is written around it.
const pw = "S3nt1nel-Pw"

var secretTexts = map[string]string{
	"a URL with user and password":                  "cannot reach https://app:" + pw + "@host:8081/x",
	"a URL with a bare token":                       "clone https://" + pw + "@host/x",
	"a password with an @ in it":                    "amqp://u:a@" + pw + "@host",
	"a password with a slash in it":                 "amqp://u:" + pw + "/" + pw + "@host failed",
	"a password with a ? and # in it":               "amqp://u:" + pw + "?#" + pw + "@host failed",
	"k=v":                                           "login with user=x password=" + pw + " failed",
	"k=v with a comma inside":                       "password=ab," + pw + " failed",
	"k=v with a bracket inside":                     "password=ab)" + pw + " failed",
	"k=v with a quote inside":                       "password=ab'" + pw + " failed",
	"k = v":                                         "ssl.key.password = " + pw,
	"k: v in a sentence":                            "tried with password: " + pw,
	"a properties line with spaces":                 "a=b\nconnection.password=correct horse " + pw + "\nc=d",
	"JSON":                                          `{"connection.password":"` + pw + `","x":1}`,
	"JSON with spaces":                              `{ "connection.password" : "` + pw + `" }`,
	"JSON with an escaped quote":                    `{"password":"a\"` + pw + `","x":1}`,
	"JSON in JSON":                                  `{"message":"{\"password\":\"` + pw + `\"}"}`,
	"JSON whose end is cut off":                     `{"password":"a ` + pw,
	"Java's map":                                    "{name=x, database.password=a, b " + pw + ", tasks.max=1}",
	"Java's map, last":                              "{name=x, database.password=" + pw + "}",
	"a dump of a whole configuration":               "Connector config {a=b, x=y, some.odd.thing=" + pw + ", } z=" + pw + "} contains no connector type",
	"a dump that is cut off":                        "Connector config {a=b, some.odd.thing=" + pw,
	"a JAAS option":                                 `org.apache.kafka.common.security.plain.PlainLoginModule required username="u" password="` + pw + `";`,
	"a JAAS option with single quotes":              `ScramLoginModule required username='u' password='` + pw + `';`,
	"an Authorization header":                       "Authorization: Basic " + pw + "\nHost: x",
	"an Authorization header with a digest":         `Authorization: Digest username=x, response=` + pw,
	"a bearer token":                                "sent Bearer " + pw + " to the proxy",
	"basic credentials on their own":                "sent Basic dTpTM250MW5lbC1Qdw== to the proxy", // u:S3nt1nel-Pw
	"a JSON web token":                              "token was eyJhbGciOiJIUzI1NiJ9." + pw + "." + pw,
	"XML":                                           "<user>u</user><password>" + pw + "</password>",
	"a query parameter":                             "GET /x?access_token=" + pw + "&y=1 failed",
	"a signature of a URL":                          "GET https://acc.blob.core.windows.net/c?sv=1&sig=" + pw + "&se=2",
	"the value that a validation refused":           "Invalid value " + pw + " with spaces for configuration ssl.key.password: no",
	"a private key":                                 "-----BEGIN RSA PRIVATE KEY-----\n" + pw + "\n-----END RSA PRIVATE KEY-----",
	"a private key that is cut off":                 "-----BEGIN PRIVATE KEY-----\\n" + pw,
	"a SQL Server password in braces":               "jdbc:sqlserver://h;password={a;b " + pw + "};encrypt=true",
	"an Oracle URL":                                 "IO Error on jdbc:oracle:thin:u/" + pw + "@//h:1521/s",
	"a key in camel case":                           "clientSecret=" + pw,
	"a key in capitals":                             "DB_PASSWORD=" + pw,
	"with an arrow":                                 "password=>" + pw,
	"many URLs":                                     strings.Repeat("a://b://c ", 10) + "x://u:" + pw + "@h",
	"a URL behind a quote":                          `url "jdbc:mysql://root:` + pw + `@h/db" failed`,
	"a JDBC URL in JSON":                            `{"connection.url":"jdbc:sqlserver://h;password=` + pw + `","x":1}`,
	"a secret after another":                        "password=x token=" + pw,
	"a secret whose prefix is a reference":          "password=${env:A}" + pw,
	"an escaped newline in a stack of JSON strings": `{"m":"password=` + pw + `\nnext"}`,
}

func TestTextCutsSecrets(t *testing.T) {
	t.Parallel()
	for name, s := range secretTexts {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := redact.Text(s)
			assert.NotContains(t, got, pw)
			assert.NotContains(t, got, "dTpTM250MW5lbC1Qdw")
			assert.Contains(t, got, redact.Mask)
			assert.Equal(t, got, redact.Text(got), "a second pass changes nothing")
		})
	}
}

func TestTextKeepsWhatIsNoSecret(t *testing.T) {
	t.Parallel()
	for _, s := range []string{
		"", "Connector orders-sink not found", "Basic authentication failed", "Bearer authentication is not supported",
		"FATAL: password authentication failed for user \"app\"",
		"Access denied for user 'app'@'10.0.0.7' (using password: YES)",
		"Failed to obtain an access token: Connection refused by the other side",
		"\tat io.confluent.TokenProvider.getToken(TokenProvider.java:23)\n\tat x.PasswordUtil.check(PasswordUtil.scala:7)",
		"org.apache.kafka.common.errors.InvalidTokenException: the token expired",
		"java.security.UnrecoverableKeyException: Password verification failed",
		"password=${file:/opt/x.properties:pw}", "ssl.key.password = [hidden]", "password=null",
		"GET http://registry:8081/subjects/orders@v1/versions", "jdbc:postgresql://h:5432/db?ssl=true", "kafka://[::1]:9092/a@b",
		"value.converter.basic.auth.credentials.source=USER_INFO", "Invalid value x for configuration tasks.max: Not a number of type INT",
		"-----BEGIN CERTIFICATE-----\nabc\n-----END CERTIFICATE-----",
		"Missing required configuration \"connection.password\" which has no default value.",
		"Cannot complete request momentarily due to no known leader URL, likely because a rebalance was underway.",
	} {
		assert.Equal(t, s, redact.Text(s))
	}
}

func TestTextKeepsTheRest(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "login with user=x password=[redacted] failed", redact.Text("login with user=x password="+pw+" failed"))
	assert.Equal(t, `{"connection.password":"[redacted]","x":1}`, redact.Text(secretTexts["JSON"]))
	assert.Equal(t, "Connector config {[redacted]} contains no connector type", redact.Text(secretTexts["a dump of a whole configuration"]))
	assert.Equal(t, "https://app:[redacted]@host:8081/x", redact.Text("https://app:"+pw+"@host:8081/x"))
}

// Doubling the text may not do more than double the work; the shapes are those that make a naive scanner quadratic.
func TestTextIsLinear(t *testing.T) {
	t.Parallel()
	for _, unit := range []string{"://", "a://", "password=", "password=\"", "{password=a,", "Invalid value ", "-----BEGIN ", "Connector config {", "${a:", "thin:", ",a", "eyJ.", "Basic ", "<password>", "password=$"} {
		s := strings.Repeat(unit, 200_000/len(unit))
		_ = redact.Text(s) // a quadratic pass over 200 kB takes minutes: the test's own timeout is the verdict
		_ = redact.Text(s + "@")
	}
}

func FuzzText(f *testing.F) {
	for _, s := range secretTexts {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := redact.Text(s)
		if len(s) > 1<<16 {
			return
		}
		// Whatever stands in front of it, a line of its own that assigns a password is cut.
		if !strings.Contains(s, pw) {
			require.NotContains(t, redact.Text(s+"\nconnection.password="+pw+"\n"), pw)
		}
		_ = redact.HasReference(got)
		_ = redact.HoldsMask(got)
	})
}

func BenchmarkText(b *testing.B) {
	s := strings.Repeat("\tat org.apache.kafka.connect.runtime.WorkerSinkTask.execute(WorkerSinkTask.java:237)\n", 50)
	b.SetBytes(int64(len(s)))
	for b.Loop() {
		_ = redact.Text(s)
	}
}
