package connect

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"strings"
	"time"
)

// taskState and connectorState are the wire forms of ConnectorStateInfo.
type taskState struct {
	ID *int `json:"id"`
	instanceState
}

// A null leaves the zero value, which is what Connect's nulls mean here.
type instanceState struct {
	State    State  `json:"state"`
	WorkerID string `json:"worker_id"`
	Version  string `json:"version"`
	Trace    string `json:"trace"`
}

func (w *instanceState) instance() InstanceStatus {
	return InstanceStatus{State: w.State, WorkerID: w.WorkerID, Version: w.Version, Trace: w.Trace}
}

func (w *taskState) status(connector string) TaskStatus {
	return TaskStatus{ID: TaskID{Connector: connector, Task: *w.ID}, InstanceStatus: w.instance()}
}

type connectorState struct {
	Name      string        `json:"name"`
	Type      ConnectorType `json:"type"`
	Connector instanceState `json:"connector"`
	Tasks     []taskState   `json:"tasks"`
}

func (w *connectorState) status() (*ConnectorStatus, error) {
	if w.Name == "" || w.Connector.State == "" {
		return nil, errShape
	}
	s := &ConnectorStatus{Name: w.Name, Type: connectorType(w.Type), Connector: w.Connector.instance(), Tasks: make([]TaskStatus, len(w.Tasks))}
	for i := range w.Tasks {
		if w.Tasks[i].ID == nil || w.Tasks[i].State == "" {
			return nil, errShape
		}
		s.Tasks[i] = w.Tasks[i].status(w.Name)
	}
	return s, nil
}

// connectorType brings a type to the lower case that Connect uses; none is unknown.
func connectorType(t ConnectorType) ConnectorType {
	if t == "" {
		return TypeUnknown
	}
	return ConnectorType(strings.ToLower(string(t)))
}

func decodeStatus(body []byte) (*ConnectorStatus, error) {
	var w connectorState
	if err := decodeJSON(body, &w); err != nil {
		return nil, err
	}
	return w.status()
}

// GetStatus returns the states of a connector and its tasks. RUNNING is what the last worker to write said: after a worker died it stays for minutes.
//
// GET /connectors/{connector}/status, every version; answered from the asked worker's memory, so two workers can differ for a moment. Sent again like any read.
// ErrNotFound, also for a connector so new that no status was written yet.
func (c *Client) GetStatus(ctx context.Context, name string) (*ConnectorStatus, error) {
	s, a, err := c.call(ctx, &epStatus, name, "/status", nil, nil)
	if err != nil {
		return nil, err
	}
	st, err := decodeStatus(a.body)
	if err != nil {
		return nil, s.decodeError(a, err)
	}
	return st, nil
}

// Expand says what ListExpanded asks for. Info costs the worker a copy of every configuration per connector: use it sparingly on large clusters.
type Expand struct{ Status, Info bool }

// ExpandedConnector is what ListExpanded answers for one connector; what was not asked for is nil. Info is also nil for a connector that was just deleted.
type ExpandedConnector struct {
	Status *ConnectorStatus `json:"status,omitempty"`
	Info   *Connector       `json:"info,omitempty"`
}

type expandedWire struct {
	Status *connectorState `json:"status"`
	Info   *connectorInfo  `json:"info"`
}

// ListStatuses returns the status of every connector that has one. A connector whose first status is not written yet is missing; ListConnectors has it.
//
// GET /connectors?expand=status, Kafka 2.3 (KIP-465); ErrUnsupported below. One request, answered from memory. Sent again like any read. Statuses uses less memory.
func (c *Client) ListStatuses(ctx context.Context) (map[string]ConnectorStatus, error) {
	out := map[string]ConnectorStatus{}
	for st, err := range c.Statuses(ctx) {
		if err != nil {
			return nil, err
		}
		out[st.Name] = st
	}
	return out, nil
}

