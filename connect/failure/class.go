package failure

import (
	"fmt"
	"slices"
)

// Class is the kind of cause behind a failure.
type Class string

// The classes, cut by what a person does about them.
const (
	ClassConnection     Class = "connection"      // the other side cannot be reached or ended the session
	ClassTimeout        Class = "timeout"         // the other side is there and does not answer in time; a lock is held
	ClassAuthentication Class = "authentication"  // who are you: passwords, tokens, keys, log-in mechanisms
	ClassAuthorization  Class = "authorization"   // you may not: ACLs, grants, policies
	ClassTLS            Class = "tls"             // certificates, trust stores, protocol versions, plain against encrypted
	ClassSchemaRegistry Class = "schema_registry" // the registry refused, does not know, or cannot be reached
	ClassSerialization  Class = "serialization"   // the record does not fit the converter, the transformation or the sink
	ClassDataConstraint Class = "data_constraint" // the target refuses the record: keys, types, lengths, missing columns
	ClassResource       Class = "resource"        // memory, disk, quotas, sizes, slots, replication
	ClassConfiguration  Class = "configuration"   // a setting, a plugin or a driver is wrong or missing
	ClassSourceState    Class = "source_state"    // the stored position or what it needs on the source is gone
	ClassRebalance      Class = "rebalance"       // the group moved on: benign, another start follows
	ClassUnknown        Class = "unknown"         // the text does not say
)

var classes = []Class{
	ClassConnection, ClassTimeout, ClassAuthentication, ClassAuthorization, ClassTLS, ClassSchemaRegistry,
	ClassSerialization, ClassDataConstraint, ClassResource, ClassConfiguration, ClassSourceState, ClassRebalance, ClassUnknown,
}

// Classes returns every class, in the order of the documentation.
func Classes() []Class { return slices.Clone(classes) }

// Advice answers "would a restart fix this?".
type Advice int

// The zero Advice is AdviceUnknown: an honest "cannot tell".
const (
	AdviceUnknown       Advice = iota
	AdviceRestart              // a restart can fix it
	AdviceAfterRecovery        // a restart can fix it once the other side is back
	AdviceAfterChange          // a person must change something first
)

var adviceNames = [...]string{"unknown", "restart", "after_recovery", "after_change"}

// String returns the lower-case name, `unknown`, `restart`, `after_recovery` or `after_change`.
func (a Advice) String() string {
	if a < 0 || int(a) >= len(adviceNames) {
		return adviceNames[AdviceUnknown]
	}
	return adviceNames[a]
}

// MarshalText writes the name that String returns.
func (a Advice) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText reads a name that String returns; any other text is an error.
func (a *Advice) UnmarshalText(text []byte) error {
	i := slices.Index(adviceNames[:], string(text))
	if i < 0 {
		return fmt.Errorf("failure: unknown advice %q: want one of %q", text, adviceNames)
	}
	*a = Advice(i)
	return nil
}
