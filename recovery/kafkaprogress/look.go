package kafkaprogress

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/segmentio/kafka-go"
	"golang.org/x/sync/errgroup"

	"github.com/go-reconnect/reconnect/connect"
	"github.com/go-reconnect/reconnect/internal/kwire"
)

// fetchBytes is how much is asked for to see whether there is a record; a broker sends at least one batch.
const fetchBytes = 16 << 10

// fetchPages bounds the fetches about one partition in one look.
const fetchPages = 4

// bounds are a partition's first and next offset.
type bounds struct{ first, end int64 }

// subject is a connector in one look.
type subject struct {
	name    string
	fact    fact
	offsets map[place]int64 // committed, by the group
	offers  connect.Offsets // a source's
	topics  []string        // a source's, where it cannot tell its offsets
	err     error           // it cannot be told about
}

// look asks about the connectors whose turn it is. The error means that nothing could be learnt.
func (p *Progress) look(ctx context.Context, names []string) error {
	now := time.Now()
	if err := p.learn(ctx, names, now); err != nil {
		return err
	}
	p.forget(names)
	var subjects []*subject
	for _, name := range p.turns(names) {
		subjects = append(subjects, &subject{name: name, fact: p.facts[name]})
	}
	if len(subjects) == 0 {
		return nil
	}
	topics, err := p.topics(ctx)
	if err != nil {
		return err
	}
	p.each(subjects, func(s *subject) { s.ask(ctx, p) })
	if all := firstErrorOfAll(subjects); all != nil {
		return fmt.Errorf("kafkaprogress: nothing could be asked: %w", all)
	}
	ends := map[bool]map[place]bounds{}
	for _, committed := range []bool{false, true} {
		want := map[place]bool{}
		for _, s := range subjects {
			if s.err == nil && s.fact.committed == committed {
				s.wants(topics, want)
			}
		}
		if ends[committed], err = p.ends(ctx, want, committed); err != nil {
			return err
		}
	}
	var still []*subject
	for _, s := range subjects {
		if s.err == nil && p.note(s, topics, ends[s.fact.committed], now) {
			still = append(still, s)
		}
	}
	p.each(still, func(s *subject) { p.verify(ctx, s, topics, ends[s.fact.committed], now) })
	return nil
}

// forget drops what is not asked about any more.
func (p *Progress) forget(names []string) {
	keep := make(map[string]bool, len(names))
	for _, n := range names {
		keep[n] = true
	}
	for n := range p.seen {
		if !keep[n] {
			// It was not RUNNING as a whole: the time starts anew when it is again.
			delete(p.seen, n)
		}
	}
}

func (p *Progress) each(subjects []*subject, f func(*subject)) {
	var g errgroup.Group
	g.SetLimit(p.cfg.Concurrency)
	for _, s := range subjects {
		g.Go(func() error { f(s); return nil })
	}
	_ = g.Wait() // they return no errors
}

func firstErrorOfAll(subjects []*subject) error {
	for _, s := range subjects {
		if s.err == nil {
			return nil
		}
	}
	return subjects[0].err
}

// ask reads what the connector says of itself.
func (s *subject) ask(ctx context.Context, p *Progress) {
	ctx, cancel := context.WithTimeout(ctx, p.cfg.Timeout)
	defer cancel()
	if s.fact.source {
		if s.offers, s.err = p.cfg.Connect.GetOffsets(ctx, s.name); errors.Is(s.err, connect.ErrUnsupported) {
			s.topics, s.err = p.cfg.Connect.ListTopics(ctx, s.name)
		}
		return
	}
	r, err := p.client.OffsetFetch(ctx, &kafka.OffsetFetchRequest{GroupID: s.fact.group})
	if err == nil {
		err = r.Error
	}
	if errors.Is(err, kafka.GroupIdNotFound) {
		r, err = &kafka.OffsetFetchResponse{}, nil // it has never committed
	}
	if err != nil {
		s.err = fmt.Errorf("the offsets of group %s: %w", s.fact.group, err)
		return
	}
	s.offsets = map[place]int64{}
	for topic, parts := range r.Topics {
		for _, part := range parts {
			switch {
			case part.Error != nil:
				s.err = part.Error
			case part.CommittedOffset >= 0:
				s.offsets[place{topic, part.Partition}] = part.CommittedOffset
			}
		}
	}
}

