package dlq_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/go-reconnect/reconnect/dlq"
)

// silent answers fetches of a topic from an offset on with nothing, as if the log went on to stable.
func (e *embedded) silent(topic string, from, stable int64) {
	e.ControlKey(apiFetch, func(req kmsg.Request) (kmsg.Response, error, bool) {
		e.KeepControl()
		f := req.(*kmsg.FetchRequest)
		if f.Version > 12 || f.Topics[0].Topic != topic || f.Topics[0].Partitions[0].FetchOffset < from {
			return nil, nil, false
		}
		res := f.ResponseKind().(*kmsg.FetchResponse)
		rt := kmsg.NewFetchResponseTopic()
		rt.Topic = topic
		rp := kmsg.NewFetchResponseTopicPartition()
		rp.HighWatermark, rp.LastStableOffset = stable, stable
		rt.Partitions = append(rt.Partitions, rp)
		res.Topics = append(res.Topics, rt)
		return res, nil, true
	})
}

// endsAt answers where a topic ends.
func (e *embedded) endsAt(topic string, end int64) {
	e.ControlKey(apiListOffsets, func(req kmsg.Request) (kmsg.Response, error, bool) {
		e.KeepControl()
		l := req.(*kmsg.ListOffsetsRequest)
		if l.Topics[0].Topic != topic || l.Topics[0].Partitions[0].Timestamp != -1 {
			return nil, nil, false
		}
		res := l.ResponseKind().(*kmsg.ListOffsetsResponse)
		rt := kmsg.NewListOffsetsResponseTopic()
		rt.Topic = topic
		rp := kmsg.NewListOffsetsResponseTopicPartition()
		rp.Offset = end
		rt.Partitions = append(rt.Partitions, rp)
		res.Topics = append(res.Topics, rt)
		return res, nil, true
	})
}

func TestAnEmptyEndIsPassedOverOnlyWhenItMustBeCompaction(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		settings map[string]string
		accept   bool
		stable   int64
		gaps     int64 // passed over; 0 is an error
		contains string
	}{
		{"a compacted topic", map[string]string{"cleanup.policy": "compact"}, false, 20, 5, ""},
		{"a compacted topic with retention", map[string]string{"cleanup.policy": "compact,delete"}, false, 30, 5, ""},
		{"a topic that is not compacted", nil, false, 20, 0, "sent nothing from offset 15 on"},
		{"and the person knows that nothing is missed", nil, true, 20, 5, ""},
		{"a log that is shorter than it was", map[string]string{"cleanup.policy": "compact"}, true, 15, 0, "the log was truncated"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			e := newEmbedded(t, 1, map[string]int{"orders": 4})
			require.NoError(t, e.CreateTopic("orders-dlq", 1, tt.settings))
			for i := range 15 {
				e.produce(t, deadLetter(0, 0, int64(i), id(i), nil))
			}
			e.silent("orders-dlq", 15, tt.stable)
			e.endsAt("orders-dlq", 20)
			cfg := e.config("fix", dlq.ToOrigin())
			cfg.AcceptGaps, cfg.RetryTimeout = tt.accept, time.Second
			report, err := run(t, cfg)
			if tt.gaps == 0 {
				var gap *dlq.GapError
				require.ErrorAs(t, err, &gap)
				require.ErrorContains(t, err, tt.contains)
				assert.False(t, report.Complete)
				return
			}
			require.NoError(t, err)
			assert.True(t, report.Complete)
			assert.Equal(t, tt.gaps, report.Gaps)
		})
	}
}
