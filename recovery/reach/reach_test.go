package reach_test

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-reconnect/reconnect/connect/failure"
	"github.com/go-reconnect/reconnect/recovery"
	"github.com/go-reconnect/reconnect/recovery/reach"
)

// network answers dials from a table and keeps what was asked.
type network struct {
	mu    sync.Mutex
	up    []string
	names []string // that do not resolve
	asked []string
}

func (n *network) dial(_ context.Context, _, address string) (net.Conn, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.asked = append(n.asked, address)
	if slices.Contains(n.names, address) {
		return nil, &net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", IsNotFound: true}}
	}
	if slices.Contains(n.up, address) {
		a, b := net.Pipe()
		_ = b.Close()
		return a, nil
	}
	return nil, errors.New("connection refused")
}

func TestEndpointsOfConfigs(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		config map[string]string
		class  failure.Class
		asked  []string
	}{
		"JDBC sink":                {map[string]string{"connection.url": "jdbc:postgresql://db:5433/shop?user=u&password=p"}, failure.ClassConnection, []string{"db:5433"}},
		"JDBC without a port":      {map[string]string{"connection.url": "jdbc:mysql://db/shop"}, failure.ClassConnection, []string{"db:3306"}},
		"JDBC with several hosts":  {map[string]string{"connection.url": "jdbc:postgresql://a:1,b:2/shop"}, failure.ClassTimeout, []string{"a:1", "b:2"}},
		"SQL Server":               {map[string]string{"connection.url": "jdbc:sqlserver://db:1433;databaseName=x;password=y"}, failure.ClassConnection, []string{"db:1433"}},
		"Oracle with a SID":        {map[string]string{"connection.url": "jdbc:oracle:thin:@db:1522:ORCL"}, failure.ClassConnection, []string{"db:1522"}},
		"Oracle with a service":    {map[string]string{"connection.url": "jdbc:oracle:thin:@//db:1522/orcl"}, failure.ClassConnection, []string{"db:1522"}},
		"MariaDB replication":      {map[string]string{"connection.url": "jdbc:mariadb:replication://a:1,b/shop"}, failure.ClassConnection, []string{"a:1", "b:3306"}},
		"MongoDB with credentials": {map[string]string{"connection.uri": "mongodb://u:p@a:1,b:2/db"}, failure.ClassConnection, []string{"a:1", "b:2"}},
		"MongoDB by SRV":           {map[string]string{"connection.uri": "mongodb+srv://u:p@a/db"}, failure.ClassConnection, nil},
		"Elasticsearch":            {map[string]string{"connection.url": "http://a:9200,https://b"}, failure.ClassConnection, []string{"a:9200", "b:443"}},
		"Debezium":                 {map[string]string{"database.hostname": "db", "database.port": "5432", "database.password": "x"}, failure.ClassConnection, []string{"db:5432"}},
		"Debezium without a port":  {map[string]string{"database.hostname": "db"}, failure.ClassConnection, nil},
		"MirrorMaker":              {map[string]string{"source.cluster.bootstrap.servers": "a:9092,b:9092"}, failure.ClassConnection, []string{"a:9092", "b:9092"}},
		"IPv6":                     {map[string]string{"connection.url": "http://[::1]:8080/x"}, failure.ClassConnection, []string{"[::1]:8080"}},
		"a provider's reference":   {map[string]string{"connection.url": "jdbc:postgresql://${file:/x:host}:5432/db"}, failure.ClassConnection, nil},
		"registries only for theirs": {
			map[string]string{"connection.url": "jdbc:postgresql://db/x", "value.converter.schema.registry.url": "http://sr:8081"}, failure.ClassSchemaRegistry, []string{"sr:8081"},
		},
		"no registry for others": {
			map[string]string{"connection.url": "jdbc:postgresql://db/x", "value.converter.schema.registry.url": "http://sr:8081"}, failure.ClassConnection, []string{"db:5432"},
		},
		"nonsense": {map[string]string{"connection.url": "://", "topics": "a,b", "file": "/tmp/x", "hosts": "a b:1,<x>:2", "regex": "http://("}, failure.ClassConnection, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := &network{}
			p := &reach.Prober{Dial: n.dial}
			got, err := p.Reach(t.Context(), "orders", row.config, failure.Diagnosis{Class: row.class})
			require.NoError(t, err)
			assert.Equal(t, row.asked, n.asked)
			want := recovery.ReachUnreachable
			if row.asked == nil {
				want = recovery.ReachUnknown
			}
			assert.Equal(t, want, got)
		})
	}
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	two := map[string]string{"connection.url": "jdbc:postgresql://a:1,b:2/x", "proxy.url": "http://proxy:3"}
	for name, row := range map[string]struct {
		net  *network
		want recovery.Reachability
	}{
		"one node of each suffices":      {&network{up: []string{"b:2", "proxy:3"}}, recovery.ReachReachable},
		"one kind is away":               {&network{up: []string{"a:1", "b:2"}}, recovery.ReachUnreachable},
		"a name that cannot be resolved": {&network{up: []string{"a:1"}, names: []string{"proxy:3"}}, recovery.ReachUnknown},
		"away, and another not resolved": {&network{names: []string{"proxy:3"}}, recovery.ReachUnreachable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := &reach.Prober{Dial: row.net.dial}
			got, err := p.Reach(t.Context(), "x", two, failure.Diagnosis{Class: failure.ClassConnection})
			require.NoError(t, err)
			assert.Equal(t, row.want, got)
		})
	}
}

