package topictest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatesock/gatesock/topic"
)

func roundChecks() []promise[*rosterFixture] {
	return []promise[*rosterFixture]{
		{"round-begin", "one round is under way at a time, and the next begins at its end", checkBegin},
		{"round-race", "of concurrent calls of BeginRound one begins the round", checkBeginRace},
		{"round-defer", "what is left to a round is in it, and in no other", checkDefer},
		{"round-wait", "one caller waits for the end of a round", checkWait},
		{"round-since", "the lowest version that is left to a round is its Since", checkRoundSince},
		{"round-gone", "a round keeps the first 100 departures, and is incomplete if there were more", checkGone},
		{"round-settle", "SettleRound sets the end and the count, which stays until it is set again", checkSettle},
		{"round-changed", "a round that has ended takes nothing", checkChangedRound},
		{"round-clock", "a round that ends too late counts as ended", checkWrongClock},
	}
}

// rosterCallChecks are about all methods.
func rosterCallChecks() []promise[*rosterFixture] {
	return []promise[*rosterFixture]{
		{"roster-invalid", "invalid arguments are refused with ErrInvalid", checkRosterInvalid},
		{"roster-canceled", "the error of a canceled context wraps its cause", checkRosterCanceled},
	}
}

// start returns the start of a round now.
func start(f *rosterFixture, length time.Duration) topic.RoundStart {
	now := f.clock.Now()
	return topic.RoundStart{At: now, Until: now.Add(length), Since: now.UnixMicro()}
}

func leavers(n int) []topic.Departure {
	list := make([]topic.Departure, n)
	for i := range list {
		list[i] = topic.Departure{Ref: fmt.Sprint("ref-_", i), Version: int64(i + 1), Grace: time.Duration(i) * time.Millisecond}
	}
	return list
}

func (f *rosterFixture) begin(ctx context.Context, t *probe, i int, length time.Duration) topic.Round {
	r, err := f.roster(i).BeginRound(ctx, hall, start(f, length))
	t.ok(err, "BeginRound")
	return r
}

func micro(at time.Time) time.Time { return time.UnixMicro(at.UnixMicro()).UTC() }

func checkBegin(ctx context.Context, t *probe, f *rosterFixture) {
	last, err := f.roster(0).LastRound(ctx, hall)
	t.ok(err, "LastRound")
	t.that(reflect.DeepEqual(last, topic.Round{}), "LastRound before the first returns %+v", last)
	first := f.begin(ctx, t, 0, time.Second)
	until := micro(f.clock.Now().Add(time.Second))
	want := topic.Round{Begun: true, Until: until}
	t.that(reflect.DeepEqual(first, want), "the first BeginRound returns %+v, want %+v", first, want)
	since := f.clock.Now().UnixMicro()
	f.clock.Advance(time.Second - time.Microsecond)
	under := topic.Round{Until: until, Since: since}
	second := f.begin(ctx, t, 1, time.Second)
	t.that(reflect.DeepEqual(second, under), "BeginRound during a round returns %+v, want %+v", second, under)
	if last, err = f.roster(1).LastRound(ctx, hall); err != nil || !reflect.DeepEqual(last, under) {
		t.failf("LastRound returns %+v, %v, want %+v", last, err, under)
	}
	f.clock.Advance(time.Microsecond)
	third := f.begin(ctx, t, 1, time.Second)
	want = topic.Round{Begun: true, Until: micro(f.clock.Now().Add(time.Second)), Since: since}
	t.that(reflect.DeepEqual(third, want), "BeginRound at the end of a round returns %+v, want %+v", third, want)
}

