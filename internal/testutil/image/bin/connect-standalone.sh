#!/bin/bash
export KAFKA_HEAP_OPTS=${KAFKA_HEAP_OPTS:--Xmx512M}
export KAFKA_LOG4J_OPTS=${KAFKA_LOG4J_OPTS:--Dlog4j2.configurationFile=/opt/kafka/config/connect-log4j2.yaml -Dlog4j.configuration=file:/opt/kafka/config/connect-log4j.properties}
exec /opt/kafka/bin/kafka-run-class.sh org.apache.kafka.connect.cli.ConnectStandalone "$@"
