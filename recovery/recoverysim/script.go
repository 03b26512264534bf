package recoverysim

import (
	"time"

	"github.com/go-reconnect/reconnect/connect/failure"
)

// Forever as Script.Runs means that a start that works keeps running.
const Forever = time.Duration(-1)

// Script is one fault. The task has failed at time 0.
type Script struct {
	Name   string
	Length time.Duration // how long it is watched
	Class  failure.Class
	Advice failure.Advice
	// Back is when the other side is back; before that every start fails at once. Zero means that it was never away; negative, that it never comes back.
	Back time.Duration
	// StartTakes is the time from a restart until RUNNING; FAILED is shown until then.
	StartTakes time.Duration
	// Runs is how long a start that works runs; Forever for good.
	Runs time.Duration
	// Shifts moves Back by these, one play each, two connectors with jitter of their own by turns, so that no schedule looks good by luck. The result
	// holds the most restarts, and the mean and the worst recovery.
	Shifts []time.Duration

	play int // which of them
}

// plays is how often an outage is played.
const plays = 32

// Scripts returns the faults that the defaults were chosen with.
func Scripts() []Script {
	outage := func(name string, back, sooner time.Duration) Script {
		s := Script{
			Name: name, Length: back + 8*time.Hour, Class: failure.ClassConnection, Advice: failure.AdviceAfterRecovery, Back: back, StartTakes: time.Second, Runs: Forever,
		}
		for i := range plays { // ending evenly over the time before, in uneven steps
			s.Shifts = append(s.Shifts, -time.Duration(i/2)*sooner/(plays/2)-time.Duration(i*i%7)*time.Second)
		}
		return s
	}
	const week = 7 * 24 * time.Hour
	return []Script{
		{Name: "dies at start, 7 days", Length: week, Class: failure.ClassUnknown, Back: -1},
		{Name: "dies after 5 min, 7 days", Length: week, Class: failure.ClassUnknown, StartTakes: time.Second, Runs: 5 * time.Minute},
		{Name: "dies after 30 min, 7 days", Length: week, Class: failure.ClassUnknown, StartTakes: time.Second, Runs: 30 * time.Minute},
		{Name: "start() takes 4 min", Length: 24 * time.Hour, Class: failure.ClassUnknown, StartTakes: 4 * time.Minute, Runs: Forever},
		outage("outage of 10 min", 10*time.Minute, time.Minute),
		outage("outage of 3 h", 3*time.Hour, 10*time.Minute),
		outage("outage of 3 days", 72*time.Hour, 2*time.Hour),
		{Name: "poison record, 7 days", Length: week, Class: failure.ClassDataConstraint, Advice: failure.AdviceAfterChange, StartTakes: time.Second, Runs: 10 * time.Second},
		{Name: "wrong password, 7 days", Length: week, Class: failure.ClassAuthentication, Advice: failure.AdviceAfterChange, Back: -1},
	}
}
