// Package kafkastore keeps a supervisor's state on a compacted Kafka topic and elects, among several supervisors of one Connect cluster, the one that acts.
//
//	store, err := kafkastore.New(kafkastore.Config{Brokers: []string{"localhost:9092"}, Topic: "connect-prod-recovery"})
//	if err != nil {
//		return err
//	}
//	defer store.Close()
//	s, err := recovery.New(client, recovery.Config{Cluster: "connect-prod", Store: store, Elector: store})
//
// # Semantics
//
// Each Save is a committed transaction under one fixed transactional id, acknowledged by all in-sync replicas before it returns. Load first calls
// InitProducerID with that id, which fences whoever used it before and ends what that one left open, and then reads the topic to its end: a supervisor
// that was frozen or cut off cannot write any more, and its successor knows everything it wrote. A consumer group over the topic's one partition decides
// who leads; it only elects, because a group's generation fences commits and not writes. Whoever leads leads on while others come and go, and goes on for as
// long as the broker counts it among the living: another one leads SessionTimeout after the last sign of life, and at once after an orderly end.
//
// Two supervisors together never exceed one budget, whatever is killed, frozen or cut off in between; a restart is on its way for at most
// recovery.Config.RequestTimeout after it was counted. While one of them is alive and reaches both the broker and Connect, a failure that a restart can fix
// gets it within twice Policy.RestartDelay and one SessionTimeout, and one SessionTimeout more for each further supervisor that is lost meanwhile.
//
// # Errors
//
// A writer that was fenced gets recovery.ErrNotLeader. An answer that leaves open whether a write happened, and a producer id that expired, are
// recovery.ErrConflict: the Supervisor reads again before it acts.
//
// # Concurrency
//
// A Store is safe for concurrent use. Kafka 2.5 or newer is needed.
package kafkastore
