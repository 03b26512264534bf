package dlq_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-reconnect/reconnect/dlq"
)

func parkedAt(offset int64) dlq.Parked {
	f := connectFailure()
	own := []kafka.Header{{Key: "a", Value: []byte{0, 255}}, {Key: "a"}, {Key: "\xff", Value: []byte{}}}
	return dlq.Parked{
		Message: kafka.Message{Topic: "d", Partition: 1, Offset: offset, Key: []byte{}, Time: time.UnixMilli(1_700_000_000_123), Headers: f.AppendTo(own)},
		Reason:  "no <fix>", RunID: "r", At: time.UnixMilli(1_700_000_001_000).UTC(), Failure: f, Sets: 1,
	}
}

func readParked(t *testing.T, path string) (out []dlq.Parked) {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer func() { assert.NoError(t, f.Close()) }()
	for p, err := range dlq.ReadParked(f) {
		require.NoError(t, err)
		out = append(out, p)
	}
	return out
}

func TestParkFileKeepsEveryByte(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "parked.jsonl")
	p := dlq.ParkFile(path)
	require.NoError(t, p.Park(t.Context(), []dlq.Parked{parkedAt(1), parkedAt(2)}))
	require.NoError(t, p.Park(t.Context(), []dlq.Parked{parkedAt(2), parkedAt(3)}), "the same again is no harm")
	_, err := os.ReadFile(path)
	require.NoError(t, err)
	info, err := os.Stat(path)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	require.ErrorContains(t, dlq.ParkFile(path).Park(t.Context(), []dlq.Parked{parkedAt(9)}), "another process")
	require.NoError(t, p.Close())

	got := readParked(t, path)
	require.Len(t, got, 3)
	for i, g := range got {
		assert.Equal(t, parkedAt(int64(i+1)), g)
	}
}

func TestParkFileGoesOnAfterACrash(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "parked.jsonl")
	p := dlq.ParkFile(path)
	require.NoError(t, p.Park(t.Context(), []dlq.Parked{parkedAt(1)}))
	require.NoError(t, p.Close())
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = f.WriteString(`{"topic":"d","partition":1,"off`)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	assert.Len(t, readParked(t, path), 1)

	p = dlq.ParkFile(path)
	require.NoError(t, p.Park(t.Context(), []dlq.Parked{parkedAt(1), parkedAt(2)}))
	require.NoError(t, p.Close())
	assert.Len(t, readParked(t, path), 2)
}

func TestParkFileRotates(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "parked[1].jsonl")
	p := dlq.ParkFile(path)
	p.MaxBytes = 1
	for i := range 3 {
		require.NoError(t, p.Park(t.Context(), []dlq.Parked{parkedAt(int64(i))}))
	}
	require.NoError(t, p.Close())
	for i, name := range []string{path + ".1", path + ".2", path + ".3"} {
		got := readParked(t, name)
		require.Len(t, got, 1)
		assert.EqualValues(t, i, got[0].Message.Offset)
	}
	p = dlq.ParkFile(path)
	require.NoError(t, p.Park(t.Context(), []dlq.Parked{parkedAt(0), parkedAt(1), parkedAt(2)}))
	require.NoError(t, p.Close())
	assert.Empty(t, readParked(t, path), "rotated files count too")
}

func TestParkFileSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	require.ErrorContains(t, dlq.ParkFile("").Park(t.Context(), nil), "no path")
	require.Error(t, dlq.ParkFile(filepath.Join(t.TempDir(), "missing", "x")).Park(t.Context(), []dlq.Parked{parkedAt(1)}))
	path := filepath.Join(t.TempDir(), "notes.txt")
	require.NoError(t, os.WriteFile(path, []byte("my notes\n"), 0o600))
	require.ErrorContains(t, dlq.ParkFile(path).Park(t.Context(), []dlq.Parked{parkedAt(1)}), "no parked record")
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, "my notes\n", string(text), "somebody else's file is left alone")
}

func TestARunParksToAFile(t *testing.T) {
	t.Parallel()
	e := newEmbedded(t, 1, map[string]int{"orders": 4, "orders-dlq": 3})
	e.seed(t, 300)
	path := filepath.Join(t.TempDir(), "parked.jsonl")
	cfg := e.config("fix", dlq.ToOrigin())
	p := dlq.ParkFile(path)
	cfg.Park, cfg.ChunkRecords = p, 20
	cfg.Handler = func(context.Context, *dlq.Record) (dlq.Decision, error) { return dlq.Park("all"), nil }
	assert.EqualValues(t, 300, mustRun(t, cfg).Parked)
	cfg.Start = dlq.StartEarliest
	assert.EqualValues(t, 300, mustRun(t, cfg).Parked)
	require.NoError(t, p.Close())
	assert.Len(t, readParked(t, path), 300)
}
