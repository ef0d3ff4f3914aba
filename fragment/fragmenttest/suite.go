// Package fragmenttest is the conformance suite of [fragment.Store]: it tests what every
// implementation promises.
//
//	func TestStore(t *testing.T) {
//		fragmenttest.Run(t, func(t *testing.T, now func() time.Time) (a, b fragment.Store) {
//			s := fragment.NewMemory(fragment.WithClock(now))
//			return s, s
//		})
//	}
package fragmenttest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/gatesock/gatesock/fragment"
	"github.com/gatesock/gatesock/internal/testclock"
)

// Run runs the suite, each check as a parallel subtest with stores of its own. open returns two
// empty stores that share their content, as two processes have them; return one store twice if it
// is for a single process. now is the clock for the stores. It is ahead of the real time, so that a
// service that deletes what has expired by the real time leaves their entries.
func Run(t *testing.T, open func(t *testing.T, now func() time.Time) (a, b fragment.Store)) {
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
	a, b  fragment.Store
	clock *testclock.Clock
}

// limits returns the limits of the suite.
func limits() fragment.Limits { return fragment.Limits{Size: 1 << 20, Messages: 3} }

// piece returns a piece of message m of connection c.
func piece(index, count int, data string) fragment.Piece {
	return fragment.Piece{ConnectionID: "c", Message: "m", Index: index, Count: count, Data: data}
}

// add adds a piece and returns an error unless the store returns a message, or nothing if it is "".
func add(ctx context.Context, s fragment.Store, p fragment.Piece, want string) error {
	got, err := s.Add(ctx, p, limits())
	switch {
	case err != nil:
		return fmt.Errorf("piece %d of %d of %.40q: %w", p.Index, p.Count, p.Message, err)
	case want == "" && got != nil:
		return fmt.Errorf("piece %d of %d of %.40q: the store returns %.60q, but no message", p.Index, p.Count, p.Message, got)
	case string(got) != want:
		return fmt.Errorf("piece %d of %d of %.40q: the store returns %.60q (%d bytes), want %.60q (%d bytes)",
			p.Index, p.Count, p.Message, got, len(got), want, len(want))
	}
	return nil
}

// refused returns an error unless the store refuses a piece with an error.
func refused(ctx context.Context, s fragment.Store, p fragment.Piece, l fragment.Limits, want error) error {
	got, err := s.Add(ctx, p, l)
	if !errors.Is(err, want) || got != nil {
		return fmt.Errorf("piece %d of %d (%d bytes) of %.40q: the store returns %.60q and the error %w, want %w",
			p.Index, p.Count, len(p.Data), p.Message, got, cmp.Or(err, errNone), want)
	}
	return nil
}

var errNone = errors.New("none")

// steps runs steps until one fails.
func steps(list ...func() error) error {
	for i, step := range list {
		if err := step(); err != nil {
			return fmt.Errorf("step %d: %w", i+1, err)
		}
	}
	return nil
}

// atOnce adds pieces at the same time, every other one to the other store, and returns the messages
// that the calls returned.
func (s stores) atOnce(ctx context.Context, pieces []fragment.Piece) ([]string, error) {
	messages, errs := make([][]byte, len(pieces)), make([]error, len(pieces))
	var start, done sync.WaitGroup
	start.Add(1)
	for i, p := range pieces {
		done.Go(func() {
			start.Wait()
			messages[i], errs[i] = []fragment.Store{s.a, s.b}[i%2].Add(ctx, p, limits())
		})
	}
	start.Done()
	done.Wait()
	var got []string
	for _, m := range messages {
		if m != nil {
			got = append(got, string(m))
		}
	}
	return got, errors.Join(errs...)
}
