package connecttest

import (
	"net/http"
	"strings"
)

// endpoint is one row of the REST API.
type endpoint struct {
	method  string
	path    []string // `{}` is a parameter
	since   release
	until   *release
	entity  bool // it reads a body
	anyBody bool // its resource class declares no body type, so that a wrong one is no 415
	call    func(*Server, *request) reply
	// internal endpoints are for workers: signed, and exempt from authentication.
	internal bool
}

func route(method, path string, major, minor int, call func(*Server, *request) reply) endpoint {
	return endpoint{
		method: method, path: strings.Split(strings.TrimPrefix(path, "/"), "/"), since: release{major, minor}, call: call,
	}
}

func (e endpoint) reads() endpoint { e.entity = true; return e }

func (e endpoint) untyped() endpoint { e.anyBody = true; return e }

func (e endpoint) gone(major, minor int) endpoint { e.until = &release{major, minor}; return e }

func (e endpoint) signed() endpoint { e.internal = true; return e }

// endpoints are all of them, in the order of Kafka's documentation.
var endpoints = []endpoint{
	route(http.MethodGet, "/", 0, 10, (*Server).getRoot).untyped(),
	route(http.MethodGet, "/health", 3, 9, (*Server).getHealth).untyped(),
	route(http.MethodGet, "/connectors", 0, 9, (*Server).listConnectors),
	route(http.MethodPost, "/connectors", 0, 9, (*Server).postConnectors).reads(),
	route(http.MethodGet, "/connectors/{}", 0, 9, (*Server).getConnector),
	route(http.MethodGet, "/connectors/{}/config", 0, 9, (*Server).getConfig),
	route(http.MethodPut, "/connectors/{}/config", 0, 9, (*Server).putConfig).reads(),
	route(http.MethodPatch, "/connectors/{}/config", 3, 8, (*Server).patchConfig).reads(),
	route(http.MethodDelete, "/connectors/{}", 0, 9, (*Server).deleteConnector),
	route(http.MethodGet, "/connectors/{}/status", 0, 10, (*Server).getStatus),
	route(http.MethodGet, "/connectors/{}/tasks", 0, 9, (*Server).getTasks),
	route(http.MethodGet, "/connectors/{}/tasks-config", 2, 8, (*Server).getTasksConfig).gone(4, 0),
	route(http.MethodGet, "/connectors/{}/tasks/{}/status", 0, 10, (*Server).getTaskStatus),
	route(http.MethodPost, "/connectors/{}/restart", 0, 10, (*Server).restartConnector),
	route(http.MethodPost, "/connectors/{}/tasks/{}/restart", 0, 10, (*Server).restartTask),
	route(http.MethodPut, "/connectors/{}/pause", 0, 10, (*Server).putPause),
	route(http.MethodPut, "/connectors/{}/resume", 0, 10, (*Server).putResume),
	route(http.MethodPut, "/connectors/{}/stop", 3, 5, (*Server).putStop),
	route(http.MethodGet, "/connectors/{}/offsets", 3, 5, (*Server).getOffsets),
	route(http.MethodPatch, "/connectors/{}/offsets", 3, 6, (*Server).patchOffsets).reads(),
	route(http.MethodDelete, "/connectors/{}/offsets", 3, 6, (*Server).deleteOffsets),
	route(http.MethodGet, "/connectors/{}/topics", 2, 5, (*Server).getTopics),
	route(http.MethodPut, "/connectors/{}/topics/reset", 2, 5, (*Server).resetTopics),
	route(http.MethodGet, "/connector-plugins", 0, 10, (*Server).listPlugins),
	route(http.MethodGet, "/connector-plugins/{}/config", 3, 2, (*Server).getPluginConfig),
	route(http.MethodPut, "/connector-plugins/{}/config/validate", 0, 10, (*Server).validateConfig).reads(),
	route(http.MethodGet, "/admin/loggers", 2, 4, (*Server).listLoggers),
	route(http.MethodGet, "/admin/loggers/{}", 2, 4, (*Server).getLogger),
	route(http.MethodPut, "/admin/loggers/{}", 2, 4, (*Server).putLogger).reads(),
	route(http.MethodPost, "/connectors/{}/tasks", 2, 4, (*Server).unsigned).signed(),
	route(http.MethodPut, "/connectors/{}/fence", 3, 3, (*Server).unsigned).signed(),
}
