package dlq

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/segmentio/kafka-go"
	"golang.org/x/sync/errgroup"

	"github.com/go-reconnect/reconnect/internal/kwire"
)

// OtherConsumersError stops a run to the origin: other consumer groups have offsets on that topic and would see the
// republished records again.
type OtherConsumersError struct {
	Topic  string
	Groups []string
}

func (e *OtherConsumersError) Error() string {
	names := e.Groups
	more := ""
	if len(names) > 10 {
		names, more = names[:10], ", ..."
	}
	return fmt.Sprintf("dlq: %d other groups will see records of topic %s again: %s%s; set AcceptOtherConsumers, or use ToTopic with a topic that only the connector reads",
		len(e.Groups), e.Topic, strings.Join(names, ", "), more)
}

// checkOthers looks, once per origin topic, who else reads it.
func (n *run) checkOthers(ctx context.Context, topic, connector string) error {
	groups, err := n.groupsOn(ctx, topic)
	if err != nil {
		if n.cfg.AcceptOtherConsumers {
			return nil
		}
		return fmt.Errorf("%w (AcceptOtherConsumers goes on without knowing)", n.explain("list who else reads "+topic, err))
	}
	others := slices.DeleteFunc(slices.Clone(groups), func(g string) bool { return g == n.cfg.Group || g == "connect-"+connector })
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, known := n.others[topic]; !known || len(others) > len(n.others[topic]) {
		n.others[topic] = others
	}
	if len(others) == 0 || n.cfg.AcceptOtherConsumers {
		return nil
	}
	return &OtherConsumersError{Topic: topic, Groups: others}
}

// groupsOn returns the groups with committed offsets on topic.
func (n *run) groupsOn(ctx context.Context, topic string) ([]string, error) {
	n.groupsOnce.Lock()
	defer n.groupsOnce.Unlock()
	if n.groups == nil && n.groupsErr == nil {
		n.groups, n.groupsErr = n.listGroups(ctx)
	}
	return n.groups[topic], n.groupsErr
}

// listGroups maps each topic to the groups that have offsets on it.
func (n *run) listGroups(ctx context.Context) (map[string][]string, error) {
	var names []string
	err := kwire.Retry(ctx, answerPatience, func(ctx context.Context) error {
		names = nil
		res, err := n.client.ListGroups(ctx, &kafka.ListGroupsRequest{})
		if err != nil {
			return err //nolint:wrapcheck // wrapped by the caller
		}
		if res.Error != nil {
			return res.Error
		}
		for _, g := range res.Groups {
			names = append(names, g.GroupID)
		}
		return nil
	})
	if err != nil {
		return nil, err //nolint:wrapcheck // wrapped by the caller
	}
	slices.Sort(names)
	var (
		mu      sync.Mutex
		byTopic = map[string][]string{}
	)
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(8)
	for _, name := range slices.Compact(names) {
		g.Go(func() error {
			return kwire.Retry(ctx, answerPatience, func(ctx context.Context) error {
				res, err := n.client.OffsetFetch(ctx, &kafka.OffsetFetchRequest{GroupID: name})
				if err != nil {
					return err //nolint:wrapcheck // wrapped by the caller
				}
				if res.Error != nil {
					return res.Error
				}
				mu.Lock()
				defer mu.Unlock()
				for topic, partitions := range res.Topics {
					for _, p := range partitions {
						if p.Error == nil && p.CommittedOffset >= 0 {
							byTopic[topic] = append(byTopic[topic], name)
							break
						}
					}
				}
				return nil
			})
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err //nolint:wrapcheck // wrapped by the caller
	}
	for _, groups := range byTopic {
		slices.Sort(groups)
	}
	return byTopic, nil
}
