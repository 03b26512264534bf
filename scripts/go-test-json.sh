#!/usr/bin/env bash
# go-test-json.sh ARGUMENT...: `go test -json ARGUMENT... ./...` in every module of the repository, the root one first, as one stream.
# It fails when any of them fails, and still runs the others.
set -uo pipefail
. "$(dirname "$0")/lib.sh"
status=0
while read -r dir; do
  (cd "$ROOT/$dir" && go test -json "$@" "${PACKAGES:-./...}") || status=1
done < <(if [ -n "${PACKAGES:-}" ]; then echo .; else modules; fi)
exit $status
