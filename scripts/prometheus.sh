#!/usr/bin/env bash
# prometheus.sh: brings what the tests of examples/observability run: promtool, prometheus, amtool and alertmanager (those of the system, else
# Debian's packages unpacked into .cache/prometheus, for which nobody needs to be root), and the JMX exporter's agent (Maven) into .cache/jmx.
# Debian's alertmanager looks for its templates in /usr/share and nowhere else: as root they are put there, else alertmanager has to be installed.
# Exit 1 when something could not be had.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
AGENT=1.0.1
failed=0

tools() {
  local dir=$CACHE/prometheus/usr/bin missing=() log=$CACHE/prometheus.log work
  command -v promtool prometheus >/dev/null || [ -x "$dir/promtool" ] || missing+=(prometheus)
  { command -v amtool >/dev/null && { command -v alertmanager || command -v prometheus-alertmanager; } >/dev/null; } ||
    [ -x "$dir/amtool" ] || missing+=(prometheus-alertmanager)
  [ ${#missing[@]} = 0 ] && return 0
  setup_allowed && is_debian || return 1
  say "unpacking Debian's ${missing[*]} into .cache/prometheus (for the tests of alerts)"
  work=$(mktemp -d "$CACHE/deb.XXXXXX")
  if ! (
    cd "$work"
    apt-get -q download "${missing[@]}" || { [ "$(id -u)" = 0 ] && retry 3 apt-get -q update && retry 3 apt-get -q download "${missing[@]}"; }
    for deb in *.deb; do dpkg -x "$deb" "$CACHE/prometheus"; done
  ) </dev/null >"$log" 2>&1; then
    tail -n 5 "$log" >&2
    rm -rf "$work"
    return 1
  fi
  rm -rf "$work"
}

templates() {
  local to=/usr/share/prometheus/alertmanager
  command -v alertmanager >/dev/null || [ -s "$to/default.tmpl" ] && return 0
  setup_allowed && [ "$(id -u)" = 0 ] || return 1
  say "putting alertmanager's templates into $to; RECONNECT_SETUP=0 turns this off"
  mkdir -p "$to" && cp -n "$CACHE/prometheus$to"/*.tmpl "$to/"
}

agent() {
  local jar=$CACHE/jmx/jmx_prometheus_javaagent-$AGENT.jar
  [ -s "$jar" ] && return 0
  command -v mvn >/dev/null || apt_install "to fetch the JMX exporter" maven default-jdk-headless || return 1
  mkdir -p "$CACHE/jmx"
  maven_copy "io.prometheus.jmx:jmx_prometheus_javaagent:$AGENT" "$CACHE/jmx" && [ -s "$jar" ]
}

exec 8>"$CACHE/prometheus.lock"
command -v flock >/dev/null && flock 8
{ tools && templates; } || {
  warn "promtool, prometheus, amtool or alertmanager is missing (on Debian: apt-get install prometheus prometheus-alertmanager): the tests of alerts skip, or fail in CI"
  failed=1
}
[ "${CONNECT_INTEGRATION:-1}" = 0 ] || agent || {
  warn "the JMX exporter's agent could not be fetched: the tests of alerts on real workers skip, or fail in CI"
  failed=1
}
exit $failed
