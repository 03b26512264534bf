package errtolerance

import "strings"

// family groups the connectors whose error handling keys are the same.
type family uint8

const (
	familyOther family = iota
	familyDebezium
	familyDebeziumJDBC
	familyDebeziumMongoSink
	familyMongo
	familyJDBCSink // Confluent's and Aiven's
	familyJDBCSource
	familyElasticsearch // Confluent's
	familyOpenSearch    // Aiven's
	familyObjectStore   // Confluent's S3, GCS, Azure, HDFS writers
	familyHTTPConfluent
	familyHTTPAiven
	familyReporter // other Confluent sinks with the Reporter
	familyClickHouse
	familySnowflake
	familyKusto
	familyLenses
	familyNeo4j
	familyAdobe
	familyCosmosV1
	familyAivenSource
	familySpoolDir
	familyMirrorMaker
	familyCloud // Confluent Cloud's managed names: keys of their own
	familyCamel
	familyDoris
)

// classInfo is what the package knows about a connector class.
type classInfo struct {
	kind   Kind
	family family
	// known says that the class itself, not only the shape of its name, is in the tables.
	known bool
}

// classes holds the classes whose name does not tell their kind, or whose family their package does not tell.
var classes = map[string]classInfo{
	"io.confluent.kafka.connect.datagen.DatagenConnector": {KindSource, familyOther, true},
	"DatagenConnector": {KindSource, familyOther, true},
	"org.apache.kafka.connect.mirror.MirrorSourceConnector":                   {KindSource, familyMirrorMaker, true},
	"org.apache.kafka.connect.mirror.MirrorCheckpointConnector":               {KindSource, familyMirrorMaker, true},
	"org.apache.kafka.connect.mirror.MirrorHeartbeatConnector":                {KindSource, familyMirrorMaker, true},
	"MirrorCheckpointConnector":                                               {KindSource, familyMirrorMaker, true},
	"MirrorHeartbeatConnector":                                                {KindSource, familyMirrorMaker, true},
	"com.scylladb.cdc.debezium.connector.ScyllaConnector":                     {KindSource, familyDebezium, true},
	"io.debezium.connector.jdbc.JdbcSinkConnector":                            {KindSink, familyDebeziumJDBC, true},
	"io.debezium.connector.mongodb.MongoDbSinkConnector":                      {KindSink, familyDebeziumMongoSink, true},
	"io.confluent.connect.jdbc.JdbcSinkConnector":                             {KindSink, familyJDBCSink, true},
	"io.aiven.connect.jdbc.JdbcSinkConnector":                                 {KindSink, familyJDBCSink, true},
	"io.confluent.connect.jdbc.JdbcSourceConnector":                           {KindSource, familyJDBCSource, true},
	"io.aiven.connect.jdbc.JdbcSourceConnector":                               {KindSource, familyJDBCSource, true},
	"io.confluent.connect.elasticsearch.ElasticsearchSinkConnector":           {KindSink, familyElasticsearch, true},
	"MongoDbAtlasSource":                                                      {KindSource, familyMongo, true},
	"MongoDbAtlasSink":                                                        {KindSink, familyMongo, true},
	"io.aiven.connect.elasticsearch.ElasticsearchSinkConnector":               {KindSink, familyOpenSearch, true},
	"io.aiven.kafka.connect.opensearch.OpensearchSinkConnector":               {KindSink, familyOpenSearch, true},
	"io.confluent.connect.s3.S3SinkConnector":                                 {KindSink, familyObjectStore, true},
	"io.confluent.connect.gcs.GcsSinkConnector":                               {KindSink, familyObjectStore, true},
	"io.confluent.connect.azure.blob.AzureBlobStorageSinkConnector":           {KindSink, familyObjectStore, true},
	"io.confluent.connect.azure.datalake.gen2.AzureDataLakeGen2SinkConnector": {KindSink, familyObjectStore, true},
	"io.confluent.connect.hdfs.HdfsSinkConnector":                             {KindSink, familyObjectStore, true},
	"io.confluent.connect.hdfs3.Hdfs3SinkConnector":                           {KindSink, familyObjectStore, true},
	"io.confluent.connect.http.HttpSinkConnector":                             {KindSink, familyHTTPConfluent, true},
	"io.aiven.kafka.connect.http.HttpSinkConnector":                           {KindSink, familyHTTPAiven, true},
	"com.microsoft.azure.kusto.kafka.connect.sink.KustoSinkConnector":         {KindSink, familyKusto, true},
	"com.adobe.platform.streaming.sink.impl.AEPSinkConnector":                 {KindSink, familyAdobe, true},
	"com.azure.cosmos.kafka.connect.sink.CosmosDBSinkConnector":               {KindSink, familyCosmosV1, true},
	"com.azure.cosmos.kafka.connect.source.CosmosDBSourceConnector":           {KindSource, familyCosmosV1, true},
	"org.apache.doris.kafka.connector.DorisSinkConnector":                     {KindSink, familyDoris, true},
	"com.tigergraph.kafka.connect.filesystem.reader.FileReaderConnector":      {KindSource, familyOther, true},
	"org.neo4j.connectors.kafka.sink.Neo4jConnector":                          {KindSink, familyNeo4j, true},
	"org.neo4j.connectors.kafka.source.Neo4jConnector":                        {KindSource, familyNeo4j, true},
	"com.wepay.kafka.connect.bigquery.BigQuerySinkConnector":                  {KindSink, familyOther, true},
	"com.ibm.eventstreams.connect.mqsource.MQSourceConnector":                 {KindSource, familyOther, true},
	"com.ibm.eventstreams.connect.mqsink.MQSinkConnector":                     {KindSink, familyOther, true},
	"io.mdrogalis.voluble.VolubleSourceConnector":                             {KindSource, familyOther, true},
	"org.apache.iceberg.connect.IcebergSinkConnector":                         {KindSink, familyOther, true},
	"io.tabular.iceberg.connect.IcebergSinkConnector":                         {KindSink, familyOther, true},
	"com.splunk.kafka.connect.SplunkSinkConnector":                            {KindSink, familyOther, true},
	"org.apache.kafka.connect.file.FileStreamSinkConnector":                   {KindSink, familyOther, true},
	"org.apache.kafka.connect.file.FileStreamSourceConnector":                 {KindSource, familyOther, true},
}

