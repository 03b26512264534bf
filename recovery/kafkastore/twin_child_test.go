package kafkastore_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"time"

	"github.com/go-reconnect/reconnect/connect"
	"github.com/go-reconnect/reconnect/recovery"
	"github.com/go-reconnect/reconnect/recovery/kafkastore"
)

// twinEnv makes the test binary a supervisor: it holds a twinJob.
const twinEnv = "RECONNECT_TEST_TWIN"

// twinJob is all that two supervisors of one cluster share, but for the addresses.
type twinJob struct {
	Connect, Broker, Topic string
}

// The real times of the proof. twinLease is how long a supervisor may be silent before the other one leads.
const (
	twinLease  = 6 * time.Second
	twinDelay  = 8 * time.Second
	twinBudget = 3
	twinWindow = time.Minute
)

// The connectors of the proof, by what their names begin with.
const (
	mortalName = "mortal-" // fails now and then and recovers with a restart; its budget is no bound here
	doomedName = "doomed-" // fails again at once, for ever: never more than twinBudget restarts
	flapsName  = "flaps-"  // fails again a moment after each restart: never more than twinBudget restarts within twinWindow
)

// twinPolicy gives each kind its budget. VerifyTimeout is longer than everything else, as it is in production.
func twinPolicy(name string) recovery.Policy {
	p := recovery.Policy{
		MaxRestarts: twinBudget, Window: 6 * time.Hour, RestartDelay: twinDelay, MaxDelay: twinDelay, Multiplier: 1, Jitter: -1,
		StableFor: 4 * time.Second, VerifyTimeout: 4 * twinDelay, RebalanceDelay: time.Minute, ProbeEvery: -1, FlappingAfter: -1,
	}
	switch {
	case strings.HasPrefix(name, mortalName):
		p.MaxRestarts = 1000
	case strings.HasPrefix(name, flapsName):
		p.Window = twinWindow
	}
	return p
}

// twinRequestTimeout bounds how late a restart can come after its reservation.
const twinRequestTimeout = 4 * time.Second

// runTwin is one supervisor in a process of its own. It ends with its parent.
func runTwin(job string) int {
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(3)
	}()
	fail := func(err error) int {
		fmt.Println("error", err) //nolint:forbidigo // the parent reads it
		return 1
	}
	var j twinJob
	if err := json.Unmarshal([]byte(job), &j); err != nil {
		return fail(err)
	}
	client, err := connect.NewClient(j.Connect, connect.WithTimeout(2*time.Second))
	if err != nil {
		return fail(err)
	}
	store, err := kafkastore.New(kafkastore.Config{
		Brokers: []string{j.Broker}, Topic: j.Topic, SessionTimeout: twinLease, Timeout: 5 * time.Second,
		Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "tcp", j.Broker)
		},
	})
	if err != nil {
		return fail(err)
	}
	defer store.Close() //nolint:errcheck // the process ends
	s, err := recovery.New(client, recovery.Config{
		Cluster: "twins", Store: store, Elector: store, Interval: 500 * time.Millisecond, RequestTimeout: twinRequestTimeout, Policy: twinPolicy(""),
		PolicyFor: func(name string) (recovery.Policy, bool) { return twinPolicy(name), true },
		Guard:     recovery.Guard{MinConnectors: -1, TasksPerMinute: 6000},
		Logger:    slog.New(slog.NewTextHandler(os.Stdout, nil)),
		OnEvent: func(e recovery.Event) {
			fmt.Println("event", e.Kind, e.Connector, e.Attempt, e.Answer, e.Time.Format("15:04:05.000"), e.Error) //nolint:forbidigo // the parent reads it
		},
	})
	if err != nil {
		return fail(err)
	}
	fmt.Println("ready") //nolint:forbidigo // the parent reads it
	return fail(s.Run(context.Background()))
}
