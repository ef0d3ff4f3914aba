package topictest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gatesock/gatesock/topic"
)

func filterChecks() []promise[*valuesFixture] {
	return []promise[*valuesFixture]{
		{"filter-kept", "filters of a topic are read in the order of their IDs, each once", checkFilterKept},
		{"filter-expiry", "a filter expires unless it is kept again", checkFilterExpiry},
		{"filter-dropped", "a filter that was kept again is not dropped", checkFilterDropped},
	}
}

func (f *valuesFixture) keep(ctx context.Context, t *probe, i int, name, id, nonce string) topic.KeptFilter {
	k := topic.KeptFilter{ID: id, Filter: `{"of":"` + id + `"}`, Kept: f.clock.Now(), Nonce: nonce}
	t.ok(f.values(i).KeepFilter(ctx, name, k), "KeepFilter")
	return k
}

func (f *valuesFixture) filters(
	ctx context.Context, t *probe, i int, name string,
) (ids []string, list []topic.KeptFilter) {
	list, err := f.values(i).ReadFilters(ctx, name)
	t.ok(err, "ReadFilters")
	for _, k := range list {
		ids = append(ids, k.ID)
	}
	return ids, list
}

func checkFilterKept(ctx context.Context, t *probe, f *valuesFixture) {
	long := topic.KeptFilter{
		ID: "long", Filter: `{"a":"` + strings.Repeat("x", 1016) + `"}`, Kept: f.clock.Now(), Nonce: "n",
	}
	t.ok(f.values(0).KeepFilter(ctx, "a", long), "KeepFilter of 1,024 bytes")
	f.keep(ctx, t, 1, "a", "b-2", "1")
	f.keep(ctx, t, 0, "a", "a_1", "1")
	f.keep(ctx, t, 0, "b", "x", "1")
	f.clock.Advance(time.Minute)
	again := f.keep(ctx, t, 1, "a", "b-2", "2")
	ids, list := f.filters(ctx, t, 0, "a")
	t.that(slices.Equal(ids, []string{"a_1", "b-2", "long"}), "the filters are %q", ids)
	got := list[1]
	t.that(got.Filter == again.Filter && got.Nonce == "2" && got.Kept.Equal(again.Kept.Truncate(time.Millisecond)),
		"the filter is %+v, want %+v", got, again)
	t.that(list[2].Filter == long.Filter, "the filter of 1,024 bytes is %q", list[2].Filter)
	ids, _ = f.filters(ctx, t, 1, "c")
	t.that(len(ids) == 0, "an unknown topic has the filters %q", ids)
}

func checkFilterExpiry(ctx context.Context, t *probe, f *valuesFixture) {
	f.keep(ctx, t, 0, "a", "1", "1")
	f.keep(ctx, t, 1, "a", "2", "1")
	f.clock.Advance(topic.FilterTime - 2*time.Second)
	ids, _ := f.filters(ctx, t, 0, "a")
	t.that(len(ids) == 2, "before they expire the filters are %q", ids)
	f.keep(ctx, t, 0, "a", "2", "2")
	f.clock.Advance(4 * time.Second)
	ids, _ = f.filters(ctx, t, 1, "a")
	t.that(slices.Equal(ids, []string{"2"}), "the filters are %q, want the one that was kept again", ids)
}

func checkFilterDropped(ctx context.Context, t *probe, f *valuesFixture) {
	old := f.keep(ctx, t, 0, "a", "1", "1")
	now := f.keep(ctx, t, 1, "a", "1", "2")
	t.ok(f.values(0).DropFilter(ctx, "a", old), "DropFilter")
	ids, _ := f.filters(ctx, t, 1, "a")
	t.that(len(ids) == 1, "a filter that was kept again is gone")
	for range 2 {
		t.ok(f.values(0).DropFilter(ctx, "a", now), "DropFilter")
		ids, _ = f.filters(ctx, t, 1, "a")
		t.that(len(ids) == 0, "the filters are %q", ids)
	}
}

func turnChecks() []promise[*valuesFixture] {
	return []promise[*valuesFixture]{
		{"turn", "the first has the turn, the next waits for the rest of the interval, and others do nothing", checkTurn},
		{"turn-over", "after the interval anybody has the turn, and who waited for it has not", checkTurnOver},
		{"turn-dead", "if the one that waits dies, another has the turn after the interval", checkTurnDead},
		{"turn-patience", "one without the time does not wait, and another waits instead", checkTurnPatience},
		{"turn-apart", "turns of other topics, filters and keys are others", checkTurnApart},
		{"turn-race", "of several that ask at the same time one has the turn, and one waits", checkTurnRace},
	}
}

