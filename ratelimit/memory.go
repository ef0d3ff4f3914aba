package ratelimit

import (
	"context"
	"sync"
	"time"
)

// DefaultMaxKeys is how many buckets a [Memory] holds.
const DefaultMaxKeys = 100_000

// Memory is a [Store] of one process. The zero value is ready to use. It is safe for concurrent use and must not be copied.
//
// It holds a bounded number of buckets. One more puts out one that is full, which nobody misses; if it finds none, one that is soon full:
// who needs more keys at once than it holds gets some tokens twice.
type Memory struct {
	// MaxKeys is how many buckets it holds; 0 is [DefaultMaxKeys]. Set it before the first call.
	MaxKeys int
	// Clock gives the time; nil is [time.Now]. Set it before the first call.
	Clock func() time.Time

	mu   sync.Mutex
	full map[string]int64 // when a bucket is full again
}

var _ Store = (*Memory)(nil)

// Take takes n tokens now. It never fails.
func (m *Memory) Take(_ context.Context, key string, l Limit, n int) (Decision, error) {
	now := time.Now
	if m.Clock != nil {
		now = m.Clock
	}
	return m.AllowN(now(), key, l, n), nil
}

// AllowN takes n tokens at a time, from the bucket of a key.
func (m *Memory) AllowN(t time.Time, key string, l Limit, n int) Decision {
	now := t.UnixNano()
	m.mu.Lock()
	defer m.mu.Unlock()
	full, known := m.full[key]
	after, d := l.take(full, now, n)
	if after <= now || after == full {
		return d
	}
	if !known {
		m.makeRoom(now)
	}
	m.full[key] = after
	return d
}

// looked is how many buckets are looked at to find one that can go.
const looked = 8

func (m *Memory) makeRoom(now int64) {
	if m.full == nil {
		m.full = make(map[string]int64)
	}
	limit := m.MaxKeys
	if limit <= 0 {
		limit = DefaultMaxKeys
	}
	if len(m.full) < limit {
		return
	}
	var next string
	var soonest int64
	n := 0
	for key, full := range m.full { // in random order
		if full <= now {
			delete(m.full, key)
		}
		if n == 0 || full < soonest {
			next, soonest = key, full
		}
		if n++; n == looked {
			break
		}
	}
	if len(m.full) >= limit {
		delete(m.full, next)
	}
}
