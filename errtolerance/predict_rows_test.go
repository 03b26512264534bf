package errtolerance_test

import (
	"maps"
	"time"

	"github.com/go-reconnect/reconnect/errtolerance"
)

const (
	jsonConverter    = "org.apache.kafka.connect.json.JsonConverter"
	stringConverter  = "org.apache.kafka.connect.storage.StringConverter"
	bytesConverter   = "org.apache.kafka.connect.converters.ByteArrayConverter"
	integerConverter = "org.apache.kafka.connect.converters.IntegerConverter"

	faultyConverter = "faults.FaultyConverter"
	faultySMT       = "faults.FaultyTransformation"
	faultySink      = "faults.FaultySinkConnector"
	faultySource    = "faults.FaultySourceConnector"

	dataException  = "org.apache.kafka.connect.errors.DataException"
	retriable      = "org.apache.kafka.connect.errors.RetriableException"
	clientsTimeout = "org.apache.kafka.common.errors.TimeoutException" // a RetriableException of the clients
)

// predictRow is one connector whose middle record of three fails, and what Predict is asked about it.
type predictRow struct {
	name     string
	event    errtolerance.Event
	config   map[string]string // the connector without errors.*
	handling errtolerance.Config
	raw      map[string]string // errors.* that a Config does not hold
	dlq      bool              // the handling's queue gets a name
	source   bool

	// The records of a sink; where key or header is set, that part of the record is good or bad.
	good, bad   string
	key, header bool
}

// stockRows need nothing but what every worker has.
func stockRows() []predictRow {
	const (
		cast    = "org.apache.kafka.connect.transforms.Cast$Value"
		extract = "org.apache.kafka.connect.transforms.ExtractField$Value"
	)
	broken := []predictRow{
		{name: "value", event: errtolerance.Event{Stage: errtolerance.StageValueConverter}, config: map[string]string{"value.converter": jsonConverter, "value.converter.schemas.enable": "false"}, good: `{"a":1}`, bad: `{"a":`},
		{name: "key", event: errtolerance.Event{Stage: errtolerance.StageKeyConverter}, config: map[string]string{"key.converter": integerConverter, "value.converter": stringConverter}, key: true, good: "\x00\x00\x00\x01", bad: "xyzzy"},
		{name: "header", event: errtolerance.Event{Stage: errtolerance.StageHeaderConverter}, config: map[string]string{"header.converter": jsonConverter, "header.converter.schemas.enable": "false"}, header: true, good: `{"a":1}`, bad: `{"a":`},
		{name: "cast", event: errtolerance.Event{Stage: errtolerance.StageTransformation}, config: map[string]string{"value.converter": stringConverter, "transforms": "c", "transforms.c.type": cast, "transforms.c.spec": "int32"}, good: "12", bad: "twelve"},
		{name: "extract", event: errtolerance.Event{Stage: errtolerance.StageTransformation}, config: map[string]string{"value.converter": jsonConverter, "value.converter.schemas.enable": "false", "transforms": "x", "transforms.x.type": extract, "transforms.x.field": "a"}, good: `{"a":1}`, bad: `12`},
	}
	handling := []predictRow{
		{name: "fail", handling: errtolerance.FailFast()},
		{name: "skip", handling: errtolerance.LogAndSkip()},
		{name: "silent", handling: errtolerance.FailFast().WithTolerance(errtolerance.ToleranceAll)},
		{name: "dlq", handling: errtolerance.DeadLetter("").WithReplicationFactor(1), dlq: true},
		{name: "dlq-bare", handling: errtolerance.DeadLetter("").WithReplicationFactor(-1).WithContextHeaders(false), dlq: true},
		{name: "dlq-none", handling: errtolerance.DeadLetter("").WithReplicationFactor(1).WithTolerance(errtolerance.ToleranceNone), dlq: true},
		{name: "dlq-rf3", handling: errtolerance.DeadLetter("").WithReplicationFactor(3), dlq: true},
		{name: "dlq-rf3-exists", handling: errtolerance.DeadLetter("").WithReplicationFactor(3), dlq: true, event: errtolerance.Event{DeadLetterTopicExists: true}},
		{name: "dlq-fails", handling: errtolerance.DeadLetter("").WithReplicationFactor(1), dlq: true, event: errtolerance.Event{DeadLetterNotSent: true}},
		{name: "dlq-refused", handling: errtolerance.DeadLetter("").WithReplicationFactor(1), dlq: true, event: errtolerance.Event{DeadLetterFails: true, DeadLetterTopicExists: true}},
		{name: "dlq-fails-none", handling: errtolerance.DeadLetter("").WithReplicationFactor(1).WithTolerance(errtolerance.ToleranceNone), dlq: true, event: errtolerance.Event{DeadLetterNotSent: true}},
	}
	var rows []predictRow
	for i, b := range broken {
		for _, h := range handling {
			// What the queue does on the way in is the same for every stage: once is enough.
			if i > 1 && (h.event != errtolerance.Event{} || h.name == "dlq-rf3" || h.name == "silent") {
				continue
			}
			row := b
			row.name, row.handling, row.dlq = b.name+"-"+h.name, h.handling, h.dlq
			row.event = h.event
			row.event.Stage = b.event.Stage
			rows = append(rows, row)
		}
	}
	return rows
}

