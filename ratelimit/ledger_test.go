package ratelimit_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/ratelimit"
	"github.com/gatesock/gatesock/wstest"
)

// counted counts what is asked of counters, which can be told to fail.
type counted struct {
	ratelimit.QuotaStore

	calls atomic.Int64
	fail  error
}

func (c *counted) Consume(
	ctx context.Context,
	key string,
	start, end time.Time,
	n, maximum int64,
) (ratelimit.Usage, error) {
	c.calls.Add(1)
	if c.fail != nil {
		return ratelimit.Usage{}, c.fail
	}
	return c.QuotaStore.Consume(ctx, key, start, end, n, maximum)
}

// noon is a Tuesday.
func noon() time.Time { return time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC) }

func TestQuota(t *testing.T) {
	t.Parallel()
	now := noon()
	counters := &counted{QuotaStore: ratelimit.NewMemory()}
	l := ratelimit.NewQuota(
		counters,
		"day",
		ratelimit.Quota{Max: 3, Per: ratelimit.Day},
		ratelimit.FailClosed,
		ratelimit.WithClock(func() time.Time { return now }),
	)
	allow := func(key string, n int) ratelimit.Decision {
		t.Helper()
		d, err := l.Allow(t.Context(), key, n)
		require.NoError(t, err)
		return d
	}
	require.Equal(t, ratelimit.Decision{Allowed: true, Limit: 3, Remaining: 1}, allow("a", 2))
	require.Equal(t, ratelimit.Decision{Limit: 3, Remaining: 1, RetryAfter: 12 * time.Hour}, allow("a", 2))
	require.Equal(t, ratelimit.Decision{Allowed: true, Limit: 3, Remaining: 1}, allow("a", 0))
	require.Equal(t, ratelimit.Decision{Allowed: true, Limit: 3}, allow("a", 1))
	require.Equal(t, ratelimit.Decision{Limit: 3, RetryAfter: ratelimit.Never}, allow("a", 4))
	require.True(t, allow("b", 3).Allowed)
	calls := counters.calls.Load()
	for range 10_000 {
		require.False(t, allow("a", 1).Allowed)
	}
	require.Equal(t, calls, counters.calls.Load(), "what is refused is remembered")
	now = now.Add(12*time.Hour - 1)
	require.Equal(t, time.Duration(1), allow("a", 1).RetryAfter)
	now = now.Add(1)
	require.True(t, allow("a", 3).Allowed, "the next day")

	counters.fail = errors.New("down")
	_, err := l.Allow(t.Context(), "c", 1)
	require.ErrorContains(t, err, "ratelimit: day: down")
}

// TestReserves checks that processes that reserve units never use more than the quota, and leave at
// most what they have reserved.
func TestReserves(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		now := noon()
		counters := &counted{QuotaStore: ratelimit.NewMemory()}
		quota := ratelimit.Quota{Max: rapid.Int64Range(1, 200).Draw(t, "max"), Per: ratelimit.Week}
		reserve := rapid.IntRange(1, 20).Draw(t, "reserve")
		processes := make([]*ratelimit.Limiter, rapid.IntRange(1, 5).Draw(t, "processes"))
		for i := range processes {
			processes[i] = ratelimit.NewQuota(
				counters,
				"x",
				quota,
				ratelimit.FailClosed,
				ratelimit.WithBatchSize(reserve),
				ratelimit.WithClock(func() time.Time { return now }),
			)
		}
		for range 2 { // weeks
			used := int64(0)
			calls := counters.calls.Load()
			for range rapid.IntRange(0, 400).Draw(t, "requests") {
				l := processes[rapid.IntRange(0, len(processes)-1).Draw(t, "process")]
				if d, err := l.Allow(context.Background(), "k", 1); err == nil && d.Allowed {
					used++
				}
			}
			require.LessOrEqual(t, used, quota.Max)
			if reserve > 1 && used > 0 {
				// Once for each reserve, and twice where that is no longer whole.
				require.LessOrEqual(t, counters.calls.Load()-calls, used/int64(reserve)+3*int64(len(processes)))
			}
			// All that is left comes out of the processes that have it, and no more than that is
			// lost.
			for _, l := range processes {
				for {
					d, err := l.Allow(context.Background(), "k", 1)
					require.NoError(t, err)
					if !d.Allowed {
						break
					}
					used++
				}
			}
			require.Equal(t, quota.Max, used)
			now = now.Add(7 * 24 * time.Hour)
		}
	})
}

// TestTheLastUnits checks that one call can use reserved units together with the last ones of the
// store.
func TestTheLastUnits(t *testing.T) {
	t.Parallel()
	quota := ratelimit.Quota{Max: 12, Per: ratelimit.Day}
	l := ratelimit.NewQuota(
		ratelimit.NewMemory(),
		"x",
		quota,
		ratelimit.FailOpen,
		ratelimit.WithBatchSize(10),
		ratelimit.WithClock(noon),
	)
	for _, n := range []int{7, 5} {
		d, err := l.Allow(t.Context(), "k", n)
		require.NoError(t, err)
		require.True(t, d.Allowed)
	}
}

