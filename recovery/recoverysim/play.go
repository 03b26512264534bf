package recoverysim

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

// Never is a recovery that did not happen.
const Never = time.Duration(-1)

// Result is what a rule did with a script.
type Result struct {
	Script, Rule  string
	Restarts      int           // in all, probes included; the most over all shifts
	Probes        int           // of them outside the budget
	Recovers      bool          // whether the script can end well at all
	Recovery      time.Duration // from the end of the fault until RUNNING for good: the mean over all shifts, or Never when one of them never did
	Worst         time.Duration // the longest
	GaveUp        bool          // and a person was told, in any shift
	FalseGiveUps  int           // shifts in which it gave up although the script could end well, and never recovered
	Notifications int           // the most over all shifts
}

var epoch = time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)

// Play plays one script against one rule.
func Play(s Script, r Rule) Result {
	res := Result{Script: s.Name, Rule: r.Name, Recovers: s.Back >= 0 && s.Runs == Forever}
	shifts := s.Shifts
	if len(shifts) == 0 {
		shifts = []time.Duration{0}
	}
	var sum time.Duration
	for i, shift := range shifts {
		one := s
		one.play = i % 2 // each of two connectors meets every end
		if s.Back > 0 {
			one.Back += shift
			one.Length += shift
		}
		restarts, recovery, p := play(one, r)
		res.Restarts = max(res.Restarts, restarts)
		res.Probes = max(res.Probes, p.Probes())
		res.Notifications = max(res.Notifications, p.Notifications())
		res.GaveUp = res.GaveUp || p.GaveUp()
		if !res.Recovers {
			continue
		}
		if recovery == Never {
			res.Recovery, res.Worst = Never, Never
			if p.GaveUp() {
				res.FalseGiveUps++
			}
			continue
		}
		sum += recovery
		if res.Worst != Never {
			res.Worst = max(res.Worst, recovery)
		}
	}
	if res.Recovers && res.Recovery != Never {
		res.Recovery = sum / time.Duration(len(shifts))
	}
	return res
}

func play(s Script, r Rule) (restarts int, recovery time.Duration, p Player) {
	p = r.New(s)
	var upAt, diesAt time.Time // of the start under way; zero = none
	back := epoch.Add(s.Back)
	recovery = Never
	for now := epoch; now.Before(epoch.Add(s.Length)); now = now.Add(r.Interval) {
		if !diesAt.IsZero() && !now.Before(diesAt) {
			upAt, diesAt = time.Time{}, time.Time{}
		}
		running := !upAt.IsZero() && !now.Before(upAt)
		up := s.Back >= 0 && !now.Before(back)
		if p.Look(now, !running, up) {
			restarts++
			upAt, diesAt = time.Time{}, time.Time{}
			if up {
				upAt = now.Add(s.StartTakes)
				if s.Runs != Forever {
					diesAt = upAt.Add(s.Runs)
				} else {
					recovery = upAt.Sub(back)
				}
			}
		}
	}
	if s.Runs != Forever {
		recovery = Never
	}
	return restarts, recovery, p
}

// Compare plays every script against every rule.
func Compare(scripts []Script, rules ...Rule) []Result {
	var out []Result
	for _, s := range scripts {
		for _, r := range rules {
			out = append(out, Play(s, r))
		}
	}
	return out
}

// Write prints the results as a table.
func Write(w io.Writer, results []Result) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(t, "fault\trule\trestarts\tof them probes\tmean recovery\tworst\tfalse give-ups\tnotifications")
	last := ""
	for _, r := range results {
		name := r.Script
		if name == last {
			name = ""
		}
		last = r.Script
		mean, worst := "-", "-"
		if r.Recovers {
			mean, worst = span(r.Recovery), span(r.Worst)
		}
		_, _ = fmt.Fprintf(t, "%s\t%s\t%d\t%d\t%s\t%s\t%d\t%d\n", name, r.Rule, r.Restarts, r.Probes, mean, worst, r.FalseGiveUps, r.Notifications)
	}
	return t.Flush()
}

func span(d time.Duration) string {
	switch {
	case d == Never:
		return "never"
	case d < time.Minute:
		return d.Round(time.Second).String()
	case d < 2*time.Hour:
		return fmt.Sprintf("%.0f min", d.Minutes())
	default:
		return fmt.Sprintf("%.1f h", d.Hours())
	}
}
