package failure_test

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-reconnect/reconnect/connect/failure"
)

func TestSummaryNamesWhatTheMessageNames(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, trace, want string }{
		{"the host of a refused connection", "org.postgresql.util.PSQLException: Connection to orders-db:25999 refused. Check that the hostname and port are correct and that the postmaster is accepting TCP/IP connections.", "orders-db:25999"},
		{"the host that does not resolve", "java.lang.RuntimeException: x\nCaused by: java.net.UnknownHostException: orders-db.invalid: Name or service not known", "orders-db.invalid"},
		{"the host of a URL", "org.apache.kafka.connect.errors.ConnectException: Error while processing HTTP request with Url : https://user:pw@api.shop.example/x, Status code : 503, Reason Phrase : x", "api.shop.example"},
		{"the topic of a missing ACL", "org.apache.kafka.common.errors.TopicAuthorizationException: Not authorized to access topics: [orders]", "orders"},
		{"the topic without metadata", "org.apache.kafka.common.errors.TimeoutException: Topic orders not present in metadata after 6000 ms.", "topic orders"},
		{"the table that is missing", `io.confluent.connect.jdbc.sink.TableAlterOrCreateException: Table "orders" is missing and auto-creation is disabled`, "orders"},
		{"the table without a grant", "org.postgresql.util.PSQLException: ERROR: permission denied for table vip", "vip"},
		{"the database and table of MySQL", "java.sql.SQLIntegrityConstraintViolationException: (conn=95) Data too long for column `orders`.`m_latin`.`name` at row 1", "m_latin"},
		{"the subject", `org.x.Y: z` + "\n" + `Caused by: io.confluent.kafka.schemaregistry.client.rest.exceptions.RestClientException: Schema being registered is incompatible with an earlier schema for subject "orders-value"; error code: 409`, "orders-value"},
		{"the field a transform misses", "org.apache.kafka.connect.errors.DataException: Field does not exist: customer_id", "customer_id"},
		{"the setting", "org.apache.kafka.common.config.ConfigException: Invalid value -5 for configuration receive.buffer.bytes: Value must be at least -1", "receive.buffer.bytes"},
		{"the plugin", "org.apache.kafka.connect.errors.ConnectException: Failed to find any class that implements Connector and which name matches com.acme.Sink, available connectors are: PluginDesc{klass=class x.Y}", "com.acme.Sink"},
		{"the user", "java.sql.SQLException: Access denied for user 'app'@'10.0.0.3' (using password: YES)", "app"},
		{"the replication slot", `org.postgresql.util.PSQLException: ERROR: replication slot "busy_slot" is active for PID 21260`, "busy_slot"},
		{"the path of a file", "java.nio.file.NoSuchFileException: /data/in/orders.csv", "/data/in/orders.csv"},
		{"nothing where nothing is named", "java.net.ConnectException: Connection refused", "The other side cannot be reached or ended the connection."},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			d := failure.Diagnose(test.trace)
			assert.Contains(t, d.Summary, test.want, d.Pattern)
			assert.NotContains(t, d.Summary, "pw@")
		})
	}
}

