package failure

// Common words, for products nobody here has met: in messages, then in the names of exception classes.
var generalRules = []rule{
	{
		Pattern: Pattern{
			ID: "general-credentials", Messages: []string{
				"invalid api key", "invalid api-key", "api key is invalid", "invalid credentials", "bad credentials", "invalid password", "wrong password", "incorrect password", "password is incorrect", "invalid username or password", "password is invalid", "password or account is invalid", "incorrect username or password", "bad user name or password",
				"invalid username/password", "authentication failed", "invalid access key", "credentials are invalid", "could not authenticate", "authentication invalid", "credentials provided were not accepted",
			}, Class: ClassAuthentication, Advice: AdviceAfterChange, Summary: "The other side[ {host}] refused the credentials.",
			Remedies: []string{"Check user, password, key or token in the connector's configuration; they may have been rotated or expired."}, Source: "common wording",
		}, weight: weightSpecific,
	},
	{
		Pattern: Pattern{
			ID: "general-authentication", Messages: []string{
				"authentication failed", "authentication failure", "authentication error", "not authenticated", "unauthenticated", "invalid credentials", "bad credentials", "invalid password", "wrong password", "incorrect password", "invalid api key", "invalid api-key", "api key is invalid", "invalid token", "unauthorized", "login failed", "log in failed", "failed to login", "failed to log in",
				"could not authenticate", "unable to authenticate", "cannot authenticate", "invalid user name", "invalid username", "no credentials", "missing credentials", "credentials are invalid", "could not load credentials", "unable to load credentials", "not logged in", "invalid login", "password is incorrect", "authentication required", "authentication is required", "noauth", "wrongpass",
				"invalid authentication", "authentication exception", "could not find credentials", "signature mismatch", "invalid signature", "account locked", "access_refused", "invalid access key", "no valid credentials", "credentials expired", "credentials have expired",
			}, Class: ClassAuthentication, Advice: AdviceAfterChange, Summary: "The other side[ {host}] refused the credentials.",
			Remedies: []string{"Check user, password, key or token in the connector's configuration; they may have been rotated or expired."}, Source: "common wording",
		}, weight: weightText,
	},
	{
		Pattern: Pattern{
			ID: "general-authorization", Messages: []string{
				"permission denied", "access denied", "not authorized", "not permitted", "forbidden", "insufficient permission", "insufficient privilege", "insufficient scope", "insufficient access", "no permission", "lacks permission", "does not have permission", "do not have permission", "does not have the required", "doesn't have permission", "not allowed to", "is not allowed", "authorization failed",
				"authorization error", "operation not permitted", "permission_denied", "noperm", "missing permission", "required permission", "unauthorized operation", "access is denied", "privileges", "privilege required", "insufficient rights", "does not have the '",
			}, Class: ClassAuthorization, Advice: AdviceAfterChange, Summary: "The connector lacks a permission[ on {object}].",
			Remedies: []string{"Give the user, role or key of the connector the permission the message names."}, Source: "common wording",
		}, weight: weightText,
	},
	{
		Pattern: Pattern{
			ID: "general-timeout", Messages: []string{"timed out", "timeout", "time out", "time-out", "deadline exceeded", "deadline_exceeded", "took too long", "lock wait", "deadlock"}, Class: ClassTimeout, Advice: AdviceAfterRecovery,
			Summary: "The other side[ {host}] did not answer in time.", Remedies: fixSlow, Source: "common wording",
		}, weight: weightName,
	},
	{
		Pattern: Pattern{
			ID: "general-unavailable", Messages: []string{
				"temporarily unavailable", "currently unavailable", "is unavailable", "not available", "unreachable", "could not connect", "cannot connect", "unable to connect", "failed to connect", "can't connect", "failed to establish", "could not establish", "unable to establish", "connection failed", "connection failure", "connection error", "no connection", "lost connection", "connection to * failed", "session closed",
				"session expired", "session terminated", "is shutting down", "is closed", "went away", "failover", "no brokers available", "no nodes available", "server is down", "unable to reach", "could not reach", "cannot reach", "connection could not be", "unavailable:", "status: unavailable", "error connecting", "error communicating with", "no available server", "no available locator", "no primary", "error while connecting", "i/o error", "io error", "i/o exception", "channel is closed", "already closed",
			}, Class: ClassConnection, Advice: AdviceAfterRecovery, Summary: "The other side[ {host}] cannot be reached.", Remedies: fixReach, Source: "common wording",
		}, weight: weightText,
	},
	{
		Pattern: Pattern{
			ID: "general-limit", Messages: []string{
				"quota exceeded", "exceeded quota", "quota has been exceeded", "exceeds the quota", "rate limit", "rate exceeded", "throttl", "limit exceeded", "limit has been reached", "exceeded the limit", "exceeds the limit", "exceeded the maximum", "exceeds the maximum", "exceeds maximum", "maximum size", "too large", "too big", "out of memory", "insufficient memory", "insufficient storage", "insufficient space", "oom command not allowed",
				"resource_exhausted", "resource exhausted", "resources exhausted", "capacity exceeded", "storage full", "queue is full", "buffer is full", "table is full", "log is full", "backpressure", "request size", "too many",
			}, Class: ClassResource, Advice: AdviceAfterChange, Summary: "A limit of size, rate, memory or storage was reached.",
			Remedies: []string{"Send less or smaller: batch sizes, tasks.max, the record itself; or have the limit raised.", "For a rate limit, restart the task after a pause."}, Source: "common wording",
		}, weight: weightName,
	},
	{
		Pattern: Pattern{
			ID: "general-constraint", Messages: []string{
				"duplicate key", "already exists", "unique constraint", "unique index", "constraint violation", "constraint failed", "integrity constraint", "violates constraint", "primary key", "foreign key", "cannot be null", "must not be null", "not null constraint", "null constraint", "value too long", "is too long", "string too long", "value out of range", "out of range", "does not match the target", "rejected by", "no such column", "column does not",
				"table does not exist", "unknown column", "constraintvalidationfailed", "wrongtype", "duplicate record", "duplicate unique", "duplicate row", "duplicate primary key", "required field missing", "required_field_missing", "string_too_long", "invalid_field", "validation failed", "failed validation", "validation error", "undefined column", "unknown identifier", "unconfigured table", "invalidtypes", "schema mismatch", "incompatible schema", "type conflict", "object '* does not exist",
			}, Class: ClassDataConstraint, Advice: AdviceAfterChange, Summary: "The target refuses a record[ for {table}][, field {field}].", Remedies: fixTable, Source: "common wording",
		}, weight: weightText,
	},
	{
		Pattern: Pattern{
			ID: "general-not-found", Messages: []string{"does not exist", "doesn't exist", "not found", "no such", "could not find", "cannot find", "can't find"}, Class: ClassConfiguration, Advice: AdviceAfterChange,
			Summary: "Something the configuration names does not exist[: {object}].", Remedies: []string{"Check the names in the connector's configuration for typing errors.", "Create what is missing, then restart the task."}, Source: "common wording",
		}, weight: weightName,
	},
	{
		Pattern: Pattern{
			ID: "general-configuration", Messages: []string{"invalid argument", "not supported", "unsupported", "invalid property", "invalid setting", "invalid parameter", "illegal argument", "must be", "is required", "is not valid", "is invalid", "invalid value"}, Class: ClassConfiguration, Advice: AdviceAfterChange,
			Summary: "A setting is missing or wrong[: {setting}].", Remedies: fixSetting, Source: "common wording",
		}, weight: weightStage,
	},
	nameRule("name-timeout", ClassTimeout, AdviceAfterRecovery, fixSlow, "Timeout", "TimedOut", "DeadlineExceeded"),
	nameRule("name-authentication", ClassAuthentication, AdviceAfterChange, []string{"Check user, password, key or token in the connector's configuration; they may have been rotated or expired."}, "Authentication", "Unauthenticated", "Unauthorized", "InvalidCredential", "BadCredential", "CredentialsException", "Credential", "LoginException", "AuthFailed", "AuthException", "Kerberos", "TokenExpired", "InvalidToken", "InvalidApiKey"),
	nameRule("name-authorization", ClassAuthorization, AdviceAfterChange, []string{"Give the user, role or key of the connector the permission the message names."}, "AccessDenied", "Authorization", "PermissionDenied", "Forbidden", "AccessControl", "NotAuthorized", "InsufficientPrivilege", "Permission"),
	nameRule("name-tls", ClassTLS, AdviceAfterChange, fixTLS, "SSL", "Certificate", "TlsException", "CertPath", "KeyStore", "Handshake"),
	nameRule("name-limit", ClassResource, AdviceAfterRecovery, []string{"Send less or smaller: batch sizes, tasks.max, the record itself; or have the limit raised.", "For a rate limit, restart the task after a pause."}, "Throttl", "ThroughputExceeded", "TemporaryFailure", "RateLimit", "TooManyRequests", "QuotaExceeded", "LimitExceeded", "ResourceExhausted", "OutOfMemory", "TooLarge", "Overloaded", "CapacityExceeded", "SizeExceeded", "RequestLimit"),
	nameRule("name-serialization", ClassSerialization, AdviceAfterChange, fixRecord, "Deserializ", "Serializ", "ParseException", "ParsingException", "Conversion", "Convert", "Codec", "Decode", "Encod", "Malformed", "MappingException", "DataFormat", "Unmarshal", "Marshal", "InvalidFormat", "JsonException", "InvalidRecord"),
	nameRule("name-constraint", ClassDataConstraint, AdviceAfterChange, fixTable, "Constraint", "DuplicateKey", "Integrity", "AlreadyExists", "ConditionalCheckFailed", "ValidationException", "Conflict"),
	nameRule("name-connection", ClassConnection, AdviceAfterRecovery, fixReach, "ConnectionException", "ConnectionFailed", "ConnectionRefused", "ConnectionClosed", "ConnectionLost", "CannotConnect", "Unavailable", "HostUnreachable", "SocketException", "TransportException", "NetworkException", "Communication", "NoNodeAvailable", "NoAvailable", "NoHostAvailable", "AllNodesFailed", "Disconnect", "SessionClosed", "SessionExpired", "ConnectionLoss", "BrokenConnection", "Connection"),
	nameRule("name-configuration", ClassConfiguration, AdviceAfterChange, fixSetting, "ConfigException", "ConfigurationException", "InvalidConfig", "Misconfigur", "UnknownProperty", "MissingProperty", "NoSuchBean", "IllegalConfig", "InvalidUri", "InvalidUrl"),
	nameRule("name-missing", ClassConfiguration, AdviceAfterChange, fixSetting, "DoesNotExist", "DoesntExist", "NonExistent", "UnknownResource", "ResourceNotFound"),
	nameRule("name-position", ClassSourceState, AdviceAfterChange, fixPosition, "OffsetOutOfRange", "ResumeToken", "TrimmedData", "LogPosition", "CheckpointException", "ExpiredIterator"),
}

// nameRule is a row that looks for words in the simple name of exception classes that nothing else knows.
func nameRule(id string, class Class, advice Advice, remedies []string, words ...string) rule {
	return rule{
		Pattern: Pattern{ID: id, Class: class, Advice: advice, Summary: classSummary(class), Remedies: remedies, Source: "naming customs of Java exceptions"},
		weight:  weightName, names: words,
	}
}
