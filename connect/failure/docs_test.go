package failure

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var docsFile = filepath.Join("..", "..", "docs", "failures.md")

// TestDocumentation keeps docs/failures.md true.
func TestDocumentation(t *testing.T) {
	t.Parallel()
	got := documentation()
	if *Update {
		require.NoError(t, os.MkdirAll(filepath.Dir(docsFile), 0o750))
		require.NoError(t, os.WriteFile(docsFile, []byte(got), 0o600))
		return
	}
	want, err := os.ReadFile(docsFile)
	require.NoError(t, err)
	assert.True(t, string(want) == got, "docs/failures.md is stale: run go generate ./connect/failure")
}

func TestTable(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, r := range builtin() {
		assert.False(t, seen[r.ID], "id %s is there twice", r.ID)
		seen[r.ID] = true
		p := r.Pattern
		if len(r.names)+len(r.codes) > 0 {
			p.Match = func(Trace) bool { return false } // validate does not know them
		}
		require.NoError(t, p.validate(), r.ID)
		assert.NotEmpty(t, r.Summary, r.ID)
		assert.NotEmpty(t, r.Remedies, r.ID)
		assert.NotEmpty(t, r.Source, r.ID)
		assert.Positive(t, r.weight, r.ID)
		assert.Less(t, r.weight, weightUser, r.ID)
		if r.Advice == AdviceRestart {
			assert.Contains(t, []Class{ClassRebalance, ClassConnection}, r.Class, "%s: only these pass by a restart alone", r.ID)
		}
		if r.Class == ClassUnknown {
			assert.Equal(t, AdviceUnknown, r.Advice, r.ID)
		} else {
			assert.NotEqual(t, AdviceUnknown, r.Advice, r.ID)
		}
		for _, m := range r.Messages {
			assert.True(t, strings.ToLower(m) == m, "%s: %q is not in lower case", r.ID, m)
		}
		for _, f := range r.Frames {
			assert.NotEmpty(t, f, r.ID)
		}
	}
	_, err := compile(builtin())
	require.NoError(t, err)
}

var adviceWords = map[Advice]string{
	AdviceRestart: "restart", AdviceAfterRecovery: "after recovery", AdviceAfterChange: "after a change", AdviceUnknown: "cannot tell",
}

var classWords = []struct {
	class Class
	text  string
}{
	{ClassConnection, "The other side cannot be reached, or it ended the session."},
	{ClassTimeout, "The other side is there and does not answer in time, or something holds a lock."},
	{ClassAuthentication, "The other side does not accept who the connector says it is: password, token, key, log-in mechanism."},
	{ClassAuthorization, "The other side knows the connector and does not allow what it does: ACL, grant, policy, read-only server."},
	{ClassTLS, "Certificates, trust stores, protocol versions, or one side speaks TLS and the other does not."},
	{ClassSchemaRegistry, "The schema registry refuses, does not know the schema, or cannot be reached."},
	{ClassSerialization, "The record does not fit the converter, the transformation or the sink."},
	{ClassDataConstraint, "The target refuses the record: keys, types, lengths, missing tables and columns."},
	{ClassResource, "Memory, disk, quota, size, replication slots, brokers for the replication factor."},
	{ClassConfiguration, "A setting, a plugin, a driver or a name is wrong or missing."},
	{ClassSourceState, "The stored position is gone, or the source does not log what the connector reads."},
	{ClassRebalance, "The consumer group or a newer producer moved on: benign, another start follows."},
	{ClassUnknown, "The text does not show the cause."},
}

// documentation renders the table as a page.
func documentation() string {
	var b strings.Builder
	table := builtin()
	fmt.Fprintf(&b, `# What failed, and would a restart help

<!-- Generated from connect/failure by go generate ./connect/failure. Do not edit. -->

The package connect/failure reads the Java stack trace of a failed connector or task and gives a class, an advice, one sentence,
what to do, and a fingerprint that is the same for one cause. It looks at the whole chain of exceptions: printed codes and exact
texts first, then exception classes, HTTP statuses and SQLState classes, then common words, then words in class names. Between
equals the deeper exception decides. What the text does not show is `+"`unknown`"+`. The table has %d rows.

## Classes

| class | meaning | rows |
|---|---|---|
`, len(table))
	for _, c := range classWords {
		n := 0
		for i := range table {
			if table[i].Class == c.class {
				n++
			}
		}
		fmt.Fprintf(&b, "| `%s` | %s | %d |\n", c.class, c.text, n)
	}
	b.WriteString(`
## Advice

| advice | meaning |
|---|---|
| restart | Nothing else is needed. Given only for rebalances, fenced producers, and sessions that were open and broke off: where the server is down, the next failure says so. |
| after recovery | A restart helps once the other side is back, has room, or has let go of a lock. Try again with growing pauses and a limit. |
| after a change | The same failure comes back until a person has changed something. |
| cannot tell | The text does not say. |

`)
	for _, c := range classWords {
		fmt.Fprintf(&b, "## %s\n\n%s\n\n", c.class, c.text)
		for _, r := range table {
			if r.Class != c.class {
				continue
			}
			fmt.Fprintf(&b, "### %s\n\n%s Restart: **%s**.\n\n", r.ID, plain(r.Summary), adviceWords[r.Advice])
			for i, remedy := range r.Remedies {
				fmt.Fprintf(&b, "%d. %s\n", i+1, escapeMarkdown(remedy))
			}
			b.WriteString("\n")
			recognised(&b, "Exceptions", r.Exceptions)
			recognised(&b, "Messages", r.Messages)
			recognised(&b, "Codes", r.codes)
			recognised(&b, "Frames", r.Frames)
			recognised(&b, "Words in the name of an exception class", r.names)
			if len(r.Exceptions) > 0 && len(r.Messages) > 0 && !r.either {
				b.WriteString("- An exception and a message of it must both match.\n")
			}
			if r.Match != nil {
				b.WriteString("- And what the code of this row asks for.\n")
			}
			fmt.Fprintf(&b, "- Source: %s\n\n", escapeMarkdown(r.Source))
		}
	}
	return strings.TrimRight(b.String(), "\n") + "\n"
}

func recognised(b *strings.Builder, what string, list []string) {
	if len(list) == 0 {
		return
	}
	list = slices.Clone(list)
	for i, s := range list {
		list[i] = "`` " + s + " ``"
		if !strings.Contains(s, "`") {
			list[i] = "`" + s + "`"
		}
	}
	fmt.Fprintf(b, "- %s: %s\n", what, strings.Join(list, ", "))
}

// plain renders a summary with its placeholders as words.
func plain(s string) string {
	return strings.NewReplacer("[", "", "]", "", "{", "*", "}", "*").Replace(s)
}

func escapeMarkdown(s string) string {
	return strings.NewReplacer("<", "&lt;", ">", "&gt;", "*", `\*`).Replace(s)
}
