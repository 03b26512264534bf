package errtolerance

import (
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"
)

// Settings are the keys that a builder writes. They are merged into a connector's configuration with ApplyTo.
type Settings map[string]string

// ApplyTo returns a copy of connector with the settings put over it.
func (s Settings) ApplyTo(connector map[string]string) map[string]string {
	out := make(map[string]string, len(connector)+len(s))
	maps.Copy(out, connector)
	maps.Copy(out, s)
	return out
}

func (s Settings) millis(key string, d time.Duration) {
	if d != 0 {
		s[key] = formatMillis(wholeMillis(d))
	}
}

func (s Settings) count(key string, n int) {
	if n != 0 {
		s[key] = strconv.Itoa(n)
	}
}

func field(typ, name, fix string) error {
	return fmt.Errorf("errtolerance: %s.%s: %s", typ, name, fix)
}

// JDBC holds the connection, poll and retry settings of Confluent's and Aiven's JDBC connectors. A zero field leaves the
// connector's default. There is no key for a query's time-out in either connector: it belongs into the database or the URL.
type JDBC struct {
	// Kind is required: source and sink have different keys.
	Kind Kind
	// ConnectionAttempts is connection.attempts. Defaults to 3.
	ConnectionAttempts int
	// ConnectionBackoff is connection.backoff.ms. Defaults to 10 s.
	ConnectionBackoff time.Duration
	// PollInterval is poll.interval.ms of the source. Defaults to 5 s.
	PollInterval time.Duration
	// BatchMaxRows is batch.max.rows of the source. Defaults to 100.
	BatchMaxRows int
	// Isolation is transaction.isolation.mode of Confluent's source, 10.1 and later. Defaults to the database's.
	Isolation string
	// MaxRetries is max.retries of the sink; negative is none. Defaults to 10.
	MaxRetries int
	// RetryBackoff is retry.backoff.ms of the sink. Defaults to 3 s.
	RetryBackoff time.Duration
	// BatchSize is batch.size of the sink. Defaults to 3000.
	BatchSize int
}

