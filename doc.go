// Package reconnect is a map: the SDK's packages are independent, and each is imported by its own path.
//
//   - connect: a typed client of the Kafka Connect REST API.
//   - connect/connecttest: an in-process Connect cluster to test against.
//   - connect/failure: a Java stack trace becomes a cause, a class, advice and remedies.
//   - errtolerance: builders, a linter and a predictor for errors.*, dead-letter and retry settings.
//   - dlq: dead-letter headers decoded, records republished within a budget or parked.
//   - recovery: a supervisor that restarts what a restart can fix and says what it cannot.
//   - recovery/kafkastore, recovery/reach, recovery/kafkaprogress: its state on a topic, and what it can ask before it acts.
//   - recovery/recoveryprom, dlq/dlqprom: Prometheus metrics.
//
// The data flows once: lint a config (errtolerance), apply it (connect), watch and restart (recovery), explain (failure),
// read, fix and republish or park the dead letters (dlq). Programs to run and copy are under examples.
package reconnect
