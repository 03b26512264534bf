package testutil

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// NewestVersion is the Kafka version that runs where none is chosen.
const NewestVersion = "4.3.1"

// SharedDir is a directory on every worker of a cluster that shows the same files everywhere and that Connect may write to.
// A file sink that moves to another worker goes on in the same file there.
const SharedDir = "/data"

// Options describes a cluster. The zero value is a broker and two workers of the newest version.
type Options struct {
	// Version is the Kafka version of the broker and the workers, the tag of the image apache/kafka. Defaults to NewestVersion.
	Version string
	// Workers is how many Connect workers there are; negative means none. Defaults to 2.
	Workers int
	// WorkerProperties is added to every worker's properties, over the defaults; an empty value removes a default.
	WorkerProperties map[string]string
	// WorkerEnv is added to every worker's environment.
	WorkerEnv map[string]string
	// BrokerProperties are settings of the broker by their names in server.properties, over the defaults. In their values
	// {advertised} stands for the address that the broker has on this machine.
	BrokerProperties map[string]string
	// Plugins are copied to every worker, each in a folder of its own on plugin.path.
	Plugins []Plugin
	// Classpath lists jar files of this machine that go on every worker's CLASSPATH, for what cannot be loaded from plugin.path.
	Classpath []string
	// TestPlugins puts Kafka's own connect-test-plugins (MockSink, MockSource, VerifiableSink ...) on the class path.
	// See TestPluginsJar for the versions that have them.
	TestPlugins bool
	// BasicAuth puts Kafka's basic-auth extension in front of every worker, which then answers nobody without these credentials.
	// See NeedBasicAuth for the jar that it takes.
	BasicAuth *BasicAuth
	// BrokerEnv is added to the broker's environment.
	BrokerEnv map[string]string
	// Files is put in every worker's file system before it starts, by absolute path, and BrokerFiles in the broker's.
	Files, BrokerFiles map[string][]byte
	// Ports lists ports of every node that are published on this machine besides Kafka's own; see Node.AddrOf.
	Ports []int
	// WorkerHeap and BrokerHeap are the JVMs' largest heaps. They default to 256M and 384M.
	WorkerHeap, BrokerHeap string
	// Logf is told about each step of the start. Defaults to silence.
	Logf func(format string, args ...any)
}

// Plugin is one folder of plugin.path.
type Plugin struct {
	Name  string
	Files []string // jar files of this machine
}

func (o Options) withDefaults() (Options, error) {
	if o.Version == "" {
		o.Version = NewestVersion
	}
	if strings.Count(o.Version, ".") != 2 {
		return o, fmt.Errorf("testutil: Options.Version %q is not a Kafka version such as %s", o.Version, NewestVersion)
	}
	switch {
	case o.Workers == 0:
		o.Workers = 2
	case o.Workers < 0:
		o.Workers = 0
	}
	if o.WorkerHeap == "" {
		o.WorkerHeap = "256M"
	}
	if o.BrokerHeap == "" {
		o.BrokerHeap = "384M"
	}
	if o.Logf == nil {
		o.Logf = func(string, ...any) {}
	}
	for _, p := range o.Plugins {
		if p.Name == "" || strings.ContainsAny(p.Name, "/,") || len(p.Files) == 0 {
			return o, errors.New("testutil: each of Options.Plugins needs a Name without a slash or comma, and Files")
		}
	}
	if o.BasicAuth != nil {
		var err error
		if o, err = o.withBasicAuth(); err != nil {
			return o, err
		}
	}
	if o.TestPlugins {
		jar, err := TestPluginsJar(o.Version)
		if err != nil {
			return o, err
		}
		o.Classpath = append(slices.Clone(o.Classpath), jar)
	}
	return o, nil
}

const (
	brokerAlias  = "broker"
	brokerPort   = "9092/tcp"
	workerPort   = "8083/tcp"
	pluginsDir   = "/opt/connect-plugins"
	classpathDir = "/opt/connect-classpath"
	propsFile    = "/tmp/connect-distributed.properties"
)

// jvmEnv keeps several JVMs quick on few cores: a small heap, no parallel collector, only the fast compiler,
// and addresses looked up again after a second, because a container that was started again can have another one.
func jvmEnv(heap string) map[string]string {
	return map[string]string{
		"KAFKA_HEAP_OPTS":            "-Xms64M -Xmx" + heap,
		"KAFKA_JVM_PERFORMANCE_OPTS": "-XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:CICompilerCount=1 -Djava.awt.headless=true -Dsun.net.inetaddr.ttl=1 -Dsun.net.inetaddr.negative.ttl=1",
	}
}

