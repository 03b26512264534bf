package dlq

import (
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl"

	"github.com/go-reconnect/reconnect/connect/failure"
)

// InspectConfig says what to look at. Brokers and Topic are required.
type InspectConfig struct {
	Brokers   []string
	ClientID  string
	TLS       *tls.Config
	SASL      sasl.Mechanism
	Dial      func(ctx context.Context, network, address string) (net.Conn, error)
	Transport *kafka.Transport

	// Topic is the dead letter queue.
	Topic string
	// Filter chooses records; it hides nothing for ever, as nothing is committed.
	Filter Filter
	// MaxRecords and MaxBytes bound what is read, over all partitions, oldest first in each. Default to 1,000,000 records and
	// 4 GiB.
	MaxRecords, MaxBytes int64
	// Timeout bounds the time; what was read by then is returned. Defaults to none but ctx.
	Timeout time.Duration
	// Diagnose explains a stack trace. Defaults to failure.Diagnose.
	Diagnose func(trace string) failure.Diagnosis
	Logger   *slog.Logger
}

// Summary is what is in a dead letter queue, by cause.
type Summary struct {
	Topic   string `json:"topic"`
	Records int64  `json:"records"` // that match the filter
	// Unmatched is how many records the filter left out, NoContext how many have no error context.
	Unmatched int64 `json:"unmatched"`
	NoContext int64 `json:"noContext"`
	// Offsets is how many offsets the topic holds. With Partial some were not read, and Why says why.
	Offsets int64  `json:"offsets"`
	Partial bool   `json:"partial"`
	Why     string `json:"why,omitempty"`
	// Groups are the causes, most frequent first. Beyond 10,000 they are one group with the fingerprint "other".
	Groups []Group `json:"groups"`
}

// Group is the records of one cause, connector, task, stage and source topic.
type Group struct {
	Fingerprint string `json:"fingerprint"`
	Connector   string `json:"connector"`
	Task        int    `json:"task"`
	Stage       Stage  `json:"stage"`
	Source      string `json:"source"`

	Count int64   `json:"count"`
	Share float64 `json:"share"` // of Summary.Records
	// First and Last are the earliest and latest record time, which Connect takes from the original.
	First time.Time `json:"first"`
	Last  time.Time `json:"last"`
	// Gone is how many originals are not in their topic any more, Unknown of how many that could not be seen.
	Gone    int64 `json:"gone"`
	Unknown int64 `json:"unknown"`
	// Retried is how many records were republished before.
	Retried int64 `json:"retried"`

	// Partition and Offset are one of the records, Class and ExceptionClass its own.
	Partition      int    `json:"partition"`
	Offset         int64  `json:"offset"`
	Class          string `json:"class"`
	ExceptionClass string `json:"exceptionClass"`
	// Diagnosis explains that record; its texts are redacted.
	Diagnosis failure.Diagnosis `json:"diagnosis"`
}

const (
	maxGroups    = 10_000
	maxDiagnoses = 100_000
	otherGroups  = "other"
)

// errBound ends a scan whose bound is reached.
var errBound = errors.New("bound reached")

// Inspect reads a dead letter queue, without a group and without committing anything, and groups its records by cause.
func Inspect(ctx context.Context, cfg InspectConfig) (Summary, error) {
	n, err := tool(cfg.Brokers, cfg.Topic, RepublisherConfig{
		ClientID: cfg.ClientID, TLS: cfg.TLS, SASL: cfg.SASL, Dial: cfg.Dial, Transport: cfg.Transport, Filter: cfg.Filter, Diagnose: cfg.Diagnose, Logger: cfg.Logger,
	})
	if err != nil {
		return Summary{}, err
	}
	defer n.close()
	if cfg.MaxRecords == 0 {
		cfg.MaxRecords = 1_000_000
	}
	if cfg.MaxBytes == 0 {
		cfg.MaxBytes = 4 << 30
	}
	if cfg.MaxRecords < 0 || cfg.MaxBytes < 0 || cfg.Timeout < 0 {
		return Summary{}, errors.New("dlq: MaxRecords, MaxBytes or Timeout is negative")
	}
	if err := cfg.Filter.check(true); err != nil {
		return Summary{}, err
	}
	s := inspection{run: n, cfg: cfg, groups: map[groupKey]*Group{}, seed: maphash.MakeSeed(), diagnoses: map[uint64]failure.Diagnosis{}, ranges: map[string]map[int][2]int64{}}
	s.Topic = cfg.Topic
	count, err := n.lookUp(ctx, cfg.Topic)
	if err == nil && count == 0 {
		err = fmt.Errorf("dlq: topic %s does not exist", cfg.Topic)
	}
	if err != nil {
		return Summary{}, err
	}
	begins, _, err := n.listOffsets(ctx, count, kafka.FirstOffset, kafka.ReadUncommitted)
	if err != nil {
		return Summary{}, err
	}
	_, ends, err := n.listOffsets(ctx, count, kafka.LastOffset, kafka.ReadCommitted)
	if err != nil {
		return Summary{}, err
	}
	bounded := ctx
	if cfg.Timeout > 0 {
		var cancel context.CancelFunc
		bounded, cancel = context.WithTimeout(ctx, cfg.Timeout)
		defer cancel()
	}
	for p := range count {
		s.Offsets += max(0, ends[p]-begins[p])
	}
	for p := range count {
		from, to := max(begins[p], cfg.Filter.From), ends[p]
		if cfg.Filter.To > 0 {
			to = min(to, cfg.Filter.To)
		}
		err := n.scan(bounded, cfg.Topic, p, from, to, func(m *kafka.Message) error { return s.add(bounded, m) })
		switch {
		case err == nil:
		case errors.Is(err, errBound):
			s.Partial = true
		case ctx.Err() == nil && bounded.Err() != nil:
			s.Partial, s.Why = true, fmt.Sprintf("stopped after %s", cfg.Timeout)
		default:
			return Summary{}, err
		}
		if s.Partial {
			break
		}
	}
	return s.finish(), nil
}

