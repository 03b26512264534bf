package failure_test

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-reconnect/reconnect/connect/failure"
)

// The packages that are not a connector's own: Kafka, the Java platform, and libraries many connectors share.
var shared = regexp.MustCompile(`^(org\.apache\.kafka\.|java\.|javax\.|jdk\.|sun\.|com\.sun\.|scala\.|com\.fasterxml\.|org\.apache\.avro\.|org\.hibernate\.|org\.apache\.http\.)`)

var qualified = regexp.MustCompile(`\b(?:[a-z][a-z0-9_]*\.){2,}[A-Z][A-Za-z0-9_$]*`)

// renamePackages replaces the packages of a connector, its driver and its client with names nothing knows.
func renamePackages(trace string) string {
	return qualified.ReplaceAllStringFunc(trace, func(name string) string {
		if shared.MatchString(name) {
			return name
		}
		return "com.acme.impl." + name[strings.LastIndexByte(name, '.')+1:]
	})
}

var (
	lineNumber  = regexp.MustCompile(`\.java:\d+\)`)
	lambda      = regexp.MustCompile(`lambda\$([a-zA-Z]+)\$\d+`)
	connID      = regexp.MustCompile(`\(conn=\d+\)`)
	pid         = regexp.MustCompile(`PID \d+`)
	lsn         = regexp.MustCompile(`LSN\{[^}]*\}`)
	hostPort    = regexp.MustCompile(`orders-db(-2)?(\.invalid)?:\d+`)
	hostOnly    = regexp.MustCompile(`\b(orders-db-2\.invalid|mdb\.invalid|orders-db)\b`)
	address     = regexp.MustCompile(`\b172\.\d+\.\d+\.\d+\b`)
	token       = regexp.MustCompile(`8263B51B8F[0-9A-F]*`)
	more        = regexp.MustCompile(`\.\.\. \d+ more`)
	oracleID    = regexp.MustCompile(`CONNECTION_ID=[^)]*`)
	messageSize = regexp.MustCompile(`The message is \d+ bytes`)
	position    = regexp.MustCompile(`Position: \d+`)
)

// renumber changes what differs between two occurrences of one cause: line, lambda, session and process numbers, hosts, ports,
// positions and ids. The second argument makes two different versions of a trace.
func renumber(trace string, n int) string {
	replace := func(re *regexp.Regexp, with string) { trace = re.ReplaceAllString(trace, with) }
	replace(lineNumber, fmt.Sprintf(".java:%d)", 11*n))
	replace(lambda, fmt.Sprintf("lambda$$${1}$$%d", n))
	replace(connID, fmt.Sprintf("(conn=%d)", 1000+n))
	replace(pid, fmt.Sprintf("PID %d", 70+n))
	replace(lsn, fmt.Sprintf("LSN{%d/%XA0}", n, 4096+n))
	replace(hostPort, fmt.Sprintf("db-%d.shop.internal:%d", n, 5000+n))
	replace(hostOnly, fmt.Sprintf("db-%d.shop.internal", n))
	replace(address, fmt.Sprintf("10.%d.0.7", n))
	replace(token, fmt.Sprintf("82%02XB5%dF", n, n))
	replace(more, fmt.Sprintf("... %d more", n))
	replace(oracleID, fmt.Sprintf("CONNECTION_ID=Aa%dBbCcDd3EeFfGg4%d==", n, n))
	replace(messageSize, fmt.Sprintf("The message is %d bytes", 9000*n))
	replace(position, fmt.Sprintf("Position: %d", n))
	return trace
}

// TestConnectorsOwnNamesAreNotNeeded shows what is left when the patterns of the connector's own packages cannot match.
func TestConnectorsOwnNamesAreNotNeeded(t *testing.T) {
	t.Parallel()
	for _, set := range []string{"measured", "wild"} {
		s := judge(samples(t, set), func(trace string) failure.Diagnosis { return failure.Diagnose(renamePackages(trace)) })
		t.Logf("%s, packages of connectors, drivers and clients replaced\n%s", set, s)
		assert.GreaterOrEqual(t, percent(s.class, s.total), 85.0, set)
		assert.Empty(t, s.restartWhereNo)
	}
}

// TestNumbersHostsAndLinesDoNotMatter shows that neither the diagnosis nor the fingerprint depends on them.
func TestNumbersHostsAndLinesDoNotMatter(t *testing.T) {
	t.Parallel()
	for _, set := range []string{"measured", "wild"} {
		all := samples(t, set)
		s := judge(all, func(trace string) failure.Diagnosis { return failure.Diagnose(renumber(trace, 7)) })
		t.Logf("%s, numbers, hosts and lines changed\n%s", set, s)
		for _, x := range all {
			d, e := failure.Diagnose(renumber(x.Trace, 3)), failure.Diagnose(renumber(x.Trace, 42))
			assert.Equal(t, d.Fingerprint, e.Fingerprint, x.ID)
			assert.Equal(t, failure.Diagnose(x.Trace).Class, d.Class, x.ID)
			assert.Equal(t, failure.Diagnose(x.Trace).Restart, d.Restart, x.ID)
		}
	}
}

// TestNamesOfTopicsAndConnectorsDecideNothing replaces the sample's own id, which hints at the class, wherever it occurs.
func TestNamesOfTopicsAndConnectorsDecideNothing(t *testing.T) {
	t.Parallel()
	for _, x := range samples(t, "measured") {
		trace := strings.ReplaceAll(x.Trace, x.ID, "n")
		assert.Equal(t, failure.Diagnose(x.Trace).Pattern, failure.Diagnose(trace).Pattern, x.ID)
	}
}

// TestLeaveOneConnectorOut diagnoses the samples of each connector with a table that has none of the rows that decided
// samples of this connector only: what is left is what a connector nobody has seen can expect.
func TestLeaveOneConnectorOut(t *testing.T) {
	t.Parallel()
	lines, right, total := leaveOneOut(t)
	t.Log("\n" + lines)
	assert.GreaterOrEqual(t, percent(right, total), 75.0)
}

func leaveOneOut(tb testing.TB) (lines string, right, total int) {
	tb.Helper()
	var all []sample
	for _, set := range []string{"measured", "wild"} {
		all = append(all, samples(tb, set)...)
	}
	var b strings.Builder
	families := map[string][]sample{}
	used := map[string]map[string]bool{} // pattern to families
	for _, x := range all {
		family := familyOf(x)
		families[family] = append(families[family], x)
		id := failure.Diagnose(x.Trace).Pattern
		if used[id] == nil {
			used[id] = map[string]bool{}
		}
		used[id][family] = true
	}
	for _, family := range slices.Sorted(maps.Keys(families)) {
		var without []string
		for id, in := range used {
			if id != "" && len(in) == 1 && in[family] {
				without = append(without, id)
			}
		}
		d, err := failure.Without(without...)
		require.NoError(tb, err)
		s := judge(families[family], d.Diagnose)
		fmt.Fprintf(&b, "%-24s %d rows left out: class right %d of %d, restart where only a person helps %d\n", family, len(without), s.class, s.total, len(s.restartWhereNo))
		assert.Empty(tb, s.restartWhereNo, family)
		total += s.total
		right += s.class
	}
	fmt.Fprintf(&b, "class right %d of %d (%.1f %%)", right, total, percent(right, total))
	return b.String(), right, total
}

// familyOf names the connector of a sample: its package for measured ones, the family in the name for collected ones.
func familyOf(x sample) string {
	if strings.Contains(x.Connector, ".") {
		return x.Connector
	}
	id := x.ID
	return strings.TrimRight(id, "-0123456789")
}
