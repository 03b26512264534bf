// Package kafkaprogress finds connectors that are RUNNING and do not move: records wait for a sink and its committed offsets stand still, or the offsets of
// a source that never rests stand still.
//
//	p, err := kafkaprogress.New(kafkaprogress.Config{Brokers: []string{"localhost:9092"}, Connect: client})
//	if err != nil {
//		return err
//	}
//	defer p.Close()
//	s, err := recovery.New(client, recovery.Config{Progress: p})
//
// A sink whose consumer cannot reach Kafka stays RUNNING with no trace, for good: only its lag shows it.
//
// # The rule
//
// A sink is a finding when real records wait (the end of a partition is beyond what its group has committed, and not only by transaction markers) and none
// of the group's committed offsets has changed for recovery.Config.ProgressAfter (5 min by default: at least five times the workers' offset.flush.interval.ms).
// A sink without lag is idle and never a finding; a group that rebalances is not judged; what cannot be read is unknown and never a finding. A sink that
// commits only when it has written a whole file (an object store's with flush.size) can stand still for longer and be well: give it a longer ProgressAfter, or
// leave it out.
//
// The group is connect-<name>, or consumer.override.group.id. With consumer.override.isolation.level=read_committed, records behind an open transaction
// do not wait yet.
//
// A source has no lag, so that standing still says nothing about it. Sources named in Config.Sources are declared to have something to do at any time
// (a heartbeat, say): they are a finding when neither their offsets (GET /connectors/{connector}/offsets, Kafka 3.6) nor, where Connect cannot tell those, the ends of
// the topics they write to have changed.
//
// # Cost
//
// One look asks Connect for the configs by one streamed request when a connector is new or every 10 min; Kafka for the ends of all partitions by one request per broker
// and kind, and per sink for its group's offsets (kafka-go looks for the coordinator each time, so two small requests), at most Config.MaxConnectors each time,
// in turns. Only for what stands still more is asked: the group's state, and one fetch per new position. Records are never kept.
//
// # Concurrency
//
// A Progress is safe for concurrent use; looks exclude each other. Kafka 2.0 or newer is needed, and the rights to describe the groups and to read the topics.
package kafkaprogress
