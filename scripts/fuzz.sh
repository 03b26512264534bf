#!/usr/bin/env bash
# fuzz.sh [TIME]: runs every fuzz target of every module for TIME (10s), one after the other.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
for_each=${1:-10s}
status=0
while read -r dir; do
  cd "$ROOT/$dir"
  while read -r pkg; do
    for target in $(go test -list '^Fuzz' "$pkg" | grep '^Fuzz' || true); do
      say "$pkg $target"
      go test -run '^$' -fuzz "^$target\$" -fuzztime "$for_each" "$pkg" || status=1
    done
  done < <(go list -f '{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}}{{end}}' ./... | sed '/^$/d')
done < <(modules)
exit $status
