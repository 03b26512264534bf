//go:build !unix || aix || solaris

package recovery

// lockFile guards nothing here: one process per state file.
func lockFile(string) (unlock func(), err error) { return func() {}, nil }

// syncDir has no counterpart here.
func syncDir(string) error { return nil }
