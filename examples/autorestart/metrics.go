package main

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/go-reconnect/reconnect/recovery"
)

// writeMetrics writes Prometheus' text format by hand, to keep this program's dependencies few. A series exists as long as its connector does.
func writeMetrics(w *bytes.Buffer, cluster string, s *recovery.Supervisor) {
	st := s.Stats()
	escape := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace
	c := escape(cluster)
	head := func(name, kind, help string) {
		fmt.Fprintf(w, "# HELP kafka_connect_recovery_%s %s\n# TYPE kafka_connect_recovery_%s %s\n", name, help, name, kind)
	}
	one := func(name, kind, help string, value float64) {
		head(name, kind, help)
		fmt.Fprintf(w, "kafka_connect_recovery_%s{cluster=\"%s\"} %v\n", name, c, value)
	}
	head("connector_phase", "gauge", "1 for the phase that the connector is in, 0 for the others.")
	phases := []recovery.Phase{
		recovery.PhaseHealthy, recovery.PhaseSuspect, recovery.PhaseWaiting, recovery.PhaseBackoff, recovery.PhaseRestarting, recovery.PhaseVerifying,
		recovery.PhaseHeld, recovery.PhaseExhausted, recovery.PhasePaused, recovery.PhaseUnknown,
	}
	for _, h := range s.Snapshot() {
		for _, p := range phases {
			v := 0
			if h.Phase == p {
				v = 1
			}
			fmt.Fprintf(w, "kafka_connect_recovery_connector_phase{cluster=\"%s\",connector=\"%s\",phase=\"%s\"} %d\n", c, escape(h.Name), p, v)
		}
	}
	one("restarts_total", "counter", "Restarts that count, without probes.", float64(st.Restarts))
	one("probes_total", "counter", "Probe restarts outside the budget.", float64(st.Probes))
	one("refused_total", "counter", "Restarts that Connect refused, which do not count.", float64(st.Refused))
	one("recovered_total", "counter", "Restarts after which the connector ran.", float64(st.Recovered))
	one("relapsed_total", "counter", "Restarts that did not help.", float64(st.Relapsed))
	one("exhausted_total", "counter", "Budgets used up.", float64(st.Exhausted))
	one("held_total", "counter", "Failures that need a person.", float64(st.Held))
	one("sweep_errors_total", "counter", "Looks at the cluster that failed.", float64(st.SweepErrors))
	one("notify_errors_total", "counter", "Notifications that were given up.", float64(st.NotifyErrors))
	last := 0.0
	if !st.LastSweep.IsZero() {
		last = float64(st.LastSweep.UnixMilli()) / 1000
	}
	one("last_sweep_timestamp_seconds", "gauge", "When the cluster was last seen; alert when it is old.", last)
}
