package recoverysim_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-reconnect/reconnect/recovery"
	"github.com/go-reconnect/reconnect/recovery/recoverysim"
)

var update = flag.Bool("update", false, "rewrite the table in docs/recovery.md")

// TestTheTableInTheDocsIsWhatIsPlayed fails when the page is stale.
func TestTheTableInTheDocsIsWhatIsPlayed(t *testing.T) {
	t.Parallel()
	const page, head = "../../docs/recovery.md", "| fault | rule | restarts |"
	rules := append([]recoverysim.Rule{
		recoverysim.Ours(recovery.Policy{ProbeEvery: -1}, recoverysim.Options{}),
		recoverysim.Ours(recovery.Policy{}, recoverysim.Options{}),
		recoverysim.Ours(recovery.Policy{}, recoverysim.Options{Canary: true}),
		recoverysim.Ours(recovery.Policy{}, recoverysim.Options{Reach: true}),
	}, recoverysim.Published()...)
	var text strings.Builder
	require.NoError(t, recoverysim.Write(&text, recoverysim.Compare(recoverysim.Scripts(), rules...)))
	lines := strings.Split(strings.TrimRight(text.String(), "\n"), "\n")
	columns := []string{"fault", "rule", "restarts", "of them probes", "mean recovery", "worst", "false give-ups"}
	var at []int
	for _, c := range columns {
		at = append(at, strings.Index(lines[0], c))
	}
	var want strings.Builder
	want.WriteString("| fault | rule | restarts | of them probes | mean recovery | worst |\n|---|---|---|---|---|---|\n")
	fault := ""
	for _, line := range lines[1:] {
		cells := make([]string, 0, 6)
		for i := range 6 {
			cells = append(cells, strings.TrimSpace(line[at[i]:at[i+1]]))
		}
		if cells[0] != "" {
			fault = cells[0]
		}
		cells[0] = fault
		fmt.Fprintf(&want, "| %s |\n", strings.Join(cells, " | "))
	}
	data, err := os.ReadFile(page)
	require.NoError(t, err)
	before, rest, found := strings.Cut(string(data), head)
	require.True(t, found)
	_, after, _ := strings.Cut(rest, "\n\n")
	fresh := before + want.String() + "\n" + after
	if *update {
		require.NoError(t, os.WriteFile(page, []byte(fresh), 0o644))
	}
	require.Equal(t, fresh, string(data), "run go test ./recovery/recoverysim -update")
}
