package connect_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/go-reconnect/reconnect/connect"
	"github.com/go-reconnect/reconnect/connect/connecttest"
)

// exampleCluster is a cluster in this process, so that the examples run.
func exampleCluster() (*connecttest.Server, *connect.Client) {
	s := connecttest.NewServer(connecttest.Config{Workers: 2, Version: "4.3.1"})
	urls := s.InProcessURLs()
	c, err := connect.NewClient(urls[0], connect.WithWorkers(urls[1:]...), connect.WithHTTPClient(s.Client()))
	if err != nil {
		log.Fatal(err)
	}
	return s, c
}

func ExampleNewClient() {
	c, err := connect.NewClient("https://connect-0.example.com/kafka",
		connect.WithWorkers("https://connect-1.example.com/kafka"),
		connect.WithBasicAuth("operator", "hunter2"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(c.Workers())
	// Output: [https://connect-0.example.com/kafka https://connect-1.example.com/kafka]
}

func ExampleClient_Apply() {
	s, c := exampleCluster()
	defer s.Close()
	config := connect.Config{
		"connector.class": "org.apache.kafka.connect.file.FileStreamSinkConnector",
		"topics":          "orders", "file": "/tmp/orders", "tasks.max": "1",
	}
	for range 2 {
		change, err := c.Apply(context.Background(), "orders-sink", config, connect.ApplyOptions{})
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(change.Action)
	}
	config["tasks.max"] = "4"
	change, err := c.Apply(context.Background(), "orders-sink", config, connect.ApplyOptions{DryRun: true})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(change.Action, change.Diff)
	// Output:
	// create
	// none
	// update ~ tasks.max: 1 -> 4
}

func ExampleClient_Statuses() {
	s, c := exampleCluster()
	defer s.Close()
	s.AddConnector("orders-sink", map[string]string{"tasks.max": "1"})
	s.FailTask("orders-sink", 0, "java.net.ConnectException: Connection refused")
	for status, err := range c.Statuses(context.Background()) {
		if err != nil {
			log.Fatal(err) // the last element
		}
		fmt.Println(status.Name, status.Connector.State, status.FailedTasks())
	}
	// Output: orders-sink RUNNING [orders-sink-0]
}

func ExampleClient_Restart() {
	s, c := exampleCluster()
	defer s.Close()
	s.AddConnector("orders-sink", map[string]string{"tasks.max": "1"})
	s.FailTask("orders-sink", 0, "java.net.ConnectException: Connection refused")
	plan, err := c.Restart(context.Background(), "orders-sink", connect.RestartOptions{IncludeTasks: true, OnlyFailed: true})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("connector:", plan.Connector, "tasks:", plan.Tasks)
	status, err := c.WaitFor(context.Background(), "orders-sink", connect.Running(1), connect.WaitOptions{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(status.Running())
	// Output:
	// connector: false tasks: [orders-sink-0]
	// true
}

func ExampleClient_RestartFailed() {
	s, c := exampleCluster()
	defer s.Close()
	s.AddConnector("orders-sink", map[string]string{"tasks.max": "1"})
	s.FailTask("orders-sink", 0, "java.net.ConnectException: Connection refused")
	plans, err := c.RestartFailed(context.Background(), connect.RestartFailedOptions{DryRun: true})
	if err != nil {
		log.Fatal(err)
	}
	for _, p := range plans {
		fmt.Println(p.Name, p.Connector, p.Tasks)
	}
	// Output: orders-sink false [orders-sink-0]
}

func ExampleError() {
	s, c := exampleCluster()
	defer s.Close()
	_, err := c.GetConnector(context.Background(), "nobody")
	fmt.Println(errors.Is(err, connect.ErrNotFound))
	fmt.Println(err)
	// Output:
	// true
	// connect: GET /connectors/nobody: 404 Not Found: Connector nobody not found
}

func ExampleConfig_Diff() {
	have := connect.Config{"tasks.max": "1", "connection.password": "old"}
	want := connect.Config{"tasks.max": "2", "connection.password": "new"}
	fmt.Println(have)
	fmt.Println(have.Diff(want))
	// Output:
	// {connection.password=[redacted], tasks.max=1}
	// ~ connection.password: changed
	// ~ tasks.max: 1 -> 2
}

func ExampleSinkOffset() {
	o := connect.SinkOffset("orders", 3, 42)
	fmt.Println(string(o.Partition), string(o.Offset))
	topic, partition, offset, ok := o.Sink()
	fmt.Println(topic, partition, offset, ok)
	// Output:
	// {"kafka_topic":"orders","kafka_partition":3} {"kafka_offset":42}
	// orders 3 42 true
}
