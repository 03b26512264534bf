package connecttest

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// loggers are one worker's. Up to 3.9 (log4j 1) only a logger with a level of its own counts; from 4.0 (log4j 2) every
// logger that exists does.
type loggers struct {
	level    map[string]string
	modified map[string]int64
}

type loggerLevel struct {
	Level    string `json:"level"`
	Modified *int64 `json:"last_modified"`
}

// oldLoggerLevel is that of before 3.7.
type oldLoggerLevel struct {
	Level string `json:"level"`
}

const rootLogger = "root"

// knownLoggers are loggers that a worker has made by the time it serves requests: some of some 240.
var knownLoggers = []string{
	"org.apache.kafka.clients.Metadata", "org.apache.kafka.clients.NetworkClient", "org.apache.kafka.clients.admin.KafkaAdminClient",
	"org.apache.kafka.clients.consumer.internals.ConsumerCoordinator", "org.apache.kafka.clients.producer.KafkaProducer",
	"org.apache.kafka.common.metrics.Metrics", "org.apache.kafka.common.utils.AppInfoParser",
	"org.apache.kafka.connect.runtime.AbstractHerder", "org.apache.kafka.connect.runtime.Worker", "org.apache.kafka.connect.runtime.WorkerConnector",
	"org.apache.kafka.connect.runtime.WorkerSinkTask", "org.apache.kafka.connect.runtime.WorkerSinkTaskContext", "org.apache.kafka.connect.runtime.WorkerTask",
	"org.apache.kafka.connect.runtime.distributed.DistributedHerder", "org.apache.kafka.connect.runtime.distributed.WorkerCoordinator",
	"org.apache.kafka.connect.runtime.isolation.Plugins",
	"org.apache.kafka.connect.runtime.rest.ConnectRestConfigurable", "org.apache.kafka.connect.runtime.rest.HerderRequestHandler",
	"org.apache.kafka.connect.runtime.rest.RestClient", "org.apache.kafka.connect.runtime.rest.RestServer",
	"org.apache.kafka.connect.runtime.rest.errors.ConnectExceptionMapper", "org.apache.kafka.connect.runtime.rest.resources.ConnectorsResource",
	"org.apache.kafka.connect.runtime.rest.resources.LoggingResource",
	"org.apache.kafka.connect.storage.KafkaConfigBackingStore", "org.apache.kafka.connect.storage.KafkaStatusBackingStore",
	"org.apache.kafka.connect.util.KafkaBasedLog", "org.eclipse.jetty.server.Server",
}

func newLoggers() *loggers {
	return &loggers{level: map[string]string{rootLogger: "INFO"}, modified: map[string]int64{}}
}

// exists reports whether a logger can be read and listed.
func (l *loggers) exists(v apiVersion, name string) bool {
	if _, ok := l.level[name]; ok {
		return true
	}
	return v.atLeast(4, 0) && slices.Contains(knownLoggers, name)
}

// effective is a logger's level: its own or its closest ancestor's.
func (l *loggers) effective(name string) string {
	for {
		if level, ok := l.level[name]; ok {
			return level
		}
		dot := strings.LastIndexByte(name, '.')
		if dot < 0 {
			return l.level[rootLogger]
		}
		name = name[:dot]
	}
}

func (l *loggers) names(v apiVersion) []string {
	var out []string
	for name := range l.level {
		out = append(out, name)
	}
	if v.atLeast(4, 0) {
		for _, name := range knownLoggers {
			if _, ok := l.level[name]; !ok {
				out = append(out, name)
			}
		}
	}
	slices.Sort(out)
	return out
}

// set gives a logger and what is below it a level and lists those that it concerns: from 4.0 on, those that it changed.
// Up to 3.9 every logger counts whose name begins with the namespace, dot or no dot.
func (l *loggers) set(v apiVersion, namespace, level string, now time.Time) []string {
	names := l.names(v)
	if !v.atLeast(4, 0) {
		names = append(names, knownLoggers...)
	}
	names = append(names, namespace)
	slices.Sort(names)
	out := []string{}
	for _, name := range slices.Compact(names) {
		below := strings.HasPrefix(name, namespace+".") || namespace == rootLogger
		if !v.atLeast(4, 0) {
			below = strings.HasPrefix(name, namespace)
		}
		if (name == namespace || below) && (!v.atLeast(4, 0) || l.effective(name) != level) {
			out = append(out, name)
		}
	}
	for _, name := range out {
		l.modified[name], l.level[name] = now.UnixMilli(), level
	}
	return out
}

func (s *Server) loggerLevel(l *loggers, name string) any {
	if !s.version.atLeast(3, 7) {
		return oldLoggerLevel{l.effective(name)}
	}
	out := loggerLevel{Level: l.effective(name)}
	if at, ok := l.modified[name]; ok {
		out.Modified = &at
	}
	return out
}

func (s *Server) listLoggers(rq *request) reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := &object{}
	for _, name := range rq.worker.loggers.names(s.version) {
		out.add(name, s.loggerLevel(rq.worker.loggers, name))
	}
	return jsonReply(http.StatusOK, out)
}

func (s *Server) getLogger(rq *request) reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := rq.params[0]
	if !rq.worker.loggers.exists(s.version, name) {
		return refuse(http.StatusNotFound, "Logger "+name+" not found.")
	}
	return jsonReply(http.StatusOK, s.loggerLevel(rq.worker.loggers, name))
}

// putLogger sets a level on this worker, or with scope=cluster (since 3.7) on all of them.
func (s *Server) putLogger(rq *request) reply {
	body, bad := s.decodeConfig(rq.body, "levelMap")
	if bad != nil {
		return *bad
	}
	if !body.has("level") || body.null("level") {
		return refuse(http.StatusBadRequest, "Desired 'level' parameter was not specified in request.")
	}
	level := strings.ToUpper(body.get("level"))
	if !slices.Contains([]string{"ALL", "TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL", "OFF"}, level) {
		return refuse(http.StatusNotFound, "invalid log level '"+body.get("level")+"'.")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if strings.EqualFold(rq.query.Get("scope"), "cluster") && s.version.atLeast(3, 7) {
		for _, w := range s.workers {
			if w.alive {
				w.loggers.set(s.version, rq.params[0], level, time.Now())
			}
		}
		return empty(http.StatusNoContent)
	}
	return jsonReply(http.StatusOK, rq.worker.loggers.set(s.version, rq.params[0], level, time.Now()))
}
