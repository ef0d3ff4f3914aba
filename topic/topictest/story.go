package topictest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/gatesock/gatesock/topic"
)

// story is a topic with all entries that were added to it, in order.
type story struct {
	*fixture

	topic   string
	entries []topic.Record
}

func (f *fixture) story(name string) *story { return &story{fixture: f, topic: name} }

// entry returns an entry of one event that is kept for a day.
func entry(data any) topic.Entry { return topic.Entry{Events: []topic.Event{event(data)}, Keep: day} }

func event(data any) topic.Event {
	text, err := json.Marshal(data)
	if err != nil {
		panic(err)
	}
	return topic.Event{Name: "said", Data: text}
}

const day = 24 * time.Hour

// kept returns an entry with another Keep.
func kept(e topic.Entry, keep time.Duration) topic.Entry {
	e.Keep = keep
	return e
}

// keyed returns an entry with a key.
func keyed(e topic.Entry, key string) topic.Entry {
	e.Key = key
	return e
}

// add appends n entries, each through the next log.
func (s *story) add(ctx context.Context, t *probe, n int) {
	for range n {
		i := len(s.entries)
		s.append(ctx, t, s.log(i), entry(fmt.Sprint("entry ", i)))
	}
}

// append appends an entry that is not a duplicate.
func (s *story) append(ctx context.Context, t *probe, log topic.Log, e topic.Entry) topic.Record {
	before := s.clock.Now()
	a, err := log.Append(ctx, s.topic, e)
	t.ok(err, "Append to %.40q", s.topic)
	t.that(!a.Duplicate, "Append to %.40q without a key that is used says Duplicate", s.topic)
	return s.added(t, a.Record, e, before)
}

// roll begins an epoch.
func (s *story) roll(ctx context.Context, t *probe, log topic.Log, e topic.Entry) topic.Record {
	before := s.clock.Now()
	a, err := log.Roll(ctx, s.topic, e)
	t.ok(err, "Roll of %.40q", s.topic)
	t.that(!a.Duplicate && a.Offset == 1, "Roll of %.40q returns %s, duplicate %v", s.topic, text(a.Position), a.Duplicate)
	t.that(a.Prev == nil, "Roll of %.40q returns an entry with Prev %s", s.topic, textOf(a.Prev))
	return s.added(t, a.Record, e, before)
}

// added checks the record of a new entry, and notes it.
func (s *story) added(t *probe, r topic.Record, e topic.Entry, at time.Time) topic.Record {
	t.that(sameEvents(r.Events, e.Events), "the entry at %s has the events %s, want %s",
		text(r.Position), texts(r.Events), texts(e.Events))
	t.that(!r.Time.Before(at.Add(-time.Millisecond)) && !r.Time.After(s.clock.Now()),
		"the entry at %s was appended at %v by the record, at %v by the clock", text(r.Position), r.Time, at)
	t.ok(s.follows(r), "the new entry of %.40q", s.topic)
	s.entries = append(s.entries, cloned(r))
	return r
}

// follows returns an error unless the story can go on with a record.
func (s *story) follows(r topic.Record) error {
	if err := r.Validate(); err != nil {
		return err
	}
	last, lastPrev := topic.Position{}, topic.Position{}
	if n := len(s.entries); n > 0 {
		last, lastPrev = s.entries[n-1].Position, topic.Position{Epoch: s.entries[n-1].Epoch}
	}
	switch {
	case r.Epoch == last.Epoch:
		if r.Offset != last.Offset+1 || r.Prev != nil {
			return fmt.Errorf("%s with Prev %s follows %s", text(r.Position), textOf(r.Prev), text(last))
		}
	case number(r.Epoch) <= number(last.Epoch):
		return fmt.Errorf("epoch %q follows epoch %q", r.Epoch, last.Epoch)
	case r.Offset != 1:
		return fmt.Errorf("%s begins an epoch", text(r.Position))
	case r.Prev != nil && *r.Prev != last && *r.Prev != lastPrev && (r.Prev.Offset != 0 || r.Prev.Epoch == ""):
		return fmt.Errorf("%s follows %s and has Prev %s", text(r.Position), text(last), textOf(r.Prev))
	}
	return nil
}

