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

// RosterHarness is a roster under test.
type RosterHarness struct {
	// Rosters have one store, which is empty. Each is what one process has. There must be at least
	// one.
	Rosters []topic.Roster

	// Lose, if not nil, returns one more roster on the store. The first request that it makes to
	// the store is carried out, and then it is told of a failure that does not say so. The checks
	// that need it are skipped without it.
	Lose func() topic.Roster

	// MaxName is the longest name of a topic, and the longest connection id, in bytes that the
	// roster takes; 0 means no limit that the suite would reach. The roster must refuse longer ones
	// with [topic.ErrInvalid].
	MaxName int
	// Writers is how many goroutines write at the same time, and Large how many rows the largest
	// topic has. 0 means 8, and 300.
	Writers, Large int
	// Close, if not nil, is called at the end of a subtest. Its error fails the subtest.
	Close func() error
}

// NewRosterHarness returns a fresh, empty roster that takes the time from now. It is otherwise like
// [NewHarness].
type NewRosterHarness func(t testing.TB, now func() time.Time) RosterHarness

// RunRoster tests each promise of [topic.Roster] in a parallel subtest with a store of its own.
func RunRoster(t *testing.T, newHarness NewRosterHarness) {
	t.Helper()
	runAll(t, rosterPromises(), newHarness.open)
}

func rosterPromises() []promise[*rosterFixture] {
	return slices.Concat(rowChecks(), roundChecks(), rosterCallChecks())
}

// rosterFixture is a harness with the clock that the suite gave to it.
type rosterFixture struct {
	RosterHarness

	clock *testclock.Clock
}

func (n NewRosterHarness) open(t testing.TB) (*rosterFixture, error) {
	t.Helper()
	f := &rosterFixture{clock: newClock()}
	f.RosterHarness = n(t, f.clock.Now)
	f.Writers, f.Large = defaultTo(f.Writers, 8), defaultTo(f.Large, 300)
	if len(f.Rosters) == 0 {
		return f, errors.New("RosterHarness needs a roster")
	}
	return f, nil
}

func (f *rosterFixture) close() error { return closeIt(f.Close) }

// roster returns one of the rosters; any i is valid.
func (f *rosterFixture) roster(i int) topic.Roster { return f.Rosters[i%len(f.Rosters)] }

// lossy returns a roster whose first request loses its answer, or ends a check that needs it.
func (f *rosterFixture) lossy(t *probe) topic.Roster {
	t.skipIf(f.Lose == nil)
	return f.Lose()
}

// row returns a row that expires in an hour.
func (f *rosterFixture) row(id string) topic.Row {
	now := f.clock.Now()
	return topic.Row{
		ID: id, User: "ann", As: []byte(`{"n":1}`), ConnectedAt: now.Add(-time.Minute), ExpiresAt: now.Add(time.Hour),
	}
}

// enter writes a row and returns it as it must be read.
func (f *rosterFixture) enter(ctx context.Context, t *probe, i int, name string, r topic.Row) topic.Row {
	version, err := f.roster(i).EnterRow(ctx, name, r)
	t.ok(err, "EnterRow of %q", r.ID)
	return r.Normalize(version)
}

// has checks the rows of a topic, by all that reads them.
func (f *rosterFixture) has(ctx context.Context, t *probe, name string, want ...topic.Row) {
	for i := range f.Rosters {
		rows, err := f.roster(i).ReadRows(ctx, name, 0)
		t.ok(err, "ReadRows")
		t.that(sameRows(rows, want), "ReadRows returns\n%swant\n%s", rowsText(rows), rowsText(want))
		n, err := f.roster(i).CountRows(ctx, name)
		t.ok(err, "CountRows")
		t.that(n == len(want), "CountRows returns %d, want %d", n, len(want))
		for _, r := range want {
			got, err := f.roster(i).GetRow(ctx, name, r.ID)
			t.ok(err, "GetRow")
			t.that(sameRows([]topic.Row{got}, []topic.Row{r}), "GetRow returns\n%swant\n%s",
				rowsText([]topic.Row{got}), rowsText([]topic.Row{r}))
		}
	}
}

func sameRows(got, want []topic.Row) bool { return slices.Equal(lines(got), lines(want)) }

func lines(rows []topic.Row) []string {
	list := make([]string, len(rows))
	for i, r := range rows {
		list[i] = fmt.Sprintf("  %q of %q as %s version %d connected %v expires %v\n",
			r.ID, r.User, r.As, r.Version, r.ConnectedAt, r.ExpiresAt)
	}
	slices.Sort(list)
	return list
}

func rowsText(rows []topic.Row) (text string) {
	for _, line := range lines(rows) {
		text += line
	}
	return text
}
