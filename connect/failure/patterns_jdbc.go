package failure

var (
	fixDBLogin = []string{
		"Check connection.user and connection.password (database.user, database.password): they may have been rotated or expired.",
		"Check that the server accepts this user from the workers' addresses and with the log-in method it asks for (pg_hba.conf, the host part of the MySQL account).",
		"Restart the task once: with the wrong password every restart is another failed log-in.",
	}
	fixGrant     = []string{"Grant the user of the connector what the message names, on the table, schema, sequence or database.", "Or let the connector use another user, or leave the table out."}
	fixServerUp  = []string{"Check that the database is up and that host and port of connection.url (database.hostname, database.port) can be reached from the worker.", "Restart the task once it answers.", "Let the connector wait itself: connection.attempts, connection.backoff.ms, max.retries and retry.backoff.ms, or errors.max.retries of Debezium."}
	fixSessions  = []string{"Wait until sessions end, then restart; lower tasks.max or the pool size (connection.pool.max_size) of connectors on this database.", "Raise max_connections, or the limit of the user or role."}
	fixLock      = []string{"Find what holds the lock (pg_locks, SHOW ENGINE INNODB STATUS, sys.dm_tran_locks) and end it; restart the task afterwards.", "Make batches smaller (batch.size), or allow more time (lock and statement timeouts, max.retries)."}
	fixStatement = []string{"Find why the statement is slow: a missing index on the key columns, a lock, a busy server.", "Raise the statement timeout of the user, or make batches smaller (batch.size); restart afterwards."}
	fixTable     = []string{
		"Compare the record with the table: a missing column or table, a type or a length that is too small. Change the table, or leave the field out with ReplaceField.",
		"Let the sink change tables: auto.create and auto.evolve, or schema.evolution=basic of Debezium.",
		"Let single bad records pass: errors.tolerance=all with a dead letter queue, where the connector supports it for put.",
	}
	fixKey      = []string{"Set insert.mode=upsert with pk.mode and pk.fields (primary.key.mode, primary.key.fields), so that a record written twice is no error.", "Look for a second unique index on the table, or for a key that the records repeat."}
	fixParent   = []string{"Write the parent first: the record passes once its row or partition exists; restart then.", "Drop or defer the foreign key on the sink's tables where the order of topics cannot be kept; add a default partition."}
	fixDB       = []string{"Check the database, schema or service name in connection.url (database.dbname, database.names).", "Create it, then restart the task."}
	fixSQL      = []string{"Correct query, where clause, initial statement or table names in the connector's configuration.", "Check that quoting fits the database: quote.sql.identifiers, quote.identifiers."}
	fixReadOnly = []string{"Check that connection.url leads to the primary and not to a replica (targetServerType=primary for PostgreSQL).", "Where a failover is under way, restart the task after it.", "Where the server or the user is read-only by intent, choose another."}
)

