package faults;

import java.util.Collection;
import java.util.Map;
import org.apache.kafka.connect.errors.ConnectException;
import org.apache.kafka.connect.sink.ErrantRecordReporter;
import org.apache.kafka.connect.sink.SinkRecord;
import org.apache.kafka.connect.sink.SinkTask;

public class FaultySinkTask extends SinkTask {
    private Fault fault;
    private boolean report;

    @Override
    public String version() {
        return "1";
    }

    @Override
    public void start(Map<String, String> config) {
        fault = new Fault(config);
        report = Boolean.parseBoolean(config.get("fault.report"));
    }

    @Override
    public void put(Collection<SinkRecord> records) {
        for (SinkRecord record : records) {
            try {
                fault.attempt(record.value());
            } catch (RuntimeException e) {
                context.timeout(100);
                if (!report) {
                    throw e;
                }
                ErrantRecordReporter reporter = context.errantRecordReporter();
                if (reporter == null) {
                    throw new ConnectException("no reporter", e);
                }
                reporter.report(record, e);
            }
        }
    }

    @Override
    public void stop() {
    }
}
