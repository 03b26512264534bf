package testutil_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/go-reconnect/reconnect/internal/testutil"
)

// server counts the requests that really reach it.
func server(t *testing.T) (addr string, served *atomic.Int32) {
	t.Helper()
	addr, served, _ = signallingServer(t)
	return addr, served
}

// signallingServer says so when it has answered its first request.
func signallingServer(t *testing.T) (addr string, served *atomic.Int32, first <-chan struct{}) {
	t.Helper()
	served = new(atomic.Int32)
	answered := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		served.Add(1)
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("X-Agent", r.UserAgent())
		_, _ = io.WriteString(w, r.Method+" "+r.URL.String()+" "+string(body))
		if served.Load() == 1 {
			close(answered)
		}
	}))
	t.Cleanup(s.Close)
	return s.Listener.Addr().String(), served, answered
}

// send uses a connection of its own, so that Go's client does not repeat the request by itself.
func send(ctx context.Context, t *testing.T, method, url, body string) (string, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	require.NoError(t, err)
	tr := &http.Transport{DisableKeepAlives: true}
	defer tr.CloseIdleConnections()
	res, err := tr.RoundTrip(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	return string(text), err
}

func TestProxyOnHTTP(t *testing.T) {
	t.Parallel()
	restart := testutil.HTTP(http.MethodPost, "/connectors/a/restart")
	gaveUp := func(t *testing.T, err error) { t.Helper(); require.ErrorIs(t, err, context.Canceled) }
	closed := func(t *testing.T, err error) {
		t.Helper()
		require.True(t, errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF), "%v", err)
	}
	wasReset := func(t *testing.T, err error) { t.Helper(); require.ErrorIs(t, err, syscall.ECONNRESET) }
	for name, tc := range map[string]struct {
		rule   func(p *testutil.Proxy)
		waits  bool // the client has to give up by itself
		err    func(t *testing.T, err error)
		served int32 // of two requests
	}{
		"a dropped response reached the server and closes the connection": {
			rule: func(p *testutil.Proxy) { p.DropResponse(1, restart) }, err: closed, served: 2,
		},
		"a lost response reached the server and leaves the client waiting": {
			rule: func(p *testutil.Proxy) { p.LoseResponse(1, restart) }, waits: true, err: gaveUp, served: 2,
		},
		"a reset response reached the server": {
			rule: func(p *testutil.Proxy) { p.ResetResponse(1, restart) }, err: wasReset, served: 2,
		},
		"a refused request did not reach the server": {
			rule: func(p *testutil.Proxy) { p.RefuseRequest(1, restart) }, err: wasReset, served: 1,
		},
		"a delayed response outlasts the client": {
			rule: func(p *testutil.Proxy) { p.Delay(1, time.Hour, restart) }, waits: true, err: gaveUp, served: 2,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			addr, served, answered := signallingServer(t)
			p := testutil.NewProxy(t, addr)
			tc.rule(p)
			url := p.URL() + "/connectors/a/restart?includeTasks=true"

			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if tc.waits {
				go func() { <-answered; cancel() }()
			}
			_, err := send(ctx, t, http.MethodPost, url, "{}")
			tc.err(t, err)

			got, err := send(t.Context(), t, http.MethodPost, url, "{}")
			require.NoError(t, err, "the rule is for one request")
			assert.Equal(t, "POST /connectors/a/restart?includeTasks=true {}", got)
			assert.Equal(t, tc.served, served.Load())
			assert.Equal(t, 2, p.Count(restart))
		})
	}
}

func TestProxyCountsByMethodAndPath(t *testing.T) {
	t.Parallel()
	addr, _ := server(t)
	p := testutil.NewProxy(t, addr)
	for _, path := range []string{"/connectors", "/connectors/a%2Fb/status?x=1", "/connectors/a%2Fb/tasks/0/restart"} {
		_, err := send(t.Context(), t, http.MethodGet, p.URL()+path, "")
		require.NoError(t, err)
	}
	assert.Equal(t, 3, p.Count(testutil.Any))
	assert.Equal(t, 3, p.Count(testutil.HTTP(http.MethodGet, "/connectors*")))
	assert.Equal(t, 2, p.Count(testutil.HTTP("", "/connectors/a%2Fb/*")), "the path is the one on the wire")
	assert.Equal(t, 0, p.Count(testutil.HTTP(http.MethodPost, "/connectors*")))
	got := p.Requests()
	require.Len(t, got, 3)
	assert.Equal(t, "x=1", got[1].Query)
	assert.Equal(t, []int{1, 2, 3}, []int{got[0].N, got[1].N, got[2].N})
}

