package topictest

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/gatesock/gatesock/internal/testclock"
	"github.com/gatesock/gatesock/topic"
)

// ValuesHarness is a store of values under test.
type ValuesHarness struct {
	// Values have one store, which is empty. Each is what one process has. There must be at least two
	// unless InProcess is true.
	Values []topic.Values

	// InProcess means that the store is the memory of this process: there is one of Values, and no
	// answer of the store can be lost. Lose and Late must be nil then, and the checks that need them
	// are skipped. Otherwise both must be set.
	InProcess bool

	// Lose returns one more of Values on the store. Its n-th request to the store, from 1, is carried
	// out; then meanwhile is called, if it is not nil; then it is told of a failure that does not say
	// whether the request was carried out. lost reports whether this has happened.
	Lose func(n int, meanwhile func()) (values topic.Values, lost func() bool)
	// Late is Lose for a request that is not carried out before arrive is called: it is under way for
	// all that time, as in a slow network. arrive returns false if there was no such request, and
	// carries it out only once.
	Late func(n int) (values topic.Values, arrive func() bool)

	// MaxName is the longest name of a topic in bytes that the store takes; 0 means no limit that the
	// suite would reach. The store must refuse longer ones with [topic.ErrInvalid].
	MaxName int
	// Writers is how many goroutines write at the same time, and Large how many values the largest
	// topic has. 0 means 8, and 300.
	Writers, Large int
	// Close, if not nil, is called at the end of a subtest. Its error fails the subtest.
	Close func() error
}

// NewValuesHarness returns a fresh, empty store that takes the time from now. It is otherwise like
// [NewHarness].
type NewValuesHarness func(t testing.TB, now func() time.Time) ValuesHarness

// RunValues tests each promise of [topic.Values] in a parallel subtest with a store of its own.
func RunValues(t *testing.T, newHarness NewValuesHarness) {
	t.Helper()
	runAll(t, valuesPromises(), newHarness.open)
}

func valuesPromises() []promise[*valuesFixture] {
	return slices.Concat(
		valueChecks(), replaceChecks(), valueAnswerChecks(), replaceAnswerChecks(),
		counterChecks(), valuePageChecks(), filterChecks(), turnChecks(),
	)
}

// valuesFixture is a harness with the clock that the suite gave to it.
type valuesFixture struct {
	ValuesHarness

	clock *testclock.Clock
}

func (n NewValuesHarness) open(t testing.TB) (*valuesFixture, error) {
	t.Helper()
	f := &valuesFixture{clock: newClock()}
	f.ValuesHarness = n(t, f.clock.Now)
	f.Writers = defaultTo(f.Writers, 8)
	f.Large = defaultTo(f.Large, 300)
	return f, f.validate()
}

func (h *ValuesHarness) validate() error {
	switch {
	case h.InProcess && (len(h.Values) != 1 || h.Lose != nil || h.Late != nil):
		return errors.New("ValuesHarness.InProcess is true: there must be one of Values, without Lose and Late")
	case !h.InProcess && (len(h.Values) < 2 || h.Lose == nil || h.Late == nil):
		return errors.New("ValuesHarness needs two of Values or more, Lose and Late, or InProcess")
	}
	return nil
}

func (f *valuesFixture) close() error { return closeIt(f.Close) }

// values returns one of the stores; any i is valid.
func (f *valuesFixture) values(i int) topic.Values { return f.Values[i%len(f.Values)] }

// needStore ends a check that only a store outside the process needs.
func (f *valuesFixture) needStore(t *probe) { t.skipIf(f.InProcess) }

// all returns the values of a topic, read in pages of a size.
func (f *valuesFixture) all(
	ctx context.Context, t *probe, v topic.Values, name string, limit int,
) (list []topic.Value) {
	q := topic.ValuesQuery{Topic: name, Limit: limit}
	for {
		page, err := v.ReadValues(ctx, q)
		t.ok(err, "ReadValues after %q", q.After)
		list = append(list, page.Values...)
		if !page.More {
			return list
		}
		t.that(len(page.Values) > 0, "a page after %q has no values, but More", q.After)
		q.After = page.Values[len(page.Values)-1].Key
	}
}
