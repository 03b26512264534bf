package connect

import "context"

// Pause pauses a connector and its tasks; FAILED ones stay FAILED. Pausing twice is no error.
//
// PUT /connectors/{connector}/pause, every version. The asked worker writes it itself. Never sent again after an answer that leaves the outcome open: it could undo what somebody did meanwhile. ErrNotFound.
func (c *Client) Pause(ctx context.Context, name string) error {
	return c.bare(ctx, &epPause, name, "/pause")
}

// Resume resumes a paused or stopped connector. It does not revive a FAILED connector or task.
//
// PUT /connectors/{connector}/resume, every version. As Pause. ErrNotFound.
func (c *Client) Resume(ctx context.Context, name string) error {
	return c.bare(ctx, &epResume, name, "/resume")
}

// Stop stops a connector and takes its tasks away; its configuration and offsets stay. Stopping twice is no error.
//
// PUT /connectors/{connector}/stop, Kafka 3.5 (KIP-875); ErrUnsupported below. Carried out by the leader. Never sent again after an answer that leaves the outcome open. ErrNotFound.
func (c *Client) Stop(ctx context.Context, name string) error {
	return c.bare(ctx, &epStop, name, "/stop")
}
