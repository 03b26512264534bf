package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/go-reconnect/reconnect/connect"
)

// fileName encodes what a file's name cannot hold, such as a slash.
func fileName(connector string) string { return url.PathEscape(connector) + ".json" }

// save writes one configuration without its secrets and returns the keys that were masked. The file is replaced as a whole or not at all.
func save(dir, connector string, cfg connect.Config) (hidden []string, err error) {
	shown := cfg.Redacted()
	for key := range cfg {
		if shown[key] != cfg[key] {
			hidden = append(hidden, key)
		}
	}
	slices.Sort(hidden)
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(map[string]string(shown)); err != nil {
		return nil, err
	}
	tmp, err := os.CreateTemp(dir, ".configs-*")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.Remove(tmp.Name()) }()
	_, err = tmp.Write(buf.Bytes())
	if err = errors.Join(err, tmp.Chmod(0o644), tmp.Close()); err != nil {
		return nil, err
	}
	return hidden, os.Rename(tmp.Name(), filepath.Join(dir, fileName(connector)))
}

// load reads every .json file of the folder: a configuration, or {"name": ..., "config": {...}} as POST /connectors takes it. A file without a name names its connector.
func load(dir string) (map[string]connect.Config, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("no .json file in %s", dir)
	}
	all := make(map[string]connect.Config, len(files))
	from := map[string]string{}
	var errs []error
	for _, file := range files {
		name, cfg, err := loadFile(file)
		switch {
		case err != nil:
			errs = append(errs, fmt.Errorf("%s: %w", file, err))
		case from[name] != "":
			errs = append(errs, fmt.Errorf("%s and %s are both for connector %q", from[name], file, name))
		default:
			from[name], all[name] = file, cfg
		}
	}
	return all, errors.Join(errs...)
}

func loadFile(file string) (name string, cfg connect.Config, err error) {
	data, err := os.ReadFile(file) //nolint:gosec // the user names the folder
	if err != nil {
		return "", nil, err
	}
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(data, &raw); err != nil {
		return "", nil, fmt.Errorf("not a JSON object: %w", err)
	}
	if inner, ok := raw["config"]; ok && bytes.HasPrefix(bytes.TrimSpace(inner), []byte("{")) {
		var w struct {
			Name   string          `json:"name"`
			Config json.RawMessage `json:"config"`
		}
		dec := json.NewDecoder(bytes.NewReader(data))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&w); err != nil {
			return "", nil, err
		}
		name, data = w.Name, w.Config
		raw = nil
		if err := json.Unmarshal(data, &raw); err != nil {
			return "", nil, err
		}
	}
	for key, value := range raw {
		if string(value) == "null" {
			return "", nil, fmt.Errorf("%s is null: Connect would store it and the connector fail on it, leave the key out", key)
		}
	}
	if err := json.Unmarshal(data, &cfg); err != nil {
		return "", nil, err
	}
	if name == "" {
		name = cfg["name"]
	}
	if name == "" {
		base := strings.TrimSuffix(filepath.Base(file), ".json")
		if name, err = url.PathUnescape(base); err != nil {
			return "", nil, fmt.Errorf("the file has no name for its connector, and its own cannot be decoded: %w", err)
		}
	}
	if len(cfg) == 0 {
		return "", nil, errors.New("the configuration is empty")
	}
	return name, cfg, nil
}
