package recovery

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"path"
	"strings"
	"time"

	"github.com/go-reconnect/reconnect/connect"
)

// selectEvery is how long an answer to "do its config's keys select this connector?" is believed without reading the configs again.
const selectEvery = 5 * time.Minute

// ConfigMatch selects connectors by one key of their config.
type ConfigMatch struct {
	// Key is the exact property. Required.
	Key string
	// Value is a shell pattern (path.Match, in which * does not cross a slash) of the value as it is stored, with ${...} references as they stand;
	// upper and lower case are the same. Empty means that the key is there, whatever its value.
	Value string
}

// ParseConfigMatch reads key, or key=value.
func ParseConfigMatch(s string) (ConfigMatch, error) {
	key, value, _ := strings.Cut(s, "=")
	m := ConfigMatch{Key: strings.TrimSpace(key), Value: strings.TrimSpace(value)}
	return m, m.validate()
}

func (m ConfigMatch) validate() error {
	if m.Key == "" {
		return errors.New("the key is empty: use key, or key=value")
	}
	if _, err := path.Match(m.Value, ""); err != nil {
		return fmt.Errorf("the value of %s is no pattern: %w", m.Key, err)
	}
	return nil
}

func (m ConfigMatch) matches(cfg connect.Config) bool {
	v, ok := cfg[m.Key]
	if !ok || m.Value == "" {
		return ok
	}
	hit, err := path.Match(strings.ToLower(m.Value), strings.ToLower(v))
	return hit && err == nil
}

// configLister streams every connector's config in one request; *connect.Client has it.
type configLister interface {
	Connectors(ctx context.Context) iter.Seq2[connect.Connector, error]
}

// selection remembers which connectors their configs select. It keeps no config.
type selection struct {
	chosen map[string]bool
	at     time.Time // when the configs were read last
}

func (c *Config) byConfig() bool { return len(c.IncludeConfig) > 0 || len(c.ExcludeConfig) > 0 }

// chooses is what a connector's config says; Exclude wins.
func (c *Config) chooses(cfg connect.Config) bool {
	match := func(list []ConfigMatch) bool {
		for _, m := range list {
			if m.matches(cfg) {
				return true
			}
		}
		return false
	}
	return (len(c.IncludeConfig) == 0 || match(c.IncludeConfig)) && !match(c.ExcludeConfig)
}

// choose reads the configs, by one streamed request, when a name is new or what is known is old. Nobody is watched whose config cannot be read.
func (s *Supervisor) choose(ctx context.Context, names []string, now time.Time) error {
	if !s.cfg.byConfig() {
		return nil
	}
	if now.Sub(s.selection.at) < selectEvery {
		fresh := true
		for _, name := range names {
			if _, known := s.selection.chosen[name]; !known && s.cfg.named(name) {
				fresh = false
				break
			}
		}
		if fresh {
			return nil
		}
	}
	return s.readSelection(ctx, now)
}

func (s *Supervisor) readSelection(ctx context.Context, now time.Time) error {
	list, ok := s.c.(configLister)
	if !ok {
		return errors.New("recovery: the client cannot list configs") // New refuses it
	}
	chosen := make(map[string]bool, len(s.selection.chosen))
	for con, err := range list.Connectors(ctx) {
		if err != nil {
			return fmt.Errorf("recovery: reading the configs, which say what is watched: %w", err)
		}
		if s.cfg.named(con.Name) {
			chosen[strings.Clone(con.Name)] = s.cfg.chooses(con.Config)
		}
	}
	s.selection = selection{chosen: chosen, at: now}
	return nil
}

// watched reports whether a connector is supervised at all.
func (s *Supervisor) watched(name string) bool {
	return s.cfg.named(name) && (!s.cfg.byConfig() || s.selection.chosen[name])
}

// stillChosen looks once more before anything is restarted: a person who has just switched a connector off is believed at once. When the configs cannot be
// read, nothing is.
func (s *Supervisor) stillChosen(ctx context.Context, ready []due, now time.Time) ([]due, error) {
	if len(ready) == 0 || !s.cfg.byConfig() || s.selection.at.Equal(now) {
		return ready, nil
	}
	err := s.readSelection(ctx, now)
	kept := ready[:0]
	for _, r := range ready {
		if err == nil && s.watched(r.name) {
			kept = append(kept, r)
			continue
		}
		s.gates.answered(r.name, r.d.State.Fingerprint, "")
	}
	return kept, err
}

// unwatch hides a connector that is not selected any more. What was counted stays counted.
func (s *Supervisor) unwatch(ctx context.Context, name string, rec *record, now time.Time) {
	if rec.detail.unwatched {
		return
	}
	told := rec.detail.state.Down || rec.detail.state.Latch != LatchNone
	s.view.Lock()
	rec.detail.unwatched, rec.detail.failed, rec.detail.config = true, nil, nil
	s.view.Unlock()
	if told {
		s.emit(ctx, s.event(EventUnwatched, name, rec, now))
	}
}

// watchAgain shows it again, and says so where a person was needed and still is.
func (s *Supervisor) watchAgain(ctx context.Context, name string, rec *record, now time.Time) {
	if !rec.detail.unwatched {
		return
	}
	s.view.Lock()
	rec.detail.unwatched = false
	s.view.Unlock()
	switch rec.detail.state.Latch {
	case LatchHeld:
		s.emit(ctx, s.event(EventHeld, name, rec, now))
	case LatchExhausted:
		s.emit(ctx, s.event(EventExhausted, name, rec, now))
	default:
	}
}
