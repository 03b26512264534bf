package errtolerance_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/go-reconnect/reconnect/errtolerance"
)

func ms(values ...int) []time.Duration {
	var out []time.Duration
	for _, v := range values {
		out = append(out, time.Duration(v)*time.Millisecond)
	}
	return out
}

func TestRetryScheduleIsConnectsAlgorithm(t *testing.T) {
	t.Parallel()
	retry := errtolerance.FailFast().WithRetry
	for _, tt := range []struct {
		name     string
		cfg      errtolerance.Config
		version  string
		fixed    []time.Duration
		random   time.Duration
		min, max int
		broken   bool
	}{
		{"no time-out is one attempt", errtolerance.FailFast(), "", nil, 0, 1, 1, false},
		{"the last wait is clipped at the deadline", retry(6*time.Second, 0), "", ms(300, 600, 1200, 2400, 1500), 0, 6, 6, false},
		{"a time-out below the first wait is one retry", retry(60*time.Millisecond, 0), "", ms(60), 0, 2, 2, false},
		{"the eighth wait is the last fixed one by default", retry(10*time.Minute, 0), "", ms(300, 600, 1200, 2400, 4800, 9600, 19200, 38400), time.Minute, 18, -1, false},
		{"a maximum below the first wait makes every wait random", retry(time.Second, 200*time.Millisecond), "", nil, 200 * time.Millisecond, 7, -1, false},
		{"a wait equal to the maximum is fixed", retry(2*time.Second, 600*time.Millisecond), "", ms(300, 600), 600 * time.Millisecond, 5, -1, false},
		{"a negative maximum breaks the first retry", retry(time.Second, -time.Second), "", nil, 0, 1, 1, true},
		{"for ever has no bound", retry(errtolerance.Forever, time.Second), "4.3.1", ms(300, 600), time.Second, -1, -1, false},
		{"for ever was never before 3.4", retry(errtolerance.Forever, time.Second), "3.3.2", nil, 0, 1, 1, false},
		{"a vendor's version counts as Kafka's", retry(errtolerance.Forever, time.Second), "7.3.0-ccs", nil, 0, 1, 1, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := errtolerance.RetrySchedule(tt.cfg, errtolerance.Target{KafkaVersion: tt.version})
			assert.Equal(t, tt.fixed, s.Fixed)
			assert.Equal(t, tt.random, s.RandomBelow)
			assert.Equal(t, tt.min, s.MinAttempts)
			assert.Equal(t, tt.max, s.MaxAttempts)
			assert.Equal(t, tt.broken, s.Broken)
			for seed := range uint64(50) {
				sample := s.Sample(seed, 5000)
				assert.Equal(t, sample, s.Sample(seed, 5000), "the same seed gives the same waits")
				if s.MinAttempts > 0 {
					assert.GreaterOrEqual(t, len(sample)+1, s.MinAttempts)
					var sum time.Duration
					for i, d := range sample {
						sum += d
						if i < len(s.Fixed) {
							assert.Equal(t, s.Fixed[i], d)
						} else {
							assert.Less(t, d, max(s.RandomBelow, 1))
						}
					}
					assert.Equal(t, s.Total(), sum, "the waits end at the deadline")
				}
				if s.MaxAttempts > 0 {
					assert.Len(t, sample, s.MaxAttempts-1)
				}
			}
		})
	}
}

func TestEndlessRetriesOverflowAsJavaDoes(t *testing.T) {
	t.Parallel()
	// With a maximum beyond every wait nothing is random, and the 64 bit shift shows.
	s := errtolerance.RetrySchedule(errtolerance.FailFast().WithRetry(errtolerance.Forever, 1<<63-1), errtolerance.Target{KafkaVersion: "4.3.1"})
	sample := s.Sample(1, 70)
	var zero []int
	for i, d := range sample {
		if d == 0 {
			zero = append(zero, i+1)
		}
	}
	assert.Equal(t, []int{56, 59, 61, 62, 63, 64}, zero, "attempts whose shifted delay is negative or zero")
	assert.Equal(t, 300*time.Millisecond, sample[64], "the shift counts modulo 64")
}
