package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/go-reconnect/reconnect/connect"
	"github.com/go-reconnect/reconnect/connect/failure"
	"github.com/go-reconnect/reconnect/dlq"
	"github.com/go-reconnect/reconnect/errtolerance"
	"github.com/go-reconnect/reconnect/recovery"
)

// options say where the story is played, and let tests take a part out.
type options struct {
	orders     int
	partitions int32
	// start brings up the place: embedded, Docker or somebody's cluster.
	start starter
	// patience is how long one step may take.
	patience time.Duration
	// progress is told each step. Nil is silent.
	progress io.Writer

	newSupervisor  func(recovery.Connect, recovery.Config) (supervisor, error)
	newRepublisher func(dlq.RepublisherConfig) (republisher, error)
}

// starter brings up a place. say tells what takes long.
type starter func(ctx context.Context, names names, say func(format string, args ...any)) (environment, error)

type supervisor interface {
	Run(ctx context.Context) error
}

type republisher interface {
	Run(ctx context.Context) (dlq.Report, error)
}

// environment is where the story is played.
type environment interface {
	Brokers() []string
	Client() *connect.Client
	// Sink is the connector's config without its error handling. It, or the handling, is wrong for the place as it is: the task fails
	// until Repair.
	Sink(topic string) map[string]string
	// ErrorHandling is the eight errors.* keys.
	ErrorHandling(deadLetters string) errtolerance.Config
	// RestartsFirst is how many restarts fail before Repair makes the environment right, as somebody on call would, and says what it did.
	RestartsFirst() int
	Repair(ctx context.Context) (did string, err error)
	// Policy and the interval suit how fast the place is.
	Policy() (recovery.Policy, time.Duration)
	// Output is what the sink has written; want is how many orders should be in it.
	Output(ctx context.Context, want int) (output, error)
	// Commit makes the connector commit its offsets now, where waiting for it takes long.
	Commit(ctx context.Context) error
	// Restarts counts the restarts of the connector and its tasks that Connect accepted.
	Restarts(ctx context.Context) (n int, how string, err error)
	// KeepsTraces says that the place lives on, so that what the story made has to be removed from it.
	KeepsTraces() bool
	// Close removes the place itself, where the story made that.
	Close(ctx context.Context) error
}

// names of everything the story makes.
type names struct{ connector, topic, deadLetters, parked, group string }

func newNames(id string) names {
	n := names{connector: "reconnect-quickstart-" + id}
	n.topic = n.connector + "-orders"
	n.deadLetters = n.topic + "-dlq"
	n.parked = n.deadLetters + "-parked"
	n.group = n.connector + "-republish"
	return n
}

// story is one run.
type story struct {
	options
	names
	env    environment
	kafka  *kafkaClient
	client *connect.Client
	orders []order
	ends   offsets // of the topic, before anything is republished
	acc    account
	saying sync.Mutex // the supervisor speaks from its own goroutine
}

// play runs the story from start to end, and cleans up whatever happened. The account is as complete as the run got.
func play(ctx context.Context, o options) (acc account, err error) {
	began := time.Now()
	s := &story{options: o, names: newNames(randomID())}
	s.acc = account{topic: s.topic, deadLetters: s.deadLetters, connector: s.connector}
	defer func() { acc, acc.elapsed = s.acc, time.Since(began) }()
	if s.env, err = o.start(ctx, s.names, s.say); err != nil {
		return s.acc, err
	}
	defer func() { err = errors.Join(err, s.cleanUp(ctx)) }()
	s.client = s.env.Client()
	if s.kafka, err = dialKafka(ctx, s.env.Brokers()); err != nil {
		return s.acc, err
	}
	defer s.kafka.close()
	for _, step := range []func(context.Context) error{s.makeTopics, s.createConnector, s.survive, s.readDeadLetters, s.republish, s.verify} {
		if err := step(ctx); err != nil {
			if ctx.Err() != nil {
				err = context.Cause(ctx)
			}
			return s.acc, err
		}
	}
	return s.acc, nil
}

