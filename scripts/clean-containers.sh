#!/usr/bin/env bash
# clean-containers.sh: removes every container, network and volume that internal/testutil made, also those of tests that still run.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
command -v docker >/dev/null && timeout 15 docker info >/dev/null 2>&1 || { say "no Docker engine answers: nothing to remove"; exit 0; }
label=label=io.github.go-reconnect.testutil
docker ps -aq --filter "$label" | xargs -r docker rm -f -v >/dev/null
docker network ls -q --filter "$label" | xargs -r docker network rm >/dev/null
docker volume ls -q --filter "$label" | xargs -r docker volume rm -f >/dev/null
