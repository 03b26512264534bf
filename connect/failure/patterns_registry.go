package failure

import "strings"

var (
	fixRegistryReach = []string{
		"Check that the registry is up and that key.converter.schema.registry.url and value.converter.schema.registry.url (apicurio.registry.url) are its address, seen from the worker.",
		"Restart the task once it answers.",
		"Set errors.retry.timeout so that a short outage of the registry does not stop the task.",
	}
	fixRegistrySchema = []string{
		"For an incompatible schema: change it back, or change the subject's compatibility level, then restart the task.",
		"For an unknown subject or id: check that producer and connector use the same registry and the same subject name strategy.",
		"For a refused user: check basic.auth.credentials.source and basic.auth.user.info under key.converter.schema.registry. and value.converter.schema.registry.",
	}
	registryFrames = []string{"io.confluent.kafka.schemaregistry.", "io.apicurio.", "com.amazonaws.services.schemaregistry.", "com.microsoft.azure.schemaregistry.", "com.azure.data.schemaregistry.", "io.confluent.kafka.serializers.", "com.hortonworks.registries."}
)

// Schema registries: Confluent, Apicurio, AWS Glue, Azure.
var registryRules = []rule{
	{
		Pattern: Pattern{
			ID: "registry-tls", Frames: registryFrames,
			Messages: []string{"header parser received no bytes", "remote host terminated the handshake", "pkix path", "unrecognized ssl message", "unsupported or unrecognized ssl", "received fatal alert", "no subject alternative", "hostname * not verified"},
			Class:    ClassTLS, Advice: AdviceAfterChange,
			Summary: "The TLS handshake with the schema registry failed.", Remedies: fixTLS,
			Source: "java.net.http, javax.net.ssl behind the registry clients",
		}, weight: weightExact,
	},
	{
		Pattern: Pattern{
			ID: "registry-server-error", Exceptions: []string{"io.confluent.kafka.schemaregistry.client.rest.exceptions.RestClientException", "io.apicurio."},
			Messages: []string{"error code: 50", "internal server error", "service unavailable", "bad gateway", "gateway timeout", "error code: 429", "too many requests", "exception occurred in storage", "master_not_available", "leader", "error while forwarding"},
			Class:    ClassSchemaRegistry, Advice: AdviceAfterRecovery,
			Summary: "The schema registry is in trouble[, at {subject}].", Remedies: fixRegistryReach,
			Source: "Confluent Schema Registry API: 50001 to 50003; Apicurio",
		}, weight: weightExact,
	},
	{
		Pattern: Pattern{
			ID: "registry-unreachable",
			Exceptions: []string{
				"java.net.ConnectException", "java.net.UnknownHostException", "java.net.SocketTimeoutException", "java.net.SocketException", "java.net.NoRouteToHostException", "java.net.http.HttpConnectTimeoutException", "java.net.http.HttpTimeoutException", "java.net.PortUnreachableException",
				"org.apache.hc.client5.http.HttpHostConnectException", "org.apache.hc.core5.http.NoHttpResponseException", "java.nio.channels.UnresolvedAddressException", "java.nio.channels.ClosedChannelException",
			},
			Match: asksRegistry,
			Class: ClassSchemaRegistry, Advice: AdviceAfterRecovery,
			Summary: "The schema registry[ {host}] cannot be reached.", Remedies: fixRegistryReach,
			Source: "Confluent RestService, Apicurio client",
		}, weight: weightExact,
	},
	{
		Pattern: Pattern{
			ID: "registry-refused",
			Exceptions: []string{
				"io.confluent.kafka.schemaregistry.client.rest.exceptions.RestClientException", "io.confluent.kafka.schemaregistry.rest.exceptions.", "com.amazonaws.services.schemaregistry.", "io.apicurio.rest.client.auth.exception.", "io.apicurio.registry.rest.client.exception.ArtifactNotFoundException",
				"io.apicurio.registry.rest.client.exception.RuleViolationException", "io.apicurio.registry.rest.client.exception.NotFoundException", "io.apicurio.registry.rest.client.exception.ArtifactAlreadyExistsException", "io.apicurio.registry.rest.client.exception.BadRequestException",
				"io.apicurio.registry.rest.client.exception.VersionNotFoundException", "io.apicurio.registry.rest.client.exception.ConflictException",
			},
			Messages: []string{
				"schema being registered is incompatible", "incompatible with an earlier schema", "error registering * schema", "error retrieving * schema", "incompatible avro schema", "subject not found", "subject * not found", "schema not found", "error code: 40401", "error code: 40402", "error code: 40403", "error code: 42201", "error code: 42202",
				"error code: 42203", "incompatible artifact", "artifactid cannot be null", "no artifact with id", "schema registry", "apicurio registry", "schema is not compatible", "failed to find schema", "could not find schema version", "subject does not exist", "failed to get schema from", "failed to register schema", "unable to register schema",
				"schemaregistry",
			},
			Class: ClassSchemaRegistry, Advice: AdviceAfterChange,
			Summary: "The schema registry refuses the schema or does not know it[: {subject}].", Remedies: fixRegistrySchema,
			Source: "Confluent Schema Registry API error codes, Apicurio exceptions, AWS Glue Schema Registry",
		}, weight: weightSpecific, either: true,
	},
	{
		Pattern: Pattern{
			ID:         "registry-serde",
			Exceptions: []string{"java.io.UncheckedIOException", "com.fasterxml.jackson.core.JsonParseException", "java.io.EOFException", "java.lang.IllegalStateException", "java.lang.NullPointerException", "java.io.IOException", "com.microsoft.kiota.ApiException"}, Frames: []string{"io.apicurio."},
			Class: ClassSchemaRegistry, Advice: AdviceAfterChange,
			Summary: "The record does not hold what the registry's converter expects, or the registry's address answers with something else.",
			Remedies: []string{
				"Check that the records were written with the same registry and id handler (apicurio.registry.id-handler, apicurio.registry.as-confluent), and are not plain JSON or Avro.",
				"Open the registry's URL: a sign-in page or a proxy's error page in place of JSON means the address or the credentials are wrong.",
			},
			Source: "Apicurio: AbstractKafkaDeserializer, BodyHandler",
		}, weight: weightSpecific,
	},
	{
		Pattern: Pattern{
			ID: "registry-no-answer", Exceptions: []string{"io.apicurio.registry.rest.client.exception.RestClientException", "io.apicurio.rest.client.", "io.apicurio.registry.rest.client.", "io.apicurio.registry.client."},
			Class: ClassSchemaRegistry, Advice: AdviceAfterRecovery,
			Summary: "The schema registry cannot be reached or failed.", Remedies: fixRegistryReach,
			Source: "Apicurio: ErrorHandler.parseError keeps neither text nor cause of a connection error",
		}, weight: weightPlatform,
	},
}

// asksRegistry reports whether the trace passes through the client of a registry, or through the serializers that ask it:
// their exceptions have no frames, and the frames below are cut by `... 12 more`.
func asksRegistry(t Trace) bool {
	for i := range t.Chain {
		m := t.Chain[i].Message
		m = m[:min(len(m), 200)]
		if !strings.Contains(m, "erializ") && !strings.Contains(m, "rror re") {
			continue
		}
		for _, verb := range [...]string{"rror serializing ", "rror deserializing ", "rror retrieving ", "rror registering ", "ailed to serialize Avro", "ailed to deserialize data for topic"} {
			if strings.Contains(m, verb) && (strings.Contains(m, "Avro") || strings.Contains(m, "JSON") || strings.Contains(m, "Protobuf") || strings.Contains(m, "schema")) {
				return true
			}
		}
	}
	return hasFramePrefix(t, registryFrames[:5])
}
