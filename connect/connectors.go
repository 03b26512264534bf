package connect

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// CreateRequest is what CreateConnector sends.
type CreateRequest struct {
	Name   string `json:"name"`
	Config Config `json:"config"`
	// InitialState is RUNNING, PAUSED or STOPPED, since Kafka 3.7 (KIP-980). Empty means RUNNING.
	InitialState State `json:"initial_state,omitempty"`
}

// Connector is a connector's configuration and tasks.
type Connector struct {
	Name string        `json:"name"`
	Type ConnectorType `json:"type"`
	// Config has no key whose value is null; NullKeys names those. Connect stores a null for a key that the connector defines, and the connector fails on it.
	Config   Config   `json:"config"`
	NullKeys []string `json:"null_keys,omitempty"`
	// Tasks is the list before the change in the answers of CreateConnector, PutConfig and PatchConfig, so empty after a create.
	Tasks []TaskID `json:"tasks"`
}

type connectorInfo struct {
	Name   string          `json:"name"`
	Type   ConnectorType   `json:"type"`
	Config json.RawMessage `json:"config"`
	Tasks  []TaskID        `json:"tasks"`
}

func (w *connectorInfo) connector() (*Connector, error) {
	if w.Name == "" || len(w.Config) == 0 {
		return nil, errShape
	}
	cfg, nulls, err := decodeConfig(w.Config)
	if err != nil {
		return nil, err
	}
	if cfg == nil {
		return nil, errShape
	}
	c := &Connector{Name: w.Name, Config: cfg, NullKeys: nulls, Tasks: w.Tasks, Type: connectorType(w.Type)}
	return c, nil
}

func decodeConnector(body []byte) (*Connector, error) {
	var w connectorInfo
	if err := decodeJSON(body, &w); err != nil {
		return nil, err
	}
	return w.connector()
}

// ListConnectors lists the names of all connectors, sorted. A worker that has just started can answer an empty or a partial list.
//
// GET /connectors, every version; answered from memory since Kafka 2.3. Sent again like any read.
func (c *Client) ListConnectors(ctx context.Context) ([]string, error) {
	s := c.newSession(&epList, "/connectors")
	a, err := s.do(ctx)
	if err != nil {
		return nil, err
	}
	names := []string{}
	if err := decodeJSON(a.body, &names); err != nil {
		return nil, s.decodeError(a, err)
	}
	if slices.Contains(names, "") {
		return nil, s.decodeError(a, errShape)
	}
	slices.Sort(names)
	return names, nil
}

// CreateConnector creates a connector.
//
// POST /connectors, every version; InitialState Kafka 3.7 (KIP-980). Carried out by the leader. It is never sent again after an answer that leaves the outcome open (a 500, a 502 to 504, a time-out):
// the client then reads the connector, and returns it without an error if it has the configuration that was sent.
// ErrAlreadyExists, ErrInvalidConfig (also for an unknown class, which is a 500 up to Kafka 4.0), ErrRebalancing.
func (c *Client) CreateConnector(ctx context.Context, r CreateRequest) (*Connector, error) {
	if err := checkMasks(r.Name, r.Config); err != nil {
		return nil, err
	}
	return c.create(ctx, r)
}

func (c *Client) create(ctx context.Context, r CreateRequest) (*Connector, error) {
	if err := c.checkNewName(ctx, r.Name); err != nil {
		return nil, err
	}
	if r.Config == nil {
		r.Config = Config{}
	}
	switch r.InitialState {
	case "":
	case StateRunning, StatePaused, StateStopped:
		if err := c.require(ctx, &epCreate, "/connectors", sinceInitial, true); err != nil {
			return nil, err
		}
	default:
		return nil, inputError(nil, "InitialState %q is not RUNNING, PAUSED or STOPPED", r.InitialState)
	}
	s := c.newSession(&epCreate, "/connectors")
	s.secrets = secretsOf(r.Name, r.Config)
	var err error
	if s.body, err = json.Marshal(r); err != nil {
		return nil, inputError(nil, "the connector cannot be written as JSON")
	}
	name := strings.TrimFunc(r.Name, func(c rune) bool { return c <= ' ' }) // as Connect trims it
	a, err := s.do(ctx)
	var conn *Connector
	if err == nil {
		if conn, err = decodeConnector(a.body); err != nil {
			err = s.decodeError(a, err)
		}
	}
	if err != nil {
		conn, err = c.readBack(ctx, s, name, r.Config, err)
	}
	if err == nil {
		c.noteCreated(conn.Name)
	}
	return conn, err
}

