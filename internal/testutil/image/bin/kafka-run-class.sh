#!/bin/bash
# The jars by name and in a fixed order, as the archives of class data want it; CLASSPATH only adds to the end.
classpath=$(printf '%s:' /opt/kafka/libs/*.jar)${CLASSPATH:-}
archive=/opt/kafka/cds/$1.jsa
if [ -n "${TRAIN_CDS:-}" ]; then
  share=-XX:ArchiveClassesAtExit=$archive
elif [ -e "$archive" ]; then
  share="-XX:SharedArchiveFile=$archive -Xshare:auto"
fi
# Unquoted on purpose: each of these holds several options.
exec java ${KAFKA_HEAP_OPTS:--Xmx256M} ${KAFKA_JVM_PERFORMANCE_OPTS:--XX:+UseSerialGC} ${share:-} -Djava.awt.headless=true \
  -Dkafka.logs.dir="${LOG_DIR:-/opt/kafka/logs}" ${KAFKA_JMX_OPTS:-} ${KAFKA_LOG4J_OPTS:-} ${KAFKA_OPTS:-} -cp "${classpath%:}" "$@"
