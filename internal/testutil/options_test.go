package testutil

import (
	"os"
	"os/exec"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestPropertiesText(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		props map[string]string
		want  string
	}{
		"keys are sorted":                                {map[string]string{"b": "2", "a": "1"}, "a=1\nb=2\n"},
		"a Windows path keeps its backslashes":           {map[string]string{"file": `C:\temp`}, `file=C:\\temp` + "\n"},
		"a value of several lines stays one":             {map[string]string{"jaas": "a\nb"}, `jaas=a\nb` + "\n"},
		"a value keeps its leading space":                {map[string]string{"k": " v"}, `k=\ v` + "\n"},
		"separators in a key are part of it":             {map[string]string{"a b:c=d": "x"}, `a\ b\:c\=d=x` + "\n"},
		"separators in a value need no escape":           {map[string]string{"k": "a=b:c#d"}, "k=a=b:c#d\n"},
		"a reference to a config provider is left as is": {map[string]string{"k": "${file:/x:y}"}, "k=${file:/x:y}\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, tc.want, propertiesText(tc.props))
		})
	}
}

func TestBrokerEnvNameIsTheWrappersRuleBackwards(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "KAFKA_LOG_RETENTION_MS", brokerEnvName("log.retention.ms"))
	assert.Equal(t, "KAFKA_A___B_C__D", brokerEnvName("a-b.c_d"))
}

func TestWorkerProperties(t *testing.T) {
	t.Parallel()
	o := Options{Version: "4.3.1", WorkerProperties: map[string]string{"offset.flush.interval.ms": "100", "plugin.discovery": "", "x.y": "z"}}
	got := o.workerProperties("worker-1")
	assert.Equal(t, "100", got["offset.flush.interval.ms"], "an option wins over a default")
	assert.Equal(t, "z", got["x.y"])
	assert.NotContains(t, got, "plugin.discovery", "an empty one removes a default")
	assert.Equal(t, "worker-1", got["rest.advertised.host.name"])
	assert.Equal(t, "/opt/kafka/libs/connect-file-4.3.1.jar", got["plugin.path"])

	o = Options{Version: "4.3.1", Plugins: []Plugin{{Name: "jdbc", Files: []string{"/x.jar"}}}}
	got = o.workerProperties("worker-0")
	assert.NotContains(t, got, "plugin.discovery", "a plugin of others may have no manifest")
	assert.Equal(t, "/opt/kafka/libs/connect-file-4.3.1.jar,"+pluginsDir, got["plugin.path"])
}

func TestBadOptionsAreNamed(t *testing.T) {
	t.Parallel()
	_, err := Options{Version: "latest"}.withDefaults()
	require.ErrorContains(t, err, "Options.Version")
	for _, auth := range []BasicAuth{{}, {Password: "p"}, {User: "a:b"}, {User: "a", Password: "b\nc=d"}} {
		_, err = Options{BasicAuth: &auth}.withDefaults()
		require.ErrorContains(t, err, "Options.BasicAuth")
	}
	_, err = Options{Version: "0.0.1", BasicAuth: &BasicAuth{User: "u", Password: "p"}}.withDefaults()
	require.ErrorContains(t, err, "make setup")
	_, err = Options{Plugins: []Plugin{{Name: "a/b", Files: []string{"/x.jar"}}}}.withDefaults()
	require.ErrorContains(t, err, "Options.Plugins")
	o, err := Options{Workers: -1}.withDefaults()
	require.NoError(t, err)
	assert.Zero(t, o.Workers)
	o, err = Options{}.withDefaults()
	require.NoError(t, err)
	assert.Equal(t, 2, o.Workers)
	assert.Equal(t, NewestVersion, o.Version)
}

func TestVersionsAreSortedByNumber(t *testing.T) {
	t.Setenv("KAFKA_VERSIONS", "4.3.1, 3.10.0\t3.9.0")
	assert.Equal(t, []string{"3.9.0", "3.10.0", "4.3.1"}, Versions())
	t.Setenv("KAFKA_VERSIONS", "")
	assert.Equal(t, []string{NewestVersion}, Versions())
}

func TestOnlyTheLeftoversOfAnEndedProcessAreOurs(t *testing.T) {
	t.Parallel()
	host, err := os.Hostname()
	require.NoError(t, err)
	own := labels()[labelOwner]
	assert.False(t, ownerGone(own), "this process lives")
	assert.False(t, ownerGone("elsewhere/1/2"), "another host's processes are not known")
	assert.False(t, ownerGone(""), "no label says nothing")

	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^$")
	require.NoError(t, cmd.Run())
	assert.True(t, ownerGone(host+"/"+strconv.Itoa(cmd.Process.Pid)+"/1"))
	if processStart(os.Getpid()) != "" {
		assert.True(t, ownerGone(host+"/"+strconv.Itoa(os.Getpid())+"/1"), "the id was given to another process since")
	}
}
