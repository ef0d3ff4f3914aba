package apikey

import (
	"sync"
	"time"
)

// cache is what a process has read of keys.
type cache struct {
	mu     sync.Mutex
	cached map[string]look
	// unknown are ids that there are no keys of, apart from those of keys: anybody can make them up.
	unknown map[string]look
	// changes counts the changes that this process has made to keys.
	changes int
}

// look is what was read of a key.
type look struct {
	key   Key // without an id: there is none
	at    time.Time
	noted time.Time // when its use was noted by this process
}

// maxCached is how many keys a process remembers, and how many ids without a key.
const maxCached = 10_000

func newCache() *cache { return &cache{cached: make(map[string]look), unknown: make(map[string]look)} }

// recall returns what is remembered of an id, if anything is, and the number of changes so far.
func (c *cache) recall(id string) (known look, ok bool, changes int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if known, ok = c.cached[id]; !ok {
		known, ok = c.unknown[id]
	}
	return known, ok, c.changes
}

// learn remembers what was read of an id, unless a key was changed since there were so many changes: it may be that key as it was.
func (c *cache) learn(id string, known look, changes int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.changes != changes {
		return
	}
	into, other := c.cached, c.unknown
	if known.key.ID == "" {
		into, other = other, into
	}
	delete(other, id)
	if _, there := into[id]; !there && len(into) >= maxCached {
		for old := range into {
			delete(into, old)
			break
		}
	}
	into[id] = known
}

// forget forgets an id, whose key was changed.
func (c *cache) forget(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.changes++
	delete(c.cached, id)
	delete(c.unknown, id)
}

// claimNote reports whether the caller is the one to note the use of a key, which nobody has done after since.
func (c *cache) claimNote(id string, now, since time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	latest, ok := c.cached[id]
	if !ok || latest.noted.After(since) {
		return false
	}
	latest.noted = now
	c.cached[id] = latest
	return true
}
