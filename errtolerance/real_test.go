package errtolerance_test

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-reconnect/reconnect/errtolerance"
)

// realConfig is a configuration of testdata/real.txt, with what a reviewer expects.
type realConfig struct {
	name   string
	target errtolerance.Target
	config map[string]string
	due    []string // "severity key"
}

func realConfigs(tb testing.TB) []realConfig {
	tb.Helper()
	raw, err := os.ReadFile("testdata/real.txt")
	require.NoError(tb, err)
	var out []realConfig
	for line := range strings.Lines(string(raw)) {
		line = strings.TrimSuffix(line, "\n")
		if name, ok := strings.CutPrefix(line, "== "); ok {
			out = append(out, realConfig{name: name, config: map[string]string{}})
			continue
		}
		if len(out) == 0 || line == "" || strings.HasPrefix(line, "? ") {
			continue
		}
		c := &out[len(out)-1]
		word, rest, _ := strings.Cut(line, " ")
		switch word {
		case "!":
			c.due = append(c.due, rest)
		case "kind":
			c.target.Kind = errtolerance.ParseKind(rest)
		case "kafka":
			c.target.KafkaVersion = rest
		case "brokers":
			c.target.Brokers, err = strconv.Atoi(rest)
			require.NoError(tb, err, c.name)
		case "complete":
			c.target.Complete = true
		default:
			k, v, ok := strings.Cut(line, "=")
			require.True(tb, ok, "%s: %q", c.name, line)
			c.config[k] = v
		}
	}
	return out
}

// What is due is there, and nothing else is a warning or an error.
func TestRealConfigsHaveTheFindingsTheirReviewerExpects(t *testing.T) {
	t.Parallel()
	configs := realConfigs(t)
	require.GreaterOrEqual(t, len(configs), 60)
	for _, c := range configs {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			due := map[string]bool{}
			for _, d := range c.due {
				due[d] = true
			}
			got := map[string]bool{}
			for _, f := range errtolerance.Lint(c.config, c.target) {
				line := fmt.Sprintf("%s %s", f.Severity, f.Key)
				got[line] = true
				if f.Severity > errtolerance.SeverityInfo {
					assert.True(t, due[line], "not expected: %s", f)
				}
			}
			for d := range due {
				assert.True(t, got[d], "expected: %s", d)
			}
		})
	}
}
