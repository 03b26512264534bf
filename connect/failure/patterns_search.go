package failure

var (
	fixMapping = []string{
		"Compare the record with the index's mapping: the same field has another type there. Change the mapping (a new index), or convert the field with Cast or ReplaceField.",
		"Let single bad documents pass: behavior.on.malformed.documents=warn or ignore, drop.invalid.message, or the dead letter queue.",
	}
	fixSearchBusy = []string{"Wait until the cluster has caught up, then restart; write smaller batches or fewer at a time (batch.size, max.in.flight.requests, linger.ms).", "Add capacity to the cluster, or raise its limits."}
)

// Elasticsearch and OpenSearch.
var searchRules = []rule{
	{
		Pattern: Pattern{
			ID: "search-mapping", Messages: []string{
				"mapper_parsing_exception", "strict_dynamic_mapping_exception", "document_parsing_exception", "document_source_missing_exception", "version_conflict_engine_exception", "illegal_argument_exception", "action_request_validation_exception", "failed to parse field", "limit of total fields", "document_missing_exception",
				"mapping set to strict", "can't merge a non object mapping", "immense term", "object mapping for * tried to parse field", "routing_missing_exception", "number_of_shards", "invalid_index_name", "dynamic introduction of", "resource_already_exists_exception", "x_content_parse_exception", "parsing_exception", "search_phase_execution_exception", "incompatible mapping",
			}, Class: ClassDataConstraint, Advice: AdviceAfterChange, Summary: "The index refuses a document[: {table}][, field {field}].", Remedies: fixMapping, Source: "Elasticsearch and OpenSearch: error.type of the bulk response",
		}, weight: weightExact,
	},
	{
		Pattern: Pattern{
			ID: "search-index-missing", Messages: []string{"index_not_found_exception", "invalid_index_name_exception", "index_closed_exception", "no such index", "invalid_alias_name_exception", "aliases_not_found_exception", "data stream * does not exist"}, Class: ClassDataConstraint, Advice: AdviceAfterChange,
			Summary: "The index[ {table}] does not exist or may not be called so.", Remedies: []string{"Create the index, alias or data stream, or correct the topic-to-index mapping (topic.to.external.resource.mapping, index.name.format).", "Index names are lower case: add a RegexRouter or lower-case transform."}, Source: "Elasticsearch and OpenSearch",
		}, weight: weightExact,
	},
	{
		Pattern: Pattern{
			ID: "search-busy", Messages: []string{"es_rejected_execution_exception", "circuit_breaking_exception", "rejected execution", "too_many_requests", "flood-stage", "flood_stage", "cluster_block_exception", "read-only-allow-delete", "read_only_allow_delete", "opensearch_rejected_execution", "rejected_execution_exception", "data too large", "maximum shards open", "maximum normal shards open"}, Class: ClassResource, Advice: AdviceAfterRecovery,
			Summary: "The search cluster is out of disk, memory, shards or queue.", Remedies: fixSearchBusy, Source: "Elasticsearch and OpenSearch: 429, cluster_block_exception",
		}, weight: weightExact,
	},
	{
		Pattern: Pattern{
			ID: "search-authentication", Messages: []string{"missing authentication credentials", "unable to authenticate user", "security_exception* 401"}, Class: ClassAuthentication, Advice: AdviceAfterChange,
			Summary: "The search cluster refused the log-in.", Remedies: []string{"Check connection.username and connection.password, or the API key."}, Source: "Elasticsearch: security_exception with 401",
		}, weight: weightExact,
	},
	{
		Pattern: Pattern{
			ID: "search-authorization", Messages: []string{"security_exception", "is unauthorized for user", "no permissions for [", "action [* is unauthorized"}, Class: ClassAuthorization, Advice: AdviceAfterChange,
			Summary: "The user of the search cluster lacks a right[ on {table}].", Remedies: []string{"Give the role create_index, write, read and monitor on the indices and the cluster.", "For AWS: map the IAM role in the domain's access policy."}, Source: "Elasticsearch: security_exception with 403; OpenSearch security plugin",
		}, weight: weightSpecific,
	},
	{
		Pattern: Pattern{
			ID: "search-version", Messages: []string{"unable to parse response body", "invalid media-type", "media type header", "content-type header [* is not supported", "server is incompatible", "the client noticed that the server is not"}, Class: ClassConfiguration, Advice: AdviceAfterChange,
			Summary: "The connector's client does not understand this version of the search server.", Remedies: []string{"Use a connector version made for the server's major version, or elastic.server.compatibility / compatibility mode (override.main.response.version) where it exists."}, Source: "Elasticsearch REST client 7 with server 8",
		}, weight: weightExact,
	},
	{
		Pattern: Pattern{
			ID: "search-unavailable", Messages: []string{"no_shard_available_action_exception", "unavailable_shards_exception", "master_not_discovered_exception", "process_cluster_event_timeout_exception", "node_not_connected_exception", "no alive nodes", "no living connections", "cluster_manager_not_discovered", "primary shard is not active"}, Class: ClassConnection, Advice: AdviceAfterRecovery,
			Summary: "The search cluster has no active shard or leader.", Remedies: fixSearchBusy, Source: "Elasticsearch and OpenSearch",
		}, weight: weightExact,
	},
}
