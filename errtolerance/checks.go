package errtolerance

import "slices"

// Check describes one rule of Lint. Codes are never renumbered: ET1xx values that Kafka refuses or that break a task, ET2xx
// settings without effect, ET3xx loss of records, ET4xx operations, ET5xx connector-specific settings.
type Check struct {
	// Code is the stable name, as in ET301.
	Code string
	// Severity is the highest the check reports; what depends on something unknown is reported lower.
	Severity Severity
	// Title is the rule in one line.
	Title string
	// Doc is where the reason is explained.
	Doc string
	// Since is the version of this module that introduced the check.
	Since string
	// Why is the reason, and Kafka the versions it holds for, where not for all since 2.0.
	Why, Kafka string
	// Source is where the fact comes from: a KIP, an issue, a file of Kafka or of the connector.
	Source string
}

// docBase is where docs/checks.md is read; each check has an anchor of its own.
const docBase = "https://github.com/go-reconnect/reconnect/blob/main/docs/checks.md#"

const (
	srcConnectorConfig = "ConnectorConfig.java, KIP-298"
	srcSinkConfig      = "SinkConnectorConfig.java, KIP-298"
	srcRetry           = "RetryWithToleranceOperator.java"
	srcDLQ             = "DeadLetterQueueReporter.java"
)

