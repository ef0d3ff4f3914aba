package limittest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/internal/testclock"
	"github.com/gatesock/gatesock/ratelimit"
)

func TestMemory(t *testing.T) {
	t.Parallel()
	Run(t, func(_ *testing.T, now func() time.Time) (a, b Store) {
		m := ratelimit.NewMemory(ratelimit.WithClock(now))
		return m, m
	})
}

// memory is a store with its clock, and another store whose clock stands still.
type memory struct {
	*ratelimit.Memory

	clock   *testclock.Clock
	stopped *ratelimit.Memory
}

func newMemory() memory {
	c := testclock.New(testclock.Noon())
	return memory{
		Memory: ratelimit.NewMemory(ratelimit.WithClock(c.Now)), clock: c,
		stopped: ratelimit.NewMemory(ratelimit.WithClock(testclock.Noon)),
	}
}

// broken is a store that keeps all promises but those that a test breaks.
type broken struct {
	memory

	take func(m memory, key string, l ratelimit.Limit, n int) ratelimit.Decision
	use  func(m memory, key string, start, end time.Time, n, maximum int64) ratelimit.Usage
}

func (b broken) Take(ctx context.Context, key string, l ratelimit.Limit, n int) (ratelimit.Decision, error) {
	if b.take != nil {
		return b.take(b.memory, key, l, n), nil
	}
	return b.Memory.Take(ctx, key, l, n)
}

func (b broken) Consume(
	ctx context.Context, key string, start, end time.Time, n, maximum int64,
) (ratelimit.Usage, error) {
	if b.use != nil {
		return b.use(b.memory, key, start, end, n, maximum), nil
	}
	return b.Memory.Consume(ctx, key, start, end, n, maximum)
}

// TestBrokenStoresAreFound checks that each broken store fails the check of what it breaks.
func TestBrokenStoresAreFound(t *testing.T) {
	t.Parallel()
	type decision = ratelimit.Decision
	take := func(m memory, key string, l ratelimit.Limit, n int) decision {
		d, _ := m.Take(context.Background(), key, l, n)
		return d
	}
	use := func(m memory, key string, start, end time.Time, n, maximum int64) ratelimit.Usage {
		u, _ := m.Consume(context.Background(), key, start, end, n, maximum)
		return u
	}
	for name, c := range map[string]struct {
		store broken
		check string
	}{
		"lets all through": {broken{take: func(_ memory, _ string, l ratelimit.Limit, _ int) decision {
			return decision{Allowed: true, Limit: l.Burst}
		}}, "a bucket is full at first, and empties"},
		"never fills": {broken{take: func(m memory, key string, l ratelimit.Limit, n int) decision {
			m.Memory = m.stopped
			return take(m, key, l, n)
		}}, "a bucket fills at its rate, up to its burst"},
		"fills above its burst": {broken{take: func(m memory, key string, l ratelimit.Limit, n int) decision {
			d := take(m, key, l, n)
			if m.clock.Now().Sub(testclock.Noon()) > time.Minute {
				d.Allowed = true
			}
			return d
		}}, "a bucket fills at its rate, up to its burst"},
		"takes what it refuses": {broken{take: func(m memory, key string, l ratelimit.Limit, n int) decision {
			d := take(m, key, l, n)
			if !d.Allowed {
				take(m, key, l, d.Remaining)
			}
			return d
		}}, "a refusal takes nothing"},
		"waits for what never comes": {broken{take: func(m memory, key string, l ratelimit.Limit, n int) decision {
			d := take(m, key, l, n)
			if d.RetryAfter == ratelimit.Never {
				d.Allowed, d.RetryAfter = true, 0
			}
			return d
		}}, "more than a bucket holds is never there"},
		"takes one for nothing": {broken{take: func(m memory, key string, l ratelimit.Limit, n int) decision {
			return take(m, key, l, max(n, 1))
		}}, "no tokens take none"},
		"has one bucket": {broken{take: func(m memory, _ string, l ratelimit.Limit, n int) decision {
			return take(m, "all", l, n)
		}}, "keys are apart"},
		"begins anew with another limit": {broken{take: func(m memory, key string, l ratelimit.Limit, n int) decision {
			return take(m, key+fmt.Sprint(l), l, n)
		}}, "a changed limit keeps the time until the bucket is full"},
		"has a token too many": {broken{take: func(m memory, key string, l ratelimit.Limit, n int) decision {
			if l.Burst == 25 {
				l.Burst = 26
			}
			return take(m, key, l, n)
		}}, "concurrent calls take each token once"},
		"counts without end": {broken{use: func(m memory, key string, start, end time.Time, n, _ int64) ratelimit.Usage {
			return use(m, key, start, end, n, 1<<40)
		}}, "a count goes up to its maximum"},
		"counts what it refuses": {broken{use: func(m memory, key string, start, end time.Time, n, maximum int64) ratelimit.Usage {
			u := use(m, key, start, end, n, maximum)
			if !u.Allowed {
				use(m, key, start, end, n, 1<<40)
			}
			return u
		}}, "a refused use counts nothing"},
		"has one period": {broken{use: func(m memory, key string, _, end time.Time, n, maximum int64) ratelimit.Usage {
			return use(m, key, time.Time{}, end, n, maximum)
		}}, "periods and keys of counts are apart"},
		"has one count": {broken{use: func(m memory, _ string, start, end time.Time, n, maximum int64) ratelimit.Usage {
			return use(m, "all", start, end, n, maximum)
		}}, "periods and keys of counts are apart"},
		"counts some twice": {broken{use: func(m memory, key string, start, end time.Time, n, maximum int64) ratelimit.Usage {
			if maximum == 25 {
				maximum = 26
			}
			return use(m, key, start, end, n, maximum)
		}}, "concurrent calls count each unit once"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found := false
			for _, check := range checks() {
				c.store.memory = newMemory()
				err := check.run(t.Context(), c.store, c.store, c.store.clock)
				if check.name == c.check {
					found = true
					require.Error(t, err)
				}
			}
			require.True(t, found, "there is no check %q", c.check)
		})
	}
}
