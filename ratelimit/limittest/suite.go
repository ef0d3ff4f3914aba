// Package limittest tests implementations of the stores of package ratelimit and of the packages
// below it. Call its functions from a test of your own store:
//
//	func TestConformance(t *testing.T) {
//		limittest.Run(t, func(t *testing.T, now func() time.Time) (a, b limittest.Store) {
//			table := newTable(t)
//			return mystore.New(table, now), mystore.New(table, now)
//		})
//	}
//
// Each subtest checks one promise of the interface and is named for it.
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

// Store is what [Run] tests.
type Store interface {
	ratelimit.Store
	ratelimit.QuotaStore
}

// Run tests a store of buckets and quotas. open returns two stores over the same empty data, as
// two processes have them; for a store in memory it returns the same one twice. The stores take
// the time from now, which the suite moves. It begins a day ahead of the real time, so that a
// service that deletes expired items by the real time keeps what the tests write.
func Run(t *testing.T, open func(t *testing.T, now func() time.Time) (a, b Store)) {
	t.Helper()
	for _, c := range checks() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			clock := testclock.New(testclock.Noon())
			a, b := open(t, clock.Now)
			if err := c.run(t.Context(), a, b, clock); err != nil {
				t.Error(err)
			}
		})
	}
}

// check is one promise. run returns an error that describes how it is broken.
type check struct {
	name string
	run  func(ctx context.Context, a, b Store, clock *testclock.Clock) error
}

func checks() []check {
	return []check{
		{"a bucket is full at first, and empties", empties},
		{"a bucket fills at its rate, up to its burst", fills},
		{"a refusal takes nothing", refusal},
		{"more than a bucket holds is never there", never},
		{"no tokens take none", nothing},
		{"keys are apart", keysApart},
		{"a changed limit keeps the time until the bucket is full", anotherLimit},
		{"concurrent calls take each token once", takenOnce},
		{"a count goes up to its maximum", counts},
		{"a refused use counts nothing", refusedUse},
		{"periods and keys of counts are apart", periodsApart},
		{"concurrent calls count each unit once", countedOnce},
	}
}

var limit = ratelimit.Limit{Rate: 2, Burst: 4} //nolint:gochecknoglobals // nobody changes it

