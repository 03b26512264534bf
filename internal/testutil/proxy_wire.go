package testutil

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

func (p *Proxy) track(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.isClosed() {
		_ = c.Close()
		return false
	}
	p.conns[c] = struct{}{}
	return true
}

func (p *Proxy) untrack(c net.Conn) {
	_ = c.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, c)
}

func (p *Proxy) accept() {
	for {
		c, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.wg.Go(func() { p.serve(c) })
	}
}

func (p *Proxy) serve(client net.Conn) {
	if !p.track(client) {
		return
	}
	defer p.untrack(client)
	var d net.Dialer
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	server, err := d.DialContext(ctx, "tcp", p.target)
	cancel()
	if err != nil {
		resetConn(client)
		return
	}
	if !p.track(server) {
		return
	}
	defer p.untrack(server)
	in := bufio.NewReaderSize(client, 64<<10)
	head, err := in.Peek(4)
	switch {
	case err != nil && len(head) == 0:
	case err == nil && isHTTP(head):
		p.serveHTTP(client, server, in)
	case err == nil && binary.BigEndian.Uint32(head) < 200<<20:
		p.serveKafka(client, server, in)
	default:
		p.passThrough(client, server, in)
	}
}

func isHTTP(head []byte) bool {
	return slices.Contains([]string{"GET ", "PUT ", "POST", "DELE", "PATC", "HEAD", "OPTI"}, string(head))
}

func (p *Proxy) passThrough(client, server net.Conn, in io.Reader) {
	p.wg.Go(func() {
		_, _ = io.Copy(client, server)
		_ = client.Close()
	})
	_, _ = io.Copy(server, in)
}

func (p *Proxy) serveHTTP(client, server net.Conn, in *bufio.Reader) {
	out := bufio.NewReader(server)
	for {
		req, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return
		}
		path, query, _ := strings.Cut(req.RequestURI, "?")
		v := p.arrived(Request{Method: req.Method, Path: path, Query: query, APIKey: -1, Body: body})
		if v.fault == refuse {
			resetConn(client)
			return
		}
		if req.Header.Get("User-Agent") == "" {
			req.Header.Set("User-Agent", "") // else Write adds its own
		}
		req.Body, req.ContentLength, req.TransferEncoding = io.NopCloser(bytes.NewReader(body)), int64(len(body)), nil
		if err := req.Write(server); err != nil {
			return
		}
		res, err := http.ReadResponse(out, req)
		if err != nil {
			resetConn(client)
			return
		}
		if !p.answering(v) || !answer(client, v.fault, func() error { return res.Write(client) }) {
			_ = res.Body.Close()
			return
		}
		_ = res.Body.Close()
		if v.fault == loseResponse {
			_, _ = io.Copy(io.Discard, in) // until the client gives up: it cannot ask anything else here
			return
		}
		if res.Close || req.Close {
			return
		}
	}
}

// answer gives the client its response, or what the fault gives it instead; false ends the connection.
func answer(client net.Conn, what fault, write func() error) bool {
	switch what {
	case pass:
		return write() == nil
	case loseResponse:
		return true
	case reset:
		resetConn(client)
	case refuse, dropResponse:
		_ = client.Close()
	}
	return false
}

func (p *Proxy) serveKafka(client, server net.Conn, in *bufio.Reader) {
	var mu sync.Mutex
	verdicts := map[int32]verdict{} // by correlation id; a request without an answer (acks=0) leaves its own behind
	p.wg.Go(func() {
		defer func() { _ = client.Close() }()
		out := bufio.NewReaderSize(server, 64<<10)
		for {
			frame, err := readFrame(out)
			if err != nil || len(frame) < 8 {
				return
			}
			id := int32(binary.BigEndian.Uint32(frame[4:])) //nolint:gosec // the same bits
			mu.Lock()
			v := verdicts[id]
			delete(verdicts, id)
			mu.Unlock()
			if !p.answering(v) || !answer(client, v.fault, func() error { _, err := client.Write(frame); return err }) {
				_ = server.Close()
				return
			}
		}
	})
	for {
		frame, err := readFrame(in)
		if err != nil || len(frame) < 12 {
			return
		}
		int16At := func(i int) int16 { return int16(binary.BigEndian.Uint16(frame[i:])) } //nolint:gosec // the same bits
		id := int32(binary.BigEndian.Uint32(frame[8:]))                                   //nolint:gosec // the same bits
		v := p.arrived(Request{APIKey: int16At(4), APIVersion: int16At(6), Body: frame[4:]})
		if v.fault == refuse {
			resetConn(client)
			return
		}
		if !v.plain() {
			mu.Lock()
			verdicts[id] = v
			mu.Unlock()
		}
		if _, err := server.Write(frame); err != nil {
			return
		}
	}
}

// readFrame reads a length and as many bytes, and returns both.
func readFrame(r io.Reader) ([]byte, error) {
	head := make([]byte, 4)
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, err
	}
	size := binary.BigEndian.Uint32(head)
	if size > 200<<20 {
		return nil, errors.New("testutil: not a Kafka frame")
	}
	frame := make([]byte, 4+size)
	copy(frame, head)
	_, err := io.ReadFull(r, frame[4:])
	return frame, err
}

// sleep holds an answer back; closing the proxy does not wait for it.
func (p *Proxy) sleep(d time.Duration) bool {
	if d <= 0 {
		return true
	}
	end := time.NewTimer(d)
	defer end.Stop()
	select {
	case <-end.C:
		return true
	case <-p.done:
		return false
	}
}

// resetConn closes a connection so that the other side sees a reset.
func resetConn(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = c.Close()
}
