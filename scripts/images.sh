#!/usr/bin/env bash
# images.sh VERSION...: makes apache/kafka:VERSION present for each: the local one, else a pull, else the stand-in of
# internal/testutil/image. Also fetches connect-test-plugins of that version, where Maven Central has it, to .cache/test-plugins,
# and connect-basic-auth-extension of the last version to .cache/basic-auth, and sees to it that there is a JDK.
# Exit 1 when an image could not be had; the others are still made.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
BUILD=$ROOT/internal/testutil/image/build.sh
REGISTRY=untried

# A pull has a short time-out. Once the registry turned out to be unreachable it is not asked again for the other versions.
pull() {
  [ "$REGISTRY" != unreachable ] || return 1
  local out status=0
  out=$(timeout 120 docker pull -q "$1" 2>&1 </dev/null) || status=$?
  [ "$status" = 0 ] && return 0
  case $out in
  *"not found"* | *"manifest unknown"*) ;;
  *) REGISTRY=unreachable ;;
  esac
  return 1
}

have_build_tools() {
  local missing=()
  command -v mvn >/dev/null || missing+=(maven)
  compgen -G '/usr/lib/jvm/*/bin/jlink' >/dev/null || [ -x "${JAVA_HOME:-}/bin/jlink" ] || missing+=(default-jdk-headless)
  [ -x /bin/busybox ] || missing+=(busybox-static)
  [ -x /bin/bash-static ] || missing+=(bash-static)
  # A dynamically linked busybox would not run inside the image.
  [ -x /bin/busybox ] && ldd /bin/busybox >/dev/null 2>&1 && missing+=(busybox-static)
  [ ${#missing[@]} = 0 ] || apt_install "to build stand-ins for the Kafka images" "${missing[@]}" || {
    warn "cannot build a stand-in image: ${missing[*]} missing (and only root on Debian may install it here)"
    return 1
  }
}

image() {
  local v=$1 start=$SECONDS
  docker image inspect "apache/kafka:$v" >/dev/null 2>&1 && return 0
  if pull "apache/kafka:$v"; then
    say "pulled apache/kafka:$v in $((SECONDS - start)) s"
    return 0
  fi
  have_build_tools || return 1
  retry 2 "$BUILD" "$v" || {
    warn "apache/kafka:$v can be neither pulled nor built"
    return 1
  }
  say "built a stand-in for apache/kafka:$v from its Maven artifacts in $((SECONDS - start)) s (the image could not be pulled)"
}

# The jar of one artifact of org.apache.kafka, by its coordinates.
kafka_jar() {
  local artifact=$1 v=$2 dir=$3
  [ -s "$dir/$artifact-$v.jar" ] && return 0
  command -v mvn >/dev/null || return 0
  mkdir -p "$dir"
  maven_copy "org.apache.kafka:$artifact:$v" "$dir" ||
    warn "$artifact $v could not be fetched: tests that need it will skip, or fail in CI"
}

jars() {
  case $1 in 3.9.0 | 4.0.0 | 4.3.*) kafka_jar connect-test-plugins "$1" "$CACHE/test-plugins" ;; esac # the others were never published
  [ "$1" != "$LAST" ] || kafka_jar connect-basic-auth-extension "$1" "$CACHE/basic-auth"               # one version is tested with it
}

# Tests compile a plugin that fails where it is told to.
jdk() {
  command -v javac >/dev/null || compgen -G '/usr/lib/jvm/*/bin/javac' >/dev/null || [ -x "${JAVA_HOME:-}/bin/javac" ] ||
    apt_install "to compile the plugin of the tests" default-jdk-headless ||
    warn "no JDK: tests that compile a plugin will skip, or fail in CI"
}

# Several of these at once would build the same image twice.
exec 8>"${TMPDIR:-/tmp}/reconnect-images-$(id -u).lock"
command -v flock >/dev/null && flock 8
failed=0
LAST=${!#}
for v in "$@"; do
  case $v in
  [0-9]*.[0-9]*.[0-9]*) ;;
  *)
    warn "KAFKA_VERSIONS: '$v' is not a version such as $NEWEST_KAFKA"
    failed=1
    continue
    ;;
  esac
  image "$v" && jars "$v" || failed=1
done
jdk
exit $failed
