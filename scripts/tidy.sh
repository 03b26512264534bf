#!/usr/bin/env bash
# tidy.sh [--check]: go mod tidy in every module; with --check nothing is written, and a difference is a failure.
# -e, because the zip of an indirect module that only Windows needs is refused by some proxies.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
status=0
while read -r dir; do
  cd "$ROOT/$dir"
  if [ "${1:-}" = --check ]; then
    # Without a difference only a failure to look is worth another try.
    for try in 1 2 3; do
      if diff=$(go mod tidy -e -diff 2>"$CACHE/tidy.log"); then continue 2; fi
      [ -z "$diff" ] || break
      sleep "$try"
    done
    if [ -n "$diff" ]; then
      echo "$diff"
      warn "$dir/go.mod or go.sum is not tidy: run make tidy"
    else
      cat "$CACHE/tidy.log" >&2
      warn "$dir: go mod tidy could not be run"
    fi
    status=1
  else
    go mod tidy -e
  fi
done < <(modules)
exit $status
