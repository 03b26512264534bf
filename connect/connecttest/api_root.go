package connecttest

import (
	"net/http"
	"time"
)

// healthTimeout is how long /health waits for the herder.
const healthTimeout = 10 * time.Second

// serverInfo is ServerInfo.
type serverInfo struct {
	Version string `json:"version"`
	Commit  string `json:"commit"`
	Cluster string `json:"kafka_cluster_id,omitempty"`
}

const (
	fakeCommit    = "c0ffee0000000000"
	fakeClusterID = "Y29ubmVjdHRlc3QtMDAwMA"
)

func (s *Server) getRoot(*request) reply {
	info := serverInfo{s.cfg.Version, fakeCommit, fakeClusterID}
	if !s.version.atLeast(1, 1) {
		info.Cluster = ""
	}
	return jsonReply(http.StatusOK, info)
}

// workerStatus is WorkerStatus.
type workerStatus struct {
	Status  string `json:"status"`
	Message string `json:"message"`
}

// getHealth asks the herder and gives it 10 s.
func (s *Server) getHealth(rq *request) reply {
	healthy := func() reply {
		return jsonReply(http.StatusOK, workerStatus{"healthy", "Worker has completed startup and is ready to handle requests."})
	}
	return s.onHerderFor(rq.worker, healthTimeout, healthy, func() reply {
		return jsonReply(http.StatusInternalServerError, workerStatus{
			"unhealthy",
			"Worker was unable to handle this request and may be unable to handle other requests." + s.stageOf(rq.worker),
		})
	})
}
