package recovery

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path"
	"time"

	"github.com/go-reconnect/reconnect/connect/failure"
)

// The defaults of a zero Config.
const (
	DefaultInterval       = 30 * time.Second
	DefaultRequestTimeout = 2 * time.Minute
	DefaultReachTimeout   = 5 * time.Second
)

// Config configures a Supervisor. Its zero value is usable: every connector is watched with the default Policy and what is remembered lives in memory.
type Config struct {
	// Cluster names the Connect cluster in states, events and metrics; its group.id is a good choice. Required with a Store, because several
	// Connect clusters can share one; a store of another cluster is refused.
	Cluster string
	// Interval is the time between two sweeps. Defaults to 30 s.
	Interval time.Duration
	// Policy applies to every connector that PolicyFor does not name.
	Policy Policy
	// PolicyFor returns a connector's own policy, or false. It is called often and must be fast. An invalid policy holds that connector and is reported.
	PolicyFor func(name string) (Policy, bool)
	// Include and Exclude are shell patterns (path.Match) of connector names. With Include, only names that match one are watched; Exclude wins.
	Include, Exclude []string
	// IncludeConfig and ExcludeConfig select by the connectors' own configs, as {Key: "reconnect.autorestart", Value: "false"} in ExcludeConfig lets
	// the owner of a connector switch it off. With IncludeConfig, only connectors that match one are watched; ExcludeConfig wins, and the names' own
	// lists hold as well. The configs are read by one streamed request (GET /connectors?expand=info) when a connector is new, every 5 min, and before
	// anything is restarted; they are not kept. Keys that
	// begin with "reconnect." are not looked at when a changed config is to allow another restart. Needs a client that has Connectors, as *connect.Client does.
	IncludeConfig, ExcludeConfig []ConfigMatch
	// Watch decides by name beyond patterns; nil watches every name that Include and Exclude leave.
	Watch func(name string) bool

	// Store remembers across restarts of the process. Defaults to memory, which forgets.
	Store Store
	// Elector, if set, makes Run act only while it leads. A leader that has not seen Connect for half of Policy.RestartDelay, in two sweeps at least, makes
	// room for another one, and stands for election again when Connect answers it.
	Elector Elector

	// OnEvent is called for every event, one at a time, from the loop: it must be fast and must not call the Supervisor's blocking methods.
	OnEvent func(Event)
	// Notifiers tell people, off the loop: grouped, deduplicated, retried. See Notify for how.
	Notifiers []Notifier
	// Notify tunes how Notifiers are called.
	Notify NotifyOptions

	// Reach asks the other side whether it answers before a restart is spent on class connection, timeout or schema_registry: while it is unreachable
	// nothing is spent, and when it is back the restart follows at once. Defaults to none; package recovery/reach has one.
	Reach Reach
	// ReachTimeout bounds one such question. Defaults to 5 s.
	ReachTimeout time.Duration
	// Progress tells whether records move; a connector whose number stands still for ProgressAfter is reported, and restarted only where
	// Policy.ActOn says so. Defaults to none; package recovery/kafkaprogress has one.
	Progress Progress
	// ProgressAfter should be at least five times the workers' offset.flush.interval.ms. Defaults to 5 min.
	ProgressAfter time.Duration
	// Workers tells whether the worker lives that a RUNNING instance claims to be on; one that is gone for twice Policy.RebalanceDelay is reported, and acted on only where
	// Policy.ActOn says so. Defaults to none; HTTPWorkers is one.
	Workers Workers

	// ObserveOnly decides and reports what it would do, and sends nothing.
	ObserveOnly bool
	// Maintenance reports whether a maintenance window is open for a connector; nothing is restarted then and nobody is told. See Windows.
	Maintenance func(name string, now time.Time) bool

	// Guard bounds what is restarted at once in the whole cluster.
	Guard Guard
	// PerTask restarts each failed task with a request of its own. It is needed below Kafka 3.0, for 3.0.0 to 3.0.2 and for 3.1.0 (KAFKA-13719),
	// and set by itself when the client can tell the version.
	PerTask bool
	// RequestTimeout bounds one restart request, from its reservation in the Store on. Defaults to 2 min: Connect itself can take 90 s to answer.
	RequestTimeout time.Duration

	// Diagnose classifies traces. Defaults to failure.Diagnose.
	Diagnose func(trace string) failure.Diagnosis
	// Logger receives what happens. Defaults to silence.
	Logger *slog.Logger
}

