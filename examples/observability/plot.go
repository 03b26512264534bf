package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

func runPlot(ctx context.Context, args []string, out, errs io.Writer) error {
	flags := flag.NewFlagSet("plot", flag.ContinueOnError)
	var (
		base     = flags.String("prometheus", "http://localhost:9090", "URL of the Prometheus to ask")
		file     = flags.String("dashboard", "examples/observability/grafana/dashboards/reconnect.json", "Grafana dashboard whose queries are asked")
		to       = flags.String("out", "dashboard.html", "file to write")
		span     = flags.Duration("from", time.Hour, "how far back the page goes")
		interval = flags.Duration("interval", time.Minute, "what $__rate_interval stands for: four scrape intervals is usual")
	)
	if err := parse(flags, args, errs); err != nil {
		return err
	}
	if *span < time.Minute || *interval < time.Second {
		return errors.New("plot: -from is at least 1m and -interval at least 1s")
	}
	d, err := readDashboard(*file)
	if err != nil {
		return err
	}
	p := prom{base: strings.TrimSuffix(*base, "/")}
	end := time.Now()
	page, err := p.page(ctx, d, end.Add(-*span), end, *interval)
	if err != nil {
		return err
	}
	if err := os.WriteFile(*to, page, 0o600); err != nil {
		return err
	}
	_, _ = fmt.Fprintf(out, "plot: %s\n", *to)
	return nil
}

// prom asks a Prometheus.
type prom struct{ base string }

type series struct {
	Labels map[string]string `json:"metric"`
	Values [][2]any          `json:"values"` // of a range
	Value  [2]any            `json:"value"`  // of an instant
}

type point struct {
	at    float64
	value float64
}

// get calls the HTTP API and decodes data.result.
func (p prom) get(ctx context.Context, path string, query url.Values) ([]series, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.base+"/api/v1/"+path+"?"+query.Encode(), http.NoBody)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("prometheus: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	var answer struct {
		Status string `json:"status"`
		Error  string `json:"error"`
		Data   struct {
			Result []series `json:"result"`
		} `json:"data"`
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, 64<<20)).Decode(&answer); err != nil {
		return nil, fmt.Errorf("prometheus: %s: %w", resp.Status, err)
	}
	if answer.Status != "success" {
		return nil, fmt.Errorf("prometheus: %s: %s: %s", query.Get("query"), resp.Status, answer.Error)
	}
	return answer.Data.Result, nil
}

// instant asks for now.
func (p prom) instant(ctx context.Context, expr string) ([]series, error) {
	return p.get(ctx, "query", url.Values{"query": {expr}})
}

// over asks for a range, in about 240 steps.
func (p prom) over(ctx context.Context, expr string, from, to time.Time) ([]series, error) {
	step := max(1, int(to.Sub(from).Seconds()/240))
	return p.get(ctx, "query_range", url.Values{
		"query": {expr}, "start": {strconv.FormatInt(from.Unix(), 10)}, "end": {strconv.FormatInt(to.Unix(), 10)}, "step": {strconv.Itoa(step)},
	})
}

// points are the finite ones.
func (s *series) points() []point {
	var out []point
	for _, v := range s.Values {
		if p, ok := decodePoint(v); ok {
			out = append(out, p)
		}
	}
	return out
}

func decodePoint(v [2]any) (point, bool) {
	at, _ := v[0].(float64)
	text, _ := v[1].(string)
	value, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(value) || math.IsInf(value, 0) {
		return point{}, false
	}
	return point{at, value}, true
}

// legend fills a legendFormat such as `{{connector}} {{state}}` in.
func legend(format string, labels map[string]string) string {
	if format == "" {
		keys := make([]string, 0, len(labels))
		for k := range labels {
			if k != "__name__" {
				keys = append(keys, k)
			}
		}
		slices.Sort(keys)
		for i, k := range keys {
			keys[i] = k + "=" + labels[k]
		}
		return strings.Join(keys, " ")
	}
	for k, v := range labels {
		format = strings.NewReplacer("{{"+k+"}}", v, "{{ "+k+" }}", v).Replace(format)
	}
	return format
}
