// Package connecttest is a Kafka Connect cluster in the process of a test: workers that share connectors, answer the REST
// API as real ones of the chosen version do, run task bodies that the test registers, and fail when told to.
//
//	s := connecttest.NewServer(connecttest.Config{Workers: 2})
//	defer s.Close()
//	s.AddConnector("orders", map[string]string{"connector.class": "com.example.Sink", "tasks.max": "2"})
//	s.FailTask("orders", 0, connecttest.SinkTrace("java.net.ConnectException: Connection refused"))
//	client := &http.Client{Transport: s.RoundTripper()} // http://worker-0:8083, http://worker-1:8083
//
// All time comes from the time package and RoundTripper uses no socket, so a test in a testing/synctest bubble runs in
// virtual time. URL and URLs open sockets, for everything else. A change is carried out when its call returns unless
// Config.Settle says how long it takes.
//
// # What it is held to
//
// All 30 endpoints, with status, headers, body and message, for Kafka 3.9, 4.0, 4.1 and 4.3: the contract suite of package
// connect runs one table of cases against this package and against real workers and compares the answers, and the 244
// exchanges recorded from a 4.0.0 cluster are replayed. Differences between the versions are rules here: tasks-config until
// 4.0, Jetty 12 refusing paths since 4.0, the loggers of log4j 2, an unknown class 500 until 4.0 and 400 since, versions in
// states, configs and queries since 4.1, order_in_group since 4.2. What is older than 3.9 is known from source only.
//
// # Trouble
//
// KillWorker, StopWorker, FreezeWorker and StartWorker; ghosts for the session timeout and the rebalance delay; Rebalance,
// LoseLeader and Conflict for the faces of a rebalance; StallHerder and BrokerDown for requests that wait and time out;
// DelayStatuses, StatusLag and Balanced for statuses that are late; LoseAnswers for what is carried out and never answered;
// RequireBasicAuth; Begin with DatabaseDown, ExpiredCredentials, RegistryDown, SlowStarts or a Scenario of your own; OnRestart
// for the fate of each restart; Intercept for everything else.
//
// # What it does not model
//
//   - Kafka: no records, topics or consumer groups. Offsets and active topics are what the test, a task body or a PATCH says.
//     A FileStream connector touches no file (see MakeDir), a Verifiable one produces nothing.
//   - A rebalance by itself: creating, changing and deleting connectors never makes other calls fail or wait; Rebalance and
//     StallHerder do. Tasks move only when a worker is lost or joins. The workers agree on the assignment at all times.
//   - The instant between a request and its effects, unless Config.Settle or StatusLag is set. Tasks never show UNASSIGNED in a
//     restart; the plan of a 202 is always made before any worker acts on it, where a real leader can be overtaken.
//   - Configuration values of connectors that it does not know: a registered class has Connect's own keys only. Of client
//     overrides only the types of common settings are checked. Config providers, override policies and secrets are not there:
//     `${file:...}` stays as it is, also in validate.
//   - Plugin versions but one each; standalone mode; TLS; admin.listeners; request signatures (internal endpoints answer 400).
//   - Loggers but some thirty of a worker's 240; documentation texts of config keys, which are shorter than Kafka's; line
//     numbers of stack traces; column numbers of Jackson's messages where a body has several faults.
//   - HTTP details: chunking, keep-alive, Server and Date headers, HTTP/2.
package connecttest
