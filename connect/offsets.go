package connect

import (
	"bytes"
	"context"
	"encoding/json"
	"strconv"
)

// Offsets are a connector's committed offsets.
type Offsets []Offset

// Offset is the offset of one partition, as raw JSON so that numbers survive exactly. A source connector defines the shape of both; for a sink see SinkOffset.
// In a change, an Offset that is nil (or JSON null) resets the partition.
type Offset struct {
	Partition json.RawMessage `json:"partition"`
	Offset    json.RawMessage `json:"offset"`
}

// SinkOffset is the offset of one partition of a topic that a sink reads.
func SinkOffset(topic string, partition int, offset int64) Offset {
	t, _ := json.Marshal(topic) //nolint:errchkjson // a string always can
	return Offset{
		Partition: json.RawMessage(`{"kafka_topic":` + string(t) + `,"kafka_partition":` + strconv.Itoa(partition) + `}`),
		Offset:    json.RawMessage(`{"kafka_offset":` + strconv.FormatInt(offset, 10) + `}`),
	}
}

// Sink reads the offset of a sink connector. It returns false where the shape is another, and offset -1 where Offset is null.
func (o Offset) Sink() (topic string, partition int, offset int64, ok bool) {
	var p struct {
		Topic     *string `json:"kafka_topic"`
		Partition any     `json:"kafka_partition"`
	}
	if !decodeNumbers(o.Partition, &p) || p.Topic == nil {
		return "", 0, 0, false
	}
	n, ok := integer(p.Partition)
	if !ok || n < 0 || n > 1<<31-1 {
		return "", 0, 0, false
	}
	if isNull(o.Offset) {
		return *p.Topic, int(n), -1, true
	}
	var v struct {
		Offset any `json:"kafka_offset"`
	}
	if !decodeNumbers(o.Offset, &v) {
		return "", 0, 0, false
	}
	if offset, ok = integer(v.Offset); !ok {
		return "", 0, 0, false
	}
	return *p.Topic, int(n), offset, true
}

func decodeNumbers(raw json.RawMessage, out any) bool {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	return dec.Decode(out) == nil
}

// integer reads a JSON number, or a string that holds one: Connect accepts both.
func integer(v any) (int64, bool) {
	var text string
	switch n := v.(type) {
	case json.Number:
		text = n.String()
	case string:
		text = n
	default:
		return 0, false
	}
	i, err := strconv.ParseInt(text, 10, 64)
	return i, err == nil
}

func isNull(raw json.RawMessage) bool {
	t := bytes.TrimSpace(raw)
	return len(t) == 0 || string(t) == "null"
}

type offsetsWire struct {
	Offsets *[]Offset `json:"offsets"`
}

// GetOffsets returns a connector's committed offsets: those of its source partitions, or of the topics it reads.
//
// GET /connectors/{connector}/offsets, Kafka 3.5 (KIP-875); ErrUnsupported below. Waits for the herder. Sent again like any read. ErrNotFound.
func (c *Client) GetOffsets(ctx context.Context, name string) (Offsets, error) {
	s, a, err := c.call(ctx, &epGetOffsets, name, "/offsets", nil, nil)
	if err != nil {
		return nil, err
	}
	var w offsetsWire
	err = decodeJSON(a.body, &w)
	if err == nil && w.Offsets == nil {
		err = errShape
	}
	if err != nil {
		return nil, s.decodeError(a, err)
	}
	for i := range *w.Offsets {
		if o := &(*w.Offsets)[i]; isNull(o.Offset) {
			o.Offset = nil
		}
	}
	return Offsets(*w.Offsets), nil
}

// AlterOffsets changes the offsets of some partitions of a STOPPED connector and returns Connect's message, which says where the connector keeps offsets of its own.
//
// PATCH /connectors/{connector}/offsets, Kafka 3.6 (KIP-875); ErrUnsupported below. Carried out by the leader. Never sent again after an answer that leaves the outcome open.
// ErrNotStopped, ErrNotFound, ErrRebalancing.
func (c *Client) AlterOffsets(ctx context.Context, name string, offsets Offsets) (message string, err error) {
	if err := checkName("connector name", name); err != nil {
		return "", err
	}
	body := make(Offsets, len(offsets))
	for i, o := range offsets {
		if isNull(o.Partition) {
			o.Partition = json.RawMessage("null")
		} else if !json.Valid(o.Partition) {
			return "", inputError(nil, "the partition of offset %d is no JSON", i)
		}
		if isNull(o.Offset) {
			o.Offset = json.RawMessage("null")
		} else if !json.Valid(o.Offset) {
			return "", inputError(nil, "offset %d is no JSON", i)
		}
		body[i] = o
	}
	raw, err := json.Marshal(offsetsWire{(*[]Offset)(&body)})
	if err != nil {
		return "", inputError(nil, "the offsets cannot be written as JSON")
	}
	return c.changeOffsets(ctx, &epAlterOffsets, name, raw)
}

// ResetOffsets resets all offsets of a STOPPED connector and returns Connect's message. For a sink that deletes its consumer group.
//
// DELETE /connectors/{connector}/offsets, Kafka 3.6 (KIP-875); otherwise like AlterOffsets.
func (c *Client) ResetOffsets(ctx context.Context, name string) (message string, err error) {
	return c.changeOffsets(ctx, &epResetOffsets, name, nil)
}

func (c *Client) changeOffsets(ctx context.Context, ep *endpoint, name string, body []byte) (string, error) {
	s, a, err := c.call(ctx, ep, name, "/offsets", body, nil)
	if err != nil {
		return "", err
	}
	var w struct {
		Message *string `json:"message"`
	}
	err = decodeJSON(a.body, &w)
	if err == nil && w.Message == nil {
		err = errShape
	}
	if err != nil {
		return "", s.decodeError(a, err)
	}
	return *w.Message, nil
}
