package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/go-reconnect/reconnect/connect"
	"github.com/go-reconnect/reconnect/connect/failure"
)

// row is one connector.
type row struct {
	name           string
	typ            connect.ConnectorType
	state          connect.State // the worst of the connector and its tasks
	tasks, running int
	faults         []fault
	note           string // what is wrong without a fault
}

// fault is one FAILED instance.
type fault struct {
	what   string // connector, or task 3
	task   int
	worker string
	trace  string
	d      failure.Diagnosis
}

// look reads every status in two requests: connectors that have no status yet are in the list of names only.
func look(ctx context.Context, c *connect.Client) ([]row, error) {
	names, err := c.ListConnectors(ctx)
	if err != nil {
		return nil, err
	}
	rows := make([]row, 0, len(names))
	seen := map[string]bool{}
	for st, err := range c.Statuses(ctx) {
		if err != nil {
			return nil, err
		}
		seen[st.Name] = true
		rows = append(rows, rowOf(&st))
	}
	for _, n := range names {
		if !seen[n] {
			rows = append(rows, row{name: n, typ: connect.TypeUnknown, state: "NO STATUS"})
		}
	}
	slices.SortFunc(rows, func(a, b row) int { return strings.Compare(a.name, b.name) })
	return rows, nil
}

func rowOf(st *connect.ConnectorStatus) row {
	r := row{name: st.Name, typ: st.Type, state: st.Connector.State, tasks: len(st.Tasks)}
	add := func(what string, task int, in *connect.InstanceStatus) {
		if in.State == connect.StateFailed {
			r.faults = append(r.faults, fault{what, task, in.WorkerID, in.Trace, failure.Diagnose(in.Trace)})
		}
	}
	add("connector", -1, &st.Connector)
	for i := range st.Tasks {
		t := &st.Tasks[i]
		add(fmt.Sprintf("task %d", t.ID.Task), t.ID.Task, &t.InstanceStatus)
		if t.State == connect.StateRunning {
			r.running++
		} else if r.state == connect.StateRunning {
			r.state = t.State
		}
	}
	if len(r.faults) > 0 {
		r.state = connect.StateFailed
	}
	return r
}

// report prints what a person wants to know: the counts, and every fault with its cause and what helps.
func report(w *strings.Builder, rows []row, traces bool) {
	counts := map[connect.State]int{}
	for _, r := range rows {
		counts[r.state]++
	}
	states := make([]string, 0, len(counts))
	for s, n := range counts {
		states = append(states, fmt.Sprintf("%d %s", n, s))
	}
	slices.Sort(states)
	fmt.Fprintf(w, "%d connectors: %s\n", len(rows), strings.Join(states, ", "))
	for _, r := range rows {
		if r.state == connect.StateRunning && r.tasks > 0 {
			continue
		}
		fmt.Fprintf(w, "\n%s (%s) is %s, %d of %d tasks RUNNING\n", r.name, r.typ, r.state, r.running, r.tasks)
		if r.note != "" {
			fmt.Fprintf(w, "  %s\n", r.note)
		}
		for _, f := range r.faults {
			fmt.Fprintf(w, "  %s on %s: %s: %s (%s)\n", f.what, f.worker, f.d.Class, orDash(f.d.Summary), advice(f.d.Restart))
			for _, remedy := range f.d.Remedies {
				fmt.Fprintf(w, "    - %s\n", remedy)
			}
			if traces {
				fmt.Fprintf(w, "%s\n", f.trace)
			}
		}
	}
}

func advice(a failure.Advice) string {
	switch a {
	case failure.AdviceRestart:
		return "a restart can fix it"
	case failure.AdviceAfterRecovery:
		return "a restart helps once the other side is back"
	case failure.AdviceAfterChange:
		return "a person must change something first"
	default:
		return "whether a restart helps is not known"
	}
}

func orDash(s string) string {
	if s == "" {
		return "cause unknown"
	}
	return s
}

// table prints one line per connector.
func table(w *strings.Builder, rows []row, now time.Time) {
	fmt.Fprintf(w, "%s   %d connectors\n\n", now.Format("15:04:05"), len(rows))
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(t, "CONNECTOR\tTYPE\tSTATE\tTASKS\tCAUSE")
	for _, r := range rows {
		cause := r.note
		if len(r.faults) > 0 {
			cause = fmt.Sprintf("%s: %s", r.faults[0].d.Class, r.faults[0].d.Summary)
		}
		if runes := []rune(cause); len(runes) > 80 {
			cause = string(runes[:79]) + "…"
		}
		_, _ = fmt.Fprintf(t, "%s\t%s\t%s\t%d/%d\t%s\n", printable(r.name), r.typ, r.state, r.running, r.tasks, printable(cause))
	}
	_ = t.Flush()
}

// printable keeps a name from steering the terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return '?'
		}
		return r
	}, s)
}
