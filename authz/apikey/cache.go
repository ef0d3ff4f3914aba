package apikey

import (
	"sync"
	"time"

	"github.com/gatesock/gatesock/internal/bounded"
)

// cache is what a process has read about keys.
type cache struct {
	mu    sync.Mutex
	known *bounded.Map[string, look]
	// unknown has the ids without a key, apart from the keys: anybody can make them up.
	unknown *bounded.Map[string, look]
	// changes counts the changes that this process has made to keys.
	changes int
}

// look is what was read about a key.
type look struct {
	key   Key // without an ID if there is no key
	at    time.Time
	noted time.Time // when this process noted its use
}

// maxCached is how many keys a process remembers, and how many ids without a key.
const maxCached = 10_000

func newCache() *cache {
	return &cache{known: bounded.New[string](maxCached, readAt), unknown: bounded.New[string](maxCached, readAt)}
}

// readAt makes the cache evict what is read again first.
func readAt(l look) int64 { return l.at.UnixMilli() }

// recall returns what is remembered about an id, whether anything is, and the number of changes so
// far.
func (c *cache) recall(id string) (known look, ok bool, changes int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if known, ok = c.known.Get(id); !ok {
		known, ok = c.unknown.Get(id)
	}
	return known, ok, c.changes
}

// learn remembers what was read about an id, unless a key was changed since the given number of
// changes: what was read may be that key before its change.
func (c *cache) learn(id string, read look, changes int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.changes != changes {
		return
	}
	into, other := c.known, c.unknown
	if read.key.ID == "" {
		into, other = other, into
	}
	other.Delete(id)
	into.Set(id, read)
}

// forget removes an id whose key was changed.
func (c *cache) forget(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.changes++
	c.known.Delete(id)
	c.unknown.Delete(id)
}

// claimNote reports whether the caller is to note the use of a key, because nobody has after since.
func (c *cache) claimNote(id string, now, since time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	latest, ok := c.known.Get(id)
	if !ok || latest.noted.After(since) {
		return false
	}
	latest.noted = now
	c.known.Set(id, latest)
	return true
}
