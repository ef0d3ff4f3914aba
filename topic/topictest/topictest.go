package topictest

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"testing"
	"time"

	"github.com/gatesock/gatesock/internal/testclock"
	"github.com/gatesock/gatesock/topic"
)

// Harness is a log under test.
type Harness struct {
	// Logs have one store, which is empty. Each is what one process has: it knows of the others only
	// what it reads from the store. There must be at least two unless InProcess is true.
	Logs []topic.Log

	// InProcess means that the store is the memory of this process: there is one log, no answer of the
	// store can be lost, and nothing is deleted by anybody else. Lose and Delete must be nil then, and
	// the checks that need them are skipped. Otherwise both must be set.
	InProcess bool

	// Lose returns one more log on the store. Its n-th request to the store, from 1, is carried out;
	// then meanwhile is called, if it is not nil; then the log is told of a failure that does not say
	// whether the request was carried out, for example that the connection broke. lost reports whether
	// this has happened.
	Lose func(n int, meanwhile func()) (log topic.Log, lost func() bool)

	// Delete deletes the entry at a position from the store, and what belongs to the entry alone, if
	// the store would delete it by itself now or later: if it has expired for the store by the clock.
	// Otherwise, and if there is no such entry, it does nothing.
	Delete func(ctx context.Context, topic string, p topic.Position) error

	// MaxName is the longest name of a topic and the longest key, in bytes, that the log takes; 0
	// means no limit that the suite would reach. The log must refuse longer ones with
	// [topic.ErrInvalid].
	MaxName int
	// MaxData is the most bytes of data in an entry that the log takes, which must be at least
	// [LeastData]; 0 means no limit that the suite would reach. The log must refuse more with
	// [topic.ErrInvalid].
	MaxData int
	// Writers is how many goroutines append at the same time, and Large how many entries the largest
	// topic has. 0 means 8, and 400.
	Writers, Large int
	// Close, if not nil, is called at the end of a subtest. Its error fails the subtest.
	Close func() error
}

// LeastData is how many bytes of data in an entry every log must take: what a frame of 128 KiB has
// room for beside the largest envelope.
const LeastData = 126 << 10

// NewHarness returns a fresh, empty log that takes the time from now. The suite moves the time. It
// begins a day ahead of the real time, so that a service that deletes expired items by the real
// time keeps what the tests write. If the log cannot be made, NewHarness fails t. Several
// goroutines may call it at the same time.
type NewHarness func(t testing.TB, now func() time.Time) Harness

// Run tests each promise of [topic.Log] in a parallel subtest with a store of its own, and compares
// the log with a model over a few random sequences of calls ([RunModel]).
func Run(t *testing.T, newHarness NewHarness) {
	t.Helper()
	for _, p := range promises() {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			if err := p.test(t, newHarness); errors.Is(err, errInProcess) {
				t.Skip(err)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
	t.Run("model", func(t *testing.T) {
		t.Parallel()
		RunModel(t, newHarness, 5)
	})
}

// errInProcess is the result of a check that a log in the memory of the process does not need.
var errInProcess = errors.New("the store is the memory of the process")

// promise is one promise of the contract, and what checks it.
type promise struct {
	name, text string

	check func(ctx context.Context, t *probe, f *fixture)
}

func promises() []promise {
	return slices.Concat(
		appendChecks(), nameChecks(), keyChecks(), readChecks(), pageChecks(), lostChecks(), expiryChecks(),
		rollChecks(), movedChecks(), callChecks(), raceChecks(), answerChecks(), deletionChecks(),
	)
}

// test checks the promise with a store of its own. A panic of the log is an error.
func (p promise) test(t testing.TB, newHarness NewHarness) error {
	t.Helper()
	f, err := newFixture(t, newHarness)
	if err == nil {
		err = attempt(func(probe *probe) { p.check(t.Context(), probe, f) })
		err = errors.Join(err, f.close())
	}
	if err != nil {
		return fmt.Errorf("topictest: %s: %s\n%w", p.name, p.text, err)
	}
	return nil
}

// fixture is a harness with the clock that the suite gave to it.
type fixture struct {
	Harness

	clock *testclock.Clock
}

func newFixture(t testing.TB, newHarness NewHarness) (*fixture, error) {
	t.Helper()
	// A fraction of a second that no log keeps shows what it rounds.
	f := &fixture{clock: testclock.New(testclock.Noon().Add(543_210_987 * time.Nanosecond))}
	f.Harness = newHarness(t, f.clock.Now)
	f.Writers = defaultTo(f.Writers, 8)
	f.Large = defaultTo(f.Large, 400)
	return f, f.validate()
}

func defaultTo(n, d int) int {
	if n == 0 {
		return d
	}
	return n
}

func (h *Harness) validate() error {
	switch {
	case h.InProcess && (len(h.Logs) != 1 || h.Lose != nil || h.Delete != nil):
		return errors.New("Harness.InProcess is true: there must be one log, without Lose and Delete")
	case !h.InProcess && (len(h.Logs) < 2 || h.Lose == nil || h.Delete == nil):
		return errors.New("Harness needs two logs or more, Lose and Delete, or InProcess")
	case h.MaxData != 0 && h.MaxData < LeastData:
		return fmt.Errorf("Harness.MaxData is %d, must be at least %d", h.MaxData, LeastData)
	}
	return nil
}

func (f *fixture) close() error {
	if f.Close == nil {
		return nil
	}
	return f.Close()
}

// log returns one of the logs; any i is valid.
func (f *fixture) log(i int) topic.Log { return f.Logs[i%len(f.Logs)] }

// needStore ends a check that only a store outside the process needs.
func (f *fixture) needStore(t *probe) {
	if f.InProcess {
		t.err = errInProcess
		panic(t)
	}
}

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