func TestDiagnosisShowsNoValues(t *testing.T) {
	t.Parallel()
	const secret = "Swordfish4711"
	traces := []string{
		"org.postgresql.util.PSQLException: ERROR: null value in column \"name\" violates not-null constraint\n  Detail: Failing row contains (1, Swordfish4711, x (y), z).\n  Hint: none",
		"java.sql.BatchUpdateException: Batch entry 0 INSERT INTO t (a) VALUES (('Swordfish4711')) was aborted: ERROR: value too long for type character varying(5)  Call getNextException to see other errors in the batch.",
		"org.postgresql.util.PSQLException: ERROR: duplicate key value violates unique constraint \"pk\"\n  Detail: Key (email)=(Swordfish4711) already exists.",
		"java.sql.SQLException: Duplicate entry 'Swordfish4711' for key 'PRIMARY'",
		"java.sql.SQLException: Incorrect string value: 'Swordfish4711' for column `a`.`b` at row 1",
		"com.microsoft.sqlserver.jdbc.SQLServerException: Violation of PRIMARY KEY constraint 'PK'. Cannot insert duplicate key in object 'dbo.t'. The duplicate key value is (Swordfish4711).",
		"com.mongodb.MongoWriteException: E11000 duplicate key error collection: a.b index: email_1 dup key: { email: \"Swordfish4711\" }",
		"java.lang.NumberFormatException: For input string: \"Swordfish4711\"",
		"java.text.ParseException: Unparseable date: \"Swordfish4711\"",
		"com.fasterxml.jackson.core.JsonParseException: Unrecognized token 'Swordfish4711': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')",
		"org.apache.kafka.connect.errors.DataException: Could not convert value 'Swordfish4711' (java.lang.String) into a BsonDocument.",
		"org.bson.json.JsonParseException: JSON reader was expecting a value but found 'Swordfish4711'.",
		"org.apache.kafka.connect.errors.DataException: Value (Swordfish4711) was out of range for requested data type",
		"org.apache.kafka.connect.errors.DataException: Did not find matching union field for data: Swordfish4711",
		"org.apache.kafka.connect.errors.ConnectException: java.io.IOException: HTTP Response code: 500, , Submitted payload: Swordfish4711, url:http://x/y : {\"id\":4}",
		"org.apache.kafka.connect.errors.ConnectException: Error while processing HTTP request with Url : http://x/y, Status code : 400, Reason Phrase : Bad Request, Response Content : {\"got\":\"Swordfish4711\"},",
		"org.apache.kafka.connect.errors.ConnectException: Bulk request failed: [{\"reason\":\"failed to parse field [a] of type [long] in document with id '5'. Preview of field's value: 'Swordfish4711'\"}]",
		"org.hibernate.exception.GenericJDBCException: JDBC exception executing SQL [INSERT INTO t VALUES ('Swordfish4711')] [ERROR: x] [n/a]",
		"org.apache.kafka.common.config.ConfigException: Connector config {name=x, connection.password=Swordfish4711} contains no connector type",
		"java.sql.SQLException: No suitable driver found for jdbc:postgresql://app:Swordfish4711@db/orders",
		"java.lang.IllegalArgumentException: sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required username=\"a\" password=\"Swordfish4711\";",
		"org.apache.kafka.connect.errors.ConnectException: 401 for Authorization: Bearer Swordfish4711",
	}
	for i, trace := range traces {
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			t.Parallel()
			for _, text := range []string{trace, "org.apache.kafka.connect.errors.ConnectException: x\n\tat a.B.c(B.java:1)\nCaused by: " + trace + "\n\tat a.B.c(B.java:1)\n", strings.Replace(trace, ": ", ": unheard of ", 1)} {
				d := failure.Diagnose(text)
				raw, err := json.Marshal(d)
				require.NoError(t, err)
				assert.NotContains(t, string(raw), secret)
				assert.NotContains(t, fmt.Sprintf("%+v", d.Summary), secret)
			}
			assert.Contains(t, failure.Parse(trace).Root().Message, secret, "a Trace has the text as it is")
		})
	}
}

func TestEveryDiagnosisFitsOneLine(t *testing.T) {
	t.Parallel()
	for _, set := range []string{"measured", "wild"} {
		for _, x := range samples(t, set) {
			d := failure.Diagnose(x.Trace)
			assert.NotEmpty(t, d.Summary, x.ID)
			assert.LessOrEqual(t, len(d.Summary), 1000, x.ID)
			assert.LessOrEqual(t, len(d.Root.Message), 1100, x.ID)
			assert.True(t, utf8.ValidString(d.Summary), x.ID)
			assert.NotContains(t, d.Summary, "\n", x.ID)
			assert.NotRegexp(t, `\{(host|topic|table|subject|field|setting|user|object|class|message)\}`, d.Summary, "%s: a placeholder is left", x.ID)
			assert.NotEmpty(t, d.Remedies, x.ID)
			assert.Len(t, d.Fingerprint, 16, x.ID)
			assert.Equal(t, d, failure.Parse(x.Trace).Diagnose(), x.ID)
		}
	}
}

