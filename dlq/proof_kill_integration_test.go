package dlq_test

import (
	"bufio"
	"encoding/json"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/go-reconnect/reconnect/dlq"
	"github.com/go-reconnect/reconnect/internal/testutil"
)

// onBrokers runs a proof on a broker of its own of the newest version, and of the oldest too where both is said or it is a soak. It lets go of a dead
// member in a second.
func onBrokers(t *testing.T, both bool, fn func(t *testing.T, c *testutil.Cluster)) {
	t.Helper()
	testutil.Integration(t)
	versions := testutil.Versions()
	switch {
	case !both && !testutil.Soaking():
		versions = versions[len(versions)-1:]
	case len(versions) > 2:
		versions = []string{versions[0], versions[len(versions)-1]}
	}
	for _, v := range versions {
		t.Run("kafka "+v, func(t *testing.T) {
			fn(t, testutil.NewCluster(t, testutil.Options{Version: v, Workers: -1, BrokerProperties: map[string]string{
				"group.min.session.timeout.ms": "300",
				"log.cleaner.backoff.ms":       "200", "log.cleaner.dedupe.buffer.size": "16777216",
				"log.initial.task.delay.ms": "500", "log.segment.delete.delay.ms": "100",
			}}))
		})
	}
}

func topicPartitions(t *testing.T, cl *kgo.Client, topic string) []int32 {
	t.Helper()
	req := kmsg.NewPtrMetadataRequest()
	rt := kmsg.NewMetadataRequestTopic()
	rt.Topic = &topic
	req.Topics = append(req.Topics, rt)
	res, err := req.RequestWith(t.Context(), cl)
	require.NoError(t, err)
	var out []int32
	for _, rt := range res.Topics {
		if kerr.ErrorForCode(rt.ErrorCode) != nil {
			continue
		}
		for _, p := range rt.Partitions {
			out = append(out, p.Partition)
		}
	}
	return out
}

// child is a republisher in a process of its own.
type child struct {
	cmd    *exec.Cmd
	events chan childEvent // closed when the process has ended
	last   childEvent      // the event that is no progress
	ended  error
	errs   strings.Builder
}

func (p *proof) start(t *testing.T, task childTask) *child {
	t.Helper()
	text, err := json.Marshal(task)
	require.NoError(t, err)
	self, err := os.Executable()
	require.NoError(t, err)
	c := &child{cmd: exec.CommandContext(t.Context(), self), events: make(chan childEvent, 1<<16)}
	c.cmd.Env = append(os.Environ(), childEnv+"="+string(text), "GORACE=atexit_sleep_ms=0 exitcode=66")
	c.cmd.Stderr = &c.errs
	out, err := c.cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, c.cmd.Start())
	go func() {
		defer close(c.events)
		lines := bufio.NewScanner(out)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			var e childEvent
			if json.Unmarshal(lines.Bytes(), &e) != nil {
				continue
			}
			if e.Progress == 0 {
				c.last = e
			}
			c.events <- e
		}
		c.ended = c.cmd.Wait()
	}()
	return c
}

// working waits until the child has committed something, n times.
func (c *child) working(t *testing.T, n int) {
	t.Helper()
	c.next(t, func(e childEvent) bool {
		if e.Progress > 0 {
			n--
		}
		return n <= 0
	})
}

// next waits for an event or the end of the child.
func (c *child) next(t *testing.T, wanted func(childEvent) bool) {
	t.Helper()
	limit := time.NewTimer(2 * time.Minute)
	defer limit.Stop()
	for {
		select {
		case e, open := <-c.events:
			if !open || wanted(e) {
				return
			}
		case <-limit.C:
			_ = c.cmd.Process.Signal(syscall.SIGQUIT) // its stacks say where it hangs
			for range c.events {
				continue
			}
			t.Fatalf("the child does nothing for two minutes:\n%s", c.errs.String())
		}
	}
}

