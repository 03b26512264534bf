package errtolerance_test

import (
	"context"
	"maps"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-reconnect/reconnect/errtolerance"
)

const (
	fileSink   = "org.apache.kafka.connect.file.FileStreamSinkConnector"
	fileSource = "org.apache.kafka.connect.file.FileStreamSourceConnector"
)

// refusals are configurations of which some are refused: one line is one change to a file sink, or to a source.
func refusals() []map[string]string {
	const (
		class = "connector.class"
		hoist = "org.apache.kafka.connect.transforms.HoistField$Value"
	)
	var out []map[string]string
	add := func(pairs ...string) {
		cfg := map[string]string{class: fileSink, "topics": "in", "file": "/dev/null"}
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i+1] == "-" {
				delete(cfg, pairs[i])
				continue
			}
			cfg[pairs[i]] = pairs[i+1]
		}
		if cfg[class] == fileSource {
			delete(cfg, "topics")
			cfg["topic"] = "out"
		}
		out = append(out, cfg)
	}
	for _, v := range []string{"all", "none", " all ", "\tnone\n", "ALL", "None", "data", "", "all,none", "true"} {
		add("errors.tolerance", v)
	}
	for _, v := range []string{"0", "-1", " 6000 ", "+5", "9223372036854775807", "٦٠", "60s", "1.5", "", "forever", "9223372036854775808", "60_000", "0x10", "1e3", "6 0"} {
		add("errors.retry.timeout", v)
	}
	for _, v := range []string{"0", "-5", "1000", "1m", ""} {
		add("errors.retry.delay.max.ms", v)
	}
	for _, v := range []string{"TRUE", " False ", "yes", "1", ""} {
		add("errors.log.enable", v)
	}
	for _, v := range []string{"tRue", "on"} {
		add("errors.log.include.messages", v)
	}
	for _, v := range []string{"0", "-1", "32767", "32768", "three", ""} {
		add("errors.deadletterqueue.topic.name", "dlq", "errors.deadletterqueue.topic.replication.factor", v)
	}
	for _, v := range []string{"true", "yes"} {
		add("errors.deadletterqueue.context.headers.enable", v)
	}
	add("errors.deadletterqueue.topic.name", "in")
	add("errors.deadletterqueue.topic.name", " in ")
	add("errors.deadletterqueue.topic.name", "in", "topics", "a , in,b")
	add("errors.deadletterqueue.topic.name", "inn")
	add("errors.deadletterqueue.topic.name", "  ")
	add("errors.deadletterqueue.topic.name", "not a topic")
	add("errors.deadletterqueue.topic.name", "in-dlq", "topics", "-", "topics.regex", "in.*")
	add("errors.deadletterqueue.topic.name", "in-dlq", "topics", "-", "topics.regex", "in")
	add("errors.deadletterqueue.topic.name", "in-dlq", "topics", "-", "topics.regex", "in-(dlq|dead)")
	add("errors.deadletterqueue.topic.name", "in-dlq", "topics", "-", "topics.regex", "(?!in-dlq$).*")
	add("topics.regex", "a.*")
	add("topics.regex", " ")
	add("topics", "-")
	add("topics", " ")
	add("topics", "-", "topics.regex", "a(b")
	add("topics", "-", "topics.regex", "[ab")
	for _, v := range []string{"1", " 2 ", "0", "-1", "many", "1.0", "", "2147483648"} {
		add("tasks.max", v)
	}
	for _, v := range []string{"NONE", "Restart", "reload", ""} {
		add("config.action.reload", v)
	}
	add("tasks.max.enforce", "maybe")
	add("transforms", "a", "transforms.a.type", hoist, "transforms.a.field", "x")
	add("transforms", "a,b", "transforms.a.type", hoist, "transforms.a.field", "x")
	add("transforms", "a,a", "transforms.a.type", hoist, "transforms.a.field", "x")
	add("predicates", "p")
	add("errors.tolerence", "all")
	add("errors.deadletterqueue.topic.partitions", "many")
	add(class, fileSource, "errors.deadletterqueue.topic.name", "out")
	add(class, fileSource, "errors.deadletterqueue.context.headers.enable", "yes")
	add(class, fileSource, "errors.tolerance", "some")
	add(class, fileSource, "errors.log.enable", "yes")
	add(class, fileSource, "transaction.boundary", "sometimes")
	add(class, fileSource, "exactly.once.support", "please")
	add(class, fileSource, "exactly.once.support", "REQUESTED")
	return out
}

func refusesWhatIsSaid(t *testing.T, w *worker) {
	configs := refusals()
	require.GreaterOrEqual(t, len(configs), 60)
	type answer struct {
		validated, created         bool
		validateWords, createWords string
	}
	answers := make([]answer, len(configs))
	each(t, len(configs), func(ctx context.Context, i int) (err error) {
		plugin := "FileStreamSinkConnector"
		if configs[i]["connector.class"] == fileSource {
			plugin = "FileStreamSourceConnector"
		}
		name := "refuse-" + strconv.Itoa(i)
		named := maps.Clone(configs[i])
		named["name"] = name // validation misses it, a POST brings its own
		a := &answers[i]
		if a.validated, a.validateWords, err = w.validate(ctx, plugin, named); err != nil {
			return err
		}
		// Stopped, it costs nothing to leave it there until the cluster goes.
		a.created, a.createWords, err = w.create(ctx, name, "STOPPED", configs[i])
		return err
	})
	refused := 0
	for i, cfg := range configs {
		findings := errtolerance.Lint(cfg, errtolerance.Target{KafkaVersion: w.c.Version(), Brokers: 1, Complete: true})
		want := len(findings.Refused()) > 0
		a := answers[i]
		assert.Equal(t, want, a.validated, "validate, case %d: %v\nthe worker: %s\nthe linter: %v", i, cfg, a.validateWords, findings)
		assert.Equal(t, want, a.created, "create, case %d: %v\nthe worker: %s\nthe linter: %v", i, cfg, a.createWords, findings)
		if a.created {
			refused++
		}
	}
	assert.GreaterOrEqual(t, refused*2, len(configs), "at least half are refused")
	t.Logf("%d configurations, %d refused", len(configs), refused)
}
