package testutil

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// PostgresOptions describes a PostgreSQL server. The zero value lets everybody in.
type PostgresOptions struct {
	// Password is asked from everybody who comes over the network, as the user postgres too. Empty asks nobody.
	Password string
	// Settings are added to the server's command line by their names in postgresql.conf.
	Settings map[string]string
}

// Postgres is a PostgreSQL server of this machine that the nodes of a cluster reach. Its database and its superuser are both called postgres.
type Postgres struct {
	// Address is the host and the port under which the nodes reach it.
	Address string

	bin, dir string
	port     int
	start    []string
	as       *syscall.SysProcAttr
}

// StartPostgres runs a new, empty PostgreSQL server for a test, on the gateway of the cluster's network, with logical replication on. It ends with the test,
// and its log is attached to a test that failed. Where none is installed the test is skipped; in CI that is a failure.
func StartPostgres(tb testing.TB, c *Cluster, opts PostgresOptions) *Postgres {
	tb.Helper()
	programs, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil || len(programs) == 0 {
		missing(tb, errors.New("testutil: no PostgreSQL server is installed (`make setup` installs it as root on Debian: apt install postgresql)"))
	}
	gateway, err := c.Gateway(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	listener, err := (&net.ListenConfig{}).Listen(tb.Context(), "tcp", net.JoinHostPort(gateway.String(), "0"))
	if err != nil {
		tb.Fatal("testutil: PostgreSQL must listen on the gateway of the cluster's network: ", err)
	}
	port := listener.Addr().(*net.TCPAddr).Port
	_ = listener.Close()
	dir, err := os.MkdirTemp("", "reconnect-pg") //nolint:usetesting // the server runs as another user, whom tb.TempDir keeps out
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = os.RemoveAll(dir) })
	p := &Postgres{Address: net.JoinHostPort(gateway.String(), strconv.Itoa(port)), bin: filepath.Dir(programs[len(programs)-1]), dir: dir, port: port}
	if os.Geteuid() == 0 { // PostgreSQL refuses to run as root
		if p.as, err = asUser("postgres", dir); err != nil {
			missing(tb, fmt.Errorf("testutil: root cannot run PostgreSQL: %w", err))
		}
	}
	p.run(tb, "initdb", "-D", p.data(), "-A", "trust", "-U", "postgres", "--no-sync")
	method := "trust"
	if opts.Password != "" {
		method = "scram-sha-256"
	}
	// The sockets of the folder, which psql uses, let everybody in.
	hba := "local all all trust\nlocal replication all trust\nhost all all all " + method + "\nhost replication all all " + method + "\n"
	if err := os.WriteFile(filepath.Join(p.data(), "pg_hba.conf"), []byte(hba), 0o600); err != nil {
		tb.Fatal(err)
	}
	var flags strings.Builder
	fmt.Fprintf(&flags, "-p %d -h %s -k %s -c fsync=off -c wal_level=logical -c log_connections=on", port, gateway, dir)
	keys := make([]string, 0, len(opts.Settings))
	for key := range opts.Settings {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for _, key := range keys {
		fmt.Fprintf(&flags, " -c %s='%s'", key, strings.ReplaceAll(opts.Settings[key], "'", `'\''`))
	}
	p.start = []string{"-D", p.data(), "-w", "-l", p.logFile(), "-o", flags.String(), "start"}
	p.Start(tb)
	tb.Cleanup(func() {
		if tb.Failed() {
			if log, err := os.ReadFile(p.logFile()); err == nil {
				tb.Logf("---- PostgreSQL, last lines:\n%s", log[max(0, len(log)-8<<10):])
			}
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(tb.Context()), time.Minute)
		defer cancel()
		_, _ = p.command(ctx, "pg_ctl", "-D", p.data(), "-m", "immediate", "-w", "stop")
	})
	if opts.Password != "" {
		p.SetPassword(tb, opts.Password)
	}
	return p
}

// JDBCURL is the address as a JDBC connector wants it.
func (p *Postgres) JDBCURL() string { return "jdbc:postgresql://" + p.Address + "/postgres" }

// SQL runs a statement as the superuser and returns what it printed, one row a line, fields separated by `|`.
func (p *Postgres) SQL(tb testing.TB, statement string) string {
	tb.Helper()
	return p.run(tb, "psql", "-h", p.dir, "-p", strconv.Itoa(p.port), "-U", "postgres", "-At", "-v", "ON_ERROR_STOP=1", "-c", statement)
}

// SetPassword changes the password of the user postgres; who is logged in stays.
func (p *Postgres) SetPassword(tb testing.TB, password string) {
	tb.Helper()
	p.SQL(tb, "ALTER USER postgres PASSWORD '"+strings.ReplaceAll(password, "'", "''")+"'")
}

// Log is what the server has logged so far: `connection authorized: user=...` for each log-in, `password authentication failed for user` for each that was refused.
func (p *Postgres) Log(tb testing.TB) string {
	tb.Helper()
	log, err := os.ReadFile(p.logFile())
	if err != nil {
		tb.Fatal(err)
	}
	return string(log)
}

// Stop ends the server at once, as a crash would: nobody gets a word. Its data and its address stay.
func (p *Postgres) Stop(tb testing.TB) {
	tb.Helper()
	p.run(tb, "pg_ctl", "-D", p.data(), "-m", "immediate", "-w", "stop")
}

// Start starts the server again after a Stop.
func (p *Postgres) Start(tb testing.TB) {
	tb.Helper()
	p.run(tb, "pg_ctl", p.start...)
}

func (p *Postgres) data() string    { return filepath.Join(p.dir, "data") }
func (p *Postgres) logFile() string { return filepath.Join(p.dir, "log") }

func (p *Postgres) run(tb testing.TB, name string, args ...string) string {
	tb.Helper()
	out, err := p.command(tb.Context(), name, args...)
	if err != nil {
		log, _ := os.ReadFile(p.logFile())
		tb.Fatalf("testutil: %s: %v\n%s\n%s", name, err, out, log[max(0, len(log)-2<<10):])
	}
	return out
}

func (p *Postgres) command(ctx context.Context, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, filepath.Join(p.bin, name), args...) //nolint:gosec // PostgreSQL's own programs
	cmd.SysProcAttr, cmd.Dir = p.as, p.dir
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	return strings.TrimSpace(out.String()), err
}
