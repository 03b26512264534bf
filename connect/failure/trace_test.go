package failure_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-reconnect/reconnect/connect/failure"
)

// link is one exception of an expected chain.
type link struct {
	class, message string
	relation       failure.Relation
	parent         int
}

const (
	outermost  = failure.RelationOutermost
	cause      = failure.RelationCause
	suppressed = failure.RelationSuppressed
)

func chain(t failure.Trace) []link {
	var out []link
	for _, e := range t.Chain {
		out = append(out, link{e.Class, e.Message, e.Relation, e.Parent})
	}
	return out
}

func TestParse(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, trace string
		want        []link
		root        int
		frames      []int // of each exception
	}{
		{name: "an empty text has no chain"},
		{name: "blank lines have no chain", trace: "\n \n\t\r\n"},
		{
			name: "one exception with frames", trace: "java.lang.RuntimeException: boom\n\tat a.B.c(B.java:1)\n\tat a.B.d(B.java:2)\n",
			want: []link{{"java.lang.RuntimeException", "boom", outermost, -1}}, frames: []int{2},
		},
		{
			name: "a null message", trace: "java.lang.RuntimeException\n\tat a.B.c(B.java:1)",
			want: []link{{"java.lang.RuntimeException", "", outermost, -1}}, frames: []int{1},
		},
		{
			name: "nested causes", trace: "a.A: 1\n\tat a.B.c(B.java:1)\nCaused by: b.B: 2\n\tat a.B.c(B.java:1)\n\t... 12 more\nCaused by: c.C\n\tat x.Y.z(Unknown Source)\n\t... 3 more\n",
			want: []link{{"a.A", "1", outermost, -1}, {"b.B", "2", cause, 0}, {"c.C", "", cause, 1}}, root: 2, frames: []int{1, 1, 1},
		},
		{
			name: "causes without any frame", trace: "org.x.SerializationException: Error serializing\nCaused by: java.net.ConnectException: Connection refused",
			want: []link{{"org.x.SerializationException", "Error serializing", outermost, -1}, {"java.net.ConnectException", "Connection refused", cause, 0}}, root: 1,
		},
		{
			name: "CRLF", trace: "a.A: 1\r\n  Detail: x\r\n\tat a.B.c(B.java:1)\r\nCaused by: b.B: 2\r\n\tat a.B.c(B.java:1)\r\n",
			want: []link{{"a.A", "1\r\n  Detail: x", outermost, -1}, {"b.B", "2", cause, 0}}, root: 1, frames: []int{1, 1},
		},
		{
			name: "a message of several lines, one of them blank, one of them like a frame", trace: "a.A: first\n\n at [Source: REDACTED; line: 1, column: 18]\nORA-06512: at \"SYS.DBMS_LOGMNR\", line 72\nat line 1\n\tat a.B.c(B.java:1)",
			want: []link{{"a.A", "first\n\n at [Source: REDACTED; line: 1, column: 18]\nORA-06512: at \"SYS.DBMS_LOGMNR\", line 72\nat line 1", outermost, -1}}, frames: []int{1},
		},
		{
			name: "exceptions listed inside a message are not causes", trace: "java.sql.SQLException: Exception chain:\njava.sql.BatchUpdateException: x\njava.sql.SQLException: y\n\n\tat a.B.c(B.java:1)",
			want: []link{{"java.sql.SQLException", "Exception chain:\njava.sql.BatchUpdateException: x\njava.sql.SQLException: y", outermost, -1}}, frames: []int{1},
		},
		{
			name: "lost indentation", trace: "a.A: 1\nat a.B.c(B.java:1)\n... 5 more\nCaused by: b.B: 2\nat a.B.c(B.java:1)",
			want: []link{{"a.A", "1", outermost, -1}, {"b.B", "2", cause, 0}}, root: 1, frames: []int{1, 1},
		},
		{
			name: "a cause glued to the last frame", trace: "a.A: 1\n\tat a.B.c(B.java:1)Caused by: b.B: 2\n\tat a.B.c(B.java:1)",
			want: []link{{"a.A", "1", outermost, -1}, {"b.B", "2", cause, 0}}, root: 1, frames: []int{1, 1},
		},
		{
			name: "suppressed exceptions and their causes stand apart from the chain", trace: "a.A: 1\n\tat a.B.c(B.java:1)\n\tSuppressed: s.S: 2\n\t\tat a.B.c(B.java:1)\n\tCaused by: s.T: 3\n\t\t... 2 more\n\tSuppressed: s.U: 4\n\t\tat a.B.c(B.java:1)\nCaused by: b.B: 5\n\tat a.B.c(B.java:1)",
			want: []link{{"a.A", "1", outermost, -1}, {"s.S", "2", suppressed, 0}, {"s.T", "3", cause, 1}, {"s.U", "4", suppressed, 0}, {"b.B", "5", cause, 0}}, root: 4, frames: []int{1, 1, 0, 1, 1},
		},
		{
			name: "a suppressed exception inside a suppressed one", trace: "a.A: 1\n\tat a.B.c(B.java:1)\n\tSuppressed: s.S: 2\n\t\tat a.B.c(B.java:1)\n\t\tSuppressed: s.T: 3\n\t\t\tat a.B.c(B.java:1)\n",
			want: []link{{"a.A", "1", outermost, -1}, {"s.S", "2", suppressed, 0}, {"s.T", "3", suppressed, 1}}, frames: []int{1, 1, 1},
		},
		{
			name: "suppressed with the indentation lost", trace: "a.A: 1\nat a.B.c(B.java:1)\nSuppressed: s.S: 2\nat a.B.c(B.java:1)\nCaused by: b.B: 3\nat a.B.c(B.java:1)",
			want: []link{{"a.A", "1", outermost, -1}, {"s.S", "2", suppressed, 0}, {"b.B", "3", cause, 0}}, root: 2, frames: []int{1, 1, 1},
		},
		{
			name: "a circular reference ends the chain", trace: "a.A: 1\n\tat a.B.c(B.java:1)\nCaused by: b.B: 2\n\tat a.B.c(B.java:1)\n\t[CIRCULAR REFERENCE:a.A: 1]",
			want: []link{{"a.A", "1", outermost, -1}, {"b.B", "2", cause, 0}}, root: 1, frames: []int{1, 1},
		},
		{
			name: "a circular reference as newer Java prints it", trace: "a.A: 1\n\tat a.B.c(B.java:1)\nCaused by: b.B: 2\n\tat a.B.c(B.java:1)\nCaused by: [CIRCULAR REFERENCE: a.A: 1]\n",
			want: []link{{"a.A", "1", outermost, -1}, {"b.B", "2", cause, 0}}, root: 1, frames: []int{1, 1},
		},
		{
			name: "root first, with wrapped by", trace: "c.C: root\n\tat a.B.c(B.java:1)\nWrapped by: b.B: middle\n\tat a.B.c(B.java:1)\nWrapped by: a.A: outer\n\tat a.B.d(B.java:1)\n\tat a.B.c(B.java:1)",
			want: []link{{"a.A", "outer", outermost, -1}, {"b.B", "middle", cause, 0}, {"c.C", "root", cause, 1}}, root: 2, frames: []int{2, 1, 1},
		},
		{
			name: "no exception class after caused by", trace: "a.A: 1\n\tat a.B.c(B.java:1)\nCaused by: Error while processing, Status code : 404,\n\tat a.B.c(B.java:1)\nCaused by: Error : 65053, Position : 0\n\tat a.B.c(B.java:1)\nCaused by: 2: No such file\n\tat a.B.c(B.java:1)",
			want: []link{{"a.A", "1", outermost, -1}, {"", "Error while processing, Status code : 404,", cause, 0}, {"", "Error : 65053, Position : 0", cause, 1}, {"", "2: No such file", cause, 2}}, root: 3, frames: []int{1, 1, 1, 1},
		},
		{
			name: "a caused by that belongs to a message", trace: "a.A: failed\nCaused by: table: GenericData{x}\n\tat a.B.c(B.java:1)\nCaused by: b.B: 2\n\tat a.B.c(B.java:1)",
			want: []link{{"a.A", "failed\nCaused by: table: GenericData{x}", outermost, -1}, {"b.B", "2", cause, 0}}, root: 1, frames: []int{1, 1},
		},
		{
			name: "Elasticsearch's brackets", trace: "Caused by: ElasticsearchStatusException[method [HEAD], status line [HTTP/1.1 403 Forbidden]]; nested: X;\n\tat a.B.c(B.java:1)",
			want: []link{{"ElasticsearchStatusException", "[method [HEAD], status line [HTTP/1.1 403 Forbidden]]; nested: X;", cause, -1}}, frames: []int{1},
		},
		{
			name: "the beginning is cut off", trace: "\tat a.B.c(B.java:1)\n\tat a.B.d(B.java:1)\nCaused by: b.B: 2\n",
			want: []link{{"", "", outermost, -1}, {"b.B", "2", cause, 0}}, root: 1, frames: []int{2, 0},
		},
		{
			name: "the end is cut off inside a frame", trace: "a.A: 1\n\tat a.B.c(B.java:1)\n\tat org.apache.kaf",
			want: []link{{"a.A", "1", outermost, -1}}, frames: []int{2},
		},
		{
			name: "the end is cut off inside a head", trace: "a.A: 1\n\tat a.B.c(B.java:1)\nCaused by: ",
			want: []link{{"a.A", "1", outermost, -1}, {"", "", cause, 0}}, root: 1, frames: []int{1, 0},
		},
		{
			name: "lines of a log before and after", trace: "[2024-01-02 03:04:05,006] ERROR WorkerSinkTask{id=x-0} Task threw (org.apache.kafka.connect.runtime.WorkerTask:208)\njava.lang.RuntimeException: boom\n\tat a.B.c(B.java:1)\n[2024-01-02 03:04:05,007] INFO later (x:1)\njava.lang.IllegalStateException: another\n\tat a.B.c(B.java:1)",
			want: []link{{"java.lang.RuntimeException", "boom", outermost, -1}}, frames: []int{1},
		},
		{
			name: "a log's layout on the same line", trace: "2024-01-02 ERROR main failed: org.x.FooException: boom\n\tat a.B.c(B.java:1)",
			want: []link{{"org.x.FooException", "boom", outermost, -1}}, frames: []int{1},
		},
		{
			name: "the prefix of a thread", trace: "Exception in thread \"main\" java.lang.RuntimeException: boom\n\tat a.B.c(B.java:1)",
			want: []link{{"java.lang.RuntimeException", "boom", outermost, -1}}, frames: []int{1},
		},
		{
			name: "frames without at", trace: "a.A: 1\nnet.x.Y.z(Y.java:124)\nnet.x.Y.w(Y.java:12)\n\tat a.B.c(B.java:1)",
			want: []link{{"a.A", "1\nnet.x.Y.z(Y.java:124)\nnet.x.Y.w(Y.java:12)", outermost, -1}}, frames: []int{1},
		},
		{
			name: "not a trace at all", trace: "Connector configuration is invalid and contains the following 1 error(s):\nThe 'x' value is invalid: A value is required",
			want: []link{{"", "Connector configuration is invalid and contains the following 1 error(s):\nThe 'x' value is invalid: A value is required", outermost, -1}},
		},
		{
			name: "line feeds escaped as in JSON", trace: `a.A: 1\n\tat a.B.c(B.java:1)\nCaused by: b.B: say \"x\"\n\tat a.B.c(B.java:1)\n`,
			want: []link{{"a.A", "1", outermost, -1}, {"b.B", `say "x"`, cause, 0}}, root: 1, frames: []int{1, 1},
		},
		{
			name: "all in one line", trace: "a.A: 1 at a.B.c(B.java:1) at a.B.d(B.java:2) ... 3 more Caused by: b.B: 2 at a.B.c(B.java:1) at a.B.d(B.java:2)",
			want: []link{{"a.A", "1", outermost, -1}, {"b.B", "2", cause, 0}}, root: 1, frames: []int{2, 2},
		},
		{
			name: "every line behind a prefix", trace: "[Worker-09ba] a.A: 1\n[Worker-09ba] \tat a.B.c(B.java:1)\n[Worker-09ba] Caused by: b.B: 2\n[Worker-09ba] \tat a.B.c(B.java:1)\n",
			want: []link{{"a.A", "1", outermost, -1}, {"b.B", "2", cause, 0}}, root: 1, frames: []int{1, 1},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			trace := failure.Parse(test.trace)
			require.Equal(t, test.want, chain(trace))
			if len(test.want) == 0 {
				assert.Equal(t, failure.Exception{Parent: -1}, trace.Root())
				return
			}
			assert.Equal(t, trace.Chain[test.root], trace.Root())
			if test.frames == nil {
				test.frames = make([]int, len(test.want))
			}
			for i, want := range test.frames {
				assert.Len(t, slices.Collect(trace.Chain[i].Frames()), want, "frames of exception %d", i)
			}
		})
	}
}

