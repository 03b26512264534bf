package recovery

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// fileSchema is the number of the file's own format; each state in it has its own. Format 1 was the first line alone.
const fileSchema = 2

// maxStateFile bounds what is read: a state is about 1 kB.
const maxStateFile = 1 << 30

// minJournal is how much is appended at least before the file is written anew.
const minJournal = 64 << 10

// FileStore is a Store in one file of mode 0600. Its first line is a snapshot in JSON, each further line one change with a checksum, which is synced before
// Save returns; when the changes have outgrown the snapshot, a new file is written, synced and renamed over the old one. So a write costs what it
// changes, however many connectors there are, and a process or machine that dies at any byte leaves every write that had returned, and none by half. A lock
// keeps other processes on the same machine from writing in between; the file must be on a disk that honours fsync and locks, not on a network share.
type FileStore struct {
	path string
	mu   sync.Mutex

	// What was read last, and the file as it was left.
	entries  map[string]Entry
	valid    int64 // bytes up to the last whole change; 0 = read the file
	snapshot int64 // bytes of the first line
	info     fs.FileInfo
	renew    bool // write a new file with the next change
}

type stateFile struct {
	Schema  int     `json:"schema"`
	Entries []Entry `json:"entries"`
}

// change is one line of the journal.
type change struct {
	Set    *Entry  `json:"set,omitempty"`
	Delete *string `json:"delete,omitempty"`
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

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
	if err := f.refresh(); err != nil {
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
	if err := f.refresh(); err != nil {
		return nil, err
	}
	return sorted(f.entries), nil
}

// Save stores the entry durably and returns its new version.
func (f *FileStore) Save(ctx context.Context, e Entry) (Version, error) {
	err := f.update(ctx, func(entries map[string]Entry) (change, error) {
		err := swap(entries, e)
		e.Version++
		return change{Set: &e}, err
	})
	if err != nil {
		return 0, err
	}
	return e.Version, nil
}

// Delete removes the entry; one that is not there is no error.
func (f *FileStore) Delete(ctx context.Context, key string, v Version) error {
	return f.update(ctx, func(entries map[string]Entry) (change, error) {
		if _, ok := entries[key]; !ok {
			return change{}, nil
		}
		return change{Delete: &key}, remove(entries, key, v)
	})
}

func (f *FileStore) update(ctx context.Context, apply func(map[string]Entry) (change, error)) error {
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
	if err := f.refresh(); err != nil {
		return err
	}
	c, err := apply(f.entries)
	if err != nil || c == (change{}) {
		return err
	}
	line, err := c.line()
	if err == nil {
		if f.info == nil || f.renew || f.valid-f.snapshot+int64(len(line)) > max(minJournal, f.snapshot) {
			err = f.rewrite()
		} else {
			err = f.append(line)
		}
	}
	if err != nil {
		// Whether it is there is not known, nor what a sync that failed has left: read it again, and then write a new file.
		f.valid, f.renew = 0, true
		return fmt.Errorf("recovery: state file: %w", err)
	}
	return nil
}

func (c change) line() ([]byte, error) {
	data, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	return fmt.Appendf(nil, "%08x %s\n", crc32.Checksum(data, castagnoli), data), nil
}

// refresh makes entries what is in the file, unless nobody has touched it since.
func (f *FileStore) refresh() error {
	st, err := os.Stat(f.path) //nolint:gosec // the user names it
	switch {
	case errors.Is(err, fs.ErrNotExist):
		f.entries, f.valid, f.snapshot, f.info = map[string]Entry{}, 0, 0, nil
		return nil
	case err != nil:
		return fmt.Errorf("recovery: state file: %w", err)
	case f.valid > 0 && f.info != nil && os.SameFile(st, f.info) && st.Size() == f.info.Size() && st.ModTime().Equal(f.info.ModTime()):
		return nil
	case !st.Mode().IsRegular():
		return fmt.Errorf("recovery: state file %s is no regular file", f.path)
	case st.Size() > maxStateFile:
		return fmt.Errorf("recovery: state file %s is larger than %d bytes", f.path, maxStateFile)
	}
	f.valid = 0
	data, err := os.ReadFile(f.path) //nolint:gosec // the user names it
	if err != nil {
		return fmt.Errorf("recovery: state file: %w", err)
	}
	if err := f.parse(data); err != nil {
		f.valid = 0
		return err
	}
	f.info = st
	if int64(len(data)) != st.Size() {
		f.info, f.valid = nil, 0 // it grew meanwhile: read again before anything is written
		return fmt.Errorf("recovery: state file %s changed while it was read", f.path)
	}
	f.renew = f.renew || st.Mode().Perm()&0o077 != 0 // a new file is private
	return nil
}

func (f *FileStore) parse(data []byte) error {
	first, rest, whole := bytes.Cut(data, []byte("\n"))
	var v stateFile
	var head struct {
		Schema int `json:"schema"`
	}
	if err := json.Unmarshal(first, &head); err != nil {
		// Format 1 needed no line of its own.
		first, rest, whole = data, nil, true
		err := json.Unmarshal(first, &head)
		if err == nil && head.Schema == fileSchema {
			err = errors.New("its first line is not the snapshot")
		}
		if err != nil {
			return fmt.Errorf("recovery: %s is no readable state file (restore it, or move it away to start over): %w", f.path, err)
		}
	}
	if head.Schema > fileSchema {
		return fmt.Errorf("%w: %s has schema %d, this one knows %d", ErrSchema, f.path, head.Schema, fileSchema)
	}
	if head.Schema < 1 {
		return fmt.Errorf("recovery: %s is no state file: it has no schema number", f.path)
	}
	if err := json.Unmarshal(first, &v); err != nil {
		return fmt.Errorf("recovery: state file %s: %w", f.path, err)
	}
	entries := make(map[string]Entry, len(v.Entries))
	for _, e := range v.Entries {
		if _, twice := entries[e.Key]; twice {
			return fmt.Errorf("recovery: state file %s holds %q twice", f.path, e.Key)
		}
		entries[e.Key] = e
	}
	f.renew = head.Schema < fileSchema || !whole
	f.snapshot = int64(len(data) - len(rest))
	f.valid = f.snapshot
	for n := 2; len(rest) > 0; n++ {
		line, more, ended := bytes.Cut(rest, []byte("\n"))
		c, err := parseChange(line)
		if err != nil || !ended {
			if len(more) > 0 || errors.Is(err, ErrSchema) {
				return fmt.Errorf("recovery: state file %s is damaged at line %d (restore it, or move it away to start over): %w", f.path, n, err)
			}
			break // the last write broke off, and never returned
		}
		if c.Set != nil {
			entries[c.Set.Key] = *c.Set
		} else {
			delete(entries, *c.Delete)
		}
		f.valid += int64(len(line) + 1)
		rest = more
	}
	f.entries = entries
	return nil
}

func parseChange(line []byte) (change, error) {
	var c change
	sum, data, ok := strings.Cut(string(line), " ")
	want, err := strconv.ParseUint(sum, 16, 32)
	if !ok || err != nil || len(sum) != 8 || uint64(crc32.Checksum([]byte(data), castagnoli)) != want {
		return c, errors.New("its checksum does not fit")
	}
	if err := json.Unmarshal([]byte(data), &c); err != nil {
		return c, err
	}
	if (c.Set == nil) == (c.Delete == nil) {
		return c, errors.New("it is no change")
	}
	return c, nil
}

// append adds a line behind the last whole one, over what may have broken off there.
func (f *FileStore) append(line []byte) (err error) {
	file, err := os.OpenFile(f.path, os.O_RDWR, 0o600) //nolint:gosec // the user names it
	if err != nil {
		return err
	}
	defer func() {
		if cerr := file.Close(); err == nil {
			err = cerr
		}
	}()
	if f.info.Size() > f.valid {
		if err := file.Truncate(f.valid); err != nil {
			return err
		}
	}
	if _, err := file.WriteAt(line, f.valid); err != nil {
		return err
	}
	if err := file.Sync(); err != nil {
		return err
	}
	f.valid += int64(len(line))
	f.info, err = file.Stat()
	return err
}

// rewrite puts everything into a new file and that in the place of the old one.
func (f *FileStore) rewrite() (err error) {
	data, err := json.Marshal(stateFile{Schema: fileSchema, Entries: sorted(f.entries)})
	if err != nil {
		return err
	}
	// CreateTemp makes the file with mode 0600.
	tmp, err := os.CreateTemp(filepath.Dir(f.path), "."+filepath.Base(f.path)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(tmp.Name()) //nolint:gosec // the name is CreateTemp's
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
	if err != nil {
		return err
	}
	f.valid, f.snapshot, f.renew = int64(len(data)+1), int64(len(data)+1), false
	f.info, err = os.Stat(f.path) //nolint:gosec // as above
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
