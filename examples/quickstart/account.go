package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/go-reconnect/reconnect/connect"
	"github.com/go-reconnect/reconnect/connect/failure"
	"github.com/go-reconnect/reconnect/dlq"
)

// account is what happened, read from Kafka, from Connect and from the sink's output: nothing in it comes from the story's own script.
type account struct {
	topic, deadLetters, connector string

	produced int64          // end offsets of the topic before anything was republished
	state    connect.State  // the task's, at the end
	failures []string       // causes of FAILED statuses, in the order they were seen
	restarts int            // restarts that Connect accepted
	counted  string         // where the restarts were counted
	letters  []letter       // the dead letter queue, record by record
	report   dlq.Report     // the republisher's own
	lag      int64          // records of the topic that the connector's group has not committed
	output   output         // what the sink wrote
	missing  []string       // orders that the sink did not write
	twice    map[string]int // orders that it wrote more than once, with how often
	wrong    []string       // lines that are no order's expected rendering
	damaged  []string       // records on the topics whose bytes are not what they should be
	problems []string       // why the story did not go as it should
	orders   int            // orders that should arrive
	elapsed  time.Duration
}

// letter is one record of the dead letter queue.
type letter struct {
	partition int32
	offset    int64
	origin    string // partition@offset in the topic, from its headers
	order     string // id of the record at the origin
	stage     string
	cause     failure.Diagnosis
	outcome   string // where it is now, as found on the topics
}

// output is what the sink wrote and how that is known.
type output struct {
	lines []string
	from  string
	known bool // false: the lines cannot be read from here
}

func (a *account) problem(format string, args ...any) {
	a.problems = append(a.problems, fmt.Sprintf(format, args...))
}

// complete says that every order is in the sink and that nothing is wrong with any record.
func (a *account) complete() bool {
	return len(a.missing) == 0 && len(a.wrong) == 0 && len(a.damaged) == 0 && len(a.problems) == 0
}

// settleLetters gives an outcome to the dead letters that no record was found for: copies of another one, which a task that failed before its
// offset commit writes again, and those that nothing became of.
func (a *account) settleLetters() {
	for i := range a.letters {
		l := &a.letters[i]
		if l.outcome != "" {
			continue
		}
		l.outcome = "nothing became of it"
		for _, other := range a.letters {
			if other.origin == l.origin && strings.HasPrefix(other.outcome, "fixed") {
				l.outcome = fmt.Sprintf("a copy of %d@%d, republished once", other.partition, other.offset)
				break
			}
		}
	}
}

// compare holds the sink's output against the orders, by id and by rendering.
func (a *account) compare(orders []order) {
	a.orders = len(orders)
	if !a.output.known {
		if a.lag > 0 {
			a.problem("%d records are still in front of the connector", a.lag)
		}
		return
	}
	expected := make(map[string]string, len(orders)) // line -> id
	for _, o := range orders {
		expected[o.line] = o.id
	}
	seen := map[string]int{}
	for _, line := range a.output.lines {
		if id, ok := expected[line]; ok {
			seen[id]++
		} else {
			a.wrong = append(a.wrong, line)
		}
	}
	a.twice = map[string]int{}
	for _, o := range orders {
		switch n := seen[o.id]; {
		case n == 0:
			a.missing = append(a.missing, o.id)
		case n > 1:
			a.twice[o.id] = n
		}
	}
}

// print writes the account for a person.
func (a *account) print(w io.Writer) {
	row := func(name, format string, args ...any) {
		_, _ = fmt.Fprintf(w, "  %-20s %s\n", name, fmt.Sprintf(format, args...))
	}
	_, _ = fmt.Fprintf(w, "\nWhat happened (%.1f s), as Kafka, Connect and the sink tell it:\n", a.elapsed.Seconds())
	row("topic", "%s held %d records (end offsets)", a.topic, a.produced)
	for _, f := range a.failures {
		row("task failed", "%s", f)
	}
	row("restarts", "%d accepted by Connect (counted in %s); the task is %s", a.restarts, a.counted, a.state)
	a.printLetters(row)
	if a.output.known {
		row("sink output", "%d lines (%s): %d of %d orders, %d missing, %d lines unexpected, %d orders more than once",
			len(a.output.lines), a.output.from, a.orders-len(a.missing), a.orders, len(a.missing), len(a.wrong), len(a.twice))
		if len(a.twice) > 0 {
			row("", "a sink delivers at least once: what it wrote or dead-lettered after its last offset commit, it does again when its task starts anew")
		}
	} else {
		row("sink output", "not compared: %s", a.output.from)
		row("", "verified instead: the connector's group has committed past all but %d records of the topic, and each dead letter is accounted for", a.lag)
	}
	for _, list := range []struct {
		name  string
		items []string
	}{{"missing", a.missing}, {"unexpected line", a.wrong}, {"damaged", a.damaged}, {"problem", a.problems}} {
		for i, item := range list.items {
			if i == 10 {
				row("", "and %d more", len(list.items)-i)
				break
			}
			row(list.name, "%s", item)
		}
	}
}

func (a *account) printLetters(row func(name, format string, args ...any)) {
	row("dead letters", "%d on %s, as partition@offset:", len(a.letters), a.deadLetters)
	if len(a.letters) == 0 {
		return
	}
	var causes []failure.Diagnosis
	count := map[string]int{}
	for _, l := range a.letters {
		if count[l.cause.Fingerprint]++; count[l.cause.Fingerprint] == 1 {
			causes = append(causes, l.cause)
		}
	}
	number := map[string]int{}
	for i, c := range causes {
		number[c.Fingerprint] = i + 1
		row("", "cause %d, %d times: %s (class %s, advice %s)", i+1, count[c.Fingerprint], c.Summary, c.Class, c.Restart)
		for _, remedy := range c.Remedies {
			row("", "    remedy: %s", remedy)
			break // the most likely one
		}
	}
	for _, l := range a.letters {
		row("", "%d@%-3d %s from %-6s %s, cause %d: %s", l.partition, l.offset, l.order, l.origin+",", l.stage, number[l.cause.Fingerprint], l.outcome)
	}
	row("republisher", "%s", a.report)
	for _, reason := range slices.Sorted(maps.Keys(a.report.Reasons)) {
		row("", "%d because: %s", a.report.Reasons[reason], reason)
	}
}

// verdict is the last line.
func (a *account) verdict() string {
	if !a.complete() {
		var what []string
		for _, part := range []struct {
			n         int
			one, many string
		}{
			{len(a.missing), "order is not in the sink", "orders are not in the sink"},
			{len(a.wrong), "line of the sink is wrong", "lines of the sink are wrong"},
			{len(a.damaged), "record is damaged", "records are damaged"},
			{len(a.problems), "other problem", "other problems"},
		} {
			if part.n > 0 {
				what = append(what, plural(part.n, part.one, part.many))
			}
		}
		return "NOT COMPLETE: " + strings.Join(what, ", ")
	}
	if !a.output.known {
		return fmt.Sprintf("the connector has consumed all %d orders, the %d dead letters included", a.orders, len(a.letters))
	}
	return fmt.Sprintf("every one of the %d orders is in the sink, the %d dead letters included", a.orders, len(a.letters))
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
