package topictest

import (
	"context"
	"errors"
	"fmt"
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
	runAll(t, promises(), newHarness.open)
	t.Run("model", func(t *testing.T) {
		t.Parallel()
		RunModel(t, newHarness, 5)
	})
}

func promises() []promise[*fixture] {
	return slices.Concat(
		appendChecks(), nameChecks(), keyChecks(), readChecks(), pageChecks(), lostChecks(), expiryChecks(),
		rollChecks(), movedChecks(), callChecks(), raceChecks(), answerChecks(), deletionChecks(),
	)
}

// fixture is a harness with the clock that the suite gave to it.
type fixture struct {
	Harness

	clock *testclock.Clock
}

func (n NewHarness) open(t testing.TB) (*fixture, error) {
	t.Helper()
	f := &fixture{clock: newClock()}
	f.Harness = n(t, f.clock.Now)
	f.Writers = defaultTo(f.Writers, 8)
	f.Large = defaultTo(f.Large, 400)
	return f, f.validate()
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

func (f *fixture) close() error { return closeIt(f.Close) }

// log returns one of the logs; any i is valid.
func (f *fixture) log(i int) topic.Log { return f.Logs[i%len(f.Logs)] }

// needStore ends a check that only a store outside the process needs.
func (f *fixture) needStore(t *probe) { t.skipIf(f.InProcess) }
