package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// notification is what Alertmanager posts to a webhook: the alerts of one group.
type notification struct {
	Receiver    string            `json:"receiver"`
	Status      string            `json:"status"` // firing or resolved
	GroupLabels map[string]string `json:"groupLabels"`
	Alerts      []alert           `json:"alerts"`
}

type alert struct {
	Status      string            `json:"status"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
	StartsAt    time.Time         `json:"startsAt"`
}

// inbox hands each notification to take, one at a time.
type inbox struct {
	mu   sync.Mutex
	take func(notification)
}

func (i *inbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		http.Error(w, "POST an Alertmanager notification", http.StatusMethodNotAllowed)
		return
	}
	var n notification
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 16<<20)).Decode(&n); err != nil {
		http.Error(w, "not an Alertmanager notification", http.StatusBadRequest)
		return
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.take(n)
}

func runInbox(ctx context.Context, args []string, out, errs io.Writer) error {
	flags := flag.NewFlagSet("inbox", flag.ContinueOnError)
	listen := flags.String("listen", "127.0.0.1:9095", "address to receive notifications at, whatever the path")
	if err := parse(flags, args, errs); err != nil {
		return err
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", *listen)
	if err != nil {
		return fmt.Errorf("inbox: -listen %s: %w", *listen, err)
	}
	_, _ = fmt.Fprintf(out, "inbox: listening on %s\n", l.Addr())
	srv := &http.Server{Handler: &inbox{take: func(n notification) { printNotification(out, n) }}, ReadHeaderTimeout: 10 * time.Second}
	done := make(chan error, 1)
	go func() { done <- srv.Serve(l) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return srv.Close()
	}
}

func printNotification(out io.Writer, n notification) {
	_, _ = fmt.Fprintf(out, "%s: %d alert(s) to %s\n", n.Status, len(n.Alerts), n.Receiver)
	for _, a := range n.Alerts {
		_, _ = fmt.Fprintf(out, "  %-8s %-8s %s: %s\n           %s\n", a.Status, a.Labels["severity"], a.Labels["alertname"], a.Annotations["summary"], a.Annotations["runbook_url"])
	}
}
