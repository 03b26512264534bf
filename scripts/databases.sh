#!/usr/bin/env bash
# databases.sh: what the tests with a database need: a PostgreSQL server's programs, from Debian, and Debezium's JDBC sink and PostgreSQL
# source, from Maven Central, in .cache/connectors. What is there is not fetched again. Exit 1, with one line for each, when one could not be had.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
DEBEZIUM=3.2.0.Final # internal/testutil/connectors.go looks for this one
CONNECTORS=$CACHE/connectors

missing() { # WHAT
  warn "$1: the tests with a database are skipped, or fail in CI"
  exit_status=1
}

have_postgres() { compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null; }

# Debian's package also starts a server of its own, which nobody asked for.
install_postgres() {
  local dir=/etc/postgresql-common/createcluster.d status=0
  mkdir -p "$dir" 2>/dev/null && echo 'create_main_cluster = false' >"$dir/reconnect-tests.conf" || true
  apt_install "tests read what a database's failures look like" postgresql || status=$?
  rm -f "$dir/reconnect-tests.conf"
  return $status
}

fetch() { # ARTIFACT DIR
  local archive=$2/$1-$DEBEZIUM-plugin.tar.gz
  maven_copy "io.debezium:$1:$DEBEZIUM:tar.gz:plugin" "$2" 3 300 &&
    tar -C "$2" --strip-components=1 -xzf "$archive" && rm -f "$archive"
}

connector() { # ARTIFACT: a folder of jars, which is there whole or not at all
  local dir=$CONNECTORS/$1-$DEBEZIUM new
  compgen -G "$dir/*.jar" >/dev/null && return 0
  command -v mvn >/dev/null || apt_install "to fetch connectors that talk to a database" maven || {
    missing "no $1: mvn, which fetches it, is not installed, and only root on Debian may install it here"
    return 0
  }
  new=$(mktemp -d "$CONNECTORS/.new.XXXXXX")
  if fetch "$1" "$new" && compgen -G "$new/*.jar" >/dev/null; then
    chmod 755 "$new"
    rm -rf "$dir"
    mv "$new" "$dir"
    say "fetched $1 $DEBEZIUM"
  else
    rm -rf "$new"
    missing "no $1 $DEBEZIUM: Maven could not fetch it (its log: $CACHE/mvn.log)"
  fi
}

mkdir -p "$CONNECTORS"
# Two of these at once would fetch the same twice.
exec 8>"${TMPDIR:-/tmp}/reconnect-databases-$(id -u).lock"
command -v flock >/dev/null && flock 8
exit_status=0
have_postgres || install_postgres || missing "no PostgreSQL server is installed, and only root on Debian may install it here (apt install postgresql)"
connector debezium-connector-jdbc
connector debezium-connector-postgres
exit $exit_status
