package connecttest

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"time"
)

// sockets are the listeners of a server whose URL or URLs was called.
type sockets struct {
	mu       sync.Mutex
	addrs    []string
	servers  []*http.Server
	balancer *httptest.Server
}

// URLs opens a socket for every worker and returns their base URLs. They stay the same when a worker is killed and
// started. Inside a synctest bubble use RoundTripper instead.
func (s *Server) URLs() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open()
	out := make([]string, len(s.sockets.addrs))
	for i, a := range s.sockets.addrs {
		out[i] = "http://" + a
	}
	return out
}

// URL is the base URL to give a client: the first worker's, or the load balancer's when the server is Balanced.
func (s *Server) URL() string {
	urls := s.URLs()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sockets.balancer != nil {
		return s.sockets.balancer.URL
	}
	if len(urls) == 0 {
		return ""
	}
	return urls[0]
}

// open listens, once. s.mu is held.
func (s *Server) open() {
	if s.sockets != nil {
		return
	}
	k := &sockets{}
	s.sockets = k
	if s.done {
		return
	}
	for i := range s.workers {
		k.addrs = append(k.addrs, "127.0.0.1:0")
		k.servers = append(k.servers, nil)
		if err := k.up(s, i); err != nil {
			s.misuse("URLs: %v", err)
			continue
		}
		if !s.workers[i].alive {
			k.down(i)
		}
	}
	if s.cfg.Balanced {
		k.balancer = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			s.serve(s.nextWorker(), w, r)
		}))
	}
}

// up listens at a worker's address, the same one as before.
func (k *sockets) up(s *Server, i int) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", k.addrs[i])
	if err != nil {
		return err
	}
	k.addrs[i] = l.Addr().String()
	w := s.workers[i]
	k.servers[i] = &http.Server{
		Handler:           http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) { s.serve(w, out, r) }),
		ReadHeaderTimeout: time.Minute,
	}
	go func(srv *http.Server) { _ = srv.Serve(l) }(k.servers[i]) // ends with ErrServerClosed
	return nil
}

// down closes a worker's listener and breaks its connections.
func (k *sockets) down(i int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.servers[i] != nil {
		_ = k.servers[i].Close() // whatever is left of it is gone with the process
		k.servers[i] = nil
	}
}

func (k *sockets) close() {
	for i := range k.servers {
		k.down(i)
	}
	if k.balancer != nil {
		k.balancer.CloseClientConnections()
		k.balancer.Close()
	}
}