// readBack finds out what a create whose answer left the outcome open has done.
func (c *Client) readBack(ctx context.Context, s *session, name string, sent Config, err error) (*Connector, error) {
	var e *Error
	if !errors.As(err, &e) || e.Applied != AppliedUnknown || ctx.Err() != nil {
		return nil, err
	}
	r := c.newSession(&epGet, connectorPath(name, ""))
	r.secrets = s.secrets
	a, getErr := r.do(ctx)
	if errors.Is(getErr, ErrNotFound) {
		// A 500 that is no time-out is an answer of the herder, which has refused.
		if e.StatusCode == http.StatusInternalServerError && e.Code != 0 && !e.Is(ErrTimeout) && !e.Is(ErrUnavailable) {
			e.Applied = AppliedNo
			return nil, e
		}
		e.Message = join(e.Message, "read back: the connector does not exist yet, the request may still be carried out")
		return nil, e
	}
	if getErr != nil {
		e.Message = join(e.Message, "and reading back whether it happened failed too")
		return nil, e
	}
	conn, decodeErr := decodeConnector(a.body)
	if decodeErr != nil {
		e.Message = join(e.Message, "and reading back whether it happened failed too")
		return nil, e
	}
	if len(diff(conn.Config, nil, sent)) > 0 {
		e.Message = join(e.Message, "read back: a connector of this name exists with another configuration")
		return nil, e
	}
	return conn, nil
}

func join(a, b string) string {
	if a == "" {
		return b
	}
	return a + "; " + b
}

// createdLag is how long after a create another worker behind a balancer may not know the connector yet.
const createdLag = 30 * time.Second

func (c *Client) noteCreated(name string) {
	now := time.Now()
	c.core.mu.Lock()
	defer c.core.mu.Unlock()
	maps.DeleteFunc(c.core.created, func(_ string, at time.Time) bool { return now.Sub(at) > createdLag })
	c.core.created[name] = now
}

// justCreated reports whether this client created the connector so recently that a 404 means "not seen yet".
func (c *Client) justCreated(name string) bool {
	c.core.mu.Lock()
	defer c.core.mu.Unlock()
	at, ok := c.core.created[name]
	return ok && time.Since(at) <= createdLag
}

// call sends a call on one connector and returns its answer.
func (c *Client) call(ctx context.Context, ep *endpoint, name, suffix string, body []byte, secrets []string) (*session, *answer, error) {
	if err := c.checkAddress(ctx, ep, name); err != nil {
		return nil, nil, err
	}
	path := connectorPath(name, suffix)
	if err := c.require(ctx, ep, path, ep.since, false); err != nil {
		return nil, nil, err
	}
	s := c.newSession(ep, path)
	s.body, s.secrets = body, secrets
	a, err := s.do(ctx)
	return s, a, err
}

// bare sends a call on one connector whose success has no body. A page instead of none is no answer of Connect.
func (c *Client) bare(ctx context.Context, ep *endpoint, name, suffix string) error {
	s, a, err := c.call(ctx, ep, name, suffix, nil, nil)
	if err == nil && len(bytes.TrimSpace(a.body)) > 0 && !json.Valid(a.body) {
		return s.decodeError(a, errShape)
	}
	return err
}

// GetConnector returns a connector's configuration, type and task ids. Its configuration is raw: references are not resolved.
//
// GET /connectors/{connector}, every version. Waits for the herder. Sent again like any read, also after the 409 or 500 of a rebalance. ErrNotFound.
func (c *Client) GetConnector(ctx context.Context, name string) (*Connector, error) {
	s, a, err := c.call(ctx, &epGet, name, "", nil, nil)
	if err != nil {
		return nil, err
	}
	conn, err := decodeConnector(a.body)
	if err != nil {
		return nil, s.decodeError(a, err)
	}
	return conn, nil
}

