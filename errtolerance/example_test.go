package errtolerance_test

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/go-reconnect/reconnect/errtolerance"
)

func ExampleDeadLetter() {
	c := errtolerance.DeadLetter("orders-dlq").WithReplicationFactor(2).WithRetry(time.Minute, 10*time.Second)
	config := c.ApplyTo(map[string]string{
		"connector.class": "io.confluent.connect.jdbc.JdbcSinkConnector",
		"topics":          "orders",
	})
	for _, key := range slices.Sorted(maps.Keys(config)) {
		fmt.Println(key, "=", config[key])
	}
	// Output:
	// connector.class = io.confluent.connect.jdbc.JdbcSinkConnector
	// errors.deadletterqueue.context.headers.enable = true
	// errors.deadletterqueue.topic.name = orders-dlq
	// errors.deadletterqueue.topic.replication.factor = 2
	// errors.retry.delay.max.ms = 10000
	// errors.retry.timeout = 60000
	// errors.tolerance = all
	// topics = orders
}

func ExampleConfig_Validate() {
	err := errtolerance.DeadLetter("orders-dlq").Validate(errtolerance.Target{Kind: errtolerance.KindSink, Brokers: 1})
	fmt.Println(err)
	// Output:
	// errtolerance: errors.deadletterqueue.topic.replication.factor: 3 replicas on 1 broker(s): the task fails at start unless the topic exists; set it to 1, or to -1 for the broker's default
}

func ExampleFromMap() {
	_, err := errtolerance.FromMap(map[string]string{"errors.retry.timeout": "60s"})
	fmt.Println(err)
	// Output:
	// errtolerance: errors.retry.timeout: a duration with a unit, Kafka reads plain milliseconds; write 60000
}
