package kafkastore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/go-reconnect/reconnect/recovery"
)

// Lead waits until this process is the one that leads, runs fn until fn ends or the lead is lost, which ends fn's context, and returns what fn returns.
// The coming and going of others does not disturb whoever leads. Whoever is asked to lead while another one still believes to be leading is safe: Load
// fences that one.
func (s *Store) Lead(ctx context.Context, fn func(context.Context) error) error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return errors.New("kafkastore: the store is closed")
	}
	s.elected = true
	s.mu.Unlock()
	tctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	err := s.ensureTopic(tctx)
	cancel()
	if err != nil {
		return fmt.Errorf("kafkastore: topic %s: %w", s.cfg.Topic, err)
	}
	group, err := kafka.NewConsumerGroup(kafka.ConsumerGroupConfig{
		ID: s.cfg.Group, Brokers: s.cfg.Brokers, Topics: []string{s.cfg.Topic}, Dialer: s.cluster.Dialer(), GroupBalancers: []kafka.GroupBalancer{incumbent{s}, kafka.RangeGroupBalancer{}},
		SessionTimeout: s.cfg.SessionTimeout, HeartbeatInterval: s.cfg.SessionTimeout / 5, RebalanceTimeout: max(s.cfg.SessionTimeout, 10*time.Second),
		JoinGroupBackoff: time.Second, Timeout: 10 * time.Second,
	})
	if err != nil {
		return fmt.Errorf("kafkastore: group %s: %w", s.cfg.Group, err)
	}
	defer group.Close() //nolint:errcheck // it leaves the group, which times out by itself otherwise
	return s.stand(ctx, group, fn)
}

// term is one run of the function that leads.
type term struct {
	lose  context.CancelCauseFunc
	ended context.Context // ends with the function
	err   error           // what the function returned
}

// stand waits for generations of the group. fn goes on through those that leave the lead here: fencing, not the generation, keeps others out, and a pass that
// is broken off because a standby came would cost restarts.
func (s *Store) stand(ctx context.Context, group *kafka.ConsumerGroup, fn func(context.Context) error) error {
	var t *term
	lost := func(cause error) error {
		t.lose(cause)
		<-t.ended.Done()
		return t.err
	}
	for {
		wait := ctx //nolint:contextcheck // ended goes on while fn winds up
		if t != nil {
			wait = t.ended
		}
		gen, err := group.Next(wait)
		switch {
		case t != nil && t.ended.Err() != nil:
			return t.err
		case err != nil && ctx.Err() != nil:
			if t != nil {
				return lost(context.Cause(ctx))
			}
			return context.Cause(ctx)
		case errors.Is(err, kafka.RebalanceInProgress): // still a member
		case err != nil:
			err = fmt.Errorf("kafkastore: group %s: %w", s.cfg.Group, err)
			if t != nil {
				err = errors.Join(lost(recovery.ErrNotLeader), err)
			}
			return err
		case len(gen.Assignments[s.cfg.Topic]) == 0:
			if t != nil {
				return lost(recovery.ErrNotLeader)
			}
		case t == nil:
			t = s.begin(ctx, fn)
		}
	}
}

func (s *Store) begin(ctx context.Context, fn func(context.Context) error) *term {
	lctx, lose := context.WithCancelCause(ctx)
	ended, end := context.WithCancel(context.WithoutCancel(ctx))
	t := &term{lose: lose, ended: ended}
	go func() {
		defer end()
		defer lose(nil)
		s.setLeading(true)
		defer s.setLeading(false)
		t.err = fn(lctx)
	}()
	return t
}

func (s *Store) setLeading(yes bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.leading = yes
	s.incumbent.Store(yes)
	if !yes {
		s.session = nil
	}
}

// incumbent is a balancer that leaves the lead where it is.
type incumbent struct{ s *Store }

// leads is what the one that leads tells the group.
var leads = []byte("leads")

func (incumbent) ProtocolName() string { return "reconnect-incumbent" }

func (b incumbent) UserData() ([]byte, error) {
	if b.s.incumbent.Load() {
		return leads, nil
	}
	return nil, nil
}

// AssignGroups gives everything to the one that leads, else to the first.
func (incumbent) AssignGroups(members []kafka.GroupMember, partitions []kafka.Partition) kafka.GroupMemberAssignments {
	winner := -1
	for i, m := range members {
		if winner < 0 || bytes.Equal(m.UserData, leads) && !bytes.Equal(members[winner].UserData, leads) ||
			bytes.Equal(m.UserData, members[winner].UserData) && m.ID < members[winner].ID {
			winner = i
		}
	}
	if winner < 0 {
		return nil
	}
	topics := map[string][]int{}
	for _, p := range partitions {
		topics[p.Topic] = append(topics[p.Topic], p.ID)
	}
	return kafka.GroupMemberAssignments{members[winner].ID: topics}
}
