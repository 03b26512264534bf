package reconnect_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/go-reconnect/reconnect"

// rule says what one package of the library may import beyond the standard library, and why.
type rule struct {
	ours   []string // packages of this module, relative to it
	others []string // modules of others
	why    string
}

// rules has a row for every package that a user can import, and for the internal ones they stand on. An import that is not listed is a failure:
// the arrows are the design, and a package that can be used alone is worth more than one helper saved.
var rules = map[string]rule{
	"": {why: "the root package is a map of the others"},
	"connect": {
		ours:   []string{"internal/kversion", "internal/redact"},
		others: []string{"github.com/hashicorp/go-retryablehttp"},
		why:    "a REST client needs a retrying transport and nothing of Kafka",
	},
	"connect/connecttest": {
		ours: []string{"connect", "internal/kversion"},
		why:  "users' tests import it, so it costs them nothing but the client",
	},
	"connect/failure": {
		ours: []string{"internal/redact"},
		why:  "a trace is text; explaining it needs no client",
	},
	"errtolerance": {
		ours: []string{"internal/kversion", "internal/redact"},
		why:  "a linter runs where neither Connect nor Kafka can be reached",
	},
	"dlq": {
		ours:   []string{"connect/failure", "internal/kwire", "internal/redact"},
		others: []string{"github.com/segmentio/kafka-go", "golang.org/x/time", "golang.org/x/sync"},
		why:    "dead letters are records: Kafka's protocol, a limiter, and the explanation of a trace",
	},
	"dlq/dlqprom": {
		ours:   []string{"dlq"},
		others: []string{"github.com/prometheus/client_golang"},
		why:    "metrics stay out of dlq itself",
	},
	"recovery": {
		ours:   []string{"connect", "connect/failure", "internal/redact"},
		others: []string{"golang.org/x/time", "golang.org/x/sync"},
		why:    "a supervisor reads statuses, explains them and restarts; it needs no Kafka",
	},
	"recovery/kafkastore": {
		ours:   []string{"recovery", "internal/kwire"},
		others: []string{"github.com/segmentio/kafka-go"},
		why:    "state on a topic is for those who want it",
	},
	"recovery/kafkaprogress": {
		ours:   []string{"recovery", "connect", "internal/kwire"},
		others: []string{"github.com/segmentio/kafka-go", "golang.org/x/sync"},
		why:    "lag is read from brokers, which recovery itself never dials; the configs say which group reads what",
	},
	"recovery/recoveryprom": {
		ours:   []string{"recovery"},
		others: []string{"github.com/prometheus/client_golang"},
		why:    "metrics stay out of recovery itself",
	},
	"recovery/reach": {
		ours: []string{"recovery", "connect/failure", "internal/redact"},
		why:  "it dials endpoints with the standard library and sends nothing",
	},
	"recovery/recoverysim": {
		ours: []string{"recovery", "connect", "connect/failure"},
		why:  "it plays scripts against the real decision code",
	},
	"internal/kwire": {
		others: []string{"github.com/segmentio/kafka-go"},
		why:    "the wire under dlq and recovery/kafkastore, on kafka-go alone",
	},
	"internal/kversion": {why: "versions are text"},
	"internal/redact":   {why: "what is secret is decided once, from text"},
}

// forbiddenAnywhere never reaches a user's build through a library package, however indirectly.
var forbiddenAnywhere = map[string]string{
	"github.com/stretchr/testify":   "assertions belong to tests",
	"github.com/testcontainers":     "containers belong to internal/testutil and tests",
	"github.com/twmb/franz-go":      "the embedded broker belongs to tests and the quickstart",
	"github.com/moby":               "containers belong to internal/testutil and tests",
	"k8s.io":                        "frameworks stay in nested example modules",
	"sigs.k8s.io":                   "frameworks stay in nested example modules",
	"github.com/sirupsen/logrus":    "the library is silent unless given a *slog.Logger",
	module + "/internal/testutil":   "test helpers are not reachable from production imports",
	"go.yaml.in/yaml":               "a file format belongs to the examples",
	"github.com/magiconair":         "a file format belongs to the examples",
	"go.opentelemetry.io":           "the user's choice, not ours",
	"github.com/hashicorp/go-hclog": "retryablehttp's optional logger is not ours",
}

