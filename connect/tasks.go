package connect

import (
	"context"
	"strconv"
)

// Task is one task's id and configuration. Values that came from a reference are shown as that reference.
type Task struct {
	ID     TaskID `json:"id"`
	Config Config `json:"config"`
}

// ListTasks lists a connector's tasks with their configurations.
//
// GET /connectors/{connector}/tasks, every version. Waits for the herder. Sent again like any read. ErrNotFound.
func (c *Client) ListTasks(ctx context.Context, name string) ([]Task, error) {
	s, a, err := c.call(ctx, &epTasks, name, "/tasks", nil, nil)
	if err != nil {
		return nil, err
	}
	var wire []struct {
		ID     *TaskID `json:"id"`
		Config Config  `json:"config"`
	}
	if err := decodeJSON(a.body, &wire); err != nil {
		return nil, s.decodeError(a, err)
	}
	tasks := make([]Task, 0, len(wire))
	for _, t := range wire {
		if t.ID == nil || t.ID.Connector == "" {
			return nil, s.decodeError(a, errShape)
		}
		tasks = append(tasks, Task{ID: *t.ID, Config: t.Config})
	}
	return tasks, nil
}

// GetTaskStatus returns one task's status.
//
// GET /connectors/{connector}/tasks/{task}/status, every version; answered from memory. Sent again like any read. ErrNotFound, also for a task that has not written a status yet.
func (c *Client) GetTaskStatus(ctx context.Context, id TaskID) (*TaskStatus, error) {
	if err := checkTask(id); err != nil {
		return nil, err
	}
	s, a, err := c.call(ctx, &epTaskStatus, id.Connector, "/tasks/"+strconv.Itoa(id.Task)+"/status", nil, nil)
	if err != nil {
		return nil, err
	}
	var t taskState
	err = decodeJSON(a.body, &t)
	if err == nil && (t.ID == nil || t.State == "") {
		err = errShape
	}
	if err != nil {
		return nil, s.decodeError(a, err)
	}
	st := t.status(id.Connector)
	return &st, nil
}

func checkTask(id TaskID) error {
	if err := checkName("connector name", id.Connector); err != nil {
		return err
	}
	if id.Task < 0 {
		return inputError(nil, "the task number %d is negative", id.Task)
	}
	return nil
}

// RestartTask stops one task and starts it anew. Without an error the task was submitted; that it runs shows in its status, later.
//
// POST /connectors/{connector}/tasks/{task}/restart, every version. Carried out by the worker that owns the task. Never sent again after an answer that leaves the outcome open.
// ErrNotFound (also for a connector STOPPED from its start), ErrRebalancing, which can last for minutes after a worker died, and for good for a task that the connector does not have any more (STOPPED, or fewer tasks). An error with Applied yes means that the task was restarted and failed again at once.
func (c *Client) RestartTask(ctx context.Context, id TaskID) error {
	if err := checkTask(id); err != nil {
		return err
	}
	return c.bare(ctx, &epRestartTask, id.Connector, "/tasks/"+strconv.Itoa(id.Task)+"/restart")
}
