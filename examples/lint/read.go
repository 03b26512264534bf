package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/magiconair/properties"
	"go.yaml.in/yaml/v3"
)

// fromFiles reads files and folders. A file that is named must hold a connector; in a folder other files are passed over.
func fromFiles(paths []string) (*set, error) {
	s := newSet()
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return nil, err
		}
		if !info.IsDir() {
			n, err := s.read(path)
			if err != nil {
				return nil, err
			}
			if n == 0 {
				return nil, fmt.Errorf("%s: holds no connector configuration", path)
			}
			continue
		}
		err = filepath.WalkDir(path, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if d.IsDir() {
				if name := d.Name(); len(name) > 1 && name[0] == '.' && name != ".." || d.Name() == "node_modules" || d.Name() == "vendor" {
					return filepath.SkipDir
				}
				return nil
			}
			switch strings.ToLower(filepath.Ext(path)) {
			case ".json", ".yaml", ".yml", ".properties":
				_, err = s.read(path)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return s, nil
}

// read adds the connectors of one file and says how many there were.
func (s *set) read(path string) (int, error) {
	raw, err := os.ReadFile(path) //nolint:gosec // reading the files it is given is its purpose
	if err != nil {
		return 0, err
	}
	before := len(s.connectors)
	p := place{path: filepath.ToSlash(path), text: string(raw), line: 1}
	switch strings.ToLower(filepath.Ext(path)) {
	case ".properties":
		err = s.properties(raw, p)
	case ".yaml", ".yml":
		err = s.yaml(raw, p)
	default:
		err = s.json(raw, p)
	}
	if err != nil {
		return 0, fmt.Errorf("%s: %w", path, err)
	}
	return len(s.connectors) - before, nil
}

// properties reads a flat file as Java does, but leaves ${...} to the worker.
func (s *set) properties(raw []byte, p place) error {
	loader := properties.Loader{Encoding: properties.UTF8, DisableExpansion: true}
	props, err := loader.LoadBytes(raw)
	if err != nil {
		return err
	}
	s.flat("", props.Map(), p)
	return nil
}

// json reads one value after another: a connector, a list of connectors, or connectors by name.
func (s *set) json(raw []byte, p place) error {
	dec := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(raw, []byte("\xef\xbb\xbf"))))
	dec.UseNumber()
	for {
		var v any
		err := dec.Decode(&v)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := s.value("", v, p); err != nil {
			return err
		}
	}
}

func (s *set) yaml(raw []byte, p place) error {
	dec := yaml.NewDecoder(bytes.NewReader(raw))
	for {
		var node yaml.Node
		err := dec.Decode(&node)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		v, err := plain(&node, 0)
		if err != nil {
			return err
		}
		doc := p
		if len(node.Content) > 0 {
			doc.line = node.Content[0].Line
			doc.text = after(p.text, doc.line)
		}
		if err := s.value("", v, doc); err != nil {
			return err
		}
	}
}

// after is the text from a line on.
func after(text string, line int) string {
	for ; line > 1; line-- {
		_, rest, ok := strings.Cut(text, "\n")
		if !ok {
			return ""
		}
		text = rest
	}
	return text
}

// plain turns a YAML node into maps, lists and scalars; scalars keep their text, since Connect wants text.
func plain(n *yaml.Node, depth int) (any, error) {
	if depth > 100 {
		return nil, errors.New("nested too deep")
	}
	switch n.Kind {
	case yaml.DocumentNode:
		if len(n.Content) == 0 {
			return nil, nil //nolint:nilnil // an empty document holds nothing
		}
		return plain(n.Content[0], depth+1)
	case yaml.MappingNode:
		m := map[string]any{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			v, err := plain(n.Content[i+1], depth+1)
			if err != nil {
				return nil, err
			}
			m[n.Content[i].Value] = v
		}
		return m, nil
	case yaml.SequenceNode:
		var l []any
		for _, c := range n.Content {
			v, err := plain(c, depth+1)
			if err != nil {
				return nil, err
			}
			l = append(l, v)
		}
		return l, nil
	case yaml.AliasNode:
		return plain(n.Alias, depth+1)
	case yaml.ScalarNode:
		if n.Tag == "!!null" {
			return nil, nil //nolint:nilnil // null is a value here
		}
		return n.Value, nil
	}
	return nil, nil //nolint:nilnil // nothing
}

// value finds the connectors in whatever was read.
func (s *set) value(name string, v any, p place) error {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			if err := s.value(name, e, p); err != nil {
				return err
			}
		}
	case map[string]any:
		return s.object(name, v, p)
	}
	return nil
}

func (s *set) object(name string, m map[string]any, p place) error {
	if kind, _ := m["kind"].(string); kind != "" && m["apiVersion"] != nil {
		if items, ok := m["items"]; ok { // a List
			return s.value("", items, p)
		}
		if kind != "KafkaConnector" {
			return nil
		}
		return s.strimzi(m, p)
	}
	if n, ok := m["name"].(string); ok {
		name = n
	}
	if inner, ok := m["config"].(map[string]any); ok {
		config, err := scalars(inner)
		if err != nil {
			return fmt.Errorf("connector %q: %w", name, err)
		}
		if name != "" {
			p.complete = true
			if _, ok := config["name"]; !ok {
				config["name"] = name
			}
		}
		s.add(name, config, p)
		return nil
	}
	flat := map[string]string{}
	for k, e := range m {
		if text, ok := scalar(e); ok {
			flat[k] = text
		}
	}
	if s.flat(name, flat, p) {
		return nil
	}
	// Connectors by name.
	for k, e := range m {
		if inner, ok := e.(map[string]any); ok && k != "metadata" && k != "spec" {
			if err := s.object(k, inner, p); err != nil {
				return err
			}
		}
	}
	return nil
}

// flat adds a map that looks like a connector's configuration: it names a class, or handles errors.
func (s *set) flat(name string, config map[string]string, p place) bool {
	_, class := config["connector.class"]
	looks := class
	for k := range config {
		looks = looks || strings.HasPrefix(k, "errors.")
	}
	if !looks {
		return false
	}
	if n := config["name"]; n != "" {
		name = n
	}
	p.complete = class && name != ""
	s.add(name, config, p)
	return true
}

// strimzi reads a KafkaConnector: the class and the number of tasks stand beside the configuration.
func (s *set) strimzi(m map[string]any, p place) error {
	meta, _ := m["metadata"].(map[string]any)
	spec, _ := m["spec"].(map[string]any)
	name, _ := meta["name"].(string)
	inner, _ := spec["config"].(map[string]any)
	config, err := scalars(inner)
	if err != nil {
		return fmt.Errorf("connector %q: %w", name, err)
	}
	if class, ok := scalar(spec["class"]); ok {
		config["connector.class"] = class
	}
	if tasks, ok := scalar(spec["tasksMax"]); ok {
		config["tasks.max"] = tasks
	}
	if name != "" {
		config["name"] = name
	}
	p.complete = true
	s.add(name, config, p)
	return nil
}

// scalars is what Connect makes of a config object: text, numbers and flags become text; null is left out.
func scalars(m map[string]any) (map[string]string, error) {
	out := make(map[string]string, len(m)+3)
	for k, v := range m {
		if v == nil {
			continue
		}
		text, ok := scalar(v)
		if !ok {
			return nil, fmt.Errorf("%s: Connect takes no lists or objects as values", k)
		}
		out[k] = text
	}
	return out, nil
}

func scalar(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case json.Number:
		return v.String(), true
	case bool:
		if v {
			return "true", true
		}
		return "false", true
	}
	return "", false
}