// packages gives the family, and where a whole package has one the kind, by prefix.
var packages = []struct {
	prefix string
	info   classInfo
}{
	{"io.debezium.connector.", classInfo{KindSource, familyDebezium, true}},
	{"com.mongodb.kafka.connect.", classInfo{KindUnknown, familyMongo, true}},
	{"com.clickhouse.kafka.connect.", classInfo{KindSink, familyClickHouse, true}},
	{"com.snowflake.kafka.connector.", classInfo{KindSink, familySnowflake, true}},
	{"com.datamountaineer.streamreactor.", classInfo{KindUnknown, familyLenses, true}},
	{"io.lenses.streamreactor.", classInfo{KindUnknown, familyLenses, true}},
	{"streams.kafka.connect.", classInfo{KindUnknown, familyNeo4j, true}},
	{"org.neo4j.connectors.kafka.", classInfo{KindUnknown, familyNeo4j, true}},
	{"io.aiven.kafka.connect.", classInfo{KindUnknown, familyAivenSource, true}},
	{"com.github.jcustenborder.kafka.connect.spooldir.", classInfo{KindSource, familySpoolDir, true}},
	{"org.apache.camel.kafkaconnector.", classInfo{KindUnknown, familyCamel, true}},
	{"io.confluent.connect.aws.lambda.", classInfo{KindSink, familyReporter, true}},
	{"io.confluent.connect.datadog.", classInfo{KindSink, familyReporter, true}},
	{"io.confluent.connect.pagerduty.", classInfo{KindSink, familyReporter, true}},
	{"io.confluent.connect.salesforce.", classInfo{KindUnknown, familyReporter, true}},
	{"io.confluent.connect.servicenow.", classInfo{KindUnknown, familyReporter, true}},
	{"io.confluent.connect.azure.functions.", classInfo{KindSink, familyReporter, true}},
	{"io.confluent.connect.gcp.functions.", classInfo{KindSink, familyReporter, true}},
	{"io.confluent.connect.zendesk.", classInfo{KindUnknown, familyReporter, true}},
	{"io.confluent.connect.prometheus.", classInfo{KindSink, familyReporter, true}},
}

// classify tells the kind and family of a connector.class. What it cannot tell is KindUnknown and familyOther.
func classify(class string) classInfo {
	// Comments and stray text behind a class name occur in real files; a worker would refuse them, the kind is still clear.
	if i := strings.IndexAny(class, " \t"); i > 0 {
		class = class[:i]
	}
	if class == "" || unresolved(class) {
		return classInfo{}
	}
	if info, ok := classes[class]; ok {
		return info
	}
	dot := strings.LastIndexByte(class, '.')
	info := classInfo{}
	if dot >= 0 {
		for i := range packages {
			if strings.HasPrefix(class, packages[i].prefix) {
				info = packages[i].info
				break
			}
		}
	} else if !strings.HasSuffix(class, "Connector") {
		// Without a package and the suffix it is a managed connector's name, or a worker's short form of one.
		info.family = familyCloud
	}
	if info.kind == KindUnknown {
		info.kind = kindOfName(class, class[dot+1:])
	}
	if info.family == familyAivenSource && info.kind != KindSource {
		info.family = familyOther
	}
	if info.family == familyReporter && info.kind != KindSink {
		info.family = familyOther
	}
	return info
}

// kindOfName reads the kind out of the words of a class name: the last of Source and Sink in it decides, then a package
// element of that name.
func kindOfName(class, simple string) Kind {
	source, sink := lastFold(simple, "source"), lastFold(simple, "sink")
	switch {
	case source > sink:
		return KindSource
	case sink > source:
		return KindSink
	case strings.Contains(class, ".sink."):
		return KindSink
	case strings.Contains(class, ".source."):
		return KindSource
	}
	return KindUnknown
}

// lastFold is strings.LastIndex without regard to ASCII case, for a needle in lower case.
func lastFold(s, needle string) int {
	for i := len(s) - len(needle); i >= 0; i-- {
		j := 0
		for j < len(needle) && s[i+j]|0x20 == needle[j] {
			j++
		}
		if j == len(needle) {
			return i
		}
	}
	return -1
}

// readsErrorKeys reports whether the connector itself acts on errors.tolerance for errors of its own put or poll.
func (f family) readsErrorKeys() bool {
	switch f { //nolint:exhaustive // the others leave it to the framework
	case familyMongo, familyClickHouse, familySnowflake, familyNeo4j, familyAdobe, familyCosmosV1, familyAivenSource, familyOpenSearch:
		return true
	}
	return false
}

// ownErrorKey reports whether the connector defines this errors.* key itself.
func (f family) ownErrorKey(key string) bool {
	switch f { //nolint:exhaustive // the others define none
	case familyDebezium:
		switch key {
		case "errors.max.retries", "errors.retry.delay.initial.ms":
			return true
		}
	case familyKusto:
		switch key {
		case "errors.retry.max.time.ms", "errors.retry.backoff.time.ms":
			return true
		}
	}
	return false
}