func checkBeginRace(ctx context.Context, t *probe, f *rosterFixture) {
	for range 3 {
		f.clock.Advance(time.Minute)
		var begun atomic.Int32
		errs := make([]error, f.Writers)
		var all sync.WaitGroup
		for i := range f.Writers {
			all.Go(func() {
				s := start(f, time.Second)
				s.Until = s.Until.Add(time.Duration(i) * time.Millisecond)
				r, err := f.roster(i).BeginRound(ctx, hall, s)
				if errs[i] = err; r.Begun {
					begun.Add(1)
				}
			})
		}
		all.Wait()
		t.ok(errors.Join(errs...), "BeginRound")
		t.that(begun.Load() == 1, "%d of %d calls of BeginRound have begun the round", begun.Load(), f.Writers)
	}
}

func checkDefer(ctx context.Context, t *probe, f *rosterFixture) {
	r := f.begin(ctx, t, 0, time.Second)
	for i, g := range leavers(3) {
		_, err := f.roster(i).DeferToRound(ctx, hall, r.Until, topic.Deferral{Gone: []topic.Departure{g}})
		t.ok(err, "DeferToRound")
	}
	_, err := f.roster(1).DeferToRound(ctx, hall, r.Until, topic.Deferral{Incomplete: true})
	t.ok(err, "DeferToRound")
	during := f.begin(ctx, t, 0, time.Second)
	t.that(!during.Begun && reflect.DeepEqual(during.Gone, leavers(3)) && during.Incomplete,
		"BeginRound during a round returns %+v", during)
	f.clock.Advance(time.Second)
	next := f.begin(ctx, t, 1, time.Second)
	t.that(next.Begun && reflect.DeepEqual(next.Gone, leavers(3)) && next.Incomplete, "the next round is %+v", next)
	f.clock.Advance(time.Second)
	after := f.begin(ctx, t, 0, time.Second)
	t.that(after.Begun && len(after.Gone) == 0 && !after.Incomplete, "the round after that is %+v", after)
}

func checkWait(ctx context.Context, t *probe, f *rosterFixture) {
	for range 2 {
		r := f.begin(ctx, t, 0, time.Second)
		t.that(r.Begun && !r.Waiting, "BeginRound returns %+v", r)
		wait, err := f.roster(0).DeferToRound(ctx, hall, r.Until, topic.Deferral{Incomplete: true})
		t.ok(err, "DeferToRound")
		t.that(!wait, "DeferToRound lets a caller wait that cannot")
		var waiting atomic.Int32
		errs := make([]error, f.Writers)
		var all sync.WaitGroup
		for i := range f.Writers {
			all.Go(func() {
				wait, err := f.roster(i).DeferToRound(ctx, hall, r.Until, topic.Deferral{Wait: true})
				if errs[i] = err; wait {
					waiting.Add(1)
				}
			})
		}
		all.Wait()
		t.ok(errors.Join(errs...), "DeferToRound")
		t.that(waiting.Load() == 1, "%d of %d callers wait", waiting.Load(), f.Writers)
		last, err := f.roster(1).LastRound(ctx, hall)
		t.ok(err, "LastRound")
		t.that(last.Waiting && !last.Begun, "LastRound returns %+v while a caller waits", last)
		f.clock.Advance(time.Second)
	}
}

func checkRoundSince(ctx context.Context, t *probe, f *rosterFixture) {
	r := f.begin(ctx, t, 0, time.Second)
	since := f.clock.Now().UnixMicro()
	for i, d := range []struct{ left, want int64 }{
		{since + 1, since},
		{since - 5, since - 5},
		{since - 3, since - 5},
		{0, since - 5},
	} {
		_, err := f.roster(i).DeferToRound(ctx, hall, r.Until, topic.Deferral{Since: d.left, Gone: leavers(1)})
		t.ok(err, "DeferToRound")
		last, err := f.roster(0).LastRound(ctx, hall)
		t.ok(err, "LastRound")
		t.that(last.Since == d.want && len(last.Gone) == i+1, "after version %d is left to the round it is %+v, want Since %d",
			d.left, last, d.want)
	}
	f.clock.Advance(time.Second)
	next := f.begin(ctx, t, 1, time.Second)
	t.that(next.Since == since-5, "the next round has Since %d, want %d", next.Since, since-5)
	f.clock.Advance(time.Second)
	after := f.begin(ctx, t, 1, time.Second)
	t.that(after.Since == since+1_000_000, "the round after that has Since %d", after.Since)
}

