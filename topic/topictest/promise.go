package topictest

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"testing"
	"time"

	"github.com/gatesock/gatesock/internal/testclock"
)

// promise is one promise of a contract, and what checks it with a fixture of type F.
type promise[F closer] struct {
	name, text string

	check func(ctx context.Context, t *probe, f F)
}

// closer is a fixture: a harness with the clock that the suite gave to it.
type closer interface{ close() error }

// opener returns a fixture with a store of its own, and an error if the harness cannot be used.
type opener[F closer] func(t testing.TB) (F, error)

// runAll tests each promise in a parallel subtest.
func runAll[F closer](t *testing.T, promises []promise[F], open opener[F]) {
	t.Helper()
	for _, p := range promises {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			if err := p.test(t, open); errors.Is(err, errInProcess) {
				t.Skip(err)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
}

// test checks the promise. A panic of the store is an error.
func (p promise[F]) test(t testing.TB, open opener[F]) error {
	t.Helper()
	f, err := open(t)
	if err == nil {
		err = attempt(func(probe *probe) { p.check(t.Context(), probe, f) })
		err = errors.Join(err, f.close())
	}
	if err != nil {
		return fmt.Errorf("topictest: %s: %s\n%w", p.name, p.text, err)
	}
	return nil
}

// newClock returns the clock of a fixture. It has a fraction of a second that no store keeps, which
// shows what it rounds.
func newClock() *testclock.Clock {
	return testclock.New(testclock.Noon().Add(543_210_987 * time.Nanosecond))
}

func defaultTo(n, d int) int {
	if n == 0 {
		return d
	}
	return n
}

// closeIt calls the Close of a harness.
func closeIt(f func() error) error {
	if f == nil {
		return nil
	}
	return f()
}

// errInProcess is the result of a check that a store in the memory of the process does not need.
var errInProcess = errors.New("the store is the memory of the process")

// probe ends a check with an error.
type probe struct{ err error }

// failf ends the check.
func (t *probe) failf(format string, args ...any) {
	t.err = fmt.Errorf(format, args...)
	panic(t)
}

// ok ends the check if err is not nil.
func (t *probe) ok(err error, format string, args ...any) {
	if err != nil {
		t.failf("%s: %w", fmt.Sprintf(format, args...), err)
	}
}

// that ends the check unless a condition holds.
func (t *probe) that(condition bool, format string, args ...any) {
	if !condition {
		t.failf(format, args...)
	}
}

// skipIf ends a check that only a store outside the process needs.
func (t *probe) skipIf(inProcess bool) {
	if inProcess {
		t.failf("%w", errInProcess)
	}
}

// attempt returns what f fails with.
func attempt(f func(t *probe)) (err error) {
	t := new(probe)
	defer func() {
		if p := recover(); p != nil && p != any(t) {
			t.err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
		err = t.err
	}()
	f(t)
	return t.err
}
