package dlq

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/segmentio/kafka-go"
)

// FileParker parks to a file of JSON Lines, one record a line, with mode 0600. Park returns when the lines are on the disk
// (fsync). A record that the file or a rotated one before it holds already is not written again, so a run that is repeated
// after a crash parks each record once; a line that a crash cut off is removed when the file is opened again.
//
// It keeps one integer per parked record in memory. One process at a time may hold a file.
type FileParker struct {
	// Path is the file. Rotated ones stand beside it as Path.1, Path.2 and so on, the oldest first.
	Path string
	// MaxBytes starts a new file when the current one has grown beyond it. Defaults to 1 GiB; negative never rotates.
	MaxBytes int64

	mu   sync.Mutex
	file *os.File
	lock io.Closer
	size int64
	have map[topicPartition]map[int64]struct{}
}

type topicPartition struct {
	topic     string
	partition int
}

// ParkFile returns a FileParker for path. The file is opened by the first Park, which says when that fails.
func ParkFile(path string) *FileParker { return &FileParker{Path: path} }

// parkedLine is a line of the file. Bytes are base64, as encoding/json does; null stays null.
type parkedLine struct {
	Topic     string         `json:"topic"`
	Partition int            `json:"partition"`
	Offset    int64          `json:"offset"`
	Timestamp int64          `json:"timestamp"`
	Reason    string         `json:"reason"`
	RunID     string         `json:"runId"`
	At        time.Time      `json:"at"`
	Attempt   int            `json:"attempt"`
	Key       []byte         `json:"key"`
	Value     []byte         `json:"value"`
	Headers   []parkedHeader `json:"headers"`
}

type parkedHeader struct {
	Key   string `json:"key"`
	Raw   []byte `json:"rawKey,omitempty"` // a key that is not UTF-8
	Value []byte `json:"value"`
}

// Park implements Parker.
func (p *FileParker) Park(ctx context.Context, records []Parked) error {
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.open(); err != nil {
		return err
	}
	var lines bytes.Buffer
	fresh := make([]*kafka.Message, 0, len(records))
	encoder := json.NewEncoder(&lines)
	encoder.SetEscapeHTML(false)
	for i := range records {
		m := &records[i].Message
		if p.holds(m.Topic, m.Partition, m.Offset) {
			continue
		}
		line := parkedLine{
			Topic: m.Topic, Partition: m.Partition, Offset: m.Offset, Timestamp: m.Time.UnixMilli(),
			Reason: records[i].Reason, RunID: records[i].RunID, At: records[i].At, Attempt: records[i].Attempt, Key: m.Key, Value: m.Value,
		}
		for _, h := range m.Headers {
			out := parkedHeader{Key: h.Key, Value: h.Value}
			if !utf8.ValidString(h.Key) {
				out.Key, out.Raw = "", []byte(h.Key)
			}
			line.Headers = append(line.Headers, out)
		}
		if err := encoder.Encode(line); err != nil {
			return fmt.Errorf("dlq: park file %s: %w", p.Path, err)
		}
		fresh = append(fresh, m)
	}
	if len(fresh) == 0 {
		return nil
	}
	_, err := p.file.Write(lines.Bytes())
	if err == nil {
		err = p.file.Sync()
	}
	if err != nil {
		// Half a line must not stand before the next one.
		return fmt.Errorf("dlq: park file %s: %w", p.Path, errors.Join(err, p.file.Truncate(p.size)))
	}
	p.size += int64(lines.Len())
	for _, m := range fresh {
		p.remember(m.Topic, m.Partition, m.Offset)
	}
	return p.rotate()
}

// Close gives the file up; a later Park opens it again.
func (p *FileParker) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.close()
}

func (p *FileParker) close() error {
	if p.file == nil {
		return nil
	}
	err := errors.Join(p.file.Close(), p.lock.Close())
	p.file, p.lock = nil, nil
	return err
}

func (p *FileParker) holds(topic string, partition int, offset int64) bool {
	_, ok := p.have[topicPartition{topic, partition}][offset]
	return ok
}

func (p *FileParker) remember(topic string, partition int, offset int64) {
	k := topicPartition{topic, partition}
	if p.have[k] == nil {
		p.have[k] = map[int64]struct{}{}
	}
	p.have[k][offset] = struct{}{}
}

// open reads what is parked already and cuts off a line that was not finished.
func (p *FileParker) open() (err error) {
	if p.file != nil {
		return nil
	}
	if p.Path == "" {
		return errors.New("dlq: ParkFile has no path")
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("dlq: park file %s: %w", p.Path, err)
		}
	}()
	lock, err := lockFile(p.Path + ".lock")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = lock.Close()
		}
	}()
	p.have = map[topicPartition]map[int64]struct{}{}
	for _, n := range p.rotated() {
		if _, err := p.load(p.Path + "." + strconv.Itoa(n)); err != nil {
			return err
		}
	}
	_, missing := os.Stat(p.Path)
	whole, err := p.load(p.Path)
	if err != nil {
		return err
	}
	file, err := os.OpenFile(p.Path, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return err //nolint:wrapcheck // wrapped above
	}
	err = errors.Join(file.Chmod(0o600), file.Truncate(whole))
	if err == nil && missing != nil {
		err = syncDir(p.Path)
	}
	if err != nil {
		_ = file.Close()
		return err
	}
	p.file, p.lock, p.size = file, lock, whole
	return nil
}

