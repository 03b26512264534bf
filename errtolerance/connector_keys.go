package errtolerance

import "slices"

// ConnectorKey is a setting of a connector that decides what happens to a record it cannot write or read.
type ConnectorKey struct {
	// Name is the property.
	Name string
	// Connector is the class that defines it, or the family of classes.
	Connector string
	// Type is Kafka's (INT, LONG, STRING, BOOLEAN, LIST); Unit is ms where it is a time.
	Type, Unit string
	// Default is what the connector uses when the key is absent; "" where there is none.
	Default string
	// Values are the accepted words, where they are a fixed list.
	Values []string
	// Source is where the fact comes from.
	Source string
}

const (
	sinkJDBC      = "io.confluent.connect.jdbc.JdbcSinkConnector, io.aiven.connect.jdbc.JdbcSinkConnector"
	sourceJDBC    = "io.confluent.connect.jdbc.JdbcSourceConnector, io.aiven.connect.jdbc.JdbcSourceConnector"
	sinkElastic   = "io.confluent.connect.elasticsearch.ElasticsearchSinkConnector"
	sinkOpen      = "io.aiven.kafka.connect.opensearch.OpensearchSinkConnector"
	sinkObjects   = "io.confluent.connect.s3.S3SinkConnector and its siblings"
	sinkHTTP      = "io.confluent.connect.http.HttpSinkConnector"
	sinkHTTPAiven = "io.aiven.kafka.connect.http.HttpSinkConnector"
	sourceDbz     = "io.debezium.connector.*"
	sinkDbz       = "io.debezium.connector.jdbc.JdbcSinkConnector"
	mongoBoth     = "com.mongodb.kafka.connect.*"
	sinkClick     = "com.clickhouse.kafka.connect.ClickHouseSinkConnector"
	sinkDoris     = "org.apache.doris.kafka.connector.DorisSinkConnector"
	vendorDoc     = "the vendor's documentation"
)

