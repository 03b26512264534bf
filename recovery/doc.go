// Package recovery restarts what a restart can fix in a Kafka Connect cluster, stops where a person is needed and says so.
//
// Connect never restarts a FAILED connector or task by itself. A Supervisor polls the statuses with a constant number of requests, decides
// for each connector, restarts the smallest thing that works, and verifies what became of it. It is not an operator: it changes no config and
// never pauses, stops or deletes anything.
//
//	s, err := recovery.New(client, recovery.Config{})
//	if err != nil {
//		return err
//	}
//	return s.Run(ctx)
//
// # Semantics
//
// A restart is counted in the store before it is sent. A definite refusal gives it back; an answer that leaves open whether the restart happened
// keeps it counted. Where whoever reserved it died before it had an answer, and nothing has changed after RestartDelay, another one is reserved
// and sent: a crash costs at most one restart of the budget. Restarts leave the window by age or by Acknowledge only, so neither flapping nor a
// restart of the supervisor resets the budget. When it is used up the connector is exhausted, and stays so until a person acknowledges it, its
// config changes, it is healthy by itself, or a probe finds that the cause has gone.
//
// A restart that was accepted is not a success: recovered means RUNNING for Policy.StableFor, relapsed means FAILED again, or no answer
// within Policy.VerifyTimeout.
//
// # Errors
//
// A sweep that breaks off, or that suddenly shows less than half of the connectors, is an error and changes nothing. A state that cannot be
// read means hold, never "start over".
//
// # Without the Supervisor
//
// Decide, Settle, Observe and Act are the same rules as pure functions, for a controller that has its own loop and its own storage.
//
// # Concurrency
//
// A Supervisor is safe for concurrent use. Run and Reconcile exclude each other.
package recovery
