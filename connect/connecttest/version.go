package connecttest

import "github.com/go-reconnect/reconnect/internal/kversion"

// apiVersion is the Kafka version whose API the workers speak. An unknown one speaks the newest.
type apiVersion struct{ v kversion.Version }

func parseVersion(raw string) apiVersion {
	v, _ := kversion.Parse(raw) // false leaves it unknown
	return apiVersion{v}
}

func (a apiVersion) atLeast(major, minor int) bool { return a.v.IsZero() || a.v.AtLeast(major, minor) }

// release is the Kafka version that something appeared in, or went away with.
type release struct{ major, minor int }

func (r release) reached(v apiVersion) bool { return v.atLeast(r.major, r.minor) }
