package connecttest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/go-reconnect/reconnect/connect/connecttest"
)

// A task body that fails until somebody restarts it.
func ExampleServer_RegisterPlugin() {
	s := connecttest.NewServer(connecttest.Config{})
	defer s.Close()
	running := make(chan struct{})
	s.RegisterPlugin("com.example.Sink", "sink", func(ctx context.Context, t connecttest.Task) error {
		if t.Attempt == 1 {
			return errors.New("java.net.ConnectException: Connection refused")
		}
		close(running)
		<-ctx.Done()
		return nil
	})
	send := func(method, path string) string {
		rq, err := http.NewRequestWithContext(context.Background(), method, s.InProcessURL()+path, http.NoBody)
		if err != nil {
			return err.Error()
		}
		rs, err := s.Client().Do(rq)
		if err != nil {
			return err.Error()
		}
		defer func() { _ = rs.Body.Close() }()
		b, err := io.ReadAll(rs.Body)
		if err != nil {
			return err.Error()
		}
		return strings.TrimSpace(fmt.Sprint(rs.StatusCode, " ", string(b)))
	}
	s.AddConnector("orders", map[string]string{"connector.class": "com.example.Sink"})
	fmt.Println(send(http.MethodPost, "/connectors/orders/tasks/0/restart"))
	<-running
	fmt.Println(send(http.MethodGet, "/connectors/orders/tasks/0/status"))
	// Output:
	// 204
	// 200 {"id":0,"state":"RUNNING","worker_id":"worker-0:8083","version":"4.3.1"}
}

// A restart that fails twice before it works, and the requests that were made.
func ExampleServer_OnRestart() {
	s := connecttest.NewServer(connecttest.Config{Workers: 2})
	defer s.Close()
	s.AddConnector("orders", map[string]string{"topics": "orders"})
	s.FailTask("orders", 0, "boom")
	failures := 2
	s.OnRestart(func(_ string, _ int) string {
		if failures--; failures >= 0 {
			return "boom again"
		}
		return ""
	})
	client := s.Client()
	for range 3 {
		rq, err := http.NewRequestWithContext(context.Background(), http.MethodPost, "http://worker-1/connectors/orders/restart?includeTasks=true&onlyFailed=true", http.NoBody)
		if err != nil {
			fmt.Println(err)
			return
		}
		rs, err := client.Do(rq)
		if err != nil {
			fmt.Println(err)
			return
		}
		_ = rs.Body.Close()
	}
	for _, r := range s.Requests() {
		fmt.Println(r.Worker, r.Method, r.Path, r.Status)
	}
	// Output:
	// 1 POST /connectors/orders/restart 202
	// 1 POST /connectors/orders/restart 202
	// 1 POST /connectors/orders/restart 202
}
