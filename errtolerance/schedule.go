package errtolerance

import (
	"math/rand/v2"
	"time"

	"github.com/go-reconnect/reconnect/internal/kversion"
)

// Schedule is what Connect's retry algorithm does with one operation on one record whose every attempt throws Connect's
// RetriableException, where the attempts themselves take no time. The waits are 300, 600, 1200, … ms; a wait that would
// exceed the maximum is drawn at random below it, and the last one is clipped so that one attempt happens at the deadline.
// Source: RetryWithToleranceOperator.java.
type Schedule struct {
	// Fixed are the waits that are the same every time, in order, after attempts 1, 2, 3, …
	Fixed []time.Duration
	// RandomBelow bounds what follows Fixed: each further wait is drawn from [0, RandomBelow), until the deadline. Zero means
	// that nothing follows.
	RandomBelow time.Duration
	// Deadline is the retry time-out: zero for no retries, Forever for no end.
	Deadline time.Duration
	// MinAttempts and MaxAttempts bound the attempts; -1 is no bound. They are equal where nothing is random.
	MinAttempts, MaxAttempts int
	// Broken is true where the first retry throws IllegalArgumentException instead of waiting: the maximum delay is zero or
	// less. There is one attempt, and the exception takes the place of the record's own.
	Broken bool
}

// RetrySchedule returns the schedule of c on a worker of the target's version. A negative time-out means no retries before
// Kafka 3.4 (KAFKA-13952); with an unknown version it is taken for endless.
func RetrySchedule(c Config, target Target) Schedule {
	c = c.Normalize()
	maxDelay := c.RetryDelayMax
	if maxDelay == 0 {
		maxDelay = DefaultRetryDelayMax
	}
	var v kversion.Version
	if target.KafkaVersion != "" {
		v, _ = kversion.Parse(target.KafkaVersion)
	}
	timeout := c.RetryTimeout
	if timeout < 0 && !v.IsZero() && !v.AtLeast(3, 4) {
		timeout = 0
	}
	return scheduleOf(timeout, maxDelay)
}

func scheduleOf(timeout, maxDelay time.Duration) Schedule {
	s := Schedule{Deadline: timeout, MinAttempts: 1, MaxAttempts: 1}
	if timeout == 0 {
		return s
	}
	if maxDelay <= 0 {
		s.Broken = true
		return s
	}
	forever := timeout < 0
	if forever {
		s.Deadline, s.MinAttempts, s.MaxAttempts = Forever, -1, -1
	}
	var now time.Duration
	for attempt := 1; forever || now < timeout; attempt++ {
		d := delay(attempt)
		if d > maxDelay {
			s.RandomBelow = maxDelay
			break
		}
		if !forever && d > timeout-now {
			d = timeout - now
		}
		s.Fixed = append(s.Fixed, d)
		now += d
		if attempt >= 54 { // beyond any duration: the next shift overflows
			break
		}
	}
	if forever {
		return s
	}
	s.MinAttempts, s.MaxAttempts = len(s.Fixed)+1, len(s.Fixed)+1
	if s.RandomBelow > 0 {
		// Each draw is a whole number of milliseconds below the bound, and may be zero.
		s.MaxAttempts = -1
		most := max(s.RandomBelow-time.Millisecond, time.Millisecond)
		rest := timeout - now
		s.MinAttempts += int((rest-1)/most) + 1
	}
	return s
}

// delay is 300 ms doubled attempt-1 times in Java's 64 bit arithmetic, in which the shift counts modulo 64 and overflows.
func delay(attempt int) time.Duration {
	ms := int64(firstRetryMillis) << (uint(attempt-1) & 63)
	if ms < 0 {
		return 0 // waiting a negative time is not waiting
	}
	if ms > int64(1<<63-1)/int64(time.Millisecond) {
		return 1<<63 - 1
	}
	return time.Duration(ms) * time.Millisecond
}

// Sample draws the waits of one operation, at most limit of them: Fixed first, then random ones until the deadline. The same
// seed gives the same waits.
func (s Schedule) Sample(seed uint64, limit int) []time.Duration {
	if s.Broken || s.Deadline == 0 || limit <= 0 {
		return nil
	}
	r := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // a sample to look at, not a secret
	var out []time.Duration
	var now time.Duration
	for attempt := 1; len(out) < limit && (s.Deadline < 0 || now < s.Deadline); attempt++ {
		var d time.Duration
		switch {
		case attempt <= len(s.Fixed):
			d = s.Fixed[attempt-1]
		case s.RandomBelow == 0 || delay(attempt) <= s.RandomBelow:
			d = delay(attempt)
		default:
			d = time.Duration(r.Int64N(max(s.RandomBelow.Milliseconds(), 1))) * time.Millisecond
		}
		if s.Deadline > 0 && d > s.Deadline-now {
			d = s.Deadline - now
		}
		out = append(out, d)
		now += d
	}
	return out
}

// Total returns how long the waits take together: the time-out, whatever is drawn; Forever where they never end.
func (s Schedule) Total() time.Duration {
	if s.Broken {
		return 0
	}
	return s.Deadline
}
