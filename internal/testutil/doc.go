// Package testutil runs real Kafka brokers and Kafka Connect workers in containers for this module's tests.
package testutil
