package failure

// Redis, Cassandra, Couchbase, Neo4j, Splunk, Datadog, Salesforce and other targets.
var storeRules = []rule{
	{
		Pattern: Pattern{
			ID: "redis-authentication", Messages: []string{"noauth authentication required", "wrongpass", "err invalid password", "invalid username-password pair"}, Class: ClassAuthentication, Advice: AdviceAfterChange,
			Summary: "Redis refused the password.", Remedies: []string{"Check redis.username and redis.password of the connector against the server's ACL."}, Source: "Redis: NOAUTH, WRONGPASS",
		}, weight: weightExact,
	},
	{
		Pattern: Pattern{
			ID: "redis-permission", Messages: []string{"noperm this user"}, Class: ClassAuthorization, Advice: AdviceAfterChange,
			Summary: "The Redis user may not run the command.", Remedies: []string{"Give the user the command and the key pattern: ACL SETUSER."}, Source: "Redis: NOPERM",
		}, weight: weightExact,
	},
	{
		Pattern: Pattern{
			ID: "redis-memory", Messages: []string{"oom command not allowed", "misconf redis is configured to save"}, Class: ClassResource, Advice: AdviceAfterRecovery,
			Summary: "Redis is out of memory or disk.", Remedies: []string{"Free memory, raise maxmemory, or set an eviction policy; restart afterwards."}, Source: "Redis: OOM, MISCONF",
		}, weight: weightExact,
	},
	{
		Pattern: Pattern{
			ID: "redis-unavailable", Exceptions: []string{"io.lettuce.core.RedisConnectionException", "redis.clients.jedis.exceptions.JedisConnectionException"}, Messages: []string{"readonly you can't write against a read only replica", "loading redis is loading", "clusterdown", "masterdown", "tryagain"}, Class: ClassConnection, Advice: AdviceAfterRecovery,
			Summary: "Redis[ {host}] cannot be reached or has no master.", Remedies: fixReach, Source: "Redis: READONLY, LOADING, CLUSTERDOWN",
		}, weight: weightText, either: true,
	},
	{
		Pattern: Pattern{
			ID: "redis-data", Messages: []string{"wrongtype operation against a key", "crossslot keys"}, Class: ClassDataConstraint, Advice: AdviceAfterChange,
			Summary: "The key holds a value of another type.", Remedies: []string{"Use another key prefix, or delete the key that is of the wrong type."}, Source: "Redis: WRONGTYPE",
		}, weight: weightExact,
	},
	{
		Pattern: Pattern{
			ID: "cassandra-unavailable", Exceptions: []string{"com.datastax.oss.driver.api.core.AllNodesFailedException", "com.datastax.oss.driver.api.core.NoNodeAvailableException", "com.datastax.driver.core.exceptions.NoHostAvailableException", "com.datastax.oss.driver.api.core.servererrors.UnavailableException", "com.datastax.oss.driver.api.core.connection."}, Messages: []string{"could not reach any contact point", "not enough replicas available for query"}, Class: ClassConnection, Advice: AdviceAfterRecovery,
			Summary: "No Cassandra node answers.", Remedies: fixReach, Source: "DataStax Java driver",
		}, weight: weightText, either: true,
	},
	{
		Pattern: Pattern{
			ID: "cassandra-timeout", Exceptions: []string{"com.datastax.oss.driver.api.core.DriverTimeoutException", "com.datastax.oss.driver.api.core.servererrors.WriteTimeoutException", "com.datastax.oss.driver.api.core.servererrors.ReadTimeoutException", "com.datastax.driver.core.exceptions.OperationTimedOutException", "com.datastax.driver.core.exceptions.WriteTimeoutException"}, Messages: []string{"cassandra timeout during"}, Class: ClassTimeout, Advice: AdviceAfterRecovery,
			Summary: "Cassandra did not answer in time.", Remedies: fixSlow, Source: "DataStax Java driver",
		}, weight: weightSpecific, either: true,
	},
	{
		Pattern: Pattern{
			ID: "cassandra-table", Messages: []string{"unconfigured table", "undefined column name", "invalid keyspace", "keyspace * does not exist", "unknown identifier", "codec not found for requested operation"}, Exceptions: []string{"com.datastax.oss.driver.api.core.servererrors.InvalidQueryException"}, Class: ClassDataConstraint, Advice: AdviceAfterChange,
			Summary: "The Cassandra table does not fit the record[: {table}].", Remedies: fixTable, Source: "Cassandra native protocol: Invalid",
		}, weight: weightSpecific, either: true,
	},
	{
		Pattern: Pattern{
			ID: "neo4j-security", Messages: []string{"neo.clienterror.security.unauthorized", "neo.clienterror.security.authenticationratelimit"}, Class: ClassAuthentication, Advice: AdviceAfterChange,
			Summary: "Neo4j refused the log-in.", Remedies: fixDBLogin, Source: "Neo4j status codes",
		}, weight: weightExact,
	},
	{
		Pattern: Pattern{
			ID: "neo4j-lock", Messages: []string{"lock client timed out", "lock client stopped", "neo.transienterror.transaction.lockclienttimedout", "neo.transienterror.transaction.deadlockdetected", "can't acquire * locks"}, Exceptions: []string{"org.neo4j.driver.exceptions.TransientException"}, Class: ClassTimeout, Advice: AdviceAfterRecovery,
			Summary: "Neo4j rolled the transaction back: a lock, a deadlock or a limit.", Remedies: []string{"Restart the task once the other transactions are through.", "Let fewer tasks write the same nodes: tasks.max, batch size, records keyed by node."}, Source: "Neo4j status codes Neo.TransientError",
		}, weight: weightSpecific, either: true,
	},
	{
		Pattern: Pattern{
			ID: "neo4j-unavailable", Messages: []string{"neo.transienterror", "unable to connect to * ensure the database is running", "no server with write access", "could not perform discovery"}, Exceptions: []string{"org.neo4j.driver.exceptions.ServiceUnavailableException", "org.neo4j.driver.exceptions.SessionExpiredException"}, Class: ClassConnection, Advice: AdviceAfterRecovery,
			Summary: "Neo4j[ {host}] cannot be reached.", Remedies: fixReach, Source: "Neo4j status codes",
		}, weight: weightSpecific, either: true,
	},
	{
		Pattern: Pattern{
			ID: "neo4j-constraint", Messages: []string{"neo.clienterror.schema.constraintvalidationfailed", "neo.clienterror.statement."}, Class: ClassDataConstraint, Advice: AdviceAfterChange,
			Summary: "Neo4j refuses a record or the statement.", Remedies: []string{"Compare the Cypher statement (neo4j.cypher.topic.*) with the record and the constraints."}, Source: "Neo4j status codes",
		}, weight: weightExact,
	},
	{
		Pattern: Pattern{
			ID: "couchbase-unavailable", Exceptions: []string{"com.couchbase.client.core.error.UnambiguousTimeoutException", "com.couchbase.client.core.error.AmbiguousTimeoutException", "com.couchbase.client.core.error.TimeoutException"}, Class: ClassTimeout, Advice: AdviceAfterRecovery,
			Summary: "Couchbase did not answer in time.", Remedies: fixSlow, Source: "Couchbase Java SDK",
		}, weight: weightSpecific,
	},
	{
		Pattern: Pattern{
			ID: "couchbase-bucket", Exceptions: []string{"com.couchbase.client.core.error.BucketNotFoundException", "com.couchbase.client.core.error.ScopeNotFoundException", "com.couchbase.client.core.error.CollectionNotFoundException"}, Class: ClassConfiguration, Advice: AdviceAfterChange,
			Summary: "Couchbase does not have the bucket, scope or collection.", Remedies: fixCloudName, Source: "Couchbase Java SDK",
		}, weight: weightExact,
	},
	{
		Pattern: Pattern{
			ID: "splunk-token", Messages: []string{"\"text\":\"invalid token\"", "\"text\":\"token is required\"", "\"text\":\"token disabled\"", "\"text\":\"invalid authorization\"", "invalid hec token"}, Class: ClassAuthentication, Advice: AdviceAfterChange,
			Summary: "Splunk refused the HEC token.", Remedies: []string{"Check splunk.hec.token, and that the token is enabled."}, Source: "Splunk HTTP Event Collector codes 1 to 4",
		}, weight: weightExact,
	},
	{
		Pattern: Pattern{
			ID: "splunk-index", Messages: []string{"\"text\":\"incorrect index\"", "\"text\":\"no data\"", "\"text\":\"invalid data format\"", "data channel is missing"}, Class: ClassConfiguration, Advice: AdviceAfterChange,
			Summary: "Splunk does not take the data: index, format or channel is wrong.", Remedies: []string{"Check splunk.indexes against what the token allows, splunk.hec.raw and splunk.hec.ack.enabled."}, Source: "Splunk HTTP Event Collector codes 5 to 12",
		}, weight: weightExact,
	},
	{
		Pattern: Pattern{
			ID: "splunk-busy", Messages: []string{"server is busy", "all channels have back pressure", "back pressure", "no available hec", "failed to get ack"}, Class: ClassConnection, Advice: AdviceAfterRecovery,
			Summary: "Splunk does not take more events at the moment.", Remedies: fixReach, Source: "Splunk HTTP Event Collector code 9",
		}, weight: weightText,
	},
	{
		Pattern: Pattern{
			ID: "salesforce-authentication", Messages: []string{"invalid_session_id", "invalid_login", "invalid username, password, security token", "login_must_use_security_token", "authentication invalid", "authentication failure"}, Class: ClassAuthentication, Advice: AdviceAfterChange,
			Summary: "Salesforce refused the log-in.", Remedies: []string{"Check user, password with security token, and the connected app's consumer key and secret."}, Source: "Salesforce API status codes",
		}, weight: weightExact,
	},
	{
		Pattern: Pattern{
			ID: "salesforce-limit", Messages: []string{"request_limit_exceeded", "totalrequests limit exceeded", "server_unavailable"}, Class: ClassResource, Advice: AdviceAfterRecovery,
			Summary: "Salesforce's limit of requests is used up.", Remedies: []string{"Wait for the next 24 hours' window, or have the limit raised; poll less often."}, Source: "Salesforce API status codes",
		}, weight: weightExact,
	},
	{
		Pattern: Pattern{
			ID: "salesforce-replay", Messages: []string{"replay id", "replayid", "replay_id"}, Class: ClassSourceState, Advice: AdviceAfterChange,
			Summary: "The event to go on from is no longer kept.", Remedies: []string{"Start with all or the newest events (salesforce.initial.start), and keep the connector down for less than 72 hours."}, Source: "Salesforce Streaming API: 400 replay id",
		}, weight: weightExact,
	},
	{
		Pattern: Pattern{
			ID: "sftp", Messages: []string{"auth fail", "userauth fail", "no such file", "not a directory", "unknownhostkey", "reject hostkey", "hostkey has been changed"}, Class: ClassConfiguration, Advice: AdviceAfterChange,
			Summary: "The SFTP server refuses the log-in, the key or the path.", Remedies: []string{"Check user, key and known host of the connector, and that the directory exists on the server."}, Source: "JSch, Apache SSHD",
		}, weight: weightText,
	},
	{
		Pattern: Pattern{
			ID: "sftp-authentication", Messages: []string{"auth fail", "userauth fail", "auth cancel", "too many authentication failures", "exhausted available authentication methods", "no more authentication methods"}, Class: ClassAuthentication, Advice: AdviceAfterChange,
			Summary: "The SFTP server refused the log-in.", Remedies: []string{"Check user, password or private key of the connector."}, Source: "JSch, Apache SSHD",
		}, weight: weightExact,
	},
}
