package kafkastore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/go-reconnect/reconnect/recovery"
)

// Lead waits until this process is the one that leads and runs fn until fn ends or the lead is lost, which ends fn's context. It returns what fn returns;
// but where the group has only been rebalanced, because another supervisor came or went, and fn returns nil, it stays a member and runs fn again as
// soon as it leads again: leaving would disturb whoever leads now, who would leave in turn.
// Whoever is asked to lead while another one still believes to be leading is safe: Load fences that one.
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
		ID: s.cfg.Group, Brokers: s.cfg.Brokers, Topics: []string{s.cfg.Topic}, Dialer: s.cluster.Dialer(), GroupBalancers: []kafka.GroupBalancer{kafka.RangeGroupBalancer{}},
		SessionTimeout: s.cfg.SessionTimeout, HeartbeatInterval: s.cfg.SessionTimeout / 5, RebalanceTimeout: max(s.cfg.SessionTimeout, 10*time.Second),
		JoinGroupBackoff: time.Second, Timeout: 10 * time.Second,
	})
	if err != nil {
		return fmt.Errorf("kafkastore: group %s: %w", s.cfg.Group, err)
	}
	defer group.Close() //nolint:errcheck // it leaves the group, which times out by itself otherwise
	for {
		gen, err := group.Next(ctx)
		if err != nil {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if errors.Is(err, kafka.RebalanceInProgress) {
				continue // still a member
			}
			return fmt.Errorf("kafkastore: group %s: %w", s.cfg.Group, err)
		}
		if len(gen.Assignments[s.cfg.Topic]) == 0 {
			continue // Next waits for the generation to end
		}
		if err := s.lead(ctx, gen, fn); !errors.Is(err, errRebalanced) {
			return err
		}
		if ctx.Err() != nil {
			return nil
		}
	}
}

// errRebalanced is how lead says that fn ended well because the generation did.
var errRebalanced = errors.New("kafkastore: the group was rebalanced")

// lead runs fn inside a generation.
func (s *Store) lead(ctx context.Context, gen *kafka.Generation, fn func(context.Context) error) error {
	result := make(chan error, 1)
	gen.Start(func(gctx context.Context) {
		lctx, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		stop := context.AfterFunc(gctx, func() { cancel(recovery.ErrNotLeader) })
		defer stop()
		s.setLeading(true)
		defer s.setLeading(false)
		err := fn(lctx)
		if err == nil && gctx.Err() != nil {
			err = errRebalanced
		}
		result <- err
	})
	return <-result
}

func (s *Store) setLeading(yes bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.leading = yes
	if !yes {
		s.session = nil
	}
}
