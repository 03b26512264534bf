package kafkastore

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/segmentio/kafka-go"

	"github.com/go-reconnect/reconnect/internal/kwire"
)

// ensureTopic makes the topic, or checks that the one there keeps the latest value of every key in one partition.
func (s *Store) ensureTopic(ctx context.Context) error {
	var meta *kafka.MetadataResponse
	err := retry(ctx, func() (err error) {
		meta, err = s.client.Metadata(ctx, &kafka.MetadataRequest{Topics: []string{s.cfg.Topic}})
		return err
	})
	if err != nil {
		return err
	}
	for _, t := range meta.Topics {
		if t.Name != s.cfg.Topic || kwire.UnknownTopic(t.Error) {
			continue
		}
		if t.Error != nil {
			return t.Error
		}
		if len(t.Partitions) != 1 {
			return fmt.Errorf("it has %d partitions: the state needs a topic with one", len(t.Partitions))
		}
		return s.checkPolicy(ctx)
	}
	rf := s.cfg.ReplicationFactor
	if rf == 0 {
		rf = max(1, min(3, len(meta.Brokers)))
	}
	err = retry(ctx, func() error {
		r, err := s.client.CreateTopics(ctx, &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{{
			Topic: s.cfg.Topic, NumPartitions: 1, ReplicationFactor: rf, ConfigEntries: []kafka.ConfigEntry{{ConfigName: configCleanupPolicy, ConfigValue: "compact"}},
		}}})
		if err != nil {
			return err
		}
		if err := r.Errors[s.cfg.Topic]; err != nil && !errors.Is(err, errTopicExists) {
			return err
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("creating it: %w", err)
	}
	return nil
}

// checkPolicy refuses a topic that deletes by age: a forgotten restart is a new budget. Where the config may not be read, the topic is trusted.
func (s *Store) checkPolicy(ctx context.Context) error {
	r, err := s.client.DescribeConfigs(ctx, &kafka.DescribeConfigsRequest{Resources: []kafka.DescribeConfigRequestResource{
		{ResourceType: kafka.ResourceTypeTopic, ResourceName: s.cfg.Topic, ConfigNames: []string{configCleanupPolicy}},
	}})
	if err != nil {
		return nil //nolint:nilerr // reading configs needs a right that writing state does not
	}
	for _, res := range r.Resources {
		if res.Error != nil {
			continue
		}
		for _, e := range res.ConfigEntries {
			if e.ConfigName == configCleanupPolicy && strings.Contains(e.ConfigValue, "delete") {
				return fmt.Errorf("its %s is %q: set it to compact, or restarts are forgotten by age", configCleanupPolicy, e.ConfigValue)
			}
		}
	}
	return nil
}
