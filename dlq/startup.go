package dlq

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// startupPatience bounds the checks at the start; they inform, and must not keep a run from its work.
const startupPatience = 20 * time.Second

// startupChecks looks at the topics of the run for what will hurt, and tells it in the report. Only the end of ctx stops a run.
func (n *run) startupChecks(ctx context.Context, count int) error {
	bounded, cancel := context.WithTimeout(ctx, startupPatience)
	defer cancel()
	findings, err := n.checkTopic(bounded, TopicConfig{Brokers: n.cfg.Brokers, Topic: n.cfg.Topic})
	if err == nil {
		var more Findings
		if more, err = n.checkWritten(bounded, count); err == nil {
			findings = append(findings, more...)
		}
	}
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		n.cfg.Logger.LogAttrs(ctx, logWarn, "the checks at the start could not be done", logErr(err))
		return nil
	}
	findings.sort()
	for _, f := range findings {
		if f.Severity != SeverityInfo {
			n.cfg.Logger.LogAttrs(ctx, logWarn, "finding", logString("code", f.Code), logString("topic", f.Topic), logString("message", f.Message), logString("fix", f.Fix))
		}
	}
	n.mu.Lock()
	n.report.Findings = findings
	n.mu.Unlock()
	return nil
}

// checkWritten looks at the topics that the run writes to.
func (n *run) checkWritten(ctx context.Context, count int) (Findings, error) {
	var out Findings
	own, err := n.topicSettings(ctx, n.cfg.Topic)
	if err != nil {
		return nil, fmt.Errorf("settings of %s: %w", n.cfg.Topic, err)
	}
	park, parks := n.park.(*topicParker)
	for _, topic := range []string{n.cfg.Target.topic, n.parkName()} {
		if topic == "" {
			continue
		}
		c, err := n.lookUp(ctx, topic)
		if err != nil || c == 0 {
			return out, err
		}
		settings, err := n.topicSettings(ctx, topic)
		if err != nil {
			return nil, fmt.Errorf("settings of %s: %w", topic, err)
		}
		add := func(code string, s Severity, setting, message, fix string) {
			out = append(out, Finding{Code: code, Severity: s, Topic: topic, Setting: setting, Value: settings[setting], Message: message, Fix: fix})
		}
		if ahead, limited := futureBound(settings); limited && n.cfg.KeepTimestamp {
			future, err := n.hasFuture(ctx, n.cfg.Topic, count, time.Now().Add(ahead))
			if err != nil {
				return nil, err
			}
			if future {
				add(CodeTargetTimestamp, SeverityError, "message.timestamp.after.max.ms",
					fmt.Sprintf("the queue has records with a time more than %s in the future, which KeepTimestamp keeps and this topic refuses", ahead), "leave KeepTimestamp off, or raise the setting")
			}
		}
		if !parks || topic != park.topic {
			continue
		}
		if strings.Contains(settings["cleanup.policy"], "compact") {
			add(CodeParkCompacted, SeverityError, "cleanup.policy", "compaction removes all parked records of a key but the last, and refuses those without a key", "set cleanup.policy=delete")
		}
		if ms, ok := integer(settings["retention.ms"]); ok && ms >= 0 && strings.Contains(settings["cleanup.policy"], "delete") {
			add(CodeParkRetention, SeverityWarning, "retention.ms", "parked records are removed after this time, looked at or not", "set retention.ms=-1")
		}
		most, ok := integer(own["max.message.bytes"])
		if v, known := integer(settings["max.message.bytes"]); ok && known && v < most+parkRoom {
			add(CodeParkMessageBytes, SeverityWarning, "max.message.bytes",
				"a parked record is a dead letter and a few headers more: the largest ones are parked without their stack trace, and stop the run when they do not fit then",
				fmt.Sprintf("set max.message.bytes=%d", most+parkRoom))
		}
	}
	return out, nil
}

// parkRoom is what parking adds to a record at most, as a round number.
const parkRoom = 4 << 10

func (n *run) parkName() string {
	if p, ok := n.park.(*topicParker); ok {
		return p.topic
	}
	return ""
}

// errCompactedPark is why a compacted parking topic is refused before anything is parked.
var errCompactedPark = errors.New("it is compacted: all parked records of a key but the last would be lost; set cleanup.policy=delete, or use another topic")
