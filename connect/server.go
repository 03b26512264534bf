package connect

import (
	"context"
	"net/http"

	"github.com/go-reconnect/reconnect/internal/kversion"
)

// ServerInfo is the answer of GET /.
type ServerInfo struct {
	// Version is what the worker calls itself, such as 4.3.1 or 7.5.0-ccs.
	Version string `json:"version"`
	// KafkaVersion is the Apache Kafka version that it stands for, such as 3.5.0 for 7.5.0-ccs. It is empty where that is not known.
	KafkaVersion string `json:"kafka_version,omitempty"`
	Commit       string `json:"commit"`
	// KafkaClusterID is the id of the Kafka cluster behind Connect, since Kafka 1.1 (KIP-238).
	KafkaClusterID string `json:"kafka_cluster_id"`
	// Worker is the base URL that answered.
	Worker string `json:"worker"`
}

// ServerInfo asks a worker for its version and its Kafka cluster.
//
// GET /, every version. Sent again like any read.
func (c *Client) ServerInfo(ctx context.Context) (*ServerInfo, error) {
	s := c.newSession(&epRoot, "/")
	a, err := s.do(ctx)
	if err != nil {
		return nil, err
	}
	return decodeServerInfo(c.core, s, a)
}

func decodeServerInfo(co *core, s *session, a *answer) (*ServerInfo, error) {
	var info ServerInfo
	err := decodeJSON(a.body, &info)
	if err == nil && info.Version == "" {
		err = errShape
	}
	if err != nil {
		return nil, s.decodeError(a, err)
	}
	info.Worker = s.workerURL()
	info.KafkaVersion = ""
	if v, ok := kversion.Parse(info.Version); ok {
		info.KafkaVersion = v.String()
	}
	co.sawVersion(info.Worker, info.Version)
	return &info, nil
}

// The statuses of [Health].
const (
	HealthHealthy   = "healthy"
	HealthStarting  = "starting"
	HealthUnhealthy = "unhealthy"
)

// Health is the answer of GET /health.
type Health struct {
	// Status is healthy, starting or unhealthy. A worker whose herder is busy for 10 s is unhealthy: good for readiness, not a reason to kill it.
	Status  string `json:"status"`
	Message string `json:"message"`
	// Worker is the base URL that answered.
	Worker string `json:"worker"`
}

// Healthy reports whether the worker said healthy.
func (h *Health) Healthy() bool { return h != nil && h.Status == HealthHealthy }

// Health asks one worker whether it has started and its herder answers. A worker that says starting (503) or unhealthy (500) is an answer, not an error: look at Status.
//
// GET /health, Kafka 3.9 (KIP-1017); ErrUnsupported below. The worker gives up after 10 s. Sent again like any read, but not after its own 503.
func (c *Client) Health(ctx context.Context) (*Health, error) {
	if err := c.require(ctx, &epHealth, epHealth.pattern, epHealth.since, false); err != nil {
		return nil, err
	}
	s := c.newSession(&epHealth, "/health")
	var h Health
	s.accept = func(a *answer) bool {
		h = Health{}
		return (a.status == http.StatusServiceUnavailable || a.status == http.StatusInternalServerError) && decodeJSON(a.body, &h) == nil && h.Status != ""
	}
	a, err := s.do(ctx)
	if err != nil {
		return nil, err
	}
	h = Health{}
	err = decodeJSON(a.body, &h)
	if err == nil && h.Status == "" {
		err = errShape
	}
	if err != nil {
		return nil, s.decodeError(a, err)
	}
	h.Worker = s.workerURL()
	return &h, nil
}
