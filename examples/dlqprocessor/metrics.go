package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/go-reconnect/reconnect/dlq"
	"github.com/go-reconnect/reconnect/dlq/dlqprom"
)

// serveMetrics makes cfg report to Prometheus metrics, which are at listen/metrics until stop is called.
func serveMetrics(ctx context.Context, listen string, cfg *dlq.RepublisherConfig, out io.Writer) (m *dlqprom.Metrics, stop func(), err error) {
	reg := prometheus.NewRegistry()
	if m, err = dlqprom.Register(reg, cfg); err != nil {
		return nil, nil, err
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", listen)
	if err != nil {
		return nil, nil, fmt.Errorf("-metrics %s: %w", listen, err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(reg, promhttp.HandlerOpts{}))
	srv := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = srv.Serve(l) // ends with stop
	}()
	_, _ = fmt.Fprintf(out, "metrics: http://%s/metrics\n", l.Addr())
	return m, func() {
		_ = srv.Close()
		<-done
	}, nil
}
