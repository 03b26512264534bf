// Package controller reconciles KafkaConnector resources with Kafka Connect clusters, and restarts what a restart can fix.
//
// It adds no restart rule of its own: what is restarted and when is decided by package recovery (Observe, Decide, Act, Settle), whose memory
// is kept in the resource's status. Everything else here is about configuration, desired state, conditions and events.
package controller

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"github.com/go-reconnect/reconnect/connect"
	"github.com/go-reconnect/reconnect/recovery"
)

// Options configure a Reconciler.
type Options struct {
	// ConnectURL is the Connect cluster of resources without spec.connectURL. Without it those get a condition that says so.
	ConnectURL string
	// Connect makes the client of a cluster. It is called once per URL. Defaults to a client without credentials.
	Connect func(url string) (*connect.Client, error)
	// Policy holds what a resource does not say: Window, StableFor, VerifyTimeout and so on. A zero field is recovery's default.
	Policy recovery.Policy
	// DeletionPatience is how long a resource with deletionPolicy Delete waits for a Connect cluster that cannot be reached, before it lets
	// go and leaves the connector. Defaults to 10 min.
	DeletionPatience time.Duration
	// Retry is the shortest time between two tries to reach a cluster that does not answer. Defaults to 10 s.
	Retry time.Duration
	// RequestTimeout bounds one restart request. Defaults to 2 min: Connect itself can take 90 s to answer.
	RequestTimeout time.Duration
	// MaxConcurrent is how many resources are worked on at the same time. Defaults to 4.
	MaxConcurrent int
	// PerTask restarts each failed task with a request of its own: for Kafka below 3.0, 3.0.0 to 3.0.2 and 3.1.0 (KAFKA-13719).
	PerTask bool
	// Now is the clock. Defaults to time.Now.
	Now func() time.Time
	// Name of the controller in metrics; two in one process need different ones. Defaults to kafkaconnector.
	Name string
}

func (o Options) withDefaults() (Options, error) {
	if err := o.Policy.Validate(); err != nil {
		return o, fmt.Errorf("the restart policy: %w", err)
	}
	if o.DeletionPatience < 0 || o.Retry < 0 || o.RequestTimeout < 0 || o.MaxConcurrent < 0 {
		return o, errors.New("DeletionPatience, Retry, RequestTimeout and MaxConcurrent must not be negative")
	}
	o.DeletionPatience = cmp.Or(o.DeletionPatience, 10*time.Minute)
	o.Retry = cmp.Or(o.Retry, 10*time.Second)
	o.RequestTimeout = cmp.Or(o.RequestTimeout, 2*time.Minute)
	o.MaxConcurrent = cmp.Or(o.MaxConcurrent, 4)
	o.Name = cmp.Or(o.Name, "kafkaconnector")
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Connect == nil {
		o.Connect = func(url string) (*connect.Client, error) { return NewClient(url) }
	}
	if o.ConnectURL != "" {
		if _, err := o.Connect(o.ConnectURL); err != nil {
			return o, fmt.Errorf("the Connect URL: %w", err)
		}
	}
	return o, nil
}

// NewClient is a Connect client for a controller: what fails is tried again by the next reconcile, which is shown in the conditions, rather than
// for minutes inside a call.
func NewClient(url string, opts ...connect.Option) (*connect.Client, error) {
	retry := connect.WithRetry(connect.RetryPolicy{Max: 1, MinWait: 200 * time.Millisecond, MaxWait: time.Second})
	return connect.NewClient(url, append([]connect.Option{retry, connect.WithUserAgent("reconnect-controller")}, opts...)...)
}
