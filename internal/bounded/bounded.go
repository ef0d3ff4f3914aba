// Package bounded has a map that never holds more than a number of entries, for what a process
// remembers of outsiders: connections, keys, names that clients make up.
//
//	seen := bounded.New[string, time.Time](10_000, func(t time.Time) int64 { return t.UnixNano() })
//	seen.Set("id", expiry)
//	expiry, ok := seen.Get("id")
//
// It is our own because the kept libraries do not fit: hashicorp/golang-lru evicts the least
// recently used entry, so that a client that makes up keys can evict entries that still count, and
// its expirable cache runs a goroutine for each cache. A map in a Lambda function must not need
// one.
package bounded

// Map holds at most a number of entries; [New] makes it. It is not safe for concurrent use: most
// callers read and write an entry in one step, under a lock of their own. Every call takes the same
// time whatever the map holds.
type Map[K comparable, V any] struct {
	limit int
	worth func(V) int64
	m     map[K]V
}

// New returns an empty map for at most limit entries. An entry above the limit evicts another one:
// of a few taken at random, the one whose worth is least. Worth is a time at which entries expire,
// if that makes some worth less than others, or a count; if it is nil, a random entry is evicted.
// New panics unless limit is positive.
func New[K comparable, V any](limit int, worth func(V) int64) *Map[K, V] {
	if limit <= 0 {
		panic("bounded: New: limit must be positive")
	}
	return &Map[K, V]{limit: limit, worth: worth, m: make(map[K]V)}
}

// sample is how many entries are compared to find one to evict.
const sample = 8

// Get returns the value of a key, and reports whether there is one.
func (m *Map[K, V]) Get(key K) (V, bool) {
	v, ok := m.m[key]
	return v, ok
}

// Set keeps a value for a key, in place of an earlier one.
func (m *Map[K, V]) Set(key K, v V) {
	if len(m.m) >= m.limit {
		if _, known := m.m[key]; !known {
			m.evict()
		}
	}
	m.m[key] = v
}

// Delete removes a key. It does nothing if the key is unknown.
func (m *Map[K, V]) Delete(key K) { delete(m.m, key) }

// Len returns the number of entries.
func (m *Map[K, V]) Len() int { return len(m.m) }

func (m *Map[K, V]) evict() {
	var victim K
	var least int64
	n := 0
	for key, v := range m.m { // in random order
		if m.worth == nil {
			victim = key
			break
		}
		if worth := m.worth(v); n == 0 || worth < least {
			victim, least = key, worth
		}
		if n++; n == sample {
			break
		}
	}
	delete(m.m, victim)
}