// wait returns when the process has ended.
func (c *child) wait(t *testing.T) {
	t.Helper()
	c.next(t, func(childEvent) bool { return false })
	assert.NotContains(t, c.errs.String(), "DATA RACE")
}

// wasKilled tells whether the process died by SIGKILL.
func (c *child) wasKilled() bool {
	status, ok := c.cmd.ProcessState.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGKILL
}

func (c *child) kill() { _ = c.cmd.Process.Kill() }

// stop cancels the run as a deployment does, and returns its report.
func (c *child) stop(t *testing.T) *dlq.Report {
	t.Helper()
	require.NoError(t, c.cmd.Process.Signal(syscall.SIGTERM))
	c.wait(t)
	require.NoError(t, c.ended, "%s\n%s", c.last.Error, c.errs.String())
	require.NotNil(t, c.last.Report)
	return c.last.Report
}

// finish waits until the child has worked through the rest, and returns its report.
func (c *child) finish(t *testing.T) *dlq.Report {
	t.Helper()
	c.wait(t)
	require.NoError(t, c.ended, "%s\n%s", c.last.Error, c.errs.String())
	require.NotNil(t, c.last.Report)
	require.True(t, c.last.Report.Complete, c.last.Report.String())
	return c.last.Report
}

// killPoint is where a child dies. It returns how many records the survivors say may be there twice.
type killPoint struct {
	name string
	run  func(t *testing.T, p *proof) (uncommitted int64)
}

// onWire kills at a request.
func onWire(name string, most int, rule func(p *proof) wireRule) killPoint {
	return killPoint{name, func(t *testing.T, p *proof) int64 {
		t.Helper()
		task := p.task
		r := rule(p)
		r.Nth = 1 + rand.IntN(most)
		task.Kill = &r
		c := p.start(t, task)
		c.wait(t)
		require.True(t, c.wasKilled(), "the child ended before its kill point: %+v\n%s", c.last, c.errs.String())
		require.NotEmpty(t, c.last.Killed)
		return 0
	}}
}

func atRandom(t *testing.T, p *proof) int64 {
	t.Helper()
	c := p.start(t, p.task)
	if rand.IntN(4) > 0 {
		c.working(t, 1)
	}
	wait := time.NewTimer(time.Duration(rand.IntN(400)) * time.Millisecond)
	<-wait.C
	c.kill()
	c.wait(t)
	require.True(t, c.wasKilled(), "the child ended before it was killed: %+v\n%s", c.last, c.errs.String())
	return 0
}

// inRebalance kills one of two members in the exchange that follows when the second joins; the other goes on and is stopped.
func inRebalance(t *testing.T, p *proof) int64 {
	t.Helper()
	rules := []struct {
		second bool // the one that joins dies
		wireRule
	}{
		{false, wireRule{API: apiJoinGroup, When: beforeRequest, Nth: 2}},
		{false, wireRule{API: apiSyncGroup, When: beforeRequest, Nth: 2}},
		{false, wireRule{API: apiSyncGroup, When: beforeAnswer, Nth: 2}},
		{true, wireRule{API: apiSyncGroup, When: beforeRequest, Nth: 1}},
		{true, wireRule{API: apiSyncGroup, When: beforeAnswer, Nth: 1}},
	}
	rule := rules[rand.IntN(len(rules))]
	dies, lives := p.task, p.task
	dies.Kill = &rule.wireRule
	dies.RecordsPerSecond, lives.RecordsPerSecond = 100, 100
	first, second := dies, lives
	if rule.second {
		first, second = lives, dies
	}
	a := p.start(t, first)
	a.working(t, 1)
	b := p.start(t, second)
	victim, survivor := a, b
	if rule.second {
		victim, survivor = b, a
	}
	victim.wait(t)
	require.True(t, victim.wasKilled(), "the child ended before its kill point: %+v\n%s", victim.last, victim.errs.String())
	survivor.working(t, 2)
	report := survivor.stop(t)
	require.NoError(t, report.Err())
	return report.Uncommitted
}

