// Package testutil runs real Kafka brokers and Kafka Connect workers in containers for this module's tests and examples.
//
// A [Cluster] is one network with one broker and some workers. Tests take the one that their binary shares, once per Kafka version:
//
//	func TestMain(m *testing.M) { testutil.Main(m) }
//
//	func TestRestart(t *testing.T) {
//		testutil.EachVersion(t, func(t *testing.T, c *testutil.Cluster) {
//			name := c.ConnectorName(t, "sink")
//			...
//		})
//	}
//
// They are skipped unless CONNECT_INTEGRATION=1 (`make test` sets it), and fail where that is set and no Docker engine answers.
// KAFKA_VERSIONS lists the versions. A test that changes what others rely on makes its own with [NewCluster]; a program
// without a testing.TB uses [Start] and [Cluster.Close].
//
// [StartPostgres] is a database that connectors reach, [NeedConnector] a connector for it.
//
// [Proxy] breaks the wire between a client and a server at a chosen request.
package testutil