// PostgreSQL and what speaks its dialect: Redshift, CockroachDB, YugabyteDB, Greenplum.
var postgresRules = []rule{
	{
		Pattern: Pattern{
			ID: "postgres-session-ended", Messages: []string{"terminating connection due to administrator command", "terminating connection due to idle", "terminating connection due to conflict with recovery"}, Class: ClassConnection, Advice: AdviceRestart,
			Summary: "An administrator or the server ended the session.", Remedies: []string{"Restart the task: it opens a new session.", "Where it repeats, check for a job that ends idle sessions, and for failovers."},
			Source: "PostgreSQL 57P01, 25P03, 40001",
		}, weight: weightExact, codes: []string{"sqlstate 57P01", "sqlstate 57P05", "sqlstate 25P03"},
	},
	{
		Pattern: Pattern{
			ID: "postgres-session-broken", Messages: []string{"an i/o error occurred while sending to the backend", "this connection has been closed", "database connection failed when reading from copy", "database connection failed when writing to copy"}, Class: ClassConnection, Advice: AdviceRestart,
			Summary: "A session that was open with the database broke off: an administrator, a failover or the network ended it.", Remedies: []string{
				"Restart the task: it opens a new session. Where the server is down, that fails at once and says so.",
				"Where it repeats, check for a job that ends idle sessions, for failovers, and for a firewall that forgets quiet connections (tcpKeepAlive=true in connection.url, database.tcpKeepAlive).",
			}, Source: "PostgreSQL JDBC driver; measured: RUNNING at once after pg_terminate_backend, the reason does not reach the trace",
		}, weight: weightSpecific,
	},
	{
		Pattern: Pattern{
			ID: "session-killed", Messages: []string{"your session has been killed", "ora-00028", "connection was killed", "session was killed", "in the kill state", "session has been killed", "cursorkilled"}, Class: ClassConnection, Advice: AdviceRestart,
			Summary: "An administrator ended the session.", Remedies: []string{"Restart the task: it opens a new session."},
			Source: "Oracle ORA-00028; MySQL 1927; SQL Server 596; MongoDB 237",
		}, weight: weightExact, codes: []string{"vendor 1927", "vendor 596", "mongo 237"},
	},
	{
		Pattern: Pattern{
			ID:       "postgres-server-unavailable",
			Messages: []string{"the database system is starting up", "the database system is shutting down", "the database system is in recovery mode", "the database system is not yet accepting connections", "the database system is not accepting connections", "server closed the connection unexpectedly", "because of crash of another server process"},
			Class:    ClassConnection, Advice: AdviceAfterRecovery, Summary: "The database is starting, stopping or recovering.", Remedies: fixServerUp, Source: "PostgreSQL 57P02, 57P03",
		}, weight: weightExact, codes: []string{"sqlstate 57P02", "sqlstate 57P03", "sqlstate 57P04"},
	},
	{
		Pattern: Pattern{
			ID:       "postgres-connection",
			Messages: []string{"the connection attempt failed", "connection attempt timed out", "* refused. check that the hostname and port are correct", "error calling drivermanager.getconnection()", "connection to * refused"},
			Class:    ClassConnection, Advice: AdviceAfterRecovery, Summary: "The database[ {host}] cannot be reached.", Remedies: fixServerUp, Source: "PostgreSQL JDBC driver: ConnectionFactoryImpl, 08001, 08006",
		}, weight: weightPlatform,
	},
	{
		Pattern: Pattern{
			ID:       "postgres-authentication",
			Messages: []string{"password authentication failed for user", "is not permitted to log in", "authentication, but no password was provided", "no pg_hba.conf entry", "the server requested scram-based authentication", "authentication failed for user", "the authentication type * is not supported", "pam authentication failed", "ldap authentication failed", "peer authentication failed", "ident authentication failed", "gssapi authentication failed", "role * does not exist", "the server requested password-based authentication", "md5 authentication failed"},
			Class:    ClassAuthentication, Advice: AdviceAfterChange, Summary: "The database refused the log-in[ of {user}].", Remedies: fixDBLogin, Source: "PostgreSQL 28P01, 28000",
		}, weight: weightExact, codes: []string{"sqlstate 28P01", "sqlstate 28000", "sqlstate 28"},
	},
	{
		Pattern: Pattern{
			ID:       "postgres-permission",
			Messages: []string{"permission denied for", "must be owner of", "violates row-level security policy", "must be superuser", "must be a superuser", "superuser or replication role", "permission denied to", "does not have connect privilege", "must have create privilege", "must be replication role", "only roles with"},
			Class:    ClassAuthorization, Advice: AdviceAfterChange, Summary: "The database user lacks a right[ on {object}].", Remedies: fixGrant, Source: "PostgreSQL 42501",
		}, weight: weightExact, codes: []string{"sqlstate 42501"},
	},
	{
		Pattern: Pattern{
			ID: "postgres-read-only", Messages: []string{"in a read-only transaction", "cannot execute * during recovery"}, Class: ClassAuthorization, Advice: AdviceAfterRecovery,
			Summary: "The database is read-only: a replica, or a server set to read-only.", Remedies: fixReadOnly, Source: "PostgreSQL 25006",
		}, weight: weightExact, codes: []string{"sqlstate 25006"},
	},
	{
		Pattern: Pattern{
			ID: "postgres-too-many-connections", Messages: []string{"too many clients already", "too many connections for", "remaining connection slots are reserved", "sorry, too many clients"}, Class: ClassConnection, Advice: AdviceAfterRecovery,
			Summary: "The database has no session left[ for {user}].", Remedies: fixSessions, Source: "PostgreSQL 53300",
		}, weight: weightExact, codes: []string{"sqlstate 53300"},
	},
	{
		Pattern: Pattern{
			ID: "postgres-slots-exhausted", Messages: []string{"all replication slots are in use", "number of requested standby connections exceeds max_wal_senders"}, Class: ClassResource, Advice: AdviceAfterChange,
			Summary: "The database has no replication slot left.", Remedies: []string{"Drop slots that no connector uses any more (pg_replication_slots, pg_drop_replication_slot).", "Raise max_replication_slots and max_wal_senders; that needs a restart of the server."}, Source: "PostgreSQL 53400",
		}, weight: weightExact, codes: []string{"sqlstate 53400"},
	},
	{
		Pattern: Pattern{
			ID: "postgres-out-of-resources", Messages: []string{"out of shared memory", "cached plan must not change result type", "out of memory detail: failed on request"}, Class: ClassResource, Advice: AdviceAfterRecovery,
			Summary: "The database ran out of memory or another resource.", Remedies: []string{"Check memory, max_locks_per_transaction and temp_file_limit of the server.", "Restart the task afterwards, with smaller batches (batch.size)."}, Source: "PostgreSQL class 53",
		}, weight: weightExact, codes: []string{"sqlstate 53", "sqlstate 54"},
	},
	{
		Pattern: Pattern{
			ID:       "postgres-foreign-key",
			Messages: []string{"violates foreign key constraint", "no partition of relation"}, Class: ClassDataConstraint, Advice: AdviceAfterRecovery,
			Summary: "The row a record refers to, or its partition, is not there yet[: {table}].", Remedies: fixParent, Source: "PostgreSQL 23503, 23514",
		}, weight: weightExact, codes: []string{"sqlstate 23503"},
	},
	{
		Pattern: Pattern{
			ID: "postgres-duplicate-key", Messages: []string{"duplicate key value violates", "violates exclusion constraint"}, Class: ClassDataConstraint, Advice: AdviceAfterChange,
			Summary: "A record repeats a key of the table[ {table}].", Remedies: fixKey, Source: "PostgreSQL 23505",
		}, weight: weightExact, codes: []string{"sqlstate 23505"},
	},
	{
		Pattern: Pattern{
			ID: "postgres-data",
			Messages: []string{
				"violates not-null constraint", "violates check constraint", "value too long for type", "out of range", "numeric field overflow", "is of type * but expression is of type", "invalid byte sequence for encoding", "invalid input syntax for", "invalid input value for enum", "cannot insert a non-default value into column", "cannot insert into column",
				"column * can only be updated to default", "there is no unique or exclusion constraint matching", "on conflict do update command cannot affect row", "column * of relation * does not exist", "relation * does not exist", "column * does not exist", "date/time field value out of range", "null value in column", "cannot cast type", "operator does not exist",
				"has no field", "invalid text representation", "type * does not exist", "schema * does not exist", "string is too long", "the column index is out of range", "violates", "more expressions than target columns", "can't infer the sql type",
			},
			Class: ClassDataConstraint, Advice: AdviceAfterChange, Summary: "The database refuses a record[ for {table}][: {message}].", Remedies: fixTable, Source: "PostgreSQL classes 22, 23, 42",
		}, weight: weightSpecific, codes: []string{"sqlstate 22", "sqlstate 23", "sqlstate 42703", "sqlstate 42P01", "sqlstate 42804", "sqlstate 428C9"},
	},
	{
		Pattern: Pattern{
			ID: "postgres-trigger", Exceptions: []string{"org.postgresql.util.PSQLException", "java.sql.BatchUpdateException"}, Messages: []string{"pl/pgsql function", "where: pl/pgsql"}, Class: ClassDataConstraint, Advice: AdviceAfterChange,
			Summary: "A trigger or function of the database refuses a record.", Remedies: fixTable, Source: "PostgreSQL P0001",
		}, weight: weightPlatform, codes: []string{"sqlstate P0001"},
	},
	{
		Pattern: Pattern{
			ID: "postgres-lock-timeout", Messages: []string{"canceling statement due to lock timeout", "could not obtain lock on", "deadlock detected"}, Class: ClassTimeout, Advice: AdviceAfterRecovery,
			Summary: "Another transaction holds a lock.", Remedies: fixLock, Source: "PostgreSQL 55P03, 40P01",
		}, weight: weightExact, codes: []string{"sqlstate 55P03", "sqlstate 40P01", "sqlstate 40001"},
	},
	{
		Pattern: Pattern{
			ID: "postgres-statement-timeout", Messages: []string{"canceling statement due to", "could not serialize access due to"}, Class: ClassTimeout, Advice: AdviceAfterRecovery,
			Summary: "The statement took longer than the server allows.", Remedies: fixStatement, Source: "PostgreSQL 57014, 40001",
		}, weight: weightExact, codes: []string{"sqlstate 57014"},
	},
	{
		Pattern: Pattern{
			ID: "postgres-database-missing", Messages: []string{"fatal: database * does not exist"}, Class: ClassConfiguration, Advice: AdviceAfterChange,
			Summary: "The database[ {object}] does not exist.", Remedies: fixDB, Source: "PostgreSQL 3D000",
		}, weight: weightExact, codes: []string{"sqlstate 3D000", "sqlstate 3F000"},
	},
	{
		Pattern: Pattern{
			ID: "sql-syntax", Messages: []string{"syntax error at or near", "you have an error in your sql syntax", "incorrect syntax near", "sql compilation error: syntax error", "syntax error:", "syntax error in sql", "ora-00900", "ora-00933", "ora-00936", "ora-00907", "unterminated quoted"}, Class: ClassConfiguration, Advice: AdviceAfterChange,
			Summary: "A statement from the configuration is not valid SQL.", Remedies: fixSQL, Source: "SQLState 42601; MySQL 1064; SQL Server 102",
		}, weight: weightExact, codes: []string{"sqlstate 42601", "sqlstate 42000", "vendor 1064", "vendor 102", "db2 -104"},
	},
}

