// Package errtolerance tells what Kafka Connect will do with a record that fails, before it fails.
//
// It builds, reads, checks and predicts the error handling of a connector: the eight errors.* keys of Connect (KIP-298),
// and what surrounds them. It talks to nobody: a worker's own validation needs the cluster and the plugins and knows two of
// these rules; everything here works on the map of strings that a connector configuration is.
//
//	c := errtolerance.DeadLetter("orders-dlq").WithReplicationFactor(2).WithRetry(time.Minute, 10*time.Second)
//	config = c.ApplyTo(config)
//	findings := errtolerance.Lint(config, errtolerance.Target{Kind: errtolerance.KindSink, KafkaVersion: "4.3.1", Brokers: 3})
//	if err := findings.Err(); err != nil { ... }
//
// # Values
//
// [Config] holds the eight keys. Its zero value is Connect's own default: fail at the first bad record. [FailFast],
// [LogAndSkip] and [DeadLetter] start from the three usual intentions; the WithX methods return changed copies.
// [Config.Map] writes only what differs from Connect's defaults, [Config.ApplyTo] replaces the eight keys in a connector's
// configuration and touches nothing else, [FromMap] reads as Kafka does.
//
// # Findings
//
// [Lint] and [LintSet] return [Findings], never an error: a [Finding] has a stable code, a severity, the exact key, what is
// wrong and the edit that fixes it. [SeverityError] means that records will be lost or that the connector will not start;
// a configuration that Kafka accepts and that does what its author wants has no such finding. What depends on a version, a
// kind or a number of brokers that the [Target] does not give is reported one level lower and says so. References such as
// ${file:/run/secrets:password} and placeholders are skipped, not guessed. Secret values are never shown.
//
// # Prediction
//
// [Predict] follows one failing record through a worker of a given version: attempts, waits, metrics, log, dead letter,
// offset, task state. [RetrySchedule] is Connect's own retry algorithm with its random part as bounds.
//
// # Concurrency
//
// Everything here is a value or a pure function, safe for concurrent use.
package errtolerance
