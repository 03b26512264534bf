package connect

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/go-reconnect/reconnect/internal/redact"
)

// Config is a connector's configuration. It prints redacted under every verb of fmt, in slog and as text; as JSON it is the real thing, because
// that is what Connect and a file under source control need. References to a config provider, ${provider:[path:]key}, are not secret.
type Config map[string]string

// ConfigPatch is a change of a configuration: a nil value deletes its key. It prints like Config.
type ConfigPatch map[string]*string

// Clone returns a copy.
func (c Config) Clone() Config { return maps.Clone(c) }

// Redacted returns a copy without secrets: values of secret keys (by name, whatever the prefix), passwords in URLs and JAAS options are cut. References are kept.
func (c Config) Redacted() Config {
	if c == nil {
		return nil
	}
	out := make(Config, len(c))
	for k, v := range c {
		out[k] = redact.Value(k, v)
	}
	return out
}

// String returns the redacted configuration with its keys sorted.
func (c Config) String() string { return redactedText("", c.Redacted(), false) }

// GoString returns the redacted configuration.
func (c Config) GoString() string { return redactedText("connect.Config", c.Redacted(), true) }

// Format prints the redacted configuration under every verb.
func (c Config) Format(f fmt.State, verb rune) { formatText(f, verb, c.String(), c.GoString()) }

// LogValue logs the redacted configuration.
func (c Config) LogValue() slog.Value { return logConfig(c.Redacted()) }

// MarshalText returns the redacted configuration. JSON is not affected, see MarshalJSON; a YAML encoder that asks for text gets the redacted form, so
// convert to map[string]string to write the real one.
func (c Config) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// MarshalJSON returns the real configuration, secrets included, with its keys sorted.
func (c Config) MarshalJSON() ([]byte, error) { return json.Marshal(map[string]string(c)) }

// UnmarshalJSON reads a JSON object of strings. Numbers and booleans become strings, as Connect makes them; a null value is left out and never becomes "";
// an object or an array is an error that does not show it.
func (c *Config) UnmarshalJSON(data []byte) error {
	cfg, _, err := decodeConfig(data)
	if err == nil {
		*c = cfg
	}
	return err
}

// decodeConfig reads a configuration and the sorted keys whose value is null.
func decodeConfig(data []byte) (cfg Config, nulls []string, err error) {
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(data, &raw); err != nil {
		return nil, nil, err
	}
	if raw == nil {
		return nil, nil, nil
	}
	cfg = make(Config, len(raw))
	for k, v := range raw {
		switch v[0] {
		case 'n':
			nulls = append(nulls, k)
		case '"':
			var text string
			if err := json.Unmarshal(v, &text); err != nil {
				return nil, nil, err
			}
			cfg[k] = text
		case '{', '[':
			return nil, nil, fmt.Errorf("the value of %q is not a string", k)
		default:
			cfg[k] = string(v)
		}
	}
	slices.Sort(nulls)
	return cfg, nulls, nil
}

// redacted returns the patch with secrets cut; deletions are nil.
func (p ConfigPatch) redacted() map[string]string {
	out := make(map[string]string, len(p))
	for k, v := range p {
		if v == nil {
			out[k] = "<deleted>"
		} else {
			out[k] = redact.Value(k, *v)
		}
	}
	return out
}

// String returns the redacted patch with its keys sorted.
func (p ConfigPatch) String() string { return redactedText("", p.redacted(), false) }

// GoString returns the redacted patch.
func (p ConfigPatch) GoString() string {
	return redactedText("connect.ConfigPatch", p.redacted(), true)
}

// Format prints the redacted patch under every verb.
func (p ConfigPatch) Format(f fmt.State, verb rune) { formatText(f, verb, p.String(), p.GoString()) }

// LogValue logs the redacted patch.
func (p ConfigPatch) LogValue() slog.Value { return logConfig(p.redacted()) }

// MarshalText returns the redacted patch; as JSON it is the real thing.
func (p ConfigPatch) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// MarshalJSON returns the real patch, secrets included.
func (p ConfigPatch) MarshalJSON() ([]byte, error) { return json.Marshal(map[string]*string(p)) }

