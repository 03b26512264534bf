package reconnect_test

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-reconnect/reconnect/connect"
	"github.com/go-reconnect/reconnect/errtolerance"
	"github.com/go-reconnect/reconnect/recovery"
)

// readme is the snippet of README.md, between the two lines that TestTheReadmeShowsCodeThatCompiles looks for.
func readme(ctx context.Context, sink map[string]string) error {
	// README begins
	client, err := connect.NewClient("http://connect:8083")
	if err != nil {
		return err
	}
	config := errtolerance.DeadLetter("orders-dlq").ApplyTo(sink)
	if _, _, err := client.PutConfig(ctx, "orders-sink", config); err != nil {
		return err
	}
	supervisor, err := recovery.New(client, recovery.Config{})
	if err != nil {
		return err
	}
	return supervisor.Run(ctx) // restarts what a restart can fix, until ctx ends
	// README ends
}

var _ = readme

func TestTheReadmeShowsCodeThatCompiles(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("example_test.go")
	require.NoError(t, err)
	_, code, _ := strings.Cut(string(source), "\t// README begins\n")
	code, _, _ = strings.Cut(code, "\t// README ends\n")
	lines := strings.Split(strings.TrimSuffix(code, "\n"), "\n")
	require.LessOrEqual(t, len(lines), 15)
	for i := range lines {
		lines[i] = strings.TrimPrefix(lines[i], "\t")
	}
	text, err := os.ReadFile("README.md")
	require.NoError(t, err)
	require.Contains(t, string(text), "```go\n"+strings.Join(lines, "\n")+"\n```\n")
}
