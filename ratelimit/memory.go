package ratelimit

import (
	"context"
	"sync"
	"time"

	"github.com/gatesock/gatesock/internal/until"
)

// DefaultMaxKeys is how many buckets a [Memory] holds.
const DefaultMaxKeys = 100_000

// Memory is a [Store] and [QuotaStore] of one process. The zero value is ready to use. It is safe for concurrent use and must not be copied.
//
// It holds a bounded number of buckets, and of counters. One more puts out one that is full, which nobody misses, or whose period is
// over; if it finds none, one that is soon full, or has counted least: who needs more keys at once than it holds gets something twice.
type Memory struct {
	// MaxKeys is how many buckets it holds, and how many counters; 0 is [DefaultMaxKeys]. Set it before the first call.
	MaxKeys int
	// Clock gives the time; nil is [time.Now]. Set it before the first call.
	Clock func() time.Time

	mu   sync.Mutex
	full until.Map // when a bucket is full again
	used map[string]counter
}

// counter counts what is used in one period.
type counter struct {
	start, end time.Time
	total      int64
}

var (
	_ Store      = (*Memory)(nil)
	_ QuotaStore = (*Memory)(nil)
)

// Use counts n units. It never fails.
func (m *Memory) Consume(_ context.Context, key string, start, end time.Time, n, maximum int64) (Usage, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	c, known := m.used[key]
	if !c.start.Equal(start) {
		c = counter{start: start, end: end}
	}
	if c.total+n > maximum {
		return Usage{Total: c.total}, nil
	}
	if !known {
		m.makeRoom(start)
	}
	c.total += n
	m.used[key] = c
	return Usage{Allowed: true, Total: c.total}, nil
}

// looked is how many counters are looked at to find some that can go.
const looked = 8

func (m *Memory) makeRoom(start time.Time) {
	if m.used == nil {
		m.used = make(map[string]counter)
	}
	limit := m.maxKeys()
	if len(m.used) < limit {
		return
	}
	var next string
	var least int64
	n := 0
	for key, c := range m.used { // in random order
		if !c.end.After(start) {
			delete(m.used, key)
		}
		if n == 0 || c.total < least {
			next, least = key, c.total
		}
		if n++; n == looked {
			break
		}
	}
	if len(m.used) >= limit {
		delete(m.used, next)
	}
}

func (m *Memory) maxKeys() int {
	if m.MaxKeys > 0 {
		return m.MaxKeys
	}
	return DefaultMaxKeys
}

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
		m.full.Max = m.maxKeys()
		m.full.Set(key, after, now)
	}
	return d
}