// GetConfig returns a connector's configuration. Keys whose value is null are left out; GetConnector names them.
//
// GET /connectors/{connector}/config, every version. Waits for the herder. Sent again like any read. ErrNotFound.
func (c *Client) GetConfig(ctx context.Context, name string) (Config, error) {
	s, a, err := c.call(ctx, &epGetConfig, name, "/config", nil, nil)
	if err != nil {
		return nil, err
	}
	var raw json.RawMessage
	var cfg Config
	if err = decodeJSON(a.body, &raw); err == nil {
		cfg, _, err = decodeConfig(raw)
	}
	if err == nil && cfg == nil {
		err = errShape
	}
	if err != nil {
		return nil, s.decodeError(a, err)
	}
	return cfg, nil
}

// PutConfig creates a connector or replaces its whole configuration; created says which. An identical configuration still restarts the connector
// instance; Apply sends only what differs.
//
// PUT /connectors/{connector}/config, every version. Carried out by the leader. Never sent again after an answer that leaves the outcome open. ErrInvalidConfig.
func (c *Client) PutConfig(ctx context.Context, name string, cfg Config) (conn *Connector, created bool, err error) {
	if err := checkMasks(name, cfg); err != nil {
		return nil, false, err
	}
	return c.put(ctx, name, cfg)
}

func (c *Client) put(ctx context.Context, name string, cfg Config) (conn *Connector, created bool, err error) {
	if err := checkName("connector name", name); err != nil {
		return nil, false, err
	}
	if cfg == nil {
		cfg = Config{}
	}
	body, err := json.Marshal(cfg)
	if err != nil {
		return nil, false, inputError(nil, "the configuration of %q cannot be written as JSON", name)
	}
	s, a, err := c.call(ctx, &epPutConfig, name, "/config", body, secretsOf(name, cfg))
	if err != nil {
		return nil, false, err
	}
	if conn, err = decodeConnector(a.body); err != nil {
		return nil, false, s.decodeError(a, err)
	}
	if created = a.status == http.StatusCreated; created {
		c.noteCreated(conn.Name)
	}
	return conn, created, nil
}

// PatchConfig changes some keys of a configuration; a nil value deletes its key.
//
// PATCH /connectors/{connector}/config, Kafka 3.8 (KIP-477); ErrUnsupported below. Carried out by the leader. Never sent again after an answer that leaves the outcome open.
// ErrNotFound, ErrInvalidConfig.
func (c *Client) PatchConfig(ctx context.Context, name string, p ConfigPatch) (*Connector, error) {
	if err := checkName("connector name", name); err != nil {
		return nil, err
	}
	if p == nil {
		p = ConfigPatch{}
	}
	set := make(map[string]string, len(p))
	for k, v := range p {
		if v != nil {
			set[k] = *v
		}
	}
	// Connect does not check the name here, and stores another one under the old connector.
	if n, ok := p["name"]; ok && (n == nil || *n != name) {
		return nil, inputError(ErrInvalidConfig, "a patch cannot rename the connector %q", name)
	}
	if err := checkMasks(name, set); err != nil {
		return nil, err
	}
	body, err := json.Marshal(p)
	if err != nil {
		return nil, inputError(nil, "the patch of %q cannot be written as JSON", name)
	}
	s, a, err := c.call(ctx, &epPatchConfig, name, "/config", body, secretsOf(name, set))
	if err != nil {
		return nil, err
	}
	conn, err := decodeConnector(a.body)
	if err != nil {
		return nil, s.decodeError(a, err)
	}
	return conn, nil
}

// DeleteConnector deletes a connector. Its tasks stop at the rebalance that follows; until then its status still answers, with type "unknown".
//
// DELETE /connectors/{connector}, every version. Carried out by the leader. Never sent again after an answer that leaves the outcome open: by then somebody may have created the connector anew.
// ErrNotFound.
func (c *Client) DeleteConnector(ctx context.Context, name string) error {
	err := c.bare(ctx, &epDelete, name, "")
	if err == nil {
		c.core.mu.Lock()
		delete(c.core.created, name)
		c.core.mu.Unlock()
	}
	return err
}
