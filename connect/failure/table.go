package failure

//go:generate go test -count=1 -run ^TestDocumentation . -update

import "slices"

// builtin returns the whole table. Rows of one file belong to one product; between rows of equal weight on one exception
// the earlier one decides.
func builtin() []rule {
	return slices.Concat(connectRules, kafkaRules, registryRules, dataRules, postgresRules, mysqlRules, databaseRules,
		debeziumRules, mongoRules, searchRules, cloudRules, lakeRules, messagingRules, storeRules, httpRules, tlsRules, networkRules, generalRules)
}

// Patterns returns the built-in table, in the order in which it is tried between equals. The rows are copies; their lists are shared.
func Patterns() []Pattern {
	table := builtin()
	out := make([]Pattern, len(table))
	for i := range table {
		out[i] = table[i].Pattern
	}
	return out
}
