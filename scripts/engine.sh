#!/usr/bin/env bash
# engine.sh: exit 0 once a Docker engine answers. It uses the one that runs, else installs (root on Debian only) and starts one,
# detached, and leaves it running. Exit 3, with one line that says what to do, where there is none and no way to get one.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

SOCKET=unix:///var/run/docker.sock
LOG=/var/log/reconnect-dockerd.log

answers() { command -v docker >/dev/null && timeout 15 docker info >/dev/null 2>&1; }
alive() { pgrep -x dockerd >/dev/null; }
none() { # WHAT [TO DO]
  warn "no Docker engine: $1. ${2:-To get one, install Docker and start it, or run this as root on Debian without RECONNECT_SETUP=0.}"
  exit 3
}

wait_for_engine() { # SECONDS
  local end=$((SECONDS + $1))
  until answers; do
    ((SECONDS < end)) || return 1
    sleep 0.3
  done
}

# A dockerd that was killed leaves its pid files, and the next one refuses to start ("pid file found").
remove_stale_pid_files() {
  local f pid
  for f in /var/run/docker.pid /var/run/docker/containerd/containerd.pid; do
    [ -e "$f" ] || continue
    pid=$(cat "$f" 2>/dev/null || true)
    case $(cat "/proc/${pid:-none}/comm" 2>/dev/null) in
    dockerd | containerd) ;;
    *) rm -f "$f" ;;
    esac
  done
}

answers && exit 0
[ -z "${DOCKER_HOST:-}" ] || [ "$DOCKER_HOST" = "$SOCKET" ] ||
  none "DOCKER_HOST is set to $DOCKER_HOST, which does not answer" "Start that engine, or unset DOCKER_HOST to use this machine's own."
setup_allowed || none "RECONNECT_SETUP=0 forbids to start one"
[ "$(id -u)" = 0 ] || none "none answers, and only root can start one"

# Two of these at once must not start two engines. The lock is not handed to dockerd, which outlives us.
exec 8>/var/lock/reconnect-engine.lock
flock -w 300 8 || none "another start of the engine has been under way for 5 minutes"
answers && exit 0

if ! command -v dockerd >/dev/null || ! command -v docker >/dev/null || ! command -v iptables >/dev/null; then
  is_debian || none "dockerd is not installed, and this is not Debian"
  apt_install "the integration tests run Kafka in containers" docker.io iptables || none "docker.io could not be installed"
fi

if alive || { [ -d /run/systemd/system ] && systemctl start docker >/dev/null 2>&1; }; then
  wait_for_engine 60 || none "a dockerd runs but does not answer" "Its log says why; this never starts a second one."
  exit 0
fi

remove_stale_pid_files
say "starting dockerd (log: $LOG)"
setsid dockerd >"$LOG" 2>&1 </dev/null 8>&- &
PID=$!
END=$((SECONDS + 90))
until answers; do
  if ! kill -0 "$PID" 2>/dev/null && ! alive; then
    tail -n 5 "$LOG" >&2
    none "dockerd exited at once (see $LOG)"
  fi
  ((SECONDS < END)) || none "dockerd did not answer within 90 s (see $LOG)"
  sleep 0.3
done
say "the Docker engine is up"