func (o Options) brokerEnv(advertised string) map[string]string {
	props := map[string]string{
		"node.id":                   "1",
		"process.roles":             "broker,controller",
		"controller.quorum.voters":  "1@127.0.0.1:9093",
		"controller.listener.names": "CONTROLLER",
		// Kafka 3.9 refuses 0.0.0.0 for the controller listener.
		"listeners":                                "EXT://0.0.0.0:9092,INT://0.0.0.0:29092,CONTROLLER://127.0.0.1:9093",
		"advertised.listeners":                     "EXT://" + advertised + ",INT://" + brokerAlias + ":29092",
		"listener.security.protocol.map":           "CONTROLLER:PLAINTEXT,EXT:PLAINTEXT,INT:PLAINTEXT",
		"inter.broker.listener.name":               "INT",
		"offsets.topic.replication.factor":         "1",
		"offsets.topic.num.partitions":             "4",
		"transaction.state.log.replication.factor": "1",
		"transaction.state.log.min.isr":            "1",
		"transaction.state.log.num.partitions":     "4",
		// A broker that was killed is let in again once the session of its former life is over, by default after 9 s.
		"broker.session.timeout.ms":        "5000",
		"broker.heartbeat.interval.ms":     "1000",
		"group.initial.rebalance.delay.ms": "0",
	}
	maps.Copy(props, o.BrokerProperties)
	env := jvmEnv(o.BrokerHeap)
	for k, v := range props {
		env[brokerEnvName(k)] = strings.ReplaceAll(v, "{advertised}", advertised)
	}
	maps.Copy(env, o.BrokerEnv)
	return env
}

// brokerEnvName is the rule of the image's wrapper, backwards: a dot is one underscore, an underscore two, a dash three.
func brokerEnvName(property string) string {
	return "KAFKA_" + strings.ToUpper(strings.NewReplacer("_", "__", "-", "___", ".", "_").Replace(property))
}

func (o Options) workerProperties(alias string) map[string]string {
	path := []string{"/opt/kafka/libs/connect-file-" + o.Version + ".jar"}
	if len(o.Plugins) > 0 {
		path = append(path, pluginsDir)
	}
	props := map[string]string{
		"bootstrap.servers":                 brokerAlias + ":29092",
		"group.id":                          "connect",
		"config.storage.topic":              "connect-configs",
		"offset.storage.topic":              "connect-offsets",
		"status.storage.topic":              "connect-status",
		"config.storage.replication.factor": "1",
		"offset.storage.replication.factor": "1",
		"status.storage.replication.factor": "1",
		"offset.storage.partitions":         "2",
		"status.storage.partitions":         "2",
		"key.converter":                     "org.apache.kafka.connect.storage.StringConverter",
		"value.converter":                   "org.apache.kafka.connect.storage.StringConverter",
		"listeners":                         "http://0.0.0.0:8083",
		"rest.advertised.host.name":         alias,
		"rest.advertised.port":              "8083",
		"plugin.path":                       strings.Join(path, ","),
		"offset.flush.interval.ms":          "5000",
		"task.shutdown.graceful.timeout.ms": "3000",
		// A member learns of a rebalance with its next heartbeat, by default after up to 3 s.
		"heartbeat.interval.ms": "1000",
		// Looking through every jar for plugins takes most of a worker's start, and all of Kafka's own are listed in manifests (KIP-898).
		"plugin.discovery": "service_load",
		// Five minutes by default: how long the tasks of a worker that left wait for it.
		"scheduled.rebalance.max.delay.ms": "2000",
	}
	if len(o.Plugins)+len(o.Classpath) > 0 {
		delete(props, "plugin.discovery") // other people's need not be
	}
	for k, v := range o.WorkerProperties {
		if v == "" {
			delete(props, k)
			continue
		}
		props[k] = v
	}
	return props
}

// propertiesText writes a Java .properties file. Backslashes and line ends are escaped, and so is what would be read as a comment or separator in a key.
func propertiesText(props map[string]string) string {
	key := strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\r", `\r`, " ", `\ `, ":", `\:`, "=", `\=`, "#", `\#`, "!", `\!`)
	value := strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\r", `\r`)
	var b strings.Builder
	for _, k := range slices.Sorted(maps.Keys(props)) {
		v := value.Replace(props[k])
		if strings.HasPrefix(v, " ") {
			v = `\` + v
		}
		b.WriteString(key.Replace(k) + "=" + v + "\n")
	}
	return b.String()
}