func (s *story) say(format string, args ...any) {
	s.saying.Lock()
	defer s.saying.Unlock()
	if s.progress != nil {
		_, _ = fmt.Fprintf(s.progress, format+"\n", args...)
	}
}

// step bounds one step of the story.
func (s *story) step(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, s.patience, errPatience)
}

var errPatience = errors.New("it took too long")

func (s *story) makeTopics(ctx context.Context) error {
	if err := s.kafka.createTopic(ctx, s.topic, s.partitions); err != nil {
		return err
	}
	s.orders = makeOrders(s.topic, s.options.orders, s.partitions, time.Now().Add(-time.Duration(s.options.orders)*time.Millisecond))
	records := make([]*kgo.Record, len(s.orders))
	faulty := 0
	for i, o := range s.orders {
		records[i] = o.record
		if o.fault != faultNone {
			faulty++
		}
	}
	if err := s.kafka.produce(ctx, records); err != nil {
		return err
	}
	var err error
	if s.ends, err = s.kafka.ends(ctx, s.topic); err != nil {
		return err
	}
	s.acc.produced = s.ends.sum()
	s.say("1. %d orders are on %s, %d of them broken", s.acc.produced, s.topic, faulty)
	return nil
}

// createConnector makes the sink with the error handling of a dead letter queue.
func (s *story) createConnector(ctx context.Context) error {
	handling := s.env.ErrorHandling(s.deadLetters)
	config := handling.ApplyTo(s.env.Sink(s.topic))
	ctx, cancel := s.step(ctx)
	defer cancel()
	if _, err := s.client.CreateConnector(ctx, connect.CreateRequest{Name: s.connector, Config: config}); err != nil {
		return fmt.Errorf("create connector %s: %w", s.connector, err)
	}
	s.say("2. connector %s is created: %s", s.connector, describe(handling))
	return nil
}

func describe(c errtolerance.Config) string {
	m := c.Map()
	var parts []string
	for _, key := range []string{errtolerance.KeyTolerance, errtolerance.KeyDLQTopic, errtolerance.KeyDLQContextHeaders, errtolerance.KeyDLQReplication} {
		if v, ok := m[key]; ok {
			parts = append(parts, key+"="+v)
		}
	}
	return strings.Join(parts, " ")
}

// survive lets the task fail, repairs what it fails on, and leaves it to the supervisor to bring the task back.
func (s *story) survive(ctx context.Context) (err error) {
	policy, interval := s.env.Policy()
	sup, err := s.newSupervisor(s.client, recovery.Config{
		Policy: policy, Interval: interval,
		Watch: func(name string) bool { return name == s.connector }, // nobody else's connectors
		OnEvent: func(e recovery.Event) {
			if e.Connector == s.connector {
				s.say("   supervisor: %s", strings.Replace(e.Message, s.connector, "the connector", 1))
			}
		},
	})
	if err != nil {
		return err
	}
	running, stop := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- sup.Run(running) }()
	defer func() {
		stop()
		err = errors.Join(err, <-done)
	}()

	step, cancel := s.step(ctx)
	defer cancel()
	if err := s.waitFor(step, func(st *connect.ConnectorStatus) bool { return st.Failed() }); err != nil {
		return s.carryOn(ctx, err, "the task did not fail")
	}
	s.say("3. the task is FAILED: %s", s.acc.failures[len(s.acc.failures)-1])
	err = until(step, interval, func() (bool, error) {
		n, _, err := s.env.Restarts(step)
		return n >= s.env.RestartsFirst(), err
	})
	if err != nil {
		if err := s.carryOn(ctx, err, "nobody restarted the failed task"); err != nil {
			return err
		}
		return s.countRestarts(ctx)
	}
	did, err := s.env.Repair(step)
	if err != nil {
		return fmt.Errorf("repair the environment: %w", err)
	}
	s.say("4. %s", did)
	if err := s.waitFor(step, func(st *connect.ConnectorStatus) bool { return st.Running() }); err != nil {
		if err := s.carryOn(ctx, err, "the task did not come back"); err != nil {
			return err
		}
	}
	if err := s.countRestarts(ctx); err != nil {
		return err
	}
	if s.acc.state == connect.StateRunning {
		s.say("5. the task is RUNNING after %s, without a person", plural(s.acc.restarts, "restart", "restarts"))
		return s.consumed(ctx)
	}
	return nil
}

