package connect

import (
	"context"
	"slices"
)

// ListTopics lists the topics that a connector has used since it was created or since the last ResetTopics, sorted. A connector that does not exist has none: this is no ErrNotFound.
//
// GET /connectors/{connector}/topics, Kafka 2.5 (KIP-558); ErrUnsupported below. Answered from memory. Sent again like any read. ErrForbidden where topic tracking is switched off.
func (c *Client) ListTopics(ctx context.Context, name string) ([]string, error) {
	s, a, err := c.call(ctx, &epTopics, name, "/topics", nil, nil)
	if err != nil {
		return nil, err
	}
	var w map[string]struct {
		Topics *[]string `json:"topics"`
	}
	if err := decodeJSON(a.body, &w); err != nil {
		return nil, s.decodeError(a, err)
	}
	entry, ok := w[name]
	if !ok || entry.Topics == nil || len(w) != 1 {
		return nil, s.decodeError(a, errShape)
	}
	topics := append([]string{}, *entry.Topics...)
	slices.Sort(topics)
	return topics, nil
}

// ResetTopics empties the list of topics that a connector has used. It is no error for a connector that does not exist.
//
// PUT /connectors/{connector}/topics/reset, Kafka 2.5 (KIP-558); ErrUnsupported below. Never sent again after an answer that leaves the outcome open. ErrForbidden.
func (c *Client) ResetTopics(ctx context.Context, name string) error {
	return c.bare(ctx, &epResetTopics, name, "/topics/reset")
}
