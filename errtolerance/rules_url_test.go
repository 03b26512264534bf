package errtolerance_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/go-reconnect/reconnect/errtolerance"
)

func TestPasswordsInsideURLs(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, value, code string }{
		{"after the user", "https://elastic:hunter2@es:9200", "ET405"},
		{"after the user, with a slash in it", "mongodb://app:hun/ter2@mongo/db", "ET405"},
		{"after the user, with an at sign in it", "amqp://app:hun@ter2@mq:5672/v", "ET405"},
		{"in the second of a list", "http://es1:9200,http://elastic:hunter2@es2:9200", "ET405"},
		{"as a parameter", "jdbc:postgresql://db/shop?user=app&password=hunter2", "ET405"},
		{"as a parameter of SQL Server's driver", "jdbc:sqlserver://db:1433;databaseName=x;user=sa;password=hunter2;encrypt=true", "ET405"},
		{"as a parameter of DB2's driver", "jdbc:db2://db:50000/shop:user=app;password=hunter2;", "ET405"},
		{"with a capital", "jdbc:datadirect:hive://h:10000;User=hive;Password=hunter2", "ET405"},
		{"of a trust store", "jdbc:sqlserver://db;trustStorePassword=hunter2", "ET405"},
		{"after a reference as the user", "https://${file:/s/u.properties:user}:hunter2@host/", "ET405"},
		{"behind Oracle's slash", "jdbc:oracle:thin:app/hunter2@//db:1521/svc", "ET405"},
		{"beside a reference", "jdbc:postgresql://db/x?sslpassword=${env:K}&password=hunter2", "ET405"},
		{"with an account key", "https://acc.blob.core.windows.net/c?accesskey=abc123", "ET405"},

		{"a mask as a tool shows it", "jdbc:postgresql://app:******@db/shop", "ET414"},
		{"a mask of Go's URLs", "mongodb://app:xxxxx@mongo/db", "ET414"},

		{"a reference after the user", "https://elastic:${file:/x.properties:pw}@es:9200", ""},
		{"a reference as a parameter", "jdbc:postgresql://db/x?password=${env:PW}", ""},
		{"a variable of a shell", "jdbc:postgresql://db/x?user=$U&password=$P", ""},
		{"a placeholder", "jdbc:postgresql://db/x?password=<password>", ""},
		{"a placeholder in capitals", "jdbc:postgresql://db/x?password=YOUR_PASSWORD", ""},
		{"a template", "https://{{ .User }}:{{ .Password }}@es:9200", ""},
		{"a user alone", "https://token@git.example.com/x", ""},
		{"an empty password", "jdbc:mysql://db/x?user=root&password=", ""},
		{"an at sign in a path", "https://example.com/users/@me:x@y", ""},
		{"Oracle without credentials", "jdbc:oracle:thin:@//db:1521/svc", ""},
		{"a port", "http://es:9200", ""},
		{"an at sign behind a port", "http://registry:8081/a@b", ""},
		{"an at sign behind a user", "https://app@host/x:y@z", ""},
		{"a reference as the user", "https://${env:USER}@host/", ""},
		{"references as both", "mongodb+srv://${file:/s/m.properties:user}:${file:/s/m.properties:password}@c.example.net", ""},
		{"other parameters", "jdbc:mysql://db/x?useSSL=false&passwordCharacterEncoding=UTF-8", ""},
		{"no URL at all", "user:password@host", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := ""
			for _, f := range errtolerance.Lint(map[string]string{"connector.class": "com.acme.SinkConnector", "topics": "a", "connection.url": tt.value}, errtolerance.Target{}) {
				got = f.Code
				assert.Equal(t, "connection.url", f.Key)
				assert.NotContains(t, f.String()+f.Value+f.Fix, "hunter2")
			}
			assert.Equal(t, tt.code, got)
		})
	}
}
