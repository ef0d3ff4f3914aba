package topictest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/gatesock/gatesock/topic"
)

const hall = "room:1"

func rowChecks() []promise[*rosterFixture] {
	return []promise[*rosterFixture]{
		{"row-enter", "a row is read as it was entered, with the time as its version", checkEnter},
		{"row-version", "a row that is entered again has a higher version, whatever the clock says", checkRowVersions},
		{"row-remove", "RemoveRow removes the row with the version, and no other", checkRemove},
		{"row-remove-late", "RemoveRow with an old version spares the row that was entered since", checkRemoveLate},
		{"row-expiry", "a row that has expired counts as absent", checkRowExpiry},
		{"row-extend", "ExtendRow sets the expiry and keeps the version", checkExtend},
		{"row-limit", "ReadRows returns at most limit rows, and all of a large topic", checkLimit},
		{"row-names", "topics and connections are apart, whatever characters their names have", checkRowNames},
		{"row-race", "of concurrent calls of EnterRow for one connection each gets a version of its own", checkRowRace},
		{"row-lost", "calls whose answer from the store was lost have the same result", checkRowLost},
	}
}

func checkEnter(ctx context.Context, t *probe, f *rosterFixture) {
	f.has(ctx, t, hall)
	one := f.enter(ctx, t, 0, hall, f.row("c1"))
	t.that(one.Version == f.clock.Now().UnixMicro(), "the version is %d, want %d", one.Version, f.clock.Now().UnixMicro())
	two := f.row("c2")
	two.User, two.As = "", nil
	two = f.enter(ctx, t, 1, hall, two)
	f.has(ctx, t, hall, one, two)
	f.has(ctx, t, "room:2")

	given := f.row("c3")
	three := f.enter(ctx, t, 0, hall, given)
	given.As[5] = '2' // the roster has a copy
	f.has(ctx, t, hall, one, two, three.Normalize(three.Version))
	rows, err := f.roster(0).ReadRows(ctx, hall, 0)
	t.ok(err, "ReadRows")
	for _, r := range rows {
		if r.As != nil {
			r.As[5] = '3'
		}
	}
	three.As = []byte(`{"n":1}`)
	f.has(ctx, t, hall, one, two, three)
}

func checkRowVersions(ctx context.Context, t *probe, f *rosterFixture) {
	first := f.enter(ctx, t, 0, hall, f.row("c1"))
	again := f.row("c1")
	again.User, again.As = "bob", []byte(`2`)
	second := f.enter(ctx, t, 1, hall, again)
	t.that(second.Version == first.Version+1, "at the same time: version %d after %d", second.Version, first.Version)
	f.has(ctx, t, hall, second)
	f.clock.Advance(-time.Minute)
	third := f.enter(ctx, t, 0, hall, f.row("c1"))
	t.that(third.Version == second.Version+1, "a minute earlier: version %d after %d", third.Version, second.Version)
	f.clock.Advance(2 * time.Minute)
	fourth := f.enter(ctx, t, 1, hall, f.row("c1"))
	t.that(fourth.Version == f.clock.Now().UnixMicro(), "a minute later: version %d", fourth.Version)
	f.has(ctx, t, hall, fourth)
}

func checkRemove(ctx context.Context, t *probe, f *rosterFixture) {
	one, two := f.enter(ctx, t, 0, hall, f.row("c1")), f.enter(ctx, t, 0, hall, f.row("c2"))
	err := f.roster(1).RemoveRow(ctx, hall, "c1", one.Version-1)
	t.that(errors.Is(err, topic.ErrChanged), "RemoveRow with another version returns %v, want topic.ErrChanged", err)
	f.has(ctx, t, hall, one, two)
	t.ok(f.roster(1).RemoveRow(ctx, hall, "c1", one.Version), "RemoveRow")
	f.has(ctx, t, hall, two)
	t.ok(f.roster(0).RemoveRow(ctx, hall, "c1", one.Version), "RemoveRow of a row that is not there")
	t.ok(f.roster(0).RemoveRow(ctx, "room:2", "c2", two.Version), "RemoveRow in another topic")
	f.has(ctx, t, hall, two)
	_, err = f.roster(0).GetRow(ctx, hall, "c1")
	t.that(errors.Is(err, topic.ErrAbsent), "GetRow of a row that was removed returns %v, want topic.ErrAbsent", err)
}

func checkRemoveLate(ctx context.Context, t *probe, f *rosterFixture) {
	old := f.enter(ctx, t, 0, hall, f.row("c1"))
	newer := f.enter(ctx, t, 1, hall, f.row("c1"))
	err := f.roster(0).RemoveRow(ctx, hall, "c1", old.Version)
	t.that(errors.Is(err, topic.ErrChanged), "RemoveRow with an old version returns %v, want topic.ErrChanged", err)
	f.has(ctx, t, hall, newer)
}

func checkRowExpiry(ctx context.Context, t *probe, f *rosterFixture) {
	f.enter(ctx, t, 0, hall, f.row("c1"))
	stays := f.row("c2")
	stays.ExpiresAt = stays.ExpiresAt.Add(time.Hour)
	stays = f.enter(ctx, t, 0, hall, stays)
	f.clock.Set(f.clock.Now().Truncate(time.Second).Add(time.Hour)) // to the second at which it expires
	f.has(ctx, t, hall, stays)
	_, err := f.roster(0).GetRow(ctx, hall, "c1")
	t.that(errors.Is(err, topic.ErrAbsent), "GetRow of an expired row returns %v, want topic.ErrAbsent", err)
	err = f.roster(0).ExtendRow(ctx, hall, "c1", f.clock.Now().Add(time.Hour))
	t.that(errors.Is(err, topic.ErrAbsent), "ExtendRow of an expired row returns %v, want topic.ErrAbsent", err)
	t.ok(f.roster(0).RemoveRow(ctx, hall, "c1", 1), "RemoveRow of an expired row")
	rows, err := f.roster(0).ReadRows(ctx, hall, 1)
	t.ok(err, "ReadRows")
	t.that(sameRows(rows, []topic.Row{stays}), "ReadRows with a limit of 1 returns\n%s", rowsText(rows))
	again := f.enter(ctx, t, 1, hall, f.row("c1"))
	f.has(ctx, t, hall, again, stays)
}

