// Package dlqprom makes Prometheus metrics of what a [dlq.Republisher] does.
//
//	metrics, err := dlqprom.Register(prometheus.DefaultRegisterer, &cfg) // before NewRepublisher
//	...
//	report, err := republisher.Run(ctx)
//	metrics.Done(report, err)
//
// Register wraps OnProgress and Audit of the configuration; what was set there is still called. Records are counted once their outcome is committed,
// as in the report, so a run that is repeated after a crash counts nothing twice that the report does not. A dry run moves nothing and counts no records.
//
// Every series has the labels topic, the dead letter queue, and group. Connectors are counted by name up to a bound, then as "other".
package dlqprom
