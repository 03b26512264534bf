package errtolerance_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-reconnect/reconnect/errtolerance"
)

// wildConfig is a configuration found in public, with what a reviewer says about its errors.* keys.
type wildConfig struct {
	ID     string            `json:"id"`
	Kind   string            `json:"kind"`
	Config map[string]string `json:"config"`
	Review *struct {
		Clean    bool `json:"clean"`
		Brokers  int  `json:"brokers_visible"`
		Problems []struct {
			Key      string `json:"key"`
			Severity string `json:"severity"`
		} `json:"problems"`
	} `json:"review"`
}

func wildConfigs(tb testing.TB) []wildConfig {
	tb.Helper()
	files, err := filepath.Glob("testdata/configs/*.json")
	require.NoError(tb, err)
	require.NotEmpty(tb, files)
	var out []wildConfig
	for _, f := range files {
		raw, err := os.ReadFile(f)
		require.NoError(tb, err)
		var c wildConfig
		require.NoError(tb, json.Unmarshal(raw, &c), f)
		out = append(out, c)
	}
	return out
}

func TestLintFindsEveryReviewedMistakeAndNothingOnCleanConfigs(t *testing.T) {
	t.Parallel()
	for _, c := range wildConfigs(t) {
		t.Run(c.ID, func(t *testing.T) {
			t.Parallel()
			target := errtolerance.Target{Kind: errtolerance.ParseKind(c.Kind)}
			if c.Review != nil {
				target.Brokers = c.Review.Brokers
			}
			findings := errtolerance.Lint(c.Config, target)
			byKey := map[string]errtolerance.Severity{}
			for _, f := range findings {
				byKey[f.Key] = max(byKey[f.Key], f.Severity)
			}
			switch {
			case c.Review == nil:
				for key, sev := range byKey {
					if strings.HasPrefix(key, "errors.") {
						assert.Less(t, sev, errtolerance.SeverityWarning, "%s in a config without errors.* keys", key)
					}
				}
			case c.Review.Clean:
				assert.Less(t, findings.Max(), errtolerance.SeverityWarning, "%v", findings.AtLeast(errtolerance.SeverityWarning))
			default:
				known := map[string]bool{}
				for _, p := range c.Review.Problems {
					known[p.Key] = true
					sev, ok := byKey[p.Key]
					if !assert.True(t, ok, "%s: no finding", p.Key) {
						continue
					}
					want, err := errtolerance.ParseSeverity(p.Severity)
					require.NoError(t, err)
					assert.Equal(t, want, sev, p.Key)
				}
				for key, sev := range byKey {
					if strings.HasPrefix(key, "errors.") && !known[key] {
						assert.Less(t, sev, errtolerance.SeverityWarning, "%s is no reviewed mistake", key)
					}
				}
			}
		})
	}
}
