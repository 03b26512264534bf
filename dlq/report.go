package dlq

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"
)

// Outcome is what became of a record. Every record that was read has exactly one.
type Outcome string

// The outcomes.
const (
	OutcomeRepublished Outcome = "republished"
	OutcomeParked      Outcome = "parked"
	OutcomeSkipped     Outcome = "skipped"
	OutcomeDeferred    Outcome = "deferred"
	OutcomeDuplicate   Outcome = "duplicate"
	OutcomePending     Outcome = "pending"
	OutcomeLeft        Outcome = "left"
)

// Report is what a run did. Read is the sum of the outcomes: a record counts once its outcome was acknowledged and its
// offset committed.
type Report struct {
	RunID   string    `json:"runId"`
	Topic   string    `json:"topic"`
	Group   string    `json:"group"`
	Started time.Time `json:"started"`
	Ended   time.Time `json:"ended"`
	Target  string    `json:"target"`

	// Complete says that every partition this instance held at the end was read to its frozen end.
	Complete bool `json:"complete"`

	Read        int64 `json:"read"`
	Republished int64 `json:"republished"`
	Parked      int64 `json:"parked"`
	Skipped     int64 `json:"skipped"`
	Deferred    int64 `json:"deferred"`
	Duplicate   int64 `json:"duplicate"`
	Pending     int64 `json:"pending"`
	Left        int64 `json:"left"`

	// DryRun says that nothing was written: the outcomes are what would have been.
	DryRun bool `json:"dryRun,omitempty"`
	// Samples are the first differences of a dry run. They hold payload.
	Samples []Sample `json:"-"`
	// Known is how many records the ledger had an outcome for; they are not in Read.
	Known int64 `json:"known"`

	// Expired is how many offsets retention took from the topic before they were read.
	Expired int64 `json:"expired"`
	// Gaps is how many offsets at the ends of partitions were passed over because compaction had left nothing there, or, with
	// AcceptGaps, because nothing came.
	Gaps int64 `json:"gaps"`
	// Remaining is how many offsets of the frozen set, over all partitions, are not committed yet.
	Remaining int64 `json:"remaining"`
	// Uncommitted is how many records were written or parked without the commit that belongs to them, because a rebalance,
	// an error or the end came between: they are read again, and may then be on the target twice.
	Uncommitted int64 `json:"uncommitted"`
	// Stripped is how many records had to be written without their stack traces, because they were too large with them.
	Stripped int64 `json:"stripped"`
	// MaybeTwice is how many records were sent again because Kafka had lost the producer's state.
	MaybeTwice int64 `json:"maybeTwice"`
	// Rebalances is how often the partitions of this instance changed.
	Rebalances int `json:"rebalances"`

	// Findings are what the checks at the start found about the dead letter queue, the target and the parking topic.
	Findings Findings `json:"findings,omitempty"`
	// Canary is what became of the records sent ahead; nil without a canary.
	Canary *CanaryReport `json:"canary,omitempty"`
	// Reasons counts parked and skipped records by their reason; at most 100, then "other".
	Reasons map[string]int64 `json:"reasons,omitempty"`
	// OtherConsumers are, by origin topic, the other groups that see the republished records again.
	OtherConsumers map[string][]string `json:"otherConsumers,omitempty"`
	// Partitions is what this instance did by partition, in order.
	Partitions []PartitionReport `json:"partitions"`
}

// Sample is one record as it is in the dead letter queue and as it would be sent.
type Sample struct{ Before, After kafka.Message }

// PartitionReport is one partition of the dead letter queue. The offsets from Start to Position are done; a gap between
// records (a marker, compaction) has no outcome, so Position minus Start can be more than Read.
type PartitionReport struct {
	Partition int   `json:"partition"`
	Start     int64 `json:"start"`
	Position  int64 `json:"position"`
	End       int64 `json:"end"` // frozen at the start
	Read      int64 `json:"read"`
	Expired   int64 `json:"expired"`
}

// Outcomes are the counts by outcome; they add up to Read.
func (r Report) Outcomes() map[Outcome]int64 {
	return map[Outcome]int64{
		OutcomeRepublished: r.Republished, OutcomeParked: r.Parked, OutcomeSkipped: r.Skipped, OutcomeDeferred: r.Deferred,
		OutcomeDuplicate: r.Duplicate, OutcomePending: r.Pending, OutcomeLeft: r.Left,
	}
}

func (r Report) tidy() Report {
	if len(r.Reasons) == 0 {
		r.Reasons = nil
	}
	return r
}

// Err returns an error when the numbers do not add up.
func (r Report) Err() error {
	var sum, read int64
	for _, n := range r.Outcomes() {
		sum += n
	}
	for _, p := range r.Partitions {
		read += p.Read
	}
	if sum != r.Read || read != r.Read {
		return fmt.Errorf("dlq: the report does not add up: read %d, outcomes %d, by partition %d", r.Read, sum, read)
	}
	return nil
}

// String is one line for a person.
func (r Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: read %d", r.Topic, r.Read)
	outcomes := r.Outcomes()
	for _, o := range []Outcome{OutcomeRepublished, OutcomeParked, OutcomeSkipped, OutcomeDeferred, OutcomeDuplicate, OutcomePending, OutcomeLeft} {
		if n := outcomes[o]; n > 0 || o == OutcomeRepublished || o == OutcomeParked {
			fmt.Fprintf(&b, ", %s %d", o, n)
		}
	}
	for _, extra := range []struct {
		name string
		n    int64
	}{{"expired", r.Expired}, {"remaining", r.Remaining}, {"uncommitted", r.Uncommitted}, {"maybe twice", r.MaybeTwice}, {"in gaps", r.Gaps}, {"without their trace", r.Stripped}} {
		if extra.n > 0 {
			fmt.Fprintf(&b, "; %s %d", extra.name, extra.n)
		}
	}
	if c := r.Canary; c != nil {
		fmt.Fprintf(&b, "; canary sent %d, passed %d, came back %d", c.Sent, c.Passed, c.Returned)
		if c.Unwatched > 0 {
			fmt.Fprintf(&b, ", not watched %d", c.Unwatched)
		}
	}
	if r.Complete {
		b.WriteString("; complete")
	} else {
		b.WriteString("; not complete")
	}
	if err := r.Err(); err != nil {
		b.WriteString("; " + err.Error())
	}
	for _, topic := range slices.Sorted(maps.Keys(r.OtherConsumers)) {
		fmt.Fprintf(&b, "; %d other groups see records of %s again", len(r.OtherConsumers[topic]), topic)
	}
	return b.String()
}

// Progress is how far a run is.
type Progress struct {
	RunID    string
	Done     int64 // offsets of the frozen set that this instance is through with
	Total    int64 // offsets of the frozen set in the partitions this instance has held
	Outcomes map[Outcome]int64
	Elapsed  time.Duration
	Rate     float64       // offsets per second so far
	ETA      time.Duration // at that rate; 0 while unknown
}
