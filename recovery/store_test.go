package recovery_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-reconnect/reconnect/recovery"
)

// storeContract is what every Store keeps.
func storeContract(t *testing.T, open func(t *testing.T) recovery.Store) {
	t.Helper()
	t.Run("saves, reads back and deletes by version", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		entries, err := s.Load(t.Context())
		require.NoError(t, err)
		assert.Empty(t, entries)
		st := recovery.State{Phase: recovery.PhaseHeld, Summary: "<script>", Attempts: 3, LatchedAt: epoch}
		v, err := s.Save(t.Context(), recovery.Entry{Key: "a/b <script> ü", Cluster: "c", State: st})
		require.NoError(t, err)
		_, err = s.Save(t.Context(), recovery.Entry{Key: "a/b <script> ü", Cluster: "c", State: st})
		require.ErrorIs(t, err, recovery.ErrConflict, "created twice")
		st.Attempts = 4
		v2, err := s.Save(t.Context(), recovery.Entry{Key: "a/b <script> ü", Cluster: "c", State: st, Version: v})
		require.NoError(t, err)
		_, err = s.Save(t.Context(), recovery.Entry{Key: "a/b <script> ü", Cluster: "c", State: st, Version: v})
		require.ErrorIs(t, err, recovery.ErrConflict)
		entries, err = s.Load(t.Context())
		require.NoError(t, err)
		assert.Equal(t, []recovery.Entry{{Key: "a/b <script> ü", Cluster: "c", State: st, Version: v2}}, entries)
		require.ErrorIs(t, s.Delete(t.Context(), "a/b <script> ü", v), recovery.ErrConflict)
		require.NoError(t, s.Delete(t.Context(), "a/b <script> ü", v2))
		require.NoError(t, s.Delete(t.Context(), "a/b <script> ü", v2), "again is no error")
	})
	t.Run("lets one of many writers win", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		var wg sync.WaitGroup
		var mu sync.Mutex
		won := 0
		for range 16 {
			wg.Go(func() {
				_, err := s.Save(context.Background(), recovery.Entry{Key: "a"})
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					won++
				} else {
					assert.ErrorIs(t, err, recovery.ErrConflict)
				}
			})
		}
		wg.Wait()
		assert.Equal(t, 1, won)
	})
	t.Run("writes nothing after the context has ended", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := s.Save(ctx, recovery.Entry{Key: "a"})
		require.ErrorIs(t, err, context.Canceled)
		entries, err := s.Load(t.Context())
		require.NoError(t, err)
		assert.Empty(t, entries)
	})
}

func TestMemoryStore(t *testing.T) {
	t.Parallel()
	storeContract(t, func(*testing.T) recovery.Store { return recovery.NewMemoryStore() })
}

func TestFileStore(t *testing.T) {
	t.Parallel()
	storeContract(t, func(t *testing.T) recovery.Store {
		t.Helper()
		s, err := recovery.NewFileStore(filepath.Join(t.TempDir(), "state.json"))
		require.NoError(t, err)
		return s
	})
}

func TestFileStoreIsPrivateAndLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, err := recovery.NewFileStore(filepath.Join(dir, "state.json"))
	require.NoError(t, err)
	for i := range 20 {
		_, err = s.Save(t.Context(), recovery.Entry{Key: strconv.Itoa(i), State: recovery.State{Phase: recovery.PhaseHeld}})
		require.NoError(t, err)
	}
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	var names []string
	for _, f := range files {
		info, err := f.Info()
		require.NoError(t, err)
		assert.Equal(t, os.FileMode(0o600), info.Mode().Perm(), f.Name())
		names = append(names, f.Name())
	}
	assert.Equal(t, []string{"state.json", "state.json.lock"}, names)
}

func TestTwoFileStoresOnOneFileSeeEachOther(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state.json")
	a, err := recovery.NewFileStore(path)
	require.NoError(t, err)
	b, err := recovery.NewFileStore(path)
	require.NoError(t, err)
	v, err := a.Save(t.Context(), recovery.Entry{Key: "x"})
	require.NoError(t, err)
	_, err = b.Save(t.Context(), recovery.Entry{Key: "x"})
	require.ErrorIs(t, err, recovery.ErrConflict)
	_, err = b.Save(t.Context(), recovery.Entry{Key: "x", Version: v})
	require.NoError(t, err)
}

func TestAFileThatIsNoStateIsRefusedAndLeftAlone(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		content string
		is      error
	}{
		"empty":                       {"", nil},
		"cut short":                   {`{"schema":1,"entries":[{"key":"a","sta`, nil},
		"of a newer version":          {`{"schema":3,"entries":[]}`, recovery.ErrSchema},
		"with a state of a newer one": {`{"schema":1,"entries":[{"key":"a","state":{"schema":9}}]}`, recovery.ErrSchema},
		"something else":              {`{"hello":"world"}`, nil},
		"a key twice":                 {`{"schema":1,"entries":[{"key":"a","state":{"schema":1}},{"key":"a","state":{"schema":1}}]}`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "state.json")
			require.NoError(t, os.WriteFile(path, []byte(row.content), 0o600))
			_, err := recovery.NewFileStore(path)
			require.Error(t, err)
			if row.is != nil {
				require.ErrorIs(t, err, row.is)
			}
			got, rerr := os.ReadFile(path)
			require.NoError(t, rerr)
			assert.Equal(t, row.content, string(got))
		})
	}
	_, err := recovery.NewFileStore("")
	require.Error(t, err)
	_, err = recovery.NewFileStore(filepath.Join(t.TempDir(), "no", "such", "dir"))
	require.Error(t, err)
	_, err = recovery.NewFileStore(t.TempDir())
	require.Error(t, err)
}

func TestAFileThatBreaksLaterIsAnErrorNotAFreshStart(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state.json")
	s, err := recovery.NewFileStore(path)
	require.NoError(t, err)
	_, err = s.Save(t.Context(), recovery.Entry{Key: "x"})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, []byte("garbage"), 0o600))
	_, err = s.Load(t.Context())
	require.Error(t, err)
	_, err = s.Save(t.Context(), recovery.Entry{Key: "y"})
	require.Error(t, err)
	got, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, "garbage", string(got))
}

func FuzzStateJSON(f *testing.F) {
	full, err := json.Marshal(recovery.State{Phase: recovery.PhaseVerifying, Attempts: 2, Attempt: recovery.Attempt{ID: 2, At: epoch, Tasks: "-1,0,3"}, Since: epoch})
	require.NoError(f, err)
	f.Add(string(full))
	f.Add(`{"schema":1}`)
	f.Add(`{"schema":1,"restarts":["2026-01-01T00:00:00Z"],"attempt":{"tasks":[1,2]}}`)
	f.Fuzz(func(t *testing.T, data string) {
		var s recovery.State
		if json.Unmarshal([]byte(data), &s) != nil {
			return
		}
		b, err := json.Marshal(s)
		if err != nil { // a year beyond 9999
			return
		}
		var back recovery.State
		require.NoError(t, json.Unmarshal(b, &back))
		b2, err := json.Marshal(back)
		require.NoError(t, err)
		require.Equal(t, string(b), string(b2))
		o := recovery.Observe(status("RUNNING", "FAILED:x"), nil)
		o.Connector = "orders"
		recovery.Decide(recovery.Policy{}, back, o, epoch.Add(time.Hour))
	})
}
