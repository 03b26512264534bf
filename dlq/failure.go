package dlq

import (
	"fmt"
	"strings"
)

// Failure is the error context of one dead letter: where the record came from, who failed on it, where and why.
//
// It is comparable. Has says which headers were there, so that an absent header and an empty one stay apart.
type Failure struct {
	Dialect Dialect `json:"dialect"`
	Has     Fields  `json:"has"`

	// Topic, Partition and Offset are where the failing record was consumed from, before any transformation.
	// Partition and Offset are -1 when the header is absent or malformed.
	Topic     string `json:"topic"`
	Partition int    `json:"partition"`
	Offset    int64  `json:"offset"`

	// Connector and Task name who failed (Connect only). Task is -1 when the header is absent or malformed.
	Connector string `json:"connector,omitempty"`
	Task      int    `json:"task"`

	// Group and DeliveryCount name who failed in the share-group dialect. DeliveryCount is -1 when absent or malformed.
	Group         string `json:"group,omitempty"`
	DeliveryCount int    `json:"deliveryCount"`

	// Stage and Class are where it failed: Class is the converter or transformation that was executing, and
	// org.apache.kafka.connect.sink.SinkTask for whatever the connector itself reported. It is not the exception.
	Stage Stage  `json:"stage,omitempty"`
	Class string `json:"class,omitempty"`

	// ExceptionMessage is empty both for an empty and for a null message; Has tells them apart (HasNullMessage).
	// It can hold payload: treat it as secret.
	ExceptionClass   string `json:"exceptionClass,omitempty"`
	ExceptionMessage string `json:"exceptionMessage,omitempty"`
	StackTrace       string `json:"stackTrace,omitempty"`
}

// Clone returns a copy that shares no memory with the record it was parsed from.
func (f Failure) Clone() Failure {
	f.Topic = strings.Clone(f.Topic)
	f.Connector = strings.Clone(f.Connector)
	f.Group = strings.Clone(f.Group)
	f.Stage = Stage(strings.Clone(string(f.Stage)))
	f.Class = strings.Clone(f.Class)
	f.ExceptionClass = strings.Clone(f.ExceptionClass)
	f.ExceptionMessage = strings.Clone(f.ExceptionMessage)
	f.StackTrace = strings.Clone(f.StackTrace)
	return f
}

// String says where the record came from and where it failed; it holds neither message nor trace.
func (f Failure) String() string {
	who := f.Connector
	if who == "" {
		who = f.Group
	}
	return fmt.Sprintf("%s-%d@%d %s %s %s", f.Topic, f.Partition, f.Offset, who, f.Stage, f.ExceptionClass)
}

// Stage is where in a connector's pipeline a record failed.
type Stage string

// The stages of org.apache.kafka.connect.runtime.errors.Stage. A sink's dead letter holds one of the three converters,
// StageTransformation or StageTaskPut.
const (
	StageTaskPoll        Stage = "TASK_POLL"
	StageTransformation  Stage = "TRANSFORMATION"
	StageKeyConverter    Stage = "KEY_CONVERTER"
	StageValueConverter  Stage = "VALUE_CONVERTER"
	StageHeaderConverter Stage = "HEADER_CONVERTER"
	StageKafkaProduce    Stage = "KAFKA_PRODUCE"
	StageKafkaConsume    Stage = "KAFKA_CONSUME"
	StageTaskPut         Stage = "TASK_PUT"
)

// Dialect is which part of Kafka wrote the dead letter.
type Dialect int

// The dialects. The zero value is Connect's; a record without any context has no bit set in Failure.Has.
const (
	DialectConnect    Dialect = iota // __connect.errors., KIP-298, Kafka 2.0
	DialectStreams                   // __streams.errors., KIP-1034, Kafka 4.2
	DialectShareGroup                // __dlq.errors., KIP-1191, Kafka 4.4
)

// String returns connect, streams or share.
func (d Dialect) String() string {
	switch d {
	case DialectConnect:
		return "connect"
	case DialectStreams:
		return "streams"
	case DialectShareGroup:
		return "share"
	}
	return "unknown"
}

// MarshalText returns String.
func (d Dialect) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (d *Dialect) UnmarshalText(text []byte) error {
	for _, known := range []Dialect{DialectConnect, DialectStreams, DialectShareGroup} {
		if string(text) == known.String() {
			*d = known
			return nil
		}
	}
	return fmt.Errorf("dlq: dialect %q is none of connect, streams, share", text)
}

// Fields is a set of context headers.
type Fields uint16

// One bit per header. A null exception message has HasExceptionMessage and HasNullMessage.
const (
	HasTopic Fields = 1 << iota
	HasPartition
	HasOffset
	HasConnector
	HasTask
	HasStage
	HasClass
	HasExceptionClass
	HasExceptionMessage
	HasNullMessage
	HasStackTrace
	HasGroup
	HasDeliveryCount
)

// HasOrigin is the part without which a record cannot be traced to its source.
const HasOrigin = HasTopic | HasPartition | HasOffset

// Contains reports whether all of want are there.
func (h Fields) Contains(want Fields) bool { return h&want == want }