func (s *story) countRestarts(ctx context.Context) (err error) {
	s.acc.restarts, s.acc.counted, err = s.env.Restarts(ctx)
	if err == nil && s.acc.restarts == 0 {
		s.acc.problem("Connect accepted no restart")
	}
	return err
}

// carryOn turns a step that took too long into a problem of the account, so that the rest of the account is still drawn up.
func (s *story) carryOn(ctx context.Context, err error, what string) error {
	if ctx.Err() != nil || !errors.Is(err, errPatience) && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	s.acc.problem("%s within %v", what, s.patience)
	return nil
}

// waitFor polls the connector's status. A status that does not exist yet is not an error.
func (s *story) waitFor(ctx context.Context, is func(*connect.ConnectorStatus) bool) error {
	return until(ctx, 50*time.Millisecond, func() (bool, error) {
		st, err := s.client.GetStatus(ctx, s.connector)
		if errors.Is(err, connect.ErrNotFound) {
			return false, nil
		}
		if err != nil {
			if ctx.Err() != nil {
				return false, context.Cause(ctx)
			}
			return false, err
		}
		for _, t := range st.Tasks {
			s.acc.state = t.State
			if t.State == connect.StateFailed {
				s.noteFailure(t.Trace)
			}
		}
		return is(st), nil
	})
}

func (s *story) noteFailure(trace string) {
	d := failure.Diagnose(trace)
	text := fmt.Sprintf("%s (class %s, advice %s)", d.Summary, d.Class, d.Restart)
	if !slices.Contains(s.acc.failures, text) {
		s.acc.failures = append(s.acc.failures, text)
	}
}

// commitPatience is how long offsets may stay uncommitted before the environment is asked to do something about it.
const commitPatience = 5 * time.Second

// consumed waits until the connector's group has committed past every record that is on the topic now.
func (s *story) consumed(ctx context.Context) error {
	step, cancel := s.step(ctx)
	defer cancel()
	ends, err := s.kafka.ends(step, s.topic)
	if err != nil {
		return err
	}
	nudge := time.Now().Add(commitPatience)
	err = until(step, 50*time.Millisecond, func() (bool, error) {
		if time.Now().After(nudge) {
			if err := s.env.Commit(step); err != nil {
				return false, err
			}
			nudge = time.Now().Add(commitPatience)
		}
		committed, err := s.kafka.committed(step, "connect-"+s.connector, s.topic)
		if err != nil {
			return false, err
		}
		s.acc.lag = 0
		for p, end := range ends {
			s.acc.lag += max(0, end-committed[p])
		}
		return s.acc.lag == 0, nil
	})
	if err != nil {
		return s.carryOn(ctx, err, fmt.Sprintf("the connector did not commit its last %d records", s.acc.lag))
	}
	return nil
}

// readDeadLetters reads the dead letter queue and explains each record from its headers.
func (s *story) readDeadLetters(ctx context.Context) error {
	ends, err := s.kafka.ends(ctx, s.deadLetters)
	if err != nil {
		return err
	}
	records, err := s.kafka.read(ctx, s.deadLetters, ends)
	if err != nil {
		return err
	}
	originals, err := s.kafka.read(ctx, s.topic, s.ends)
	if err != nil {
		return err
	}
	s.checkOriginals(originals)
	for _, r := range records {
		l := letter{partition: r.Partition, offset: r.Offset}
		f, err := dlq.Parse(kafkaHeaders(r.Headers))
		if err != nil {
			s.acc.damaged = append(s.acc.damaged, fmt.Sprintf("%s-%d@%d: %v", s.deadLetters, r.Partition, r.Offset, err))
		}
		d := failure.Diagnose(f.StackTrace)
		l.origin, l.stage, l.cause = fmt.Sprintf("%d@%d", f.Partition, f.Offset), string(f.Stage), d
		if original := find(originals, f.Partition, f.Offset); original == nil || f.Topic != s.topic || f.Connector != s.connector {
			s.acc.damaged = append(s.acc.damaged, fmt.Sprintf("%s-%d@%d: its origin %s@%s does not exist", s.deadLetters, r.Partition, r.Offset, f.Topic, l.origin))
		} else {
			s.checkLetter(original, r)
			l.order = s.orderAt(original).id
		}
		s.acc.letters = append(s.acc.letters, l)
	}
	s.say("6. %d dead letters are on %s", len(records), s.deadLetters)
	return nil
}

