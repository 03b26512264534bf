package connecttest

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

const undefinedVersion = "undefined"

// keyInfo is ConfigKeyInfo; the position is order up to 4.1 and order_in_group from 4.2.
type keyInfo struct {
	Name         string   `json:"name"`
	Type         string   `json:"type"`
	Required     bool     `json:"required"`
	Default      *string  `json:"default_value"`
	Importance   string   `json:"importance"`
	Doc          string   `json:"documentation"`
	Group        *string  `json:"group"`
	Width        string   `json:"width"`
	DisplayName  string   `json:"display_name"`
	Dependents   []string `json:"dependents"`
	Order        *int     `json:"order,omitempty"`
	OrderInGroup *int     `json:"order_in_group,omitempty"`
}

type valueInfo struct {
	Name        string   `json:"name"`
	Value       *string  `json:"value"`
	Recommended []string `json:"recommended_values"`
	Errors      []string `json:"errors"`
	Visible     bool     `json:"visible"`
}

type configInfo struct {
	Definition *keyInfo  `json:"definition"`
	Value      valueInfo `json:"value"`
}

type configInfos struct {
	Name    string       `json:"name"`
	Errors  int          `json:"error_count"`
	Groups  []string     `json:"groups"`
	Configs []configInfo `json:"configs"`
}

func (s *Server) keyInfo(k configKey) keyInfo {
	out := keyInfo{
		Name: k.name, Type: k.kind, Required: k.required, Default: k.def, Importance: k.importance, Doc: k.doc,
		Width: k.width, DisplayName: k.display, Dependents: append([]string{}, k.dependents...),
	}
	if k.group != "" {
		out.Group = &k.group
	}
	if s.version.atLeast(4, 2) {
		out.OrderInGroup = &k.order
	} else {
		out.Order = &k.order
	}
	return out
}

// validation is the result of AbstractHerder.validateConnectorConfig.
type validation struct {
	infos configInfos
	// thrown is an exception that validation does not turn into an error of a key.
	thrown, thrownClass string

	unknown int // how many results without a definition there are
}

func (v *validation) messages() []string {
	var out []string
	for _, c := range v.infos.Configs {
		out = append(out, c.Value.Errors...)
	}
	return out
}

// validate checks a config for a plugin. s.mu is held.
func (s *Server) validate(p *plugin, config *javaMap) *validation {
	v := &validation{infos: configInfos{Name: config.get("connector.class"), Groups: []string{}, Configs: []configInfo{}}}
	keys := slices.Concat(s.connectorKeys(p), s.transformKeys(config), p.keys)
	seen := map[string]bool{}
	for _, k := range keys {
		if seen[k.name] {
			continue
		}
		seen[k.name] = true
		if k.group != "" && !slices.Contains(v.infos.Groups, k.group) {
			v.infos.Groups = append(v.infos.Groups, k.group)
		}
		info := s.keyInfo(k)
		v.infos.Configs = append(v.infos.Configs, configInfo{&info, s.valueOf(k, config)})
	}
	v.connectorRules(p, config)
	v.nulls(p, config)
	for _, c := range v.infos.Configs {
		v.infos.Errors += len(c.Value.Errors)
	}
	v.clientOverrides(config)
	return v
}

// valueOf is ConfigDef.parseForValidate.
func (s *Server) valueOf(k configKey, config *javaMap) valueInfo {
	out := valueInfo{Name: k.name, Recommended: append([]string{}, k.recommended...), Errors: []string{}, Visible: true}
	problem := ""
	switch {
	case config.has(k.name):
		out.Value, problem = k.parse(config.values[k.name], s.hasClass)
	case k.required:
		problem = fmt.Sprintf("Missing required configuration %q which has no default value.", k.name)
	default:
		out.Value = k.def
	}
	if problem != "" {
		out.Errors = append(out.Errors, problem)
	}
	if k.check != nil {
		if problem = k.check(k.name, out.Value); problem != "" {
			out.Errors = append(out.Errors, problem)
		}
	}
	return out
}

func (s *Server) hasClass(class string) bool {
	return slices.ContainsFunc(s.plugins, func(p *plugin) bool { return p.matches(class) })
}