// faultAt is a connector whose operation at a stage throws, so many times or always.
func faultAt(stage errtolerance.Stage, source bool, exception, times string) map[string]string {
	cfg := map[string]string{"connector.class": faultySink}
	if source {
		cfg["connector.class"] = faultySource
	}
	prefix := ""
	switch stage {
	case errtolerance.StageKeyConverter:
		prefix = "key.converter."
		cfg["key.converter"] = faultyConverter
	case errtolerance.StageValueConverter:
		prefix = "value.converter."
		cfg["value.converter"] = faultyConverter
	case errtolerance.StageTransformation:
		prefix = "transforms.f."
		cfg["transforms"], cfg["transforms.f.type"] = "f", faultySMT
	case errtolerance.StageHeaderConverter, errtolerance.StagePut, errtolerance.StagePoll:
	case errtolerance.StageProduce:
		cfg["producer.override.max.request.size"] = "1000"
		return cfg
	}
	cfg[prefix+"fault.exception"] = exception
	if times != "" {
		cfg[prefix+"fault.times"] = times
	}
	return cfg
}

// faultRows need the plugin.
func faultRows() []predictRow {
	var (
		none   = errtolerance.FailFast()
		skip   = errtolerance.LogAndSkip()
		silent = none.WithTolerance(errtolerance.ToleranceAll)
		dlq    = errtolerance.DeadLetter("").WithReplicationFactor(1)
		bare   = dlq.WithTolerance(errtolerance.ToleranceNone)
	)
	const (
		value = errtolerance.StageValueConverter
		key   = errtolerance.StageKeyConverter
		smt   = errtolerance.StageTransformation
		put   = errtolerance.StagePut
		poll  = errtolerance.StagePoll
		send  = errtolerance.StageProduce
	)
	retry := func(stage errtolerance.Stage, at int) errtolerance.Event {
		return errtolerance.Event{Stage: stage, Retriable: true, SucceedsAt: at}
	}
	var rows []predictRow
	add := func(name string, source bool, e errtolerance.Event, exception, times string, h errtolerance.Config, more ...string) *predictRow {
		r := predictRow{name: name, source: source, event: e, config: faultAt(e.Stage, source, exception, times), handling: h, good: "good", bad: "bad", key: e.Stage == key, raw: map[string]string{}}
		for i := 0; i < len(more); i += 2 {
			r.raw[more[i]] = more[i+1]
		}
		r.dlq = h.DeadLetterQueue.ReplicationFactor != 0
		rows = append(rows, r)
		return &rows[len(rows)-1]
	}
	second := func(c errtolerance.Config) errtolerance.Config { return c.WithRetryTimeout(2 * time.Second) }
	// Retries of converters and transformations.
	add("retry-succeeds", false, retry(value, 3), retriable, "2", none.WithRetryTimeout(10*time.Second))
	add("retry-succeeds-tolerant", false, retry(smt, 3), retriable, "2", dlq.WithRetryTimeout(10*time.Second))
	add("retry-too-late", false, retry(value, 9), retriable, "8", second(skip))
	add("exhausted-none", false, retry(value, 0), retriable, "", second(none))
	add("exhausted-silent", false, retry(smt, 0), retriable, "", second(silent))
	add("exhausted-dlq", false, retry(key, 0), retriable, "", second(dlq))
	add("exhausted-dlq-none", false, retry(smt, 0), retriable, "", second(bare))
	add("18073-none", false, retry(value, 0), retriable, "", none)
	add("18073-dlq-none", false, retry(value, 0), retriable, "", bare)
	add("18073-skip", false, retry(smt, 0), retriable, "", skip)
	add("forever", false, retry(value, 0), retriable, "", none.WithRetryTimeout(errtolerance.Forever))
	add("forever-succeeds", false, retry(smt, 3), retriable, "2", none.WithRetryTimeout(errtolerance.Forever))
	add("no-wait-none", false, retry(value, 0), retriable, "", second(none), "errors.retry.delay.max.ms", "0")
	add("no-wait-skip", false, retry(value, 0), retriable, "", second(skip), "errors.retry.delay.max.ms", "-5")
	add("overflow-none", false, retry(value, 0), retriable, "", none, "errors.retry.timeout", "9223372036854775807")
	add("random-waits", false, retry(value, 0), retriable, "", second(skip).WithRetryDelayMax(50*time.Millisecond))
	add("clients-exception", false, errtolerance.Event{Stage: value}, clientsTimeout, "", second(skip))
	// A source's.
	add("source-smt-none", true, errtolerance.Event{Stage: smt}, dataException, "", none)
	add("source-smt-skip", true, errtolerance.Event{Stage: smt}, dataException, "", skip)
	add("source-smt-skip-record", true, errtolerance.Event{Stage: smt}, dataException, "", skip.WithLogIncludeMessages(true))
	add("source-value-silent", true, errtolerance.Event{Stage: value}, dataException, "", silent)
	add("source-value-queue", true, errtolerance.Event{Stage: value}, dataException, "", dlq.WithLogEnable(false))
	add("source-18073", true, retry(value, 0), retriable, "", none)
	add("source-exhausted", true, retry(smt, 0), retriable, "", second(skip))
	add("source-retry-succeeds", true, retry(smt, 3), retriable, "2", none.WithRetryTimeout(10*time.Second))
	// put, and the errant record reporter.
	add("put", false, errtolerance.Event{Stage: put}, dataException, "", dlq)
	add("put-retriable", false, retry(put, 0), retriable, "", dlq)
	add("put-retriable-succeeds", false, retry(put, 3), retriable, "2", none)
	add("put-clients-exception", false, errtolerance.Event{Stage: put}, clientsTimeout, "", dlq)
	for _, r := range []struct {
		name string
		h    errtolerance.Config
		e    errtolerance.Event
	}{
		{name: "dlq", h: dlq},
		{name: "dlq-none", h: bare},
		{name: "skip", h: skip},
		{name: "log-none", h: none.WithLogEnable(true)},
		{name: "silent", h: silent},
		{name: "none", h: none},
		{"dlq-fails", dlq, errtolerance.Event{DeadLetterNotSent: true}},
		{"dlq-fails-none", bare, errtolerance.Event{DeadLetterNotSent: true}},
		{"dlq-refused", dlq, errtolerance.Event{DeadLetterFails: true, DeadLetterTopicExists: true}},
		{"dlq-refused-none", bare, errtolerance.Event{DeadLetterFails: true, DeadLetterTopicExists: true}},
	} {
		r.e.Stage, r.e.Reported = put, true
		add("report-"+r.name, false, r.e, dataException, "", r.h).config["fault.report"] = "true"
	}
	// poll and the producer.
	add("poll", true, errtolerance.Event{Stage: poll}, dataException, "", skip)
	add("poll-retriable", true, retry(poll, 0), retriable, "", none)
	add("poll-retriable-succeeds", true, retry(poll, 3), retriable, "2", none)
	add("poll-clients-exception", true, retry(poll, 3), clientsTimeout, "2", none)
	add("produce-none", true, errtolerance.Event{Stage: send}, "", "", none)
	add("produce-skip", true, errtolerance.Event{Stage: send}, "", "", skip.WithLogIncludeMessages(true))
	add("produce-silent", true, errtolerance.Event{Stage: send}, "", "", silent)
	return rows
}

