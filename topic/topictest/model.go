package topictest

import (
	"context"
	"slices"
	"time"

	"github.com/gatesock/gatesock/topic"
)

// machine is the log under test, and the model beside it.
type machine struct {
	*fixture

	topics map[string]*model
}

func newMachine(f *fixture) *machine {
	m := &machine{fixture: f, topics: make(map[string]*model)}
	for _, name := range machineTopics() {
		m.topics[name] = &model{story: f.story(name), subscribers: []subscriber{{quiet: true}}}
	}
	return m
}

// model is a topic as it should be.
type model struct {
	*story

	until       []time.Time    // of each entry
	keys        map[string]int // the entries that have keys of the epoch
	subscribers []subscriber
}

// subscriber is a position that a reading has returned, how many entries were there, whether the
// page was quiet, and when it was.
type subscriber struct {
	at    topic.Position
	n     int
	quiet bool
	came  time.Time
}

// begin is the first entry of the epoch.
func (s *model) begin() int {
	last := s.last()
	return len(s.entries) - int(last.Offset)
}

// readable is the first entry that can be read.
func (s *model) readable(keep int) int {
	i := s.begin()
	for i < len(s.until) && !s.clock.Now().Before(s.until[i]) {
		i++
	}
	if keep > 0 {
		i = max(i, len(s.entries)-keep)
	}
	return i
}

// append appends an entry without a key, or with one that is not used.
func (s *model) append(ctx context.Context, t *probe, log topic.Log, e topic.Entry) {
	epoch, isEmpty := s.last().Epoch, s.readable(0) == len(s.entries)
	r := s.story.append(ctx, t, log, e)
	t.that(r.Epoch == epoch || isEmpty, "Append begins epoch %q although %q has entries", r.Epoch, epoch)
	s.note(r, e)
}

func (s *model) roll(ctx context.Context, t *probe, log topic.Log, e topic.Entry) {
	s.note(s.story.roll(ctx, t, log, e), e)
}

// note keeps what the story does not.
func (s *model) note(r topic.Record, e topic.Entry) {
	until := s.clock.Now().Add(e.Keep)
	if r.Offset == 1 {
		s.keys = make(map[string]int)
	} else if last := s.until[len(s.until)-1]; last.After(until) {
		until = last
	}
	s.until = append(s.until, until)
	if e.Key != "" {
		s.keys[e.Key] = len(s.until) - 1
	}
}

// keyed appends with a key. When the first entry with the key cannot be read any more, the log may
// know the key or not.
func (s *model) keyed(ctx context.Context, t *probe, log topic.Log, e topic.Entry) {
	i, used := s.keys[e.Key]
	if !used {
		s.append(ctx, t, log, e)
		return
	}
	isEmpty := s.readable(0) == len(s.entries)
	before := s.clock.Now()
	a, err := log.Append(ctx, s.topic, e)
	t.ok(err, "Append with the key %q again", e.Key)
	switch {
	case a.Duplicate:
		t.that(sameRecord(a.Record, s.entries[i]), "Append with the key %q again returns the entry at %s", e.Key, text(a.Position))
	case i >= s.readable(0):
		t.failf("Append with the key %q again adds an entry at %s", e.Key, text(a.Position))
	default:
		t.that(a.Offset > 1 || isEmpty, "Append begins epoch %q", a.Epoch)
		s.note(s.added(t, a.Record, e, before), e)
	}
}

// since reads as a subscriber.
func (s *model) since(ctx context.Context, t *probe, log topic.Log, q topic.Query, sub subscriber) {
	q.Since = &sub.at
	got, p := s.pages(ctx, t, log, q)
	s.heads(t, q, p)
	first := s.readable(q.Keep)
	want := []topic.Lost{s.lost(p.Head, sub, first)}
	if p.Head.Offset == 0 && want[0] != "" {
		want = []topic.Lost{topic.LostHistory, topic.LostEpoch}
	}
	t.that(slices.Contains(want, p.Lost), "the page of %s should be lost for %q: %s", queryText(q), want, pageText(p))
	if p.Lost == "" {
		first = max(sub.n, s.begin())
	} else {
		first = max(first, len(s.entries)-q.Newest)
	}
	t.that(sameRecords(got, s.entries[first:]), "the pages of %s have\n%swant\n%s", queryText(q), recordsText(got), recordsText(s.entries[first:]))
	s.subscribe(p)
}

