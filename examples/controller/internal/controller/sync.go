package controller

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-reconnect/reconnect/connect"
	"github.com/go-reconnect/reconnect/errtolerance"

	v1 "github.com/go-reconnect/reconnect/examples/controller/api/v1"
)

// lag is how long what Connect shows can be older than what we did: behind a balancer each request reaches another worker.
const lag = 30 * time.Second

// sync brings the configuration and the state at Connect to what spec asks for, as far as it may. It reports whether the connector belongs to
// this resource. An error is of the API server, or errStale; what Connect says goes into the condition Synced.
func (p *pass) sync(ctx context.Context, snap *snapshot, isDue bool) (owned bool, err error) {
	owned = p.kc.Annotations[v1.AnnotationOwned] == string(p.kc.UID)
	if p.want == nil { // a Secret is missing: the condition says so
		return owned, nil
	}
	found, listed := snap.connectors[p.kc.Name]
	applied := p.kc.Status.Applied
	ordered := applied == nil || applied.Revision != p.want.revision
	if owned && !ordered && listed && found.Info != nil && len(found.Info.Config.Diff(p.want.config)) == 0 {
		p.memo.missing = 0
		p.synced(yes, "Applied", "Connect has the configuration that spec asks for")
		return owned, p.syncState(ctx, &found)
	}
	have, err := p.client.GetConnector(ctx, p.kc.Name)
	switch {
	case errors.Is(err, connect.ErrNotFound):
		return p.absent(ctx, owned, ordered && applied != nil, isDue)
	case err != nil:
		p.refused("reading the connector", err)
		return owned, nil
	}
	p.memo.missing = 0
	diff := have.Config.Diff(p.want.config)
	if !owned {
		if p.kc.Annotations[v1.AnnotationAdopt] != "true" {
			p.synced(no, "NotAdopted", fmt.Sprintf("Connect has a connector %s that this resource did not create; it is left alone. The annotation %s: \"true\" takes it over", p.kc.Name, v1.AnnotationAdopt))
			return false, nil
		}
		if err := p.claim(ctx); err != nil {
			return false, err
		}
		p.tell(normal, "Adopted", "Adopt", "took over the connector %s, which was there already", p.kc.Name)
		// What differs now was somebody's, so it is drift, not an order.
		ordered, applied = false, nil
	}
	switch {
	case len(diff) == 0:
		p.setApplied()
		p.synced(yes, "Applied", "Connect has the configuration that spec asks for")
	case ordered && applied != nil:
		return true, p.apply(ctx, diff)
	case p.kc.Spec.DriftPolicy == v1.DriftEnforce && p.now.Sub(p.memo.appliedAt) > lag:
		p.tell(warning, "Drifted", "Enforce", "the connector was changed at Connect (%s); it is changed back", keys(diff))
		return true, p.apply(ctx, diff)
	case p.kc.Spec.DriftPolicy == v1.DriftEnforce:
		p.synced(unknown, "Settling", "the configuration was given to Connect and is not shown by every worker yet")
	default:
		p.setApplied()
		p.synced(no, "Drifted", fmt.Sprintf("Connect has another configuration than spec (%s). driftPolicy Report leaves it; Enforce, or a change of spec, overwrites it", keys(diff)))
	}
	if !listed {
		return true, nil
	}
	return true, p.syncState(ctx, &found)
}

// absent is for a connector that Connect itself says it does not have. ordered: spec was changed since.
func (p *pass) absent(ctx context.Context, owned, ordered, isDue bool) (bool, error) {
	if p.now.Sub(p.memo.appliedAt) < lag {
		p.synced(unknown, "Settling", "the connector was created and is not shown by every worker yet")
		return owned, nil
	}
	if owned && p.kc.Status.Applied != nil && !ordered {
		if isDue {
			p.memo.missing++
		}
		switch {
		case p.kc.Spec.DriftPolicy != v1.DriftEnforce:
			p.synced(no, "Missing", "the connector was deleted at Connect. driftPolicy Report leaves it so; Enforce, or a change of spec, creates it again")
			return true, nil
		case p.memo.missing < 2: // a worker that has not read the config topic yet says so as well
			p.synced(unknown, "Missing", "Connect says that there is no such connector; it is created again if it says so twice")
			return true, nil
		}
		p.tell(warning, "Missing", "Enforce", "the connector was deleted at Connect; it is created again")
	}
	if blocked := p.lint(); blocked {
		return owned, nil
	}
	// The cache may not show the other of two resources that were created at the same moment.
	rival, err := p.r.rival(ctx, p.r.live, p.kc)
	if err != nil {
		return owned, err
	}
	if rival != nil {
		return owned, errStale
	}
	if !owned {
		if err := p.claim(ctx); err != nil {
			return false, err
		}
	}
	return true, p.apply(ctx, nil)
}

