package controller

import (
	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

// The controller's own metrics, on the manager's /metrics beside those of controller-runtime.
var (
	restarts = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "kafkaconnector_restarts_total", Help: "Restart requests by what became of them: accepted, refused, forbidden, failed, unknown.",
	}, []string{"answer"})
	polls = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "kafkaconnector_polls_total", Help: "Polls of Connect clusters by result: ok, error.",
	}, []string{"result"})
)

func init() { metrics.Registry.MustRegister(restarts, polls) }

func outcome(err error) string {
	if err != nil {
		return "error"
	}
	return "ok"
}
