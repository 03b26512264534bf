package dlq

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl"
)

// UnparkConfig says what Unpark brings back, and where to. Brokers, Topic and Records are required.
type UnparkConfig struct {
	Brokers   []string
	ClientID  string
	TLS       *tls.Config
	SASL      sasl.Mechanism
	Dial      func(ctx context.Context, network, address string) (net.Conn, error)
	Transport *kafka.Transport

	// Topic takes the records: a parking topic, from which a Republisher takes them as from a dead letter queue. It is
	// created as ParkTopic does when it does not exist.
	Topic string
	// Records are what to bring, for example ReadParkedFile.
	Records iter.Seq2[Parked, error]
	// Partitions of a topic to be created. Defaults to one more than the highest partition number of the first records.
	Partitions int
	Logger     *slog.Logger
}

// UnparkReport is what Unpark did.
type UnparkReport struct {
	Read    int64 `json:"read"`
	Written int64 `json:"written"`
	Known   int64 `json:"known"` // the topic has them already
}

// unparkChunk is how many records, and how many bytes, Unpark writes at a time.
const (
	unparkChunk = 500
	unparkBytes = 4 << 20
)

// Unpark puts records that were parked in a file on a topic again, byte for byte, as ParkTopic would have parked them: a
// Republisher with that Topic then decides about them as about any dead letter. A record that the topic has already is not
// written again, so an Unpark that was interrupted is simply repeated; one Unpark at a time may write to a topic.
//
// Attempts stay on the records: one that was parked because its budget was used up needs a larger Budget.
func Unpark(ctx context.Context, cfg UnparkConfig) (UnparkReport, error) {
	var report UnparkReport
	if cfg.Records == nil {
		return report, errors.New("dlq: Records is not set: use ReadParkedFile or ReadParked")
	}
	if cfg.Partitions < 0 {
		return report, errors.New("dlq: Partitions is negative")
	}
	n, err := tool(cfg.Brokers, cfg.Topic, RepublisherConfig{ClientID: cfg.ClientID, TLS: cfg.TLS, SASL: cfg.SASL, Dial: cfg.Dial, Transport: cfg.Transport, Logger: cfg.Logger})
	if err != nil {
		return report, err
	}
	defer n.close()
	var (
		parker = &topicParker{topic: cfg.Topic, run: n}
		known  FileParker
		chunk  []Parked
		size   int
		ready  bool
	)
	flush := func() error {
		if len(chunk) == 0 {
			return nil
		}
		if !ready {
			if err := n.prepareUnpark(ctx, cfg, chunk, &known); err != nil {
				return err
			}
			ready = true
		}
		fresh := make([]Parked, 0, len(chunk))
		for _, p := range chunk {
			m := &p.Message
			if known.holds(m.Topic, m.Partition, m.Offset) {
				report.Known++
				continue
			}
			known.remember(m.Topic, m.Partition, m.Offset)
			fresh = append(fresh, p)
		}
		chunk, size = chunk[:0], 0
		if err := parker.Park(ctx, fresh); err != nil {
			return err
		}
		report.Written += int64(len(fresh))
		return nil
	}
	for p, err := range cfg.Records {
		if err == nil && ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		if err != nil {
			return report, errors.Join(err, flush())
		}
		report.Read++
		chunk, size = append(chunk, p), size+len(p.Message.Value)+len(p.Message.Key)
		if len(chunk) >= unparkChunk || size >= unparkBytes {
			if err := flush(); err != nil {
				return report, err
			}
		}
	}
	return report, flush()
}

// prepareUnpark makes the topic and finds out what it holds.
func (n *run) prepareUnpark(ctx context.Context, cfg UnparkConfig, first []Parked, known *FileParker) error {
	partitions := cfg.Partitions
	for i := range first {
		if cfg.Partitions == 0 {
			partitions = max(partitions, first[i].Message.Partition+1)
		}
	}
	known.have = map[topicPartition]map[int64]struct{}{}
	count, err := n.lookUp(ctx, cfg.Topic)
	if err != nil {
		return err
	}
	if count == 0 {
		return n.ensureTopic(ctx, "parking", cfg.Topic, max(1, partitions), append(parkSettings(), kafka.ConfigEntry{ConfigName: "max.message.bytes", ConfigValue: strconv.Itoa(1<<20 + headerRoom)}))
	}
	settings, err := n.topicSettings(ctx, cfg.Topic)
	if err == nil && strings.Contains(settings["cleanup.policy"], "compact") {
		return fmt.Errorf("dlq: topic %s: %w", cfg.Topic, errCompactedPark)
	}
	begins, _, err := n.listOffsets(ctx, count, kafka.FirstOffset, kafka.ReadUncommitted)
	if err != nil {
		return err
	}
	_, ends, err := n.listOffsets(ctx, count, kafka.LastOffset, kafka.ReadCommitted)
	if err != nil {
		return err
	}
	for p := range count {
		err := n.scan(ctx, cfg.Topic, p, begins[p], ends[p], func(m *kafka.Message) error {
			if topic, partition, offset, ok := parkSource(m.Headers); ok {
				known.remember(topic, partition, offset)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// parkSource reads HeaderParkSource.
func parkSource(headers []kafka.Header) (topic string, partition int, offset int64, ok bool) {
	for _, h := range slices.Backward(headers) {
		if h.Key != HeaderParkSource {
			continue
		}
		parts := strings.Split(string(h.Value), "/")
		if len(parts) != 3 {
			return "", 0, 0, false
		}
		partition, err1 := strconv.Atoi(parts[1])
		offset, err2 := strconv.ParseInt(parts[2], 10, 64)
		return parts[0], partition, offset, err1 == nil && err2 == nil
	}
	return "", 0, 0, false
}

// ReadParkedFile reads what a FileParker wrote, from the rotated files and the current one, the oldest first, each record once.
func ReadParkedFile(path string) iter.Seq2[Parked, error] {
	return func(yield func(Parked, error) bool) {
		seen := FileParker{Path: path, have: map[topicPartition]map[int64]struct{}{}}
		var paths []string
		for _, n := range seen.rotated() {
			paths = append(paths, path+"."+strconv.Itoa(n))
		}
		for _, path := range append(paths, path) {
			f, err := os.Open(path) //nolint:gosec // the user's own path
			if errors.Is(err, os.ErrNotExist) && len(paths) > 0 {
				continue // it was rotated just now
			}
			if err != nil {
				yield(Parked{}, fmt.Errorf("dlq: parked records: %w", err))
				return
			}
			more := readParked(f, path+": ", &seen, yield)
			_ = f.Close() // read only
			if !more {
				return
			}
		}
	}
}
