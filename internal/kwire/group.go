package kwire

import (
	"context"
	"errors"
	"fmt"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol/describegroups"
)

// GroupState returns a group's state and how many members it has. A group that does not exist is Dead.
//
// It asks below kafka.Client.DescribeGroups, which decodes what the members say about themselves and fails on the
// subscriptions that Java consumers write since Kafka 3.5 (version 3 of the consumer protocol, KIP-881).
func GroupState(ctx context.Context, c *kafka.Client, group string) (state string, members int, err error) {
	m, err := c.Transport.RoundTrip(ctx, c.Addr, &describegroups.Request{Groups: []string{group}})
	if err != nil {
		return "", 0, fmt.Errorf("describe group: %w", err)
	}
	res, ok := m.(*describegroups.Response)
	if !ok || len(res.Groups) != 1 {
		return "", 0, errors.New("describe group: the broker answered without the group")
	}
	g := &res.Groups[0]
	if g.ErrorCode != 0 {
		if err := kafka.Error(g.ErrorCode); !errors.Is(err, kafka.GroupIdNotFound) {
			return "", 0, fmt.Errorf("describe group: %w", err)
		}
		return "Dead", 0, nil
	}
	return g.GroupState, len(g.Members), nil
}
