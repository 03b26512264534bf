package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/go-reconnect/reconnect/connect"
)

// cleanUp removes what the story made: connector, topics, groups, and the place. It also runs after an interrupt, within a minute.
func (s *story) cleanUp(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	var errs []error
	if s.kafka != nil && s.env.KeepsTraces() {
		errs = append(errs, deleteConnector(ctx, s.client, s.connector))
		k, err := dialKafka(ctx, s.env.Brokers()) // the story's own connection is closed by now
		if err == nil {
			errs = append(errs,
				k.deleteTopics(ctx, s.topic, s.deadLetters, s.parked),
				k.deleteGroups(ctx, s.group, "connect-"+s.connector))
			k.close()
		}
		errs = append(errs, err)
	}
	errs = append(errs, s.env.Close(ctx))
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("clean up, look for names that start with %s: %w", s.connector, err)
	}
	return nil
}

// deleteConnector deletes a connector and waits until its tasks are gone: a sink that still runs would create its topic again where
// brokers do that by themselves.
func deleteConnector(ctx context.Context, c *connect.Client, name string) error {
	err := c.DeleteConnector(ctx, name)
	if errors.Is(err, connect.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return until(ctx, 100*time.Millisecond, func() (bool, error) {
		_, err := c.GetStatus(ctx, name)
		if errors.Is(err, connect.ErrNotFound) {
			return true, nil
		}
		return false, err
	})
}

// kafkaHeaders are the same headers in the type that dlq takes.
func kafkaHeaders(in []kgo.RecordHeader) []kafka.Header {
	out := make([]kafka.Header, len(in))
	for i, h := range in {
		out[i] = kafka.Header{Key: h.Key, Value: h.Value}
	}
	return out
}

func randomID() string {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}