// tool is a run that only looks.
func tool(brokers []string, topic string, cfg RepublisherConfig) (*run, error) {
	cfg.Brokers, cfg.Topic, cfg.Group, cfg.Target = slices.Clone(brokers), topic, "reconnect", ToOrigin()
	f := cfg.Filter
	cfg.Filter = Filter{}
	if err := cfg.check(); err != nil {
		return nil, err
	}
	cfg.Filter = f
	return newRun(cfg), nil
}

type groupKey struct {
	fingerprint, connector string
	task                   int
	stage                  Stage
	source                 string
}

type inspection struct {
	Summary
	run       *run
	cfg       InspectConfig
	bytes     int64
	read      int64
	groups    map[groupKey]*Group
	seed      maphash.Seed
	diagnoses map[uint64]failure.Diagnosis // by trace: those of one cause are mostly the same text
	ranges    map[string]map[int][2]int64  // of source topics; nil cannot be seen
}

func (s *inspection) add(ctx context.Context, m *kafka.Message) error {
	if s.read++; s.read > s.cfg.MaxRecords {
		s.Why = fmt.Sprintf("stopped after %d records", s.cfg.MaxRecords)
		return errBound
	}
	s.bytes += int64(len(m.Key) + len(m.Value))
	for i := range m.Headers {
		s.bytes += int64(len(m.Headers[i].Key) + len(m.Headers[i].Value))
	}
	if s.bytes > s.cfg.MaxBytes {
		s.Why = fmt.Sprintf("stopped after %d bytes", s.cfg.MaxBytes)
		return errBound
	}
	f, sets, err := parse(m.Headers)
	r := Record{Message: *m, Failure: f, Sets: sets, Err: err, Attempt: max(s.run.retryCount(m.Headers), sets-1, 0)}
	var d failure.Diagnosis
	if f.StackTrace != "" {
		d = s.diagnose(f.StackTrace)
	}
	if s.cfg.Filter.active() && !s.cfg.Filter.matches(&r, func() string { return d.Fingerprint }) {
		s.Unmatched++
		return nil
	}
	s.Records++
	if errors.Is(err, ErrNoContext) {
		s.NoContext++
	}
	g := s.group(&r, d)
	g.Count++
	if r.Attempt > 0 {
		g.Retried++
	}
	if m.Time.Before(g.First) {
		g.First = m.Time
	}
	if m.Time.After(g.Last) {
		g.Last = m.Time
	}
	switch there, known := s.original(ctx, &f); {
	case !known:
		g.Unknown++
	case !there:
		g.Gone++
	}
	return nil
}

func (s *inspection) group(r *Record, d failure.Diagnosis) *Group {
	f := &r.Failure
	k := groupKey{d.Fingerprint, f.Connector, f.Task, f.Stage, f.Topic}
	if g := s.groups[k]; g != nil {
		return g
	}
	if len(s.groups) >= maxGroups {
		k = groupKey{fingerprint: otherGroups, task: -1}
		if g := s.groups[k]; g != nil {
			return g
		}
		g := &Group{Fingerprint: otherGroups, Task: -1, Partition: -1, Offset: -1, First: r.Message.Time, Last: r.Message.Time}
		s.groups[k] = g
		return g
	}
	own := f.Clone()
	k = groupKey{d.Fingerprint, own.Connector, own.Task, own.Stage, own.Topic}
	g := &Group{
		Fingerprint: d.Fingerprint, Connector: own.Connector, Task: own.Task, Stage: own.Stage, Source: own.Topic,
		First: r.Message.Time, Last: r.Message.Time, Partition: r.Message.Partition, Offset: r.Message.Offset,
		Class: own.Class, ExceptionClass: own.ExceptionClass, Diagnosis: d,
	}
	s.groups[k] = g
	return g
}