// Map returns the settings, or an error that names the field which the connector of this kind does not have or refuses.
func (j JDBC) Map() (Settings, error) {
	s := Settings{}
	var errs []error
	bad := func(name, fix string) { errs = append(errs, field("JDBC", name, fix)) }
	switch j.Kind {
	case KindSource:
		if j.MaxRetries != 0 || j.RetryBackoff != 0 || j.BatchSize != 0 {
			bad("MaxRetries", "MaxRetries, RetryBackoff and BatchSize are the sink's; leave them zero")
		}
	case KindSink:
		if j.PollInterval != 0 || j.BatchMaxRows != 0 || j.Isolation != "" {
			bad("PollInterval", "PollInterval, BatchMaxRows and Isolation are the source's; leave them zero")
		}
	case KindUnknown:
		bad("Kind", "set KindSource or KindSink")
	}
	if j.ConnectionAttempts < 0 {
		bad("ConnectionAttempts", "must be 1 or more, or zero for the default")
	}
	if j.ConnectionBackoff < 0 || j.PollInterval < 0 || j.RetryBackoff < 0 {
		bad("ConnectionBackoff", "ConnectionBackoff, PollInterval and RetryBackoff must not be negative")
	}
	if j.BatchMaxRows < 0 || j.BatchSize < 0 {
		bad("BatchSize", "BatchMaxRows and BatchSize must not be negative")
	}
	if j.Isolation != "" && j.Kind == KindSource {
		known := false
		for _, k := range keysOf[familyJDBCSource] {
			if k.Name == "transaction.isolation.mode" {
				for _, v := range k.Values {
					known = known || strings.EqualFold(v, j.Isolation)
				}
			}
		}
		if !known {
			bad("Isolation", "one of DEFAULT, READ_UNCOMMITTED, READ_COMMITTED, REPEATABLE_READ, SERIALIZABLE, SQL_SERVER_SNAPSHOT")
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	s.count("connection.attempts", j.ConnectionAttempts)
	s.millis("connection.backoff.ms", j.ConnectionBackoff)
	if j.Kind == KindSource {
		s.millis("poll.interval.ms", j.PollInterval)
		s.count("batch.max.rows", j.BatchMaxRows)
		if j.Isolation != "" {
			s["transaction.isolation.mode"] = j.Isolation
		}
		return s, nil
	}
	s.count("max.retries", j.MaxRetries)
	if j.MaxRetries < 0 {
		s["max.retries"] = "0"
	}
	s.millis("retry.backoff.ms", j.RetryBackoff)
	s.count("batch.size", j.BatchSize)
	return s, nil
}

// SinkRetry holds a sink's own retries of its writes, and what it does with a write that fails for good, by whatever keys its
// class has for them. It is another layer than errors.retry.*, which repeats conversions and transformations.
type SinkRetry struct {
	// Class is the connector's class. Required.
	Class string
	// MaxRetries is how often a write is repeated; negative is never. Zero leaves the connector's default.
	MaxRetries int
	// Backoff is the wait between attempts (Elasticsearch's and OpenSearch's double it). Zero leaves the default.
	Backoff time.Duration
	// OnError is behavior.on.error of Confluent's HTTP sink, or behavior.on.malformed.documents of the Elasticsearch and
	// OpenSearch sinks. Empty leaves the default, fail.
	OnError string
}

// Map returns the settings, or an error that names what this connector does not have.
func (r SinkRetry) Map() (Settings, error) {
	info := classify(trim(r.Class))
	retries, backoff, onError := "", "", ""
	switch info.family {
	case familyJDBCSink, familyHTTPAiven:
		retries, backoff = "max.retries", "retry.backoff.ms"
	case familyHTTPConfluent:
		retries, backoff, onError = "max.retries", "retry.backoff.ms", "behavior.on.error"
	case familyElasticsearch, familyOpenSearch:
		retries, backoff, onError = "max.retries", "retry.backoff.ms", "behavior.on.malformed.documents"
	case familyDebeziumJDBC:
		retries, backoff = "flush.max.retries", "flush.retry.delay.ms"
	case familyObjectStore:
		backoff = "retry.backoff.ms"
		if strings.HasPrefix(trim(r.Class), "io.confluent.connect.s3.") {
			retries = "s3.part.retries"
		}
	case familyClickHouse:
		retries = "retryCount"
	case familyDoris:
		retries, backoff = "max.retries", "retry.interval.ms"
	default:
		return nil, field("SinkRetry", "Class", "no retry settings are known for this class")
	}
	s := Settings{}
	var errs []error
	set := func(name, key string, present bool) bool {
		if present && key == "" {
			errs = append(errs, field("SinkRetry", name, "this connector has no such setting"))
		}
		return present && key != ""
	}
	if set("MaxRetries", retries, r.MaxRetries != 0) {
		s[retries] = strconv.Itoa(max(r.MaxRetries, 0))
	}
	if r.Backoff < 0 {
		errs = append(errs, field("SinkRetry", "Backoff", "must not be negative"))
	} else if set("Backoff", backoff, r.Backoff != 0) {
		s.millis(backoff, r.Backoff)
	}
	if set("OnError", onError, r.OnError != "") {
		s[onError] = r.OnError
		for _, k := range keysOf[info.family] {
			if k.Name == onError && !containsFold(k.Values, r.OnError) {
				errs = append(errs, field("SinkRetry", "OnError", "one of "+strings.Join(k.Values, ", ")))
			}
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return s, nil
}

func containsFold(values []string, v string) bool {
	for _, want := range values {
		if strings.EqualFold(want, v) {
			return true
		}
	}
	return false
}

// Reporter is Confluent's own error and result topics of the HTTP sink and its relatives, beside the dead letter queue.
type Reporter struct {
	// BootstrapServers are required: the reporter has clients of its own.
	BootstrapServers []string
	// ErrorTopic and ResultTopic default to error-${connector} and success-${connector}.
	ErrorTopic, ResultTopic string
	// ReplicationFactor is used for both topics. Defaults to 3.
	ReplicationFactor int16
}

// Map returns the reporter.* settings.
func (r Reporter) Map() (Settings, error) {
	if len(r.BootstrapServers) == 0 {
		return nil, field("Reporter", "BootstrapServers", "required, the brokers the reporter writes to")
	}
	if r.ReplicationFactor < 0 {
		return nil, field("Reporter", "ReplicationFactor", "must be 1 or more, or zero for the default")
	}
	s := Settings{"reporter.bootstrap.servers": strings.Join(r.BootstrapServers, ",")}
	if r.ErrorTopic != "" {
		s["reporter.error.topic.name"] = r.ErrorTopic
	}
	if r.ResultTopic != "" {
		s["reporter.result.topic.name"] = r.ResultTopic
	}
	s.count("reporter.error.topic.replication.factor", int(r.ReplicationFactor))
	s.count("reporter.result.topic.replication.factor", int(r.ReplicationFactor))
	return s, nil
}

// SchemaRegistry configures Confluent's registry for the key's converter, the value's or both. A converter takes its settings
// from the connector alone as soon as the connector names it, so they are written for each side.
type SchemaRegistry struct {
	// Converter is the class, as in io.confluent.connect.avro.AvroConverter. Required.
	Converter string
	// URLs are required.
	URLs []string
	// Key and Value say which sides; both false means both.
	Key, Value bool
	// UserInfo is user:password, best a reference to a config provider; it is written with its
	// basic.auth.credentials.source, without which it does not count.
	UserInfo string
	// AutoRegister is auto.register.schemas. Nil leaves the default, true.
	AutoRegister *bool
}

// Map returns the settings of the converters.
func (r SchemaRegistry) Map() (Settings, error) {
	if r.Converter == "" || converterRegistry(r.Converter) != confluentRegistry {
		return nil, field("SchemaRegistry", "Converter", "a converter of Confluent's registry, as in io.confluent.connect.avro.AvroConverter")
	}
	if len(r.URLs) == 0 {
		return nil, field("SchemaRegistry", "URLs", "required, as in http://registry:8081")
	}
	s := Settings{}
	side := func(prefix string) {
		s[prefix] = r.Converter
		s[prefix+".schema.registry.url"] = strings.Join(r.URLs, ",")
		if r.UserInfo != "" {
			s[prefix+".basic.auth.credentials.source"] = "USER_INFO"
			s[prefix+".basic.auth.user.info"] = r.UserInfo
		}
		if r.AutoRegister != nil {
			s[prefix+".auto.register.schemas"] = strconv.FormatBool(*r.AutoRegister)
		}
	}
	if r.Key || !r.Value {
		side("key.converter")
	}
	if r.Value || !r.Key {
		side("value.converter")
	}
	return s, nil
}

// ClientOverrides are the per-connector client settings (KIP-458, Kafka 2.3) that go with retries and a dead letter queue.
// The worker's connector.client.config.override.policy has to allow them (it does by default since 3.0).
type ClientOverrides struct {
	// SecurityProtocol, SASLMechanism, SASLJAASConfig and BootstrapServers go to the dead letter queue's producer and to its
	// admin client: one without the other does not work.
	SecurityProtocol, SASLMechanism, SASLJAASConfig string
	BootstrapServers                                []string
	// MaxRequestSize is the producer's; a dead letter is larger than its record. Defaults to 1 MiB.
	MaxRequestSize int
	// MaxPollInterval and MaxPollRecords are the consumer's: how long it may be silent, and how many records one poll may
	// bring. Default to 5 minutes and 500.
	MaxPollInterval time.Duration
	MaxPollRecords  int
	// ReadCommitted keeps records of aborted transactions away from the sink. Defaults to false.
	ReadCommitted bool
}

// Map returns the override settings.
func (o ClientOverrides) Map() (Settings, error) {
	if o.MaxRequestSize < 0 || o.MaxPollInterval < 0 || o.MaxPollRecords < 0 {
		return nil, field("ClientOverrides", "MaxPollRecords", "MaxRequestSize, MaxPollInterval and MaxPollRecords must not be negative")
	}
	s := Settings{}
	both := func(key, value string) {
		if value != "" {
			s["producer.override."+key], s["admin.override."+key] = value, value
		}
	}
	both("security.protocol", o.SecurityProtocol)
	both("sasl.mechanism", o.SASLMechanism)
	both("sasl.jaas.config", o.SASLJAASConfig)
	both("bootstrap.servers", strings.Join(o.BootstrapServers, ","))
	s.count("producer.override.max.request.size", o.MaxRequestSize)
	s.millis("consumer.override.max.poll.interval.ms", o.MaxPollInterval)
	s.count("consumer.override.max.poll.records", o.MaxPollRecords)
	if o.ReadCommitted {
		s["consumer.override.isolation.level"] = "read_committed"
	}
	return s, nil
}
