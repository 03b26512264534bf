package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"
)

// dashboard is the part of a Grafana dashboard that says what is shown.
type dashboard struct {
	Title  string  `json:"title"`
	Panels []panel `json:"panels"`
}

type panel struct {
	Title       string   `json:"title"`
	Description string   `json:"description"`
	Type        string   `json:"type"` // row, timeseries, stat, table, state-timeline ...
	Targets     []target `json:"targets"`
	FieldConfig struct {
		Defaults struct {
			Unit string `json:"unit"`
		} `json:"defaults"`
	} `json:"fieldConfig"`
}

type target struct {
	Expr         string `json:"expr"`
	LegendFormat string `json:"legendFormat"`
	Instant      bool   `json:"instant"`
}

func readDashboard(file string) (*dashboard, error) {
	data, err := os.ReadFile(file) //nolint:gosec // the user names it
	if err != nil {
		return nil, fmt.Errorf("dashboard: %w", err)
	}
	var d dashboard
	if err := json.Unmarshal(data, &d); err != nil {
		return nil, fmt.Errorf("dashboard %s: %w", file, err)
	}
	return &d, nil
}

// expand puts values for Grafana's variables into a query: every cluster and connector, and a rate interval.
func expand(expr string, interval time.Duration) string {
	return strings.NewReplacer("$cluster", ".+", "$connector", ".+", "$__rate_interval", fmt.Sprintf("%ds", int(interval.Seconds()))).Replace(expr)
}
