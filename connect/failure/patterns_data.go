package failure

var (
	fixRecord = []string{
		"Look at the record: topic, partition and offset are in the worker's log (errors.log.enable, errors.log.include.messages) or in the dead letter's headers.",
		"Match the converters with how the topic was written: key.converter, value.converter, schemas.enable; correct the transform that does not fit.",
		"Let single bad records pass: errors.tolerance=all with errors.deadletterqueue.topic.name (sinks), then fix and republish them.",
	}
	fixSchemaless = []string{
		"Give the records a schema: a converter with schemas (Avro, Protobuf, JSON Schema, JsonConverter with schemas.enable=true), or a transform or sink mode for schemaless records.",
		"For tombstones: delete.enabled=true with pk.mode=record_key, or drop them with a Filter and the RecordIsTombstone predicate.",
	}
	fixFlatten = []string{
		"Flatten nested records with the Flatten transform, or leave the field out with ReplaceField.",
		"For change events of Debezium add ExtractNewRecordState (unwrap).",
	}
)

// Converters, transforms, and records that the sink itself refuses.
var dataRules = []rule{
	{
		Pattern: Pattern{
			ID: "converter-json-envelope", Messages: []string{"jsonconverter with schemas.enable requires", "schema must contain 'type' field", "unknown schema type", "schema * envelope", "must contain \"schema\" and \"payload\"", "structured value must be"},
			Class: ClassSerialization, Advice: AdviceAfterChange,
			Summary: "The record is not the envelope of schema and payload that JsonConverter expects.",
			Remedies: []string{
				"Set value.converter.schemas.enable=false (key.converter.schemas.enable=false) where the topic holds plain JSON.",
				"Or let the producer write the envelope {\"schema\": ..., \"payload\": ...}.",
				"Let single bad records pass: errors.tolerance=all with errors.deadletterqueue.topic.name.",
			},
			Source: "Connect: JsonConverter.toConnectData, asConnectSchema",
		}, weight: weightExact,
	},
	{
		Pattern: Pattern{
			ID: "converter-magic-byte", Messages: []string{"unknown magic byte", "invalid magic byte", "magic byte", "unknown schema id in header"},
			Class: ClassSerialization, Advice: AdviceAfterChange,
			Summary: "The record was not written with the schema registry's serializer.",
			Remedies: []string{
				"Use the converter the topic was written with: JsonConverter, StringConverter or ByteArrayConverter for plain records.",
				"Check key and value apart: often only one of them is in the registry's format (key.converter).",
				"Let single bad records pass: errors.tolerance=all with errors.deadletterqueue.topic.name.",
			},
			Source: "Confluent: AbstractKafkaSchemaSerDe, wire format",
		}, weight: weightExact,
	},
	{
		Pattern: Pattern{
			ID: "converter-bytes",
			Messages: []string{
				"size of data received by", "failed to deserialize", "converting byte[] to kafka connect data failed", "failed to serialize", "invalid bytes for decimal field", "broken base64", "error deserializing", "deserialization error", "deserialization failed", "failed to decode", "failed to parse json", "invalid json", "not valid json",
				"unexpected end-of-input", "unexpected character (", "unrecognized token", "malformed json", "unable to deserialize", "could not deserialize", "cannot deserialize", "error while deserializing", "error during deserialization", "serialization error", "malformed data. length is negative", "protocol message contained an invalid", "while parsing a protocol message",
				"unexpected end of input", "premature end of", "invalid utf-8", "malformed input", "input length =", "not a valid avro", "not an avro", "not in gzip format", "unable to parse", "could not parse", "cannot parse", "failed to parse", "parse error", "invalid character", "illegal unquoted character", "content is not allowed in prolog",
				"error decoding", "unable to decode", "cannot decode", "decoding failed", "corrupt data", "cannot construct instance of", "message payload is null", "error parsing", "not a json object", "expected begin_object", "end-of-input",
			},
			Class: ClassSerialization, Advice: AdviceAfterChange,
			Summary: "The bytes of a record are not what the converter expects.", Remedies: fixRecord,
			Source: "Connect: converters; Jackson, Avro, Protobuf",
		}, weight: weightText,
	},
	{
		Pattern: Pattern{
			ID:         "converter-json-syntax",
			Exceptions: []string{"com.fasterxml.jackson.core.JsonParseException", "com.fasterxml.jackson.core.io.JsonEOFException"},
			Class:      ClassSerialization, Advice: AdviceAfterChange,
			Summary: "A record is not valid JSON.",
			Remedies: []string{
				"Correct the JSON where it is written: a trailing comma, single quotes, NaN and text that was cut off are the usual faults.",
				"Match the converters with how the topic was written: JsonConverter reads nothing but JSON, and null.",
				"Let single bad records pass: errors.tolerance=all with errors.deadletterqueue.topic.name (sinks), then fix and republish them.",
			},
			Source: "Jackson: JsonParseException, JsonEOFException, under Connect's JsonConverter",
		}, weight: weightPlatform,
	},
	{
		Pattern: Pattern{
			ID: "converter-exception",
			Exceptions: []string{
				"org.apache.kafka.common.errors.SerializationException", "org.apache.kafka.common.errors.RecordDeserializationException", "com.fasterxml.jackson.core.JsonProcessingException",
				"com.fasterxml.jackson.databind.", "io.confluent.connect.storage.errors.PartitionException", "org.apache.avro.", "com.google.protobuf.", "org.bson.json.JsonParseException", "org.bson.BsonInvalidOperationException", "org.bson.BsonSerializationException", "org.bson.codecs.", "java.text.ParseException", "java.time.format.DateTimeParseException", "java.time.DateTimeException", "java.nio.charset.CharacterCodingException", "java.nio.charset.MalformedInputException",
				"org.everit.json.schema.ValidationException", "com.jayway.jsonpath.", "java.io.InvalidClassException", "java.io.StreamCorruptedException", "org.json.JSONException", "com.google.gson.", "javax.xml.", "org.xml.sax.", "io.debezium.text.ParsingException", "java.io.NotSerializableException", "org.apache.parquet.", "org.apache.orc.",
			},
			Class: ClassSerialization, Advice: AdviceAfterChange,
			Summary: "A record could not be read or written in the configured format.", Remedies: fixRecord,
			Source: "Kafka SerializationException; Jackson, Avro, Protobuf, BSON",
		}, weight: weightPlatform,
	},
	{
		Pattern: Pattern{
			ID: "record-schema-mismatch",
			Messages: []string{
				"invalid null value for required", "null used for required field", "did not find matching union field", "unsupported root schema of type", "can't redefine:", "only struct objects supported", "only map objects supported", "only * objects supported", "does not correspond to a known timestamp type",
				"cast transformation does not support", "was out of range for requested data type", "unparseable date", "unknown field:", "field does not exist:", "is not a valid field name", "invalid java object for schema", "invalid type for ", "mismatching schema", "schema parameters not equal", "schema type not equal", "schema name not equal", "schema version not equal",
				"could not convert value", "json reader was expecting", "expected to be of type", "compressor detection can only be called", "cannot be cast to class org.apache.kafka.connect.data.", "cannot be cast to org.apache.kafka.connect.data.", "cannot be cast to class org.apache.avro.", "cannot list fields on non-struct", "not a struct schema", "null value for field that is required",
				"cannot be cast to class java.", "cannot be cast to java.", "data.struct.* because", "org.apache.kafka.connect.data.* because", "cannot invoke \"org.apache.kafka.connect.data.", "cannot project", "conversion error:", "schemas differ", "not in union", "failed to convert", "cannot convert", "could not convert", "unable to convert", "unsupported type", "unsupported data type", "unsupported schema type",
				"unsupported schema", "schema not supported", "unknown type", "type mismatch", "requires a schema", "schema is required", "without schema", "schemaless", "has no schema", "requires schema", "must be a struct", "must have a schema", "not of type struct", "must be of type", "is not of type", "unexpected type", "expected type", "expected struct", "expected a struct", "expected schema",
				"incompatible types", "incompatible type", "cannot be converted", "could not be converted", "could not be mapped", "cannot be mapped", "unsupported conversion", "is not a supported type", "not a supported type", "does not match schema", "not match the schema", "schema validation failed", "error converting", "error transforming", "failed to transform",
				"no converter", "field schema", "key is null", "null key", "key must not be null", "record key is", "null value", "value is null", "value cannot be null", "schema cannot be null", "unexpected null", "must be a string", "must be a map", "must be an object", "is not optional", "cannot serialize", "not serializable", "could not serialize",
				"scale is different", "missing field", "mandatory field", "error encoding partition", "unable to find nested field", "timestamp field", "used as document id and can not be null", "no such field", "field not found", "unable to find field", "numberformatexception", "for input string:",
			},
			Class: ClassSerialization, Advice: AdviceAfterChange,
			Summary: "A record does not have the shape the converter, transform or sink needs[: {message}].", Remedies: fixRecord,
			Source: "Connect: ConnectSchema, SchemaProjector, transforms.util.Requirements, Cast, TimestampConverter",
		}, weight: weightText,
	},
	{
		Pattern: Pattern{
			ID: "transform-refuses",
			Messages: []string{
				"only struct objects supported", "only map objects supported", "cast transformation does not support", "was out of range for requested data type", "field does not exist:", "does not correspond to a known timestamp type", "unknown field:", "invalid null value for required", "null used for required field", "invalid java object for schema", "schema parameters not equal",
				"did not find matching union field", "unsupported root schema of type", "size of data received by", "cannot invoke \"org.apache.kafka.connect.data.", "could not convert value", "compressor detection can only be called", "cannot be cast to class org.apache.kafka.connect.data.struct",
			},
			Class: ClassSerialization, Advice: AdviceAfterChange,
			Summary: "A record does not have the shape the converter or transform needs[: {message}].", Remedies: fixRecord,
			Source: "Connect: transforms, ConnectSchema, SchemaProjector",
		}, weight: weightExact,
	},
	{
		Pattern: Pattern{
			ID: "sink-needs-struct", Messages: []string{"requires records with a non-null", "non-null struct value", "non-null struct schema", "requires records with", "requires that records", "must have a struct", "value schema must be of type struct", "sink connector * requires", "struct.schema()\" because"},
			Class: ClassSerialization, Advice: AdviceAfterChange,
			Summary: "The sink needs records with a schema, and got one without[, of topic {topic}].", Remedies: fixSchemaless,
			Source: "Confluent JDBC sink: RecordValidator",
		}, weight: weightExact,
	},
	{
		Pattern: Pattern{
			ID: "sink-type-unmapped", Messages: []string{"type doesn't have a mapping to the sql", "unsupported source data type", "unsupported type for key field", "unsupported schema type for", "no type mapping", "failed to resolve column type for schema", "could not find dialect type", "unable to resolve column type"},
			Class: ClassSerialization, Advice: AdviceAfterChange,
			Summary: "A field is of a type the sink cannot store[: {message}].", Remedies: fixFlatten,
			Source: "Confluent JDBC sink: GenericDatabaseDialect.getSqlType",
		}, weight: weightExact,
	},
	{
		Pattern: Pattern{
			ID: "connect-data-exception", Exceptions: []string{"org.apache.kafka.connect.errors.DataException", "org.apache.kafka.connect.errors.SchemaBuilderException", "org.apache.kafka.connect.errors.SchemaProjectorException", "java.lang.ClassCastException"},
			Class: ClassSerialization, Advice: AdviceAfterChange,
			Summary: "A record does not have the shape the converter, transform or sink needs[: field {field}].", Remedies: fixRecord,
			Source: "Connect: org.apache.kafka.connect.errors",
		}, weight: weightName,
	},
	{
		Pattern: Pattern{
			ID: "date-format-wrong", Messages: []string{"unknown pattern letter", "illegal pattern character", "illegal pattern letter", "too many pattern letters", "pattern ends with an incomplete string literal"},
			Class: ClassConfiguration, Advice: AdviceAfterChange,
			Summary: "A date format of the configuration cannot be read[: {message}].", Remedies: []string{"Correct the date pattern (path.format of a partitioner, format of TimestampConverter, topic or index name patterns); letters that are not part of it stand in single quotes."},
			Source: "java.time.format.DateTimeFormatterBuilder, java.text.SimpleDateFormat",
		}, weight: weightSpecific,
	},
	{
		Pattern: Pattern{
			ID: "start-value-unreadable", Exceptions: []string{"java.lang.NumberFormatException"}, Frames: []string{"Task.start(", "Connector.start(", "ConfigDef.parse", ".configure(", "Config.<init>"},
			Class: ClassConfiguration, Advice: AdviceAfterChange,
			Summary: "A setting cannot be read as a number.", Remedies: fixSetting,
			Source: "java.lang.NumberFormatException while the task starts",
		}, weight: weightPlatform,
	},
	{
		Pattern: Pattern{
			ID: "value-unreadable", Exceptions: []string{"java.lang.NumberFormatException"},
			Class: ClassSerialization, Advice: AdviceAfterChange,
			Summary: "A value cannot be read as a number.", Remedies: fixRecord,
			Source: "java.lang.NumberFormatException",
		}, weight: weightText,
	},
}
