package faults;

public interface FaultMBean {
    int getAttempts();
}
