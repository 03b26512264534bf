package recovery_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-reconnect/reconnect/recovery"
)

func TestWindows(t *testing.T) {
	t.Parallel()
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		berlin = time.FixedZone("CET", 3600)
	}
	open, err := recovery.Windows(
		recovery.Window{Days: []time.Weekday{time.Saturday}, Start: 23 * time.Hour, Length: 4 * time.Hour, Location: berlin},
		recovery.Window{Start: 12 * time.Hour, Length: time.Minute, Connectors: []string{"db-*"}},
	)
	require.NoError(t, err)
	for name, row := range map[string]struct {
		connector string
		at        time.Time
		want      bool
	}{
		"before":                {"a", time.Date(2026, 11, 21, 22, 59, 59, 0, berlin), false},
		"at its start":          {"a", time.Date(2026, 11, 21, 23, 0, 0, 0, berlin), true},
		"past midnight":         {"a", time.Date(2026, 11, 22, 2, 59, 59, 0, berlin), true},
		"at its end":            {"a", time.Date(2026, 11, 22, 3, 0, 0, 0, berlin), false},
		"another day":           {"a", time.Date(2026, 11, 22, 23, 30, 0, 0, berlin), false},
		"every day, by pattern": {"db-1", time.Date(2026, 11, 24, 12, 0, 30, 0, time.UTC), true},
		"not of that pattern":   {"x", time.Date(2026, 11, 24, 12, 0, 30, 0, time.UTC), false},
	} {
		assert.Equal(t, row.want, open(row.connector, row.at), name)
	}
	for _, bad := range []recovery.Window{
		{Length: 0}, {Length: 8 * 24 * time.Hour}, {Start: -1, Length: 1}, {Start: 24 * time.Hour, Length: 1}, {Length: 1, Connectors: []string{"["}}, {Length: 1, Days: []time.Weekday{9}},
	} {
		_, err := recovery.Windows(bad)
		require.ErrorContains(t, err, "Window.")
	}
}