func predictRows() []predictRow { return append(stockRows(), faultRows()...) }

// exactlyOnceRows are for a worker with exactly-once support for its sources.
func exactlyOnceRows() []predictRow {
	skip := errtolerance.LogAndSkip()
	send := errtolerance.Event{Stage: errtolerance.StageProduce, ExactlyOnce: true}
	smt := errtolerance.Event{Stage: errtolerance.StageTransformation, ExactlyOnce: true}
	return []predictRow{
		{name: "eos-produce-skip", source: true, event: send, config: faultAt(send.Stage, true, "", ""), handling: skip},
		{name: "eos-smt-skip", source: true, event: smt, config: faultAt(smt.Stage, true, dataException, ""), handling: skip},
	}
}

// connector is the whole configuration of a row.
func (r *predictRow) connector(name, topic string) map[string]string {
	cfg := map[string]string{"connector.class": fileSink, "tasks.max": "1", "topics": topic, "file": "/dev/null", "key.converter": bytesConverter}
	if r.source {
		delete(cfg, "topics")
		cfg["topic"] = topic
		cfg["key.converter"] = stringConverter
	}
	maps.Copy(cfg, r.config)
	for _, prefix := range []string{"", "key.converter.", "value.converter.", "transforms.f."} {
		if cfg[prefix+"fault.exception"] != "" {
			cfg[prefix+"fault.name"] = name
		}
	}
	if r.event.DeadLetterNotSent {
		cfg["producer.override.max.request.size"] = "50"
	}
	handling := r.handling
	if r.dlq {
		handling = handling.WithDeadLetterTopic(topic + "-dlq")
	}
	cfg = handling.ApplyTo(cfg)
	maps.Copy(cfg, r.raw)
	return cfg
}
