package connect

import (
	"context"
	"encoding/json"
	"slices"
	"time"
)

// LoggerLevel is one logger's level.
type LoggerLevel struct {
	Level string `json:"level"`
	// LastModified is when the level was changed through REST, since Kafka 3.7; zero where it was not.
	LastModified time.Time `json:"last_modified"`
}

// MarshalJSON writes last_modified as Connect does: milliseconds, or null.
func (l LoggerLevel) MarshalJSON() ([]byte, error) {
	w := loggerWire{Level: &l.Level}
	if !l.LastModified.IsZero() {
		ms := l.LastModified.UnixMilli()
		w.LastModified = &ms
	}
	return json.Marshal(w)
}

// UnmarshalJSON reads what MarshalJSON writes.
func (l *LoggerLevel) UnmarshalJSON(data []byte) error {
	var w loggerWire
	if err := json.Unmarshal(data, &w); err != nil {
		return err
	}
	level, err := w.level()
	if err != nil {
		return err
	}
	*l = *level
	return nil
}

type loggerWire struct {
	Level        *string `json:"level"`
	LastModified *int64  `json:"last_modified"`
}

func (w *loggerWire) level() (*LoggerLevel, error) {
	if w.Level == nil || *w.Level == "" {
		return nil, errShape
	}
	l := &LoggerLevel{Level: *w.Level}
	if w.LastModified != nil {
		l.LastModified = time.UnixMilli(*w.LastModified).UTC()
	}
	return l, nil
}

// ListLoggers returns the loggers of the worker that answers: those with a level of their own below Kafka 4.0, all known ones since.
//
// GET /admin/loggers, Kafka 2.4 (KIP-495); ErrUnsupported below, and where the worker has its admin endpoints switched off or on another listener. Sent again like any read.
func (c *Client) ListLoggers(ctx context.Context) (map[string]LoggerLevel, error) {
	if err := c.require(ctx, &epLoggers, "/admin/loggers", epLoggers.since, false); err != nil {
		return nil, err
	}
	s := c.newSession(&epLoggers, "/admin/loggers")
	a, err := s.do(ctx)
	if err != nil {
		return nil, err
	}
	var w map[string]loggerWire
	if err := decodeJSON(a.body, &w); err != nil {
		return nil, s.decodeError(a, err)
	}
	out := make(map[string]LoggerLevel, len(w))
	for name, l := range w {
		level, err := l.level()
		if err != nil {
			return nil, s.decodeError(a, err)
		}
		out[name] = *level
	}
	return out, nil
}

// GetLogger returns one logger's level on the worker that answers.
//
// GET /admin/loggers/{logger}, Kafka 2.4 (KIP-495); ErrUnsupported below. Sent again like any read. ErrNotFound.
func (c *Client) GetLogger(ctx context.Context, name string) (*LoggerLevel, error) {
	if err := checkName("logger", name); err != nil {
		return nil, err
	}
	s := c.newSession(&epLogger, "/admin/loggers/"+segment(name))
	if err := c.require(ctx, &epLogger, s.path, epLogger.since, false); err != nil {
		return nil, err
	}
	a, err := s.do(ctx)
	if err != nil {
		return nil, err
	}
	var w loggerWire
	var level *LoggerLevel
	if err = decodeJSON(a.body, &w); err == nil {
		level, err = w.level()
	}
	if err != nil {
		return nil, s.decodeError(a, err)
	}
	return level, nil
}

// LoggerOptions says where SetLogger acts.
type LoggerOptions struct {
	// Cluster sets the level on every worker, through the configuration topic, since Kafka 3.7 (KIP-976). By default one worker is changed: see OnWorker.
	Cluster bool
}

// SetLogger sets the level of a logger and of those below it, until the worker restarts. It returns the names that changed, sorted, and nil with Cluster. Since Kafka 4.0
// a logger that has the level already is not among them.
//
// PUT /admin/loggers/{logger}, Kafka 2.4 (KIP-495); Cluster Kafka 3.7 (KIP-976); ErrUnsupported below. Never sent again after an answer that leaves the outcome open. ErrInvalidConfig for an unknown level (a 404 of Connect).
func (c *Client) SetLogger(ctx context.Context, name, level string, o LoggerOptions) ([]string, error) {
	if err := checkName("logger", name); err != nil {
		return nil, err
	}
	if level == "" {
		return nil, inputError(nil, "the level is empty, it must be one such as DEBUG")
	}
	s := c.newSession(&epSetLogger, "/admin/loggers/"+segment(name))
	if err := c.require(ctx, &epSetLogger, s.path, epSetLogger.since, false); err != nil {
		return nil, err
	}
	if o.Cluster {
		// An older worker ignores the scope and would change itself alone.
		if err := c.require(ctx, &epSetLogger, s.path, sinceScope, true); err != nil {
			return nil, err
		}
		s.query = "scope=cluster"
	}
	var err error
	if s.body, err = json.Marshal(map[string]string{"level": level}); err != nil {
		return nil, inputError(nil, "the level cannot be written as JSON")
	}
	a, err := s.do(ctx)
	if err != nil {
		return nil, err
	}
	if o.Cluster {
		return nil, nil
	}
	names := []string{}
	if err := decodeJSON(a.body, &names); err != nil {
		return nil, s.decodeError(a, err)
	}
	slices.Sort(names)
	return names, nil
}
