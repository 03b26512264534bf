package dlq_test

import (
	"os"
	"testing"

	"github.com/go-reconnect/reconnect/internal/testutil"
)

func TestMain(m *testing.M) {
	if task, ok := proofTask(); ok {
		os.Exit(proofChild(task))
	}
	testutil.Main(m)
}