func turnOf(name string) topic.Turn {
	return topic.Turn{Topic: name, Filter: "id", Key: "k", Every: 10 * time.Second, Patience: time.Minute}
}

// takes ends the check unless a turn is mine, one to wait for, or nothing.
func (f *valuesFixture) takes(ctx context.Context, t *probe, i int, turn topic.Turn, want string) topic.Taken {
	got, err := f.values(i).TakeTurn(ctx, turn)
	t.ok(err, "TakeTurn")
	is := "nothing"
	switch {
	case got.Mine && got.Wait == 0:
		is = "mine"
	case !got.Mine && got.Wait > 0 && got.Ticket != "":
		is = "wait"
	}
	t.that(is == want, "TakeTurn returns %+v, want %q", got, want)
	return got
}

func checkTurn(ctx context.Context, t *probe, f *valuesFixture) {
	turn := turnOf("a")
	f.takes(ctx, t, 0, turn, "mine")
	for round := range 3 {
		f.clock.Advance(4 * time.Second)
		w := f.takes(ctx, t, 1, turn, "wait")
		t.that(w.Wait <= 6*time.Second+time.Millisecond && w.Wait > 5*time.Second,
			"4 s into an interval of 10 s the wait is %v", w.Wait)
		f.takes(ctx, t, 0, turn, "nothing")
		f.takes(ctx, t, 1, turn, "nothing")
		f.clock.Advance(w.Wait)
		next := turn
		next.Ticket = w.Ticket
		f.takes(ctx, t, round, next, "mine")
	}
}

func checkTurnOver(ctx context.Context, t *probe, f *valuesFixture) {
	turn := turnOf("a")
	f.takes(ctx, t, 0, turn, "mine")
	w := f.takes(ctx, t, 1, turn, "wait")
	f.clock.Advance(turn.Every + time.Second)
	f.takes(ctx, t, 0, turn, "mine")
	turn.Ticket = w.Ticket
	f.takes(ctx, t, 1, turn, "nothing")
}

func checkTurnDead(ctx context.Context, t *probe, f *valuesFixture) {
	turn := turnOf("a")
	f.takes(ctx, t, 0, turn, "mine")
	f.takes(ctx, t, 1, turn, "wait")
	f.clock.Advance(turn.Every - time.Second)
	f.takes(ctx, t, 0, turn, "nothing")
	f.clock.Advance(2 * time.Second)
	f.takes(ctx, t, 0, turn, "mine")
	f.takes(ctx, t, 0, turn, "wait")
	f.clock.Advance(24 * time.Hour)
	f.takes(ctx, t, 1, turn, "mine")
}

func checkTurnPatience(ctx context.Context, t *probe, f *valuesFixture) {
	turn := turnOf("a")
	f.takes(ctx, t, 0, turn, "mine")
	for _, patience := range []time.Duration{time.Second, 0, -time.Hour} {
		turn.Patience = patience
		f.takes(ctx, t, 0, turn, "nothing")
	}
	turn.Patience = turn.Every
	f.takes(ctx, t, 1, turn, "wait")
	f.takes(ctx, t, 0, turn, "nothing")
}

func checkTurnApart(ctx context.Context, t *probe, f *valuesFixture) {
	names := []string{"a", "b", "a#b", "#"}
	for _, name := range names {
		for _, key := range names {
			for _, id := range []string{"a", "b"} {
				turn := topic.Turn{Topic: name, Filter: id, Key: key, Every: time.Minute, Patience: time.Hour}
				f.takes(ctx, t, 0, turn, "mine")
				f.takes(ctx, t, 1, turn, "wait")
			}
		}
	}
}

func checkTurnRace(ctx context.Context, t *probe, f *valuesFixture) {
	for round := range 5 {
		var (
			all         sync.WaitGroup
			mu          sync.Mutex
			mine, waits int
			errs        error
		)
		for i := range f.Writers {
			all.Go(func() {
				taken, err := f.values(i).TakeTurn(ctx, turnOf(fmt.Sprint(round)))
				mu.Lock()
				defer mu.Unlock()
				errs = errors.Join(errs, err)
				if taken.Mine {
					mine++
				}
				if taken.Wait > 0 {
					waits++
				}
			})
		}
		all.Wait()
		t.ok(errs, "TakeTurn at the same time")
		t.that(mine == 1 && waits == 1, "of %d that ask at the same time %d have the turn, and %d wait", f.Writers, mine, waits)
	}
}
