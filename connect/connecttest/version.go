package connecttest

import (
	"strconv"
	"strings"
)

// apiVersion is the Kafka version whose API the workers speak. An unknown one speaks the newest.
type apiVersion struct{ major, minor int }

func parseVersion(raw string) apiVersion {
	parts := strings.SplitN(raw, ".", 3)
	if len(parts) < 2 {
		return apiVersion{}
	}
	major, err1 := strconv.Atoi(parts[0])
	minor, err2 := strconv.Atoi(parts[1])
	if err1 != nil || err2 != nil {
		return apiVersion{}
	}
	return apiVersion{major, minor}
}

func (a apiVersion) atLeast(major, minor int) bool {
	return a == apiVersion{} || a.major > major || a.major == major && a.minor >= minor
}
