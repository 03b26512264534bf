package main

import (
	"context"
	"fmt"
	"time"

	"github.com/go-reconnect/reconnect/connect"
	"github.com/go-reconnect/reconnect/examples/internal/commas"
	"github.com/go-reconnect/reconnect/recovery"
	"github.com/go-reconnect/reconnect/recovery/kafkaprogress"
)

// stateStalled is shown for a connector that is RUNNING while records wait and none moves.
const stateStalled connect.State = "RUNNING, stalled"

// progressEvery is how often Kafka is asked, however often the table refreshes.
const progressEvery = 30 * time.Second

// stalls marks what does not move.
type stalls struct {
	from  recovery.Staller
	after time.Duration
	asked time.Time
	last  map[string]recovery.Stall
}

func newProgress(o *options, client *connect.Client) (*kafkaprogress.Progress, error) {
	tlsConfig, login, err := o.kafka.Load()
	if err != nil {
		return nil, err
	}
	p, err := kafkaprogress.New(kafkaprogress.Config{
		Brokers: commas.Split(o.progressBrokers), Connect: client, Sources: commas.Split(o.progressSources), ClientID: "monitor", TLS: tlsConfig, SASL: login,
	})
	if err != nil {
		return nil, fmt.Errorf("-progress-brokers: %w", err)
	}
	return p, nil
}

// mark changes the state of the rows that have not moved for long. When Kafka cannot be asked, the last answer stands.
func (s *stalls) mark(ctx context.Context, rows []row, now time.Time) (err error) {
	if now.Sub(s.asked) >= progressEvery {
		s.asked = now
		var names []string
		for i := range rows {
			if rows[i].state == connect.StateRunning && rows[i].tasks > 0 {
				names = append(names, rows[i].name)
			}
		}
		var got map[string]recovery.Stall
		if got, err = s.from.Stalls(ctx, names); err == nil {
			s.last = got
		}
	}
	for i := range rows {
		r := &rows[i]
		if st, ok := s.last[r.name]; ok && r.state == connect.StateRunning && st.Seen.Sub(st.Since) >= s.after {
			r.state = stateStalled
			r.note = fmt.Sprintf("%d records wait and none has moved since %s", st.Waiting, st.Since.UTC().Format(time.RFC3339))
		}
	}
	return err
}
