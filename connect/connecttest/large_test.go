package connecttest_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-reconnect/reconnect/connect/connecttest"
)

// TestServer_Large keeps the server usable for benchmarks of a large cluster: nothing in it grows with the square.
func TestServer_Large(t *testing.T) {
	t.Parallel()
	s := connecttest.NewServer(connecttest.Config{Workers: 3, Errorf: t.Errorf})
	defer s.Close()
	const connectors = 1000
	for i := range connectors {
		s.AddConnector(fmt.Sprintf("c-%d", i), map[string]string{"topics": "t", "tasks.max": "10", "connector.class": "com.example.Sink"})
	}
	r := must(t, s, http.MethodGet, "/connectors?expand=status&expand=info", "")
	require.Equal(t, http.StatusOK, r.status)
	assert.Greater(t, len(r.body), connectors*1000)
	s.KillWorker(1)
	s.StartWorker(1)
	assert.Equal(t, http.StatusOK, must(t, s, http.MethodGet, "http://worker-1/connectors?expand=status", "").status)
}
