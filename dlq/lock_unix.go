//go:build unix

package dlq

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
)

// lockFile holds path for this process; the lock goes with it, however it ends.
func lockFile(path string) (io.Closer, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // the user's own path
	if err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, errors.New("another process or FileParker holds it")
		}
		return nil, fmt.Errorf("lock: %w", err)
	}
	return f, nil
}
