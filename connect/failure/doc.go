// Package failure turns a Java stack trace into a cause, a class, advice on restarting and remedies.
//
// The text comes from a connector's status, a dead letter's header, a REST error or a log. [Parse] splits it into its
// exceptions; [Diagnose] looks at the whole chain with a table of patterns: exception classes, vendor codes, HTTP statuses
// and message texts, the most specific and then the deepest first.
//
//	d := failure.Diagnose(trace)
//	fmt.Println(d.Class, d.Restart, d.Summary)
//	for _, remedy := range d.Remedies {
//		fmt.Println("-", remedy)
//	}
//
// # Advice
//
// [AdviceRestart] is given only where the text shows that nothing but a new start is needed: a rebalance, a fenced
// producer, a session that was open and broke off. [AdviceAfterRecovery] is for what passes once the other side is back.
// [AdviceAfterChange] is for what fails again until a person has changed something. What the text does not show is
// [ClassUnknown] with [AdviceUnknown]: no answer is better than a wrong one.
//
// # What a diagnosis shows
//
// Messages carry row values, SQL parameters and sometimes secrets. The summary and the message of Diagnosis.Root have them
// replaced by `[redacted]`; a [Trace] has the text as it is.
//
// # Own patterns
//
// [New] returns a [Diagnoser] that tries the given patterns first. docs/failures.md lists the built-in ones.
//
// # Cost
//
// Every text is accepted and takes time and memory in proportion to its length. All functions are safe for concurrent use.
package failure
