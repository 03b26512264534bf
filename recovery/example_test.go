package recovery_test

import (
	"fmt"
	"time"

	"github.com/go-reconnect/reconnect/connect"
	"github.com/go-reconnect/reconnect/connect/failure"
	"github.com/go-reconnect/reconnect/recovery"
)

// A controller with its own loop and storage uses the same rules without the Supervisor.
func ExampleDecide() {
	status := connect.ConnectorStatus{
		Name: "orders", Type: connect.TypeSink, Connector: connect.InstanceStatus{State: connect.StateRunning, WorkerID: "w1:8083"},
		Tasks: []connect.TaskStatus{{ID: connect.TaskID{Connector: "orders"}, InstanceStatus: connect.InstanceStatus{State: connect.StateFailed, WorkerID: "w1:8083", Trace: "..."}}},
	}
	diagnose := func(string) failure.Diagnosis {
		return failure.Diagnosis{Class: failure.ClassConnection, Restart: failure.AdviceAfterRecovery, Fingerprint: "f"}
	}
	policy := recovery.Policy{Jitter: -1}
	var state recovery.State // read from the resource's status
	now := time.Date(2026, 1, 5, 3, 0, 0, 0, time.UTC)
	for range 3 {
		d := recovery.Decide(policy, state, recovery.Observe(status, diagnose), now)
		state = d.State // stored before anything is sent
		fmt.Println(now.Format("15:04:05"), d.Action, state.Phase, d.Left, d.Reason.Text())
		if d.Action == recovery.ActionRestart {
			// answer, err := recovery.Act(ctx, client, d)
			state = recovery.Settle(policy, state, d, recovery.AnswerAccepted, now)
		}
		now = now.Add(30 * time.Second)
	}
	// Output:
	// 03:00:00 none suspect 5 FAILED, but not yet seen often enough to be believed
	// 03:00:30 none backoff 5 the next restart is due after the backoff
	// 03:01:00 restart restarting 4 a restart is reserved and on its way
}
