package recovery_test

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-reconnect/reconnect/recovery"
)

// journal writes a file of a snapshot and some changes, and returns its bytes and what was stored after each line.
func journal(t *testing.T) (path string, after []map[string]int) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "state.json")
	s, err := recovery.NewFileStore(path)
	require.NoError(t, err)
	state := map[string]int{}
	versions := map[string]recovery.Version{}
	note := func() {
		now := map[string]int{}
		maps.Copy(now, state)
		after = append(after, now)
	}
	for i := range 6 {
		key := string(rune('a' + i%3))
		versions[key], err = s.Save(t.Context(), recovery.Entry{Key: key, Cluster: "c", State: recovery.State{Attempts: i + 1}, Version: versions[key]})
		require.NoError(t, err)
		state[key] = i + 1
		note()
	}
	require.NoError(t, s.Delete(t.Context(), "b", versions["b"]))
	delete(state, "b")
	note()
	return path, after
}

func attempts(t *testing.T, s *recovery.FileStore) map[string]int {
	t.Helper()
	entries, err := s.Load(t.Context())
	require.NoError(t, err)
	out := map[string]int{}
	for _, e := range entries {
		out[e.Key] = e.State.Attempts
	}
	return out
}

func TestAStateFileThatBreaksOffAtAnyByteHoldsEveryWriteThatReturned(t *testing.T) {
	t.Parallel()
	path, after := journal(t)
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, len(after), bytes.Count(data, []byte("\n")), "a snapshot, and a line per change")
	for n := range len(data) + 1 {
		cut := filepath.Join(t.TempDir(), "state.json")
		require.NoError(t, os.WriteFile(cut, data[:n], 0o600))
		s, err := recovery.NewFileStore(cut)
		whole := bytes.Count(data[:n], []byte("\n"))
		if whole == 0 && n < bytes.IndexByte(data, '\n') {
			require.Error(t, err, "byte %d: a snapshot is never half there", n)
			continue
		}
		require.NoError(t, err, "byte %d", n)
		want := after[max(whole, 1)-1]
		require.Equal(t, want, attempts(t, s), "byte %d", n)

		v, err := s.Save(t.Context(), recovery.Entry{Key: "new"})
		require.NoError(t, err, "byte %d", n)
		require.EqualValues(t, 1, v)
		again, err := recovery.NewFileStore(cut)
		require.NoError(t, err, "byte %d", n)
		got := attempts(t, again)
		require.Contains(t, got, "new")
		delete(got, "new")
		require.Equal(t, want, got, "byte %d: what broke off is gone, the rest is there", n)
	}
}

func TestAStateFileThatIsDamagedInTheMiddleIsRefused(t *testing.T) {
	t.Parallel()
	path, _ := journal(t)
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	last := bytes.LastIndexByte(data[:len(data)-1], '\n')
	for n := bytes.IndexByte(data, '\n') + 1; n < last; n++ {
		bad := bytes.Clone(data)
		bad[n] ^= 1
		file := filepath.Join(t.TempDir(), "state.json")
		require.NoError(t, os.WriteFile(file, bad, 0o600))
		_, err := recovery.NewFileStore(file)
		require.ErrorContains(t, err, "damaged", "byte %d", n)
		left, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Equal(t, bad, left, "and left alone")
	}
	zeros := filepath.Join(t.TempDir(), "state.json")
	require.NoError(t, os.WriteFile(zeros, append(bytes.Clone(data), make([]byte, 512)...), 0o600))
	s, err := recovery.NewFileStore(zeros)
	require.NoError(t, err, "a machine that died can leave zeros behind the last write")
	assert.Equal(t, map[string]int{"a": 4, "c": 6}, attempts(t, s))
}

func TestAStateFileOfTheFirstFormatIsReadAndRenewed(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state.json")
	require.NoError(t, os.WriteFile(path, []byte("{\n \"schema\": 1,\n \"entries\": [{\"key\":\"a\",\"version\":3,\"state\":{\"schema\":1,\"attempts\":4}}]}\n"), 0o644))
	s, err := recovery.NewFileStore(path)
	require.NoError(t, err)
	assert.Equal(t, map[string]int{"a": 4}, attempts(t, s))
	_, err = s.Save(t.Context(), recovery.Entry{Key: "a", State: recovery.State{Attempts: 5}, Version: 3})
	require.NoError(t, err)
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.True(t, strings.HasPrefix(string(data), `{"schema":2,`))
	info, err := os.Stat(path)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm(), "a file that others could read is not any more")
}

func TestAStateFileDoesNotGrowWithTheNumberOfWrites(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state.json")
	s, err := recovery.NewFileStore(path)
	require.NoError(t, err)
	var v recovery.Version
	for i := range 2000 {
		v, err = s.Save(t.Context(), recovery.Entry{Key: "a", State: recovery.State{Attempts: i, Summary: strings.Repeat("x", 500)}, Version: v})
		require.NoError(t, err)
	}
	info, err := os.Stat(path)
	require.NoError(t, err)
	assert.Less(t, info.Size(), int64(80<<10))
	again, err := recovery.NewFileStore(path)
	require.NoError(t, err)
	assert.Equal(t, map[string]int{"a": 1999}, attempts(t, again))
}

func BenchmarkFileStoreSaveAmong(b *testing.B) {
	for _, n := range []int{10, 1_000, 10_000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			s, err := recovery.NewFileStore(filepath.Join(b.TempDir(), "state.json"))
			require.NoError(b, err)
			st := recovery.State{
				Phase: recovery.PhaseBackoff, Reason: recovery.ReasonBackoff, Down: true, Class: "connection", Fingerprint: "0123456789abcdef", Summary: strings.Repeat("x", 200),
				Attempts: 3, Since: time.Now(), Next: time.Now(),
			}
			versions := make([]recovery.Version, n)
			save := func(i int) {
				st.Attempts++
				v, err := s.Save(b.Context(), recovery.Entry{Key: fmt.Sprintf("connector-%05d", i), Cluster: "c", State: st, Version: versions[i]})
				if err != nil {
					b.Fatal(err)
				}
				versions[i] = v
			}
			for i := range n {
				save(i)
			}
			i := 0
			for b.Loop() {
				save(i % n)
				i++
			}
		})
	}
}
