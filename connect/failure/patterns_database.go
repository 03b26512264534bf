package failure

// Oracle, SQL Server, Db2, Snowflake, ClickHouse and others over JDBC; SQLState classes for the rest.
var databaseRules = []rule{
	{
		Pattern: Pattern{
			ID: "oracle-authentication", Messages: []string{"ora-01017", "ora-28000", "ora-28001", "ora-01005", "ora-28040", "ora-01004", "ora-03136", "invalid username/password; logon denied", "logon denied"}, Class: ClassAuthentication, Advice: AdviceAfterChange,
			Summary: "Oracle refused the log-in.", Remedies: fixDBLogin, Source: "Oracle ORA-01017, ORA-28000, ORA-28001",
		}, weight: weightExact, codes: []string{"vendor 28001", "vendor 28000"},
	},
	{
		Pattern: Pattern{
			ID: "oracle-permission", Messages: []string{"ora-01031", "ora-01045", "ora-00990", "ora-41900", "ora-01950", "insufficient privileges", "ora-16000", "ora-01720"}, Class: ClassAuthorization, Advice: AdviceAfterChange,
			Summary: "The Oracle user lacks a right.", Remedies: fixGrant, Source: "Oracle ORA-01031, ORA-01045, ORA-01950",
		}, weight: weightExact,
	},
	{
		Pattern: Pattern{
			ID: "oracle-position-lost", Messages: []string{"ora-01291", "ora-01292", "ora-00308", "ora-01555", "ora-08181", "ora-01284", "ora-00310", "ora-01325", "ora-08180", "missing logfile", "none of the log files contain", "archive logs", "no longer contained in the online redo", "scn * is not available", "offset scn", "ora-01281", "ora-01289", "ora-01368"},
			Class: ClassSourceState, Advice: AdviceAfterChange,
			Summary:  "The redo log the connector has to go on from is gone.",
			Remedies: []string{"Bring the archived logs back from a backup, or take a new snapshot (snapshot.mode, an ad hoc snapshot signal).", "Keep archived logs longer than the connector may be down; use heartbeat.interval.ms for quiet tables."},
			Source:   "Oracle ORA-01291, ORA-00308, ORA-01555, ORA-08181; Debezium LogMiner adapter",
		}, weight: weightExact,
	},
	{
		Pattern: Pattern{
			ID: "oracle-logging-off", Messages: []string{"supplemental logging", "ora-01325", "not in archivelog mode", "archivelog"}, Class: ClassSourceState, Advice: AdviceAfterChange,
			Summary: "The Oracle database does not log what the connector reads.", Remedies: []string{"Switch on ARCHIVELOG mode and supplemental logging, minimal for the database and ALL COLUMNS for the captured tables."}, Source: "Debezium Oracle connector: validateLogPosition, checkSupplementalLogging",
		}, weight: weightExact,
	},
	{
		Pattern: Pattern{
			ID: "oracle-data",
			Messages: []string{
				"ora-00001", "ora-01400", "ora-01407", "ora-12899", "ora-01438", "ora-02290", "ora-02292", "ora-00942", "ora-00904", "ora-01722", "ora-01830", "ora-01843", "ora-01858", "ora-01861", "ora-01847", "ora-01461", "ora-00932", "ora-01426", "ora-01747", "ora-04043", "ora-00947", "ora-00913", "ora-14402", "ora-30926",
				"ora-06502", "ora-20001", "ora-04098", "ora-38104", "ora-00910", "ora-00972", "ora-01841", "ora-01839", "ora-01465", "ora-02291", "ora-14400",
			},
			Class: ClassDataConstraint, Advice: AdviceAfterChange, Summary: "Oracle refuses a record[ for {table}].", Remedies: fixTable, Source: "Oracle ORA-00001, ORA-01400, ORA-12899, ORA-00942 and kin",
		}, weight: weightSpecific, codes: []string{"vendor 1400", "vendor 12899"},
	},
	{
		Pattern: Pattern{
			ID: "oracle-resource", Messages: []string{"ora-01653", "ora-01654", "ora-01652", "ora-01688", "ora-01658", "ora-30036", "ora-04031", "ora-04030", "ora-04036", "ora-01000", "ora-00018", "ora-00020", "ora-02391", "ora-12516", "ora-12519", "ora-19809", "ora-00257", "ora-01536", "ora-12520"}, Class: ClassResource, Advice: AdviceAfterRecovery,
			Summary: "Oracle ran out of space, memory, cursors or sessions.", Remedies: []string{"Add space to the tablespace or the archive destination, or raise the limit the ORA code names (open_cursors, sessions, processes).", "Restart the task afterwards."}, Source: "Oracle ORA-01653, ORA-04031, ORA-01000, ORA-00257",
		}, weight: weightExact,
	},
	{
		Pattern: Pattern{
			ID: "oracle-timeout", Messages: []string{"ora-00054", "ora-00060", "ora-01013", "ora-02049", "ora-12170", "ora-12535", "ora-30006", "ora-04021", "ora-12609", "ora-17002 timeout"}, Class: ClassTimeout, Advice: AdviceAfterRecovery,
			Summary: "Oracle did not answer in time, or a lock is held.", Remedies: fixLock, Source: "Oracle ORA-00054, ORA-00060, ORA-01013, ORA-12170",
		}, weight: weightExact,
	},
	{
		Pattern: Pattern{
			ID: "oracle-service-missing", Messages: []string{"ora-12505", "ora-12504", "ora-12154", "ora-65054", "ora-65011", "ora-65053", "ora-65040", "ora-12263", "ora-17868"}, Class: ClassConfiguration, Advice: AdviceAfterChange,
			Summary: "The listener does not know the SID or service, or the database name is wrong.", Remedies: fixDB, Source: "Oracle ORA-12505, ORA-12154",
		}, weight: weightExact,
	},
	{
		Pattern: Pattern{
			ID: "oracle-connection", Messages: []string{"the network adapter could not establish the connection", "ora-12514", "ora-12541", "ora-12543", "ora-12545", "ora-12537", "ora-12547", "ora-12570", "ora-12571", "ora-03113", "ora-03114", "ora-03135", "ora-01033", "ora-01034", "ora-01089", "ora-01090", "ora-01092", "ora-01109", "ora-12518", "ora-12528", "ora-12526", "ora-12527", "ora-02396", "ora-17002", "ora-17008", "ora-17410", "ora-17800", "ora-25408", "ora-12637", "ora-12757", "ora-00600", "ora-00603", "no more data to read from socket", "io error: got minus one from a read call", "closed connection", "io exception:", "io error:"},
			Class: ClassConnection, Advice: AdviceAfterRecovery, Summary: "The Oracle database[ {host}] cannot be reached.", Remedies: fixServerUp, Source: "Oracle ORA-12541, ORA-03113, ORA-01034, ORA-17002 and kin",
		}, weight: weightPlatform,
	},
	{
		Pattern: Pattern{
			ID: "sqlserver-database-missing", Messages: []string{"cannot open database * requested by the login", "database * does not exist. make sure that the name"}, Class: ClassConfiguration, Advice: AdviceAfterChange,
			Summary: "The database does not exist, or the login may not open it.", Remedies: fixDB, Source: "SQL Server 4060, 911",
		}, weight: weightExact, codes: []string{"vendor 4060", "vendor 911"},
	},
	{
		Pattern: Pattern{
			ID: "sqlserver-authentication", Messages: []string{"login failed for user", "login failed.", "the login is from an untrusted domain", "failed to authenticate the user"}, Class: ClassAuthentication, Advice: AdviceAfterChange,
			Summary: "SQL Server refused the log-in[ of {user}].", Remedies: fixDBLogin, Source: "SQL Server 18456, 18452, 4060",
		}, weight: weightExact, codes: []string{"vendor 18456", "vendor 18452", "vendor 18487", "vendor 18488", "vendor 40532"},
	},
	{
		Pattern: Pattern{
			ID: "sqlserver-permission", Messages: []string{"permission was denied on the", "permission denied in database", "is not able to access the database", "create table permission denied", "cannot find the object * because it does not exist or you do not have permissions", "view server state permission", "user does not have permission"}, Class: ClassAuthorization, Advice: AdviceAfterChange,
			Summary: "The SQL Server user lacks a right[ on {object}].", Remedies: fixGrant, Source: "SQL Server 229, 230, 262, 297, 916, 1088",
		}, weight: weightExact, codes: []string{"vendor 229", "vendor 230", "vendor 262", "vendor 916", "vendor 1088", "vendor 300"},
	},
	{
		Pattern: Pattern{
			ID: "sqlserver-data",
			Messages: []string{
				"violation of primary key constraint", "violation of unique key constraint", "cannot insert duplicate key", "cannot insert the value null into column", "string or binary data would be truncated", "conflicted with the", "invalid column name", "invalid object name", "arithmetic overflow error", "conversion failed when converting", "cannot insert explicit value for identity column",
				"error converting data type", "operand type clash", "implicit conversion from data type", "cannot update a timestamp column", "the supplied value is not a valid instance of data type", "incoming tabular data stream", "incoming tds",
			},
			Class: ClassDataConstraint, Advice: AdviceAfterChange, Summary: "SQL Server refuses a record[ for {table}][, column {field}].", Remedies: fixTable, Source: "SQL Server 207, 208, 241, 245, 257, 515, 544, 547, 2601, 2627, 2628, 8114, 8115, 8152",
		}, weight: weightExact, codes: []string{"vendor 207", "vendor 208", "vendor 241", "vendor 245", "vendor 257", "vendor 515", "vendor 544", "vendor 547", "vendor 2601", "vendor 2627", "vendor 2628", "vendor 8114", "vendor 8115", "vendor 8152"},
	},
	{
		Pattern: Pattern{
			ID: "sqlserver-resource", Messages: []string{"could not allocate space for object", "the transaction log for database", "there is insufficient system memory", "has reached its size quota", "resource id : * limit", "request limit for the database", "could not allocate a new page"}, Class: ClassResource, Advice: AdviceAfterRecovery,
			Summary: "SQL Server ran out of space, log or memory.", Remedies: []string{"Free or add space to the files or the log the message names; check log_reuse_wait_desc for what holds the log.", "Restart the task afterwards."}, Source: "SQL Server 701, 1105, 9002, 10928, 40544",
		}, weight: weightExact, codes: []string{"vendor 1105", "vendor 9002", "vendor 701", "vendor 40544", "vendor 10928", "vendor 10929"},
	},
	{
		Pattern: Pattern{
			ID: "sqlserver-connection", Messages: []string{"the tcp/ip connection to the host", "connection reset by peer: socket write error", "the connection is closed", "sql server did not return a response", "is not currently available", "shutdown is in progress", "is not accessible", "service is currently busy", "cannot be opened. it is in the middle of a restore", "currently in the process of being"}, Class: ClassConnection, Advice: AdviceAfterRecovery,
			Summary: "SQL Server[ {host}] cannot be reached.", Remedies: fixServerUp, Source: "mssql-jdbc; SQL Server 40613, 40197, 40501, 983",
		}, weight: weightPlatform, codes: []string{"vendor 40613", "vendor 40197", "vendor 40501", "vendor 40143", "vendor 983", "vendor 4221", "vendor 10053", "vendor 10054"},
	},
	{
		Pattern: Pattern{
			ID: "sqlserver-cdc-position-lost", Messages: []string{"start lsn * is not available", "an insufficient number of arguments were supplied for the procedure or function cdc.", "no maximum lsn recorded", "cdc is not enabled", "is not enabled for change data capture", "no table has enabled cdc", "sql server agent", "cdc.lsn_time_mapping", "change tracking"}, Class: ClassSourceState, Advice: AdviceAfterChange,
			Summary: "The change table no longer holds the position to go on from, or CDC is off.", Remedies: []string{"Check that CDC is on for the database and the tables (sys.sp_cdc_enable_db, sys.sp_cdc_enable_table) and that the SQL Server Agent runs.", "Where the capture instance was cleaned up past the stored LSN, take a new snapshot (snapshot.mode) and keep changes longer (sys.sp_cdc_change_job)."}, Source: "SQL Server 313 of fn_cdc_get_all_changes; Debezium SQL Server connector",
		}, weight: weightExact,
	},
	{
		Pattern: Pattern{
			ID: "db2-data", Class: ClassDataConstraint, Advice: AdviceAfterChange, Summary: "Db2 refuses a record[ for {table}].", Remedies: fixTable, Source: "Db2 SQLCODE -180, -204, -206, -302, -407, -530, -545, -803",
		}, weight: weightExact, codes: []string{"db2 -180", "db2 -204", "db2 -205", "db2 -206", "db2 -302", "db2 -406", "db2 -407", "db2 -413", "db2 -420", "db2 -433", "db2 -530", "db2 -531", "db2 -532", "db2 -545", "db2 -803", "db2 -117", "db2 -798"},
	},
	{
		Pattern: Pattern{
			ID: "db2-authentication", Class: ClassAuthentication, Advice: AdviceAfterChange, Summary: "Db2 refused the log-in.", Remedies: fixDBLogin, Source: "Db2 SQLCODE -30082, ERRORCODE -4214",
			Messages: []string{"sql30082n", "errorcode=-4214", "connection authorization failure occurred"},
		}, weight: weightExact, codes: []string{"db2 -30082", "vendor -4214"},
	},
	{
		Pattern: Pattern{
			ID: "db2-permission", Class: ClassAuthorization, Advice: AdviceAfterChange, Summary: "The Db2 user lacks a right.", Remedies: fixGrant, Source: "Db2 SQLCODE -551, -552, -1060",
		}, weight: weightExact, codes: []string{"db2 -551", "db2 -552", "db2 -1060", "db2 -5193", "db2 -727"},
	},
	{
		Pattern: Pattern{
			ID: "db2-timeout", Class: ClassTimeout, Advice: AdviceAfterRecovery, Summary: "Db2 rolled back because of a lock or time-out.", Remedies: fixLock, Source: "Db2 SQLCODE -911, -913, -952",
		}, weight: weightExact, codes: []string{"db2 -911", "db2 -913", "db2 -952", "db2 -905"},
	},
	{
		Pattern: Pattern{
			ID: "db2-connection", Class: ClassConnection, Advice: AdviceAfterRecovery, Summary: "The Db2 database cannot be reached.", Remedies: fixServerUp, Source: "Db2 SQLCODE -1224, -30081, -1776, ERRORCODE -4499",
			Messages: []string{"errorcode=-4499", "a communication error occurred during operations on the connection's underlying socket", "sql30081n"},
		}, weight: weightPlatform, codes: []string{"db2 -1224", "db2 -30081", "db2 -1776", "db2 -1035", "db2 -4499", "db2 -1032", "db2 -6036", "vendor -4499"},
	},
	{
		Pattern: Pattern{
			ID: "db2-resource", Class: ClassResource, Advice: AdviceAfterRecovery, Summary: "Db2 ran out of log, memory or table space.", Remedies: []string{"Add log or table space, then restart the task.", "Make batches smaller (batch.size)."}, Source: "Db2 SQLCODE -289, -904, -964, -930",
		}, weight: weightExact, codes: []string{"db2 -289", "db2 -964", "db2 -930", "db2 -904", "db2 -968"},
	},
	{
		Pattern: Pattern{
			ID: "snowflake-authentication", Exceptions: []string{"net.snowflake.", "com.snowflake."}, Messages: []string{"jwt token is invalid", "incorrect username or password", "authentication token has expired", "private key", "invalid private", "incorrect username"}, Class: ClassAuthentication, Advice: AdviceAfterChange,
			Summary: "Snowflake refused the key or the log-in.", Remedies: []string{"Check snowflake.user.name, snowflake.private.key and its passphrase, and that the public key is set on the user (DESC USER).", "Compare the worker's clock: a JWT is valid for a minute."}, Source: "Snowflake 390100, 390144, 390114",
		}, weight: weightExact,
	},
	{
		Pattern: Pattern{
			ID: "snowflake-record", Messages: []string{"invalid sinkrecord", "cannot infer type from null", "failed to convert json", "the given row cannot be converted"}, Class: ClassSerialization, Advice: AdviceAfterChange,
			Summary: "The Snowflake sink cannot read a record.", Remedies: fixRecord, Source: "Snowflake connector: SnowflakeErrors 0010, 5015, 5019",
		}, weight: weightSpecific,
	},
	{
		Pattern: Pattern{
			ID: "snowflake-permission", Messages: []string{"does not exist or not authorized", "insufficient privileges to operate on", "does not exist, or operation cannot be performed", "user does not have privilege", "not authorized to operate"}, Class: ClassAuthorization, Advice: AdviceAfterChange,
			Summary: "The object does not exist, or the role may not use it[: {object}].", Remedies: []string{"Grant the connector's role (snowflake.role.name) USAGE on database and schema, and what it needs on table, stage and pipe; make it the user's default role.", "Check snowflake.database.name and snowflake.schema.name for spelling and case."}, Source: "Snowflake 2003, 2043, 3001",
		}, weight: weightExact,
	},
	{
		Pattern: Pattern{
			ID: "clickhouse", Messages: []string{"code: 516", "code: 193", "code: 194", "code: 192"}, Class: ClassAuthentication, Advice: AdviceAfterChange,
			Summary: "ClickHouse refused the log-in.", Remedies: fixDBLogin, Source: "ClickHouse ErrorCodes 192, 193, 194, 516",
		}, weight: weightExact,
	},
	{
		Pattern: Pattern{
			ID: "clickhouse-permission", Messages: []string{"code: 497", "(access_denied)", "not enough privileges"}, Class: ClassAuthorization, Advice: AdviceAfterChange,
			Summary: "The ClickHouse user lacks a right.", Remedies: fixGrant, Source: "ClickHouse ErrorCodes 497",
		}, weight: weightExact,
	},
	{
		Pattern: Pattern{
			ID: "clickhouse-data", Messages: []string{"code: 60.", "code: 16.", "code: 27.", "code: 53.", "code: 6.", "code: 349.", "code: 131.", "code: 70.", "code: 117.", "unknown_table", "no_such_column_in_table", "cannot_parse", "type_mismatch", "cannot_insert_null_in_ordinary_column"}, Class: ClassDataConstraint, Advice: AdviceAfterChange,
			Summary: "ClickHouse refuses a record[ for {table}].", Remedies: fixTable, Source: "ClickHouse ErrorCodes 6, 16, 27, 53, 60, 349",
		}, weight: weightExact,
	},
	{
		Pattern: Pattern{
			ID: "clickhouse-resource", Messages: []string{"code: 241", "code: 252", "code: 202", "code: 243", "memory_limit_exceeded", "too many parts", "too_many_parts", "too many simultaneous queries"}, Class: ClassResource, Advice: AdviceAfterRecovery,
			Summary: "ClickHouse is at a limit of memory, parts or queries.", Remedies: []string{"Write larger batches less often (consumer.override.max.poll.records, fetch.min.bytes), and give merges time.", "Restart the task afterwards."}, Source: "ClickHouse ErrorCodes 202, 241, 252",
		}, weight: weightExact,
	},
	{
		Pattern: Pattern{
			ID: "clickhouse-timeout", Messages: []string{"code: 159", "code: 160", "code: 209", "timeout_exceeded", "socket_timeout", "code: 999", "code: 242", "table is in readonly mode"}, Class: ClassTimeout, Advice: AdviceAfterRecovery,
			Summary: "ClickHouse did not answer in time.", Remedies: fixStatement, Source: "ClickHouse ErrorCodes 159, 209, 242, 999",
		}, weight: weightExact,
	},
	{
		Pattern: Pattern{
			ID: "jdbc-sink-table",
			Messages: []string{
				"is missing and auto-creation is disabled", "is missing fields", "cannot alter table", "could not find table:", "because schema evolution is disabled", "alteration is disabled", "auto-evolution is disabled", "schema evolution is disabled", "table * is not found", "table * does not exist", "table or view not found", "table not found", "no such table", "column not found", "no such column",
				"unrecognized column", "missing columns in table", "cannot find column", "table * was not found", "column family * does not exist", "invalid table name", "invalid column name", "no such column family",
			},
			Exceptions: []string{"io.confluent.connect.jdbc.sink.TableAlterOrCreateException"},
			Class:      ClassDataConstraint, Advice: AdviceAfterChange, Summary: "The table[ {table}] lacks what the record has.", Remedies: fixTable, Source: "Confluent JDBC sink: DbStructure; Debezium JDBC sink: JdbcChangeEventSink",
		}, weight: weightExact, either: true,
	},
	{
		Pattern: Pattern{
			ID: "hibernate-constraint", Exceptions: []string{"org.hibernate.exception.ConstraintViolationException", "org.hibernate.exception.DataException", "java.sql.SQLIntegrityConstraintViolationException", "java.sql.DataTruncation", "com.mysql.cj.jdbc.exceptions.MysqlDataTruncation", "java.sql.SQLDataException", "org.hibernate.exception.SQLGrammarException"},
			Class: ClassDataConstraint, Advice: AdviceAfterChange, Summary: "The database refuses a record[ for {table}].", Remedies: fixTable, Source: "JDBC: java.sql.SQLIntegrityConstraintViolationException, SQLDataException",
		}, weight: weightName,
	},
	{
		Pattern: Pattern{
			ID: "jdbc-authentication", Exceptions: []string{"java.sql.SQLInvalidAuthorizationSpecException", "com.ibm.db2.jcc.am.SqlInvalidAuthorizationSpecException", "org.hibernate.exception.AuthException"}, Class: ClassAuthentication, Advice: AdviceAfterChange,
			Summary: "The database refused the log-in.", Remedies: fixDBLogin, Source: "JDBC: SQLInvalidAuthorizationSpecException",
		}, weight: weightPlatform,
	},
	{
		Pattern: Pattern{
			ID: "jdbc-timeout", Exceptions: []string{"java.sql.SQLTimeoutException", "org.hibernate.QueryTimeoutException", "org.hibernate.PessimisticLockException", "org.hibernate.exception.LockTimeoutException", "org.hibernate.exception.LockAcquisitionException", "java.sql.SQLTransactionRollbackException"}, Class: ClassTimeout, Advice: AdviceAfterRecovery,
			Summary: "The database did not answer in time, or a lock is held.", Remedies: fixStatement, Source: "JDBC: SQLTimeoutException, SQLTransactionRollbackException",
		}, weight: weightPlatform,
	},
	{
		Pattern: Pattern{
			ID: "jdbc-connection", Exceptions: []string{"java.sql.SQLNonTransientConnectionException", "java.sql.SQLTransientConnectionException", "java.sql.SQLRecoverableException", "org.hibernate.exception.JDBCConnectionException", "io.debezium.jdbc.JdbcConnectionException", "com.mysql.cj.jdbc.exceptions.CommunicationsException", "com.mysql.cj.exceptions.CJCommunicationsException", "com.ibm.db2.jcc.am.DisconnectNonTransientConnectionException"},
			Messages: []string{"connection is not available, request timed out after", "connection is closed", "connection pool", "has been closed", "unable to open jdbc connection", "unable to acquire jdbc connection", "cannot get a connection"},
			Class:    ClassConnection, Advice: AdviceAfterRecovery, Summary: "The database[ {host}] cannot be reached.", Remedies: fixServerUp, Source: "JDBC: SQLNonTransientConnectionException and kin; HikariCP",
		}, weight: weightText, either: true, codes: []string{"sqlstate 08"},
	},
	{
		Pattern: Pattern{
			ID: "sqlstate-access", Class: ClassAuthorization, Advice: AdviceAfterChange, Summary: "The database user lacks a right.", Remedies: fixGrant, Source: "SQLState 42501",
		}, weight: weightSpecific, codes: []string{"sqlstate 42502", "sqlstate 42506"},
	},
	{
		Pattern: Pattern{
			ID: "sqlstate-rollback", Class: ClassTimeout, Advice: AdviceAfterRecovery, Summary: "The database rolled the transaction back.", Remedies: fixLock, Source: "SQLState class 40, 55, 57",
		}, weight: weightPlatform, codes: []string{"sqlstate 40", "sqlstate HYT00", "sqlstate HYT01", "sqlstate 57033"},
	},
	{
		Pattern: Pattern{
			ID: "sqlstate-object", Class: ClassDataConstraint, Advice: AdviceAfterChange, Summary: "A table or column the statement names is not there.", Remedies: fixTable, Source: "SQLState 42S02, 42S22, 42704",
		}, weight: weightSpecific, codes: []string{"sqlstate 42S02", "sqlstate 42S22", "sqlstate 42704", "sqlstate 42S01", "sqlstate 21"},
	},
}
