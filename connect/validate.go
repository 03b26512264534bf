package connect

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strconv"
	"strings"

	"github.com/go-reconnect/reconnect/internal/redact"
)

// Validation is what validating a configuration found. Treat it as secret: Connect resolves references before it validates, and repeats the resolved
// values. It therefore prints only how many errors which keys have; the values are in the fields, and in its JSON.
type Validation struct {
	Name       string       `json:"name"`
	ErrorCount int          `json:"error_count"`
	Groups     []string     `json:"groups"`
	Configs    []ConfigInfo `json:"configs"`
}

// ConfigInfo is one key of a [Validation]; Definition is nil for a key that the connector does not define.
type ConfigInfo struct {
	Definition *ConfigKey   `json:"definition"`
	Value      *ConfigValue `json:"value"`
}

// ConfigValue is the value of one key and what is wrong with it. It prints without values.
type ConfigValue struct {
	Name              string   `json:"name"`
	Value             *string  `json:"value"`
	RecommendedValues []string `json:"recommended_values"`
	Errors            []string `json:"errors"`
	Visible           bool     `json:"visible"`
}

// FieldError is one thing that is wrong with one key. Message is Connect's own, with secrets cut and the value itself too.
type FieldError struct {
	Key     string `json:"key"`
	Message string `json:"message"`
}

// FieldErrors lists what is wrong, without values.
func (v *Validation) FieldErrors() []FieldError {
	var out []FieldError
	for _, c := range v.Configs {
		if c.Value == nil {
			continue
		}
		for _, m := range c.Value.Errors {
			if c.Value.Value != nil && len(*c.Value.Value) > 3 {
				m = strings.ReplaceAll(m, *c.Value.Value, redact.Mask)
			}
			out = append(out, FieldError{Key: c.Value.Name, Message: redact.Text(m)})
		}
	}
	return out
}

// Err returns nil for a valid configuration, and otherwise an error that matches ErrInvalidConfig and lists FieldErrors.
func (v *Validation) Err() error {
	if v.ErrorCount == 0 {
		return nil
	}
	var b strings.Builder
	fmt.Fprintf(&b, "the configuration of %s has %d error(s)", v.Name, v.ErrorCount)
	for _, f := range v.FieldErrors() {
		b.WriteString("; " + f.Key + ": " + f.Message)
	}
	return inputError(ErrInvalidConfig, "%s", b.String())
}

// String returns the class, the number of errors and the keys that have some.
func (v *Validation) String() string {
	var b strings.Builder
	b.WriteString(v.Name + ": " + strconv.Itoa(v.ErrorCount) + " error(s)")
	for _, c := range v.Configs {
		if c.Value != nil && len(c.Value.Errors) > 0 {
			b.WriteString(", " + c.Value.Name)
		}
	}
	return b.String()
}

// Format prints no value under any verb.
func (v Validation) Format(f fmt.State, verb rune) {
	text := v.String()
	formatText(f, verb, text, "connect.Validation{"+strconv.Quote(text)+"}")
}

// Format prints no value under any verb.
func (v ConfigValue) Format(f fmt.State, verb rune) {
	text := v.Name + ": " + strconv.Itoa(len(v.Errors)) + " error(s)"
	formatText(f, verb, text, "connect.ConfigValue{"+strconv.Quote(text)+"}")
}

// LogValue logs no value.
func (v Validation) LogValue() slog.Value { return slog.StringValue(v.String()) }

// LogValue logs no value.
func (v ConfigValue) LogValue() slog.Value {
	return slog.GroupValue(slog.String("name", v.Name), slog.Int("errors", len(v.Errors)))
}

// ValidateConfig asks a worker to validate a configuration for a connector plugin, by class, simple name or alias. A configuration with errors is an answer, not an error: see [Validation.Err].
// It needs connector.class in the configuration. Connect resolves references on the way, and a connector may connect to the outside.
//
// PUT /connector-plugins/{plugin}/config/validate, every version. Changes nothing and is sent again like a read. ErrInvalidConfig for what cannot be validated at all: no or an unknown class
// (a 500 there), or another class than plugin.
func (c *Client) ValidateConfig(ctx context.Context, plugin string, cfg Config) (*Validation, error) {
	if err := checkPlugin(plugin); err != nil {
		return nil, err
	}
	body, err := json.Marshal(cfg)
	if err != nil {
		return nil, inputError(nil, "the configuration cannot be written as JSON")
	}
	s := c.newSession(&epValidate, "/connector-plugins/"+segment(plugin)+"/config/validate")
	s.body, s.secrets = body, secretsOf("", cfg)
	if cfg == nil {
		s.body = []byte("{}")
	}
	a, err := s.do(ctx)
	if err != nil {
		return nil, err
	}
	var v Validation
	var raw struct {
		Count *int `json:"error_count"`
	}
	if err = decodeJSON(a.body, &raw); err == nil {
		err = decodeJSON(a.body, &v)
	}
	if err == nil && (raw.Count == nil || v.Name == "") {
		err = errShape
	}
	if err != nil {
		return nil, s.decodeError(a, err)
	}
	return &v, nil
}
