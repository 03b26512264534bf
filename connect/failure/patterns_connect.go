package failure

var (
	fixSetting = []string{
		"Correct the setting the message names; PUT /connector-plugins/{class}/config/validate shows every error of a configuration at once.",
		"Update the connector with PUT /connectors/{connector}/config; that starts its tasks again.",
	}
	fixPlugin = []string{
		"Put the whole plugin, with every jar it needs, into one folder under plugin.path of every worker, and restart the workers.",
		"Check the spelling of connector.class, of the converters and of the transforms' types; GET /connector-plugins?connectorsOnly=false lists what a worker has.",
		"Look for a second, older copy of the library on plugin.path or in the worker's class path.",
	}
	fixFile = []string{
		"Check that the path exists on every worker the task can run on, and that the worker's user can read or write it.",
		"Mount the directory again or create it, then restart the task.",
		"Correct the path in the connector's configuration.",
	}
	fixRebalance = []string{
		"Restart the task where Connect has not done so; the group has moved on and the task starts from the committed offset.",
		"Where it repeats: process less per poll (consumer.override.max.poll.records) or allow more time (consumer.override.max.poll.interval.ms).",
	}
	fixMemory = []string{
		"Give the worker more memory (KAFKA_HEAP_OPTS), or spread its tasks over more workers.",
		"Make batches smaller: max.poll.records, the connector's batch and buffer sizes, tasks.max.",
		"Take a heap dump (-XX:+HeapDumpOnOutOfMemoryError) to see what holds the memory.",
	}
)