// take takes n tokens and compares the decision. If they are refused, the wanted Remaining and
// RetryAfter are bounds: a store may answer from what it knows.
func take(
	ctx context.Context,
	s ratelimit.Store,
	key string,
	l ratelimit.Limit,
	n int,
	want ratelimit.Decision,
) error {
	got, err := s.Take(ctx, key, l, n)
	if err != nil {
		return err
	}
	ok := got == want
	if !want.Allowed {
		ok = !got.Allowed && got.Limit == want.Limit && got.Remaining >= want.Remaining &&
			got.RetryAfter > 0 && got.RetryAfter <= want.RetryAfter
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

// first runs steps until one fails.
func first(steps ...func() error) error {
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func empties(ctx context.Context, a, b Store, _ *testclock.Clock) error {
	return first(
		func() error { return take(ctx, a, "k", limit, 1, allowed(3)) },
		func() error { return take(ctx, b, "k", limit, 2, allowed(1)) },
		func() error { return take(ctx, a, "k", limit, 1, allowed(0)) },
		func() error { return take(ctx, b, "k", limit, 1, refused(0, 500*time.Millisecond)) },
		func() error { return take(ctx, a, "k", limit, 3, refused(0, 1500*time.Millisecond)) },
	)
}

func fills(ctx context.Context, a, b Store, c *testclock.Clock) error {
	return first(
		func() error { return take(ctx, a, "k", limit, 4, allowed(0)) },
		func() error { c.Advance(499 * time.Millisecond); return nil },
		func() error { return take(ctx, b, "k", limit, 1, refused(0, time.Millisecond)) },
		func() error { c.Advance(time.Millisecond); return nil },
		func() error { return take(ctx, b, "k", limit, 1, allowed(0)) },
		func() error { c.Advance(time.Hour); return nil },
		func() error { return take(ctx, a, "k", limit, 4, allowed(0)) },
		func() error { return take(ctx, b, "k", limit, 1, refused(0, 500*time.Millisecond)) },
	)
}

func refusal(ctx context.Context, a, b Store, _ *testclock.Clock) error {
	return first(
		func() error { return take(ctx, a, "k", limit, 3, allowed(1)) },
		func() error { return take(ctx, b, "k", limit, 2, refused(1, 500*time.Millisecond)) },
		func() error { return take(ctx, a, "k", limit, 4, refused(1, 1500*time.Millisecond)) },
		func() error { return take(ctx, b, "k", limit, 1, allowed(0)) },
	)
}

func never(ctx context.Context, a, b Store, _ *testclock.Clock) error {
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

func nothing(ctx context.Context, a, b Store, _ *testclock.Clock) error {
	return first(
		func() error { return take(ctx, a, "k", limit, 0, allowed(4)) },
		func() error { return take(ctx, b, "k", limit, 3, allowed(1)) },
		func() error { return take(ctx, a, "k", limit, 0, allowed(1)) },
		func() error { return take(ctx, b, "k", limit, -3, allowed(1)) },
		func() error { return take(ctx, a, "k", limit, 1, allowed(0)) },
	)
}

func keysApart(ctx context.Context, a, b Store, _ *testclock.Clock) error {
	return first(
		func() error { return take(ctx, a, "k", limit, 4, allowed(0)) },
		func() error { return take(ctx, b, "K", limit, 4, allowed(0)) },
		func() error { return take(ctx, a, "k#1/ü ", limit, 4, allowed(0)) },
	)
}

func anotherLimit(ctx context.Context, a, b Store, _ *testclock.Clock) error {
	return first(
		func() error { return take(ctx, a, "k", limit, 4, allowed(0)) }, // two seconds
		func() error {
			fast := ratelimit.Limit{Rate: 10, Burst: 4} // four tenths of a second
			return take(ctx, b, "k", fast, 1, refused(0, 1700*time.Millisecond))
		},
	)
}

// workers is how many calls run at the same time.
const workers = 8

// atOnce lets each worker try ten times, and returns how many tries succeed.
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

func takenOnce(ctx context.Context, a, b Store, _ *testclock.Clock) error {
	n, err := atOnce(func(worker int) (bool, error) {
		d, err := []Store{a, b}[worker%2].Take(ctx, "k", ratelimit.Limit{Rate: 1, Burst: 25}, 1)
		return d.Allowed, err
	})
	if err == nil && n != 25 {
		err = fmt.Errorf("%d tokens were taken of 25", n)
	}
	return err
}

// use counts n units and compares the answer.
func use(
	ctx context.Context,
	s ratelimit.QuotaStore,
	key string,
	start time.Time,
	n, maximum int64,
	want ratelimit.Usage,
) error {
	got, err := s.Consume(ctx, key, start, start.Add(24*time.Hour), n, maximum)
	if err == nil && got != want {
		err = fmt.Errorf("using %d units of %d of %q: %+v, want %+v", n, maximum, key, got, want)
	}
	return err
}

func counts(ctx context.Context, a, b Store, c *testclock.Clock) error {
	start := c.Now()
	return first(
		func() error { return use(ctx, a, "k", start, 3, 5, ratelimit.Usage{Allowed: true, Total: 3}) },
		func() error { return use(ctx, b, "k", start, 2, 5, ratelimit.Usage{Allowed: true, Total: 5}) },
		func() error { return use(ctx, a, "k", start, 1, 5, ratelimit.Usage{Total: 5}) },
		func() error { return use(ctx, b, "k", start, 1, 6, ratelimit.Usage{Allowed: true, Total: 6}) },
		func() error { return use(ctx, a, "k", start, 1, 2, ratelimit.Usage{Total: 6}) },
	)
}

func refusedUse(ctx context.Context, a, b Store, c *testclock.Clock) error {
	start := c.Now()
	return first(
		func() error { return use(ctx, a, "k", start, 3, 5, ratelimit.Usage{Allowed: true, Total: 3}) },
		func() error { return use(ctx, b, "k", start, 3, 5, ratelimit.Usage{Total: 3}) },
		func() error { return use(ctx, a, "k", start, 2, 5, ratelimit.Usage{Allowed: true, Total: 5}) },
	)
}

func periodsApart(ctx context.Context, a, b Store, c *testclock.Clock) error {
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

func countedOnce(ctx context.Context, a, b Store, c *testclock.Clock) error {
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