func TestFingerprint(t *testing.T) {
	t.Parallel()
	type pair struct{ name, a, b string }
	same := []pair{
		{"another host and port", "java.lang.RuntimeException: Connect to db-1.eu.example.com:5432 [db-1/10.0.0.1] failed", "java.lang.RuntimeException: Connect to orders.us.example.com:15432 [orders/10.7.0.1] failed"},
		{"another unknown host", "java.net.UnknownHostException: broker", "java.net.UnknownHostException: kafka"},
		{"another offset and task", "org.x.Y: task orders-sink-0 failed at offset 17", "org.x.Y: task orders-sink-12 failed at offset 99817"},
		{"another time", "org.x.Y: since 2024-01-02T03:04:05.678Z", "org.x.Y: since 2025-11-12T13:14:15.001Z"},
		{"another id", "org.x.Y: request 0fe1c2d3-4455-6677-8899-aabbccddeeff failed", "org.x.Y: request a1e1c2d3-9455-6a77-b899-00bbccddee01 failed"},
		{"another row", "java.sql.SQLException: Duplicate entry 'bob' for key 'PRIMARY'", "java.sql.SQLException: Duplicate entry 'alice' for key 'PRIMARY'"},
		{"another session", "java.sql.SQLException: (conn=12) Field 'region' doesn't have a default value", "java.sql.SQLException: (conn=99881) Field 'region' doesn't have a default value"},
		{"another line and lambda", "x.Y\n\tat a.B.lambda$c$0(B.java:1)", "x.Y\n\tat a.B.lambda$c$17(B.java:99)"},
		{"another log position", "org.x.Y: at LSN{0/1E730C0} of mysql-bin.000003", "org.x.Y: at LSN{2/AB730C0} of mysql-bin.000917"},
	}
	for _, p := range same {
		t.Run("the same for "+p.name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, failure.Diagnose(p.a).Fingerprint, failure.Diagnose(p.b).Fingerprint)
		})
	}
	different := []pair{
		{"another table", "org.postgresql.util.PSQLException: ERROR: permission denied for table vip", "org.postgresql.util.PSQLException: ERROR: permission denied for table orders"},
		{"another setting", "org.apache.kafka.common.config.ConfigException: Invalid value x for configuration tasks.max: Not a number", "org.apache.kafka.common.config.ConfigException: Invalid value x for configuration errors.tolerance: Not a number"},
		{"another topic", "org.apache.kafka.common.errors.TopicAuthorizationException: Not authorized to access topics: [orders]", "org.apache.kafka.common.errors.TopicAuthorizationException: Not authorized to access topics: [payments]"},
		{"another text", "org.x.Y: the moon is full", "org.x.Y: the sun is down"},
		{"another place of an unknown failure", "java.lang.NullPointerException\n\tat a.B.c(B.java:1)", "java.lang.NullPointerException\n\tat a.B.d(B.java:1)"},
		{"another class", "java.net.ConnectException: Connection refused", "java.net.SocketException: Connection refused"},
	}
	for _, p := range different {
		t.Run("different for "+p.name, func(t *testing.T) {
			t.Parallel()
			assert.NotEqual(t, failure.Diagnose(p.a).Fingerprint, failure.Diagnose(p.b).Fingerprint)
		})
	}
	t.Run("different for the samples of different classes", func(t *testing.T) {
		t.Parallel()
		byPrint := map[string]sample{}
		for _, set := range []string{"measured", "wild"} {
			for _, x := range samples(t, set) {
				d := failure.Diagnose(x.Trace)
				if first, ok := byPrint[d.Fingerprint]; ok {
					assert.Equal(t, first.Class, x.Class, "%s and %s", first.ID, x.ID)
				}
				byPrint[d.Fingerprint] = x
			}
		}
	})
	t.Run("stable between releases", func(t *testing.T) {
		t.Parallel()
		assert.Equal(t, "8c3724d203999524", failure.Diagnose("java.net.ConnectException: Connection refused").Fingerprint)
	})
}

