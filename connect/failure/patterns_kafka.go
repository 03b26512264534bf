package failure

var (
	fixACL = []string{
		"Add the ACL the message names: READ on topics and the group connect-{connector} for sinks, WRITE and DESCRIBE (CREATE for new topics) for sources.",
		"Check which principal the connector uses: consumer.override.sasl.jaas.config, producer.override.sasl.jaas.config, or the worker's own.",
	}
	fixSASL = []string{
		"Check user, password and mechanism in sasl.jaas.config and sasl.mechanism, also under producer.override., consumer.override. and admin.override.",
		"Check that the credentials exist on the broker and are not expired; they may have been rotated.",
	}
	fixBroker = []string{
		"Check that the brokers of bootstrap.servers are up and can be reached from the worker, by the names of advertised.listeners.",
		"Restart the task once they answer.",
	}
	fixTooLarge = []string{
		"Raise producer.override.max.request.size (and buffer.memory) of the connector, max.message.bytes of the topic and message.max.bytes of the brokers, together.",
		"Set producer.override.compression.type, or make records smaller at the source.",
	}
)

// Kafka clients: org.apache.kafka.common.errors and what the clients say.
var kafkaRules = []rule{
	{
		Pattern: Pattern{
			ID: "kafka-authorization",
			Exceptions: []string{
				"org.apache.kafka.common.errors.TopicAuthorizationException", "org.apache.kafka.common.errors.GroupAuthorizationException", "org.apache.kafka.common.errors.ClusterAuthorizationException",
				"org.apache.kafka.common.errors.TransactionalIdAuthorizationException", "org.apache.kafka.common.errors.DelegationTokenAuthorizationException", "org.apache.kafka.common.errors.AuthorizationException",
			},
			Messages: []string{"not authorized to access topics", "not authorized to access group", "topic authorization failed", "group authorization failed", "cluster authorization failed", "transactional id authorization failed"},
			Class:    ClassAuthorization, Advice: AdviceAfterChange,
			Summary: "Kafka's ACLs do not let the connector in[: topic {topic}][: group {object}].", Remedies: fixACL,
			Source: "Kafka: org.apache.kafka.common.errors.AuthorizationException and its kinds",
		}, weight: weightExact, either: true,
	},
	{
		Pattern: Pattern{
			ID:         "kafka-authorization-generic",
			Exceptions: []string{"org.apache.kafka.connect.errors.ConnectException"}, Messages: []string{"authorization failed."},
			Class: ClassAuthorization, Advice: AdviceAfterChange,
			Summary: "Kafka's ACLs do not let the connector in.", Remedies: fixACL,
			Source: "Kafka: Errors.CLUSTER_AUTHORIZATION_FAILED",
		}, weight: weightSpecific,
	},
	{
		Pattern: Pattern{
			ID: "kafka-tls-handshake", Exceptions: []string{"org.apache.kafka.common.errors.SslAuthenticationException"},
			Class: ClassTLS, Advice: AdviceAfterChange,
			Summary: "The TLS handshake with a broker failed.", Remedies: fixTLS,
			Source: "Kafka: SslAuthenticationException",
		}, weight: weightExact,
	},
	{
		Pattern: Pattern{
			ID: "kafka-authentication",
			Exceptions: []string{
				"org.apache.kafka.common.errors.SaslAuthenticationException", "org.apache.kafka.common.errors.UnsupportedSaslMechanismException", "org.apache.kafka.common.errors.IllegalSaslStateException",
				"org.apache.kafka.common.errors.AuthenticationException", "org.apache.kafka.common.errors.DelegationTokenExpiredException", "org.apache.kafka.common.errors.DelegationTokenNotFoundException",
			},
			Messages: []string{"could not find a 'kafkaclient' entry in the jaas", "invalid username or password", "client sasl mechanism", "terminated during authentication", "entry in the jaas configuration", "unexpected kafka request of type * during sasl handshake"},
			Class:    ClassAuthentication, Advice: AdviceAfterChange,
			Summary: "The broker refused the log-in.", Remedies: fixSASL,
			Source: "Kafka: SaslAuthenticationException, JaasContext",
		}, weight: weightExact, either: true,
	},
	{
		Pattern: Pattern{
			ID:         "kerberos",
			Exceptions: []string{"org.ietf.jgss.GSSException", "javax.security.auth.login.LoginException", "javax.security.auth.login.FailedLoginException", "javax.security.sasl.SaslException", "sun.security.krb5.KrbException", "org.apache.hadoop.security.KerberosAuthException"},
			Messages: []string{
				"gss initiate failed", "no valid credentials provided", "cannot locate default realm", "clock skew too great", "client not found in kerberos database", "server not found in kerberos database", "pre-authentication information was invalid", "unable to obtain password from user", "ticket expired",
				"checksum failed", "unable to obtain principal name", "loginexception", "integrity check on decrypted field failed", "cannot find key of appropriate type", "failed to find any kerberos", "kerberos principal",
			},
			Class: ClassAuthentication, Advice: AdviceAfterChange,
			Summary:  "The log-in failed[ for {user}].",
			Remedies: []string{"Check the keytab, principal and realm in sasl.jaas.config and krb5.conf, and that the keytab is there on every worker.", "Compare the clocks of worker, KDC and server."},
			Source:   "org.ietf.jgss, MIT Kerberos error messages",
		}, weight: weightSpecific, either: true,
	},
	{
		Pattern: Pattern{
			ID: "oauth-token",
			Messages: []string{
				"invalid_client", "invalid_grant", "unauthorized_client", "invalid_scope", "access_denied", "invalid_token", "failed to authenticate", "token endpoint", "could not obtain access token", "failed to obtain access token", "unable to obtain access token", "failed to get access token", "failed to fetch token", "oauth token",
				"invalid access token", "access token expired", "access token has expired", "token has expired", "token is expired", "token expired", "jwt expired", "jwt token is invalid", "expired token", "invalid jwt", "invalid bearer token", "expiredauthenticationtoken", "invalid refresh token", "refresh token", "incorrectclientid",
			},
			Class: ClassAuthentication, Advice: AdviceAfterChange,
			Summary:  "The token was refused or could not be obtained.",
			Remedies: []string{"Check client id, client secret, scope and token endpoint of the connector.", "Renew the token or the secret where it expired."},
			Source:   "RFC 6749 5.2, RFC 6750 3.1; KIP-768",
		}, weight: weightSpecific,
	},
	{
		Pattern: Pattern{
			ID: "kafka-rebalance",
			Exceptions: []string{
				"org.apache.kafka.clients.consumer.CommitFailedException", "org.apache.kafka.clients.consumer.RetriableCommitFailedException", "org.apache.kafka.common.errors.RebalanceInProgressException", "org.apache.kafka.common.errors.IllegalGenerationException", "org.apache.kafka.common.errors.UnknownMemberIdException",
				"org.apache.kafka.common.errors.FencedInstanceIdException", "org.apache.kafka.common.errors.FencedMemberEpochException", "org.apache.kafka.common.errors.StaleMemberEpochException", "org.apache.kafka.common.errors.MemberIdRequiredException", "org.apache.kafka.connect.runtime.distributed.RebalanceNeededException",
			},
			Messages: []string{
				"consumer is not part of an active group", "since the group has already rebalanced", "no current assignment for partition", "offset commit failed with a retriable exception", "the group is rebalancing, so a rejoin is needed", "the coordinator is not aware of this member",
				"specified group generation id is not valid", "cannot complete request because of a conflicting operation (e.g. worker rebalance)", "request cannot be completed because a rebalance is expected", "consumer poll timeout has expired",
			},
			Class: ClassRebalance, Advice: AdviceRestart,
			Summary: "The consumer group gave the task's partitions away while it was busy.", Remedies: fixRebalance,
			Source: "Kafka: ConsumerCoordinator; KIP-62, KIP-848",
		}, weight: weightExact, either: true,
	},
	{
		Pattern: Pattern{
			ID: "kafka-fenced",
			Exceptions: []string{
				"org.apache.kafka.common.errors.ProducerFencedException", "org.apache.kafka.common.errors.InvalidProducerEpochException", "org.apache.kafka.common.errors.FencedLeaderEpochException", "org.apache.kafka.common.errors.TransactionCoordinatorFencedException", "org.apache.kafka.common.errors.InvalidPidMappingException",
				"org.apache.kafka.common.errors.UnknownProducerIdException", "org.apache.kafka.common.errors.TransactionAbortedException", "org.apache.kafka.common.errors.ConcurrentTransactionsException", "org.apache.kafka.common.errors.OutOfOrderSequenceException", "org.apache.kafka.connect.errors.FencedException",
			},
			Messages: []string{"there is a newer producer with the same transactionalid", "producer attempted an operation with an old epoch", "producer attempted to produce with an old epoch", "failed to fence zombie", "zombie fencing", "has been fenced", "fenced out by"},
			Class:    ClassRebalance, Advice: AdviceRestart,
			Summary: "A newer instance took over the transactional id of the task.",
			Remedies: []string{
				"Restart the task where no newer one runs; the open transaction was rolled back.",
				"Where it repeats, make sure that no two Connect clusters share one group.id and connector name.",
			},
			Source: "Kafka: KIP-98, KIP-618",
		}, weight: weightExact, either: true,
	},
	{
		Pattern: Pattern{
			ID: "kafka-record-too-large", Exceptions: []string{"org.apache.kafka.common.errors.RecordTooLargeException", "org.apache.kafka.common.errors.RecordBatchTooLargeException"},
			Messages: []string{"max.request.size configuration", "larger than the max message size the server will accept", "message_too_large", "which is larger than the total memory buffer"},
			Class:    ClassResource, Advice: AdviceAfterChange,
			Summary: "A record is larger than the producer or the broker allows.", Remedies: fixTooLarge,
			Source: "Kafka: RecordTooLargeException",
		}, weight: weightExact, either: true,
	},
	{
		Pattern: Pattern{
			ID: "kafka-replication-factor", Exceptions: []string{"org.apache.kafka.common.errors.InvalidReplicationFactorException"}, Messages: []string{"replication factor: * larger than available brokers", "unable to replicate the partition", "target replication factor of"},
			Class: ClassResource, Advice: AdviceAfterChange,
			Summary: "The cluster has fewer brokers than the replication factor asks for.",
			Remedies: []string{
				"Set errors.deadletterqueue.topic.replication.factor or topic.creation.default.replication.factor to at most the number of brokers (-1 takes the broker's default).",
				"Or create the topic by hand, or bring the missing brokers back.",
			},
			Source: "Kafka: InvalidReplicationFactorException; DeadLetterQueueReporter",
		}, weight: weightExact, either: true,
	},
	{
		Pattern: Pattern{
			ID: "kafka-offset-lost", Exceptions: []string{"org.apache.kafka.clients.consumer.OffsetOutOfRangeException", "org.apache.kafka.clients.consumer.NoOffsetForPartitionException", "org.apache.kafka.clients.consumer.InvalidOffsetException", "org.apache.kafka.clients.consumer.LogTruncationException"},
			Messages: []string{"offsets out of range with no configured reset policy", "undefined offset with no reset policy", "is out of range with no configured reset policy"},
			Class:    ClassSourceState, Advice: AdviceAfterChange,
			Summary: "The offset to read on from is no longer in the topic[ {topic}].",
			Remedies: []string{
				"Decide where to go on: set consumer.override.auto.offset.reset, or write offsets with PATCH /connectors/{connector}/offsets while it is stopped.",
				"Keep the topic longer (retention.ms) than the connector may be down.",
			},
			Source: "Kafka: consumer, auto.offset.reset=none",
		}, weight: weightExact, either: true,
	},
	{
		Pattern: Pattern{
			ID:         "kafka-brokers-unavailable",
			Messages:   []string{"no resolvable bootstrap urls", "couldn't resolve server", "bootstrap broker * disconnected"},
			Exceptions: []string{"org.apache.kafka.common.errors.NetworkException", "org.apache.kafka.common.errors.DisconnectException", "org.apache.kafka.common.errors.BrokerNotAvailableException", "org.apache.kafka.common.errors.BootstrapResolutionException"},
			Class:      ClassConnection, Advice: AdviceAfterRecovery,
			Summary: "The Kafka brokers cannot be reached.", Remedies: fixBroker,
			Source: "Kafka: ClientUtils.parseAndValidateAddresses, NetworkException",
		}, weight: weightExact, either: true,
	},
	{
		Pattern: Pattern{
			ID: "kafka-leader-moving",
			Exceptions: []string{
				"org.apache.kafka.common.errors.NotLeaderOrFollowerException", "org.apache.kafka.common.errors.NotLeaderForPartitionException", "org.apache.kafka.common.errors.LeaderNotAvailableException", "org.apache.kafka.common.errors.CoordinatorNotAvailableException",
				"org.apache.kafka.common.errors.CoordinatorLoadInProgressException", "org.apache.kafka.common.errors.NotCoordinatorException", "org.apache.kafka.common.errors.ReplicaNotAvailableException", "org.apache.kafka.common.errors.NotControllerException", "org.apache.kafka.common.errors.UnknownLeaderEpochException",
				"org.apache.kafka.common.errors.BrokerIdNotRegisteredException", "org.apache.kafka.common.errors.EligibleLeadersNotAvailableException",
			},
			Class: ClassConnection, Advice: AdviceAfterRecovery,
			Summary: "The partition or group has no leader at the moment.", Remedies: fixBroker,
			Source: "Kafka: Errors",
		}, weight: weightExact,
	},
	{
		Pattern: Pattern{
			ID: "kafka-not-enough-replicas", Exceptions: []string{"org.apache.kafka.common.errors.NotEnoughReplicasException", "org.apache.kafka.common.errors.NotEnoughReplicasAfterAppendException", "org.apache.kafka.common.errors.KafkaStorageException"},
			Class: ClassResource, Advice: AdviceAfterRecovery,
			Summary:  "Fewer replicas are in sync than min.insync.replicas asks for.",
			Remedies: []string{"Bring the missing brokers back; restart the task afterwards.", "Check min.insync.replicas of the topic against the number of brokers."},
			Source:   "Kafka: Errors.NOT_ENOUGH_REPLICAS",
		}, weight: weightExact,
	},
	{
		Pattern: Pattern{
			ID: "kafka-policy", Exceptions: []string{"org.apache.kafka.common.errors.PolicyViolationException"},
			Class: ClassConfiguration, Advice: AdviceAfterChange,
			Summary:  "A policy of the Kafka cluster forbids it[: {message}].",
			Remedies: []string{"Set replication factor, partitions and topic settings of the connector (topic.creation.*, errors.deadletterqueue.topic.replication.factor) as the policy wants them, or create the topic beforehand."},
			Source:   "Kafka: CreateTopicPolicy, AlterConfigPolicy (KIP-108, KIP-133)",
		}, weight: weightExact,
	},
	{
		Pattern: Pattern{
			ID: "kafka-quota", Exceptions: []string{"org.apache.kafka.common.errors.ThrottlingQuotaExceededException", "org.apache.kafka.common.errors.GroupMaxSizeReachedException", "org.apache.kafka.clients.producer.BufferExhaustedException"},
			Class: ClassResource, Advice: AdviceAfterChange,
			Summary:  "A limit of the Kafka cluster was reached.",
			Remedies: []string{"Ask the cluster's owner for the quota or policy the message names.", "Lower tasks.max or the number of topics and partitions the connector creates."},
			Source:   "Kafka: KIP-599, KIP-389",
		}, weight: weightExact,
	},
	{
		Pattern: Pattern{
			ID: "kafka-timeout", Exceptions: []string{"org.apache.kafka.common.errors.TimeoutException"},
			Messages: []string{
				"record(s) for * has passed since batch creation", "not present in metadata after", "timed out waiting for a node assignment", "failed to update metadata after", "timeout expired before the position", "timeout expired while", "failed to get offsets by times", "timed out while trying to create", "timed out while checking for or creating",
				"timeout of * expired before", "timeout expired before", "timeout expired after", "failed to allocate * bytes within the configured max blocking time",
			},
			Class: ClassTimeout, Advice: AdviceAfterRecovery,
			Summary: "The Kafka brokers did not answer in time[ for topic {topic}].",
			Remedies: []string{
				"Check that the brokers are up, that the topic exists, and that the worker can reach every advertised listener.",
				"Where the brokers are only slow: producer.override.delivery.timeout.ms, request.timeout.ms, max.block.ms, or smaller batches.",
			},
			Source: "Kafka: ProducerBatch, KafkaProducer.waitOnMetadata, KafkaAdminClient",
		}, weight: weightSpecific, either: true,
	},
	{
		Pattern: Pattern{
			ID:         "kafka-compacted-without-key",
			Exceptions: []string{"org.apache.kafka.common.errors.CorruptRecordException"}, Messages: []string{"compacted topic cannot accept message without key", "has a null key for a compacted topic"},
			Class: ClassDataConstraint, Advice: AdviceAfterChange,
			Summary:  "The topic is compacted and the record has no key.",
			Remedies: []string{"Give records a key (the ValueToKey transform), or set cleanup.policy=delete on the topic."},
			Source:   "Kafka: LogValidator",
		}, weight: weightExact, either: true,
	},
	{
		Pattern: Pattern{
			ID: "kafka-record-rejected", Exceptions: []string{"org.apache.kafka.common.InvalidRecordException", "org.apache.kafka.common.errors.UnknownServerException"}, Messages: []string{"one or more records have been rejected", "failed the validation on broker"},
			Class: ClassUnknown, Advice: AdviceUnknown,
			Summary: "The broker rejected a record without saying why.",
			Remedies: []string{
				"Read the broker's log at that time: it names the record and the rule.",
				"Check the topic's settings: cleanup.policy=compact wants a key, message.timestamp.type and message.timestamp.before.max.ms bound timestamps, some brokers validate schemas.",
			},
			Source: "Kafka: Errors.INVALID_RECORD",
		}, weight: weightSpecific, either: true,
	},
	{
		Pattern: Pattern{
			ID: "kafka-topic-invalid",
			Exceptions: []string{
				"org.apache.kafka.common.errors.InvalidTopicException", "org.apache.kafka.common.errors.UnknownTopicOrPartitionException", "org.apache.kafka.common.errors.UnknownTopicIdException", "org.apache.kafka.common.errors.UnsupportedVersionException",
				"org.apache.kafka.common.errors.InvalidRequiredAcksException", "org.apache.kafka.common.errors.InvalidPartitionsException", "org.apache.kafka.common.errors.UnsupportedForMessageFormatException", "org.apache.kafka.common.errors.UnsupportedCompressionTypeException", "org.apache.kafka.common.errors.InvalidGroupIdException",
				"org.apache.kafka.common.errors.InvalidSessionTimeoutException", "org.apache.kafka.common.errors.InconsistentGroupProtocolException", "org.apache.kafka.common.errors.InvalidTxnTimeoutException", "org.apache.kafka.connect.errors.NotFoundException", "org.apache.kafka.common.errors.InvalidReplicaAssignmentException",
			},
			Messages: []string{"invalid topics: [", "does not host this topic-partition", "topic name * is illegal", "did not complete within the configured * topic creation disabled", "broker does not support"},
			Class:    ClassConfiguration, Advice: AdviceAfterChange,
			Summary:  "A topic does not exist, or its name or a client setting is not one the brokers accept[: {topic}].",
			Remedies: []string{"Correct topics, topics.regex or the routing transform; create the topic where auto.create.topics.enable is false.", "Check the client settings the message names against the brokers' version."},
			Source:   "Kafka: Errors",
		}, weight: weightExact, either: true,
	},
}
