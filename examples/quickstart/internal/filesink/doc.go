// Package filesink is the FileStreamSink of the quickstart's embedded Connect cluster: one sink task as a distributed worker of Kafka 4.3 runs it.
//
// It consumes the connector's topics in the group connect-<name>, converts keys and values, retries and tolerates as errors.* says,
// writes dead letters with the ten headers of KIP-298, appends what is left to a file, and commits offsets after that.
// A task that fails returns an error whose text is the stack trace that a worker would show in /status.
//
// # What it does not model
//
// Transforms, header converters other than the default one, topics.regex, logical types and bytes in JSON schemas, client overrides
// and metrics. A config that asks for one of these is refused when the task starts, never half obeyed.
package filesink
