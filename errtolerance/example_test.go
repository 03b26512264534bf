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

func ExampleLint() {
	findings := errtolerance.Lint(map[string]string{
		"name":                              "orders-cdc",
		"connector.class":                   "io.debezium.connector.postgresql.PostgresConnector",
		"errors.tolerance":                  "all",
		"errors.deadletterqueue.topic.name": "orders-dlq",
	}, errtolerance.Target{})
	for _, f := range findings {
		fmt.Println(f.Severity, f.Code, f.Key)
		fmt.Println("  fix:", f.Fix)
	}
	// Output:
	// error ET203 errors.deadletterqueue.topic.name
	//   fix: remove it and set errors.log.enable=true; event.processing.failure.handling.mode is the connector's own tolerance
	// error ET301 errors.tolerance
	//   fix: set errors.log.enable=true, or errors.tolerance=none
}

func ExampleLintSet() {
	findings := errtolerance.LintSet(map[string]map[string]string{
		"orders":  errtolerance.DeadLetter("dlq-orders").ApplyTo(map[string]string{"connector.class": "FileStreamSink", "topics": "orders"}),
		"archive": {"connector.class": "FileStreamSink", "topics.regex": ".*orders.*"},
	}, errtolerance.Target{Brokers: 3})
	for _, f := range findings {
		fmt.Println(f)
	}
	// Output:
	// warning ET412 [archive] topics.regex: matches dlq-orders, the dead letter queue of orders
}

func ExamplePredict() {
	o := errtolerance.Predict(map[string]string{
		"connector.class": "FileStreamSink", "topics": "orders",
		"errors.deadletterqueue.topic.name": "orders-dlq", "errors.deadletterqueue.topic.replication.factor": "1",
	}, errtolerance.Target{KafkaVersion: "4.3.1"}, errtolerance.Event{Stage: errtolerance.StageValueConverter})
	fmt.Println(o.Task, o.Fate, "committed:", o.OffsetCommitted)
	fmt.Println("dead letters after 3 restarts:", o.CopiesAfter(3))
	// Output:
	// FAILED held committed: false
	// dead letters after 3 restarts: 4
}

func ExampleRetrySchedule() {
	s := errtolerance.RetrySchedule(errtolerance.FailFast().WithRetryTimeout(6*time.Second), errtolerance.Target{})
	fmt.Println(s.Fixed, s.MinAttempts)
	// Output:
	// [300ms 600ms 1.2s 2.4s 1.5s] 6
}