func TestFrames(t *testing.T) {
	t.Parallel()
	trace := failure.Parse(strings.Join([]string{
		"a.A", "\tat app//org.x.Y.<init>(Y.java:12)", "\tat java.base@17.0.1/java.lang.Thread.run(Unknown Source)", "\tat org.x.Y$$Lambda$14/0x0001.apply(Unknown Source)",
		"\tat sun.nio.ch.Net.poll(Native Method) ~[?:?]", "\tat x.Y.lambda$z$0(Y.scala:7)", "\t... 3 more",
	}, "\n"))
	got := slices.Collect(trace.Root().Frames())
	assert.Equal(t, []failure.Frame{
		{Class: "org.x.Y", Method: "<init>", File: "Y.java", Line: 12},
		{Class: "java.lang.Thread", Method: "run"},
		{Class: "org.x.Y$$Lambda$14/0x0001", Method: "apply"},
		{Class: "sun.nio.ch.Net", Method: "poll"},
		{Class: "x.Y", Method: "lambda$z$0", File: "Y.scala", Line: 7},
	}, got)
	for range trace.Root().Frames() {
		break // an early end is allowed
	}
}

// TestChainOfSamples holds the parser's chain of every sample to the one that was read by eye.
func TestChainOfSamples(t *testing.T) {
	t.Parallel()
	type short struct{ Class, Message, Relation string }
	got := map[string][]short{}
	for _, set := range []string{"measured", "wild"} {
		for _, x := range samples(t, set) {
			list := []short{}
			for _, e := range failure.Parse(x.Trace).Chain {
				message, _, _ := strings.Cut(e.Message, "\n")
				if len(message) > 60 {
					message = strings.ToValidUTF8(message[:60], "")
				}
				list = append(list, short{e.Class, message, e.Relation.String()})
			}
			got[x.ID] = list
		}
	}
	golden(t, filepath.Join("testdata", "chains.json"), func() []byte {
		raw, err := json.MarshalIndent(got, "", " ")
		require.NoError(t, err)
		return append(raw, '\n')
	}())
}

func golden(t *testing.T, file string, got []byte) {
	t.Helper()
	if *failure.Update {
		require.NoError(t, os.WriteFile(file, got, 0o600))
		return
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.Equal(t, string(want), string(got), "run go test ./connect/failure -update and look at the difference")
}
