package kwire

import (
	"context"
	"crypto/tls"
	"net"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl"
)

// MetadataTTL bounds how long a moved leader or a young topic stays unknown; kafka-go's own default is 6 s.
const MetadataTTL = 2 * time.Second

// Cluster is how to reach one Kafka cluster, for requests and for the group alike.
type Cluster struct {
	Brokers  []string
	ClientID string
	TLS      *tls.Config
	SASL     sasl.Mechanism
	Dial     func(ctx context.Context, network, address string) (net.Conn, error)

	// Transport, when the user brings one, is used as it is, and never closed.
	Transport *kafka.Transport
}

// Open returns a client and a function that closes its connections.
func (c Cluster) Open() (client *kafka.Client, closeIdle func()) {
	transport := c.Transport
	closeIdle = func() {}
	if transport == nil {
		transport = &kafka.Transport{Dial: c.Dial, TLS: c.TLS, SASL: c.SASL, ClientID: c.ClientID, MetadataTTL: MetadataTTL}
		closeIdle = transport.CloseIdleConnections
	}
	return &kafka.Client{Addr: kafka.TCP(c.Brokers...), Transport: transport}, closeIdle
}

// Fresh is Open on connections of its own, whose metadata is not cached yet.
func (c Cluster) Fresh() (client *kafka.Client, closeIdle func()) {
	if t := c.Transport; t != nil {
		c.Transport, c.Dial, c.TLS, c.SASL, c.ClientID = nil, t.Dial, t.TLS, t.SASL, t.ClientID
	}
	return c.Open()
}

// Dialer is the same for a kafka.ConsumerGroup, which does not go through the transport.
func (c Cluster) Dialer() *kafka.Dialer {
	d := &kafka.Dialer{ClientID: c.ClientID, DialFunc: c.Dial, TLS: c.TLS, SASLMechanism: c.SASL, Timeout: 10 * time.Second, DualStack: true}
	if t := c.Transport; t != nil {
		d.DialFunc, d.TLS, d.SASLMechanism = t.Dial, t.TLS, t.SASL
		if t.ClientID != "" {
			d.ClientID = t.ClientID
		}
	}
	return d
}