// killProof kills children at each point, again and again, then lets one stop in order and one finish.
func killProof(t *testing.T, c *testutil.Cluster, n, times int, task childTask, points []killPoint) {
	t.Helper()
	began := time.Now()
	p := newProof(t, c, n, task)
	t.Logf("%d records are written after %.1f s", n, time.Since(began).Seconds())
	kills := map[string]int{}
	var uncommitted int64
	for round := range times {
		for _, i := range rand.Perm(len(points)) {
			uncommitted += points[i].run(t, p)
			kills[points[i].name]++
		}
		if round%5 == 4 {
			// A dead member's transaction hides what is behind it, until the next one has the partitions.
			between := p.task
			between.RecordsPerSecond = 200
			pause := p.start(t, between)
			pause.working(t, 1)
			report := pause.stop(t)
			uncommitted += report.Uncommitted
			p.checkReport(t, report)
			t.Logf("round %d of %d after %.1f s: %s", round+1, times, time.Since(began).Seconds(), p.look(t))
		}
	}
	stopping := p.task
	stopping.RecordsPerSecond = 200
	stopped := p.start(t, stopping)
	stopped.working(t, 2)
	report := stopped.stop(t)
	uncommitted += report.Uncommitted
	p.checkReport(t, report)
	middle := p.look(t)
	assert.Positive(t, middle.Left, "the proof has something left to stop at")
	last := p.task
	last.RecordsPerSecond, last.Chunk = 0, 1000
	report = p.start(t, last).finish(t)
	uncommitted += report.Uncommitted
	p.checkReport(t, report)
	end := p.look(t)
	assert.Zero(t, end.Left)
	all := 0
	for _, name := range slices.Sorted(maps.Keys(kills)) {
		all += kills[name]
		t.Logf("%3d kills %s", kills[name], name)
	}
	aborted := len(testutil.ReadAll(t, p.brokers, p.task.Origin)) - len(testutil.ReadCommitted(t, p.brokers, p.task.Origin))
	t.Logf("%d kills, %d records: stopped in the middle: %s; at the end: %s; %d records of aborted transactions at the origin; %.0f s",
		all, n, middle, end, aborted, time.Since(began).Seconds())
	if p.task.ExactlyOnce {
		assert.Zero(t, middle.Doubled+middle.HalfDone, "exactly once in the middle")
		assert.Zero(t, end.Doubled, "exactly once at the end")
		assert.Zero(t, uncommitted)
		if p.task.Ledger != "" {
			assert.Len(t, ids(testutil.ReadCommitted(t, p.brokers, p.task.Ledger)), n, "the ledger has each record")
		}
		return
	}
	// A kill leaves at most the chunk of each partition in doubt.
	assert.LessOrEqual(t, int64(end.Doubled), int64(all*proofPartitions*p.task.Chunk)+uncommitted)
}

// TestProof is everything that is claimed of a Republisher's delivery, on real brokers: the kills here, the other faults in
// proof_faults_integration_test.go.
func TestProof(t *testing.T) {
	onBrokers(t, true, func(t *testing.T, c *testutil.Cluster) {
		t.Run("killed, at least once", func(t *testing.T) { killedAtLeastOnce(t, c) })
		t.Run("killed, with a park file", func(t *testing.T) { killedWithAParkFile(t, c) })
		t.Run("killed, exactly once", func(t *testing.T) { killedExactlyOnce(t, c) })
		t.Run("killed, exactly once with a ledger", func(t *testing.T) { killedExactlyOnceWithALedger(t, c) })
	})
}

