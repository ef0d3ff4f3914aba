// Package limittest has the conformance suites of what package ratelimit stores: [Run] that of [ratelimit.Store] and
// [ratelimit.QuotaStore], [RunPlans] that of [ratelimit.PlanStore] and [RunUsage] that of [ratelimit.UsageStore]. They check what every
// implementation promises.
//
//	func TestConformance(t *testing.T) {
//		limittest.Run(t, func(t *testing.T, now func() time.Time) limittest.Store { return &ratelimit.Memory{Clock: now} })
//	}
package limittest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatesock/gatesock/internal/testclock"
	"github.com/gatesock/gatesock/ratelimit"
)

// Store is what the suite checks.
type Store interface {
	ratelimit.Store
	ratelimit.QuotaStore
}

// Check is one promise. It is given two stores on the same, empty buckets and counters, as two processes have them (the same one twice,
// if it is of one process), whose time it moves; an error says what was not kept.
type Check struct {
	Name string
	Run  func(ctx context.Context, a, b Store, clock *Clock) error
}

// Clock is the time of a check. It is safe for concurrent use.
type Clock struct{ ns atomic.Int64 }

// NewClock returns a clock that stands still at noon, UTC, of the next day: ahead of the real time, so that a service that deletes what
// has expired by the real time leaves what the checks keep.
func NewClock() *Clock {
	c := new(Clock)
	c.ns.Store(testclock.Noon().UnixNano())
	return c
}

// Now is the time.
func (c *Clock) Now() time.Time { return time.Unix(0, c.ns.Load()) }

func (c *Clock) advance(d time.Duration) { c.ns.Add(int64(d)) }

// Run runs the suite. open gives a store that has its time from now; called again in the same test, another one on the same buckets and
// counters, or the same one.
func Run(t *testing.T, open func(t *testing.T, now func() time.Time) Store) {
	t.Helper()
	for _, c := range Checks() {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			clock := NewClock()
			if err := c.Run(t.Context(), open(t, clock.Now), open(t, clock.Now), clock); err != nil {
				t.Error(err)
			}
		})
	}
}

// Checks are the promises, for those who test a suite.
func Checks() []Check {
	return []Check{
		{"a bucket is full at first, and empties", empties},
		{"a bucket fills at its rate, up to its burst", fills},
		{"a refusal takes nothing", refusal},
		{"what a bucket can never hold is never there", never},
		{"no tokens take none", nothing},
		{"keys are apart", keysApart},
		{"another limit goes on with what is owed", anotherLimit},
		{"tokens are taken once, by many at the same time", takenOnce},
		{"a count goes up to its maximum", counts},
		{"a refused use counts nothing", refusedUse},
		{"periods and keys of counts are apart", periodsApart},
		{"units are counted once, by many at the same time", countedOnce},
	}
}

var limit = ratelimit.Limit{Rate: 2, Burst: 4} //nolint:gochecknoglobals // nobody changes it

// take takes n tokens and compares what it is told. Where tokens are refused Remaining and RetryAfter are bounds.
func take(ctx context.Context, s ratelimit.Store, key string, l ratelimit.Limit, n int, want ratelimit.Decision) error {
	got, err := s.Take(ctx, key, l, n)
	if err != nil {
		return err
	}
	ok := got == want
	if !want.Allowed {
		ok = !got.Allowed && got.Limit == want.Limit && got.Remaining >= want.Remaining && got.RetryAfter > 0 && got.RetryAfter <= want.RetryAfter
	}
	if !ok {
		return fmt.Errorf("taking %d of %q: %+v, want %+v", n, key, got, want)
	}
	return nil
}

func allowed(remaining int) ratelimit.Decision {
	return ratelimit.Decision{Allowed: true, Limit: limit.Burst, Remaining: remaining}
}

func refused(remaining int, wait time.Duration) ratelimit.Decision {
	return ratelimit.Decision{Limit: limit.Burst, Remaining: remaining, RetryAfter: wait}
}