func TestUnknownIsHonest(t *testing.T) {
	t.Parallel()
	d := failure.Diagnose("java.lang.RuntimeException: the moon is full\n\tat a.B.c(B.java:1)")
	assert.Equal(t, failure.ClassUnknown, d.Class)
	assert.Equal(t, failure.AdviceUnknown, d.Restart)
	assert.Empty(t, d.Pattern)
	assert.Equal(t, "The trace does not show the cause: RuntimeException: the moon is full.", d.Summary)
	assert.Contains(t, d.Remedies[0], "log")

	d = failure.Diagnose("")
	assert.Equal(t, failure.ClassUnknown, d.Class)
	assert.NotEmpty(t, d.Summary)
	assert.NotEmpty(t, d.Remedies)
	assert.Len(t, d.Fingerprint, 16)
}

func TestOwnPatternsComeFirst(t *testing.T) {
	t.Parallel()
	own := []failure.Pattern{
		{ID: "acme-gateway", Messages: []string{"connection * acme-gw"}, Class: failure.ClassConfiguration, Advice: failure.AdviceAfterChange, Summary: "The gateway[ {host}] is closed to us.", Remedies: []string{"Ask the gateway's team."}},
		{ID: "acme-any", Exceptions: []string{"com.acme."}, Class: failure.ClassResource, Advice: failure.AdviceAfterRecovery},
		{ID: "acme-frames", Frames: []string{"AcmeWriter.flush"}, Class: failure.ClassTimeout, Advice: failure.AdviceAfterRecovery},
		{ID: "acme-both", Exceptions: []string{"AcmeException"}, Messages: []string{"both"}, Class: failure.ClassTLS, Advice: failure.AdviceAfterChange},
		{ID: "acme-match", Match: func(t failure.Trace) bool { return len(t.Chain) == 4 }, Class: failure.ClassRebalance, Advice: failure.AdviceRestart},
		{ID: "acme-panic", Match: func(failure.Trace) bool { panic("mine") }, Class: failure.ClassRebalance, Advice: failure.AdviceRestart},
	}
	d, err := failure.New(own...)
	require.NoError(t, err)
	tests := []struct{ name, trace, want string }{
		{"a text before the built-in one for connections", "java.net.ConnectException: Connection refused: ACME-GW:443", "acme-gateway"},
		{"a text with its parts in the wrong order does not match", "java.net.ConnectException: acme-gw Connection refused", "network-connection"},
		{"the parts in two exceptions do not match", "java.lang.RuntimeException: connection\nCaused by: java.net.ConnectException: acme-gw refused", "network-connection"},
		{"a package", "com.acme.store.QuotaException: x", "acme-any"},
		{"a frame anywhere", "java.net.ConnectException: Connection refused\n\tat org.other.AcmeWriter.flush(AcmeWriter.java:7)", "acme-frames"},
		{"a simple name with a text", "org.y.AcmeException: we want both", "acme-both"},
		{"not the simple name alone", "org.y.AcmeException: only one", ""},
		{"not the text alone", "org.y.OtherException: we want both", ""},
		{"a function", "a.A: 1\nCaused by: b.B: 2\nCaused by: c.C: 3\nCaused by: d.D: 4", "acme-match"},
		{"the first in order and not the deepest", "com.acme.X: y\n\tat org.other.AcmeWriter.flush(AcmeWriter.java:7)\nCaused by: org.y.AcmeException: both", "acme-any"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, test.want, d.Diagnose(test.trace).Pattern)
		})
	}
	got := d.Diagnose("java.net.ConnectException: Connection refused: acme-gw:443")
	assert.Equal(t, failure.ClassConfiguration, got.Class)
	assert.Equal(t, failure.AdviceAfterChange, got.Restart)
	assert.Equal(t, "The gateway acme-gw:443 is closed to us.", got.Summary)
	assert.Equal(t, []string{"Ask the gateway's team."}, got.Remedies)
	assert.NotEmpty(t, d.Diagnose("com.acme.X: y").Summary, "an empty summary is made from the class")
	assert.NotContains(t, d.Diagnose("com.acme.X: y").Summary, "[")
}

