package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const dashboardFile = "grafana/dashboards/reconnect.json"

func fetch(t *testing.T, url string) []byte {
	t.Helper()
	resp, err := http.Get(url)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return body
}

func TestEveryPanelAsksForMetricsThatThisProjectExports(t *testing.T) {
	t.Parallel()
	d, err := readDashboard(dashboardFile)
	require.NoError(t, err)
	var all strings.Builder
	for _, f := range []string{"prometheus/recording.rules.yml", "jmx/connect.yml", "../../recovery/recoveryprom/descs.go"} {
		data, err := os.ReadFile(f)
		require.NoError(t, err)
		all.Write(data)
	}
	sources := all.String()
	rows, seen := 0, map[string]bool{}
	for _, p := range d.Panels {
		if p.Type == "row" {
			rows++
			continue
		}
		require.NotEmpty(t, p.Targets, p.Title)
		assert.NotEmpty(t, p.Description, p.Title)
		assert.False(t, seen[p.Title], "%s is there twice", p.Title)
		seen[p.Title] = true
		for _, q := range p.Targets {
			for _, name := range regexp.MustCompile(`\bconnect_\w+|cluster\w*:[\w:]+`).FindAllString(q.Expr, -1) {
				name = regexp.MustCompile(`_(sum|count)$`).ReplaceAllString(name, "")
				assert.Contains(t, sources, name, p.Title)
			}
		}
	}
	assert.Equal(t, 4, rows, "overview, per connector, dead letters, recovery")
}

func TestAPageIsDrawnOfWhatPrometheusAnswers(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/v1/query" {
			_, _ = io.WriteString(w, `{"status":"success","data":{"result":[{"metric":{"phase":"healthy"},"value":[100,"3"]},{"metric":{"phase":"odd"},"value":[100,"NaN"]}]}}`)
			return
		}
		_, _ = io.WriteString(w, `{"status":"success","data":{"result":[{"metric":{"connector":"<b>"},"values":[[`+r.URL.Query().Get("start")+`,"0"],[`+r.URL.Query().Get("end")+`,"12.5"]]}]}}`)
	}))
	t.Cleanup(srv.Close)
	d := &dashboard{Title: "T", Panels: []panel{
		{Title: "row", Type: "row"},
		{Title: "now", Type: "stat", Targets: []target{{Expr: "x", LegendFormat: "{{phase}}"}}},
		{Title: "over time", Type: "timeseries", Targets: []target{{Expr: `x{connector=~"$connector"}[$__rate_interval]`, LegendFormat: "{{connector}}"}}},
	}}
	to := time.Unix(1_700_000_000, 0)
	page, err := prom{srv.URL}.page(t.Context(), d, to.Add(-time.Minute), to, time.Minute)
	require.NoError(t, err)
	assert.Contains(t, string(page), "<h2>row</h2>")
	assert.Contains(t, string(page), "<b>3</b><span>healthy</span>")
	assert.NotContains(t, string(page), "odd")
	assert.Contains(t, string(page), "&lt;b&gt;")
	assert.Contains(t, string(page), `<path d="M`)
	assert.Equal(t, `x{c=~".+"}[60s]`, expand(`x{c=~"$connector"}[$__rate_interval]`, time.Minute))
}
