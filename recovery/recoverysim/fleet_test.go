package recoverysim_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-reconnect/reconnect/recovery"
	"github.com/go-reconnect/reconnect/recovery/recoverysim"
)

// markdown is the same table for a page.
func markdown(table string, columns int) string {
	lines := strings.Split(strings.TrimRight(table, "\n"), "\n")
	var out strings.Builder
	for i, line := range lines {
		cells := strings.FieldsFunc(strings.ReplaceAll(line, "  ", "\x00"), func(r rune) bool { return r == 0 })
		for j := range cells {
			cells[j] = strings.TrimSpace(cells[j])
		}
		fmt.Fprintf(&out, "| %s |\n", strings.Join(cells, " | "))
		if i == 0 {
			out.WriteString("|" + strings.Repeat("---|", columns) + "\n")
		}
	}
	return out.String()
}

// TestFaultsThatMeetManyConnectors plays them and keeps the page's table true.
func TestFaultsThatMeetManyConnectors(t *testing.T) { //nolint:paralleltest // it may write the page, as another test here does
	const page, head = "../../docs/recovery.md", "| fault | connectors |"
	var results []recoverysim.FleetResult
	for _, f := range recoverysim.Fleets() {
		synctest.Test(t, func(t *testing.T) {
			r, err := recoverysim.PlayFleet(t.Context(), f, recovery.Config{})
			require.NoError(t, err)
			results = append(results, r)
		})
	}
	for _, r := range results {
		switch {
		case strings.HasPrefix(r.Fleet, "storm"):
			assert.Equal(t, r.Connectors-r.Beyond, r.Recovered, r.Fleet)
			assert.LessOrEqual(t, r.Starts, r.Connectors*13/10, "%s: few starts that did not help", r.Fleet)
			assert.LessOrEqual(t, r.Worst, 45*time.Minute, r.Fleet)
		case strings.HasPrefix(r.Fleet, "expired password"):
			assert.Equal(t, r.Connectors, r.Recovered, r.Fleet)
			assert.Equal(t, 120, r.Starts, "%s: not one log-in before the password is right", r.Fleet)
		default:
			assert.Zero(t, r.Restarts, "%s: nothing needed a restart", r.Fleet)
		}
		assert.Zero(t, r.FalseGiveUps, r.Fleet)
		assert.LessOrEqual(t, r.Notifications, 8, r.Fleet)
		assert.LessOrEqual(t, r.MostAtOnce, recovery.DefaultMaxConcurrent, r.Fleet)
	}
	var text strings.Builder
	require.NoError(t, recoverysim.WriteFleets(&text, results))
	t.Log("\n" + text.String())
	data, err := os.ReadFile(page)
	require.NoError(t, err)
	before, rest, found := strings.Cut(string(data), head)
	require.True(t, found)
	_, after, _ := strings.Cut(rest, "\n\n")
	fresh := before + markdown(text.String(), 9) + "\n" + after
	if *update {
		require.NoError(t, os.WriteFile(page, []byte(fresh), 0o644))
	}
	require.Equal(t, fresh, string(data), "run go test ./recovery/recoverysim -update")
}
