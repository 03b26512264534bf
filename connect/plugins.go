package connect

import (
	"context"
	"encoding/json"
	"net/url"
	"strings"
)

// PluginOptions says what ListPlugins lists.
type PluginOptions struct {
	// All lists converters, transformations and predicates besides connectors, since Kafka 3.2 (KIP-769).
	All bool
}

// Plugin is one installed plugin.
type Plugin struct {
	Class string `json:"class"`
	// Type is sink, source, converter, header_converter, transformation or predicate.
	Type string `json:"type"`
	// Version is empty where the worker says null or nothing.
	Version string `json:"version,omitempty"`
}

// ListPlugins lists the plugins of the worker that answers; other workers can have others, see OnWorker.
//
// GET /connector-plugins, every version; All Kafka 3.2 (KIP-769), ErrUnsupported below. Sent again like any read.
func (c *Client) ListPlugins(ctx context.Context, o PluginOptions) ([]Plugin, error) {
	s := c.newSession(&epPlugins, "/connector-plugins")
	if o.All {
		if err := c.require(ctx, &epPlugins, s.path, sinceAllPlugins, true); err != nil {
			return nil, err
		}
		s.query = "connectorsOnly=false"
	}
	a, err := s.do(ctx)
	if err != nil {
		return nil, err
	}
	plugins := []Plugin{}
	if err := decodeJSON(a.body, &plugins); err != nil {
		return nil, s.decodeError(a, err)
	}
	for i := range plugins {
		if plugins[i].Class == "" {
			return nil, s.decodeError(a, errShape)
		}
		plugins[i].Type = strings.ToLower(plugins[i].Type)
	}
	return plugins, nil
}

// PluginConfigOptions says which version of a plugin GetPluginConfig describes.
type PluginConfigOptions struct {
	// Version is a version or a Maven version range, since Kafka 4.1 (KIP-891). Defaults to the latest.
	Version string
}

// ConfigKey describes one configuration key of a plugin.
type ConfigKey struct {
	Name string `json:"name"`
	// Type is BOOLEAN, STRING, INT, SHORT, LONG, DOUBLE, LIST, CLASS or PASSWORD.
	Type         string  `json:"type"`
	Required     bool    `json:"required"`
	DefaultValue *string `json:"default_value"`
	// Importance is HIGH, MEDIUM or LOW.
	Importance    string   `json:"importance"`
	Documentation string   `json:"documentation"`
	Group         string   `json:"group"`
	Width         string   `json:"width"`
	DisplayName   string   `json:"display_name"`
	Dependents    []string `json:"dependents"`
	// Order is the position in the group, called order up to Kafka 4.1 and order_in_group since.
	Order int `json:"order"`
}

// UnmarshalJSON reads both names of the position.
func (k *ConfigKey) UnmarshalJSON(data []byte) error {
	type plain ConfigKey
	w := struct {
		plain
		OrderInGroup *int `json:"order_in_group"`
	}{}
	if err := json.Unmarshal(data, &w); err != nil {
		return err
	}
	*k = ConfigKey(w.plain)
	if w.OrderInGroup != nil {
		k.Order = *w.OrderInGroup
	}
	return nil
}

// checkPlugin refuses what is no plugin's name before any request.
func checkPlugin(plugin string) error { return checkName("plugin", plugin) }

// GetPluginConfig describes the configuration keys of a connector, converter, transformation or predicate, by its class, simple name or alias.
//
// GET /connector-plugins/{plugin}/config, Kafka 3.2 (KIP-769); Version Kafka 4.1 (KIP-891); ErrUnsupported below. Asks one worker. Sent again like any read. ErrNotFound for an unknown plugin.
func (c *Client) GetPluginConfig(ctx context.Context, plugin string, o PluginConfigOptions) ([]ConfigKey, error) {
	if err := checkPlugin(plugin); err != nil {
		return nil, err
	}
	s := c.newSession(&epPluginConfig, "/connector-plugins/"+segment(plugin)+"/config")
	if err := c.require(ctx, &epPluginConfig, s.path, epPluginConfig.since, false); err != nil {
		return nil, err
	}
	if o.Version != "" {
		if err := c.require(ctx, &epPluginConfig, s.path, sinceVersions, true); err != nil {
			return nil, err
		}
		s.query = "version=" + url.QueryEscape(o.Version)
	}
	a, err := s.do(ctx)
	if err != nil {
		return nil, err
	}
	keys := []ConfigKey{}
	if err := decodeJSON(a.body, &keys); err != nil {
		return nil, s.decodeError(a, err)
	}
	for i := range keys {
		if keys[i].Name == "" {
			return nil, s.decodeError(a, errShape)
		}
	}
	return keys, nil
}
