package recovery

import (
	"context"
	"errors"
	"iter"
	"net"
	"net/http"
	"slices"
	"strings"

	"github.com/go-reconnect/reconnect/connect"
)

// Connect is what a Supervisor needs of a Connect cluster; *connect.Client has it.
type Connect interface {
	ListConnectors(ctx context.Context) ([]string, error)
	Statuses(ctx context.Context) iter.Seq2[connect.ConnectorStatus, error]
	GetStatus(ctx context.Context, name string) (*connect.ConnectorStatus, error)
	GetConfig(ctx context.Context, name string) (connect.Config, error)
	Restart(ctx context.Context, name string, opts connect.RestartOptions) (*connect.RestartPlan, error)
	RestartTask(ctx context.Context, id connect.TaskID) error
}

// Act sends the restart that a decision asks for, as one request where that restarts nothing but what the decision names, and says what became
// of it, ready for Settle. The error, if any, explains an answer other than accepted. It sends nothing twice.
func Act(ctx context.Context, c Connect, d Decision) (Answer, error) {
	_, answer, err := act(ctx, c, d)
	return answer, err
}

// act also returns the plan, when Connect gave one.
func act(ctx context.Context, c Connect, d Decision) (*connect.RestartPlan, Answer, error) {
	if d.Action != ActionRestart {
		return nil, AnswerRefused, errors.New("recovery: the decision asks for no restart")
	}
	if d.Connector == "" {
		return nil, AnswerRefused, errors.New("recovery: the decision names no connector")
	}
	if d.Running && d.IncludeConnector && (!d.PerTask || len(d.Tasks) == 0) {
		plan, err := c.Restart(ctx, d.Connector, connect.RestartOptions{IncludeTasks: len(d.Tasks) > 0})
		return plan, answerOf(err), err
	}
	if d.Whole && !d.PerTask && !d.Running {
		plan, err := c.Restart(ctx, d.Connector, connect.RestartOptions{IncludeTasks: len(d.Tasks) > 0, OnlyFailed: true})
		if err != nil && plan != nil && (plan.Connector || len(plan.Tasks) > 0) {
			// One by one, on an old version: a part was accepted, so it counts.
			return plan, AnswerAccepted, err
		}
		return plan, answerOf(err), err
	}
	var answers []Answer
	var errs []error
	if d.IncludeConnector {
		_, err := c.Restart(ctx, d.Connector, connect.RestartOptions{OnlyFailed: !d.PerTask && !d.Running})
		answers, errs = append(answers, answerOf(err)), append(errs, err)
	}
	answer, err := actTasks(ctx, c, d, answers)
	return nil, answer, errors.Join(append(errs, err)...)
}

func actTasks(ctx context.Context, c Connect, d Decision, answers []Answer) (Answer, error) {
	var errs []error
	for _, task := range d.Tasks {
		err := c.RestartTask(ctx, connect.TaskID{Connector: d.Connector, Task: task})
		answers, errs = append(answers, answerOf(err)), append(errs, err)
	}
	return together(answers), errors.Join(errs...)
}

// together is the answer to several requests: anything that was or may have been carried out counts.
func together(answers []Answer) Answer {
	for _, a := range []Answer{AnswerAccepted, AnswerUnknown, AnswerFailed, AnswerForbidden} {
		if slices.Contains(answers, a) {
			return a
		}
	}
	return AnswerRefused
}

// answerOf says what an error of a restart means for the budget.
func answerOf(err error) Answer {
	if err == nil {
		return AnswerAccepted
	}
	if errors.Is(err, connect.ErrForbidden) {
		return AnswerForbidden
	}
	if ce, ok := errors.AsType[*connect.Error](err); ok {
		switch {
		case ce.StatusCode == http.StatusInternalServerError && strings.Contains(ce.Message, "Failed to start task"):
			// The task's FAILED is already written. The same words about a connector also mean "superseded by another restart" (rest-verified 1, row 7).
			return AnswerFailed
		case ce.Applied == connect.AppliedNo, ce.Applied != connect.AppliedYes && definite(err):
			return AnswerRefused
		}
		return AnswerUnknown
	}
	if definite(err) {
		return AnswerRefused
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		return AnswerRefused
	}
	return AnswerUnknown
}

func definite(err error) bool {
	return errors.Is(err, connect.ErrRebalancing) || errors.Is(err, connect.ErrUnauthorized) || errors.Is(err, connect.ErrNotFound)
}