// keysOf holds, for the families whose settings are known whole, every key that is about retries, time-outs and failure
// policies. A key of another family in such a connector has no effect.
var keysOf = map[family][]ConnectorKey{
	familyJDBCSink: {
		{"connection.attempts", sinkJDBC, "INT", "", "3", nil, "JdbcSinkConfig.java"},
		{"connection.backoff.ms", sinkJDBC, "LONG", "ms", "10000", nil, "JdbcSinkConfig.java"},
		{"max.retries", sinkJDBC, "INT", "", "10", nil, "JdbcSinkConfig.java"},
		{"retry.backoff.ms", sinkJDBC, "INT", "ms", "3000", nil, "JdbcSinkConfig.java"},
		{"batch.size", sinkJDBC, "INT", "", "3000", nil, "JdbcSinkConfig.java"},
		{"insert.mode", sinkJDBC, "STRING", "", "insert", []string{"insert", "upsert", "update", "multi"}, "JdbcSinkConfig.java"},
	},
	familyJDBCSource: {
		{"connection.attempts", sourceJDBC, "INT", "", "3", nil, "JdbcSourceConnectorConfig.java"},
		{"connection.backoff.ms", sourceJDBC, "LONG", "ms", "10000", nil, "JdbcSourceConnectorConfig.java"},
		{"poll.interval.ms", sourceJDBC, "INT", "ms", "5000", nil, "JdbcSourceConnectorConfig.java"},
		{"batch.max.rows", sourceJDBC, "INT", "", "100", nil, "JdbcSourceConnectorConfig.java"},
		{"table.poll.interval.ms", sourceJDBC, "LONG", "ms", "60000", nil, "JdbcSourceConnectorConfig.java"},
		{"timestamp.delay.interval.ms", sourceJDBC, "LONG", "ms", "0", nil, "JdbcSourceConnectorConfig.java"},
		{
			"transaction.isolation.mode", sourceJDBC, "STRING", "", "DEFAULT",
			[]string{"DEFAULT", "READ_UNCOMMITTED", "READ_COMMITTED", "REPEATABLE_READ", "SERIALIZABLE", "SQL_SERVER_SNAPSHOT"},
			vendorDoc + " (10.1 and later; not in Aiven's)",
		},
		{"query.retry.attempts", sourceJDBC, "INT", "", "-1", nil, vendorDoc + " (10.3 and later; not in Aiven's)"},
	},
	familyElasticsearch: {
		{"max.retries", sinkElastic, "INT", "", "5", nil, "ElasticsearchSinkConnectorConfig.java"},
		{"retry.backoff.ms", sinkElastic, "LONG", "ms", "100", nil, "ElasticsearchSinkConnectorConfig.java (exponential)"},
		{"behavior.on.malformed.documents", sinkElastic, "STRING", "", "fail", []string{"ignore", "warn", "fail"}, "ElasticsearchSinkConnectorConfig.java"},
		{"behavior.on.null.values", sinkElastic, "STRING", "", "fail", []string{"ignore", "delete", "fail"}, "ElasticsearchSinkConnectorConfig.java"},
		{"drop.invalid.message", sinkElastic, "BOOLEAN", "", "false", nil, "ElasticsearchSinkConnectorConfig.java"},
		{"connection.timeout.ms", sinkElastic, "INT", "ms", "1000", nil, "ElasticsearchSinkConnectorConfig.java"},
		{"read.timeout.ms", sinkElastic, "INT", "ms", "3000", nil, "ElasticsearchSinkConnectorConfig.java"},
		{"flush.timeout.ms", sinkElastic, "LONG", "ms", "180000", nil, "ElasticsearchSinkConnectorConfig.java"},
	},
	familyOpenSearch: {
		{"max.retries", sinkOpen, "INT", "", "5", nil, "OpensearchSinkConnectorConfig.java"},
		{"retry.backoff.ms", sinkOpen, "LONG", "ms", "100", nil, "OpensearchSinkConnectorConfig.java"},
		{"behavior.on.malformed.documents", sinkOpen, "STRING", "", "fail", []string{"ignore", "warn", "report", "fail"}, "OpensearchSinkConnectorConfig.java"},
		{"behavior.on.version.conflict", sinkOpen, "STRING", "", "fail", []string{"ignore", "warn", "report", "fail"}, "OpensearchSinkConnectorConfig.java"},
		{"behavior.on.null.values", sinkOpen, "STRING", "", "ignore", []string{"ignore", "delete", "fail"}, "OpensearchSinkConnectorConfig.java"},
		{"drop.invalid.message", sinkOpen, "BOOLEAN", "", "false", nil, "OpensearchSinkConnectorConfig.java"},
	},
	familyObjectStore: {
		{"retry.backoff.ms", sinkObjects, "LONG", "ms", "5000", nil, "StorageSinkConnectorConfig.java"},
		{"behavior.on.null.values", sinkObjects, "STRING", "", "fail", []string{"fail", "ignore", "write"}, "S3SinkConnectorConfig.java"},
		{"report.null.values.to.dlq", sinkObjects, "BOOLEAN", "", "true", nil, "S3SinkConnectorConfig.java"},
		{"s3.part.retries", sinkObjects, "INT", "", "3", nil, "S3SinkConnectorConfig.java"},
		{"s3.retry.backoff.ms", sinkObjects, "LONG", "ms", "200", nil, "S3SinkConnectorConfig.java"},
		{"schema.compatibility", sinkObjects, "STRING", "", "NONE", []string{"NONE", "BACKWARD", "FORWARD", "FULL"}, "StorageSinkConnectorConfig.java"},
	},
	familyHTTPConfluent: {
		{"behavior.on.error", sinkHTTP, "STRING", "", "fail", []string{"ignore", "log", "fail"}, vendorDoc},
		{"behavior.on.null.values", sinkHTTP, "STRING", "", "ignore", []string{"ignore", "delete", "fail", "log"}, vendorDoc},
		{"max.retries", sinkHTTP, "INT", "", "5", nil, vendorDoc},
		{"retry.backoff.ms", sinkHTTP, "INT", "ms", "3000", nil, vendorDoc},
		{"retry.on.status.codes", sinkHTTP, "STRING", "", "400-", nil, vendorDoc},
		{"report.errors.as", sinkHTTP, "STRING", "", "error_string", []string{"error_string", "http_response"}, vendorDoc},
		{"reporter.bootstrap.servers", sinkHTTP, "LIST", "", "", nil, vendorDoc},
		{"reporter.error.topic.name", sinkHTTP, "STRING", "", "error-${connector}", nil, vendorDoc},
		{"reporter.result.topic.name", sinkHTTP, "STRING", "", "success-${connector}", nil, vendorDoc},
		{"reporter.error.topic.replication.factor", sinkHTTP, "SHORT", "", "3", nil, vendorDoc},
		{"reporter.result.topic.replication.factor", sinkHTTP, "SHORT", "", "3", nil, vendorDoc},
	},
	familyHTTPAiven: {
		{"max.retries", sinkHTTPAiven, "INT", "", "1", nil, "HttpSinkConfig.java"},
		{"retry.backoff.ms", sinkHTTPAiven, "INT", "ms", "3000", nil, "HttpSinkConfig.java"},
	},
	familyDebezium: {
		{"errors.max.retries", sourceDbz, "INT", "", "-1", nil, "CommonConnectorConfig.java"},
		{"retriable.restart.connector.wait.ms", sourceDbz, "LONG", "ms", "10000", nil, "CommonConnectorConfig.java"},
		{"event.processing.failure.handling.mode", sourceDbz, "STRING", "", "fail", []string{"fail", "warn", "skip", "ignore"}, "CommonConnectorConfig.java"},
		{"slot.max.retries", sourceDbz, "INT", "", "6", nil, "PostgresConnectorConfig.java"},
		{"slot.retry.delay.ms", sourceDbz, "LONG", "ms", "10000", nil, "PostgresConnectorConfig.java"},
	},
	familyDebeziumJDBC: {
		{"flush.max.retries", sinkDbz, "INT", "", "5", nil, "JdbcSinkConnectorConfig.java"},
		{"flush.retry.delay.ms", sinkDbz, "LONG", "ms", "1000", nil, "JdbcSinkConnectorConfig.java"},
		{"connection.restart.on.errors", sinkDbz, "BOOLEAN", "", "false", nil, "JdbcSinkConnectorConfig.java"},
	},
	familyMongo: {
		{"mongo.errors.tolerance", mongoBoth, "STRING", "", "that of errors.tolerance", []string{"none", "all", "data"}, "MongoSinkTopicConfig.java, MongoSourceConfig.java"},
		{"mongo.errors.log.enable", mongoBoth, "BOOLEAN", "", "that of errors.log.enable", nil, "MongoSinkTopicConfig.java, MongoSourceConfig.java"},
		{"mongo.errors.deadletterqueue.topic.name", mongoBoth, "STRING", "", "", nil, "MongoSourceConfig.java"},
	},
	familyClickHouse: {
		{"retryCount", sinkClick, "INT", "", "3", nil, "ClickHouseSinkConfig.java"},
	},
	familyDoris: {
		{"max.retries", sinkDoris, "INT", "", "10", nil, vendorDoc},
		{"retry.interval.ms", sinkDoris, "INT", "ms", "6000", nil, vendorDoc},
		{"behavior.on.null.values", sinkDoris, "STRING", "", "ignore", []string{"ignore", "fail"}, vendorDoc},
	},
}

