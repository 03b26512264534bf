package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// cacheDir is where scripts/prometheus.sh puts what the system lacks.
const cacheDir = "../../.cache"

// find returns the path of a tool, by any of its names. Without it the test is skipped, or fails in CI, where scripts/test.sh has brought it.
func find(tb testing.TB, names ...string) string {
	tb.Helper()
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
		path, err := filepath.Abs(filepath.Join(cacheDir, "prometheus", "usr", "bin", name))
		require.NoError(tb, err)
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	missing(tb, names[0]+" is not installed")
	return ""
}

// missing skips, or fails in CI.
func missing(tb testing.TB, what string) {
	tb.Helper()
	if ci := os.Getenv("CI"); ci == "true" || ci == "1" {
		tb.Fatal(what + "; scripts/prometheus.sh brings it")
	}
	tb.Skip(what + "; `make setup` brings it")
}

// command runs a tool to its end.
func command(t *testing.T, name string, args ...string) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
	require.NoError(t, err, "%s %s:\n%s", filepath.Base(name), strings.Join(args, " "), out)
}

// setting is a Prometheus and an Alertmanager, with the files of this directory, whose notifications come to received.
type setting struct {
	prom         prom
	alertmanager string

	mu       sync.Mutex
	received []notification
}

// scale says how much faster than in life a test plays: every `for` of the alerts, and Alertmanager's waits.
type scale func(alert string, d time.Duration) time.Duration

func byFactor(f int) scale {
	return func(_ string, d time.Duration) time.Duration { return max(d/time.Duration(f), time.Second) }
}

// start runs both, scraping targets (job -> addresses) each second.
func start(t *testing.T, cluster string, targets map[string][]string, faster scale) *setting {
	t.Helper()
	prometheus, alertmanager := find(t, "prometheus"), find(t, "alertmanager", "prometheus-alertmanager")
	if _, err := os.Stat("/usr/share/prometheus/alertmanager/default.tmpl"); err != nil && filepath.Base(alertmanager) == "prometheus-alertmanager" {
		missing(t, "alertmanager's templates are not installed") // Debian's looks nowhere else
	}
	dir := t.TempDir()
	s := &setting{}
	box := httptest.NewServer(&inbox{take: func(n notification) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.received = append(s.received, n)
	}})
	t.Cleanup(box.Close)

	promAddr, amAddr := freeAddr(t), freeAddr(t)
	s.prom, s.alertmanager = prom{"http://" + promAddr}, "http://"+amAddr
	for _, f := range []string{"recording.rules.yml", "alerts.rules.yml", "tutorial.rules.yml"} {
		rewrite(t, filepath.Join("prometheus", f), filepath.Join(dir, f), func(doc map[string]any) {
			for _, g := range doc["groups"].([]any) {
				for _, r := range g.(map[string]any)["rules"].([]any) {
					rule := r.(map[string]any)
					if d, ok := rule["for"].(string); ok {
						rule["for"] = faster(rule["alert"].(string), duration(t, d)).String()
					}
				}
			}
		})
	}
	rewrite(t, "prometheus/prometheus.yml", filepath.Join(dir, "prometheus.yml"), func(doc map[string]any) {
		doc["global"] = map[string]any{"scrape_interval": "1s", "evaluation_interval": "1s"}
		doc["alerting"] = map[string]any{"alertmanagers": []any{map[string]any{"static_configs": []any{map[string]any{"targets": []string{amAddr}}}}}}
		for _, c := range doc["scrape_configs"].([]any) {
			job := c.(map[string]any)
			job["static_configs"] = []any{map[string]any{"targets": targets[job["job_name"].(string)], "labels": map[string]string{"cluster": cluster}}}
		}
	})
	rewrite(t, "alertmanager/alertmanager.yml", filepath.Join(dir, "alertmanager.yml"), func(doc map[string]any) {
		route := doc["route"].(map[string]any)
		for _, k := range []string{"group_wait", "group_interval"} {
			route[k] = faster("", duration(t, route[k].(string))).String()
		}
		for _, r := range doc["receivers"].([]any) {
			r.(map[string]any)["webhook_configs"].([]any)[0].(map[string]any)["url"] = box.URL
		}
	})
	run := func(path string, args ...string) {
		var log bytes.Buffer
		cmd := exec.Command(path, args...) // ended below, after what needs it
		cmd.Stdout, cmd.Stderr = &log, &log
		require.NoError(t, cmd.Start())
		t.Cleanup(func() {
			_ = cmd.Process.Signal(syscall.SIGTERM)
			_ = cmd.Wait()
			if t.Failed() {
				t.Logf("---- %s:\n%s", filepath.Base(path), tail(log.String(), 4000))
			}
		})
	}
	run(alertmanager, "--config.file="+filepath.Join(dir, "alertmanager.yml"), "--storage.path="+filepath.Join(dir, "am"), "--web.listen-address="+amAddr, "--cluster.listen-address=")
	run(prometheus, "--config.file="+filepath.Join(dir, "prometheus.yml"), "--storage.tsdb.path="+filepath.Join(dir, "tsdb"), "--web.listen-address="+promAddr)
	for _, url := range []string{s.alertmanager, s.prom.base} {
		s.eventually(t, url+" is ready", time.Minute, func() bool {
			resp, err := http.Get(url + "/-/ready")
			if err != nil {
				return false
			}
			_ = resp.Body.Close()
			return resp.StatusCode == http.StatusOK
		})
	}
	return s
}