// lost is why a subscriber cannot go on.
func (s *model) lost(head topic.Position, sub subscriber, readable int) topic.Lost {
	begin := s.begin()
	switch {
	case sub.at == head:
		return ""
	case head.Offset == 0:
		return topic.LostHistory
	case sub.at.Epoch != head.Epoch && (s.entries[begin].Prev == nil || *s.entries[begin].Prev != sub.at):
		return topic.LostEpoch
	case max(sub.n, begin) < readable:
		return topic.LostHistory
	}
	return ""
}

// heads checks the head of a page, and whether it may be quiet.
func (s *model) heads(t *probe, q topic.Query, p topic.Page) {
	isEmpty := s.readable(0) == len(s.entries)
	if p.Head == s.last() {
		t.that(!p.Quiet || isEmpty, "the page of %s is quiet although there are entries: %s", queryText(q), pageText(p))
		return
	}
	t.that(p.Head.Offset == 0 && isEmpty && p.Quiet, "the page of %s, with the last entry at %s: %s", queryText(q), text(s.last()), pageText(p))
}

// subscribe keeps a page's position.
func (s *model) subscribe(p topic.Page) {
	n := slices.IndexFunc(s.entries, func(r topic.Record) bool { return r.Position == p.Position })
	if n < 0 {
		n = len(s.entries) - 1
	}
	s.subscribers = append(s.subscribers, subscriber{p.Position, n + 1, p.Quiet, s.clock.Now()})
}

func (s *model) madeUp(ctx context.Context, t *probe, log topic.Log, by int64) {
	if len(s.entries) == 0 {
		return
	}
	since := topic.Position{Epoch: s.last().Epoch, Offset: s.last().Offset + by}
	q := topic.Query{Topic: s.topic, Since: &since}
	p := s.read(ctx, t, log, q)
	s.heads(t, q, p)
	forgotten := p.Head.Offset == 0 && p.Lost == topic.LostHistory
	t.that(p.Lost == topic.LostAhead || forgotten, "the page of %s: %s", queryText(q), pageText(p))
}

func (s *model) newest(ctx context.Context, t *probe, log topic.Log, q topic.Query) {
	got, p := s.pages(ctx, t, log, q)
	s.heads(t, q, p)
	want := s.entries[max(s.readable(q.Keep), len(s.entries)-q.Newest):]
	t.that(sameRecords(got, want), "the pages of %s have\n%swant\n%s", queryText(q), recordsText(got), recordsText(want))
	s.subscribe(p)
}

func (s *model) before(ctx context.Context, t *probe, log topic.Log, q topic.Query, n int) {
	if len(s.entries) == 0 {
		return
	}
	n %= len(s.entries)
	q.Before = &s.entries[n].Position
	got, p := s.pages(ctx, t, log, q)
	s.heads(t, q, p)
	want := s.entries[min(n, s.readable(q.Keep)):n]
	if n < s.begin() {
		want = nil
	}
	t.that(sameRecords(got, want), "the pages of %s have\n%swant\n%s", queryText(q), recordsText(got), recordsText(want))
}

// moved asks for all subscribers of all topics: as quiet ones, and by the page with which they came
// if that is less than a day ago. Whether a topic has moved on whose newer entries cannot be read
// any more is up to the log.
func (m *machine) moved(ctx context.Context, t *probe, log topic.Log) {
	var at []topic.At
	var must, mustNot []bool
	for _, name := range machineTopics() {
		s := m.topics[name]
		for _, sub := range s.subscribers {
			for _, quiet := range sub.asks(s.clock.Now()) {
				at = append(at, topic.At{Topic: name, Position: sub.at, Quiet: quiet})
				must = append(must, sub.n < len(s.entries) && s.readable(0) < len(s.entries))
				mustNot = append(mustNot, sub.at == s.last())
			}
		}
	}
	got, err := log.Moved(ctx, at)
	t.ok(err, "Moved")
	t.that(len(got) == len(at), "Moved for %d positions returns %d results", len(at), len(got))
	for i, a := range at {
		t.that(got[i] || !must[i], "Moved for %s (quiet %v) of %q is false", text(a.Position), a.Quiet, a.Topic)
		t.that(!got[i] || !mustNot[i], "Moved for %s (quiet %v) of %q is true", text(a.Position), a.Quiet, a.Topic)
	}
}

// asks returns the values of [topic.At] Quiet with which a subscriber may ask.
func (s subscriber) asks(now time.Time) []bool {
	if s.quiet || now.Sub(s.came) >= day {
		return []bool{true}
	}
	return []bool{true, false}
}
