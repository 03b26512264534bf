package recoveryprom_test

import (
	"context"
	"fmt"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/go-reconnect/reconnect/connect"
	"github.com/go-reconnect/reconnect/recovery"
	"github.com/go-reconnect/reconnect/recovery/recoveryprom"
)

func ExampleRegister() {
	client, err := connect.NewClient("http://localhost:8083")
	if err != nil {
		return
	}
	s, err := recovery.New(client, recovery.Config{Cluster: "connect-prod"})
	if err != nil {
		return
	}
	reg := prometheus.NewRegistry()
	if err := recoveryprom.Register(reg, s); err != nil {
		return
	}
	http.Handle("/metrics", promhttp.HandlerFor(reg, promhttp.HandlerOpts{}))
	ctx, cancel := context.WithCancel(context.Background())
	cancel() // in a program: when it is to end
	fmt.Println(s.Run(ctx))
	// Output: <nil>
}