// borrowed reports the keys that people carry from one connector to another. In a family of keysOf that does not list them they
// have no effect.
func borrowed(key string) bool {
	switch key {
	case "max.retries", "retry.backoff.ms", "connection.attempts", "connection.backoff.ms", "query.timeout.ms",
		"connection.retries", "connection.max.retries", "retry.max.attempts", "retry.attempts", "behavior.on.error",
		"behavior.on.malformed.documents", "behavior.on.version.conflict", "behavior.on.null.values", "drop.invalid.message",
		"max.num.retries", "retries.defer.timeout", "retry.on.status.codes", "report.errors.as", "flush.max.retries",
		"flush.retry.delay.ms", "halt.on.error", "retryCount", "retry.interval.ms", "query.retry.attempts",
		"schema.compatibility.level", "transaction.isolation.mode", "slot.max.retries",
		"event.processing.failure.handling.mode", "reporter.bootstrap.servers", "reporter.error.topic.name",
		"reporter.result.topic.name", "reporter.error.topic.replication.factor", "reporter.result.topic.replication.factor":
		return true
	}
	return false
}

// counterparts name the key that was probably meant.
var counterparts = map[family]map[string]string{
	familyJDBCSource: {
		"query.timeout.ms": "a limit in the database or in connection.url (for PostgreSQL, options=-c statement_timeout)",
		"max.retries":      "query.retry.attempts", "retry.backoff.ms": "connection.backoff.ms",
	},
	familyJDBCSink:      {"query.timeout.ms": "a limit in the database or in connection.url", "connection.retries": "connection.attempts"},
	familyDebezium:      {"max.retries": "errors.max.retries", "retry.backoff.ms": "retriable.restart.connector.wait.ms", "behavior.on.error": "event.processing.failure.handling.mode"},
	familyDebeziumJDBC:  {"max.retries": "flush.max.retries", "retry.backoff.ms": "flush.retry.delay.ms"},
	familyObjectStore:   {"schema.compatibility.level": "schema.compatibility", "max.retries": "s3.part.retries"},
	familyMongo:         {"max.num.retries": "retryWrites in connection.uri", "retries.defer.timeout": "retryWrites in connection.uri", "max.retries": "retryWrites in connection.uri"},
	familyClickHouse:    {"max.retries": "retryCount"},
	familyDoris:         {"retry.backoff.ms": "retry.interval.ms"},
	familyHTTPConfluent: {"behavior.on.malformed.documents": "behavior.on.error"},
}

// ConnectorKeys returns what the package knows of a connector's own retry, time-out and failure settings, by class name; nil
// for a connector it does not know whole.
func ConnectorKeys(class string) []ConnectorKey {
	return slices.Clone(keysOf[classify(trim(class)).family])
}

func (f family) has(key string) bool {
	for i := range keysOf[f] {
		if keysOf[f][i].Name == key {
			return true
		}
	}
	return false
}