// load remembers the records of one file and returns the length of its whole lines.
func (p *FileParker) load(path string) (whole int64, err error) {
	f, err := os.Open(path) //nolint:gosec // the user's own path
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err //nolint:wrapcheck // wrapped by open
	}
	defer f.Close() //nolint:errcheck // read only
	r := bufio.NewReaderSize(f, 1<<16)
	for {
		line, err := r.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return whole, nil
		}
		if err != nil {
			return 0, err //nolint:wrapcheck // as above
		}
		var id struct {
			Topic     string `json:"topic"`
			Partition int    `json:"partition"`
			Offset    int64  `json:"offset"`
		}
		if err := json.Unmarshal(line, &id); err != nil {
			return 0, fmt.Errorf("%s holds a line that is no parked record, at byte %d", filepath.Base(path), whole)
		}
		p.remember(id.Topic, id.Partition, id.Offset)
		whole += int64(len(line))
	}
}

// rotated returns the numbers of the rotated files, oldest first.
func (p *FileParker) rotated() []int {
	names, _ := filepath.Glob(escapeGlob(p.Path) + ".*")
	var out []int
	for _, name := range names {
		if n, err := strconv.Atoi(strings.TrimPrefix(name, p.Path+".")); err == nil && n > 0 {
			out = append(out, n)
		}
	}
	slices.Sort(out)
	return out
}

func escapeGlob(path string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}

func (p *FileParker) rotate() error {
	limit := p.MaxBytes
	if limit == 0 {
		limit = 1 << 30
	}
	if limit < 0 || p.size < limit {
		return nil
	}
	next := 1
	if all := p.rotated(); len(all) > 0 {
		next = all[len(all)-1] + 1
	}
	// The records are safe: a rotation that fails is tried again after the next ones.
	if err := os.Rename(p.Path, p.Path+"."+strconv.Itoa(next)); err != nil {
		return nil //nolint:nilerr // as said
	}
	old := p.file
	file, err := os.OpenFile(p.Path, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		// Nothing is lost, and nothing more can be parked: begin anew with the next call.
		_ = p.close()
		return nil //nolint:nilerr // as said
	}
	p.file, p.size = file, 0
	_ = old.Close()
	if err := syncDir(p.Path); err != nil {
		return fmt.Errorf("dlq: park file %s: %w", p.Path, err)
	}
	return nil
}

func syncDir(path string) error {
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err //nolint:wrapcheck // wrapped by the callers
	}
	return errors.Join(d.Sync(), d.Close())
}

// ReadParked reads what a FileParker wrote, each record once. A line that cannot be read is an error and ends the sequence;
// a last line without its end is one that a crash cut off, and is passed over.
func ReadParked(r io.Reader) iter.Seq2[Parked, error] {
	return func(yield func(Parked, error) bool) {
		readParked(r, "", &FileParker{have: map[topicPartition]map[int64]struct{}{}}, yield)
	}
}

// readParked reports false when the reading is over, because of an error or of the reader.
func readParked(r io.Reader, where string, seen *FileParker, yield func(Parked, error) bool) bool {
	in := bufio.NewReaderSize(r, 1<<16)
	for n := 1; ; n++ {
		text, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return true
		}
		var line parkedLine
		if err == nil {
			err = json.Unmarshal(text, &line)
		}
		if err == nil && (line.Topic == "" || line.Partition < 0 || line.Offset < 0) {
			err = errors.New("it does not say where the record stood")
		}
		if err != nil {
			yield(Parked{}, fmt.Errorf("dlq: parked records: %sline %d: %w", where, n, err))
			return false
		}
		if seen.holds(line.Topic, line.Partition, line.Offset) {
			continue
		}
		seen.remember(line.Topic, line.Partition, line.Offset)
		if !yield(line.parked(), nil) {
			return false
		}
	}
}

func (l *parkedLine) parked() Parked {
	p := Parked{
		Message: kafka.Message{Topic: l.Topic, Partition: l.Partition, Offset: l.Offset, Key: l.Key, Value: l.Value, Time: time.UnixMilli(l.Timestamp)},
		Reason:  l.Reason, RunID: l.RunID, At: l.At, Attempt: l.Attempt,
	}
	for _, h := range l.Headers {
		key := h.Key
		if h.Raw != nil {
			key = string(h.Raw)
		}
		p.Message.Headers = append(p.Message.Headers, kafka.Header{Key: key, Value: h.Value})
	}
	p.Failure, p.Sets, _ = parse(p.Message.Headers)
	return p
}