func checkExtend(ctx context.Context, t *probe, f *rosterFixture) {
	r := f.enter(ctx, t, 0, hall, f.row("c1"))
	for _, d := range []time.Duration{3 * time.Hour, 2 * time.Hour} {
		r.ExpiresAt = f.clock.Now().Add(d).UTC().Truncate(time.Second)
		t.ok(f.roster(1).ExtendRow(ctx, hall, "c1", f.clock.Now().Add(d)), "ExtendRow")
		f.has(ctx, t, hall, r)
	}
	err := f.roster(0).ExtendRow(ctx, hall, "c2", f.clock.Now().Add(time.Hour))
	t.that(errors.Is(err, topic.ErrAbsent), "ExtendRow of a row that is not there returns %v, want topic.ErrAbsent", err)
	f.has(ctx, t, hall, r)
}

func checkLimit(ctx context.Context, t *probe, f *rosterFixture) {
	var all []topic.Row
	for i := range f.Large {
		r := f.row(fmt.Sprint("c", i))
		if i%7 == 0 {
			r.ExpiresAt = f.clock.Now().Add(time.Minute)
		}
		if r = f.enter(ctx, t, i, hall, r); i%7 != 0 {
			all = append(all, r)
		}
	}
	f.clock.Advance(time.Minute)
	rows, err := f.roster(0).ReadRows(ctx, hall, 0)
	t.ok(err, "ReadRows")
	t.that(sameRows(rows, all), "ReadRows returns %d rows, want %d", len(rows), len(all))
	for _, limit := range []int{1, 2, len(all) / 2, len(all) - 1, len(all), len(all) + 1} {
		rows, err := f.roster(1).ReadRows(ctx, hall, limit)
		t.ok(err, "ReadRows")
		seen := make(map[string]bool)
		for _, r := range rows {
			seen[r.ID] = true
		}
		want := min(limit, len(all))
		t.that(len(rows) == want && len(seen) == want, "ReadRows with the limit %d returns %d rows, %d of them different",
			limit, len(rows), len(seen))
	}
	n, err := f.roster(0).CountRows(ctx, hall)
	t.ok(err, "CountRows")
	t.that(n == len(all), "CountRows returns %d, want %d", n, len(all))
}

func checkRowNames(ctx context.Context, t *probe, f *rosterFixture) {
	names := hostileNames()
	want := make(map[string][]topic.Row)
	for i, name := range names {
		for j := range 3 {
			r := f.row(names[(i+j)%len(names)])
			r.User, r.As = name, []byte(`"`+fmt.Sprint(i, j)+`"`)
			want[name] = append(want[name], f.enter(ctx, t, i, name, r))
		}
		s := start(f, time.Second)
		s.Since = int64(i + 1)
		_, err := f.roster(i).BeginRound(ctx, name, s)
		t.ok(err, "BeginRound in %q", name)
	}
	for i, name := range names {
		f.has(ctx, t, name, want[name]...)
		r, err := f.roster(i).LastRound(ctx, name)
		t.ok(err, "LastRound of %q", name)
		t.that(r.Since == int64(i+1), "LastRound of %q returns that of another topic", name)
	}
}

func checkRowRace(ctx context.Context, t *probe, f *rosterFixture) {
	versions := make([]int64, f.Writers)
	errs := make([]error, f.Writers)
	var all sync.WaitGroup
	for i := range f.Writers {
		all.Go(func() { versions[i], errs[i] = f.roster(i).EnterRow(ctx, hall, f.row("c1")) })
	}
	all.Wait()
	t.ok(errors.Join(errs...), "EnterRow")
	seen := make(map[int64]bool)
	var highest int64
	for _, v := range versions {
		seen[v], highest = true, max(highest, v)
	}
	t.that(len(seen) == f.Writers, "%d calls of EnterRow return %d versions", f.Writers, len(seen))
	r := f.row("c1")
	f.has(ctx, t, hall, r.Normalize(highest))
}

func checkRowLost(ctx context.Context, t *probe, f *rosterFixture) {
	version, err := f.lossy(t).EnterRow(ctx, hall, f.row("c1"))
	t.ok(err, "EnterRow")
	r := f.row("c1")
	f.has(ctx, t, hall, r.Normalize(version))
	t.ok(f.lossy(t).ExtendRow(ctx, hall, "c1", r.ExpiresAt), "ExtendRow")
	t.ok(f.lossy(t).RemoveRow(ctx, hall, "c1", version), "RemoveRow")
	f.has(ctx, t, hall)

	s := start(f, time.Second)
	round, err := f.lossy(t).BeginRound(ctx, hall, s)
	t.ok(err, "BeginRound")
	t.that(round.Begun, "BeginRound whose answer was lost has not begun the round")
	wait, err := f.lossy(t).DeferToRound(ctx, hall, round.Until, topic.Deferral{Wait: true, Gone: leavers(1)})
	t.ok(err, "DeferToRound")
	t.that(wait, "DeferToRound whose answer was lost lets nobody wait")
	err = f.lossy(t).SettleRound(ctx, hall, round.Until, topic.Settlement{Until: round.Until.Add(time.Second), Count: 3})
	t.ok(err, "SettleRound")
}
