package dlq

import (
	"fmt"
	"hash/maphash"
	"sync"

	"github.com/segmentio/kafka-go"
)

// KeyOrder says whether a record that is held back holds back those behind it.
type KeyOrder int

// With KeyOrderOn, once a record with a key was parked, the later ones of its key in the same run are parked too; once one
// was deferred, the later ones are deferred behind it and come up again after it. A key is that of one connector and one
// origin topic. Records without a key are in no order.
//
// What is held back is remembered for the run, over rebalances, up to MaxHeldKeys; not over runs, and not by another instance
// that takes the partition over.
const (
	// KeyOrderDefault is KeyOrderOn for a run that follows, and else KeyOrderOff: a batch is worked through by a person, who
	// parks what is broken and wants the rest back.
	KeyOrderDefault KeyOrder = iota
	KeyOrderOn
	KeyOrderOff
)

// reasonBehind is why a record is parked that could have gone.
const reasonBehind = "behind a parked record of the same key"

// keyOrder is a KeyOrder at work.
type keyOrder struct {
	on   bool
	max  int
	seed maphash.Seed

	mu   sync.Mutex
	held map[uint64]hold
}

// hold is what keeps the records of a key back.
type hold struct {
	at int64 // the record in the dead letter queue that was held back first; those before it are read again, not behind it
	// For a deferred one: due is when it may be tried, since when it was put back. It is up again when the first record of its
	// key comes that was put back since: copies are appended, and read, in order.
	due, since int64
}

func newKeyOrder(cfg *RepublisherConfig) *keyOrder {
	return &keyOrder{on: cfg.KeyOrder == KeyOrderOn, max: cfg.MaxHeldKeys, seed: maphash.MakeSeed(), held: map[uint64]hold{}}
}

// key identifies the records that stay in order; 0 is none.
func (k *keyOrder) key(m *kafka.Message, f *Failure) uint64 {
	if !k.on || m.Key == nil {
		return 0
	}
	var h maphash.Hash
	h.SetSeed(k.seed)
	// Lengths keep the parts apart.
	_, _ = fmt.Fprintf(&h, "%d/%d/%s/%d/%s/", m.Partition, len(f.Topic), f.Topic, len(f.Connector), f.Connector)
	_, _ = h.Write(m.Key)
	return max(h.Sum64(), 1)
}

// behind returns what holds a record back. A record that was deferred and comes up again frees its key.
func (k *keyOrder) behind(key uint64, m *kafka.Message) (hold, bool) {
	if key == 0 {
		return hold{}, false
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	h, ok := k.held[key]
	if !ok || m.Offset <= h.at {
		return hold{}, false
	}
	if back, put := milliseconds(m.Headers, HeaderDeferred); h.due != 0 && put && back.UnixMilli() >= h.since {
		delete(k.held, key)
		return hold{}, false
	}
	return h, true
}

// holdBack remembers that the records of a key follow this one.
func (k *keyOrder) holdBack(key uint64, h hold) error {
	if key == 0 {
		return nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if was, ok := k.held[key]; ok && was.at < h.at {
		return nil // it is behind that one itself
	}
	if len(k.held) >= k.max {
		if _, ok := k.held[key]; !ok {
			return &HeldKeysError{Keys: k.max}
		}
	}
	k.held[key] = h
	return nil
}

// free forgets a key whose record went its way after all, when it was read and decided about again.
func (k *keyOrder) free(key uint64, offset int64) {
	if key == 0 {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if h, ok := k.held[key]; ok && h.at == offset {
		delete(k.held, key)
	}
}

// HeldKeysError stops a run with KeyOrderOn whose records of more than MaxHeldKeys keys were parked or deferred: it could
// no longer tell which records have to stay behind. What was decided before is committed.
type HeldKeysError struct{ Keys int }

func (e *HeldKeysError) Error() string {
	return fmt.Sprintf("dlq: KeyOrder: records of %d keys are held back, more than MaxHeldKeys allows: look at why so many are parked or deferred, raise it, or set KeyOrderOff", e.Keys)
}
