package dlq_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/signal"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/go-reconnect/reconnect/dlq"
)

// childEnv holds the task of a child process: this test binary, run again as a republisher that may be killed.
const childEnv = "RECONNECT_PROOF_CHILD"

// childTask says what a child republishes and how it dies.
type childTask struct {
	Brokers               []string
	Topic, Origin, Group  string
	Park, ParkTo, Ledger  string // ParkTo is a file
	ExactlyOnce, Unstale  bool
	Chunk                 int
	RecordsPerSecond      float64 // 0: as fast as it goes
	Kill                  *wireRule
	KillAfterPark         int // kills after the Nth park to a file, before the commit
	SessionMS, PatienceMS int
}

// childEvent is one line of a child's standard output.
type childEvent struct {
	Progress int64       `json:"progress,omitempty"` // records with an outcome
	Killed   string      `json:"killed,omitempty"`
	Report   *dlq.Report `json:"report,omitempty"`
	Stopped  bool        `json:"stopped,omitempty"` // by SIGTERM
	Error    string      `json:"error,omitempty"`
}

// proofChild is the main function of a child. SIGTERM cancels its run, as a deployment does.
func proofChild(text string) int {
	var task childTask
	if err := json.Unmarshal([]byte(text), &task); err != nil {
		say(childEvent{Error: err.Error()})
		return 2
	}
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer cancel()
	r, err := dlq.NewRepublisher(task.config())
	if err != nil {
		say(childEvent{Error: err.Error()})
		return 2
	}
	report, err := r.Run(ctx)
	e := childEvent{Report: &report, Stopped: errors.Is(err, context.Canceled)}
	if err != nil {
		e.Error = err.Error()
	}
	say(e)
	if err != nil && !e.Stopped {
		return 1
	}
	return 0
}

func (t *childTask) config() dlq.RepublisherConfig {
	w := &wire{rule: t.Kill}
	if t.Kill != nil {
		w.die = dieAt(strconv.Itoa(int(t.Kill.API)) + ": " + string(t.Kill.When))
	}
	cfg := dlq.RepublisherConfig{
		Brokers: t.Brokers, Topic: t.Topic, Group: t.Group, Target: dlq.ToOrigin(), Handler: proofHandler, Dial: w.dial,
		ChunkRecords: t.Chunk, ExactlyOnce: t.ExactlyOnce, Rate: dlq.Rate{Records: t.RecordsPerSecond},
		AcceptOtherConsumers: true,
		SessionTimeout:       time.Duration(t.SessionMS) * time.Millisecond, RebalanceTimeout: time.Duration(t.SessionMS) * time.Millisecond,
		RetryTimeout: time.Duration(t.PatienceMS) * time.Millisecond,
		OnProgress: func(p dlq.Progress) {
			var n int64
			for _, count := range p.Outcomes {
				n += count
			}
			say(childEvent{Progress: n})
		},
	}
	if t.Unstale {
		cfg.Stale = dlq.StaleAllow
	}
	switch {
	case t.ParkTo != "":
		cfg.Park = &dyingParker{Parker: dlq.ParkFile(t.ParkTo), at: int64(t.KillAfterPark), die: dieAt("between park and commit")}
	default:
		cfg.Park = dlq.ParkTopic(t.Park)
	}
	if t.Ledger != "" {
		cfg.Ledger = dlq.LedgerTopic(t.Ledger)
	}
	return cfg
}

// dyingParker kills its process when the records are parked.
type dyingParker struct {
	dlq.Parker
	at   int64
	done atomic.Int64
	die  func()
}

func (p *dyingParker) Park(ctx context.Context, records []dlq.Parked) error {
	err := p.Parker.Park(ctx, records)
	if err == nil && p.done.Add(1) == p.at {
		p.die()
	}
	return err
}

// proofHandler parks each tenth record, by its id, and changes every third of the others.
func proofHandler(_ context.Context, r *dlq.Record) (dlq.Decision, error) {
	n, ok := proofID(r.Message.Key)
	switch {
	case !ok:
		return dlq.Decision{}, errors.New("a record that is none of the proof's")
	case n%10 == 0:
		return dlq.Park("tenth"), nil
	case n%3 == 0:
		r.Out.Value = bytes.ReplaceAll(r.Out.Value, []byte("broken"), []byte("mended"))
	}
	return dlq.Republish(), nil
}

// proofID is the number in a record's key.
func proofID(key []byte) (int, bool) {
	digits, ok := bytes.CutPrefix(key, []byte("id-"))
	n, err := strconv.Atoi(string(digits))
	return n, ok && err == nil && n >= 0
}

// proofTask returns the task of this process when it is a child.
func proofTask() (string, bool) { return os.LookupEnv(childEnv) }