func (s *inspection) diagnose(trace string) failure.Diagnosis {
	h := maphash.String(s.seed, trace)
	if d, ok := s.diagnoses[h]; ok {
		return d
	}
	if len(s.diagnoses) >= maxDiagnoses {
		clear(s.diagnoses)
	}
	d := s.run.cfg.Diagnose(strings.Clone(trace))
	s.diagnoses[h] = d
	return d
}

// original reports whether the record that failed is still in its topic.
func (s *inspection) original(ctx context.Context, f *Failure) (there, known bool) {
	if !f.Has.Contains(HasOrigin) || f.Partition < 0 || f.Offset < 0 || checkTopicName("", f.Topic) != nil {
		return false, false
	}
	ranges, asked := s.ranges[f.Topic]
	if !asked {
		ranges = s.rangesOf(ctx, f.Topic)
		s.ranges[strings.Clone(f.Topic)] = ranges
	}
	if ranges == nil {
		return false, false
	}
	r, ok := ranges[f.Partition]
	return ok && f.Offset >= r[0] && f.Offset < r[1], true
}

func (s *inspection) rangesOf(ctx context.Context, topic string) map[int][2]int64 {
	count, err := s.run.lookUp(ctx, topic)
	if err != nil {
		return nil
	}
	out := map[int][2]int64{}
	if count == 0 {
		return out
	}
	first, _, err := s.run.listOffsetsOf(ctx, topic, count, kafka.FirstOffset, kafka.ReadUncommitted)
	if err != nil {
		return nil
	}
	_, last, err := s.run.listOffsetsOf(ctx, topic, count, kafka.LastOffset, kafka.ReadUncommitted)
	if err != nil {
		return nil
	}
	for p := range count {
		out[p] = [2]int64{first[p], last[p]}
	}
	return out
}

func (s *inspection) finish() Summary {
	for _, g := range s.groups {
		g.Share = float64(g.Count) / float64(max(1, s.Records))
		s.Groups = append(s.Groups, *g)
	}
	slices.SortFunc(s.Groups, func(a, b Group) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Fingerprint, b.Fingerprint), cmp.Compare(a.Connector, b.Connector),
			cmp.Compare(a.Source, b.Source), cmp.Compare(a.Stage, b.Stage), cmp.Compare(a.Task, b.Task))
	})
	return s.Summary
}

// WriteJSON writes the summary for a program.
func (s Summary) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	if err := e.Encode(s); err != nil {
		return fmt.Errorf("dlq: summary: %w", err)
	}
	return nil
}

// WriteTable writes the summary for a person. Texts from the records are kept to one line without control characters.
func (s Summary) WriteTable(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %d records in %d groups", s.Topic, s.Records, len(s.Groups))
	if s.Unmatched > 0 {
		fmt.Fprintf(&b, ", %d others do not match", s.Unmatched)
	}
	if s.NoContext > 0 {
		fmt.Fprintf(&b, ", %d without error context", s.NoContext)
	}
	if s.Partial {
		fmt.Fprintf(&b, "; PARTIAL: %s of %d offsets", s.Why, s.Offsets)
	}
	b.WriteString("\n")
	t := tabwriter.NewWriter(&b, 0, 4, 2, ' ', 0)
	_, _ = fmt.Fprintln(t, "COUNT\tSHARE\tCONNECTOR\tTASK\tSTAGE\tSOURCE\tFIRST\tLAST\tORIGINALS GONE\tCAUSE")
	for i := range s.Groups {
		g := &s.Groups[i]
		cause := g.Diagnosis.Summary
		if cause == "" {
			cause = g.ExceptionClass
		}
		task := "-"
		if g.Task >= 0 {
			task = strconv.Itoa(g.Task)
		}
		_, _ = fmt.Fprintf(t, "%d\t%.1f %%\t%s\t%s\t%s\t%s\t%s\t%s\t%d\t%s\n", g.Count, 100*g.Share, plain(g.Connector), task, plain(string(g.Stage)), plain(g.Source),
			g.First.UTC().Format(time.DateTime), g.Last.UTC().Format(time.DateTime), g.Gone, plain(cause))
	}
	if err := t.Flush(); err != nil {
		return fmt.Errorf("dlq: summary: %w", err)
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("dlq: summary: %w", err)
	}
	return nil
}

func plain(s string) string {
	if s == "" {
		return "-"
	}
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return ' '
		}
		return r
	}, s)
	if r := []rune(s); len(r) > 160 {
		return string(r[:157]) + "..."
	}
	return s
}
