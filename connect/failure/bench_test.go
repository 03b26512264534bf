package failure_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/go-reconnect/reconnect/connect/failure"
)

// typical is a task trace of about 3 kB, the median of real ones.
func typical(b *testing.B) string {
	b.Helper()
	for _, s := range samples(b, "measured") {
		if s.ID == "ser-json-no-envelope" {
			if len(s.Trace) < 2000 || len(s.Trace) > 4000 {
				b.Fatalf("the sample has %d bytes", len(s.Trace))
			}
			return s.Trace
		}
	}
	b.Fatal("no such sample")
	return ""
}

func BenchmarkDiagnose(b *testing.B) {
	for _, name := range []string{"ser-json-no-envelope", "jdbc-pg-refused", "jdbc-pg-too-long", "kaf-acl-produce", "unk-mocksink-task"} {
		b.Run(name, func(b *testing.B) {
			var trace string
			for _, s := range samples(b, "measured") {
				if s.ID == name {
					trace = s.Trace
				}
			}
			b.SetBytes(int64(len(trace)))
			b.ReportAllocs()
			for b.Loop() {
				failure.Parse(trace).Diagnose()
			}
		})
	}
}

// BenchmarkBaseline is what a plain look at every byte of the same text costs here and now, to compare with on a machine whose speed changes.
func BenchmarkBaseline(b *testing.B) {
	trace := typical(b)
	b.SetBytes(int64(len(trace)))
	lines := 0
	for b.Loop() {
		for i := range len(trace) {
			if trace[i] == '\n' {
				lines++
			}
		}
	}
	if lines == 0 {
		b.Fatal("no lines")
	}
}

func BenchmarkParse(b *testing.B) {
	trace := typical(b)
	b.SetBytes(int64(len(trace)))
	b.ReportAllocs()
	for b.Loop() {
		failure.Parse(trace)
	}
}

// BenchmarkSize shows that time grows with the length and not faster, for texts of several kinds.
func BenchmarkSize(b *testing.B) {
	kinds := map[string]func(n int) string{
		"frames": func(n int) string {
			return "java.lang.RuntimeException: x\n" + strings.Repeat("\tat org.apache.kafka.connect.runtime.WorkerTask.run(WorkerTask.java:298)\n", n/72)
		},
		"message": func(n int) string {
			return "java.lang.RuntimeException: " + strings.Repeat("the quick brown fox could not access table orders; ", n/51)
		},
		"causes": func(n int) string {
			return "java.lang.RuntimeException: x\n" + strings.Repeat("Caused by: org.example.AcmeException: went wrong\n", n/49)
		},
		"lines": func(n int) string { return strings.Repeat("x\n", n/2) },
		"nested": func(n int) string {
			return "a.B: x\n" + strings.Repeat("\tSuppressed: a.C: y\n\t\tat a.b.C.d(E.java:1)\n", n/44)
		},
		"braces": func(n int) string { return "a.B: " + strings.Repeat("value '", n/7) },
		"batch": func(n int) string {
			return "java.sql.BatchUpdateException: Batch entry 0 INSERT INTO t VALUES ('" + strings.Repeat("was aborted ", n/12) + "') was aborted: ERROR: value too long for type character varying(5)"
		},
		"joined":  func(n int) string { return strings.Repeat(") at ", n/5) },
		"colons":  func(n int) string { return strings.Repeat("a:1 at b.c ", n/11) },
		"letters": func(n int) string { return strings.Repeat("a", n) },
	}
	for name, kind := range kinds {
		for _, size := range []int{64 << 10, 1 << 20} {
			b.Run(fmt.Sprintf("%s/%dk", name, size>>10), func(b *testing.B) {
				trace := kind(size)
				b.SetBytes(int64(len(trace)))
				for b.Loop() {
					failure.Diagnose(trace)
				}
			})
		}
	}
}