func TestOnlyAllowedHostsAreAsked(t *testing.T) {
	t.Parallel()
	n := &network{}
	p := &reach.Prober{Dial: n.dial, Allow: reach.Hosts("*.db.internal", "10.0.0.0/8")}
	for _, url := range []string{"http://169.254.169.254/latest", "http://a.db.internal:1", "http://A.DB.internal:2", "http://10.1.2.3:3", "http://11.1.2.3:4", "http://db.internal:5"} {
		_, err := p.Reach(t.Context(), "x", map[string]string{"http.url": url}, failure.Diagnosis{Class: failure.ClassConnection})
		require.NoError(t, err)
	}
	assert.Equal(t, []string{"a.db.internal:1", "A.DB.internal:2", "10.1.2.3:3"}, n.asked)
}

func TestManyConnectorsOfOneDatabaseAskOnce(t *testing.T) {
	t.Parallel()
	n := &network{up: []string{"db:5432"}}
	p := &reach.Prober{Dial: n.dial}
	for range 100 {
		got, err := p.Reach(t.Context(), "x", map[string]string{"connection.url": "jdbc:postgresql://db/x"}, failure.Diagnosis{Class: failure.ClassConnection})
		require.NoError(t, err)
		assert.Equal(t, recovery.ReachReachable, got)
	}
	assert.Len(t, n.asked, 1)
}

func TestAgainstRealSockets(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	url := "http://" + l.Addr().String()
	got, err := (&reach.Prober{}).Reach(t.Context(), "x", map[string]string{"http.url": url}, failure.Diagnosis{Class: failure.ClassConnection})
	require.NoError(t, err)
	assert.Equal(t, recovery.ReachReachable, got)
	require.NoError(t, l.Close())
	got, err = (&reach.Prober{}).Reach(t.Context(), "x", map[string]string{"http.url": url}, failure.Diagnosis{Class: failure.ClassConnection})
	require.NoError(t, err)
	assert.Equal(t, recovery.ReachUnreachable, got)
}

func FuzzReach(f *testing.F) {
	f.Add("connection.url", "jdbc:oracle:thin:@(DESCRIPTION=(ADDRESS=(HOST=x)))")
	f.Add("a.hosts", "[::1]:1,x")
	f.Fuzz(func(_ *testing.T, key, value string) {
		n := &network{}
		_, _ = (&reach.Prober{Dial: n.dial}).Reach(context.Background(), "x", map[string]string{key: value}, failure.Diagnosis{Class: failure.ClassConnection})
	})
}
