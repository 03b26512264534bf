package failure_test

import (
	"fmt"

	"github.com/go-reconnect/reconnect/connect/failure"
)

const trace = `org.apache.kafka.connect.errors.ConnectException: Exiting WorkerSinkTask due to unrecoverable exception.
	at org.apache.kafka.connect.runtime.WorkerSinkTask.deliverMessages(WorkerSinkTask.java:658)
	... 10 more
Caused by: io.confluent.connect.jdbc.sink.TableAlterOrCreateException: Table "orders" is missing and auto-creation is disabled
	at io.confluent.connect.jdbc.sink.DbStructure.create(DbStructure.java:118)
	... 12 more
`

func ExampleDiagnose() {
	d := failure.Diagnose(trace)
	fmt.Println(d.Class, d.Restart)
	fmt.Println(d.Summary)
	// Output:
	// data_constraint after_change
	// The table orders lacks what the record has.
}

func ExampleParse() {
	for _, e := range failure.Parse(trace).Chain {
		fmt.Println(e.SimpleClass())
		for f := range e.Frames() {
			fmt.Printf("  %s line %d\n", f.Method, f.Line)
		}
	}
	// Output:
	// ConnectException
	//   deliverMessages line 658
	// TableAlterOrCreateException
	//   create line 118
}

func ExampleNew() {
	d, err := failure.New(failure.Pattern{
		ID:       "acme-maintenance",
		Messages: []string{"acme * maintenance window"},
		Class:    failure.ClassConnection,
		Advice:   failure.AdviceAfterRecovery,
		Summary:  "Acme[ at {host}] is in its maintenance window.",
		Remedies: []string{"Wait until 04:00 UTC; the supervisor restarts the task then."},
		Source:   "Acme's operations handbook",
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(d.Diagnose("com.acme.AcmeException: Acme https://acme.example/api is closed: maintenance window").Summary)
	// Output: Acme at acme.example is in its maintenance window.
}
