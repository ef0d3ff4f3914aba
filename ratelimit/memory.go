package ratelimit

import (
	"context"
	"sync"
	"time"

	"github.com/gatesock/gatesock/internal/bounded"
	"github.com/gatesock/gatesock/internal/observing"
	"github.com/gatesock/gatesock/internal/tokenbucket"
)

// defaultMaxKeys is how many buckets a [Memory] holds by default, and how many counters.
const defaultMaxKeys = 100_000

// Memory keeps the buckets and the counters of one process: it is a [Store] and a [QuotaStore].
// Use it in tests, in development, and where each process may have a limit of its own. It is safe
// for concurrent use, and never fails.
//
// It holds up to 100,000 buckets and as many counters, or the number of [WithMaxKeys]. When it is
// full, a new key evicts another one, whose client then has the whole limit again. To choose it,
// Memory compares a few keys at random: it evicts the bucket that is full soonest, or the counter
// whose period ends first and, if several end then, the one that has counted least.
type Memory struct {
	now func() time.Time

	mu   sync.Mutex
	full *bounded.Map[string, int64] // when a bucket is full again, in nanoseconds
	used *bounded.Map[string, counter]
}

// counter counts what is used in one period.
type counter struct {
	start, end time.Time
	total      int64
}

// worth orders counters: those that end first are evicted first, and of those the ones that have
// counted least.
func (c counter) worth() int64 {
	const most = 1<<28 - 1
	return c.end.Unix()<<28 | min(c.total, most)
}

var (
	_ Store      = (*Memory)(nil)
	_ QuotaStore = (*Memory)(nil)
)

// NewMemory returns an empty Memory. Its options are [WithMaxKeys] and [WithClock].
func NewMemory(opts ...Option) *Memory {
	s := apply("NewMemory", opts, "WithMaxKeys", "WithClock")
	return &Memory{
		now:  s.now,
		full: bounded.New[string](s.maxKeys, func(full int64) int64 { return full }),
		used: bounded.New[string](s.maxKeys, counter.worth),
	}
}

// Take implements [Store].
func (m *Memory) Take(ctx context.Context, key string, l Limit, n int) (Decision, error) {
	done, err := observing.BeginCall(ctx, "ratelimit.Take")
	if err != nil {
		return Decision{}, err
	}
	defer done()
	return m.takeAt(m.now(), key, l, n), nil
}

func (m *Memory) takeAt(t time.Time, key string, l Limit, n int) Decision {
	now := t.UnixNano()
	m.mu.Lock()
	defer m.mu.Unlock()
	full, _ := m.full.Get(key)
	after, d := tokenbucket.Limit(l).Take(full, now, n)
	if after > now && after != full {
		m.full.Set(key, after)
	}
	return Decision(d)
}

// Consume implements [QuotaStore].
func (m *Memory) Consume(ctx context.Context, key string, start, end time.Time, n, maximum int64) (Usage, error) {
	done, err := observing.BeginCall(ctx, "ratelimit.Consume")
	if err != nil {
		return Usage{}, err
	}
	defer done()
	m.mu.Lock()
	defer m.mu.Unlock()
	c, _ := m.used.Get(key)
	if !c.start.Equal(start) {
		c = counter{start: start, end: end}
	}
	if n > maximum-c.total { // c.total+n may overflow
		return Usage{Total: c.total}, nil
	}
	c.total += n
	m.used.Set(key, c)
	return Usage{Allowed: true, Total: c.total}, nil
}
