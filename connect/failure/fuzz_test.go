package failure_test

import (
	"testing"

	"github.com/go-reconnect/reconnect/connect/failure"
)

func FuzzDiagnose(f *testing.F) {
	for _, set := range []string{"measured", "wild"} {
		for i, x := range samples(f, set) {
			if i%5 == 0 && len(x.Trace) < 8000 {
				f.Add(x.Trace)
			}
		}
	}
	for _, x := range written(f, "written.txt") {
		f.Add(x.Trace)
	}
	for _, s := range []string{"", "\n", "Caused by:", "Suppressed:\n\tCaused by:", "Wrapped by: a.B\nWrapped by: c.D", "...", "at a.b(", "\tat a.b(C.java:99999999999999999999)", "a.B: Batch entry  was aborted", "sqlstate=", "ora-", "http/1.1 4", `\n\tat a.b(c)`, ") at a.b() at c.d() at ", "\x00\xff\xfe", "x: value '", "://", "a:99999", "[CIRCULAR REFERENCE"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, trace string) {
		parsed := failure.Parse(trace)
		for i, e := range parsed.Chain {
			if e.Parent >= i || e.Parent < -1 {
				t.Fatalf("exception %d has parent %d", i, e.Parent)
			}
			n := 0
			for range e.Frames() {
				n++
			}
			if n > len(trace)+1 {
				t.Fatalf("%d frames in %d bytes", n, len(trace))
			}
		}
		d := parsed.Diagnose()
		if d.Summary == "" || d.Class == "" || len(d.Fingerprint) != 16 || len(d.Remedies) == 0 {
			t.Fatalf("incomplete diagnosis: %+v", d)
		}
		if len(d.Summary) > 1500 || len(d.Root.Message) > 3000 {
			t.Fatalf("summary of %d bytes, message of %d", len(d.Summary), len(d.Root.Message))
		}
		if again := failure.Diagnose(trace); again.Fingerprint != d.Fingerprint || again.Pattern != d.Pattern {
			t.Fatalf("two diagnoses of one text: %+v, %+v", d, again)
		}
	})
}