func TestProxyKeepsOneConnectionForManyRequests(t *testing.T) {
	t.Parallel()
	addr, served := server(t)
	p := testutil.NewProxy(t, addr)
	p.DropResponse(1, testutil.Nth(3, testutil.Any))
	tr := &http.Transport{MaxConnsPerHost: 1}
	defer tr.CloseIdleConnections()
	var failed []int
	for i := range 5 {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.URL(), strings.NewReader(strings.Repeat("x", 100_000)))
		require.NoError(t, err)
		req.GetBody = nil // a POST with a body is not sent again by Go's client
		res, err := tr.RoundTrip(req)
		if err != nil {
			failed = append(failed, i)
			continue
		}
		body, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		assert.Len(t, body, 100_000+len("POST / "))
	}
	assert.Equal(t, []int{2}, failed)
	assert.EqualValues(t, 5, served.Load())
}

func TestProxyDropsAKafkaResponse(t *testing.T) {
	t.Parallel()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"))
	require.NoError(t, err)
	t.Cleanup(cluster.Close)
	const produce = 0
	p := testutil.NewProxy(t, cluster.ListenAddrs()[0])
	p.DropResponse(1, testutil.Kafka(produce))

	cl, err := kgo.NewClient(kgo.SeedBrokers(p.Addr()), kgo.Dialer(p.Dial), kgo.DisableIdempotentWrite(), kgo.RequiredAcks(kgo.AllISRAcks()), kgo.MaxProduceRequestsInflightPerBroker(1), kgo.MetadataMinAge(10*time.Millisecond))
	require.NoError(t, err)
	t.Cleanup(cl.Close)
	require.NoError(t, cl.ProduceSync(t.Context(), &kgo.Record{Topic: "orders", Value: []byte("once")}).FirstErr())

	got := testutil.ReadAll(t, cluster.ListenAddrs(), "orders")
	assert.Len(t, got, 2, "the acknowledgement was lost, so a producer without idempotence wrote it twice")
	assert.Equal(t, 2, p.Count(testutil.Kafka(produce)))
	assert.NotEmpty(t, p.Requests()[0].Body)
}

func TestProxyCutAndClose(t *testing.T) {
	t.Parallel()
	addr, _ := server(t)
	p := testutil.NewProxy(t, addr)
	conn, err := p.Dial(t.Context(), "tcp", "anything:1")
	require.NoError(t, err)
	_, err = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	require.NoError(t, err)
	require.NoError(t, p.Wait(t.Context(), 1, testutil.Any))
	p.Cut()
	_, err = io.ReadAll(conn)
	if err != nil { // the answer may have been on its way already
		require.ErrorIs(t, err, syscall.ECONNRESET)
	}
	_, err = send(t.Context(), t, http.MethodGet, p.URL(), "")
	require.NoError(t, err, "a cut ends connections, not the proxy")

	p.Close()
	p.Close()
	_, err = net.Dial("tcp", p.Addr())
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
}

func TestProxyPassesOtherProtocolsThrough(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		_, _ = io.Copy(c, c)
	}()
	p := testutil.NewProxy(t, l.Addr().String())
	conn, err := p.Dial(t.Context(), "", "")
	require.NoError(t, err)
	_, err = io.WriteString(conn, "\xff\xff\xff\xffecho")
	require.NoError(t, err)
	got := make([]byte, 8)
	_, err = io.ReadFull(conn, got)
	require.NoError(t, err)
	assert.Equal(t, "\xff\xff\xff\xffecho", string(got))
	assert.Empty(t, p.Requests())
}

func TestProxyWithoutAServerResets(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	p := testutil.NewProxy(t, l.Addr().String())
	_, err = send(t.Context(), t, http.MethodGet, p.URL(), "")
	require.Error(t, err)
}

func TestProxyTellsOfARequestAndOfItsAnswer(t *testing.T) {
	t.Parallel()
	addr, served := server(t)
	p := testutil.NewProxy(t, addr)
	var before, after []int32
	p.OnRequest(testutil.HTTP(http.MethodPost, "/a"), func(r testutil.Request) {
		assert.Equal(t, "/a", r.Path)
		before = append(before, served.Load())
	})
	p.OnResponse(testutil.HTTP(http.MethodPost, "/a"), func(testutil.Request) { after = append(after, served.Load()) })
	for range 2 {
		_, err := send(t.Context(), t, http.MethodPost, p.URL()+"/a", "x")
		require.NoError(t, err)
	}
	_, err := send(t.Context(), t, http.MethodPost, p.URL()+"/b", "x")
	require.NoError(t, err)
	assert.Equal(t, []int32{0, 1}, before)
	assert.Equal(t, []int32{1, 2}, after)
}
