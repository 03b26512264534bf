package failure

var fixMongoUp = []string{"Check that every host of connection.uri is up and can be reached, and that the replica set has a primary.", "Restart the task once it has."}

// MongoDB: codes are printed, so that they decide.
var mongoRules = []rule{
	{
		Pattern: Pattern{
			ID: "mongo-resume-token-lost", Messages: []string{"resumetoken not found", "resume token was not found", "resume point may no longer be in the oplog", "changestreamhistorylost", "changestreamfatalerror", "cappedpositionlost", "cannot resume stream", "resume of change stream was not possible"}, Class: ClassSourceState, Advice: AdviceAfterChange,
			Summary: "The resume token is no longer in the oplog.", Remedies: fixPosition, Source: "MongoDB 280, 286, 136",
		}, weight: weightExact, codes: []string{"mongo 280", "mongo 286", "mongo 136", "mongo 222", "mongo 234"},
	},
	{
		Pattern: Pattern{
			ID: "mongo-authentication", Exceptions: []string{"com.mongodb.MongoSecurityException"}, Messages: []string{"invalid user permissions authentication failed", "exception authenticating mongocredential", "command failed with error 18", "bad auth", "authenticationfailed"}, Class: ClassAuthentication, Advice: AdviceAfterChange,
			Summary: "MongoDB refused the log-in.", Remedies: []string{"Check user, password, authSource and authMechanism in connection.uri."}, Source: "MongoDB 18, 8000",
		}, weight: weightExact, either: true, codes: []string{"mongo 18", "mongo 8000", "mongo 11", "mongo 391"},
	},
	{
		Pattern: Pattern{
			ID: "mongo-authorization", Messages: []string{"not authorized on", "requires authentication", "is not allowed to do action", "user is not authorized"}, Class: ClassAuthorization, Advice: AdviceAfterChange,
			Summary: "The MongoDB user lacks a right.", Remedies: []string{"Grant the role the message names: readWrite on the sink's database; read with changeStream and find for a source."}, Source: "MongoDB 13",
		}, weight: weightExact, codes: []string{"mongo 13", "mongo 33"},
	},
	{
		Pattern: Pattern{
			ID: "mongo-too-large", Messages: []string{"bsonobjecttoolarge", "bsonobj size", "exceeds maximum document size", "document is larger than", "resulting document after update is larger", "bsonmaximumsizeexceeded"}, Exceptions: []string{"org.bson.BsonMaximumSizeExceededException"}, Class: ClassResource, Advice: AdviceAfterChange,
			Summary:  "A document or change event is larger than MongoDB's 16 MB.",
			Remedies: []string{"Leave large fields out with pipeline or a transform; set change.stream.full.document=default; MongoDB 6.0.9 splits large events ($changeStreamSplitLargeEvent).", "Skip the event by setting a new start position."}, Source: "MongoDB 10334, 17280, 17419",
		}, weight: weightExact, either: true, codes: []string{"mongo 10334", "mongo 17419", "mongo 17420", "mongo 17280"},
	},
	{
		Pattern: Pattern{
			ID: "mongo-disk-full", Messages: []string{"outofdiskspace", "you are over your space quota", "exceeded memory limit", "querexceededmemorylimit"}, Class: ClassResource, Advice: AdviceAfterRecovery,
			Summary: "MongoDB ran out of disk or memory.", Remedies: []string{"Add space, or free it, then restart the task."}, Source: "MongoDB 14031, 8000, 292",
		}, weight: weightExact, codes: []string{"mongo 14031", "mongo 292", "mongo 146", "mongo 39"},
	},
	{
		Pattern: Pattern{
			ID: "mongo-timeout", Exceptions: []string{"com.mongodb.MongoTimeoutException", "com.mongodb.MongoExecutionTimeoutException", "com.mongodb.MongoSocketReadTimeoutException", "com.mongodb.MongoSocketWriteTimeoutException", "com.mongodb.MongoWriteConcernException", "com.mongodb.MongoOperationTimeoutException"},
			Messages: []string{"writeconcerntimeout", "waiting for replication timed out", "while waiting for a server that matches", "timed out after * while waiting"}, Class: ClassTimeout, Advice: AdviceAfterRecovery,
			Summary: "MongoDB did not answer in time.", Remedies: fixMongoUp, Source: "MongoDB 50, 64, 89, 202, 262",
		}, weight: weightSpecific, either: true, codes: []string{"mongo 50", "mongo 64", "mongo 89", "mongo 202", "mongo 262", "mongo 24", "mongo 46", "mongo 112"},
	},
	{
		Pattern: Pattern{
			ID: "mongo-connection", Exceptions: []string{"com.mongodb.MongoSocketOpenException", "com.mongodb.MongoSocketException", "com.mongodb.MongoSocketReadException", "com.mongodb.MongoSocketWriteException", "com.mongodb.MongoSocketClosedException", "com.mongodb.MongoNotPrimaryException", "com.mongodb.MongoNodeIsRecoveringException", "com.mongodb.MongoConnectionPoolClearedException", "com.mongodb.MongoInterruptedException", "com.mongodb.MongoCursorNotFoundException"},
			Messages: []string{"unable to connect to the server", "notwritableprimary", "not primary", "node is recovering", "primarysteppeddown", "interruptedatshutdown", "notprimarynosecondaryok"}, Class: ClassConnection, Advice: AdviceAfterRecovery,
			Summary: "MongoDB[ {host}] cannot be reached or has no primary.", Remedies: fixMongoUp, Source: "MongoDB 6, 7, 91, 189, 10107, 11600, 11602, 13435, 13436",
		}, weight: weightSpecific, either: true, codes: []string{"mongo 6", "mongo 7", "mongo 91", "mongo 189", "mongo 9001", "mongo 10107", "mongo 10058", "mongo 11600", "mongo 11602", "mongo 13435", "mongo 13436", "mongo 133", "mongo 43", "mongo 175"},
	},
	{
		Pattern: Pattern{
			ID: "mongo-tls", Exceptions: []string{"com.mongodb.MongoSocketException", "com.mongodb.MongoSocketWriteException", "com.mongodb.MongoSocketReadException"}, Messages: []string{"sslhandshakeexception", "sslexception", "pkix path"}, Class: ClassTLS, Advice: AdviceAfterChange,
			Summary: "The TLS handshake with MongoDB failed.", Remedies: fixTLS, Source: "com.mongodb.MongoSocketException around javax.net.ssl",
		}, weight: weightExact,
	},
	{
		Pattern: Pattern{
			ID: "mongo-constraint", Exceptions: []string{"com.mongodb.DuplicateKeyException"}, Messages: []string{"e11000 duplicate key", "document failed validation", "must be present and contain a valid bson"}, Class: ClassDataConstraint, Advice: AdviceAfterChange,
			Summary: "MongoDB refuses a document[ for {table}].", Remedies: []string{"For duplicate keys: choose document.id.strategy and a write model (ReplaceOneDefaultStrategy) that fit the unique index.", "For failed validation: compare the document with the collection's validator.", "Let single bad records pass: mongo.errors.tolerance=all or errors.tolerance=all with a dead letter queue."}, Source: "MongoDB 11000, 121, 2, 66",
		}, weight: weightSpecific, either: true, codes: []string{"mongo 11000", "mongo 11001", "mongo 121", "mongo 2", "mongo 9", "mongo 14", "mongo 28", "mongo 52", "mongo 54", "mongo 56", "mongo 57", "mongo 59", "mongo 61", "mongo 66", "mongo 16840", "mongo 16804", "mongo 40", "mongo 85", "mongo 86"},
	},
	{
		Pattern: Pattern{
			ID: "mongo-configuration", Exceptions: []string{"com.mongodb.MongoConfigurationException", "com.mongodb.MongoClientException", "com.mongodb.MongoIncompatibleDriverException"}, Messages: []string{"unable to look up txt record", "no srv records"}, Class: ClassConfiguration, Advice: AdviceAfterChange,
			Summary: "The connection string or the pipeline does not fit the MongoDB server.", Remedies: fixSetting, Source: "MongoDB 40573, 40324; com.mongodb.MongoConfigurationException",
		}, weight: weightText, either: true, codes: []string{"mongo 40324", "mongo 26", "mongo 73", "mongo 166", "mongo 40415", "mongo 8", "mongo 20"},
	},
	{
		Pattern: Pattern{
			ID: "mongo-write-error", Exceptions: []string{"com.mongodb.MongoBulkWriteException", "com.mongodb.MongoWriteException", "com.mongodb.kafka.connect.sink.dlq.WriteException"}, Class: ClassDataConstraint, Advice: AdviceAfterChange,
			Summary: "MongoDB refuses a document[ for {table}].", Remedies: []string{"Look at the write error in the message, and at the collection's validator and indexes.", "Let single bad records pass: mongo.errors.tolerance=all or errors.tolerance=all with a dead letter queue."}, Source: "com.mongodb.MongoBulkWriteException",
		}, weight: weightText,
	},
}
