// Package asynctest is the conformance suite of [async.Outcomes]: it tests what every
// implementation promises.
//
//	func TestOutcomes(t *testing.T) {
//		asynctest.RunOutcomes(t, func(t *testing.T, now func() time.Time) (a, b async.Outcomes) {
//			s := async.NewMemoryOutcomes(async.WithClock(now))
//			return s, s
//		})
//	}
package asynctest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/gatesock/gatesock/async"
	"github.com/gatesock/gatesock/internal/testclock"
)

// RunOutcomes runs the suite, each check as a parallel subtest with stores of its own. open returns
// two empty stores that share their content, as two processes have them; return one store twice if
// it is for a single process. now is the clock for the stores. It is ahead of the real time, so
// that a service that deletes what has expired by the real time leaves their entries.
func RunOutcomes(t *testing.T, open func(t *testing.T, now func() time.Time) (a, b async.Outcomes)) {
	t.Helper()
	for _, c := range checks() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			clock := testclock.New(testclock.Noon())
			a, b := open(t, clock.Now)
			if err := c.run(t.Context(), stores{a, b, clock}); err != nil {
				t.Error(err)
			}
		})
	}
}

// check is one promise. An error describes how a store breaks it.
type check struct {
	name string
	run  func(ctx context.Context, s stores) error
}

// stores are two empty stores with the same content, and their clock.
type stores struct {
	a, b  async.Outcomes
	clock *testclock.Clock
}

// lease is how long the claims of the suite last.
const lease = time.Minute

// claim claims a job and returns an error unless the outcome so far is want.
func (s stores) claim(ctx context.Context, store async.Outcomes, id, token string, want async.Outcome) error {
	got, err := store.Claim(ctx, id, async.Claim{Token: token, Until: s.clock.Now().Add(lease)})
	if err != nil {
		return fmt.Errorf("claim %s of %.40q: %w", token, id, err)
	}
	return same(fmt.Sprintf("the outcome that claim %s of %.40q got", token, id), got, want)
}

// claimed returns an error unless a claim fails because another one holds the job.
func (s stores) claimed(ctx context.Context, store async.Outcomes, id, token string) error {
	got, err := store.Claim(ctx, id, async.Claim{Token: token, Until: s.clock.Now().Add(lease)})
	return errors.Join(
		isError("claim "+token+" of a job that another claim holds", err, async.ErrClaimed),
		same("what came beside the error", got, async.Outcome{}))
}

func record(ctx context.Context, store async.Outcomes, id, token string, o async.Outcome) error {
	if err := store.Record(ctx, id, token, o); err != nil {
		return fmt.Errorf("record by claim %s: %w", token, err)
	}
	return nil
}

// lost returns an error unless a claim cannot record any more.
func lost(ctx context.Context, store async.Outcomes, id, token string) error {
	err := store.Record(ctx, id, token, async.Outcome{Frame: []byte("of " + token)})
	return isError("record by claim "+token+", which does not hold the job", err, async.ErrClaimLost)
}

func release(ctx context.Context, store async.Outcomes, id, token string) error {
	if err := store.Release(ctx, id, token); err != nil {
		return fmt.Errorf("release by claim %s: %w", token, err)
	}
	return nil
}

// steps runs steps until one fails.
func steps(list ...func() error) error {
	for i, step := range list {
		if err := step(); err != nil {
			return fmt.Errorf("step %d: %w", i+1, err)
		}
	}
	return nil
}

// same returns an error if two outcomes differ. An empty frame is the same as nil.
func same(what string, got, want async.Outcome) error {
	if len(got.Frame) == 0 {
		got.Frame = nil
	}
	if !reflect.DeepEqual(got, want) {
		return fmt.Errorf("%s is {Frame: %.60q (%d bytes), Settled: %t, Dead: %t}, want {Frame: %.60q (%d bytes), Settled: %t, Dead: %t}",
			what, got.Frame, len(got.Frame), got.Settled, got.Dead, want.Frame, len(want.Frame), want.Settled, want.Dead)
	}
	return nil
}

var errNone = errors.New("none")

// isError returns an error if err is not want.
func isError(what string, err, want error) error {
	if !errors.Is(err, want) {
		return fmt.Errorf("%s: the error is %w, want %w", what, cmp.Or(err, errNone), want)
	}
	return nil
}

// atOnce calls f n times at the same time, and returns how many calls succeeded. Calls may fail
// with the loser's error; any other error is returned.
func atOnce(n int, loser error, f func(i int) error) (int, error) {
	errs := make([]error, n)
	var start, done sync.WaitGroup
	start.Add(1)
	for i := range n {
		done.Go(func() {
			start.Wait()
			errs[i] = f(i)
		})
	}
	start.Done()
	done.Wait()
	succeeded := 0
	for _, err := range errs {
		switch {
		case err == nil:
			succeeded++
		case !errors.Is(err, loser):
			return succeeded, err
		}
	}
	return succeeded, nil
}
