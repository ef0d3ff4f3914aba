package ratelimit

import (
	"context"
	"sync"
	"time"

	"github.com/gatesock/gatesock/internal/until"
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
	full until.Map // when a bucket is full again
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
	full, _ := m.full.Get(key)
	after, d := l.take(full, now, n)
	if after > now && after != full {
		m.full.Max = m.MaxKeys
		if m.MaxKeys <= 0 {
			m.full.Max = DefaultMaxKeys
		}
		m.full.Set(key, after, now)
	}
	return d
}
