// Package connecttest is a Kafka Connect cluster in the process of a test: workers that share connectors, answer the REST
// API as real ones of the chosen version do, run task bodies that the test registers, and fail when told to.
//
//	s := connecttest.NewServer(connecttest.Config{Workers: 2})
//	defer s.Close()
//	s.AddConnector("orders", map[string]string{"connector.class": "com.example.Sink", "tasks.max": "2"})
//	s.FailTask("orders", 0, "java.net.ConnectException: Connection refused")
//	client := &http.Client{Transport: s.RoundTripper()} // http://worker-0:8083, http://worker-1:8083
//
// All time comes from the time package, and RoundTripper uses no socket, so a test in a testing/synctest bubble runs in
// virtual time. URL and URLs open sockets, for everything else.
package connecttest