// topics are the partitions that have a leader, by topic.
func (p *Progress) topics(ctx context.Context) (map[string][]int, error) {
	ctx, cancel := context.WithTimeout(ctx, p.cfg.Timeout)
	defer cancel()
	r, err := p.client.Metadata(ctx, &kafka.MetadataRequest{})
	if err != nil {
		return nil, fmt.Errorf("kafkaprogress: the topics: %w", err)
	}
	out := make(map[string][]int, len(r.Topics))
	for _, t := range r.Topics {
		if t.Error != nil {
			continue
		}
		parts := make([]int, 0, len(t.Partitions))
		for _, part := range t.Partitions {
			if part.Error == nil && part.Leader.Host != "" {
				parts = append(parts, part.ID)
			}
		}
		out[t.Name] = parts
	}
	return out, nil
}

// wants adds the partitions whose ends are needed.
func (s *subject) wants(topics map[string][]int, want map[place]bool) {
	add := func(topic string) {
		for _, part := range topics[topic] {
			want[place{topic, part}] = true
		}
	}
	for _, t := range s.topics {
		add(t)
	}
	for _, t := range s.fact.topics {
		add(t)
	}
	if s.fact.regex != nil {
		for t := range topics {
			if s.fact.regex.MatchString(t) {
				add(t)
			}
		}
	}
	if len(s.fact.topics) == 0 && s.fact.regex == nil {
		for at := range s.offsets {
			if slices.Contains(topics[at.topic], at.partition) {
				want[at] = true
			}
		}
	}
}

// ends asks for the bounds of all partitions at once; kafka-go makes that one request per broker and kind.
func (p *Progress) ends(ctx context.Context, want map[place]bool, committed bool) (map[place]bounds, error) {
	if len(want) == 0 {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, p.cfg.Timeout)
	defer cancel()
	req := &kafka.ListOffsetsRequest{Topics: map[string][]kafka.OffsetRequest{}}
	if committed {
		req.IsolationLevel = kafka.ReadCommitted
	}
	for at := range want {
		req.Topics[at.topic] = append(req.Topics[at.topic], kafka.FirstOffsetOf(at.partition), kafka.LastOffsetOf(at.partition))
	}
	r, err := p.client.ListOffsets(ctx, req)
	if err != nil {
		return nil, fmt.Errorf("kafkaprogress: the ends of the topics: %w", err)
	}
	out := make(map[place]bounds, len(want))
	for topic, parts := range r.Topics {
		for _, part := range parts {
			if part.Error == nil && part.FirstOffset >= 0 && part.LastOffset >= 0 {
				out[place{topic, part.Partition}] = bounds{part.FirstOffset, part.LastOffset}
			}
		}
	}
	return out, nil
}

// note compares with the last look and reports whether a sink stands still although something is beyond its position.
func (p *Progress) note(s *subject, topics map[string][]int, ends map[place]bounds, now time.Time) bool {
	v := p.seen[s.name]
	if v == nil {
		v = &sight{}
		p.seen[s.name] = v
	}
	if s.fact.source {
		position, known := s.sourcePosition(topics, ends)
		if !known {
			v.known = false
			return false
		}
		v.moved(position, int64(position>>1), now)
		v.waits = true
		return false
	}
	places := make([]place, 0, len(s.offsets))
	for at := range s.offsets {
		places = append(places, at)
	}
	sortPlaces(places)
	position, sum := newHash(), int64(0)
	for _, at := range places {
		position.text(at.topic)
		position.number(int64(at.partition))
		position.number(s.offsets[at])
		sum += s.offsets[at]
	}
	before, was := v.position, v.known
	v.moved(position, sum, now)
	v.waiting = 0
	for _, w := range s.waiting(topics, ends) {
		v.waiting += w.end - w.from
	}
	if !was || before != position || v.waiting == 0 {
		v.waits = false // it moves, or has nothing to do
		if v.waiting == 0 {
			v.since = now // idle is not standing still
		}
		return false
	}
	return true
}

// sourcePosition is everything that changes when a source moves.
func (s *subject) sourcePosition(topics map[string][]int, ends map[place]bounds) (hash, bool) {
	h := newHash()
	if len(s.topics) == 0 {
		lines := make([]string, 0, len(s.offers))
		for _, o := range s.offers {
			lines = append(lines, string(o.Partition)+"\x00"+string(o.Offset))
		}
		slices.Sort(lines)
		for _, l := range lines {
			h.text(l)
		}
		return h, s.offers != nil
	}
	slices.Sort(s.topics)
	for _, t := range s.topics {
		for _, part := range topics[t] {
			b, ok := ends[place{t, part}]
			if !ok {
				return 0, false
			}
			h.text(t)
			h.number(b.end)
		}
	}
	return h, true
}