// transformKeys are the keys that `transforms` and `predicates` bring along.
func (s *Server) transformKeys(config *javaMap) []configKey {
	var out []configKey
	for _, kind := range []struct{ key, plugin, group, display string }{
		{"transforms", "transformation", "Transforms: ", "Transformation type for "},
		{"predicates", "predicate", "Predicates: ", "Predicate type for "},
	} {
		for alias := range strings.SplitSeq(config.get(kind.key), ",") {
			if alias = strings.TrimSpace(alias); alias == "" {
				continue
			}
			prefix := kind.key + "." + alias + "."
			k := common(prefix+"type", "CLASS", nil, "HIGH", kind.group+alias, "LONG", kind.display+alias, 0, "The class of '"+alias+"'.").must()
			var found *plugin
			for _, p := range s.plugins {
				if p.kind == kind.plugin {
					k.recommended = append(k.recommended, p.class)
					if p.class == config.get(prefix+"type") {
						found = p
					}
				}
			}
			out = append(out, k)
			if s.version.atLeast(4, 1) {
				version := common(prefix+"plugin.version", "STRING", nil, "HIGH", kind.group+alias, "LONG", strings.Replace(kind.display, " type ", " version ", 1)+alias, 1,
					"Which versions of '"+alias+"' may be used.")
				if found != nil {
					version.def, version.recommended = new(found.version), []string{found.version}
				}
				out = append(out, version)
			}
			if found == nil {
				continue
			}
			for i, sub := range found.keys {
				sub.name, sub.group, sub.order = prefix+sub.name, kind.group+alias, i+1
				out = append(out, sub)
			}
		}
	}
	return out
}

// value finds a key's result; a key that nobody defines gets one without a definition, before all others.
func (v *validation) value(name string) *valueInfo {
	for i := range v.infos.Configs {
		if v.infos.Configs[i].Value.Name == name {
			return &v.infos.Configs[i].Value
		}
	}
	unknown := configInfo{Value: valueInfo{Name: name, Recommended: []string{}, Errors: []string{}, Visible: true}}
	v.infos.Configs = slices.Insert(v.infos.Configs, v.unknown, unknown)
	v.unknown++
	return &v.infos.Configs[v.unknown-1].Value
}

func (v *validation) fault(message string, keys ...string) {
	for _, k := range keys {
		info := v.value(k)
		info.Errors = append(info.Errors, message)
	}
}

// connectorRules are SinkConnectorConfig.validate.
func (v *validation) connectorRules(p *plugin, config *javaMap) {
	if p.kind != "sink" {
		return
	}
	topics, regex := strings.TrimSpace(config.get("topics")), strings.TrimSpace(config.get("topics.regex"))
	dlq := strings.TrimSpace(config.get("errors.deadletterqueue.topic.name"))
	switch {
	case topics != "" && regex != "":
		v.fault("topics and topics.regex are mutually exclusive options, but both are set.", "topics", "topics.regex")
	case topics == "" && regex == "":
		v.fault("Must configure one of topics or topics.regex", "topics", "topics.regex")
	}
	if dlq == "" {
		return
	}
	if topics != "" {
		list := strings.Split(topics, ",")
		for i := range list {
			list[i] = strings.TrimSpace(list[i])
		}
		if slices.Contains(list, dlq) {
			v.fault(fmt.Sprintf("The DLQ topic '%s' may not be included in the list of topics ('topics=[%s]') consumed by the connector", dlq, strings.Join(list, ", ")), "topics")
		}
	}
	if regex != "" {
		if re, err := regexp.Compile("^(?:" + regex + ")$"); err == nil && re.MatchString(dlq) {
			v.fault(fmt.Sprintf("The DLQ topic '%s' may not be matched by the regex for the topics ('topics.regex=%s') consumed by the connector", dlq, regex), "topics.regex")
		}
	}
}

// nulls are errors, except for keys that the connector itself defines: there the connector's own verdict replaces ours.
func (v *validation) nulls(p *plugin, config *javaMap) {
	for _, k := range config.keys {
		if config.null(k) && !slices.ContainsFunc(p.keys, func(o configKey) bool { return o.name == k }) {
			v.fault("Null value can not be supplied as the configuration value.", k)
		}
	}
}