// ListExpanded returns status, configuration or both of every connector. With Status, a connector that has none yet is missing altogether.
//
// GET /connectors?expand=status&expand=info, Kafka 2.3 (KIP-465); ErrUnsupported below. Sent again like any read.
func (c *Client) ListExpanded(ctx context.Context, e Expand) (map[string]ExpandedConnector, error) {
	var q []string
	if e.Status {
		q = append(q, "expand=status")
	}
	if e.Info {
		q = append(q, "expand=info")
	}
	if len(q) == 0 {
		return nil, inputError(nil, "Expand: set Status, Info or both")
	}
	out := map[string]ExpandedConnector{}
	err := c.streamExpanded(ctx, strings.Join(q, "&"), func(name string, w *expandedWire) (bool, error) {
		var x ExpandedConnector
		var err error
		if w.Status != nil {
			if x.Status, err = w.Status.status(); err != nil {
				return false, err
			}
		}
		if w.Info != nil {
			if x.Info, err = w.Info.connector(); err != nil {
				return false, err
			}
		}
		out[name] = x
		return true, nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// Statuses streams the status of every connector: each range over it is one request whose answer is decoded as it arrives, so that memory does not grow
// with the number of connectors. Each value is the caller's. An error is the last element; what came before it is a part of the whole, so do not take a missing connector for a deleted one then.
// The time of the loop's body does not count against the call.
//
// GET /connectors?expand=status, Kafka 2.3 (KIP-465); ErrUnsupported below. Answered from memory. Sent again like any read until the answer begins.
func (c *Client) Statuses(ctx context.Context) iter.Seq2[ConnectorStatus, error] {
	return func(yield func(ConnectorStatus, error) bool) {
		stopped := false
		err := c.streamExpanded(ctx, "expand=status", func(_ string, w *expandedWire) (bool, error) {
			if w.Status == nil {
				return true, nil
			}
			st, err := w.Status.status()
			if err != nil {
				return false, err
			}
			stopped = !yield(*st, nil)
			return !stopped, nil
		})
		if err != nil && !stopped {
			yield(ConnectorStatus{}, err)
		}
	}
}

// Connectors streams type, tasks and config of every connector: each range over it is one request whose answer is decoded as it arrives, so that memory does
// not grow with the number of connectors. Each value is the caller's; its Config can hold secrets. An error is the last element, as with Statuses. A connector
// that was just deleted is left out.
//
// GET /connectors?expand=info, Kafka 2.3 (KIP-465); ErrUnsupported below. Answered from memory. Sent again like any read until the answer begins.
func (c *Client) Connectors(ctx context.Context) iter.Seq2[Connector, error] {
	return func(yield func(Connector, error) bool) {
		stopped := false
		err := c.streamExpanded(ctx, "expand=info", func(_ string, w *expandedWire) (bool, error) {
			if w.Info == nil {
				return true, nil
			}
			con, err := w.Info.connector()
			if err != nil {
				return false, err
			}
			stopped = !yield(*con, nil)
			return !stopped, nil
		})
		if err != nil && !stopped {
			yield(Connector{}, err)
		}
	}
}

// streamExpanded decodes an expanded list element by element. each returns false to stop.
func (c *Client) streamExpanded(ctx context.Context, query string, each func(name string, w *expandedWire) (bool, error)) error {
	if err := c.require(ctx, &epListExpand, "/connectors", epListExpand.since, false); err != nil {
		return err
	}
	s := c.newSession(&epListExpand, "/connectors")
	s.query, s.stream = query, true
	sendCtx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var timer *time.Timer
	if _, ok := ctx.Deadline(); !ok {
		timer = time.AfterFunc(defaultCallTimeout, func() { cancel(context.DeadlineExceeded) })
	}
	resp, err := s.send(sendCtx)
	if timer != nil {
		timer.Stop()
	}
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	return s.decodeExpanded(ctx, resp.Body, each)
}

func (s *session) decodeExpanded(ctx context.Context, body io.Reader, each func(name string, w *expandedWire) (bool, error)) error {
	r := &streamReader{r: body, limit: s.c.core.maxBytes}
	fail := func(err error) error {
		switch {
		case ctx.Err() != nil:
			return s.transportError(errors.Join(ctx.Err(), ifOther(context.Cause(ctx), ctx.Err())), true)
		case r.err != nil:
			return s.transportError(r.err, true)
		case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
			if r.total == 0 {
				err = errEmptyBody
			} else {
				e := s.transportError(io.ErrUnexpectedEOF, true)
				e.Message = "the answer broke off"
				e.kinds = []error{ErrUnavailable, ErrNotConnect}
				return e
			}
		}
		return s.decodeError(&answer{status: s.last.status, header: s.last.header, body: r.head}, err)
	}
	dec := json.NewDecoder(r)
	tok, err := dec.Token()
	if err != nil {
		return fail(err)
	}
	if tok == json.Delim('[') {
		e := inputError(ErrUnsupported, "needs %s: the worker answered a plain list", epListExpand.since)
		e.Method, e.Path, e.Worker, e.StatusCode = s.method, s.path, s.workerURL(), s.last.status
		return e
	}
	if tok != json.Delim('{') {
		return fail(errShape)
	}
	for dec.More() {
		tok, err := dec.Token()
		if err != nil {
			return fail(err)
		}
		name, _ := tok.(string)
		var raw *expandedWire
		if err := dec.Decode(&raw); err != nil {
			return fail(err)
		}
		r.element = 0
		if raw == nil {
			return fail(errShape)
		}
		more, err := each(name, raw)
		if err != nil {
			return fail(err)
		}
		if !more {
			return nil
		}
		if ctx.Err() != nil {
			return fail(ctx.Err())
		}
	}
	if _, err := dec.Token(); err != nil { // the closing brace
		return fail(err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		if err == nil {
			err = errShape
		}
		return fail(err)
	}
	return nil
}

func ifOther(err, than error) error {
	if errors.Is(err, than) {
		return nil
	}
	return err
}

// streamReader bounds what one element takes and how long all of the reading may last, and keeps the head of the body for an error.
type streamReader struct {
	r       io.Reader
	limit   int64
	element int64
	total   int64
	spent   time.Duration
	head    []byte
	err     error
}

func (r *streamReader) Read(p []byte) (int, error) {
	begin := time.Now()
	n, err := r.r.Read(p)
	r.spent += time.Since(begin)
	if len(r.head) < 512 {
		r.head = append(r.head, p[:min(n, 512-len(r.head))]...)
	}
	r.element += int64(n)
	r.total += int64(n)
	switch {
	case err != nil && !errors.Is(err, io.EOF):
		r.err = err
	case r.element > r.limit:
		err, r.err = errTooLarge, errTooLarge
	case r.spent > defaultCallTimeout:
		err, r.err = errNoProgress, errNoProgress
	}
	return n, err
}
