#!/usr/bin/env bash
# lint.sh [PACKAGE...]: golangci-lint, pinned, on every module of the repository, or on packages of the root one.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
lint=$(go_tool golangci-lint github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0)
if [ $# != 0 ]; then
  cd "$ROOT" && exec "$lint" run "$@"
fi
status=0
while read -r dir; do
  (cd "$ROOT/$dir" && "$lint" run --config "$ROOT/.golangci.yml" ./...) || status=1
done < <(modules)
exit $status
