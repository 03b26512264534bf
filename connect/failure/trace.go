package failure

// Exception is one link of a trace's chain.
type Exception struct {
	Class   string
	Message string
}
