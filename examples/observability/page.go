package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"html/template"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The colours are Okabe and Ito's, which people with any colour vision can tell apart.
var colours = []string{"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#666666", "#b8a800"}

const (
	chartWidth, chartHeight         = 460.0, 150.0
	chartLeft, chartTop, chartRight = 48.0, 8.0, 8.0
	chartBottom                     = 20.0
	maxLegend                       = 8
)

type chart struct {
	Title, Unit string
	Row         bool
	Stats       []stat
	Lines       []line
	Ticks       []tick
	Hours       []tick
	More        int
	Empty       bool
}

type stat struct{ Name, Value string }

type line struct {
	Name, Colour, Path string
	max                float64
}

type tick struct {
	At    string
	Label string
}

// page asks every query and draws the answers.
func (p prom) page(ctx context.Context, d *dashboard, from, to time.Time, interval time.Duration) ([]byte, error) {
	var charts []chart
	for i := range d.Panels {
		pan := &d.Panels[i]
		c := chart{Title: pan.Title, Unit: pan.FieldConfig.Defaults.Unit, Row: pan.Type == "row"}
		drawn := map[string][]point{}
		for _, t := range pan.Targets {
			expr := expand(t.Expr, interval)
			if pan.Type == "stat" || pan.Type == "table" {
				found, err := p.instant(ctx, expr)
				if err != nil {
					return nil, fmt.Errorf("plot: %s: %w", pan.Title, err)
				}
				for _, s := range found {
					if v, ok := decodePoint(s.Value); ok {
						c.Stats = append(c.Stats, stat{legend(t.LegendFormat, s.Labels), number(v.value, c.Unit)})
					}
				}
				continue
			}
			found, err := p.over(ctx, expr, from, to)
			if err != nil {
				return nil, fmt.Errorf("plot: %s: %w", pan.Title, err)
			}
			for i := range found {
				name := legend(t.LegendFormat, found[i].Labels)
				drawn[name] = append(drawn[name], found[i].points()...)
			}
		}
		c.draw(drawn, float64(from.Unix()), float64(to.Unix()))
		c.Empty = !c.Row && len(c.Stats) == 0 && len(c.Lines) == 0
		charts = append(charts, c)
	}
	var b bytes.Buffer
	err := pageTemplate.Execute(&b, struct {
		Title, From, To string
		Charts          []chart
	}{d.Title, from.UTC().Format("2006-01-02 15:04:05"), to.UTC().Format("15:04:05 MST"), charts})
	return b.Bytes(), err
}

func (c *chart) draw(drawn map[string][]point, from, to float64) {
	top := 0.0
	for _, points := range drawn {
		for _, p := range points {
			top = max(top, p.value)
		}
	}
	if top == 0 {
		top = 1
	}
	top = nice(top)
	x := func(at float64) float64 {
		return chartLeft + (at-from)/(to-from)*(chartWidth-chartLeft-chartRight)
	}
	y := func(v float64) float64 {
		return chartHeight - chartBottom - max(0, v)/top*(chartHeight-chartTop-chartBottom)
	}
	names := make([]string, 0, len(drawn))
	for name := range drawn {
		names = append(names, name)
	}
	slices.Sort(names)
	for i, name := range names {
		points := drawn[name]
		slices.SortFunc(points, func(a, b point) int { return cmp.Compare(a.at, b.at) })
		l := line{Name: name, Colour: colours[i%len(colours)]}
		var path strings.Builder
		last := math.Inf(-1)
		for _, p := range points {
			step := "L"
			if p.at-last > (to-from)/40 { // a gap is a gap
				step = "M"
			}
			last = p.at
			fmt.Fprintf(&path, "%s%.1f %.1f", step, x(p.at), y(p.value))
			l.max = max(l.max, p.value)
		}
		if l.Path = path.String(); l.Path != "" {
			c.Lines = append(c.Lines, l)
		}
	}
	// Those that are always 0 say little: they go first, under the others, and leave the legend first.
	slices.SortStableFunc(c.Lines, func(a, b line) int { return cmp.Compare(a.max, b.max) })
	if len(c.Lines) > maxLegend {
		c.More = len(c.Lines) - maxLegend
	}
	if len(c.Lines) == 0 {
		return
	}
	for _, v := range []float64{0, top / 2, top} {
		c.Ticks = append(c.Ticks, tick{fmt.Sprintf("%.1f", y(v)), number(v, c.Unit)})
	}
	for i := range 5 {
		at := from + (to-from)*float64(i)/4
		c.Hours = append(c.Hours, tick{fmt.Sprintf("%.1f", min(x(at), chartWidth-24)), time.Unix(int64(at), 0).UTC().Format("15:04:05")})
	}
}