func checkGone(ctx context.Context, t *probe, f *rosterFixture) {
	const kept, each = 100, 33
	r := f.begin(ctx, t, 0, time.Second)
	all := leavers(4 * each)
	for i := range 4 {
		_, err := f.roster(i).DeferToRound(ctx, hall, r.Until, topic.Deferral{Gone: all[i*each : (i+1)*each]})
		t.ok(err, "DeferToRound")
		last, err := f.roster(0).LastRound(ctx, hall)
		t.ok(err, "LastRound")
		t.that(last.Incomplete == (i == 3), "after %d departures Incomplete is %v", (i+1)*each, last.Incomplete)
	}
	f.clock.Advance(time.Second)
	next := f.begin(ctx, t, 1, time.Second)
	t.that(len(next.Gone) >= kept && reflect.DeepEqual(next.Gone[:kept], all[:kept]) && next.Incomplete,
		"the next round has %d departures, want the first %d, and Incomplete %v", len(next.Gone), kept, next.Incomplete)
}

func checkSettle(ctx context.Context, t *probe, f *rosterFixture) {
	r := f.begin(ctx, t, 0, time.Second)
	until := micro(f.clock.Now().Add(5 * time.Second))
	_, err := f.roster(1).DeferToRound(ctx, hall, r.Until, topic.Deferral{Gone: leavers(1)})
	t.ok(err, "DeferToRound")
	t.ok(f.roster(1).SettleRound(ctx, hall, r.Until, topic.Settlement{Until: until, Count: 1234}), "SettleRound")
	f.clock.Advance(4 * time.Second)
	during := f.begin(ctx, t, 0, time.Second)
	t.that(!during.Begun && during.Count == 1234 && during.Until.Equal(until) && len(during.Gone) == 1,
		"BeginRound returns %+v, want that until %v with the count 1234", during, until)
	f.clock.Advance(time.Second)
	next := f.begin(ctx, t, 0, time.Second)
	t.that(next.Begun && next.Count == 1234, "the next round is %+v, want the count 1234", next)
	t.ok(f.roster(1).SettleRound(ctx, hall, next.Until, topic.Settlement{Until: next.Until}), "SettleRound")
	f.clock.Advance(time.Second)
	last := f.begin(ctx, t, 0, time.Second)
	t.that(last.Begun && last.Count == 0, "the last round is %+v, want the count 0", last)
}

func checkChangedRound(ctx context.Context, t *probe, f *rosterFixture) {
	changed := func(what string, until time.Time) {
		_, err := f.roster(1).DeferToRound(ctx, hall, until, topic.Deferral{Gone: leavers(1), Since: 1, Wait: true})
		t.that(errors.Is(err, topic.ErrChanged), "DeferToRound %s returns %v, want topic.ErrChanged", what, err)
		err = f.roster(1).SettleRound(ctx, hall, until, topic.Settlement{Until: until.Add(time.Second), Count: 1})
		t.that(errors.Is(err, topic.ErrChanged), "SettleRound %s returns %v, want topic.ErrChanged", what, err)
	}
	changed("before the first round", f.clock.Now())
	first := f.begin(ctx, t, 0, time.Second)
	f.clock.Advance(time.Second)
	second := f.begin(ctx, t, 0, time.Second)
	changed("of a round that has ended", first.Until)
	last, err := f.roster(0).LastRound(ctx, hall)
	t.ok(err, "LastRound")
	t.that(last.Until.Equal(second.Until) && last.Count == 0 && len(last.Gone) == 0 && !last.Waiting, "it has changed the last round: %+v", last)
}

