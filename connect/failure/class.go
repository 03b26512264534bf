package failure

// Class is the kind of cause behind a failure.
type Class string

// The classes, from what a person does about them.
const (
	ClassConnection     Class = "connection"
	ClassTimeout        Class = "timeout"
	ClassAuthentication Class = "authentication"
	ClassAuthorization  Class = "authorization"
	ClassTLS            Class = "tls"
	ClassSchemaRegistry Class = "schema_registry"
	ClassSerialization  Class = "serialization"
	ClassDataConstraint Class = "data_constraint"
	ClassResource       Class = "resource"
	ClassConfiguration  Class = "configuration"
	ClassSourceState    Class = "source_state"
	ClassRebalance      Class = "rebalance"
	ClassUnknown        Class = "unknown"
)

// Advice answers "would a restart fix this?".
type Advice int

// The zero Advice is AdviceUnknown: an honest "cannot tell".
const (
	AdviceUnknown       Advice = iota
	AdviceRestart              // a restart can fix it
	AdviceAfterRecovery        // a restart can fix it once the other side is back
	AdviceAfterChange          // a person must change something first
)

// String returns the lower-case name, `unknown`, `restart`, `after_recovery` or `after_change`.
func (a Advice) String() string {
	switch a {
	case AdviceUnknown:
		return "unknown"
	case AdviceRestart:
		return "restart"
	case AdviceAfterRecovery:
		return "after_recovery"
	case AdviceAfterChange:
		return "after_change"
	}
	return "unknown"
}
