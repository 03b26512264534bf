package faults;

import java.util.Map;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.connect.connector.ConnectRecord;
import org.apache.kafka.connect.transforms.Transformation;

/** A transformation that changes nothing, with a {@link Fault}. */
public class FaultyTransformation<R extends ConnectRecord<R>> implements Transformation<R> {
    private Fault fault;

    @Override
    public void configure(Map<String, ?> config) {
        fault = new Fault(config);
    }

    @Override
    public R apply(R record) {
        fault.attempt(record.value());
        return record;
    }

    @Override
    public ConfigDef config() {
        return Fault.CONFIG;
    }

    @Override
    public void close() {
    }
}