// Reach asks the endpoints that a connector talks to whether they answer. The config is the connector's own, secrets included: it must not be kept or
// shown. An error is taken for unknown. It is called concurrently.
type Reach interface {
	Reach(ctx context.Context, connector string, config map[string]string, d failure.Diagnosis) (Reachability, error)
}

// Progress returns, for the connectors that have records waiting (a sink's lag, say), a number that grows while records move. A connector with nothing to
// do, or that cannot be told about, is left out.
type Progress interface {
	Progress(ctx context.Context, connectors []string) (map[string]int64, error)
}

// withDefaults validates the config and fills it in.
func (c Config) withDefaults() (Config, error) {
	var errs []error
	if c.Interval < 0 {
		errs = append(errs, fmt.Errorf("recovery: Config.Interval is %v: use a positive duration, or zero for %v", c.Interval, DefaultInterval))
	}
	if c.RequestTimeout < 0 {
		errs = append(errs, fmt.Errorf("recovery: Config.RequestTimeout is %v: use a positive duration, or zero for %v", c.RequestTimeout, DefaultRequestTimeout))
	}
	if c.ReachTimeout < 0 {
		errs = append(errs, fmt.Errorf("recovery: Config.ReachTimeout is %v: use a positive duration, or zero for %v", c.ReachTimeout, DefaultReachTimeout))
	}
	if c.ProgressAfter < 0 {
		errs = append(errs, fmt.Errorf("recovery: Config.ProgressAfter is %v: use a positive duration, or zero for %v", c.ProgressAfter, DefaultProgressAfter))
	}
	guard, err := c.Guard.withDefaults()
	if err != nil {
		errs = append(errs, err)
	}
	if err := c.Policy.Validate(); err != nil {
		errs = append(errs, err)
	}
	for _, list := range []struct {
		field    string
		patterns []string
	}{{"Include", c.Include}, {"Exclude", c.Exclude}} {
		for _, p := range list.patterns {
			if _, err := path.Match(p, ""); err != nil {
				errs = append(errs, fmt.Errorf("recovery: Config.%s: %q is no pattern: %w", list.field, p, err))
			}
		}
	}
	for _, list := range []struct {
		field   string
		matches []ConfigMatch
	}{{"IncludeConfig", c.IncludeConfig}, {"ExcludeConfig", c.ExcludeConfig}} {
		for i, m := range list.matches {
			if err := m.validate(); err != nil {
				errs = append(errs, fmt.Errorf("recovery: Config.%s[%d]: %w", list.field, i, err))
			}
		}
	}
	if c.Store != nil && c.Cluster == "" {
		if _, memory := c.Store.(*MemoryStore); !memory {
			errs = append(errs, errors.New("recovery: Config.Cluster is empty: a Store outlives this process, so name the Connect cluster (its group.id, say)"))
		}
	}
	for i, n := range c.Notifiers {
		if n == nil {
			errs = append(errs, fmt.Errorf("recovery: Config.Notifiers[%d] is nil", i))
		} else if v, ok := n.(interface{ Validate() error }); ok {
			if err := v.Validate(); err != nil {
				errs = append(errs, fmt.Errorf("recovery: Config.Notifiers[%d]: %w", i, err))
			}
		}
	}
	notify, err := c.Notify.withDefaults()
	if err != nil {
		errs = append(errs, err)
	}
	if len(errs) > 0 {
		return Config{}, errors.Join(errs...)
	}
	c.Interval = orDuration(c.Interval, DefaultInterval)
	c.RequestTimeout = orDuration(c.RequestTimeout, DefaultRequestTimeout)
	c.ProgressAfter = orDuration(c.ProgressAfter, DefaultProgressAfter)
	c.ReachTimeout = orDuration(c.ReachTimeout, DefaultReachTimeout)
	c.Guard, c.Notify = guard, notify
	c.Policy = c.Policy.Defaults()
	if c.Store == nil {
		c.Store = NewMemoryStore()
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Diagnose == nil {
		c.Diagnose = failure.Diagnose
	}
	return c, nil
}

// named reports whether a connector's name leaves it to be supervised.
func (c *Config) named(name string) bool {
	match := func(patterns []string) bool {
		for _, p := range patterns {
			if ok, err := path.Match(p, name); ok && err == nil {
				return true
			}
		}
		return false
	}
	if len(c.Include) > 0 && !match(c.Include) || match(c.Exclude) {
		return false
	}
	return c.Watch == nil || c.Watch(name)
}
