# shellcheck shell=bash
# lib.sh: what the other scripts share. Sourced, never run.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
CACHE=$ROOT/.cache
NEWEST_KAFKA=4.3.1
# One patch release of each supported line. Not every patch release has all its artifacts on Maven Central, and the
# stand-in images are built from those.
CI_KAFKA="3.9.0 4.0.0 4.1.1 4.3.1"
mkdir -p "$CACHE"
export PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

say() { echo "reconnect: $*"; }
warn() { echo "reconnect: $*" >&2; }
in_ci() { [ "${CI:-}" = true ] || [ "${CI:-}" = 1 ]; }
setup_allowed() { [ "${RECONNECT_SETUP:-1}" != 0 ]; }

is_debian() { (. /etc/os-release 2>/dev/null && [ "${ID:-}" = debian ]) && command -v apt-get >/dev/null; }

# retry TIMES COMMAND...: until it succeeds, with a growing pause between.
retry() {
  local n=$1 i
  shift
  for ((i = 1; ; i++)); do
    "$@" && return 0
    ((i >= n)) && return 1
    sleep $((i * 2))
  done
}

# apt_install WHY PACKAGE...: says what it is about to do; refuses anywhere but as root on Debian, and with RECONNECT_SETUP=0.
apt_install() {
  local why=$1
  shift
  setup_allowed && is_debian && [ "$(id -u)" = 0 ] || return 1
  say "installing $* from Debian ($why); RECONNECT_SETUP=0 turns this off"
  local log=$CACHE/apt.log
  if ! { retry 3 apt-get -q update && DEBIAN_FRONTEND=noninteractive retry 3 apt-get -q install -y --no-install-recommends "$@"; } </dev/null >"$log" 2>&1; then
    tail -n 5 "$log" >&2
    warn "apt-get could not install $* (whole log: $log)"
    return 1
  fi
}

# maven_copy COORDINATES DIR [TIMES SECONDS]: fetches one artifact into DIR, in TIMES tries of SECONDS each. What Maven said is in .cache/mvn.log.
maven_copy() {
  retry "${3:-2}" timeout "${4:-120}" mvn -q -B -ntp org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy \
    -Dartifact="$1" -DoutputDirectory="$2" </dev/null >"$CACHE/mvn.log" 2>&1
}

# go_tool NAME MODULE@VERSION: prints the path of the tool, built once per version and kept out of the module's go.mod.
go_tool() {
  local dir=$CACHE/bin/${2##*@}
  if [ ! -x "$dir/$1" ]; then
    mkdir -p "$dir"
    GOBIN=$dir GOFLAGS=-mod=mod retry 3 go install "$2" >&2 || { warn "cannot build $2"; return 1; }
  fi
  echo "$dir/$1"
}

# modules: the directory of every Go module of the repository, the root one first.
modules() {
  (cd "$ROOT" && find . -name go.mod -not -path '*/testdata/*' -not -path './.cache/*' | sed 's,/go.mod$,,' | sort)
}
