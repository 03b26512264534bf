// Package dlq reads the dead letters of Kafka Connect and brings them back.
package dlq
