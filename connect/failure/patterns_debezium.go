package failure

var (
	fixPosition = []string{
		"Take a new snapshot: snapshot.mode=when_needed or initial with reset offsets (DELETE /connectors/{connector}/offsets while it is stopped), or an ad hoc snapshot signal.",
		"Make sure that the source keeps its log longer than the connector may be down: WAL and slots, binlog_expire_logs_seconds, archived redo, CDC retention, oplog size.",
		"Events between the stored position and now are missing in the topics until the snapshot has run.",
	}
	fixHistory = []string{
		"Check schema.history.internal.kafka.topic: it must exist, with retention.ms=-1 and one partition, and belong to this connector only.",
		"Rebuild it with snapshot.mode=recovery (schema_only_recovery before Debezium 2.x) where no table changed since.",
	}
	fixSlot = []string{
		"Another connector or an old task still reads the slot: wait until it has ended, then restart.",
		"Give each connector its own slot.name; end a forgotten session with pg_terminate_backend.",
	}
	fixPublication = []string{
		"Create the publication (CREATE PUBLICATION ... FOR TABLE ...) or set publication.autocreate.mode, then restart.",
		"Check publication.name.",
	}
	fixLogging = []string{"Switch on what the connector reads: wal_level=logical, binlog_format=ROW and log_bin, gtid_mode where it is used; that needs a restart of the server.", "Restart the connector afterwards."}
)

// binlogFrames are the packages that read MySQL's binlog.
var binlogFrames = []string{"com.github.shyiko.mysql.binlog", "io.debezium.connector.binlog", "io.debezium.connector.mysql"}

