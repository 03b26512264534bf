package dlq_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"math"
	"net"
	"os"
	"sync"
	"sync/atomic"
)

// The API keys that a kill point may name, beside those of faults_test.go and exactlyonce_test.go.
const (
	apiJoinGroup       = 11
	apiSyncGroup       = 14
	apiAddOffsetsToTxn = 25
)

// moment is when, around a request, a process dies.
type moment string

const (
	beforeRequest moment = "before the request is sent"
	beforeAnswer  moment = "when the answer has come and nobody has seen it"
	afterAnswer   moment = "between the answer and the next step"
)

// wireRule is a kill point: the Nth request of one kind, on a topic where it names one.
type wireRule struct {
	API   int16
	Topic string
	When  moment
	Nth   int
}

// wire watches the connections of a child process and kills it with SIGKILL at its rule. It needs no hook in the code under
// test: what a broker has seen when the process dies is exactly what the frames say.
type wire struct {
	rule  *wireRule
	die   func()
	seen  atomic.Int64
	armed atomic.Bool // the answer was handed over: the next step is the last
}

func (w *wire) dial(ctx context.Context, network, address string) (net.Conn, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, network, address)
	if err != nil || w.rule == nil {
		return c, err
	}
	return &wireConn{Conn: c, wire: w, meant: map[int32]bool{}}, nil
}

// wireConn passes whole frames on, so that a rule is asked about each before the broker or the client sees any of it.
type wireConn struct {
	net.Conn
	wire *wire

	writing sync.Mutex
	request []byte

	reading   sync.Mutex
	answer    []byte // not a whole frame yet
	delivered []byte // frames that the client has not taken yet

	mu    sync.Mutex
	meant map[int32]bool // requests whose answer the rule waits for, by correlation id
}

func frameLength(b []byte) int {
	if len(b) < 4 {
		return math.MaxInt
	}
	return 4 + int(binary.BigEndian.Uint32(b))
}

func (c *wireConn) Write(p []byte) (int, error) {
	c.writing.Lock()
	defer c.writing.Unlock()
	c.request = append(c.request, p...)
	for len(c.request) >= frameLength(c.request) {
		frame := c.request[:frameLength(c.request)]
		c.sending(frame)
		if _, err := c.Conn.Write(frame); err != nil {
			return 0, err
		}
		c.request = append([]byte(nil), c.request[len(frame):]...)
	}
	return len(p), nil
}

func (c *wireConn) sending(frame []byte) {
	api, id, rule := int16(binary.BigEndian.Uint16(frame[4:])), int32(binary.BigEndian.Uint32(frame[8:])), c.wire.rule
	if c.wire.armed.Load() {
		switch api {
		case apiProduce, apiOffsetCommit, apiAddOffsetsToTxn, apiTxnOffsetCommit, apiEndTxn:
			c.wire.die()
		}
	}
	if api != rule.API || rule.Topic != "" && !bytes.Contains(frame[:min(len(frame), 600)], []byte(rule.Topic)) {
		return
	}
	if c.wire.seen.Add(1) != int64(rule.Nth) {
		return
	}
	if rule.When == beforeRequest {
		c.wire.die()
	}
	c.mu.Lock()
	c.meant[id] = true
	c.mu.Unlock()
}

func (c *wireConn) Read(p []byte) (int, error) {
	c.reading.Lock()
	defer c.reading.Unlock()
	chunk := make([]byte, 64<<10)
	for len(c.delivered) == 0 {
		n, err := c.Conn.Read(chunk)
		c.answer = append(c.answer, chunk[:n]...)
		for len(c.answer) >= frameLength(c.answer) {
			frame := c.answer[:frameLength(c.answer)]
			c.receiving(frame)
			c.delivered = append(c.delivered, frame...)
			c.answer = append([]byte(nil), c.answer[len(frame):]...)
		}
		if err != nil && len(c.delivered) == 0 {
			return 0, err
		}
	}
	n := copy(p, c.delivered)
	c.delivered = c.delivered[n:]
	return n, nil
}

func (c *wireConn) receiving(frame []byte) {
	id := int32(binary.BigEndian.Uint32(frame[4:]))
	c.mu.Lock()
	meant := c.meant[id]
	delete(c.meant, id)
	c.mu.Unlock()
	switch {
	case !meant:
	case c.wire.rule.When == beforeAnswer:
		c.wire.die()
	default:
		c.wire.armed.Store(true)
	}
}

// dieAt writes why this process dies to standard output, which nothing buffers, and dies as by kill -9.
func dieAt(what string) func() {
	return func() {
		say(childEvent{Killed: what})
		if self, err := os.FindProcess(os.Getpid()); err == nil {
			_ = self.Kill()
		}
		select {} // nothing of this process goes on
	}
}

var saying sync.Mutex

// say tells the parent something, in one line.
func say(e childEvent) {
	line, err := json.Marshal(e)
	if err != nil {
		line = []byte(`{"error":"an event that is no JSON"}`)
	}
	saying.Lock()
	defer saying.Unlock()
	_, _ = os.Stdout.Write(append(line, '\n'))
}
