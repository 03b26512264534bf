package connect_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-reconnect/reconnect/connect"
)

// class names a sentinel of package connect that an answer must be.
type class string

const (
	errNotFound        class = "ErrNotFound"
	errExists          class = "ErrAlreadyExists"
	errRebalancing     class = "ErrRebalancing"
	errTimeout         class = "ErrTimeout"
	errInvalid         class = "ErrInvalidConfig"
	errNotStopped      class = "ErrNotStopped"
	errUnauthorized    class = "ErrUnauthorized"
	errForbidden       class = "ErrForbidden"
	errUnavailable     class = "ErrUnavailable"
	errNotConnect      class = "ErrNotConnect"
	errUnsupportedPath class = "" // a path that Connect does not know: what it is depends on the version, not on the answer
)

var classSentinels = map[class]error{
	errNotFound: connect.ErrNotFound, errExists: connect.ErrAlreadyExists, errRebalancing: connect.ErrRebalancing, errTimeout: connect.ErrTimeout,
	errInvalid: connect.ErrInvalidConfig, errNotStopped: connect.ErrNotStopped, errUnauthorized: connect.ErrUnauthorized, errForbidden: connect.ErrForbidden,
	errUnavailable: connect.ErrUnavailable, errNotConnect: connect.ErrNotConnect,
}

// canned is a transport that gives the client an answer that somebody else has received.
type canned struct {
	version string
	answer  contractAnswer
	asked   int
}

func (c *canned) RoundTrip(r *http.Request) (*http.Response, error) {
	a := c.answer
	if r.Method == http.MethodGet && r.URL.Path == "/" && r.Header.Get("X-Contract") == "" {
		a = contractAnswer{Status: 200, Header: http.Header{"Content-Type": {jsonType}}, Body: []byte(`{"version":"` + c.version + `","commit":"c","kafka_cluster_id":"i"}`)}
	} else {
		c.asked++
	}
	return &http.Response{
		StatusCode: a.Status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: a.Header.Clone(),
		Body: io.NopCloser(bytes.NewReader(a.Body)), ContentLength: int64(len(a.Body)), Request: r,
	}, nil
}

// checkClass asserts what the client makes of an answer: an error of that class for what is none of 2xx, and no other
// class that would make a caller do something else.
func (x wanted) checkClass(t *testing.T, w *world, q contractRequest, a contractAnswer) {
	t.Helper()
	path := w.fill(q.Path)
	if q.Method == http.MethodHead || q.Method == http.MethodOptions || q.Method == "" || path == "/" {
		return
	}
	transport := &canned{version: w.raw, answer: a}
	c, err := connect.NewClient("http://worker", connect.WithHTTPClient(&http.Client{Transport: transport}), connect.WithRetry(connect.RetryPolicy{Max: -1}))
	require.NoError(t, err)
	var out any // a 204 and an empty 202 have nothing to decode
	if len(a.Body) > 0 {
		out = new(json.RawMessage)
	}
	err = c.Do(t.Context(), q.Method, path, nil, out)
	if transport.asked == 0 {
		require.Error(t, err, "the client refused to send it")
		return
	}
	if a.Status < 300 {
		assert.NoError(t, err)
		return
	}
	var e *connect.Error
	require.ErrorAs(t, err, &e, "%s", a)
	assert.Equal(t, a.Status, e.StatusCode)
	if x.class != "" {
		assert.ErrorIs(t, err, classSentinels[x.class], "%s", a)
	}
	for name, sentinel := range classSentinels {
		if name != x.class && errors.Is(err, sentinel) && !alsoFits(name, x.class, a) {
			assert.Fail(t, "also "+string(name), "%s", a)
		}
	}
}

// alsoFits lists the second classes that an answer may have.
func alsoFits(second, class class, a contractAnswer) bool {
	switch {
	case class == errNotConnect && second == errUnavailable:
		return a.Status == 404 // a worker that starts
	case class == "" && second == errNotFound:
		return strings.Contains(string(a.Body), "HTTP 404 Not Found") // no such path: the name in it, or the endpoint
	case class == "" && second == errUnavailable:
		return strings.Contains(string(a.Body), "IO Error trying to forward") || strings.Contains(string(a.Body), "Error writing ") || strings.Contains(string(a.Body), "Error removing ")
	}
	return false
}
