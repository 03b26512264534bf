package connecttest

import (
	"cmp"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

// pluginInfo is PluginInfo.
type pluginInfo struct {
	Class   string `json:"class"`
	Type    string `json:"type"`
	Version string `json:"version,omitempty"`
}

var pluginOrder = []string{"sink", "source", "transformation", "predicate", "converter", "header_converter"}

// otherPlugins are classes of a kind that has no config of its own to show.
var otherPlugins = []string{
	"org.apache.kafka.common.config.provider.FileConfigProvider", "org.apache.kafka.common.config.provider.DirectoryConfigProvider",
	"org.apache.kafka.common.config.provider.EnvVarConfigProvider",
	"org.apache.kafka.connect.connector.policy.AllConnectorClientConfigOverridePolicy",
	"org.apache.kafka.connect.connector.policy.NoneConnectorClientConfigOverridePolicy",
	"org.apache.kafka.connect.connector.policy.PrincipalConnectorClientConfigOverridePolicy",
}

func (s *Server) listPlugins(rq *request) reply {
	connectorsOnly := !rq.query.Has("connectorsOnly") || rq.flag("connectorsOnly") || !s.version.atLeast(3, 2)
	s.mu.Lock()
	defer s.mu.Unlock()
	out := []pluginInfo{}
	for _, p := range s.plugins {
		if p.connector() || !connectorsOnly {
			info := pluginInfo{p.class, p.kind, p.version}
			if p.version == undefinedVersion {
				info.Version = ""
			}
			out = append(out, info)
		}
	}
	slices.SortStableFunc(out, func(a, b pluginInfo) int {
		return cmp.Or(slices.Index(pluginOrder, a.Type)-slices.Index(pluginOrder, b.Type), strings.Compare(a.Class, b.Class))
	})
	return jsonReply(http.StatusOK, out)
}

func (s *Server) getPluginConfig(rq *request) reply {
	name := rq.params[0]
	s.mu.Lock()
	defer s.mu.Unlock()
	at := slices.IndexFunc(s.plugins, func(p *plugin) bool { return p.matches(name) })
	if at < 0 {
		if slices.Contains(otherPlugins, name) {
			return refuse(http.StatusBadRequest, "Invalid plugin class "+name+". Valid types are sink, source, converter, header_converter, transformation, predicate.")
		}
		return refuse(http.StatusNotFound, "Unknown plugin "+name+".")
	}
	p := s.plugins[at]
	if bad := s.checkPluginVersion(p, rq.query.Get("version")); bad != nil {
		return *bad
	}
	keys := p.keys
	if p.connector() {
		keys = slices.Concat(p.keys, s.connectorKeys(p))
	}
	out := []keyInfo{}
	for _, k := range keys {
		if strings.Contains(k.name, ".converter") {
			k.def = nil // only validation knows the worker's own
		}
		out = append(out, s.keyInfo(k))
	}
	return jsonReply(http.StatusOK, out)
}

var versionRange = regexp.MustCompile(`^(?:[\[(][^,\[\]()]*(?:,[^,\[\]()]*)?[\])],?)+$`)

// checkPluginVersion is the version parameter, which exists since 4.1 (KIP-891) and was ignored before.
func (s *Server) checkPluginVersion(p *plugin, version string) *reply {
	if !s.version.atLeast(4, 1) || version == "" || version == "latest" || version == p.version {
		return nil
	}
	shown := version
	if strings.ContainsAny(version, "[]()") {
		if !versionRange.MatchString(version) {
			r := refuse(http.StatusBadRequest, "Invalid version specification: "+version)
			return &r
		}
		if inRange(version, p.version) {
			return nil
		}
	} else {
		shown = "[" + version + "," + version + "]"
	}
	r := refuse(http.StatusBadRequest, "Plugin "+p.class+" not found that matches the version range "+shown+", available versions: ["+p.version+"]")
	return &r
}

// inRange reads one Maven range of plain version numbers.
func inRange(spec, version string) bool {
	low, high, two := strings.Cut(strings.Trim(spec, "[]() "), ",")
	if !two {
		high = low
	}
	v := parseVersion(version).v
	above := strings.TrimSpace(low) == "" || parseVersion(low).v.Compare(v) < 0 || spec[0] == '[' && parseVersion(low).v == v
	below := strings.TrimSpace(high) == "" || parseVersion(high).v.Compare(v) > 0 || spec[len(spec)-1] == ']' && parseVersion(high).v == v
	return above && below
}
