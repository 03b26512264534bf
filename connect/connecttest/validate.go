package connecttest

import "net/http"

const undefinedVersion = "undefined"

type configKey struct{}

type offsetRules struct{}

type offsetEntry struct{}

type loggers struct{}

func newLoggers() *loggers { return &loggers{} }

func (s *Server) checkConfig(config *javaMap, create bool) *reply {
	class := config.get("connector.class")
	if class == "" {
		r := refuse(http.StatusBadRequest, "Connector config "+config.hashed().String()+" contains no connector type")
		return &r
	}
	if s.connectorPlugin(class) == nil {
		r := refuse(http.StatusInternalServerError, "Failed to find any class that implements Connector and which name matches "+class)
		return &r
	}
	return nil
}

func (s *Server) authenticate(*request, *endpoint) *reply { return nil }