// claim marks the connector as this resource's, before anything is done to it.
func (p *pass) claim(ctx context.Context) error {
	if err := p.fresh(ctx); err != nil {
		return err
	}
	err := p.patch(ctx, func(kc *v1.KafkaConnector) {
		if kc.Annotations == nil {
			kc.Annotations = map[string]string{}
		}
		kc.Annotations[v1.AnnotationOwned] = string(kc.UID)
	})
	if err != nil {
		return err
	}
	// A memory that is there from the beginning: one that is missing later was lost. An acknowledgement that is there already speaks of nothing.
	m := mind{acknowledged: p.kc.Annotations[v1.AnnotationAcknowledge]}
	return m.write(p.kc)
}

// apply gives the configuration to Connect, unless the linter finds that it cannot work.
func (p *pass) apply(ctx context.Context, diff connect.Diff) error {
	if blocked := p.lint(); blocked {
		return nil
	}
	rej := &p.memo.rejected
	if rej.revision == p.want.revision && p.now.Before(rej.until) {
		p.synced(no, "Rejected", rej.message)
		return nil
	}
	if err := p.fresh(ctx); err != nil {
		return err
	}
	change, err := p.client.Apply(ctx, p.kc.Name, p.want.config, connect.ApplyOptions{InitialState: p.initialState()})
	if err != nil {
		if c, ok := errors.AsType[*connect.Error](err); ok && c.StatusCode >= 400 && !errors.Is(err, connect.ErrUnavailable) && !errors.Is(err, connect.ErrRebalancing) && !errors.Is(err, connect.ErrTimeout) {
			if rej.revision != p.want.revision {
				rej.revision, rej.times = p.want.revision, 0
			}
			rej.times++
			rej.until = p.now.Add(min(15*time.Second<<min(rej.times, 5), 5*time.Minute))
			rej.message = "Connect refuses the configuration: " + p.want.mask(err.Error())
			p.synced(no, "Rejected", rej.message)
			return nil
		}
		p.refused("giving the configuration to Connect", err)
		return nil
	}
	rej.times, rej.revision = 0, ""
	p.memo.appliedAt = p.now
	p.memo.missing = 0
	p.setApplied()
	if change.Action == connect.ChangeCreate && p.initialState() != "" {
		p.kc.Status.Applied.State = p.kc.Spec.State
	}
	p.synced(yes, "Applied", "Connect has the configuration that spec asks for")
	switch change.Action {
	case connect.ChangeCreate:
		p.tell(normal, "Created", "Create", "created the connector %s", p.kc.Name)
	case connect.ChangeUpdate:
		if len(change.Diff) > 0 {
			diff = change.Diff
		}
		p.tell(normal, "Updated", "Update", "updated the configuration: %s", keys(diff))
	case connect.ChangeNone:
	}
	return nil
}

// keys names what differs, without values: anybody may read an event.
func keys(diff connect.Diff) string {
	const most = 20
	var names []string
	for i := range diff {
		if i == most {
			names = append(names, fmt.Sprintf("%d more", len(diff)-most))
			break
		}
		names = append(names, diff[i].Key+" "+string(diff[i].Kind))
	}
	return strings.Join(names, ", ")
}

func (p *pass) setApplied() {
	if p.kc.Status.Applied == nil {
		p.kc.Status.Applied = &v1.Applied{}
	}
	p.kc.Status.Applied.Revision = p.want.revision
}

