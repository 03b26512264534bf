package faults;

import java.lang.management.ManagementFactory;
import java.util.Map;
import javax.management.ObjectName;
import javax.management.StandardMBean;
import org.apache.kafka.common.config.ConfigDef;

/**
 * One operation that fails on the record whose text holds "bad": fault.times times (-1: always) with fault.exception. How often it was
 * tried on that record is the attribute Attempts of faults:name=(fault.name).
 */
public final class Fault implements FaultMBean {
    static final ConfigDef CONFIG = new ConfigDef()
        .define("fault.name", ConfigDef.Type.STRING, "", ConfigDef.Importance.LOW, "")
        .define("fault.exception", ConfigDef.Type.STRING, "", ConfigDef.Importance.LOW, "")
        .define("fault.times", ConfigDef.Type.INT, -1, ConfigDef.Importance.LOW, "");

    private final String exception;
    private final int times;
    private volatile int attempts;

    Fault(Map<String, ?> config) {
        exception = text(config, "fault.exception", "");
        times = Integer.parseInt(text(config, "fault.times", "-1"));
        String name = text(config, "fault.name", "");
        if (!name.isEmpty() && !exception.isEmpty()) {
            try {
                ObjectName bean = new ObjectName("faults:name=" + name);
                if (ManagementFactory.getPlatformMBeanServer().isRegistered(bean)) {
                    ManagementFactory.getPlatformMBeanServer().unregisterMBean(bean);
                }
                ManagementFactory.getPlatformMBeanServer().registerMBean(new StandardMBean(this, FaultMBean.class), bean);
            } catch (Exception e) {
                throw new IllegalStateException(e);
            }
        }
    }

    static String text(Map<String, ?> config, String key, String def) {
        Object v = config.get(key);
        return v == null ? def : v.toString();
    }

    @Override
    public int getAttempts() {
        return attempts;
    }

    /** Counts the attempt, and throws if it is one that fails. */
    void attempt(Object record) {
        if (exception.isEmpty() || record == null || !record.toString().contains("bad")) {
            return;
        }
        attempts++;
        if (times < 0 || attempts <= times) {
            throw make();
        }
    }

    RuntimeException make() {
        try {
            return (RuntimeException) Class.forName(exception).getConstructor(String.class).newInstance("attempt " + attempts);
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException(e);
        }
    }
}
