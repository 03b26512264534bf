// Command diagnose says what failed in Kafka Connect, whether a restart would help, and what to do, from stack traces.
//
//	go run ./examples/diagnose trace.txt another.txt       # files
//	kubectl logs connect-0 | go run ./examples/diagnose    # standard input: one trace, or the answer of GET /connectors/{name}/status
//	go run ./examples/diagnose -connect http://localhost:8083                         # everything that is failed now
//	go run ./examples/diagnose -connect http://localhost:8083 -connector orders-sink  # one connector
//
// Failures of one cause are shown once, with the tasks they belong to. It exits with 1 when something could not be read.
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/go-reconnect/reconnect/connect"
	"github.com/go-reconnect/reconnect/connect/failure"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdin, os.Stdout)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "diagnose:", err)
		os.Exit(1)
	}
}

// report is one failure: where it was found, and what it means.
type report struct {
	where     string
	diagnosis failure.Diagnosis
}

func run(ctx context.Context, args []string, stdin io.Reader, stdout io.Writer) error {
	flags := flag.NewFlagSet("diagnose", flag.ContinueOnError)
	url := flags.String("connect", "", "URL of a Connect worker; several separated by commas")
	name := flags.String("connector", "", "only this connector (with -connect)")
	user := flags.String("user", "", "user for HTTP basic authentication; the password is read from CONNECT_PASSWORD")
	if err := flags.Parse(args); err != nil {
		return err
	}
	var reports []report
	var err error
	switch {
	case *url != "" && flags.NArg() > 0:
		return errors.New("give either -connect or files, not both")
	case *url != "":
		reports, err = fromConnect(ctx, *url, *name, *user)
	case *name != "":
		return errors.New("-connector needs -connect")
	default:
		reports, err = fromFiles(flags.Args(), stdin)
	}
	if len(reports) > 0 || err == nil {
		if e := show(stdout, reports); e != nil {
			return e
		}
	}
	return err
}

// fromConnect diagnoses what is failed now. What could be read is returned beside an error.
func fromConnect(ctx context.Context, url, name, user string) ([]report, error) {
	urls := strings.Split(url, ",")
	options := []connect.Option{connect.WithTimeout(10 * time.Second)}
	if len(urls) > 1 {
		options = append(options, connect.WithWorkers(urls[1:]...))
	}
	if user != "" {
		options = append(options, connect.WithBasicAuth(user, os.Getenv("CONNECT_PASSWORD")))
	}
	client, err := connect.NewClient(urls[0], options...)
	if err != nil {
		return nil, err
	}
	if name != "" {
		status, err := client.GetStatus(ctx, name)
		if err != nil {
			return nil, err
		}
		return ofStatus(status), nil
	}
	var reports []report
	for status, err := range client.Statuses(ctx) {
		if err != nil {
			return reports, err
		}
		reports = append(reports, ofStatus(&status)...)
	}
	return reports, nil
}

func ofStatus(status *connect.ConnectorStatus) []report {
	var reports []report
	add := func(where string, s connect.InstanceStatus) {
		if s.State == connect.StateFailed {
			reports = append(reports, report{where: where + " on " + s.WorkerID, diagnosis: failure.Diagnose(s.Trace)})
		}
	}
	add(status.Name, status.Connector)
	for _, task := range status.Tasks {
		add(fmt.Sprintf("%s task %d", status.Name, task.ID.Task), task.InstanceStatus)
	}
	return reports
}

func fromFiles(files []string, stdin io.Reader) ([]report, error) {
	if len(files) == 0 {
		files = []string{"-"}
	}
	var reports []report
	var errs []error
	for _, file := range files {
		var raw []byte
		var err error
		if file == "-" {
			file = "standard input"
			raw, err = io.ReadAll(stdin)
		} else {
			raw, err = os.ReadFile(file) //nolint:gosec // the files the user names
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		reports = append(reports, ofText(file, raw)...)
	}
	return reports, errors.Join(errs...)
}

// ofText takes a trace, or the JSON of a connector's status.
func ofText(where string, raw []byte) []report {
	var status struct {
		Name      string `json:"name"`
		Connector *struct {
			State, Trace string
			WorkerID     string `json:"worker_id"`
		} `json:"connector"`
		Tasks []struct {
			ID           int
			State, Trace string
			WorkerID     string `json:"worker_id"`
		} `json:"tasks"`
	}
	if json.Unmarshal(raw, &status) != nil || status.Connector == nil {
		return []report{{where: where, diagnosis: failure.Diagnose(string(raw))}}
	}
	s := connect.ConnectorStatus{Name: status.Name}
	s.Connector = connect.InstanceStatus{State: connect.State(status.Connector.State), Trace: status.Connector.Trace, WorkerID: status.Connector.WorkerID}
	for _, t := range status.Tasks {
		s.Tasks = append(s.Tasks, connect.TaskStatus{
			ID: connect.TaskID{Connector: status.Name, Task: t.ID}, InstanceStatus: connect.InstanceStatus{State: connect.State(t.State), Trace: t.Trace, WorkerID: t.WorkerID},
		})
	}
	return ofStatus(&s)
}

// show prints the failures, those of one cause together, the most frequent cause first.
func show(w io.Writer, reports []report) error {
	groups := map[string][]report{}
	for _, r := range reports {
		groups[r.diagnosis.Fingerprint] = append(groups[r.diagnosis.Fingerprint], r)
	}
	ordered := make([][]report, 0, len(groups))
	for _, g := range groups {
		ordered = append(ordered, g)
	}
	slices.SortFunc(ordered, func(a, b []report) int {
		return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a[0].where, b[0].where))
	})
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %s\n", count(len(reports), "failure"), count(len(ordered), "cause"))
	for i, g := range ordered {
		d := g[0].diagnosis
		fmt.Fprintf(&b, "\n%d. %s: %s\n", i+1, d.Class, d.Summary)
		fmt.Fprintf(&b, "   restart: %s\n", advice(d.Restart))
		for _, r := range g {
			fmt.Fprintf(&b, "   in %s\n", r.where)
		}
		if d.Root.Class != "" || d.Root.Message != "" {
			line, _, _ := strings.Cut(d.Root.Message, "\n")
			fmt.Fprintf(&b, "   root: %s\n", strings.Trim(d.Root.Class+": "+strings.TrimSpace(line), ": "))
		}
		for _, remedy := range d.Remedies {
			fmt.Fprintf(&b, "   - %s\n", remedy)
		}
		fmt.Fprintf(&b, "   (pattern %s, fingerprint %s)\n", cmp.Or(d.Pattern, "none"), d.Fingerprint)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func advice(a failure.Advice) string {
	switch a {
	case failure.AdviceRestart:
		return "helps"
	case failure.AdviceAfterRecovery:
		return "helps once the other side is back"
	case failure.AdviceAfterChange:
		return "does not help until something was changed"
	case failure.AdviceUnknown:
	}
	return "cannot tell"
}