// republish repairs the dead letters and sends them back to where they came from.
func (s *story) republish(ctx context.Context) error {
	if len(s.acc.letters) == 0 {
		return nil
	}
	r, err := s.newRepublisher(dlq.RepublisherConfig{
		Brokers: s.env.Brokers(), Topic: s.deadLetters, Group: s.group,
		Target:  dlq.ToOrigin(),
		Handler: dlq.Chain(fixers()...),
		Park:    dlq.ParkTopic(s.parked),
	})
	if err != nil {
		return err
	}
	step, cancel := s.step(ctx)
	defer cancel()
	if s.acc.report, err = r.Run(step); err != nil {
		return fmt.Errorf("republish: %w", err)
	}
	s.say("7. republisher: %s", s.acc.report)
	return s.consumed(ctx)
}

// verify reads everything once more and draws up the account.
func (s *story) verify(ctx context.Context) error {
	ends, err := s.kafka.ends(ctx, s.topic)
	if err != nil {
		return err
	}
	records, err := s.kafka.read(ctx, s.topic, ends)
	if err != nil {
		return err
	}
	s.findOutcomes(records)
	if err := s.findParked(ctx); err != nil {
		return err
	}
	again, err := s.kafka.ends(ctx, s.deadLetters)
	if err != nil {
		return err
	}
	if n := again.sum() - int64(len(s.acc.letters)); n > 0 {
		s.acc.problem("%d records came back to the dead letter queue after they were republished", n)
	}
	s.acc.settleLetters()
	if s.acc.report.Read > 0 && s.acc.report.Read != int64(len(s.acc.letters)) {
		s.acc.problem("the republisher says it read %d dead letters of %d", s.acc.report.Read, len(s.acc.letters))
	}
	step, cancel := s.step(ctx)
	defer cancel()
	if s.acc.output, err = s.env.Output(step, len(s.orders)); err != nil {
		return fmt.Errorf("read the sink's output: %w", err)
	}
	s.acc.compare(s.orders)
	// The account shows the last state, not the one that the supervisor left.
	st, err := s.client.GetStatus(ctx, s.connector)
	if err != nil {
		return err
	}
	for _, t := range st.Tasks {
		s.acc.state = t.State
	}
	return s.countAgain(ctx)
}

func (s *story) countAgain(ctx context.Context) (err error) {
	s.acc.restarts, s.acc.counted, err = s.env.Restarts(ctx)
	return err
}

// findOutcomes finds the republished copies of the dead letters behind what was produced, and compares them byte for byte with what the
// order should have been.
func (s *story) findOutcomes(records []*kgo.Record) {
	for _, r := range records {
		if r.Offset < s.ends[r.Partition] {
			continue
		}
		at := fmt.Sprintf("%d@%d", r.Partition, r.Offset)
		i := slices.IndexFunc(s.acc.letters, func(l letter) bool { return l.order != "" && l.order == idOf(r.Value) && l.outcome == "" })
		if i < 0 {
			s.acc.damaged = append(s.acc.damaged, s.topic+" "+at+": no dead letter asked for this record")
			continue
		}
		l := &s.acc.letters[i]
		l.outcome = "fixed and republished to " + at
		o := s.orderByID(l.order)
		switch {
		case !bytes.Equal(r.Value, o.good):
			s.acc.damaged = append(s.acc.damaged, s.topic+" "+at+": the value is not the repaired one")
		case !same(r.Key, o.record.Key):
			s.acc.damaged = append(s.acc.damaged, s.topic+" "+at+": the key is not the original one")
		case !startsWith(r.Headers, o.record.Headers) || !onlyOurs(r.Headers[len(o.record.Headers):]):
			s.acc.damaged = append(s.acc.damaged, s.topic+" "+at+": the headers are not the original ones")
		case r.Partition != o.record.Partition:
			s.acc.damaged = append(s.acc.damaged, fmt.Sprintf("%s %s: the original was in partition %d", s.topic, at, o.record.Partition))
		}
	}
}

