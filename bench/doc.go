// Package bench measures the pipe of a dlq.Republisher (fetch, parse, decide, strip, produce, commit) against a bare one on
// franz-go (poll, produce, flush, commit), in one process, in turns, on a real broker:
//
//	CONNECT_INTEGRATION=1 go test -run '^$' -bench Pipe -benchtime 3x
//
// What it reports per record is the CPU time of this process (user and system, getrusage), so that the broker's is not in it, and
// the ratio of the two. The other result is the largest heap, which follows RepublisherConfig.InFlightBytes and not the queue.
// It is a module of its own so that what only it needs is asked of nobody else.
package bench
