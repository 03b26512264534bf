package faults;

import java.util.TreeSet;
import javax.management.MBeanAttributeInfo;
import javax.management.MBeanServerConnection;
import javax.management.ObjectName;
import javax.management.remote.JMXConnector;
import javax.management.remote.JMXConnectorFactory;
import javax.management.remote.JMXServiceURL;

/** Prints the error metrics of every task, and every {@link Fault}, of the worker whose JMX port is the argument. */
public final class Beans {
    private Beans() {
    }

    public static void main(String[] args) throws Exception {
        JMXServiceURL url = new JMXServiceURL("service:jmx:rmi:///jndi/rmi://127.0.0.1:" + args[0] + "/jmxrmi");
        StringBuilder out = new StringBuilder();
        try (JMXConnector connector = JMXConnectorFactory.connect(url)) {
            MBeanServerConnection server = connector.getMBeanServerConnection();
            for (String pattern : new String[] {"kafka.connect:type=task-error-metrics,*", "faults:*"}) {
                for (ObjectName name : new TreeSet<>(server.queryNames(new ObjectName(pattern), null))) {
                    String owner = name.getKeyProperty("connector");
                    for (MBeanAttributeInfo attribute : server.getMBeanInfo(name).getAttributes()) {
                        out.append(owner != null ? owner : name.getKeyProperty("name")).append(' ').append(attribute.getName()).append(' ')
                            .append(server.getAttribute(name, attribute.getName())).append('\n');
                    }
                }
            }
        }
        System.out.print(out);
        System.out.flush();
        System.exit(0);
    }
}