// last is the position of the newest entry.
func (s *story) last() topic.Position { return s.at(len(s.entries)) }

// at is the position of a subscriber that has the first n entries.
func (s *story) at(n int) topic.Position {
	if n == 0 {
		return topic.Position{}
	}
	return s.entries[n-1].Position
}

// read reads a page, and checks what every page must be.
func (f *fixture) read(ctx context.Context, t *probe, log topic.Log, q topic.Query) topic.Page {
	p, err := log.Read(ctx, q)
	t.ok(err, "Read of %s", queryText(q))
	t.ok(checkPage(q, p), "the page of %s: %s", queryText(q), pageText(p))
	return p
}

// pages reads a page and those that follow it, and returns all entries and the first page.
func (f *fixture) pages(ctx context.Context, t *probe, log topic.Log, q topic.Query) ([]topic.Record, topic.Page) {
	first := f.read(ctx, t, log, q)
	all, p := slices.Clone(first.Entries), first
	for p.More {
		if q.Before != nil {
			q.Before = &p.Position
		} else {
			q.Since = &p.Position
		}
		p = f.read(ctx, t, log, q)
		t.that(p.Lost == "", "the page after another one is lost: %q", p.Lost)
		if q.Before != nil {
			all = slices.Concat(p.Entries, all)
		} else {
			all = append(all, p.Entries...)
		}
	}
	return all, first
}

// all returns all entries that can be read.
func (s *story) all(ctx context.Context, t *probe, log topic.Log) []topic.Record {
	records, _ := s.pages(ctx, t, log, topic.Query{Topic: s.topic, Newest: 1 << 30})
	return records
}

// tell requires that a log has the story from entry i on, counted from 0.
func (s *story) tell(ctx context.Context, t *probe, log topic.Log, i int) {
	got, want := s.all(ctx, t, log), s.entries[i:]
	t.that(sameRecords(got, want), "%.40q has the entries\n%s\nwant\n%s", s.topic, recordsText(got), recordsText(want))
}

// recover reads from the position of a subscriber that has the first n entries. It returns why that
// is not possible, or requires that the subscriber gets the rest of the story.
func (s *story) recover(ctx context.Context, t *probe, log topic.Log, since topic.Position, n int) topic.Lost {
	got, first := s.pages(ctx, t, log, topic.Query{Topic: s.topic, Since: &since})
	t.that(first.Lost != "" || sameRecords(got, s.entries[n:]),
		"a subscriber of %.40q with %d entries, at %s, is told that nothing is lost and gets\n%s\nwant\n%s",
		s.topic, n, text(since), recordsText(got), recordsText(s.entries[n:]))
	return first.Lost
}

// recovers requires that a subscriber that has the first n entries gets the rest of the story.
func (s *story) recovers(ctx context.Context, t *probe, log topic.Log, n int) {
	since := s.at(n)
	lost := s.recover(ctx, t, log, since, n)
	t.that(lost == "", "a subscriber of %.40q at %s is told %q", s.topic, text(since), lost)
}

// loses requires that a subscriber that has the first n entries cannot go on.
func (s *story) loses(ctx context.Context, t *probe, log topic.Log, n int, want topic.Lost) {
	since := s.at(n)
	lost := s.recover(ctx, t, log, since, n)
	t.that(lost == want, "a subscriber of %.40q at %s is told %q, want %q", s.topic, text(since), lost, want)
}

// cloned keeps a record from what happens to the log's.
func cloned(r topic.Record) topic.Record {
	r.Events = slices.Clone(r.Events)
	for i := range r.Events {
		r.Events[i].Data = bytes.Clone(r.Events[i].Data)
	}
	if r.Prev != nil {
		r.Prev = new(*r.Prev)
	}
	return r
}
