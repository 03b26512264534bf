package testutil_test

import (
	"net"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-reconnect/reconnect/internal/testutil"
)

func TestPostgresAsksForItsPasswordAndLogsWhoWasRefused(t *testing.T) {
	testutil.Integration(t)
	versions := testutil.Versions()
	c := testutil.Shared(t, versions[len(versions)-1])
	pg := testutil.StartPostgres(t, c, testutil.PostgresOptions{Password: "old", Settings: map[string]string{"application_name": "it's"}})
	assert.Equal(t, "jdbc:postgresql://"+pg.Address+"/postgres", pg.JDBCURL())
	host, port, err := net.SplitHostPort(pg.Address)
	require.NoError(t, err)
	login := func(password string) error {
		cmd := exec.CommandContext(t.Context(), "psql", "-h", host, "-p", port, "-U", "postgres", "-c", "SELECT 1")
		cmd.Env = append(os.Environ(), "PGPASSWORD="+password)
		return cmd.Run()
	}
	require.NoError(t, login("old"))
	require.NotContains(t, pg.Log(t), "password authentication failed")
	require.Error(t, login("wrong"))
	assert.Contains(t, pg.Log(t), `password authentication failed for user "postgres"`)
	pg.SetPassword(t, "new")
	require.Error(t, login("old"))
	require.NoError(t, login("new"))
	pg.SQL(t, "CREATE TABLE kept (id int)")
	pg.Stop(t)
	require.Error(t, login("new"))
	pg.Start(t)
	require.NoError(t, login("new"))
	assert.Equal(t, "0", pg.SQL(t, "SELECT count(*) FROM kept"))
}

func TestNeedConnectorReturnsWhatAWorkerTakes(t *testing.T) {
	testutil.Integration(t)
	for _, name := range []string{testutil.JDBCSink, testutil.PostgresSource} {
		p := testutil.NeedConnector(t, name)
		assert.Equal(t, name, p.Name)
		assert.NotEmpty(t, p.Files)
	}
}
