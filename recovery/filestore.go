package recovery

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// fileSchema is the number of the file's own format; each state in it has its own.
const fileSchema = 1

// maxStateFile bounds what is read: a state is about 1 kB.
const maxStateFile = 1 << 30

// FileStore is a Store in one JSON file of mode 0600. Every write goes to a new file that is synced and then renamed over the old one, under a
// lock that other processes on the same machine respect, so that a reader sees the old or the new content and never half of one.
// It is for a few thousand unhealthy connectors; healthy ones are not stored.
type FileStore struct {
	path string
	mu   sync.Mutex
}

type stateFile struct {
	Schema  int     `json:"schema"`
	Entries []Entry `json:"entries"`
}

// NewFileStore returns a store in the file at path. A file that does not exist is created with the first write; one that cannot be read, is of a
// newer version or is no state file is an error here, not a fresh start.
func NewFileStore(path string) (*FileStore, error) {
	if path == "" {
		return nil, errors.New("recovery: NewFileStore: path is empty")
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("recovery: state file %s: %w", path, err)
	}
	if st, err := os.Stat(filepath.Dir(abs)); err != nil {
		return nil, fmt.Errorf("recovery: the directory of the state file: %w", err)
	} else if !st.IsDir() {
		return nil, fmt.Errorf("recovery: state file %s: its directory is no directory", abs)
	}
	f := &FileStore{path: abs}
	if _, err := f.read(); err != nil {
		return nil, err
	}
	return f, nil
}

// Load returns every entry.
func (f *FileStore) Load(ctx context.Context) ([]Entry, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	entries, err := f.read()
	if err != nil {
		return nil, err
	}
	return sorted(entries), nil
}

// Save stores the entry durably and returns its new version.
func (f *FileStore) Save(ctx context.Context, e Entry) (Version, error) {
	var v Version
	err := f.update(ctx, func(entries map[string]Entry) error {
		if err := swap(entries, e); err != nil {
			return err
		}
		v = entries[e.Key].Version
		return nil
	})
	return v, err
}

// Delete removes the entry; one that is not there is no error.
func (f *FileStore) Delete(ctx context.Context, key string, v Version) error {
	return f.update(ctx, func(entries map[string]Entry) error { return remove(entries, key, v) })
}

func (f *FileStore) update(ctx context.Context, change func(map[string]Entry) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	unlock, err := lockFile(f.path + ".lock")
	if err != nil {
		return fmt.Errorf("recovery: lock of the state file: %w", err)
	}
	defer unlock()
	entries, err := f.read()
	if err != nil {
		return err
	}
	if err := change(entries); err != nil {
		return err
	}
	return f.write(entries)
}

func (f *FileStore) read() (map[string]Entry, error) {
	file, err := os.Open(f.path) //nolint:gosec // the user names it
	if errors.Is(err, fs.ErrNotExist) {
		return map[string]Entry{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("recovery: state file: %w", err)
	}
	defer file.Close() //nolint:errcheck // only read
	st, err := file.Stat()
	switch {
	case err != nil:
		return nil, fmt.Errorf("recovery: state file: %w", err)
	case !st.Mode().IsRegular():
		return nil, fmt.Errorf("recovery: state file %s is no regular file", f.path)
	case st.Size() > maxStateFile:
		return nil, fmt.Errorf("recovery: state file %s is larger than %d bytes", f.path, maxStateFile)
	}
	var v stateFile
	var head struct {
		Schema int `json:"schema"`
	}
	data := make([]byte, st.Size())
	if _, err := file.ReadAt(data, 0); err != nil && st.Size() > 0 {
		return nil, fmt.Errorf("recovery: state file: %w", err)
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return nil, fmt.Errorf("recovery: %s is no readable state file (restore it, or move it away to start over): %w", f.path, err)
	}
	if head.Schema > fileSchema {
		return nil, fmt.Errorf("%w: %s has schema %d, this one knows %d", ErrSchema, f.path, head.Schema, fileSchema)
	}
	if head.Schema < 1 {
		return nil, fmt.Errorf("recovery: %s is no state file: it has no schema number", f.path)
	}
	if err := json.Unmarshal(data, &v); err != nil {
		return nil, fmt.Errorf("recovery: state file %s: %w", f.path, err)
	}
	entries := make(map[string]Entry, len(v.Entries))
	for _, e := range v.Entries {
		if _, twice := entries[e.Key]; twice {
			return nil, fmt.Errorf("recovery: state file %s holds %q twice", f.path, e.Key)
		}
		entries[e.Key] = e
	}
	return entries, nil
}

func (f *FileStore) write(entries map[string]Entry) (err error) {
	data, err := json.Marshal(stateFile{Schema: fileSchema, Entries: sorted(entries)})
	if err != nil {
		return fmt.Errorf("recovery: state file: %w", err)
	}
	// CreateTemp makes the file with mode 0600.
	tmp, err := os.CreateTemp(filepath.Dir(f.path), "."+filepath.Base(f.path)+".*")
	if err != nil {
		return fmt.Errorf("recovery: state file: %w", err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(tmp.Name()) //nolint:gosec // the name is CreateTemp's
			err = fmt.Errorf("recovery: state file: %w", err)
		}
	}()
	_, err = tmp.Write(append(data, '\n'))
	if err == nil {
		err = tmp.Sync()
	}
	if cerr := tmp.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(tmp.Name(), f.path) //nolint:gosec // as above
	}
	if err == nil {
		err = syncDir(filepath.Dir(f.path))
	}
	return err
}

func sorted(entries map[string]Entry) []Entry {
	out := make([]Entry, 0, len(entries))
	for _, e := range entries {
		out = append(out, e)
	}
	slices.SortFunc(out, func(a, b Entry) int { return strings.Compare(a.Key, b.Key) })
	return out
}
