// Package record keeps the last entries of a workbench, within bounds, for readers that may be
// slower than what happens.
package record

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/gatesock/gatesock/emulator/workbench/entry"
)

// overhead is about what an entry costs besides its texts, in bytes.
const overhead = 512

// Record is a list of entries that forgets its oldest ones. It is safe for concurrent use. Adding
// an entry never waits for a reader.
type Record struct {
	maxEntries, maxBytes int

	mu      sync.Mutex
	ring    []*entry.Entry // grows up to maxEntries; from head, and around
	head    int            // of the oldest entry
	count   int
	bytes   int
	last    uint64 // the seq of the newest entry there has been
	dropped uint64 // by the bounds, not by Clear

	readers atomic.Pointer[[]*Reader] // copied for each change
}

// New returns a record that keeps at most that many entries and about that many bytes of them, and
// always the newest one. Both must be positive.
func New(maxEntries, maxBytes int) *Record {
	return &Record{maxEntries: maxEntries, maxBytes: maxBytes}
}

// Add numbers an entry and keeps it. Nobody may change it any more. The numbers are in the order in
// which calls of Add take effect.
func (r *Record) Add(e *entry.Entry) {
	r.mu.Lock()
	r.add(e)
	r.mu.Unlock()
	r.Wake()
}

func (r *Record) add(e *entry.Entry) {
	r.last++
	e.Seq = r.last
	r.bytes += size(e)
	for r.count > 0 && (r.count == r.maxEntries || r.bytes > r.maxBytes) {
		r.drop()
	}
	if r.count == len(r.ring) {
		r.grow()
	}
	r.ring[(r.head+r.count)%len(r.ring)] = e
	r.count++
}

// drop forgets the oldest entry.
func (r *Record) drop() {
	r.bytes -= size(r.ring[r.head])
	r.ring[r.head] = nil
	r.head = (r.head + 1) % len(r.ring)
	r.count--
	r.dropped++
}

func (r *Record) grow() {
	ring := make([]*entry.Entry, min(max(64, 2*len(r.ring)), r.maxEntries))
	for i := range r.count {
		ring[i] = r.at(i)
	}
	r.ring, r.head = ring, 0
}

// at returns the i-th of the entries that are kept.
func (r *Record) at(i int) *entry.Entry { return r.ring[(r.head+i)%len(r.ring)] }

// size returns about how many bytes an entry keeps.
func size(e *entry.Entry) int {
	return overhead + len(e.Body) + len(e.Body64) + len(e.Input) + len(e.Text) + len(e.Error) + len(e.Spec)
}

// Clear forgets all entries. The numbers go on.
func (r *Record) Clear() {
	r.mu.Lock()
	clear(r.ring)
	r.head, r.count, r.bytes = 0, 0, 0
	r.mu.Unlock()
	r.Wake()
}

// Kept says which entries there are.
type Kept struct {
	// First is the number of the oldest entry that is kept, or of the next one if there is none. Last
	// is that of the newest one that there has been, or 0.
	First uint64 `json:"first"`
	Last  uint64 `json:"last"`
	// Dropped is how many entries were forgotten because there were too many.
	Dropped uint64 `json:"dropped"`
}

// Kept returns which entries there are.
func (r *Record) Kept() Kept {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.kept()
}

func (r *Record) kept() Kept {
	return Kept{First: r.last - uint64(r.count) + 1, Last: r.last, Dropped: r.dropped}
}

// After returns entries that come after the one with that number, at most limit of them, and which
// ones were kept then. The first of them has another number than after+1 if entries between were
// forgotten.
func (r *Record) After(after uint64, limit int) ([]*entry.Entry, Kept) {
	r.mu.Lock()
	defer r.mu.Unlock()
	kept := r.kept()
	from := 0
	if after >= kept.First {
		from = int(min(after, kept.Last) - kept.First + 1)
	}
	out := make([]*entry.Entry, min(limit, r.count-from))
	for i := range out {
		out[i] = r.at(from + i)
	}
	return out, kept
}

// Recent calls yield for the newest entries, at most limit of them and the newest first, until it
// returns false. It must not call the record.
func (r *Record) Recent(limit int, yield func(*entry.Entry) bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := r.count - 1; i >= max(0, r.count-limit); i-- {
		if !yield(r.at(i)) {
			return
		}
	}
}

// Reader is told that there is something new.
type Reader struct {
	// C gets a value after entries were added, or after Wake: one for any number of them.
	C <-chan struct{}

	c chan struct{}
	r *Record
}

// Subscribe returns a reader, which its caller must close.
func (r *Record) Subscribe() *Reader {
	c := make(chan struct{}, 1)
	reader := &Reader{C: c, c: c, r: r}
	r.change(func(readers []*Reader) []*Reader { return append(readers, reader) })
	return reader
}

// Close ends what the reader is told.
func (reader *Reader) Close() {
	reader.r.change(func(readers []*Reader) []*Reader {
		return slices.DeleteFunc(readers, func(other *Reader) bool { return other == reader })
	})
}

func (r *Record) change(f func([]*Reader) []*Reader) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var readers []*Reader
	if p := r.readers.Load(); p != nil {
		readers = append(readers, *p...)
	}
	readers = f(readers)
	r.readers.Store(&readers)
}

// Wake wakes all readers.
func (r *Record) Wake() {
	p := r.readers.Load()
	if p == nil {
		return
	}
	for _, reader := range *p {
		select {
		case reader.c <- struct{}{}:
		default:
		}
	}
}