func TestBadPatternsAreErrors(t *testing.T) {
	t.Parallel()
	good := failure.Pattern{ID: "x", Messages: []string{"y"}, Class: failure.ClassTimeout}
	with := func(change func(*failure.Pattern)) []failure.Pattern {
		p := good
		change(&p)
		return []failure.Pattern{p}
	}
	tests := []struct {
		name     string
		patterns []failure.Pattern
		want     string
	}{
		{"without an id", with(func(p *failure.Pattern) { p.ID = "" }), "ID is empty"},
		{"an id with a blank", with(func(p *failure.Pattern) { p.ID = "a b" }), `ID "a b"`},
		{"the id of a built-in one", with(func(p *failure.Pattern) { p.ID = "network-timeout" }), "is taken"},
		{"the id of another one", []failure.Pattern{good, good}, "is taken"},
		{"an unknown class", with(func(p *failure.Pattern) { p.Class = "weather" }), `Class "weather"`},
		{"without a class", with(func(p *failure.Pattern) { p.Class = "" }), "Class"},
		{"an unknown advice", with(func(p *failure.Pattern) { p.Advice = 9 }), "Advice 9"},
		{"nothing to match", with(func(p *failure.Pattern) { p.Messages = nil }), "matches nothing"},
		{"an empty message", with(func(p *failure.Pattern) { p.Messages = []string{""} }), "Messages[0]"},
		{"a message of stars", with(func(p *failure.Pattern) { p.Messages = []string{"ok", "**"} }), "Messages[1]"},
		{"a message without end", with(func(p *failure.Pattern) { p.Messages = []string{strings.Repeat("x", 1000)} }), "at most"},
		{"an empty exception", with(func(p *failure.Pattern) { p.Exceptions = []string{""} }), "Exceptions[0]"},
		{"an exception with its message", with(func(p *failure.Pattern) { p.Exceptions = []string{"a.B: c"} }), "Exceptions[0]"},
		{"an empty frame", with(func(p *failure.Pattern) { p.Frames = []string{" "} }), "Frames[0]"},
		{"an unknown placeholder", with(func(p *failure.Pattern) { p.Summary = "x {weather}" }), "{weather}"},
		{"an open brace", with(func(p *failure.Pattern) { p.Summary = "x {host" }), "open brace"},
		{"a bracket too many", with(func(p *failure.Pattern) { p.Summary = "x [y]]" }), "square brackets"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			d, err := failure.New(test.patterns...)
			require.ErrorContains(t, err, test.want)
			assert.Nil(t, d)
		})
	}
	d, err := failure.New()
	require.NoError(t, err)
	assert.Equal(t, failure.Diagnose("java.net.ConnectException: x"), d.Diagnose("java.net.ConnectException: x"))
}

func TestDiagnoserIsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	d, err := failure.New(failure.Pattern{ID: "mine", Messages: []string{"mine"}, Class: failure.ClassTimeout})
	require.NoError(t, err)
	all := samples(t, "wild")
	want := make([]failure.Diagnosis, len(all))
	for i, x := range all {
		want[i] = d.Diagnose(x.Trace)
	}
	var wg sync.WaitGroup
	for n := range 4 {
		wg.Go(func() {
			for i := range all {
				k := (i*7 + n) % len(all)
				assert.Equal(t, want[k], d.Diagnose(all[k].Trace))
			}
		})
	}
	wg.Wait()
}

