package recovery

import (
	"context"
	"errors"
	"time"
)

// maxLeadPause is the longest time between two tries to lead: it adds to the time without a leader.
const maxLeadPause = 5 * time.Second

// errSightless ends the lead of a supervisor that cannot see Connect.
var errSightless = errors.New("recovery: Connect cannot be seen from here: the lead is given away")

// lead stands for election until ctx ends.
func (s *Supervisor) lead(ctx context.Context) error {
	pause := time.Second
	for ctx.Err() == nil {
		began := time.Now()
		err := s.term(ctx)
		if permanent(err) {
			return err
		}
		if ctx.Err() != nil {
			return nil //nolint:nilerr // an end is no error
		}
		if err != nil {
			s.cfg.Logger.WarnContext(ctx, "no lead", "err", err)
		}
		if time.Since(began) > maxLeadPause {
			pause = time.Second
		}
		wait(ctx, pause, nil)
		pause = min(2*pause, maxLeadPause)
	}
	return nil
}

// term leads once, if Connect can be seen.
func (s *Supervisor) term(ctx context.Context) error {
	if s.sightless {
		if _, err := s.c.ListConnectors(ctx); err != nil {
			return err
		}
		s.sightless = false
	}
	err := s.cfg.Elector.Lead(ctx, func(ctx context.Context) error {
		if err := s.forget(ctx); err != nil {
			return nil // the lead was lost before anything was done
		}
		s.leading.Store(true)
		defer s.leading.Store(false)
		return s.loop(ctx)
	})
	s.sightless = errors.Is(err, errSightless)
	return err
}

// forget makes the next pass read the store again: another supervisor may have led in between.
func (s *Supervisor) forget(ctx context.Context) error {
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer s.unlock()
	s.loaded = false
	s.failures, s.sighted = 0, s.now()
	return nil
}

// lostSight reports whether a leader should make room: it has seen nothing of Connect for half of RestartDelay, and another supervisor may.
func (s *Supervisor) lostSight(ctx context.Context, err error) bool {
	// What ErrSweep refuses would be refused anywhere.
	if s.cfg.Elector == nil || errors.Is(err, ErrSweep) || s.lock(ctx) != nil {
		return false
	}
	defer s.unlock()
	return s.failures >= 2 && s.now().Sub(s.sighted) >= s.cfg.Policy.RestartDelay/2
}
