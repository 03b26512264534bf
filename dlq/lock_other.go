//go:build !unix

package dlq

import (
	"fmt"
	"io"
	"os"
)

// lockFile only marks the file where the system has no advisory locks in the standard library.
func lockFile(path string) (io.Closer, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // the user's own path
	if err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	return f, nil
}