func TestDiagnosisIsJSON(t *testing.T) {
	t.Parallel()
	d := failure.Diagnose("java.net.ConnectException: Connection refused")
	raw, err := json.Marshal(d)
	require.NoError(t, err)
	assert.Contains(t, string(raw), `"class":"connection","restart":"after_recovery","pattern":"network-connection"`)
	var back failure.Diagnosis
	require.NoError(t, json.Unmarshal(raw, &back))
	assert.Equal(t, d.Restart, back.Restart)
	assert.Equal(t, d.Fingerprint, back.Fingerprint)

	var a failure.Advice
	require.Error(t, a.UnmarshalText([]byte("perhaps")))
	for _, advice := range []failure.Advice{failure.AdviceUnknown, failure.AdviceRestart, failure.AdviceAfterRecovery, failure.AdviceAfterChange} {
		text, err := advice.MarshalText()
		require.NoError(t, err)
		require.NoError(t, a.UnmarshalText(text))
		assert.Equal(t, advice, a)
	}
	assert.Equal(t, "unknown", failure.Advice(42).String())
}

func TestTextsThatWouldMislead(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, trace string
		class       failure.Class
		advice      failure.Advice
	}{
		{"a row that says connection refused", "java.sql.BatchUpdateException: Batch entry 0 INSERT INTO t VALUES ('connection refused, access denied, timed out') was aborted: ERROR: value too long for type character varying(5)", failure.ClassDataConstraint, failure.AdviceAfterChange},
		{"try restarting transaction is not an order to restart", "java.sql.SQLException: Lock wait timeout exceeded; try restarting transaction", failure.ClassTimeout, failure.AdviceAfterRecovery},
		{"restart the connector in an advice", "org.apache.kafka.connect.errors.ConnectException: Publication autocreation is disabled, please create one and restart the connector.", failure.ClassSourceState, failure.AdviceAfterChange},
		{"a broker's port that speaks HTTP", "java.lang.OutOfMemoryError: Java heap space\n\tat org.apache.kafka.common.memory.MemoryPool$1.tryAllocate(MemoryPool.java:30)\n\tat org.apache.kafka.common.network.NetworkReceive.readFrom(NetworkReceive.java:113)", failure.ClassConfiguration, failure.AdviceAfterChange},
		{"retriable around an untrusted certificate", "org.apache.kafka.connect.errors.RetriableException: attempt 1 of 32768\nCaused by: javax.net.ssl.SSLHandshakeException: PKIX path building failed", failure.ClassTLS, failure.AdviceAfterChange},
		{"a providers' list that holds a failed connection", "com.amazonaws.SdkClientException: Unable to load AWS credentials from any provider in the chain: [X: Failed to connect to service endpoint: ]", failure.ClassAuthentication, failure.AdviceAfterChange},
		{"the cause in a suppressed block only", "org.hibernate.x.Y: z\n\tat a.B.c(B.java:1)\nCaused by: java.lang.Throwable\n\tat a.B.c(B.java:1)\n\tSuppressed: java.lang.ClassNotFoundException: com.acme.Dialect\n\t\tat a.B.c(B.java:1)\n", failure.ClassConfiguration, failure.AdviceAfterChange},
		{"a suppressed close does not hide the cause", "org.postgresql.util.PSQLException: ERROR: permission denied for table vip\n\tat a.B.c(B.java:1)\n\tSuppressed: java.net.SocketException: Broken pipe\n\t\tat a.B.c(B.java:1)\n", failure.ClassAuthorization, failure.AdviceAfterChange},
		{"a port number that looks like a status", "java.lang.RuntimeException: x\nCaused by: java.net.ConnectException: Connection refused: http://db:404/", failure.ClassConnection, failure.AdviceAfterRecovery},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			d := failure.Diagnose(test.trace)
			assert.Equal(t, test.class, d.Class, d.Pattern)
			assert.Equal(t, test.advice, d.Restart, d.Pattern)
		})
	}
}
