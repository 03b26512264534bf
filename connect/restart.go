package connect

import (
	"context"
	"errors"
	"net/http"
	"strconv"

	"github.com/go-reconnect/reconnect/internal/kversion"
)

// RestartOptions says what Restart restarts. The zero value restarts the connector instance only, whatever its state, and no task.
type RestartOptions struct {
	// IncludeTasks restarts the tasks too.
	IncludeTasks bool
	// OnlyFailed leaves alone what is not FAILED.
	OnlyFailed bool
}

// RestartPlan says what a restart was accepted for. It is a forecast: workers act on it later and on their own view of the states, so look at the status.
type RestartPlan struct {
	Name string `json:"name"`
	// Connector is true where the connector instance is restarted, Tasks are the tasks that are.
	Connector bool     `json:"connector"`
	Tasks     []TaskID `json:"tasks,omitempty"`
	// Status is the body of Connect's 202: the states as the leader sees them, RESTARTING for what is restarted, old traces still attached. It is nil after a
	// plain restart (204) and where the client restarted instance by instance.
	Status *ConnectorStatus `json:"status,omitempty"`
}

// Restart restarts a connector. Without flags it waits until the connector has started; with flags it returns at once with the plan.
//
// POST /connectors/{connector}/restart, every version; the flags Kafka 3.0 (KIP-745). Below 3.0, on 3.0.0 to 3.0.2 and 3.1.0 (where a restart with tasks starts them on every worker, KAFKA-13719) and on a vendor's version that cannot be mapped,
// the client reads the status and restarts one by one instead: a plan and an error can come together then, the plan saying what was accepted.
// Never sent again after an answer that leaves the outcome open. ErrNotFound, ErrRebalancing, which can last for minutes after a worker died.
// An error 500 "Failed to start connector" does not say that it failed: another restart may have overtaken this one; read the status.
func (c *Client) Restart(ctx context.Context, name string, o RestartOptions) (*RestartPlan, error) {
	if err := checkName("connector name", name); err != nil {
		return nil, err
	}
	if o == (RestartOptions{}) {
		if err := c.bare(ctx, &epRestart, name, "/restart"); err != nil {
			return nil, err
		}
		return &RestartPlan{Name: name, Connector: true}, nil
	}
	if v, known := c.serverVersion(ctx); known && oneByOne(v, o) {
		return c.restartOneByOne(ctx, name, o, false)
	}
	if err := c.checkAddress(ctx, &epRestart, name); err != nil {
		return nil, err
	}
	s := c.newSession(&epRestart, connectorPath(name, "/restart"))
	s.query = "includeTasks=" + strconv.FormatBool(o.IncludeTasks) + "&onlyFailed=" + strconv.FormatBool(o.OnlyFailed)
	a, err := s.do(ctx)
	if err != nil {
		return nil, err
	}
	if a.status == http.StatusNoContent {
		// A worker below 3.0 does not know the flags and has restarted the connector instance.
		return c.restartOneByOne(ctx, name, o, true)
	}
	st, err := decodeStatus(a.body)
	if err != nil {
		return nil, s.decodeError(a, err)
	}
	plan := &RestartPlan{Name: name, Connector: st.Connector.State == StateRestarting, Status: st}
	for i := range st.Tasks {
		if st.Tasks[i].State == StateRestarting {
			plan.Tasks = append(plan.Tasks, st.Tasks[i].ID)
		}
	}
	return plan, nil
}

// oneByOne reports whether the flags cannot be used on a version.
func oneByOne(v kversion.Version, o RestartOptions) bool {
	if !v.AtLeast(sinceFlags.major, sinceFlags.minor) {
		return true
	}
	// KAFKA-13719, fixed in 3.0.3, 3.1.1 and 3.2.0.
	return o.IncludeTasks && (v.Major == 3 && v.Minor == 0 && v.Patch < 3 || v.Major == 3 && v.Minor == 1 && v.Patch < 1)
}

// restartOneByOne does with single restarts what the flags would do. connectorDone says that the connector instance was restarted already.
func (c *Client) restartOneByOne(ctx context.Context, name string, o RestartOptions, connectorDone bool) (*RestartPlan, error) {
	st, err := c.GetStatus(ctx, name)
	if err != nil {
		return nil, err
	}
	plan := &RestartPlan{Name: name, Connector: connectorDone}
	var errs []error
	if !connectorDone && (!o.OnlyFailed || st.Connector.State == StateFailed) {
		if err := c.bare(ctx, &epRestart, name, "/restart"); err != nil {
			errs = append(errs, err)
		} else {
			plan.Connector = true
		}
	}
	if o.IncludeTasks {
		for i := range st.Tasks {
			t := &st.Tasks[i]
			if o.OnlyFailed && t.State != StateFailed {
				continue
			}
			if ctx.Err() != nil {
				break
			}
			if err := c.RestartTask(ctx, t.ID); err != nil {
				errs = append(errs, err)
				continue
			}
			plan.Tasks = append(plan.Tasks, t.ID)
		}
	}
	switch {
	case len(errs) == 0 && ctx.Err() != nil:
		return plan, ctx.Err()
	case len(errs) == 1:
		return plan, errs[0]
	}
	return plan, errors.Join(errs...)
}

// RestartFailedOptions says what RestartFailed restarts.
type RestartFailedOptions struct {
	// Filter, if not nil, chooses among the connectors with something FAILED.
	Filter func(*ConnectorStatus) bool
	// IncludePaused restarts failed tasks of a connector that is PAUSED or STOPPED, or that has paused tasks, too. By default they are left: somebody wants them still.
	IncludePaused bool
	// DryRun returns the plans without sending a restart.
	DryRun bool
}

// RestartFailed restarts whatever has failed: one request finds it, then one restart per connector of its FAILED instances. The plans come in the order of
// the answer. Where single restarts fail, the plans of the others come with an error that joins the failures (Unwrap() []error, each an [*Error]).
//
// GET /connectors?expand=status and POST /connectors/{connector}/restart?includeTasks=true&onlyFailed=true; see Statuses and Restart.
// It keeps no budget and knows no backoff: package recovery does.
func (c *Client) RestartFailed(ctx context.Context, o RestartFailedOptions) ([]RestartPlan, error) {
	var plans []RestartPlan
	for st, err := range c.Statuses(ctx) {
		if err != nil {
			return nil, err
		}
		if !st.Failed() || !o.IncludePaused && wantedStill(&st) || o.Filter != nil && !o.Filter(&st) {
			continue
		}
		plans = append(plans, RestartPlan{Name: st.Name, Connector: st.Connector.State == StateFailed, Tasks: st.FailedTasks()})
	}
	if o.DryRun {
		return plans, nil
	}
	done := plans[:0]
	var errs []error
	for _, p := range plans {
		if ctx.Err() != nil {
			errs = append(errs, ctx.Err())
			break
		}
		plan, err := c.Restart(ctx, p.Name, RestartOptions{IncludeTasks: true, OnlyFailed: true})
		if err != nil {
			errs = append(errs, err)
		}
		if plan != nil && (err == nil || plan.Connector || len(plan.Tasks) > 0) {
			done = append(done, *plan)
		}
	}
	return done, errors.Join(errs...)
}

// wantedStill reports whether a person has paused or stopped the connector.
func wantedStill(st *ConnectorStatus) bool {
	if st.Connector.State == StatePaused || st.Connector.State == StateStopped {
		return true
	}
	for i := range st.Tasks {
		if st.Tasks[i].State == StatePaused {
			return true
		}
	}
	return false
}
