// Package connect is a typed client of the Kafka Connect REST API: every endpoint of every version in use, errors that say what is known, and
// repetitions that cannot do harm. It does not decide what to restart (package recovery does), explain traces (connect/failure) or run a cluster
// for tests (connect/connecttest).
//
//	c, err := connect.NewClient("http://connect-0:8083", connect.WithWorkers("http://connect-1:8083"))
//	...
//	change, err := c.Apply(ctx, "orders-sink", config, connect.ApplyOptions{WaitTasks: 1})
//	for status, err := range c.Statuses(ctx) { ... }
//	plan, err := c.Restart(ctx, "orders-sink", connect.RestartOptions{IncludeTasks: true, OnlyFailed: true})
//
// # What is sent again
//
// Reads, after 429, 502, 503, 504 and transport errors. Any call, where it is certain that nothing was done: an answer that a rebalance is going on, a
// worker that is still starting, a connection that was never made, and once after a 401 when the credentials have changed. Nothing else: a write whose outcome is open
// is the caller's to look into, [Error.Applied] says so, and CreateConnector reads back what became of it. See [RetryPolicy].
//
// # Workers
//
// A call goes to the worker that answered last and moves on when that one cannot be reached or is starting. Redirects are not followed, and credentials go
// to configured URLs only, never to a worker_id. Plugins, log levels and health are a worker's own: see [Client.OnWorker].
//
// # Versions
//
// Vendor versions are mapped (7.5.0-ccs is Kafka 3.5), and of all versions seen in ten minutes the lowest decides; one that cannot be mapped is unknown, never newest. A call that
// the server is too old for is [ErrUnsupported] and names the Kafka version and the KIP. The version is read only where an old worker would take the call and do something else.
//
// # Names
//
// A connector name is one encoded path segment. Kafka 4 cannot address names with a slash, a backslash or a percent sign, which is reported before sending; a write that a
// forwarding worker would carry to another connector is refused, see [WithMisdirectingNames].
//
// # Time
//
// One attempt may take 10 s for what a worker answers from memory and 100 s for what its herder does ([WithTimeout]). A whole call is bound by its context, or by 3 minutes
// where that has no deadline. A context that ends ends the call at once.
//
// # Errors
//
// Every error of a call is an [*Error] or holds one, and matches the sentinels with errors.Is. An answer that Connect does not give (HTML, plain text, an empty body, at any status) is never a
// zero value without an error. Calls that do several things return what was done together with an error.
//
// # Secrets
//
// [Config], diffs, changes and errors print without secrets under every verb and in slog; [Error.Body] and JSON are raw. References such as ${file:/x:password} are no
// secrets. A mask such as ****** is never written back.
//
// # Concurrency
//
// A [Client] is safe for concurrent use and has no goroutine of its own. Values it returns are the caller's.
package connect
