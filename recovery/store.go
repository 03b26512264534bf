package recovery

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// Version counts the writes of one entry. Zero means that there is none yet.
type Version int64

// Entry is one connector's state in a Store.
type Entry struct {
	Key     string  `json:"key"` // the connector's name; "" is the cluster's own guard
	Cluster string  `json:"cluster,omitempty"`
	State   State   `json:"state"`
	Version Version `json:"version"`
}

// The errors of a Store.
var (
	// ErrConflict means that somebody else has written the entry since it was read.
	ErrConflict = errors.New("recovery: the entry was changed by someone else")
	// ErrNotLeader means that another supervisor leads, so that nothing may be written here.
	ErrNotLeader = errors.New("recovery: another supervisor leads")
	// ErrCluster means that the store belongs to another Connect cluster.
	ErrCluster = errors.New("recovery: the store belongs to another Connect cluster")
)

// Store keeps one entry per connector. Save and Delete compare the entry's version with the stored one and fail with ErrConflict when they
// differ, so that two supervisors never both reserve the same restart. When Save returns, the entry is as durable as the store can make it.
type Store interface {
	Load(ctx context.Context) ([]Entry, error)
	Save(ctx context.Context, e Entry) (Version, error)
	Delete(ctx context.Context, key string, v Version) error
}

// Elector is optional: Lead runs fn while this process leads and returns when fn does or the lead is lost, which ends fn's context.
type Elector interface {
	Lead(ctx context.Context, fn func(context.Context) error) error
}

// MemoryStore is a Store that forgets everything with its process.
type MemoryStore struct {
	mu      sync.Mutex
	entries map[string]Entry
}

// NewMemoryStore returns an empty MemoryStore.
func NewMemoryStore() *MemoryStore { return &MemoryStore{entries: map[string]Entry{}} }

// Load returns every entry.
func (m *MemoryStore) Load(ctx context.Context) ([]Entry, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	out := make([]Entry, 0, len(m.entries))
	for _, e := range m.entries {
		out = append(out, e)
	}
	return out, nil
}

// Save stores the entry and returns its new version.
func (m *MemoryStore) Save(ctx context.Context, e Entry) (Version, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := swap(m.entries, e); err != nil {
		return 0, err
	}
	return m.entries[e.Key].Version, nil
}

// Delete removes the entry; one that is not there is no error.
func (m *MemoryStore) Delete(ctx context.Context, key string, v Version) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return remove(m.entries, key, v)
}

func swap(entries map[string]Entry, e Entry) error {
	if have := entries[e.Key].Version; have != e.Version {
		return fmt.Errorf("%w: %q is at version %d, not %d", ErrConflict, e.Key, have, e.Version)
	}
	e.Version++
	entries[e.Key] = e
	return nil
}

func remove(entries map[string]Entry, key string, v Version) error {
	have, ok := entries[key]
	if !ok {
		return nil
	}
	if have.Version != v {
		return fmt.Errorf("%w: %q is at version %d, not %d", ErrConflict, key, have.Version, v)
	}
	delete(entries, key)
	return nil
}