func checkWrongClock(ctx context.Context, t *probe, f *rosterFixture) {
	f.clock.Advance(time.Hour)
	wrong := f.begin(ctx, t, 0, time.Second)
	t.that(wrong.Begun, "BeginRound returns %+v", wrong)
	f.clock.Advance(-time.Hour)
	r := f.begin(ctx, t, 1, time.Second)
	t.that(r.Begun, "BeginRound does not begin a round while one ends in an hour: %+v", r)
	f.clock.Advance(time.Second)
	t.that(f.begin(ctx, t, 0, time.Minute).Begun, "BeginRound does not begin a round of a minute")
	t.that(!f.begin(ctx, t, 1, time.Second).Begun, "BeginRound takes a round that ends in a minute for ended")
}

// calls makes a call of each method with a topic and a connection.
func rosterCalls(ctx context.Context, f *rosterFixture, name, id string) map[string]error {
	r, until := f.roster(0), f.clock.Now().Add(time.Second)
	_, enter := r.EnterRow(ctx, name, f.row(id))
	_, get := r.GetRow(ctx, name, id)
	_, rows := r.ReadRows(ctx, name, 0)
	_, count := r.CountRows(ctx, name)
	_, begin := r.BeginRound(ctx, name, start(f, time.Second))
	_, last := r.LastRound(ctx, name)
	_, left := r.DeferToRound(ctx, name, until, topic.Deferral{Wait: true})
	return map[string]error{
		"EnterRow": enter, "GetRow": get, "ExtendRow": r.ExtendRow(ctx, name, id, until),
		"RemoveRow": r.RemoveRow(ctx, name, id, 1), "ReadRows": rows, "CountRows": count, "BeginRound": begin,
		"LastRound": last, "DeferToRound": left,
		"SettleRound": r.SettleRound(ctx, name, until, topic.Settlement{Until: until, Count: 1}),
	}
}

func checkRosterInvalid(ctx context.Context, t *probe, f *rosterFixture) {
	names := []string{"", "\xff"}
	if f.MaxName > 0 {
		names = append(names, strings.Repeat("n", f.MaxName+1))
	}
	for _, bad := range names {
		for what, err := range rosterCalls(ctx, f, bad, "c1") {
			t.invalid(err, "%s in the topic %.40q", what, bad)
		}
		calls := rosterCalls(ctx, f, "other", bad)
		for _, what := range []string{"EnterRow", "GetRow", "ExtendRow", "RemoveRow"} {
			t.invalid(calls[what], "%s of the connection %.40q", what, bad)
		}
	}
	for what, change := range map[string]func(*topic.Row){
		"a user that is not UTF-8": func(r *topic.Row) { r.User = "\xff" },
		"As that is not JSON":      func(r *topic.Row) { r.As = []byte("{") },
		"no expiry":                func(r *topic.Row) { r.ExpiresAt = time.Time{} },
	} {
		r := f.row("c1")
		change(&r)
		_, err := f.roster(0).EnterRow(ctx, hall, r)
		t.invalid(err, "EnterRow with %s", what)
	}
	t.invalid(f.roster(0).ExtendRow(ctx, hall, "c1", time.Time{}), "ExtendRow to no time")
	for _, d := range []time.Duration{0, -time.Second, time.Minute + time.Second} {
		_, err := f.roster(0).BeginRound(ctx, hall, start(f, d))
		t.invalid(err, "BeginRound for %v", d)
	}
	f.has(ctx, t, hall)
	if f.MaxName > 0 {
		long := strings.Repeat("n", f.MaxName)
		r := f.row(long)
		version, err := f.roster(0).EnterRow(ctx, long, r)
		t.ok(err, "EnterRow with names of %d bytes", f.MaxName)
		f.has(ctx, t, long, r.Normalize(version))
	}
}

func checkRosterCanceled(ctx context.Context, t *probe, f *rosterFixture) {
	cause := errors.New("the cause")
	ctx, cancel := context.WithCancelCause(ctx)
	cancel(cause)
	for what, err := range rosterCalls(ctx, f, hall, "c1") {
		t.that(errors.Is(err, cause), "%s returns %v, want an error that wraps the cause", what, err)
	}
}