func (s *setting) eventually(t *testing.T, what string, limit time.Duration, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	end := time.After(limit)
	for !ok() {
		select {
		case <-tick.C:
		case <-end:
			require.Fail(t, "not within "+limit.String()+": "+what, "received:\n%s\nalerts:\n%s", s.summaries(), s.show(t, "ALERTS"))
		}
	}
}

// show is what a query answers, for a failure's text.
func (s *setting) show(t *testing.T, expr string) string {
	t.Helper()
	found, err := s.prom.instant(context.WithoutCancel(t.Context()), expr)
	if err != nil {
		return err.Error()
	}
	var b strings.Builder
	for _, one := range found {
		fmt.Fprintln(&b, one.Labels, one.Value)
	}
	return b.String()
}

// has reports whether a query answers anything.
func (s *setting) has(t *testing.T, expr string) bool {
	t.Helper()
	found, err := s.prom.instant(t.Context(), expr)
	return err == nil && len(found) > 0
}

func (s *setting) notifications() []notification {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]notification(nil), s.received...)
}

// firing returns the alerts of that name that were sent and speak of a connector (or topic, or anything else in the text).
func (s *setting) firing(name, about string) []alert {
	var out []alert
	for _, n := range s.notifications() {
		for _, a := range n.Alerts {
			if a.Status == "firing" && a.Labels["alertname"] == name && strings.Contains(a.Annotations["summary"]+a.Annotations["description"], about) {
				out = append(out, a)
			}
		}
	}
	return out
}

func (s *setting) summaries() string {
	var b strings.Builder
	for _, n := range s.notifications() {
		printNotification(&b, n)
	}
	return b.String()
}

// rewrite copies a YAML file with a change.
func rewrite(t *testing.T, from, to string, change func(doc map[string]any)) {
	t.Helper()
	doc := readYAML(t, from)
	change(doc)
	data, err := yaml.Marshal(doc)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(to, data, 0o600))
}

func readYAML(t *testing.T, file string) map[string]any {
	t.Helper()
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	var doc map[string]any
	require.NoError(t, yaml.Unmarshal(data, &doc), file)
	return doc
}

func duration(t *testing.T, s string) time.Duration {
	t.Helper()
	d, err := time.ParseDuration(s)
	require.NoError(t, err)
	return d
}

func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

func tail(s string, n int) string { return s[max(0, len(s)-n):] }