// first runs steps up to the first that fails.
func first(steps ...func() error) error {
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func empties(ctx context.Context, a, b Store, _ *Clock) error {
	return first(
		func() error { return take(ctx, a, "k", limit, 1, allowed(3)) },
		func() error { return take(ctx, b, "k", limit, 2, allowed(1)) },
		func() error { return take(ctx, a, "k", limit, 1, allowed(0)) },
		func() error { return take(ctx, b, "k", limit, 1, refused(0, 500*time.Millisecond)) },
		func() error { return take(ctx, a, "k", limit, 3, refused(0, 1500*time.Millisecond)) },
	)
}

func fills(ctx context.Context, a, b Store, c *Clock) error {
	return first(
		func() error { return take(ctx, a, "k", limit, 4, allowed(0)) },
		func() error { c.advance(499 * time.Millisecond); return nil },
		func() error { return take(ctx, b, "k", limit, 1, refused(0, time.Millisecond)) },
		func() error { c.advance(time.Millisecond); return nil },
		func() error { return take(ctx, b, "k", limit, 1, allowed(0)) },
		func() error { c.advance(time.Hour); return nil },
		func() error { return take(ctx, a, "k", limit, 4, allowed(0)) },
		func() error { return take(ctx, b, "k", limit, 1, refused(0, 500*time.Millisecond)) },
	)
}

func refusal(ctx context.Context, a, b Store, _ *Clock) error {
	return first(
		func() error { return take(ctx, a, "k", limit, 3, allowed(1)) },
		func() error { return take(ctx, b, "k", limit, 2, refused(1, 500*time.Millisecond)) },
		func() error { return take(ctx, a, "k", limit, 4, refused(1, 1500*time.Millisecond)) },
		func() error { return take(ctx, b, "k", limit, 1, allowed(0)) },
	)
}

func never(ctx context.Context, a, b Store, _ *Clock) error {
	return first(
		func() error { return take(ctx, a, "k", limit, 5, refused(4, ratelimit.Never)) },
		func() error { return take(ctx, b, "k", limit, 4, allowed(0)) },
		func() error {
			d, err := a.Take(ctx, "zero", ratelimit.Limit{}, 1)
			if err == nil && d.Allowed {
				return errors.New("the zero limit allows something")
			}
			return nil
		},
	)
}

func nothing(ctx context.Context, a, b Store, _ *Clock) error {
	return first(
		func() error { return take(ctx, a, "k", limit, 0, allowed(4)) },
		func() error { return take(ctx, b, "k", limit, 3, allowed(1)) },
		func() error { return take(ctx, a, "k", limit, 0, allowed(1)) },
		func() error { return take(ctx, b, "k", limit, -3, allowed(1)) },
		func() error { return take(ctx, a, "k", limit, 1, allowed(0)) },
	)
}

func keysApart(ctx context.Context, a, b Store, _ *Clock) error {
	return first(
		func() error { return take(ctx, a, "k", limit, 4, allowed(0)) },
		func() error { return take(ctx, b, "K", limit, 4, allowed(0)) },
		func() error { return take(ctx, a, "k#1/ü ", limit, 4, allowed(0)) },
	)
}

func anotherLimit(ctx context.Context, a, b Store, _ *Clock) error {
	return first(
		func() error { return take(ctx, a, "k", limit, 4, allowed(0)) }, // two seconds
		func() error {
			fast := ratelimit.Limit{Rate: 10, Burst: 4} // four tenths of a second
			return take(ctx, b, "k", fast, 1, refused(0, 1700*time.Millisecond))
		},
	)
}

// workers is how many there are at the same time.
const workers = 8

// atOnce counts how many of ten tries of each worker succeed.
func atOnce(try func(worker int) (bool, error)) (int64, error) {
	var n atomic.Int64
	var mu sync.Mutex
	var errs []error
	var wg sync.WaitGroup
	for worker := range workers {
		wg.Go(func() {
			for range 10 {
				ok, err := try(worker)
				if ok {
					n.Add(1)
				}
				if err != nil {
					mu.Lock()
					errs = append(errs, err)
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	return n.Load(), errors.Join(errs...)
}

func takenOnce(ctx context.Context, a, b Store, _ *Clock) error {
	n, err := atOnce(func(worker int) (bool, error) {
		d, err := []Store{a, b}[worker%2].Take(ctx, "k", ratelimit.Limit{Rate: 1, Burst: 25}, 1)
		return d.Allowed, err
	})
	if err == nil && n != 25 {
		err = fmt.Errorf("%d tokens were taken of 25", n)
	}
	return err
}

// use counts n units and compares what it is told.
func use(ctx context.Context, s ratelimit.QuotaStore, key string, start time.Time, n, maximum int64, want ratelimit.Usage) error {
	got, err := s.Consume(ctx, key, start, start.Add(24*time.Hour), n, maximum)
	if err == nil && got != want {
		err = fmt.Errorf("using %d of %d of %q: %+v, want %+v", n, maximum, key, got, want)
	}
	return err
}

func counts(ctx context.Context, a, b Store, c *Clock) error {
	start := c.Now()
	return first(
		func() error { return use(ctx, a, "k", start, 3, 5, ratelimit.Usage{Allowed: true, Total: 3}) },
		func() error { return use(ctx, b, "k", start, 2, 5, ratelimit.Usage{Allowed: true, Total: 5}) },
		func() error { return use(ctx, a, "k", start, 1, 5, ratelimit.Usage{Total: 5}) },
		func() error { return use(ctx, b, "k", start, 1, 6, ratelimit.Usage{Allowed: true, Total: 6}) },
		func() error { return use(ctx, a, "k", start, 1, 2, ratelimit.Usage{Total: 6}) },
	)
}

func refusedUse(ctx context.Context, a, b Store, c *Clock) error {
	start := c.Now()
	return first(
		func() error { return use(ctx, a, "k", start, 3, 5, ratelimit.Usage{Allowed: true, Total: 3}) },
		func() error { return use(ctx, b, "k", start, 3, 5, ratelimit.Usage{Total: 3}) },
		func() error { return use(ctx, a, "k", start, 2, 5, ratelimit.Usage{Allowed: true, Total: 5}) },
	)
}

func periodsApart(ctx context.Context, a, b Store, c *Clock) error {
	start := c.Now()
	return first(
		func() error { return use(ctx, a, "k", start, 5, 5, ratelimit.Usage{Allowed: true, Total: 5}) },
		func() error { return use(ctx, b, "l", start, 5, 5, ratelimit.Usage{Allowed: true, Total: 5}) },
		func() error {
			return use(ctx, a, "k", start.Add(24*time.Hour), 5, 5, ratelimit.Usage{Allowed: true, Total: 5})
		},
		func() error { return take(ctx, b, "k", limit, 4, allowed(0)) },
	)
}

func countedOnce(ctx context.Context, a, b Store, c *Clock) error {
	start := c.Now()
	n, err := atOnce(func(worker int) (bool, error) {
		u, err := []Store{a, b}[worker%2].Consume(ctx, "k", start, start.Add(time.Hour), 1, 25)
		return u.Allowed, err
	})
	if err == nil && n != 25 {
		err = fmt.Errorf("%d units were counted of 25", n)
	}
	return err
}
