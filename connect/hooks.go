package connect

import "time"

// Hooks are functions that see what the client does, for metrics and tracing. Each may be nil. They are called synchronously, from several goroutines at once
// where the client is used so, and must be fast. None of what they are given holds a secret.
type Hooks struct {
	// Request is called before each attempt.
	Request func(Event)
	// Response is called after each attempt, with the status or the error.
	Response func(Event)
	// Retry is called before the wait that precedes another attempt.
	Retry func(Event)
	// Failover is called when the client moves to another worker; Next is that worker.
	Failover func(Event)
}

// Event describes one attempt of one call.
type Event struct {
	Method string
	// Path is the escaped path, Endpoint its pattern, such as "GET /connectors/{connector}/status": a label of few values.
	Path, Endpoint string
	// Worker is the base URL of the worker asked, Next of the one that is asked from now on (Failover).
	Worker, Next string
	// Attempt counts from 1.
	Attempt int
	// StatusCode is 0 without an answer; Err is the transport error then.
	StatusCode int
	Err        error
	// Duration is how long the attempt took (Response), Wait how long the client waits (Retry).
	Duration, Wait time.Duration
}
