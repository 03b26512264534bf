package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-reconnect/reconnect/connect/failure"
)

// runbooks is where the alerts' runbook_url points to.
const runbooks = "../../docs/runbooks"

func books(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(runbooks, "*.md"))
	require.NoError(t, err)
	out := map[string]string{}
	for _, f := range files {
		data, err := os.ReadFile(f)
		require.NoError(t, err)
		out[filepath.Base(f)] = string(data)
	}
	return out
}

func TestEveryAlertAndEveryClassHasItsRunbook(t *testing.T) {
	t.Parallel()
	pages := books(t)
	want := map[string]string{"README.md": "Runbooks"}
	for _, r := range alertRules(t) {
		want[filepath.Base(r.Annotations["runbook_url"])] = r.Alert
	}
	for _, c := range failure.Classes() {
		want["class-"+string(c)+".md"] = "Class " + string(c)
	}
	for file, title := range want {
		require.Contains(t, pages, file)
		assert.True(t, strings.HasPrefix(pages[file], "# "+title+"\n"), "%s is about %s", file, title)
		if file == "README.md" {
			continue
		}
		at := 0
		for _, heading := range []string{"## What it means", "## How to look", "## How to fix", "## How to verify"} {
			i := strings.Index(pages[file], "\n"+heading+"\n")
			assert.Greater(t, i, at, "%s: %s", file, heading)
			at = i
		}
		assert.Contains(t, pages["README.md"], "("+file+")", "the list of runbooks")
	}
	for file := range pages {
		assert.Contains(t, want, file, "a page for nothing")
	}
}

var (
	goRun  = regexp.MustCompile(`go run \./examples/(\S+)([^\n|` + "`" + `]*)`)
	flagOf = regexp.MustCompile(`(?:String|Bool|Int|Float64|Duration|Func)(?:Var)?\((?:&[\w.]+, )?"([\w-]+)"`)
	link   = regexp.MustCompile(`\]\(([^)#]+)(#[^)]*)?\)`)
)

func TestTheCommandsInTheRunbooksNameWhatThereIs(t *testing.T) {
	t.Parallel()
	commands := 0
	for file, text := range books(t) {
		for _, m := range goRun.FindAllStringSubmatch(text, -1) {
			commands++
			sources, err := filepath.Glob(filepath.Join("..", m[1], "*.go"))
			require.NoError(t, err)
			require.NotEmpty(t, sources, "%s: there is no example %s", file, m[1])
			known := map[string]bool{}
			for _, s := range sources {
				data, err := os.ReadFile(s)
				require.NoError(t, err)
				for _, f := range flagOf.FindAllStringSubmatch(string(data), -1) {
					known[f[1]] = true
				}
			}
			args, _, _ := strings.Cut(m[2], " #")
			for arg := range strings.FieldsSeq(args) {
				if name, ok := strings.CutPrefix(arg, "-"); ok {
					assert.True(t, known[name], "%s: %s has no flag -%s", file, m[1], name)
				}
			}
		}
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			target, err := os.ReadFile(filepath.Join(runbooks, m[1]))
			require.NoError(t, err, "%s links to %s", file, m[1])
			if m[2] != "" {
				assert.Contains(t, string(target), "\n## "+m[2][1:]+"\n", "%s: %s", file, m[0])
			}
		}
	}
	assert.Greater(t, commands, 30)
}

func TestTheAlertsOfTheRunbooksTableAreThoseOfTheRules(t *testing.T) {
	t.Parallel()
	list := books(t)["README.md"]
	for _, r := range alertRules(t) {
		assert.Regexp(t, `\| \[`+r.Alert+`\]\(\S+\) \| `+r.Labels["severity"]+` \|`, list)
	}
}