// MySQL and MariaDB.
var mysqlRules = []rule{
	{
		Pattern: Pattern{
			ID: "mysql-database-denied", Messages: []string{"access denied for user * to database", "command denied to user", "access denied; you need"}, Class: ClassAuthorization, Advice: AdviceAfterChange,
			Summary: "The database user[ {user}] lacks a right.", Remedies: fixGrant, Source: "MySQL 1044, 1142, 1143, 1227",
		}, weight: weightExact, codes: []string{"vendor 1044", "vendor 1142", "vendor 1143", "vendor 1227", "vendor 1370", "vendor 1410"},
	},
	{
		Pattern: Pattern{
			ID: "mysql-read-only", Messages: []string{"running with the --read-only", "running with the --super-read-only", "read_only option", "read-only option so it cannot execute", "connection is read-only"}, Class: ClassAuthorization, Advice: AdviceAfterRecovery,
			Summary: "The database is read-only: a replica, or a server set to read-only.", Remedies: fixReadOnly, Source: "MySQL 1290, 1792",
		}, weight: weightExact, codes: []string{"vendor 1290", "vendor 1792", "vendor 1836"},
	},
	{
		Pattern: Pattern{
			ID: "mysql-authentication", Messages: []string{"access denied for user", "public key retrieval is not allowed", "authentication plugin", "password has expired", "is not allowed to connect to this", "account is locked", "you must set your password"}, Class: ClassAuthentication, Advice: AdviceAfterChange,
			Summary: "The database refused the log-in[ of {user}].", Remedies: fixDBLogin, Source: "MySQL 1045, 1130, 1251, 1698, 1820, 1862, 2059, 3118",
		}, weight: weightSpecific, codes: []string{"vendor 1045", "vendor 1130", "vendor 1251", "vendor 1698", "vendor 1820", "vendor 1862", "vendor 3118"},
	},
	{
		Pattern: Pattern{
			ID: "mysql-too-many-connections", Messages: []string{"has exceeded the 'max_user_connections'", "has exceeded the 'max_", "too many connections", "is blocked because of many connection errors"}, Class: ClassConnection, Advice: AdviceAfterRecovery,
			Summary: "The database has no session left[ for {user}].", Remedies: fixSessions, Source: "MySQL 1040, 1129, 1203, 1226",
		}, weight: weightExact, codes: []string{"vendor 1040", "vendor 1129", "vendor 1203", "vendor 1226"},
	},
	{
		Pattern: Pattern{
			ID: "mysql-connection", Messages: []string{"communications link failure", "socket fail to connect to", "got an error reading communication packets", "server has gone away", "lost connection to mysql server", "could not create connection to database server", "connection.isvalid", "server shutdown in progress", "query execution was interrupted", "socket error", "(conn=*) connection reset", "unexpected end of stream", "no operations allowed after connection closed"},
			Class: ClassConnection, Advice: AdviceAfterRecovery, Summary: "The database[ {host}] cannot be reached.", Remedies: fixServerUp, Source: "MySQL Connector/J, MariaDB Connector/J; MySQL 1053, 1317, 2003, 2006, 2013",
		}, weight: weightPlatform, codes: []string{"vendor 2002", "vendor 2003", "vendor 2006", "vendor 2013", "vendor 1053", "vendor 1317", "vendor 1158", "vendor 1160", "vendor 1080"},
	},
	{
		Pattern: Pattern{
			ID: "mysql-time-zone", Exceptions: []string{"com.mysql.cj.exceptions.InvalidConnectionAttributeException", "com.mysql.cj.exceptions.UnsupportedConnectionStringException", "com.mysql.cj.exceptions.WrongArgumentException"}, Messages: []string{"the server time zone value"}, Class: ClassConfiguration, Advice: AdviceAfterChange,
			Summary: "The driver does not accept the connection's properties[: {message}].", Remedies: []string{"Set what the message names in connection.url, such as connectionTimeZone=UTC."}, Source: "MySQL Connector/J: com.mysql.cj.exceptions",
		}, weight: weightSpecific, either: true,
	},
	{
		Pattern: Pattern{
			ID: "sqlite-locked", Messages: []string{"sqlite_busy", "sqlite_locked", "database is locked", "database table is locked"}, Class: ClassTimeout, Advice: AdviceAfterRecovery,
			Summary: "Another process holds the lock of the database file.", Remedies: []string{"Find who else writes the file; let one writer at a time (tasks.max=1).", "Raise busy_timeout in connection.url, and restart the task."}, Source: "SQLite result codes 5 and 6; H2",
		}, weight: weightExact,
	},
	{
		Pattern: Pattern{
			ID: "mysql-lock-wait", Messages: []string{"lock wait timeout exceeded", "deadlock found when trying to get lock", "was deadlocked on"}, Class: ClassTimeout, Advice: AdviceAfterRecovery,
			Summary: "Another transaction holds a lock.", Remedies: fixLock, Source: "MySQL 1205, 1213; SQL Server 1205, 1222",
		}, weight: weightExact, codes: []string{"vendor 1205", "vendor 1213", "vendor 1222"},
	},
	{
		Pattern: Pattern{
			ID: "mysql-timeout", Messages: []string{"got timeout reading communication packets", "got timeout writing communication packets", "maximum statement execution time exceeded", "query execution was interrupted, max_statement_time", "statement cancelled due to timeout"}, Class: ClassTimeout, Advice: AdviceAfterRecovery,
			Summary: "The database did not answer in time.", Remedies: fixStatement, Source: "MySQL 1159, 1161, 3024, 1969",
		}, weight: weightExact, codes: []string{"vendor 3024", "vendor 1969", "vendor 1159", "vendor 1161"},
	},
	{
		Pattern: Pattern{
			ID: "mysql-foreign-key", Messages: []string{"cannot add or update a child row", "table has no partition for value"}, Class: ClassDataConstraint, Advice: AdviceAfterRecovery,
			Summary: "The row a record refers to, or its partition, is not there yet.", Remedies: fixParent, Source: "MySQL 1452, 1526",
		}, weight: weightExact, codes: []string{"vendor 1452", "vendor 1216", "vendor 1526"},
	},
	{
		Pattern: Pattern{
			ID: "mysql-duplicate-key", Messages: []string{"duplicate entry"}, Class: ClassDataConstraint, Advice: AdviceAfterChange,
			Summary: "A record repeats a key of the table[ {table}].", Remedies: fixKey, Source: "MySQL 1062, 1586",
		}, weight: weightExact, codes: []string{"vendor 1062", "vendor 1586"},
	},
	{
		Pattern: Pattern{
			ID: "mysql-data",
			Messages: []string{
				"data too long for column", "out of range value for column", "out of range value", "doesn't have a default value", "incorrect string value", "incorrect integer value", "incorrect decimal value", "incorrect date value", "incorrect datetime value", "data truncated for column", "data truncation", "column * cannot be null", "unknown column", "cannot delete or update a parent row",
				"check constraint * is violated", "invalid json text", "row size too large", "column count doesn't match", "specified key was too long", "blob/text column * used in key specification without a key length", "can't be null", "incorrect time value", "truncated incorrect",
			},
			Class: ClassDataConstraint, Advice: AdviceAfterChange, Summary: "The database refuses a record[: {message}].", Remedies: fixTable, Source: "MySQL 1048, 1054, 1146, 1264, 1265, 1292, 1364, 1366, 1406, 1451, 3819",
		}, weight: weightExact, codes: []string{"vendor 1048", "vendor 1054", "vendor 1146", "vendor 1264", "vendor 1265", "vendor 1292", "vendor 1364", "vendor 1366", "vendor 1406", "vendor 1451", "vendor 1071", "vendor 1118", "vendor 1136", "vendor 1170", "vendor 3140", "vendor 3819", "vendor 4025"},
	},
	{
		Pattern: Pattern{
			ID: "mysql-table-missing", Messages: []string{"table '* doesn't exist", "unknown table"}, Class: ClassDataConstraint, Advice: AdviceAfterChange,
			Summary: "The table[ {table}] does not exist.", Remedies: fixTable, Source: "MySQL 1146, 1051",
		}, weight: weightExact,
	},
	{
		Pattern: Pattern{
			ID: "mysql-database-missing", Messages: []string{"unknown database"}, Class: ClassConfiguration, Advice: AdviceAfterChange,
			Summary: "The database[ {object}] does not exist.", Remedies: fixDB, Source: "MySQL 1049",
		}, weight: weightExact, codes: []string{"vendor 1049"},
	},
	{
		Pattern: Pattern{
			ID: "mysql-packet-too-large", Messages: []string{"packet for query is too large", "got a packet bigger than 'max_allowed_packet'", "max_allowed_packet", "the total number of locks exceeds", "the table * is full"}, Class: ClassResource, Advice: AdviceAfterChange,
			Summary: "A statement or table is larger than the server allows.", Remedies: []string{"Raise max_allowed_packet of the server, or make batches smaller (batch.size).", "For a full table: add space, or raise the table's limit."}, Source: "MySQL 1153, 1114, 1206",
		}, weight: weightExact, codes: []string{"vendor 1153", "vendor 1114", "vendor 1206"},
	},
}
