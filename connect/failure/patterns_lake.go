package failure

// Iceberg, Delta, Hudi, Hive and HDFS.
var lakeRules = []rule{
	{
		Pattern: Pattern{
			ID: "iceberg-table-missing", Exceptions: []string{"org.apache.iceberg.exceptions.NoSuchTableException", "org.apache.iceberg.exceptions.NoSuchIcebergTableException", "org.apache.iceberg.exceptions.NoSuchViewException"}, Messages: []string{"table does not exist:"}, Class: ClassDataConstraint, Advice: AdviceAfterChange,
			Summary: "The table is not in the catalog[: {table}].", Remedies: []string{"Create the table, or set iceberg.tables.auto-create-enabled=true.", "Check iceberg.catalog.uri, iceberg.catalog.warehouse and the table's name."}, Source: "org.apache.iceberg.exceptions",
		}, weight: weightExact, either: true,
	},
	{
		Pattern: Pattern{
			ID: "iceberg-namespace-missing", Exceptions: []string{"org.apache.iceberg.exceptions.NoSuchNamespaceException", "org.projectnessie.error.NessieNotFoundException", "org.apache.iceberg.exceptions.NotFoundException", "org.apache.hadoop.hive.metastore.api.NoSuchObjectException"}, Messages: []string{"warehouse * not found", "namespace does not exist"}, Class: ClassConfiguration, Advice: AdviceAfterChange,
			Summary: "The namespace, branch or warehouse is not in the catalog[: {object}].", Remedies: []string{"Check iceberg.catalog.uri, iceberg.catalog.warehouse and the names of namespace and branch; create what is missing."}, Source: "org.apache.iceberg.exceptions, Nessie, Hive metastore",
		}, weight: weightSpecific, either: true,
	},
	{
		Pattern: Pattern{
			ID: "iceberg-authentication", Exceptions: []string{"org.apache.iceberg.exceptions.NotAuthorizedException"}, Class: ClassAuthentication, Advice: AdviceAfterChange,
			Summary: "The catalog refused the credentials.", Remedies: []string{"Check iceberg.catalog.credential, iceberg.catalog.token and the token endpoint (iceberg.catalog.oauth2-server-uri)."}, Source: "Iceberg REST catalog: 401",
		}, weight: weightExact,
	},
	{
		Pattern: Pattern{
			ID: "iceberg-authorization", Exceptions: []string{"org.apache.iceberg.exceptions.ForbiddenException"}, Class: ClassAuthorization, Advice: AdviceAfterChange,
			Summary: "The catalog does not allow the action.", Remedies: []string{"Give the catalog's principal the right to the namespace and table."}, Source: "Iceberg REST catalog: 403",
		}, weight: weightExact,
	},
	{
		Pattern: Pattern{
			ID: "iceberg-schema", Exceptions: []string{"org.apache.iceberg.exceptions.ValidationException", "org.apache.iceberg.exceptions.BadRequestException", "org.apache.iceberg.exceptions.UnprocessableEntityException", "org.apache.iceberg.exceptions.AlreadyExistsException"}, Messages: []string{"cannot change column type", "cannot add required column", "cannot write incompatible data", "cannot find field", "a schema mismatch detected"}, Class: ClassDataConstraint, Advice: AdviceAfterChange,
			Summary: "The table refuses the record or the change of its schema[: {table}].", Remedies: []string{"Compare the record with the table; set iceberg.tables.evolve-schema-enabled=true for new and wider columns."}, Source: "org.apache.iceberg.exceptions",
		}, weight: weightSpecific, either: true,
	},
	{
		Pattern: Pattern{
			ID: "iceberg-conflict", Exceptions: []string{"org.apache.iceberg.exceptions.CommitFailedException", "org.projectnessie.error.NessieConflictException", "org.projectnessie.error.NessieReferenceConflictException"}, Messages: []string{"concurrent", "has changed", "stale", "conflict", "requirement failed", "another process", "already been committed"}, Class: ClassTimeout, Advice: AdviceAfterRecovery,
			Summary: "Another writer committed to the table first[: {table}].", Remedies: []string{"Restart the task: the data files that were written are not lost.", "Where it comes back, let only one writer commit, or raise commit.retry.num-retries of the table."}, Source: "Iceberg: optimistic commits of the catalogs",
		}, weight: weightSpecific,
	},
	{
		Pattern: Pattern{
			ID: "iceberg-commit-state", Exceptions: []string{"org.apache.iceberg.exceptions.CommitFailedException", "org.apache.iceberg.exceptions.CommitStateUnknownException", "org.projectnessie.error.NessieConflictException", "org.apache.iceberg.exceptions.ServiceUnavailableException", "org.apache.iceberg.exceptions.ServiceFailureException", "org.apache.iceberg.exceptions.RESTException", "org.apache.iceberg.hive.RuntimeMetaException", "org.apache.iceberg.jdbc.UncheckedSQLException"}, Messages: []string{"could not open client transport", "failed to connect to hive metastore", "could not connect to meta store", "waiting for lock", "unable to instantiate org.apache.hadoop.hive.ql.metadata"}, Class: ClassConnection, Advice: AdviceAfterRecovery,
			Summary: "The catalog could not take the commit.", Remedies: []string{"Check that the catalog answers, and restart the task; the data files that were written are not lost.", "Where commits conflict, let only one writer commit, or raise commit.retry.num-retries of the table."}, Source: "org.apache.iceberg.exceptions; Hive metastore",
		}, weight: weightText, either: true,
	},
	{
		Pattern: Pattern{
			ID: "hdfs", Messages: []string{"name node is in safe mode", "could only be written to 0 of the", "could only be replicated to 0 nodes", "the namespace quota", "the diskspace quota"}, Exceptions: []string{"org.apache.hadoop.hdfs.server.namenode.SafeModeException", "org.apache.hadoop.hdfs.protocol.DSQuotaExceededException"}, Class: ClassResource, Advice: AdviceAfterRecovery,
			Summary: "HDFS does not take writes.", Remedies: []string{"Check data nodes, space and quota; leave safe mode; restart the task."}, Source: "Hadoop HDFS",
		}, weight: weightExact, either: true,
	},
	{
		Pattern: Pattern{
			ID: "hdfs-permission", Exceptions: []string{"org.apache.hadoop.security.AccessControlException", "org.apache.hadoop.security.authorize.AuthorizationException"}, Class: ClassAuthorization, Advice: AdviceAfterChange,
			Summary: "HDFS does not allow the user to write there.", Remedies: []string{"Give the user of the connector the right to the directory (hadoop fs -chown, ACLs)."}, Source: "Hadoop HDFS",
		}, weight: weightExact,
	},
	{
		Pattern: Pattern{
			ID: "hdfs-standby", Exceptions: []string{"org.apache.hadoop.ipc.StandbyException", "org.apache.hadoop.ipc.RemoteException", "org.apache.hadoop.hdfs.BlockMissingException"}, Messages: []string{"operation category * is not supported in state standby"}, Class: ClassConnection, Advice: AdviceAfterRecovery,
			Summary: "The name node is not the active one.", Remedies: fixReach, Source: "Hadoop HDFS",
		}, weight: weightText, either: true,
	},
}