var checks = []Check{
	{
		Code: "ET101", Severity: SeverityError, Title: "errors.tolerance is neither none nor all", Source: srcConnectorConfig,
		Why: "Kafka compares the value letter by letter, after trimming. Anything else, ALL included, is answered with 400.",
	},
	{
		Code: "ET102", Severity: SeverityError, Title: "an errors.* value is not of Kafka's type", Source: srcConnectorConfig,
		Why: "Time-outs and delays are whole milliseconds, the replication factor is a 16 bit number, flags are true or false in any case. Durations with a unit, words and empty values are answered with 400.",
	},
	{
		Code: "ET103", Severity: SeverityError, Title: "the dead letter queue is one of the connector's own topics", Source: "SinkConnectorConfig.java, KAFKA-13327",
		Why: "A connector that reads its own dead letters would fail on them for ever. Kafka compares the trimmed name with topics and with the whole of topics.regex, and answers 400.",
	},
	{
		Code: "ET104", Severity: SeverityError, Title: "the dead letter queue cannot be created with this replication factor", Source: srcDLQ,
		Why: "The worker creates a missing topic with this number of replicas, 3 unless set. With more replicas than brokers the creation fails and every task is FAILED at start, although the connector was accepted. An existing topic is taken as it is.",
	},
	{
		Code: "ET105", Severity: SeverityError, Title: "errors.retry.delay.max.ms is zero or negative while retries are on", Source: srcRetry,
		Why: "The first wait is drawn below the maximum; with a maximum of zero or less the draw throws, no retry happens, and IllegalArgumentException replaces the record's own error in the trace and in the dead letter.",
	},
	{
		Code: "ET106", Severity: SeverityError, Title: "no topic can have the dead letter queue's name", Source: "common/internals/Topic.java",
		Why: "Names have at most 249 of the characters a-z A-Z 0-9 . _ -. The connector is accepted, its tasks are FAILED at start.",
	},
	{
		Code: "ET107", Severity: SeverityError, Title: "tasks.max is not a positive number", Source: "ConnectorConfig.java",
		Why: "Kafka answers 400.",
	},
	{
		Code: "ET108", Severity: SeverityError, Title: "a sink needs topics or topics.regex, and only one of them", Source: "SinkConnectorConfig.java",
		Why: "Kafka answers 400 when both have a value, or none has. That none has is reported as an information unless the caller says that the configuration is complete: snippets leave things out.",
	},
	{
		Code: "ET109", Severity: SeverityError, Title: "a framework setting has a value that Kafka refuses", Source: "ConnectorConfig.java, SourceConnectorConfig.java",
		Why: "config.action.reload is none or restart, in lower case; tasks.max.enforce (3.8) is true or false; exactly.once.support (3.3) is requested or required and transaction.boundary poll, connector or interval; a name is not blank and holds no control characters.",
	},
	{
		Code: "ET110", Severity: SeverityInfo, Title: "topics.regex cannot be checked here", Source: "java.util.regex.Pattern",
		Why: "The pattern uses something of Java's regular expressions that Go's do not have, such as a look-ahead. Whether it matches the dead letter queue was not checked, and nothing is assumed.",
	},
	{
		Code: "ET111", Severity: SeverityError, Title: "topics.regex is not a regular expression", Source: "SinkConnectorConfig.java",
		Why: "Its parentheses or brackets do not match, in any dialect. Kafka answers 400.",
	},
	{
		Code: "ET112", Severity: SeverityError, Title: "a transformation or predicate is named but not defined, or named twice", Source: "ConnectorConfig.enrich",
		Why: "Every name in transforms needs a transforms.<name>.type, every name in predicates a predicates.<name>.type, and a name counts once. Kafka answers 400.",
	},
	{
		Code: "ET113", Severity: SeverityError, Title: "there is no connector.class", Source: "AbstractHerder.java",
		Why: "Kafka answers 400 to a configuration without it. It is an error only where the caller says that the configuration is complete.",
	},
	{
		Code: "ET201", Severity: SeverityWarning, Title: "misspelt errors.* key", Source: srcConnectorConfig,
		Why: "Kafka ignores keys it does not know, in silence: the setting that was meant keeps its default.",
	},
	{
		Code: "ET202", Severity: SeverityWarning, Title: "errors.* key that Connect does not have", Source: "KIP-298 (drafts), KIP-1034",
		Why: "The key comes from a draft of KIP-298, from Kafka Streams, from another connector or from nowhere. Kafka ignores it in silence.",
	},
	{
		Code: "ET203", Severity: SeverityError, Title: "a dead letter queue on a source connector", Source: srcSinkConfig,
		Why: "Only sinks have dead letter queues. On a source the key is ignored and no record ever reaches the topic. Sources that keep a queue of their own (MongoDB's) are exempt.",
	},
	{
		Code: "ET204", Severity: SeverityInfo, Title: "dead letter queue details without a dead letter queue", Source: srcSinkConfig,
		Why: "Without errors.deadletterqueue.topic.name there is no queue, whatever its other keys say.",
	},
	{
		Code: "ET205", Severity: SeverityInfo, Title: "errors.log.include.messages without errors.log.enable", Source: "LogReporter.java",
		Why: "Nothing is logged unless errors.log.enable is true.",
	},
	{
		Code: "ET206", Severity: SeverityInfo, Title: "errors.retry.delay.max.ms without errors.retry.timeout", Source: srcRetry,
		Why: "The time-out is 0 unless set: nothing is retried, so there is nothing to delay.",
	},
	{
		Code: "ET207", Severity: SeverityWarning, Title: "a dead letter queue with errors.tolerance none", Source: srcRetry,
		Why: "The record is written to the queue and the task fails all the same. The offset is not committed, so every restart writes one more copy of the same record.",
	},
	{
		Code: "ET208", Severity: SeverityInfo, Title: "errors.retry.timeout looks like seconds", Source: srcRetry,
		Why: "The unit is milliseconds and the first wait is 300 ms: a shorter time-out is one single retry.",
	},
	{
		Code: "ET209", Severity: SeverityError, Title: "errors.retry.timeout that turns retries off", Source: "RetryWithToleranceOperator.java, KAFKA-13952",
		Why: "A time-out so large that adding it to the clock overflows is already over when it begins; and before Kafka 3.4 a negative one meant no retries, not endless ones.", Kafka: "negative: before 3.4",
	},
	{
		Code: "ET210", Severity: SeverityInfo, Title: "a client setting without .override", Source: "KIP-458",
		Why: "In a connector only consumer.override.*, producer.override.* and admin.override.* reach the clients; consumer.*, producer.* and admin.* are worker settings and are ignored here. (Connectors that make clients of their own may read them.)",
	},
	{
		Code: "ET211", Severity: SeverityInfo, Title: "an override for a client that this connector does not have", Source: "Worker.java, KIP-458",
		Why: "A source has no consumer; a sink has a producer and an admin client only for its dead letter queue.",
	},
	{
		Code: "ET212", Severity: SeverityInfo, Title: "a worker setting in a connector", Source: "DistributedConfig.java",
		Why: "The worker reads it from its own properties; here it has no effect.",
	},
	{
		Code: "ET301", Severity: SeverityError, Title: "errors.tolerance=all without a dead letter queue and without the log", Source: srcRetry,
		Why: "Failed records are dropped and nothing says so. On a sink the reporter is missing too, so that errors of the write itself still kill the task.",
	},
	{
		Code: "ET302", Severity: SeverityWarning, Title: "dead letters without context headers", Source: srcDLQ,
		Why: "The default is off. A dead letter is then a bare copy: nothing says which topic, partition and offset it came from, or why it failed, and it cannot be republished precisely.",
	},
	{
		Code: "ET303", Severity: SeverityWarning, Title: "a retriable error drops the record in silence (KAFKA-18073)", Source: "KAFKA-18073", Kafka: "before 4.0",
		Why: "When a converter or transformation throws Connect's RetriableException and its retry time is over (at once, with the default of 0), workers before 4.0 drop the record and commit its offset even with errors.tolerance=none. Converters that ask a schema registry throw it on a time-out.",
	},
	{
		Code: "ET304", Severity: SeverityWarning, Title: "an outage of a schema registry, or of another service, becomes a mass of dead letters", Source: srcRetry,
		Why: "With errors.tolerance=all and no retry time every record that needs a schema during an outage is skipped or dead-lettered at once, and its offset is committed. A retry time keeps the records in place while Connect's RetriableException lasts (Confluent's converters throw it for time-outs; a refused connection is another exception and is not retried), at the price of the consumer's poll interval. Asking parts are the converters of the known registries, transformations that are known to ask (SchemaRegistryTransfer, Debezium's embeddings, large messages in an object store), and any vendor's converter or transformation that is given an address. An information where the worker's version is unknown, because what is thrown depends on it.",
	},
	{
		Code: "ET305", Severity: SeverityInfo, Title: "record content in the worker's log", Source: "LogReporter.java",
		Why: "errors.log.include.messages adds topic, partition, offset and timestamp of a sink record, but the whole record of a source, key, value and headers: personal data may reach the log.",
	},
	{
		Code: "ET306", Severity: SeverityInfo, Title: "skipped records leave only a line in the log", Source: srcRetry,
		Why: "With errors.tolerance=all and the log but no dead letter queue nothing can be replayed; a source has moved on for good.",
	},
	{
		Code: "ET308", Severity: SeverityInfo, Title: "large records may not fit into the dead letter queue", Source: srcDLQ,
		Why: "A dead letter is the record plus headers with a whole stack trace. Where the consumer accepts more than producer max.request.size (1 MiB), the write fails, the record is lost, and the task stays RUNNING: measured on 3.9 and 4.3, also for what a sink reports itself, because the producer refuses such a record at once.",
	},
	{
		Code: "ET401", Severity: SeverityWarning, Title: "retries longer than the consumer may be silent", Source: srcRetry,
		Why: "A sink sleeps on its consumer's thread, and the time is spent anew for each operation on each record of one poll. Beyond max.poll.interval.ms (5 minutes unless overridden) the consumer is thrown out of the group, the batch is read again, and it begins anew. Kafka's own documentation example, 600000, does that.",
	},
	{
		Code: "ET402", Severity: SeverityWarning, Title: "retries without end", Source: "RetryWithToleranceOperator.java, KAFKA-13952", Kafka: "3.4 and later",
		Why: "A negative errors.retry.timeout never gives up. A sink leaves its consumer group by it; any task blocks while its state says RUNNING, and stopping it costs the worker's time-out each time.",
	},
	{
		Code: "ET403", Severity: SeverityInfo, Title: "errors.retry.delay.max.ms below the first wait", Source: srcRetry,
		Why: "The first wait is 300 ms. A wait that would exceed the maximum is not capped but drawn at random between zero and the maximum, so that all of them are random here.",
	},
	{
		Code: "ET404", Severity: SeverityWarning, Title: "the dead letter queue's producer and admin client are configured differently", Source: "Worker.java",
		Why: "The topic is created by the admin client and written by the producer. Security or bootstrap servers for one only means that the task fails at start or that the topic is made on one cluster and written on another.",
	},
	{
		Code: "ET405", Severity: SeverityInfo, Title: "a secret in plain text", Source: "KIP-297",
		Why: "Connect stores configurations in a topic and returns them by REST as they are. A reference ${provider:path:key} is resolved by the worker only. Found by the key's name, and in any URL: scheme://user:password@host, ?password=, SQL Server's ;password=, Oracle's user/password@.",
	},
	{
		Code: "ET406", Severity: SeverityWarning, Title: "a reference to a config provider that the worker does not have", Source: "ConfigTransformer.java, KIP-297",
		Why: "Kafka leaves a reference to an unknown provider as it is, without an error: the connector gets the text ${...}.",
	},
	{
		Code: "ET407", Severity: SeverityInfo, Title: "a reference without a path", Source: "FileConfigProvider.java, DirectoryConfigProvider.java",
		Why: "${provider:key} works with providers that need no path, such as env; file and directory providers find nothing and leave the text as it is. Which provider hides behind a name only the worker knows.",
	},
	{
		Code: "ET408", Severity: SeverityWarning, Title: "records republished exactly once are read uncommitted", Source: "Worker.java, KIP-98",
		Why: "Sinks read uncommitted unless consumer.override.isolation.level says read_committed: an aborted attempt of a transactional republisher reaches them.",
	},
	{
		Code: "ET409", Severity: SeverityError, Title: "a connector name that REST cannot address", Source: "KIP-1032, Jetty 12", Kafka: "/ % \\ from 4.0",
		Why: "From 4.0 a worker answers 400 to a path with an encoded slash, percent sign or backslash: the connector can be created, but never read, stopped or deleted. Semicolons and braces go wrong when a call is forwarded, in all versions.",
	},
	{
		Code: "ET410", Severity: SeverityInfo, Title: "a dead letter queue without replicas", Source: srcDLQ,
		Why: "With a replication factor of 1 the dead letters are gone with one broker. On a cluster of one broker there is no other choice.",
	},
	{
		Code: "ET411", Severity: SeverityInfo, Title: "several connectors share a dead letter queue", Source: srcDLQ,
		Why: "The worker creates it with one partition, and only the header with the connector's name tells the records apart.",
	},
	{
		Code: "ET412", Severity: SeverityWarning, Title: "a dead letter queue that another connector reads", Source: "KIP-298",
		Why: "Kafka compares the queue only with the topics of its own connector. By name it is usually meant, to archive dead letters; by a pattern it is usually an accident.",
	},
	{
		Code: "ET413", Severity: SeverityWarning, Title: "two sinks share a consumer group", Source: "Worker.java",
		Why: "With the same consumer.override.group.id the partitions are divided between two connectors, and each gets only a part of the records.",
	},
	{
		Code: "ET414", Severity: SeverityInfo, Title: "a mask where a value belongs", Source: "ConfigKeyInfo",
		Why: "****** or [hidden] is what tools show instead of a secret. Written back, it becomes the secret.",
	},
	{
		Code: "ET501", Severity: SeverityWarning, Title: "a reporter without bootstrap servers", Source: "Confluent Reporter",
		Why: "Confluent's Reporter writes results and errors to topics of its own, with clients of its own. Without reporter.bootstrap.servers it has no cluster to write to.",
	},
	{
		Code: "ET502", Severity: SeverityWarning, Title: "registry credentials that are not used", Source: "SchemaRegistryClientConfig.java",
		Why: "basic.auth.user.info counts only where basic.auth.credentials.source is USER_INFO; the default, URL, takes the credentials from the URL. The registry answers 401.",
	},
	{
		Code: "ET503", Severity: SeverityWarning, Title: "registry credentials on one side only", Source: "SchemaRegistryClientConfig.java",
		Why: "Key and value converter are configured apart. The same registry with credentials for one and none for the other answers 401 to the other.",
	},
	{
		Code: "ET504", Severity: SeverityInfo, Title: "schemas.enable on a converter that does not have it", Source: "JsonConverterConfig.java",
		Why: "It is a setting of JsonConverter. Converters with a registry always have a schema, those for strings and bytes never.",
	},
	{
		Code: "ET505", Severity: SeverityWarning, Title: "a registry converter without a registry", Source: "AbstractKafkaSchemaSerDeConfig.java",
		Why: "A converter set in the connector takes its settings from the connector only, never from the worker's converter of the same name. Without the registry's URL the task fails at start.",
	},
	{
		Code: "ET506", Severity: SeverityInfo, Title: "a retry or failure setting that this connector does not have", Source: "the connector's ConfigDef",
		Why: "Connectors name their retries differently, and Kafka ignores the keys of others in silence. Only the connectors whose settings are known whole are judged (JDBC of Confluent and Aiven, Debezium, MongoDB, Elasticsearch, OpenSearch, the object stores, the HTTP sinks of Confluent and Aiven, ClickHouse, Doris), and only keys that are known from another one: for any other connector, and any other key, nothing is said.",
	},
	{
		Code: "ET507", Severity: SeverityInfo, Title: "two retry layers", Source: "RetryWithToleranceOperator.java and the connector",
		Why: "errors.retry.* repeats conversions and transformations, the connector's own keys repeat its writes. Neither covers the other.",
	},
	{
		Code: "ET508", Severity: SeverityWarning, Title: "the connector's own retries outlast the poll interval", Source: "the connector's ConfigDef",
		Why: "Retries inside put happen on the consumer's thread. Beyond max.poll.interval.ms the consumer leaves the group and the batch is read again.",
	},
	{
		Code: "ET509", Severity: SeverityInfo, Title: "write errors that the connector itself swallows", Source: "the connector's documentation",
		Why: "A policy of log or ignore hides failed writes from Connect: no dead letter, no failed task, and the offset is committed.",
	},
	{
		Code: "ET510", Severity: SeverityInfo, Title: "a full scan again and again", Source: "the connector's documentation",
		Why: "Each poll or restart reads everything. Where a change column, a log or incremental snapshots exist they cost less and recover faster.",
	},
	{
		Code: "ET511", Severity: SeverityError, Title: "a JDBC source without a required key", Source: "JdbcSourceConnectorConfig.java",
		Why: "mode and topic.prefix have no usable default: the connector does not start. Reported as a warning unless the caller says that the configuration is complete.",
	},
	{
		Code: "ET512", Severity: SeverityWarning, Title: "a JDBC sink that cannot write what it is asked to", Source: "JdbcSinkConfig.java",
		Why: "Deletes need pk.mode=record_key; upsert and update need a primary key, and pk.mode is none unless set.",
	},
	{
		Code: "ET513", Severity: SeverityWarning, Title: "tolerance set twice, differently", Source: "MongoDB Kafka connector",
		Why: "mongo.errors.tolerance replaces errors.tolerance for the connector's own errors only; conversions and transformations follow errors.tolerance.",
	},
	{
		Code: "ET514", Severity: SeverityWarning, Title: "records without a schema for a connector that needs one", Source: "JDBC sink documentation",
		Why: "The JDBC sinks write structs. JsonConverter with schemas.enable=false, StringConverter and ByteArrayConverter deliver none: every record fails in put, where errors.tolerance does not help.",
	},
	{
		Code: "ET515", Severity: SeverityInfo, Title: "errors.tolerance does not cover this connector's writes", Source: "the connector's source",
		Why: "Errors of put reach the dead letter queue only if the connector reports them. This one is known not to: a rejected row kills the task in spite of errors.tolerance=all.",
	},
	{
		Code: "ET516", Severity: SeverityWarning, Title: "an unknown value of a failure policy", Source: "the connector's ConfigDef",
		Why: "The connector knows a fixed list of policies and refuses anything else.",
	},
}

func init() { //nolint:gochecknoinits // completes a literal table once
	for i := range checks {
		checks[i].Since = "0.1.0"
		checks[i].Doc = docBase + lowerCode(checks[i].Code)
		n := codeNumber(checks[i].Code)
		checkByNumber[n] = &checks[i]
	}
}

// checkByNumber finds a check by the three digits of its code.
var checkByNumber [600]*Check

func codeNumber(code string) int {
	return int(code[2]-'0')*100 + int(code[3]-'0')*10 + int(code[4]-'0')
}

func checkOf(code string) *Check { return checkByNumber[codeNumber(code)] }

func lowerCode(code string) string { return "et" + code[2:] }

// Checks returns the table of everything Lint and LintSet can report, by code. The caller owns the slice.
func Checks() []Check {
	return slices.Clone(checks)
}