func (s *story) findParked(ctx context.Context) error {
	ends, err := s.kafka.ends(ctx, s.parked)
	if err != nil {
		return err
	}
	records, err := s.kafka.read(ctx, s.parked, ends)
	if err != nil {
		return err
	}
	for _, r := range records {
		f, _ := dlq.Parse(kafkaHeaders(r.Headers)) // a parked record keeps the headers it was read with, which were parsed once already
		origin := fmt.Sprintf("%d@%d", f.Partition, f.Offset)
		for i := range s.acc.letters {
			if s.acc.letters[i].origin == origin {
				s.acc.letters[i].outcome = fmt.Sprintf("parked at %d@%d of %s", r.Partition, r.Offset, s.parked)
			}
		}
	}
	return nil
}

// checkOriginals compares the topic with what was produced.
func (s *story) checkOriginals(records []*kgo.Record) {
	if len(records) != len(s.orders) {
		s.acc.damaged = append(s.acc.damaged, fmt.Sprintf("%s: %d records were produced and %d are there", s.topic, len(s.orders), len(records)))
	}
	for _, o := range s.orders {
		r := find(records, int(o.record.Partition), o.record.Offset)
		if r == nil || !sameRecord(r, o.record) || len(r.Headers) != len(o.record.Headers) {
			s.acc.damaged = append(s.acc.damaged, fmt.Sprintf("%s-%d@%d: not the bytes that were produced", s.topic, o.record.Partition, o.record.Offset))
		}
	}
}

// checkLetter compares a dead letter with its original: Connect keeps key, value, headers and timestamp, and appends its own headers.
func (s *story) checkLetter(original, r *kgo.Record) {
	if !sameRecord(r, original) {
		s.acc.damaged = append(s.acc.damaged, fmt.Sprintf("%s-%d@%d: not the bytes of its origin", s.deadLetters, r.Partition, r.Offset))
	}
}

func (s *story) orderAt(r *kgo.Record) order {
	for _, o := range s.orders {
		if o.record.Partition == r.Partition && o.record.Offset == r.Offset {
			return o
		}
	}
	return order{}
}

func (s *story) orderByID(id string) order {
	for _, o := range s.orders {
		if o.id == id {
			return o
		}
	}
	return order{}
}

func find(records []*kgo.Record, partition int, offset int64) *kgo.Record {
	for _, r := range records {
		if int(r.Partition) == partition && r.Offset == offset {
			return r
		}
	}
	return nil
}

// sameRecord compares key, value, timestamp, and the headers of want with the first ones of r.
func sameRecord(r, want *kgo.Record) bool {
	return same(r.Key, want.Key) && same(r.Value, want.Value) && r.Timestamp.UnixMilli() == want.Timestamp.UnixMilli() && startsWith(r.Headers, want.Headers)
}

// same is bytes.Equal that tells null from empty.
func same(a, b []byte) bool { return bytes.Equal(a, b) && (a == nil) == (b == nil) }

func startsWith(headers, first []kgo.RecordHeader) bool {
	return len(headers) >= len(first) && slices.EqualFunc(headers[:len(first)], first, func(a, b kgo.RecordHeader) bool {
		return a.Key == b.Key && same(a.Value, b.Value)
	})
}

// onlyOurs says that all headers are those that the republisher adds.
func onlyOurs(headers []kgo.RecordHeader) bool {
	return !slices.ContainsFunc(headers, func(h kgo.RecordHeader) bool { return !strings.HasPrefix(h.Key, "reconnect.") })
}
