package main

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

type composeFile struct {
	Services map[string]struct {
		Image       string            `yaml:"image"`
		Command     []string          `yaml:"command"`
		Ports       []string          `yaml:"ports"`
		Volumes     []string          `yaml:"volumes"`
		Environment map[string]string `yaml:"environment"`
	} `yaml:"services"`
	Volumes map[string]any `yaml:"volumes"`
}

func TestTheComposeFileFitsTheFilesBesideIt(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("compose.yaml")
	require.NoError(t, err)
	var c composeFile
	require.NoError(t, yaml.Unmarshal(data, &c))
	for _, name := range []string{"kafka", "connect-1", "connect-2", "autorestart", "prometheus", "alertmanager", "grafana", "inbox"} {
		assert.Contains(t, c.Services, name)
	}
	for name, s := range c.Services {
		assert.Regexp(t, `:[\w.]*\d`, s.Image, "%s: a version", name)
		for _, p := range s.Ports {
			assert.True(t, strings.HasPrefix(p, "127.0.0.1:"), "%s: %s", name, p)
		}
		mounted := map[string]string{}
		for _, v := range s.Volumes {
			from, to, _ := strings.Cut(v, ":")
			to, _, _ = strings.Cut(to, ":")
			if strings.HasPrefix(from, ".") {
				assert.FileExists(t, filepath.Join(from, firstFile(t, from)), "%s: %s", name, v)
				mounted[to] = from
			} else {
				assert.Contains(t, c.Volumes, from, name)
			}
		}
		// Every file that a command line or an agent names is mounted, but for the agent itself, which is fetched.
		for _, arg := range append(s.Command, s.Environment["KAFKA_OPTS"]) {
			for _, path := range regexp.MustCompile(`/(?:etc|opt)/[\w./-]+\.(?:yml|properties)`).FindAllString(arg, -1) {
				found := false
				for to, from := range mounted {
					if rest, ok := strings.CutPrefix(path, to); ok {
						_, err := os.Stat(from + rest)
						found = found || err == nil
					}
				}
				assert.True(t, found, "%s: %s is not mounted", name, path)
			}
		}
	}
	// Prometheus asks for services of the compose file, and Alertmanager tells one.
	for _, file := range []string{"prometheus/prometheus.yml", "alertmanager/alertmanager.yml"} {
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		hosts := regexp.MustCompile(`[/"]([a-z][a-z0-9-]*):\d{4}`).FindAllStringSubmatch(string(data), -1)
		require.NotEmpty(t, hosts)
		for _, h := range hosts {
			assert.Contains(t, c.Services, h[1], file)
		}
	}
}

// firstFile is "" for a file and the name of something in it for a folder.
func firstFile(t *testing.T, path string) string {
	t.Helper()
	info, err := os.Stat(path)
	require.NoError(t, err)
	if !info.IsDir() {
		return ""
	}
	var found string
	require.NoError(t, filepath.WalkDir(path, func(p string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() && found == "" {
			found, err = filepath.Rel(path, p)
			return errorOr(err, filepath.SkipAll)
		}
		return err
	}))
	return found
}

func errorOr(err, other error) error {
	if err != nil {
		return err
	}
	return other
}

// buffer is written by one goroutine and read by another.
type buffer struct{ lines chan string }

func (b *buffer) Write(p []byte) (int, error) {
	b.lines <- string(p)
	return len(p), nil
}

func TestTheInboxPrintsWhatItGets(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	out := &buffer{make(chan string, 10)}
	done := make(chan error, 1)
	go func() { done <- run(ctx, []string{"inbox", "-listen", "127.0.0.1:0"}, out, out) }()
	addr := strings.TrimSpace(strings.TrimPrefix(<-out.lines, "inbox: listening on "))
	post := func(body string) int {
		resp, err := http.Post("http://"+addr+"/team", "application/json", strings.NewReader(body))
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		return resp.StatusCode
	}
	assert.Equal(t, http.StatusBadRequest, post("x"))
	assert.Equal(t, http.StatusOK, post(`{"receiver":"team","status":"firing","alerts":[{"status":"firing","labels":{"alertname":"A","severity":"critical"},"annotations":{"summary":"orders is FAILED","runbook_url":"http://r"}}]}`))
	assert.Equal(t, "firing: 1 alert(s) to team\n", <-out.lines)
	assert.Equal(t, "  firing   critical A: orders is FAILED\n           http://r\n", <-out.lines)
	cancel()
	require.NoError(t, <-done)
}

func TestBadArgumentsOfTheProgramAreNamed(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{
		"nothing":             {},
		"another command":     {"draw"},
		"an argument":         {"plot", "x"},
		"no dashboard":        {"plot", "-dashboard", "none.json"},
		"too short a time":    {"plot", "-from", "1s"},
		"a bad address":       {"inbox", "-listen", "nowhere:x"},
		"nobody at the other": {"plot", "-prometheus", "http://127.0.0.1:1", "-dashboard", dashboardFile},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out := &buffer{make(chan string, 100)}
			require.Error(t, run(t.Context(), args, out, out))
		})
	}
}
