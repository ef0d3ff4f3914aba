package ratelimit

import (
	"context"
	"sync"
	"time"

	"github.com/gatesock/gatesock/internal/tokenbucket"
	"github.com/gatesock/gatesock/internal/until"
)

// defaultMaxKeys is how many buckets a [Memory] holds by default, and how many counters.
const defaultMaxKeys = 100_000

// Memory keeps the buckets and the counters of one process: it is a [Store] and a [QuotaStore]. Use
// it in tests, in development, and where each process may have a limit of its own. It is safe for
// concurrent use, and never fails.
//
// It holds a bounded number of buckets, and of counters ([WithMaxKeys]). When it is full, it evicts a
// bucket that is full again or an expired counter if it finds one, or else the bucket that is full
// soonest or the counter that has counted least. An evicted key starts afresh.
type Memory struct {
	now     func() time.Time
	maxKeys int

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

// NewMemory returns an empty Memory. Its options are [WithMaxKeys] and [WithClock].
func NewMemory(opts ...Option) *Memory {
	s := apply("NewMemory", opts, "WithMaxKeys", "WithClock")
	return &Memory{now: s.now, maxKeys: s.maxKeys, full: until.Map{Max: s.maxKeys}, used: make(map[string]counter)}
}

// Take implements [Store].
func (m *Memory) Take(_ context.Context, key string, l Limit, n int) (Decision, error) {
	return m.takeAt(m.now(), key, l, n), nil
}

func (m *Memory) takeAt(t time.Time, key string, l Limit, n int) Decision {
	now := t.UnixNano()
	m.mu.Lock()
	defer m.mu.Unlock()
	full, _ := m.full.Get(key)
	after, d := tokenbucket.Limit(l).Take(full, now, n)
	if after > now && after != full {
		m.full.Set(key, after, now)
	}
	return Decision(d)
}

// Consume implements [QuotaStore].
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
	if len(m.used) < m.maxKeys {
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
	if len(m.used) >= m.maxKeys {
		delete(m.used, next)
	}
}