// Legend names the lines that matter most.
func (c chart) Legend() []line {
	lines := slices.Clone(c.Lines[min(c.More, len(c.Lines)):])
	slices.Reverse(lines)
	return lines
}

// nice is the next of 1, 2 and 5 times a power of ten.
func nice(v float64) float64 {
	p := math.Pow(10, math.Floor(math.Log10(v)))
	for _, m := range []float64{1, 2, 5, 10} {
		if v <= m*p*1.0001 {
			return m * p
		}
	}
	return v
}

func number(v float64, unit string) string {
	switch {
	case unit == "percentunit":
		return strconv.FormatFloat(100*v, 'f', 1, 64) + " %"
	case unit == "s":
		return time.Duration(v * float64(time.Second)).Round(time.Millisecond).String()
	case unit == "dateTimeAsIso":
		return time.UnixMilli(int64(v)).UTC().Format("2006-01-02 15:04:05")
	case math.Abs(v) >= 1e6:
		return strconv.FormatFloat(v/1e6, 'g', 4, 64) + " M"
	case math.Abs(v) >= 1e4:
		return strconv.FormatFloat(v/1e3, 'g', 4, 64) + " k"
	}
	return strconv.FormatFloat(math.Round(v*100)/100, 'f', -1, 64)
}

var pageTemplate = template.Must(template.New("page").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{{.Title}}</title><style>
body{font:13px/1.4 "DejaVu Sans",sans-serif;margin:16px;color:#222;background:#fff;width:1460px}
h1{font-size:18px;margin:0}h2{font-size:14px;margin:14px 0 6px;border-bottom:1px solid #ccc}
main{display:flex;flex-wrap:wrap;gap:10px}main>h2{flex-basis:100%}
section{border:1px solid #ddd;border-radius:4px;padding:6px 8px;width:462px}section h3{font-size:12px;margin:0 0 4px}
.stats{display:flex;flex-wrap:wrap;gap:4px 16px}.stats b{font-size:17px;display:block}.stats span{font-size:10px;color:#555}
.legend{font-size:10px;color:#333;display:flex;flex-wrap:wrap;gap:0 10px}.legend i{display:inline-block;width:9px;height:9px;margin-right:3px}
text{font-size:9px;fill:#555}.empty{color:#999}
</style></head><body><h1>{{.Title}}</h1><p>{{.From}} to {{.To}}</p><main>
{{range .Charts}}{{if .Row}}<h2>{{.Title}}</h2>{{else}}<section><h3>{{.Title}}</h3>
{{if .Stats}}<div class="stats">{{range .Stats}}<div><b>{{.Value}}</b><span>{{.Name}}</span></div>{{end}}</div>{{end}}
{{if .Lines}}<svg width="460" height="150" viewBox="0 0 460 150">
{{range .Ticks}}<line x1="48" x2="452" y1="{{.At}}" y2="{{.At}}" stroke="#e5e5e5"/><text x="44" y="{{.At}}" text-anchor="end" dy="3">{{.Label}}</text>{{end}}
{{range .Hours}}<text x="{{.At}}" y="146" text-anchor="middle">{{.Label}}</text>{{end}}
{{range .Lines}}<path d="{{.Path}}" fill="none" stroke="{{.Colour}}" stroke-width="1.6"/>{{end}}</svg>
<div class="legend">{{range .Legend}}<span><i style="background:{{.Colour}}"></i>{{.Name}}</span>{{end}}{{if .More}}<span>and {{.More}} more</span>{{end}}</div>{{end}}
{{if .Empty}}<p class="empty">no data</p>{{end}}</section>{{end}}{{end}}
</main></body></html>
`))
