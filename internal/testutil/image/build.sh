#!/usr/bin/env bash
# build.sh base | VERSION: the stand-in's base image, or the stand-in for apache/kafka:VERSION (see README.md).
# Needs docker, and a JDK 17 or newer (JAVA_HOME, or the first one found), mvn, busybox-static and bash-static.
set -euo pipefail
HERE=$(cd "$(dirname "$0")" && pwd)
BASE=reconnect/kafka-jre:2
DEPENDENCY_PLUGIN=org.apache.maven.plugins:maven-dependency-plugin:3.6.1
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT

# The oldest JDK that Kafka 4 runs on comes first: Kafka 3.9 does not run on the newest ones.
find_jdk() {
  local d v
  for v in 17 21 25; do
    for d in ${JAVA_HOME:+"$JAVA_HOME"} /usr/lib/jvm/*; do
      [ -x "$d/bin/jlink" ] && [ -d "$d/jmods" ] && grep -qs "^JAVA_VERSION=\"$v[.\"]" "$d/release" && echo "$d" && return 0
    done
  done
  echo "build.sh: no JDK 17, 21 or 25 with jlink found; set JAVA_HOME" >&2
  return 1
}

build_base() {
  local root=$WORK/root jdk f
  jdk=$(find_jdk)
  mkdir -p "$root"/{bin,usr/bin,etc,tmp,proc,sys,dev,run,var/tmp,opt,root,home/appuser}
  chmod 1777 "$root/tmp" "$root/var/tmp"
  "$jdk/bin/jlink" --module-path "$jdk/jmods" --add-modules ALL-MODULE-PATH --strip-debug --no-header-files --no-man-pages --output "$root/opt/java"
  ln -s /opt/java/bin/java "$root/usr/bin/java"
  cp /bin/busybox "$root/bin/busybox"
  cp /bin/bash-static "$root/bin/bash"
  chroot "$root" /bin/busybox --install -s /bin
  # The runtime is linked against the host's libc and friends; name look-up is loaded by name, so ldd does not list it.
  { find "$root/opt/java" -type f \( -name '*.so' -o -perm -u+x \) -exec ldd {} + 2>/dev/null | awk '/=> \//{print $3} $1 ~ /^\/lib/{print $1}'
    ls /lib/*-linux-gnu/libnss_{files,dns}.so.2 /lib/*-linux-gnu/libresolv.so.2 2>/dev/null || true
  } | sort -u | while read -r f; do
    case $f in "$root"*) continue ;; esac
    mkdir -p "$root$(dirname "$f")"
    cp -L "$f" "$root$f"
  done
  printf 'root:x:0:0:root:/root:/bin/bash\nappuser:x:1000:1000::/home/appuser:/bin/bash\n' >"$root/etc/passwd"
  printf 'root:x:0:\nappuser:x:1000:\n' >"$root/etc/group"
  printf 'hosts: files dns\npasswd: files\ngroup: files\n' >"$root/etc/nsswitch.conf"
  tar -C "$root" -c . | docker import -c 'ENV JAVA_HOME=/opt/java' - "$BASE-raw" >/dev/null
  # The JDK's own archive of class data, on which those of train.sh build; it is made where /proc is.
  printf 'FROM %s\nRUN ["/opt/java/bin/java", "-Xshare:dump"]\n' "$BASE-raw" | DOCKER_BUILDKIT=0 docker build -q -t "$BASE" - >/dev/null
}

dep() { echo "<dependency><groupId>$1</groupId><artifactId>$2</artifactId><version>$3</version></dependency>"; }

# Central refuses or stalls now and then; what was fetched before stays in the local repository.
maven() {
  local i
  for i in 1 2 3; do
    timeout 300 mvn -q -B -ntp "$@" </dev/null >"$WORK/mvn.log" 2>&1 && return 0
    sleep $((i * 2))
  done
  tail -n 5 "$WORK/mvn.log" >&2
  return 1
}

build_version() {
  local v=$1 ctx=$WORK/ctx a
  mkdir -p "$ctx"/opt/kafka/{bin,libs,config,logs,plugins} "$ctx"/etc/kafka/{docker,secrets} "$ctx"/var/lib/kafka/data "$ctx"/mnt/shared/config
  {
    echo '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>'
    echo '<groupId>reconnect</groupId><artifactId>standin</artifactId><version>1</version><dependencies>'
    for a in kafka_2.13 connect-runtime connect-json connect-transforms connect-file; do dep org.apache.kafka "$a" "$v"; done
    # Kafka 4 logs through Log4j 2, Kafka 3 through reload4j.
    case $v in
    3.*) dep org.slf4j slf4j-reload4j 1.7.36 ;;
    *) for a in log4j-core log4j-1.2-api log4j-slf4j-impl; do dep org.apache.logging.log4j "$a" 2.25.4; done ;;
    esac
    echo '</dependencies></project>'
  } >"$WORK/pom.xml"
  maven -f "$WORK/pom.xml" "$DEPENDENCY_PLUGIN:copy-dependencies" -DincludeScope=runtime -DoutputDirectory="$ctx/opt/kafka/libs"
  [ -e "$ctx/opt/kafka/libs/connect-file-$v.jar" ] || { echo "build.sh: incomplete: no connect-file-$v.jar" >&2; return 1; }
  cp "$HERE"/bin/* "$ctx/opt/kafka/bin/"
  cp "$HERE"/docker/* "$ctx/etc/kafka/docker/"
  cp "$HERE"/config/* "$ctx/opt/kafka/config/"
  mkdir "$ctx/tmp" && chmod 1777 "$ctx/tmp" && cp "$HERE/train.sh" "$ctx/tmp/"
  chmod 755 "$ctx"/opt/kafka/bin/* "$ctx"/etc/kafka/docker/run
  chmod -R a+rX "$ctx"
  cat >"$WORK/Dockerfile" <<DOCKERFILE
FROM $BASE
ENV PATH=/opt/java/bin:/opt/kafka/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8
COPY --chown=1000:1000 ctx/ /
RUN ["/bin/bash", "-c", "chown root:root / /etc /opt /var /var/lib /mnt /tmp; chown 1000:1000 /home/appuser; bash /tmp/train.sh; rm -rf /tmp/train*; chown -R 1000:1000 /opt/kafka/cds /opt/kafka/logs /opt/kafka/config; true"]
EXPOSE 9092
USER appuser
VOLUME ["/etc/kafka/secrets","/var/lib/kafka/data","/mnt/shared/config"]
LABEL reconnect.standin=true
CMD ["/etc/kafka/docker/run"]
DOCKERFILE
  # The classic builder: BuildKit would want a front end or a plugin that is not here.
  DOCKER_BUILDKIT=0 docker build -q -t "apache/kafka:$v" "$WORK" >/dev/null 2>"$WORK/build.log" || { cat "$WORK/build.log" >&2; return 1; }
}

case ${1:?base or a version} in
base) build_base ;;
*)
  docker image inspect "$BASE" >/dev/null 2>&1 || build_base
  build_version "$1"
  ;;
esac
