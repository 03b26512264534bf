package recovery

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Format is the shape of a webhook's body.
type Format string

// The formats.
const (
	// JSON posts the Event itself: {"connector": ..., "state": ..., ...}.
	JSON Format = "json"
	// Alertmanager posts to Alertmanager's API v2, one alert per connector, again every minute while it is active.
	Alertmanager Format = "alertmanager"
	// Slack posts {"text": ...} to a Slack incoming webhook.
	Slack Format = "slack"
)

// alertmanagerResend is well below Alertmanager's own resolve time-out of 5 min.
const alertmanagerResend = time.Minute

// maxText bounds a Slack message.
const maxText = 3000

// Webhook is a Notifier that posts to a URL. The URL is treated as a secret: it is in no error and no log, but its host.
type Webhook struct {
	// URL is where to post. For Alertmanager the base URL is enough.
	URL string
	// Format is the body's shape. Defaults to JSON.
	Format Format
	// Header is added to each request.
	Header http.Header
	// Client posts. Defaults to one that follows no redirect.
	Client *http.Client
}

var noRedirect = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

// Validate reports a URL or format that cannot work. New calls it.
func (w Webhook) Validate() error {
	_, err := w.target()
	return err
}

func (w Webhook) target() (*url.URL, error) {
	u, err := url.Parse(w.URL)
	switch {
	case w.URL == "":
		return nil, errors.New("recovery: Webhook.URL is empty")
	case err != nil:
		return nil, errors.New("recovery: Webhook.URL is no URL")
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return nil, errors.New("recovery: Webhook.URL must begin with http:// or https:// and name a host")
	}
	switch w.Format {
	case "", JSON, Slack:
	case Alertmanager:
		if p := strings.TrimSuffix(u.Path, "/"); !strings.HasSuffix(p, "/alerts") {
			u.Path = p + "/api/v2/alerts"
		}
	default:
		return nil, fmt.Errorf("recovery: Webhook.Format is %q: use %q, %q or %q", w.Format, JSON, Alertmanager, Slack)
	}
	return u, nil
}

// Resend implements Resender: Alertmanager forgets what is not repeated.
func (w Webhook) Resend() time.Duration {
	if w.Format == Alertmanager {
		return alertmanagerResend
	}
	return 0
}

// Notify posts one event. Any 2xx is a success; of the rest, 4xx other than 408 and 429 is not tried again.
func (w Webhook) Notify(ctx context.Context, e Event) error {
	u, err := w.target()
	if err != nil {
		return &finalError{err}
	}
	if w.Format == Alertmanager && e.Reminder && e.Since.IsZero() {
		e.Since = e.Time
	}
	body, err := w.body(e)
	if err != nil {
		return &finalError{err}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), bytes.NewReader(body))
	if err != nil {
		return &finalError{errors.New("recovery: webhook: the request cannot be made")}
	}
	for k, v := range w.Header {
		req.Header[k] = slices.Clone(v)
	}
	req.Header.Set("Content-Type", "application/json")
	client := w.Client
	if client == nil {
		client = noRedirect
	}
	resp, err := client.Do(req)
	if err != nil {
		if ue, ok := errors.AsType[*url.Error](err); ok {
			err = ue.Err // the outer text holds the URL
		}
		return fmt.Errorf("recovery: webhook at %s: %w", u.Host, err)
	}
	defer resp.Body.Close() //nolint:errcheck // nothing more is read
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10))
	if resp.StatusCode >= 200 && resp.StatusCode < 300 {
		return nil
	}
	err = fmt.Errorf("recovery: webhook at %s: %s", u.Host, resp.Status)
	if resp.StatusCode < 500 && resp.StatusCode != http.StatusRequestTimeout && resp.StatusCode != http.StatusTooManyRequests {
		return &finalError{err}
	}
	return err
}

func (w Webhook) body(e Event) ([]byte, error) {
	switch w.Format {
	case Alertmanager:
		return json.Marshal(amAlerts(e))
	case Slack:
		return json.Marshal(map[string]string{"text": slackText(e)})
	default:
		if len(e.Names) > maxNames {
			e.Names = e.Names[:maxNames]
		}
		return json.Marshal(e)
	}
}

type amAlert struct {
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
	StartsAt    time.Time         `json:"startsAt"`
	EndsAt      time.Time         `json:"endsAt"`
}

// amAlerts makes one alert per connector: Alertmanager groups by itself. The labels are an alert's identity, so its end has the same ones.
func amAlerts(e Event) []amAlert {
	kind, start := e.Kind, e.Time
	if e.Resolved {
		kind = e.Resolves
	}
	if !e.Since.IsZero() {
		start = e.Since
	}
	now := time.Now().UTC()
	end := now.Add(3 * alertmanagerResend)
	switch {
	case e.Resolved:
		end = now
	case !kind.lasting():
		end = now.Add(time.Hour)
	}
	severity := "warning"
	switch kind {
	case EventExhausted, EventHeld, EventBlind, EventStoreFailed:
		severity = "critical"
	default:
	}
	names := e.Names
	if e.Count == 0 || kind == EventStorm {
		names = []string{e.Connector}
	}
	out := make([]amAlert, 0, len(names))
	for _, name := range names {
		labels := map[string]string{"alertname": "KafkaConnect" + camel(string(kind)), "severity": severity}
		for k, v := range map[string]string{"cluster": e.Cluster, "connector": name, "class": string(e.Class), "fingerprint": e.Fingerprint} {
			if v != "" {
				labels[k] = v
			}
		}
		notes := map[string]string{"summary": e.Message}
		if e.Summary != "" {
			notes["cause"] = e.Summary
		}
		if len(e.Remedies) > 0 {
			notes["remedy"] = strings.Join(e.Remedies, "; ")
		}
		out = append(out, amAlert{Labels: labels, Annotations: notes, StartsAt: start, EndsAt: end})
	}
	return out
}

func camel(s string) string {
	var b strings.Builder
	for part := range strings.SplitSeq(s, "_") {
		if part != "" {
			b.WriteString(strings.ToUpper(part[:1]) + part[1:])
		}
	}
	return b.String()
}

// slackText escapes what Slack takes for markup: a connector's name can hold anything.
func slackText(e Event) string {
	mark := ":warning:"
	switch {
	case e.Resolved:
		mark = ":white_check_mark:"
	case e.NeedsPerson():
		mark = ":rotating_light:"
	}
	text := e.Message
	if e.Reminder {
		text = "still: " + text
	}
	if e.Cluster != "" {
		text = "[" + e.Cluster + "] " + text
	}
	if !e.Resolved {
		text = strings.Join(append([]string{text}, e.Remedies...), "\n• ")
	}
	text = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(text)
	return mark + " " + cut(text, maxText)
}

// LogNotifier is a Notifier that writes to a log: Error for what needs a person, Warn for the rest, Info for an end.
type LogNotifier struct {
	Logger *slog.Logger // required
}

// Validate reports a missing Logger. New calls it.
func (l LogNotifier) Validate() error {
	if l.Logger == nil {
		return errors.New("recovery: LogNotifier.Logger is nil")
	}
	return nil
}

// Notify writes one line.
func (l LogNotifier) Notify(ctx context.Context, e Event) error {
	lv := level(&e)
	if e.Resolved {
		lv = slog.LevelInfo
	}
	l.Logger.LogAttrs(ctx, lv, "kafka connect", append([]slog.Attr{slog.String("message", e.Message)}, eventAttrs(e)...)...)
	return nil
}