// lint blocks a configuration that cannot work, and tells once of what is doubtful.
func (p *pass) lint() (blocked bool) {
	findings := errtolerance.Lint(p.want.config, errtolerance.Target{KafkaVersion: p.cluster.kafkaVersion(), Complete: true})
	if bad := findings.AtLeast(errtolerance.SeverityError); len(bad) > 0 {
		p.synced(no, "InvalidConfig", "nothing was given to Connect: "+p.want.mask(text(bad)))
		return true
	}
	if p.memo.linted != p.want.revision {
		p.memo.linted = p.want.revision
		for _, f := range findings.AtLeast(errtolerance.SeverityWarning) {
			p.tell(warning, "Lint"+f.Code, "Lint", "%s", p.want.mask(text(errtolerance.Findings{f})))
		}
	}
	return false
}

func text(findings errtolerance.Findings) string {
	lines := make([]string, len(findings))
	for i, f := range findings {
		lines[i] = strings.TrimSpace(f.Code + " " + f.Key + ": " + f.Message)
		if f.Fix != "" {
			lines[i] += " Fix: " + f.Fix
		}
	}
	return strings.Join(lines, "; ")
}

// refused is for a call that Connect could not answer now; the next pass tries again.
func (p *pass) refused(what string, err error) {
	if errors.Is(err, context.Canceled) {
		return
	}
	reason := "ConnectError"
	switch {
	case errors.Is(err, connect.ErrRebalancing):
		reason = "Rebalancing"
	case errors.Is(err, connect.ErrUnauthorized), errors.Is(err, connect.ErrForbidden):
		reason = "Unauthorized"
	case errors.Is(err, connect.ErrUnavailable), errors.Is(err, connect.ErrTimeout):
		reason = "ConnectUnreachable"
	}
	p.synced(unknown, reason, what+": "+p.want.mask(err.Error()))
}

func (p *pass) initialState() connect.State {
	switch p.kc.Spec.State {
	case v1.StatePaused:
		return connect.StatePaused
	case v1.StateStopped:
		return connect.StateStopped
	case v1.StateRunning:
	}
	return ""
}

// syncState pauses, stops or resumes where spec.state was changed, or somebody else did and the policy is Enforce.
func (p *pass) syncState(ctx context.Context, found *connect.ExpandedConnector) error {
	want, applied := p.kc.Spec.State, p.kc.Status.Applied
	if want == "" {
		if applied != nil {
			applied.State = ""
		}
		return nil
	}
	if found.Status == nil || applied == nil {
		return nil
	}
	ordered := applied.State != want
	if !ordered && !differs(want, found.Status.Connector.State) {
		return nil
	}
	live, err := p.client.GetStatus(ctx, p.kc.Name)
	if err != nil {
		p.refused("reading the state", err)
		return nil
	}
	now := live.Connector.State
	// An order to pause or stop holds for a connector that is FAILED as well: the wish is kept until it runs again.
	still := now == connect.StatePaused || now == connect.StateStopped
	if !differs(want, now) && (!ordered || want == v1.StateRunning || still) {
		applied.State = want
		return nil
	}
	if !ordered && p.kc.Spec.DriftPolicy != v1.DriftEnforce {
		p.synced(no, "StateDrifted", fmt.Sprintf("somebody made the connector %s at Connect, where spec.state is %s. driftPolicy Report leaves it; Enforce changes it back", now, want))
		return nil
	}
	if err := p.fresh(ctx); err != nil {
		return err
	}
	switch want {
	case v1.StatePaused:
		err = p.client.Pause(ctx, p.kc.Name)
	case v1.StateStopped:
		err = p.client.Stop(ctx, p.kc.Name)
	case v1.StateRunning:
		err = p.client.Resume(ctx, p.kc.Name)
	}
	if err != nil {
		p.refused("changing the state to "+string(want), err)
		return nil
	}
	applied.State = want
	p.tell(normal, "StateChanged", "ChangeState", "the connector was %s and was asked to be %s", now, want)
	return nil
}

// differs reports whether a state contradicts what is wanted. FAILED, UNASSIGNED and RESTARTING say nothing about what somebody wants.
func differs(want v1.State, now connect.State) bool {
	switch now {
	case connect.StateRunning:
		return want != v1.StateRunning
	case connect.StatePaused:
		return want != v1.StatePaused
	case connect.StateStopped:
		return want != v1.StateStopped
	default:
		return false
	}
}
