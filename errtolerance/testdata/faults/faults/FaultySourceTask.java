package faults;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.source.SourceRecord;
import org.apache.kafka.connect.source.SourceTask;

public class FaultySourceTask extends SourceTask {
    private static final Map<String, String> PARTITION = Collections.singletonMap("of", "faults");
    private Fault fault;
    private String topic;
    private long position;

    @Override
    public String version() {
        return "1";
    }

    @Override
    public void start(Map<String, String> config) {
        fault = new Fault(config);
        topic = config.get("topic");
        Map<String, Object> offset = context.offsetStorageReader().offset(PARTITION);
        position = offset == null ? 0 : (Long) offset.get("n");
    }

    @Override
    public List<SourceRecord> poll() throws InterruptedException {
        if (position >= 3) {
            Thread.sleep(50);
            return null;
        }
        try {
            fault.attempt("bad");
        } catch (RuntimeException e) {
            Thread.sleep(50); // a worker calls again at once
            throw e;
        }
        List<SourceRecord> records = new ArrayList<>();
        while (position < 3) {
            position++;
            String value = position == 2 ? "bad " + "x".repeat(4000) : "good";
            records.add(new SourceRecord(PARTITION, Collections.singletonMap("n", position), topic, Schema.STRING_SCHEMA, value));
        }
        return records;
    }

    @Override
    public void stop() {
    }
}
