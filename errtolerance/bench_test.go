package errtolerance_test

import (
	"maps"
	"slices"
	"strconv"
	"testing"

	"github.com/go-reconnect/reconnect/errtolerance"
)

// fortyKeys is an ordinary sink with forty keys and two transformations.
func fortyKeys() map[string]string {
	cfg := map[string]string{
		"name": "orders-sink", "connector.class": "io.confluent.connect.jdbc.JdbcSinkConnector", "tasks.max": "3", "topics": "orders,customers",
		"connection.url": "jdbc:postgresql://db:5432/warehouse", "connection.user": "connect", "connection.password": "${file:/run/secrets/db:password}",
		"key.converter": "io.confluent.connect.avro.AvroConverter", "key.converter.schema.registry.url": "http://registry:8081",
		"value.converter": "io.confluent.connect.avro.AvroConverter", "value.converter.schema.registry.url": "http://registry:8081",
		"key.converter.basic.auth.credentials.source": "USER_INFO", "key.converter.basic.auth.user.info": "${file:/run/secrets/sr:user}",
		"value.converter.basic.auth.credentials.source": "USER_INFO", "value.converter.basic.auth.user.info": "${file:/run/secrets/sr:user}",
		"insert.mode": "upsert", "pk.mode": "record_key", "pk.fields": "id", "auto.create": "true", "auto.evolve": "true",
		"transforms": "unwrap,route", "transforms.unwrap.type": "io.debezium.transforms.ExtractNewRecordState",
		"transforms.route.type": "org.apache.kafka.connect.transforms.RegexRouter", "transforms.route.regex": "(.*)", "transforms.route.replacement": "$1",
		"errors.tolerance": "all", "errors.log.enable": "true", "errors.deadletterqueue.topic.name": "orders-dlq",
		"errors.deadletterqueue.topic.replication.factor": "3", "errors.deadletterqueue.context.headers.enable": "true",
		"errors.retry.timeout": "20000", "errors.retry.delay.max.ms": "5000", "max.retries": "10", "retry.backoff.ms": "3000",
		"consumer.override.max.poll.records": "100", "batch.size": "100",
	}
	for i := len(cfg); i < 40; i++ {
		cfg["dialect.option."+strconv.Itoa(i)] = "value"
	}
	return cfg
}

func BenchmarkLint(b *testing.B) {
	cfg := fortyKeys()
	target := errtolerance.Target{KafkaVersion: "4.3.1", Brokers: 3}
	b.ReportAllocs()
	for b.Loop() {
		errtolerance.Lint(cfg, target)
	}
}

func BenchmarkLintWild(b *testing.B) {
	configs := wildConfigs(b)
	b.ReportAllocs()
	for b.Loop() {
		for i := range configs {
			errtolerance.Lint(configs[i].Config, errtolerance.Target{})
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(configs)), "ns/config")
}

func BenchmarkFromMap(b *testing.B) {
	cfg := fortyKeys()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := errtolerance.FromMap(cfg); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkBaseline is the least a linter of maps could do: copy the map and sort its keys.
func BenchmarkBaseline(b *testing.B) {
	cfg := fortyKeys()
	b.ReportAllocs()
	for b.Loop() {
		slices.Sort(slices.Collect(maps.Keys(maps.Clone(cfg))))
	}
}
