package kafkastore_test

import (
	"context"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The ways in which a gate is shut.
const (
	gateOpen   = ""
	gateReset  = "reset"  // connections are reset, new ones too, after they were made
	gateRefuse = "refuse" // connections are reset, nobody listens
	gateHole   = "hole"   // connections stay, nothing comes through: what was sent arrives when the gate opens again
)

// gate is a TCP relay on an address that stays the same, which can be shut.
type gate struct {
	target string
	addr   string
	wg     sync.WaitGroup

	mu       sync.Mutex
	listener net.Listener
	mode     string
	closed   bool
	changed  chan struct{}
	conns    map[net.Conn]struct{}
}

func newGate(t *testing.T, target string) *gate {
	t.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	g := &gate{target: target, addr: l.Addr().String(), listener: l, changed: make(chan struct{}), conns: map[net.Conn]struct{}{}}
	g.wg.Go(func() { g.accept(l) })
	t.Cleanup(g.close)
	return g
}

// set opens or shuts the gate.
func (g *gate) set(mode string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed || g.mode == mode {
		return
	}
	if g.mode == gateRefuse {
		g.listen()
	}
	g.mode = mode
	close(g.changed)
	g.changed = make(chan struct{})
	switch mode {
	case gateRefuse:
		_ = g.listener.Close()
		g.reset()
	case gateReset:
		g.reset()
	default:
	}
}

// listen takes the address back, which somebody may have had for a moment.
func (g *gate) listen() {
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); {
		l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", g.addr)
		if err == nil {
			g.listener = l
			g.wg.Go(func() { g.accept(l) })
			return
		}
		<-time.After(50 * time.Millisecond)
	}
}

func (g *gate) reset() {
	for c := range g.conns {
		resetTCP(c)
	}
}

func resetTCP(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = c.Close()
}

func (g *gate) close() {
	g.mu.Lock()
	g.closed = true
	g.mode = gateOpen
	close(g.changed)
	g.changed = make(chan struct{})
	_ = g.listener.Close()
	g.reset()
	g.mu.Unlock()
	g.wg.Wait()
}

func (g *gate) accept(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		g.wg.Go(func() { g.serve(c) })
	}
}

func (g *gate) track(c net.Conn) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed || g.mode == gateReset || g.mode == gateRefuse {
		resetTCP(c)
		return false
	}
	g.conns[c] = struct{}{}
	return true
}

func (g *gate) serve(client net.Conn) {
	if !g.track(client) {
		return
	}
	server, err := (&net.Dialer{Timeout: 10 * time.Second}).Dial("tcp", g.target)
	if err != nil || !g.track(server) {
		resetTCP(client)
		return
	}
	var both sync.WaitGroup
	both.Go(func() { g.copy(server, client) })
	both.Go(func() { g.copy(client, server) })
	both.Wait()
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.conns, client)
	delete(g.conns, server)
}

// copy passes on what is read as long as the gate is no hole.
func (g *gate) copy(to, from net.Conn) {
	defer func() { _, _ = to.Close(), from.Close() }()
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			g.wait()
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			g.wait()
			return
		}
	}
}

func (g *gate) wait() {
	for {
		g.mu.Lock()
		hole, changed := g.mode == gateHole, g.changed
		g.mu.Unlock()
		if !hole {
			return
		}
		<-changed
	}
}