// Debezium and other change data capture sources.
var debeziumRules = []rule{
	{
		Pattern: Pattern{
			ID: "postgres-slot-active", Messages: []string{"replication slot * is active for pid", "is active for pid"}, Class: ClassSourceState, Advice: AdviceAfterRecovery,
			Summary: "The replication slot[ {object}] is in use by another session.", Remedies: fixSlot, Source: "PostgreSQL 55006",
		}, weight: weightExact, codes: []string{"sqlstate 55006"},
	},
	{
		Pattern: Pattern{
			ID: "postgres-slot-lost", Messages: []string{
				"replication slot * does not exist", "can no longer get changes from replication slot", "can no longer access replication slot", "this slot has been invalidated", "requested wal segment", "slot * was not created in this database", "saved offset is before replication slot", "is no longer available on the server", "but this is no longer available", "no longer available on the server",
				"cannot seek to the last known offset", "slot was invalidated", "this slot has never previously reserved wal", "exceeds the maximum reserved size",
			}, Class: ClassSourceState, Advice: AdviceAfterChange, Summary: "The position to go on from is no longer on the server[: {object}].", Remedies: fixPosition, Source: "PostgreSQL 55000, 58P01, 42704; Debezium validateLogPosition",
		}, weight: weightExact,
	},
	{
		Pattern: Pattern{
			ID: "postgres-publication-missing", Messages: []string{"publication * does not exist", "publication autocreation is disabled", "unable to create publication", "no table filters found for filtered publication", "publication does not exist"}, Class: ClassSourceState, Advice: AdviceAfterChange,
			Summary: "The publication[ {object}] is not there.", Remedies: fixPublication, Source: "PostgreSQL 42704; Debezium initPublication",
		}, weight: weightSpecific,
	},
	{
		Pattern: Pattern{
			ID: "source-logging-off", Messages: []string{
				"logical decoding requires wal_level", "wal_level property must be 'logical'", "wal_level", "the mysql server is not configured to use a row binlog_format", "binlog_format", "is not configured to use a full binlog_row_image", "show master status", "show binary log status", "show binary logs", "binary logging", "binlog is not enabled", "binlog not enabled", "not configured to use a row",
				"could not access file \"decoderbufs\"", "could not access file \"wal2json\"", "change streams are only supported on replica sets", "$changestream stage is only supported on replica sets", "gtid_mode", "the server is not configured", "only supported on replica sets",
			}, Class: ClassSourceState, Advice: AdviceAfterChange, Summary: "The source does not log what the connector reads.", Remedies: fixLogging, Source: "PostgreSQL 55000; MySQL log_bin; MongoDB 40573",
		}, weight: weightSpecific, codes: []string{"mongo 40573"},
	},
	{
		Pattern: Pattern{
			ID: "mysql-binlog-duplicate-id", Messages: []string{"same server_uuid/server_id", "same server_id", "slave with the same"}, Class: ClassConfiguration, Advice: AdviceAfterChange,
			Summary: "Two readers of the binlog use one server id.", Remedies: []string{"Give each connector its own database.server.id, and none that a replica uses.", "Look for a second connector or an old Connect cluster that reads the same server."}, Source: "MySQL 1236",
		}, weight: weightUser - 1,
	},
	{
		Pattern: Pattern{
			ID: "mysql-binlog-lost", Messages: []string{
				"could not find first log file name", "could not open log file", "could not find gtid state requested", "purged binary logs containing gtids", "has purged required binary logs", "purged the binary log", "requested by slave in any binlog", "trying to read binlog starting at", "connector is trying to read", "client requested master to start replication from", "replica has more gtids", "binlog position no longer",
				"the slave is connecting using change master", "bogus data in log event", "event crc check failed", "log event entry exceeded max_allowed_packet", "cannot replicate because the", "error code: 1236",
			}, Class: ClassSourceState, Advice: AdviceAfterChange, Summary: "The binlog position to go on from is no longer on the server.", Remedies: fixPosition, Source: "MySQL 1236, 1789, 3546",
		}, weight: weightExact, codes: []string{"vendor 1236", "vendor 1789"},
	},
	{
		Pattern: Pattern{
			ID: "debezium-history-missing", Messages: []string{
				"db history topic is missing", "schema history topic is missing", "db history topic or its content is fully or partially missing", "schema history topic or its content", "database history topic", "history topic", "the schema isn't known to this connector", "whose schema isn't known to this connector", "internal schema representation is probably out of sync",
				"the database schema history couldn't be recovered", "database history couldn't be recovered", "schema history couldn't be recovered",
			}, Class: ClassSourceState, Advice: AdviceAfterChange, Summary: "The history of the tables' schemas is missing or does not fit.", Remedies: fixHistory, Source: "Debezium: BaseSourceTask.validateSchemaHistory, KafkaSchemaHistory",
		}, weight: weightExact,
	},
	{
		Pattern: Pattern{
			ID: "debezium-snapshot-position", Messages: []string{
				"offset is no longer", "position is no longer available", "last recorded offset is no longer available", "no previous offset has been found", "could not find existing", "unable to resume", "cannot resume", "could not resume", "resume token", "start position", "the stored offset", "invalid offset", "offset * not found", "vgtid", "change stream partition",
				"outside of the retention", "retention period", "too old", "trimmeddataaccess", "expirediterator", "shard iterator", "cursor expired", "replication position", "cdc log", "cdc_raw",
			}, Class: ClassSourceState, Advice: AdviceAfterChange, Summary: "The position to go on from is no longer on the source.", Remedies: fixPosition, Source: "Debezium; change data capture of Vitess, Spanner, Cassandra, DynamoDB",
		}, weight: weightText,
	},
	{
		Pattern: Pattern{
			ID: "stream-position-lost", Messages: []string{"trimmeddataaccess", "attempted access to trimmed data", "expirediterator", "iterator expired", "gtidset mismatch", "purged binary log", "start_timestamp is too far in the past", "too far in the past", "offset is out of range of"}, Class: ClassSourceState, Advice: AdviceAfterChange,
			Summary: "The position to go on from is no longer kept by the source.", Remedies: fixPosition, Source: "DynamoDB Streams, Kinesis, Vitess, Spanner change streams",
		}, weight: weightExact,
	},
	{
		Pattern: Pattern{
			ID: "debezium-wrong-database", Messages: []string{"no valid tables", "no table filters", "connector only works with", "unable to parse table", "please use a distinct replication slot name", "no table has been", "error while parsing ddl", "no snapshotter", "snapshot.mode"}, Class: ClassConfiguration, Advice: AdviceAfterChange,
			Summary: "A Debezium setting does not fit the source.", Remedies: fixSetting, Source: "Debezium",
		}, weight: weightName,
	},
	{
		Pattern: Pattern{
			ID: "mysql-binlog-ended", Exceptions: []string{"java.io.EOFException"}, Frames: binlogFrames, Class: ClassConnection, Advice: AdviceAfterRecovery,
			Summary: "The server ended the binlog stream.", Remedies: fixServerUp, Source: "mysql-binlog-connector-java: BinaryLogClient",
		}, weight: weightSpecific,
	},
}
