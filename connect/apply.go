package connect

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/go-reconnect/reconnect/internal/redact"
)

// ApplyOptions says how Apply goes about it.
type ApplyOptions struct {
	// DryRun finds out what would be done and does nothing.
	DryRun bool
	// InitialState is the state of a connector that is created, see CreateRequest. An existing one is left in its state.
	InitialState State
	// AllowMasks lets values through that look like a mask, such as ****** or [hidden].
	AllowMasks bool
	// WaitTasks, if positive, waits until the connector and at least that many tasks are RUNNING, see Running; Wait says how.
	WaitTasks int
	Wait      WaitOptions
}

// ChangeAction is what Apply did, or would do.
type ChangeAction string

// The actions of Apply.
const (
	ChangeNone   ChangeAction = "none"
	ChangeCreate ChangeAction = "create"
	ChangeUpdate ChangeAction = "update"
)

// Change is the outcome of Apply. It holds no secret but in Connector.Config, which prints redacted.
type Change struct {
	Name   string       `json:"name"`
	Action ChangeAction `json:"action"`
	DryRun bool         `json:"dry_run,omitempty"`
	Diff   Diff         `json:"diff,omitempty"`
	// Connector is what Connect answered to the change, or had before where nothing was changed. Nil for a create in a dry run.
	Connector *Connector `json:"-"`
	// Status is the last status seen with WaitTasks.
	Status *ConnectorStatus `json:"status,omitempty"`
}

// Apply makes a connector have a configuration: it creates or updates it, and sends nothing where it has it already, so that the connector is not restarted for nothing. The key
// `name`, which Connect adds, makes no difference. With a mask such as ****** in the configuration it refuses, because writing that would destroy a secret. A connector that somebody creates meanwhile is updated.
//
// With WaitTasks a Change and an error can come together: the change was made, but the tasks do not run.
//
// GET /connectors/{connector}, then POST /connectors or PUT /connectors/{connector}/config, every version; errors as of GetConnector, CreateConnector, PutConfig and WaitFor.
func (c *Client) Apply(ctx context.Context, name string, cfg Config, o ApplyOptions) (*Change, error) {
	if err := checkName("connector name", name); err != nil {
		return nil, err
	}
	if o.WaitTasks < 0 {
		return nil, inputError(nil, "ApplyOptions: WaitTasks must not be negative")
	}
	if !o.AllowMasks {
		if keys := heldMasks(cfg); len(keys) > 0 {
			return nil, inputError(ErrInvalidConfig, "the configuration of %q holds a mask in %s: writing it back would destroy what it hides; AllowMasks lets it through", name, strings.Join(keys, ", "))
		}
	}
	ch, err := c.apply(ctx, name, cfg, o)
	if err != nil || o.DryRun || o.WaitTasks == 0 {
		return ch, err
	}
	w := o.Wait
	if ch.Action == ChangeUpdate && w.Stable == 0 {
		// Right after an update the old tasks are still RUNNING.
		w.Stable = max(2*time.Second, 2*w.Interval)
	}
	ch.Status, err = c.WaitFor(ctx, name, Running(o.WaitTasks), w)
	return ch, err
}

func heldMasks(cfg Config) []string {
	var keys []string
	for k, v := range cfg {
		if redact.HoldsMask(v) {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	return keys
}

func (c *Client) apply(ctx context.Context, name string, cfg Config, o ApplyOptions) (*Change, error) {
	have, err := c.GetConnector(ctx, name)
	if o.DryRun && errors.Is(err, ErrNotFound) && c.justCreated(name) {
		have, err = c.getSeen(ctx, name)
	}
	if errors.Is(err, ErrNotFound) {
		ch := &Change{Name: name, Action: ChangeCreate, DryRun: o.DryRun, Diff: Config{}.Diff(cfg)}
		if o.DryRun {
			return ch, nil
		}
		ch.Connector, err = c.create(ctx, CreateRequest{Name: name, Config: cfg, InitialState: o.InitialState})
		if err == nil {
			return ch, nil
		}
		if !errors.Is(err, ErrAlreadyExists) {
			return nil, err
		}
		// Somebody created it meanwhile, or the worker that answered the GET lags behind.
		have, err = c.getSeen(ctx, name)
	}
	if err != nil {
		return nil, err
	}
	ch := &Change{Name: name, Action: ChangeNone, DryRun: o.DryRun, Diff: diff(have.Config, have.NullKeys, cfg), Connector: have}
	if len(ch.Diff) == 0 {
		return ch, nil
	}
	ch.Action = ChangeUpdate
	if o.DryRun {
		return ch, nil
	}
	if ch.Connector, _, err = c.put(ctx, name, cfg); err != nil {
		return nil, err
	}
	return ch, nil
}

// getSeen reads a connector that is known to exist, waiting for a worker that does not know it yet.
func (c *Client) getSeen(ctx context.Context, name string) (*Connector, error) {
	ctx, cancel := context.WithTimeout(ctx, createdLag)
	defer cancel()
	for {
		have, err := c.GetConnector(ctx, name)
		if !errors.Is(err, ErrNotFound) {
			return have, err
		}
		timer := time.NewTimer(defaultWaitInterval)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil, err
		case <-timer.C:
		}
	}
}
