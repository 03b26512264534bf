package main

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/go-reconnect/reconnect/recovery"
	"github.com/go-reconnect/reconnect/recovery/recoveryprom"
)

// metrics serves the supervisor's metrics and the process's own. examples/observability has alerts and a dashboard for them.
func metrics(s *recovery.Supervisor) (http.Handler, error) {
	reg := prometheus.NewRegistry()
	reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if err := recoveryprom.Register(reg, s); err != nil {
		return nil, err
	}
	return promhttp.HandlerFor(reg, promhttp.HandlerOpts{}), nil
}
