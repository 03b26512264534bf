package testutil

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"
)

// Test binaries run side by side, and each may hold a cluster per version. To keep a small machine usable only so many
// binaries have clusters at the same time: each takes one of the slots, a locked file, and keeps it until its last cluster is closed.
// The system lets go of the lock of a process that was killed.
var slot struct {
	mu    sync.Mutex
	file  *os.File
	users int // clusters, living or being started
}

// slotCount is RECONNECT_CLUSTER_SLOTS. Defaults to 2.
func slotCount() int {
	if n, err := strconv.Atoi(os.Getenv("RECONNECT_CLUSTER_SLOTS")); err == nil && n > 0 {
		return n
	}
	return 2
}

func takeSlot(ctx context.Context) error {
	slot.mu.Lock()
	defer slot.mu.Unlock()
	if slot.file != nil {
		slot.users++
		return nil
	}
	dir := filepath.Join(os.TempDir(), "reconnect-testutil-"+strconv.Itoa(os.Getuid()))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("testutil: directory of the slots: %w", err)
	}
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		for i := range slotCount() {
			f, err := os.OpenFile(filepath.Join(dir, "slot-"+strconv.Itoa(i)), os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // the name is ours
			if err != nil {
				return fmt.Errorf("testutil: slot: %w", err)
			}
			if tryLock(f) {
				slot.file, slot.users = f, 1
				return nil
			}
			_ = f.Close()
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("testutil: wait for another test binary to give up its clusters: %w", context.Cause(ctx))
		case <-tick.C:
		}
	}
}

// releaseSlot gives up one cluster's part in the slot.
func releaseSlot() {
	slot.mu.Lock()
	defer slot.mu.Unlock()
	if slot.users--; slot.users == 0 {
		_ = slot.file.Close()
		slot.file = nil
	}
}
