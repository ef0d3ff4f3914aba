package topictest

import (
	"context"
	"fmt"

	"github.com/gatesock/gatesock/topic"
)

func lostChecks() []promise[*fixture] {
	return []promise[*fixture]{
		{"lost-ahead", "a position that the log has never given is ahead of it", checkAhead},
		{"lost-epoch", "a position in another epoch is lost", checkLostEpoch},
		{"lost-newest", "a subscriber that cannot go on gets the newest entries, or begins at the head", checkLostNewest},
	}
}

func checkAhead(ctx context.Context, t *probe, f *fixture) {
	s := f.story("ahead")
	s.add(ctx, t, 3)
	n, epoch := number(s.last().Epoch), s.last().Epoch
	for _, p := range []topic.Position{
		{Epoch: epoch, Offset: 4},
		{Epoch: epoch, Offset: topic.MaxOffset},
		{Epoch: fmt.Sprint(n+1, "-x"), Offset: 1},
		{Epoch: fmt.Sprint(n+1, "-x")},
		{Epoch: "9007199254740991-x", Offset: 2},
	} {
		for _, log := range f.Logs {
			page := f.read(ctx, t, log, topic.Query{Topic: s.topic, Since: &p})
			t.that(page.Lost == topic.LostAhead, "since %s, with the head at %s: %s", text(p), text(s.last()), pageText(page))
		}
	}
	s.add(ctx, t, 1)
	for i := range 5 {
		s.recovers(ctx, t, f.log(i), i)
	}
}

func checkLostEpoch(ctx context.Context, t *probe, f *fixture) {
	s := f.story("epoch")
	s.add(ctx, t, 3)
	other := topic.Position{Epoch: fmt.Sprint(number(s.last().Epoch), "-other"), Offset: 2}
	page := f.read(ctx, t, f.log(0), topic.Query{Topic: s.topic, Since: &other})
	t.that(page.Lost == topic.LostEpoch, "since %s, with the head at %s: %s", text(other), text(s.last()), pageText(page))
	s.roll(ctx, t, f.log(0), entry("second epoch"))
	s.roll(ctx, t, f.log(1), entry("third epoch"))
	s.add(ctx, t, 1)
	for i := range 5 {
		s.loses(ctx, t, f.log(i), i, topic.LostEpoch)
	}
	s.recovers(ctx, t, f.log(0), 5)
	s.recovers(ctx, t, f.log(0), 6)
}

func checkLostNewest(ctx context.Context, t *probe, f *fixture) {
	s := f.story("newest")
	s.add(ctx, t, 2)
	s.roll(ctx, t, f.log(0), entry("rolled"))
	s.add(ctx, t, 4)
	ahead := topic.Position{Epoch: s.last().Epoch, Offset: 100}
	for _, since := range []topic.Position{s.at(1), ahead} {
		for newest := range 7 {
			for _, limit := range []int{0, 2} {
				q := topic.Query{Topic: s.topic, Since: &since, Newest: newest, Limit: limit}
				got, first := f.pages(ctx, t, f.log(newest), q)
				t.that(first.Lost != "" && first.Head == s.last(), "the page of %s: %s", queryText(q), pageText(first))
				t.that(sameRecords(got, s.entries[7-min(newest, 5):]), "the pages of %s:\n%s", queryText(q), recordsText(got))
			}
		}
	}
}
