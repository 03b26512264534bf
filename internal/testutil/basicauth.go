package testutil

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// BasicAuth are the credentials that the workers ask for in Options.BasicAuth.
type BasicAuth struct{ User, Password string }

// sign puts the credentials on a request of this package; nil has none.
func (a *BasicAuth) sign(req *http.Request) {
	if a != nil {
		req.SetBasicAuth(a.User, a.Password)
	}
}

const (
	jaasFile      = "/tmp/connect-jaas.conf"
	usersFile     = "/tmp/connect-users.properties"
	authExtension = "org.apache.kafka.connect.rest.basic.auth.extension."
)

// withBasicAuth is what Kafka's documentation says about its basic-auth extension: a jar, a property and a JAAS entry of the name KafkaConnect.
func (o Options) withBasicAuth() (Options, error) {
	if o.BasicAuth.User == "" || strings.ContainsAny(o.BasicAuth.User+o.BasicAuth.Password, ":\r\n") {
		return o, errors.New("testutil: Options.BasicAuth needs a User, and no colon or line end in either")
	}
	jar, err := BasicAuthJar(o.Version)
	if err != nil {
		return o, err
	}
	props := map[string]string{"rest.extension.classes": authExtension + "BasicAuthSecurityRestExtension"}
	if len(o.Plugins)+len(o.Classpath) == 0 && !o.TestPlugins {
		props["plugin.discovery"] = "service_load" // the jar has a manifest
	}
	maps.Copy(props, o.WorkerProperties)
	env := maps.Clone(o.WorkerEnv)
	if env == nil {
		env = map[string]string{}
	}
	env["KAFKA_OPTS"] = strings.TrimSpace(env["KAFKA_OPTS"] + " -Djava.security.auth.login.config=" + jaasFile)
	files := maps.Clone(o.Files)
	if files == nil {
		files = map[string][]byte{}
	}
	files[jaasFile] = []byte("KafkaConnect {\n  " + authExtension + "PropertyFileLoginModule required file=\"" + usersFile + "\";\n};\n")
	files[usersFile] = []byte(propertiesText(map[string]string{o.BasicAuth.User: o.BasicAuth.Password}))
	o.WorkerProperties, o.WorkerEnv, o.Files = props, env, files
	o.Classpath = append(slices.Clone(o.Classpath), jar)
	return o, nil
}

// BasicAuthJar is the path of Kafka's connect-basic-auth-extension of a version. `make setup` fetches it for the newest of its versions.
func BasicAuthJar(version string) (string, error) {
	root, err := moduleRoot()
	if err != nil {
		return "", err
	}
	jar := filepath.Join(root, ".cache", "basic-auth", "connect-basic-auth-extension-"+version+".jar")
	if _, err := os.Stat(jar); err != nil {
		return "", fmt.Errorf("testutil: no connect-basic-auth-extension of Kafka %s (`make setup` fetches it for the last of KAFKA_VERSIONS, with mvn): %w", version, err)
	}
	return jar, nil
}

// NeedBasicAuth skips a test that cannot have Options.BasicAuth in a version because the jar is not there. In CI that is a failure.
func NeedBasicAuth(tb testing.TB, version string) {
	tb.Helper()
	Integration(tb)
	if _, err := BasicAuthJar(version); err != nil {
		missing(tb, err)
	}
}
