// Package kwire is what this module adds to kafka-go for records that must not be lost, doubled or changed: its own record
// batches with producer id, epoch and sequence, a reader that hides aborted transactions and knows the position behind
// a marker, transactions, and the classification of errors into those worth a retry.
package kwire
