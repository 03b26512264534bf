package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/go-reconnect/reconnect/recovery"
)

// policyFile is the YAML of -policy. What is left out keeps the library's default; an unknown key is an error.
type policyFile struct {
	Include []string `yaml:"include"`
	Exclude []string `yaml:"exclude"`

	IncludeConfig []string `yaml:"includeConfig"` // key, or key=pattern of the value
	ExcludeConfig []string `yaml:"excludeConfig"`

	Default     policy   `yaml:"default"`
	Connectors  []named  `yaml:"connectors"` // the first match counts
	Maintenance []window `yaml:"maintenance"`
}

type named struct {
	Match  string `yaml:"match"`
	Policy policy `yaml:",inline"`
}

type policy struct {
	MaxRestarts           *int          `yaml:"maxRestarts"` // 0 = never
	Window                time.Duration `yaml:"window"`
	RestartDelay          time.Duration `yaml:"restartDelay"`
	MaxDelay              time.Duration `yaml:"maxDelay"`
	Multiplier            float64       `yaml:"multiplier"`
	StableFor             time.Duration `yaml:"stableFor"`
	ResetOnSuccess        *bool         `yaml:"resetOnSuccess"`
	FailureThreshold      int           `yaml:"failureThreshold"`
	VerifyTimeout         time.Duration `yaml:"verifyTimeout"`
	RebalanceDelay        time.Duration `yaml:"rebalanceDelay"`
	ProbeEvery            time.Duration `yaml:"probeEvery"`
	NoProbes              bool          `yaml:"noProbes"`
	RestartAuthentication bool          `yaml:"restartAuthentication"`
	ActOn                 actOn         `yaml:"actOn"`
}

// actOn is a list of words.
type actOn recovery.ActOn

// UnmarshalYAML implements yaml.Unmarshaler.
func (a *actOn) UnmarshalYAML(n *yaml.Node) error {
	var words []string
	if err := n.Decode(&words); err != nil {
		return fmt.Errorf("actOn: %w", err)
	}
	for _, w := range words {
		bit, ok := map[string]recovery.ActOn{
			"zeroTasks": recovery.ActZeroTasks, "ghost": recovery.ActGhost, "noProgress": recovery.ActNoProgress, "sources": recovery.ActSources,
		}[w]
		if !ok {
			return fmt.Errorf("actOn: %q is not zeroTasks, ghost, noProgress or sources", w)
		}
		*a |= actOn(bit)
	}
	return nil
}

type window struct {
	Days       []string      `yaml:"days"`
	Start      string        `yaml:"start"` // 22:30
	Length     time.Duration `yaml:"length"`
	Location   string        `yaml:"location"`
	Connectors []string      `yaml:"connectors"`
}

func readPolicy(file string) (*policyFile, error) {
	data, err := os.ReadFile(file) //nolint:gosec // the user names it
	if err != nil {
		return nil, fmt.Errorf("-policy: %w", err)
	}
	var p policyFile
	dec := yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true)
	if err := dec.Decode(&p); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("-policy %s: %w", file, err)
	}
	return &p, nil
}

func (p policy) policy() recovery.Policy {
	out := recovery.Policy{
		Window: p.Window, RestartDelay: p.RestartDelay, MaxDelay: p.MaxDelay, Multiplier: p.Multiplier, StableFor: p.StableFor,
		FailureThreshold: p.FailureThreshold, VerifyTimeout: p.VerifyTimeout, RebalanceDelay: p.RebalanceDelay, ProbeEvery: p.ProbeEvery,
		RestartAuthentication: p.RestartAuthentication, ActOn: recovery.ActOn(p.ActOn), KeepBackoff: p.ResetOnSuccess != nil && !*p.ResetOnSuccess,
	}
	if p.MaxRestarts != nil {
		out.MaxRestarts = *p.MaxRestarts
		if *p.MaxRestarts == 0 {
			out.MaxRestarts = -1
		}
	}
	if p.NoProbes {
		out.ProbeEvery = -1
	}
	return out
}

func (p *policyFile) apply(cfg *recovery.Config) error {
	cfg.Include, cfg.Exclude, cfg.Policy = p.Include, p.Exclude, p.Default.policy()
	for _, list := range []struct {
		key  string
		from []string
		to   *[]recovery.ConfigMatch
	}{{"includeConfig", p.IncludeConfig, &cfg.IncludeConfig}, {"excludeConfig", p.ExcludeConfig, &cfg.ExcludeConfig}} {
		for i, text := range list.from {
			m, err := recovery.ParseConfigMatch(text)
			if err != nil {
				return fmt.Errorf("%s[%d]: %w", list.key, i, err)
			}
			*list.to = append(*list.to, m)
		}
	}
	for i, n := range p.Connectors {
		if _, err := path.Match(n.Match, ""); err != nil || n.Match == "" {
			return fmt.Errorf("connectors[%d].match: %q is no pattern", i, n.Match)
		}
		if err := n.Policy.policy().Validate(); err != nil {
			return fmt.Errorf("connectors[%d] (%s): %w", i, n.Match, err)
		}
	}
	if len(p.Connectors) > 0 {
		cfg.PolicyFor = func(name string) (recovery.Policy, bool) {
			for _, n := range p.Connectors {
				if ok, _ := path.Match(n.Match, name); ok {
					return n.Policy.policy(), true
				}
			}
			return recovery.Policy{}, false
		}
	}
	var windows []recovery.Window
	for i, w := range p.Maintenance {
		rw, err := w.window()
		if err != nil {
			return fmt.Errorf("maintenance[%d]: %w", i, err)
		}
		windows = append(windows, rw)
	}
	if len(windows) == 0 {
		return nil
	}
	open, err := recovery.Windows(windows...)
	cfg.Maintenance = open
	return err
}

func (w window) window() (recovery.Window, error) {
	out := recovery.Window{Length: w.Length, Connectors: w.Connectors}
	at, err := time.Parse("15:04", w.Start)
	if err != nil {
		return out, fmt.Errorf("start: %q is no time of day such as 22:30", w.Start)
	}
	out.Start = time.Duration(at.Hour())*time.Hour + time.Duration(at.Minute())*time.Minute
	if w.Location != "" {
		if out.Location, err = time.LoadLocation(w.Location); err != nil {
			return out, fmt.Errorf("location: %w", err)
		}
	}
days:
	for _, name := range w.Days {
		for d := time.Sunday; d <= time.Saturday; d++ {
			if len(name) >= 3 && strings.HasPrefix(strings.ToLower(d.String()), strings.ToLower(name)) {
				out.Days = append(out.Days, d)
				continue days
			}
		}
		return out, fmt.Errorf("days: %q is no day of the week", name)
	}
	return out, nil
}
