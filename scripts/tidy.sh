#!/usr/bin/env bash
# tidy.sh [--check]: go mod tidy in every module; with --check nothing is written, and a difference is a failure.
# -e, because the zip of an indirect module that only Windows needs is refused by some proxies.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
status=0
while read -r dir; do
  cd "$ROOT/$dir"
  if [ "${1:-}" = --check ]; then
    diff=$(retry 3 go mod tidy -e -diff 2>"$CACHE/tidy.log" || true)
    if [ -n "$diff" ]; then
      echo "$diff"
      warn "$dir/go.mod or go.sum is not tidy: run make tidy"
      status=1
    fi
  else
    go mod tidy -e
  fi
done < <(modules)
exit $status
