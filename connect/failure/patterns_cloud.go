package failure

var (
	fixCloudLogin = []string{"Check the key, role or service account of the connector and that it is not expired: environment, instance profile, web identity or the connector's own settings.", "Check that every worker can reach the credentials service."}
	fixCloudGrant = []string{"Give the connector's identity the action the message names, on the bucket, stream, table or topic, and on the key that encrypts it.", "Check the resource's own policy and the organisation's guard rails too."}
	fixCloudName  = []string{"Check the name, region and project of the bucket, stream, dataset or queue in the connector's configuration.", "Create it, then restart the task."}
	fixCloudRate  = []string{"Restart the task after a pause; write larger objects less often (flush.size, rotate.interval.ms), or with fewer tasks.", "Have the quota raised."}
)

// AWS, Google Cloud and Azure, and what is stored there.
var cloudRules = []rule{
	{
		Pattern: Pattern{
			ID: "aws-credentials", Messages: []string{
				"unable to load aws credentials", "unable to load credentials from any", "unable to load credentials", "expiredtoken", "the security token included in the request is", "the provided token has expired", "invalidaccesskeyid", "the aws access key id you provided does not exist", "signaturedoesnotmatch", "the request signature we calculated", "invalidclienttokenid", "unrecognizedclient", "incompletesignature",
				"request has expired", "requesttimetooskewed", "invalidtoken", "missingauthenticationtoken", "not a valid key=value pair", "credentials must not be null", "profile file cannot be null", "invalididentitytoken", "the request time and the current time",
			}, Class: ClassAuthentication, Advice: AdviceAfterChange, Summary: "AWS credentials are missing, wrong or expired.", Remedies: fixCloudLogin, Source: "AWS common errors; AWS SDK for Java",
		}, weight: weightExact,
	},
	{
		Pattern: Pattern{
			ID: "aws-access-denied", Messages: []string{"is not authorized to perform", "accessdenied", "error code: accessdenied", "allaccessdisabled", "unauthorizedoperation", "accessdeniedexception", "kms.disabledexception", "kms: * is not authorized", "the ciphertext refers to a customer master key", "no identity-based policy allows", "explicit deny in", "kmsaccessdenied", "notauthorized", "access denied (service:"}, Class: ClassAuthorization, Advice: AdviceAfterChange,
			Summary: "AWS does not allow the action[ on {object}].", Remedies: fixCloudGrant, Source: "AWS common errors: AccessDenied",
		}, weight: weightExact,
	},
	{
		Pattern: Pattern{
			ID: "aws-resource-missing", Messages: []string{"nosuchbucket", "the specified bucket does not exist", "specified bucket is not valid", "permanentredirect", "authorizationheadermalformed", "invalidbucketname", "resourcenotfoundexception", "queuedoesnotexist", "nonexistentqueue", "entitynotfoundexception", "the bucket you are attempting to access must be addressed", "unable to find a region", "unable to load region", "requested resource not found", "function not found", "nosuchkey", "notfoundexception (service", "illegallocationconstraint", "no such bucket"}, Class: ClassConfiguration, Advice: AdviceAfterChange,
			Summary: "The bucket, stream, table or region the connector names is not there[: {object}].", Remedies: fixCloudName, Source: "AWS S3, Kinesis, DynamoDB, SQS, Glue error codes",
		}, weight: weightExact,
	},
	{
		Pattern: Pattern{
			ID: "aws-throttled", Messages: []string{"slowdown", "please reduce your request rate", "throttlingexception", "throughputexceeded", "provisionedthroughputexceededexception", "requestlimitexceeded", "toomanyrequestsexception", "limitexceededexception", "rate exceeded", "throttled"}, Class: ClassResource, Advice: AdviceAfterRecovery,
			Summary: "AWS limits the rate.", Remedies: fixCloudRate, Source: "AWS common errors: ThrottlingException; S3 SlowDown",
		}, weight: weightExact,
	},
	{
		Pattern: Pattern{
			ID: "aws-data", Messages: []string{"conditionalcheckfailedexception", "validationexception", "one or more parameter values were invalid", "invalidmessagecontents", "entitytoolarge", "malformedxml", "recordtoolarge", "item size has exceeded"}, Class: ClassDataConstraint, Advice: AdviceAfterChange,
			Summary: "The AWS service refuses a record.", Remedies: fixTable, Source: "DynamoDB, SQS, S3 error codes",
		}, weight: weightSpecific,
	},
	{
		Pattern: Pattern{
			ID: "aws-unreachable", Messages: []string{"unable to execute http request", "failed to connect to service endpoint", "serviceunavailable", "unable to reach service endpoint"}, Class: ClassConnection, Advice: AdviceAfterRecovery,
			Summary: "The AWS endpoint[ {host}] cannot be reached.", Remedies: fixReach, Source: "AWS SDK for Java",
		}, weight: weightText,
	},
	{
		Pattern: Pattern{
			ID: "gcp-credentials", Messages: []string{"the application default credentials are not available", "error getting access token", "invalid jwt signature", "google credentials", "could not find default credentials", "your default credentials were not found", "failed to create google", "invalid service account", "request had invalid authentication credentials", "error code invalid_grant", "reading credentials", "unauthenticated:", "status{code=unauthenticated"}, Exceptions: []string{"com.google.api.gax.rpc.UnauthenticatedException", "com.google.auth."}, Class: ClassAuthentication, Advice: AdviceAfterChange,
			Summary: "Google Cloud credentials are missing, wrong or expired.", Remedies: fixCloudLogin, Source: "google-auth-library-java; gRPC UNAUTHENTICATED",
		}, weight: weightExact, either: true,
	},
	{
		Pattern: Pattern{
			ID: "gcp-permission", Messages: []string{"permission_denied", "does not have storage.", "does not have bigquery.", "access denied: table", "access denied: dataset", "access denied: project", "user not authorized to perform", "caller does not have", "does not have serviceusage", "accessnotconfigured", "has not been used in project", "permission '* denied", "billing has not been enabled", "requires billing"}, Exceptions: []string{"com.google.api.gax.rpc.PermissionDeniedException"}, Class: ClassAuthorization, Advice: AdviceAfterChange,
			Summary: "Google Cloud does not allow the action[ on {object}].", Remedies: fixCloudGrant, Source: "gRPC PERMISSION_DENIED; Google Cloud IAM",
		}, weight: weightExact, either: true,
	},
	{
		Pattern: Pattern{
			ID: "gcp-missing", Messages: []string{"not found: dataset", "not found: project", "not_found:", "status{code=not_found", "the specified bucket does not exist", "resource not found (resource="}, Exceptions: []string{"com.google.api.gax.rpc.NotFoundException"}, Class: ClassConfiguration, Advice: AdviceAfterChange,
			Summary: "The Google Cloud resource is not there[: {object}].", Remedies: fixCloudName, Source: "gRPC NOT_FOUND; BigQuery notFound",
		}, weight: weightSpecific, either: true,
	},
	{
		Pattern: Pattern{
			ID: "gcp-quota", Messages: []string{"ratelimitexceeded", "quotaexceeded", "resource_exhausted", "exceeded rate limits", "job exceeded", "exceeded your", "userratelimitexceeded"}, Exceptions: []string{"com.google.api.gax.rpc.ResourceExhaustedException"}, Class: ClassResource, Advice: AdviceAfterRecovery,
			Summary: "Google Cloud limits the rate.", Remedies: fixCloudRate, Source: "gRPC RESOURCE_EXHAUSTED; BigQuery rateLimitExceeded",
		}, weight: weightExact, either: true,
	},
	{
		Pattern: Pattern{
			ID: "bigquery-data", Messages: []string{"no such field:", "not found: table", "missing required fields", "provided schema does not match table", "table insertion failed for the following rows", "failed to unionize schemas", "schema update", "cannot convert value to", "this field is not a record", "has changed type from", "does not match schema", "could not convert value to", "invalid_argument", "invalid field name", "reason: invalid", "array specified for non-repeated field", "duplicate field names", "has incompatible changes", "failed to update table schema", "cannot add required", "changed mode from"}, Exceptions: []string{"com.google.api.gax.rpc.InvalidArgumentException", "com.google.cloud.bigquery.storage.v1.Exceptions"}, Class: ClassDataConstraint, Advice: AdviceAfterChange,
			Summary: "BigQuery refuses a record[ for {table}][, field {field}].", Remedies: []string{"Compare the record with the table's schema; allow changes with allowNewBigQueryFields and allowBigQueryRequiredFieldRelaxation.", "Rename fields BigQuery does not accept with sanitizeFieldNames."}, Source: "BigQuery insertAll errors, gRPC INVALID_ARGUMENT",
		}, weight: weightSpecific, either: true,
	},
	{
		Pattern: Pattern{
			ID: "grpc-unavailable", Messages: []string{"statusruntimeexception: unavailable", "status{code=unavailable", "unavailable: io exception", "backenderror"}, Exceptions: []string{"com.google.api.gax.rpc.UnavailableException", "com.google.api.gax.rpc.InternalException", "com.google.api.gax.rpc.AbortedException"}, Class: ClassConnection, Advice: AdviceAfterRecovery,
			Summary: "The service[ {host}] is not available.", Remedies: fixReach, Source: "gRPC UNAVAILABLE",
		}, weight: weightSpecific, either: true,
	},
	{
		Pattern: Pattern{
			ID: "grpc-deadline", Messages: []string{"deadline_exceeded", "deadline exceeded"}, Exceptions: []string{"com.google.api.gax.rpc.DeadlineExceededException"}, Class: ClassTimeout, Advice: AdviceAfterRecovery,
			Summary: "The service[ {host}] did not answer in time.", Remedies: fixSlow, Source: "gRPC DEADLINE_EXCEEDED",
		}, weight: weightExact, either: true,
	},
	{
		Pattern: Pattern{
			ID: "azure-authentication", Messages: []string{"authenticationfailed", "server failed to authenticate the request", "invalidauthenticationinfo", "aadsts", "managed identity", "chainedtokencredential", "environmentcredential authentication unavailable", "invalid sas", "signature did not match", "nomatchingsubscription", "invalid signature", "put token failed", "unauthorized access. 'send'", "unauthorized access. 'listen'", "keybasedauthenticationnotpermitted", "the mac signature found", "input authorization token can't serve"}, Exceptions: []string{"com.azure.identity."}, Class: ClassAuthentication, Advice: AdviceAfterChange,
			Summary: "Azure refused the key, token or identity.", Remedies: fixCloudLogin, Source: "Azure Storage and Microsoft Entra error codes",
		}, weight: weightExact, either: true,
	},
	{
		Pattern: Pattern{
			ID: "azure-authorization", Messages: []string{"authorizationfailure", "authorizationpermissionmismatch", "this request is not authorized to perform this operation", "insufficientaccountpermissions", "authorizationsourceipmismatch", "authorizationprotocolmismatch", "request blocked by auth", "publicaccessnotpermitted"}, Class: ClassAuthorization, Advice: AdviceAfterChange,
			Summary: "Azure does not allow the action[ on {object}].", Remedies: fixCloudGrant, Source: "Azure Storage error codes",
		}, weight: weightExact,
	},
	{
		Pattern: Pattern{
			ID: "azure-missing", Messages: []string{"containernotfound", "the specified container does not exist", "blobnotfound", "filesystemnotfound", "the messaging entity * could not be found", "accountisdisabled", "resourcenotfound", "the specified resource does not exist", "parentnotfound", "invalidresourcename"}, Class: ClassConfiguration, Advice: AdviceAfterChange,
			Summary: "The Azure container, queue or account is not there[: {object}].", Remedies: fixCloudName, Source: "Azure Storage and Service Bus error codes",
		}, weight: weightExact,
	},
	{
		Pattern: Pattern{
			ID: "http-pool-exhausted", Messages: []string{"acquire operation took longer than", "timeout waiting for connection from pool", "connection lease request time out", "pending acquire queue has reached its maximum size", "maximum pending acquire"}, Class: ClassTimeout, Advice: AdviceAfterRecovery,
			Summary: "No connection of the client's pool became free in time.", Remedies: []string{"Lower what runs at the same time (tasks.max, parallel uploads), or raise the pool of the client.", "Where the service is slow, restart the task once it is quick again."}, Source: "AWS SDK 2 (Netty client), Apache HttpClient, Reactor Netty",
		}, weight: weightExact,
	},
	{
		Pattern: Pattern{
			ID: "azure-busy", Messages: []string{"serverbusy", "server is busy", "operationtimedout", "request rate is large", "requestratetoolarge", "the request was terminated because the entity is being throttled", "toomanyrequests", "too many requests"}, Class: ClassResource, Advice: AdviceAfterRecovery,
			Summary: "Azure limits the rate.", Remedies: fixCloudRate, Source: "Azure Storage ServerBusy, Cosmos DB 429",
		}, weight: weightSpecific,
	},
}