// wait is a partition with something beyond the sink's position.
type wait struct {
	place

	from, end int64
}

// waiting lists them. A partition whose bounds are unknown is left out: it is never a finding.
func (s *subject) waiting(topics map[string][]int, ends map[place]bounds) []wait {
	var out []wait
	for at, b := range ends {
		committed, ok := s.offsets[at]
		switch {
		case !slices.Contains(topics[at.topic], at.partition):
			continue
		case len(s.fact.topics) > 0 || s.fact.regex != nil:
			if !s.fact.reads(at.topic) {
				continue // of a topic that it read once
			}
		case !ok:
			continue
		}
		if !ok && s.fact.latest {
			continue
		}
		if from := max(committed, b.first); from < b.end {
			out = append(out, wait{at, from, b.end})
		}
	}
	slices.SortFunc(out, func(a, b wait) int { return comparePlaces(a.place, b.place) })
	return out
}

// verify makes sure that a sink that stands still is not in a rebalance, and that what is beyond its position is more than markers of transactions.
func (p *Progress) verify(ctx context.Context, s *subject, topics map[string][]int, ends map[place]bounds, now time.Time) {
	v := p.seen[s.name] // only read here, and each connector has one of its own
	rctx, cancel := context.WithTimeout(ctx, p.cfg.Timeout)
	defer cancel()
	state, err := p.groupState(rctx, s.fact.group)
	if err != nil {
		v.known, v.waits = false, false // unknown; the time starts anew
		return
	}
	switch state {
	case "PreparingRebalance", "CompletingRebalance", "Assigning", "Reconciling":
		v.since, v.waits = now, false
		return
	}
	v.waits = false
	for _, w := range s.waiting(topics, ends) {
		found, err := p.real(rctx, v, w, s.fact.committed)
		if err != nil {
			v.known = false
			return
		}
		if found {
			v.waits = true
			return
		}
	}
	v.since, v.waiting = now, 0 // only markers: idle
}

func (p *Progress) groupState(ctx context.Context, group string) (string, error) {
	r, err := p.client.DescribeGroups(ctx, &kafka.DescribeGroupsRequest{GroupIDs: []string{group}})
	switch {
	case err != nil:
		return "", err
	case len(r.Groups) != 1:
		return "", errors.New("the broker answered without the group")
	}
	if errors.Is(r.Groups[0].Error, kafka.GroupIdNotFound) {
		return "Dead", nil
	}
	return r.Groups[0].GroupState, r.Groups[0].Error
}

// real reports whether there is a record between the position and the end. What was seen once stays so until the position changes.
func (p *Progress) real(ctx context.Context, v *sight, w wait, committed bool) (bool, error) {
	if at, ok := v.proved[w.place]; ok && at >= w.from {
		return true, nil
	}
	q := kwire.FetchRequest{Topic: w.topic, Partition: w.partition, Offset: max(w.from, v.empty[w.place]), MaxBytes: fetchBytes, MaxWait: 100 * time.Millisecond}
	for range fetchPages {
		if q.Offset >= w.end {
			return false, nil
		}
		page, err := kwire.Fetch(ctx, p.client, q)
		if err != nil {
			return false, err
		}
		if len(page.Records) > 0 || page.Skipped > 0 && !committed {
			if v.proved == nil {
				v.proved = map[place]int64{}
			}
			v.proved[w.place] = page.Next - 1
			return true, nil
		}
		next := page.Next
		if next <= q.Offset && page.HasBatch {
			if next, err = kwire.SkipGap(ctx, p.client, q, page.Batch, w.end); err != nil {
				return false, err
			}
		}
		if next <= q.Offset {
			return false, nil // behind an open transaction, which ends some day
		}
		q.Offset = next
		if v.empty == nil {
			v.empty = map[place]int64{}
		}
		v.empty[w.place] = next
	}
	return false, nil
}

func sortPlaces(p []place) { slices.SortFunc(p, comparePlaces) }

func comparePlaces(a, b place) int {
	return cmp.Or(cmp.Compare(a.topic, b.topic), cmp.Compare(a.partition, b.partition))
}
