package topictest

import (
	"context"
	"time"

	"github.com/gatesock/gatesock/topic"
)

func expiryChecks() []promise[*fixture] {
	return []promise[*fixture]{
		{"expiry", "an entry can be read for as long as Entry.Keep, and no longer", checkExpiry},
		{"expiry-order", "entries expire in order", checkExpiryOrder},
		{"expiry-head", "the head outlives the entries", checkExpiryHead},
		{"expiry-quiet", "a page is quiet before the epoch can end", checkQuiet},
		{"expiry-reuse", "no position is given twice, however long a topic is quiet", checkReuse},
		{"prev", "a new epoch follows the one before as long as that is certain", checkPrev},
	}
}

func checkExpiry(ctx context.Context, t *probe, f *fixture) {
	s := f.story("expiry")
	for i, keep := range []time.Duration{time.Hour, 2 * time.Hour, 2 * time.Hour, 3 * time.Hour} {
		s.append(ctx, t, f.log(i), kept(entry(i), keep))
	}
	for expired, step := range []int{0, 1, 3} {
		s.clock.Advance(time.Hour - time.Second)
		s.tell(ctx, t, f.log(step), step)
		for i := range 5 {
			if i < step {
				s.loses(ctx, t, f.log(i), i, topic.LostHistory)
			} else {
				s.recovers(ctx, t, f.log(i), i)
			}
		}
		s.clock.Advance(time.Second)
		next := []int{1, 3, 4}[expired]
		s.tell(ctx, t, f.log(step), next)
		before, _ := s.pages(ctx, t, f.log(step), topic.Query{Topic: s.topic, Before: new(s.last())})
		t.that(sameRecords(before, s.entries[min(next, 3):3]), "before %s:\n%s", text(s.last()), recordsText(before))
	}
}

func checkExpiryOrder(ctx context.Context, t *probe, f *fixture) {
	s := f.story("order")
	for i, keep := range []time.Duration{3 * time.Hour, time.Hour, 2 * time.Hour, 4 * time.Hour, time.Second} {
		s.append(ctx, t, f.log(i), kept(entry(i), keep))
	}
	before := 0
	for _, from := range []int{0, 0, 3, 5} {
		s.clock.Advance(time.Hour - time.Second)
		s.tell(ctx, t, f.log(from), before)
		s.clock.Advance(time.Second)
		s.tell(ctx, t, f.log(from+1), from)
		before = from
	}
}

// checkExpiryHead has a subscriber that was at the head when the last entry expired.
func checkExpiryHead(ctx context.Context, t *probe, f *fixture) {
	s := f.story("head")
	for i := range 3 {
		s.append(ctx, t, f.log(i), kept(entry(i), time.Hour))
	}
	s.clock.Advance(day)
	for i := range f.Logs {
		s.tell(ctx, t, f.log(i), 3)
		p := f.read(ctx, t, f.log(i), topic.Query{Topic: s.topic, Newest: 10})
		t.that(p.Head == s.last(), "a day after the last entry at %s has expired: %s", text(s.last()), pageText(p))
		s.recovers(ctx, t, f.log(i), 3)
		s.loses(ctx, t, f.log(i), 2, topic.LostHistory)
	}
	s.add(ctx, t, 2)
	t.that(s.last().Offset == 5, "the entries after a day without any end at %s", text(s.last()))
	s.tell(ctx, t, f.log(0), 3)
	s.recovers(ctx, t, f.log(1), 3)
	s.loses(ctx, t, f.log(1), 2, topic.LostHistory)
}

func checkQuiet(ctx context.Context, t *probe, f *fixture) {
	s := f.story("quiet")
	for i, keep := range []time.Duration{time.Second, time.Hour, 10 * day} {
		s.append(ctx, t, f.log(i), kept(entry(i), keep))
		for _, log := range f.Logs {
			p := f.read(ctx, t, log, topic.Query{Topic: s.topic})
			t.that(!p.Quiet, "the page after an entry that is kept for %v is quiet", keep)
		}
	}
	t.that(s.last().Offset == 3, "entries that follow each other at once end at %s", text(s.last()))
	quiet := false
	for range 60 {
		s.clock.Advance(day)
		p := f.read(ctx, t, f.log(0), topic.Query{Topic: s.topic})
		t.that(p.Quiet || !quiet, "a page that comes later is not quiet any more")
		t.that(p.Quiet || p.Head == s.last(), "a page that is not quiet has the head %s, want %s", text(p.Head), text(s.last()))
		quiet = p.Quiet
	}
	t.that(quiet, "the page is not quiet 50 days after the last entry has expired")
}

// checkReuse has subscribers that come at all times and read again after each entry.
func checkReuse(ctx context.Context, t *probe, f *fixture) {
	s := f.story("reuse")
	type subscriber struct {
		at topic.Position
		n  int // entries that it has
	}
	subscribers := []subscriber{{}}
	for i, pause := range []time.Duration{
		0, time.Hour, day, 5 * day, 7*day + time.Hour, 8*day + time.Hour - time.Second, 8*day + time.Hour,
		8*day + 2*time.Hour, 9 * day, 9*day + time.Hour, 30 * day, 0, 400 * day, 0,
	} {
		s.clock.Advance(pause)
		p := f.read(ctx, t, f.log(i), topic.Query{Topic: s.topic})
		subscribers = append(subscribers, subscriber{p.Position, len(s.entries)})
		s.append(ctx, t, f.log(i), kept(entry(i), time.Hour))
		for j, sub := range subscribers {
			s.recover(ctx, t, f.log(j), sub.at, sub.n)
		}
		s.recovers(ctx, t, f.log(i+1), len(s.entries))
	}
}

// checkPrev has pauses after which the last entry is remembered for less than a day.
func checkPrev(ctx context.Context, t *probe, f *fixture) {
	s := f.story("prev")
	for i := range 8 {
		s.append(ctx, t, f.log(i), kept(entry(i), time.Hour))
		s.recovers(ctx, t, f.log(i), i)
		s.recovers(ctx, t, f.log(i+1), i)
		s.untilQuiet(ctx, t, f.log(i))
	}
}

// untilQuiet lets time pass until a page begins to be quiet.
func (s *story) untilQuiet(ctx context.Context, t *probe, log topic.Log) {
	for range 400 {
		s.clock.Advance(6 * time.Hour)
		p := s.read(ctx, t, log, topic.Query{Topic: s.topic})
		t.that(p.Head == s.last(), "before a page is quiet its head is %s, want %s", text(p.Head), text(s.last()))
		if p.Quiet {
			return
		}
	}
	t.failf("100 days after the last entry no page is quiet")
}
