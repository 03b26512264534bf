package errtolerance

// Kind is the direction of a connector.
type Kind uint8

const (
	// KindUnknown lets the class table decide, or leaves it open.
	KindUnknown Kind = iota
	// KindSource reads from a system into Kafka.
	KindSource
	// KindSink reads from Kafka into a system.
	KindSink
)

// String returns source, sink or unknown, as Connect's REST API writes it.
func (k Kind) String() string {
	switch k {
	case KindSource:
		return "source"
	case KindSink:
		return "sink"
	case KindUnknown:
	}
	return "unknown"
}

// ParseKind reads the type that Connect's REST API reports. Anything but source and sink is KindUnknown.
func ParseKind(s string) Kind {
	switch s {
	case "source":
		return KindSource
	case "sink":
		return KindSink
	}
	return KindUnknown
}

// Target is where a connector will run. Every zero value means unknown, and unknown is a normal case.
type Target struct {
	// Kind is what the caller knows about the connector; a class that the package knows decides before it.
	Kind Kind
	// Kinds are the kinds by connector name, for LintSet; a name that is not in it takes Kind.
	Kinds map[string]Kind
	// KafkaVersion is the worker's version as GET / reports it, Apache's or a vendor's (3.9.0, 7.5.0-ccs).
	KafkaVersion string
	// Brokers is the number of brokers of the Kafka cluster that holds the dead letter queue.
	Brokers int
	// MaxPollInterval is the worker's consumer.max.poll.interval.ms in milliseconds. Defaults to Kafka's 300000; a connector's
	// consumer.override.max.poll.interval.ms wins.
	MaxPollIntervalMillis int64
	// MaxPollRecords is the worker's consumer.max.poll.records. Defaults to Kafka's 500; a connector's override wins.
	MaxPollRecords int
	// ConfigProviders are the names in the worker's config.providers. Nil means unknown; an empty list means none.
	ConfigProviders []string
	// RepublishExactlyOnce says that the dead letters are republished in transactions: a sink that reads uncommitted then sees
	// what an aborted attempt wrote.
	RepublishExactlyOnce bool
	// Complete says that the configuration is whole: what is missing from it is missing, not left out of a snippet.
	Complete bool
}
