// Package dlq reads the dead letters of Kafka Connect and brings them back: without losing, doubling or changing one.
//
// Parse and ParseAll decode the error context that Connect, Kafka Streams and share groups put on a dead letter. A
// Republisher reads a dead letter queue once, asks a Handler about each record, and republishes, parks, skips or defers it:
//
//	r, err := dlq.NewRepublisher(dlq.RepublisherConfig{
//		Brokers: []string{"localhost:9092"},
//		Topic:   "orders-dlq",
//		Group:   "orders-dlq-fix",
//		Target:  dlq.ToTopic("orders-retry"),
//		Park:    dlq.ParkTopic("orders-parked"),
//		Handler: func(ctx context.Context, r *dlq.Record) (dlq.Decision, error) {
//			if r.Failure.Stage != dlq.StageValueConverter {
//				return dlq.Park("not a value to repair"), nil
//			}
//			r.Out.Value = bytes.ReplaceAll(r.Out.Value, []byte("'"), []byte(`"`))
//			return dlq.Republish(), nil
//		},
//	})
//	if err != nil {
//		return err
//	}
//	report, err := r.Run(ctx)
//
// # Where records go
//
// There is no default target. ToOrigin puts a record where it came from; every other consumer group of that topic sees it
// again, so Run lists those and stops unless they are accepted. ToTopic is the retry-topic pattern: a second topic
// in the same connector's topics setting, which only the connector reads. Where the connector derives a table or index
// from the topic's name, a RegexRouter transformation gives the retry topic the name of the first.
//
// # Delivery
//
// At least once. Every record has one outcome, acknowledged by all replicas in sync before its offset is committed, and the
// offsets of a partition are committed in order under the group's generation. Producing is idempotent: a lost
// acknowledgement does not write twice. A crash or a rebalance between acknowledgement and commit does; the report counts
// what it knows of in Uncommitted. Keys, values and headers arrive byte for byte, null apart from empty, headers in
// order with their duplicates; behind the record's own headers stand those of the retry (HeaderOriginalTimestamp and others).
//
// ExactlyOnce makes a chunk and its position one transaction. It ends at the topic: a sink reads uncommitted unless its
// consumer.override.isolation.level says otherwise.
//
// # What does not go back
//
// A copy of a failure that was decided about (`duplicate`). A record whose original the connector has still in front of it
// (`pending`). One that is older than what its key has at the origin (Stale). One that is over its Budget. What a Filter
// leaves out stays for the next run, which is why a filter asks for a Ledger.
//
// # The end
//
// The set of a run is frozen when it starts, as end positions: it ends, and a record that fails again is not chased. Follow
// goes on instead. A Handler is often a Chain of fixers, which refuse rather than guess. Inspect shows what is in a queue by
// cause, CheckTopic whether its settings keep it there.
//
// # Concurrency
//
// A Handler is called for one record at a time per partition, and concurrently across partitions. Several instances with
// one Group share the partitions.
//
// # Errors
//
// ErrNoContext, *HeaderError, *OtherConsumersError. No error and no log line holds a key, a value or a header.
package dlq
