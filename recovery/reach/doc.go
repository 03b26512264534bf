// Package reach asks the endpoints that a connector's own config names whether they answer, so that a supervisor spends no restart while the other
// side is away and restarts at once when it is back.
//
// It opens a TCP connection and closes it: nothing is sent, no credentials and no TLS. It is opt-in, because a config then decides where this process
// connects to: Prober.Allow limits that.
//
//	s, err := recovery.New(client, recovery.Config{Reach: &reach.Prober{Allow: reach.Hosts("*.db.internal", "10.0.0.0/8")}})
//
// # Semantics
//
// Unreachable means that of at least one kind of endpoint no address answered; reachable that each kind has one that did; unknown everything else:
// no endpoint found, none allowed, a name that cannot be resolved from here. The Kafka brokers of the workers themselves are not in a connector's
// config and are not asked.
package reach
