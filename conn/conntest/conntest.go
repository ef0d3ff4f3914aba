package conntest

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"testing"
	"time"

	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/internal/testclock"
)

// Harness is a store under test.
type Harness struct {
	// Store is the store. It is empty.
	Store conn.Store
	// Ended means that the store calls the EndedFunc that [NewHarness] got. If it is false, the
	// promises about ended records are not tested.
	Ended bool
	// MaxName is the longest name or id in bytes that the store takes; 0 means no limit that the
	// suite would reach. The store must refuse a longer one with [conn.ErrInvalid].
	MaxName int
	// Large is how many members the large groups of the suite have; 0 means 2,500.
	Large int
	// Close, if not nil, is called at the end of a subtest. Its error fails the subtest.
	Close func() error
}

// NewHarness returns a fresh, empty store that takes the time from now and calls ended for each
// record that ends. The suite moves the time. It begins a day ahead of the real time, so that a
// service that deletes expired items by the real time keeps what the tests write. If the store
// cannot be made, NewHarness fails t. Several goroutines may call it at the same time.
type NewHarness func(t testing.TB, now func() time.Time, ended conn.EndedFunc) Harness

// Run tests each promise of [conn.Store] in a parallel subtest with a store of its own, and
// compares the store with a model over a few random sequences of calls ([RunModel]). It tests a
// [conn.MultiJoiner] too, if the store is one.
func Run(t *testing.T, newHarness NewHarness) {
	t.Helper()
	for _, p := range promises() {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			if err := p.test(t, newHarness); err != nil {
				t.Error(err)
			}
		})
	}
	t.Run("model", func(t *testing.T) {
		t.Parallel()
		RunModel(t, newHarness, 5)
	})
}

// promise is one promise of the contract, and what checks it.
type promise struct {
	name, text string

	check func(ctx context.Context, t *probe, h *fixture)
}

func promises() []promise {
	return slices.Concat(
		recordCases(), attributeCases(), manyCases(), endedCases(), expiryCases(), extendCases(),
		groupCases(), joinManyCases(), readCases(), cursorCases(), concurrencyCases(),
	)
}

// test checks the promise with a store of its own. A panic of the store is an error.
func (p promise) test(t testing.TB, newHarness NewHarness) error {
	t.Helper()
	h := newFixture(t, newHarness)
	err := attempt(func(probe *probe) { p.check(t.Context(), probe, h) })
	if err = errors.Join(err, h.close()); err != nil {
		return fmt.Errorf("conntest: %s: %s\n%w", p.name, p.text, err)
	}
	return nil
}

// fixture is a harness with what the suite gave to it.
type fixture struct {
	Harness

	clock *testclock.Clock
	ended *recorder
}

func newFixture(t testing.TB, newHarness NewHarness) *fixture {
	t.Helper()
	// A fraction of a second that no store keeps shows what it rounds.
	start := testclock.Noon().Add(543_210_987 * time.Nanosecond)
	f := &fixture{clock: testclock.New(start), ended: new(recorder)}
	f.Harness = newHarness(t, f.clock.Now, f.ended.record)
	return f
}

func (f *fixture) large() int {
	if f.Large > 0 {
		return f.Large
	}
	return 2500
}

func (f *fixture) close() error {
	if f.Close == nil {
		return nil
	}
	return f.Close()
}

// probe stands for a [testing.T] in a check, so that assertions end in an error.
type probe struct{ err error }

// Errorf keeps a failure.
func (t *probe) Errorf(format string, args ...any) {
	t.err = errors.Join(t.err, fmt.Errorf(format, args...))
}

// FailNow ends the check.
func (t *probe) FailNow() { panic(t) }

// attempt returns what f fails with.
func attempt(f func(t *probe)) (err error) {
	t := new(probe)
	defer func() {
		if p := recover(); p != nil && p != any(t) {
			t.Errorf("panic: %v\n%s", p, debug.Stack())
		}
		err = t.err
	}()
	f(t)
	return t.err
}
