#!/usr/bin/env bash
# test.sh [GO TEST FLAG...]: brings what the integration tests need, then runs every test of every module with the race detector.
# The last lines are the summary. KAFKA_VERSIONS chooses the versions, RECONNECT_SETUP=0 installs and starts nothing,
# CONNECT_INTEGRATION=0 leaves the integration tests out, PACKAGES names one pattern of the root module instead of everything.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
cd "$ROOT"
exec 3>&1

if in_ci; then default=$CI_KAFKA; else default=$NEWEST_KAFKA; fi
KAFKA_VERSIONS=${KAFKA_VERSIONS:-$default}
KAFKA_VERSIONS=${KAFKA_VERSIONS//,/ }

# One line says why, what is missing and how to get it. In CI a test that did not run is a failure.
without_integration() {
  if in_ci; then
    warn "integration tests cannot run, and in CI they must: $1"
    exit 1
  fi
  say "integration tests are skipped: $1"
  export CONNECT_INTEGRATION=0
}

prepare_integration() {
  local reason v have=() missing=()
  [ "${CONNECT_INTEGRATION:-1}" != 0 ] || return 0
  # What the script says on its standard output is for now, what on its standard error is the reason.
  if ! reason=$("$ROOT/scripts/engine.sh" 2>&1 1>&3); then
    without_integration "${reason#reconnect: }"
    return 0
  fi
  # shellcheck disable=SC2086
  "$ROOT/scripts/images.sh" $KAFKA_VERSIONS || true
  for v in $KAFKA_VERSIONS; do
    if docker image inspect "apache/kafka:$v" >/dev/null 2>&1; then have+=("$v"); else missing+=("$v"); fi
  done
  if [ ${#missing[@]} != 0 ]; then
    if in_ci || [ ${#have[@]} = 0 ]; then
      without_integration "there is no image apache/kafka:${missing[0]}, and it can be neither pulled nor built (see above)."
      return 0
    fi
    say "Kafka ${missing[*]} is left out: no image, and it can be neither pulled nor built (see above)"
  fi
  "$ROOT/scripts/databases.sh" || true
  export CONNECT_INTEGRATION=1 KAFKA_VERSIONS="${have[*]}"
  # Ryuk's image may be out of reach, and internal/testutil cleans up by label. The ports are published on 127.0.0.1, also
  # where this runs inside something that looks like a container.
  export TESTCONTAINERS_RYUK_DISABLED=true TESTCONTAINERS_HOST_OVERRIDE=127.0.0.1
  say "integration tests run on Kafka $KAFKA_VERSIONS"
}

# The API server for the tests of examples/controller. Without it they skip, and in CI they fail.
prepare_envtest() {
  [ -z "${PACKAGES:-}" ] && [ -z "${KUBEBUILDER_ASSETS:-}" ] || return 0
  local dir
  if dir=$("$ROOT/scripts/envtest.sh"); then
    export KUBEBUILDER_ASSETS=$dir
  elif in_ci; then
    warn "the tests of examples/controller need kube-apiserver and etcd, and in CI they must run (see above)"
    exit 1
  else
    say "the tests of examples/controller are skipped: there is no kube-apiserver (see above)"
  fi
}

need_compiler() { # the race detector is linked by it
  command -v "$(go env CC)" >/dev/null || apt_install "the race detector needs a C compiler" gcc libc6-dev || {
    warn "the race detector needs a C compiler, and $(go env CC) is not there"
    exit 1
  }
}

need_compiler
prepare_integration
"$ROOT/scripts/prometheus.sh" || true # it says what is missing
prepare_envtest
runner=$(go_tool gotestsum gotest.tools/gotestsum@v1.13.0)
while read -r dir; do (cd "$dir" && retry 3 go mod download >/dev/null); done < <(modules)
# Two test binaries at a time, of which each may hold clusters; what one needs the other waits for (internal/testutil/slots.go).
export CGO_ENABLED=1
exec "$runner" --format "${TEST_FORMAT:-pkgname}" --format-hide-empty-pkg --hide-summary=skipped --raw-command -- \
  "$ROOT/scripts/go-test-json.sh" -race -shuffle=on -p 2 -timeout "${TEST_TIMEOUT:-30m}" "$@"
