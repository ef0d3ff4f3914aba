package topictest

import (
	"context"
	"strings"

	"github.com/gatesock/gatesock/topic"
)

func pageChecks() []promise[*fixture] {
	return []promise[*fixture]{
		{"page-bytes", "a page has no more bytes than the query says, and always an entry", checkBytes},
		{"page-large", "a large topic is read whole by following its pages, also without limits", checkLarge},
		{"page-grows", "pages that are read while the topic grows have no hole", checkGrowing},
	}
}

// sized returns an entry whose data has n bytes.
func sized(n int) topic.Entry {
	return topic.Entry{Keep: day, Events: []topic.Event{{Name: "e", Data: []byte(`"` + strings.Repeat("x", n-2) + `"`)}}}
}

func checkBytes(ctx context.Context, t *probe, f *fixture) {
	s := f.story("bytes")
	for i, n := range []int{100, 100, 2000, 50, 50, 3000, 3000, 10} {
		s.append(ctx, t, f.log(i), sized(n))
	}
	two := topic.Entry{Keep: day, Events: append(sized(400).Events, sized(400).Events...)}
	s.append(ctx, t, f.log(0), two)
	for _, q := range []topic.Query{
		{Bytes: 1},
		{Bytes: 100},
		{Bytes: 199},
		{Bytes: 200},
		{Bytes: 2100},
		{Bytes: 2500, Limit: 2},
		{Bytes: 799},
		{Bytes: 1 << 20},
	} {
		q.Topic, q.Newest = s.topic, 1000
		got, first := f.pages(ctx, t, f.log(1), q)
		t.that(sameRecords(got, s.entries), "the pages of %s:\n%s", queryText(q), recordsText(got))
		t.that(len(first.Entries) > 0, "the page of %s: %s", queryText(q), pageText(first))

		q.Newest, q.Before = 0, &topic.Position{Epoch: s.last().Epoch, Offset: s.last().Offset + 1}
		got, first = f.pages(ctx, t, f.log(1), q)
		t.that(sameRecords(got, s.entries), "the pages of %s:\n%s", queryText(q), recordsText(got))
		t.that(len(first.Entries) > 0, "the page of %s: %s", queryText(q), pageText(first))
	}
	q := topic.Query{Topic: s.topic, Newest: 9, Bytes: 200}
	p := f.read(ctx, t, f.log(0), q)
	t.that(len(p.Entries) == 2, "the page of %s has %d entries, want 2", queryText(q), len(p.Entries))
}

// checkLarge has more than a mebibyte, which is the most that DynamoDB reads at a time.
func checkLarge(ctx context.Context, t *probe, f *fixture) {
	s := f.story("large")
	for i := range f.Large {
		e := sized(10)
		if i%2 == 0 {
			e = sized(3 << 20 / f.Large)
		}
		s.append(ctx, t, f.log(0), e)
	}
	for _, q := range []topic.Query{
		{Since: &topic.Position{}},
		{Newest: f.Large},
		{Newest: f.Large / 2, Limit: f.Large / 4},
		{Before: &topic.Position{Epoch: s.last().Epoch, Offset: topic.MaxOffset}},
	} {
		q.Topic = s.topic
		got, _ := f.pages(ctx, t, f.log(1), q)
		want := s.entries
		if q.Limit > 0 {
			want = want[len(want)-q.Newest:]
		}
		t.that(sameRecords(got, want), "the pages of %s:\n%s", queryText(q), recordsText(got))
	}
}

func checkGrowing(ctx context.Context, t *probe, f *fixture) {
	s := f.story("grows")
	s.add(ctx, t, 4)
	p := f.read(ctx, t, f.log(0), topic.Query{Topic: s.topic, Newest: 3, Limit: 1})
	got := p.Entries
	for i := range 4 {
		s.add(ctx, t, 1)
		p = f.read(ctx, t, f.log(i), topic.Query{Topic: s.topic, Since: &p.Position, Limit: 2})
		t.that(p.Lost == "", "the page after another one is lost: %q", p.Lost)
		got = append(got, p.Entries...)
	}
	t.that(sameRecords(got, s.entries[1:]) && !p.More, "the pages of a topic that grows have\n%s", recordsText(got))
	for i := range 3 { // a subscriber at the head
		s.add(ctx, t, i)
		p = f.read(ctx, t, f.log(i), topic.Query{Topic: s.topic, Since: &p.Position})
		t.that(p.Lost == "" && sameRecords(p.Entries, s.entries[len(s.entries)-i:]), "%d entries follow, the page is %s", i, pageText(p))
	}
}
