package recovery

import (
	"strconv"

	"github.com/go-reconnect/reconnect/connect/failure"
)

// diagnoseTrace stands in until failure.Diagnose lands.
func diagnoseTrace(trace string) failure.Diagnosis {
	h := newHash()
	h.text(trace)
	return failure.Diagnosis{Class: failure.ClassUnknown, Fingerprint: strconv.FormatUint(uint64(h), 16)}
}