// TestWhatACrashLoses checks that a process that ends loses what it has reserved, and no more.
func TestWhatACrashLoses(t *testing.T) {
	t.Parallel()
	counters := ratelimit.NewMemory()
	quota := ratelimit.Quota{Max: 100, Per: ratelimit.Month}
	for range 5 { // processes that use one unit each, and end
		l := ratelimit.NewQuota(
			counters,
			"x",
			quota,
			ratelimit.FailOpen,
			ratelimit.WithBatchSize(10),
			ratelimit.WithClock(noon),
		)
		d, err := l.Allow(t.Context(), "k", 1)
		require.NoError(t, err)
		require.True(t, d.Allowed)
	}
	d, err := ratelimit.NewQuota(counters, "x", quota, ratelimit.FailOpen, ratelimit.WithBatchSize(10),
		ratelimit.WithClock(noon)).
		Allow(t.Context(), "k", 1)
	require.NoError(t, err)
	require.Equal(t, 100-5*10-1, d.Remaining)
}

func TestQuotaAtOnce(t *testing.T) {
	t.Parallel()
	counters := &counted{QuotaStore: ratelimit.NewMemory()}
	l := ratelimit.NewQuota(
		counters,
		"x",
		ratelimit.Quota{Max: 1000, Per: ratelimit.Day},
		ratelimit.FailOpen,
		ratelimit.WithBatchSize(100),
		ratelimit.WithClock(noon),
	)
	var allowed atomic.Int64
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for range 100 {
				if d, err := l.Allow(context.Background(), "k", 1); err == nil && d.Allowed {
					allowed.Add(1)
				}
			}
		})
	}
	wg.Wait()
	require.EqualValues(t, 1000, allowed.Load())
	require.LessOrEqual(t, counters.calls.Load(), int64(11))
}

// TestPeriodsAreApart checks that a day and a month that begin together are counted apart.
func TestPeriodsAreApart(t *testing.T) {
	t.Parallel()
	first := func() time.Time { return time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC) }
	store := ratelimit.NewMemory()
	for _, per := range []ratelimit.Period{ratelimit.Day, ratelimit.Month} {
		l := ratelimit.NewQuota(
			store,
			"x",
			ratelimit.Quota{Max: 1, Per: per},
			ratelimit.FailOpen,
			ratelimit.WithClock(first),
		)
		d, err := l.Allow(t.Context(), "k", 1)
		require.NoError(t, err)
		require.True(t, d.Allowed, per.String())
	}
}

func TestQuotaOfMessages(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(store *ratelimit.Memory, now func() time.Time) *gatesock.Router {
		l := ratelimit.NewQuota(
			store,
			"messages",
			ratelimit.Quota{Max: 2, Per: ratelimit.Day},
			ratelimit.FailOpen,
			ratelimit.WithClock(now),
		)
		return limited(l, ratelimit.ByUser(), ratelimit.MiddlewareOptions{Costs: map[string]int{"$connect": 0}})
	})
	ann := w.Connect(wstest.WithUser("ann"))
	ann.Request("say", nil).ExpectAck()
	ann.Request("say", nil).ExpectAck()
	e := ann.Request("say", nil).ExpectError(gatesock.CodeRateLimited)
	require.Equal(t, "too many requests: the limit is 2 a day", e.Message)
	require.LessOrEqual(t, e.RetryAfter, 24*time.Hour)
	w.Connect(wstest.WithUser("bob")).Request("say", nil).ExpectAck()
}

func TestMemoryCountersAreBounded(t *testing.T) {
	t.Parallel()
	m := ratelimit.NewMemory(ratelimit.WithMaxKeys(100))
	start, end := noon(), noon().Add(time.Hour)
	use := func(key string, n int64) ratelimit.Usage {
		u, err := m.Consume(t.Context(), key, start, end, n, 10)
		require.NoError(t, err)
		return u
	}
	require.True(t, use("much", 10).Allowed)
	for i := range 10_000 {
		require.True(t, use(fmt.Sprint(i), 1).Allowed)
	}
	require.False(t, use("much", 1).Allowed, "what has counted most stays")
	start, end = end, end.Add(time.Hour)
	require.Equal(t, ratelimit.Usage{Allowed: true, Total: 1}, use("much", 1))
}

func TestQuotaMisuse(t *testing.T) {
	t.Parallel()
	store, good := ratelimit.NewMemory(), ratelimit.Quota{Max: 1, Per: ratelimit.Day}
	for name, f := range map[string]func(){
		"no counters": func() { ratelimit.NewQuota(nil, "x", good, ratelimit.FailOpen) },
		"no name":     func() { ratelimit.NewQuota(store, "", good, ratelimit.FailOpen) },
		"no choice":   func() { ratelimit.NewQuota(store, "x", good, 0) },
		"no quota":    func() { ratelimit.NewQuota(store, "x", ratelimit.Quota{}, ratelimit.FailOpen) },
		"no batch":    func() { ratelimit.WithBatchSize(0) },
		"no label":    func() { ratelimit.WithLabel("") },
		"no room":     func() { ratelimit.WithMaxKeys(0) },
		"an option of another": func() {
			ratelimit.NewQuota(store, "x", good, ratelimit.FailOpen, ratelimit.WithMaxKeys(1))
		},
		"no clock":  func() { ratelimit.WithClock(nil) },
		"no option": func() { ratelimit.NewQuota(store, "x", good, ratelimit.FailOpen, nil) },
	} {
		require.Panics(t, f, name)
	}
	_, err := ratelimit.NewQuota(store, "x", good, ratelimit.FailOpen).Allow(t.Context(), "k", 1)
	require.NoError(t, err)
}