func killedAtLeastOnce(t *testing.T, c *testutil.Cluster) {
	task := childTask{Chunk: 25, SessionMS: 1200, PatienceMS: 60_000, RecordsPerSecond: 2000}
	killProof(t, c, testutil.Records(4000, 100_000), testutil.Times(1, 20), task, []killPoint{
		onWire("after produce, before its acknowledgement", 12, func(p *proof) wireRule {
			return wireRule{API: apiProduce, Topic: p.task.Origin, When: beforeAnswer}
		}),
		onWire("after the acknowledgement, before the commit", 4, func(*proof) wireRule {
			return wireRule{API: apiOffsetCommit, When: beforeRequest}
		}),
		onWire("between park and commit", 4, func(p *proof) wireRule {
			return wireRule{API: apiProduce, Topic: p.task.Park, When: afterAnswer}
		}),
		onWire("after the commit, before its answer", 4, func(*proof) wireRule {
			return wireRule{API: apiOffsetCommit, When: beforeAnswer}
		}),
		{"in a rebalance", inRebalance},
		{"at random", atRandom},
	})
}

func killedWithAParkFile(t *testing.T, c *testutil.Cluster) {
	task := childTask{
		Chunk: 25, SessionMS: 1200, PatienceMS: 60_000, RecordsPerSecond: 2000, Unstale: true,
		ParkTo: filepath.Join(t.TempDir(), "parked.jsonl"),
	}
	killProof(t, c, testutil.Records(2000, 100_000), testutil.Times(1, 20), task, soaking([]killPoint{
		{"between park and commit", func(t *testing.T, p *proof) int64 {
			t.Helper()
			task := p.task
			task.KillAfterPark = 1 + rand.IntN(4)
			c := p.start(t, task)
			c.wait(t)
			require.True(t, c.wasKilled(), "the child ended before its kill point: %+v\n%s", c.last, c.errs.String())
			require.NotEmpty(t, c.last.Killed)
			return 0
		}},
		onWire("after the acknowledgement, before the commit", 4, func(*proof) wireRule {
			return wireRule{API: apiOffsetCommit, When: beforeRequest}
		}),
		{"at random", atRandom},
	}, 0))
}

// soaking is all points in a soak, else only one: the other proofs have the rest.
func soaking(points []killPoint, only int) []killPoint {
	if testutil.Soaking() {
		return points
	}
	return points[only : only+1]
}

func exactlyOncePoints() []killPoint {
	return []killPoint{
		onWire("after produce, before its acknowledgement", 12, func(p *proof) wireRule {
			return wireRule{API: apiProduce, Topic: p.task.Origin, When: beforeAnswer}
		}),
		onWire("after the acknowledgement, before the commit", 4, func(*proof) wireRule {
			return wireRule{API: apiAddOffsetsToTxn, When: beforeRequest}
		}),
		onWire("between park and commit", 4, func(p *proof) wireRule {
			return wireRule{API: apiProduce, Topic: p.task.Park, When: afterAnswer}
		}),
		onWire("between TxnOffsetCommit and EndTxn", 4, func(*proof) wireRule {
			return wireRule{API: apiEndTxn, When: beforeRequest}
		}),
		onWire("after EndTxn, before its answer", 4, func(*proof) wireRule {
			return wireRule{API: apiEndTxn, When: beforeAnswer}
		}),
		{"in a rebalance", inRebalance},
		{"at random", atRandom},
	}
}

func killedExactlyOnce(t *testing.T, c *testutil.Cluster) {
	task := childTask{Chunk: 25, SessionMS: 1200, PatienceMS: 60_000, RecordsPerSecond: 2000, ExactlyOnce: true}
	killProof(t, c, testutil.Records(4000, 100_000), testutil.Times(1, 20), task, exactlyOncePoints())
}

func killedExactlyOnceWithALedger(t *testing.T, c *testutil.Cluster) {
	task := childTask{
		Chunk: 25, SessionMS: 1200, PatienceMS: 60_000, RecordsPerSecond: 2000, ExactlyOnce: true, Unstale: true,
		Ledger: c.TopicName(t, "ledger"),
	}
	killProof(t, c, testutil.Records(2000, 20_000), testutil.Times(1, 20), task, soaking(exactlyOncePoints(), 3))
}
