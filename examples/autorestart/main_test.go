package main

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-reconnect/reconnect/connect/connecttest"
	"github.com/go-reconnect/reconnect/recovery"
)

// buffer is written to by several goroutines.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func cluster(t *testing.T) *connecttest.Server {
	t.Helper()
	srv := connecttest.NewServer(connecttest.Config{Errorf: t.Errorf})
	t.Cleanup(srv.Close)
	srv.RegisterPlugin("example.Sink", "sink", func(ctx context.Context, _ connecttest.Task) error {
		<-ctx.Done()
		return nil
	})
	srv.AddConnector("orders", map[string]string{"connector.class": "example.Sink", "topics": "t", "tasks.max": "1"})
	return srv
}

func TestItRestartsAndEndsCleanly(t *testing.T) {
	t.Parallel()
	srv := cluster(t)
	restarted := make(chan struct{}, 1)
	srv.OnRestart(func(string, int) string {
		select {
		case restarted <- struct{}{}:
		default:
		}
		return ""
	})
	policy := filepath.Join(t.TempDir(), "policy.yaml")
	require.NoError(t, os.WriteFile(policy, []byte("default: {restartDelay: 50ms, failureThreshold: 1}\n"), 0o600))
	state := filepath.Join(t.TempDir(), "state.json")
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	done := make(chan error, 1)
	url := srv.URL()
	go func() {
		done <- run(ctx, []string{"-connect", url, "-cluster", "c", "-state", state, "-policy", policy, "-interval", "50ms", "-listen", "127.0.0.1:0"}, &buffer{})
	}()
	require.Eventually(t, func() bool {
		srv.FailTask("orders", 0, "boom")
		return true
	}, 10*time.Second, 10*time.Millisecond)
	select {
	case <-restarted:
	case err := <-done:
		require.FailNow(t, "ended early", err)
	case <-ctx.Done():
		require.FailNow(t, "no restart")
	}
	cancel()
	require.NoError(t, <-done)
	assert.FileExists(t, state)
}

func TestBadInputIsOneLine(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := func(name, content string) string {
		p := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(p, []byte(content), 0o600))
		return p
	}
	for name, args := range map[string][]string{
		"no URL":                    {"-connect", ""},
		"a URL without scheme":      {"-connect", "localhost:8083"},
		"an argument":               {"x"},
		"state without cluster":     {"-state", filepath.Join(dir, "s.json")},
		"two stores":                {"-cluster", "c", "-state", filepath.Join(dir, "s.json"), "-store-brokers", "b:1", "-store-topic", "t"},
		"brokers without topic":     {"-cluster", "c", "-store-brokers", "b:1"},
		"sources without brokers":   {"-progress-sources", "x"},
		"progress without port":     {"-progress-brokers", "b"},
		"a login without password":  {"-kafka-sasl", "scram-sha-512"},
		"a key alone":               {"-kafka-key", "x"},
		"an authority that is away": {"-kafka-ca", filepath.Join(dir, "none")},
		"an authority that is none": {"-kafka-ca", file("ca", "x")},
		"a word for actOn":          {"-policy", file("f", "default: {actOn: [x]}\n")},
		"a bad config key":          {"-policy", file("g", "excludeConfig: [\"=x\"]\n")},
		"a broker without port":     {"-cluster", "c", "-store-brokers", "b", "-store-topic", "t"},
		"a policy that is away":     {"-policy", filepath.Join(dir, "none")},
		"an unknown policy key":     {"-policy", file("a", "defaults: {}\n")},
		"a bad policy":              {"-policy", file("b", "default: {multiplier: 0.1}\n")},
		"a bad connector policy":    {"-policy", file("c", "connectors: [{match: x, multiplier: 0.1}]\n")},
		"a bad window":              {"-policy", file("d", "maintenance: [{start: noon, length: 1h}]\n")},
		"a bad day":                 {"-policy", file("e", "maintenance: [{start: \"12:00\", length: 1h, days: [x]}]\n")},
		"a bad format":              {"-webhook", "http://x", "-webhook-format", "xml"},
		"nobody there":              {"-connect", "http://127.0.0.1:1", "-once"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Error(t, run(t.Context(), args, &buffer{}))
		})
	}
}

func TestThePolicyBesideThisProgramIsValid(t *testing.T) {
	t.Parallel()
	p, err := readPolicy("policy.yaml")
	require.NoError(t, err)
	var cfg recovery.Config
	require.NoError(t, p.apply(&cfg))
	require.NoError(t, cfg.Policy.Validate())
	got, ok := cfg.PolicyFor("billing-eu")
	require.True(t, ok)
	assert.Equal(t, -1, got.MaxRestarts)
	assert.Equal(t, []recovery.ConfigMatch{{Key: "reconnect.autorestart", Value: "false"}}, cfg.ExcludeConfig)
	assert.True(t, cfg.Maintenance("x", time.Date(2026, 11, 21, 22, 0, 0, 0, time.UTC)))
}

func TestMetricsAreServedBesideThePage(t *testing.T) {
	t.Parallel()
	srv := cluster(t)
	client, err := newClient(srv.URL(), nil)
	require.NoError(t, err)
	s, err := recovery.New(client, recovery.Config{Cluster: `a"b`})
	require.NoError(t, err)
	_, err = s.Reconcile(t.Context())
	require.NoError(t, err)
	h, err := handler(s, options{})
	require.NoError(t, err)
	get := func(path string) string {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, http.NoBody))
		require.Equal(t, http.StatusOK, w.Code)
		return w.Body.String()
	}
	assert.Contains(t, get("/metrics"), `connect_recovery_phase{cluster="a\"b",connector="orders",phase="healthy"} 1`)
	assert.Contains(t, get("/metrics"), "go_goroutines")
	assert.Contains(t, get("/"), "orders")
}