func redactedText(typ string, m map[string]string, quote bool) string {
	var b strings.Builder
	b.WriteString(typ + "{")
	for i, k := range slices.Sorted(maps.Keys(m)) {
		if i > 0 {
			b.WriteString(", ")
		}
		if quote {
			b.WriteString(strconv.Quote(k) + ":" + strconv.Quote(m[k]))
		} else {
			b.WriteString(k + "=" + m[k])
		}
	}
	b.WriteString("}")
	return b.String()
}

func formatText(f fmt.State, verb rune, text, goText string) {
	switch {
	case verb == 'q':
		text = strconv.Quote(text)
	case verb == 'v' && f.Flag('#'):
		text = goText
	}
	_, _ = io.WriteString(f, text)
}

func logConfig(m map[string]string) slog.Value {
	attrs := make([]slog.Attr, 0, len(m))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		attrs = append(attrs, slog.String(k, m[k]))
	}
	return slog.GroupValue(attrs...)
}

// DiffKind says how a key differs.
type DiffKind string

// The kinds of difference.
const (
	DiffAdded   DiffKind = "added"
	DiffRemoved DiffKind = "removed"
	DiffChanged DiffKind = "changed"
	// DiffMasked is a value that is a mask such as ****** on one side: it cannot be compared.
	DiffMasked DiffKind = "cannot compare"
)

// KeyDiff is one key that differs. Old and New are redacted; both are empty for a secret that changed.
type KeyDiff struct {
	Key  string   `json:"key"`
	Kind DiffKind `json:"kind"`
	Old  string   `json:"old,omitempty"`
	New  string   `json:"new,omitempty"`
}

// String returns one line, such as "~ tasks.max: 1 -> 4" or "~ connection.password: changed".
func (d KeyDiff) String() string {
	switch d.Kind {
	case DiffAdded:
		return "+ " + d.Key + ": " + d.New
	case DiffRemoved:
		return "- " + d.Key + ": " + d.Old
	case DiffChanged:
		if d.Old != d.New {
			return "~ " + d.Key + ": " + d.Old + " -> " + d.New
		}
	case DiffMasked:
	}
	return "~ " + d.Key + ": " + string(d.Kind)
}

// Diff lists the keys that differ, sorted. It holds no secret.
type Diff []KeyDiff

// String returns a line for each key.
func (d Diff) String() string {
	lines := make([]string, len(d))
	for i := range d {
		lines[i] = d[i].String()
	}
	return strings.Join(lines, "\n")
}

// Diff returns what has to change to get from c to desired, without secrets. The key `name`, which Connect adds, is left out where only one side has it.
// A value that is a mask such as ****** on either side is listed as DiffMasked unless both are the same.
func (c Config) Diff(desired Config) Diff {
	return diff(c, nil, desired)
}

func diff(have Config, nulls []string, want Config) Diff {
	var out Diff
	keys := slices.AppendSeq(slices.Collect(maps.Keys(have)), maps.Keys(want))
	keys = append(keys, nulls...)
	slices.Sort(keys)
	for _, k := range slices.Compact(keys) {
		old, inOld := have[k]
		val, inNew := want[k]
		if k == "name" && inOld != inNew {
			continue
		}
		d := KeyDiff{Key: k, Old: redact.Value(k, old), New: redact.Value(k, val)}
		switch {
		case !inOld && !inNew: // null on the server
			d.Kind, d.Old = DiffRemoved, "null"
		case !inOld && slices.Contains(nulls, k):
			d.Kind, d.Old = DiffChanged, "null"
		case inOld && inNew && old == val:
			continue
		case inOld && inNew && (redact.IsMask(old) || redact.IsMask(val)):
			d.Kind, d.Old, d.New = DiffMasked, "", ""
		case !inOld:
			d.Kind = DiffAdded
		case !inNew:
			d.Kind = DiffRemoved
		default:
			d.Kind = DiffChanged
			if d.Old == d.New {
				d.Old, d.New = "", ""
			}
		}
		out = append(out, d)
	}
	return out
}

