package testutil

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// Debezium is the version of the connectors that `make setup` fetches.
const Debezium = "3.2.0.Final"

// The connectors that `make setup` fetches, for NeedConnector.
const (
	JDBCSink       = "debezium-connector-jdbc"     // class io.debezium.connector.jdbc.JdbcSinkConnector, with the drivers of the usual databases
	PostgresSource = "debezium-connector-postgres" // class io.debezium.connector.postgresql.PostgresConnector
)

// ConnectorDir is the folder with the jars of JDBCSink or PostgresSource.
func ConnectorDir(name string) (string, error) {
	root, err := moduleRoot()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(root, ".cache", "connectors", name+"-"+Debezium)
	if _, err := os.Stat(dir); err != nil {
		return "", fmt.Errorf("testutil: no %s %s (`make setup` fetches it, with mvn): %w", name, Debezium, err)
	}
	return dir, nil
}

// NeedConnector returns JDBCSink or PostgresSource for Options.Plugins. Where it is not there the test is skipped; in CI that is a failure.
func NeedConnector(tb testing.TB, name string) Plugin {
	tb.Helper()
	Integration(tb)
	dir, err := ConnectorDir(name)
	if err != nil {
		missing(tb, err)
	}
	jars, err := filepath.Glob(filepath.Join(dir, "*.jar"))
	if err != nil || len(jars) == 0 {
		missing(tb, fmt.Errorf("testutil: no jars in %s: remove it and run `make setup`", dir))
	}
	return Plugin{Name: name, Files: jars}
}

// missing skips a test that lacks something; in CI that is a failure.
func missing(tb testing.TB, err error) {
	tb.Helper()
	if ci := os.Getenv("CI"); ci == "true" || ci == "1" {
		tb.Fatal(err)
	}
	tb.Skip(err)
}