// compiled lists the modules of others that a program which imports only that package compiles. It fails when it grows: each line is a cost in a user's go.sum.
var compiled = map[string][]string{
	"connect":             {"github.com/hashicorp/go-cleanhttp", "github.com/hashicorp/go-retryablehttp"},
	"connect/connecttest": {"github.com/hashicorp/go-cleanhttp", "github.com/hashicorp/go-retryablehttp"},
	"connect/failure":     {},
	"errtolerance":        {},
	"dlq":                 {"github.com/klauspost/compress", "github.com/pierrec/lz4", "github.com/segmentio/kafka-go", "github.com/xdg-go", "golang.org/x/sync", "golang.org/x/text", "golang.org/x/time"},
	"recovery":            {"github.com/hashicorp/go-cleanhttp", "github.com/hashicorp/go-retryablehttp", "golang.org/x/sync", "golang.org/x/time"},
	"recovery/reach":      {"github.com/hashicorp/go-cleanhttp", "github.com/hashicorp/go-retryablehttp", "golang.org/x/sync", "golang.org/x/time"},
}

type listed struct {
	ImportPath string
	Name       string
	Standard   bool
	Imports    []string
	Deps       []string
}

func goList(t *testing.T, args ...string) []listed {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", append([]string{"list", "-json=ImportPath,Name,Standard,Imports,Deps"}, args...)...).Output()
	require.NoError(t, err)
	var all []listed
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var l listed
		if err := dec.Decode(&l); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			require.NoError(t, err)
		}
		all = append(all, l)
	}
}

// library reports whether a package of this module is one that users import or that such a package stands on.
func library(path string) bool {
	rel := strings.TrimPrefix(strings.TrimPrefix(path, module), "/")
	return !strings.HasPrefix(rel, "examples/") && !strings.HasPrefix(rel, "internal/testutil") && !strings.HasPrefix(rel, "bench") && !strings.HasPrefix(rel, "scripts")
}

func standard(path string) bool { return !strings.Contains(strings.Split(path, "/")[0], ".") }

func within(path, prefix string) bool { return path == prefix || strings.HasPrefix(path, prefix+"/") }

func TestEveryPackageImportsOnlyWhatTheDesignAllows(t *testing.T) {
	t.Parallel()
	for _, p := range goList(t, "./...") {
		if !library(p.ImportPath) {
			continue
		}
		rel := strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
		r, ok := rules[rel]
		if !ok {
			t.Errorf("package %q has no row in rules: say what it may import, and why", rel)
			continue
		}
		for _, imp := range p.Imports {
			switch {
			case within(imp, module):
				if own := strings.TrimPrefix(imp, module+"/"); !slices.Contains(r.ours, own) {
					t.Errorf("%s imports %s, which its row does not allow (%s)", rel, own, r.why)
				}
			case standard(imp):
			default:
				if !slices.ContainsFunc(r.others, func(m string) bool { return within(imp, m) }) {
					t.Errorf("%s imports %s, which its row does not allow (%s)", rel, imp, r.why)
				}
			}
		}
	}
}

func TestNothingForbiddenReachesAUsersBuild(t *testing.T) {
	t.Parallel()
	for _, p := range goList(t, "./...") {
		if !library(p.ImportPath) {
			continue
		}
		for _, dep := range p.Deps {
			for bad, why := range forbiddenAnywhere {
				if within(dep, bad) {
					t.Errorf("%s compiles %s: %s", p.ImportPath, dep, why)
				}
			}
		}
		// Everybody reaches the standard logger through net/http, so only an import of our own counts.
		require.NotContains(t, p.Imports, "log", "%s: accept a *slog.Logger", p.ImportPath)
	}
}

func TestWhatAProgramCompilesForOnePackageDoesNotGrow(t *testing.T) {
	t.Parallel()
	for rel, want := range compiled {
		t.Run(rel, func(t *testing.T) {
			t.Parallel()
			found := goList(t, "-e", module+"/"+rel)
			if len(found) != 1 || found[0].Name == "" {
				t.Fatalf("package %s is not there: take its row out", rel)
			}
			for _, dep := range found[0].Deps {
				if standard(dep) || within(dep, module) {
					continue
				}
				if !slices.ContainsFunc(want, func(m string) bool { return within(dep, m) }) {
					t.Errorf("a program that imports only %s now compiles %s as well", rel, dep)
				}
			}
		})
	}
}
