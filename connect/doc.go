// Package connect is a typed client of the Kafka Connect REST API.
package connect