// clientKeys are Kafka client settings that are not strings: a value of the wrong type is not an error of the key but an
// exception of the whole validation.
var clientKeys = map[string]string{
	"max.poll.records": "INT", "max.poll.interval.ms": "INT", "session.timeout.ms": "INT", "heartbeat.interval.ms": "INT",
	"fetch.min.bytes": "INT", "fetch.max.bytes": "INT", "fetch.max.wait.ms": "INT", "max.partition.fetch.bytes": "INT",
	"request.timeout.ms": "INT", "default.api.timeout.ms": "INT", "retries": "INT", "batch.size": "INT", "linger.ms": "LONG",
	"buffer.memory": "LONG", "max.block.ms": "LONG", "max.request.size": "INT", "delivery.timeout.ms": "INT",
	"metadata.max.age.ms": "LONG", "retry.backoff.ms": "LONG", "reconnect.backoff.ms": "LONG", "connections.max.idle.ms": "LONG",
	"enable.auto.commit": "BOOLEAN", "enable.idempotence": "BOOLEAN", "send.buffer.bytes": "INT", "receive.buffer.bytes": "INT",
}

func (v *validation) clientOverrides(config *javaMap) {
	for _, key := range config.keys {
		for _, prefix := range []string{"consumer.override.", "producer.override.", "admin.override."} {
			name, ok := strings.CutPrefix(key, prefix)
			if !ok || clientKeys[name] == "" {
				continue
			}
			if _, problem := (configKey{name: name, kind: clientKeys[name]}).parse(config.values[key], nil); problem != "" {
				v.thrown, v.thrownClass = problem, "org.apache.kafka.common.config.ConfigException"
				return
			}
		}
	}
}

// availableConnectors is the list in the message about an unknown class.
func (s *Server) availableConnectors() string {
	var list []string
	for _, p := range s.plugins {
		if p.connector() {
			list = append(list, fmt.Sprintf("PluginDesc{klass=class %s, name='%s', version='%s', encodedVersion=%s, type=%s, typeName='%s', location='%s'}",
				p.class, p.class, p.version, p.version, p.kind, p.kind, p.location))
		}
	}
	slices.Sort(list)
	return strings.Join(list, ", ")
}

// findConnector finds the class of a config, or the exception that Connect throws.
func (s *Server) findConnector(config *javaMap) (p *plugin, message, exception string) {
	if !config.has("connector.class") || config.null("connector.class") {
		return nil, "Connector config " + config.copied(len(config.keys)).String() + " contains no connector type",
			"org.apache.kafka.connect.runtime.rest.errors.BadRequestException"
	}
	class := config.get("connector.class")
	if p = s.connectorPlugin(class); p != nil {
		return p, "", ""
	}
	exception = "org.apache.kafka.connect.errors.ConnectException"
	if s.version.atLeast(4, 1) {
		exception = "org.apache.kafka.connect.runtime.rest.errors.BadRequestException"
	}
	return nil, "Failed to find any class that implements Connector and which name matches " + class +
		", available connectors are: " + s.availableConnectors(), exception
}

// checkConfig is what POST, PUT and PATCH do with a config before they store it. s.mu is held.
func (s *Server) checkConfig(config *javaMap) *reply {
	p, message, exception := s.findConnector(config)
	if p == nil {
		status := http.StatusInternalServerError
		if strings.HasSuffix(exception, "BadRequestException") {
			status = http.StatusBadRequest
		}
		r := refuse(status, message)
		return &r
	}
	v := s.validate(p, config)
	if v.thrown != "" {
		r := refuse(http.StatusInternalServerError, v.thrown)
		return &r
	}
	if v.infos.Errors == 0 {
		return nil
	}
	r := refuse(http.StatusBadRequest, fmt.Sprintf("Connector configuration is invalid and contains the following %d error(s):\n%s\n"+
		"You can also find the above list of errors at the endpoint `/connector-plugins/{connectorType}/config/validate`",
		v.infos.Errors, strings.Join(v.messages(), "\n")))
	return &r
}

// validateConfig is PUT /connector-plugins/{p}/config/validate. What POST answers with 400 or 500 is always 500 here,
// with the exception's class in front: its future's exception is not unwrapped.
func (s *Server) validateConfig(rq *request) reply {
	config, bad := s.decodeConfig(rq.body, "connectorConfig")
	if bad != nil {
		return *bad
	}
	if class := config.get("connector.class"); class != "" && !strings.HasSuffix(class, rq.params[0]) &&
		!strings.HasSuffix(class, rq.params[0]+"Connector") {
		return refuse(http.StatusBadRequest, "Included connector type "+class+" does not match request type "+rq.params[0])
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p, message, exception := s.findConnector(config)
	if p == nil {
		return refuse(http.StatusInternalServerError, exception+": "+message)
	}
	v := s.validate(p, config)
	if v.thrown != "" {
		return refuse(http.StatusInternalServerError, v.thrownClass+": "+v.thrown)
	}
	return jsonReply(http.StatusOK, v.infos)
}
