// Package authztest is the conformance suite of [authz.TicketStore] and [authz.RenewalStore]: what every one promises.
//
//	func TestTickets(t *testing.T) {
//		authztest.RunTickets(t, func(t *testing.T, now func() time.Time) authz.TicketStore {
//			return &authz.MemoryTickets{Clock: now}
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
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatesock/gatesock/authz"
	"github.com/gatesock/gatesock/internal/testclock"
)

// Check is one promise of a kind of store. It is given two stores with the same, empty content, as two processes have them (the
// same one twice, if it is of one process), whose time it moves; an error says what was not kept.
type Check[S any] struct {
	Name string
	Run  func(ctx context.Context, a, b S, clock *Clock) error
}

// Clock is the time of a check. It is safe for concurrent use.
type Clock struct{ ns atomic.Int64 }

// NewClock returns a clock that stands still at noon, UTC, of the next day: ahead of the real time, so that a service that
// deletes what has expired by the real time leaves what the checks keep.
func NewClock() *Clock {
	c := new(Clock)
	c.ns.Store(testclock.Noon().UnixNano())
	return c
}

// Now returns the time.
func (c *Clock) Now() time.Time { return time.Unix(0, c.ns.Load()).UTC() }

// Advance moves the time on.
func (c *Clock) Advance(d time.Duration) { c.ns.Add(int64(d)) }

// RunTickets runs the suite of tickets. open returns a store that has its time from now; called again in the same test, another
// one with the same content, or the same one.
func RunTickets(t *testing.T, open func(t *testing.T, now func() time.Time) authz.TicketStore) {
	t.Helper()
	run(t, TicketChecks(), open)
}

// RunRenewals runs the suite of renewals, as [RunTickets] that of tickets.
func RunRenewals(t *testing.T, open func(t *testing.T, now func() time.Time) authz.RenewalStore) {
	t.Helper()
	run(t, RenewalChecks(), open)
}

func run[S any](t *testing.T, checks []Check[S], open func(t *testing.T, now func() time.Time) S) {
	t.Helper()
	for _, c := range checks {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			clock := NewClock()
			if err := c.Run(t.Context(), open(t, clock.Now), open(t, clock.Now), clock); err != nil {
				t.Error(err)
			}
		})
	}
}

// principal returns one with all that a principal has.
func principal(clock *Clock, id string) authz.Principal {
	return authz.Principal{
		ID: id, Scopes: []string{"read", "say"}, Roles: []string{"member"},
		Attributes: map[string]string{"tenant": "ü\n\"", "empty": "", "key": "k1"},
		ExpiresAt:  clock.Now().Truncate(time.Second).Add(time.Hour), UsageKey: "usage",
	}
}

// same reports a difference of two values.
func same(what string, got, want any) error {
	if !reflect.DeepEqual(got, want) {
		return fmt.Errorf("%s is %+v, want %+v", what, got, want)
	}
	return nil
}

var errNone = errors.New("none")

// isError wants an error of a kind.
func isError(what string, err, want error) error {
	if !errors.Is(err, want) {
		return fmt.Errorf("%s: the error is %w, want %w", what, cmp.Or(err, errNone), want)
	}
	return nil
}

// atOnce calls f n times at the same time, and returns how many calls it accepted. What is neither accepted nor refused with the
// loser's error is a fault.
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
