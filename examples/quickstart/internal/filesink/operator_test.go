package filesink

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestRetriesFollowKafkasSchedule(t *testing.T) {
	t.Parallel()
	retriable := &Exception{Class: "org.apache.kafka.connect.errors.RetriableException", Retriable: true}
	for name, tt := range map[string]struct {
		config   map[string]string
		fails    int // calls that fail before one succeeds; -1 is all of them
		problem  *Exception
		waits    []time.Duration
		reports  int
		skipped  bool
		fatal    bool
		attempts int
	}{
		"without a retry timeout there is one attempt": {
			fails: -1, problem: retriable, reports: 1, fatal: true, attempts: 1,
		},
		"the last wait is cut so that one attempt falls on the deadline": {
			config: map[string]string{"errors.retry.timeout": "6000", "errors.tolerance": "all"}, fails: -1, problem: retriable,
			waits: millis(300, 600, 1200, 2400, 1500), reports: 1, skipped: true, attempts: 6,
		},
		"what succeeds in time is not reported": {
			config: map[string]string{"errors.retry.timeout": "6000"}, fails: 2, problem: retriable, waits: millis(300, 600), attempts: 3,
		},
		"a negative timeout is forever": {
			config: map[string]string{"errors.retry.timeout": "-1"}, fails: 9, problem: retriable, attempts: 10,
			waits: millis(300, 600, 1200, 2400, 4800, 9600, 19200, 38400, -1),
		},
		"what is not retriable is tolerated at once": {
			config: map[string]string{"errors.retry.timeout": "6000", "errors.tolerance": "all"}, fails: -1,
			problem: dataException("bad"), reports: 1, skipped: true, attempts: 1,
		},
		"with tolerance none it is reported too, and ends the task": {
			config: map[string]string{"errors.retry.timeout": "6000"}, fails: -1, problem: dataException("bad"), reports: 1, fatal: true, attempts: 1,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				op, problem := newOperator(tt.config)
				require.Nil(t, problem)
				var waits []time.Duration
				wait := op.wait
				op.wait = func(ctx context.Context, d time.Duration) { waits = append(waits, d); wait(ctx, d) }
				reports, attempts := 0, 0
				op.report = func(context.Context, Stage, string, *Exception) { reports++ }
				_, skipped, fatal := op.do(t.Context(), StageValueConverter, "c", func() (any, *Exception) {
					attempts++
					if tt.fails < 0 || attempts <= tt.fails {
						return nil, tt.problem
					}
					return "v", nil
				})
				assert.Equal(t, tt.attempts, attempts)
				assert.Equal(t, tt.reports, reports)
				assert.Equal(t, tt.skipped, skipped)
				assert.Equal(t, tt.fatal, fatal != nil)
				require.Len(t, waits, len(tt.waits))
				for i, w := range tt.waits {
					if w >= 0 { // beyond errors.retry.delay.max.ms the wait is random
						assert.Equal(t, w, waits[i])
					}
				}
			})
		})
	}
}

func millis(ms ...int) []time.Duration {
	out := make([]time.Duration, len(ms))
	for i, m := range ms {
		out[i] = time.Duration(m) * time.Millisecond
	}
	return out
}

func TestRendering(t *testing.T) {
	t.Parallel()
	const order = `{"type":"struct","fields":[{"field":"id","type":"string"},{"field":"cents","type":"int64"},` +
		`{"field":"note","type":"string","optional":true},{"field":"paid","type":"boolean","optional":true,"default":true},` +
		`{"field":"tags","type":"array","items":{"type":"int32"},"optional":true},{"field":"rate","type":"double","optional":true}]}`
	for name, tt := range map[string]struct {
		schemas   bool
		in        string
		want      string
		exception string
	}{
		"a struct leaves null fields out":          {true, `{"schema":` + order + `,"payload":{"id":"a","cents":12}}`, "Struct{id=a,cents=12,paid=true}", ""},
		"a struct with everything":                 {true, `{"schema":` + order + `,"payload":{"id":"a","cents":1,"note":"n","paid":false,"tags":[1,2],"rate":2}}`, "Struct{id=a,cents=1,note=n,paid=false,tags=[1, 2],rate=2.0}", ""},
		"a required field that is null":            {true, `{"schema":` + order + `,"payload":{"id":"a","cents":null}}`, "", "Invalid null value for required INT64 field"},
		"an int32 schema with text is 0, no error": {true, `{"schema":{"type":"int32"},"payload":"twelve"}`, "0", ""},
		"an int8 wraps":                            {true, `{"schema":{"type":"int8"},"payload":200}`, "-56", ""},
		"text where an object should be":           {true, `{"schema":{"type":"struct","fields":[]},"payload":"x"}`, "", "Structs should be encoded as JSON objects, but found STRING"},
		"an unknown type":                          {true, `{"schema":{"type":"int31"},"payload":1}`, "", "Unknown schema type: int31"},
		"a schema that is null is schemaless":      {true, `{"schema":null,"payload":{"b":1,"a":2.50}}`, "{a=2.5, b=1}", ""},
		"no envelope":                              {true, `{"id":"a"}`, "", noEnvelope},
		"an extra field":                           {true, `{"schema":null,"payload":null,"extra":1}`, "", noEnvelope},
		"an empty value":                           {true, ``, "", noEnvelope},
		"schemaless, in the order of a HashMap":    {false, `{"zulu":1,"id":"a","amount":1e10,"list":[null,true]}`, "{amount=1.0E10, id=a, list=[null, true], zulu=1}", ""},
		"what follows the first value is ignored":  {false, `1 trailing`, "1", ""},
		"a trailing comma":                         {false, `{"a":1,}`, "", "Unexpected character ('}' (code 125)): was expecting double-quote to start field name"},
		"single quotes":                            {false, `{'a':1}`, "", "Unexpected character (''' (code 39)): was expecting double-quote to start field name"},
		"a missing comma":                          {false, `{"a":1 "b":2}`, "", `Unexpected character ('"' (code 34)): was expecting comma to separate Object entries`},
		"a cut array":                              {false, `[1,2`, "", "Unexpected end-of-input: expected close marker for Array (start marker at [Source: REDACTED"},
		"not UTF-8":                                {false, "\"\xff\"", "", "Invalid UTF-8 start byte 0xff"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v, problem := jsonConverter{schemas: tt.schemas}.ToConnect([]byte(tt.in))
			if tt.exception != "" {
				require.NotNil(t, problem)
				root := problem
				for root.Cause != nil {
					root = root.Cause
				}
				assert.Contains(t, *root.Message, tt.exception)
				return
			}
			require.Nil(t, problem)
			assert.Equal(t, tt.want, javaString(v))
		})
	}
}

func FuzzJSONConverter(f *testing.F) {
	for _, s := range []string{"", "{", `{"a":1,}`, `{"schema":{"type":"int8"},"payload":1}`, "\xff", "[1,2", `{"schema":{"type":"map","keys":{"type":"string"},"values":{"type":"double"}},"payload":{"a":1e400}}`, "nul"} {
		f.Add([]byte(s), true)
		f.Add([]byte(s), false)
	}
	f.Fuzz(func(t *testing.T, data []byte, schemas bool) {
		v, problem := jsonConverter{schemas: schemas}.ToConnect(data)
		if problem != nil {
			if problem.below(StageValueConverter).Trace() == "" {
				t.Fatal("an exception without a trace")
			}
			return
		}
		_ = javaString(v)
	})
}
