// Package authztest is the conformance suite of [authz.TicketStore] and [authz.RenewalStore]: it
// tests what every implementation promises.
//
//	func TestTickets(t *testing.T) {
//		authztest.RunTickets(t, func(t *testing.T, now func() time.Time) (a, b authz.TicketStore) {
//			s := authz.NewMemoryTickets(authz.WithClock(now))
//			return s, s
//		})
//	}
package authztest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/gatesock/gatesock/authz"
	"github.com/gatesock/gatesock/internal/testclock"
)

// RunTickets runs the suite for ticket stores, each check as a parallel subtest with stores of its
// own. open returns two empty stores that share their content, as two processes have them; return
// one store twice if it is for a single process. now is the clock for the stores. It is ahead of
// the real time, so that a service that deletes what has expired by the real time leaves their
// entries.
func RunTickets(t *testing.T, open func(t *testing.T, now func() time.Time) (a, b authz.TicketStore)) {
	t.Helper()
	run(t, ticketChecks(), open)
}

// RunRenewals runs the suite for renewal stores. open is as in [RunTickets].
func RunRenewals(t *testing.T, open func(t *testing.T, now func() time.Time) (a, b authz.RenewalStore)) {
	t.Helper()
	run(t, renewalChecks(), open)
}

// check is one promise of a kind of store. It gets two empty stores and moves their clock. An error
// describes how a store breaks the promise.
type check[S any] struct {
	name string
	run  func(ctx context.Context, a, b S, clock *testclock.Clock) error
}

func run[S any](t *testing.T, checks []check[S], open func(t *testing.T, now func() time.Time) (a, b S)) {
	t.Helper()
	for _, c := range checks {
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

// principal returns a principal with a value in each field.
func principal(clock *testclock.Clock, id string) authz.Principal {
	return authz.Principal{
		ID: id, Scopes: []string{"read", "say"}, Roles: []string{"member"},
		Attributes: map[string]string{"tenant": "ü\n\"", "empty": "", "key": "k1"},
		ExpiresAt:  clock.Now().Truncate(time.Second).Add(time.Hour), UsageKey: "usage",
	}
}

// same returns an error if two values differ.
func same(what string, got, want any) error {
	if !reflect.DeepEqual(got, want) {
		return fmt.Errorf("%s is %+v, want %+v", what, got, want)
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
	accepted := 0
	for _, err := range errs {
		switch {
		case err == nil:
			accepted++
		case !errors.Is(err, loser):
			return accepted, err
		}
	}
	return accepted, nil
}
