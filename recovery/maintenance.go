package recovery

import (
	"errors"
	"fmt"
	"path"
	"time"
)

// Window is a maintenance window that comes back every week or every day.
type Window struct {
	// Days are the days on which it opens; none means every day.
	Days []time.Weekday
	// Start is the time since midnight at which it opens, in Location.
	Start time.Duration
	// Length is how long it stays open, at most 7 days; it may pass midnight.
	Length time.Duration
	// Location defaults to UTC.
	Location *time.Location
	// Connectors are shell patterns (path.Match) of names; none means every connector.
	Connectors []string
}

func (w Window) validate() error {
	switch {
	case w.Start < 0 || w.Start >= 24*time.Hour:
		return fmt.Errorf("recovery: Window.Start is %v: use a time of day, 0 to 24 h", w.Start)
	case w.Length <= 0 || w.Length > 7*24*time.Hour:
		return fmt.Errorf("recovery: Window.Length is %v: use more than 0 and at most 7 days", w.Length)
	}
	for _, d := range w.Days {
		if d < time.Sunday || d > time.Saturday {
			return fmt.Errorf("recovery: Window.Days holds %d, which is no day of the week", int(d))
		}
	}
	for _, p := range w.Connectors {
		if _, err := path.Match(p, ""); err != nil {
			return fmt.Errorf("recovery: Window.Connectors: %q is no pattern: %w", p, err)
		}
	}
	return nil
}

// open reports whether the window is open. The start is a time on the wall: on the day of a change of the clocks it opens when the wall says so.
func (w *Window) open(now time.Time) bool {
	loc := w.Location
	if loc == nil {
		loc = time.UTC
	}
	now = now.In(loc)
	for back := 0; back <= 7; back++ {
		y, m, d := now.AddDate(0, 0, -back).Date()
		start := time.Date(y, m, d, int(w.Start/time.Hour), int(w.Start/time.Minute)%60, int(w.Start/time.Second)%60, 0, loc)
		if now.Before(start) || !now.Before(start.Add(w.Length)) {
			continue
		}
		if len(w.Days) == 0 {
			return true
		}
		for _, day := range w.Days {
			if day == start.Weekday() {
				return true
			}
		}
	}
	return false
}

// Windows makes a Config.Maintenance of windows that come back.
func Windows(windows ...Window) (func(name string, now time.Time) bool, error) {
	var errs []error
	for i, w := range windows {
		if err := w.validate(); err != nil {
			errs = append(errs, fmt.Errorf("recovery: window %d: %w", i, err))
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	windows = append([]Window(nil), windows...)
	return func(name string, now time.Time) bool {
		for i := range windows {
			w := &windows[i]
			if !w.open(now) {
				continue
			}
			if len(w.Connectors) == 0 {
				return true
			}
			for _, p := range w.Connectors {
				if ok, err := path.Match(p, name); ok && err == nil {
					return true
				}
			}
		}
		return false
	}, nil
}
