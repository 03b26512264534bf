// Package recoveryprom makes Prometheus metrics of what a [recovery.Supervisor] knows.
//
//	if err := recoveryprom.Register(prometheus.DefaultRegisterer, supervisor); err != nil {
//		return err
//	}
//
// Nothing is counted twice and nothing is kept here: each scrape reads Snapshot and Stats, so a series ends with its connector. Every series has the
// label cluster, which is recovery.Config.Cluster (absent when that is empty); none names a worker, because a task that moves is still the same task.
//
// States and phases are state sets: one series per possible value, 1 for the present one and 0 for the others, so that an alert's expression always
// has something to compare with. The states are those of Connect's REST interface, in upper case.
//
// # Series
//
// A connector has about 30 series and each of its tasks 6. [Options] bounds both: beyond the bound, what is not healthy keeps its series, and
// connect_recovery_connectors_omitted counts the rest. Counters start at zero with the process, those of a connector again when it was deleted and
// created. A supervisor that waits for the lead (recovery.Config.Elector) has no series about connectors; connect_recovery_leader tells them apart.
//
// The alerts in examples/observability are written against these names.
package recoveryprom
