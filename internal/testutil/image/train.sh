#!/bin/bash
# Runs inside the image while it is built: a broker and a worker live once, with a connector, and leave archives of the classes that
# they loaded (class data sharing). Every later start reads those instead of a hundred jars, which halves it. Without them it is only slower.
set -u
export TRAIN_CDS=1 KAFKA_HEAP_OPTS=-Xmx256M KAFKA_JVM_PERFORMANCE_OPTS="-XX:+UseSerialGC -XX:TieredStopAtLevel=1"
mkdir -p /opt/kafka/cds /tmp/train
/etc/kafka/docker/run >/tmp/train/broker.log 2>&1 &
broker=$!
cat >/tmp/train/worker.properties <<PROPERTIES
bootstrap.servers=127.0.0.1:9092
group.id=train
config.storage.topic=train-configs
offset.storage.topic=train-offsets
status.storage.topic=train-status
config.storage.replication.factor=1
offset.storage.replication.factor=1
status.storage.replication.factor=1
offset.storage.partitions=1
status.storage.partitions=1
key.converter=org.apache.kafka.connect.storage.StringConverter
value.converter=org.apache.kafka.connect.json.JsonConverter
listeners=http://127.0.0.1:8083
plugin.path=$(echo /opt/kafka/libs/connect-file-*.jar)
plugin.discovery=service_load
PROPERTIES
/opt/kafka/bin/connect-distributed.sh /tmp/train/worker.properties >/tmp/train/worker.log 2>&1 &
worker=$!
# The static busybox's wget cannot look names up, not even an address.
http() { # METHOD PATH [BODY]
  exec 3<>/dev/tcp/127.0.0.1/8083 || return 1
  printf '%s /%s HTTP/1.0\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s' "$1" "$2" "${#3}" "${3:-}" >&3
  cat <&3
  exec 3>&-
} 2>/dev/null
until_contains() { # PATH TEXT
  local i
  for ((i = 0; i < 300; i++)); do
    case $(http GET "$1" "") in *"$2"*) return 0 ;; esac
    kill -0 "$broker" && kill -0 "$worker" || break
    sleep 0.2
  done
  echo "train.sh: no $2 at /$1"
  tail -n 5 /tmp/train/*.log
  return 1
}
until_contains connectors '[]' &&
  http POST connectors '{"name":"train","config":{"connector.class":"FileStreamSink","tasks.max":"1","topics":"train","file":"/tmp/train/out","errors.tolerance":"all","errors.deadletterqueue.topic.name":"train-dlq","errors.deadletterqueue.topic.replication.factor":"1"}}' >/dev/null &&
  until_contains connectors/train/status '"id":0,"state":"RUNNING"'
kill "$worker" && wait "$worker"
kill "$broker" && wait "$broker"
chmod 644 /opt/kafka/cds/*
rm -rf /tmp/train /tmp/kraft-combined-logs /opt/kafka/logs/*
