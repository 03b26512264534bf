package faults;

import java.nio.charset.StandardCharsets;
import java.util.Map;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.SchemaAndValue;
import org.apache.kafka.connect.storage.Converter;

/** A string converter with a {@link Fault}. */
public class FaultyConverter implements Converter {
    private Fault fault;

    @Override
    public void configure(Map<String, ?> config, boolean isKey) {
        fault = new Fault(config);
    }

    @Override
    public ConfigDef config() {
        return Fault.CONFIG;
    }

    @Override
    public byte[] fromConnectData(String topic, Schema schema, Object value) {
        fault.attempt(value);
        return value == null ? null : value.toString().getBytes(StandardCharsets.UTF_8);
    }

    @Override
    public byte[] fromConnectData(String topic, Headers headers, Schema schema, Object value) {
        return fromConnectData(topic, schema, value);
    }

    @Override
    public SchemaAndValue toConnectData(String topic, byte[] value) {
        String text = value == null ? null : new String(value, StandardCharsets.UTF_8);
        fault.attempt(text);
        return new SchemaAndValue(Schema.OPTIONAL_STRING_SCHEMA, text);
    }
}
