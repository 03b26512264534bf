// Package recoverysim plays fault scripts against a recovery.Policy in virtual time: a week takes milliseconds.
//
// It answers "how many restarts, and how long until it runs again?" before a policy meets a real outage, and compares a policy with the rules that
// other tools publish. One connector with one task is played through recovery.Decide and recovery.Settle, the same functions that the Supervisor uses.
//
//	rows := recoverysim.Compare(recoverysim.Scripts(), recoverysim.Ours(recovery.Policy{}, recoverysim.Options{}), recoverysim.Published()...)
//	recoverysim.Write(os.Stdout, rows)
//
// Play does not model the storm guard and the turns that canaries take among many connectors, refusals by Connect, and rebalances: they live in the Supervisor.
// PlayFleet plays the Supervisor itself against many connectors, inside a testing/synctest bubble.
package recoverysim
