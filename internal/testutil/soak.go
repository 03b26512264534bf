package testutil

import (
	"os"
	"strconv"
)

// Soaking says whether the long proofs were asked for: RECONNECT_SOAK=1, which `make soak` sets.
func Soaking() bool { return os.Getenv("RECONNECT_SOAK") == "1" }

// Times is how often a proof repeats its fault: short in `make test`, long in `make soak`, where RECONNECT_SOAK_TIMES overrides it.
func Times(short, long int) int {
	if !Soaking() {
		return short
	}
	if n, err := strconv.Atoi(os.Getenv("RECONNECT_SOAK_TIMES")); err == nil && n > 0 {
		return n
	}
	return long
}

// Records is how many records a proof takes: short in `make test`, long in `make soak`, where RECONNECT_SOAK_RECORDS overrides it.
func Records(short, long int) int {
	if !Soaking() {
		return short
	}
	if n, err := strconv.Atoi(os.Getenv("RECONNECT_SOAK_RECORDS")); err == nil && n > 0 {
		return n
	}
	return long
}
