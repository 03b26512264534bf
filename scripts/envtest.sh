#!/usr/bin/env bash
# envtest.sh: prints the directory that holds kube-apiserver and etcd for the tests of examples/controller (KUBEBUILDER_ASSETS). They are
# built from their Go modules, once per version on a machine: about 6 min on two cores, then nothing. Everything else goes to standard error.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

KUBERNETES=1.36.3
ETCD=3.6.16

dir=${XDG_CACHE_HOME:-$HOME/.cache}/reconnect/envtest/$KUBERNETES-etcd-$ETCD
have() { [ -x "$dir/kube-apiserver" ] && [ -x "$dir/etcd" ]; }
done_() { echo "$dir" && exit 0; }
have && done_
setup_allowed || { warn "kube-apiserver and etcd for the tests of examples/controller are not built, and RECONNECT_SETUP=0 forbids to build them"; exit 3; }

mkdir -p "$dir"
# Two of these at once must not build everything twice.
exec 8>"$dir/lock"
command -v flock >/dev/null && flock 8
have && done_

start=$SECONDS
warn "building kube-apiserver $KUBERNETES and etcd $ETCD from their Go modules, once (about 6 min); log: $dir/build.log"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export GOFLAGS=-mod=mod GOWORK=off CGO_ENABLED=0

kube_apiserver() {
  mkdir -p "$work/api" && cd "$work/api"
  local gomod
  gomod=$(retry 3 go mod download -json "k8s.io/kubernetes@v$KUBERNETES" | sed -n 's/.*"GoMod": "\(.*\)",/\1/p')
  # Kubernetes' own go.mod replaces its staging modules by directories that the published module lacks; each is published with a version of its own.
  {
    printf 'module kubeapiserver\n\ngo 1.26.0\n\ngodebug default=go1.26\n\nrequire k8s.io/kubernetes v%s\n\nreplace (\n' "$KUBERNETES"
    grep -oE '^[[:space:]]+k8s.io/[a-z0-9-]+ =>' "$gomod" | awk -v v="0.${KUBERNETES#1.}" '{print "\t" $1 " => " $1 " v" v}'
    echo ')'
  } >go.mod
  printf '//go:build tools\n\npackage tools\n\nimport _ "k8s.io/kubernetes/cmd/kube-apiserver"\n' >tools.go
  retry 3 go mod tidy -e
  local minor=${KUBERNETES#1.}
  go build -trimpath -ldflags "-s -w -X k8s.io/component-base/version.gitVersion=v$KUBERNETES -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=${minor%%.*}" \
    -o "$work/bin/kube-apiserver" k8s.io/kubernetes/cmd/kube-apiserver
}

etcd() {
  mkdir -p "$work/etcd" && cd "$work/etcd"
  printf 'module etcdbuild\n\ngo 1.26.0\n\nrequire go.etcd.io/etcd/server/v3 v%s\n' "$ETCD" >go.mod
  printf 'package main\n\nimport (\n\t"os"\n\n\t"go.etcd.io/etcd/server/v3/etcdmain"\n)\n\nfunc main() { etcdmain.Main(os.Args) }\n' >main.go
  retry 3 go mod tidy -e
  go build -trimpath -ldflags '-s -w' -o "$work/bin/etcd" .
}

# Subshells with errexit of their own: inside `if` or `||` it would be off. What is done stays done when the next step fails, and a build that
# was killed leaves nothing that looks whole.
for step in etcd kube_apiserver; do
  binary=${step//_/-}
  [ ! -x "$dir/$binary" ] || continue
  set +e
  (set -e && $step) >>"$dir/build.log" 2>&1 </dev/null
  status=$?
  set -e
  [ "$status" = 0 ] || { tail -n 5 "$dir/build.log" >&2; warn "$binary could not be built (whole log: $dir/build.log)"; exit 1; }
  mv "$work/bin/$binary" "$dir/.$binary" && mv "$dir/.$binary" "$dir/$binary"
done
warn "built kube-apiserver and etcd in $((SECONDS - start)) s"
done_