// checkMasks refuses to write a mask over a secret.
func checkMasks(name string, cfg map[string]string) error {
	var keys []string
	for k, v := range cfg {
		if redact.IsSecretKey(k) && redact.IsMask(v) {
			keys = append(keys, k)
		}
	}
	if len(keys) == 0 {
		return nil
	}
	slices.Sort(keys)
	return inputError(ErrInvalidConfig, "the configuration of %q holds a mask instead of a secret in %s: writing it would destroy the secret", name, strings.Join(keys, ", "))
}

// secretsOf lists the values of a configuration that no message may repeat. A value of an ordinary key is one where it is long enough to be told from other text.
func secretsOf(name string, cfg map[string]string) []string {
	var out []string
	for k, v := range cfg {
		if v == "" || redact.HasReference(v) || redact.IsMask(v) {
			continue
		}
		if redact.IsSecretKey(k) && len(v) > 2 || len(v) >= 12 && v != name && !isClassKey(k) {
			out = append(out, v)
		}
	}
	slices.SortFunc(out, func(a, b string) int { return len(b) - len(a) })
	return out
}

// isClassKey holds for keys whose value an error message must name to be of use.
func isClassKey(k string) bool {
	return k == "connector.class" || strings.HasSuffix(k, ".type") || strings.HasSuffix(k, "converter") || strings.HasSuffix(k, ".class") || k == "transforms" || k == "topics"
}

// formatPlain prints a struct by its fields under any verb. Without it fmt, handed a verb that a pointer field has no use for, would print what is behind the
// pointer without asking the Config in it.
func formatPlain(f fmt.State, verb rune, v any) {
	if verb == 'v' && f.Flag('#') {
		_, _ = fmt.Fprintf(f, "%#v", v)
		return
	}
	_, _ = fmt.Fprintf(f, "%+v", v)
}

type (
	plainConnector Connector
	plainCreate    CreateRequest
	plainTask      Task
	plainExpanded  ExpandedConnector
	plainChange    Change
)

// Format prints the configuration redacted under every verb.
func (c Connector) Format(f fmt.State, verb rune) { formatPlain(f, verb, plainConnector(c)) }

// Format prints the configuration redacted under every verb.
func (r CreateRequest) Format(f fmt.State, verb rune) { formatPlain(f, verb, plainCreate(r)) }

// Format prints the configuration redacted under every verb.
func (t Task) Format(f fmt.State, verb rune) { formatPlain(f, verb, plainTask(t)) }

// Format prints the configuration redacted under every verb.
func (x ExpandedConnector) Format(f fmt.State, verb rune) { formatPlain(f, verb, plainExpanded(x)) }

// Format prints the configuration redacted under every verb.
func (c Change) Format(f fmt.State, verb rune) { formatPlain(f, verb, plainChange(c)) }

// LogValue logs the connector with its configuration redacted; a JSON handler would write the real one.
func (c Connector) LogValue() slog.Value {
	return slog.GroupValue(slog.String("name", c.Name), slog.String("type", string(c.Type)), slog.Any("config", c.Config), slog.Int("tasks", len(c.Tasks)))
}

// LogValue logs the request with its configuration redacted.
func (r CreateRequest) LogValue() slog.Value {
	return slog.GroupValue(slog.String("name", r.Name), slog.Any("config", r.Config), slog.String("initial_state", string(r.InitialState)))
}

// LogValue logs the task with its configuration redacted.
func (t Task) LogValue() slog.Value {
	return slog.GroupValue(slog.String("id", t.ID.String()), slog.Any("config", t.Config))
}

// LogValue logs what there is with the configuration redacted.
func (x ExpandedConnector) LogValue() slog.Value {
	var attrs []slog.Attr
	if x.Status != nil {
		attrs = append(attrs, slog.String("status", describe(x.Status)))
	}
	if x.Info != nil {
		attrs = append(attrs, slog.Any("info", *x.Info))
	}
	return slog.GroupValue(attrs...)
}

// LogValue logs what was done and the difference, which holds no secret.
func (c Change) LogValue() slog.Value {
	return slog.GroupValue(slog.String("name", c.Name), slog.String("action", string(c.Action)), slog.Bool("dry_run", c.DryRun), slog.String("diff", c.Diff.String()))
}
