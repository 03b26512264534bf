package connect_test

import (
	"testing"

	"github.com/go-reconnect/reconnect/internal/testutil"
)

// TestContract_RealBehindBasicAuth brings one worker of the newest version into the phases auth and notracking.
func TestContract_RealBehindBasicAuth(t *testing.T) {
	testutil.Integration(t)
	versions := testutil.Versions()
	version := versions[len(versions)-1]
	testutil.NeedBasicAuth(t, version)
	c := testutil.NewCluster(t, testutil.Options{
		Version: version, Workers: 1, BasicAuth: &testutil.BasicAuth{User: authUser, Password: authPassword},
		WorkerProperties: map[string]string{"topic.tracking.enable": "false"},
	})
	behindBasicAuth(t, realWorld(t, c))
}