// Kafka Connect itself, its configuration and the Java runtime.
var connectRules = []rule{
	{
		Pattern: Pattern{
			ID:       "connect-plugin-not-found",
			Messages: []string{"failed to find any class that implements", "class * could not be found.", "failed to find class", "plugin class name", "contains no connector type"},
			Class:    ClassConfiguration, Advice: AdviceAfterChange,
			Summary:  "A plugin class[, {class},] is not installed on the worker.",
			Remedies: fixPlugin,
			Source:   "Connect: Plugins.connectorClass, AbstractHerder, ConfigDef.Type.CLASS",
		}, weight: weightExact,
	},
	{
		Pattern: Pattern{
			ID: "java-class-missing",
			Exceptions: []string{
				"java.lang.NoClassDefFoundError", "java.lang.ClassNotFoundException", "java.lang.NoSuchMethodError", "java.lang.NoSuchFieldError", "java.lang.AbstractMethodError",
				"java.lang.IncompatibleClassChangeError", "java.lang.UnsupportedClassVersionError", "java.lang.IllegalAccessError", "java.lang.VerifyError", "java.lang.UnsatisfiedLinkError",
				"java.util.ServiceConfigurationError", "java.lang.NoSuchMethodException", "java.lang.NoSuchFieldException", "java.lang.InstantiationException", "java.lang.LinkageError", "java.lang.ClassFormatError",
				"java.lang.reflect.InaccessibleObjectException",
			},
			Messages: []string{
				"unable to load class [", "has been compiled by a more recent version of the java runtime", "cannot be cast to class org.apache.kafka.connect.storage.converter", "cannot be cast to class org.apache.kafka.connect.connector.",
				"cannot be cast to class org.apache.kafka.connect.transforms.transformation", "cannot be cast to class org.apache.kafka.connect.storage.headerconverter", "is not a subclass of", "is in unnamed module of loader * cannot be cast", "is not an instance of org.apache.kafka",
			},
			Class: ClassConfiguration, Advice: AdviceAfterChange,
			Summary:  "A class or method the plugin needs[, {class},] is missing or of another version on the worker.",
			Remedies: fixPlugin,
			Source:   "Java Language Specification 12.3: linkage errors",
		}, weight: weightExact, either: true,
	},
	{
		Pattern: Pattern{
			ID:       "jdbc-driver-missing",
			Messages: []string{"no suitable driver", "unable to load jdbc driver", "could not load jdbc driver", "jdbc driver class not found", "driver class not found", "unable to find jdbc driver", "failed to load driver class", "could not find driver"},
			Class:    ClassConfiguration, Advice: AdviceAfterChange,
			Summary: "No JDBC driver on the worker takes the connection URL[ {class}].",
			Remedies: []string{
				"Put the database's JDBC driver jar into the folder of the JDBC connector under plugin.path of every worker, and restart the workers.",
				"Check the beginning of connection.url: jdbc:postgresql:, jdbc:mysql:, jdbc:mariadb:, jdbc:sqlserver:, jdbc:oracle:thin:.",
			},
			Source: "java.sql.DriverManager",
		}, weight: weightExact,
	},
	{
		Pattern: Pattern{
			ID: "connect-task-already-exists", Messages: []string{"task already exists in this worker", "connector already exists in this worker", "connector with name * already exists"},
			Class: ClassRebalance, Advice: AdviceRestart,
			Summary:  "The previous instance of the task had not stopped when the worker started it again.",
			Remedies: []string{"Restart the task: the old instance has stopped by then.", "Where it repeats, look for a task that does not return from stop(), and restart that worker."},
			Source:   "Connect: Worker.startTask",
		}, weight: weightExact,
	},
	{
		Pattern: Pattern{
			ID: "connect-log-holds-cause", Messages: []string{"error configuring an instance of * check the logs for details", "check the logs for details on", "configuration is not defined or is invalid"},
			Class: ClassConfiguration, Advice: AdviceAfterChange,
			Summary: "The connector's configuration is not valid; the worker's log says which setting.",
			Remedies: []string{
				"Read the worker's log just before the failure: it lists the settings that are missing or wrong.",
				"PUT /connector-plugins/{class}/config/validate with the configuration shows them too.",
			},
			Source: "Debezium: Configuration.validateAndRecord",
		}, weight: weightExact,
	},
	{
		Pattern: Pattern{
			ID:       "hibernate-dialect-unknown",
			Messages: []string{"unable to determine dialect without jdbc metadata"},
			Class:    ClassUnknown, Advice: AdviceUnknown,
			Summary: "The database connection failed and the pool kept the reason: it is in the worker's log only.",
			Remedies: []string{
				"Read the worker's log just before the failure: refused connections, wrong passwords, TLS errors and missing databases all end in this text.",
				"Set connection.provider=org.hibernate.engine.jdbc.connections.internal.DriverManagerConnectionProviderImpl once, to get the cause into the trace.",
			},
			Source: "Hibernate: DialectFactoryImpl behind the C3P0 pool; over twenty causes measured with one text",
		}, weight: weightSpecific,
	},
	{
		Pattern: Pattern{
			ID: "jaas-config-invalid",
			Messages: []string{
				"login module control flag", "login module not specified in jaas config", "jaas config entry not terminated", "value not specified for key * in jaas config", "jaas config property does not contain any login modules",
				"jaas config property contains",
			},
			Class: ClassConfiguration, Advice: AdviceAfterChange,
			Summary:  "The JAAS line is not well formed.",
			Remedies: []string{"Write sasl.jaas.config as `<login module> required <key>=\"<value>\" ... ;` with the semicolon, also under producer.override. and consumer.override."},
			Source:   "Kafka: JaasConfig",
		}, weight: weightExact,
	},
	{
		Pattern: Pattern{
			ID: "connect-file-missing", Messages: []string{"couldn't find or create file", "couldn't find file", "couldn't find * for filestream", "could not open file for filestream"},
			Class: ClassConfiguration, Advice: AdviceAfterRecovery,
			Summary: "The file of the connector cannot be opened[: {object}].", Remedies: fixFile,
			Source: "Connect: FileStreamSinkTask, FileStreamSourceTask",
		}, weight: weightExact,
	},
	{
		Pattern: Pattern{
			ID: "file-read-only", Messages: []string{"read-only file system"},
			Class: ClassConfiguration, Advice: AdviceAfterChange,
			Summary:  "The connector writes where nothing can be written[: {object}].",
			Remedies: []string{"Mount the volume writable, or point the connector at another directory.", "Where it was writable before, look at the kernel's log: a disk that fails is mounted read-only."},
			Source:   "EROFS",
		}, weight: weightExact,
	},
	{
		Pattern: Pattern{
			ID: "file-not-found", Exceptions: []string{"java.nio.file.NoSuchFileException", "java.io.FileNotFoundException", "java.nio.file.NotDirectoryException", "java.nio.file.FileSystemException"},
			Class: ClassConfiguration, Advice: AdviceAfterChange,
			Summary: "A file or directory the connector needs is not there[: {object}].", Remedies: fixFile,
			Source: "java.nio.file",
		}, weight: weightPlatform,
	},
	{
		Pattern: Pattern{
			ID: "file-permission-denied", Exceptions: []string{"java.nio.file.AccessDeniedException", "java.security.AccessControlException"}, Messages: []string{"(permission denied)"},
			Class: ClassAuthorization, Advice: AdviceAfterChange,
			Summary:  "The worker's user may not open a file[: {object}].",
			Remedies: []string{"Give the worker's user the right to the file or directory, and to those above it.", "Check the security context of the container (runAsUser, fsGroup)."},
			Source:   "java.nio.file.AccessDeniedException",
		}, weight: weightSpecific, either: true,
	},
	{
		Pattern: Pattern{
			ID: "config-value-invalid",
			Messages: []string{
				"invalid value * for configuration", "unknown configuration '", "missing required configuration", "must configure one of topics", "mutually exclusive options", "value is invalid:", "invalid url in bootstrap.servers", "no field insertion configured",
				"may not be combined with", "may not be used together", "cannot be used together", "cannot be used with", "is not a valid value for", "invalid configuration", "configuration error", "invalid config", "incorrect configuration", "misconfigured",
				"must set acks to", "cannot make incremental queries", "incremental column must", "database not found", "should be equal to or larger than", "invalid * configuration", "database name is required", "no table * matched", "could not parse configuration", "connection strings must start with", "the connection string is invalid",
				"no valid url", "invalid connection string", "malformed url", "illegal character in", "expected authority at", "expected scheme", "invalid uri", "invalid url", "illegal regular expression", "dangling meta character", "unclosed group",
				"configured primary key mode", "primary key mode", "no timestamp column", "incrementing column * not", "both kafka and", "must be configured", "not been configured", "is not configured", "not configured", "property is required", "config is required",
				"configuration is required", "required configuration", "required property", "required parameter", "missing required", "must be provided", "must be specified", "must be set", "must be defined", "must be one of", "must be greater than", "must be positive",
				"must not be blank", "is mandatory", "could not read properties from file", "no config provider", "could not resolve placeholder", "unsupported configuration", "conflicting configuration", "unrecognized option", "unknown option", "unknown property", "invalid option",
				"unsupported option",
			},
			Class: ClassConfiguration, Advice: AdviceAfterChange,
			Summary: "A setting is missing or wrong[: {message}].", Remedies: fixSetting,
			Source: "Kafka: ConfigDef, AbstractConfig; connectors' own checks",
		}, weight: weightText,
	},
	{
		Pattern: Pattern{
			ID: "config-exception", Exceptions: []string{"org.apache.kafka.common.config.ConfigException", "org.apache.kafka.common.errors.InvalidConfigurationException", "org.apache.kafka.connect.runtime.rest.errors.BadRequestException"},
			Messages: []string{"unknown configuration '", "no field insertion configured", "invalid * configuration", "query may not be combined with"},
			Class:    ClassConfiguration, Advice: AdviceAfterChange,
			Summary: "A setting is missing or wrong[: {message}].", Remedies: fixSetting,
			Source: "Kafka: ConfigDef; Connect: AbstractHerder.validateConnectorConfig",
		}, weight: weightPlatform, either: true,
	},
	{
		Pattern: Pattern{
			ID: "connect-validation-failed", Messages: []string{"connector configuration is invalid and contains the following"},
			Class: ClassConfiguration, Advice: AdviceAfterChange,
			Summary: "The configuration was refused[: {message}].", Remedies: fixSetting,
			Source: "Connect: AbstractHerder.validateConnectorConfig; what a connector found out by connecting decides first",
		}, weight: weightName,
	},
	{
		Pattern: Pattern{
			ID:         "config-syntax",
			Exceptions: []string{"java.util.regex.PatternSyntaxException", "java.net.MalformedURLException", "java.net.URISyntaxException", "java.net.UnknownServiceException", "java.util.IllegalFormatException", "java.util.MissingResourceException"},
			Messages:   []string{"no protocol:", "no enum constant "},
			Class:      ClassConfiguration, Advice: AdviceAfterChange,
			Summary: "A setting cannot be read: a URL, a pattern or a name is not well formed.", Remedies: fixSetting,
			Source: "java.net, java.util.regex",
		}, weight: weightPlatform, either: true,
	},
	{
		Pattern: Pattern{
			ID: "port-in-use", Exceptions: []string{"java.net.BindException"}, Messages: []string{"address already in use", "failed to bind to address"}, Class: ClassConfiguration, Advice: AdviceAfterChange,
			Summary:  "The port the connector wants to listen on is taken, or the address is not this machine's.",
			Remedies: []string{"Give the connector another port or address, one that is free on every worker.", "Look for a second connector, or an old task, that listens on it."},
			Source:   "java.net.BindException",
		}, weight: weightExact, either: true,
	},
	{
		Pattern: Pattern{
			ID: "license", Messages: []string{"trial license", "license is invalid", "invalid license", "license has expired", "license expired", "license is expired", "no valid license", "expired license"}, Exceptions: []string{"io.confluent.license.InvalidLicenseException", "io.confluent.license.ExpiredLicenseException"}, Class: ClassConfiguration, Advice: AdviceAfterChange,
			Summary:  "The connector's license is missing or has expired.",
			Remedies: []string{"Set confluent.license (or the vendor's setting) to a valid license.", "Check confluent.topic.bootstrap.servers and confluent.topic.replication.factor: the license is kept in a topic."},
			Source:   "io.confluent.license",
		}, weight: weightExact, either: true,
	},
	{
		Pattern: Pattern{
			ID: "kafka-port-speaks-other", Exceptions: []string{"java.lang.OutOfMemoryError", "org.apache.kafka.common.network.InvalidReceiveException"}, Frames: []string{"org.apache.kafka.common.network.NetworkReceive.readFrom", "org.apache.kafka.common.memory.MemoryPool"},
			Class: ClassConfiguration, Advice: AdviceAfterChange,
			Summary: "A Kafka client reads answers that are not Kafka's: the address is another service's, or the port expects TLS. It is not a lack of memory.",
			Remedies: []string{
				"Check bootstrap.servers, with the prefixes producer.override., consumer.override. and admin.override.: host and port must be a broker's listener.",
				"Check security.protocol: SSL or SASL_SSL where the listener is encrypted.",
			},
			Source: "Kafka: NetworkReceive takes the first four bytes as a size; KAFKA-4090",
		}, weight: weightExact,
	},
	{
		Pattern: Pattern{
			ID: "java-stack-overflow", Exceptions: []string{"java.lang.StackOverflowError"},
			Class: ClassResource, Advice: AdviceAfterChange,
			Summary:  "The thread's stack was not large enough[ for a record or schema that is nested deeply].",
			Remedies: []string{"Look at the frames that repeat: a record or schema that refers to itself or is nested too deeply, an endless recursion of the connector.", "Raise the worker's stack size (KAFKA_OPTS=-Xss4m)."},
			Source:   "java.lang.StackOverflowError",
		}, weight: weightSpecific,
	},
	{
		Pattern: Pattern{
			ID: "java-out-of-memory", Exceptions: []string{"java.lang.OutOfMemoryError"}, Messages: []string{"java heap space", "gc overhead limit exceeded", "unable to create new native thread", "unable to create native thread", "direct buffer memory", "outofmemoryerror"},
			Class: ClassResource, Advice: AdviceAfterChange,
			Summary: "The worker ran out of memory.", Remedies: fixMemory,
			Source: "java.lang.OutOfMemoryError",
		}, weight: weightSpecific, either: true,
	},
	{
		Pattern: Pattern{
			ID: "too-many-open-files", Messages: []string{"too many open files"},
			Class: ClassResource, Advice: AdviceAfterRecovery,
			Summary:  "The worker has no file descriptor left.",
			Remedies: []string{"Raise the limit (ulimit -n, LimitNOFILE) of the worker and restart it.", "Look for a connector that opens files or connections and does not close them."},
			Source:   "errno EMFILE",
		}, weight: weightExact,
	},
	{
		Pattern: Pattern{
			ID:       "disk-full",
			Messages: []string{"no space left on device", "disk quota exceeded", "could not extend file", "disk full", "check free disk space", "not enough disk space", "not enough space", "insufficient disk space", "out of disk space", "there is not enough space on the disk", "disk is full"},
			Class:    ClassResource, Advice: AdviceAfterRecovery,
			Summary:  "A disk is full.",
			Remedies: []string{"Free or add space on the disk the message belongs to: the target's, the broker's or the worker's.", "Restart the task afterwards."},
			Source:   "errno ENOSPC; PostgreSQL 53100",
		}, weight: weightExact,
	},
	{
		Pattern: Pattern{
			ID: "connect-conversion-failed", Messages: []string{"tolerance exceeded in error handler"},
			Class: ClassSerialization, Advice: AdviceAfterChange,
			Summary: "A record could not be converted or transformed, and errors.tolerance is none.", Remedies: fixRecord,
			Source: "Connect: RetryWithToleranceOperator",
		}, weight: weightStage,
	},
	{
		Pattern: Pattern{
			ID: "connect-dlq-not-created", Messages: []string{"could not initialize dead letter queue"},
			Class: ClassConfiguration, Advice: AdviceAfterChange,
			Summary:  "The dead letter queue topic could not be created.",
			Remedies: []string{"Create the topic, or set errors.deadletterqueue.topic.replication.factor to at most the number of brokers.", "Give the worker's admin client the right to create and describe it."},
			Source:   "Connect: DeadLetterQueueReporter.createAndSetup",
		}, weight: weightStage,
	},
}
