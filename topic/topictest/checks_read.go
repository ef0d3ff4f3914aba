package topictest

import (
	"context"

	"github.com/gatesock/gatesock/topic"
)

func readChecks() []promise[*fixture] {
	return []promise[*fixture]{
		{"read-unknown", "a topic to which nothing was published is empty and quiet", checkUnknown},
		{"read-since", "a subscriber gets what follows its position, in pages", checkSince},
		{"read-newest", "without Since and Before a page begins with the newest entries", checkNewest},
		{"read-before", "entries before a position are read backwards, in pages", checkBackward},
		{"read-keep", "older entries than the newest Query.Keep cannot be read", checkKeep},
	}
}

func checkUnknown(ctx context.Context, t *probe, f *fixture) {
	s := f.story("other")
	s.add(ctx, t, 2)
	for _, q := range []topic.Query{
		{},
		{Newest: 10, Limit: 1, Bytes: 1, Keep: 1},
		{Since: &topic.Position{}},
		{Before: &topic.Position{}},
		{Since: &topic.Position{}, Newest: 10},
	} {
		q.Topic = "none"
		p := f.read(ctx, t, f.log(0), q)
		atZero := p.Position == topic.Position{} && p.Head == topic.Position{}
		t.that(len(p.Entries) == 0 && atZero && p.Quiet && !p.More && p.Lost == "", "the page of %s: %s", queryText(q), pageText(p))
	}
	p := f.read(ctx, t, f.log(1), topic.Query{Topic: "none", Since: new(s.last())})
	t.that(p.Lost == topic.LostAhead, "the page of a topic that was never published to, since %s: %s", text(s.last()), pageText(p))
	p = f.read(ctx, t, f.log(1), topic.Query{Topic: "none", Before: new(s.last()), Newest: 1})
	t.that(len(p.Entries) == 0, "the page of a topic that was never published to, before %s: %s", text(s.last()), pageText(p))
	moved, err := f.log(0).Moved(ctx, []topic.At{{Topic: "none", Quiet: true}})
	t.ok(err, "Moved")
	t.that(len(moved) == 1 && !moved[0], "Moved of a topic that was never published to is %v", moved)
}

func checkSince(ctx context.Context, t *probe, f *fixture) {
	s := f.story("since")
	const n = 7
	s.add(ctx, t, n)
	s.sinceBegin(ctx, t, f.log(0))
	for i := range n + 1 {
		for _, limit := range []int{0, 1, 2, 3, n, n + 1} {
			since := s.at(i)
			q := topic.Query{Topic: s.topic, Since: &since, Limit: limit, Newest: 2}
			got, first := f.pages(ctx, t, f.log(i), q)
			t.that(first.Lost == "" && sameRecords(got, s.entries[i:]), "the pages of %s:\n%s", queryText(q), recordsText(got))
			t.that(first.Head == s.last() && !first.Quiet, "the page of %s: %s", queryText(q), pageText(first))
			want := n - i
			if limit != 0 {
				want = min(limit, want)
			}
			t.that(len(first.Entries) == want, "the page of %s has %d entries, want %d", queryText(q), len(first.Entries), want)
		}
	}
}

// sinceBegin is a position before the first entry of the epoch.
func (s *story) sinceBegin(ctx context.Context, t *probe, log topic.Log) {
	lost := s.recover(ctx, t, log, topic.Position{Epoch: s.last().Epoch}, 0)
	t.that(lost == "", "a subscriber of %.40q at the begin of the epoch is told %q", s.topic, lost)
}

func checkNewest(ctx context.Context, t *probe, f *fixture) {
	s := f.story("newest")
	const n = 7
	s.add(ctx, t, n)
	for newest := range n + 2 {
		for _, limit := range []int{0, 1, 3, n} {
			q := topic.Query{Topic: s.topic, Newest: newest, Limit: limit}
			got, first := f.pages(ctx, t, f.log(newest), q)
			t.that(sameRecords(got, s.entries[n-min(n, newest):]), "the pages of %s:\n%s", queryText(q), recordsText(got))
			t.that(first.Head == s.last() && !first.Quiet, "the page of %s: %s", queryText(q), pageText(first))
		}
	}
}

func checkBackward(ctx context.Context, t *probe, f *fixture) {
	s := f.story("before")
	const n = 7
	s.add(ctx, t, n)
	epoch := s.last().Epoch
	for offset := range int64(n + 4) {
		for _, limit := range []int{0, 1, 3, n} {
			q := topic.Query{Topic: s.topic, Before: &topic.Position{Epoch: epoch, Offset: offset}, Limit: limit, Newest: 1}
			got, first := f.pages(ctx, t, f.log(limit), q)
			end := max(0, min(n, offset-1))
			t.that(sameRecords(got, s.entries[:end]), "the pages of %s:\n%s", queryText(q), recordsText(got))
			t.that(first.Head == s.last() && first.More == (limit > 0 && int64(limit) < end), "the page of %s: %s", queryText(q), pageText(first))
			t.that(first.Lost == "", "the page of %s: %s", queryText(q), pageText(first))
		}
	}
	other := []topic.Position{{}, {Epoch: "1-other", Offset: 3}, {Epoch: "900-other", Offset: 3}, s.last()}
	s.roll(ctx, t, f.log(0), entry("new epoch"))
	for _, p := range other {
		q := topic.Query{Topic: s.topic, Before: &p}
		page := f.read(ctx, t, f.log(1), q)
		t.that(len(page.Entries) == 0 && !page.More, "the page of %s: %s", queryText(q), pageText(page))
	}
}

func checkKeep(ctx context.Context, t *probe, f *fixture) {
	s := f.story("keep")
	const n, keep = 8, 3
	s.add(ctx, t, n)
	for _, limit := range []int{0, 1, 2} {
		for i := range n + 1 {
			since := s.at(i)
			q := topic.Query{Topic: s.topic, Since: &since, Keep: keep, Limit: limit, Newest: n}
			got, first := f.pages(ctx, t, f.log(i), q)
			t.that((first.Lost == topic.LostHistory) == (i < n-keep) && (first.Lost == "") == (i >= n-keep),
				"the page of %s: %s", queryText(q), pageText(first))
			t.that(sameRecords(got, s.entries[max(i, n-keep):]), "the pages of %s:\n%s", queryText(q), recordsText(got))
		}
		for newest := range n + 1 {
			q := topic.Query{Topic: s.topic, Newest: newest, Keep: keep, Limit: limit}
			got, _ := f.pages(ctx, t, f.log(newest), q)
			t.that(sameRecords(got, s.entries[n-min(keep, newest):]), "the pages of %s:\n%s", queryText(q), recordsText(got))
		}
		for i := range n {
			q := topic.Query{Topic: s.topic, Before: new(s.at(i + 1)), Keep: keep, Limit: limit}
			got, _ := f.pages(ctx, t, f.log(i), q)
			t.that(sameRecords(got, s.entries[min(i, n-keep):i]), "the pages of %s:\n%s", queryText(q), recordsText(got))
		}
	}
	s.tell(ctx, t, f.log(0), 0)
}
