package authz

import (
	"errors"
	"sync"
	"time"

	"github.com/gatesock/gatesock/internal/bounded"
)

const (
	// maxLookups is how many connections a process remembers.
	maxLookups = 10_000
	// missTTL is how long a connection without an entry is not looked up again: its client may send
	// as fast as it can.
	missTTL = time.Second
)

// lookups remembers what a process has read from a store: the principals of connections, and the
// connections for which the store had none. When it is full it forgets entries, which are read
// again.
type lookups struct {
	missing error // what the store fails with if it has no entry

	mu     sync.Mutex
	found  *bounded.Map[string, lookup]
	missed *bounded.Map[string, time.Time] // when they were looked up
}

// lookup is a principal that was found, and the time from which it has to be read again.
type lookup struct {
	principal Principal
	until     time.Time
}

func newLookups(missing error) *lookups {
	return &lookups{
		missing: missing,
		found:   bounded.New[string](maxLookups, func(l lookup) int64 { return l.until.Unix() }),
		missed:  bounded.New[string](maxLookups, time.Time.UnixNano),
	}
}

// find returns the principal of a connection, from memory or else by load. The error is the missing
// one if there is none.
func (l *lookups) find(id string, now time.Time, load func() (lookup, error)) (Principal, error) {
	if p, known, err := l.recall(id, now); known {
		return p, err
	}
	found, err := load()
	switch {
	case errors.Is(err, l.missing):
		l.miss(id, now)
		return Principal{}, err
	case err != nil:
		return Principal{}, err
	}
	l.keep(id, found)
	return found.principal, nil
}

// recall returns what is known of a connection, and reports whether anything is.
func (l *lookups) recall(id string, now time.Time) (p Principal, known bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if f, ok := l.found.Get(id); ok && now.Before(f.until) {
		return f.principal, true, nil
	}
	at, ok := l.missed.Get(id)
	age := now.Sub(at) // negative on a clock that was set back
	if ok && age >= 0 && age < missTTL {
		return Principal{}, true, l.missing
	}
	return Principal{}, false, nil
}

func (l *lookups) keep(id string, found lookup) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.missed.Delete(id)
	l.found.Set(id, found)
}

func (l *lookups) miss(id string, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.found.Delete(id)
	l.missed.Set(id, now)
}

// forget removes a connection that has ended.
func (l *lookups) forget(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.found.Delete(id)
	l.missed.Delete(id)
}
